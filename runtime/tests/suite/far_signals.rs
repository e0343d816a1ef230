//! Links, monitors, exits and stops across nodes, and what a cut does to them.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::sync::oneshot;
use wharf_runtime::{AskError, Capacity, Event, ExitReason, Mailbox, Pid, SendError, Spawn};

use crate::common::{Gated, gone, poll_once};
use crate::joined::{Msg, joined, notice, patient};

#[test]
fn a_monitor_tells_of_a_far_end_after_what_was_sent_before() {
    joined(async |near, far, wire| {
        let mut guest: Mailbox<Msg> = near.guest();
        let here = wire.pid(guest.pid());
        let actor = far.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.receive().await;
            for n in 0..10 {
                here.send(Msg::Number(n)).await.unwrap();
            }
            ExitReason::custom("done".to_owned())
        });
        let pid = wire.pid(&actor);
        let monitor = guest.monitor(&pid);
        assert_eq!(guest.monitors(), [(monitor, actor.id())]);
        let silent = guest.monitor(&pid);
        assert!(guest.demonitor(silent));
        pid.send(Msg::Number(0)).await.unwrap();
        for n in 0..10 {
            let Some(Event::Message(Msg::Number(seen))) = guest.next().await else { panic!("{n}") };
            assert_eq!((seen, guest.sender()), (n, Some(actor.id())));
        }
        let Some(Event::Down(down)) = guest.next().await else { panic!("no `Down`") };
        assert_eq!((down.monitor, down.subject), (monitor, actor.id()));
        assert_eq!(down.reason, ExitReason::custom("done".to_owned()));
        // The next to ask is told that there was nobody.
        guest.monitor(&pid);
        assert_eq!(notice(&mut guest).await, (actor.id(), ExitReason::NoProc));
        guest.link(&pid);
        assert_eq!(notice(&mut guest).await, (actor.id(), ExitReason::NoProc));
        assert_eq!(pid.stopped().await, ExitReason::NoProc);
    });
}

#[test]
fn an_end_on_either_side_of_a_far_link_ends_the_other() {
    joined(async |near, far, wire| {
        for (one, other) in [(&near, &far), (&far, &near)] {
            let subject = patient(other);
            let away = wire.pid(&subject);
            let (tell, told) = oneshot::channel();
            let linked = one.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
                mailbox.link(&away);
                let _ = tell.send(());
                mailbox.receive().await;
            });
            told.await.unwrap();
            let mut guest: Mailbox<Msg> = one.guest();
            guest.monitor(&linked);
            subject.exit(ExitReason::custom("crash".to_owned()));
            assert_eq!(notice(&mut guest).await, (linked.id(), ExitReason::custom("crash".to_owned())));

            let subject = patient(other);
            let away = wire.pid(&subject);
            let (tell, told) = oneshot::channel();
            let linked = one.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
                mailbox.link(&away);
                let _ = tell.send(());
                mailbox.receive().await;
            });
            told.await.unwrap();
            let mut guest: Mailbox<Msg> = other.guest();
            guest.monitor(&subject);
            linked.kill();
            assert_eq!(notice(&mut guest).await, (subject.id(), ExitReason::Killed));
        }
    });
}

#[test]
fn a_far_link_that_was_taken_down_has_no_effect() {
    joined(async |near, far, wire| {
        let actor = patient(&far);
        let pid = wire.pid(&actor);
        let mut guest: Mailbox<Msg> = near.guest();
        guest.link(&pid);
        guest.unlink(&pid);
        guest.link(&pid);
        guest.unlink(&pid);
        guest.monitor(&pid);
        actor.exit(ExitReason::custom("crash".to_owned()));
        let Some(Event::Down(down)) = guest.next().await else { panic!("no `Down`") };
        assert_eq!(down.reason, ExitReason::custom("crash".to_owned()));
        assert!(poll_once(pin!(guest.next())).is_pending());
    });
}

#[test]
fn stop_kill_and_exit_reach_far_actors() {
    joined(async |near, far, wire| {
        let mut guest: Mailbox<Msg> = near.guest();
        let reason = ExitReason::custom("enough".to_owned());
        type Way = fn(&Pid<Msg>);
        let ways: [(Way, ExitReason); 3] = [
            (Pid::stop, ExitReason::Normal),
            (Pid::kill, ExitReason::Killed),
            (|pid| pid.exit(ExitReason::custom("enough".to_owned())), reason),
        ];
        for (end, reason) in ways {
            let pid = wire.pid(&patient(&far));
            guest.monitor(&pid);
            end(&pid);
            assert_eq!(notice(&mut guest).await, (pid.id(), reason));
        }
    });
}

#[test]
fn a_cut_is_told_through_links_monitors_and_waiting_sends_on_both_sides() {
    joined(async |near, far, wire| {
        let gated = Gated::<Msg>::spawn(Spawn::on(&far).capacity(Capacity::Bounded(1))).await;
        let pid = wire.pid(&gated.pid);
        let mut guest: Mailbox<Msg> = near.guest();
        let mut away: Mailbox<Msg> = far.guest();
        let here = wire.pid(guest.pid());
        guest.link(&pid);
        guest.monitor(&pid);
        away.link(&here);
        away.monitor(&here);
        pid.send(Msg::Number(1)).await.unwrap();
        let mut send = pin!(pid.send(Msg::Number(2)));
        let mut reserve = pin!(pid.reserve());
        let mut ask = pin!(pid.ask(Msg::Local));
        assert!(poll_once(send.as_mut()).is_pending());
        assert!(poll_once(reserve.as_mut()).is_pending());
        assert!(poll_once(ask.as_mut()).is_pending());
        wire.cut();
        let error = send.await.unwrap_err();
        assert!(matches!(error, SendError::NoConnection { .. }), "{error:?}");
        assert!(matches!(error.into_message(), Some(Msg::Number(2))));
        assert!(matches!(reserve.await, Err(SendError::NoConnection { .. })));
        assert_eq!(ask.await, Err(AskError::NoConnection { to: pid.id() }));
        for _ in 0..2 {
            assert_eq!(notice(&mut guest).await, (pid.id(), ExitReason::NoConnection));
        }
        // `away` has a link and a monitor; `guest` has a link that `away` made.
        assert_eq!(notice(&mut guest).await, (away.pid().id(), ExitReason::NoConnection));
        for _ in 0..2 {
            assert_eq!(notice(&mut away).await, (here.id(), ExitReason::NoConnection));
        }
        // From now on all is refused at once.
        guest.monitor(&pid);
        assert_eq!(notice(&mut guest).await, (pid.id(), ExitReason::NoConnection));
        guest.link(&pid);
        assert_eq!(notice(&mut guest).await, (pid.id(), ExitReason::NoConnection));
        let error = pid.try_send(Msg::Number(3)).unwrap_err();
        assert!(matches!(error, SendError::NoConnection { .. }) && !error.is_closed(), "{error:?}");
        assert_eq!(pid.stopped().await, ExitReason::NoConnection);
        assert!(guest.monitors().is_empty() && away.monitors().is_empty());
        // Linked with `guest`, and not trapping exits.
        gone(&gated.pid).await;
    });
}

#[test]
fn a_cut_ends_actors_that_are_linked_across_it() {
    joined(async |near, far, wire| {
        let (one, other) = (patient(&near), patient(&far));
        let away = wire.pid(&other);
        let (tell, told) = oneshot::channel();
        let linked = near.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.link(&away);
            let _ = tell.send(());
            mailbox.receive().await;
        });
        told.await.unwrap();
        let mut guests: [Mailbox<Msg>; 2] = [near.guest(), far.guest()];
        guests[0].monitor(&linked);
        guests[1].monitor(&other);
        wire.cut();
        assert_eq!(notice(&mut guests[0]).await, (linked.id(), ExitReason::NoConnection));
        assert_eq!(notice(&mut guests[1]).await, (other.id(), ExitReason::NoConnection));
        one.stop();
        gone(&one).await;
    });
}

#[test]
fn an_unlink_that_is_not_acknowledged_is_remembered_until_the_cut() {
    joined(async |near, far, wire| {
        let actor = patient(&far);
        let pid = wire.pid(&actor);
        wire.drops_acks.store(true, Ordering::SeqCst);
        let mut guest: Mailbox<Msg> = near.guest();
        guest.link(&pid);
        guest.unlink(&pid);
        // The far side has taken it in once it has answered what came after.
        actor.stop();
        gone(&actor).await;
        drop(pid);
        assert!(near.find(actor.id()).is_some());
        wire.cut();
        assert!(poll_once(pin!(guest.next())).is_pending(), "the link had no effect any more");
        assert_eq!(near.find(actor.id()), None);
    });
}

/// Lets both receive their signals, and says what notices they got and whether they are linked, which they
/// must agree on.
fn settled(here: &mut Mailbox<Msg>, away: &mut Mailbox<Msg>) -> (Vec<ExitReason>, bool) {
    let mut seen = Vec::new();
    // An acknowledgement goes to and fro.
    for _ in 0..4 {
        for mailbox in [&mut *here, &mut *away] {
            while let Poll::Ready(event) = poll_once(pin!(mailbox.next())) {
                let Some(Event::Exit(exit)) = event else { panic!("{event:?}") };
                seen.push(exit.reason);
            }
        }
    }
    assert_eq!(here.links().is_empty(), away.links().is_empty(), "one is linked alone");
    (seen, !here.links().is_empty())
}

#[test]
fn a_link_made_before_a_cut_was_heard_of_is_told_of_it_and_leaves_nobody_linked_alone() {
    joined(async |near, far, wire| {
        let (mut guest, mut away): (Mailbox<Msg>, Mailbox<Msg>) = (near.guest(), far.guest());
        let pid = wire.pid(away.pid());
        let here = wire.pid(guest.pid());
        let linked = |guest: &mut Mailbox<Msg>, away: &mut Mailbox<Msg>| {
            guest.link(&pid);
            assert_eq!(settled(guest, away), (vec![], true));
        };

        // Linked, cut, and unheard of: a new link.
        linked(&mut guest, &mut away);
        wire.cut();
        wire.mend();
        guest.unlink(&pid);
        guest.link(&pid);
        assert!(!settled(&mut guest, &mut away).1);
        linked(&mut guest, &mut away);

        // Refused for want of a connection, and unheard of.
        guest.unlink(&pid);
        settled(&mut guest, &mut away);
        wire.cut();
        guest.link(&pid);
        wire.mend();
        guest.unlink(&pid);
        guest.link(&pid);
        assert_eq!(settled(&mut guest, &mut away), (vec![ExitReason::NoConnection], false));
        linked(&mut guest, &mut away);

        // The other's unlink comes, and is unheard of.
        guest.unlink(&pid);
        away.unlink(&here);
        wire.cut();
        wire.mend();
        guest.link(&pid);
        assert!(!settled(&mut guest, &mut away).1);
        linked(&mut guest, &mut away);
        guest.unlink(&pid);
        settled(&mut guest, &mut away);
        // Whoever has handled all of it is remembered by nobody.
        drop((pid, here));
        assert!(near.find(away.pid().id()).is_none());
    });
}
