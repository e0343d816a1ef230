//! The end of an actor, in an order that others can rely on: its state is dropped, its names are
//! released, its mailbox is closed and drained, and only then anyone is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::crash::CrashReport;
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::queue::Drained;
use crate::scheduler::Seat;
use crate::signal::Signal;

use super::fate::Fate;
use super::header::{ActorCell, Header, InPlace, Ran};
use super::pid::AnyPid;
use super::relation;
use super::state::Code;
use super::words::Flag;

/// While it lasts, replies dropped on this thread tell their askers that their holder died.
pub struct Scope<'a>(&'a Seat);

impl<'a> Scope<'a> {
    /// Begins the scope.
    pub fn enter(cell: &Header, seat: &'a Seat, reason: &ExitReason) -> Self {
        seat.set_current(Some(cell));
        let fate = if cell.node().is_stopped() { Fate::NodeStopped } else { Fate::Down(reason.clone()) };
        seat.set_fate(Some(fate));
        Self(seat)
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        self.0.set_fate(None);
        self.0.set_current(None);
    }
}

/// Marks the actor as dying of `reason`.
///
/// # Safety
/// The caller holds the token.
pub unsafe fn begin<M>(front: &ActorCell<M>, reason: &ExitReason) {
    let _ = front.tenancy.transition_to_dying();
    if !reason.is_orderly() {
        // SAFETY: by contract.
        unsafe { report_crash(front, reason) };
    }
}

/// Tells the askers whose replies were dropped in this turn that their holder, the actor of `cell`,
/// dies of `reason`. Whoever is told finds it dying.
pub fn tell_orphans(cell: &Header, seat: &Seat, reason: &ExitReason) {
    let _ = cell.tenancy.transition_to_dying();
    seat.close_orphans(cell.tenancy.code(), reason);
}

/// How far back ancestors are named.
const ANCESTORS: usize = 16;

/// Who spawned the actor, who spawned that one, and so on, as far as their cells are still there.
fn ancestors(cell: &Header) -> Vec<(ActorId, Option<Arc<str>>)> {
    let node = cell.node();
    let mut found = Vec::new();
    let mut parent = cell.parent;
    while parent != Code::NONE && found.len() < ANCESTORS {
        let id = node.actor_id(parent);
        found.push((id, node.label_of(id)));
        let Some(pid) = node.find(parent) else { break };
        parent = pid.header().parent;
    }
    found
}

/// # Safety
/// The caller holds the token.
unsafe fn report_crash<M>(front: &ActorCell<M>, reason: &ExitReason) {
    let node = front.node();
    // SAFETY: by contract.
    let (queued, taken) = unsafe { (front.queue.len(), front.queue.taken()) };
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    let (sender, trap_exit, born) =
        (Code::from_bits(run.words.living().sender), run.flags.has(Flag::Trapping), run.born.time());
    let sender = (taken > 0 && sender != Code::NONE).then(|| node.actor_id(sender));
    let now = node.now();
    let mut report = CrashReport {
        id: front.id(),
        label: None,
        actor: (front.vtable.actor_name)(),
        reason: reason.clone(),
        spawned_at: front.site,
        parent: (front.parent != Code::NONE).then(|| node.actor_id(front.parent)),
        ancestors: ancestors(front.header()),
        age: now.saturating_since(born),
        received: taken,
        last_message: (taken > 0).then(|| (front.vtable.message_name)()),
        last_sender: sender.map(|id| (id, node.label_of(id))),
        recent: Vec::new(),
        queued,
        trap_exit,
        links: Vec::new(),
        monitored_by: Vec::new(),
        supervision: None,
        at: now,
    };
    // SAFETY: by contract.
    if let Some(extension) = &unsafe { front.run() }.extension {
        report.label = extension.label.clone();
        report.recent = extension.recent.as_ref().map_or_else(Vec::new, |recent| recent.messages(now));
        report.links = extension.relations.links().map(AnyPid::id).collect();
        report.monitored_by = extension.relations.monitored_by().map(|(_, pid)| pid.id()).collect();
    }
    node.report_crash(report);
}

/// Does all that follows the end of the actor's code. When it must be called again, the reason is
/// kept in the cell meanwhile.
///
/// # Safety
/// The caller holds the token; `begin` was called and the body is gone.
pub unsafe fn finish<M>(front: &ActorCell<M>, seat: &Seat, reason: ExitReason) -> Ran {
    let node = front.node();
    let id = front.id();
    if front.tenancy.state().is_named() {
        node.directory.forget(id);
    }
    // SAFETY: by contract; a dead actor never parks again.
    unsafe { front.queue.close() };
    let drained = {
        let _scope = Scope::enter(front.header(), seat, &reason);
        // SAFETY: by contract.
        unsafe { drain(front) }
    };
    if !drained {
        // SAFETY: by contract.
        unsafe { front.run() }.note_end(reason);
        return Ran::Requeue;
    }
    // SAFETY: the queue is closed.
    unsafe { front.queue.close_waiters() };
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    let (mut extension, spare) = (run.extension.take(), run.flags.take(Flag::Spare));
    run.note_end(reason.clone());
    // From here on others may read the run part, and it is not touched. It comes before the lane is
    // closed, so that whoever is told that nobody is there finds out why.
    let was = front.tenancy.transition_to_dead();
    let unheard = extension.as_mut().map(|ext| std::mem::take(&mut ext.unheard));
    let late = front.lane.close().into_iter().map(|stamped| {
        node.proxies.note_handled(id, &stamped.signal);
        stamped.signal
    });
    for signal in unheard.unwrap_or_default().into_iter().chain(late) {
        if let Signal::Due(due) = &signal {
            bury(front, || due.bury(DeadLetterCause::ExitedFirst));
        }
        if let Some((to, answer)) = relation::refused(id, &ExitReason::NoProc, signal) {
            to.deliver(answer);
        }
    }
    for (_, item) in extension.iter().flat_map(|extension| &extension.pending) {
        if let InPlace::Due(due) = item {
            bury(front, || due.bury(DeadLetterCause::ExitedFirst));
        }
    }
    if let Some(extension) = extension
        && !extension.relations.is_empty()
    {
        for (to, signal) in extension.relations.die(id, &reason) {
            to.deliver(signal);
        }
    }
    if spare {
        let last = front.tenancy.release();
        debug_assert!(!last, "the token's holder has a reference");
    }
    if was.is_exported() {
        node.exported_ended(id);
    }
    node.actor_ended(front.header(), &reason);
    Ran::Done
}

/// Goes on with what [`finish`] could not complete.
///
/// # Safety
/// As for [`finish`].
pub unsafe fn resume<M>(front: &ActorCell<M>, seat: &Seat) -> Ran {
    // SAFETY: by contract.
    let reason = unsafe { front.run() }.take_end();
    // SAFETY: by contract.
    unsafe { finish(front, seat, reason) }
}

/// Turns what is left in the mailbox into dead letters; false when a sender is still writing.
///
/// # Safety
/// The caller holds the token.
unsafe fn drain<M>(front: &ActorCell<M>) -> bool {
    // SAFETY: by contract.
    if let Some(mut save) = unsafe { front.run() }.save.take() {
        while let Some(saved) = save.drain() {
            bury(front, || front.record_dead(saved.message, saved.sender));
        }
    }
    loop {
        // SAFETY: by contract.
        match unsafe { front.queue.drain_and_release() } {
            Drained::Message(message, sender) => bury(front, || front.record_dead(message, sender)),
            Drained::Empty => return true,
            Drained::Busy => return false,
        }
    }
}

/// Has `record` make a dead letter of a message.
fn bury<M>(front: &ActorCell<M>, record: impl FnOnce()) {
    // A message whose drop panics must not stop the others from being told.
    if catch_unwind(AssertUnwindSafe(record)).is_err() {
        tracing::error!(target: "wharf::crash", actor = %front.id(), "panic while a dead letter was dropped");
    }
}

impl<M> ActorCell<M> {
    /// Turns a message for this actor, which has ended, into a dead letter.
    pub fn record_dead(&self, message: M, sender: u64) {
        let node = self.node();
        let from = Code::from_bits(sender);
        let from = (from != Code::NONE).then(|| node.actor_id(from));
        let cause = DeadLetterCause::ExitedFirst;
        let mut letter = DeadLetter::new(self.id(), from, (self.vtable.message_name)(), cause, node.now());
        // Known while it dies. Afterwards nobody remembers.
        if let Some(Fate::Down(reason)) = Seat::with(|seat| seat.and_then(Seat::fate))
            && reason != ExitReason::NoProc
        {
            letter.receiver_ended = Some(reason);
        }
        node.record_dead_letter(letter);
        drop(message);
    }
}
