//! Faces for the `futures` world: a mailbox as a stream, an actor as a sink.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use wharf_runtime::{Mailbox, Pid, SendError};

/// A mailbox as a stream of messages; see [`MailboxExt::messages`].
///
/// # Cancel safety
/// Nothing is lost when it is dropped, or a wait for its next item is: the messages stay in the mailbox.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Messages<'a, M> {
    mailbox: &'a mut Mailbox<M>,
}

impl<M> Stream for Messages<'_, M> {
    type Item = M;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<M>> {
        self.mailbox.poll_receive(cx)
    }
}

/// What a mailbox can be in the `futures` world.
pub trait MailboxExt<M> {
    /// The messages as a stream. It ends when the actor was asked to stop and all that was sent
    /// before has been received.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use wharf::prelude::*;
    /// use wharf::MailboxExt;
    ///
    /// wharf::block_on(async {
    ///     let adder = wharf::spawn_fn(async |mut mailbox: Mailbox<u32>| {
    ///         let sum = mailbox.messages().fold(0, async |sum, n| sum + n).await;
    ///         assert_eq!(sum, 6);
    ///     });
    ///     for n in [1, 2, 3] {
    ///         adder.send(n).await.unwrap();
    ///     }
    ///     adder.stop();
    ///     adder.stopped().await;
    ///     assert!(!adder.is_alive());
    /// });
    /// ```
    fn messages(&mut self) -> Messages<'_, M>;
}

impl<M> MailboxExt<M> for Mailbox<M> {
    fn messages(&mut self) -> Messages<'_, M> {
        Messages { mailbox: self }
    }
}

type Sending<M> = Pin<Box<dyn Future<Output = Result<(), SendError<M>>> + Send>>;

/// An actor as a sink for messages; see [`sink`].
///
/// It is ready while no message waits for room in the mailbox. Flushing waits until the last one was
/// accepted; closing does no more than that: an actor has other senders.
///
/// # Cancel safety
/// A message that it has taken stays with it when a wait is dropped, such as that of `SinkExt::send`:
/// the next flush waits for it again. One that it has not taken yet, since the one before still waits,
/// goes with the `send` that was to bring it. When the sink itself is dropped, the one message that
/// waits for room is delivered or lost: flush it first. What was accepted is not touched.
pub struct PidSink<M> {
    pid: Pid<M>,
    /// The one message that found no room.
    sending: Option<Sending<M>>,
}

impl<M: Send + 'static> PidSink<M> {
    /// Whom the messages go to.
    #[must_use]
    pub const fn pid(&self) -> &Pid<M> {
        &self.pid
    }

    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        let Some(sending) = &mut self.sending else { return Poll::Ready(Ok(())) };
        let sent = ready!(sending.as_mut().poll(cx));
        self.sending = None;
        Poll::Ready(sent)
    }
}

impl<M: Send + 'static> Sink<M> for PidSink<M> {
    type Error = SendError<M>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        self.poll_accepted(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), SendError<M>> {
        let message = match self.pid.try_send(message) {
            Ok(()) => return Ok(()),
            // Full is what a sink waits for.
            Err(SendError::Full { message, .. }) => message.into_inner(),
            Err(error) => return Err(error),
        };
        let pid = self.pid.clone();
        self.sending = Some(Box::pin(async move { pid.send(message).await }));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        self.poll_accepted(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        self.poll_accepted(cx)
    }
}

impl<M> Clone for PidSink<M> {
    /// Another sink for the same actor, with nothing under way.
    fn clone(&self) -> Self {
        Self { pid: self.pid.clone(), sending: None }
    }
}

impl<M> fmt::Debug for PidSink<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PidSink").field("pid", &self.pid).field("waits", &self.sending.is_some()).finish()
    }
}

/// Turns a pid into a sink. A function of its own, since the names of a pid's methods are few and
/// fixed: others belong to the actors.
///
/// # Examples
/// ```
/// use futures::{SinkExt, StreamExt, stream};
/// use wharf::prelude::*;
///
/// wharf::block_on(async {
///     let counter = wharf::spawn_fn(async |mut mailbox: Mailbox<u32>| {
///         let mut sum = 0;
///         while let Some(n) = mailbox.receive().await {
///             sum += n;
///         }
///         assert_eq!(sum, 6);
///     });
///     let numbers = stream::iter([1, 2, 3]).map(Ok);
///     numbers.forward(wharf::sink(&counter)).await.unwrap();
///     counter.stop();
///     counter.stopped().await;
///     assert!(!counter.is_alive());
/// });
/// ```
#[must_use]
pub fn sink<M>(pid: &Pid<M>) -> PidSink<M> {
    PidSink { pid: pid.clone(), sending: None }
}
