//! Where a message comes from: bytes that anybody may have made.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::MAX_DEPTH;
use super::error::DecodeError;
use super::exchange::{Exchange, RightRef};
use super::reply::ImportedReply;

/// Puts a message together. [`decode`](super::decode) makes it; the code of `#[derive(Wire)]` uses it.
pub struct Decoder<'a, 'de> {
    bytes: &'de [u8],
    limit: usize,
    /// How many elements collections may still have.
    elements: usize,
    depth: u32,
    exchange: &'a Arc<dyn Exchange>,
    /// The other halves of replies read so far.
    imports: Vec<(RightRef, ImportedReply)>,
}

impl<'a, 'de> Decoder<'a, 'de> {
    pub(super) fn new(
        bytes: &'de [u8],
        limit: usize,
        exchange: &'a Arc<dyn Exchange>,
    ) -> Result<Self, DecodeError> {
        if bytes.len() > limit {
            return Err(DecodeError::TooLarge { limit });
        }
        Ok(Self { bytes, limit, elements: limit, depth: 0, exchange, imports: Vec::new() })
    }

    /// Reads which variant of an enum, or method of a declaration, follows.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] and [`DecodeError::Invalid`].
    pub fn variant(&mut self) -> Result<u32, DecodeError> {
        self.get("variant")
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn import(&mut self, right: RightRef, reply: ImportedReply) {
        self.imports.push((right, reply));
    }

    /// The whole was read: what is to be kept by the connection.
    pub(super) fn finish(self) -> Result<Imports<'a>, DecodeError> {
        match self.bytes.len() {
            0 => Ok(Imports { exchange: self.exchange, imports: self.imports }),
            count => Err(DecodeError::TrailingBytes { count }),
        }
    }

    /// Reads a value without structure.
    pub(super) fn get<T: Deserialize<'de>>(&mut self, expected: &'static str) -> Result<T, DecodeError> {
        let (value, rest) = postcard::take_from_bytes(self.bytes).map_err(|error| match error {
            postcard::Error::DeserializeUnexpectedEnd => DecodeError::Truncated,
            _ => DecodeError::Invalid { expected },
        })?;
        self.bytes = rest;
        Ok(value)
    }

    /// Reads a collection's length.
    pub(super) fn get_len(&mut self) -> Result<usize, DecodeError> {
        let len: u64 = self.get("length")?;
        let too_large = DecodeError::TooLarge { limit: self.limit };
        let len = usize::try_from(len).ok().filter(|&len| len <= self.elements).ok_or(too_large)?;
        self.elements -= len;
        Ok(len)
    }

    /// Reads a sequence of bytes, at once.
    pub(super) fn get_bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        let len = self.get_len()?;
        // What `serde` reads of a sequence is a level down.
        self.enter()?;
        self.leave();
        let (bytes, rest) = self.bytes.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(bytes.to_vec())
    }

    /// One level down.
    pub(super) const fn enter(&mut self) -> Result<(), DecodeError> {
        if self.depth == MAX_DEPTH {
            return Err(DecodeError::TooDeep { limit: MAX_DEPTH });
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) const fn leave(&mut self) {
        self.depth -= 1;
    }
}

impl fmt::Debug for Decoder<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("left", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Other halves of the replies in a message that was read.
pub(super) struct Imports<'a> {
    exchange: &'a Arc<dyn Exchange>,
    imports: Vec<(RightRef, ImportedReply)>,
}

impl Imports<'_> {
    /// Gives them to the connection.
    pub(super) fn keep(self) {
        for (right, reply) in self.imports {
            self.exchange.import_reply(right, reply);
        }
    }

    /// The same, for one who can't borrow the connection.
    pub(super) fn into_parts(self) -> Vec<(RightRef, ImportedReply)> {
        self.imports
    }
}
