//! What a guided run keeps beside: its guest, its trace, and who keeps it from going on.

use std::sync::Arc;
use std::time::Duration;

use crate::cell::explored::Waits;
use crate::cell::header::Wait;
use crate::cell::pid::AnyPid;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::primitive::Mutex;
use crate::time::Timestamp;

use super::super::choice::Key;
use super::super::outcome::Stuck;
use super::super::trace::{Trace, TraceEvent};
use super::{Inner, World, code_of};

impl World {
    /// An empty world that keeps a trace. `names` makes an actor's name out of its type's, where it
    /// has no label.
    pub(in crate::explore) fn traced(names: fn(&'static str) -> Option<&'static str>) -> Self {
        Self(Mutex::new(Inner { trace: Some(Trace::new(names)), ..Inner::default() }))
    }

    /// Notes the guest that the run is about; gives its index.
    pub(in crate::explore) fn admit(&self, guest: &AnyPid, name: &str) -> usize {
        self.0.lock().add(guest, Key::guest(), name.into())
    }

    /// A turn of that guest begins.
    pub(in crate::explore) fn begin_guest(&self, index: usize) {
        self.0.lock().running = Some(index);
    }

    /// A turn of that guest has ended.
    pub(in crate::explore) fn end_guest(&self, index: usize, wait: Wait) {
        let mut inner = self.0.lock();
        inner.running = None;
        inner.actors[index].waits = Waits { wait, ..Waits::UNBORN };
    }

    /// How many times something was sent or became ready to run.
    pub(in crate::explore) fn count(&self) -> u64 {
        self.0.lock().sequence
    }

    /// Lets the signals that an actor sends from now on act as soon as their receiver runs.
    pub(in crate::explore) fn make_prompt(&self, actor: ActorId) {
        self.0.lock().prompt.insert(code_of(actor));
    }

    /// What an actor is called.
    pub(in crate::explore) fn name_of(&self, actor: ActorId) -> Option<Arc<str>> {
        let inner = self.0.lock();
        inner.by_code.get(&code_of(actor)).map(|index| Arc::clone(&inner.actors[*index].name))
    }

    /// Notes in the trace that an actor ended.
    pub(in crate::explore) fn note_exit(&self, actor: ActorId, reason: &ExitReason) {
        let mut inner = self.0.lock();
        if let Some(index) = inner.by_code.get(&code_of(actor)).copied() {
            let actor = Arc::clone(&inner.actors[index].name);
            inner.note(TraceEvent::Exit { actor, reason: reason.to_string() });
        }
    }

    /// Notes in the trace that time has gone on.
    pub(in crate::explore) fn note_clock(&self, now: Timestamp) {
        self.0.lock().note(TraceEvent::Clock { now: Duration::from_nanos(now.as_nanos()) });
    }

    /// The trace so far.
    pub(in crate::explore) fn events(&self) -> Vec<TraceEvent> {
        self.0.lock().trace.as_ref().map(Trace::events).unwrap_or_default()
    }

    /// The first actors that wait for each other in a circle.
    pub(in crate::explore) fn any_circle(&self) -> Vec<Stuck> {
        let inner = self.0.lock();
        let circles = (0..inner.actors.len()).map(|index| inner.circle_from(index));
        let circle = circles.into_iter().find(|circle| !circle.is_empty()).unwrap_or_default();
        circle.into_iter().map(|index| inner.describe(index)).collect()
    }

    /// The actors that wait for something unknown.
    pub(in crate::explore) fn strayed(&self) -> Vec<Stuck> {
        self.waiting(|actor| {
            actor.pid.is_some() && actor.ready.is_none() && actor.waits.wait == Wait::Unknown
        })
    }
}
