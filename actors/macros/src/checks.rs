//! Code that only the compiler reads, so that each fault is told of once and where it was written.
//!
//! What can't be sent is found wherever it is used: in the message type, in the handler's future, in
//! each method's. Here it is asked for first, in a constant; the types that the other code has hang
//! on that constant, and where it fails the compiler has nothing more to say about them.
//!
//! Constants in types can't name generic parameters. So generic actors, and arguments that name a
//! parameter, are checked by plain functions, and the compiler may repeat itself.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, PathArguments, Type};

use crate::interface::{Interface, at, idents};
use crate::method::{Answer, Method, Parameter};

/// Types of the standard library that are not `Send`, or make others not `Send`.
const LOCAL: &[&str] = &[
    "Cell",
    "LazyCell",
    "MutexGuard",
    "NonNull",
    "OnceCell",
    "Rc",
    "Ref",
    "RefCell",
    "RefMut",
    "RwLockReadGuard",
    "RwLockWriteGuard",
    "UnsafeCell",
    "const",
    "mut",
];

/// What else stands in a type that is spelled with the standard library's names alone.
const SPELLED: &[&str] = &[
    "Arc",
    "Mutex",
    "RwLock",
    "Weak",
    "alloc",
    "boxed",
    "cell",
    "collections",
    "core",
    "ptr",
    "rc",
    "std",
    "string",
    "sync",
    "vec",
];

/// Types that can be written as bytes when what is in them can.
const CONTAINERS: &[&str] = &[
    "BTreeMap",
    "BTreeSet",
    "BinaryHeap",
    "Box",
    "HashMap",
    "HashSet",
    "LinkedList",
    "Option",
    "Result",
    "Vec",
    "VecDeque",
];

/// Types that can be written as bytes.
const DATA: &[&str] = &[
    "String", "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16",
    "u32", "u64", "u128", "usize",
];

/// Whether the type is made of names of these lists alone.
fn is_of(ty: &Type, lists: &[&[&str]]) -> bool {
    idents(quote!(#ty)).iter().all(|name| lists.iter().any(|list| list.contains(&name.as_str())))
}

/// A type of the standard library's alone, which is not `Send` as far as one can see.
///
/// Of these alone may the message type that an actor names hang on a check: another type may lead
/// back to that actor's messages, which would then hang on themselves.
pub(crate) fn is_plainly_local(ty: &Type) -> bool {
    let names = idents(quote!(#ty));
    LOCAL.iter().any(|name| names.contains(*name)) && is_of(ty, &[LOCAL, SPELLED, CONTAINERS, DATA])
}

impl Interface {
    /// The type that hangs on what is asked of arguments and answers, with one parameter.
    fn sound(&self) -> Ident {
        format_ident!("__{}Sound", self.base)
    }

    fn is_generic(&self, ty: &Type) -> bool {
        let names = idents(quote!(#ty));
        self.generics.params.iter().any(|param| names.contains(&crate::interface::name_of(param)))
    }

    /// All arguments and answers, each with the method that has it.
    fn parts_of_messages(&self) -> impl Iterator<Item = (&Method, &Type)> {
        self.methods.iter().flat_map(|method| {
            let reply = (method.answer != Answer::None).then_some(&method.output);
            let types = method.arguments.iter().map(|argument| &argument.ty).chain(reply);
            types.map(move |ty| (method, ty))
        })
    }

    fn part(&self, method: &Method, ty: &Type) -> TokenStream {
        let (wharf, cfgs) = (&self.wharf, &method.cfgs);
        let check = quote_spanned!(ty.span()=> #wharf::macro_support::part::<#ty>());
        quote!(#(#cfgs)* #check;)
    }

    /// What insists on arguments and answers; `actor` is the actor's type, if it has no parameters.
    pub(crate) fn expand_parts_check(&self, actor: Option<&Type>) -> TokenStream {
        let (wharf, sound) = (&self.wharf, self.sound());
        let (generic, plain): (Vec<_>, Vec<_>) =
            self.parts_of_messages().partition(|(_, ty)| self.is_generic(ty));
        let generic = (!generic.is_empty()).then(|| {
            let (with, _, wheres) = self.generics.split_for_impl();
            let parts = generic.iter().map(|(method, ty)| self.part(method, ty));
            quote! {
                const _: () = {
                    #[allow(dead_code)]
                    fn __parts #with() #wheres { #(#parts)* }
                };
            }
        });
        let state =
            actor.map(|actor| quote_spanned!(actor.span()=> #wharf::macro_support::state::<#actor>();));
        let plain = plain.iter().map(|(method, ty)| self.part(method, ty));
        quote! {
            #[doc(hidden)]
            #[allow(dead_code, non_camel_case_types)]
            type #sound<__T> = #wharf::macro_support::Checked<__T, { #state #(#plain)* true }>;
            #generic
        }
    }

    /// The type of messages as `impl Actor` names it.
    pub(crate) fn named_message(&self) -> TokenStream {
        let (wharf, message) = (&self.wharf, self.message_type());
        let local = self.parts_of_messages().filter(|(_, ty)| is_plainly_local(ty));
        let local: Vec<_> = local.map(|(method, ty)| self.part(method, ty)).collect();
        if local.is_empty() {
            return message;
        }
        quote!(#wharf::macro_support::Checked<#message, { #(#local)* true }>)
    }

    /// What a method's call yields, as its stub names it.
    pub(crate) fn named_output(&self, method: &Method) -> TokenStream {
        let (wharf, output) = (&self.wharf, &method.output);
        if !is_plainly_local(output) {
            return quote!(#output);
        }
        let part = quote_spanned!(output.span()=> #wharf::macro_support::part::<#output>());
        quote!(#wharf::macro_support::Checked<#output, { #part; true }>)
    }

    /// The type of messages as the code that handles them names it.
    pub(crate) fn handled_message(&self) -> TokenStream {
        let (message, sound) = (self.message_type(), self.sound());
        quote!(#sound<#message>)
    }

    /// What insists on the methods' futures: a statement of the code that awaits them, so that this says
    /// nothing of what has been told here. Not in a signature: a method may call `handle` by itself, and
    /// the constant would hang on itself.
    pub(crate) fn expand_futures_check(&self) -> Option<TokenStream> {
        let (wharf, sound) = (&self.wharf, self.sound());
        let futures = self.methods.iter().filter(|method| method.is_async).map(|method| {
            let Method { name, cfgs, .. } = method;
            let given = method.parameters.iter().map(|_: &Parameter| quote!(#wharf::macro_support::any()));
            let call = quote_spanned! {at(method.span())=>
                &Self::#name(#wharf::macro_support::any() #(, #given)*)
            };
            // The compiler blames this type: all of it stands where the method does.
            let sound = Ident::new(&sound.to_string(), method.span());
            let future = quote_spanned! {method.span()=>
                #wharf::macro_support::future::<#sound<_>>
            };
            quote!(#(#cfgs)* let _ = || #future(#call);)
        });
        let futures: Vec<_> = futures.collect();
        (!futures.is_empty()).then(|| {
            quote! {
                let _: #wharf::macro_support::Checked<(), {
                    let _: ::core::option::Option<#sound<()>> = ::core::option::Option::None;
                    #(#futures)*
                    true
                }> = ();
            }
        })
    }
}

/// What insists that a part of a message that travels can do so, each check on the type that is to
/// blame and not on what is around it. Nothing where the compiler finds the same by itself.
pub(crate) fn travels(wharf: &TokenStream, ty: &Type) -> Option<TokenStream> {
    let mut checks = Vec::new();
    match argument_of(ty, &["Reply"]) {
        Some(answer) => Travels { wharf, check: "field", checks: &mut checks }.visit(answer),
        None if is_leaf(ty) => {}
        None => Travels { wharf, check: "data", checks: &mut checks }.visit(ty),
    }
    (!checks.is_empty()).then(|| quote!(#(#checks)*))
}

struct Travels<'a> {
    wharf: &'a TokenStream,
    /// The check for a type that is not taken apart.
    check: &'static str,
    checks: &'a mut Vec<TokenStream>,
}

impl Travels<'_> {
    fn visit(&mut self, ty: &Type) {
        let wharf = self.wharf;
        if is_of(ty, &[CONTAINERS, DATA]) {
            return;
        }
        if let Some(message) = argument_of(ty, &["Pid"]) {
            let check = quote_spanned!(message.span()=> #wharf::macro_support::message::<#message>());
            return self.checks.push(quote!(#check;));
        }
        let parts = parts_of(ty);
        if parts.is_empty() {
            let check = format_ident!("{}", self.check);
            let check = quote_spanned!(ty.span()=> #wharf::macro_support::#check::<#ty>());
            return self.checks.push(quote!(#check;));
        }
        for part in parts {
            Travels { wharf, check: "data", checks: self.checks }.visit(part);
        }
    }
}

/// A type that is neither a pid nor anything that others are in.
fn is_leaf(ty: &Type) -> bool {
    argument_of(ty, &["Pid"]).is_none() && parts_of(ty).is_empty()
}

/// The types in a container, tuple or array; none of another type, nor of one that a reply is in.
fn parts_of(ty: &Type) -> Vec<&Type> {
    if idents(quote!(#ty)).contains("Reply") {
        return Vec::new();
    }
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        Type::Array(array) => vec![&*array.elem],
        Type::Slice(slice) => vec![&*slice.elem],
        Type::Paren(paren) => vec![&*paren.elem],
        Type::Group(group) => vec![&*group.elem],
        Type::Path(_) => arguments_of(ty, CONTAINERS),
        _ => Vec::new(),
    }
}

/// The type arguments of a path that ends in one of these names.
fn arguments_of<'a>(ty: &'a Type, names: &[&str]) -> Vec<&'a Type> {
    let Type::Path(path) = ty else { return Vec::new() };
    let Some(last) = path.path.segments.last() else { return Vec::new() };
    let PathArguments::AngleBracketed(list) = &last.arguments else { return Vec::new() };
    if !names.iter().any(|name| last.ident == name) {
        return Vec::new();
    }
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The only such argument.
fn argument_of<'a>(ty: &'a Type, names: &[&str]) -> Option<&'a Type> {
    match *arguments_of(ty, names) {
        [argument] => Some(argument),
        _ => None,
    }
}
