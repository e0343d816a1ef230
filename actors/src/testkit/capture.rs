//! What went wrong beside the test's own doings: crashes, dead letters, and every actor's end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use wharf_runtime::{ActorId, CrashReport, DeadLetter, ExitReason, Hooks};

use crate::telemetry::CrashRecord;

/// What has been captured so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Capture(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    crashes: Vec<CrashRecord>,
    dead_letters: Vec<DeadLetter>,
    ends: BTreeMap<ActorId, ExitReason>,
    /// Who waits for an end.
    waiting: Vec<Waker>,
}

impl Capture {
    /// The crashes, oldest first.
    pub(super) fn crashes(&self) -> Vec<CrashRecord> {
        self.records().crashes.clone()
    }

    /// The dead letters, oldest first.
    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.records().dead_letters.clone()
    }

    /// Why an actor ended, if it has; else wakes `waker` at the next end.
    pub(super) fn end_of(&self, actor: ActorId, waker: &Waker) -> Option<ExitReason> {
        let mut records = self.records();
        let end = records.ends.get(&actor).cloned();
        if end.is_none() && !records.waiting.iter().any(|other| other.will_wake(waker)) {
            records.waiting.push(waker.clone());
        }
        end
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks for Capture {
    fn actor_exited(&self, id: ActorId, reason: &ExitReason) {
        let mut records = self.records();
        records.ends.insert(id, reason.clone());
        let waiting = std::mem::take(&mut records.waiting);
        drop(records);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn actor_crashed(&self, report: &CrashReport) {
        self.records().crashes.push(report.into());
    }

    fn dead_letter(&self, letter: &DeadLetter) {
        self.records().dead_letters.push(letter.clone());
    }
}
