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

    /// Leaves findings out of a chunk that somebody else was done with before.
    pub(crate) fn leave_out(&mut self, findings: Findings, translation: &mut Translation) {
        self.totals.leave_out(findings.portion, translation);
    }

    /// Adds counts that come apart from the chunks they are of.
    pub(crate) fn add_words(&mut self, portion: Portion, translation: &mut Translation) {
        self.words += portion.total();
        self.totals.add(portion, translation);
    }

    /// Tells the user something.
    pub(crate) fn say(&self, line: &str) {
        self.progress.say(line);
    }

    /// Counts what could not be read, and says so.
    pub(crate) fn warn(&mut self, unreadable: &Unreadable) {
        self.unreadable += 1;
        self.progress.say(&format!("{}: {}", unreadable.path.display(), unreadable.error));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::chunk::CHUNK_BYTES;
    use crate::ledger::Turn;

    #[test]
    fn a_file_that_fails_in_several_chunks_is_unreadable_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, " ".repeat(9_000)).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(5 * CHUNK_BYTES).unwrap();
        let found = Ok(Found { path, size: 5 * CHUNK_BYTES });
        let mut ledger = Ledger::new(std::iter::once(found));
        let mut tally = Tally::new(Arc::new(Progress::new(true)));
        for holder in 0..3 {
            assert!(matches!(ledger.take(holder, drop), Turn::Count(_)));
        }
        for holder in 0..3 {
            let chunk = ledger.finish(holder, holder).unwrap();
            let error = io::Error::other("the disk is gone");
            let unreadable = vec![(0, Unreadable { path: PathBuf::from("large"), error })];
            let findings = Findings { unreadable, ..Findings::default() };
            tally.add(findings, &chunk, &mut Translation::default(), &mut ledger);
        }
        assert_eq!(tally.unreadable, 1);
        assert_eq!(ledger.take(9, drop), Turn::Done);
    }
}
