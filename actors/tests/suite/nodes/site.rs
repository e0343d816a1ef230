//! A place for sentences that hold near and far: one body, run inside one node and between two.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;
use wharf::net::Net;
use wharf::{ExitReason, Mailbox, Node, Pid, Spawn, Wire};

use super::common::{Two, run};

/// Where the two ends of a sentence are.
pub(crate) struct Site {
    /// Where it is said what happens.
    pub(crate) here: Node,
    /// Where those are whom it happens to: the same node, or another.
    pub(crate) there: Node,
    nets: Option<(Net, Net)>,
    names: Cell<u32>,
}

/// Runs `body` with both ends in one node, and then with each in a node of its own.
pub(crate) fn near_and_far(body: impl AsyncFn(&Site)) {
    run(async {
        let node = Node::start().unwrap();
        body(&Site { here: node.clone(), there: node.clone(), nets: None, names: Cell::new(0) }).await;
        node.stop().await;
    });
    run(async {
        let two = Two::start().await;
        two.left.connect("mem:right").await.unwrap();
        let nets = Some((two.left.clone(), two.right.clone()));
        let (here, there) = (two.left.node().clone(), two.right.node().clone());
        body(&Site { here, there, nets, names: Cell::new(0) }).await;
        two.stop().await;
    });
}

impl Site {
    pub(crate) const fn is_far(&self) -> bool {
        self.nets.is_some()
    }

    /// An actor there as it is known here.
    pub(crate) async fn reach<M: Wire>(&self, there: &Pid<M>) -> Pid<M> {
        let Some((left, right)) = &self.nets else { return there.clone() };
        self.known(right, left, there).await
    }

    /// An actor here as it is known there.
    pub(crate) async fn back<M: Wire>(&self, here: &Pid<M>) -> Pid<M> {
        let Some((left, right)) = &self.nets else { return here.clone() };
        self.known(left, right, here).await
    }

    async fn known<M: Wire>(&self, home: &Net, from: &Net, pid: &Pid<M>) -> Pid<M> {
        self.names.set(self.names.get() + 1);
        let name = self.names.get().to_string();
        home.export(&name, pid).unwrap();
        from.lookup(&format!("{name}@{}", home.name())).await.unwrap()
    }

    /// Has an actor here do something, and waits for it to end well.
    pub(crate) async fn act<Fut>(&self, act: impl FnOnce(Mailbox<()>) -> Fut + Send + 'static)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let actor = self.here.spawn_fn(act);
        assert_eq!(actor.stopped().await, ExitReason::Normal, "far: {}", self.is_far());
    }
}

/// An actor there that receives nothing before it gets a sign.
pub(crate) struct Gated<M> {
    /// As it is known here.
    pub(crate) pid: Pid<M>,
    gate: oneshot::Sender<()>,
    seen: oneshot::Receiver<Vec<M>>,
}

impl<M: Wire> Gated<M> {
    pub(crate) async fn spawn(site: &Site, spawn: Spawn) -> Self {
        let (gate, sign) = oneshot::channel::<()>();
        let (tell, seen) = oneshot::channel();
        let near = spawn.spawn_fn(async move |mut mailbox: Mailbox<M>| {
            _ = sign.await;
            let mut all = Vec::new();
            while let Some(message) = mailbox.receive().await {
                all.push(message);
            }
            _ = tell.send(all);
        });
        Self { pid: site.reach(&near).await, gate, seen }
    }

    /// Gives the sign; gives what it received when it has ended, if it came to its end.
    pub(crate) async fn open(self) -> Option<Vec<M>> {
        _ = self.gate.send(());
        self.seen.await.ok()
    }
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Gives way until `condition` holds.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1_000_000_u32 {
        if condition() {
            return;
        }
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
    panic!("never: {what}");
}
