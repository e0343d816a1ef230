use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_secs(50);

fn named(name: &str, incarnation: u128) -> Introduction {
    let name = NodeName::new(name).unwrap();
    Introduction::new(Identity { name, incarnation, number: 1 }, ClusterKey::new([7; 32]))
}

fn dial(introduction: Introduction) -> Handshake {
    Handshake::dial(NOW, introduction, [1; 32], &Config::default())
}

fn listen(introduction: Introduction) -> Handshake {
    Handshake::listen(NOW, introduction, [2; 32], &Config::default())
}

type End = Result<Acquaintance, HandshakeError>;

/// Carries bytes to and fro, changed by `damage`, until both ends are done or can't go on.
fn run(
    dialler: &mut Handshake,
    listener: &mut Handshake,
    mut damage: impl FnMut(usize, &mut Vec<u8>),
) -> (Option<End>, Option<End>) {
    let mut ends: [Option<End>; 2] = [None, None];
    for round in 0..8 {
        for (index, from) in [0, 1].into_iter().zip([1, 0]) {
            let (sender, receiver) =
                if from == 1 { (&mut *listener, &mut *dialler) } else { (&mut *dialler, &mut *listener) };
            let mut bytes = Vec::new();
            sender.poll_transmit(&mut bytes);
            damage(2 * round + from, &mut bytes);
            let mut input = &bytes[..];
            if bytes.is_empty() || ends[index].is_some() {
                continue;
            }
            match receiver.handle_bytes(NOW, &mut input) {
                Ok(Progress::More) => {}
                Ok(Progress::Identified(_)) => ends[index] = receiver.accept().map(Ok),
                Ok(Progress::Done(acquaintance)) => ends[index] = Some(Ok(acquaintance)),
                Err(error) => ends[index] = Some(Err(error)),
            }
        }
    }
    let [dialler, listener] = ends;
    (dialler, listener)
}

fn meet(dialler: Introduction, listener: Introduction) -> (Option<End>, Option<End>) {
    run(&mut dial(dialler), &mut listen(listener), |_, _| {})
}

fn refused(refusal: Refusal, proven: bool) -> Option<End> {
    Some(Err(HandshakeError::Refused { refusal, proven }))
}

fn refusing(refusal: Refusal) -> Option<End> {
    Some(Err(HandshakeError::Refusing(refusal)))
}

#[test]
fn two_nodes_of_a_cluster_learn_who_the_other_is() {
    let (dialler, listener) = meet(named("a", 1), named("b", 2));
    let (dialler, listener) = (dialler.unwrap().unwrap(), listener.unwrap().unwrap());
    assert_eq!((dialler.peer.name.as_str(), dialler.peer.incarnation), ("b", 2));
    assert_eq!((listener.peer.name.as_str(), listener.peer.incarnation), ("a", 1));
    assert_eq!((dialler.version, dialler.frame_bytes), (FORMAT_VERSION, 1024 * 1024));
    assert_eq!(dialler.silence, Duration::from_secs(5));
}

#[test]
fn a_wrong_key_is_named_on_both_ends_and_no_name_is_said() {
    let mut stranger = named("intruder", 1);
    stranger.key = ClusterKey::new([8; 32]);
    let mut said = Vec::new();
    let (dialler, listener) = run(&mut dial(stranger), &mut listen(named("secret-name", 2)), |_, bytes| {
        said.append(&mut bytes.clone());
    });
    assert_eq!(dialler, refused(Refusal::WrongKey, false));
    assert_eq!(listener, refusing(Refusal::WrongKey));
    for name in [&b"secret-name"[..], b"intruder"] {
        assert!(!said.windows(name.len()).any(|window| window == name));
    }
}

#[test]
fn a_listener_that_only_pretends_learns_no_name() {
    // It takes any proof, and makes up its own.
    let mut dialler = dial(named("secret-name", 1));
    let mut said = Vec::new();
    dialler.poll_transmit(&mut said);
    let challenge = Greeting::Challenge { version: FORMAT_VERSION, nonce: [9; 32] };
    let identity = WireIdentity {
        name: Payload(b"x"),
        incarnation: 5,
        number: 1,
        frame_bytes: 1 << 20,
        silence_millis: 5000,
    };
    let welcome = Greeting::Welcome { proof: Proof([3; 32]), identity };
    let mut bytes = Vec::new();
    for greeting in [challenge, welcome] {
        wire::encode(&Frame::Greeting(greeting), &Limits::PEER, &mut bytes).unwrap();
    }
    let refused = dialler.handle_bytes(NOW, &mut &bytes[..]);
    assert_eq!(refused, Err(HandshakeError::Refusing(Refusal::WrongKey)));
    dialler.poll_transmit(&mut said);
    assert!(!said.windows(11).any(|window| window == b"secret-name"));
}

#[test]
fn a_proof_sent_back_to_its_maker_is_worth_nothing() {
    let (mut first, mut second) = (dial(named("a", 1)), dial(named("b", 2)));
    let mut hello = Vec::new();
    first.poll_transmit(&mut hello);
    second.poll_transmit(&mut hello);
    // A dialler that is answered in kind finds the hello out of place.
    let error = second.handle_bytes(NOW, &mut &hello[..]);
    assert_eq!(error, Err(HandshakeError::OutOfPlace { kind: FrameKind::Hello }));
    // What one role proves is not what the other does.
    assert_ne!(first.prove(b"proves", &[], Role::Dialler), first.prove(b"proves", &[], Role::Listener));
}

#[test]
fn no_common_version_is_named_on_both_ends() {
    let mut old = named("a", 1);
    (old.lowest_version, old.highest_version) = (7, 9);
    let (dialler, listener) = meet(old, named("b", 2));
    let refusal = Refusal::Version { lowest: FORMAT_VERSION, highest: FORMAT_VERSION };
    assert_eq!((dialler, listener), (refused(refusal, false), refusing(refusal)));
}

#[test]
fn the_highest_common_version_is_spoken() {
    let (mut a, mut b) = (named("a", 1), named("b", 2));
    (a.highest_version, b.highest_version) = (4, 6);
    let (dialler, listener) = meet(a, b);
    assert_eq!((dialler.unwrap().unwrap().version, listener.unwrap().unwrap().version), (4, 4));
}

#[test]
fn same_name_oneself_and_an_unexpected_name_are_named_on_both_ends() {
    let (dialler, listener) = meet(named("a", 1), named("a", 2));
    assert_eq!((dialler, listener), (refusing(Refusal::SameName), refused(Refusal::SameName, true)));
    let (dialler, listener) = meet(named("a", 1), named("a", 1));
    assert_eq!((dialler, listener), (refusing(Refusal::Oneself), refused(Refusal::Oneself, true)));
    let mut picky = named("a", 1);
    picky.expected = NodeName::new("c");
    let (dialler, listener) = meet(picky, named("b", 2));
    let unexpected = Refusal::UnexpectedName;
    assert_eq!((dialler, listener), (refusing(unexpected), refused(unexpected, true)));
}

#[test]
fn another_transport_between_the_two_is_noticed() {
    let (mut a, mut b) = (named("a", 1), named("b", 2));
    (a.binding, b.binding) = (vec![1], vec![2]);
    let (dialler, listener) = meet(a, b);
    assert_eq!(dialler, refused(Refusal::WrongKey, false));
    assert_eq!(listener, refusing(Refusal::WrongKey));
}

#[test]
fn a_stranger_has_five_seconds_and_four_kibibytes() {
    let mut slow = listen(named("b", 2));
    assert_eq!(slow.poll_timeout(), Some(NOW + Duration::from_secs(5)));
    let late = slow.handle_timeout(NOW + Duration::from_secs(5));
    assert_eq!(late, Err(HandshakeError::Timeout { limit: Duration::from_secs(5) }));
    assert_eq!(slow.poll_timeout(), None);

    let mut flooded = listen(named("b", 2));
    let mut input = &[&4096_u32.to_le_bytes()[..], &[32; 8000]].concat()[..];
    let error = flooded.handle_bytes(NOW, &mut input).unwrap_err();
    assert_eq!(error, HandshakeError::TooMuch { limit: 4096 });
    assert!(flooded.held_bytes() <= 4096 + 4);
    let large = &4097_u32.to_le_bytes()[..];
    let refused = listen(named("b", 2)).handle_bytes(NOW, &mut &large[..]);
    assert!(matches!(refused, Err(HandshakeError::Bytes(DecodeError::FrameTooLong { .. }))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// One changed byte anywhere, and the two do not both stand connected, nor does either with
    /// another than the other.
    #[test]
    fn no_damaged_handshake_ends_in_a_connection(turn in 0_usize..6, at: prop::sample::Index, by in 1_u8..=255) {
        let (mut dialler, mut listener) = (dial(named("a", 1)), listen(named("b", 2)));
        let mut damaged = false;
        let (dialler, listener) = run(&mut dialler, &mut listener, |now, bytes| {
            if now == turn && !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= by;
                damaged = true;
            }
        });
        prop_assume!(damaged);
        prop_assert!(!matches!((&dialler, &listener), (Some(Ok(_)), Some(Ok(_)))));
        if let Some(Ok(acquaintance)) = dialler {
            prop_assert_eq!(acquaintance.peer.name.as_str(), "b");
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_by_name_or_awaited_and_cost_little(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 30_u8..40, Just(0)], 0..300),
        dials: bool,
    ) {
        let mut handshake = if dials { dial(named("a", 1)) } else { listen(named("b", 2)) };
        let mut input = &bytes[..];
        let outcome = handshake.handle_bytes(NOW, &mut input);
        prop_assert!(!matches!(outcome, Ok(Progress::Done(_) | Progress::Identified(_))));
        prop_assert!(handshake.held_bytes() <= 4096 + 1024);
        if let Err(error) = outcome {
            prop_assert!(!error.to_string().is_empty());
            prop_assert_eq!(handshake.handle_bytes(NOW, &mut &[2, 0, 0, 0, 7, 1][..]), Err(error));
        }
    }
}
