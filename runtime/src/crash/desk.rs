//! Reports of children that crashed, until their supervisor has said what it makes of it.

use std::collections::BTreeMap;

use crate::id::ActorId;
use crate::node::Node;
use crate::primitive::Mutex;

use super::{CrashReport, Supervision};

/// The reports that wait, by supervisor and by who crashed.
#[derive(Debug, Default)]
pub(crate) struct HeldCrashes(Mutex<BTreeMap<ActorId, BTreeMap<ActorId, CrashReport>>>);

impl HeldCrashes {
    /// Holds a report for whoever spawned the actor, if that one has a desk; gives it back otherwise.
    pub(crate) fn hold(&self, report: CrashReport) -> Option<CrashReport> {
        let mut desks = self.0.lock();
        match report.parent.and_then(|parent| desks.get_mut(&parent)) {
            Some(desk) => {
                desk.insert(report.id, report);
                None
            }
            None => Some(report),
        }
    }
}

/// Where a supervisor gets the reports of its children. While it is there, reports of actors that the
/// supervisor has spawned wait for [`CrashDesk::publish`]. What is left when it is dropped, at the latest
/// when the supervisor ends, is reported without a decision.
#[doc(hidden)]
#[derive(Debug)]
pub struct CrashDesk {
    node: Node,
    supervisor: ActorId,
}

impl CrashDesk {
    /// The desk of an actor.
    #[must_use]
    pub fn open(node: &Node, supervisor: ActorId) -> Self {
        node.shared().held_crashes.0.lock().entry(supervisor).or_default();
        Self { node: node.clone(), supervisor }
    }

    /// Reports the crash of `who`, if there was one, with what the supervisor makes of it.
    pub fn publish(&self, who: ActorId, supervision: impl FnOnce() -> Option<Supervision>) {
        let mut desks = self.node.shared().held_crashes.0.lock();
        let report = desks.get_mut(&self.supervisor).and_then(|desk| desk.remove(&who));
        drop(desks);
        if let Some(mut report) = report {
            report.supervision = supervision();
            self.node.shared().publish_crash(&report);
        }
    }
}

impl Drop for CrashDesk {
    fn drop(&mut self) {
        let left = self.node.shared().held_crashes.0.lock().remove(&self.supervisor);
        for report in left.into_iter().flat_map(BTreeMap::into_values) {
            self.node.shared().publish_crash(&report);
        }
    }
}
