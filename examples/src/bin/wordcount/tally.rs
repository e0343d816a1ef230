//! The sum of what was found so far.

use std::sync::Arc;

use crate::chunk::Chunk;
use crate::count::{Portion, Totals, Translation};
use crate::ledger::Ledger;
use crate::progress::Progress;
use crate::read::Findings;
use crate::walk::{Found, Unreadable};

/// Everything counted so far. Its size depends on the distinct words alone.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) words: u64,
    pub(crate) totals: Totals,
    /// How many files and directories could not be read.
    pub(crate) unreadable: u64,
    progress: Arc<Progress>,
}

impl Tally {
    /// Nothing yet; what comes is shown by `progress`.
    pub(crate) fn new(progress: Arc<Progress>) -> Self {
        Self { files: 0, bytes: 0, words: 0, totals: Totals::default(), unreadable: 0, progress }
    }

    /// Takes out what there is, and leaves nothing.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self::new(Arc::clone(&self.progress));
        std::mem::replace(self, empty)
    }

    /// Adds what was found in `chunk`, which `ledger` has taken out of its books.
    pub(crate) fn add<W>(
        &mut self,
        findings: Findings,
        chunk: &Chunk,
        translation: &mut Translation,
        ledger: &mut Ledger<W>,
    ) where
        W: Iterator<Item = Result<Found, Unreadable>>,
    {
        self.files += findings.files;
        self.bytes += findings.bytes;
        self.add_words(findings.portion, translation);
        self.progress.advance(chunk.planned_bytes(), self.files, self.bytes, self.words);
        for (source, unreadable) in findings.unreadable {
            if ledger.fail(source) {
                self.warn(&unreadable);
            }
        }
    }

    /// Adds counts that come apart from the chunks they are of.
    pub(crate) fn add_words(&mut self, portion: Portion, translation: &mut Translation) {
        self.words += portion.total();
        self.totals.add(portion, translation);
    }

    /// Counts what could not be read, and says so.
    pub(crate) fn warn(&mut self, unreadable: &Unreadable) {
        self.unreadable += 1;
        self.progress.say(&format!("{}: {}", unreadable.path.display(), unreadable.error));
    }
}
