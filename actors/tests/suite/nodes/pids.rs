//! Pids of other nodes' actors, in programs and in messages.

use std::collections::HashSet;

use wharf::{DeadLetterCause, ExitReason, Mailbox};

use super::common::{Msg, Two, adder, run};
use super::site::eventually;

#[test]
fn a_far_pid_is_a_pid_like_any_other() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        assert_eq!((far.id(), far.id().node()), (near.id(), two.right.node().id()));
        assert_eq!(far.to_string(), near.to_string());
        let again = two.left.lookup::<Msg>("adder@right").await.unwrap();
        assert_eq!(HashSet::from([far.clone(), again, far.clone()]).len(), 1);
        two.stop().await;
    });
}

#[test]
fn a_pid_that_comes_home_is_the_actor_itself() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        // Of whoever sends it, and of whoever gets it.
        let here = two.left.node().spawn_fn(adder);
        let back = far.ask(|reply| Msg::Echo(here.clone(), reply)).await.unwrap();
        assert_eq!((&back, back.any()), (&here, here.any()));
        let own = far.ask(|reply| Msg::Echo(far.clone(), reply)).await.unwrap();
        assert_eq!((own.id(), own.any()), (near.id(), far.any()));
        // Nobody exported it by name: having been sent is enough.
        far.send(Msg::Forward(here.clone(), 4)).await.unwrap();
        assert_eq!(far.ask(Msg::Total).await, Ok(0));
        assert_eq!(here.ask(Msg::Total).await, Ok(4));
        two.stop().await;
    });
}

#[test]
fn stopped_tells_the_reason_of_a_far_end_or_that_nobody_is_there() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let watched = far.stopped();
        far.send(Msg::Fail("no more".to_owned())).await.unwrap();
        assert_eq!(watched.await, ExitReason::failed("no more"));
        // Its node has forgotten the reason.
        assert_eq!(far.stopped().await, ExitReason::NoProc);
        two.right.node().stop().await;
        assert!(matches!(far.stopped().await, ExitReason::NoConnection | ExitReason::NoProc));
        two.left.node().stop().await;
    });
}

#[test]
fn what_comes_for_who_has_ended_is_a_dead_letter_there() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        let dead = || two.right.node().stats().dead(DeadLetterCause::NoProc);
        assert_eq!(far.ask(Msg::Total).await, Ok(0));
        // Room for these was promised while it lived.
        near.kill();
        near.stopped().await;
        let mut sent = 0;
        for _ in 0..100_000 {
            match far.send(Msg::Add(1)).await {
                Ok(()) => sent += 1,
                Err(error) => {
                    assert!(error.is_closed(), "{error}");
                    break;
                }
            }
            tokio::task::yield_now().await;
        }
        eventually("each that left is a dead letter", || dead() == sent).await;
        assert_eq!(two.left.node().stats().all_dead(), 0);
        two.stop().await;
    });
}

#[test]
fn a_guest_is_known_to_other_nodes_as_actors_are() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let mut me: Mailbox<Msg> = two.left.node().guest();
        let pid = me.pid().clone();
        far.send(Msg::Forward(pid, 6)).await.unwrap();
        assert!(matches!(me.receive().await, Some(Msg::Add(6))));
        assert_eq!(me.sender(), Some(far.id()));
        two.stop().await;
    });
}
