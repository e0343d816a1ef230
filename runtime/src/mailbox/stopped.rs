//! Waiting for the end of an actor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cell::header::Wait;
use crate::cell::pid::{AnyPid, Pid};
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
        let told = match &mut me.watcher {
            None => None,
            Some(watcher) => match watcher.poll_event(cx) {
                Poll::Pending => {
                    note_wait(Wait::Join);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Event::Down(down))) => Some(down.reason),
                // The node is gone.
                Poll::Ready(_) => None,
            },
        };
        me.watcher = None;
        // A monitor that came too late was told that there is nobody. The cell knows more.
        let kept = || me.subject.header().reason_of_end();
        Poll::Ready(
            told.filter(|reason| *reason != ExitReason::NoProc).or_else(kept).unwrap_or(ExitReason::NoProc),
        )
    }
}

impl fmt::Debug for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stopped({})", self.subject.id())
    }
}
