//! Attacks by those without the key: the node stays up, honest peers notice nothing, and nothing is left.

use tracing::Level;
use wharf_net::driver::{ConnectError, Net};
use wharf_net::proto::{Config, HandshakeError, Origin};
use wharf_net::wire::{Frame, Greeting, Limits, Proof, Refusal};

#[cfg(unix)]
use crate::grounds::OverUnix;
use crate::grounds::{Ground, InMem, OverTcp, eventually, run, run_in_virtual_time};
use crate::house::{House, KEY, join, patient};
use crate::intruder::{Intruder, frame, hello, identity, refusal_in};
use crate::log::Log;

const OTHER_KEY: [u8; 32] = [8; 32];

/// The next random number: splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

async fn garbage_is_cut_off_and_told_nothing<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let mut state = 1;
    for _ in 0..40 {
        let length = random(&mut state) % 300;
        let garbage: Vec<u8> = (0..length).flat_map(|_| random(&mut state).to_le_bytes()).collect();
        let mut intruder = Intruder::call(&house.ground, &house.at).await;
        // It may be cut off before it has said all.
        _ = intruder.say(&garbage).await;
        intruder.fall_silent().await;
        assert_eq!(intruder.until_cut().await, b"");
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn a_request_of_another_protocol_is_cut_off_and_told_nothing<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let requests = [
        &b"GET / HTTP/1.1\r\nHost: house\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ];
    for request in requests {
        let mut intruder = Intruder::call(&house.ground, &house.at).await;
        _ = intruder.say(request).await;
        // It waits for an answer, and has the end of the connection.
        assert_eq!(intruder.until_cut().await, b"");
        house.is_well().await;
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn a_frame_that_is_too_long_is_not_waited_for<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    for length in [Limits::STRANGER.frame_bytes + 1, 1 << 20, u32::MAX] {
        for begun in [&[][..], &hello()] {
            let mut intruder = Intruder::call(&house.ground, &house.at).await;
            intruder.say(begun).await.unwrap();
            _ = intruder.say(&length.to_le_bytes()).await;
            assert_eq!(refusal_in(&intruder.until_cut().await), None);
        }
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn a_frame_that_has_no_place_in_a_handshake_ends_it<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let frames = [
        frame(&Frame::Heartbeat { number: 1, seen: 0 }),
        frame(&Frame::Greeting(Greeting::Proof(Proof([1; 32])))),
        frame(&Frame::Greeting(Greeting::Accept(Proof([1; 32])))),
        // Twice the first word.
        [hello(), hello()].concat(),
    ];
    for bytes in frames {
        let mut intruder = Intruder::call(&house.ground, &house.at).await;
        _ = intruder.say(&bytes).await;
        assert_eq!(refusal_in(&intruder.until_cut().await), None);
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn a_connection_that_is_closed_inside_a_frame_leaves_nothing<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let word = hello();
    for cut in [0, 1, 4, 5, word.len() - 1, word.len()] {
        let mut intruder = Intruder::call(&house.ground, &house.at).await;
        intruder.say(&word[..cut]).await.unwrap();
        if cut % 2 == 0 {
            drop(intruder);
        } else {
            intruder.fall_silent().await;
            let heard = intruder.until_cut().await;
            // The whole word may still have been answered.
            assert!(heard.is_empty() || cut == word.len());
        }
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn a_handshake_that_was_recorded_is_worth_nothing<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let mut member = Intruder::call(&house.ground, &house.at).await;
    let said = member.shake(identity("recorded"), KEY).await.unwrap();
    assert_eq!(said.len(), 3);
    drop(member);
    eventually("it is gone", || house.net.peers() == ["friend"]).await;
    // A step at a time, as it was; and all at once.
    let mut replay = Intruder::call(&house.ground, &house.at).await;
    replay.say(&said[0]).await.unwrap();
    replay.hear().await;
    replay.say(&said[1]).await.unwrap();
    assert_eq!(refusal_in(&replay.until_cut().await), Some(Refusal::WrongKey));
    let mut replay = Intruder::call(&house.ground, &house.at).await;
    _ = replay.say(&said.concat()).await;
    assert_eq!(refusal_in(&replay.until_cut().await), Some(Refusal::WrongKey));
    assert_eq!(house.net.peers(), ["friend"]);
    house.is_unharmed().await;
    house.close().await;
}

async fn a_wrong_key_is_named_to_who_has_it<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let stranger = join(&house.ground, "stranger", OTHER_KEY, patient());
    for _ in 0..3 {
        let refused = stranger.connect(&house.at.to_string()).await.unwrap_err();
        let ConnectError::Handshake { error, .. } = &refused else { panic!("{refused:?}") };
        let wrong_key = HandshakeError::Refused { refusal: Refusal::WrongKey, proven: false };
        assert_eq!(*error, wrong_key);
        house.is_well().await;
    }
    assert!(stranger.peers().is_empty());
    stranger.node().stop().await;
    house.is_unharmed().await;
    house.close().await;
}

async fn a_node_that_stops_does_not_wait_for_strangers<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let mut strangers = Vec::new();
    for number in 0..20 {
        let mut intruder = Intruder::call(&house.ground, &house.at).await;
        intruder.say(&hello()[..number]).await.unwrap();
        strangers.push(intruder);
    }
    eventually("they are taken", || house.net.counts().strangers == 20).await;
    house.close().await;
    for mut stranger in strangers {
        assert_eq!(refusal_in(&stranger.until_cut().await), None);
    }
}

async fn who_answers_a_call_with_nonsense_harms_nobody<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let elsewhere = G::default();
    let mut listener = elsewhere.transport().listen(&elsewhere.address()).await.unwrap();
    let at = listener.address().to_string();
    let caller = join(&elsewhere, "caller", KEY, patient());
    let too_long = u32::MAX.to_le_bytes();
    let proof = frame(&Frame::Greeting(Greeting::Proof(Proof([1; 32]))));
    for answer in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &too_long, &proof] {
        let answering = async {
            let mut taken = Intruder::taken(listener.accept().await.unwrap());
            _ = taken.say(answer).await;
            taken.fall_silent().await;
            taken.until_cut().await
        };
        let (refused, heard) = tokio::join!(caller.connect(&at), answering);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ConnectError::Handshake { .. }), "{refused:?}");
        assert_eq!(heard, first_word(&heard));
    }
    eventually("nothing is left", || caller.counts().transports == 0).await;
    caller.node().stop().await;
    house.is_unharmed().await;
    house.close().await;
}

/// That of `heard` which may be said to anybody: one hello.
fn first_word(heard: &[u8]) -> &[u8] {
    &heard[..hello().len().min(heard.len())]
}

/// The suite over one transport.
macro_rules! strangers {
    ($transport:ident, $ground:ident) => {
        mod $transport {
            use super::$ground;

            strangers! { @ $ground:
                garbage_is_cut_off_and_told_nothing,
                a_request_of_another_protocol_is_cut_off_and_told_nothing,
                a_frame_that_is_too_long_is_not_waited_for,
                a_frame_that_has_no_place_in_a_handshake_ends_it,
                a_connection_that_is_closed_inside_a_frame_leaves_nothing,
                a_handshake_that_was_recorded_is_worth_nothing,
                a_wrong_key_is_named_to_who_has_it,
                a_node_that_stops_does_not_wait_for_strangers,
                who_answers_a_call_with_nonsense_harms_nobody,
            }
        }
    };
    (@ $ground:ident: $($test:ident),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                super::run(super::$test($ground::default()));
            }
        )*
    };
}

strangers!(mem, InMem);
strangers!(tcp, OverTcp);
#[cfg(unix)]
strangers!(unix, OverUnix);

#[test]
fn a_wrong_key_is_logged_where_it_was_not_let_in() {
    run_in_virtual_time(async {
        let log = Log::keep();
        let house = House::open(InMem::default(), Config::default()).await;
        let stranger = join(&house.ground, "stranger", OTHER_KEY, Config::default());
        stranger.connect(&house.at.to_string()).await.unwrap_err();
        house.is_unharmed().await;
        assert_eq!(log.count(Level::WARN, &["node=house", "refused the peer", "key"]), 1);
        assert_eq!(log.count(Level::WARN, &["node=stranger", "the peer refused", "key"]), 1);
        stranger.node().stop().await;
        house.close().await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_origin_that_takes_all_room_takes_it_from_itself() {
    run(async {
        let mut config = patient();
        config.strangers = 8;
        let house = House::open(OverTcp::default(), config).await;
        let honest = Intruder::call(&house.ground, &house.at).await;
        let mut crowd = Vec::new();
        // On this machine every address that begins with 127 is its own.
        for _ in 0..40 {
            crowd.push(call_from("127.0.0.2", &house.at).await);
        }
        eventually("the room is taken", || house.net.counts().strangers == 8).await;
        for mut one in crowd.drain(..crowd.len() - 7) {
            // Those that came first were told why they were cut off.
            assert_eq!(refusal_in(&one.until_cut().await), Some(Refusal::Busy));
        }
        house.is_well().await;
        // Who was there before them still is.
        let mut honest = honest;
        honest.shake(identity("slow"), KEY).await.unwrap();
        eventually("it is a member", || house.net.peers() == ["friend", "slow"]).await;
        drop((honest, crowd));
        house.is_unharmed().await;
        house.close().await;
    });
}

#[cfg(target_os = "linux")]
async fn call_from(host: &str, at: &wharf_net::transport::Address) -> Intruder {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{host}:0").parse().unwrap()).unwrap();
    let (reader, writer) = socket.connect(at.rest().parse().unwrap()).await.unwrap().into_split();
    Intruder::taken(wharf_net::transport::Duplex::new(reader, writer, "crowd"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_call_over_tcp_comes_from_its_callers_address() {
    run(async {
        let ground = OverTcp::default();
        let mut listener = ground.transport().listen(&ground.address()).await.unwrap();
        let _caller = call_from("127.0.0.3", listener.address()).await;
        let taken = listener.accept().await.unwrap();
        assert_eq!(taken.origin, Origin::of("127.0.0.3".parse().unwrap()));
    });
}

#[test]
fn a_node_without_room_for_strangers_takes_no_calls() {
    run(async {
        let mut config = Config::default();
        config.strangers = 0;
        let ground = InMem::default();
        let net: Net = join(&ground, "house", KEY, config);
        let at = net.listen("mem:here").await.unwrap();
        let mut intruder = Intruder::call(&ground, &at).await;
        assert_eq!(intruder.until_cut().await, b"");
        assert_eq!(net.counts().transports, 0);
        net.node().stop().await;
    });
}
