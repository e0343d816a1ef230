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
//!     fn encode(message: u8, bytes: &mut Vec<u8>) -> Result<(), u8> {
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
//!     fn send(&self, pair: Pair, _: &'static str, bytes: Vec<u8>) -> Result<(), Cut> {
//!         let (there, pid) = self.0.get().ok_or(Cut::new())?;
//!         for byte in bytes {
//!             there.receive(pair.from, pid, byte).map_err(|_| Cut::new())?;
//!         }
//!         Ok(())
//!     }
//!
//!     fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Cut> {
//!         self.0.get().ok_or(Cut::new())?.0.receive_signal(to, signal);
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
//!     assert!(pid.stopped().await.is_normal());
//! });
//! ```

use std::any::type_name;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cell::pid::{AnyPid, Pid};
use crate::cell::proxy::Proxy;
use crate::cell::relation;
use crate::cell::state::Code;
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::error::SendError;
use crate::exit::ExitReason;
use crate::id::{ActorId, NodeId};
use crate::mailbox::far;
use crate::node::{Node, NodeShared};
use crate::signal::{MonitorRef, Signal};

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

    /// Sends an encoded message on room that was kept, by whomever. `kind` names its type.
    ///
    /// # Errors
    /// [`Cut`] when the connection is lost.
    fn send(&self, pair: Pair, kind: &'static str, bytes: Vec<u8>) -> Result<(), Cut>;

    /// Sends a signal; it needs no room.
    ///
    /// # Errors
    /// [`Cut`] when there is no connection. Whoever waits for an answer is then told of `NoConnection`.
    fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Cut>;
}

/// How messages of type `M` become bytes.
pub trait Encode<M>: 'static {
    /// Appends the message to `bytes`.
    ///
    /// # Errors
    /// The message, when it has no such form. What was appended is not used then.
    fn encode(message: M, bytes: &mut Vec<u8>) -> Result<(), M>;
}

/// A signal between actors of different nodes, with ids in place of pids.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FarSignal {
    /// Asks the receiver to end, or tells it that an actor linked to it has.
    Exit {
        /// Who ended, or who asks.
        from: ActorId,
        /// Why.
        reason: ExitReason,
        /// Whether it comes through a link.
        link: bool,
    },
    /// Sets a link up.
    Link {
        /// Who links.
        from: ActorId,
    },
    /// Takes a link down.
    Unlink {
        /// Who unlinks.
        from: ActorId,
        /// What the acknowledgement must carry.
        id: u64,
    },
    /// Acknowledges an `Unlink`.
    UnlinkAck {
        /// Who received it.
        from: ActorId,
        /// What it carried.
        id: u64,
    },
    /// Sets a monitor on the receiver; its owner sends it.
    Monitor {
        /// Its name.
        monitor: MonitorRef,
        /// Whether its owner wants the `Down` ahead of messages.
        priority: bool,
    },
    /// Takes a monitor off the receiver; its owner sends it.
    Demonitor {
        /// Its name.
        monitor: MonitorRef,
    },
    /// Tells a monitor's owner that its subject, which sends it, ended.
    Down {
        /// Its name.
        monitor: MonitorRef,
        /// Who ended.
        subject: ActorId,
        /// Why.
        reason: ExitReason,
        /// As its owner asked.
        priority: bool,
    },
    /// Asks the receiver to end once it has handled what was sent before.
    Stop {
        /// Who asks.
        from: ActorId,
    },
}

impl FarSignal {
    /// Who sends it: with the receiver, the pair in whose order it goes.
    #[must_use]
    pub const fn sender(&self) -> ActorId {
        match self {
            Self::Exit { from, .. }
            | Self::Link { from }
            | Self::Unlink { from, .. }
            | Self::UnlinkAck { from, .. }
            | Self::Stop { from } => *from,
            Self::Monitor { monitor, .. } | Self::Demonitor { monitor } => monitor.owner(),
            Self::Down { subject, .. } => *subject,
        }
    }

    /// What `signal` is for another node; `current` sends what bears no sender. A timer's never leaves.
    pub(crate) fn of(signal: &Signal<AnyPid>, current: ActorId) -> Option<Self> {
        Some(match signal {
            Signal::Exit { from, reason, link } => {
                Self::Exit { from: *from, reason: reason.clone(), link: *link }
            }
            Signal::Link { from } => Self::Link { from: from.id() },
            Signal::Unlink { from, id } => Self::Unlink { from: from.id(), id: *id },
            Signal::UnlinkAck { from, id } => Self::UnlinkAck { from: *from, id: *id },
            Signal::Monitor { monitor, priority, .. } => {
                Self::Monitor { monitor: *monitor, priority: *priority }
            }
            Signal::Demonitor { monitor } => Self::Demonitor { monitor: *monitor },
            Signal::Down { monitor, subject, reason, priority } => Self::Down {
                monitor: *monitor,
                subject: *subject,
                reason: reason.clone(),
                priority: *priority,
            },
            Signal::Stop => Self::Stop { from: current },
            Signal::Due(_) => return None,
        })
    }

    fn into_signal(self, from: &AnyPid) -> Signal<AnyPid> {
        let from_pid = || from.clone();
        match self {
            Self::Exit { from, reason, link } => Signal::Exit { from, reason, link },
            Self::Link { .. } => Signal::Link { from: from_pid() },
            Self::Unlink { id, .. } => Signal::Unlink { from: from_pid(), id },
            Self::UnlinkAck { from, id } => Signal::UnlinkAck { from, id },
            Self::Monitor { monitor, priority } => Signal::Monitor { from: from_pid(), monitor, priority },
            Self::Demonitor { monitor } => Signal::Demonitor { monitor },
            Self::Down { monitor, subject, reason, priority } => {
                Signal::Down { monitor, subject, reason, priority }
            }
            Self::Stop { .. } => Signal::Stop,
        }
    }
}

/// This node's side of what joins it to another: makes pids of the peer's actors, and delivers what those
/// send. Clones are the same.
#[derive(Clone)]
pub struct Connection {
    node: Arc<NodeShared>,
    peer: NodeId,
    remote: Arc<dyn Remote>,
}

impl Node {
    /// Joins this node with `peer`: what is sent to its actors goes to `remote`.
    #[must_use]
    pub fn connection(&self, peer: NodeId, remote: Arc<dyn Remote>) -> Connection {
        Connection { node: self.clone().into_shared(), peer, remote }
    }
}

impl Connection {
    /// The node at the other end.
    #[must_use]
    pub const fn peer(&self) -> NodeId {
        self.peer
    }

    /// The address of one of the peer's actors. Equal ids give equal pids: as long as one is there, it is
    /// that one.
    #[must_use]
    pub fn any(&self, id: ActorId) -> AnyPid {
        debug_assert_eq!(id.node(), self.peer, "an actor of the peer");
        self.node.proxies.get(&self.node, id, &self.remote)
    }

    /// The address of one of the peer's actors, whose messages of type `M` are encoded by `E`. That it
    /// takes those is for the caller to know.
    #[must_use]
    pub fn pid<M: Send + 'static, E: Encode<M>>(&self, id: ActorId) -> Pid<M> {
        far::typed::<M, E>(self.any(id))
    }

    /// Delivers a message that `from`, one of the peer's actors, has sent to an actor here.
    ///
    /// What comes for an actor that has ended becomes a dead letter here: its sender was told `Ok` long
    /// ago.
    ///
    /// # Errors
    /// [`SendError::Full`] when there is no room: see [`Connection::grant`], which keeps some.
    pub fn receive<M>(&self, from: Option<ActorId>, to: &Pid<M>, message: M) -> Result<(), SendError<M>> {
        let sent = to.try_send_as(message, self.code(from));
        self.settle(from, sent)
    }

    /// Keeps room in an actor's mailbox for up to `wanted` messages of the peer's, as much as there is now.
    pub fn grant<M>(&self, to: &Pid<M>, wanted: u32) -> Grant<M> {
        let mut grant = Grant { connection: self.clone(), to: to.clone(), kept: 0 };
        grant.raise_to(wanted);
        grant
    }

    /// Waits for room for one message, in line with all who send there.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// As for [`Pid::reserve`].
    pub async fn grant_one<M>(&self, to: &Pid<M>) -> Result<Grant<M>, SendError<()>> {
        // Its room is the grant's from here on.
        let _ = ManuallyDrop::new(to.reserve().await?);
        Ok(Grant { connection: self.clone(), to: to.clone(), kept: 1 })
    }

    /// Delivers a signal that one of the peer's actors has sent to an actor here. If that has ended, the
    /// sender is told.
    pub fn receive_signal(&self, to: ActorId, signal: FarSignal) {
        let from = self.any(signal.sender());
        let signal = signal.into_signal(&from);
        // An id that names nobody any more is answered for as one who has ended.
        let near = if to.node() == self.node.id {
            self.node.find(Code::new(to.slot(), to.generation()))
        } else {
            None
        };
        let Some(near) = near else {
            if let Some((to, answer)) = relation::refused(to, &ExitReason::NoProc, signal) {
                to.deliver(answer);
            }
            return;
        };
        if let Some(proxy) = Proxy::of(from.header()) {
            proxy.note_arriving(&near, &signal);
        }
        near.deliver(signal);
    }

    /// Tells all actors here that there is no connection to the peer: `NoConnection` through each link and
    /// monitor across it; what the peer's actors have set here is taken off.
    ///
    /// Sends that wait are the [`Remote`]'s to wake and refuse.
    pub fn cut(&self) {
        self.node.proxies.cut(self.peer);
    }

    /// Counts and reports a message of an actor here that was accepted, and that the cut kept from leaving.
    pub fn bury(&self, pair: Pair, kind: &'static str) {
        self.record(pair.from, pair.to, kind, DeadLetterCause::NoConnection);
    }

    fn code(&self, from: Option<ActorId>) -> u64 {
        from.map_or(Code::NONE, |from| self.node.proxies.code(from)).bits()
    }

    fn settle<M>(&self, from: Option<ActorId>, sent: Result<(), SendError<M>>) -> Result<(), SendError<M>> {
        match sent {
            Err(error) if error.is_closed() => {
                self.record(from, error.to(), type_name::<M>(), DeadLetterCause::NoProc);
                Ok(())
            }
            other => other,
        }
    }

    fn record(&self, from: Option<ActorId>, to: ActorId, kind: &'static str, cause: DeadLetterCause) {
        self.node.record_dead_letter(DeadLetter::new(to, from, kind, cause, self.node.now()));
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("node", &self.node.id)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Room in a mailbox here that is kept for a peer's messages. What is not used goes on to others when it is
/// dropped.
#[must_use = "the room is given on when the grant is dropped"]
pub struct Grant<M> {
    connection: Connection,
    to: Pid<M>,
    kept: u32,
}

impl<M> Grant<M> {
    /// For how many messages there is room.
    #[must_use]
    pub const fn left(&self) -> u32 {
        self.kept
    }

    /// Delivers a message that `from`, one of the peer's actors, has sent, on the room kept here. For an
    /// actor that has ended it becomes a dead letter.
    ///
    /// # Errors
    /// [`SendError::Full`] when the grant is used up and there is no other room.
    pub fn receive(&mut self, from: Option<ActorId>, message: M) -> Result<(), SendError<M>> {
        if self.kept == 0 {
            return self.connection.receive(from, &self.to, message);
        }
        self.kept -= 1;
        let sent = self.to.send_kept(message, self.connection.code(from));
        self.connection.settle(from, sent)
    }

    /// Keeps room for up to `count` messages, as much as there is now; says for how many.
    pub fn raise_to(&mut self, count: u32) -> u32 {
        while self.kept < count && self.to.try_keep().is_ok() {
            self.kept += 1;
        }
        self.kept
    }

    /// Gives on what is kept beyond `count`.
    pub fn reduce_to(&mut self, count: u32) {
        while self.kept > count {
            self.kept -= 1;
            self.to.give_kept();
        }
    }
}

impl<M> Drop for Grant<M> {
    fn drop(&mut self) {
        self.reduce_to(0);
    }
}

impl<M> fmt::Debug for Grant<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("to", &self.to).field("left", &self.kept).finish_non_exhaustive()
    }
}
