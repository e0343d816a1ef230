//! What the golden files mean: each name with its frame, or with what refuses it.

use wharf_net::wire::{
    Answer, DecodeError, ExitCause, Fragment, FragmentFault, Frame, GoodbyeCause, Greeting, Outcome, Pair,
    Payload, Proof, Refusal, Request, Signal, TypeVerdict, WireIdentity, WirePid, WireReason, WireRight,
};

const FROM: WirePid = WirePid { node: 0, slot: 42, generation: 7, authenticator: 0x0123_4567_89ab_cdef };
const TO: WirePid = WirePid { node: 1, slot: 300, generation: 1, authenticator: 0xfedc_ba98_7654_3210 };
const PAIR: Pair = Pair { sequence: 5, from: FROM, to: TO };
const LARGEST: WirePid =
    WirePid { node: u32::MAX, slot: u32::MAX, generation: u32::MAX, authenticator: u64::MAX };
const RIGHT: WireRight = WireRight { number: 77, authenticator: 0x1122_3344_5566_7788 };

const NONCE: [u8; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 32,
];
const PROOF: Proof = Proof([0xaa; 32]);
const IDENTITY: WireIdentity<'static> = WireIdentity {
    name: Payload(b"a"),
    incarnation: 9,
    number: 3,
    frame_bytes: 1 << 20,
    silence_millis: 5000,
};

/// Name of a golden file, and the frame that it holds.
pub(crate) const FRAMES: &[(&str, Frame<'static>)] = &[
    ("send", Frame::Send { pair: PAIR, type_number: 3, payload: Payload(b"hi") }),
    (
        "send-largest-numbers",
        Frame::Send {
            pair: Pair { sequence: u64::MAX, from: LARGEST, to: LARGEST },
            type_number: u32::MAX,
            payload: Payload(b""),
        },
    ),
    (
        "exit-link",
        signal(Signal::Exit { cause: ExitCause::Link, reason: WireReason::Failed(Payload(b"disk full")) }),
    ),
    ("exit-request", signal(Signal::Exit { cause: ExitCause::Request, reason: WireReason::Shutdown })),
    ("down-normal", down(WireReason::Normal)),
    ("down-shutdown", down(WireReason::Shutdown)),
    ("down-shutdown-with", down(WireReason::ShutdownWith(Payload(b"d")))),
    ("down-kill", down(WireReason::Kill)),
    ("down-killed", down(WireReason::Killed)),
    ("down-panicked", down(WireReason::Panicked(Payload(b"p")))),
    ("down-failed", down(WireReason::Failed(Payload(b"f")))),
    ("down-custom", down(WireReason::Custom(Payload(b"")))),
    ("down-no-proc", down(WireReason::NoProc)),
    ("down-no-connection", down(WireReason::NoConnection)),
    ("link", signal(Signal::Link)),
    ("unlink", signal(Signal::Unlink { number: 9 })),
    ("unlink-ack", signal(Signal::UnlinkAck { number: 9 })),
    ("monitor", signal(Signal::Monitor { number: 200 })),
    ("demonitor", signal(Signal::Demonitor { number: 200 })),
    ("stop", signal(Signal::Stop)),
    ("reply-value", Frame::Reply { pair: PAIR, right: RIGHT, answer: Answer::Value(Payload(b"ok")) }),
    ("reply-dropped", Frame::Reply { pair: PAIR, right: RIGHT, answer: Answer::Dropped }),
    ("reply-down", Frame::Reply { pair: PAIR, right: RIGHT, answer: Answer::Down(WireReason::Killed) }),
    ("credit", Frame::Credit { mailbox: FROM, messages: 64, bytes: 65536 }),
    ("heartbeat", Frame::Heartbeat { number: 7, seen: 6 }),
    ("fragment-first", fragment(0, b"part")),
    ("fragment-last", fragment(4, b"end")),
    ("goodbye-stopping", Frame::Goodbye { cause: GoodbyeCause::Stopping }),
    ("goodbye-broken-protocol", Frame::Goodbye { cause: GoodbyeCause::BrokenProtocol }),
    ("goodbye-silent", Frame::Goodbye { cause: GoodbyeCause::Silent }),
    ("goodbye-superseded", Frame::Goodbye { cause: GoodbyeCause::Superseded }),
    ("goodbye-overloaded", Frame::Goodbye { cause: GoodbyeCause::Overloaded }),
    ("want", Frame::Want { mailbox: TO, messages: 2, bytes: 200 }),
    ("recall", Frame::Recall { mailbox: FROM }),
    ("returned", Frame::Returned { mailbox: TO, messages: 2, bytes: 200 }),
    (
        "type-offer",
        Frame::TypeOffer {
            number: 0,
            name: Payload(b"T"),
            versions: Payload(&[2, 0, 22, 0, 0, 0, 0, 0, 0, 0, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0]),
        },
    ),
    ("type-agreed", verdict(TypeVerdict::Agreed { version: 2 })),
    ("type-unknown", verdict(TypeVerdict::Unknown)),
    ("type-no-common-version", verdict(TypeVerdict::NoCommonVersion)),
    ("type-differs", verdict(TypeVerdict::Differs { version: 2, fingerprint: 23 })),
    (
        "request-lookup",
        Frame::Request {
            number: 4,
            request: Request::Lookup { name: Payload(b"bank"), type_name: Payload(b"T") },
        },
    ),
    (
        "request-spawn",
        Frame::Request {
            number: 4,
            request: Request::Spawn { factory: Payload(b"bank"), args: Payload(&[7]) },
        },
    ),
    ("outcome-found", outcome(Outcome::Found(FROM))),
    ("outcome-absent", outcome(Outcome::Absent)),
    ("outcome-denied", outcome(Outcome::Denied)),
    ("outcome-failed", outcome(Outcome::Failed(Payload(b"no")))),
    ("gone", Frame::Gone { slot: 42, generation: 7 }),
    (
        "node",
        Frame::Node {
            number: 4,
            name: Payload(b"c"),
            incarnation: 9,
            own_number: 3,
            addresses: Payload(b"mem:c\0unix:/c"),
        },
    ),
    ("hand-over", Frame::HandOver { mailbox: FROM, bytes: 65536 }),
    ("taken", Frame::Taken { mailbox: FROM, lost: false }),
    ("taken-lost", Frame::Taken { mailbox: FROM, lost: true }),
    ("hello", Frame::Greeting(Greeting::Hello { lowest: 1, highest: 1, nonce: NONCE })),
    ("challenge", Frame::Greeting(Greeting::Challenge { version: 1, nonce: NONCE })),
    ("proof", Frame::Greeting(Greeting::Proof(PROOF))),
    ("welcome", Frame::Greeting(Greeting::Welcome { proof: PROOF, identity: IDENTITY })),
    ("introduce", Frame::Greeting(Greeting::Introduce { proof: PROOF, identity: IDENTITY })),
    ("accept", Frame::Greeting(Greeting::Accept(PROOF))),
    ("refuse-version", refuse(Refusal::Version { lowest: 1, highest: 1 }, Proof::NONE)),
    ("refuse-both-dialled", refuse(Refusal::BothDialled, PROOF)),
];

/// Name of a golden file, and the error that its bytes are refused with.
pub(crate) const REFUSALS: &[(&str, DecodeError)] = &[
    ("refused-empty-frame", DecodeError::EmptyFrame { offset: 0 }),
    ("refused-frame-too-long", DecodeError::FrameTooLong { offset: 0, got: 1_048_577, limit: 1_048_576 }),
    (
        "refused-field-past-the-end",
        DecodeError::Ended { field: "heartbeat seen", offset: 6, wanted: 1, left: 0 },
    ),
    ("refused-payload-past-the-end", DecodeError::Ended { field: "payload", offset: 9, wanted: 5, left: 4 }),
    ("refused-trailing-bytes", DecodeError::TrailingBytes { offset: 7, got: 1 }),
    ("refused-unknown-kind", DecodeError::UnknownCode { field: "frame kind", offset: 4, got: 99 }),
    ("refused-overlong-number", DecodeError::OverlongNumber { field: "heartbeat number", offset: 5 }),
    ("refused-number-too-long", DecodeError::NumberTooLong { field: "heartbeat number", offset: 5 }),
    (
        "refused-number-too-large",
        DecodeError::NumberTooLarge {
            field: "node index",
            offset: 5,
            got: 4_294_967_296,
            limit: 4_294_967_295,
        },
    ),
    ("refused-empty-fragment", DecodeError::BadFragment { offset: 4, fault: FragmentFault::Empty }),
    (
        "refused-fragment-past-the-end",
        DecodeError::BadFragment { offset: 4, fault: FragmentFault::PastEnd { start: 4, got: 4, total: 7 } },
    ),
];

const fn signal(signal: Signal<WireReason<'static>>) -> Frame<'static> {
    Frame::Signal { pair: PAIR, signal }
}

const fn down(reason: WireReason<'static>) -> Frame<'static> {
    signal(Signal::Down { number: 200, reason })
}

const fn fragment(start: u64, data: &'static [u8]) -> Frame<'static> {
    Frame::Fragment(Fragment { message: 2, start, total: 7, data: Payload(data) })
}

const fn verdict(verdict: TypeVerdict) -> Frame<'static> {
    Frame::TypeAnswer { number: 0, verdict }
}

const fn outcome(outcome: Outcome<'static>) -> Frame<'static> {
    Frame::Outcome { number: 4, outcome }
}

const fn refuse(refusal: Refusal, proof: Proof) -> Frame<'static> {
    Frame::Greeting(Greeting::Refuse { refusal, proof })
}
