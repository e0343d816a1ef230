//! What a cut does, and what comes after it.

use std::time::Duration;

use wharf::net::EndCause;
use wharf::{AskError, ExitReason, SendError};

use super::common::{Msg, adder, until_holding};
use super::rope::{Roped, told_of};

/// Runs a test under virtual time, which goes on when everybody waits.
fn in_virtual_time(test: impl Future<Output = ()>) {
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        tokio::time::timeout(Duration::from_secs(3600), test).await.expect("it hangs");
    });
}

#[test]
fn a_cut_is_no_connection_though_the_actor_lives_and_its_pid_is_good_again() {
    in_virtual_time(async {
        let roped = Roped::start().await;
        roped.far.send(Msg::Add(5)).await.unwrap();
        let to = roped.far.clone();
        let (watcher, mut told) = told_of(move |mailbox| _ = mailbox.monitor(&to), roped.left.node()).await;
        let held = tokio::spawn({
            let far = roped.far.clone();
            async move { far.ask(Msg::Hold).timeout(Duration::from_secs(60)).await }
        });
        until_holding(&roped.far).await;
        roped.rope.cut();
        assert_eq!(told.recv().await, Some(ExitReason::NoConnection));
        assert_eq!(held.await.unwrap(), Err(AskError::NoConnection { to: roped.far.id() }));
        assert!(roped.near.is_alive());
        // Nobody calls `connect` again.
        roped.until_joined().await;
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(5));
        roped.far.send(Msg::Add(2)).await.unwrap();
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(7));
        // The monitor was answered; of the end that comes now it says nothing more.
        let stopped = roped.far.stopped();
        roped.far.stop();
        assert_eq!(stopped.await, ExitReason::Normal);
        watcher.send(Msg::Panic).await.unwrap();
        assert_eq!(told.recv().await, None);
        roped.stop().await;
    });
}

#[test]
fn what_was_lost_by_the_wire_is_not_sent_again() {
    in_virtual_time(async {
        let roped = Roped::start().await;
        roped.far.send(Msg::Add(1)).await.unwrap();
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(1));
        let handled = roped.right.node().stats().handled;
        let to = roped.far.clone();
        let (_watcher, mut told) = told_of(move |mailbox| _ = mailbox.monitor(&to), roped.left.node()).await;
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(1));
        roped.rope.hold();
        for _ in 0..3 {
            // Each has its room and its place in the order: that is what `Ok` says.
            roped.far.send(Msg::Add(100)).await.unwrap();
        }
        roped.rope.cut();
        roped.rope.let_go();
        assert_eq!(told.recv().await, Some(ExitReason::NoConnection));
        roped.until_joined().await;
        roped.far.send(Msg::Add(1)).await.unwrap();
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(2));
        // What has arrived is accounted for there: two questions, one of them before, and one message.
        let stats = roped.right.node().stats();
        assert_eq!((stats.handled - handled, stats.all_dead()), (3, 0));
        roped.stop().await;
    });
}

#[test]
fn a_send_without_a_connection_gives_the_message_back() {
    in_virtual_time(async {
        let roped = Roped::start().await;
        roped.rope.tear(true);
        roped.rope.cut();
        roped.until_apart().await;
        // Calls fail, and the next one waits: nobody waits with it.
        let unsent = roped.far.send(Msg::Add(3)).await.unwrap_err();
        assert!(matches!(unsent, SendError::NoConnection { .. }), "{unsent}");
        assert!(matches!(unsent.into_message(), Some(Msg::Add(3))));
        let unasked = roped.far.ask(Msg::Total).await;
        assert_eq!(unasked, Err(AskError::NoConnection { to: roped.far.id() }));
        assert!(matches!(roped.far.try_send(Msg::Add(3)), Err(SendError::NoConnection { .. })));
        roped.rope.tear(false);
        roped.until_joined().await;
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(0));
        roped.stop().await;
    });
}

#[test]
fn who_is_not_heard_is_given_up_at_both_ends() {
    in_virtual_time(async {
        let roped = Roped::start().await;
        let to = roped.far.clone();
        let (_watcher, mut told) = told_of(move |mailbox| mailbox.link(&to), roped.left.node()).await;
        assert_eq!(roped.far.ask(Msg::Total).await, Ok(0));
        let (left, right) = (roped.left.monitor_node("right"), roped.right.monitor_node("left"));
        // The line stays open, and nothing comes over it.
        roped.rope.hold();
        let (left, right) = tokio::join!(left, right);
        assert_eq!((left.node.as_str(), right.node.as_str()), ("right", "left"));
        for down in [left, right] {
            assert!(matches!(down.cause, Some(EndCause::Silent | EndCause::Unheard)), "{down}");
        }
        assert_eq!(told.recv().await, Some(ExitReason::NoConnection));
        // The other end of the link dies of it, alive and connected or not.
        assert_eq!(roped.near.stopped().await, ExitReason::NoConnection);
        roped.rope.let_go();
        roped.stop().await;
    });
}

#[test]
fn signals_take_effect_once_however_often_the_connection_is_cut() {
    in_virtual_time(async {
        let roped = Roped::start().await;
        for round in 0..6 {
            let near = roped.right.node().spawn_fn(adder);
            roped.right.export("again", &near).unwrap();
            let far = roped.left.lookup::<Msg>("again@right").await.unwrap();
            let to = far.clone();
            let (watcher, mut told) = told_of(
                move |mailbox| {
                    mailbox.link(&to);
                    mailbox.monitor(&to);
                    mailbox.monitor(&to);
                },
                roped.left.node(),
            )
            .await;
            assert_eq!(far.ask(Msg::Total).await, Ok(0));
            // The end may be told before the cut, or on its way, or neither.
            match round % 3 {
                0 => near.stop(),
                1 => {
                    roped.rope.hold();
                    near.stop();
                    near.stopped().await;
                }
                _ => {
                    near.stop();
                    near.stopped().await;
                }
            }
            roped.rope.cut();
            roped.rope.let_go();
            for _ in 0..3 {
                let reason = told.recv().await.unwrap();
                assert!(
                    matches!(reason, ExitReason::Normal | ExitReason::NoConnection | ExitReason::NoProc),
                    "{reason}"
                );
            }
            roped.until_apart().await;
            roped.until_joined().await;
            watcher.send(Msg::Panic).await.unwrap();
            assert_eq!(told.recv().await, None, "a fourth notice");
        }
        roped.stop().await;
    });
}
