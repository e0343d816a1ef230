//! Any frame, and any way to cut bytes, for property tests.

use proptest::prelude::*;
use wharf_net::wire::{
    self, Answer, ExitCause, Fragment, Frame, GoodbyeCause, Limits, Pair, Payload, Signal, WirePid,
    WireReason, WireRight,
};

/// What a frame is built from; owned, so that a strategy can hand it out.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    variant: u8,
    detail: u8,
    numbers: [u64; 12],
    payload: Vec<u8>,
}

const VARIANTS: u8 = 16;
const DETAILS: u8 = 10;

/// Any frame that may be sent.
pub(crate) fn any_shape() -> impl Strategy<Value = Shape> {
    let numbers = proptest::array::uniform12(any_number());
    let payload = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => proptest::collection::vec(any::<u8>(), 100..2000),
    ];
    (0..VARIANTS, 0..DETAILS, numbers, payload).prop_map(|(variant, detail, numbers, payload)| Shape {
        variant,
        detail,
        numbers,
        payload,
    })
}

/// A number of any length, the edges between lengths often.
fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..300,
        (0_u32..64, 0_u64..3).prop_map(|(bits, more)| (1_u64 << bits).wrapping_sub(1).wrapping_add(more)),
        any::<u64>(),
    ]
}

impl Shape {
    pub(crate) fn frame(&self) -> Frame<'_> {
        let n = &self.numbers;
        let pair = Pair { sequence: n[0], from: pid(&n[1..5]), to: pid(&n[5..9]) };
        let payload = Payload(&self.payload);
        let signal = |signal| Frame::Signal { pair, signal };
        let number = n[9];
        match self.variant {
            0 => Frame::Send { pair, type_number: low(n[9]), payload },
            1 => signal(Signal::Exit { cause: self.exit_cause(), reason: self.reason() }),
            2 => signal(Signal::Down { number, reason: self.reason() }),
            3 => signal(Signal::Link),
            4 => signal(Signal::Unlink { number }),
            5 => signal(Signal::UnlinkAck { number }),
            6 => signal(Signal::Monitor { number }),
            7 => signal(Signal::Demonitor { number }),
            8 => Frame::Reply { pair, right: right(&n[9..]), answer: self.answer() },
            9 => Frame::Credit { mailbox: pair.to, messages: low(n[9]), bytes: n[10] },
            10 => Frame::Heartbeat { number, seen: n[10] },
            11 => self.fragment(),
            12 => Frame::Node {
                number: low(n[9]),
                name: payload,
                incarnation: u128::from(n[10]) << 64 | u128::from(n[11]),
                own_number: low(n[0]),
                addresses: payload,
            },
            13 => Frame::HandOver { mailbox: pair.to, bytes: n[10] },
            14 => Frame::Taken { mailbox: pair.to, lost: n[10] % 2 == 1 },
            _ => Frame::Goodbye { cause: self.goodbye_cause() },
        }
    }

    /// The frame's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        wire::encode(&self.frame(), &Limits::PEER, &mut bytes).unwrap();
        bytes
    }

    fn fragment(&self) -> Frame<'_> {
        let data = if self.payload.is_empty() { &b"x"[..] } else { &self.payload };
        let start = self.numbers[10] % 100_000;
        let total = start + data.len() as u64 + self.numbers[11] % 100_000;
        Frame::Fragment(Fragment { message: self.numbers[9], start, total, data: Payload(data) })
    }

    fn exit_cause(&self) -> ExitCause {
        if self.numbers[10].is_multiple_of(2) { ExitCause::Link } else { ExitCause::Request }
    }

    fn reason(&self) -> WireReason<'_> {
        let payload = Payload(&self.payload);
        match self.detail {
            0 => WireReason::Normal,
            1 => WireReason::Shutdown,
            2 => WireReason::ShutdownWith(payload),
            3 => WireReason::Kill,
            4 => WireReason::Killed,
            5 => WireReason::Panicked(payload),
            6 => WireReason::Failed(payload),
            7 => WireReason::Custom(payload),
            8 => WireReason::NoProc,
            _ => WireReason::NoConnection,
        }
    }

    fn answer(&self) -> Answer<'_> {
        match self.numbers[11] % 3 {
            0 => Answer::Value(Payload(&self.payload)),
            1 => Answer::Dropped,
            _ => Answer::Down(self.reason()),
        }
    }

    fn goodbye_cause(&self) -> GoodbyeCause {
        match self.detail % 3 {
            0 => GoodbyeCause::Stopping,
            1 => GoodbyeCause::BrokenProtocol,
            _ => GoodbyeCause::Silent,
        }
    }
}

fn pid(numbers: &[u64]) -> WirePid {
    WirePid {
        node: low(numbers[0]),
        slot: low(numbers[1]),
        generation: low(numbers[2]),
        authenticator: numbers[3],
    }
}

fn right(numbers: &[u64]) -> WireRight {
    WireRight { number: numbers[0], authenticator: numbers[1] }
}

fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap()
}

/// Cuts bytes into pieces of these lengths, over and over.
#[derive(Clone, Debug)]
pub(crate) struct Cuts(Vec<usize>);

pub(crate) fn any_cuts() -> impl Strategy<Value = Cuts> {
    proptest::collection::vec(prop_oneof![4 => 1_usize..8, 1 => 8_usize..500], 1..20).prop_map(Cuts)
}

impl Cuts {
    /// All in one piece.
    pub(crate) fn none() -> Self {
        Self::of(usize::MAX)
    }

    /// Pieces of this length.
    pub(crate) fn of(length: usize) -> Self {
        Self(vec![length])
    }

    pub(crate) fn apply<'b>(&self, mut bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let mut pieces = Vec::new();
        for &length in self.0.iter().cycle() {
            if bytes.is_empty() {
                break;
            }
            let (piece, rest) = bytes.split_at(length.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}
