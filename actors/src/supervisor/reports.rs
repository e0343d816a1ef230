//! What a supervisor adds to the reports of its children's crashes: how many there were, and what follows.

use std::collections::HashMap;
use std::sync::Arc;

use wharf_runtime::{ActorId, CrashDecision, CrashDesk, Supervision};

use super::SupervisorMsg;
use super::intensity::{History, Window};
use crate::Context;

/// The reports of one supervisor's children.
#[derive(Default)]
pub(super) struct Reports {
    /// Where they wait; there once the supervisor has started.
    desk: Option<CrashDesk>,
    /// The crashes of late of children that have crashed.
    crashes: HashMap<Arc<str>, History>,
}

impl Reports {
    /// From now on reports wait for their decisions.
    pub(super) fn open(&mut self, cx: &Context<SupervisorMsg>) {
        self.desk = Some(CrashDesk::open(&cx.node(), cx.id()));
    }

    /// The child that was `who` has ended, and this follows. Nothing is reported if it did not crash.
    pub(super) fn publish(
        &mut self,
        who: ActorId,
        child: &Arc<str>,
        window: &Window,
        decision: CrashDecision,
        cx: &Context<SupervisorMsg>,
    ) {
        let Self { desk: Some(desk), crashes } = self else { return };
        desk.publish(who, || {
            let history = crashes.entry(Arc::clone(child)).or_default();
            history.add(cx.now(), window.period());
            let limit = (window.intensity(), window.period());
            Some(Supervision::new(
                cx.id(),
                Arc::clone(child),
                history.len(),
                window.restarts(),
                limit,
                decision,
            ))
        });
    }

    /// Somebody has ended who is no child, though perhaps meant to become one.
    pub(super) fn pass_on(&self, who: ActorId) {
        if let Some(desk) = &self.desk {
            desk.publish(who, || None);
        }
    }

    /// There is no such child any more.
    pub(super) fn forget(&mut self, child: &str) {
        self.crashes.remove(child);
    }
}
