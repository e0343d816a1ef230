//! What a connection tells its driver.

use std::sync::Arc;

use super::credit::Ticket;
use super::error::Violation;
use super::ids::{FarPid, Identity, NearId};
use super::reason::Signal;
use super::replies::Reply;
use super::requests::{NodeAnswer, NodeRequest};
use super::types::TypeState;

/// Something that came over a connection, or became of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message for an actor of this node. It used up credit that was granted.
    Message {
        /// For whom.
        to: NearId,
        /// From whom.
        from: FarPid,
        /// Its type: name and version, as agreed on.
        of: (Arc<str>, u16),
        /// The message, encoded. Whoever decodes it finds the rights to answer that are in it.
        payload: Box<[u8]>,
    },
    /// A message came for an actor that is not there, or may not be reached: it is lost. The rights
    /// in it still want their answers.
    DeadLetter {
        /// For whom.
        to: NearId,
        /// From whom.
        from: FarPid,
        /// Its type: name and version, as agreed on.
        of: (Arc<str>, u16),
        /// The message, encoded.
        payload: Box<[u8]>,
    },
    /// A signal for an actor of this node.
    Signal {
        /// For whom.
        to: NearId,
        /// From whom.
        from: FarPid,
        /// What it says.
        signal: Signal,
    },
    /// The one outcome of a right to answer that was let out, unless it was cancelled.
    Reply {
        /// For whom it was let out.
        to: NearId,
        /// The number that [`open_right`](super::Connection::open_right) gave.
        number: u64,
        /// What became of it.
        reply: Reply,
    },
    /// Whoever has this ticket may send: there is credit set aside.
    MayGo {
        /// The ticket.
        ticket: Ticket,
    },
    /// What was sent with this ticket, to be handed over, has been; or was lost.
    Taken {
        /// The ticket, which is used up.
        ticket: Ticket,
        /// Whether it was lost.
        lost: bool,
    },
    /// Whoever has this ticket waits in vain.
    SendFailed {
        /// The ticket, which is used up.
        ticket: Ticket,
        /// Why.
        why: SendFailure,
    },
    /// There is no such mailbox at the peer's, or no longer: sends there are in vain.
    Closed {
        /// Whose it was.
        mailbox: FarPid,
    },
    /// Somebody at the peer's waits for room in a mailbox. Answer with
    /// [`grant`](super::Connection::grant) when there is some.
    CreditWanted {
        /// The mailbox.
        mailbox: NearId,
        /// Messages that wait.
        messages: u32,
        /// Bytes that they have.
        bytes: u64,
    },
    /// Room that was granted will not be used: it is room again.
    CreditReturned {
        /// The mailbox.
        mailbox: NearId,
        /// Messages.
        messages: u32,
        /// Bytes.
        bytes: u64,
    },
    /// The peer said what it thinks of a type.
    TypeSettled {
        /// The type's name.
        name: Box<str>,
        /// Where it stands.
        state: TypeState,
    },
    /// The peer asks something of this node. Answer with
    /// [`answer_request`](super::Connection::answer_request).
    Requested {
        /// Number of the request.
        number: u64,
        /// What it asks.
        request: NodeRequest,
    },
    /// The one outcome of a request to the peer's node.
    Answered {
        /// The request's number.
        number: u64,
        /// What became of it.
        answer: NodeAnswer,
    },
    /// The peer said which node a number in its payloads is, or where itself can be reached.
    Introduced {
        /// The number.
        number: u32,
        /// The node.
        node: Identity,
        /// Where it can be reached.
        addresses: Box<[Box<str>]>,
    },
    /// The connection is over. Nothing comes after this.
    Ended {
        /// Why.
        cause: EndCause,
    },
}

/// Why a wait for credit, or to be told, is in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendFailure {
    /// The actor has ended, or may not be reached.
    Ended,
    /// The connection was cut.
    NoConnection,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndCause {
    /// This node stops.
    #[error("this node stops")]
    Stopping,
    /// The peer stops.
    #[error("the peer stops")]
    PeerStopping,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Violation(#[from] Violation),
    /// The peer says that this node broke the protocol.
    #[error("the peer says that this node broke the protocol")]
    Accused,
    /// Nothing came from the peer for too long. It may still live.
    #[error("nothing came from the peer for too long")]
    Silent,
    /// The peer says that nothing came from this node for too long.
    #[error("the peer says that nothing came from this node for too long")]
    Unheard,
    /// A frame was begun and not finished in time.
    #[error("the peer did not finish a frame in time")]
    Unfinished,
    /// The transport was closed. The peer may still live.
    #[error("the transport was closed")]
    Closed,
    /// Another connection to the peer, or to a later incarnation, takes its place.
    #[error("another connection takes its place")]
    Superseded,
    /// More waited for the peer than may: it does not read.
    #[error("more waits for the peer than may")]
    Overloaded,
    /// The peer says that this node does not read.
    #[error("the peer says that this node does not read")]
    PeerOverloaded,
}
