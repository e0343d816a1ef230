//! What an honest peer sends arrives, however it is cut, and what we may not send is not sent.

use proptest::prelude::*;
use wharf_net::wire::{
    self, Decoder, EncodeError, Fragment, FragmentFault, Frame, FrameKind, Limits, Pair, Payload, Signal,
    WirePid, WireRight,
};

use crate::shapes::{any_cuts, any_shape};

const SECRET: u64 = 987_654_321;
const PID: WirePid = WirePid { node: 1, slot: 2, generation: 3, authenticator: SECRET };
const PAIR: Pair = Pair { sequence: 0, from: PID, to: PID };

proptest! {
    #[test]
    fn frames_survive_any_cutting(
        shapes in proptest::collection::vec(any_shape(), 1..8),
        cuts in any_cuts(),
    ) {
        let bytes: Vec<u8> = shapes.iter().flat_map(|shape| shape.bytes()).collect();
        let mut expected = shapes.iter();
        let mut decoder = Decoder::new(Limits::PEER);
        for mut piece in cuts.apply(&bytes) {
            while let Some(frame) = decoder.poll_frame(&mut piece).unwrap() {
                prop_assert_eq!(frame, expected.next().unwrap().frame());
            }
            prop_assert!(piece.is_empty());
        }
        prop_assert!(expected.next().is_none());
        prop_assert_eq!(decoder.held_bytes(), 0);
    }

    #[test]
    fn a_frame_cut_short_is_awaited_and_not_refused(shape in any_shape(), cut in any::<prop::sample::Index>()) {
        let bytes = shape.bytes();
        let cut = cut.index(bytes.len());
        let mut decoder = Decoder::new(Limits::PEER);
        prop_assert_eq!(decoder.poll_frame(&mut &bytes[..cut]), Ok(None));
        prop_assert_eq!(decoder.held_bytes(), cut);
        prop_assert_eq!(decoder.poll_frame(&mut &bytes[cut..]), Ok(Some(shape.frame())));
        prop_assert_eq!(decoder.held_bytes(), 0);
    }

    #[test]
    fn a_message_survives_its_fragments(shape in any_shape(), cuts in any_cuts()) {
        let frame = shape.frame();
        let mut message = Vec::new();
        let encoded = wire::encode_message(&frame, &Limits::PEER, &mut message);
        if encoded.is_err() && !matches!(frame.kind(), FrameKind::Send | FrameKind::Signal | FrameKind::Reply) {
            prop_assert_eq!(encoded, Err(EncodeError::NotAMessage { kind: frame.kind() }));
            prop_assert!(message.is_empty());
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut start = 0;
        for piece in cuts.apply(&message) {
            let fragment = Fragment { message: 1, start, total: message.len() as u64, data: Payload(piece) };
            wire::encode(&Frame::Fragment(fragment), &Limits::PEER, &mut bytes).unwrap();
            start += piece.len() as u64;
        }
        let mut whole = Vec::new();
        let mut decoder = Decoder::new(Limits::PEER);
        let mut input = &bytes[..];
        while let Some(Frame::Fragment(fragment)) = decoder.poll_frame(&mut input).unwrap() {
            whole.extend_from_slice(fragment.data.0);
        }
        prop_assert_eq!(wire::decode_message(&whole), Ok(frame));
    }
}

#[test]
fn a_whole_frame_in_the_input_is_read_in_place() {
    let mut bytes = Vec::new();
    let frame = Frame::Send { pair: PAIR, type_number: 1, payload: Payload(b"here") };
    wire::encode(&frame, &Limits::PEER, &mut bytes).unwrap();
    let mut decoder = Decoder::new(Limits::PEER);
    let Ok(Some(Frame::Send { payload, .. })) = decoder.poll_frame(&mut &bytes[..]) else {
        panic!("no send");
    };
    assert!(bytes.as_ptr_range().contains(&payload.0.as_ptr()));
    assert_eq!(decoder.buffer_bytes(), 0);
}

#[test]
fn what_follows_an_unfinished_frame_is_left_in_the_input() {
    let bytes = [2, 0, 0, 0, 7, 1, 3, 0];
    let mut decoder = Decoder::new(Limits::PEER);
    assert_eq!(decoder.poll_frame(&mut &bytes[..5]), Ok(None));
    let mut rest = &bytes[5..];
    assert!(decoder.poll_frame(&mut rest).unwrap().is_some());
    assert_eq!(rest, [3, 0]);
    assert_eq!(decoder.poll_frame(&mut rest), Ok(None));
    assert_eq!(decoder.held_bytes(), 2);
}

#[test]
fn new_limits_hold_from_the_next_frame_on() {
    let mut bytes = Vec::new();
    let frame = Frame::Send { pair: PAIR, type_number: 1, payload: Payload(&[0; 5000]) };
    wire::encode(&frame, &Limits::PEER, &mut bytes).unwrap();

    let mut decoder = Decoder::new(Limits::STRANGER);
    decoder.set_limits(Limits::PEER);
    assert_eq!(decoder.poll_frame(&mut &bytes[..]), Ok(Some(frame)));
    decoder.set_limits(Limits::STRANGER);
    assert!(decoder.poll_frame(&mut &bytes[..]).is_err());
}

#[test]
fn a_frame_may_be_as_long_as_the_limit_and_no_longer() {
    let payload = [7; 100];
    let frame = Frame::Send { pair: PAIR, type_number: 1, payload: Payload(&payload) };
    let mut out = Vec::new();
    wire::encode(&frame, &Limits::PEER, &mut out).unwrap();
    let body = u32::try_from(out.len() - 4).unwrap();

    let mut limits = Limits::PEER;
    limits.frame_bytes = body;
    let mut exact = vec![0xaa];
    wire::encode(&frame, &limits, &mut exact).unwrap();
    assert_eq!(exact[1..], out[..]);
    assert_eq!(Decoder::new(limits).poll_frame(&mut &out[..]), Ok(Some(frame)));

    limits.frame_bytes = body - 1;
    let mut untouched = vec![0xaa];
    let error =
        EncodeError::FrameTooLong { kind: FrameKind::Send, got: u64::from(body), limit: limits.frame_bytes };
    assert_eq!(wire::encode(&frame, &limits, &mut untouched), Err(error));
    assert_eq!(untouched, [0xaa]);
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    let frame = Frame::Signal { pair: PAIR, signal: Signal::Link };
    let mut limits = Limits::PEER;
    limits.message_bytes = 25;
    let mut out = vec![0xaa];
    wire::encode_message(&frame, &limits, &mut out).unwrap();
    assert_eq!(out.len(), 1 + 25);

    limits.message_bytes = 24;
    let error = EncodeError::MessageTooLong { kind: FrameKind::Signal, got: 25, limit: 24 };
    let before = out.clone();
    assert_eq!(wire::encode_message(&frame, &limits, &mut out), Err(error));
    assert_eq!(out, before);
}

#[test]
fn a_fragment_we_may_not_send_is_not_encoded() {
    let limit = Limits::PEER.fragment_bytes;
    let most = vec![0; limit as usize];
    let over = vec![0; limit as usize + 1];
    let total = Limits::PEER.message_bytes;
    let fragment = |start, total, data| Fragment { message: 1, start, total, data: Payload(data) };
    let encode = |fragment| {
        let mut out = Vec::new();
        let result = wire::encode(&Frame::Fragment(fragment), &Limits::PEER, &mut out);
        assert_eq!(result.is_err(), out.is_empty());
        result
    };
    let refused = |fault| Err(EncodeError::BadFragment(fault));
    assert_eq!(encode(fragment(total - u64::from(limit), total, &most)), Ok(()));
    assert_eq!(
        encode(fragment(0, total, &over)),
        refused(FragmentFault::TooLong { got: u64::from(limit) + 1, limit })
    );
    assert_eq!(
        encode(fragment(0, total + 1, b"x")),
        refused(FragmentFault::MessageTooLong { got: total + 1, limit: total })
    );
    assert_eq!(encode(fragment(0, total, b"")), refused(FragmentFault::Empty));
    assert_eq!(
        encode(fragment(u64::MAX, 4, b"x")),
        refused(FragmentFault::PastEnd { start: u64::MAX, got: 1, total: 4 })
    );
}

#[test]
fn nothing_secret_and_no_payload_is_printed() {
    let right = WireRight { number: 5, authenticator: SECRET };
    let frame = Frame::Send { pair: PAIR, type_number: 1, payload: Payload(b"hi") };
    let printed = format!("{frame:?} {right:?}");
    assert!(printed.contains("<1.2.3>") && printed.contains("Payload(2 bytes)"), "{printed}");
    assert!(printed.contains("WireRight(5)"), "{printed}");
    assert!(!printed.contains(&SECRET.to_string()) && !printed.contains("104, 105"), "{printed}");
}

#[test]
fn decoder_and_frames_cross_threads() {
    fn crosses<T: Send + Sync + Unpin>() {}
    crosses::<Decoder>();
    crosses::<Frame<'static>>();
    crosses::<EncodeError>();
    crosses::<wire::DecodeError>();
}
