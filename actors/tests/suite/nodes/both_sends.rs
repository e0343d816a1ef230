//! Near and far: what becomes of a send.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use wharf::{Capacity, Mailbox, Pid, SendError, Spawn, Wire};

use super::site::{Gated, near_and_far, poll_once};

#[derive(Debug, PartialEq, Wire)]
struct Number(u32);

/// A message with a part that others know it by.
#[wharf::protocol]
trait Counting {
    async fn add(&mut self, by: u32) -> u32;
}

struct Counter(u32);

#[wharf::actor(wire, Counting)]
impl Counter {
    async fn double(&mut self) -> u32 {
        self.0 *= 2;
        self.0
    }
}

impl Counting for Counter {
    async fn add(&mut self, by: u32) -> u32 {
        self.0 += by;
        self.0
    }
}

fn of_one(node: &wharf::Node) -> Spawn {
    Spawn::on(node).capacity(Capacity::Bounded(1))
}

#[test]
fn a_send_to_who_has_ended_gives_the_message_back_near_and_far() {
    near_and_far(async |site| {
        let near = site.there.spawn_fn(async |mut mailbox: Mailbox<Number>| _ = mailbox.receive().await);
        let pid = site.reach(&near).await;
        let stopped = pid.stopped();
        pid.stop();
        stopped.await;
        // Room that was promised before it ended may be used: that says `Ok`, and is a dead letter there.
        let mut back = None;
        for number in 0..100_000 {
            if let Err(error) = pid.send(Number(number)).await {
                assert!(error.is_closed(), "{error}");
                back = error.into_message().map(|message| (number, message));
                break;
            }
            tokio::task::yield_now().await;
        }
        let (number, message) = back.expect("nobody knows of its end");
        assert_eq!(message, Number(number));
        assert!(matches!(pid.try_send(Number(1)), Err(SendError::Closed { .. })));
        assert!(matches!(pid.reserve().await, Err(SendError::Closed { .. })));
        let late = pid.send_timeout(Number(2), Duration::from_secs(9)).await.unwrap_err();
        assert_eq!((late.is_closed(), late.into_message()), (true, Some(Number(2))));
    });
}

#[test]
fn the_sender_of_a_message_is_who_sent_it_near_and_far() {
    near_and_far(async |site| {
        let (tell, told) = oneshot::channel();
        let near = site.there.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
            let mut senders = Vec::new();
            for _ in 0..2 {
                mailbox.receive().await;
                senders.push(mailbox.sender());
            }
            tell.send(senders).unwrap();
        });
        let pid = site.reach(&near).await;
        pid.send(Number(0)).await.unwrap();
        let sender = site.here.spawn_fn(async move |_: Mailbox<()>| pid.send(Number(1)).await.unwrap());
        assert_eq!(told.await.unwrap(), [None, Some(sender.id())]);
    });
}

#[test]
fn a_receive_from_one_sender_finds_its_messages_near_and_far() {
    near_and_far(async |site| {
        let (hand, handed) = oneshot::channel::<wharf::ActorId>();
        let (tell, told) = oneshot::channel();
        let near = site.there.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
            let wanted = handed.await.unwrap();
            let first = mailbox.receive_from(wanted).await.unwrap();
            tell.send((first, mailbox.receive().await)).unwrap();
        });
        let pid = site.reach(&near).await;
        pid.send(Number(1)).await.unwrap();
        let sender = site.here.spawn_fn(async move |_: Mailbox<()>| pid.send(Number(2)).await.unwrap());
        hand.send(sender.id()).unwrap();
        assert_eq!(told.await.unwrap(), (Some(Number(2)), Some(Number(1))));
    });
}

#[test]
fn who_does_not_wait_for_room_gets_the_message_back_near_and_far() {
    near_and_far(async |site| {
        let gated = Gated::<Number>::spawn(site, of_one(&site.there)).await;
        gated.pid.send(Number(1)).await.unwrap();
        let full = gated.pid.try_send(Number(2)).unwrap_err();
        assert!(matches!(full, SendError::Full { .. }), "{full}");
        assert_eq!(full.into_message(), Some(Number(2)));
        let late = gated.pid.send_timeout(Number(3), Duration::from_millis(5)).await.unwrap_err();
        assert!(matches!(late, SendError::Timeout { .. }), "{late}");
        assert_eq!(late.into_message(), Some(Number(3)));
        let pid = gated.pid.clone();
        pid.stop();
        assert_eq!(gated.open().await, Some(vec![Number(1)]));
    });
}

#[test]
fn who_waits_for_room_is_served_in_turn_near_and_far() {
    near_and_far(async |site| {
        let gated = Gated::<Number>::spawn(site, of_one(&site.there)).await;
        let pid = gated.pid.clone();
        pid.send(Number(0)).await.unwrap();
        let mut first = pin!(pid.send(Number(1)));
        let mut taken = pin!(pid.send(Number(9)));
        let mut kept = pin!(pid.reserve());
        let mut last = pin!(pid.send(Number(3)));
        assert!(poll_once(first.as_mut()).is_pending() && poll_once(taken.as_mut()).is_pending());
        assert!(poll_once(kept.as_mut()).is_pending() && poll_once(last.as_mut()).is_pending());
        // Who gives up leaves its place to the next.
        assert_eq!(taken.take_back(), Some(Number(9)));
        let seen = tokio::spawn(gated.open());
        first.await.unwrap();
        kept.await.unwrap().send(Number(2)).unwrap();
        last.await.unwrap();
        pid.stop();
        assert_eq!(seen.await.unwrap().unwrap(), [0, 1, 2, 3].map(Number));
    });
}

#[test]
fn who_waits_when_the_actor_ends_gets_the_message_back_near_and_far() {
    near_and_far(async |site| {
        let gated = Gated::<Number>::spawn(site, of_one(&site.there)).await;
        let pid = gated.pid.clone();
        pid.send(Number(0)).await.unwrap();
        let mut sends = [pin!(pid.send(Number(1))), pin!(pid.send(Number(2)))];
        for send in &mut sends {
            assert!(poll_once(send.as_mut()).is_pending());
        }
        let mut kept = pin!(pid.reserve());
        assert!(poll_once(kept.as_mut()).is_pending());
        pid.kill();
        for (number, send) in (1..).zip(sends) {
            let error = send.await.unwrap_err();
            assert!(matches!(error, SendError::Closed { .. }), "{error}");
            assert_eq!(error.into_message(), Some(Number(number)));
        }
        assert!(matches!(kept.await, Err(SendError::Closed { .. })));
    });
}

#[test]
fn an_unbounded_mailbox_makes_nobody_wait_near_and_far() {
    near_and_far(async |site| {
        let unbounded = Spawn::on(&site.there).capacity(Capacity::Unbounded);
        let gated = Gated::<Number>::spawn(site, unbounded).await;
        let pid = gated.pid.clone();
        pid.send_all((0..20_000).map(Number)).await.unwrap();
        pid.stop();
        assert!(gated.open().await.unwrap().into_iter().eq((0..20_000).map(Number)));
    });
}

#[test]
fn a_part_is_all_that_a_client_needs_near_and_far() {
    near_and_far(async |site| {
        let near = Spawn::on(&site.there).spawn(Counter(0));
        let whole = site.reach(&near).await;
        let part: Pid<CountingMsg> = site.reach(&near.narrow::<CountingMsg>()).await;
        assert_eq!(part.add(2).await, Ok(2));
        assert_eq!(whole.double().await, Ok(4));
        assert_eq!(whole.add(1).await, Ok(5));
        assert_eq!(whole.narrow::<CountingMsg>().add(1).await, Ok(6));
        // The same actor, whatever it is known as.
        assert_eq!((part.id(), part.any()), (whole.id(), whole.any()));
        let stopped = whole.stopped();
        part.stop();
        stopped.await;
    });
}
