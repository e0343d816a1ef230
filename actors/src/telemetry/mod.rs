//! Crashes and dead letters: what is told of them, in text and (with the feature `json`) as JSON, and
//! subscriptions to them.
//!
//! The runtime logs both by `tracing`: a crash as one ERROR event of the target `wharf::crash`, dead
//! letters as WARN events of the target `wharf::dead_letter`, the first 10 in a second of each cause
//! and message type, and then how many there were. Orderly ends are silent; what is left in mailboxes
//! when a node stops is counted and not listed.
//!
//! The crash of a supervisor's child is reported when the supervisor has decided what follows, so that
//! the report can say it: see [`Supervision`].

mod crash;
mod dead_letter;
#[cfg(feature = "json")]
mod json;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use wharf_runtime::{CrashReport, DeadLetter, Hooks, Mailbox, Node, Pid};

pub use self::crash::CrashRecord;
pub use self::dead_letter::DeadLetterRecord;
pub use wharf_runtime::{CrashDecision, RecentMessage, Supervision};

/// A subscription to what happens on a node: to [dead letters](crate::NodeExt::dead_letters) or
/// [crashes](crate::NodeExt::crash_reports).
///
/// It holds 1024 records that were not taken yet. Who makes a record never waits: what does not fit is
/// [counted](Records::lost). Dropping the subscription ends it.
///
/// It is a [`Stream`], too, which ends once the node has stopped and all have been taken.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use wharf::prelude::*;
///
/// wharf::block_on(async {
///     let node = Node::current().unwrap();
///     let crashes = node.crash_reports();
///     for what in ["one", "two"] {
///         wharf::spawn_fn(async move |_: Mailbox<()>| Err::<(), _>(ExitReason::failed(what)));
///     }
///     let mut reasons: Vec<String> =
///         crashes.take(2).map(|crash| crash.reason.to_string()).collect().await;
///     reasons.sort();
///     assert!(reasons[0].contains("one") && reasons[1].contains("two"));
/// });
/// ```
pub struct Records<T> {
    /// Gone before the mailbox, so that nothing is sent there any more.
    observer: Option<Arc<Observer<T>>>,
    mailbox: Mailbox<T>,
}

struct Observer<T> {
    to: Pid<T>,
    lost: AtomicU64,
}

impl<T: Send + 'static> Observer<T> {
    fn tell(&self, record: T) {
        if self.to.try_send(record).is_err() {
            // Relaxed: a figure.
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Hooks for Observer<CrashRecord> {
    fn actor_crashed(&self, report: &CrashReport) {
        self.tell(report.into());
    }
}

impl Hooks for Observer<DeadLetterRecord> {
    fn dead_letter(&self, letter: &DeadLetter) {
        self.tell(DeadLetterRecord::new(letter.clone()));
    }
}

#[track_caller]
fn subscribe<T: Send + 'static>(node: &Node) -> Records<T>
where
    Observer<T>: Hooks,
{
    let mailbox = node.guest();
    let observer = Arc::new(Observer { to: mailbox.pid().clone(), lost: AtomicU64::new(0) });
    node.observe(&observer);
    Records { observer: Some(observer), mailbox }
}

#[track_caller]
pub(crate) fn dead_letters(node: &Node) -> Records<DeadLetterRecord> {
    subscribe(node)
}

#[track_caller]
pub(crate) fn crash_reports(node: &Node) -> Records<CrashRecord> {
    subscribe(node)
}

impl<T> Records<T> {
    /// The next record; waits for it. `None` once the node has stopped and all have been taken.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<T> {
        self.mailbox.receive().await
    }

    /// The next record, if there is one.
    pub fn try_next(&mut self) -> Option<T> {
        self.mailbox.try_receive()
    }

    /// How many records did not fit so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.observer.as_ref().map_or(0, |observer| observer.lost.load(Ordering::Relaxed))
    }
}

impl<T> Stream for Records<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.mailbox.poll_receive(cx)
    }
}

impl<T> Drop for Records<T> {
    fn drop(&mut self) {
        self.observer = None;
        // What is left was not for anybody else: no dead letters.
        while self.mailbox.try_receive().is_some() {}
    }
}

impl<T> fmt::Debug for Records<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("lost", &self.lost()).finish_non_exhaustive()
    }
}
