//! What can go wrong in a connection, and whose fault it is.

use super::ids::{FarId, NearId};
use crate::wire::{DecodeError, EncodeError, FrameKind};

/// The peer broke the protocol. The connection ends, and the peer is told so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Its bytes are no frames.
    #[error(transparent)]
    Bytes(#[from] DecodeError),
    /// A frame that has no place here and now.
    #[error("peer sent a {kind} frame out of place")]
    OutOfPlace {
        /// What it sent.
        kind: FrameKind,
    },
    /// A pid of some other node.
    #[error("peer spoke for node {got} of the connection, where only {allowed} is its to name")]
    WrongNode {
        /// The index sent.
        got: u32,
        /// The index allowed there.
        allowed: u32,
    },
    /// A frame of a pair is missing, or came twice.
    #[error("peer's frame from {from:?} to {to:?} has number {got} in their order, not {expected}")]
    Sequence {
        /// Who sent it.
        from: FarId,
        /// To whom.
        to: NearId,
        /// The number that was next.
        expected: u64,
        /// The number sent.
        got: u64,
    },
    /// A message of a type that was not agreed on.
    #[error("peer sent a message of type {number}, which was not agreed on")]
    UnknownType {
        /// The number sent.
        number: u32,
    },
    /// A type was offered, or an offer answered, against the rules.
    #[error("peer's words on type {number} make no sense: {fault}")]
    BadType {
        /// The type's number.
        number: u32,
        /// What is wrong.
        fault: &'static str,
    },
    /// More was sent, or given back, than was granted.
    #[error("peer overdrew its credit for {mailbox:?}")]
    Overdrawn {
        /// The mailbox.
        mailbox: NearId,
    },
    /// A number was used that is in use.
    #[error("peer used {what} {number} twice")]
    Repeated {
        /// What it numbers.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// There are too many of something.
    #[error("peer made more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most allowed.
        limit: usize,
    },
    /// Something that only who uses the connection can judge.
    #[error("peer sent {what}")]
    Nonsense {
        /// What it sent.
        what: &'static str,
    },
    /// A name that is no name.
    #[error("peer sent a bad {what}")]
    BadName {
        /// What it names.
        what: &'static str,
    },
}

/// A command that was not carried out: this program asked for something that can't be, or not now.
///
/// Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no connection to the peer.
    #[error("no connection to the node")]
    NoConnection,
    /// There is no credit, or the transport does not keep up.
    #[error("no room at {mailbox:?} for now")]
    Full {
        /// The mailbox.
        mailbox: FarId,
    },
    /// The actor has ended, as far as is known here.
    #[error("{actor:?} has ended")]
    Ended {
        /// Which.
        actor: FarId,
    },
    /// A limit of this node's own is reached.
    #[error("more than {limit} {what} for this peer")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most allowed.
        limit: usize,
    },
    /// The message's type was not agreed on; ask for it first.
    #[error("type {number} was not agreed on with the peer")]
    UnknownType {
        /// The number given.
        number: u32,
    },
    /// The ticket was used, given up, or is still waiting.
    #[error("ticket {number} is not one that may go")]
    NoTicket {
        /// The ticket's number.
        number: u64,
    },
    /// The ticket was for another mailbox or for fewer bytes.
    #[error("ticket {number} is not for this message")]
    WrongTicket {
        /// The ticket's number.
        number: u64,
    },
    /// A number was used that is in use.
    #[error("{what} {number} is in use")]
    InUse {
        /// What it numbers.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// The frame can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// There is no such request to answer.
    #[error("request {number} is not open")]
    NoRequest {
        /// The number given.
        number: u64,
    },
    /// A name is empty, too long, or has no versions.
    #[error("bad {what}")]
    BadName {
        /// What it names.
        what: &'static str,
    },
}
