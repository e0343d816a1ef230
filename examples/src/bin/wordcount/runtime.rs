//! Threads: enough that nobody who counts keeps others from being heard.

use std::future::Future;

use tokio::runtime::Builder;
use wharf::Node;

/// Runs `future` as a guest of a new node that has so many workers which count.
///
/// To count a chunk takes a thread for a millisecond or more. One thread more for actors is for the
/// coordinator, and one more for tokio, which waits for what other nodes send.
///
/// # Errors
///
/// If the system gives no threads, or what `future` says.
pub(crate) fn block_on<T>(
    workers: u16,
    future: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    wharf::panic::install();
    let actors = usize::from(workers).min(processors()) + 1;
    let tokio = Builder::new_multi_thread().worker_threads(actors + 1).enable_all().build();
    let tokio = tokio.map_err(|error| format!("no threads: {error}"))?;
    tokio.block_on(async {
        let node = Node::builder().workers(actors).start().map_err(|error| error.to_string())?;
        let output = node.run(future).await;
        node.stop().await;
        output
    })
}

/// How many processors there are.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
