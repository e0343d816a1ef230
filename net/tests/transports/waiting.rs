//! Those who say nothing, or next to nothing: their time comes to an end, and costs little until then.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::Level;
use wharf_net::driver::ConnectError;
use wharf_net::proto::{Config, EndCause};
use wharf_net::wire::{Frame, Payload, Refusal, Request};

use crate::grounds::{Ground, InMem, in_time, run_in_virtual_time};
use crate::house::{House, KEY, join};
use crate::intruder::{Intruder, frame, goodbye_in, hello, identity, refusal_in};
use crate::log::Log;

/// More of virtual time than any limit.
const LONG: u32 = 600;

async fn house() -> House<InMem> {
    House::open(InMem::default(), Config::default()).await
}

/// Says this, a byte each second; gives how many bytes were said until it was cut off.
async fn trickle(mut intruder: Intruder, bytes: Vec<u8>) -> (usize, Intruder) {
    for (at, byte) in bytes.iter().enumerate() {
        if intruder.say(&[*byte]).await.is_err() {
            return (at, intruder);
        }
        sleep(Duration::from_secs(1)).await;
    }
    (bytes.len(), intruder)
}

#[test]
fn a_stranger_that_says_a_byte_now_and_then_is_cut_off() {
    run_in_virtual_time(async {
        let log = Log::keep();
        let house = house().await;
        let mut tricklers = JoinSet::new();
        for _ in 0..50 {
            let intruder = Intruder::call(&house.ground, &house.at).await;
            tricklers.spawn(trickle(intruder, hello()));
        }
        in_time("they are there", || house.net.counts().strangers == 50).await;
        house.is_well().await;
        for (said, mut intruder) in tricklers.join_all().await {
            assert!(said < hello().len());
            assert_eq!(intruder.until_cut().await, b"");
        }
        assert_eq!(log.count(Level::WARN, &["node=house", "longer than"]), 50);
        house.is_unharmed_in_time().await;
        house.close().await;
    });
}

#[test]
fn a_thousand_strangers_that_say_nothing_make_way_for_each_other() {
    run_in_virtual_time(async {
        let most = Config::default().strangers;
        let house = house().await;
        let mut strangers = Vec::new();
        for _ in 0..1000 {
            strangers.push(Intruder::call(&house.ground, &house.at).await);
            assert!(house.net.counts().strangers <= most);
        }
        in_time("there are as many as may be", || house.net.counts().strangers == most).await;
        // Those that gave way are not kept.
        let kept = |transports| transports <= most + 1;
        in_time("the others are gone", || kept(house.net.counts().transports)).await;
        house.is_well().await;
        let mut told = 0;
        for mut stranger in strangers {
            match refusal_in(&stranger.until_cut().await) {
                Some(Refusal::Busy) => told += 1,
                other => assert_eq!(other, None),
            }
        }
        // One more made way for the visitor.
        assert_eq!(told, 1000 - most + 1);
        house.is_unharmed_in_time().await;
        house.close().await;
    });
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    run_in_virtual_time(async {
        let house = house().await;
        let mut ghost = Intruder::member(&house.ground, &house.at, identity("ghost"), KEY).await;
        let down = house.net.monitor_node("ghost");
        house.is_well().await;
        // The socket stays open.
        assert_eq!(down.await.cause, Some(EndCause::Silent));
        house.is_unharmed_in_time().await;
        let heard = ghost.until_cut().await;
        assert!(heard.len() > 2);
        house.close().await;
    });
}

#[test]
fn a_peer_that_does_not_read_is_given_up_when_it_falls_silent() {
    run_in_virtual_time(async {
        let house = house().await;
        let mut ghost = Intruder::member(&house.ground, &house.at, identity("ghost"), KEY).await;
        let down = house.net.monitor_node("ghost");
        for number in 1..=20_000 {
            let lookup = Request::Lookup { name: Payload(b"x"), type_name: Payload(b"y") };
            ghost.say(&frame(&Frame::Request { number, request: lookup })).await.unwrap();
        }
        house.is_well().await;
        assert_eq!(down.await.cause, Some(EndCause::Silent));
        // Its last words have nowhere to go, and are given up.
        house.is_unharmed_in_time().await;
        drop(ghost);
        house.close().await;
    });
}

#[test]
fn a_peer_that_does_not_finish_a_frame_is_cut_off() {
    run_in_virtual_time(async {
        let house = house().await;
        let ghost = Intruder::member(&house.ground, &house.at, identity("ghost"), KEY).await;
        let down = house.net.monitor_node("ghost");
        let mut slow = 1000_u32.to_le_bytes().to_vec();
        slow.resize(LONG as usize, 1);
        let (said, mut ghost) = trickle(ghost, slow).await;
        assert!(said < LONG as usize);
        assert_eq!(down.await.cause, Some(EndCause::Unfinished));
        assert!(goodbye_in(&ghost.until_cut().await).is_some());
        house.is_unharmed_in_time().await;
        house.close().await;
    });
}

/// A node stopped, and called its peer anew while its last words waited to leave.
#[test]
fn a_node_that_stops_calls_nobody_any_more() {
    run_in_virtual_time(async {
        let ground = InMem::default();
        let mut listener = ground.transport().listen(&ground.address()).await.unwrap();
        let net = join(&ground, "caller", KEY, Config::default());
        let take = async {
            let mut taken = Intruder::taken(listener.accept().await.unwrap());
            taken.answer(identity("deaf"), KEY).await.unwrap();
            taken
        };
        let (called, mut taken) = tokio::join!(net.connect("mem:here"), take);
        assert_eq!(called.unwrap(), "deaf");
        // More answers than there is room for on the way: the peer does not read.
        for number in 1..=20_000 {
            let lookup = Request::Lookup { name: Payload(b"x"), type_name: Payload(b"y") };
            taken.say(&frame(&Frame::Request { number, request: lookup })).await.unwrap();
        }
        net.node().stop().await;
        assert_eq!(net.counts().transports, 0);
        sleep(Duration::from_secs(LONG.into())).await;
        drop((net, taken));
        let called = timeout(Duration::from_secs(1), listener.accept()).await;
        assert!(called.is_err(), "it called");
    });
}

#[test]
fn who_takes_calls_and_says_nothing_keeps_no_caller() {
    run_in_virtual_time(async {
        let house = house().await;
        let elsewhere = InMem::default();
        let mut listener = elsewhere.transport().listen(&elsewhere.address()).await.unwrap();
        let caller = join(&elsewhere, "caller", KEY, Config::default());
        let silence = async {
            let taken = listener.accept().await.unwrap();
            sleep(Duration::from_secs(LONG.into())).await;
            drop(taken);
        };
        let (refused, ()) = tokio::join!(caller.connect("mem:here"), silence);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ConnectError::Handshake { .. }), "{refused:?}");
        in_time("nothing is left", || caller.counts().transports == 0).await;
        // It does not even take calls.
        let mut waiting = Vec::new();
        for _ in 0..200 {
            waiting.push(caller.connect("mem:here"));
        }
        for outcome in futures_util::future::join_all(waiting).await {
            assert!(outcome.is_err());
        }
        in_time("nothing is left", || caller.counts().transports == 0).await;
        caller.node().stop().await;
        house.is_unharmed_in_time().await;
        house.close().await;
    });
}
