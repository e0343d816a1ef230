//! Requests: a message that carries a [`Reply`], and the wait for its answer under a deadline.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::blocking;
use crate::cell::header::Wait;
use crate::cell::pid::Pid;
use crate::cell::reply::{Answer, Reply, pair};
use crate::error::{AskError, SendError};
use crate::exit::ExitReason;
use crate::wait::{Deadline, note_wait};

use super::send::Push;

impl<M> Pid<M> {
    /// Asks: sends the message that `request` makes of a [`Reply`], and waits for the answer.
    ///
    /// The wait ends after the node's ask timeout (5 seconds), unless [`Ask::timeout`] says
    /// otherwise. Each ask ends in exactly one outcome, and a late answer goes nowhere.
    ///
    /// # Cancel safety
    /// Dropping the future gives the answer up. The request may have been sent, and is handled then.
    ///
    /// # Errors
    /// [`AskError`] says why there is no answer.
    ///
    /// # Examples
    /// ```
    /// use wharf_runtime::{Mailbox, Node, Reply};
    ///
    /// enum Request {
    ///     Double(u32, Reply<u32>),
    /// }
    ///
    /// wharf_runtime::block_on(async {
    ///     let node = Node::current().expect("inside a guest");
    ///     let pid = node.spawn_fn(async |mut mailbox: Mailbox<Request>| {
    ///         while let Some(Request::Double(n, reply)) = mailbox.receive().await {
    ///             let _ = reply.send(2 * n);
    ///         }
    ///     });
    ///     assert_eq!(pid.ask(|reply| Request::Double(4, reply)).await, Ok(8));
    /// });
    /// ```
    #[inline]
    pub fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> M) -> Ask<'_, M, T> {
        let (reply, answer) = pair();
        Ask::of(Push::new(self, request(reply)), answer, None)
    }

    /// An ask whose message is made of `part` when it is polled first, and only then takes a reply,
    /// into where `reply_of` finds an empty one.
    #[doc(hidden)]
    #[inline(always)]
    pub const fn ask_part<S, T>(&self, part: S, reply_of: ReplyOf<S, T>) -> Ask<'_, M, T, S> {
        Ask::of(Push::new(self, part), Answer::none(), Some(reply_of))
    }
}

/// Finds the reply in a message.
type ReplyOf<S, T> = fn(&mut S) -> &mut Reply<T>;

/// Future of [`Pid::ask`]. `S` is what the message is made of.
#[must_use = "futures do nothing unless awaited"]
pub struct Ask<'a, M, T, S = M> {
    push: Push<'a, M, S>,
    answer: Answer<T>,
    /// Where the reply goes, if the message has none yet.
    reply_of: Option<ReplyOf<S, T>>,
    sent: bool,
    /// `None`: the node's.
    timeout: Option<Duration>,
    deadline: Option<Deadline>,
}

impl<'a, M, T, S> Ask<'a, M, T, S> {
    #[inline(always)]
    const fn of(push: Push<'a, M, S>, answer: Answer<T>, reply_of: Option<ReplyOf<S, T>>) -> Self {
        Self { push, answer, reply_of, sent: false, timeout: None, deadline: None }
    }

    /// Waits for at most `timeout`, counted from the first poll.
    #[inline]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Where it goes, and what the message was to be made of, of an ask that was never polled.
    #[doc(hidden)]
    #[inline(always)]
    pub fn into_parts(mut self) -> (&'a Pid<M>, Option<S>) {
        (self.push.pid(), self.push.unsent())
    }

    fn limit(&self) -> Duration {
        limit(self.push.pid(), self.timeout)
    }
}

fn limit<M>(pid: &Pid<M>, timeout: Option<Duration>) -> Duration {
    timeout.unwrap_or_else(|| pid.header().node().ask_timeout)
}

impl<M: From<S>, T, S> Ask<'_, M, T, S> {
    /// Waits for the answer on a plain thread. In an actor it would block a worker: await there.
    ///
    /// # Errors
    /// As for awaiting it.
    pub fn blocking(self) -> Result<T, AskError> {
        blocking::wait(self)
    }
}

impl<M: From<S>, T, S> Future for Ask<'_, M, T, S> {
    type Output = Result<T, AskError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.sent {
            match self.as_mut().poll_send(cx) {
                Poll::Ready(Ok(())) => *self.as_mut().parts().1 = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.as_mut().poll_deadline(cx),
            }
        }
        match self.as_mut().parts().0.poll(cx) {
            Poll::Ready(Ok(value)) => Poll::Ready(Ok(value)),
            Poll::Ready(Err(unanswered)) => Poll::Ready(Err(unanswered.into_error(self.push.pid().id()))),
            Poll::Pending => {
                note_wait(Wait::Reply);
                self.as_mut().poll_deadline(cx)
            }
        }
    }
}

impl<M: From<S>, T, S> Ask<'_, M, T, S> {
    #[inline(always)]
    fn poll_send(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        // SAFETY: `push` is structurally pinned: never moved, and dropped in place. The others are
        // not.
        let (push, answer, reply_of, timeout) = unsafe {
            let ask = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut ask.push), &mut ask.answer, ask.reply_of, ask.timeout)
        };
        let pid = push.pid();
        let take_reply = |part: &mut S| {
            if let Some(reply_of) = reply_of {
                let (reply, open) = pair();
                *reply_of(part) = reply;
                *answer = open;
            }
        };
        push.poll(cx, take_reply, |error| match error {
            SendError::Full { to, limit, .. } => AskError::Full { to, limit },
            SendError::Closed { .. } | SendError::Lost { .. } => AskError::Down(ExitReason::NoProc),
            SendError::Timeout { to, .. } => AskError::Timeout { to, after: limit(pid, timeout) },
            SendError::NoConnection { to, .. } | SendError::Unknown { to } => AskError::NoConnection { to },
            SendError::NotEncoded { to, .. } => AskError::NotEncoded { to },
            SendError::NodeStopped { .. } => AskError::NodeStopped,
        })
    }
}

impl<M, T, S> Ask<'_, M, T, S> {
    fn parts(self: Pin<&mut Self>) -> (&mut Answer<T>, &mut bool, &mut Option<Deadline>) {
        // SAFETY: the parts given out are not structurally pinned.
        let ask = unsafe { self.get_unchecked_mut() };
        (&mut ask.answer, &mut ask.sent, &mut ask.deadline)
    }

    fn poll_deadline(mut self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<Result<T, AskError>> {
        let (pid, timeout) = (self.push.pid(), self.limit());
        let node = pid.header().node();
        let deadline = self.as_mut().parts().2.get_or_insert_with(|| Deadline::after(node, timeout));
        deadline.poll(node, cx).map(|()| {
            // The end of a node ends all deadlines.
            if node.is_stopped() {
                return Err(AskError::NodeStopped);
            }
            Err(AskError::Timeout { to: pid.id(), after: timeout })
        })
    }
}

impl<M, T, S> fmt::Debug for Ask<'_, M, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("of", self.push.pid())
            .field("timeout", &self.limit())
            .finish_non_exhaustive()
    }
}
