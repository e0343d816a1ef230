//! Near and far: how ends, links and monitors act on others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};
use wharf::{Event, ExitReason, Mailbox, Pid, Reply, Wire};

use super::site::{Site, near_and_far};

#[derive(Debug, Wire)]
enum Order {
    Link(Pid<Self>),
    Unlink(Pid<Self>),
    Trap(bool),
    Ping(Reply<()>),
    End(Ending),
}

/// Reasons that travel as orders.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum Ending {
    Normal,
    Shutdown,
    ShutdownWith,
    Kill,
    Killed,
    Custom,
    Failed,
    Panicked,
}

impl Ending {
    fn reason(self) -> ExitReason {
        match self {
            Self::Normal => ExitReason::Normal,
            Self::Shutdown => ExitReason::Shutdown,
            Self::ShutdownWith => ExitReason::shutdown_with(vec![1, 2]),
            Self::Kill => ExitReason::Kill,
            Self::Killed => ExitReason::Killed,
            Self::Custom => ExitReason::custom("out of paper"),
            Self::Failed => ExitReason::failed("no ink"),
            Self::Panicked => panic!("as it was told"),
        }
    }
}

/// Does as it is told, and passes on the exits that it sees.
async fn obey(mut mailbox: Mailbox<Order>, tell: mpsc::UnboundedSender<ExitReason>) -> ExitReason {
    while let Some(event) = mailbox.next().await {
        match event {
            Event::Message(Order::Link(peer)) => mailbox.link(&peer),
            Event::Message(Order::Unlink(peer)) => mailbox.unlink(&peer),
            Event::Message(Order::Trap(trap)) => _ = mailbox.trap_exit(trap),
            Event::Message(Order::Ping(reply)) => _ = reply.send(()),
            Event::Message(Order::End(ending)) => return ending.reason(),
            Event::Exit(exit) => tell.send(exit.reason).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    ExitReason::Normal
}

/// One there, as it is known here, and what it sees.
async fn obedient(site: &Site) -> (Pid<Order>, mpsc::UnboundedReceiver<ExitReason>) {
    let (tell, seen) = mpsc::unbounded_channel();
    let near = site.there.spawn_fn(async |mailbox| obey(mailbox, tell).await);
    (site.reach(&near).await, seen)
}

/// One here.
fn beside(site: &Site) -> Pid<Order> {
    let (tell, _) = mpsc::unbounded_channel();
    site.here.spawn_fn(async |mailbox| obey(mailbox, tell).await)
}

/// What an exit signal comes to.
#[derive(PartialEq, Debug)]
enum Effect {
    Ignored,
    Seen(ExitReason),
    Death(ExitReason),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    /// Somebody here calls `exit`.
    Sent,
    /// Somebody here is linked with the subject and ends.
    Linked,
    /// As `Linked`, but the link was taken down before.
    Unlinked,
}

async fn effect(site: &Site, how: How, trap: bool, ending: Ending) -> Effect {
    let (subject, mut seen) = obedient(site).await;
    let stopped = subject.stopped();
    subject.send(Order::Trap(trap)).await.unwrap();
    subject.ask(Order::Ping).await.unwrap();
    let (sender, to) = (beside(site), subject.clone());
    if how != How::Sent {
        sender.send(Order::Link(to.clone())).await.unwrap();
    }
    if how == How::Unlinked {
        sender.send(Order::Unlink(to.clone())).await.unwrap();
    }
    sender.ask(Order::Ping).await.unwrap();
    if how == How::Sent {
        // As one actor, so that the question comes after the signal.
        let (tell, told) = oneshot::channel();
        site.act(async move |_| {
            to.ask(Order::Ping).await.unwrap();
            to.exit(ending.reason());
            tell.send(to.ask(Order::Ping).await.is_ok()).unwrap();
        })
        .await;
        if !told.await.unwrap() {
            return Effect::Death(stopped.await);
        }
    } else {
        let asker = site.here.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            let watched = sender.clone();
            mailbox.monitor(&watched);
            sender.send(Order::End(ending)).await.unwrap();
            mailbox.next().await;
        });
        asker.stopped().await;
        // Who is linked is told before who watches; over a connection, in that order.
        if subject.ask(Order::Ping).await.is_err() {
            return Effect::Death(stopped.await);
        }
    }
    let effect = seen.try_recv().map_or(Effect::Ignored, Effect::Seen);
    subject.kill();
    effect
}

#[test]
fn exit_signals_have_the_effects_of_the_table_near_and_far() {
    use How::{Linked, Sent, Unlinked};

    near_and_far(async |site| {
        let custom = || ExitReason::custom("out of paper");
        let rows = [
            (Sent, false, Ending::Normal, Effect::Ignored),
            (Sent, true, Ending::Normal, Effect::Seen(ExitReason::Normal)),
            (Sent, false, Ending::Custom, Effect::Death(custom())),
            (Sent, true, Ending::Custom, Effect::Seen(custom())),
            (Sent, false, Ending::Shutdown, Effect::Death(ExitReason::Shutdown)),
            (Sent, false, Ending::Kill, Effect::Death(ExitReason::Killed)),
            (Sent, true, Ending::Kill, Effect::Death(ExitReason::Killed)),
            (Sent, true, Ending::Killed, Effect::Seen(ExitReason::Killed)),
            (Linked, false, Ending::Normal, Effect::Ignored),
            (Linked, true, Ending::Normal, Effect::Seen(ExitReason::Normal)),
            (Linked, false, Ending::Custom, Effect::Death(custom())),
            (Linked, true, Ending::Custom, Effect::Seen(custom())),
            (Linked, false, Ending::Kill, Effect::Death(ExitReason::Kill)),
            (Linked, true, Ending::Kill, Effect::Seen(ExitReason::Kill)),
            (Linked, false, Ending::Killed, Effect::Death(ExitReason::Killed)),
            (Unlinked, false, Ending::Custom, Effect::Ignored),
            (Unlinked, true, Ending::Custom, Effect::Ignored),
        ];
        for (how, trap, ending, expected) in rows {
            let row = format!("{how:?}, trapping: {trap}, {ending:?}, far: {}", site.is_far());
            assert_eq!(effect(site, how, trap, ending).await, expected, "{row}");
        }
    });
}

#[test]
fn every_kind_of_reason_is_told_near_and_far() {
    wharf::panic::install();
    near_and_far(async |site| {
        for ending in [
            Ending::Normal,
            Ending::Shutdown,
            Ending::ShutdownWith,
            Ending::Kill,
            Ending::Killed,
            Ending::Custom,
            Ending::Failed,
        ] {
            let (subject, _) = obedient(site).await;
            let stopped = subject.stopped();
            subject.send(Order::End(ending)).await.unwrap();
            let reason = stopped.await;
            assert_eq!(reason, ending.reason());
            assert_eq!(reason.to_string(), ending.reason().to_string());
        }
        let (subject, _) = obedient(site).await;
        let stopped = subject.stopped();
        subject.send(Order::End(Ending::Panicked)).await.unwrap();
        let ExitReason::Panicked(info) = stopped.await else { panic!("another reason") };
        assert_eq!(info.message(), "as it was told");
        assert!(info.location().is_some_and(|place| place.contains("both_ends.rs")), "{info:?}");
    });
}

#[test]
fn who_is_killed_shows_as_killed_near_and_far() {
    near_and_far(async |site| {
        let (victim, _) = obedient(site).await;
        let linked = beside(site);
        let stopped = linked.stopped();
        linked.send(Order::Link(victim.clone())).await.unwrap();
        linked.ask(Order::Ping).await.unwrap();
        // Behind the link, from the one who made it.
        linked.send(Order::Ping(Reply::none())).await.unwrap();
        let killed = victim.stopped();
        victim.kill();
        assert_eq!((killed.await, stopped.await), (ExitReason::Killed, ExitReason::Killed));
    });
}

#[test]
fn a_link_works_both_ways_near_and_far() {
    near_and_far(async |site| {
        for made_there in [true, false] {
            for ends_there in [true, false] {
                let ((there, _), here) = (obedient(site).await, beside(site));
                let (from, to) =
                    if made_there { (there.clone(), here.clone()) } else { (here.clone(), there.clone()) };
                from.send(Order::Link(to)).await.unwrap();
                from.ask(Order::Ping).await.unwrap();
                let (ends, other) = if ends_there { (&there, &here) } else { (&here, &there) };
                let stopped = other.stopped();
                ends.send(Order::End(Ending::Failed)).await.unwrap();
                assert_eq!(stopped.await, ExitReason::failed("no ink"), "{made_there} {ends_there}");
            }
        }
    });
}

#[test]
fn links_and_monitors_of_who_has_ended_give_no_proc_near_and_far() {
    near_and_far(async |site| {
        let (gone, _) = obedient(site).await;
        let stopped = gone.stopped();
        gone.stop();
        stopped.await;
        site.act(async move |mut mailbox| {
            mailbox.trap_exit(true);
            let monitor = mailbox.monitor(&gone);
            mailbox.link(&gone);
            let (mut downs, mut exits) = (0, 0);
            for _ in 0..2 {
                match mailbox.next().await {
                    Some(Event::Down(down)) => {
                        assert_eq!((down.monitor, down.subject), (monitor, gone.id()));
                        assert_eq!(down.reason, ExitReason::NoProc);
                        downs += 1;
                    }
                    Some(Event::Exit(exit)) => {
                        assert_eq!((exit.from, exit.reason), (gone.id(), ExitReason::NoProc));
                        exits += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((downs, exits), (1, 1));
        })
        .await;
    });
}

#[test]
fn each_monitor_gives_one_down_near_and_far() {
    near_and_far(async |site| {
        let (subject, _) = obedient(site).await;
        site.act(async move |mut mailbox| {
            let mut monitors = [(); 5].map(|()| mailbox.monitor(&subject));
            subject.send(Order::End(Ending::Custom)).await.unwrap();
            let mut told = Vec::new();
            for _ in 0..5 {
                let Some(Event::Down(down)) = mailbox.next().await else { panic!("no down") };
                assert_eq!(down.reason, ExitReason::custom("out of paper"));
                told.push(down.monitor);
            }
            told.sort_unstable();
            monitors.sort_unstable();
            assert_eq!((told, mailbox.monitors()), (monitors.to_vec(), Vec::new()));
        })
        .await;
    });
}

#[test]
fn a_monitor_set_after_a_kill_is_answered_near_and_far() {
    near_and_far(async |site| {
        for _ in 0..20 {
            let (subject, _) = obedient(site).await;
            site.act(async move |mut mailbox| {
                subject.kill();
                mailbox.monitor(&subject);
                let Some(Event::Down(down)) = mailbox.next().await else { panic!("no down") };
                assert!(matches!(down.reason, ExitReason::Killed | ExitReason::NoProc), "{}", down.reason);
            })
            .await;
        }
    });
}

/// Says when it is dropped.
struct State(Arc<AtomicBool>);

impl Drop for State {
    fn drop(&mut self) {
        // Relaxed: read after a signal that was sent later.
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_state_is_dropped_before_anyone_is_told_near_and_far() {
    near_and_far(async |site| {
        let dropped = Arc::new(AtomicBool::new(false));
        let state = State(Arc::clone(&dropped));
        let subject = site.there.spawn_fn(async move |mut mailbox: Mailbox<Order>| {
            let _state = &state;
            mailbox.receive().await;
        });
        let subject = site.reach(&subject).await;
        site.act(async move |mut mailbox| {
            mailbox.monitor(&subject);
            subject.kill();
            assert!(matches!(mailbox.next().await, Some(Event::Down(_))));
            assert!(dropped.load(Ordering::Relaxed));
        })
        .await;
    });
}
