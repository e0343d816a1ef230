//! One frame to bytes and back.
//!
//! Each body is a short head and, last, at most one long payload behind its length. Encoding writes
//! the head, then knows the whole length before it copies that payload. Decoding must end exactly where
//! the frame does.

use super::error::{DecodeError, EncodeError};
use super::fields::Fields;
use super::frame::{
    Answer, ExitCause, Fragment, Frame, FrameKind, GoodbyeCause, Outcome, Pair, Payload, Request, Signal,
    TypeVerdict, WirePid, WireReason, WireRight,
};
use super::greeting::{Greeting, Refusal, WireIdentity};
use super::limits::Limits;
use super::{code, varint};

/// Bytes of the length that stands before each frame.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Appends `frame` to `out`.
///
/// `limits` are those that the peer holds us to.
///
/// # Errors
/// When the frame is over a limit, or is a fragment that contradicts itself. `out` is as before.
///
/// # Examples
/// ```
/// use wharf_net::wire::{self, Frame, GoodbyeCause, Limits};
/// let mut out = Vec::new();
/// wire::encode(&Frame::Goodbye { cause: GoodbyeCause::Stopping }, &Limits::PEER, &mut out)?;
/// assert_eq!(out, [2, 0, 0, 0, 7, 1]);
/// # Ok::<(), wire::EncodeError>(())
/// ```
pub fn encode(frame: &Frame<'_>, limits: &Limits, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if let Frame::Fragment(fragment) = frame {
        fragment.check(limits).map_err(EncodeError::BadFragment)?;
    }
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    let payload = put_head(frame, out);
    let got = (out.len() - start - LENGTH_BYTES) as u64 + payload.len() as u64;
    match u32::try_from(got) {
        Ok(length) if length <= limits.frame_bytes => {
            out[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
            out.extend_from_slice(payload);
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(EncodeError::FrameTooLong { kind: frame.kind(), got, limit: limits.frame_bytes })
        }
    }
}

/// Appends the bytes that fragments carry: `frame` without a length.
///
/// # Errors
/// When `frame` is not a send, signal or reply, or is over `message_bytes`. `out` is as before.
pub fn encode_message(frame: &Frame<'_>, limits: &Limits, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let kind = frame.kind();
    if !travels_in_fragments(frame) {
        return Err(EncodeError::NotAMessage { kind });
    }
    let start = out.len();
    let payload = put_head(frame, out);
    let got = (out.len() - start) as u64 + payload.len() as u64;
    if got > limits.message_bytes {
        out.truncate(start);
        return Err(EncodeError::MessageTooLong { kind, got, limit: limits.message_bytes });
    }
    out.extend_from_slice(payload);
    Ok(())
}

/// The frame whose fragments were put together to `bytes`.
///
/// # Errors
/// When the bytes are not exactly one send, signal or reply.
///
/// # Examples
/// ```
/// # use wharf_net::wire::{self, Frame, Limits, Pair, Signal, WirePid};
/// # let pid = WirePid { node: 0, slot: 1, generation: 1, authenticator: 9 };
/// # let pair = Pair { sequence: 0, from: pid, to: pid };
/// let link = Frame::Signal { pair, signal: Signal::Link };
/// let mut message = Vec::new();
/// wire::encode_message(&link, &Limits::PEER, &mut message)?;
/// assert_eq!(wire::decode_message(&message)?, link);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode_message(bytes: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let mut fields = Fields::new(bytes, 0);
    let frame = fields.frame()?;
    if !travels_in_fragments(&frame) {
        return Err(DecodeError::NotAMessage { offset: 0, kind: frame.kind() });
    }
    fields.end()?;
    Ok(frame)
}

/// The frame in `body`, all that stands between one length and the next, found at `offset`.
pub(crate) fn decode_body<'a>(
    body: &'a [u8],
    offset: u64,
    limits: &Limits,
) -> Result<Frame<'a>, DecodeError> {
    let mut fields = Fields::new(body, offset);
    let frame = fields.frame()?;
    if let Frame::Fragment(fragment) = &frame {
        fragment.check(limits).map_err(|fault| DecodeError::BadFragment { offset, fault })?;
    }
    fields.end()?;
    Ok(frame)
}

const fn travels_in_fragments(frame: &Frame<'_>) -> bool {
    matches!(frame.kind(), FrameKind::Send | FrameKind::Signal | FrameKind::Reply)
}

/// Writes all of the frame's body but its payload, which it returns.
fn put_head<'a>(frame: &Frame<'a>, out: &mut Vec<u8>) -> &'a [u8] {
    match *frame {
        Frame::Send { pair, type_number, payload } => {
            put_pair(code::SEND, &pair, out);
            varint::put(type_number.into(), out);
            put_payload_length(payload, out)
        }
        Frame::Signal { pair, signal } => {
            put_pair(code::SIGNAL, &pair, out);
            put_signal(&signal, out)
        }
        Frame::Reply { pair, right, answer } => {
            put_pair(code::REPLY, &pair, out);
            put_right(&right, out);
            match answer {
                Answer::Value(payload) => put_with_payload(code::answer::VALUE, payload, out),
                Answer::Dropped => put_alone(code::answer::DROPPED, out),
                Answer::Down(reason) => {
                    out.push(code::answer::DOWN);
                    put_reason(reason, out)
                }
            }
        }
        Frame::Credit { mailbox, messages, bytes } => put_room(code::CREDIT, &mailbox, messages, bytes, out),
        Frame::Want { mailbox, messages, bytes } => put_room(code::WANT, &mailbox, messages, bytes, out),
        Frame::Returned { mailbox, messages, bytes } => {
            put_room(code::RETURNED, &mailbox, messages, bytes, out)
        }
        Frame::Recall { mailbox } => {
            out.push(code::RECALL);
            put_pid(&mailbox, out);
            &[]
        }
        Frame::TypeOffer { number, name, versions } => {
            out.push(code::TYPE_OFFER);
            varint::put(number.into(), out);
            put_whole(name, out);
            put_payload_length(versions, out)
        }
        Frame::TypeAnswer { number, verdict } => {
            out.push(code::TYPE_ANSWER);
            varint::put(number.into(), out);
            put_verdict(verdict, out)
        }
        Frame::Request { number, request } => {
            out.push(code::REQUEST);
            varint::put(number, out);
            let (code, name, detail) = match request {
                Request::Lookup { name, type_name } => (code::request::LOOKUP, name, type_name),
                Request::Spawn { factory, args } => (code::request::SPAWN, factory, args),
            };
            out.push(code);
            put_whole(name, out);
            put_payload_length(detail, out)
        }
        Frame::Outcome { number, outcome } => {
            out.push(code::OUTCOME);
            varint::put(number, out);
            match outcome {
                Outcome::Found(pid) => {
                    out.push(code::outcome::FOUND);
                    put_pid(&pid, out);
                    &[]
                }
                Outcome::Absent => put_alone(code::outcome::ABSENT, out),
                Outcome::Denied => put_alone(code::outcome::DENIED, out),
                Outcome::Failed(detail) => put_with_payload(code::outcome::FAILED, detail, out),
            }
        }
        Frame::Gone { slot, generation } => {
            out.push(code::GONE);
            varint::put(slot.into(), out);
            varint::put(generation.into(), out);
            &[]
        }
        Frame::HandOver { mailbox, bytes } => {
            out.push(code::HAND_OVER);
            put_pid(&mailbox, out);
            varint::put(bytes, out);
            &[]
        }
        Frame::Taken { mailbox, lost } => {
            out.push(code::TAKEN);
            put_pid(&mailbox, out);
            put_alone(if lost { code::taken::LOST } else { code::taken::HANDED_OVER }, out)
        }
        Frame::Node { number, name, incarnation, own_number, addresses } => {
            out.push(code::NODE);
            varint::put(number.into(), out);
            put_whole(name, out);
            out.extend_from_slice(&incarnation.to_le_bytes());
            varint::put(own_number.into(), out);
            put_payload_length(addresses, out)
        }
        Frame::Greeting(greeting) => put_greeting(&greeting, out),
        Frame::Heartbeat { number, seen } => {
            out.push(code::HEARTBEAT);
            varint::put(number, out);
            varint::put(seen, out);
            &[]
        }
        Frame::Fragment(Fragment { message, start, total, data }) => {
            out.push(code::FRAGMENT);
            varint::put(message, out);
            varint::put(start, out);
            varint::put(total, out);
            put_payload_length(data, out)
        }
        Frame::Goodbye { cause } => {
            out.push(code::GOODBYE);
            put_alone(goodbye_code(cause), out)
        }
    }
}

fn put_pair(kind: u8, pair: &Pair, out: &mut Vec<u8>) {
    out.push(kind);
    varint::put(pair.sequence, out);
    put_pid(&pair.from, out);
    put_pid(&pair.to, out);
}

fn put_pid(pid: &WirePid, out: &mut Vec<u8>) {
    varint::put(pid.node.into(), out);
    varint::put(pid.slot.into(), out);
    varint::put(pid.generation.into(), out);
    out.extend_from_slice(&pid.authenticator.to_le_bytes());
}

fn put_right(right: &WireRight, out: &mut Vec<u8>) {
    varint::put(right.number, out);
    out.extend_from_slice(&right.authenticator.to_le_bytes());
}

fn put_room<'a>(kind: u8, mailbox: &WirePid, messages: u32, bytes: u64, out: &mut Vec<u8>) -> &'a [u8] {
    out.push(kind);
    put_pid(mailbox, out);
    varint::put(messages.into(), out);
    varint::put(bytes, out);
    &[]
}

fn put_verdict<'a>(verdict: TypeVerdict, out: &mut Vec<u8>) -> &'a [u8] {
    match verdict {
        TypeVerdict::Agreed { version } => put_numbered(code::verdict::AGREED, version.into(), out),
        TypeVerdict::Unknown => put_alone(code::verdict::UNKNOWN, out),
        TypeVerdict::NoCommonVersion => put_alone(code::verdict::NO_COMMON_VERSION, out),
        TypeVerdict::Differs { version, fingerprint } => {
            put_numbered(code::verdict::DIFFERS, version.into(), out);
            out.extend_from_slice(&fingerprint.to_le_bytes());
            &[]
        }
    }
}

fn put_greeting<'a>(greeting: &Greeting<'a>, out: &mut Vec<u8>) -> &'a [u8] {
    match greeting {
        Greeting::Hello { lowest, highest, nonce } => {
            put_numbered(code::HELLO, (*lowest).into(), out);
            varint::put((*highest).into(), out);
            out.extend_from_slice(nonce);
        }
        Greeting::Challenge { version, nonce } => {
            put_numbered(code::CHALLENGE, (*version).into(), out);
            out.extend_from_slice(nonce);
        }
        Greeting::Proof(proof) => put_fixed(code::PROOF, &proof.0, out),
        Greeting::Welcome { proof, identity } => {
            put_fixed(code::WELCOME, &proof.0, out);
            put_identity(identity, out);
        }
        Greeting::Introduce { proof, identity } => {
            put_fixed(code::INTRODUCE, &proof.0, out);
            put_identity(identity, out);
        }
        Greeting::Accept(proof) => put_fixed(code::ACCEPT, &proof.0, out),
        Greeting::Refuse { refusal, proof } => {
            put_fixed(code::REFUSE, &proof.0, out);
            put_refusal(*refusal, out);
        }
    }
    &[]
}

fn put_fixed(code: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(code);
    out.extend_from_slice(bytes);
}

/// Appends an identity; what a proof covers is these bytes.
pub(crate) fn put_identity(identity: &WireIdentity<'_>, out: &mut Vec<u8>) {
    put_whole(identity.name, out);
    out.extend_from_slice(&identity.incarnation.to_le_bytes());
    for number in [identity.number, identity.frame_bytes, identity.silence_millis] {
        varint::put(number.into(), out);
    }
}

/// Appends a refusal; what a proof covers is these bytes.
pub(crate) fn put_refusal(refusal: Refusal, out: &mut Vec<u8>) {
    out.push(match refusal {
        Refusal::Version { .. } => code::refusal::VERSION,
        Refusal::WrongKey => code::refusal::WRONG_KEY,
        Refusal::Oneself => code::refusal::ONESELF,
        Refusal::SameName => code::refusal::SAME_NAME,
        Refusal::UnexpectedName => code::refusal::UNEXPECTED_NAME,
        Refusal::AlreadyConnected => code::refusal::ALREADY_CONNECTED,
        Refusal::BothDialled => code::refusal::BOTH_DIALLED,
        Refusal::Superseded => code::refusal::SUPERSEDED,
        Refusal::Busy => code::refusal::BUSY,
    });
    if let Refusal::Version { lowest, highest } = refusal {
        varint::put(lowest.into(), out);
        varint::put(highest.into(), out);
    }
}

fn put_signal<'a>(signal: &Signal<WireReason<'a>>, out: &mut Vec<u8>) -> &'a [u8] {
    match *signal {
        Signal::Exit { cause, reason } => {
            out.push(code::signal::EXIT);
            out.push(match cause {
                ExitCause::Link => code::cause::LINK,
                ExitCause::Request => code::cause::REQUEST,
            });
            put_reason(reason, out)
        }
        Signal::Down { number, reason } => {
            out.push(code::signal::DOWN);
            varint::put(number, out);
            put_reason(reason, out)
        }
        Signal::Link => put_alone(code::signal::LINK, out),
        Signal::Unlink { number } => put_numbered(code::signal::UNLINK, number, out),
        Signal::UnlinkAck { number } => put_numbered(code::signal::UNLINK_ACK, number, out),
        Signal::Monitor { number } => put_numbered(code::signal::MONITOR, number, out),
        Signal::Demonitor { number } => put_numbered(code::signal::DEMONITOR, number, out),
        Signal::Stop => put_alone(code::signal::STOP, out),
    }
}

fn put_reason<'a>(reason: WireReason<'a>, out: &mut Vec<u8>) -> &'a [u8] {
    match reason {
        WireReason::Normal => put_alone(code::reason::NORMAL, out),
        WireReason::Shutdown => put_alone(code::reason::SHUTDOWN, out),
        WireReason::ShutdownWith(detail) => put_with_payload(code::reason::SHUTDOWN_WITH, detail, out),
        WireReason::Kill => put_alone(code::reason::KILL, out),
        WireReason::Killed => put_alone(code::reason::KILLED, out),
        WireReason::Panicked(detail) => put_with_payload(code::reason::PANICKED, detail, out),
        WireReason::Failed(detail) => put_with_payload(code::reason::FAILED, detail, out),
        WireReason::Custom(detail) => put_with_payload(code::reason::CUSTOM, detail, out),
        WireReason::NoProc => put_alone(code::reason::NO_PROC, out),
        WireReason::NoConnection => put_alone(code::reason::NO_CONNECTION, out),
    }
}

const fn goodbye_code(cause: GoodbyeCause) -> u8 {
    match cause {
        GoodbyeCause::Stopping => code::goodbye::STOPPING,
        GoodbyeCause::BrokenProtocol => code::goodbye::BROKEN_PROTOCOL,
        GoodbyeCause::Silent => code::goodbye::SILENT,
        GoodbyeCause::Superseded => code::goodbye::SUPERSEDED,
        GoodbyeCause::Overloaded => code::goodbye::OVERLOADED,
    }
}

fn put_alone<'a>(code: u8, out: &mut Vec<u8>) -> &'a [u8] {
    out.push(code);
    &[]
}

fn put_numbered<'a>(code: u8, number: u64, out: &mut Vec<u8>) -> &'a [u8] {
    out.push(code);
    varint::put(number, out);
    &[]
}

/// A payload that is not the last field.
fn put_whole(payload: Payload<'_>, out: &mut Vec<u8>) {
    varint::put(payload.0.len() as u64, out);
    out.extend_from_slice(payload.0);
}

fn put_with_payload<'a>(code: u8, payload: Payload<'a>, out: &mut Vec<u8>) -> &'a [u8] {
    out.push(code);
    put_payload_length(payload, out)
}

fn put_payload_length<'a>(payload: Payload<'a>, out: &mut Vec<u8>) -> &'a [u8] {
    varint::put(payload.0.len() as u64, out);
    payload.0
}
