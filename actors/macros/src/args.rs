//! What stands in an attribute's parentheses.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, Path, Token};

use crate::diag::Errors;

/// What an attribute may be given.
pub(crate) struct Allowed {
    /// The attribute, as it is written.
    pub(crate) attribute: &'static str,
    /// Protocols by name.
    pub(crate) protocols: bool,
    /// `seed = 7`.
    pub(crate) seed: bool,
}

impl Allowed {
    fn list(&self) -> String {
        let protocols = self.protocols.then_some("protocols (`Bank, Admin`)");
        let seed = self.seed.then_some("`seed = 7`");
        let all: Vec<_> = protocols.into_iter().chain(seed).chain(["`crate = path`"]).collect();
        all.join(", ")
    }
}

/// What an attribute was given.
pub(crate) struct Args {
    /// Where wharf is.
    pub(crate) wharf: TokenStream,
    pub(crate) protocols: Vec<Path>,
    pub(crate) seed: Option<LitInt>,
}

enum Arg {
    Crate(Path),
    Seed(LitInt),
    Protocol(Path),
    Unknown(Ident),
}

impl Args {
    /// Reads what there is, and notes what must not be there.
    pub(crate) fn read(tokens: TokenStream, allowed: &Allowed, errors: &mut Errors) -> Self {
        let mut args = Self { wharf: quote!(::wharf), protocols: Vec::new(), seed: None };
        let parser = Punctuated::<Arg, Token![,]>::parse_terminated;
        let Some(list) = errors.take(parser.parse2(tokens)) else { return args };
        for arg in list {
            match arg {
                Arg::Crate(path) => args.wharf = quote!(#path),
                Arg::Seed(seed) if allowed.seed => args.seed = Some(seed),
                Arg::Protocol(path) if allowed.protocols => args.protocols.push(path),
                Arg::Seed(seed) => errors.at(seed, allowed.refuse("seed")),
                Arg::Protocol(path) => {
                    let name = quote!(#path).to_string().replace(' ', "");
                    errors.at(path, allowed.refuse(&name));
                }
                Arg::Unknown(key) => errors.at(&key, allowed.refuse(&key.to_string())),
            }
        }
        args
    }
}

impl Allowed {
    fn refuse(&self, what: &str) -> String {
        format!("`{}` takes no `{what}`; it takes: {}", self.attribute, self.list())
    }
}

impl syn::parse::Parse for Arg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let key = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            return match key.to_string().as_str() {
                "crate" => Ok(Self::Crate(input.call(Path::parse_mod_style)?)),
                "seed" => input.parse().map(Self::Seed),
                _ => {
                    input.parse::<syn::Expr>()?;
                    Ok(Self::Unknown(key))
                }
            };
        }
        let path: Path = input.parse()?;
        match path.get_ident() {
            Some(key) if !key.to_string().starts_with(char::is_uppercase) => Ok(Self::Unknown(key.clone())),
            _ => Ok(Self::Protocol(path)),
        }
    }
}
