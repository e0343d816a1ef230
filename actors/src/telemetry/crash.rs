//! Crash reports to keep.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use wharf_runtime::{ActorId, CrashReport, ExitReason, Timestamp};

use super::json::Object;

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
    /// Messages it had received.
    pub received: u64,
    /// The type of the message it received last.
    pub last_message: Option<&'static str>,
    /// Who sent that one, with the label, when it was an actor or guest.
    pub last_sender: Option<(ActorId, Option<Arc<str>>)>,
    /// Messages that were waiting.
    pub queued: u64,
    /// Whether it trapped exits.
    pub trap_exit: bool,
    /// Who was linked with it.
    pub links: Vec<ActorId>,
    /// Who monitored it.
    pub monitored_by: Vec<ActorId>,
    /// When, by the node's clock.
    pub at: Timestamp,
    text: Box<str>,
}

impl From<&CrashReport<'_>> for CrashRecord {
    fn from(report: &CrashReport<'_>) -> Self {
        Self {
            id: report.id,
            label: report.label.map(Arc::from),
            actor: report.actor_name(),
            reason: report.reason.clone(),
            spawned_at: report.spawned_at,
            ancestors: report.ancestors.clone(),
            received: report.received,
            last_message: report.last_message,
            last_sender: report.last_sender.clone(),
            queued: report.queued,
            trap_exit: report.trap_exit,
            links: report.links.clone(),
            monitored_by: report.monitored_by.clone(),
            at: report.at,
            text: report.to_string().into(),
        }
    }
}

impl CrashRecord {
    /// The record as one JSON object, for machines. Ids and reasons are strings, as they are printed;
    /// `at_nanos` is nanoseconds of the node's clock.
    ///
    /// # Examples
    /// See [`NodeExt::crash_reports`](crate::NodeExt::crash_reports).
    #[must_use]
    pub fn to_json(&self) -> String {
        let actor = |(id, label): &(ActorId, Option<Arc<str>>)| {
            Object::new().text("id", Some(id)).text("label", label.as_deref())
        };
        let location = match &self.reason {
            ExitReason::Panicked(info) => info.location(),
            _ => None,
        };
        Object::new()
            .text("id", Some(self.id))
            .text("label", self.label.as_deref())
            .text("actor", Some(self.actor))
            .text("reason", Some(&self.reason))
            .text("location", location)
            .text("spawned_at", Some(self.spawned_at))
            .objects("ancestors", self.ancestors.iter().map(actor))
            .number("received", self.received)
            .text("last_message", self.last_message)
            .text("last_sender", self.last_sender.as_ref().map(|(id, _)| id))
            .text("last_sender_label", self.last_sender.as_ref().and_then(|(_, label)| label.as_deref()))
            .number("queued", self.queued)
            .truth("trap_exit", self.trap_exit)
            .texts("links", &self.links)
            .texts("monitored_by", &self.monitored_by)
            .number("at_nanos", self.at.as_nanos())
            .finish()
    }
}

impl fmt::Display for CrashRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
