//! Six points at which a program may watch the runtime.

use std::fmt;
use std::panic::Location;

use crate::dead_letter::DeadLetter;
use crate::exit::ExitReason;
use crate::id::ActorId;

/// Callbacks of a node. They run on the worker concerned, so they must be short and must not panic.
///
/// A node without hooks pays one predictable branch at each point.
pub trait Hooks: Send + Sync + 'static {
    /// An actor was spawned.
    fn actor_spawned(&self, id: ActorId, actor: &'static str) {
        let _ = (id, actor);
    }

    /// An actor ended.
    fn actor_exited(&self, id: ActorId, reason: &ExitReason) {
        let _ = (id, reason);
    }

    /// An actor ended in a way that nobody asked for.
    fn actor_crashed(&self, report: &CrashReport<'_>) {
        let _ = report;
    }

    /// A message was not handled.
    fn dead_letter(&self, letter: &DeadLetter) {
        let _ = letter;
    }

    /// The node stops.
    fn node_stopping(&self) {}

    /// The node has stopped.
    fn node_stopped(&self) {}
}

/// What is known about a crash.
#[derive(Debug)]
#[non_exhaustive]
pub struct CrashReport<'a> {
    /// Who crashed.
    pub id: ActorId,
    /// Its label, if it has one.
    pub label: Option<&'a str>,
    /// Its type.
    pub actor: &'static str,
    /// Why.
    pub reason: &'a ExitReason,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Who spawned it, when that was an actor or guest.
    pub parent: Option<ActorId>,
    /// Messages that were waiting.
    pub queued: u64,
    /// Who was linked with it.
    pub links: Vec<ActorId>,
    /// Who monitored it.
    pub monitored_by: Vec<ActorId>,
}

impl<'a> CrashReport<'a> {
    #[allow(clippy::too_many_arguments, reason = "a plain record")]
    pub(crate) fn new(
        id: ActorId,
        label: Option<&'a str>,
        actor: &'static str,
        reason: &'a ExitReason,
        spawned_at: &'static Location<'static>,
        parent: Option<ActorId>,
        queued: u64,
    ) -> Self {
        let (links, monitored_by) = (Vec::new(), Vec::new());
        Self { id, label, actor, reason, spawned_at, parent, queued, links, monitored_by }
    }
}

impl fmt::Display for CrashReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "actor `{}`", self.actor)?;
        if let Some(label) = self.label {
            write!(f, " \"{label}\"")?;
        }
        writeln!(f, " {} crashed", self.id)?;
        writeln!(f, "  {}", self.reason)?;
        write!(f, "  spawned at {}", self.spawned_at)?;
        if let Some(parent) = self.parent {
            write!(f, " by {parent}")?;
        }
        write!(f, "; {} messages were waiting", self.queued)?;
        for (what, ids) in [("linked with", &self.links), ("monitored by", &self.monitored_by)] {
            if !ids.is_empty() {
                write!(f, "; {what}")?;
                ids.iter().try_for_each(|id| write!(f, " {id}"))?;
            }
        }
        Ok(())
    }
}
