//! Near and far: the order of what one actor sends another, and what jumps it.

use tokio::sync::{mpsc, oneshot};
use wharf::{Capacity, Event, ExitReason, Mailbox, Pid, Spawn, Wire};

use super::site::{Gated, Site, eventually, near_and_far};

#[derive(Debug, PartialEq, Wire)]
struct Number(u32);

/// What came to somebody, in its order.
#[derive(Debug, PartialEq)]
enum Seen {
    Message(u32),
    Exit(ExitReason),
    Down(ExitReason),
}

fn seen(event: Event<Number>) -> Seen {
    match event {
        Event::Message(Number(number)) => Seen::Message(number),
        Event::Exit(exit) => Seen::Exit(exit.reason),
        Event::Down(down) => Seen::Down(down.reason),
        other => panic!("{other:?}"),
    }
}

/// A listener there that traps exits and tells of `count` things that come; as it is known here.
async fn listener(site: &Site, count: usize) -> (Pid<Number>, mpsc::UnboundedReceiver<Seen>) {
    let (tell, told) = mpsc::unbounded_channel();
    let (begun, has_begun) = oneshot::channel();
    let near = site.there.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
        mailbox.trap_exit(true);
        begun.send(()).unwrap();
        for _ in 0..count {
            let Some(event) = mailbox.next().await else { return };
            tell.send(seen(event)).unwrap();
        }
    });
    has_begun.await.unwrap();
    (site.reach(&near).await, told)
}

async fn all(mut told: mpsc::UnboundedReceiver<Seen>) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(next) = told.recv().await {
        seen.push(next);
    }
    seen
}

#[test]
fn messages_of_one_sender_arrive_in_order_near_and_far() {
    near_and_far(async |site| {
        for capacity in [Capacity::Bounded(1), Capacity::Bounded(7), Capacity::Unbounded] {
            let (tell, told) = oneshot::channel();
            let sink = Spawn::on(&site.there).capacity(capacity).spawn_fn(async |mut mailbox| {
                let mut seen = Vec::new();
                while let Some(Number(number)) = mailbox.receive().await {
                    seen.push(number);
                }
                tell.send(seen).unwrap();
            });
            let sink = site.reach(&sink).await;
            site.act(async move |_| {
                for number in 0..500 {
                    sink.send(Number(number)).await.unwrap();
                }
                sink.stop();
            })
            .await;
            assert!(told.await.unwrap().into_iter().eq(0..500), "{capacity:?}");
        }
    });
}

#[test]
fn messages_and_signals_keep_one_order_near_and_far() {
    near_and_far(async |site| {
        let (pid, told) = listener(site, 300).await;
        site.act(async move |_| {
            for number in 0..300 {
                if number % 3 == 0 {
                    pid.exit(ExitReason::custom(number));
                } else {
                    pid.send(Number(number)).await.unwrap();
                }
            }
        })
        .await;
        let expected = (0..300).map(|number| match number % 3 {
            0 => Seen::Exit(ExitReason::custom(number)),
            _ => Seen::Message(number),
        });
        assert_eq!(all(told).await, Vec::from_iter(expected));
    });
}

#[test]
fn a_down_comes_after_all_its_subject_sent_near_and_far() {
    near_and_far(async |site| {
        for round in 0..30 {
            let (tell, told) = mpsc::unbounded_channel();
            let (hand, handed) = oneshot::channel::<Pid<Number>>();
            let subject = site.there.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
                let to = handed.await.unwrap();
                // Its watcher watches by then.
                mailbox.receive().await;
                for number in 0..round {
                    to.send(Number(number)).await.unwrap();
                }
                ExitReason::Shutdown
            });
            let subject = site.reach(&subject).await;
            let watcher = site.here.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
                mailbox.monitor(&subject);
                subject.send(Number(0)).await.unwrap();
                for _ in 0..=round {
                    tell.send(seen(mailbox.next().await.unwrap())).unwrap();
                }
            });
            hand.send(site.back(&watcher).await).unwrap();
            let mut expected = Vec::from_iter((0..round).map(Seen::Message));
            expected.push(Seen::Down(ExitReason::Shutdown));
            assert_eq!(all(told).await, expected);
        }
    });
}

#[test]
fn an_exit_signal_acts_before_the_messages_in_front_of_it_near_and_far() {
    near_and_far(async |site| {
        for kill in [false, true] {
            let gated = Gated::<Number>::spawn(site, Spawn::on(&site.there)).await;
            let pid = gated.pid.clone();
            let (before, dead) = (site.there.stats().all_dead(), || site.there.stats().all_dead());
            let stopped = pid.stopped();
            site.act(async move |_| {
                for number in 0..3 {
                    pid.send(Number(number)).await.unwrap();
                }
                pid.exit(if kill { ExitReason::Kill } else { ExitReason::custom("enough") });
            })
            .await;
            // The gate is shut: it ends where it waits.
            let reason = if kill { ExitReason::Killed } else { ExitReason::custom("enough") };
            assert_eq!(stopped.await, reason);
            assert_eq!(gated.open().await, None);
            eventually("three dead letters", || dead() - before == 3).await;
        }
    });
}

#[test]
fn a_stop_comes_after_what_was_sent_before_it_near_and_far() {
    near_and_far(async |site| {
        let gated = Gated::<Number>::spawn(site, Spawn::on(&site.there)).await;
        let pid = gated.pid.clone();
        let before = site.there.stats().all_dead();
        site.act(async move |_| {
            for number in 1..=3 {
                pid.send(Number(number)).await.unwrap();
            }
            pid.stop();
            for number in 4..=5 {
                pid.send(Number(number)).await.unwrap();
            }
        })
        .await;
        let pid = gated.pid.clone();
        assert_eq!(gated.open().await, Some(vec![Number(1), Number(2), Number(3)]));
        pid.stopped().await;
        eventually("two dead letters", || site.there.stats().all_dead() - before == 2).await;
    });
}

#[test]
fn a_trapped_exit_is_seen_in_its_place_near_and_far() {
    near_and_far(async |site| {
        let (pid, told) = listener(site, 3).await;
        site.act(async move |_| {
            pid.send(Number(1)).await.unwrap();
            pid.exit(ExitReason::Shutdown);
            pid.send(Number(2)).await.unwrap();
        })
        .await;
        let expected = [Seen::Message(1), Seen::Exit(ExitReason::Shutdown), Seen::Message(2)];
        assert_eq!(all(told).await, expected);
    });
}

#[test]
fn a_monitor_that_was_taken_off_is_silent_near_and_far() {
    near_and_far(async |site| {
        let subject = site.there.spawn_fn(async |mut mailbox: Mailbox<Number>| drop(mailbox.next().await));
        let subject = site.reach(&subject).await;
        let (tell, told) = oneshot::channel();
        let watcher = site.here.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
            let [first, kept, last] = [(); 3].map(|()| mailbox.monitor(&subject));
            assert!(mailbox.demonitor(first));
            subject.stop();
            // Both of the others' may have arrived.
            subject.stopped().await;
            assert!(mailbox.demonitor(last));
            let Some(Event::Down(down)) = mailbox.next().await else { panic!("no down") };
            assert_eq!((down.monitor, mailbox.monitors()), (kept, vec![]));
            tell.send(()).unwrap();
            // And nothing after it but what was sent.
            assert_eq!(seen(mailbox.next().await.unwrap()), Seen::Message(7));
        });
        told.await.unwrap();
        watcher.send(Number(7)).await.unwrap();
        assert_eq!(watcher.stopped().await, ExitReason::Normal);
    });
}

#[test]
fn a_priority_down_comes_first_near_and_far() {
    near_and_far(async |site| {
        for priority in [true, false] {
            let subject =
                site.there.spawn_fn(async |mut mailbox: Mailbox<Number>| drop(mailbox.next().await));
            let subject = site.reach(&subject).await;
            let watcher = site.here.spawn_fn(async move |mut mailbox: Mailbox<Number>| {
                for number in 0..3 {
                    mailbox.pid().try_send(Number(number)).unwrap();
                }
                if priority {
                    mailbox.monitor_with_priority(&subject)
                } else {
                    mailbox.monitor(&subject)
                };
                // A second one, whose place is behind.
                mailbox.monitor(&subject);
                subject.stop();
                // Those who watched first are told first.
                subject.stopped().await;
                let mut downs = Vec::new();
                for _ in 0..5 {
                    downs.push(matches!(mailbox.next().await, Some(Event::Down(_))));
                }
                let expected = if priority {
                    [true, false, false, false, true]
                } else {
                    [false, false, false, true, true]
                };
                assert_eq!(downs, expected);
            });
            assert_eq!(watcher.stopped().await, ExitReason::Normal);
        }
    });
}
