//! The message type, the stubs, and the code that gives messages to methods.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Ident, Path, Type, Visibility, parse_quote, parse_quote_spanned};

use crate::args::WireKeys;
use crate::method::{Answer, Method, Parameter};
use crate::wire::{WireField, WireMessage, WireVariant};

/// A protocol that an actor speaks beside its own messages.
pub(crate) struct Part {
    pub(crate) protocol: Path,
    pub(crate) variant: Ident,
    /// The name by which the actor's module knows the protocol's messages, if that is no generic type.
    pub(crate) alias: Ident,
}

impl Part {
    /// The protocol's messages. Those of a protocol that is not generic are found by the protocol's
    /// path alone; a generic one's would then overlap, for all the compiler knows, with the whole.
    pub(crate) fn message(&self) -> TokenStream {
        let mut path = self.protocol.clone();
        match path.segments.last_mut() {
            Some(last) if !last.arguments.is_none() => {
                last.ident = format_ident!("{}Msg", last.ident);
                quote!(#path)
            }
            _ => {
                let alias = &self.alias;
                quote!(#alias<()>)
            }
        }
    }

    /// Makes the protocol's messages known by its alias.
    fn alias(&self) -> Option<TokenStream> {
        let Self { protocol, alias, .. } = self;
        let last = protocol.segments.last()?;
        last.arguments.is_none().then(|| {
            quote! {
                #[doc(hidden)]
                #[allow(type_alias_bounds, non_camel_case_types)]
                type #alias<__A: #protocol> = __A::__Msg;
            }
        })
    }
}

/// What clients see.
pub(crate) struct Interface {
    pub(crate) wharf: TokenStream,
    /// The actor's type, or the protocol.
    pub(crate) base: Ident,
    pub(crate) visibility: Visibility,
    /// Those of the message type.
    pub(crate) generics: Generics,
    pub(crate) methods: Vec<Method>,
    pub(crate) parts: Vec<Part>,
    /// The messages may travel, and what they are called then.
    pub(crate) travels: Option<WireKeys>,
}

/// The same place, resolved as if the macro's user had written it.
pub(crate) fn at(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

impl Interface {
    pub(crate) fn message(&self) -> Ident {
        format_ident!("{}Msg", self.base, span = self.base.span())
    }

    fn calls(&self) -> Ident {
        format_ident!("{}Calls", self.base, span = self.base.span())
    }

    /// The message type with its generics.
    pub(crate) fn message_type(&self) -> TokenStream {
        let (message, (_, generics, _)) = (self.message(), self.generics.split_for_impl());
        quote!(#message #generics)
    }

    /// All of it.
    pub(crate) fn expand(&self) -> TokenStream {
        let (message, parts, stubs, guards) =
            (self.expand_message(), self.expand_parts(), self.expand_stubs(), self.expand_guards());
        let wire = self.travels.as_ref().map(|keys| self.expand_wire(keys));
        quote!(#message #parts #stubs #guards #wire)
    }

    fn expand_message(&self) -> TokenStream {
        let Self { wharf, base, visibility, generics, .. } = self;
        let (message, (with, of, wheres)) = (self.message(), generics.split_for_impl());
        let doc = format!("Messages of [`{base}`].");
        let variants = self.methods.iter().map(|method| {
            let Method { variant, cfgs, output, .. } = method;
            let docs = self.docs(method);
            let fields = method.arguments.iter().map(|argument| {
                let (name, ty, doc) =
                    (&argument.name, &argument.ty, format!("Argument of `{}`.", method.name));
                quote!(#[doc = #doc] #name: #ty)
            });
            let reply = (method.answer != Answer::None)
                .then(|| quote!(#[doc = "Where the answer goes."] reply: #wharf::Reply<#output>));
            let fields = fields.chain(reply);
            quote!(#(#cfgs)* #docs #variant { #(#fields),* })
        });
        let parts = self.parts.iter().map(|part| {
            let (variant, message) = (&part.variant, part.message());
            let doc = format!("A message of the protocol `{variant}`.");
            quote!(#[doc = #doc] #variant(#message))
        });
        let variants = variants.chain(parts);
        let names = self.methods.iter().map(|Method { variant, cfgs, .. }| {
            let name = variant.to_string();
            quote!(#(#cfgs)* Self::#variant { .. } => #name)
        });
        let part_names = self.parts.iter().map(|Part { variant, .. }| {
            let name = variant.to_string();
            quote!(Self::#variant(_) => #name)
        });
        let names = names.chain(part_names);
        let kinds = self.methods.iter().map(|Method { name, variant, cfgs, .. }| {
            let name = name.to_string();
            let name = name.trim_start_matches("r#");
            quote!(#(#cfgs)* Self::#variant { .. } => #name)
        });
        let part_kinds = self.parts.iter().map(|Part { variant, .. }| {
            quote!(Self::#variant(ref __part) => #wharf::macro_support::Kind::kind(__part))
        });
        let kinds = kinds.chain(part_kinds);
        quote! {
            #[doc = #doc]
            #visibility enum #message #with #wheres { #(#variants),* }

            #[automatically_derived]
            impl #with #wharf::macro_support::Kind for #message #of #wheres {
                fn kind(&self) -> &'static str {
                    match *self { #(#kinds),* }
                }
            }

            #[automatically_derived]
            impl #with ::core::fmt::Debug for #message #of #wheres {
                fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #[allow(unreachable_code)]
                    let __name: &str = match *self { #(#names),* };
                    #[allow(unreachable_code)]
                    __f.debug_struct(__name).finish_non_exhaustive()
                }
            }
        }
    }

    /// How the protocols' messages become messages of the whole, and back.
    fn expand_parts(&self) -> TokenStream {
        let (message, (with, of, wheres)) = (self.message(), self.generics.split_for_impl());
        let parts = self.parts.iter().map(|part| {
            let (variant, alias, of_part) = (&part.variant, part.alias(), part.message());
            let span = at(part.protocol.span());
            quote_spanned! {span=>
                #alias

                #[automatically_derived]
                impl #with ::core::convert::From<#of_part> for #message #of #wheres {
                    #[inline]
                    fn from(__part: #of_part) -> Self {
                        Self::#variant(__part)
                    }
                }

                #[automatically_derived]
                impl #with ::core::convert::TryFrom<#message #of> for #of_part #wheres {
                    type Error = #message #of;

                    #[inline]
                    fn try_from(__whole: #message #of) -> ::core::result::Result<Self, #message #of> {
                        #[allow(unreachable_patterns)]
                        match __whole {
                            #message::#variant(__part) => ::core::result::Result::Ok(__part),
                            __other => ::core::result::Result::Err(__other),
                        }
                    }
                }
            }
        });
        quote!(#(#parts)*)
    }

    fn expand_wire(&self, keys: &WireKeys) -> TokenStream {
        let methods = self.methods.iter().map(|method| {
            let arguments = method.arguments.iter();
            let fields = arguments.map(|argument| WireField::new(&argument.name, argument.ty.clone()));
            let wharf = &self.wharf;
            let output = &method.output;
            let reply = (method.answer != Answer::None).then(|| {
                let span = at(output.span());
                WireField::reply(parse_quote_spanned!(span=> #wharf::Reply<#output>), output.clone())
            });
            WireVariant {
                name: Some(method.variant.clone()),
                cfgs: method.cfgs.clone(),
                fields: Some(fields.chain(reply).collect()),
                part: None,
            }
        });
        let parts = self.parts.iter().map(|part| WireVariant {
            name: Some(part.variant.clone()),
            cfgs: Vec::new(),
            fields: None,
            part: Some((part.message(), at(part.protocol.span()))),
        });
        let variants = methods.chain(parts).collect();
        let message = WireMessage {
            wharf: &self.wharf,
            ident: self.message(),
            generics: &self.generics,
            variants,
            keys,
        };
        message.expand()
    }

    fn expand_stubs(&self) -> TokenStream {
        let Self { wharf, base, visibility, generics, .. } = self;
        let (calls, message_type) = (self.calls(), self.message_type());
        let (with, of, wheres) = generics.split_for_impl();
        let doc = format!("Calls of [`{base}`], on whatever takes its messages.");
        let stubs = self.methods.iter().map(|method| self.expand_stub(method));
        let mut blanket = generics.clone();
        blanket.params.push(parse_quote!(__D: #wharf::Destination<#message_type>));
        let (blanket, _, _) = blanket.split_for_impl();
        quote! {
            #[doc = #doc]
            #[allow(dead_code, async_fn_in_trait)]
            #visibility trait #calls #with: #wharf::Destination<#message_type> #wheres { #(#stubs)* }

            #[automatically_derived]
            impl #blanket #calls #of for __D #wheres {}
        }
    }

    fn expand_stub(&self, method: &Method) -> TokenStream {
        let Method { name, variant, cfgs, .. } = method;
        let (wharf, output) = (&self.wharf, self.named_output(method));
        let (message, message_type, docs) = (self.message(), self.message_type(), self.docs(method));
        let (names, types) = method.split_arguments();
        let head = quote!(#(#cfgs)* #docs #[inline(always)]);
        let span = at(method.span());
        if method.answer == Answer::None {
            return quote_spanned! {span=>
                #head
                fn #name(&self, #(#names: #types),*) -> #wharf::SendTo<'_, Self, #message_type> {
                    #wharf::SendTo::new(self, #message::#variant { #(#names),* })
                }
            };
        }
        quote_spanned! {span=>
            #head
            fn #name(&self, #(#names: #types),*) -> #wharf::Call<'_, Self, #message_type, #output> {
                let __message = #message::#variant { #(#names,)* reply: #wharf::Reply::none() };
                #wharf::Call::new(self, __message, |__message| match __message {
                    #message::#variant { reply, .. } => reply,
                    #[allow(unreachable_patterns)]
                    _ => ::core::unreachable!(),
                })
            }
        }
    }

    /// Code that only the compiler reads: that no method of `Pid` hides a stub.
    fn expand_guards(&self) -> TokenStream {
        let Self { wharf, generics, .. } = self;
        let message_type = self.message_type();
        // Of a pid of anything that takes the messages: were it these very messages, one that can't be
        // sent would be told of here again.
        let mut of_any = generics.clone();
        of_any.params.push(parse_quote!(__M));
        of_any
            .make_where_clause()
            .predicates
            .push(parse_quote!(#wharf::Pid<__M>: #wharf::Destination<#message_type>));
        let (with_any, _, wheres_any) = of_any.split_for_impl();
        let guards = self.methods.iter().map(|method| {
            let Method { name, cfgs, .. } = method;
            let output = self.named_output(method);
            let (names, types) = method.split_arguments();
            let returned = if method.answer == Answer::None {
                quote!(#wharf::SendTo<'_, #wharf::Pid<__M>, #message_type>)
            } else {
                quote!(#wharf::Call<'_, #wharf::Pid<__M>, #message_type, #output>)
            };
            quote_spanned! {at(method.span())=>
                #(#cfgs)*
                #[allow(dead_code, deprecated, non_snake_case)]
                fn #name #with_any(__pid: &#wharf::Pid<__M>, #(#names: #types),*) -> #returned #wheres_any {
                    __pid.#name(#(#names),*)
                }
            }
        });
        quote! {
            const _: () = { #(#guards)* };
        }
    }

    /// The body of a future that handles `__msg`; `path` is what the methods are called by.
    pub(crate) fn dispatch(&self, path: &TokenStream) -> TokenStream {
        let wharf = &self.wharf;
        let may_fail = self.methods.iter().any(|method| method.returned.is_some());
        let arms = self.methods.iter().map(|method| self.arm(method, path, may_fail));
        let message = self.message();
        let nothing = may_fail.then(|| quote!(::core::option::Option::None));
        let parts = self.parts.iter().map(|Part { protocol, variant, .. }| {
            let handled = quote_spanned! {protocol.span()=>
                <Self as #protocol>::__handle(self, __part, __cx).await?;
            };
            quote! {
                #message::#variant(__part) => {
                    #handled
                    #nothing
                }
            }
        });
        let arms = arms.chain(parts);
        if !may_fail {
            return quote! {
                match __msg { #(#arms)* }
                ::core::result::Result::Ok(())
            };
        }
        quote! {
            let __unheard = match __msg { #(#arms)* };
            match __unheard {
                ::core::option::Option::None => ::core::result::Result::Ok(()),
                ::core::option::Option::Some(__error) => {
                    #wharf::macro_support::on_error::<Self>(self, __error, __cx).await
                }
            }
        }
    }

    fn arm(&self, method: &Method, path: &TokenStream, may_fail: bool) -> TokenStream {
        let Method { name, variant, cfgs, .. } = method;
        let (wharf, message, (names, _)) = (&self.wharf, self.message(), method.split_arguments());
        let span = at(method.span());
        let reply = (method.answer != Answer::None).then(|| quote!(reply: __reply));
        let fields = names.iter().map(ToTokens::to_token_stream).chain(reply);
        let given = method.parameters.iter().map(|parameter| match parameter {
            Parameter::Argument(index) => names[*index].to_token_stream(),
            Parameter::Context => quote!(&mut *__cx),
            Parameter::Reply => quote!(__reply),
        });
        let awaited = method.is_async.then(|| quote_spanned!(span=> .await));
        let call = quote_spanned!(span=> #path::#name(self, #(#given),*) #awaited);
        let text = name.to_string();
        let none = may_fail.then(|| quote!(::core::option::Option::None));
        let body = match (&method.returned, method.answer) {
            (None, Answer::Returned) => quote! {
                #call;
                let _ = __reply.send(());
                #none
            },
            (None, Answer::Deferred | Answer::None) => quote!(#call; #none),
            (Some(_), Answer::Returned) => quote! {
                let __returned = #call;
                match __reply.send(__returned) {
                    ::core::result::Result::Ok(()) => ::core::option::Option::None,
                    ::core::result::Result::Err(__returned) => {
                        #[allow(unused_imports)]
                        use #wharf::macro_support::{ReturnedDebug as _, ReturnedError as _, ReturnedValue as _};
                        (&&&#wharf::macro_support::Returned::of(&__returned)).unheard(__returned, #text)
                    }
                }
            },
            (Some(ty), Answer::Deferred | Answer::None) => {
                let unheard = quote_spanned! {at(ty.span())=>
                    <#ty as #wharf::macro_support::Unreturned>::unheard
                };
                quote!(#unheard(#call, #text))
            }
        };
        quote!(#(#cfgs)* #message::#variant { #(#fields),* } => { #body })
    }

    fn docs(&self, method: &Method) -> TokenStream {
        let Method { docs, name, .. } = method;
        let fallback = (!docs.iter().any(|attr| attr.path().is_ident("doc"))).then(|| {
            let doc = format!("`{name}` of `{}`.", self.base);
            quote!(#[doc = #doc])
        });
        quote!(#(#docs)* #fallback)
    }
}

impl Method {
    fn split_arguments(&self) -> (Vec<&Ident>, Vec<&Type>) {
        self.arguments.iter().map(|argument| (&argument.name, &argument.ty)).unzip()
    }
}

/// Those generics that an actor's messages have: the ones their types name, without bounds on others.
pub(crate) fn generics_of(all: &Generics, methods: &[Method], parts: &[Part]) -> Generics {
    let types = methods
        .iter()
        .flat_map(|method| method.arguments.iter().map(|argument| &argument.ty).chain([&method.output]));
    let parts = parts.iter().map(|part| &part.protocol);
    let used = idents(quote!(#(#types)* #(#parts)*));
    let mut generics = all.clone();
    generics.params = all.params.iter().filter(|param| used.contains(&name_of(param))).cloned().collect();
    let missing: HashSet<_> = all.params.iter().map(name_of).filter(|name| !used.contains(name)).collect();
    let is_known = |tokens: TokenStream| idents(tokens).is_disjoint(&missing);
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds =
                param.bounds.iter().filter(|bound| is_known(bound.to_token_stream())).cloned().collect();
        }
    }
    if let Some(wheres) = &mut generics.where_clause {
        wheres.predicates =
            wheres.predicates.iter().filter(|p| is_known(p.to_token_stream())).cloned().collect();
    }
    generics
}

pub(crate) fn name_of(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
    }
}

pub(crate) fn idents(tokens: TokenStream) -> HashSet<String> {
    let mut found = HashSet::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => drop(found.insert(ident.to_string())),
            TokenTree::Group(group) => found.extend(idents(group.stream())),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    found
}

/// The visibility of a trait and an enum that all methods are to be reached through.
pub(crate) fn widest<'a>(all: impl Iterator<Item = &'a Visibility>) -> Visibility {
    let width = |visibility: &Visibility| match visibility {
        Visibility::Inherited => 0,
        Visibility::Restricted(within) if within.path.is_ident("crate") => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Public(_) => 3,
    };
    all.max_by_key(|visibility| width(visibility)).cloned().unwrap_or(Visibility::Inherited)
}
