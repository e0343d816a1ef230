//! Requests to far actors: each has one outcome.

use std::time::Duration;

use wharf::{AskError, ExitReason, Mailbox, Reply, SendError, Wire};

use super::common::{Msg, Two, adder, run, until_holding};

#[test]
fn a_far_ask_is_answered() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        for n in 1..=10 {
            far.send(Msg::Add(n)).await.unwrap();
        }
        assert_eq!(far.ask(Msg::Total).await, Ok(55));
        two.stop().await;
    });
}

#[test]
fn many_ask_at_once_and_each_has_its_own_answer() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let asks: Vec<_> = (0_usize..200)
            .map(|size| {
                let far = far.clone();
                tokio::spawn(async move {
                    let answer = far.ask(|reply| Msg::Bytes(vec![7; size], reply)).await;
                    assert_eq!(answer, Ok(size as u64));
                })
            })
            .collect();
        for ask in asks {
            ask.await.unwrap();
        }
        two.stop().await;
    });
}

#[test]
fn who_is_asked_and_ends_says_why() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let held = tokio::spawn({
            let far = far.clone();
            async move { far.ask(Msg::Hold).await }
        });
        until_holding(&far).await;
        far.send(Msg::Fail("out of paper".to_owned())).await.unwrap();
        let Err(AskError::Down(reason)) = held.await.unwrap() else { panic!("no down") };
        assert_eq!(reason, ExitReason::failed("out of paper"));
        assert!(matches!(far.stopped().await, ExitReason::NoProc | ExitReason::Failed(_)));
        two.stop().await;
    });
}

#[test]
fn an_ask_of_one_who_has_ended_fails() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        near.stop();
        near.stopped().await;
        let failed = far.ask(Msg::Total).await.unwrap_err();
        assert!(matches!(failed, AskError::Down(_)), "{failed}");
        two.stop().await;
    });
}

#[test]
fn a_request_that_waits_when_the_connection_goes_is_told() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let held = tokio::spawn({
            let far = far.clone();
            async move { far.ask(Msg::Hold).timeout(Duration::from_secs(20)).await }
        });
        until_holding(&far).await;
        two.right.stop().await;
        let failed = held.await.unwrap().unwrap_err();
        assert!(matches!(failed, AskError::NoConnection { .. }), "{failed}");
        two.stop().await;
    });
}

#[test]
fn a_request_that_nobody_answers_ends_by_its_deadline() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let late = far.ask(Msg::Hold).timeout(Duration::from_millis(20)).await;
        assert!(matches!(late, Err(AskError::Timeout { .. })));
        assert_eq!(far.ask(Msg::Total).await, Ok(0));
        two.stop().await;
    });
}

#[test]
fn what_is_too_large_comes_back_and_the_connection_stays() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let failed = far.ask(|reply| Msg::Bytes(vec![0; 1 << 20], reply)).await.unwrap_err();
        assert!(matches!(failed, AskError::NotEncoded { .. }), "{failed}");
        assert_eq!(far.ask(|reply| Msg::Bytes(vec![0; 60_000], reply)).await, Ok(60_000));
        two.stop().await;
    });
}

#[test]
fn a_pid_in_a_message_is_a_pid_at_the_other_end_and_the_same_when_it_comes_home() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        let here = two.left.node().spawn_fn(adder);
        // There and back.
        let back = far.ask(|reply| Msg::Echo(here.clone(), reply)).await.unwrap();
        assert_eq!(back, here);
        // The other one's own.
        let own = far.ask(|reply| Msg::Echo(far.clone(), reply)).await.unwrap();
        assert_eq!(own, far);
        assert_eq!(own.id(), near.id());
        // And it can be sent to from there.
        far.send(Msg::Forward(here.clone(), 7)).await.unwrap();
        far.send(Msg::Forward(here.clone(), 8)).await.unwrap();
        assert_eq!(far.ask(Msg::Total).await, Ok(0));
        assert_eq!(here.ask(Msg::Total).await, Ok(15));
        two.stop().await;
    });
}

#[test]
fn a_send_to_one_who_has_ended_says_so_sooner_or_later() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        far.send(Msg::Add(1)).await.unwrap();
        near.stop();
        near.stopped().await;
        // What was promised before may still be used; after that everybody knows.
        let mut ended = false;
        for _ in 0..100_000 {
            match far.send(Msg::Add(1)).await {
                Ok(()) => tokio::task::yield_now().await,
                Err(SendError::Closed { message, .. }) => {
                    assert!(matches!(message.into_inner(), Msg::Add(1)));
                    ended = true;
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(ended);
        two.stop().await;
    });
}

/// What can be read, and can't always be written.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
struct Frail(u64);

impl serde::Serialize for Frail {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, 13, "as it was told");
        serializer.serialize_newtype_struct("Frail", &self.0)
    }
}

#[derive(Debug, Wire)]
enum Give {
    Give(u64, Reply<Frail>),
}

#[test]
fn an_answer_whose_code_panics_is_none_and_others_are_answered() {
    run(async {
        let two = Two::start().await;
        two.left.connect("mem:right").await.unwrap();
        let near = two.right.node().spawn_fn(async |mut mailbox: Mailbox<Give>| {
            while let Some(Give::Give(n, reply)) = mailbox.receive().await {
                let _ = reply.send(Frail(n));
            }
        });
        two.right.export("giver", &near).unwrap();
        let far = two.left.lookup::<Give>("giver@right").await.unwrap();
        for n in [12, 13, 14] {
            let answer = far.ask(|reply| Give::Give(n, reply)).await;
            assert_eq!(answer, if n == 13 { Err(AskError::NoReply) } else { Ok(Frail(n)) });
        }
        two.stop().await;
    });
}
