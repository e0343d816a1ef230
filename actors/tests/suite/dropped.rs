//! Futures dropped at each of their awaits: what is lost is what their documentation says.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures::{FutureExt, StreamExt};
use wharf::MailboxExt;
use wharf::prelude::*;

/// Most polls that a future of these tests may need.
const POLLS: usize = 10_000;

/// Polls `future` at most `polls` times, other actors going on in between, and drops it: what it came
/// to, if it was ready by then.
async fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        wharf::yield_now().await;
    }
    None
}

/// Runs `check` with 0, 1, 2 polls and so on, until it says that its future was ready.
async fn at_each_await(mut check: impl AsyncFnMut(usize) -> bool) {
    for polls in 0..POLLS {
        if check(polls).await {
            assert!(polls > 0, "a future is not ready before it is polled");
            return;
        }
    }
    panic!("never ready");
}

struct Tally(u64);

#[wharf::actor]
impl Tally {
    async fn add(&mut self, by: u64) -> u64 {
        wharf::yield_now().await;
        self.0 += by;
        self.0
    }

    #[one_way]
    async fn note(&mut self, by: u64) {
        self.0 += by;
    }

    fn total(&self) -> u64 {
        self.0
    }
}

#[test]
fn a_call_dropped_at_any_await_is_handled_once_if_it_was_polled_and_never_if_not() {
    wharf::block_on(async {
        let tally = spawn(Tally(0));
        let mut expected = 0;
        at_each_await(async |polls| {
            let ready = poll_times(tally.add(1), polls).await.is_some();
            expected += u64::from(polls > 0);
            assert_eq!(tally.total().await, Ok(expected));
            ready
        })
        .await;
        at_each_await(async |polls| {
            let call = tally.add(1).timeout(std::time::Duration::from_secs(60));
            let ready = poll_times(call, polls).await.is_some();
            expected += u64::from(polls > 0);
            assert_eq!(tally.total().await, Ok(expected));
            ready
        })
        .await;
    });
}

#[test]
fn a_send_dropped_at_any_await_is_handled_once_if_it_was_polled_and_there_was_room() {
    wharf::block_on(async {
        let tally = spawn(Tally(0));
        let mut expected = 0;
        for by_call in [false, true] {
            at_each_await(async |polls| {
                let send = if by_call { tally.add(1).send() } else { tally.note(1) };
                let ready = poll_times(send, polls).await.is_some();
                expected += u64::from(polls > 0);
                assert_eq!(tally.total().await, Ok(expected));
                ready
            })
            .await;
        }
    });
}

#[test]
fn a_stream_of_messages_dropped_at_any_await_loses_none() {
    wharf::block_on(async {
        let mut mailbox = Node::current().unwrap().guest::<u64>();
        for polls in 0..20 {
            let pid = mailbox.pid().clone();
            let sender = spawn_fn(async move |_: Mailbox<()>| {
                wharf::yield_now().await;
                pid.send(7).await.unwrap();
            });
            let taken = poll_times(mailbox.messages().next(), polls).await.is_some();
            sender.stopped().await;
            assert_eq!(mailbox.messages().next().now_or_never().is_some(), !taken);
        }
    });
}

#[test]
fn a_stream_of_records_dropped_at_any_await_loses_none() {
    wharf::block_on(async {
        let node = Node::current().unwrap();
        let mut crashes = node.crash_reports();
        for polls in 0..20 {
            let fails = spawn_fn(async |_: Mailbox<()>| {
                wharf::yield_now().await;
                Err::<(), _>("on purpose")
            });
            let taken = poll_times(StreamExt::next(&mut crashes), polls).await.is_some();
            if !taken {
                let crash = StreamExt::next(&mut crashes).await.unwrap();
                assert_eq!(crash.id, fails.id());
            }
        }
        assert_eq!((crashes.lost(), crashes.try_next().is_none()), (0, true));
    });
}
