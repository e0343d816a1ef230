//! Work that blocks a thread, on a bounded number of tokio's blocking threads.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Semaphore;

use crate::exit::PanicInfo;
use crate::node::Node;
use crate::panic_hook;

/// Why a piece of work has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// It panicked.
    #[error("the task panicked: {}", .0.message())]
    Panicked(PanicInfo),
    /// The node, or its tokio runtime, went away before it was done.
    #[error("the task was given up: its node or its runtime has ended")]
    Cancelled,
}

/// How much of a node's work may block at the same time.
#[derive(Debug)]
pub(crate) struct Offload(Arc<Semaphore>);

impl Offload {
    /// Room for `threads` pieces of work.
    pub(crate) fn new(threads: usize) -> Self {
        Self(Arc::new(Semaphore::new(threads)))
    }
}

impl Node {
    /// Runs `work`, which may block, on a thread for such work, and gives what it returns.
    ///
    /// At most [`Builder::blocking_threads`](crate::Builder::blocking_threads) pieces of a node's
    /// work run at a time; others wait, first come first served. Under the explorer it runs at once,
    /// on the thread that polls it.
    ///
    /// # Cancel safety
    /// Work that has not begun when the future is dropped does not begin. Work that has begun goes
    /// on, and its result is dropped: nothing can stop a thread from outside.
    ///
    /// # Errors
    /// [`TaskError::Panicked`] when `work` panicked, `Cancelled` when the runtime went away.
    ///
    /// # Examples
    /// ```
    /// wharf_runtime::block_on(async {
    ///     let node = wharf_runtime::Node::current().expect("inside a guest");
    ///     let text = node.run_blocking(|| std::fs::read_to_string("/no/such/file")).await.unwrap();
    ///     assert!(text.is_err());
    /// });
    /// ```
    pub fn run_blocking<T, F>(&self, work: F) -> impl Future<Output = Result<T, TaskError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let node = self.clone();
        async move {
            let Some(tokio) = node.shared().scheduler.tokio().cloned() else {
                return caught(work).map_err(TaskError::Panicked);
            };
            let permit = Arc::clone(&node.shared().offload.0).acquire_owned().await;
            let done = tokio.spawn_blocking(move || {
                let result = caught(work);
                drop(permit);
                result
            });
            match done.await {
                Ok(result) => result.map_err(TaskError::Panicked),
                Err(_) => Err(TaskError::Cancelled),
            }
        }
    }
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, PanicInfo> {
    catch_unwind(AssertUnwindSafe(work)).map_err(panic_hook::take)
}

/// Awaits `future`, and says so if it panics.
///
/// # Cancel safety
/// As for `future`.
///
/// # Errors
/// What is known of the panic.
#[doc(hidden)]
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, PanicInfo> {
    let mut future = pin!(future);
    poll_fn(|cx| match caught(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(info) => Poll::Ready(Err(info)),
    })
    .await
}
