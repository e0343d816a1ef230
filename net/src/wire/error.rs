//! What can go wrong on the wire, and whose fault it is.

use super::frame::FrameKind;

/// This program asked for a frame that the format or the limits forbid. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The frame is longer than the peer accepts. A send, signal or reply can go as fragments.
    #[error("{kind} frame of {got} bytes is over the limit of {limit}")]
    FrameTooLong {
        /// What was to be encoded.
        kind: FrameKind,
        /// How long it would have been.
        got: u64,
        /// The longest frame allowed.
        limit: u32,
    },
    /// The message is longer than fragments may carry.
    #[error("{kind} message of {got} bytes is over the limit of {limit}")]
    MessageTooLong {
        /// What was to be encoded.
        kind: FrameKind,
        /// How long it would have been.
        got: u64,
        /// The longest message allowed.
        limit: u64,
    },
    /// Only sends, asks, signals and replies travel in fragments.
    #[error("a {kind} frame can't travel in fragments")]
    NotAMessage {
        /// What was to be encoded.
        kind: FrameKind,
    },
    /// The fragment contradicts itself or a limit.
    #[error("fragment refused: {0}")]
    BadFragment(FragmentFault),
}

/// The peer broke the protocol: the connection is of no more use.
///
/// Offsets count bytes from the start of the stream (for [`decode_message`](super::decode_message),
/// from the start of the message) and point at the first byte of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The declared length of a frame is over the limit.
    #[error("peer declared a frame of {got} bytes at byte {offset}, over the limit of {limit}")]
    FrameTooLong {
        /// Where the length stands.
        offset: u64,
        /// The length declared.
        got: u32,
        /// The longest frame accepted.
        limit: u32,
    },
    /// The declared length of a frame is 0: there is no room for its kind.
    #[error("peer sent an empty frame at byte {offset}")]
    EmptyFrame {
        /// Where the length stands.
        offset: u64,
    },
    /// A field does not fit into what is left of its frame.
    #[error("peer's frame ends inside its {field} at byte {offset}: wanted {wanted} bytes, {left} left")]
    Ended {
        /// Name of the field.
        field: &'static str,
        /// Where the field begins.
        offset: u64,
        /// Bytes it needs, at least.
        wanted: u64,
        /// Bytes up to the end of the frame.
        left: u64,
    },
    /// The frame goes on after its last field.
    #[error("peer's frame has {got} bytes too many at byte {offset}")]
    TrailingBytes {
        /// Where they begin.
        offset: u64,
        /// How many there are.
        got: u64,
    },
    /// A kind that this version of the format does not have.
    #[error("peer sent unknown {field} {got} at byte {offset}")]
    UnknownCode {
        /// Name of the field.
        field: &'static str,
        /// Where it stands.
        offset: u64,
        /// The number sent.
        got: u8,
    },
    /// A number that is not in its shortest form.
    #[error("peer's {field} at byte {offset} is not in its shortest form")]
    OverlongNumber {
        /// Name of the field.
        field: &'static str,
        /// Where it begins.
        offset: u64,
    },
    /// A number of more than 64 bits.
    #[error("peer's {field} at byte {offset} has more than 64 bits")]
    NumberTooLong {
        /// Name of the field.
        field: &'static str,
        /// Where it begins.
        offset: u64,
    },
    /// A number out of its field's range.
    #[error("peer's {field} at byte {offset} is {got}, over the limit of {limit}")]
    NumberTooLarge {
        /// Name of the field.
        field: &'static str,
        /// Where it begins.
        offset: u64,
        /// The number sent.
        got: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// A fragment contradicts itself or a limit.
    #[error("peer's fragment at byte {offset} is refused: {fault}")]
    BadFragment {
        /// Where its frame's body begins.
        offset: u64,
        /// What is wrong with it.
        fault: FragmentFault,
    },
    /// Something other than a send, signal or reply was sent in fragments.
    #[error("peer sent a {kind} frame in fragments (byte {offset})")]
    NotAMessage {
        /// Where its kind stands.
        offset: u64,
        /// What it is.
        kind: FrameKind,
    },
}

/// What is wrong with a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentFault {
    /// It carries nothing, so it could be repeated for ever.
    #[error("it carries no data")]
    Empty,
    /// It carries more than one fragment may.
    #[error("it carries {got} bytes, over the limit of {limit}")]
    TooLong {
        /// Bytes it carries.
        got: u64,
        /// The most allowed.
        limit: u32,
    },
    /// Its message is longer than a message may be.
    #[error("its message has {got} bytes, over the limit of {limit}")]
    MessageTooLong {
        /// Bytes of the whole message, as declared.
        got: u64,
        /// The most allowed.
        limit: u64,
    },
    /// It reaches past the end of its message.
    #[error("it carries {got} bytes from {start} on, past its message's end at {total}")]
    PastEnd {
        /// Where in the message its data belongs.
        start: u64,
        /// Bytes it carries.
        got: u64,
        /// Bytes of the whole message, as declared.
        total: u64,
    },
}
