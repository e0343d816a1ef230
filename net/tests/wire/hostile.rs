//! Whatever a peer sends, we neither panic, nor hold more than the limit, nor read it two ways.

use proptest::prelude::*;
use wharf_net::wire::{
    self, DecodeError, Decoder, Fragment, FragmentFault, Frame, FrameKind, Limits, Payload,
};

use crate::shapes::{Cuts, any_cuts, any_shape};

/// Decodes pieces up to the first error, checking the promises that hold for any input.
fn run(limits: Limits, bytes: &[u8], cuts: &Cuts) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::new(limits);
    let mut encoded_again = Vec::new();
    for mut piece in cuts.apply(bytes) {
        loop {
            let result = decoder.poll_frame(&mut piece).map(|frame| {
                frame.map(|frame| wire::encode(&frame, &limits, &mut encoded_again).unwrap()).is_some()
            });
            assert!(decoder.buffer_bytes() <= limits.frame_bytes as usize + 4);
            assert!(encoded_again.len() <= bytes.len(), "no byte is read twice");
            match result {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    assert_eq!(
                        decoder.poll_frame(&mut &[2, 0, 0, 0, 7, 1][..]),
                        Err(error),
                        "it stays failed"
                    );
                    return Err(error);
                }
            }
        }
        assert!(piece.is_empty());
    }
    encoded_again.extend_from_slice(&bytes[bytes.len() - decoder.held_bytes()..]);
    Ok(encoded_again)
}

/// Bytes that get past the first check: short frames of bytes that are often codes.
fn almost_frames() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => 0_u8..11, 1 => any::<u8>()];
    let body = proptest::collection::vec(byte, 1..60);
    let frame = (body, prop_oneof![9 => Just(0), 1 => 0_u8..3]).prop_map(|(body, more)| {
        let length = u8::try_from(body.len()).unwrap() + more;
        [&[length, 0, 0, 0], &body[..]].concat()
    });
    proptest::collection::vec(frame, 1..10).prop_map(|frames| frames.concat())
}

fn small_limits() -> Limits {
    let mut limits = Limits::PEER;
    limits.frame_bytes = 8192;
    limits
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn arbitrary_bytes_are_refused_or_have_one_meaning(
        bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), almost_frames()],
        cuts in any_cuts(),
    ) {
        if let Ok(again) = run(Limits::PEER, &bytes, &cuts) {
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn a_damaged_frame_is_refused_or_has_one_meaning(
        shape in any_shape(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
        cuts in any_cuts(),
    ) {
        let mut bytes = shape.bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(again) = run(Limits::PEER, &bytes, &cuts) {
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn how_bytes_are_cut_changes_nothing(bytes in almost_frames(), cuts in any_cuts()) {
        let whole = Cuts::none();
        prop_assert_eq!(run(Limits::PEER, &bytes, &cuts), run(Limits::PEER, &bytes, &whole));
    }

    #[test]
    fn a_flipped_length_is_refused(shape in any_shape(), bit in 0_usize..32, cuts in any_cuts()) {
        let limits = small_limits();
        let mut bytes = shape.bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // Enough for any length that is allowed: it can't hide behind bytes that never come.
        bytes.resize(bytes.len() + limits.frame_bytes as usize, 0x01);
        prop_assert!(run(limits, &bytes, &cuts).is_err());
    }

    #[test]
    fn a_message_of_arbitrary_bytes_is_refused_or_has_one_meaning(bytes in almost_frames()) {
        let body = &bytes[4..];
        if let Ok(frame) = wire::decode_message(body) {
            let mut again = Vec::new();
            wire::encode_message(&frame, &Limits::PEER, &mut again).unwrap();
            prop_assert_eq!(again, body);
        }
    }
}

#[test]
fn a_length_over_the_limit_is_refused_before_any_of_the_frame_came() {
    let mut decoder = Decoder::new(Limits::STRANGER);
    for byte in [0x01, 0x10, 0x00] {
        assert_eq!(decoder.poll_frame(&mut &[byte][..]), Ok(None));
    }
    let error = DecodeError::FrameTooLong { offset: 0, got: 4097, limit: 4096 };
    assert_eq!(decoder.poll_frame(&mut &[0x00][..]), Err(error));
    assert_eq!(decoder.poll_frame(&mut &[2, 0, 0, 0, 7, 1][..]), Err(error));
}

#[test]
fn memory_follows_the_bytes_that_came_and_not_the_length_declared() {
    let declared = Limits::PEER.frame_bytes.to_le_bytes();
    let mut decoder = Decoder::new(Limits::PEER);
    assert_eq!(decoder.poll_frame(&mut &declared[..]), Ok(None));
    for _ in 0..1000 {
        assert_eq!(decoder.poll_frame(&mut &[0][..]), Ok(None));
    }
    assert_eq!(decoder.held_bytes(), 1004);
    assert!(decoder.buffer_bytes() <= 2 * 1004, "{}", decoder.buffer_bytes());
}

#[test]
fn memory_stays_within_the_longest_frame() {
    let mut limits = Limits::PEER;
    limits.frame_bytes = 1001;
    let mut decoder = Decoder::new(limits);
    let mut longest = vec![8; 1005];
    longest[..4].copy_from_slice(&1001_u32.to_le_bytes());
    for byte in &longest[..1004] {
        assert_eq!(decoder.poll_frame(&mut &[*byte][..]), Ok(None));
    }
    assert!(decoder.poll_frame(&mut &longest[1004..]).is_err());
    assert_eq!(decoder.buffer_bytes(), 1005);
}

#[test]
fn the_offset_of_an_error_counts_from_the_start_of_the_stream() {
    let good = [2, 0, 0, 0, 7, 1];
    let bad = [3, 0, 0, 0, 7, 1, 0];
    let stream = [&good[..], &good, &bad].concat();
    let error = DecodeError::TrailingBytes { offset: 12 + 6, got: 1 };
    for cuts in [Cuts::none(), Cuts::of(1), Cuts::of(5)] {
        assert_eq!(run(Limits::PEER, &stream, &cuts), Err(error));
    }
}

#[test]
fn bytes_after_a_payload_are_found_where_they_are() {
    let fragment = [6, 2, 0, 9, 4, b'p', b'a', b'r', b't', 0, 0];
    let bytes = [&[11, 0, 0, 0][..], &fragment].concat();
    let error = DecodeError::TrailingBytes { offset: 4 + 9, got: 2 };
    assert_eq!(Decoder::new(Limits::PEER).poll_frame(&mut &bytes[..]), Err(error));
}

#[test]
fn a_stranger_may_not_begin_a_large_message() {
    let fragment = Fragment { message: 0, start: 0, total: 1, data: Payload(b"x") };
    let mut bytes = Vec::new();
    wire::encode(&Frame::Fragment(fragment), &Limits::PEER, &mut bytes).unwrap();
    let fault = FragmentFault::TooLong { got: 1, limit: 0 };
    let error = DecodeError::BadFragment { offset: 4, fault };
    assert_eq!(Decoder::new(Limits::STRANGER).poll_frame(&mut &bytes[..]), Err(error));
}

#[test]
fn fragments_do_not_nest() {
    let nested = [6, 2, 0, 4, 4, b'p', b'a', b'r', b't'];
    let error = DecodeError::NotAMessage { offset: 0, kind: FrameKind::Fragment };
    assert_eq!(wire::decode_message(&nested), Err(error));
}

#[test]
fn a_message_with_bytes_left_over_is_refused() {
    let mut message = Vec::new();
    let bytes = include_str!("../golden/link.hex").split_whitespace();
    message.extend(bytes.skip(4).map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    assert!(wire::decode_message(&message).is_ok());
    message.push(0);
    assert_eq!(wire::decode_message(&message), Err(DecodeError::TrailingBytes { offset: 26, got: 1 }));
    message.truncate(25);
    assert_eq!(
        wire::decode_message(&message),
        Err(DecodeError::Ended { field: "signal", offset: 25, wanted: 1, left: 0 })
    );
}

#[test]
fn every_error_blames_the_peer_and_says_where() {
    let errors = crate::examples::REFUSALS.iter().map(|(_, error)| error.to_string());
    for message in errors {
        assert!(message.starts_with("peer") && message.contains("at byte"), "{message}");
    }
}
