//! Work beside an actor, whose result comes to it as a message.
//!
//! A task is an actor of its own that watches its owner: when the owner ends, so does the task.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;

use futures_core::Stream;
use wharf_runtime::{AnyPid, Mailbox, Node, Pid, TaskError, catch_panic};

use crate::Spawn;

const RUNNING: u8 = 0;
/// Its message was sent, or it came to its end without one.
const OVER: u8 = 1;
const CANCELLED: u8 = 2;

/// A task that belongs to an actor. Dropping it does not cancel the task; the actor's end does.
pub struct Task {
    state: Arc<AtomicU8>,
    pid: AnyPid,
}

impl Task {
    /// Ends the task. True promises that its message was not sent and will not be; false says that
    /// it has been sent, or that the task had been cancelled before.
    ///
    /// A stream that was attached brings no further items; those it has brought are handled.
    pub fn cancel(&self) -> bool {
        let cancelled = begin(&self.state, CANCELLED);
        if cancelled {
            // Not an exit: that would go on to an owner that is linked with it.
            self.pid.stop();
        }
        cancelled
    }

    /// Whether it is still at work.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNNING && self.pid.is_alive()
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("running", &self.is_running()).finish()
    }
}

/// Takes a running task to another state, once.
fn begin(state: &AtomicU8, to: u8) -> bool {
    // AcqRel: whoever ends it sees what the other side did before.
    state.compare_exchange(RUNNING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// What a task's mailbox holds: nothing.
enum Never {}

/// Awaits `future`; `None` when the owner ended first, or the task was cancelled.
async fn unless_orphaned<F: Future>(watch: &mut Mailbox<Never>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // The only monitor is the owner's, so whatever comes says that the owner is gone, or that the task
        // was cancelled.
        if Pin::new(&mut watch.next()).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

fn spawn<F, Fut>(node: &Node, linked: bool, owner: AnyPid, run: F) -> Task
where
    F: FnOnce(Mailbox<Never>, Arc<AtomicU8>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let state = Arc::new(AtomicU8::new(RUNNING));
    let shared = Arc::clone(&state);
    let options = Spawn::on(node).label("task");
    let options = if linked { options.link() } else { options };
    let pid = options.spawn_fn(async move |mut watch: Mailbox<Never>| {
        watch.monitor_with_priority(owner);
        run(watch, shared).await;
    });
    Task { state, pid: (&pid).into() }
}

/// Runs `future`, and sends what `message` makes of its output to `owner`.
fn spawn_one<M, F>(
    owner: &Pid<M>,
    linked: bool,
    future: F,
    message: impl FnOnce(F::Output) -> M + Send + 'static,
) -> Task
where
    M: Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    let to = owner.clone();
    spawn(&owner.node(), linked, owner.into(), async move |mut watch, state| {
        let Some(output) = unless_orphaned(&mut watch, future).await else { return };
        if begin(&state, OVER) {
            let _ = unless_orphaned(&mut watch, to.send(message(output))).await;
        }
    })
}

/// Runs `future`; its result, or why there is none, goes to `owner` as `message` makes it.
pub(crate) fn spawn_task<M, F>(
    owner: &Pid<M>,
    future: F,
    message: impl FnOnce(Result<F::Output, TaskError>) -> M + Send + 'static,
) -> Task
where
    M: Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    spawn_one(owner, false, catch_panic(future), |result| message(result.map_err(TaskError::Panicked)))
}

/// As [`spawn_task`], but what panics in it ends the owner, with which it is linked.
pub(crate) fn pipe<M, F>(
    owner: &Pid<M>,
    future: F,
    message: impl FnOnce(F::Output) -> M + Send + 'static,
) -> Task
where
    M: Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    spawn_one(owner, true, future, message)
}

/// Runs `work` on a thread that may block.
pub(crate) fn spawn_blocking<M, T>(
    owner: &Pid<M>,
    work: impl FnOnce() -> T + Send + 'static,
    message: impl FnOnce(Result<T, TaskError>) -> M + Send + 'static,
) -> Task
where
    M: Send + 'static,
    T: Send + 'static,
{
    spawn_one(owner, false, owner.node().run_blocking(work), message)
}

/// Sends each item of `stream` on to `owner`, then what `end` makes, waiting for room each time.
pub(crate) fn attach<M, S>(
    owner: &Pid<M>,
    stream: S,
    mut item: impl FnMut(S::Item) -> M + Send + 'static,
    end: impl FnOnce() -> Option<M> + Send + 'static,
) -> Task
where
    M: Send + 'static,
    S: Stream<Item: Send> + Send + 'static,
{
    let to = owner.clone();
    spawn(&owner.node(), true, owner.into(), async move |mut watch, state| {
        let mut stream = pin!(stream);
        loop {
            let next = poll_fn(|cx| stream.as_mut().poll_next(cx));
            let Some(next) = unless_orphaned(&mut watch, next).await else { return };
            let Some(next) = next else { break };
            if state.load(Ordering::Acquire) != RUNNING {
                return;
            }
            let sent = unless_orphaned(&mut watch, to.send(item(next))).await;
            if !matches!(sent, Some(Ok(()))) {
                return;
            }
        }
        if begin(&state, OVER)
            && let Some(message) = end()
        {
            let _ = unless_orphaned(&mut watch, to.send(message)).await;
        }
    })
}

/// Runs `work`, which may block, on a thread for such work: see [`Node::run_blocking`].
///
/// # Cancel safety
/// Work that has not begun when the future is dropped does not begin; other work goes on, and its
/// result is dropped.
///
/// # Errors
/// [`TaskError`] when the work panicked or its runtime went away.
///
/// # Panics
/// Outside of an actor or guest: there is no node. Use [`Node::run_blocking`] there.
///
/// # Examples
/// ```
/// wharf::block_on(async {
///     let sum = wharf::run_blocking(|| (1..=10).sum::<u64>()).await;
///     assert_eq!(sum, Ok(55));
/// });
/// ```
#[track_caller]
pub fn run_blocking<T, F>(work: F) -> impl Future<Output = Result<T, TaskError>> + Send + use<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match Node::current() {
        Some(node) => node.run_blocking(work),
        None => panic!("`wharf::run_blocking` outside an actor or guest: use `node.run_blocking`"),
    }
}
