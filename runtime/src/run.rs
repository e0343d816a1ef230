//! A node with a runtime of its own, for programs that have none.

use std::future::Future;
use std::thread;

use crate::builder::Builder;
use crate::node::Node;

/// Runs `future` as a guest of a new node, on a new multi-thread tokio runtime, and stops the node
/// when it ends. Installs the panic hook.
///
/// The node has a worker for each processor, or as many as `TOKIO_WORKER_THREADS` says, and tokio one thread
/// more: so sockets and timers are heard at once also while every worker computes.
///
/// The future is polled on the calling thread, so it may borrow and need not be `Send`.
///
/// # Panics
/// When the operating system gives no threads, or when called inside an asynchronous context.
///
/// # Examples
/// ```
/// let sum = wharf_runtime::block_on(async { 1 + 2 });
/// assert_eq!(sum, 3);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    crate::panic_hook::install();
    let workers = workers();
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(workers + 1).enable_all().build();
    let tokio = tokio.unwrap_or_else(|error| panic!("could not start a tokio runtime: {error}"));
    tokio.block_on(async {
        let node: Node = match Builder::new().workers(workers).start() {
            Ok(node) => node,
            Err(error) => panic!("could not start a node: {error}"),
        };
        let output = node.run(future).await;
        node.stop().await;
        output
    })
}

/// How many workers there are to be.
fn workers() -> usize {
    let told = std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|told| told.parse().ok());
    told.filter(|told| *told > 0).unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}
