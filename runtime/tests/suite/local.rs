//! Actors that run as local tasks of a thread.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::LocalSet;
use wharf_runtime::{AskError, Event, ExitReason, Mailbox, Node, Pid, Reply, Spawn};

use crate::common::{eventually, gone, multi, single};

/// Runs `body` on a thread that can have local actors, on a node of each kind of runtime.
fn locally(body: impl AsyncFn(Node)) {
    for tokio in [multi(), single()] {
        LocalSet::new().block_on(&tokio, async {
            let node = Node::start().unwrap();
            body(node.clone()).await;
            assert!(node.stop().await.is_clean());
        });
    }
}

#[test]
fn its_future_need_not_be_send_and_it_is_reached_like_any_other() {
    locally(async |node| {
        let count = Rc::new(Cell::new(0));
        let mine = Rc::clone(&count);
        let local = node.spawn_local(async move |mut mailbox: Mailbox<(u32, Reply<u32>)>| {
            while let Some((n, reply)) = mailbox.receive().await {
                mine.set(mine.get() + n);
                let _ = reply.send(mine.get());
            }
        });
        let far = local.clone();
        let asker = node.spawn_fn(async move |mut mailbox: Mailbox<Reply<u32>>| {
            while let Some(reply) = mailbox.receive().await {
                let _ = reply.send(far.ask(|reply| (2, reply)).await.unwrap());
            }
        });
        assert_eq!(local.ask(|reply| (1, reply)).await, Ok(1));
        assert_eq!(asker.ask(|reply| reply).await, Ok(3));
        assert_eq!(count.get(), 3);
        local.stop();
        gone(&local).await;
        assert_eq!(Rc::strong_count(&count), 1, "its state is dropped");
    });
}

async fn reason_of<M>(node: &Node, pid: &Pid<M>, end: impl FnOnce(&Pid<M>)) -> ExitReason {
    let mut me = node.guest::<()>();
    me.monitor(pid);
    end(pid);
    match me.next().await {
        Some(Event::Down(down)) => down.reason,
        other => panic!("{other:?}"),
    }
}

fn idle(node: &Node) -> Pid<()> {
    node.spawn_local(async |mut mailbox: Mailbox<()>| while mailbox.receive().await.is_some() {})
}

#[test]
fn signals_end_it_as_they_do_any_actor() {
    locally(async |node| {
        assert_eq!(reason_of(&node, &idle(&node), |pid| pid.kill()).await, ExitReason::Killed);
        assert_eq!(reason_of(&node, &idle(&node), |pid| pid.stop()).await, ExitReason::Normal);
        let exit = |pid: &Pid<()>| pid.exit(ExitReason::Shutdown);
        assert_eq!(reason_of(&node, &idle(&node), exit).await, ExitReason::Shutdown);
        // A normal exit signal from another has no effect.
        let pid = idle(&node);
        pid.exit(ExitReason::Normal);
        pid.send(()).await.unwrap();
        assert!(pid.is_alive());
        pid.stop();
        gone(&pid).await;
    });
}

#[test]
fn it_may_trap_exits() {
    locally(async |node| {
        let pid = node.spawn_local(async |mut mailbox: Mailbox<Reply<()>>| {
            mailbox.trap_exit(true);
            if let Some(reply) = mailbox.receive().await {
                let _ = reply.send(());
            }
            matches!(mailbox.next().await, Some(Event::Exit(_)))
                .then_some(())
                .ok_or(std::io::Error::other("no exit was seen"))
        });
        pid.ask(|reply| reply).await.unwrap();
        assert_eq!(reason_of(&node, &pid, |pid| pid.exit(ExitReason::Shutdown)).await, ExitReason::Normal);
    });
}

#[test]
fn a_panic_in_it_is_its_end_alone() {
    locally(async |node| {
        let pid = node.spawn_local(async |mut mailbox: Mailbox<Reply<()>>| {
            let reply = mailbox.receive().await;
            assert!(reply.is_none(), "local");
        });
        let asked = pid.ask(|reply| reply).await;
        assert!(
            matches!(&asked, Err(AskError::Down(ExitReason::Panicked(info))) if info.message() == "local"),
            "{asked:?}"
        );
        gone(&pid).await;
    });
}

#[test]
fn a_reply_that_it_drops_and_goes_on_says_no_reply() {
    locally(async |node| {
        let pid = node.spawn_local(async |mut mailbox: Mailbox<Reply<()>>| {
            while let Some(reply) = mailbox.receive().await {
                drop(reply);
            }
        });
        assert_eq!(pid.ask(|reply| reply).await, Err(AskError::NoReply));
        pid.stop();
        gone(&pid).await;
    });
}

#[test]
fn it_is_linked_and_links_like_any_other() {
    locally(async |node| {
        let local = idle(&node);
        let to = local.clone();
        let linked = Spawn::on(&node).spawn_fn(async move |mut mailbox: Mailbox<()>| {
            mailbox.link(&to);
            mailbox.receive().await;
        });
        // The link is set when both know of it: the kill then reaches the other.
        linked.send(()).await.unwrap();
        gone(&linked).await;
        local.send(()).await.unwrap();
        assert!(local.is_alive(), "a normal end does not spread");
        local.kill();
        gone(&local).await;
    });
}

#[test]
fn when_its_thread_lets_go_it_was_killed() {
    let tokio = multi();
    tokio.block_on(async {
        let node = Node::start().unwrap();
        let set = LocalSet::new();
        let pid = set.run_until(async { idle(&node) }).await;
        let mut me = node.guest::<()>();
        me.monitor(&pid);
        drop(set);
        match me.next().await {
            Some(Event::Down(down)) => assert_eq!(down.reason, ExitReason::Killed),
            other => panic!("{other:?}"),
        }
        assert!(node.stop().await.is_clean());
    });
}

#[test]
fn it_ends_when_its_node_stops() {
    let tokio = multi();
    LocalSet::new().block_on(&tokio, async {
        let node = Node::start().unwrap();
        let pid = idle(&node);
        assert!(node.stop().await.is_clean());
        eventually("the local actor ends", || !pid.is_alive()).await;
    });
}
