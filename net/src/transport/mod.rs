//! Transports: what carries a connection's bytes.
//!
//! | file | its one job |
//! |---|---|
//! | `mod.rs` | what a transport is |
//! | `address.rs` | where a node is reached |
//! | `mem.rs` | inside a process |
//! | `tcp.rs` | between machines |
//! | `unix.rs` | between processes of one machine |
//! | `error.rs` | what can go wrong |
//!
//! A transport delivers bytes in order, and says when the other end is gone. Who is at the other end, and
//! whether bytes were changed, is for the protocol to find out.

mod address;
mod error;
mod mem;
mod tcp;
mod unix;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::address::{Address, AddressError};
pub use self::error::TransportError;
pub use self::mem::Mem;
pub use self::tcp::Tcp;
pub use self::unix::Unix;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A transport connection: bytes in order, both ways. Dropped, it is closed: the other end reads to the end
/// of what was written.
#[non_exhaustive]
pub struct Duplex {
    /// What the other end writes.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What the other end reads.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// What both ends know of this very connection and no one between them does; empty where there is
    /// nothing of the kind. See [`Introduction`](crate::proto::Introduction).
    pub binding: Vec<u8>,
    /// Who is at the other end, for logs.
    pub remote: String,
}

impl Duplex {
    /// Puts a connection together, without a binding.
    pub fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        remote: impl Into<String>,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            binding: Vec::new(),
            remote: remote.into(),
        }
    }
}

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// Takes calls at an address, until it is dropped.
pub trait Listener: Send {
    /// The next call.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>>;

    /// Where it listens, with what was left open filled in.
    fn address(&self) -> &Address;
}

/// One way to carry bytes between nodes.
pub trait Transport: Send + Sync + 'static {
    /// What its addresses begin with.
    fn scheme(&self) -> &'static str;

    /// Begins to take calls.
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>>;

    /// Calls.
    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>>;
}
