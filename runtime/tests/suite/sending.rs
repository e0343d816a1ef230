//! Sending: at once, waiting, bounded in time, reserved, in batches; and what comes back.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use wharf_runtime::{Capacity, DeadLetterCause, ExitReason, Mailbox, Overflow, Pid, SendError, Spawn};

use crate::common::{Gated, Tally, everywhere, gone, in_virtual_time, poll_once};

fn bounded(limit: u32) -> Capacity {
    Capacity::Bounded(limit)
}

#[test]
fn a_full_mailbox_says_so_and_gives_the_message_back() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(2))).await;
        gated.pid.try_send("a".to_owned()).unwrap();
        gated.pid.try_send("b".to_owned()).unwrap();
        let error = gated.pid.try_send("c".to_owned()).unwrap_err();
        assert!(error.is_full() && !error.is_closed());
        assert_eq!(error.to(), gated.pid.id());
        let SendError::Full { limit: 2, .. } = &error else { panic!("{error:?}") };
        assert!(error.to_string().contains(&gated.pid.id().to_string()));
        assert_eq!(error.into_message().as_deref(), Some("c"));
        assert_eq!(gated.finish().await, ["a", "b"]);
    });
}

#[test]
fn a_send_to_an_actor_that_has_ended_gives_the_message_back() {
    everywhere(async |node| {
        let pid = node.spawn_fn(async |_: Mailbox<u32>| {});
        gone(&pid).await;
        for error in [pid.try_send(1).unwrap_err(), pid.send(1).await.unwrap_err()] {
            assert!(matches!(error, SendError::Closed { .. }), "{error:?}");
            assert_eq!(error.into_message(), Some(1));
        }
        let error = pid.send_all([1, 2]).await.unwrap_err();
        assert_eq!(error.into_message(), Some(vec![1, 2]));
        assert!(matches!(pid.reserve().await, Err(SendError::Closed { .. })));
        assert!(!pid.is_alive());
    });
}

#[test]
fn those_who_wait_for_room_are_served_in_the_order_they_came() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        gated.pid.send(0).await.unwrap();
        let pid = gated.pid.clone();
        let mut sends: Vec<_> = (1..50).map(|n| Box::pin(pid.send(n))).collect();
        for send in &mut sends {
            assert!(poll_once(send.as_mut()).is_pending());
        }
        assert!(pid.try_send(99).unwrap_err().is_full(), "nobody barges");
        let opened = gated.open();
        for send in sends {
            send.await.unwrap();
        }
        assert_eq!(opened.finish().await, Vec::from_iter(0..50));
    });
}

#[test]
fn those_who_wait_when_the_actor_ends_get_their_messages_back() {
    everywhere(async |node| {
        let tally = Tally::default();
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        gated.pid.send(tally.token()).await.unwrap();
        let pid = gated.pid.clone();
        let mut sends: Vec<_> = (0..40).map(|_| Box::pin(pid.send(tally.token()))).collect();
        for send in &mut sends {
            assert!(poll_once(send.as_mut()).is_pending());
        }
        let mut reserve = pin!(pid.reserve());
        assert!(poll_once(reserve.as_mut()).is_pending());
        pid.kill();
        let mut back = Vec::new();
        for send in sends {
            let error = send.await.unwrap_err();
            assert!(error.is_closed());
            back.extend(error.into_message());
        }
        assert!(matches!(reserve.await, Err(SendError::Closed { .. })));
        assert_eq!(back.len(), 40);
        gone(&pid).await;
        assert_eq!(tally.dropped(), 1, "the one that had been accepted");
        drop(back);
        assert!(tally.is_even());
    });
}

#[test]
fn a_send_to_oneself_never_waits() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = Spawn::on(&node).capacity(bounded(2)).spawn_fn(async |mut mailbox: Mailbox<u8>| {
            let me = mailbox.pid().clone();
            me.send(1).await.unwrap();
            me.send(2).await.unwrap();
            let sent = me.send(3).await.unwrap_err();
            let tried = me.try_send(4).unwrap_err();
            let reserved = me.reserve().await.unwrap_err();
            assert!(matches!(reserved, SendError::Full { limit: 2, .. }));
            // Each message received makes room at once.
            let mut seen = Vec::new();
            for n in 5..40 {
                seen.extend(mailbox.receive().await);
                me.send(n).await.unwrap();
            }
            let _ = tell.send((sent.into_message(), tried.into_message(), seen.len()));
        });
        assert_eq!(told.await.unwrap(), (Some(3), Some(4), 35));
        gone(&pid).await;
    });
}

#[test]
fn overflow_rejects_or_drops_the_newest_as_declared() {
    everywhere(async |node| {
        let reject = Spawn::on(&node).capacity(bounded(2)).overflow(Overflow::Reject);
        let gated = Gated::spawn(reject).await;
        gated.pid.send(1).await.unwrap();
        gated.pid.send(2).await.unwrap();
        let error = gated.pid.send(3).await.unwrap_err();
        assert!(matches!(error, SendError::Full { limit: 2, .. }));
        assert_eq!(gated.finish().await, [1, 2]);

        let drop_newest = Spawn::on(&node).capacity(bounded(2)).overflow(Overflow::DropNewest);
        let gated = Gated::spawn(drop_newest).await;
        let before = node.stats().dead(DeadLetterCause::Overflow);
        for n in 1..6 {
            gated.pid.send(n).await.unwrap();
        }
        gated.pid.send_all(6..10).await.unwrap();
        gated.pid.try_send(10).unwrap();
        assert_eq!(node.stats().dead(DeadLetterCause::Overflow) - before, 8);
        assert_eq!(gated.finish().await, [1, 2]);
    });
}

#[test]
fn send_timeout_gives_the_message_back_after_its_time() {
    in_virtual_time(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let within = Duration::from_millis(250);
        gated.pid.send_timeout(1, within).await.unwrap();
        let began = tokio::time::Instant::now();
        let error = gated.pid.send_timeout(2, within).await.unwrap_err();
        assert!(began.elapsed() >= within && began.elapsed() <= within + Duration::from_millis(2));
        assert!(matches!(error, SendError::Timeout { .. }) && error.is_full());
        assert_eq!(error.into_message(), Some(2));
        assert_eq!(gated.finish().await, [1]);
    });
}

#[test]
fn send_timeout_is_exact_however_it_races() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let sink = Spawn::on(&node).capacity(bounded(1)).spawn_fn(async |mut mailbox: Mailbox<u32>| {
            let mut seen = Vec::new();
            while let Some(n) = mailbox.receive().await {
                seen.push(n);
                if n % 7 == 0 {
                    wharf_runtime::sleep(Duration::from_micros(500)).await;
                }
            }
            let _ = tell.send(seen);
        });
        let senders: Vec<_> = (0..4)
            .map(|lane| {
                let sink = sink.clone();
                tokio::spawn(async move {
                    let mut sent = Vec::new();
                    for n in 0..150 {
                        let n = lane * 1000 + n;
                        match sink.send_timeout(n, Duration::from_micros(u64::from(n % 3) * 600)).await {
                            Ok(()) => sent.push(n),
                            Err(error) => assert_eq!(error.into_message(), Some(n)),
                        }
                    }
                    sent
                })
            })
            .collect();
        let mut sent = Vec::new();
        for sender in senders {
            sent.extend(sender.await.unwrap());
        }
        sink.stop();
        let mut seen = told.await.unwrap();
        sent.sort_unstable();
        seen.sort_unstable();
        assert_eq!(sent, seen);
    });
}

#[test]
fn take_back_tells_whether_the_message_has_gone() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let pid = gated.pid.clone();
        assert_eq!(pin!(pid.send(9)).take_back(), Some(9), "before it was polled");
        pid.send(1).await.unwrap();
        let mut waiting = pin!(pid.send(2));
        assert!(poll_once(waiting.as_mut()).is_pending());
        assert_eq!(waiting.as_mut().take_back(), Some(2), "while it waits");
        assert_eq!(waiting.as_mut().take_back(), None, "once only");
        let mut handed = pin!(pid.send(3));
        assert!(poll_once(handed.as_mut()).is_pending());
        let opened = gated.open();
        pid.send(4).await.unwrap();
        assert_eq!(opened.finish().await, [1, 3, 4]);
        assert_eq!(handed.take_back(), None, "it was delivered");
        gone(&pid).await;
        let mut done = pin!(pid.send(5));
        assert!(matches!(poll_once(done.as_mut()), Poll::Ready(Err(_))));
        assert_eq!(done.take_back(), None);
    });
}

#[test]
fn a_dropped_send_delivers_its_message_or_drops_it() {
    everywhere(async |node| {
        let tally = Tally::default();
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let pid = gated.pid.clone();
        pid.send(tally.token()).await.unwrap();
        drop(pid.send(tally.token()));
        assert_eq!(tally.dropped(), 1);
        {
            let mut waiting = pin!(pid.send(tally.token()));
            assert!(poll_once(waiting.as_mut()).is_pending());
        }
        assert_eq!(tally.dropped(), 2);
        let seen = gated.finish().await;
        assert_eq!(seen.len(), 1);
        drop(seen);
        assert!(tally.is_even());
    });
}

#[test]
fn a_permit_keeps_its_room_and_gives_it_on_when_dropped() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(2))).await;
        let pid = gated.pid.clone();
        let first = pid.reserve().await.unwrap();
        let second = pid.try_reserve().unwrap();
        assert!(matches!(pid.try_reserve(), Err(SendError::Full { limit: 2, .. })));
        assert!(pid.try_send(9).unwrap_err().is_full());
        let mut waiting = pin!(pid.send(3));
        assert!(poll_once(waiting.as_mut()).is_pending());
        drop(second);
        waiting.await.unwrap();
        first.send(1).unwrap();
        assert_eq!(gated.finish().await, [3, 1]);
    });
}

#[test]
fn a_reservation_granted_to_a_dropped_future_is_given_on() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let pid = gated.pid.clone();
        let permit = pid.reserve().await.unwrap();
        let mut second = Box::pin(pid.reserve());
        assert!(poll_once(second.as_mut()).is_pending());
        let mut third = pin!(pid.reserve());
        assert!(poll_once(third.as_mut()).is_pending());
        drop(permit);
        drop(second);
        let Poll::Ready(Ok(permit)) = poll_once(third.as_mut()) else { panic!("the credit was lost") };
        permit.send(5).unwrap();
        assert_eq!(gated.finish().await, [5]);
    });
}

#[test]
fn a_permit_of_an_actor_that_has_ended_gives_the_message_back() {
    everywhere(async |node| {
        let gated = Gated::<u8>::spawn(Spawn::on(&node)).await;
        let pid = gated.pid.clone();
        let permit = pid.reserve().await.unwrap();
        let unused = pid.reserve().await.unwrap();
        pid.kill();
        gone(&pid).await;
        let error = permit.send(7).unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.into_message(), Some(7));
        drop(unused);
    });
}

#[test]
fn reserve_in_a_select_loses_no_message() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let sink = Spawn::on(&node).capacity(bounded(1)).spawn_fn(async |mut mailbox: Mailbox<u32>| {
            let mut seen = Vec::new();
            while let Some(n) = mailbox.receive().await {
                seen.push(n);
            }
            let _ = tell.send(seen);
        });
        let senders: Vec<Pid<()>> = (0..3)
            .map(|_| {
                let sink = sink.clone();
                node.spawn_fn(async move |_: Mailbox<()>| {
                    let mut next = 0;
                    while next < 200 {
                        tokio::select! {
                            permit = sink.reserve() => {
                                permit.unwrap().send(next).unwrap();
                                next += 1;
                            }
                            () = wharf_runtime::yield_now() => {}
                        }
                    }
                })
            })
            .collect();
        for sender in &senders {
            sender.stopped().await;
        }
        sink.stop();
        let seen = told.await.unwrap();
        assert_eq!(seen.len(), 600);
        assert_eq!(seen.iter().sum::<u32>(), 3 * (0..200).sum::<u32>());
    });
}

#[test]
fn send_all_keeps_the_order_and_gives_the_rest_back() {
    everywhere(async |node| {
        for (limit, takes) in [(1, 6), (4, 6), (4, 0), (40, 10), (200, 50)] {
            let before = node.stats();
            let spawn = Spawn::on(&node).capacity(bounded(limit));
            let pid = spawn.spawn_fn(async move |mut mailbox: Mailbox<u32>| {
                for n in 0..takes {
                    assert_eq!(mailbox.receive().await, Some(n));
                }
                ExitReason::Normal
            });
            let result = pid.send_all(0..100).await;
            gone(&pid).await;
            let stats = node.stats();
            let dead = stats.dead(DeadLetterCause::ExitedFirst) - before.dead(DeadLetterCause::ExitedFirst);
            let accepted = takes + u32::try_from(dead).unwrap();
            let rest = result.err().and_then(SendError::into_message).unwrap_or_default();
            assert_eq!(rest, Vec::from_iter(accepted..100), "capacity {limit}");
            assert!(dead <= u64::from(limit));
        }
    });
}

#[test]
fn send_all_of_nothing_is_ok() {
    everywhere(async |node| {
        let gated = Gated::<u8>::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        gated.pid.send_all([]).await.unwrap();
        gated.pid.send_all([1]).await.unwrap();
        assert_eq!(gated.finish().await, [1]);
    });
}

#[test]
fn a_batch_whose_iterator_panics_leaves_the_mailbox_whole() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Unbounded)).await;
        let messages = (0..100).map(|n| if n < 50 { n } else { panic!("no more messages") });
        let pid = gated.pid.clone();
        let mut batch = pin!(pid.send_all(messages));
        let panicked = std::future::poll_fn(|cx| {
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batch.as_mut().poll(cx)));
            Poll::Ready(polled.is_err())
        });
        assert!(panicked.await, "the panic is its caller's");
        gated.pid.send(1_000).await.unwrap();
        let seen = gated.finish().await;
        let (last, batch) = seen.split_last().unwrap();
        assert_eq!(*last, 1_000);
        assert!(batch.len() <= 50);
        assert_eq!(batch, Vec::from_iter(0..batch.len()));
    });
}

#[test]
fn a_long_batch_lets_others_run() {
    everywhere(async |node| {
        const MANY: usize = 200_000;
        let sink =
            Spawn::on(&node).capacity(Capacity::Unbounded).spawn_fn(async |mut mailbox: Mailbox<usize>| {
                for n in 0..MANY {
                    assert_eq!(mailbox.receive().await, Some(n));
                }
                ExitReason::Normal
            });
        let to = sink.clone();
        node.spawn_fn(async move |_: Mailbox<()>| to.send_all(0..MANY).await.unwrap());
        gone(&sink).await;
    });
}

#[test]
fn an_unbounded_mailbox_never_makes_anyone_wait() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Unbounded)).await;
        for n in 0..5_000 {
            gated.pid.try_send(n).unwrap();
        }
        gated.pid.reserve().await.unwrap().send(5_000).unwrap();
        assert_eq!(gated.finish().await, Vec::from_iter(0..=5_000));
    });
}

#[test]
fn the_sender_of_a_message_is_the_actor_that_sent_it() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let sink = node.spawn_fn(async |mut mailbox: Mailbox<()>| {
            mailbox.receive().await;
            let from_task = mailbox.sender();
            mailbox.receive().await;
            let _ = tell.send((from_task, mailbox.sender()));
        });
        sink.send(()).await.unwrap();
        let to = sink.clone();
        let sender = node.spawn_fn(async move |_: Mailbox<()>| {
            to.send(()).await.unwrap();
        });
        assert_eq!(told.await.unwrap(), (None, Some(sender.id())));
    });
}
