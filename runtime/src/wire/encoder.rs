//! Where bytes of a message go: postcard's format, under limits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use postcard::ser_flavors::Flavor;
use serde::Serialize;

use super::MAX_DEPTH;
use super::error::EncodeError;
use super::exchange::{Exchange, RightRef};

/// Takes a message apart. [`encode`](super::encode) makes it; the code of `#[derive(Wire)]` uses it.
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    /// Where in `out` the message begins.
    start: usize,
    limit: usize,
    /// How many elements collections may still have.
    elements: usize,
    depth: u32,
    exchange: &'a Arc<dyn Exchange>,
    /// A place for each reply written, in order; `None` for one that nobody waits for.
    rights: VecDeque<Option<RightRef>>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, limit: usize, exchange: &'a Arc<dyn Exchange>) -> Self {
        let start = out.len();
        Self { out, start, limit, elements: limit, depth: 0, exchange, rights: VecDeque::new() }
    }

    /// Writes which variant of an enum, or method of a declaration, follows.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`].
    pub fn variant(&mut self, number: u32) -> Result<(), EncodeError> {
        self.put(&number)
    }

    pub(super) const fn exchange(&self) -> &'a Arc<dyn Exchange> {
        self.exchange
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Notes a place for a reply whose value is handed over later.
    pub(super) fn note_right(&mut self, right: Option<RightRef>) {
        self.rights.push_back(right);
    }

    /// The place noted longest ago.
    pub(super) fn next_right(&mut self) -> Option<RightRef> {
        self.rights.pop_front().flatten()
    }

    /// Takes back what was written.
    pub(super) fn undo(&mut self) {
        self.out.truncate(self.start);
    }

    /// Writes a value without structure.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let end = self.start.saturating_add(self.limit);
        let limit = self.limit;
        postcard::serialize_with_flavor(value, Bytes { out: self.out, end })
            .map_err(|_| EncodeError::TooLarge { limit })
    }

    /// Writes bytes as they are.
    pub(super) fn put_raw(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let limit = self.limit;
        let mut out = Bytes { end: self.start.saturating_add(limit), out: self.out };
        out.try_extend(bytes).map_err(|_| EncodeError::TooLarge { limit })
    }

    /// Writes a collection's length.
    pub(super) fn put_len(&mut self, len: usize) -> Result<(), EncodeError> {
        let left = self.elements.checked_sub(len);
        self.elements = left.ok_or(EncodeError::TooLarge { limit: self.limit })?;
        self.put(&len)
    }

    /// Writes bytes as the sequence that they are, at once.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.put_len(bytes.len())?;
        // What `serde` makes of a sequence is a level down.
        self.enter()?;
        let put = self.put_raw(bytes);
        self.leave();
        put
    }

    /// One level down.
    pub(super) const fn enter(&mut self) -> Result<(), EncodeError> {
        if self.depth == MAX_DEPTH {
            return Err(EncodeError::TooDeep { limit: MAX_DEPTH });
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) const fn leave(&mut self) {
        self.depth -= 1;
    }
}

impl Drop for Encoder<'_> {
    fn drop(&mut self) {
        for right in self.rights.drain(..).flatten() {
            self.exchange.release_right(right);
        }
    }
}

impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("written", &(self.out.len() - self.start)).finish_non_exhaustive()
    }
}

/// A vector that is not filled beyond `end`.
struct Bytes<'a> {
    out: &'a mut Vec<u8>,
    end: usize,
}

impl Flavor for Bytes<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() > self.end.saturating_sub(self.out.len()) {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
