//! Timers, under virtual time.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, advance};
use wharf_runtime::{Capacity, DeadLetterCause, Mailbox, Spawn, sleep};

use crate::common::{Tally, gone, in_virtual_time};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn messages_sent_after_a_delay_arrive_in_the_order_of_their_times() {
    in_virtual_time(async |node| {
        let (tell, told) = oneshot::channel();
        let began = Instant::now();
        node.spawn_fn(async move |mut mailbox: Mailbox<u64>| {
            for delay in [50, 10, 30_000, 0, 700, 10] {
                mailbox.send_after(ms(delay), delay);
            }
            let mut seen = Vec::new();
            for _ in 0..6 {
                let delay = mailbox.receive().await.unwrap();
                seen.push((delay, began.elapsed()));
            }
            tell.send(seen).unwrap();
        });
        let seen = told.await.unwrap();
        assert!(seen.iter().map(|(delay, _)| *delay).eq([0, 10, 10, 50, 700, 30_000]));
        for (delay, at) in seen {
            assert!(at >= ms(delay) && at <= ms(delay + 2), "{delay} at {at:?}");
        }
    });
}

#[test]
fn a_cancelled_timer_never_rings_and_a_rung_one_can_not_be_cancelled() {
    in_virtual_time(async |node| {
        let mut me = node.guest::<u8>();
        let tally = Tally::default();
        let cancelled = me.send_after(ms(10), 1);
        let rung = me.send_after(ms(5), 2);
        assert!(cancelled.is_armed() && rung.is_armed());
        assert!(cancelled.cancel());
        assert!(!cancelled.is_armed() && !cancelled.cancel());
        assert_eq!(me.receive().await, Some(2));
        assert!(!rung.is_armed() && !rung.cancel());
        assert!(me.receive_timeout(ms(100)).await.is_err());

        let owner = node.guest();
        assert!(owner.send_after(ms(10), tally.token()).cancel());
        assert!(tally.is_even(), "a cancelled message is dropped at once");
    });
}

#[test]
fn a_timer_takes_its_message_back_until_that_is_handled() {
    in_virtual_time(async |node| {
        let mut me = node.guest::<u8>();
        let rung = me.send_after(ms(5), 1);
        advance(ms(50)).await;
        assert!(!rung.is_armed());
        assert!(rung.cancel(), "its message lies in the mailbox");
        assert!(!rung.cancel());
        assert!(me.receive_timeout(ms(50)).await.is_err());
        assert_eq!(node.stats().all_dead(), 0);
    });
}

#[test]
fn a_dropped_timer_rings_all_the_same() {
    in_virtual_time(async |node| {
        let mut me = node.guest::<u8>();
        drop(me.send_after(ms(5), 3));
        assert_eq!(me.receive().await, Some(3));
    });
}

#[test]
fn send_every_keeps_its_period_until_cancelled() {
    in_virtual_time(async |node| {
        let mut me = node.guest::<u32>();
        let began = Instant::now();
        let mut n = 0;
        let timer = me.send_every(ms(100), move || {
            n += 1;
            n
        });
        for expected in 1..=20 {
            assert_eq!(me.receive().await, Some(expected));
            let at = began.elapsed();
            let due = ms(100) * expected;
            assert!(at >= due && at <= due + ms(2), "{expected} at {at:?}");
        }
        assert!(timer.cancel());
        assert!(!timer.cancel());
        assert!(me.receive_timeout(ms(1_000)).await.is_err());
    });
}

#[test]
fn steps_that_were_missed_do_not_pile_up() {
    in_virtual_time(async |node| {
        let mut me = node.guest::<()>();
        let timer = me.send_every(ms(10), || ());
        advance(ms(1_000)).await;
        assert_eq!(me.receive().await, Some(()));
        let mut more = 0;
        while me.receive_timeout(ms(5)).await.is_ok() {
            more += 1;
            assert!(more < 5, "a hundred steps came at once");
        }
        timer.cancel();
    });
}

#[test]
fn a_timer_ends_with_its_actor() {
    in_virtual_time(async |node| {
        let tally = Tally::default();
        let (tell, told) = oneshot::channel();
        let repeated = tally.token();
        let late = tally.token();
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<Option<crate::common::Token>>| {
            mailbox.send_after(ms(500), Some(late));
            let timer = mailbox.send_every(ms(100), move || {
                let _ = &repeated;
                None
            });
            mailbox.receive().await;
            tell.send(timer).unwrap();
        });
        let timer = told.await.unwrap();
        gone(&pid).await;
        let before = node.stats().dead(DeadLetterCause::NoProc);
        sleep_here(ms(1_000)).await;
        assert!(!timer.is_armed());
        assert!(tally.is_even());
        assert_eq!(node.stats().dead(DeadLetterCause::NoProc) - before, 1, "the one that was to be sent");
    });
}

/// Sleeps by the virtual clock of the surrounding runtime.
async fn sleep_here(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[test]
fn a_timers_message_waits_for_no_room() {
    in_virtual_time(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = Spawn::on(&node).capacity(Capacity::Bounded(1)).spawn_fn(async |mut m: Mailbox<u8>| {
            m.send_after(ms(10), 2);
            m.send_after(ms(10), 3);
            sleep(ms(50)).await;
            let mut seen = [m.receive().await, m.receive().await, m.receive().await];
            seen.sort_unstable();
            tell.send(seen).unwrap();
        });
        pid.send(1).await.unwrap();
        assert_eq!(told.await.unwrap(), [Some(1), Some(2), Some(3)]);
    });
}

#[test]
fn an_actor_sleeps_as_long_as_it_was_told() {
    in_virtual_time(async |node| {
        let (tell, mut told) = mpsc::unbounded_channel();
        let began = Instant::now();
        for millis in [0, 1, 2, 63, 64, 65, 4_095, 4_096, 60_000, 3_600_000] {
            let tell = tell.clone();
            node.spawn_fn(async move |_: Mailbox<()>| {
                sleep(ms(millis)).await;
                tell.send((millis, began.elapsed())).unwrap();
            });
        }
        drop(tell);
        let mut count = 0;
        while let Some((millis, slept)) = told.recv().await {
            assert!(slept >= ms(millis) && slept <= ms(millis + 2), "{millis} took {slept:?}");
            count += 1;
        }
        assert_eq!(count, 10);
    });
}

#[test]
fn several_deadlines_of_one_actor_end_each_at_its_time() {
    in_virtual_time(async |node| {
        let (tell, told) = oneshot::channel();
        let began = Instant::now();
        node.spawn_fn(async move |mut mailbox: Mailbox<u8>| {
            let (a, b, c) = tokio::join!(
                async {
                    sleep(ms(30)).await;
                    began.elapsed()
                },
                async {
                    sleep(ms(10)).await;
                    sleep(ms(50)).await;
                    began.elapsed()
                },
                async {
                    assert!(mailbox.receive_timeout(ms(20)).await.is_err());
                    began.elapsed()
                },
            );
            tell.send([a, b, c]).unwrap();
        });
        for (at, due) in told.await.unwrap().into_iter().zip([30, 60, 20]) {
            assert!(at >= ms(due) && at <= ms(due + 3), "{due} at {at:?}");
        }
    });
}

#[test]
fn a_message_that_comes_in_time_ends_the_wait_and_a_later_wait_is_not_cut_short() {
    in_virtual_time(async |node| {
        let (tell, told) = oneshot::channel();
        let began = Instant::now();
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<u8>| {
            assert_eq!(mailbox.receive_timeout(ms(100)).await, Ok(Some(1)));
            assert!(mailbox.receive_timeout(ms(500)).await.is_err());
            tell.send(began.elapsed()).unwrap();
        });
        sleep_here(ms(50)).await;
        pid.send(1).await.unwrap();
        let at = told.await.unwrap();
        assert!(at >= ms(550) && at <= ms(552), "{at:?}");
    });
}
