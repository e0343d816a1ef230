//! Capacity zero: a send is over when a receiver that waited has the message.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wharf_runtime::{Capacity, Mailbox, Overflow, SendError, Spawn};

use crate::common::{Gated, Tally, eventually, everywhere, in_virtual_time, poll_once};

#[test]
fn try_send_succeeds_only_while_the_receiver_waits() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Zero)).await;
        let error = gated.pid.try_send(1).unwrap_err();
        assert!(matches!(error, SendError::Full { limit: 0, .. }));
        let opened = gated.open();
        let pid = opened.pid.clone();
        eventually("the receiver waits", || pid.try_send(2).is_ok()).await;
        assert_eq!(opened.finish().await, [2]);
    });
}

#[test]
fn a_send_is_over_when_the_message_is_in_a_receivers_hands() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Zero)).await;
        let pid = gated.pid.clone();
        let mut sends: Vec<_> = (0..20).map(|n| Box::pin(pid.send(n))).collect();
        for send in &mut sends {
            assert!(poll_once(send.as_mut()).is_pending(), "nothing is queued");
        }
        let opened = gated.open();
        for send in sends {
            send.await.unwrap();
        }
        assert_eq!(opened.finish().await, Vec::from_iter(0..20), "first come, first served");
    });
}

#[test]
fn a_rendezvous_given_up_takes_the_message_back() {
    everywhere(async |node| {
        let tally = Tally::default();
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Zero)).await;
        let pid = gated.pid.clone();
        let mut back = pin!(pid.send(tally.token()));
        assert!(poll_once(back.as_mut()).is_pending());
        assert!(back.take_back().is_some());
        {
            let mut dropped = pin!(pid.send(tally.token()));
            assert!(poll_once(dropped.as_mut()).is_pending());
        }
        assert!(tally.is_even());
        assert!(gated.finish().await.is_empty());
    });
}

#[test]
fn a_rendezvous_in_time_or_not_at_all() {
    in_virtual_time(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Zero)).await;
        let error = gated.pid.send_timeout(1, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.into_message(), Some(1));
        let opened = gated.open();
        opened.pid.send_timeout(2, Duration::from_secs(1)).await.unwrap();
        assert_eq!(opened.finish().await, [2]);
    });
}

#[test]
fn there_is_no_room_to_reserve_where_nothing_is_kept() {
    everywhere(async |node| {
        let gated = Gated::<u8>::spawn(Spawn::on(&node).capacity(Capacity::Zero)).await;
        assert!(matches!(gated.pid.reserve().await, Err(SendError::Full { limit: 0, .. })));
        assert!(matches!(gated.pid.try_reserve(), Err(SendError::Full { limit: 0, .. })));
        gated.finish().await;
    });
}

#[test]
fn policies_hold_where_nobody_waits() {
    everywhere(async |node| {
        let spawn = Spawn::on(&node).capacity(Capacity::Zero).overflow(Overflow::Reject);
        let gated = Gated::spawn(spawn).await;
        assert!(gated.pid.send(1).await.unwrap_err().is_full());
        gated.finish().await;
        let spawn = Spawn::on(&node).capacity(Capacity::Zero).overflow(Overflow::DropNewest);
        let gated = Gated::spawn(spawn).await;
        gated.pid.send(1).await.unwrap();
        assert!(gated.finish().await.is_empty());
    });
}

#[test]
fn no_send_meets_a_receive_that_was_given_up() {
    everywhere(async |node| {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (go, mut wait) = mpsc::channel::<()>(1);
        let spawn = Spawn::on(&node).capacity(Capacity::Zero);
        let pid = spawn.spawn_fn(async move |mut mailbox: Mailbox<u8>| {
            loop {
                tokio::select! {
                    biased;
                    message = mailbox.receive() => match message {
                        Some(n) => tell.send(n).unwrap(),
                        None => return,
                    },
                    _ = wait.recv() => break,
                }
            }
            // It does not receive any more, but lives on.
            tell.send(GIVEN_UP).unwrap();
            wait.recv().await;
            assert_eq!(mailbox.try_receive(), None);
        });
        eventually("the receiver waits", || pid.try_send(1).is_ok()).await;
        assert_eq!(told.recv().await, Some(1));
        go.send(()).await.unwrap();
        assert_eq!(told.recv().await, Some(GIVEN_UP));
        for _ in 0..100 {
            assert!(pid.try_send(2).unwrap_err().is_full());
            tokio::task::yield_now().await;
        }
        go.send(()).await.unwrap();
        assert!(told.recv().await.is_none());
    });
}

const GIVEN_UP: u8 = u8::MAX;

#[test]
fn senders_and_receivers_that_race_meet_once_for_each_message() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let sink = Spawn::on(&node).capacity(Capacity::Zero).spawn_fn(async |mut m: Mailbox<u64>| {
            let mut sum = 0;
            while let Some(n) = m.receive().await {
                sum += n;
            }
            let _ = tell.send(sum);
        });
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let sink = sink.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    for n in 0..400 {
                        if n % 2 == 0 {
                            sink.send(n).await.unwrap();
                            sum += n;
                        } else if sink.try_send(n).is_ok() {
                            sum += n;
                        }
                    }
                    sum
                })
            })
            .collect();
        let mut sent = 0;
        for sender in senders {
            sent += sender.await.unwrap();
        }
        sink.stop();
        assert_eq!(told.await.unwrap(), sent);
    });
}
