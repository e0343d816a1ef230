//! What the tests share: runtimes, actors that wait for a sign, and conditions that come true.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use wharf_runtime::{AnyPid, ExitReason, Mailbox, Node, Pid, Reply, Spawn};

/// A tokio runtime with two threads.
pub(crate) fn multi() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A tokio runtime that runs on the thread that blocks on it.
pub(crate) fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs `body` on a node of each kind of runtime. The node must stop cleanly afterwards.
pub(crate) fn everywhere(body: impl AsyncFn(Node)) {
    for tokio in [multi(), single()] {
        on(&tokio, &body);
    }
}

/// Runs `body` under virtual time, which goes on when all tasks wait.
pub(crate) fn in_virtual_time(body: impl AsyncFn(Node)) {
    let tokio = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    on(&tokio, &body);
}

fn on(tokio: &Runtime, body: &impl AsyncFn(Node)) {
    tokio.block_on(async {
        let node = Node::start().unwrap();
        body(node.clone()).await;
        let report = node.stop().await;
        assert!(report.is_clean(), "{report:?}");
    });
}

/// Lets other tasks run, and other threads.
pub(crate) async fn give_way() {
    std::thread::yield_now();
    tokio::task::yield_now().await;
}

/// Gives way until `condition` holds.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..10_000_000_u32 {
        if condition() {
            return;
        }
        give_way().await;
    }
    panic!("never: {what}");
}

/// Lets other tasks run for a while: what would go on for ever shows itself meanwhile.
pub(crate) async fn a_while() {
    for _ in 0..2_000 {
        give_way().await;
    }
}

/// An actor that receives nothing before it gets a sign, and then all until it is stopped.
pub(crate) struct Gated<M> {
    pub(crate) pid: Pid<M>,
    gate: oneshot::Sender<()>,
    seen: oneshot::Receiver<Vec<M>>,
}

impl<M: Send + 'static> Gated<M> {
    /// Spawns the actor, and waits until it waits for its sign.
    pub(crate) async fn spawn(spawn: Spawn) -> Self {
        let (gate, sign) = oneshot::channel::<()>();
        let (tell, seen) = oneshot::channel();
        let (begun, has_begun) = oneshot::channel();
        let pid = spawn.spawn_fn(async move |mut mailbox: Mailbox<M>| {
            begun.send(()).unwrap();
            let _ = sign.await;
            let mut all = Vec::new();
            while let Some(message) = mailbox.receive().await {
                all.push(message);
            }
            let _ = tell.send(all);
        });
        has_begun.await.unwrap();
        Self { pid, gate, seen }
    }

    /// Gives the sign.
    pub(crate) fn open(self) -> Opened<M> {
        let _ = self.gate.send(());
        Opened { pid: self.pid, seen: self.seen }
    }

    /// Gives the sign, asks it to stop, and gives what it received.
    pub(crate) async fn finish(self) -> Vec<M> {
        self.open().finish().await
    }
}

/// A [`Gated`] that has got its sign.
pub(crate) struct Opened<M> {
    pub(crate) pid: Pid<M>,
    seen: oneshot::Receiver<Vec<M>>,
}

impl<M: Send + 'static> Opened<M> {
    /// Asks it to stop, and gives what it received.
    pub(crate) async fn finish(self) -> Vec<M> {
        self.pid.stop();
        self.seen.await.expect("it came to its end")
    }

    /// What it received, if it came to its end.
    pub(crate) async fn seen(self) -> Option<Vec<M>> {
        self.seen.await.ok()
    }
}

/// An actor that answers each request with `()`.
pub(crate) fn echo(node: &Node) -> Pid<Reply<()>> {
    node.spawn_fn(async |mut mailbox: Mailbox<Reply<()>>| {
        while let Some(reply) = mailbox.receive().await {
            let _ = reply.send(());
        }
    })
}

/// An actor that ends with the reason that it is sent.
///
/// The signals that were sent to it before act first, so whoever watches it by then is told that
/// reason.
pub(crate) fn ends_as_told(node: &Node) -> Pid<ExitReason> {
    node.spawn_fn(async |mut mailbox: Mailbox<ExitReason>| mailbox.receive().await.unwrap_or_default())
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Waits until an actor that may have ended has ended.
pub(crate) async fn gone(pid: impl Into<AnyPid>) {
    let _ = pid.into().stopped().await;
}

/// Counts how many of its tokens were made and dropped.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<(AtomicU32, AtomicU32)>);

impl Tally {
    /// A token that counts itself.
    pub(crate) fn token(&self) -> Token {
        // Relaxed: read after the tokens' threads have been joined or heard of.
        self.0.0.fetch_add(1, Ordering::Relaxed);
        Token(self.clone())
    }

    pub(crate) fn made(&self) -> u32 {
        self.0.0.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u32 {
        self.0.1.load(Ordering::Relaxed)
    }

    /// Whether every token has been dropped. Twice would show as more.
    pub(crate) fn is_even(&self) -> bool {
        self.made() == self.dropped()
    }
}

/// See [`Tally`].
pub(crate) struct Token(Tally);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Numbers that look random, the same for the same seed (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % limit
    }
}
