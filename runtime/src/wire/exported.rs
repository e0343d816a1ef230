//! Pids that other nodes may send to: room there, and how bytes become messages.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cell::pid::{AnyPid, Pid};
use crate::error::SendError;
use crate::id::ActorId;
use crate::mailbox::send_as::SendAs;
use crate::queue::Capacity;
use crate::remote::Sender;

use super::decoder::Imports;
use super::error::DeliverError;
use super::exchange::{Exchange, MessageType, RightRef};
use super::reply::ImportedReply;
use super::{Wire, read};

/// A pid that other nodes may send to: who, and how bytes become messages for it.
#[derive(Clone)]
pub struct ExportedPid {
    pid: AnyPid,
    message: MessageType,
    typed: Arc<dyn Typed>,
}

impl ExportedPid {
    /// The pid of an actor on this node.
    #[must_use]
    pub fn of<M: Wire>(pid: &Pid<M>) -> Self {
        Self { pid: pid.any(), message: MessageType::of::<M>(), typed: Arc::new(pid.clone()) }
    }

    /// Which actor.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.pid.id()
    }

    /// The pid, for signals.
    #[must_use]
    pub const fn pid(&self) -> &AnyPid {
        &self.pid
    }

    /// What it takes.
    #[must_use]
    pub const fn message(&self) -> MessageType {
        self.message
    }

    /// The pid as it was, if its messages are of type `M`.
    #[must_use]
    pub fn downcast<M: 'static>(&self) -> Option<Pid<M>> {
        self.typed.as_any().downcast_ref().cloned()
    }

    /// How many messages it holds.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.pid.header().queue.capacity()
    }

    /// Keeps room for up to `wanted` messages, as much as there is now; says for how many.
    #[must_use = "the room is kept until it is used or given on"]
    pub fn keep(&self, wanted: u32) -> u32 {
        self.typed.keep(wanted)
    }

    /// Waits for room for one message, in line with all who send there.
    #[must_use = "futures do nothing unless awaited"]
    pub fn keep_one(&self) -> KeepOne {
        KeepOne(self.typed.keep_one())
    }

    /// Gives on room that is kept for `count` messages.
    pub fn give(&self, count: u32) {
        self.typed.give(count);
    }

    /// Decodes a message of `sender`'s and puts it into the mailbox, on room that is kept.
    ///
    /// Replies in the message are given to `exchange` once the mailbox has it.
    ///
    /// # Errors
    /// [`DeliverError`]; the message is lost, and with it the rights that the error names. The room is used,
    /// or given on.
    pub fn deliver_kept(
        &self,
        sender: Sender,
        bytes: &[u8],
        exchange: &Arc<dyn Exchange>,
    ) -> Result<(), DeliverError> {
        self.typed.deliver_kept(sender, bytes, exchange)
    }

    /// Decodes a message of `sender`'s and puts it into the mailbox. `None`: it is there. `Some`: there is
    /// no room now, and the future ends when it is there; later messages of the same sender come after it.
    ///
    /// Replies in the message are given to `exchange` once the mailbox has it.
    ///
    /// # Errors
    /// [`DeliverError`]; the message is lost, and with it the rights that the error names.
    pub fn deliver(
        &self,
        sender: Sender,
        bytes: &[u8],
        exchange: &Arc<dyn Exchange>,
    ) -> Result<Option<Waiting>, DeliverError> {
        self.typed.deliver(sender, bytes, exchange)
    }

    /// The rights in a message that can't be delivered: each of their holders waits to be told.
    #[must_use]
    pub fn rights_in(&self, bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Vec<RightRef> {
        self.typed.rights_in(bytes, exchange)
    }
}

impl fmt::Debug for ExportedPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedPid").field("pid", &self.pid).field("message", &self.message).finish()
    }
}

/// What needs the message type.
trait Typed: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn keep(&self, wanted: u32) -> u32;
    fn keep_one(&self) -> Pin<Box<dyn Future<Output = Result<(), SendError<()>>> + Send>>;
    fn give(&self, count: u32);
    fn deliver_kept(
        &self,
        sender: Sender,
        bytes: &[u8],
        exchange: &Arc<dyn Exchange>,
    ) -> Result<(), DeliverError>;
    fn deliver(
        &self,
        sender: Sender,
        bytes: &[u8],
        exchange: &Arc<dyn Exchange>,
    ) -> Result<Option<Waiting>, DeliverError>;
    fn rights_in(&self, bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Vec<RightRef>;
}

/// Room that is given on unless it is used: the code of a message may panic when it is decoded.
struct Kept<'a, M>(&'a Pid<M>);

impl<M> Drop for Kept<'_, M> {
    fn drop(&mut self) {
        self.0.give_kept();
    }
}

impl<M: Wire> Typed for Pid<M> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn keep(&self, wanted: u32) -> u32 {
        (0..wanted).take_while(|_| self.try_keep().is_ok()).fold(0, |kept, _| kept + 1)
    }

    fn keep_one(&self) -> Pin<Box<dyn Future<Output = Result<(), SendError<()>>> + Send>> {
        let pid = self.clone();
        Box::pin(async move {
            let permit = pid.reserve().await?;
            // Its room is the caller's from here on.
            let _ = std::mem::ManuallyDrop::new(permit);
            Ok(())
        })
    }

    fn give(&self, count: u32) {
        (0..count).for_each(|_| self.give_kept());
    }

    fn deliver_kept(
        &self,
        sender: Sender,
        bytes: &[u8],
        exchange: &Arc<dyn Exchange>,
    ) -> Result<(), DeliverError> {
        let kept = Kept(self);
        let (message, imports) = read::<M>(bytes, M::MAX_BYTES, exchange, M::decode)?;
        // Used from here on.
        let _ = std::mem::ManuallyDrop::new(kept);
        match self.send_kept(message, sender.0) {
            Ok(()) => {
                imports.keep();
                Ok(())
            }
            Err(error) => Err(refused(&error, rights(&imports.into_parts()))),
        }
    }

    fn deliver(
        &self,
        sender: Sender,
        bytes: &[u8],
        exchange: &Arc<dyn Exchange>,
    ) -> Result<Option<Waiting>, DeliverError> {
        let (message, imports) = read::<M>(bytes, M::MAX_BYTES, exchange, M::decode)?;
        match self.try_send_as(message, sender.0) {
            Ok(()) => {
                imports.keep();
                Ok(None)
            }
            Err(SendError::Full { message, .. }) => {
                Ok(Some(wait(self.clone(), sender, message.into_inner(), imports, exchange)))
            }
            Err(error) => Err(refused(&error, rights(&imports.into_parts()))),
        }
    }

    fn rights_in(&self, bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Vec<RightRef> {
        match read::<M>(bytes, M::MAX_BYTES, exchange, M::decode) {
            Ok((_, imports)) => rights(&imports.into_parts()),
            Err(_) => Vec::new(),
        }
    }
}

fn wait<M: Wire>(
    pid: Pid<M>,
    sender: Sender,
    message: M,
    imports: Imports<'_>,
    exchange: &Arc<dyn Exchange>,
) -> Waiting {
    let (imports, exchange) = (imports.into_parts(), Arc::clone(exchange));
    Waiting(Box::pin(async move {
        match SendAs::new(&pid, message, sender.0).await {
            Ok(()) => {
                for (right, reply) in imports {
                    exchange.import_reply(right, reply);
                }
                Ok(())
            }
            Err(error) => Err(refused(&error, rights(&imports))),
        }
    }))
}

fn rights(imports: &[(RightRef, ImportedReply)]) -> Vec<RightRef> {
    imports.iter().map(|(right, _)| *right).collect()
}

fn refused<M>(error: &SendError<M>, rights: Vec<RightRef>) -> DeliverError {
    match error {
        SendError::Full { to, limit, .. } => DeliverError::Full { to: *to, limit: *limit, rights },
        SendError::NodeStopped { to, .. } => DeliverError::NodeStopped { to: *to, rights },
        SendError::NoConnection { to, .. } | SendError::Unknown { to } => {
            DeliverError::NoConnection { to: *to, rights }
        }
        SendError::NotEncoded { to, .. } => DeliverError::NotEncoded { to: *to, rights },
        SendError::Closed { to, .. } | SendError::Timeout { to, .. } | SendError::Lost { to } => {
            DeliverError::Closed { to: *to, rights }
        }
    }
}

/// A message from another node that waits for room in a mailbox.
///
/// # Cancel safety
/// Dropping it drops the message, unless it has been accepted.
#[must_use = "the message is lost with it"]
pub struct Waiting(Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send>>);

impl Future for Waiting {
    type Output = Result<(), DeliverError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

/// Future of [`ExportedPid::keep_one`]. Ready with `Ok`, room is kept, until it is used or given on.
///
/// # Cancel safety
/// Nothing is lost.
#[must_use = "futures do nothing unless awaited"]
pub struct KeepOne(Pin<Box<dyn Future<Output = Result<(), SendError<()>>> + Send>>);

impl Future for KeepOne {
    type Output = Result<(), SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for KeepOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepOne").finish_non_exhaustive()
    }
}
