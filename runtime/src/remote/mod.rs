//! The seam to other nodes: what a connection offers, and what it delivers on behalf of far actors.
//!
//! This crate knows no wire. A [`Remote`] takes what actors here send to the actors of one other node; a
//! [`Connection`] brings what those send here. Pids of far actors are pids like any other.
//!
//! # Examples
//! Two nodes in one process, joined by function calls, with room without end:
//! ```
//! use std::sync::{Arc, OnceLock};
//! use std::task::{Context, Poll};
//! use wharf_runtime::remote::{Connection, Cut, Encode, FarSignal, Pair, Refusal, Remote, Ticket};
//! use wharf_runtime::{ActorId, Mailbox, Node, Pid};
//!
//! /// Numbers, as they are.
//! struct Plain;
//!
//! impl Encode<u8> for Plain {
//!     fn encode(message: u8, _: &dyn Remote, bytes: &mut Vec<u8>) -> Result<(), u8> {
//!         bytes.push(message);
//!         Ok(())
//!     }
//! }
//!
//! /// The way to an actor of the other node.
//! #[derive(Default)]
//! struct Calls(OnceLock<(Connection, Pid<u8>)>);
//!
//! impl Remote for Calls {
//!     fn try_reserve(&self, _: Pair) -> Result<(), Refusal> {
//!         Ok(())
//!     }
//!
//!     fn poll_reserve(
//!         &self,
//!         _: Pair,
//!         _: &mut Option<Ticket>,
//!         _: &mut Context<'_>,
//!     ) -> Poll<Result<(), Refusal>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn give_up(&self, _: Pair, _: Ticket) {}
//!
//!     fn unreserve(&self, _: Pair) {}
//!
//!     fn send(&self, pair: Pair, _: &'static str, bytes: Vec<u8>) -> Result<Option<Ticket>, Cut> {
//!         let (there, pid) = self.0.get().ok_or(Cut::new())?;
//!         for byte in bytes {
//!             there.receive(pair.from, pid, byte).map_err(|_| Cut::new())?;
//!         }
//!         Ok(None)
//!     }
//!
//!     fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Refusal> {
//!         self.0.get().ok_or(Refusal::NoConnection)?.0.receive_signal(to, signal);
//!         Ok(())
//!     }
//! }
//!
//! wharf_runtime::block_on(async {
//!     let near = Node::current().expect("inside a guest");
//!     let far = Node::start().unwrap();
//!     let adder = far.spawn_fn(async |mut mailbox: Mailbox<u8>| {
//!         let mut sum = 0;
//!         while let Some(n) = mailbox.receive().await {
//!             sum += n;
//!         }
//!         assert_eq!(sum, 5);
//!     });
//!     let (there, back) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
//!     let connection = near.connection(far.id(), there.clone());
//!     there.0.set((far.connection(near.id(), back.clone()), adder.clone())).unwrap();
//!     back.0.set((connection.clone(), connection.pid::<u8, Plain>(adder.id()))).unwrap();
//!
//!     let pid: Pid<u8> = connection.pid::<u8, Plain>(adder.id());
//!     assert_eq!(pid.id(), adder.id());
//!     pid.send(2).await.unwrap();
//!     pid.send(3).await.unwrap();
//!     pid.stop();
//!     pid.stopped().await;
//!     assert!(!adder.is_alive());
//! });
//! ```

mod connection;
pub(crate) mod network;
mod signal;

use std::any::Any;
use std::task::{Context, Poll};

use crate::id::ActorId;

pub use self::connection::{Connection, Grant, Sender};
pub use self::network::Network;
pub use self::signal::FarSignal;

/// Why a [`Remote`] has no room to give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// None now. Waiting helps.
    Full {
        /// How many messages the far mailbox holds; 0 when it only hands over.
        limit: u32,
    },
    /// The actor is known to have ended.
    Closed,
    /// There is no connection.
    NoConnection,
    /// The actor's node does not take messages of this type, or not of this declaration of it.
    WrongType,
}

/// The connection was cut, and nothing was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no connection to the actor's node")]
#[non_exhaustive]
pub struct Cut;

impl Cut {
    /// The error.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for Cut {
    fn default() -> Self {
        Self::new()
    }
}

/// Who sends to whom: what is sent between the two keeps its order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub struct Pair {
    /// Who sends, when that is an actor or guest.
    pub from: Option<ActorId>,
    /// The far actor.
    pub to: ActorId,
}

impl Pair {
    /// Puts a pair together.
    #[must_use]
    pub const fn new(from: Option<ActorId>, to: ActorId) -> Self {
        Self { from, to }
    }
}

/// A wait for room, named by the [`Remote`] that keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

/// What a node needs of a connection to another: one for each peer, and for as long as any pid leads there.
///
/// A send keeps room first, then encodes, then goes: so what could not be sent comes back unencoded. What
/// one sender sends to one actor, messages and signals alike, must arrive in the order of these calls.
///
/// None of these may block. They are called with no lock held, by any thread. Between a loss of the
/// connection and the return of [`Connection::cut`] they must refuse.
pub trait Remote: Send + Sync {
    /// Keeps room for one message, if there is some now.
    ///
    /// # Errors
    /// [`Refusal`] says why not.
    fn try_reserve(&self, pair: Pair) -> Result<(), Refusal>;

    /// Waits for room. With no ticket yet it tries, and if there is none, waits from now on; it is woken
    /// when there is, or when there is a refusal other than `Full`. Ready, the ticket is spent.
    fn poll_reserve(
        &self,
        pair: Pair,
        ticket: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>>;

    /// Ends a wait. Room that was kept for it meanwhile goes on to others.
    fn give_up(&self, pair: Pair, ticket: Ticket);

    /// Gives on room that was kept. It is the far actor's: who sends it back may be another than who had
    /// it kept.
    fn unreserve(&self, pair: Pair);

    /// Sends an encoded message on room that was kept, by whomever. `kind` names its type. With a ticket, the
    /// message is to be handed over: [`poll_taken`](Self::poll_taken) says when it is, and who does not
    /// want to know [gives the ticket up](Self::give_up).
    ///
    /// # Errors
    /// [`Cut`] when the connection is lost.
    fn send(&self, pair: Pair, kind: &'static str, bytes: Vec<u8>) -> Result<Option<Ticket>, Cut>;

    /// Waits until a message has been handed over. A refusal: it will not be, or nobody knows. Ready, the
    /// ticket is spent.
    fn poll_taken(&self, pair: Pair, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let _ = (pair, ticket, cx);
        Poll::Ready(Ok(()))
    }

    /// Sends a signal; it needs no room.
    ///
    /// # Errors
    /// [`Refusal`]. Whoever waits for an answer is told `NoProc` when that is [`Closed`](Refusal::Closed),
    /// and else `NoConnection`.
    fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Refusal>;

    /// What an [`Encode`] made for this kind of connection needs of it: the exchange that pids and replies
    /// in messages pass through, say.
    fn context(&self) -> &dyn Any {
        &()
    }
}

/// How messages of type `M` become bytes.
pub trait Encode<M>: 'static {
    /// Appends the message to `bytes`, on its way through `remote`.
    ///
    /// # Errors
    /// The message, when it has no such form. What was appended is not used then.
    fn encode(message: M, remote: &dyn Remote, bytes: &mut Vec<u8>) -> Result<(), M>;
}
