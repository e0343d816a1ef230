//! temp
#![allow(missing_docs, missing_debug_implementations)]
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use tokio::io::{AsyncRead, AsyncWrite};
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(String);
impl Address {
    pub fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or("")
    }
    pub fn rest(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
#[derive(Clone, Debug, thiserror::Error)]
#[error("bad")]
pub struct AddressError;
impl FromStr for Address {
    type Err = AddressError;
    fn from_str(s: &str) -> Result<Self, AddressError> {
        Ok(Self(s.to_owned()))
    }
}
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub struct Duplex {
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub binding: Vec<u8>,
    pub remote: String,
}
pub trait Listener: Send {
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>>;
    fn address(&self) -> &Address;
}
pub trait Transport: Send + Sync + 'static {
    fn scheme(&self) -> &'static str;
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>>;
    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>>;
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct TransportError;
impl TransportError {
    pub fn is_temporary(&self) -> bool {
        false
    }
    pub fn unsupported(_: Address) -> Self {
        Self
    }
}
macro_rules! t {
    ($n:ident) => {
        #[derive(Clone, Default)]
        pub struct $n;
        impl Transport for $n {
            fn scheme(&self) -> &'static str {
                "x"
            }
            fn listen<'a>(
                &'a self,
                _: &'a Address,
            ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
                Box::pin(async { Err(TransportError) })
            }
            fn dial<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
                Box::pin(async { Err(TransportError) })
            }
        }
    };
}
t!(Mem);
t!(Tcp);
t!(Unix);
