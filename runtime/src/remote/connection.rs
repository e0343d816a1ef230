//! What comes from another node: delivered here on behalf of those who sent it.

use std::any::type_name;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

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

use super::{Encode, FarSignal, Pair, Remote};

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

    /// As whom what one of the peer's actors sends is delivered.
    #[must_use]
    pub fn sender(&self, from: Option<ActorId>) -> Sender {
        Sender(self.code(from))
    }

    /// Counts and reports a message of a peer's actor that came for one who has ended.
    pub fn bury_arrived(&self, from: Option<ActorId>, to: ActorId, kind: &'static str) {
        self.record(from, to, kind, DeadLetterCause::NoProc);
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
        let mut signal = signal.into_signal(&from);
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
            proxy.note_arriving(&near, &mut signal);
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

/// As whom a message is delivered that does not come from an actor of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender(pub(crate) u64);

impl Sender {
    /// Nobody in particular.
    pub const NOBODY: Self = Self(0);
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
