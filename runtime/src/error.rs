//! What can go wrong, and whose fault it is.

use std::fmt;

use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::mailbox::Undelivered;

/// A message was not accepted. The message comes back with the error.
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox has no room, and this way of sending does not wait: retry, or slow down.
    Full {
        /// Whose mailbox.
        to: ActorId,
        /// How many messages it holds; 0 when it only hands over.
        limit: u32,
        /// What was to be sent.
        message: Undelivered<M>,
    },
    /// The actor has ended.
    Closed {
        /// Which actor.
        to: ActorId,
        /// What was to be sent.
        message: Undelivered<M>,
    },
    /// There is no connection to the actor's node. The actor may still live.
    NoConnection {
        /// Which actor.
        to: ActorId,
        /// What was to be sent.
        message: Undelivered<M>,
    },
    /// The message left for the actor's node, and nobody knows whether it was received: the connection was
    /// cut on the way; or the actor only takes what is handed to it (its capacity is 0), and the time was
    /// over before that was done.
    Unknown {
        /// Which actor.
        to: ActorId,
    },
    /// The message came to the actor's node, where it was to be handed over (the actor's capacity is 0), and
    /// was lost there: the actor ended first, or the message is none that it takes.
    Lost {
        /// Which actor.
        to: ActorId,
    },
    /// The message can't be put into bytes for the actor's node: the message is to blame.
    NotEncoded {
        /// Which actor.
        to: ActorId,
        /// What was to be sent.
        message: Undelivered<M>,
    },
    /// There was no room in time: the receiver is slow, or waits for something itself.
    Timeout {
        /// Whose mailbox.
        to: ActorId,
        /// What was to be sent.
        message: Undelivered<M>,
    },
    /// The node has stopped.
    NodeStopped {
        /// Which actor.
        to: ActorId,
        /// What was to be sent.
        message: Undelivered<M>,
    },
}

impl<M> SendError<M> {
    /// The message that was not sent; `None` when it left.
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::Full { message, .. }
            | Self::Closed { message, .. }
            | Self::Timeout { message, .. }
            | Self::NoConnection { message, .. }
            | Self::NotEncoded { message, .. }
            | Self::NodeStopped { message, .. } => Some(message.into_inner()),
            Self::Unknown { .. } | Self::Lost { .. } => None,
        }
    }

    /// Whether trying again later may help.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Timeout { .. })
    }

    /// Whether nobody will ever receive what is sent there.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. } | Self::NodeStopped { .. })
    }

    /// To whom it was to go.
    pub const fn to(&self) -> ActorId {
        match self {
            Self::Full { to, .. }
            | Self::Closed { to, .. }
            | Self::Timeout { to, .. }
            | Self::NoConnection { to, .. }
            | Self::Unknown { to }
            | Self::Lost { to }
            | Self::NotEncoded { to, .. }
            | Self::NodeStopped { to, .. } => *to,
        }
    }

    /// The same error about another message.
    pub fn map<N>(self, f: impl FnOnce(M) -> N) -> SendError<N> {
        let map = |message: Undelivered<M>| Undelivered::new(f(message.into_inner()));
        match self {
            Self::Full { to, limit, message } => SendError::Full { to, limit, message: map(message) },
            Self::Closed { to, message } => SendError::Closed { to, message: map(message) },
            Self::Timeout { to, message } => SendError::Timeout { to, message: map(message) },
            Self::NoConnection { to, message } => SendError::NoConnection { to, message: map(message) },
            Self::Unknown { to } => SendError::Unknown { to },
            Self::Lost { to } => SendError::Lost { to },
            Self::NotEncoded { to, message } => SendError::NotEncoded { to, message: map(message) },
            Self::NodeStopped { to, message } => SendError::NodeStopped { to, message: map(message) },
        }
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = std::any::type_name::<M>();
        match self {
            Self::Full { to, limit: 0, .. } => write!(f, "{to} is not waiting for a `{kind}`"),
            Self::Full { to, limit, .. } => {
                write!(f, "the mailbox of {to} is full ({limit} messages): `{kind}` not sent")
            }
            Self::Closed { to, .. } => write!(f, "{to} has ended: `{kind}` not sent"),
            Self::Timeout { to, .. } => {
                write!(f, "no room in the mailbox of {to} in time: `{kind}` not sent")
            }
            Self::NoConnection { to, .. } => {
                write!(f, "no connection to the node of {to}: `{kind}` not sent")
            }
            Self::Unknown { to } => {
                write!(f, "`{kind}` left for {to}, and may have come there, or not")
            }
            Self::Lost { to } => write!(f, "`{kind}` came to the node of {to}, and was not handed over"),
            Self::NotEncoded { to, .. } => {
                write!(f, "`{kind}` can't be encoded for the node of {to}: not sent")
            }
            Self::NodeStopped { to, .. } => write!(f, "the node of {to} has stopped: `{kind}` not sent"),
        }
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendError({self})")
    }
}

impl<M> std::error::Error for SendError<M> {}

/// A request got no answer. Each ask ends in exactly one outcome: the answer, or one of these.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Its receiver dropped the `Reply` without an answer.
    #[error("the request was dropped without an answer")]
    NoReply,
    /// Its receiver ended, before or after it took the request.
    #[error("the actor asked has ended: {0}")]
    Down(ExitReason),
    /// No answer came in time. The request may still be handled; its answer will be dropped.
    #[error("no answer from {to} within {after:?}")]
    Timeout {
        /// Who was asked.
        to: ActorId,
        /// How long the asker waited.
        after: std::time::Duration,
    },
    /// The mailbox has no room, and the request may not wait for it.
    #[error("the mailbox of {to} is full ({limit} messages): not asked")]
    Full {
        /// Who was to be asked.
        to: ActorId,
        /// How many messages its mailbox holds.
        limit: u32,
    },
    /// There is no connection to the actor's node, or to the node that the request was passed on to, or it
    /// was cut. The request may still be handled.
    #[error("no connection to the node of {to}")]
    NoConnection {
        /// Who was asked.
        to: ActorId,
    },
    /// The request can't be put into bytes for the actor's node: the request is to blame.
    #[error("the request can't be encoded for the node of {to}")]
    NotEncoded {
        /// Who was to be asked.
        to: ActorId,
    },
    /// The node has stopped.
    #[error("the node has stopped")]
    NodeStopped,
}

/// A node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// `Node::start` joins the tokio runtime that it is called in, and there is none.
    #[error("no tokio runtime here: call it inside one, or use `block_on`, which brings its own")]
    NoTokio,
    /// The tokio runtime was built without its timer.
    #[error("the tokio runtime has no timer: build it with `enable_time()` or `enable_all()`")]
    NoTimer,
    /// A tokio runtime could not be built.
    #[error("could not build a tokio runtime")]
    Tokio(#[source] std::io::Error),
}

/// An actor could not be found by name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No actor has this name.
    #[error("no actor is named `{name}`")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The actor of this name takes other messages.
    #[error("`{name}` takes messages of type `{found}`, not `{wanted}`")]
    WrongType {
        /// The name.
        name: String,
        /// What the actor takes.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
}

/// A name could not be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another actor has it.
    #[error("the name `{name}` belongs to {holder}")]
    Taken {
        /// The name.
        name: String,
        /// Who has it.
        holder: ActorId,
    },
    /// The actor has ended.
    #[error("{id} has ended and can't be named `{name}`")]
    NoProc {
        /// The name.
        name: String,
        /// Who was to have it.
        id: ActorId,
    },
}

/// Time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing came within {after:?}")]
#[non_exhaustive]
pub struct Elapsed {
    /// How long was waited.
    pub after: std::time::Duration,
}

impl Elapsed {
    pub(crate) const fn new(after: std::time::Duration) -> Self {
        Self { after }
    }
}

/// A skipped message did not fit into the save queue of a selective receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the save queue of {actor} is full: {limit} messages were skipped and none of them taken")]
#[non_exhaustive]
pub struct SaveQueueFull {
    /// Who receives.
    pub actor: ActorId,
    /// How many messages it holds.
    pub limit: usize,
}

impl SaveQueueFull {
    pub(crate) const fn new(actor: ActorId, limit: usize) -> Self {
        Self { actor, limit }
    }
}

/// A message could not be put aside. It comes back with the error.
#[derive(thiserror::Error)]
#[error("the stash of {actor} is full: it holds {limit} messages")]
#[non_exhaustive]
pub struct StashFull<M> {
    /// Whose stash it is.
    pub actor: ActorId,
    /// How many messages it holds.
    pub limit: usize,
    /// The message.
    pub message: Undelivered<M>,
}

impl<M> fmt::Debug for StashFull<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StashFull")
            .field("actor", &self.actor)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<M> StashFull<M> {
    /// The message.
    pub fn into_message(self) -> M {
        self.message.into_inner()
    }
}
