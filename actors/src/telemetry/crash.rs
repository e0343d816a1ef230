//! Crash reports to keep.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use wharf_runtime::{ActorId, CrashReport, ExitReason, RecentMessage, Supervision, Timestamp};

/// A crash report of its own, for whoever [subscribes](crate::NodeExt::crash_reports).
///
/// Its `Display` is the text that the log has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrashRecord {
    /// Who crashed.
    pub id: ActorId,
    /// Its label, if it has one.
    pub label: Option<Arc<str>>,
    /// Its type without the path; for a process, the function that it was written in.
    pub actor: &'static str,
    /// Why.
    pub reason: ExitReason,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Who spawned it, who spawned that one, and so on, with their labels.
    pub ancestors: Vec<(ActorId, Option<Arc<str>>)>,
    /// How long it had lived, to a millisecond.
    pub age: Duration,
    /// Messages it had received.
    pub received: u64,
    /// The type of the message it received last.
    pub last_message: Option<&'static str>,
    /// Who sent that one, with the label, when it was an actor or guest.
    pub last_sender: Option<(ActorId, Option<Arc<str>>)>,
    /// The messages it received last, the newest last, as many as
    /// [`Builder::recent_messages`](crate::Builder::recent_messages) says: by default none.
    pub recent: Vec<RecentMessage>,
    /// Messages that were waiting.
    pub queued: u64,
    /// Whether it trapped exits.
    pub trap_exit: bool,
    /// Who was linked with it.
    pub links: Vec<ActorId>,
    /// Who monitored it.
    pub monitored_by: Vec<ActorId>,
    /// What its supervisor makes of it, if it has one that is there to decide.
    pub supervision: Option<Supervision>,
    /// When, by the node's clock.
    pub at: Timestamp,
    text: Box<str>,
}

impl From<&CrashReport> for CrashRecord {
    fn from(report: &CrashReport) -> Self {
        Self {
            id: report.id,
            label: report.label.clone(),
            actor: report.actor_name(),
            reason: report.reason.clone(),
            spawned_at: report.spawned_at,
            ancestors: report.ancestors.clone(),
            age: report.age,
            received: report.received,
            last_message: report.last_message,
            last_sender: report.last_sender.clone(),
            recent: report.recent.clone(),
            queued: report.queued,
            trap_exit: report.trap_exit,
            links: report.links.clone(),
            monitored_by: report.monitored_by.clone(),
            supervision: report.supervision.clone(),
            at: report.at,
            text: report.to_string().into(),
        }
    }
}

#[cfg(feature = "json")]
impl CrashRecord {
    /// The record as one JSON object, for machines. Ids and reasons are strings, as they are printed;
    /// `at_nanos` is nanoseconds of the node's clock. With the feature `json`.
    ///
    /// # Examples
    /// See [`NodeExt::crash_reports`](crate::NodeExt::crash_reports).
    #[must_use]
    pub fn to_json(&self) -> String {
        super::json::written(self)
    }
}

impl fmt::Display for CrashRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
