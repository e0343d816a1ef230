//! Messages that can travel to another node: how they become bytes, and what passes beside the bytes.
//!
//! A message type *can travel* when it is [`Wire`], which is a switch that its author turns:
//! `#[wharf::actor(wire)]`, `#[wharf::protocol]` or `#[derive(wharf::Wire)]`. Its parts are
//! [`Field`]s. The bytes are in postcard's format, the replies and pids in them are references to what
//! the two ends of a connection, each an [`Exchange`], keep for each other.
//!
//! [`encode`] takes a message apart and gives it back whole if that fails. [`decode`] takes bytes that
//! anybody may have made: it bounds size, depth and the lengths of collections, allocates nothing by a
//! length that is only declared, and refuses what is left over.

mod de;
mod decoder;
mod encoder;
mod error;
mod exchange;
mod exported;
mod field;
mod format;
mod pid;
mod reply;
mod ser;
mod shape;

use std::sync::Arc;

pub use self::decoder::Decoder;
pub use self::encoder::Encoder;
pub use self::error::{AnswerError, DecodeError, DeliverError, EncodeError, ExchangeError, NotEncoded};
pub use self::exchange::{Exchange, ImportedPid, MessageType, PidRef, RightRef};
pub use self::exported::{ExportedPid, KeepOne, Waiting};
pub use self::field::{Data, Field};
pub use self::format::Format;
pub use crate::remote::Sender;

pub use self::reply::{ExportedReply, ImportedReply};
pub use self::shape::{Tracer, hash};

use self::decoder::Imports;

/// How deep values in a message may be nested.
pub const MAX_DEPTH: u32 = 64;

/// How many bytes a message may have, unless its declaration says otherwise: 64 KiB.
pub const DEFAULT_MAX_BYTES: usize = 64 * 1024;

/// A message that can travel to another node.
///
/// `#[wharf::actor(wire)]`, `#[wharf::protocol]` and `#[derive(wharf::Wire)]` implement it. By hand:
/// [`Wire::write`] and [`Wire::hand_over`] treat the same parts in the same order, and
/// [`Wire::decode`] reads them in it.
///
/// The name goes over the wire: two programs mean the same messages by it. By default it is the path
/// of the type, so that renaming or moving the type makes it another; say `name = ".."` before.
#[diagnostic::on_unimplemented(
    message = "messages of type `{Self}` cannot travel to another node",
    label = "stays on its node",
    note = "an actor's messages travel when it says `#[wharf::actor(wire)]`, a protocol's always do",
    note = "for a message type written by hand: `#[derive(wharf::Wire)]`"
)]
pub trait Wire: Sized + Send + 'static {
    /// What both nodes call it.
    const NAME: &'static str;

    /// Which version of it.
    const VERSION: u16 = 1;

    /// Hash of the declaration: names of messages and their parts. [`fingerprint`] is of more.
    const FINGERPRINT: u64;

    /// How many bytes a message, and an answer to it, may have. Collections in it have no more elements.
    const MAX_BYTES: usize = DEFAULT_MAX_BYTES;

    /// Writes it. Replies get places, and stay where they are.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing has left.
    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError>;

    /// Lets it go, once all is written: the replies to their places with the connection.
    fn hand_over(self, encoder: &mut Encoder<'_>);

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`]; what was read is dropped.
    fn decode(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError>;

    /// Notes what it looks like.
    fn trace(tracer: &mut Tracer);

    /// Writes it whole and lets it go.
    ///
    /// # Errors
    /// [`NotEncoded`] has the message, with its replies live.
    fn encode(self, encoder: &mut Encoder<'_>) -> Result<(), NotEncoded<Self>> {
        match self.write(encoder) {
            Ok(()) => {
                self.hand_over(encoder);
                Ok(())
            }
            Err(error) => Err(NotEncoded { error, message: self }),
        }
    }
}

/// Appends a message's bytes to `out`. Its pids and replies pass through `exchange`; replies do so when
/// all is written.
///
/// # Errors
/// [`NotEncoded`] has the message, with its replies live; `out` is as it was.
pub fn encode<M: Wire>(
    message: M,
    out: &mut Vec<u8>,
    exchange: &Arc<dyn Exchange>,
) -> Result<(), NotEncoded<M>> {
    write(message, out, M::MAX_BYTES, exchange, M::write, M::hand_over)
}

/// The message that `bytes` are.
///
/// # Errors
/// [`DecodeError`] says what is wrong with them. Nothing has been given to `exchange` then.
pub fn decode<M: Wire>(bytes: &[u8], exchange: &Arc<dyn Exchange>) -> Result<M, DecodeError> {
    let (message, imports) = read(bytes, M::MAX_BYTES, exchange, M::decode)?;
    imports.keep();
    Ok(message)
}

/// Appends the bytes of one part by itself to `out`: of at most `limit` bytes, with its pids and replies
/// through `exchange`.
///
/// # Errors
/// [`NotEncoded`] has the part; `out` is as it was.
pub fn encode_part<T: Field>(
    part: T,
    out: &mut Vec<u8>,
    limit: usize,
    exchange: &Arc<dyn Exchange>,
) -> Result<(), NotEncoded<T>> {
    write(part, out, limit, exchange, T::write, T::hand_over)
}

/// The part that `bytes` are.
///
/// # Errors
/// [`DecodeError`] says what is wrong with them. Nothing has been given to `exchange` then.
pub fn decode_part<T: Field>(
    bytes: &[u8],
    limit: usize,
    exchange: &Arc<dyn Exchange>,
) -> Result<T, DecodeError> {
    let (part, imports) = read(bytes, limit, exchange, T::read)?;
    imports.keep();
    Ok(part)
}

/// Hash of what `T` looks like as a part: of its structure, as its `Deserialize` shows it.
#[must_use]
pub fn fingerprint_of_part<T: Field>() -> u64 {
    let mut tracer = Tracer::new("", 1, 0);
    T::trace(&mut tracer);
    tracer.finish()
}

/// Hash of all that two programs must agree on to exchange messages of type `M`: its name, version and
/// declaration, and the structure of its parts as their `Deserialize` shows it.
///
/// A type inside whose `Deserialize` refuses made-up values counts by as much as it has shown.
///
/// It takes some 20 microseconds: keep it, by the Rust type.
#[must_use]
pub fn fingerprint<M: Wire>() -> u64 {
    let mut tracer = Tracer::new(M::NAME, M::VERSION, M::FINGERPRINT);
    M::trace(&mut tracer);
    tracer.finish()
}

fn write<T>(
    value: T,
    out: &mut Vec<u8>,
    limit: usize,
    exchange: &Arc<dyn Exchange>,
    write: impl FnOnce(&T, &mut Encoder<'_>) -> Result<(), EncodeError>,
    hand_over: impl FnOnce(T, &mut Encoder<'_>),
) -> Result<(), NotEncoded<T>> {
    let mut encoder = Encoder::new(out, limit, exchange);
    let (written, fault) = exchange::scope(exchange, || write(&value, &mut encoder));
    match written {
        Ok(()) => {
            hand_over(value, &mut encoder);
            Ok(())
        }
        Err(error) => {
            encoder.undo();
            Err(NotEncoded { error: fault.map_or(error, EncodeError::from), message: value })
        }
    }
}

fn read<'a, T>(
    bytes: &[u8],
    limit: usize,
    exchange: &'a Arc<dyn Exchange>,
    read: impl FnOnce(&mut Decoder<'a, '_>) -> Result<T, DecodeError>,
) -> Result<(T, Imports<'a>), DecodeError> {
    let mut decoder = Decoder::new(bytes, limit, exchange)?;
    let (value, fault) = exchange::scope(exchange, || read(&mut decoder));
    let value = value.map_err(|error| fault.map_or(error, DecodeError::from))?;
    Ok((value, decoder.finish()?))
}
