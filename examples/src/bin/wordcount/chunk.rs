//! Cuts the files that a walk finds into chunks of work.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::walk::{Found, Unreadable};
use crate::wire;

/// About how many bytes a chunk has.
pub(crate) const CHUNK_BYTES: u64 = 256 * 1024;

/// At most how many files share a chunk, so that a chunk of empty files stays small as well.
const CHUNK_PIECES: usize = 64;

/// A file with a NUL byte among its first so many bytes is binary.
const SNIFFED_BYTES: usize = 8 * 1024;

/// A file, shared by the chunks that read it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// Its place in the walk; a later file has a larger number.
    pub(crate) number: u64,
    #[serde(with = "wire::path")]
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was found.
    pub(crate) size: u64,
}

/// What a piece covers of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extent {
    /// All of a small file, up to wherever it ends when it is read. Whoever reads it finds out
    /// whether it is text.
    Whole,
    /// The words that *begin* in this range of bytes, of a file known to be text. Cutting by
    /// arithmetic needs no look at the bytes: whoever counts a range passes over the end of a word
    /// that began before it, and reads past its end to finish the last one.
    Part { offset: u64, len: u64 },
}

/// A file or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) source: Arc<Source>,
    pub(crate) extent: Extent,
}

impl Piece {
    /// How many bytes it was planned to have.
    pub(crate) fn planned_bytes(&self) -> u64 {
        match self.extent {
            Extent::Whole => self.source.size,
            Extent::Part { len, .. } => len,
        }
    }
}

/// The unit of work: pieces that one worker counts in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Its place in the sequence of all chunks, from 0.
    pub(crate) number: u64,
    /// How many workers died of it.
    pub(crate) attempt: u32,
    pub(crate) pieces: Vec<Piece>,
}

impl Chunk {
    /// How many bytes it was planned to have.
    pub(crate) fn planned_bytes(&self) -> u64 {
        self.pieces.iter().map(Piece::planned_bytes).sum()
    }
}

/// Turns found files into chunks: small files share one, a large file has many. Holds one chunk
/// under construction and one file, whatever the walk's length.
#[derive(Debug)]
pub(crate) struct Chunker<W> {
    walk: W,
    sources: u64,
    chunks: u64,
    pieces: Vec<Piece>,
    planned: u64,
    /// The large file being cut, and where its next part begins.
    cutting: Option<(Arc<Source>, u64)>,
}

impl<W: Iterator<Item = Result<Found, Unreadable>>> Chunker<W> {
    /// Cuts what `walk` finds.
    pub(crate) fn new(walk: W) -> Self {
        Self { walk, sources: 0, chunks: 0, pieces: Vec::new(), planned: 0, cutting: None }
    }

    /// Makes no further piece of a file that turned out to be unreadable.
    pub(crate) fn abandon(&mut self, source: u64) {
        self.cutting.take_if(|(cutting, _)| cutting.number == source);
    }

    /// The oldest file that may still appear in a chunk to come.
    pub(crate) fn oldest_source(&self) -> u64 {
        let begun = self.pieces.first().map(|piece| &piece.source);
        begun.or(self.cutting.as_ref().map(|(source, _)| source)).map_or(self.sources, |source| source.number)
    }

    fn next_piece(&mut self) -> Option<Result<Piece, Unreadable>> {
        loop {
            if let Some(piece) = self.cut() {
                return Some(Ok(piece));
            }
            let Found { path, size } = match self.walk.next()? {
                Ok(found) => found,
                Err(unreadable) => return Some(Err(unreadable)),
            };
            let is_large = size > CHUNK_BYTES;
            if is_large {
                match begins_as_text(&path) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(error) => return Some(Err(Unreadable { path, error })),
                }
            }
            let source = Arc::new(Source { number: self.sources, path, size });
            self.sources += 1;
            if is_large {
                self.cutting = Some((source, 0));
            } else {
                return Some(Ok(Piece { source, extent: Extent::Whole }));
            }
        }
    }

    fn cut(&mut self) -> Option<Piece> {
        let (source, offset) = self.cutting.as_mut()?;
        let len = CHUNK_BYTES.min(source.size - *offset);
        let piece = Piece { source: Arc::clone(source), extent: Extent::Part { offset: *offset, len } };
        *offset += len;
        self.cutting.take_if(|(source, offset)| *offset >= source.size);
        Some(piece)
    }

    fn finish_chunk(&mut self) -> Chunk {
        let chunk = Chunk { number: self.chunks, attempt: 0, pieces: std::mem::take(&mut self.pieces) };
        self.chunks += 1;
        self.planned = 0;
        chunk
    }
}

impl<W: Iterator<Item = Result<Found, Unreadable>>> Iterator for Chunker<W> {
    type Item = Result<Chunk, Unreadable>;

    /// The next chunk, or a file that could not be read on the way to it.
    fn next(&mut self) -> Option<Self::Item> {
        while self.planned < CHUNK_BYTES && self.pieces.len() < CHUNK_PIECES {
            match self.next_piece() {
                Some(Ok(piece)) => {
                    self.planned += piece.planned_bytes();
                    self.pieces.push(piece);
                }
                Some(Err(unreadable)) => return Some(Err(unreadable)),
                None if self.pieces.is_empty() => return None,
                None => break,
            }
        }
        Some(Ok(self.finish_chunk()))
    }
}

/// Whether a file's first bytes look like text.
pub(crate) fn is_text(head: &[u8]) -> bool {
    !head[..head.len().min(SNIFFED_BYTES)].contains(&0)
}

fn begins_as_text(path: &PathBuf) -> io::Result<bool> {
    let mut head = Vec::with_capacity(SNIFFED_BYTES);
    File::open(path)?.take(SNIFFED_BYTES as u64).read_to_end(&mut head)?;
    Ok(is_text(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(size: u64) -> Result<Found, Unreadable> {
        Ok(Found { path: PathBuf::from(format!("of-{size}")), size })
    }

    fn unreadable() -> Result<Found, Unreadable> {
        Err(Unreadable { path: PathBuf::from("locked"), error: io::Error::other("locked") })
    }

    /// A real file of `size` bytes, for sizes that are looked into.
    fn large(dir: &tempfile::TempDir, name: &str, head: &[u8], size: u64) -> Result<Found, Unreadable> {
        let path = dir.path().join(name);
        std::fs::write(&path, head).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
        Ok(Found { path, size })
    }

    fn chunks(found: Vec<Result<Found, Unreadable>>) -> Vec<Chunk> {
        Chunker::new(found.into_iter()).map(Result::unwrap).collect()
    }

    #[test]
    fn small_files_share_a_chunk_until_it_is_full() {
        let sizes = [0, 100_000, 100_000, 100_000, 5, CHUNK_BYTES];
        let chunks = chunks(sizes.map(found).into());
        let shape: Vec<_> = chunks.iter().map(|c| (c.number, c.pieces.len(), c.planned_bytes())).collect();
        assert_eq!(shape, [(0, 4, 300_000), (1, 2, 5 + CHUNK_BYTES)]);
        assert!(chunks.iter().flat_map(|c| &c.pieces).all(|piece| piece.extent == Extent::Whole));
    }

    #[test]
    fn empty_files_do_not_pile_up_in_one_chunk() {
        let chunks = chunks((0..200).map(|_| found(0)).collect());
        assert_eq!(chunks.iter().map(|c| c.pieces.len()).collect::<Vec<_>>(), [64, 64, 64, 8]);
    }

    #[test]
    fn the_parts_of_a_large_file_cover_it_without_gap_or_overlap() {
        let dir = tempfile::tempdir().unwrap();
        let size = 3 * CHUNK_BYTES + 17;
        let mut next = 0;
        let mut tail = 0;
        for chunk in chunks(vec![found(9), large(&dir, "large", &[b'x'; 9000], size), found(3)]) {
            for piece in chunk.pieces {
                match piece.extent {
                    Extent::Part { offset, len } => {
                        assert_eq!((offset, piece.source.number), (next, 1));
                        next += len;
                    }
                    Extent::Whole => tail += piece.source.size,
                }
            }
        }
        assert_eq!((next, tail), (size, 12));
    }

    #[test]
    fn a_large_file_with_an_early_nul_is_passed_over_and_one_with_a_late_nul_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let binary = large(&dir, "binary", &[b'x'; 8191], CHUNK_BYTES + 1);
        let text = large(&dir, "text", &[b'x'; 8192], CHUNK_BYTES + 1);
        let chunks = chunks(vec![binary, text]);
        assert_eq!(chunks.len(), 2);
        assert!(chunks.iter().all(|chunk| chunk.pieces[0].source.path.ends_with("text")));
    }

    #[test]
    fn an_unreadable_file_loses_nothing_of_the_chunk_under_construction() {
        let vanished = Ok(Found { path: PathBuf::from("/no/such"), size: CHUNK_BYTES + 1 });
        let mut chunker = Chunker::new(vec![found(1), unreadable(), vanished, found(2)].into_iter());
        assert!(chunker.next().unwrap().is_err());
        assert!(chunker.next().unwrap().is_err());
        assert_eq!(chunker.oldest_source(), 0);
        assert_eq!(chunker.next().unwrap().unwrap().planned_bytes(), 3);
        assert!(chunker.next().is_none());
    }

    #[test]
    fn an_abandoned_file_has_no_further_parts() {
        let dir = tempfile::tempdir().unwrap();
        let file = large(&dir, "large", &[b'x'; 9000], 10 * CHUNK_BYTES);
        let mut chunker = Chunker::new(vec![file, found(1)].into_iter());
        assert!(chunker.next().unwrap().is_ok());
        chunker.abandon(1);
        assert_eq!(chunker.next().unwrap().unwrap().number, 1);
        assert_eq!(chunker.oldest_source(), 0);
        chunker.abandon(0);
        let last = chunker.next().unwrap().unwrap();
        assert_eq!((last.number, last.planned_bytes()), (2, 1));
        assert_eq!(chunker.oldest_source(), 2);
    }
}
