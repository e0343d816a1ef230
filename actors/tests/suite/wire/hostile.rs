//! Bytes that anybody may have made.

use proptest::prelude::*;

use super::*;

/// Lists of lists.
#[derive(Debug, wharf::Wire)]
#[wire(max_bytes = 8 * 1024 * 1024)]
enum Deep {
    Empty,
    Nested(Nested),
}

#[derive(Debug, Serialize, Deserialize)]
enum Nested {
    Leaf,
    Node(Box<Self>),
}

#[derive(Debug, wharf::Wire)]
struct Nothings(Vec<()>, Vec<Vec<()>>);

fn decode<M: Wire>(bytes: &[u8]) -> Result<M, DecodeError> {
    let (link, exchange) = Link::new();
    let result = wire::decode(bytes, &exchange);
    if result.is_err() {
        assert!(link.imported.lock().unwrap().is_empty(), "a reply of a message that was refused");
    }
    result
}

#[test]
fn four_mebibytes_of_nesting_are_an_error() {
    let bytes = vec![1; 4 * 1024 * 1024];
    assert_eq!(decode::<Deep>(&bytes).unwrap_err(), DecodeError::TooDeep { limit: wire::MAX_DEPTH });
    assert_eq!(decode::<Hand>(&bytes).unwrap_err(), DecodeError::TooLarge { limit: 65_536 });
}

#[test]
fn nesting_is_bounded_on_the_way_out_as_on_the_way_in() {
    let nested = |depth| (0..depth).fold(Nested::Leaf, |inside, _| Nested::Node(Box::new(inside)));
    let (_, exchange) = Link::new();
    let mut bytes = Vec::new();
    let most = wire::MAX_DEPTH - 1;
    wire::encode(Deep::Nested(nested(most)), &mut bytes, &exchange).unwrap();
    assert!(matches!(wire::decode(&bytes, &exchange), Ok(Deep::Nested(Nested::Node(_)))));
    let lost = wire::encode(Deep::Nested(nested(1_000)), &mut bytes, &exchange).unwrap_err();
    assert_eq!(lost.error, EncodeError::TooDeep { limit: wire::MAX_DEPTH });
}

#[test]
fn collections_of_nothing_are_bounded() {
    // 2^34 elements of no bytes each.
    let bytes = [0x80, 0x80, 0x80, 0x80, 0x40, 0];
    assert_eq!(decode::<Nothings>(&bytes).unwrap_err(), DecodeError::TooLarge { limit: 65_536 });
    // Many lists, each of as many as one may have.
    let mut bytes = vec![0, 100];
    for _ in 0..100 {
        bytes.extend([0xff, 0xff, 3]);
    }
    assert_eq!(decode::<Nothings>(&bytes).unwrap_err(), DecodeError::TooLarge { limit: 65_536 });
    let (_, exchange) = Link::new();
    let lost = wire::encode(Nothings(vec![(); 70_000], Vec::new()), &mut Vec::new(), &exchange).unwrap_err();
    assert_eq!(lost.error, EncodeError::TooLarge { limit: 65_536 });
}

#[test]
fn each_mistake_has_its_name() {
    assert_eq!(decode::<Hand>(&[]).unwrap_err(), DecodeError::Truncated);
    assert_eq!(decode::<Hand>(&[0, 0]).unwrap_err(), DecodeError::TrailingBytes { count: 1 });
    let unknown = DecodeError::UnknownVariant { message: Hand::NAME, variant: 9 };
    assert_eq!(decode::<Hand>(&[9]).unwrap_err(), unknown);
    // A reply that is neither there nor not.
    assert_eq!(decode::<Hand>(&[2, 0, 2]).unwrap_err(), DecodeError::Invalid { expected: "reply" });
    assert!(matches!(decode::<Hand>(&[2, 77]).unwrap_err(), DecodeError::Value { .. }));
    // A length with nothing behind it.
    assert_eq!(decode::<Generic<u64>>(&[90]).unwrap_err(), DecodeError::Truncated);
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(message) = decode::<Hand>(&bytes) {
            let (_, exchange) = Link::new();
            prop_assert!(wire::encode(message, &mut Vec::new(), &exchange).is_ok());
        }
        let _ = decode::<Generic<Option<String>>>(&bytes);
        let _ = decode::<Deep>(&bytes);
        let _ = decode::<Nothings>(&bytes);
        let _ = decode::<Carry>(&bytes);
    }

    #[test]
    fn a_message_with_wrong_bytes_in_it_does_no_harm(at in 0_usize..1_000, byte: u8, cut in 0_usize..1_000) {
        let (_, exchange) = Link::new();
        let mut bytes = Vec::new();
        wire::encode(Hand::Tuple(1, everything()), &mut bytes, &exchange).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = decode::<Hand>(&bytes);
        let cut = cut % bytes.len();
        prop_assert!(decode::<Hand>(&bytes[..cut]).is_err());
    }

    #[test]
    fn numbers_and_texts_come_back(text: String, list: Vec<Option<i128>>, real: f64) {
        let (_, exchange) = Link::new();
        let mut bytes = Vec::new();
        let data = (text, list, real.to_bits());
        wire::encode(Generous(data.clone()), &mut bytes, &exchange).unwrap();
        prop_assert_eq!(wire::decode::<Generous>(&bytes, &exchange).unwrap().0, data);
    }
}

#[derive(Debug, wharf::Wire)]
struct Generous((String, Vec<Option<i128>>, u64));

/// Bytes by themselves are copied at once.
#[derive(Debug, PartialEq, wharf::Wire)]
struct AtOnce(Vec<u8>);

/// In another value they are numbers, one after the other.
#[derive(Debug, PartialEq, wharf::Wire)]
struct OneByOne(Octets);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Octets(Vec<u8>);

#[test]
fn bytes_are_written_and_read_as_the_sequence_that_they_are() {
    let (_, exchange) = Link::new();
    let refusals = |bytes: &[u8]| {
        let refused = decode::<AtOnce>(bytes).unwrap_err();
        assert_eq!(refused, decode::<OneByOne>(bytes).unwrap_err());
        refused
    };
    for len in [0, 1, 127, 128, 65_533] {
        let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let (mut at_once, mut one_by_one) = (Vec::new(), Vec::new());
        wire::encode(AtOnce(bytes.clone()), &mut at_once, &exchange).unwrap();
        wire::encode(OneByOne(Octets(bytes.clone())), &mut one_by_one, &exchange).unwrap();
        assert_eq!(at_once, one_by_one);
        assert_eq!(refusals(&at_once[..at_once.len() - 1]), DecodeError::Truncated);
        if len < 65_533 {
            let more = [&at_once[..], &[0]].concat();
            assert_eq!(refusals(&more), DecodeError::TrailingBytes { count: 1 });
        }
        assert_eq!(decode::<AtOnce>(&one_by_one), Ok(AtOnce(bytes)));
    }
    // One more than a message may have, and a length that is only declared.
    let long = wire::encode(AtOnce(vec![0; 65_534]), &mut Vec::new(), &exchange).unwrap_err();
    assert_eq!(long.error, EncodeError::TooLarge { limit: 65_536 });
    assert_eq!(refusals(&[0xff, 0xff, 0x7f]), DecodeError::TooLarge { limit: 65_536 });
}
