//! A stream of bytes cut into frames.

use super::codec::{self, LENGTH_BYTES};
use super::error::DecodeError;
use super::frame::Frame;
use super::limits::Limits;

/// Finds the frames in the bytes of one peer, however the transport cut them.
///
/// ```text
///                  length known and         all of it held,
///                  not all in the input     read in place
///  BETWEEN FRAMES ----------------------> INSIDE ----------> BETWEEN FRAMES
///    |      ^                               |
///    |      +-- all of it in the input:     |
///    |          read in place, not copied   |
///    +------------------+-------------------+
///                       v  the peer broke the protocol
///                     FAILED (stays so)
/// ```
///
/// It holds at most one unfinished frame. Memory grows with the bytes that came, never with a
/// length that was only declared, and stays within `frame_bytes` and the four of the length.
///
/// How long a frame may stay unfinished is for the caller to say, who has the clock; see
/// [`held_bytes`](Self::held_bytes).
///
/// # Examples
/// ```
/// use wharf_net::wire::{Decoder, Frame, GoodbyeCause, Limits};
///
/// let mut decoder = Decoder::new(Limits::STRANGER);
/// let mut first = &[2, 0, 0][..];
/// assert_eq!(decoder.poll_frame(&mut first)?, None);
///
/// let mut second = &[0, 7, 1][..];
/// let goodbye = Frame::Goodbye { cause: GoodbyeCause::Stopping };
/// assert_eq!(decoder.poll_frame(&mut second)?, Some(goodbye));
/// # Ok::<(), wharf_net::wire::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// An unfinished frame with its length, or the one handed out last.
    held: Vec<u8>,
    /// Whether `held` has been handed out.
    handed_out: bool,
    /// Where in the stream the frame being read begins.
    offset: u64,
    failed: Option<DecodeError>,
}

/// Where all of a frame's body is.
enum Whole<'i> {
    InInput(&'i [u8]),
    Held,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, held: Vec::new(), handed_out: false, offset: 0, failed: None }
    }

    /// The next frame, or `None` when `input` is used up first.
    ///
    /// Moves `input` past what it used. Call it until it returns `None`, then again with the bytes
    /// that come next.
    ///
    /// # Errors
    /// When the peer broke the protocol. From then on every call returns the same error, and
    /// nothing that is left of the input means anything.
    pub fn poll_frame<'f, 'i: 'f>(
        &'f mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'f>>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.handed_out {
            self.held.clear();
            self.handed_out = false;
        }
        let body = match self.gather(input) {
            Ok(Some(Whole::InInput(body))) => body,
            Ok(Some(Whole::Held)) => &self.held[LENGTH_BYTES..],
            Ok(None) => return Ok(None),
            Err(error) => {
                self.failed = Some(error);
                return Err(error);
            }
        };
        let start = self.offset + LENGTH_BYTES as u64;
        self.offset = start + body.len() as u64;
        match codec::decode_body(body, start, &self.limits) {
            Ok(frame) => Ok(Some(frame)),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// Changes the limits from the next frame on, as when a stranger has shown who it is.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Bytes of an unfinished frame. At the end of a stream anything but 0 means that it was cut.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        if self.handed_out { 0 } else { self.held.len() }
    }

    /// Memory that the decoder has allocated.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.held.capacity()
    }

    fn gather<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Whole<'i>>, DecodeError> {
        if self.held.is_empty()
            && let Some((length, rest)) = input.split_first_chunk()
            && let Some((body, rest)) = rest.split_at_checked(self.body_bytes(*length)?)
        {
            *input = rest;
            return Ok(Some(Whole::InInput(body)));
        }
        // Up to the length nothing is known, so no more than the length is taken.
        self.hold(LENGTH_BYTES, input);
        let Some(&length) = self.held.first_chunk() else {
            return Ok(None);
        };
        let whole = LENGTH_BYTES + self.body_bytes(length)?;
        self.hold(whole, input);
        if self.held.len() < whole {
            return Ok(None);
        }
        self.handed_out = true;
        Ok(Some(Whole::Held))
    }

    fn body_bytes(&self, length: [u8; LENGTH_BYTES]) -> Result<usize, DecodeError> {
        let got = u32::from_le_bytes(length);
        let (offset, limit) = (self.offset, self.limits.frame_bytes);
        match usize::try_from(got) {
            Ok(0) => Err(DecodeError::EmptyFrame { offset }),
            Ok(length) if got <= limit => Ok(length),
            _ => Err(DecodeError::FrameTooLong { offset, got, limit }),
        }
    }

    /// Moves bytes from the input until `whole` are held.
    fn hold(&mut self, whole: usize, input: &mut &[u8]) {
        let missing = whole.saturating_sub(self.held.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        let needed = self.held.len() + taken.len();
        if needed > self.held.capacity() {
            // Doubling keeps single bytes cheap; it is bounded by what the frame will hold.
            let roomy = needed.max(whole.min(2 * self.held.capacity()));
            self.held.reserve_exact(roomy - self.held.len());
        }
        self.held.extend_from_slice(taken);
        *input = rest;
    }
}
