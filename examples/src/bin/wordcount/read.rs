//! Reads the pieces of a chunk and counts their words.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use crate::chunk::{CHUNK_BYTES, Chunk, Extent, Piece, is_text};
use crate::count::{Counter, Portion, is_letter};
use crate::walk::Unreadable;

/// How far to read past a range for the end of its last word, at first; it doubles.
const LOOK_AHEAD_BYTES: u64 = 64;

/// Most text of a chunk that is kept to be sent elsewhere.
const TEXT_BYTES: usize = 64 * 1024 * 1024;

/// What a worker found in a chunk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Text files that begin in it.
    pub(crate) files: u64,
    /// Bytes of text read, those past a range's end not included.
    pub(crate) bytes: u64,
    pub(crate) portion: Portion,
    /// What could not be read, with the file's number.
    pub(crate) unreadable: Vec<(u64, Unreadable)>,
}

impl Findings {
    /// About how many bytes they have on their way to another node, and no less than they have.
    pub(crate) fn weight(&self) -> usize {
        const NUMBERS: usize = 60;
        let unreadable =
            |(_, it): &(u64, Unreadable)| NUMBERS + it.path.as_os_str().len() + it.error.to_string().len();
        NUMBERS + self.portion.weight() + self.unreadable.iter().map(unreadable).sum::<usize>()
    }
}

/// Where text goes that was read.
pub(crate) trait Sink {
    /// Takes whole words; they need not stay as they are.
    ///
    /// # Errors
    ///
    /// When there is no place for them.
    fn put(&mut self, words: &mut [u8]) -> io::Result<()>;
}

impl Sink for Counter {
    fn put(&mut self, words: &mut [u8]) -> io::Result<()> {
        self.count(words);
        Ok(())
    }
}

/// Text to be counted elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Text(pub(crate) Vec<u8>);

impl Sink for Text {
    fn put(&mut self, words: &mut [u8]) -> io::Result<()> {
        if self.0.len() + words.len() > TEXT_BYTES {
            return Err(io::Error::other("it has grown past what can be sent to another machine"));
        }
        self.0.extend_from_slice(words);
        // What follows is no part of the last word.
        self.0.push(0);
        Ok(())
    }
}

/// Reads chunks one after the other, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Reader<S = Counter> {
    sink: S,
    buffer: Vec<u8>,
}

impl Reader {
    /// Counts all pieces that can be read.
    pub(crate) fn count(&mut self, chunk: &Chunk) -> Findings {
        let mut findings = self.read(chunk);
        findings.portion = self.sink.take();
        findings
    }

    /// Counts text that was read elsewhere.
    pub(crate) fn count_text(&mut self, text: &mut [u8]) -> Portion {
        self.sink.count(text);
        self.sink.take()
    }

    /// What was counted and not handed over.
    pub(crate) fn take(&mut self) -> Portion {
        self.sink.take()
    }
}

impl Reader<Text> {
    /// The text of all pieces that can be read, and what was found beside it.
    pub(crate) fn text(&mut self, chunk: &Chunk) -> (Vec<u8>, Findings) {
        let findings = self.read(chunk);
        (std::mem::take(&mut self.sink.0), findings)
    }
}

impl<S: Sink> Reader<S> {
    /// Reads all pieces that can be read; their words stay with the sink.
    pub(crate) fn read(&mut self, chunk: &Chunk) -> Findings {
        let mut findings = Findings::default();
        for piece in &chunk.pieces {
            if let Err(error) = self.count_piece(piece, &mut findings) {
                let path = piece.source.path.clone();
                findings.unreadable.push((piece.source.number, Unreadable { path, error }));
            }
        }
        findings
    }

    fn count_piece(&mut self, piece: &Piece, findings: &mut Findings) -> io::Result<()> {
        let mut file = File::open(&piece.source.path)?;
        match piece.extent {
            Extent::Whole => self.count_whole(&mut file, findings),
            Extent::Part { offset, len } => {
                let bytes = self.count_range(&mut file, offset, len)?;
                findings.files += u64::from(offset == 0);
                findings.bytes += bytes;
                Ok(())
            }
        }
    }

    /// Reads to the end rather than to the size the file had, which is zero for the files of `/proc`.
    fn count_whole(&mut self, file: &mut (impl Read + Seek), findings: &mut Findings) -> io::Result<()> {
        let mut offset = 0;
        loop {
            let bytes = self.read_range(file, offset, CHUNK_BYTES)?;
            if offset == 0 {
                if !is_text(&self.buffer) {
                    return Ok(());
                }
                findings.files += 1;
            }
            self.count_read(file, offset, bytes == CHUNK_BYTES)?;
            findings.bytes += bytes;
            offset += bytes;
            if bytes < CHUNK_BYTES {
                return Ok(());
            }
        }
    }

    /// Counts the words that begin in the range, and returns how many of its bytes there are.
    fn count_range(&mut self, file: &mut (impl Read + Seek), offset: u64, len: u64) -> io::Result<u64> {
        let bytes = self.read_range(file, offset, len)?;
        self.count_read(file, offset, bytes == len)?;
        Ok(bytes)
    }

    /// Fills the buffer with the range and, unless it is at the file's start, the byte before it.
    fn read_range(&mut self, file: &mut (impl Read + Seek), offset: u64, len: u64) -> io::Result<u64> {
        let lead = offset.min(1);
        file.seek(SeekFrom::Start(offset - lead))?;
        self.buffer.clear();
        let read = file.take(lead + len).read_to_end(&mut self.buffer)?;
        Ok((read as u64).saturating_sub(lead))
    }

    /// Counts what `read_range` left in the buffer.
    fn count_read(&mut self, file: &mut impl Read, offset: u64, may_go_on: bool) -> io::Result<()> {
        let lead = usize::from(offset > 0).min(self.buffer.len());
        let in_word = lead > 0 && is_letter(self.buffer[0]);
        let start = if in_word { end_of_word(&self.buffer, lead) } else { lead };
        let mut end = self.buffer.len();
        if may_go_on && start < end && is_letter(self.buffer[end - 1]) {
            end = self.finish_last_word(file)?;
        }
        self.sink.put(&mut self.buffer[start..end])
    }

    /// Reads on until the word at the buffer's end is whole, and returns where that is.
    fn finish_last_word(&mut self, file: &mut impl Read) -> io::Result<usize> {
        let mut look_ahead = LOOK_AHEAD_BYTES;
        loop {
            let seen = self.buffer.len();
            let read = file.by_ref().take(look_ahead).read_to_end(&mut self.buffer)?;
            let end = end_of_word(&self.buffer, seen);
            if read == 0 || end < self.buffer.len() {
                return Ok(end);
            }
            look_ahead *= 2;
        }
    }
}

/// Where the first byte from `from` on is that is no letter.
fn end_of_word(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| !is_letter(*byte)).map_or(bytes.len(), |at| from + at)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::*;
    use crate::chunk::{Chunker, Source};
    use crate::count::{Totals, Translation};
    use crate::walk::Walk;

    /// All words of `text`, counted in ranges of `len` bytes.
    fn by_ranges(text: &[u8], len: u64) -> Vec<(String, u64)> {
        let mut reader = Reader::<Counter>::default();
        let mut bytes = 0;
        for offset in (0..text.len() as u64).step_by(usize::try_from(len).unwrap()) {
            let len = len.min(text.len() as u64 - offset);
            bytes += reader.count_range(&mut Cursor::new(text), offset, len).unwrap();
        }
        assert_eq!(bytes, text.len() as u64);
        counts(reader.take())
    }

    fn counts(portion: Portion) -> Vec<(String, u64)> {
        let mut totals = Totals::default();
        totals.add(portion, &mut Translation::default());
        totals.top(usize::MAX)
    }

    fn chunk_of(path: &Path) -> Chunk {
        let source = Arc::new(Source { number: 7, path: path.to_path_buf(), size: 0 });
        Chunk { number: 0, attempt: 0, pieces: vec![Piece { source, extent: Extent::Whole }] }
    }

    #[test]
    fn no_cut_changes_the_counts() {
        let long = "q".repeat(300);
        let text = format!("One two, THREE  two{long} . {long}\n {long}two one");
        let mut counter = Counter::default();
        counter.count(&mut text.clone().into_bytes());
        let expected = counts(counter.take());
        for len in 1..=text.len() as u64 + 1 {
            assert_eq!(by_ranges(text.as_bytes(), len), expected, "ranges of {len}");
        }
    }

    #[test]
    fn a_word_longer_than_a_chunk_counts_once_with_all_its_letters() {
        let dir = tempfile::tempdir().unwrap();
        let giant = "AbCd".repeat(200_000);
        std::fs::write(dir.path().join("file"), format!("one {giant} one")).unwrap();
        let mut reader = Reader::<Counter>::default();
        for chunk in Chunker::new(Walk::new(&[dir.path().to_path_buf()]).unwrap()) {
            reader.read(&chunk.unwrap());
        }
        assert_eq!(counts(reader.take()), [("one".to_owned(), 2), (giant.to_lowercase(), 1)]);
    }

    #[test]
    fn a_file_that_grew_past_a_chunk_since_it_was_found_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let words = 200_000;
        std::fs::write(&path, "word ".repeat(words)).unwrap();
        let findings = Reader::<Counter>::default().count(&chunk_of(&path));
        assert_eq!((findings.files, findings.bytes), (1, 5 * words as u64));
        assert_eq!(counts(findings.portion), [("word".to_owned(), words as u64)]);
    }

    #[test]
    fn a_binary_file_counts_as_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for (nul, files) in [(0, 0), (8191, 0), (8192, 1)] {
            let mut bytes = vec![b' '; 9000];
            bytes[nul] = 0;
            std::fs::write(&path, &bytes).unwrap();
            let findings = Reader::<Counter>::default().count(&chunk_of(&path));
            assert_eq!((findings.files, findings.bytes), (files, 9000 * files), "NUL at {nul}");
        }
    }

    #[test]
    fn a_vanished_file_is_reported_and_the_others_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "one two").unwrap();
        let mut chunk = chunk_of(&PathBuf::from("/no/such/file"));
        chunk.pieces.extend(chunk_of(&path).pieces);
        let findings = Reader::<Counter>::default().count(&chunk);
        assert_eq!((findings.files, findings.bytes, findings.portion.total()), (1, 7, 2));
        assert!(
            matches!(&findings.unreadable[..], [(7, missing)] if missing.path == Path::new("/no/such/file"))
        );
    }

    #[test]
    fn text_counted_elsewhere_counts_as_text_counted_here() {
        let dir = tempfile::tempdir().unwrap();
        // The end of one file and the begin of the next are no word together.
        for (name, text) in [("a", "One two"), ("b", "two three"), ("c", &*"long er ".repeat(100_000))] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let (mut here, mut there) = (Reader::<Counter>::default(), Reader::<Counter>::default());
        let (mut totals, mut translations) =
            ([(); 2].map(|()| Totals::default()), [(); 2].map(|()| Translation::default()));
        for chunk in Chunker::new(Walk::new(&[dir.path().to_path_buf()]).unwrap()) {
            let chunk = chunk.unwrap();
            let findings = here.count(&chunk);
            let (mut text, beside) = Reader::<Text>::default().text(&chunk);
            assert_eq!((findings.files, findings.bytes), (beside.files, beside.bytes));
            totals[0].add(findings.portion, &mut translations[0]);
            totals[1].add(there.count_text(&mut text), &mut translations[1]);
        }
        assert_eq!(totals[0].top(9), totals[1].top(9));
        assert_eq!(totals[0].distinct(), 5);
    }

    #[test]
    fn text_that_grew_past_all_measure_is_unreadable_rather_than_held() {
        let mut text = Text::default();
        let mut words = vec![b'a'; TEXT_BYTES / 2];
        assert!(text.put(&mut words).is_ok());
        assert!(text.put(&mut words).is_err());
        assert!(text.0.len() <= TEXT_BYTES);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_opens_but_does_not_read_is_reported() {
        // Its first page is never mapped, so reading at its start fails, also for root.
        let findings = Reader::<Counter>::default().count(&chunk_of(Path::new("/proc/self/mem")));
        assert_eq!((findings.files, findings.unreadable.len()), (0, 1));
    }
}
