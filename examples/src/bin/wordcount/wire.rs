//! What travels between the nodes: the coordinator's messages, and how large they are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wharf::{Pid, Reply};

use crate::chunk::Chunk;
use crate::read::Findings;

/// What the coordinator is exported as.
pub(crate) const COORDINATOR: &str = "coordinator";

/// Most bytes of a slice of something that may be larger than a message.
pub(crate) const SLICE_BYTES: usize = 256 * 1024;

/// Most bytes of a message: a slice, or the paths of a chunk, and some to spare.
const MESSAGE_BYTES: usize = SLICE_BYTES + 64 * 1024;

/// What the coordinator is told.
#[derive(wharf::Wire)]
#[wire(name = "wordcount.Coordinator", max_bytes = MESSAGE_BYTES)]
pub(crate) enum Msg {
    /// A worker begins.
    Enter { worker: Pid<Nothing>, place: Place, reply: Reply<Seat> },
    /// A worker wants one chunk more; `None` says that all is done.
    Next { holder: u64, reply: Reply<Option<Job>> },
    /// A worker wants more of a chunk's text, which has more than a message holds.
    More { holder: u64, chunk: u64, from: u64, reply: Reply<Slice> },
    /// Findings that a message does not hold, slice by slice, before an empty `Done`.
    Slice { holder: u64, slice: Slice },
    /// A worker has counted a chunk.
    Done { holder: u64, chunk: u64, findings: Findings },
    /// Those who have not entered by now are not waited for.
    Begin,
    /// Those who have not been heard of for a while are not waited for.
    Look,
    /// A child process has ended.
    Gone { node: String },
}

/// What workers are told: nothing, they ask.
#[derive(Debug, wharf::Wire)]
#[wire(name = "wordcount.Worker")]
pub(crate) enum Nothing {}

/// Where a worker is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The name of its node.
    pub(crate) node: String,
    /// Its number there, from 1; whoever takes its place has the same.
    pub(crate) number: u16,
    pub(crate) files: Files,
}

/// Which files a worker can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Files {
    /// Those of the coordinator: it is told paths.
    Shared,
    /// Others: it is sent text.
    Others,
}

/// What a worker is told when it begins.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// Its number in the ledger.
    pub(crate) holder: u64,
    /// What its panics are drawn from, if it is to panic.
    pub(crate) chaos: Option<u64>,
}

/// A chunk to be counted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Without its pieces where there is text.
    pub(crate) chunk: Chunk,
    pub(crate) content: Option<Content>,
}

/// A chunk as text.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Text files that begin in it.
    pub(crate) files: u64,
    /// Bytes of text read, those past a range's end not included.
    pub(crate) bytes: u64,
    /// How many bytes there are to be counted.
    pub(crate) len: u64,
    /// Its first bytes.
    pub(crate) first: Slice,
}

/// Some bytes of something larger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slice(#[serde(with = "serde_bytes")] pub(crate) Vec<u8>);

impl Slice {
    /// As many of `bytes` as there may be in a message, from place `from` on.
    pub(crate) fn of(bytes: &[u8], from: u64) -> Self {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
        let end = bytes.len().min(from + SLICE_BYTES);
        Self(bytes[from..end].to_vec())
    }
}

/// Findings as a message can hold them.
pub(crate) enum Parcel {
    Whole(Findings),
    Slices(Vec<Slice>),
}

impl Parcel {
    /// Puts findings into slices if they are too large for one message.
    ///
    /// # Errors
    ///
    /// If they can't be written.
    pub(crate) fn new(findings: Findings) -> Result<Self, postcard::Error> {
        if findings.weight() <= SLICE_BYTES {
            return Ok(Self::Whole(findings));
        }
        let bytes = postcard::to_allocvec(&findings)?;
        Ok(Self::Slices(bytes.chunks(SLICE_BYTES).map(|slice| Slice(slice.to_vec())).collect()))
    }
}

/// The findings that came in slices; `None` if these are none.
pub(crate) fn unpack(slices: &[u8]) -> Option<Findings> {
    postcard::from_bytes(slices).ok()
}

/// Paths as the system has them, which need not be UTF-8.
pub(crate) mod path {
    use std::ffi::OsString;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::PathBuf;

    pub(crate) fn serialize<S: Serializer>(path: &std::path::Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(from).map(PathBuf::from)
    }
}

/// Errors of the system, as their text.
pub(crate) mod error {
    use std::io;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(error: &io::Error, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(error)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<io::Error, D::Error> {
        String::deserialize(from).map(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::chunk::{Extent, Piece, Source};
    use crate::read::Reader;
    use crate::walk::Unreadable;

    #[test]
    fn text_is_cut_into_slices_without_gap_or_overlap() {
        for len in [0, 1, SLICE_BYTES, SLICE_BYTES + 1, 3 * SLICE_BYTES] {
            let text: Vec<u8> = (0_u8..251).cycle().take(len).collect();
            let mut whole = Slice::of(&text, 0).0;
            while whole.len() < len {
                whole.extend(Slice::of(&text, whole.len() as u64).0);
            }
            assert_eq!(whole, text);
        }
        assert_eq!(Slice::of(b"abc", u64::MAX), Slice::default());
    }

    #[test]
    fn findings_past_a_message_come_in_slices_and_are_put_together_again() {
        let mut reader = Reader::default();
        let mut giant = b"xyz".repeat(1_000_000);
        let portion = reader.count_text(&mut giant);
        let findings = Findings { files: 3, bytes: 9, portion, unreadable: Vec::new() };
        let Ok(Parcel::Slices(slices)) = Parcel::new(findings) else { panic!("in one message") };
        assert!(slices.len() > 10 && slices.iter().all(|slice| slice.0.len() <= SLICE_BYTES));
        let bytes: Vec<u8> = slices.into_iter().flat_map(|slice| slice.0).collect();
        let again = unpack(&bytes).unwrap();
        assert_eq!((again.files, again.bytes, again.portion.total()), (3, 9, 1));
        assert!(unpack(&bytes[..1000]).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_chunk_of_files_with_the_longest_of_names_fits_into_a_message() {
        use std::os::unix::ffi::OsStringExt;
        let path = PathBuf::from(std::ffi::OsString::from_vec(vec![0xff; 4096]));
        let source = Arc::new(Source { number: u64::MAX, path: path.clone(), size: u64::MAX });
        let piece = Piece { source, extent: Extent::Part { offset: u64::MAX, len: u64::MAX } };
        let chunk = Chunk { number: u64::MAX, attempt: 0, pieces: vec![piece; 64] };
        let bytes = postcard::to_allocvec(&Job { chunk: chunk.clone(), content: None }).unwrap();
        assert!(bytes.len() < MESSAGE_BYTES, "{}", bytes.len());
        assert_eq!(postcard::from_bytes::<Job>(&bytes).unwrap().chunk, chunk);
        let error = io::Error::from_raw_os_error(2);
        let bytes = postcard::to_allocvec(&Unreadable { path: path.clone(), error }).unwrap();
        let again: Unreadable = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again.path, path);
        assert_eq!(again.error.to_string(), io::Error::from_raw_os_error(2).to_string());
    }
}
