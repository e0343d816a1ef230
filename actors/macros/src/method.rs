//! What a method's signature says about its message.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Receiver, ReceiverKind,
    ReturnType, Safety, Signature, Type, TypeImplTrait, TypeReference, parse_quote,
};

use crate::diag::Errors;

/// Names that a pid has already: a stub of that name would never be called.
const TAKEN: &[&str] = &[
    "any",
    "ask",
    "downcast",
    "exit",
    "id",
    "is_alive",
    "kill",
    "narrow",
    "node",
    "reserve",
    "send",
    "send_all",
    "send_blocking",
    "send_timeout",
    "stop",
    "stopped",
    "try_reserve",
    "try_send",
];

/// Names of methods that every pid has by traits which are always in scope.
const COMMON: &[&str] = &[
    "clone",
    "clone_into",
    "clone_from",
    "cmp",
    "partial_cmp",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "max",
    "min",
    "clamp",
    "fmt",
    "hash",
    "into",
    "try_into",
    "to_owned",
    "to_string",
    "type_id",
    "borrow",
    "borrow_mut",
];

/// Hooks of an actor, which are no messages.
pub(crate) const HOOKS: &[&str] =
    &["started", "accepts", "handle_down", "handle_exit", "on_error", "stopped"];

/// Attributes that look as if `#[one_way]` was meant, or something that other libraries have.
const MISTAKEN: &[&str] = &[
    "oneway", "one_ways", "onway", "ask", "call", "cast", "handle", "handler", "hook", "message", "notify",
    "reply", "rpc", "tell", "when", "wire",
];

/// An argument that is part of the message.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

/// How the answer is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The method returns it.
    Returned,
    /// Later, through the parameter `reply`.
    Deferred,
    /// There is none.
    None,
}

/// A parameter, in order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// The argument of this index.
    Argument(usize),
    Context,
    Reply,
}

/// A method that is a message.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) variant: Ident,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) answer: Answer,
    /// What a call yields.
    pub(crate) output: Type,
    /// The return type, if one is written: it may be that the method returns an error.
    pub(crate) returned: Option<Type>,
    pub(crate) is_async: bool,
    /// What goes to the variant and the stub as well.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) cfgs: Vec<Attribute>,
}

/// Who the methods belong to.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'a> {
    /// An actor; its type replaces `Self`.
    Actor(&'a Type),
    Protocol,
}

impl Method {
    /// Reads a signature and takes wharf's own attributes off. `None` when it is no message, or wrong.
    pub(crate) fn read(
        sig: &Signature,
        attrs: &mut Vec<Attribute>,
        owner: Owner<'_>,
        errors: &mut Errors,
    ) -> Option<Self> {
        let one_way = take_one_way(attrs, errors);
        let receiver = match sig.inputs.first() {
            Some(FnArg::Receiver(receiver)) => receiver,
            _ if one_way || matches!(owner, Owner::Protocol) => {
                errors
                    .at(&sig.ident, format!("`{}` lacks `&mut self`: a message goes to an actor", sig.ident));
                return None;
            }
            _ => return None,
        };
        let mut reader = Reader { owner, errors: Errors::default(), found: false };
        reader.check_head(sig, receiver);
        let mut method = Self {
            name: sig.ident.clone(),
            variant: variant_of(&sig.ident),
            arguments: Vec::new(),
            parameters: Vec::new(),
            answer: if one_way { Answer::None } else { Answer::Returned },
            output: parse_quote!(()),
            returned: None,
            is_async: sig.asyncness.is_some(),
            docs: attrs.iter().filter(|a| is_any(a, &["doc", "deprecated"])).cloned().collect(),
            cfgs: attrs.iter().filter(|a| is_any(a, &["cfg"])).cloned().collect(),
        };
        if let ReturnType::Type(_, ty) = &sig.output {
            let ty = reader.owned(ty);
            method.returned = Some(ty.clone());
            if !one_way {
                method.output = ty;
            }
        }
        for input in sig.inputs.iter().skip(1) {
            if let FnArg::Typed(parameter) = input {
                reader.read_parameter(parameter, &mut method);
            }
        }
        reader.finish(method, errors)
    }

    /// Where in the source it is.
    pub(crate) fn span(&self) -> Span {
        self.name.span()
    }
}

struct Reader<'a> {
    owner: Owner<'a>,
    errors: Errors,
    found: bool,
}

impl Reader<'_> {
    fn error(&mut self, tokens: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.found = true;
        self.errors.at(tokens, message);
    }

    fn check_head(&mut self, sig: &Signature, receiver: &Receiver) {
        let name = sig.ident.unraw().to_string();
        if !matches!(receiver.kind, ReceiverKind::Reference(..)) {
            let hint = "a message can't take the actor away: write `&mut self` (`cx.stop()` ends the actor)";
            self.error(receiver, hint);
        }
        if TAKEN.contains(&name.as_str()) || COMMON.contains(&name.as_str()) {
            self.error(
                &sig.ident,
                format!("every pid has a method `{name}` of its own: choose another name for this message"),
            );
        }
        if name == "handle" {
            self.error(&sig.ident, "`handle` is made by the macro: write a method for each message");
        }
        if !sig.generics.params.is_empty() {
            let hint = "a message can't be generic: put the parameter on the actor (`impl<T> Stack<T>`)";
            self.error(&sig.generics, hint);
        }
        if let Safety::Unsafe(unsafety) = &sig.safety {
            self.error(unsafety, "a message can't be `unsafe`: whoever sends it can't uphold its contract");
        }
    }

    fn read_parameter(&mut self, parameter: &PatType, method: &mut Method) {
        if is_context(&parameter.ty) {
            if method.parameters.contains(&Parameter::Context) {
                self.error(parameter, "the context is given once");
            }
            return method.parameters.push(Parameter::Context);
        }
        let Pat::Ident(pat) = &*parameter.pat else {
            let hint = "give this argument a name: it becomes a field of the message";
            return self.error(&parameter.pat, hint);
        };
        if pat.by_ref.is_some() || pat.subpat.is_some() {
            let hint = "a plain name, please: it becomes a field of the message";
            return self.error(&parameter.pat, hint);
        }
        if pat.ident == "reply" {
            return self.read_reply(parameter, method);
        }
        let ty = self.owned(&parameter.ty);
        method.parameters.push(Parameter::Argument(method.arguments.len()));
        method.arguments.push(Argument { name: pat.ident.clone(), ty });
    }

    fn read_reply(&mut self, parameter: &PatType, method: &mut Method) {
        let Some(answer) = argument_of(&parameter.ty, "Reply") else {
            let hint =
                "`reply` is where the answer goes, a `Reply<..>`: choose another name for this argument";
            return self.error(&parameter.ty, hint);
        };
        if method.answer == Answer::None {
            return self.error(parameter, "a `#[one_way]` method has no answer: take one of them away");
        }
        method.answer = Answer::Deferred;
        method.output = self.owned(answer);
        method.parameters.push(Parameter::Reply);
    }

    /// The type as a message has it.
    fn owned(&mut self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        self.visit_type_mut(&mut ty);
        ty
    }

    fn finish(self, method: Method, errors: &mut Errors) -> Option<Method> {
        if self.found {
            errors.append(self.errors);
            return None;
        }
        Some(method)
    }
}

impl VisitMut for Reader<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && path.qself.is_none()
            && path.path.is_ident("Self")
        {
            match self.owner {
                Owner::Actor(actor) => *ty = actor.clone(),
                Owner::Protocol => {
                    self.error(path, "a protocol does not know the type of its actor: name a type here");
                }
            }
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        self.error(
            reference,
            "a message owns its data, so it can't have a reference: take `String` for `&str`, `Vec<T>` or \
             `Arc<[T]>` for `&[T]`",
        );
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        let hint = "a message has a field of this type, so it must be named: a generic parameter of the \
                    actor, or `Box<dyn ..>`";
        self.error(ty, hint);
    }
}

/// Takes `#[one_way]` off; says so where something like it was written.
fn take_one_way(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> bool {
    let mut one_way = false;
    attrs.retain(|attr| {
        let Some(name) = attr.path().get_ident().map(ToString::to_string) else { return true };
        if name == "one_way" {
            one_way = true;
            if attr.meta.require_path_only().is_err() {
                errors.at(attr, "`#[one_way]` takes no arguments");
            }
            return false;
        }
        if MISTAKEN.contains(&name.as_str()) {
            let hint =
                "a method in this block takes `#[one_way]`, `#[cfg]`, documentation, and what is Rust's own";
            errors.at(attr, format!("unknown attribute `{name}`: {hint}"));
            return false;
        }
        true
    });
    one_way
}

fn is_any(attr: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attr.path().is_ident(name))
}

fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    argument_of(&reference.elem, "Context").is_some()
}

/// The `T` of `Name<T>`, also with a path before it.
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(list) = &last.arguments else { return None };
    list.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// `add_one` becomes `AddOne`.
fn variant_of(name: &Ident) -> Ident {
    let mut variant = String::new();
    for word in name.unraw().to_string().split('_') {
        let mut letters = word.chars();
        variant.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        variant.extend(letters);
    }
    if variant == "Self" || !variant.starts_with(char::is_alphabetic) {
        variant.insert_str(0, "Message");
    }
    Ident::new(&variant, name.span())
}

/// Whether it is a message of a name that is among `names` already: [`without_twins`] tells of it, so
/// the compiler need not. Notes its name otherwise.
pub(crate) fn is_repeated(sig: &Signature, attrs: &[Attribute], names: &mut Vec<Ident>) -> bool {
    if sig.receiver().is_none() || attrs.iter().any(|attr| is_any(attr, &["cfg"])) {
        return false;
    }
    let repeated = names.contains(&sig.ident);
    if !repeated {
        names.push(sig.ident.clone());
    }
    repeated
}

/// Notes methods of one name, or of one variant. Keeps the first of each.
pub(crate) fn without_twins(methods: Vec<Method>, errors: &mut Errors) -> Vec<Method> {
    let mut kept: Vec<Method> = Vec::new();
    for method in methods {
        // Of those with a `#[cfg]` only one may be there in the end.
        let twin = kept.iter().find(|other| other.variant == method.variant && other.cfgs.is_empty());
        match twin.filter(|_| method.cfgs.is_empty()) {
            None => kept.push(method),
            Some(twin) if twin.name == method.name => {
                errors.push(Error::new(method.span(), format!("two messages are named `{}`", method.name)));
            }
            Some(twin) => {
                let message = format!(
                    "`{}` and `{}` would both be the message `{}`",
                    twin.name, method.name, method.variant
                );
                errors.push(Error::new(method.span(), message));
            }
        }
    }
    kept
}
