//! Requests: each ends in exactly one outcome.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wharf_runtime::{AskError, Capacity, ExitReason, Mailbox, Overflow, Reply, Spawn};

use crate::common::{Gated, everywhere, gone, in_virtual_time, poll_once};

enum Request {
    Double(u32, Reply<u32>),
    Forget(#[allow(dead_code, reason = "dropped")] Reply<u32>),
    Keep(Reply<u32>),
    End(ExitReason),
}

/// Doubles, forgets, keeps, ends.
async fn serve(mut mailbox: Mailbox<Request>) -> ExitReason {
    let mut kept = Vec::new();
    while let Some(request) = mailbox.receive().await {
        match request {
            Request::Double(n, reply) => drop(reply.send(2 * n)),
            Request::Forget(_) => {}
            Request::Keep(reply) => kept.push(reply),
            Request::End(reason) => return reason,
        }
    }
    ExitReason::Normal
}

#[test]
fn an_ask_gets_its_answer() {
    everywhere(async |node| {
        let pid = node.spawn_fn(serve);
        for n in 0..100 {
            assert_eq!(pid.ask(|reply| Request::Double(n, reply)).await, Ok(2 * n));
        }
        let asks: Vec<_> = (0..100)
            .map(|n| {
                let pid = pid.clone();
                tokio::spawn(async move { pid.ask(|reply| Request::Double(n, reply)).await })
            })
            .collect();
        for (n, ask) in (0..).zip(asks) {
            assert_eq!(ask.await.unwrap(), Ok(2 * n));
        }
    });
}

#[test]
fn a_reply_dropped_by_a_handler_says_so() {
    everywhere(async |node| {
        let pid = node.spawn_fn(serve);
        assert_eq!(pid.ask(Request::Forget).await, Err(AskError::NoReply));
    });
}

#[test]
fn a_reply_held_by_an_actor_that_ends_tells_the_reason() {
    everywhere(async |node| {
        for (reason, told) in [
            (ExitReason::Kill, ExitReason::Killed),
            (ExitReason::Shutdown, ExitReason::Shutdown),
            (ExitReason::custom("sent"), ExitReason::custom("sent")),
        ] {
            let pid = node.spawn_fn(serve);
            let mut ask = pin!(pid.ask(Request::Keep));
            assert!(poll_once(ask.as_mut()).is_pending());
            pid.exit(reason);
            assert_eq!(ask.await, Err(AskError::Down(told)));
        }
        for reason in [ExitReason::Normal, ExitReason::custom("returned")] {
            let pid = node.spawn_fn(serve);
            let mut ask = pin!(pid.ask(Request::Keep));
            assert!(poll_once(ask.as_mut()).is_pending());
            pid.send(Request::End(reason.clone())).await.unwrap();
            assert_eq!(ask.await, Err(AskError::Down(reason)));
        }
    });
}

#[test]
fn a_reply_dropped_in_an_earlier_turn_than_its_holder_ends_in_says_so() {
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
            drop(mailbox.receive().await);
            wharf_runtime::yield_now().await;
            ExitReason::custom("later")
        });
        assert_eq!(pid.ask(|reply| reply).await, Err(AskError::NoReply));
    });
}

#[test]
fn an_actor_is_told_of_a_dropped_reply_though_nothing_else_happens() {
    everywhere(async |node| {
        for _ in 0..20 {
            let pid = node.spawn_fn(serve);
            let (tell, told) = oneshot::channel();
            node.spawn_fn(async move |_: Mailbox<()>| {
                let mut outcomes = Vec::new();
                for _ in 0..5 {
                    outcomes.push(pid.ask(Request::Forget).timeout(Duration::MAX).await);
                }
                tell.send(outcomes).unwrap();
            });
            assert_eq!(told.await.unwrap(), vec![Err(AskError::NoReply); 5]);
        }
    });
}

#[test]
fn a_request_still_in_the_mailbox_of_an_actor_that_ends_tells_the_reason() {
    everywhere(async |node| {
        let gated = Gated::<Reply<u8>>::spawn(Spawn::on(&node)).await;
        let pid = gated.pid.clone();
        let mut ask = pin!(pid.ask(|reply| reply));
        assert!(poll_once(ask.as_mut()).is_pending());
        pid.exit(ExitReason::custom("gone"));
        gated.open();
        assert_eq!(ask.await, Err(AskError::Down(ExitReason::custom("gone"))));
        gone(&pid).await;
        assert_eq!(pid.ask(|reply| reply).await, Err(AskError::Down(ExitReason::NoProc)));
    });
}

#[test]
fn a_reply_that_was_handed_on_outlives_its_actor() {
    everywhere(async |node| {
        let (hand, mut handed) = mpsc::channel(1);
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<Reply<u8>>| {
            let reply = mailbox.receive().await.unwrap();
            hand.send(reply).await.unwrap();
        });
        let mut ask = pin!(pid.ask(|reply| reply));
        assert!(poll_once(ask.as_mut()).is_pending());
        let reply = handed.recv().await.unwrap();
        gone(&pid).await;
        assert!(reply.is_wanted());
        reply.send(9).unwrap();
        assert_eq!(ask.await, Ok(9));
    });
}

#[test]
fn an_ask_ends_at_its_deadline_and_a_late_answer_goes_nowhere() {
    in_virtual_time(async |node| {
        let (hand, mut handed) = mpsc::channel(4);
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<Reply<u8>>| {
            while let Some(reply) = mailbox.receive().await {
                hand.send(reply).await.unwrap();
            }
        });
        for after in [Duration::from_secs(5), Duration::from_millis(30)] {
            let began = tokio::time::Instant::now();
            let asked = match after.as_secs() {
                5 => pid.ask(|reply| reply).await,
                _ => pid.ask(|reply| reply).timeout(after).await,
            };
            assert_eq!(asked, Err(AskError::Timeout { to: pid.id(), after }));
            let waited = began.elapsed();
            assert!(waited >= after && waited <= after + Duration::from_millis(2), "{waited:?}");
            let late = handed.recv().await.unwrap();
            assert!(!late.is_wanted());
            assert_eq!(late.send(3), Err(3));
        }
    });
}

#[test]
fn an_actor_that_asks_has_the_same_deadline() {
    in_virtual_time(async |node| {
        let silent = node.spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
            let _reply = mailbox.receive().await;
            mailbox.receive().await;
        });
        let (tell, told) = oneshot::channel();
        let asked = silent.clone();
        node.spawn_fn(async move |mailbox: Mailbox<()>| {
            let began = mailbox.now();
            let outcome = asked.ask(|reply| reply).timeout(Duration::from_secs(2)).await;
            tell.send((outcome, began, mailbox.now())).unwrap();
        });
        let (outcome, began, ended) = told.await.unwrap();
        assert_eq!(outcome, Err(AskError::Timeout { to: silent.id(), after: Duration::from_secs(2) }));
        let waited = Duration::from_nanos(ended.as_nanos() - began.as_nanos());
        assert!(waited >= Duration::from_secs(2) && waited <= Duration::from_millis(2002), "{waited:?}");
    });
}

#[test]
fn an_ask_waits_for_room_within_its_deadline() {
    in_virtual_time(async |node| {
        let gated = Gated::<Option<Reply<u8>>>::spawn(Spawn::on(&node).capacity(Capacity::Bounded(1))).await;
        gated.pid.send(None).await.unwrap();
        let asked = gated.pid.ask(Some).timeout(Duration::from_secs(1)).await;
        assert!(matches!(asked, Err(AskError::Timeout { .. })));
        let seen = gated.finish().await;
        assert_eq!(seen.len(), 1, "the request was taken back");
    });
}

#[test]
fn an_ask_that_may_not_wait_for_room_says_full() {
    everywhere(async |node| {
        let spawn = Spawn::on(&node).capacity(Capacity::Bounded(1)).overflow(Overflow::Reject);
        let gated = Gated::<Option<Reply<u8>>>::spawn(spawn).await;
        gated.pid.send(None).await.unwrap();
        let asked = gated.pid.ask(Some).await;
        assert_eq!(asked, Err(AskError::Full { to: gated.pid.id(), limit: 1 }));
        gated.finish().await;
    });
}

#[test]
fn a_request_dropped_because_the_mailbox_overflowed_ends_without_an_answer() {
    everywhere(async |node| {
        let spawn = Spawn::on(&node).capacity(Capacity::Bounded(1)).overflow(Overflow::DropNewest);
        let gated = Gated::<Option<Reply<u8>>>::spawn(spawn).await;
        gated.pid.send(None).await.unwrap();
        assert_eq!(gated.pid.ask(Some).await, Err(AskError::NoReply));
        gated.finish().await;
    });
}

#[test]
fn an_ask_that_is_given_up_leaves_an_unwanted_reply() {
    everywhere(async |node| {
        let (hand, mut handed) = mpsc::channel(1);
        let pid = node.spawn_fn(async move |mut mailbox: Mailbox<Reply<u8>>| {
            while let Some(reply) = mailbox.receive().await {
                hand.send(reply).await.unwrap();
            }
        });
        {
            let mut ask = pin!(pid.ask(|reply| reply));
            assert!(poll_once(ask.as_mut()).is_pending());
        }
        let reply = handed.recv().await.unwrap();
        assert!(!reply.is_wanted());
        assert_eq!(reply.send(1), Err(1));
    });
}
