//! Waiting for the end of an actor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cell::header::Wait;
use crate::cell::pid::{AnyPid, Pid};
use crate::cell::proxy::Proxy;
use crate::exit::ExitReason;
use crate::wait::note_wait;

use super::handle::Mailbox;
use super::next::Event;

impl<M> Pid<M> {
    /// Waits until the actor has ended; gives the reason, also when it had ended before.
    ///
    /// An actor of this node leaves its reason where its pids lead. One of another node does not: it is
    /// watched from this call on, and of one that has ended by then the reason is `NoProc`.
    ///
    /// # Cancel safety
    /// Nothing is lost; call it again.
    ///
    /// # Examples
    /// ```
    /// use wharf_runtime::{ExitReason, Mailbox, Node};
    ///
    /// wharf_runtime::block_on(async {
    ///     let node = Node::current().expect("inside a guest");
    ///     let pid = node.spawn_fn(async |mut mailbox: Mailbox<()>| {
    ///         while mailbox.receive().await.is_some() {}
    ///         Err::<(), _>("nothing left to do")
    ///     });
    ///     pid.stop();
    ///     assert_eq!(pid.stopped().await, ExitReason::failed("nothing left to do"));
    ///     assert_eq!(pid.stopped().await, ExitReason::failed("nothing left to do"));
    /// });
    /// ```
    pub fn stopped(&self) -> Stopped {
        self.any().stopped()
    }
}

impl AnyPid {
    /// Waits until the actor has ended; see [`Pid::stopped`].
    ///
    /// # Cancel safety
    /// Nothing is lost; call it again.
    pub fn stopped(&self) -> Stopped {
        Stopped::of(self.clone())
    }
}

/// Future of [`Pid::stopped`].
#[must_use = "futures do nothing unless awaited"]
pub struct Stopped {
    subject: AnyPid,
    /// A guest that monitors it; none once its reason is known, or never will be.
    watcher: Option<Mailbox<()>>,
}

impl Stopped {
    fn of(subject: AnyPid) -> Self {
        let watcher = subject.header().reason_of_end().is_none().then(|| {
            let mut watcher = subject.header().node().handle().guest();
            watcher.monitor(&subject);
            watcher
        });
        Self { subject, watcher }
    }
}

impl Future for Stopped {
    type Output = ExitReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ExitReason> {
        let me = &mut *self;
        if let Some(watcher) = &mut me.watcher {
            match watcher.poll_event(cx) {
                Poll::Pending => {
                    note_wait(Wait::Join);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Event::Down(down))) if down.reason != ExitReason::NoProc => {
                    me.watcher = None;
                    return Poll::Ready(down.reason);
                }
                // A monitor that came too late was told that there is nobody; or the node is gone. The cell
                // knows more.
                Poll::Ready(_) => me.watcher = None,
            }
        }
        me.poll_kept(cx)
    }
}

impl Stopped {
    /// The reason that the actor left. While its node goes it may still be about to.
    fn poll_kept(&self, cx: &Context<'_>) -> Poll<ExitReason> {
        let cell = self.subject.header();
        if let Some(reason) = cell.reason_of_end() {
            return Poll::Ready(reason);
        }
        if Proxy::of(cell).is_some() {
            return Poll::Ready(ExitReason::NoProc);
        }
        cell.node().watch_stop(cx.waker());
        // Looked at first: what is left of a node has ended before its stop is over.
        let is_over = cell.node().is_over();
        match cell.reason_of_end() {
            Some(reason) => Poll::Ready(reason),
            None if is_over => Poll::Ready(ExitReason::NoProc),
            None => {
                note_wait(Wait::Join);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stopped({})", self.subject.id())
    }
}
