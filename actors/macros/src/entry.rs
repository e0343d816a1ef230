//! `#[wharf::main]` and `#[wharf::test]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, ReturnType};

use crate::args::{Allowed, Args};
use crate::diag::Errors;
use crate::interface::at;

const MAIN: Allowed =
    Allowed { attribute: "#[wharf::main]", protocols: false, seed: false, wire: false, wire_keys: false };
const TEST: Allowed =
    Allowed { attribute: "#[wharf::test]", protocols: false, seed: true, wire: false, wire_keys: false };

pub(crate) fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(function) = read(item.clone(), &MAIN, &mut errors) else { return with_errors(&item, errors) };
    let wharf = Args::read(args, &MAIN, &mut errors).wharf;
    if let Some(parameter) = function.sig.inputs.first() {
        errors.at(parameter, "`main` takes no parameters");
    }
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let (name, output) = (&sig.ident, &sig.output);
    let returned = match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let span = at(block.span());
    let made = quote_spanned! {span=>
        #(#attrs)*
        #vis fn #name() #output {
            // The type tells `?` in the body what to become.
            let __body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #returned>> =
                ::core::pin::pin!(async move #block);
            #wharf::block_on(__body)
        }
    };
    with_errors(&made, errors)
}

pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(function) = read(item.clone(), &TEST, &mut errors) else { return with_errors(&item, errors) };
    let Args { wharf, seed, .. } = Args::read(args, &TEST, &mut errors);
    let mut parameters = function.sig.inputs.iter();
    let parameter = match parameters.next() {
        None => quote!(_),
        Some(FnArg::Typed(parameter)) => quote!(#parameter),
        Some(FnArg::Receiver(receiver)) => {
            errors.at(receiver, "a test is a function, not a method");
            quote!(_)
        }
    };
    if let Some(second) = parameters.next() {
        errors.at(second, "a test takes one parameter at most: `t: TestNode`");
    }
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let (name, output) = (&sig.ident, &sig.output);
    let seed = match seed {
        Some(seed) => quote!(::core::option::Option::Some(#seed)),
        None => quote!(::core::option::Option::None),
    };
    let span = at(block.span());
    let made = quote_spanned! {span=>
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis fn #name() #output {
            #wharf::testkit::run(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                #seed,
                |#parameter| async move #block,
            )
        }
    };
    with_errors(&made, errors)
}

/// The function, if it is an `async fn` without generics.
fn read(item: TokenStream, allowed: &Allowed, errors: &mut Errors) -> Option<ItemFn> {
    let mut function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let attribute = allowed.attribute;
            errors.at(item.into_iter().next(), format!("`{attribute}` stands on an `async fn`"));
            return None;
        }
    };
    if function.sig.asyncness.take().is_none() {
        errors.at(function.sig.fn_token, format!("`{}` wants an `async fn`", allowed.attribute));
    }
    if !function.sig.generics.params.is_empty() {
        errors.at(&function.sig.generics, format!("`{}` wants no generics", allowed.attribute));
    }
    Some(function)
}

fn with_errors(tokens: &TokenStream, errors: Errors) -> TokenStream {
    let errors = errors.into_tokens();
    quote!(#tokens #errors)
}
