//! What can go wrong on the way between values and bytes, and whose fault it is.

use std::fmt;

use crate::error::AskError;
use crate::id::ActorId;

use super::exchange::RightRef;

/// A message or an answer could not become bytes: the sender's own program is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It has more bytes, or more elements in its collections, than its type may have: send less at
    /// once, or raise the type's `max_bytes`.
    #[error("larger than the {limit} bytes that a message of its type may have")]
    TooLarge {
        /// The type's limit in bytes.
        limit: usize,
    },
    /// Values are nested too deep: send a flat form of them.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// How many levels there may be.
        limit: u32,
    },
    /// A collection does not say how many elements it has before it is written.
    #[error("a collection whose length is not known beforehand")]
    UnknownLength,
    /// The `Serialize` of a type inside refused.
    #[error("a value refused to be serialised: {reason}")]
    Value {
        /// In its own words.
        reason: String,
    },
    /// The connection did not take a pid or reply.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

/// Bytes are no message or answer of the type expected: whoever made them is to blame, or
/// the two programs do not have the same declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are more bytes, or more elements announced, than the type may have.
    #[error("larger than the {limit} bytes that a message of its type may have")]
    TooLarge {
        /// The type's limit in bytes.
        limit: usize,
    },
    /// Values are nested too deep.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// How many levels there may be.
        limit: u32,
    },
    /// The bytes end in the middle of a value.
    #[error("the bytes end in the middle of a value")]
    Truncated,
    /// There are bytes left after the value.
    #[error("{count} bytes are left over")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A byte sequence that no value has.
    #[error("no {expected} has these bytes")]
    Invalid {
        /// What was to be read.
        expected: &'static str,
    },
    /// The declaration has no message of this number.
    #[error("`{message}` has no variant {variant}")]
    UnknownVariant {
        /// The message type.
        message: &'static str,
        /// The number read.
        variant: u32,
    },
    /// A type asks for what the format can't tell, such as `#[serde(untagged)]` does.
    #[error("a type wants to be told what comes next, which the format does not say")]
    NotSelfDescribing,
    /// The `Deserialize` of a type inside refused.
    #[error("a value refused to be deserialised: {reason}")]
    Value {
        /// In its own words.
        reason: String,
    },
    /// The connection did not take a pid or reply.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
}

/// A pid or a right could not pass between a message and its connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The pid is of an actor that takes other messages: the peer mixed two pids up.
    #[error("the pid {id} is of an actor that takes `{found}`, not `{wanted}`")]
    WrongMessage {
        /// Which actor.
        id: ActorId,
        /// What it takes.
        found: &'static str,
        /// What was expected.
        wanted: &'static str,
    },
    /// The connection refuses: it is closed, has no room, or does not know the pid.
    #[error("the connection refuses: {reason}")]
    Refused {
        /// In its own words.
        reason: String,
    },
}

/// A message did not become bytes. It comes back whole, its replies live.
pub struct NotEncoded<M> {
    /// Why.
    pub error: EncodeError,
    /// What was to be encoded.
    pub message: M,
}

impl<M> fmt::Debug for NotEncoded<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotEncoded").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<M> fmt::Display for NotEncoded<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` not encoded: {}", std::any::type_name::<M>(), self.error)
    }
}

impl<M> std::error::Error for NotEncoded<M> {}

/// Bytes for an actor did not become a message in its mailbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// They are no message of the actor's type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The mailbox rejects what finds no room.
    #[error("the mailbox of {to} is full ({limit} messages)")]
    Full {
        /// Whose mailbox.
        to: ActorId,
        /// How many messages it holds.
        limit: u32,
        /// The rights in the message: each of their holders waits to be told.
        rights: Vec<RightRef>,
    },
    /// The actor has ended.
    #[error("{to} has ended")]
    Closed {
        /// Which actor.
        to: ActorId,
        /// The rights in the message: each of their holders waits to be told.
        rights: Vec<RightRef>,
    },
    /// The actor is on a third node. There is no connection to that, or it was cut: then the message may
    /// have arrived.
    #[error("no connection to the node of {to}")]
    NoConnection {
        /// Which actor.
        to: ActorId,
        /// The rights in the message: each of their holders waits to be told.
        rights: Vec<RightRef>,
    },
    /// The actor is on a third node, and the message does not become bytes for that.
    #[error("the message can't be encoded for the node of {to}")]
    NotEncoded {
        /// Which actor.
        to: ActorId,
        /// The rights in the message: each of their holders waits to be told.
        rights: Vec<RightRef>,
    },
    /// The node has stopped.
    #[error("the node of {to} has stopped")]
    NodeStopped {
        /// Which actor.
        to: ActorId,
        /// The rights in the message: each of their holders waits to be told.
        rights: Vec<RightRef>,
    },
}

/// A request from another node has no answer that could be sent back.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// There is none, and this is what the asker is to be told.
    #[error(transparent)]
    Unanswered(#[from] AskError),
    /// The request was passed on to a third node, and the connection to that is gone: the asker is told
    /// so when the peer drops its [`ExportedReply`](super::ExportedReply).
    #[error("the request was passed on to a node whose connection is gone")]
    NoConnection,
    /// There is one, and it did not become bytes: whoever answered is to blame.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
