//! `#[wharf::protocol]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{GenericParam, ItemTrait, ReturnType, TraitItem, TraitItemFn, parse_quote};

use crate::args::{Allowed, Args};
use crate::diag::Errors;
use crate::interface::{Interface, at};
use crate::method::{HOOKS, Method, Owner, is_repeated, without_twins};

const ALLOWED: Allowed =
    Allowed { attribute: "#[wharf::protocol]", protocols: false, seed: false, wire: false, wire_keys: true };

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut protocol: ItemTrait = match syn::parse2(item.clone()) {
        Ok(protocol) => protocol,
        Err(_) => {
            let first = item.clone().into_iter().next();
            errors.at(first, "`#[wharf::protocol]` stands on a trait: `trait Bank { .. }`");
            let errors = errors.into_tokens();
            return quote!(#item #errors);
        }
    };
    let args = Args::read(args, &ALLOWED, &mut errors);
    for param in &protocol.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            errors.at(lifetime, "messages own their data: a protocol can't have a lifetime parameter");
        }
    }
    let methods = read_methods(&mut protocol, &mut errors);
    let interface = Interface {
        wharf: args.wharf,
        base: protocol.ident.clone(),
        visibility: protocol.vis.clone(),
        generics: protocol.generics.clone(),
        methods,
        parts: Vec::new(),
        travels: Some(args.keys),
    };
    let visible = interface.expand();
    let checks = interface.expand_parts_check(None);
    let items = add_items(&mut protocol, &interface);
    add_diagnostic(&mut protocol);
    let errors = errors.into_tokens();
    quote!(#protocol #visible #checks #items #errors)
}

fn read_methods(protocol: &mut ItemTrait, errors: &mut Errors) -> Vec<Method> {
    let mut methods = Vec::new();
    for item in &mut protocol.items {
        let TraitItem::Fn(function) = item else {
            errors.at(item, "a protocol has methods only");
            continue;
        };
        if HOOKS.iter().any(|hook| function.sig.ident == hook) {
            let name = &function.sig.ident;
            errors
                .at(name, format!("`{name}` is a hook of each actor: choose another name for this message"));
            continue;
        }
        methods.extend(Method::read(&function.sig, &mut function.attrs, Owner::Protocol, errors));
        make_send(function);
    }
    let mut names = Vec::new();
    protocol.items.retain(|item| match item {
        TraitItem::Fn(function) => !is_repeated(&function.sig, &function.attrs, &mut names),
        _ => true,
    });
    without_twins(methods, errors)
}

/// What is said of an actor that names the protocol, and has no `impl` of it.
fn add_diagnostic(protocol: &mut ItemTrait) {
    let name = &protocol.ident;
    let message = format!("`{{Self}}` does not implement the protocol `{name}`");
    let note = format!(
        "write `#[wharf::actor] impl {name} for {{Self}}`, or leave the attribute away beside \
         `#[wharf::actor({name})] impl {{Self}}`"
    );
    protocol.attrs.push(parse_quote! {
        #[diagnostic::on_unimplemented(message = #message, label = "has no such `impl`", note = #note)]
    });
}

/// `async fn f() -> T` becomes `fn f() -> impl Future<Output = T> + Send`.
fn make_send(function: &mut TraitItemFn) {
    let Some(asyncness) = function.sig.asyncness.take() else { return };
    let output = match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let span = at(asyncness.span);
    let future = quote_spanned! {span=>
        -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
    function.sig.output = syn::parse_quote!(#future);
    if let Some(body) = &mut function.default {
        let whole = quote_spanned!(span=> { async move #body });
        *body = syn::parse_quote!(#whole);
    }
}

/// What the implementing actor's macro needs: the message type and the dispatch, found by the
/// protocol's path alone.
fn add_items(protocol: &mut ItemTrait, interface: &Interface) -> TokenStream {
    let (wharf, message) = (&interface.wharf, interface.message_type());
    let handled = interface.handled_message();
    let items = format_ident!("__{}Items", protocol.ident);
    let visibility = &protocol.vis;
    let (with, of, wheres) = protocol.generics.split_for_impl();
    let mut blanket = protocol.generics.clone();
    blanket.params.push(parse_quote!(__A));
    let (blanket, _, _) = blanket.split_for_impl();
    let made = quote! {
        #[doc(hidden)]
        #visibility trait #items #with #wheres {
            type __Msg;
        }

        #[automatically_derived]
        impl #blanket #items #of for __A #wheres {
            type __Msg = #message;
        }
    };
    let name = &protocol.ident;
    let body = interface.dispatch(&quote!(<Self as #name #of>));
    let handle = quote! {
        #[doc(hidden)]
        #[inline(always)]
        #[allow(unused_variables, unreachable_code, deprecated, clippy::manual_async_fn)]
        fn __handle(
            &mut self,
            __msg: #handled,
            __cx: &mut #wharf::Context<<Self as #wharf::Actor>::Msg>,
        ) -> impl ::core::future::Future<Output = ::core::result::Result<(), #wharf::ExitReason>>
        + ::core::marker::Send {
            async move { #body }
        }
    };
    let handle = TraitItem::Verbatim(handle);
    let parents = quote!(#items #of);
    protocol.supertraits.push(parse_quote!(#wharf::Actor));
    protocol.supertraits.push(parse_quote!(#parents));
    protocol.colon_token.get_or_insert_default();
    protocol.items.push(handle);
    made
}
