//! Near and far: each ask has one outcome.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wharf::{AskError, Capacity, ExitReason, Mailbox, Pid, Reply, Spawn, Wire};

use super::site::{Site, near_and_far, poll_once};

#[derive(Debug, Wire)]
enum Request {
    Double(u32, Reply<u32>),
    Forget(Reply<u32>),
    Keep(Reply<u32>),
    /// Answered once something is kept, to know that it is there.
    Kept(Reply<bool>),
    Crash(Reply<u32>),
    /// To be answered by somebody else.
    HandOn(Pid<Self>, Reply<u32>),
    AnswerKept,
    End,
}

async fn serve(mut mailbox: Mailbox<Request>) -> ExitReason {
    let mut kept = Vec::new();
    while let Some(request) = mailbox.receive().await {
        match request {
            Request::Double(number, reply) => _ = reply.send(2 * number),
            Request::Forget(reply) => drop(reply),
            Request::Keep(reply) => kept.push(reply),
            Request::Kept(reply) => _ = reply.send(!kept.is_empty()),
            Request::Crash(_reply) => panic!("with a request in its hands"),
            Request::HandOn(to, reply) => to.send(Request::Double(21, reply)).await.unwrap(),
            Request::AnswerKept => kept.drain(..).for_each(|reply| _ = reply.send(1)),
            Request::End => return ExitReason::failed("no more"),
        }
    }
    ExitReason::Normal
}

async fn server(site: &Site) -> Pid<Request> {
    site.reach(&site.there.spawn_fn(serve)).await
}

async fn until_kept(server: &Pid<Request>) {
    for _ in 0..1_000_000 {
        if server.ask(Request::Kept).await.unwrap() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never kept");
}

#[test]
fn each_ask_has_its_own_answer_near_and_far() {
    near_and_far(async |site| {
        let pid = server(site).await;
        let asks = (0..100).map(|number| {
            let pid = pid.clone();
            tokio::spawn(async move { pid.ask(|reply| Request::Double(number, reply)).await })
        });
        for (number, ask) in (0..).zip(Vec::from_iter(asks)) {
            assert_eq!(ask.await.unwrap(), Ok(2 * number));
        }
    });
}

#[test]
fn a_reply_that_is_dropped_says_so_near_and_far() {
    near_and_far(async |site| {
        let pid = server(site).await;
        assert_eq!(pid.ask(Request::Forget).await, Err(AskError::NoReply));
        assert_eq!(pid.ask(|reply| Request::Double(2, reply)).await, Ok(4));
    });
}

#[test]
fn who_holds_the_reply_and_ends_tells_why_near_and_far() {
    near_and_far(async |site| {
        type End = fn(&Pid<Request>);
        let ends: [(End, ExitReason); 4] = [
            (|pid| pid.try_send(Request::End).unwrap(), ExitReason::failed("no more")),
            (|pid| pid.exit(ExitReason::Shutdown), ExitReason::Shutdown),
            (Pid::kill, ExitReason::Killed),
            (Pid::stop, ExitReason::Normal),
        ];
        for (end, reason) in ends {
            let pid = server(site).await;
            let held = tokio::spawn({
                let pid = pid.clone();
                async move { pid.ask(Request::Keep).await }
            });
            until_kept(&pid).await;
            end(&pid);
            assert_eq!(held.await.unwrap(), Err(AskError::Down(reason)));
        }
    });
}

#[test]
fn a_request_still_in_the_mailbox_tells_why_near_and_far() {
    near_and_far(async |site| {
        let near = site.there.spawn_fn(async |_mailbox: Mailbox<Request>| std::future::pending::<()>().await);
        let pid = site.reach(&near).await;
        let (tell, told) = oneshot::channel();
        site.act(async move |_| {
            // Room for more is promised with the first: the request goes when it is polled.
            pid.send(Request::AnswerKept).await.unwrap();
            let mut ask = pin!(pid.ask(Request::Keep));
            assert!(poll_once(ask.as_mut()).is_pending());
            pid.exit(ExitReason::custom("gone"));
            tell.send(ask.await).unwrap();
        })
        .await;
        assert_eq!(told.await.unwrap(), Err(AskError::Down(ExitReason::custom("gone"))));
    });
}

#[test]
fn a_panic_with_a_request_in_hand_is_told_near_and_far() {
    near_and_far(async |site| {
        let pid = server(site).await;
        let Err(AskError::Down(ExitReason::Panicked(info))) = pid.ask(Request::Crash).await else {
            panic!("another outcome")
        };
        assert_eq!(info.message(), "with a request in its hands");
    });
}

#[test]
fn an_ask_of_who_has_ended_is_down_near_and_far() {
    near_and_far(async |site| {
        let pid = server(site).await;
        let stopped = pid.stopped();
        pid.stop();
        stopped.await;
        assert_eq!(pid.ask(Request::Keep).await, Err(AskError::Down(ExitReason::NoProc)));
    });
}

#[test]
fn a_late_answer_goes_nowhere_near_and_far() {
    near_and_far(async |site| {
        let pid = server(site).await;
        let after = Duration::from_millis(20);
        let late = pid.ask(Request::Keep).timeout(after).await;
        assert_eq!(late, Err(AskError::Timeout { to: pid.id(), after }));
        until_kept(&pid).await;
        pid.send(Request::AnswerKept).await.unwrap();
        assert_eq!(pid.ask(|reply| Request::Double(4, reply)).await, Ok(8));
    });
}

#[test]
fn the_wait_for_room_counts_against_the_deadline_near_and_far() {
    near_and_far(async |site| {
        let near = Spawn::on(&site.there)
            .capacity(Capacity::Bounded(1))
            .spawn_fn(async |_mailbox: Mailbox<Request>| std::future::pending::<()>().await);
        let pid = site.reach(&near).await;
        pid.send(Request::AnswerKept).await.unwrap();
        let late = pid.ask(Request::Keep).timeout(Duration::from_millis(20)).await;
        assert!(matches!(late, Err(AskError::Timeout { .. })), "{late:?}");
        near.kill();
    });
}

#[test]
fn a_reply_may_be_handed_on_and_outlive_who_got_it_near_and_far() {
    near_and_far(async |site| {
        let (hand, mut handed) = mpsc::channel(1);
        let first = site.there.spawn_fn(async move |mut mailbox: Mailbox<Request>| {
            let Some(Request::Keep(reply)) = mailbox.receive().await else { panic!("no request") };
            hand.send(reply).await.unwrap();
        });
        let pid = site.reach(&first).await;
        let asked = tokio::spawn({
            let pid = pid.clone();
            async move { pid.ask(Request::Keep).await }
        });
        let reply = handed.recv().await.unwrap();
        first.stopped().await;
        assert!(reply.is_wanted());
        reply.send(9).unwrap();
        assert_eq!(asked.await.unwrap(), Ok(9));
        // To somebody on the asker's own node, and back from there.
        let (pid, other) = (server(site).await, site.here.spawn_fn(serve));
        assert_eq!(pid.ask(|reply| Request::HandOn(other.clone(), reply)).await, Ok(42));
        let third = server(site).await;
        assert_eq!(pid.ask(|reply| Request::HandOn(third.clone(), reply)).await, Ok(42));
    });
}
