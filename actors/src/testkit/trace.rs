//! The last events of a test as a Mermaid sequence diagram.

use std::fmt::{self, Write as _};

use wharf_runtime::explore::TraceEvent;

/// How many events a chart shows.
const SHOWN: usize = 20;

/// Shows the last events; dotted arrows are what was sent, solid ones what arrived.
#[derive(Debug)]
pub(super) struct Chart<'a>(pub(super) &'a [TraceEvent]);

impl fmt::Display for Chart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = &self.0[self.0.len().saturating_sub(SHOWN)..];
        writeln!(f, "the last {} of {} events (dotted: sent, solid: received):", last.len(), self.0.len())?;
        f.write_str("```mermaid\nsequenceDiagram\n")?;
        let people = people(last);
        for (at, name) in people.iter().enumerate() {
            writeln!(f, "    participant p{at} as {}", Plain(name))?;
        }
        let number = |name: &str| people.iter().position(|other| *other == name).unwrap_or(0);
        for event in last {
            f.write_str("    ")?;
            match event {
                TraceEvent::Spawn { actor, by } => {
                    let by = by.as_deref().map_or("outside", |by| by);
                    writeln!(f, "Note over p{}: spawned by {}", number(actor), Plain(by))?;
                }
                TraceEvent::Send { from, to, what } => {
                    writeln!(f, "p{}--)p{}: {}", number(from), number(to), Plain(what))?;
                }
                TraceEvent::Receive { from, to, what } => {
                    writeln!(f, "p{}->>p{}: {}", number(from), number(to), Plain(what))?;
                }
                TraceEvent::Exit { actor, reason } => {
                    writeln!(f, "Note over p{}: exits, {}", number(actor), Plain(reason))?;
                }
                TraceEvent::Clock { now } => {
                    writeln!(f, "Note over p0: the clock shows {now:?}")?;
                }
                other => writeln!(f, "Note over p0: {}", Plain(&other.to_string()))?,
            }
        }
        f.write_str("```")
    }
}

/// Who takes part, in the order of their first event. There is always somebody.
fn people(events: &[TraceEvent]) -> Vec<&str> {
    let mut people = Vec::new();
    let mut add = |name| {
        if !people.contains(&name) {
            people.push(name);
        }
    };
    for event in events {
        match event {
            TraceEvent::Spawn { actor, .. } | TraceEvent::Exit { actor, .. } => add(&**actor),
            TraceEvent::Send { from, to, .. } | TraceEvent::Receive { from, to, .. } => {
                add(&**from);
                add(&**to);
            }
            _ => {}
        }
    }
    if people.is_empty() {
        people.push(super::run::GUEST);
    }
    people
}

/// A text without what means something to Mermaid: one line, no comments, no entities.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '#' => f.write_char(' '),
            ';' => f.write_char(','),
            '%' => f.write_str("percent"),
            c if c.is_control() => f.write_char(' '),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_mermaid_is_taken_out_of_names() {
        assert_eq!(Plain("a#1; %% b\nc").to_string(), "a 1, percentpercent b c");
    }

    #[test]
    fn a_chart_without_events_has_the_test_in_it() {
        let chart = Chart(&[]).to_string();
        assert!(chart.ends_with("sequenceDiagram\n    participant p0 as test\n```"), "{chart}");
    }
}
