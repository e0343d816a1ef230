//! What happened in a run, event by event: who did what to whom.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many events are kept; older ones go first.
const KEPT: usize = 10_000;

/// One event of a traced run. Actors go by their label, or their type, and by who spawned them as
/// which child: `worker#0.1` is the second child of the first actor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceEvent {
    /// An actor was spawned.
    Spawn {
        /// Which.
        actor: Arc<str>,
        /// Who spawned it, when that was an actor or the test.
        by: Option<Arc<str>>,
    },
    /// A message or signal went on its way.
    Send {
        /// Who sent it; `timer` for the message of a timer.
        from: Arc<str>,
        /// To whom.
        to: Arc<str>,
        /// The message's type, or the signal's name.
        what: &'static str,
    },
    /// A message or signal arrived.
    Receive {
        /// Who had sent it.
        from: Arc<str>,
        /// At whom.
        to: Arc<str>,
        /// The message's type, or the signal's name.
        what: &'static str,
    },
    /// An actor ended.
    Exit {
        /// Which.
        actor: Arc<str>,
        /// Why.
        reason: String,
    },
    /// Time went on to a moment at which timers were due.
    Clock {
        /// The time since the start.
        now: Duration,
    },
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { actor, by: Some(by) } => write!(f, "{by} spawns {actor}"),
            Self::Spawn { actor, by: None } => write!(f, "{actor} is spawned"),
            Self::Send { from, to, what } => write!(f, "{from} sends {what} to {to}"),
            Self::Receive { from, to, what } => write!(f, "{to} receives {what} from {from}"),
            Self::Exit { actor, reason } => write!(f, "{actor} exits: {reason}"),
            Self::Clock { now } => write!(f, "the clock shows {now:?}"),
        }
    }
}

/// Collects the events of a run.
pub(super) struct Trace {
    events: VecDeque<TraceEvent>,
    /// Makes an actor's name out of its type's, where it has no label.
    names: fn(&'static str) -> Option<&'static str>,
}

impl Trace {
    /// Nothing yet.
    pub(super) const fn new(names: fn(&'static str) -> Option<&'static str>) -> Self {
        Self { events: VecDeque::new(), names }
    }

    /// What an actor of this type is called.
    pub(super) fn name_of_type(&self, actor: &'static str) -> Option<&'static str> {
        (self.names)(actor)
    }

    /// Adds an event.
    pub(super) fn note(&mut self, event: TraceEvent) {
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The events so far, oldest first.
    pub(super) fn events(&self) -> Vec<TraceEvent> {
        self.events.iter().cloned().collect()
    }
}
