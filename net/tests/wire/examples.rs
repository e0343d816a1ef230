//! What the golden files mean: each name with its frame, or with what refuses it.

use wharf_net::wire::{
    Answer, DecodeError, ExitCause, Fragment, FragmentFault, Frame, GoodbyeCause, Pair, Payload, Signal,
    WirePid, WireReason, WireRight,
};

const FROM: WirePid = WirePid { node: 0, slot: 42, generation: 7, authenticator: 0x0123_4567_89ab_cdef };
const TO: WirePid = WirePid { node: 1, slot: 300, generation: 1, authenticator: 0xfedc_ba98_7654_3210 };
const PAIR: Pair = Pair { sequence: 5, from: FROM, to: TO };
const LARGEST: WirePid =
    WirePid { node: u32::MAX, slot: u32::MAX, generation: u32::MAX, authenticator: u64::MAX };
const RIGHT: WireRight = WireRight { number: 77, authenticator: 0x1122_3344_5566_7788 };

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
    ("reply-value", Frame::Reply { pair: PAIR, right: RIGHT, answer: Answer::Value(Payload(b"ok")) }),
    ("reply-dropped", Frame::Reply { pair: PAIR, right: RIGHT, answer: Answer::Dropped }),
    ("credit", Frame::Credit { mailbox: TO, messages: 64, bytes: 65536 }),
    ("heartbeat", Frame::Heartbeat { number: 7, seen: 6 }),
    ("fragment-first", fragment(0, b"part")),
    ("fragment-last", fragment(4, b"end")),
    ("goodbye-stopping", Frame::Goodbye { cause: GoodbyeCause::Stopping }),
    ("goodbye-broken-protocol", Frame::Goodbye { cause: GoodbyeCause::BrokenProtocol }),
    ("goodbye-silent", Frame::Goodbye { cause: GoodbyeCause::Silent }),
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
    ("refused-unknown-kind", DecodeError::UnknownCode { field: "frame kind", offset: 4, got: 8 }),
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

const fn signal(signal: Signal<'static>) -> Frame<'static> {
    Frame::Signal { pair: PAIR, signal }
}

const fn down(reason: WireReason<'static>) -> Frame<'static> {
    signal(Signal::Down { number: 200, reason })
}

const fn fragment(start: u64, data: &'static [u8]) -> Frame<'static> {
    Frame::Fragment(Fragment { message: 2, start, total: 7, data: Payload(data) })
}
