//! Records as JSON objects: ids and reasons as they are printed, times as numbers.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use wharf_runtime::{ActorId, ExitReason, RecentMessage, Supervision};

use super::{CrashRecord, DeadLetterRecord};

/// A value as it is printed.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn texts<T: Display>(values: &[T]) -> Vec<Text<&T>> {
    values.iter().map(Text).collect()
}

/// Whole milliseconds; as many as there can be, where it is more.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An actor and its label.
struct Labelled<'a>(&'a (ActorId, Option<Arc<str>>));

impl Serialize for Labelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self((id, label)) = self;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("id", &Text(id))?;
        object.serialize_entry("label", &label.as_deref())?;
        object.end()
    }
}

struct Recent<'a>(&'a RecentMessage);

impl Serialize for Recent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("kind", self.0.kind)?;
        object.serialize_entry("age_millis", &millis(self.0.age))?;
        object.end()
    }
}

struct Supervised<'a>(&'a Supervision);

impl Serialize for Supervised<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let of = self.0;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("supervisor", &Text(of.supervisor))?;
        object.serialize_entry("child", &*of.child)?;
        object.serialize_entry("crashes", &of.crashes)?;
        object.serialize_entry("restarts", &of.restarts)?;
        object.serialize_entry("intensity", &of.intensity)?;
        object.serialize_entry("period_millis", &millis(of.period))?;
        object.serialize_entry("decision", of.decision.as_str())?;
        object.end()
    }
}

impl Serialize for CrashRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let location = match &self.reason {
            ExitReason::Panicked(info) => info.location(),
            _ => None,
        };
        let sender = self.last_sender.as_ref();
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("id", &Text(self.id))?;
        object.serialize_entry("label", &self.label.as_deref())?;
        object.serialize_entry("actor", self.actor)?;
        object.serialize_entry("reason", &Text(&self.reason))?;
        object.serialize_entry("location", &location)?;
        object.serialize_entry("spawned_at", &Text(self.spawned_at))?;
        object.serialize_entry("ancestors", &self.ancestors.iter().map(Labelled).collect::<Vec<_>>())?;
        object.serialize_entry("age_millis", &millis(self.age))?;
        object.serialize_entry("received", &self.received)?;
        object.serialize_entry("last_message", &self.last_message)?;
        object.serialize_entry("last_sender", &sender.map(|(id, _)| Text(id)))?;
        object.serialize_entry("last_sender_label", &sender.and_then(|(_, label)| label.as_deref()))?;
        object.serialize_entry("recent", &self.recent.iter().map(Recent).collect::<Vec<_>>())?;
        object.serialize_entry("queued", &self.queued)?;
        object.serialize_entry("trap_exit", &self.trap_exit)?;
        object.serialize_entry("links", &texts(&self.links))?;
        object.serialize_entry("monitored_by", &texts(&self.monitored_by))?;
        object.serialize_entry("supervision", &self.supervision.as_ref().map(Supervised))?;
        object.serialize_entry("at_nanos", &self.at.as_nanos())?;
        object.end()
    }
}

impl Serialize for DeadLetterRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("message", self.message)?;
        object.serialize_entry("to", &Text(self.to))?;
        object.serialize_entry("to_label", &self.to_label.as_deref())?;
        object.serialize_entry("from", &self.from.map(Text))?;
        object.serialize_entry("from_label", &self.from_label.as_deref())?;
        object.serialize_entry("cause", &Text(self.cause))?;
        object.serialize_entry("receiver_ended", &self.receiver_ended.as_ref().map(Text))?;
        object.serialize_entry("at_nanos", &self.at.as_nanos())?;
        object.end()
    }
}

/// The text of a record, whose keys are strings and whose values can all be written.
pub(super) fn written(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_else(|error| unreachable!("a record can be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_json_wants_it() {
        let text = written(&Text("a\"b\\c\nd\re\tf\u{1}g\u{1f}é\u{7f}😀/"));
        assert_eq!(text, r#""a\"b\\c\nd\re\tf\u0001g\u001fé"#.to_owned() + "\u{7f}😀/\"");
    }
}
