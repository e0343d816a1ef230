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

use super::send::Send;

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
        Ask {
            send: self.send(request(reply)),
            answer,
            sent: false,
            timeout: self.cell().node().ask_timeout,
            deadline: None,
            pid: self,
        }
    }
}

/// Future of [`Pid::ask`].
#[must_use = "futures do nothing unless awaited"]
pub struct Ask<'a, M, T> {
    send: Send<'a, M>,
    answer: Answer<T>,
    sent: bool,
    timeout: Duration,
    deadline: Option<Deadline>,
    pid: &'a Pid<M>,
}

impl<M, T> Ask<'_, M, T> {
    /// Waits for at most `timeout`, counted from the first poll.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Waits for the answer on a plain thread. In an actor it would block a worker: await there.
    ///
    /// # Errors
    /// As for awaiting it.
    pub fn blocking(self) -> Result<T, AskError> {
        blocking::wait(self)
    }

    fn refused(&self, error: &SendError<M>) -> AskError {
        match error {
            SendError::Full { to, limit, .. } => AskError::Full { to: *to, limit: *limit },
            SendError::Closed { .. } => AskError::Down(ExitReason::NoProc),
            SendError::Timeout { to, .. } => AskError::Timeout { to: *to, after: self.timeout },
            SendError::NodeStopped { .. } => AskError::NodeStopped,
        }
    }
}

impl<M, T> Future for Ask<'_, M, T> {
    type Output = Result<T, AskError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.sent {
            match self.as_mut().send().poll(cx) {
                Poll::Ready(Ok(())) => *self.as_mut().parts().1 = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.refused(&error))),
                Poll::Pending => return self.as_mut().poll_deadline(cx),
            }
        }
        match self.as_mut().parts().0.poll(cx) {
            Poll::Ready(Ok(value)) => Poll::Ready(Ok(value)),
            Poll::Ready(Err(unanswered)) => Poll::Ready(Err(unanswered.into())),
            Poll::Pending => {
                note_wait(Wait::Reply);
                self.as_mut().poll_deadline(cx)
            }
        }
    }
}

// Only `send` is pinned: the others are reached through these.
impl<'a, M, T> Ask<'a, M, T> {
    fn send(self: Pin<&mut Self>) -> Pin<&mut Send<'a, M>> {
        // SAFETY: `send` is structurally pinned: never moved, and dropped in place.
        unsafe { self.map_unchecked_mut(|ask| &mut ask.send) }
    }

    fn parts(self: Pin<&mut Self>) -> (&mut Answer<T>, &mut bool, &mut Option<Deadline>) {
        // SAFETY: the parts given out are not structurally pinned.
        let ask = unsafe { self.get_unchecked_mut() };
        (&mut ask.answer, &mut ask.sent, &mut ask.deadline)
    }
}

impl<M, T> Ask<'_, M, T> {
    fn poll_deadline(mut self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<Result<T, AskError>> {
        let (pid, timeout) = (self.pid, self.timeout);
        let node = pid.cell().node();
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

impl<M, T> fmt::Debug for Ask<'_, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("of", self.pid).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
