//! What the user sees on stderr while the count runs.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::walk::Walk;

/// A progress bar if there is a terminal to draw it on, and the figures behind it.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    files: u64,
    bytes: u64,
    words: u64,
}

impl Progress {
    /// Progress that is drawn unless `quiet` or stderr is no terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = if quiet || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg}";
            // The template is a constant; were it wrong, the default style would do as well.
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        };
        Self { bar, seen: Mutex::default() }
    }

    /// Finds out on a thread of its own how much there is, when somebody is watching: walking
    /// ahead costs little, and the bar would have no end without.
    pub(crate) fn measure(self: &Arc<Self>, paths: &[PathBuf]) {
        if self.bar.is_hidden() {
            return;
        }
        let progress = Arc::clone(self);
        let paths = paths.to_vec();
        thread::spawn(move || {
            for found in Walk::new(&paths).into_iter().flatten().flatten() {
                progress.bar.inc_length(found.size);
            }
        });
    }

    /// `planned` more bytes are done with; so much was counted in all.
    pub(crate) fn advance(&self, planned: u64, files: u64, bytes: u64, words: u64) {
        *self.seen() = Seen { files, bytes, words };
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{files} files, {words} words"));
            self.bar.inc(planned);
        }
    }

    /// Writes a line to stderr, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| complain(line));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// How far the count got.
    pub(crate) fn summary(&self) -> String {
        let Seen { files, bytes, words } = *self.seen();
        format!("{files} files, {} and {words} words", HumanBytes(bytes))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a line to stderr, where there is no bar.
pub(crate) fn complain(line: &str) {
    // There is nobody left to tell that stderr is closed.
    _ = writeln!(io::stderr(), "wordcount: {line}");
}
