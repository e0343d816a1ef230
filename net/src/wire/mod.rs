//! The wire format: frames as values, as bytes, and the limits between.
//!
//! | file | its one job |
//! |---|---|
//! | `SPEC.md` | the format in words and bytes (below) |
//! | `frame.rs` | the frames as values |
//! | `greeting.rs` | the frames of the handshake as values |
//! | `code.rs` | the numbers that stand for kinds on the wire |
//! | `varint.rs` | canonical variable-length numbers |
//! | `codec.rs` | one frame to bytes and back |
//! | `fields.rs` | a body's fields, read from the front |
//! | `decoder.rs` | a stream of bytes cut into frames |
//! | `limits.rs` | how much a peer may make us hold |
//! | `error.rs` | what can go wrong, and whose fault it is |
//!
//! [`EncodeError`] means that this program asked for something the format forbids; [`DecodeError`]
//! means that the peer sent it.
//!
//! # Examples
//! ```
//! use wharf_net::wire::{self, Decoder, Frame, Limits};
//!
//! let mut bytes = Vec::new();
//! wire::encode(&Frame::Heartbeat { number: 7, seen: 6 }, &Limits::PEER, &mut bytes)?;
//!
//! let mut decoder = Decoder::new(Limits::PEER);
//! let mut input = &bytes[..];
//! while let Some(frame) = decoder.poll_frame(&mut input)? {
//!     assert_eq!(frame, Frame::Heartbeat { number: 7, seen: 6 });
//! }
//! assert!(input.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![doc = include_str!("SPEC.md")]

mod code;
mod codec;
mod decoder;
mod error;
mod fields;
mod frame;
mod greeting;
mod limits;
mod varint;

pub use self::codec::{decode_message, encode, encode_message};
pub(crate) use self::codec::{put_identity, put_refusal};
pub use self::decoder::Decoder;
pub use self::error::{DecodeError, EncodeError, FragmentFault};
pub use self::frame::{
    Answer, ExitCause, Fragment, Frame, FrameKind, GoodbyeCause, Lane, Outcome, Pair, Payload, Reason,
    Request, Signal, TypeVerdict, WirePid, WireReason, WireRight,
};
pub use self::greeting::{Greeting, NONCE_BYTES, PROOF_BYTES, Proof, Refusal, WireIdentity};
pub use self::limits::Limits;

/// Number of the format that this crate speaks, for two nodes to compare when they connect.
///
/// Only the handshake carries it. Any change to the bytes of any frame makes a new number.
pub const FORMAT_VERSION: u16 = 1;
