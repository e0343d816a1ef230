//! Six points at which a program may watch the runtime.

use crate::crash::CrashReport;
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
    fn actor_crashed(&self, report: &CrashReport) {
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
