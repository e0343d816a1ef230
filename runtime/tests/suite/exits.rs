//! Exit signals and links from end to end: the table of the Erlang reference manual.

use tokio::sync::{mpsc, oneshot};
use wharf_runtime::{AnyPid, Event, ExitReason, Mailbox, Node, Pid, Reply, Spawn};

use crate::common::{Tally, ends_as_told, eventually, everywhere, gone};

enum Order {
    Link(AnyPid),
    Unlink(AnyPid),
    Trap(bool),
    Ping(Reply<()>),
    EndWith(ExitReason),
}

/// An actor that does as told and passes on the exits it sees.
fn obedient(node: &Node) -> (Pid<Order>, mpsc::UnboundedReceiver<ExitReason>) {
    let (tell, seen) = mpsc::unbounded_channel();
    let pid = node.spawn_fn(async move |mut mailbox: Mailbox<Order>| {
        while let Some(event) = mailbox.next().await {
            match event {
                Event::Message(Order::Link(peer)) => mailbox.link(&peer),
                Event::Message(Order::Unlink(peer)) => mailbox.unlink(&peer),
                Event::Message(Order::Trap(trap)) => {
                    mailbox.trap_exit(trap);
                }
                Event::Message(Order::Ping(reply)) => drop(reply.send(())),
                Event::Message(Order::EndWith(reason)) => return reason,
                Event::Exit(exit) => tell.send(exit.reason).unwrap(),
                _ => panic!("it monitors nobody"),
            }
        }
        ExitReason::Normal
    });
    (pid, seen)
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
    /// The sender calls `exit`.
    Sent,
    /// The sender is linked with the subject and ends.
    Linked,
    /// As `Linked`, but the link was taken down before.
    Unlinked,
}

async fn effect(node: &Node, how: How, trap: bool, reason: ExitReason) -> Effect {
    let (subject, mut seen) = obedient(node);
    let mut watcher = node.guest::<()>();
    watcher.monitor(&subject);
    subject.send(Order::Trap(trap)).await.unwrap();
    let sender = ends_as_told(node);
    match how {
        How::Sent => {
            subject.ask(Order::Ping).await.unwrap();
            subject.exit(reason);
            sender.send(ExitReason::Normal).await.unwrap();
        }
        How::Linked => {
            subject.send(Order::Link(sender.any())).await.unwrap();
            subject.ask(Order::Ping).await.unwrap();
            sender.send(reason).await.unwrap();
        }
        How::Unlinked => {
            subject.send(Order::Link(sender.any())).await.unwrap();
            subject.send(Order::Unlink(sender.any())).await.unwrap();
            subject.ask(Order::Ping).await.unwrap();
            sender.send(reason).await.unwrap();
        }
    }
    // Those linked are told before those that watch.
    gone(&sender).await;
    if subject.ask(Order::Ping).await.is_err() {
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        return Effect::Death(down.reason);
    }
    let effect = seen.try_recv().map_or(Effect::Ignored, Effect::Seen);
    subject.kill();
    effect
}

#[test]
fn exit_signals_have_the_effects_of_the_table() {
    use ExitReason::{Kill, Killed, Normal, Shutdown};
    use How::{Linked, Sent, Unlinked};

    everywhere(async |node| {
        let custom = || ExitReason::custom("out of paper");
        let rows = [
            (Sent, false, Normal, Effect::Ignored),
            (Sent, true, Normal, Effect::Seen(Normal)),
            (Sent, false, custom(), Effect::Death(custom())),
            (Sent, true, custom(), Effect::Seen(custom())),
            (Sent, false, Shutdown, Effect::Death(Shutdown)),
            (Sent, false, Kill, Effect::Death(Killed)),
            (Sent, true, Kill, Effect::Death(Killed)),
            (Sent, true, Killed, Effect::Seen(Killed)),
            (Linked, false, Normal, Effect::Ignored),
            (Linked, true, Normal, Effect::Seen(Normal)),
            (Linked, false, custom(), Effect::Death(custom())),
            (Linked, true, custom(), Effect::Seen(custom())),
            (Linked, false, Kill, Effect::Death(Kill)),
            (Linked, true, Kill, Effect::Seen(Kill)),
            (Linked, false, Killed, Effect::Death(Killed)),
            (Unlinked, false, custom(), Effect::Ignored),
            (Unlinked, true, custom(), Effect::Ignored),
        ];
        for (how, trap, reason, expected) in rows {
            let row = format!("{how:?}, trapping: {trap}, {reason:?}");
            assert_eq!(effect(&node, how, trap, reason).await, expected, "{row}");
        }
    });
}

#[test]
fn a_kill_shows_as_killed_to_those_linked() {
    everywhere(async |node| {
        let victim = ends_as_told(&node);
        let (linked, _) = obedient(&node);
        let mut watcher = node.guest::<()>();
        watcher.monitor(&linked);
        linked.send(Order::Link(victim.any())).await.unwrap();
        linked.ask(Order::Ping).await.unwrap();
        victim.kill();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::Killed);
    });
}

#[test]
fn an_exit_sent_to_oneself_ends_even_if_normal() {
    everywhere(async |node| {
        for reason in [ExitReason::Normal, ExitReason::custom(1), ExitReason::Kill] {
            let (go, wait) = oneshot::channel::<()>();
            let (never, forever) = oneshot::channel::<()>();
            let sent = reason.clone();
            let pid = node.spawn_fn(async move |mailbox: Mailbox<()>| {
                wait.await.unwrap();
                mailbox.pid().exit(sent);
                let _ = forever.await;
            });
            let mut watcher = node.guest::<()>();
            watcher.monitor(&pid);
            go.send(()).unwrap();
            let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
            let expected = if reason == ExitReason::Kill { ExitReason::Killed } else { reason };
            assert_eq!(down.reason, expected);
            drop(never);
        }
    });
}

#[test]
fn a_link_with_a_dead_actor_gives_an_exit_with_no_proc() {
    everywhere(async |node| {
        let dead = ends_as_told(&node);
        dead.send(ExitReason::Normal).await.unwrap();
        gone(&dead).await;
        let mut me = node.guest::<()>();
        me.link(&dead);
        let Some(Event::Exit(exit)) = me.next().await else { panic!("no exit") };
        assert_eq!((exit.from, exit.reason), (dead.id(), ExitReason::NoProc));
    });
}

#[test]
fn an_actor_spawned_with_a_link_takes_its_spawner_down() {
    everywhere(async |node| {
        let (tell, child) = oneshot::channel();
        let parent = node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            let child = Spawn::on(&mailbox.node()).link().spawn_fn(async |mut mailbox: Mailbox<()>| {
                mailbox.receive().await;
                ExitReason::custom("broken")
            });
            tell.send(child).unwrap();
            mailbox.receive().await;
        });
        let child = child.await.unwrap();
        let mut watcher = node.guest::<()>();
        watcher.monitor(&parent);
        child.send(()).await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom("broken"));
    });
}

#[test]
fn a_link_works_both_ways_whoever_made_it() {
    everywhere(async |node| {
        let (a, _) = obedient(&node);
        let (b, _) = obedient(&node);
        let mut watcher = node.guest::<()>();
        watcher.monitor(&b);
        b.send(Order::Link(a.any())).await.unwrap();
        b.ask(Order::Ping).await.unwrap();
        a.send(Order::Link(b.any())).await.unwrap();
        a.send(Order::EndWith(ExitReason::custom(3))).await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom(3));
    });
}

#[test]
fn the_state_of_an_actor_is_dropped_before_anyone_is_told_of_its_end() {
    everywhere(async |node| {
        let tally = Tally::default();
        for reason in [ExitReason::Normal, ExitReason::custom(1), ExitReason::Kill] {
            let token = tally.token();
            let (keep, wait) = oneshot::channel::<()>();
            let pid = node.spawn_fn(async move |_: Mailbox<()>| {
                let _token = token;
                let _ = wait.await;
            });
            let mut watcher = node.guest::<()>();
            watcher.monitor(&pid);
            if reason.is_normal() {
                keep.send(()).unwrap();
            } else {
                pid.exit(reason);
            }
            assert!(matches!(watcher.next().await, Some(Event::Down(_))));
            assert!(tally.is_even());
        }
    });
}

#[test]
fn a_chain_of_links_falls_as_one() {
    everywhere(async |node| {
        let chain: Vec<_> = (0..100).map(|_| obedient(&node).0).collect();
        for pair in chain.windows(2) {
            pair[1].send(Order::Link(pair[0].any())).await.unwrap();
            pair[1].ask(Order::Ping).await.unwrap();
        }
        chain[50].exit(ExitReason::custom("first"));
        eventually("all are gone", || node.stats().live == 0).await;
    });
}
