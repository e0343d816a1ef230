//! The order of what one actor sends another, messages and signals alike, and what jumps it.

use tokio::sync::oneshot;
use wharf_runtime::{Capacity, DeadLetterCause, Event, ExitReason, Mailbox, Pid, Spawn};

use crate::common::{Gated, ends_as_told, eventually, everywhere};

#[test]
fn messages_of_one_sender_arrive_in_the_order_sent() {
    everywhere(async |node| {
        for capacity in [Capacity::Zero, Capacity::Bounded(1), Capacity::Bounded(7), Capacity::Unbounded] {
            let (tell, seen) = oneshot::channel();
            let sink =
                Spawn::on(&node).capacity(capacity).spawn_fn(async |mut mailbox: Mailbox<(usize, u32)>| {
                    let mut next = [0_u32; 4];
                    while let Some((from, n)) = mailbox.receive().await {
                        assert_eq!(n, next[from], "from sender {from}");
                        next[from] += 1;
                    }
                    let _ = tell.send(next);
                });
            let senders: Vec<Pid<()>> = (0..4)
                .map(|from| {
                    let sink = sink.clone();
                    node.spawn_fn(async move |_: Mailbox<()>| {
                        for n in 0..500 {
                            sink.send((from, n)).await.unwrap();
                        }
                    })
                })
                .collect();
            for sender in &senders {
                sender.stopped().await;
            }
            sink.stop();
            assert_eq!(seen.await.unwrap(), [500; 4], "{capacity:?}");
        }
    });
}

#[test]
fn down_arrives_after_the_messages_sent_before_it() {
    everywhere(async |node| {
        for round in 0..50 {
            let mut watcher = node.guest::<u32>();
            let to = watcher.pid().clone();
            let subject = node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
                mailbox.receive().await;
                for n in 0..round {
                    to.send(n).await.unwrap();
                }
            });
            let monitor = watcher.monitor(&subject);
            subject.send(()).await.unwrap();
            for n in 0..round {
                let Some(Event::Message(m)) = watcher.next().await else { panic!("no message {n}") };
                assert_eq!(m, n);
            }
            let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
            assert_eq!((down.monitor, down.subject), (monitor, subject.id()));
            assert!(down.reason.is_normal());
        }
    });
}

#[test]
fn messages_and_signals_of_one_sender_keep_one_order() {
    everywhere(async |node| {
        let mut receiver = node.guest::<u32>();
        let to = receiver.pid().clone();
        // A second sender fills the queue in between, so that places are not always the last.
        let noise = {
            let to = to.clone();
            node.spawn_fn(async move |_: Mailbox<()>| {
                for _ in 0..300 {
                    let _ = to.send(u32::MAX).await;
                }
            })
        };
        let sender = node.spawn_fn(async move |_: Mailbox<()>| {
            for n in 0..300 {
                if n % 3 == 0 {
                    to.exit(ExitReason::custom(n));
                } else {
                    to.send(n).await.unwrap();
                }
            }
        });
        let mut next = 0;
        while next < 300 {
            match receiver.next().await {
                Some(Event::Message(u32::MAX)) => {}
                Some(Event::Message(n)) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Some(Event::Exit(exit)) => {
                    assert_eq!(exit.from, sender.id());
                    assert_eq!(exit.reason, ExitReason::custom(next));
                    next += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        noise.kill();
    });
}

#[test]
fn an_exit_signal_acts_before_the_messages_queued_in_front_of_it() {
    everywhere(async |node| {
        let gated = Gated::<u32>::spawn(Spawn::on(&node)).await;
        for n in 0..3 {
            gated.pid.send(n).await.unwrap();
        }
        let before = node.stats().dead(DeadLetterCause::ExitedFirst);
        gated.pid.exit(ExitReason::custom("enough"));
        let pid = gated.pid.clone();
        assert_eq!(gated.open().seen().await, None, "it received nothing and was dropped");
        pid.stopped().await;
        assert_eq!(node.stats().dead(DeadLetterCause::ExitedFirst) - before, 3);
    });
}

#[test]
fn stop_lets_what_was_sent_before_be_handled_and_buries_what_came_after() {
    everywhere(async |node| {
        let gated = Gated::<u32>::spawn(Spawn::on(&node)).await;
        let mut watcher = node.guest::<()>();
        watcher.monitor(&gated.pid);
        for n in [1, 2, 3] {
            gated.pid.send(n).await.unwrap();
        }
        gated.pid.stop();
        for n in [4, 5] {
            gated.pid.send(n).await.unwrap();
        }
        let before = node.stats().dead(DeadLetterCause::ExitedFirst);
        assert_eq!(gated.open().seen().await, Some(vec![1, 2, 3]));
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert!(down.reason.is_normal());
        assert_eq!(node.stats().dead(DeadLetterCause::ExitedFirst) - before, 2);
    });
}

#[test]
fn a_trapped_exit_is_seen_in_its_place() {
    everywhere(async |node| {
        let mut me = node.guest::<u32>();
        let pid = me.pid().clone();
        pid.send(1).await.unwrap();
        pid.exit(ExitReason::Shutdown);
        pid.send(2).await.unwrap();
        assert!(matches!(me.next().await, Some(Event::Message(1))));
        assert!(matches!(me.next().await, Some(Event::Exit(_))));
        assert!(matches!(me.next().await, Some(Event::Message(2))));
    });
}

#[test]
fn a_priority_down_comes_ahead_of_messages_and_an_ordinary_one_does_not() {
    everywhere(async |node| {
        for priority in [true, false] {
            let mut me = node.guest::<u32>();
            let subject = ends_as_told(&node);
            if priority {
                me.monitor_with_priority(&subject);
            } else {
                me.monitor(&subject);
            }
            for n in 0..3 {
                me.pid().send(n).await.unwrap();
            }
            subject.send(ExitReason::Shutdown).await.unwrap();
            // All who watch have been told when the actor no longer counts as alive.
            eventually("the subject is gone", || node.stats().live == 0).await;
            let mut events = Vec::new();
            for _ in 0..4 {
                events.push(matches!(me.next().await, Some(Event::Down(_))));
            }
            assert_eq!(events, [priority, false, false, !priority]);
        }
    });
}

#[test]
fn notices_wait_while_only_messages_are_asked_for() {
    everywhere(async |node| {
        let mut me = node.guest::<u32>();
        let subject = ends_as_told(&node);
        let monitor = me.monitor(&subject);
        subject.send(ExitReason::Normal).await.unwrap();
        eventually("the subject is gone", || node.stats().live == 0).await;
        me.pid().send(7).await.unwrap();
        assert_eq!(me.receive().await, Some(7));
        me.pid().send(8).await.unwrap();
        let Some(Event::Down(down)) = me.next().await else { panic!("the down was lost") };
        assert_eq!(down.monitor, monitor);
        assert!(matches!(me.next().await, Some(Event::Message(8))));
    });
}
