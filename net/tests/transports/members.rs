//! Attacks by those with the key: who breaks the protocol has the end of its own connection, and of no other.

use std::collections::BTreeSet;

use wharf_net::driver::ConnectError;
use wharf_net::proto::{HandshakeError, Identity};
use wharf_net::transport::Address;
use wharf_net::wire::{Frame, GoodbyeCause, Greeting, Limits, Payload, Proof, Refusal, Request};

#[cfg(unix)]
use crate::grounds::OverUnix;
use crate::grounds::{Ground, InMem, OverTcp, eventually, run};
use crate::house::{House, KEY, join, patient};
use crate::intruder::{Intruder, frame, goodbye_in, identity};

async fn enter(ground: &impl Ground, at: &Address, me: Identity) -> Intruder {
    Intruder::member(ground, at, me, KEY).await
}

async fn who_breaks_the_protocol_is_told_so_and_cut_off<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let too_long = (Limits::PEER.frame_bytes + 1).to_le_bytes();
    let lookup = Request::Lookup { name: Payload(b"x"), type_name: Payload(b"y") };
    let request = frame(&Frame::Request { number: 1, request: lookup });
    let again = [&request[..], &request].concat();
    let faults = [
        &too_long[..],
        &u32::MAX.to_le_bytes(),
        b"GET / HTTP/1.1\r\n\r\n",
        // No such kind; none at all; bytes left over.
        &[1, 0, 0, 0, 200],
        &[0, 0, 0, 0],
        &[4, 0, 0, 0, 5, 1, 0, 0],
        &frame(&Frame::Greeting(Greeting::Accept(Proof([1; 32])))),
        // A type that nobody has offered, and an outcome that nobody has asked for in this number.
        &frame(&Frame::TypeOffer { number: 7, name: Payload(b"T"), versions: Payload(&[1; 10]) }),
        &again,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let mut intruder = enter(&house.ground, &house.at, identity(&format!("intruder-{number}"))).await;
        house.is_well().await;
        _ = intruder.say(fault).await;
        let heard = intruder.until_cut().await;
        assert_eq!(goodbye_in(&heard), Some(GoodbyeCause::BrokenProtocol), "{number}");
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn who_goes_in_the_middle_of_a_frame_leaves_nothing<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    for cut in [0, 1, 4, 5, 1000, 900_000] {
        let mut intruder = enter(&house.ground, &house.at, identity("intruder")).await;
        let down = house.net.monitor_node("intruder");
        let mut begun = vec![1; 4 + 1_000_000];
        begun[..4].copy_from_slice(&1_000_000_u32.to_le_bytes());
        intruder.say(&begun[..cut]).await.unwrap();
        house.is_well().await;
        drop(intruder);
        assert_eq!(down.await.node, "intruder");
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn who_has_the_name_or_number_of_another_is_not_let_in<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let mut twin = Intruder::call(&house.ground, &house.at).await;
    let refused = twin.shake(identity("house"), KEY).await.unwrap_err();
    // It learns the name of the house in a handshake, and refuses itself.
    assert_eq!(refused, HandshakeError::Refusing(Refusal::SameName));
    drop(twin);
    let namesake = join(&house.ground, "house", KEY, patient());
    let refused = namesake.connect(&house.at.to_string()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Handshake { .. }), "{refused:?}");
    namesake.node().stop().await;

    let mut other = identity("other");
    other.number = house.friend.node().id().number();
    let mut other = enter(&house.ground, &house.at, other).await;
    assert_eq!(goodbye_in(&other.until_cut().await), Some(GoodbyeCause::BrokenProtocol));
    house.is_unharmed().await;
    house.close().await;
}

async fn who_asks_without_end_and_never_reads_stalls_nobody_else<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let mut intruder = enter(&house.ground, &house.at, identity("intruder")).await;
    let down = house.net.monitor_node("intruder");
    let mut questions = Vec::new();
    for number in 1..=100_000 {
        let lookup = Request::Lookup { name: Payload(b"counter"), type_name: Payload(b"Count") };
        questions.extend(frame(&Frame::Request { number, request: lookup }));
    }
    let asking = tokio::spawn(async move {
        // It may be stalled, or cut off.
        _ = intruder.say(&questions).await;
        intruder
    });
    for _ in 0..5 {
        house.is_well().await;
    }
    asking.abort();
    drop(asking.await);
    assert_eq!(down.await.node, "intruder");
    house.is_unharmed().await;
    house.close().await;
}

async fn who_comes_and_goes_a_hundred_times_leaves_nothing<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    for round in 0..100 {
        // Always the same name, of a node that starts anew.
        let intruder = enter(&house.ground, &house.at, identity("intruder")).await;
        if round % 10 == 0 {
            eventually("it is a peer", || house.net.peers().iter().any(|peer| peer == "intruder")).await;
        }
        drop(intruder);
    }
    house.is_unharmed().await;
    house.close().await;
}

async fn many_members_at_once_are_all_let_in<G: Ground>(ground: G) {
    let house = House::open(ground, patient()).await;
    let mut members = Vec::new();
    for number in 0..60 {
        members.push((format!("member-{number}"), Intruder::call(&house.ground, &house.at).await));
    }
    for (name, member) in &mut members {
        member.shake(identity(name), KEY).await.unwrap();
    }
    let mut names: BTreeSet<String> = members.iter().map(|(name, _)| name.clone()).collect();
    names.insert("friend".to_owned());
    eventually("all are peers", || house.net.peers().into_iter().eq(names.iter().cloned())).await;
    drop(members);
    house.is_unharmed().await;
    house.close().await;
}

/// The suite over one transport.
macro_rules! members {
    ($transport:ident, $ground:ident) => {
        mod $transport {
            use super::$ground;

            members! { @ $ground:
                who_breaks_the_protocol_is_told_so_and_cut_off,
                who_goes_in_the_middle_of_a_frame_leaves_nothing,
                who_has_the_name_or_number_of_another_is_not_let_in,
                who_asks_without_end_and_never_reads_stalls_nobody_else,
                who_comes_and_goes_a_hundred_times_leaves_nothing,
                many_members_at_once_are_all_let_in,
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

members!(mem, InMem);
members!(tcp, OverTcp);
#[cfg(unix)]
members!(unix, OverUnix);
