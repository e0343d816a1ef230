//! Dead letters: messages that were accepted, or were to be, and that nobody handled.

use std::fmt;

use crate::id::ActorId;
use crate::primitive::{AtomicU64, Ordering};

/// Why nobody handled a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum DeadLetterCause {
    /// Its receiver ended with it still in the mailbox.
    ExitedFirst,
    /// The mailbox was full, and its policy drops the newest.
    Overflow,
    /// A timer's message came for an actor that had ended.
    NoProc,
}

impl DeadLetterCause {
    /// All causes.
    pub const ALL: [Self; 3] = [Self::ExitedFirst, Self::Overflow, Self::NoProc];

    const fn index(self) -> usize {
        match self {
            Self::ExitedFirst => 0,
            Self::Overflow => 1,
            Self::NoProc => 2,
        }
    }

    /// The cause as one word for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExitedFirst => "exited_first",
            Self::Overflow => "overflow",
            Self::NoProc => "no_proc",
        }
    }
}

impl fmt::Display for DeadLetterCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One dead letter, without the message itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// To whom it went.
    pub to: ActorId,
    /// Who sent it, when that was an actor or guest.
    pub from: Option<ActorId>,
    /// The message's type.
    pub message: &'static str,
    /// Why it was not handled.
    pub cause: DeadLetterCause,
}

impl DeadLetter {
    pub(crate) const fn new(
        to: ActorId,
        from: Option<ActorId>,
        message: &'static str,
        cause: DeadLetterCause,
    ) -> Self {
        Self { to, from, message, cause }
    }
}

/// How many dead letters are logged in a second before the rest is only counted.
const LOGGED_A_SECOND: u64 = 10;

/// Counts by cause, and a rate limit for the log.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    counts: [AtomicU64; DeadLetterCause::ALL.len()],
    /// Second of the window under way.
    window: AtomicU64,
    /// Dead letters in that window.
    in_window: AtomicU64,
}

impl DeadLetters {
    /// Counts and logs one; `second` is the clock's.
    pub(crate) fn record(&self, letter: &DeadLetter, second: u64) {
        // Relaxed throughout: figures, no order.
        self.counts[letter.cause.index()].fetch_add(1, Ordering::Relaxed);
        if self.window.swap(second, Ordering::Relaxed) != second {
            let before = self.in_window.swap(0, Ordering::Relaxed);
            if before > LOGGED_A_SECOND {
                tracing::warn!(
                    target: "wharf::dead_letter",
                    suppressed = before - LOGGED_A_SECOND,
                    "more messages were not handled"
                );
            }
        }
        if self.in_window.fetch_add(1, Ordering::Relaxed) < LOGGED_A_SECOND {
            tracing::warn!(
                target: "wharf::dead_letter",
                message = letter.message,
                to = %letter.to,
                from = letter.from.map(tracing::field::display),
                reason = letter.cause.name(),
                "message not handled"
            );
        }
    }

    /// How many there were, by cause.
    pub(crate) fn count(&self, cause: DeadLetterCause) -> u64 {
        self.counts[cause.index()].load(Ordering::Relaxed)
    }
}
