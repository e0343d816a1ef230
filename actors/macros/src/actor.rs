//! `#[wharf::actor]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, GenericParam, Generics, Ident, ImplItem, ImplItemFn, ItemImpl, Path, Type, Visibility,
    parse_quote,
};

use crate::args::{Allowed, Args};
use crate::diag::Errors;
use crate::interface::{Interface, Part, at, generics_of, idents, name_of, widest};
use crate::method::{HOOKS, Method, Owner, is_repeated, without_twins};

const OWN: Allowed =
    Allowed { attribute: "#[wharf::actor]", protocols: true, seed: false, wire: true, wire_keys: true };
const OF_PROTOCOL: Allowed = Allowed {
    protocols: false,
    wire: false,
    wire_keys: false,
    attribute: "#[wharf::actor] impl Protocol for Type",
    ..OWN
};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut block: ItemImpl = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(_) => {
            errors.at(
                first_of(item.clone()),
                "`#[wharf::actor]` stands on an `impl` block: `impl Counter { .. }`",
            );
            let errors = errors.into_tokens();
            return quote!(#item #errors);
        }
    };
    bind_parameters(&mut block, &mut errors);
    let protocol = block.trait_.as_ref().map(|(path, _)| path.clone());
    let allowed = if protocol.is_some() { OF_PROTOCOL } else { OWN };
    let args = Args::read(args, &allowed, &mut errors);
    let made = base_of(&block, &mut errors).map(|base| match protocol {
        Some(protocol) => of_protocol(&args, &protocol, &mut block, &mut errors),
        None => own(args, base, &mut block, &mut errors),
    });
    let errors = errors.into_tokens();
    quote!(#block #made #errors)
}

fn first_of(item: TokenStream) -> TokenStream {
    item.into_iter().next().map(ToTokens::into_token_stream).unwrap_or_default()
}

/// Notes type parameters of which nothing is asked, and asks for them what an actor needs.
fn bind_parameters(block: &mut ItemImpl, errors: &mut Errors) {
    let told = block.generics.where_clause.as_ref().map(|wheres| idents(wheres.to_token_stream()));
    let told = told.unwrap_or_default();
    for param in &mut block.generics.params {
        let GenericParam::Type(param) = param else { continue };
        if param.bounds.is_empty() && !told.contains(&param.ident.to_string()) {
            let name = &param.ident;
            errors.at(
                name,
                format!("an actor moves between threads and owns its data: write `{name}: Send + 'static`"),
            );
            param.colon_token.get_or_insert_default();
            param.bounds = parse_quote!(::core::marker::Send + 'static);
        }
    }
}

/// The name that the message type is named after.
fn base_of(block: &ItemImpl, errors: &mut Errors) -> Option<Ident> {
    if block.generics.lifetimes().next().is_some() {
        for lifetime in block.generics.lifetimes() {
            errors.at(lifetime, "an actor owns its data: it can't have a lifetime parameter");
        }
        return None;
    }
    match &*block.self_ty {
        Type::Path(ty) => ty.path.segments.last().map(|segment| segment.ident.clone()),
        other => {
            errors.at(other, "an actor is a type with a name: a struct or an enum");
            None
        }
    }
}

/// `impl Counter { .. }`
fn own(args: Args, base: Ident, block: &mut ItemImpl, errors: &mut Errors) -> TokenStream {
    let (mut methods, mut visibilities) = (Vec::new(), Vec::new());
    let hooks = take_hooks(block);
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        let owner = Owner::Actor(&block.self_ty);
        if let Some(method) = Method::read(&function.sig, &mut function.attrs, owner, errors) {
            visibilities.push(function.vis.clone());
            // All messages of an actor look the same, whatever each of them needs.
            let alike = parse_quote!(#[allow(clippy::needless_pass_by_ref_mut, clippy::unused_async)]);
            function.attrs.push(alike);
            methods.push(method);
        }
    }
    let methods = without_twins(methods, errors);
    let mut names = Vec::new();
    block.items.retain(|item| match item {
        ImplItem::Fn(function) => !is_repeated(&function.sig, &function.attrs, &mut names),
        _ => true,
    });
    let parts = parts_of(&args.protocols, &base, &methods, errors);
    let generics = generics_of(&block.generics, &methods, &parts);
    let interface = Interface {
        wharf: args.wharf,
        visibility: widest(visibilities.iter()),
        base,
        generics,
        methods,
        parts,
        travels: args.wire.then_some(args.keys),
    };
    let visible = interface.expand();
    let body = interface.dispatch(&quote!(Self));
    let span = at(interface.base.span());
    let of_one_type = block.generics.params.is_empty().then_some(&*block.self_ty);
    let futures = of_one_type.and_then(|_| interface.expand_futures_check());
    let body = quote_spanned!(span=> #futures async move { #body });
    let checks = interface.expand_parts_check(of_one_type);
    let message = Message {
        named: interface.named_message(),
        handled: interface.handled_message(),
        plain: interface.message_type(),
    };
    let actor = implement(&interface.wharf, &block.generics, &block.self_ty, &message, &body, &hooks);
    quote!(#visible #checks #actor)
}

fn parts_of(protocols: &[Path], base: &Ident, methods: &[Method], errors: &mut Errors) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for protocol in protocols {
        let Some(variant) = protocol.segments.last().map(|segment| segment.ident.clone()) else { continue };
        if parts.iter().any(|part| part.variant == variant) {
            errors.at(protocol, format!("two protocols are named `{variant}`"));
        } else if let Some(method) = methods.iter().find(|method| method.variant == variant) {
            let name = &method.name;
            errors.at(
                name,
                format!("`{name}` and the protocol `{variant}` would both be the message `{variant}`"),
            );
        } else {
            let alias = format_ident!("__{base}{variant}Msg");
            parts.push(Part { protocol: protocol.clone(), variant, alias });
        }
    }
    parts
}

/// `impl Bank for Teller { .. }`
fn of_protocol(args: &Args, protocol: &Path, block: &mut ItemImpl, errors: &mut Errors) -> TokenStream {
    let hooks = take_hooks(block);
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        function.attrs.retain(|attr: &Attribute| {
            let misplaced = attr.path().is_ident("one_way");
            if misplaced {
                errors.at(attr, "`#[one_way]` belongs to the method in the protocol");
            }
            !misplaced
        });
    }
    let span = at(block.self_ty.span());
    let body = quote_spanned!(span=> <Self as #protocol>::__handle(self, __msg, __cx));
    let actor = &block.self_ty;
    // Those that the protocol names.
    let named = idents(quote!(#protocol));
    let params: Vec<_> =
        block.generics.params.iter().filter(|param| named.contains(&name_of(param))).collect();
    let names = params.iter().map(|param| match param {
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
        GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
    });
    let message = quote_spanned!(span=> __Msg<#actor #(, #names)*>);
    let message = Message { named: message.clone(), handled: message.clone(), plain: message };
    let made = implement(&args.wharf, &block.generics, actor, &message, &body, &hooks);
    quote_spanned! {span=>
        const _: () = {
            #[allow(type_alias_bounds)]
            type __Msg<__A: #protocol #(, #params)*> = __A::__Msg;
            #made
        };
    }
}

/// The hooks, which go to `impl Actor`.
fn take_hooks(block: &mut ItemImpl) -> Vec<ImplItemFn> {
    let (hooks, rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut block.items).into_iter().partition(|item| match item {
            ImplItem::Fn(function) => {
                function.sig.receiver().is_some() && HOOKS.iter().any(|hook| function.sig.ident == hook)
            }
            _ => false,
        });
    block.items = rest;
    let hooks = hooks.into_iter().filter_map(|hook| match hook {
        ImplItem::Fn(hook) => Some(ImplItemFn { vis: Visibility::Inherited, ..hook }),
        _ => None,
    });
    hooks.collect()
}

/// The message type, which is always the same if nothing is wrong: see `checks.rs`.
struct Message {
    /// As `type Msg`.
    named: TokenStream,
    /// As that which `handle` is given.
    handled: TokenStream,
    /// As itself.
    plain: TokenStream,
}

fn implement(
    wharf: &TokenStream,
    generics: &Generics,
    actor: &Type,
    message: &Message,
    body: &TokenStream,
    hooks: &[ImplItemFn],
) -> TokenStream {
    let (with, _, wheres) = generics.split_for_impl();
    let Message { named, handled, plain } = message;
    let span = at(actor.span());
    quote_spanned! {span=>
        #[automatically_derived]
        impl #with #wharf::Actor for #actor #wheres {
            type Msg = #named;

            #[doc(hidden)]
            #[inline(always)]
            #[allow(unused_variables, unreachable_code, deprecated, clippy::manual_async_fn)]
            fn handle(
                &mut self,
                __msg: #handled,
                __cx: &mut #wharf::Context<#plain>,
            ) -> impl ::core::future::Future<Output = ::core::result::Result<(), #wharf::ExitReason>>
            + ::core::marker::Send {
                #body
            }

            #[doc(hidden)]
            fn kind(__msg: &#plain) -> &'static str {
                #wharf::macro_support::Kind::kind(__msg)
            }

            #(#hooks)*
        }
    }
}
