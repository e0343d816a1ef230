//! Crash reports: what is known of an actor that ended in a way nobody asked for.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::time::Timestamp;
use crate::type_name;

/// What is known about a crash.
#[derive(Clone, Debug)]
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
    /// Who spawned it, who spawned that one, and so on, with their labels; at most 16.
    pub ancestors: Vec<(ActorId, Option<Arc<str>>)>,
    /// Messages it had received, if its mailbox does more than hand over.
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
}

impl CrashReport<'_> {
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
            label = self.label,
            actor_type = self.actor_name(),
            reason = %self.reason,
            last_message = self.last_message,
            last_sender = self.last_sender.as_ref().map(|(id, _)| tracing::field::display(id)),
            spawned_at = %self.spawned_at,
            received = self.received,
            queued = self.queued,
            "{self}"
        );
    }
}

impl fmt::Display for CrashReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, reason, received, queued, .. } = self;
        write!(f, "actor `{}`", self.actor_name())?;
        write_label(f, self.label)?;
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
        write!(f, "\n  actor           spawned at {} · {received} messages", self.spawned_at)?;
        if self.trap_exit {
            f.write_str(" · traps exits")?;
        }
        write!(f, "\n  mailbox         {queued} waiting")?;
        for (what, ids) in [("links", &self.links), ("monitors", &self.monitored_by)] {
            if !ids.is_empty() {
                write!(f, " · {what}")?;
                ids.iter().try_for_each(|id| write!(f, " {id}"))?;
            }
        }
        for (at, (id, label)) in self.ancestors.iter().enumerate() {
            f.write_str(if at == 0 { "\n  ancestors       " } else { " › " })?;
            write!(f, "{id}")?;
            write_label(f, label.as_deref())?;
        }
        Ok(())
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
