//! The end of a node: in stages when it is asked to stop, at once when its tokio goes away.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::cell::header::{Header, Wait};
use crate::cell::pid::AnyPid;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::node::NodeShared;
use crate::wait::Deadline;

use super::Seat;
use super::worker::Worker;

/// How long killed actors have before they are reported as stuck.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// How long what was sent to other nodes has to leave.
const SEND_GRACE: Duration = Duration::from_secs(2);

/// An actor that did not stop when it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// Which actor.
    pub id: ActorId,
    /// Its label, if it has one.
    pub label: Option<Arc<str>>,
    /// Its type.
    pub actor: &'static str,
}

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.label {
            Some(label) => write!(f, "\"{label}\" {} (`{}`)", self.id, self.actor),
            None => write!(f, "{} (`{}`)", self.id, self.actor),
        }
    }
}

/// How a node's stop went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Who had to be killed, because it did not stop in time.
    pub late: Vec<Late>,
    /// Who could not even be killed: its code has not come to an await since.
    pub stuck: Vec<Late>,
}

impl ShutdownReport {
    /// Whether every actor stopped when it was asked to.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.late.is_empty() && self.stuck.is_empty()
    }
}

/// Stops a node:
///
/// 1. spawning is over: whoever is spawned from now on ends at once;
/// 2. every actor is asked to stop, which lets it handle what it was sent before;
/// 3. after `grace`, those that are left are named and killed;
/// 4. those that are left after another second are named as stuck;
/// 5. what was sent to other nodes goes out, for two seconds at most;
/// 6. the workers end.
///
/// It is a task of its own, so that it goes on though nobody waits for it any more.
pub async fn stop(node: &Arc<NodeShared>, grace: Duration) -> ShutdownReport {
    if node.begin_stopping() {
        let stages = Stages(Arc::clone(node));
        match node.scheduler.tokio() {
            Some(tokio) => drop(tokio.spawn(stages.run(grace))),
            None => stages.run(grace).await,
        }
    }
    poll_fn(|cx| {
        node.watch_stop(cx.waker());
        crate::wait::note_wait(Wait::Join);
        if node.is_over() { Poll::Ready(node.stop_report().unwrap_or_default()) } else { Poll::Pending }
    })
    .await
}

/// The stages of a stop. They are over when this is dropped, whatever came between.
struct Stages(Arc<NodeShared>);

impl Stages {
    async fn run(self, grace: Duration) {
        let report = in_stages(&self.0, grace).await;
        self.0.set_stop_report(report);
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.0.set_stop_report(ShutdownReport::default());
    }
}

async fn in_stages(node: &NodeShared, grace: Duration) -> ShutdownReport {
    let mut report = ShutdownReport::default();
    tracing::info!(target: "wharf::node", node = %node.name, actors = node.live(), "stopping");
    for pid in live_actors(node) {
        pid.stop();
    }
    if !until_empty(node, grace).await {
        for pid in live_actors(node) {
            let late = describe(&pid);
            tracing::warn!(target: "wharf::node", node = %node.name, "{late} did not stop in {grace:?}: killed");
            report.late.push(late);
            pid.kill();
        }
        if !until_empty(node, KILL_GRACE).await {
            for pid in live_actors(node) {
                let stuck = describe(&pid);
                tracing::error!(target: "wharf::node", node = %node.name, "{stuck} is stuck: it comes to no await");
                report.stuck.push(stuck);
            }
        }
    }
    until_sent(node).await;
    node.scheduler.stop();
    if report.stuck.is_empty() {
        until_stopped(node).await;
    }
    tracing::info!(target: "wharf::node", node = %node.name, "stopped");
    report
}

fn live_actors(node: &NodeShared) -> Vec<AnyPid> {
    node.pids().into_iter().filter(|pid| pid.is_alive() && !pid.header().tenancy.state().is_guest()).collect()
}

fn describe(pid: &AnyPid) -> Late {
    Late {
        id: pid.id(),
        label: pid.header().node().label_of(pid.id()),
        actor: (pid.header().vtable.actor_name)(),
    }
}

/// Waits until no actor lives; false when time ran out first.
async fn until_empty(node: &NodeShared, within: Duration) -> bool {
    let mut deadline = Deadline::after(node, within);
    poll_fn(|cx| {
        node.watch_stop(cx.waker());
        if node.live() == 0 {
            return Poll::Ready(true);
        }
        crate::wait::note_wait(Wait::Join);
        deadline.poll(node, cx).map(|()| false)
    })
    .await
}

/// Waits until what was sent to other nodes has left, within bounds.
async fn until_sent(node: &NodeShared) {
    let Some(network) = node.network() else { return };
    let mut deadline = Deadline::after(node, SEND_GRACE);
    poll_fn(|cx| {
        if network.poll_shutdown(cx).is_ready() {
            return Poll::Ready(());
        }
        crate::wait::note_wait(Wait::Join);
        deadline.poll(node, cx)
    })
    .await;
}

async fn until_stopped(node: &NodeShared) {
    poll_fn(|cx| {
        node.watch_stop(cx.waker());
        let over = !node.scheduler.has_workers() && (node.is_stopped() || node.scheduler.tokio().is_none());
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A worker's task is gone: it was told to end, or its tokio was dropped.
pub(super) fn worker_gone(node: &Arc<NodeShared>, worker: &Worker, told: bool) {
    // Before it counts itself out: the last one must see an exact count of cells.
    worker.seat.cache.borrow_mut().flush(&node.arena);
    let last = node.scheduler.count_out();
    if last {
        if !told {
            tracing::warn!(target: "wharf::node", node = %node.name, "its tokio runtime is gone: everything ends now");
        }
        node.set_stopped();
        collapse(node, &worker.seat);
        worker.seat.cache.borrow_mut().flush(&node.arena);
        node.scheduler.drop_alarms();
        node.wake_stop_watchers();
        if !told {
            node.set_stop_report(ShutdownReport::default());
        }
        NodeShared::retire(node);
    }
}

/// Ends all actors, now that no worker will run any of them.
fn collapse(node: &NodeShared, seat: &Seat) {
    let _seat = seat.take();
    while let Some(task) = node.scheduler.injector.pop() {
        // What it would have run is found below; the entry's reference is the token's.
        let _ = task;
    }
    for worker in &node.scheduler.workers {
        // SAFETY: no worker is left, so this thread may act as any of them.
        while unsafe { worker.ring.pop() }.is_some() {}
    }
    for pid in node.pids() {
        end_left(pid.header(), seat);
    }
}

/// Ends an actor of a node without workers, once.
pub fn end_left(cell: &Header, seat: &Seat) {
    let state = cell.tenancy.state();
    let end = cell.vtable.end;
    if state.is_guest() {
        // SAFETY: a guest's end only wakes it.
        unsafe { end(std::ptr::NonNull::from(cell), seat, &ExitReason::Shutdown) };
    } else if !state.is_dead() && cell.tenancy.transition_to_claimed() {
        // SAFETY: no worker is left and the claim is ours, so the token is ours as well.
        unsafe { end(std::ptr::NonNull::from(cell), seat, &ExitReason::Shutdown) };
        // SAFETY: the token's reference, given up with the dead actor.
        unsafe { Header::release(std::ptr::NonNull::from(cell)) };
    }
}
