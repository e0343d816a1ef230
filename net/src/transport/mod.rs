//! Transports: what carries a connection's bytes.
//!
//! | file | its one job |
//! |---|---|
//! | `mod.rs` | what a transport is |
//! | `address.rs` | where a node is reached |
//! | `mem.rs` | inside a process |
//! | `tcp.rs` | between machines |
//! | `unix.rs` | between processes of one machine |
//! | `socket_file.rs` | the file of a Unix socket |
//! | `error.rs` | what can go wrong |
//!
//! A transport delivers bytes in order, and says when the other end is gone. Who is at the other end, and
//! whether bytes were changed, is for the protocol to find out. `net/tests/transports.rs` is one suite for
//! all.

mod address;
mod error;
mod mem;
#[cfg(unix)]
mod socket_file;
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
use crate::proto::Origin;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A transport connection: bytes in order, both ways, each by itself: a writer that is shut down has the
/// other end read to the end of what was written, while the other direction goes on. Dropped, it is closed;
/// unless the writer was shut down and all that came was read, the other end may be told of an error. Of what
/// was written and not yet read there is a bounded amount on the way: then the writer waits.
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
    /// Where it calls from: when there are too many strangers, those who call from the same place make way
    /// first. Of no account for a connection that was dialled.
    pub origin: Origin,
}

impl Duplex {
    /// Puts a connection together, without a binding and from this machine.
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
            origin: Origin::HERE,
        }
    }
}

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// Takes calls at an address, until it is dropped: then nobody listens there, and another may.
pub trait Listener: Send {
    /// The next call. A caller that has gone, or may not call, is passed over.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// When no call can be taken now. If that is [temporary](TransportError::is_temporary) it is tried again
    /// after a pause; else the listener is of no use any more.
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>>;

    /// Where it listens, with what was left open filled in.
    fn address(&self) -> &Address;
}

/// One way to carry bytes between nodes.
pub trait Transport: Send + Sync + 'static {
    /// What its addresses begin with.
    fn scheme(&self) -> &'static str;

    /// Begins to take calls. Whoever calls from now on is taken, or waits.
    ///
    /// # Cancel safety
    /// It does not listen.
    ///
    /// # Errors
    /// [`InUse`](TransportError::InUse) when somebody listens there.
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>>;

    /// Calls. Where so many call that there is no room, it waits.
    ///
    /// # Cancel safety
    /// Who listens may see a connection that is over.
    ///
    /// # Errors
    /// [`Refused`](TransportError::Refused) when nobody listens there, at once.
    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>>;
}
