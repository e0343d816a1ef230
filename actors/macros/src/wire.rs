//! `impl Wire`: for the message types that the other macros make, and `#[derive(wharf::Wire)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Fields, GenericParam, Generics, Ident, Index, Meta, Type, WherePredicate,
    parse_quote,
};

use crate::args::{Allowed, Args, WireKeys};
use crate::checks::travels;
use crate::diag::Errors;
use crate::interface::{at, idents, name_of};

const ALLOWED: Allowed =
    Allowed { attribute: "#[wire(..)]", protocols: false, seed: false, wire: false, wire_keys: true };

/// A part of a variant.
pub(crate) struct WireField {
    /// A name, or a number.
    member: TokenStream,
    ty: Type,
    /// What must be able to travel, and where an error about that is to be seen.
    asked: Type,
}

impl WireField {
    pub(crate) fn new(name: &Ident, ty: Type) -> Self {
        Self { member: name.to_token_stream(), asked: ty.clone(), ty }
    }

    pub(crate) fn reply(ty: Type, answer: Type) -> Self {
        Self { member: quote!(reply), ty, asked: answer }
    }
}

/// A variant of a message; or the whole of one that is a struct, which has no name then.
pub(crate) struct WireVariant {
    pub(crate) name: Option<Ident>,
    pub(crate) cfgs: Vec<Attribute>,
    /// `None` of one that is written without braces and holds `part`.
    pub(crate) fields: Option<Vec<WireField>>,
    /// The message of a protocol, and where that is named.
    pub(crate) part: Option<(TokenStream, Span)>,
}

/// What is known of a message type.
pub(crate) struct WireMessage<'a> {
    pub(crate) wharf: &'a TokenStream,
    pub(crate) ident: Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) variants: Vec<WireVariant>,
    pub(crate) keys: &'a WireKeys,
}

/// What becomes of each variant.
struct Arms {
    write: Vec<TokenStream>,
    hand_over: Vec<TokenStream>,
    decode: Vec<TokenStream>,
    trace: Vec<TokenStream>,
}

impl WireMessage<'_> {
    /// `impl Wire`, which is nothing where wharf is built without `net`.
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { wharf, ident, .. } = self;
        let generics = self.bounded();
        let (with, of, wheres) = generics.split_for_impl();
        let name = match &self.keys.name {
            Some(name) => name.to_token_stream(),
            None => {
                let ident = ident.to_string();
                quote!(::core::concat!(::core::module_path!(), "::", #ident))
            }
        };
        let version = self.keys.version.as_ref().map(|version| quote!(const VERSION: u16 = #version;));
        let max_bytes = self.keys.max_bytes.as_ref().map(|bytes| quote!(const MAX_BYTES: usize = #bytes;));
        let declaration = self.declaration();
        let Arms { write, hand_over, decode, trace } = self.arms();
        let write = matched(&quote!(self), &quote!(*self), &write);
        let hand_over = matched(&quote!(self), &quote!(self), &hand_over);
        let decode = self.decoding(&decode);
        quote! {
            #wharf::macro_support::wire! {
                #[automatically_derived]
                #[allow(deprecated, unused_variables, unreachable_code, clippy::all)]
                impl #with #wharf::wire::Wire for #ident #of #wheres {
                    const NAME: &'static str = #name;
                    #version
                    const FINGERPRINT: u64 = #wharf::wire::hash(#declaration);
                    #max_bytes

                    #[inline]
                    fn write(
                        &self,
                        __encoder: &mut #wharf::wire::Encoder<'_>,
                    ) -> ::core::result::Result<(), #wharf::wire::EncodeError> {
                        #write
                    }

                    #[inline]
                    fn hand_over(self, __encoder: &mut #wharf::wire::Encoder<'_>) {
                        #hand_over
                    }

                    #[inline]
                    fn decode(
                        __decoder: &mut #wharf::wire::Decoder<'_, '_>,
                    ) -> ::core::result::Result<Self, #wharf::wire::DecodeError> {
                        #decode
                    }

                    fn trace(__tracer: &mut #wharf::wire::Tracer) {
                        #(#trace)*
                    }
                }
            }
        }
    }

    /// The generics, with what the impl asks of the type parameters that parts name.
    fn bounded(&self) -> Generics {
        let wharf = self.wharf;
        let used = self.variants.iter().flat_map(|variant| {
            let fields = variant.fields.iter().flatten().flat_map(|field| idents(field.ty.to_token_stream()));
            let part = variant.part.iter().flat_map(|(part, _)| idents(part.clone()));
            fields.chain(part)
        });
        let used: std::collections::HashSet<_> = used.collect();
        let mut generics = self.generics.clone();
        let bounds: Vec<WherePredicate> = self
            .generics
            .params
            .iter()
            .filter(|param| used.contains(&name_of(param)))
            .filter_map(|param| match param {
                GenericParam::Type(param) => {
                    let ident = &param.ident;
                    Some(parse_quote!(#ident: #wharf::wire::Data))
                }
                GenericParam::Const(_) | GenericParam::Lifetime(_) => None,
            })
            .collect();
        if !bounds.is_empty() {
            generics.make_where_clause().predicates.extend(bounds);
        }
        generics
    }

    /// The declaration as a text: names and types, without documentation and attributes.
    fn declaration(&self) -> String {
        let variants = self.variants.iter().map(|variant| {
            let fields = variant.fields.iter().flatten();
            let fields: Vec<_> =
                fields.map(|field| format!("{}: {}", field.member, field.ty.to_token_stream())).collect();
            let part = if variant.part.is_some() { ".." } else { "" };
            let name = variant.name.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{name}({}{part})", fields.join(", "))
        });
        variants.collect::<Vec<_>>().join(";")
    }

    fn arms(&self) -> Arms {
        let mut arms =
            Arms { write: Vec::new(), hand_over: Vec::new(), decode: Vec::new(), trace: Vec::new() };
        for (number, variant) in (0_u32..).zip(&self.variants) {
            self.add_arm(number, variant, &mut arms);
        }
        arms
    }

    fn add_arm(&self, number: u32, variant: &WireVariant, arms: &mut Arms) {
        let (wharf, ident) = (self.wharf, &self.ident);
        let WireVariant { name, cfgs, fields, part } = variant;
        let path = name.as_ref().map_or_else(|| quote!(#ident), |name| quote!(#ident::#name));
        let tag = name.as_ref().map(|_| quote!(__encoder.variant(#number)?;));
        let shown = name.as_ref().unwrap_or(ident).to_string();
        if let Some((part, span)) = part {
            let wire = quote_spanned!(*span=> <#part as #wharf::wire::Wire>);
            arms.write.push(quote!(#(#cfgs)* #path(__0) => { #tag #wire::write(__0, __encoder) }));
            arms.hand_over.push(quote!(#(#cfgs)* #path(__0) => #wire::hand_over(__0, __encoder)));
            let decode = quote!(::core::result::Result::Ok(#path(#wire::decode(__decoder)?)));
            arms.decode.push(quote!(#(#cfgs)* #number => #decode));
            arms.trace.push(quote!(#(#cfgs)* { __tracer.variant(#shown); __tracer.part::<#part>(); }));
            return;
        }
        let fields: &[WireField] = fields.as_deref().unwrap_or_default();
        let locals: Vec<_> = (0..fields.len()).map(|at| format_ident!("__{at}")).collect();
        let members: Vec<_> = fields.iter().map(|field| &field.member).collect();
        let types: Vec<_> = fields.iter().map(|field| self.as_field(field)).collect();
        let pattern = quote!(#path { #(#members: #locals),* });
        arms.write.push(quote! {
            #(#cfgs)* #pattern => {
                #tag
                #(#types::write(#locals, __encoder)?;)*
                ::core::result::Result::Ok(())
            }
        });
        arms.hand_over.push(quote! {
            #(#cfgs)* #pattern => { #(#types::hand_over(#locals, __encoder);)* }
        });
        let value = quote!(::core::result::Result::Ok(#path { #(#members: #types::read(__decoder)?),* }));
        arms.decode.push(if name.is_some() { quote!(#(#cfgs)* #number => #value) } else { value });
        let names = members.iter().map(ToString::to_string);
        let parts = quote!(#(__tracer.field(#names); #types::trace(__tracer);)*);
        arms.trace.push(quote!(#(#cfgs)* { __tracer.variant(#shown); #parts }));
    }

    /// A part's type, as the `Field` that it is.
    fn as_field(&self, field: &WireField) -> TokenStream {
        let (wharf, WireField { ty, asked, .. }) = (self.wharf, field);
        let span = at(asked.span());
        match self.check(ty) {
            Some(check) => {
                quote_spanned!(span=> <#wharf::macro_support::Checked<#ty, { #check true }> as #wharf::wire::Field>)
            }
            None => quote_spanned!(span=> <#ty as #wharf::wire::Field>),
        }
    }

    /// What insists that a part's type can travel; constants in types can't name parameters.
    fn check(&self, ty: &Type) -> Option<TokenStream> {
        let (names, params) = (idents(ty.to_token_stream()), &self.generics.params);
        // `Self` is as generic as the type is.
        let is_generic = params.iter().any(|param| names.contains(&name_of(param)) || names.contains("Self"));
        if is_generic { None } else { travels(self.wharf, ty) }
    }

    fn decoding(&self, arms: &[TokenStream]) -> TokenStream {
        let wharf = self.wharf;
        if self.variants.iter().all(|variant| variant.name.is_none()) && !arms.is_empty() {
            return quote!(#(#arms)*);
        }
        quote! {
            match __decoder.variant()? {
                #(#arms,)*
                __variant => ::core::result::Result::Err(#wharf::wire::DecodeError::UnknownVariant {
                    message: <Self as #wharf::wire::Wire>::NAME,
                    variant: __variant,
                }),
            }
        }
    }
}

/// A `match`, also of an enum without variants.
fn matched(value: &TokenStream, empty: &TokenStream, arms: &[TokenStream]) -> TokenStream {
    if arms.is_empty() {
        return quote!(match #empty {});
    }
    quote! {
        match #value { #(#arms,)* }
    }
}

/// `#[derive(Wire)]`.
pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(item) = errors.take(syn::parse2::<DeriveInput>(item)) else { return errors.into_tokens() };
    let args = read_args(&item, &mut errors);
    for param in item.generics.lifetimes() {
        errors.at(param, "a message owns its data: it can't have a lifetime parameter");
    }
    let variants = variants_of(&item, &mut errors);
    let message = WireMessage {
        wharf: &args.wharf,
        ident: item.ident.clone(),
        generics: &item.generics,
        variants,
        keys: &args.keys,
    };
    let made = item.generics.lifetimes().next().is_none().then(|| message.expand());
    let errors = errors.into_tokens();
    quote!(#made #errors)
}

fn read_args(item: &DeriveInput, errors: &mut Errors) -> Args {
    let mut given = item.attrs.iter().filter(|attr| attr.path().is_ident("wire"));
    let tokens = match given.next() {
        None => TokenStream::new(),
        Some(attr) => match &attr.meta {
            Meta::List(list) => list.tokens.clone(),
            other => {
                errors.at(other, "`#[wire(..)]` takes its keys in parentheses: `#[wire(version = 2)]`");
                TokenStream::new()
            }
        },
    };
    for attr in given {
        errors.at(attr, "`#[wire(..)]` is given once");
    }
    Args::read(tokens, &ALLOWED, errors)
}

fn variants_of(item: &DeriveInput, errors: &mut Errors) -> Vec<WireVariant> {
    match &item.data {
        Data::Struct(data) => vec![variant_of(None, &[], &data.fields)],
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| variant_of(Some(variant.ident.clone()), &variant.attrs, &variant.fields))
            .collect(),
        Data::Union(data) => {
            errors
                .at(data.union_token, "a union does not say what is in it: a message is a struct or an enum");
            Vec::new()
        }
    }
}

fn variant_of(name: Option<Ident>, attrs: &[Attribute], fields: &Fields) -> WireVariant {
    let cfgs = attrs.iter().filter(|attr| attr.path().is_ident("cfg")).cloned().collect();
    let fields = (0..).zip(fields).map(|(at, field)| {
        let member = match &field.ident {
            Some(name) => name.to_token_stream(),
            None => Index::from(at).to_token_stream(),
        };
        WireField { member, ty: field.ty.clone(), asked: field.ty.clone() }
    });
    WireVariant { name, cfgs, fields: Some(fields.collect()), part: None }
}
