//! Receiving: selectively, in time, through any waker, and without a turn too many.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use wharf_runtime::{Capacity, DeadLetterCause, Event, ExitReason, Mailbox, Pid, Spawn};

use crate::common::{
    Tally, a_while, echo, ends_as_told, eventually, everywhere, gone, in_virtual_time, poll_once,
};

#[test]
fn receive_match_takes_the_first_that_fits_and_keeps_the_order_of_the_rest() {
    everywhere(async |node| {
        let mut me = node.guest::<u32>();
        for n in 0..8 {
            me.pid().send(n).await.unwrap();
        }
        assert_eq!(me.receive_match(|n| *n == 3).await, Ok(Some(3)));
        assert_eq!(me.receive_match(|n| n % 2 == 1).await, Ok(Some(1)));
        assert_eq!(me.receive_match(|n| *n > 5).await, Ok(Some(6)));
        let mut rest = Vec::new();
        while let Some(n) = me.try_receive() {
            rest.push(n);
        }
        assert_eq!(rest, [0, 2, 4, 5, 7]);
    });
}

#[test]
fn receive_match_waits_for_what_has_not_come_yet() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<u32>| {
            let hit = mailbox.receive_match(|n| *n == 9).await;
            let first = mailbox.receive().await;
            tell.send((hit, first)).unwrap();
        });
        for n in [1, 2, 9] {
            pid.send(n).await.unwrap();
        }
        assert_eq!(told.await.unwrap(), (Ok(Some(9)), Some(1)));
    });
}

#[test]
fn a_selective_receive_ends_when_a_stop_is_reached() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<u32>| {
            let hit = mailbox.receive_match(|n| *n == 9).await;
            let rest = (mailbox.receive().await, mailbox.receive().await);
            tell.send((hit, rest)).unwrap();
        });
        pid.send(1).await.unwrap();
        pid.stop();
        assert_eq!(told.await.unwrap(), (Ok(None), (Some(1), None)));
    });
}

#[test]
fn receive_from_takes_the_messages_of_one_sender() {
    everywhere(async |node| {
        let mut me = node.guest::<&str>();
        let speaks = |words: [&'static str; 2]| {
            let to = me.pid().clone();
            node.spawn_fn(async move |_: Mailbox<()>| {
                for word in words {
                    to.send(word).await.unwrap();
                }
            })
        };
        let a = speaks(["a1", "a2"]);
        gone(&a).await;
        let b = speaks(["b1", "b2"]);
        gone(&b).await;
        assert_eq!(me.receive_from(&b).await, Ok(Some("b1")));
        assert_eq!(me.sender(), Some(b.id()));
        assert_eq!(me.receive_from(&a).await, Ok(Some("a1")));
        assert_eq!(me.receive_from(&b).await, Ok(Some("b2")));
        assert_eq!(me.receive().await, Some("a2"));
        assert_eq!(me.sender(), Some(a.id()));
    });
}

#[test]
fn skipped_messages_give_their_room_back_up_to_a_limit_of_their_own() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let spawn = Spawn::on(&node).capacity(Capacity::Bounded(2)).save_limit(5);
        let pid = spawn.spawn_fn(async |mut mailbox: Mailbox<u32>| {
            let full = mailbox.receive_match(|n| *n == 99).await.unwrap_err();
            assert_eq!((full.actor, full.limit), (mailbox.pid().id(), 5));
            let mut seen = Vec::new();
            while let Some(n) = mailbox.receive().await {
                seen.push(n);
            }
            let _ = tell.send(seen);
        });
        // More than the mailbox holds: the skipped ones have made room.
        pid.send_all(0..7).await.unwrap();
        pid.stop();
        assert_eq!(told.await.unwrap(), Vec::from_iter(0..7), "none is lost");
    });
}

#[test]
fn a_skipped_message_counts_as_handled_when_it_is_received_and_once() {
    for capacity in [Capacity::Zero, Capacity::Bounded(1), Capacity::Bounded(100)] {
        everywhere(async |node| {
            let spawn = Spawn::on(&node).capacity(capacity).save_limit(100);
            let pid = spawn.spawn_fn(async |mut mailbox: Mailbox<u32>| {
                assert_eq!(mailbox.receive_match(|n| *n == 9).await, Ok(Some(9)));
                for n in 0..5 {
                    assert_eq!(mailbox.receive().await, Some(n));
                }
                // Four are left in the save queue: dead letters.
            });
            for n in 0..10 {
                pid.send(n).await.unwrap();
            }
            gone(&pid).await;
            let stats = node.stats();
            assert_eq!(stats.handled, 6, "{capacity:?}");
            assert_eq!(stats.dead(DeadLetterCause::ExitedFirst), 4, "{capacity:?}");
        });
    }
}

#[test]
fn receive_timeout_ends_when_nothing_comes() {
    in_virtual_time(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<u8>| {
            let first = mailbox.receive_timeout(Duration::from_secs(1)).await;
            let began = mailbox.now();
            let second = mailbox.receive_timeout(Duration::from_secs(1)).await;
            let waited = mailbox.now().as_nanos() - began.as_nanos();
            tell.send((first, second, waited)).unwrap();
        });
        pid.send(1).await.unwrap();
        let (first, second, waited) = told.await.unwrap();
        assert_eq!(first, Ok(Some(1)));
        assert_eq!(second.unwrap_err().after, Duration::from_secs(1));
        assert!((1_000_000_000..1_002_000_000).contains(&waited), "{waited}");
    });
}

#[test]
fn receive_gives_none_after_a_stop_and_for_ever() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<u8>| {
            let all = [mailbox.receive().await, mailbox.receive().await, mailbox.receive().await];
            tell.send((all, mailbox.try_receive(), mailbox.receive_timeout(Duration::MAX).await)).unwrap();
        });
        pid.send(1).await.unwrap();
        pid.stop();
        assert_eq!(told.await.unwrap(), ([Some(1), None, None], None, Ok(None)));
    });
}

#[test]
fn an_actor_that_receives_no_more_lives_on_until_its_future_ends() {
    everywhere(async |node| {
        let (end, wait) = oneshot::channel::<()>();
        let pid = node.spawn_fn(async |mailbox: Mailbox<u8>| {
            drop(mailbox);
            let _ = wait.await;
        });
        pid.send(1).await.unwrap();
        pid.stop();
        assert!(pid.is_alive());
        end.send(()).unwrap();
        gone(&pid).await;
        assert_eq!(node.stats().dead(DeadLetterCause::ExitedFirst), 1);
    });
}

#[test]
fn a_mailbox_in_another_task_receives_nothing() {
    everywhere(async |node| {
        let (hand, handed) = oneshot::channel();
        let (end, wait) = oneshot::channel::<()>();
        let pid = node.spawn_fn(async |mailbox: Mailbox<u8>| {
            hand.send(mailbox).unwrap();
            let _ = wait.await;
        });
        let mut mailbox = handed.await.unwrap();
        pid.send(1).await.unwrap();
        assert_eq!(mailbox.receive().await, None);
        assert!(mailbox.next().await.is_none());
        assert_eq!(mailbox.try_receive(), None);
        assert_eq!(mailbox.receive_match(|_| true).await, Ok(None));
        assert!(!mailbox.trap_exit(true));
        end.send(()).unwrap();
        gone(&pid).await;
    });
}

/// Polls a future with a waker of its own, and only after that was woken.
struct Foreign<F> {
    inner: Pin<Box<F>>,
    bell: Arc<Bell>,
}

struct Bell {
    rung: AtomicBool,
    outer: std::sync::Mutex<Option<Waker>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if let Some(outer) = self.outer.lock().unwrap().take() {
            outer.wake();
        }
    }
}

impl<F> Foreign<F> {
    fn new(inner: F) -> Self {
        let bell = Bell { rung: AtomicBool::new(true), outer: std::sync::Mutex::new(None) };
        Self { inner: Box::pin(inner), bell: Arc::new(bell) }
    }
}

impl<F: Future> Future for Foreign<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        *self.bell.outer.lock().unwrap() = Some(cx.waker().clone());
        if !self.bell.rung.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&self.bell));
        self.inner.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn a_receive_through_a_foreign_waker_wakes_that_waker() {
    everywhere(async |node| {
        let (tell, mut told) = mpsc::unbounded_channel();
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<u32>| {
            loop {
                let received = match mailbox.sender() {
                    // By turns, so that each kind of receive is woken.
                    None => Foreign::new(mailbox.receive()).await,
                    Some(_) => Foreign::new(mailbox.receive_match(|_| true)).await.unwrap(),
                };
                let Some(n) = received else { return };
                tell.send(n).unwrap();
                let Some(Event::Message(n)) = Foreign::new(mailbox.next()).await else { return };
                tell.send(n).unwrap();
            }
        });
        for n in 0..200 {
            pid.send(n).await.unwrap();
            assert_eq!(told.recv().await, Some(n));
        }
        let to = pid.clone();
        node.spawn_fn(async move |_: Mailbox<()>| to.send(200).await.unwrap());
        assert_eq!(told.recv().await, Some(200));
        pid.stop();
        assert!(told.recv().await.is_none());
    });
}

#[test]
fn a_stop_and_an_exit_reach_a_receive_through_a_foreign_waker() {
    everywhere(async |node| {
        let waiting = || {
            node.spawn_fn(async |mut mailbox: Mailbox<()>| {
                Foreign::new(mailbox.receive()).await;
            })
        };
        for end in [Pid::stop, Pid::kill] {
            let pid = waiting();
            let mut watcher = node.guest::<()>();
            watcher.monitor(&pid);
            a_while().await;
            end(&pid);
            assert!(matches!(watcher.next().await, Some(Event::Down(_))));
        }
    });
}

#[test]
fn waits_with_deadlines_work_through_a_foreign_waker() {
    in_virtual_time(async |node| {
        let asked = echo(&node);
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            Foreign::new(wharf_runtime::sleep(Duration::from_secs(3))).await;
            let late = Foreign::new(mailbox.receive_timeout(Duration::from_secs(3))).await;
            assert!(late.is_err());
            Foreign::new(asked.ask(|reply| reply)).await.unwrap();
            Foreign::new(wharf_runtime::yield_now()).await;
            ExitReason::custom("done")
        });
        let mut watcher = node.guest::<()>();
        watcher.monitor(&pid);
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom("done"));
    });
}

#[test]
fn select_and_join_see_messages_and_other_wakes() {
    everywhere(async |node| {
        let (feed, mut fed) = mpsc::unbounded_channel();
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<u32>| {
            let (mut messages, mut items) = (Vec::new(), Vec::new());
            while messages.len() < 300 || items.len() < 300 {
                tokio::select! {
                    Some(n) = mailbox.receive(), if messages.len() < 300 => messages.push(n),
                    Some(n) = fed.recv(), if items.len() < 300 => items.push(n),
                }
            }
            let (message, item) = tokio::join!(mailbox.receive(), fed.recv());
            messages.extend(message);
            items.extend(item);
            let _ = tell.send((messages, items));
        });
        for n in 0..=300 {
            pid.send(n).await.unwrap();
            feed.send(n).unwrap();
        }
        let (messages, items) = told.await.unwrap();
        assert_eq!(messages, Vec::from_iter(0..=300));
        assert_eq!(items, messages);
    });
}

#[test]
fn a_receive_that_is_kept_but_not_polled_costs_no_turns() {
    everywhere(async |node| {
        let (begun, has_begun) = oneshot::channel();
        let (go, wait) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<u32>| {
            {
                let mut receive = pin!(mailbox.receive());
                std::future::poll_fn(|cx| {
                    assert!(receive.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                begun.send(()).unwrap();
                let _ = wait.await;
                assert_eq!(receive.await, Some(0));
            }
            let mut seen = 1;
            while mailbox.receive().await.is_some() {
                seen += 1;
            }
            let _ = tell.send(seen);
        });
        has_begun.await.unwrap();
        for n in 0..100 {
            pid.send(n).await.unwrap();
        }
        a_while().await;
        let turns = node.stats().turns;
        assert!(turns <= 10, "{turns} turns although it waits for something else");
        go.send(()).unwrap();
        pid.stop();
        assert_eq!(told.await.unwrap(), 100);
    });
}

#[test]
fn an_actor_that_waits_elsewhere_is_not_run_for_messages() {
    everywhere(async |node| {
        let (go, wait) = oneshot::channel::<()>();
        let pid = Spawn::on(&node).capacity(Capacity::Unbounded).spawn_fn(async |m: Mailbox<u32>| {
            let _ = wait.await;
            drop(m);
        });
        for n in 0..200 {
            pid.send(n).await.unwrap();
        }
        a_while().await;
        let turns = node.stats().turns;
        assert!(turns <= 2, "{turns} turns");
        go.send(()).unwrap();
        gone(&pid).await;
    });
}

#[test]
fn two_hundred_actors_share_a_semaphore_and_all_finish() {
    everywhere(async |node| {
        let semaphore = Arc::new(Semaphore::new(3));
        let actors: Vec<Pid<()>> = (0..200)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                node.spawn_fn(async move |_: Mailbox<()>| {
                    for _ in 0..50 {
                        let permit = semaphore.acquire().await.unwrap();
                        wharf_runtime::yield_now().await;
                        drop(permit);
                    }
                })
            })
            .collect();
        for actor in &actors {
            gone(actor).await;
        }
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn actors_that_never_wait_leave_room_for_all_others() {
    everywhere(async |node| {
        // Four that pass messages to each other for ever, as fast as they can.
        let ring: Vec<Pid<u64>> = (0..4)
            .map(|_| {
                node.spawn_fn(async |mut mailbox: Mailbox<u64>| {
                    let me = mailbox.pid().clone();
                    while let Some(n) = mailbox.receive().await {
                        let _ = me.try_send(n + 1);
                    }
                })
            })
            .collect();
        for pid in &ring {
            pid.send(0).await.unwrap();
        }
        let echo = echo(&node);
        for _ in 0..100 {
            echo.ask(|reply| reply).await.unwrap();
            tokio::task::yield_now().await;
        }
        // The I/O and timer drivers get their share too.
        tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.unwrap_err();
    });
}

#[test]
fn a_receive_that_loses_a_select_loses_no_message() {
    everywhere(async |node| {
        let tally = Tally::default();
        let (tell, told) = oneshot::channel();
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<_>| {
            let mut seen = Vec::new();
            loop {
                tokio::select! {
                    message = mailbox.receive() => match message {
                        Some(message) => seen.push(message),
                        None => break,
                    },
                    () = wharf_runtime::yield_now() => {}
                }
            }
            let _ = tell.send(seen);
        });
        for n in 0..500 {
            pid.send((n, tally.token())).await.unwrap();
        }
        pid.stop();
        let seen = told.await.unwrap();
        assert!(seen.iter().map(|(n, _)| *n).eq(0..500));
        drop(seen);
        assert!(tally.is_even());
    });
}

#[test]
fn a_receive_can_be_dropped_and_begun_anew_at_any_point() {
    everywhere(async |node| {
        let mut me = node.guest::<u32>();
        for n in 0..3 {
            let mut receive = Box::pin(me.receive());
            assert!(poll_once(receive.as_mut()).is_pending());
            drop(receive);
            me.pid().send(n).await.unwrap();
            assert_eq!(me.receive().await, Some(n));
        }
    });
}

#[test]
fn a_down_ends_no_receive_of_messages() {
    everywhere(async |node| {
        let subject = ends_as_told(&node);
        let watched = subject.clone();
        let (tell, told) = oneshot::channel();
        let (begun, has_begun) = oneshot::channel();
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<u8>| {
            mailbox.monitor(&watched);
            begun.send(()).unwrap();
            let message = mailbox.receive().await;
            let down = matches!(mailbox.next().await, Some(Event::Down(_)));
            tell.send((message, down)).unwrap();
        });
        has_begun.await.unwrap();
        subject.send(ExitReason::Normal).await.unwrap();
        eventually("the subject is gone", || node.stats().live == 1).await;
        pid.send(4).await.unwrap();
        assert_eq!(told.await.unwrap(), (Some(4), true));
    });
}
