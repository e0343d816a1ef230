//! Links, monitors and exits between nodes.

use wharf::{Event, ExitReason, Mailbox};

use super::common::{Msg, Two, adder, run};

#[test]
fn a_far_monitor_tells_why_after_all_messages() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        let echo = near.clone();
        let seen = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            let monitor = mailbox.monitor(&far);
            // What it sends before its end comes before the down.
            far.send(Msg::Forward(mailbox.pid().clone(), 3)).await.unwrap();
            far.send(Msg::Fail("done".to_owned())).await.unwrap();
            let Some(Event::Message(Msg::Add(3))) = mailbox.next().await else { panic!("no message") };
            let Some(Event::Down(down)) = mailbox.next().await else { panic!("no down") };
            assert_eq!((down.monitor, down.subject), (monitor, far.id()));
            assert_eq!(down.reason, ExitReason::failed("done"));
        });
        assert_eq!(seen.stopped().await, ExitReason::Normal);
        assert!(!echo.is_alive());
        two.stop().await;
    });
}

#[test]
fn a_monitor_of_one_who_has_ended_tells_no_proc() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        near.stop();
        near.stopped().await;
        let seen = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.monitor(&far);
            let Some(Event::Down(down)) = mailbox.next().await else { panic!("no down") };
            assert_eq!(down.reason, ExitReason::NoProc);
        });
        assert_eq!(seen.stopped().await, ExitReason::Normal);
        two.stop().await;
    });
}

#[test]
fn who_is_linked_across_a_connection_dies_of_the_other_end() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        let linked = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.link(&far);
            far.send(Msg::Panic).await.unwrap();
            while mailbox.receive().await.is_some() {}
        });
        assert!(matches!(linked.stopped().await, ExitReason::Panicked(_)));
        assert!(!near.is_alive());
        two.stop().await;
    });
}

#[test]
fn a_link_goes_both_ways() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        let linked = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.link(&far);
            // In order with what it sends.
            assert_eq!(far.ask(Msg::Total).await, Ok(0));
            Err::<(), _>(ExitReason::failed("no more"))
        });
        let (left, right) = tokio::join!(linked.stopped(), near.stopped());
        assert_eq!(left, ExitReason::failed("no more"));
        assert_eq!(right, ExitReason::failed("no more"));
        two.stop().await;
    });
}

#[test]
fn a_cut_is_no_connection_for_each_link_and_monitor_once() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        let left = two.left.clone();
        let seen = two.left.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.trap_exit(true);
            mailbox.link(&far);
            let first = mailbox.monitor(&far);
            let second = mailbox.monitor(&far);
            assert_eq!(far.ask(Msg::Total).await, Ok(0));
            left.stop().await;
            let (mut exits, mut downs) = (0, Vec::new());
            for _ in 0..3 {
                match mailbox.next().await {
                    Some(Event::Exit(exit)) => {
                        assert_eq!(exit.reason, ExitReason::NoConnection);
                        exits += 1;
                    }
                    Some(Event::Down(down)) => {
                        assert_eq!(down.reason, ExitReason::NoConnection);
                        downs.push(down.monitor);
                    }
                    other => panic!("{other:?}"),
                }
            }
            downs.sort_unstable();
            assert_eq!((exits, downs), (1, vec![first, second]));
            // And nothing comes after that.
            mailbox.pid().send(Msg::Add(1)).await.unwrap();
            assert!(matches!(mailbox.next().await, Some(Event::Message(Msg::Add(1)))));
        });
        assert_eq!(seen.stopped().await, ExitReason::Normal);
        // The link was cut at the other end, too.
        assert_eq!(near.stopped().await, ExitReason::NoConnection);
        two.stop().await;
    });
}

#[test]
fn a_far_actor_is_stopped_and_killed_as_a_near_one() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        far.send(Msg::Add(1)).await.unwrap();
        let (reason, ()) = tokio::join!(far.stopped(), async { far.stop() });
        assert_eq!(reason, ExitReason::Normal);
        assert!(!near.is_alive());
        let other = two.right.node().spawn_fn(adder);
        two.right.export("other", &other).unwrap();
        let far = two.left.lookup::<Msg>("other@right").await.unwrap();
        // The monitor goes before the kill.
        let (reason, ()) = tokio::join!(far.stopped(), async { far.kill() });
        assert_eq!(reason, ExitReason::Killed);
        two.stop().await;
    });
}
