//! What stands in an attribute's parentheses.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitInt, LitStr, Path, Token};

use crate::diag::Errors;

/// What an attribute may be given.
pub(crate) struct Allowed {
    /// The attribute, as it is written.
    pub(crate) attribute: &'static str,
    /// Protocols by name.
    pub(crate) protocols: bool,
    /// `seed = 7`.
    pub(crate) seed: bool,
    /// `wire`, which says that the messages may travel.
    pub(crate) wire: bool,
    /// `name`, `version` and `max_bytes` of messages that may travel.
    pub(crate) wire_keys: bool,
}

impl Allowed {
    fn list(&self) -> String {
        let protocols = self.protocols.then_some("protocols (`Bank, Admin`)");
        let seed = self.seed.then_some("`seed = 7`");
        let wire = self.wire.then_some("`wire`");
        let keys: &[_] =
            if self.wire_keys { &["`name = \"..\"`", "`version = 2`", "`max_bytes = 65_536`"] } else { &[] };
        let all = protocols.into_iter().chain(wire).chain(keys.iter().copied()).chain(seed);
        let all: Vec<_> = all.chain(["`crate = path`"]).collect();
        all.join(", ")
    }
}

/// What an attribute was given.
pub(crate) struct Args {
    /// Where wharf is.
    pub(crate) wharf: TokenStream,
    pub(crate) protocols: Vec<Path>,
    pub(crate) seed: Option<LitInt>,
    /// The messages may travel.
    pub(crate) wire: bool,
    pub(crate) keys: WireKeys,
}

/// What messages that may travel are called, and how large they may be.
#[derive(Default)]
pub(crate) struct WireKeys {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) max_bytes: Option<Expr>,
}

impl WireKeys {
    /// The first token given.
    fn first(&self) -> Option<TokenStream> {
        let Self { name, version, max_bytes } = self;
        let name = name.as_ref().map(ToTokens::to_token_stream);
        name.or_else(|| Some(version.as_ref()?.to_token_stream()))
            .or_else(|| Some(max_bytes.as_ref()?.to_token_stream()))
    }
}

enum Arg {
    Wire(Ident),
    Name(LitStr),
    Version(LitInt),
    MaxBytes(Expr),
    Crate(Path),
    Seed(LitInt),
    Protocol(Path),
    Unknown(Ident),
}

impl Args {
    /// Reads what there is, and notes what must not be there.
    pub(crate) fn read(tokens: TokenStream, allowed: &Allowed, errors: &mut Errors) -> Self {
        let mut args = Self {
            wharf: quote!(::wharf),
            protocols: Vec::new(),
            seed: None,
            wire: false,
            keys: WireKeys::default(),
        };
        let parser = Punctuated::<Arg, Token![,]>::parse_terminated;
        let Some(list) = errors.take(parser.parse2(tokens)) else { return args };
        for arg in list {
            match arg {
                Arg::Crate(path) => args.wharf = quote!(#path),
                Arg::Seed(seed) if allowed.seed => args.seed = Some(seed),
                Arg::Protocol(path) if allowed.protocols => args.protocols.push(path),
                Arg::Wire(_) if allowed.wire => args.wire = true,
                Arg::Name(name) if allowed.wire_keys => args.keys.name = Some(name),
                Arg::Version(version) if allowed.wire_keys => args.keys.version = Some(version),
                Arg::MaxBytes(bytes) if allowed.wire_keys => args.keys.max_bytes = Some(bytes),
                Arg::Wire(wire) => errors.at(wire, allowed.refuse("wire")),
                Arg::Name(name) => errors.at(name, allowed.refuse("name")),
                Arg::Version(version) => errors.at(version, allowed.refuse("version")),
                Arg::MaxBytes(bytes) => errors.at(bytes, allowed.refuse("max_bytes")),
                Arg::Seed(seed) => errors.at(seed, allowed.refuse("seed")),
                Arg::Protocol(path) => {
                    let name = quote!(#path).to_string().replace(' ', "");
                    errors.at(path, allowed.refuse(&name));
                }
                Arg::Unknown(key) => errors.at(&key, allowed.refuse(&key.to_string())),
            }
        }
        if allowed.wire
            && !args.wire
            && let Some(key) = args.keys.first()
        {
            errors.at(key, "only messages that may travel have this: write `wire` as well");
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
                "name" => input.parse().map(Self::Name),
                "version" => input.parse().map(Self::Version),
                "max_bytes" => input.parse().map(Self::MaxBytes),
                _ => {
                    input.parse::<Expr>()?;
                    Ok(Self::Unknown(key))
                }
            };
        }
        let path: Path = input.parse()?;
        match path.get_ident() {
            Some(key) if key == "wire" => Ok(Self::Wire(key.clone())),
            Some(key) if !key.to_string().starts_with(char::is_uppercase) => Ok(Self::Unknown(key.clone())),
            _ => Ok(Self::Protocol(path)),
        }
    }
}
