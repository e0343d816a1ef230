//! Dead letters: messages that were accepted, or were to be, and that nobody handled.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::directory::Directory;
use crate::exit::ExitReason;
use crate::hooks::Hooks;
use crate::id::ActorId;
use crate::primitive::{AtomicU64, Mutex, Ordering};
use crate::time::Timestamp;

/// Why nobody handled a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum DeadLetterCause {
    /// Its receiver ended with it still in the mailbox.
    ExitedFirst,
    /// The mailbox was full, and its policy drops the newest.
    Overflow,
    /// A timer's message, or one of another node's, came for an actor that had ended.
    NoProc,
    /// The connection to its receiver's node was cut before it was out.
    NoConnection,
}

impl DeadLetterCause {
    /// All causes.
    pub const ALL: [Self; 4] = [Self::ExitedFirst, Self::Overflow, Self::NoProc, Self::NoConnection];

    const fn index(self) -> usize {
        match self {
            Self::ExitedFirst => 0,
            Self::Overflow => 1,
            Self::NoProc => 2,
            Self::NoConnection => 3,
        }
    }

    /// The cause as one word for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExitedFirst => "exited_first",
            Self::Overflow => "overflow",
            Self::NoProc => "no_proc",
            Self::NoConnection => "no_connection",
        }
    }

    /// What can be done about it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::ExitedFirst => "its sender can monitor the receiver, or ask, which tells of its end",
            Self::Overflow => "raise the capacity, or choose an overflow policy that tells the sender",
            Self::NoProc => {
                "a timer outlived its actor: cancel it when the actor stops; or a node sent to who had ended"
            }
            Self::NoConnection => "its sender can monitor the receiver, or ask, which tells of the cut",
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
    /// The receiver's label, if it has one and has not been gone for long.
    pub to_label: Option<Arc<str>>,
    /// Who sent it, when that was an actor or guest.
    pub from: Option<ActorId>,
    /// The sender's label, if it has one and lives.
    pub from_label: Option<Arc<str>>,
    /// The message's type.
    pub message: &'static str,
    /// Why it was not handled.
    pub cause: DeadLetterCause,
    /// Why the receiver has ended, where its end is the cause.
    pub receiver_ended: Option<ExitReason>,
    /// When, by the node's clock.
    pub at: Timestamp,
}

impl DeadLetter {
    /// A letter without what only some need: see [`DeadLetter::with_labels`].
    pub(crate) const fn new(
        to: ActorId,
        from: Option<ActorId>,
        message: &'static str,
        cause: DeadLetterCause,
        at: Timestamp,
    ) -> Self {
        Self { to, to_label: None, from, from_label: None, message, cause, receiver_ended: None, at }
    }

    /// The same with what the two sides are called.
    fn with_labels(mut self, directory: &Directory) -> Self {
        self.to_label = directory.label(self.to);
        self.from_label = self.from.and_then(|from| directory.label(from));
        self
    }
}

/// How many dead letters of one cause and message are logged in a second before the rest is only
/// counted.
const LOGGED_A_SECOND: u64 = 10;

/// Dead letters of one cause and message, in one second.
#[derive(Debug, Default)]
struct Window {
    second: u64,
    count: u64,
}

/// Counts by cause, and a rate limit for the log.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    counts: [AtomicU64; DeadLetterCause::ALL.len()],
    /// While the node stops.
    at_stop: AtomicU64,
    windows: Mutex<BTreeMap<(usize, &'static str), Window>>,
}

/// Who wants to know of a dead letter.
pub(crate) struct Audience<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) hooks: Option<&'a dyn Hooks>,
    pub(crate) observers: Vec<Arc<dyn Hooks>>,
    /// The node stops: what is left in mailboxes is no news.
    pub(crate) stopping: bool,
}

impl DeadLetters {
    /// Counts one, logs it and tells those who want to know.
    pub(crate) fn record(&self, letter: DeadLetter, audience: &Audience<'_>) {
        // Relaxed throughout: figures, no order.
        self.counts[letter.cause.index()].fetch_add(1, Ordering::Relaxed);
        let logged = if audience.stopping {
            self.at_stop.fetch_add(1, Ordering::Relaxed);
            false
        } else {
            self.admit(&letter)
        };
        if !logged && audience.hooks.is_none() && audience.observers.is_empty() {
            return;
        }
        let letter = letter.with_labels(audience.directory);
        if logged {
            log(&letter);
        }
        for hooks in audience.hooks.into_iter().chain(audience.observers.iter().map(|hooks| &**hooks)) {
            hooks.dead_letter(&letter);
        }
    }

    /// Whether one is to be logged. The first in a new second says how many were not.
    fn admit(&self, letter: &DeadLetter) -> bool {
        let second = letter.at.as_nanos() / 1_000_000_000;
        let mut windows = self.windows.lock();
        let window = windows.entry((letter.cause.index(), letter.message)).or_default();
        let before = std::mem::replace(&mut window.second, second);
        let left = if before == second { 0 } else { std::mem::take(&mut window.count) };
        window.count += 1;
        let admitted = window.count <= LOGGED_A_SECOND;
        drop(windows);
        log_rest(letter.cause, letter.message, left);
        admitted
    }

    /// Says what was not said yet, now that the node has stopped.
    pub(crate) fn summarise(&self) {
        let windows = std::mem::take(&mut *self.windows.lock());
        for ((cause, message), window) in windows {
            log_rest(DeadLetterCause::ALL[cause], message, window.count);
        }
        let at_stop = self.at_stop.swap(0, Ordering::Relaxed);
        if at_stop > 0 {
            tracing::warn!(
                target: "wharf::dead_letter",
                count = at_stop,
                "messages not handled when the node stopped"
            );
        }
    }

    /// How many there were, by cause.
    pub(crate) fn count(&self, cause: DeadLetterCause) -> u64 {
        self.counts[cause.index()].load(Ordering::Relaxed)
    }
}

fn log(letter: &DeadLetter) {
    tracing::warn!(
        target: "wharf::dead_letter",
        message_type = letter.message,
        to = %letter.to,
        to_label = letter.to_label.as_deref(),
        from = letter.from.map(tracing::field::display),
        from_label = letter.from_label.as_deref(),
        cause = letter.cause.name(),
        receiver_ended = letter.receiver_ended.as_ref().map(tracing::field::display),
        help = letter.cause.help(),
        "message not handled"
    );
}

/// Says how many of `count` were not logged, if any.
fn log_rest(cause: DeadLetterCause, message: &'static str, count: u64) {
    if count > LOGGED_A_SECOND {
        tracing::warn!(
            target: "wharf::dead_letter",
            message_type = message,
            cause = cause.name(),
            count = count - LOGGED_A_SECOND,
            "more messages not handled"
        );
    }
}
