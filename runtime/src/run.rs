//! A node with a runtime of its own, for programs that have none.

use std::future::Future;

use crate::builder::Builder;
use crate::node::Node;

/// Runs `future` as a guest of a new node, on a new multi-thread tokio runtime, and stops the node
/// when it ends. Installs the panic hook.
///
/// The future is polled on the calling thread, so it may borrow and need not be `Send`.
///
/// The node has as many workers as tokio has threads. While all of them compute, without an await for a
/// millisecond or more, nobody waits for sockets: tokio looks at them between turns, at every 61st poll, and what
/// other nodes send is heard some ten milliseconds late. A program that computes so in its actors and talks to
/// other nodes gives tokio one thread more than the node has workers, as below. It is not so by default, since
/// it costs actors that do little for each message: a bounded fan-in took 1.4 times the processor time.
///
/// # Panics
/// When the operating system gives no threads, or when called inside an asynchronous context.
///
/// # Examples
/// ```
/// let sum = wharf_runtime::block_on(async { 1 + 2 });
/// assert_eq!(sum, 3);
/// ```
/// Workers that compute for long, and a thread that listens meanwhile:
/// ```
/// use wharf_runtime::Node;
///
/// let workers = 2;
/// let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(workers + 1).enable_all().build()?;
/// let sum = tokio.block_on(async {
///     let node = Node::builder().workers(workers).start()?;
///     let sum = node.run(async { 1 + 2 }).await;
///     node.stop().await;
///     Ok::<_, wharf_runtime::StartError>(sum)
/// });
/// assert_eq!(sum?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    crate::panic_hook::install();
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let tokio = tokio.unwrap_or_else(|error| panic!("could not start a tokio runtime: {error}"));
    tokio.block_on(async {
        let node: Node = match Builder::new().start() {
            Ok(node) => node,
            Err(error) => panic!("could not start a node: {error}"),
        };
        let output = node.run(future).await;
        node.stop().await;
        output
    })
}
