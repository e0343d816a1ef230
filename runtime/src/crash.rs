//! Crash reports: what is known of an actor that ended in a way nobody asked for.

pub mod desk;
mod supervision;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::time::Timestamp;
use crate::type_name;

pub use self::supervision::{CrashDecision, Supervision};

/// A message that an actor received before it crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecentMessage {
    /// What it was: of an actor's messages the one, of a process's their type.
    pub kind: &'static str,
    /// How long before the crash it was received.
    pub age: Duration,
}

/// What is known about a crash.
///
/// That of a supervisor's child comes when the supervisor has decided what follows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrashReport {
    /// Who crashed.
    pub id: ActorId,
    /// Its label, if it has one.
    pub label: Option<Arc<str>>,
    /// Its type.
    pub actor: &'static str,
    /// Why.
    pub reason: ExitReason,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Who spawned it, when that was an actor or guest.
    pub parent: Option<ActorId>,
    /// Who spawned it, who spawned that one, and so on, with their labels; at most 16.
    pub ancestors: Vec<(ActorId, Option<Arc<str>>)>,
    /// How long it had lived, to a millisecond.
    pub age: Duration,
    /// Messages it had received, if its mailbox does more than hand over.
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
}

impl CrashReport {
    /// The actor's type without its path: for a process, the function that it was written in.
    #[must_use]
    pub fn actor_name(&self) -> &'static str {
        short_actor_name(self.actor)
    }

    /// How it ended, in a word.
    const fn verb(&self) -> &'static str {
        match self.reason {
            ExitReason::Panicked(_) => "panicked",
            ExitReason::Failed(_) => "failed",
            ExitReason::Kill | ExitReason::Killed => "was killed",
            _ => "ended",
        }
    }

    /// One event, with the text as its message.
    pub(crate) fn log(&self) {
        tracing::error!(
            target: "wharf::crash",
            actor = %self.id,
            label = self.label.as_deref(),
            actor_type = self.actor_name(),
            reason = %self.reason,
            last_message = self.last_message,
            last_sender = self.last_sender.as_ref().map(|(id, _)| tracing::field::display(id)),
            spawned_at = %self.spawned_at,
            age = %Age(self.age),
            received = self.received,
            queued = self.queued,
            crashes = self.supervision.as_ref().map(|supervision| supervision.crashes),
            decision = self.supervision.as_ref().map(|supervision| supervision.decision.as_str()),
            "{self}"
        );
    }
}

impl fmt::Display for CrashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, reason, received, queued, .. } = self;
        write!(f, "actor `{}`", self.actor_name())?;
        write_label(f, self.label.as_deref())?;
        writeln!(f, " {id} {}", self.verb())?;
        match reason {
            ExitReason::Panicked(info) => {
                write!(f, "  × {}", info.message())?;
                if let Some(location) = info.location() {
                    write!(f, "\n  at {location}")?;
                }
            }
            ExitReason::Failed(error) => {
                write!(f, "  × {error}")?;
                let mut source = error.error().source();
                while let Some(cause) = source {
                    write!(f, "\n  caused by: {cause}")?;
                    source = cause.source();
                }
            }
            other => write!(f, "  × {other}")?,
        }
        if let Some(message) = self.last_message {
            write!(f, "\n  last message    {message}")?;
            if let Some((sender, label)) = &self.last_sender {
                write!(f, " from {sender}")?;
                write_label(f, label.as_deref())?;
            }
        }
        write!(f, "\n  actor           spawned at {} · age {}", self.spawned_at, Age(self.age))?;
        write!(f, " · {received} messages")?;
        if self.trap_exit {
            f.write_str(" · traps exits")?;
        }
        if let Some(supervision) = &self.supervision {
            write!(f, " · {} crash in {:?}", Ordinal(supervision.crashes), supervision.period)?;
        }
        write!(f, "\n  mailbox         {queued} waiting")?;
        for (what, ids) in [("links", &self.links), ("monitors", &self.monitored_by)] {
            if !ids.is_empty() {
                write!(f, " · {what}")?;
                ids.iter().try_for_each(|id| write!(f, " {id}"))?;
            }
        }
        for (at, RecentMessage { kind, age }) in self.recent.iter().enumerate() {
            f.write_str(if at == 0 { "\n  recent          " } else { ", " })?;
            write!(f, "{kind} {} ago", Age(*age))?;
        }
        for (at, (id, label)) in self.ancestors.iter().enumerate() {
            f.write_str(if at == 0 { "\n  ancestors       " } else { " › " })?;
            write!(f, "{id}")?;
            write_label(f, label.as_deref())?;
        }
        if let Some(supervision) = &self.supervision {
            write!(f, "\n  decision        {supervision}")?;
        }
        Ok(())
    }
}

/// A length of time in its two largest units.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 5] =
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let millis = self.0.as_millis();
        let first = UNITS.iter().position(|(unit, _)| millis >= *unit).unwrap_or(UNITS.len() - 1);
        let (unit, name) = UNITS[first];
        write!(f, "{} {name}", millis / unit)?;
        match UNITS.get(first + 1) {
            Some((next, name)) if millis % unit >= *next => write!(f, " {} {name}", millis % unit / next),
            _ => Ok(()),
        }
    }
}

/// 1st, 2nd and so on.
struct Ordinal(usize);

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = match (self.0 % 10, self.0 % 100) {
            (_, 11..=13) => "th",
            (1, _) => "st",
            (2, _) => "nd",
            (3, _) => "rd",
            _ => "th",
        };
        write!(f, "{}{ending}", self.0)
    }
}

fn write_label(f: &mut fmt::Formatter<'_>, label: Option<&str>) -> fmt::Result {
    label.map_or(Ok(()), |label| write!(f, " \"{label}\""))
}

/// Makes a name for people out of the type of an actor's future.
fn short_actor_name(name: &'static str) -> &'static str {
    type_name::actor_of(name).map_or_else(|| type_name::function_of(name), type_name::short)
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_its_two_largest_units() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1 s"),
            (61_999, "1 m 1 s"),
            (60_500, "1 m"),
            (3_600_000, "1 h"),
            (100_000_000, "1 d 3 h"),
        ] {
            assert_eq!(Age(Duration::from_millis(millis)).to_string(), text);
        }
    }

    #[test]
    fn ordinals_end_as_they_are_spoken() {
        let spoken = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(|n| Ordinal(n).to_string());
        assert_eq!(spoken, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }

    #[test]
    fn an_actor_is_named_by_its_type_and_a_process_by_its_function() {
        for (name, short) in [
            ("wharf::actor::run<bank::Account, wharf::spawn::{{closure}}>::{{closure}}", "Account"),
            (
                "core::pin::Pin<alloc::boxed::Box<wharf::actor::run<a::B<c::D, e::F>>::{{closure}}>>",
                "B<c::D, e::F>",
            ),
            ("bank::main::{{closure}}::{{closure}}", "main"),
            ("guest", "guest"),
        ] {
            assert_eq!(short_actor_name(name), short);
        }
    }
}
