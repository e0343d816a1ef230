//! Plain threads: sending, receiving and asking without a runtime underneath.

use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;
use wharf_runtime::{AskError, Capacity, Event, ExitReason, Mailbox, Node, Reply, Spawn};

use crate::common::{Gated, Tally, echo, ends_as_told, eventually, everywhere, gone, multi};

#[test]
fn send_blocking_waits_for_room_in_order() {
    everywhere(async |node| {
        let (tell, told) = oneshot::channel();
        let pid = Spawn::on(&node).capacity(Capacity::Bounded(1)).spawn_fn(async |mut m: Mailbox<u32>| {
            let mut seen = Vec::new();
            while let Some(n) = m.receive().await {
                seen.push(n);
            }
            let _ = tell.send(seen);
        });
        let to = pid.clone();
        let thread = thread::spawn(move || {
            for n in 0..200 {
                to.send_blocking(n).unwrap();
            }
            to.stop();
        });
        assert_eq!(told.await.unwrap(), Vec::from_iter(0..200));
        thread.join().unwrap();
    });
}

#[test]
fn send_blocking_ends_when_the_receiver_does() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Bounded(1))).await;
        let pid = gated.pid.clone();
        pid.send(1).await.unwrap();
        let (begun, has_begun) = oneshot::channel();
        let to = pid.clone();
        let thread = thread::spawn(move || {
            begun.send(()).unwrap();
            to.send_blocking(2)
        });
        has_begun.await.unwrap();
        pid.kill();
        gone(&pid).await;
        let error = thread.join().unwrap().unwrap_err();
        assert!(error.is_closed());
        assert_eq!(error.into_message(), Some(2));
    });
}

#[test]
fn an_actor_that_would_block_gets_full_instead() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node).capacity(Capacity::Bounded(1))).await;
        gated.pid.send(1).await.unwrap();
        let to = gated.pid.clone();
        let (tell, told) = oneshot::channel();
        node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            let full = to.send_blocking(2).unwrap_err().is_full();
            tell.send((full, mailbox.receive_blocking())).unwrap();
        });
        assert_eq!(told.await.unwrap(), (true, None));
        gated.finish().await;
    });
}

#[test]
fn guests_on_threads_talk_to_actors_and_to_each_other() {
    everywhere(async |node| {
        let (left, right) = (node.guest::<u32>(), node.guest::<u32>());
        let peers = (left.pid().clone(), right.pid().clone());
        let play = |mut me: Mailbox<u32>, peer: wharf_runtime::Pid<u32>| {
            thread::spawn(move || {
                let mut last = 0;
                while let Some(n) = me.receive_blocking() {
                    last = n;
                    let _ = peer.send_blocking(n + 1);
                    if n >= 500 {
                        break;
                    }
                }
                last
            })
        };
        let threads = [play(left, peers.1.clone()), play(right, peers.0.clone())];
        peers.0.send(0).await.unwrap();
        // The tokio thread must not be blocked: actors run on it.
        let joined = tokio::task::spawn_blocking(move || threads.map(|thread| thread.join().unwrap()));
        let mut last = joined.await.unwrap();
        last.sort_unstable();
        assert_eq!(last, [500, 501]);
    });
}

#[test]
fn a_thread_can_ask_and_be_told_of_an_end() {
    let tokio = multi();
    let node = tokio.block_on(async { Node::start().unwrap() });
    let pid = echo(&node);
    assert_eq!(pid.ask(|reply| reply).blocking(), Ok(()));
    let subject = ends_as_told(&node);
    let mut me = node.guest::<()>();
    me.monitor(&subject);
    subject.send_blocking(ExitReason::custom(2)).unwrap();
    let reason = node.block_on(async {
        match me.next().await {
            Some(Event::Down(down)) => down.reason,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(reason, ExitReason::custom(2));
    tokio.block_on(async { assert!(node.stop().await.is_clean()) });
}

#[test]
fn block_on_is_a_guest_that_may_borrow_and_need_not_be_send() {
    let tokio = multi();
    let node = tokio.block_on(async { Node::start().unwrap() });
    let local = std::rc::Rc::new(5);
    let sum = node.block_on(async {
        let node = Node::current().unwrap();
        let double = node.spawn_fn(async |mut mailbox: Mailbox<(u32, Reply<u32>)>| {
            while let Some((n, reply)) = mailbox.receive().await {
                assert!(mailbox.sender().is_some(), "the guest is its sender");
                let _ = reply.send(2 * n);
            }
        });
        let five = double.ask(|reply| (*local, reply)).await.unwrap();
        tokio::task::yield_now().await;
        *local + five
    });
    assert_eq!(sum, 15);
    tokio.block_on(async { assert!(node.stop().await.is_clean()) });
}

#[test]
fn a_guest_that_goes_buries_what_it_did_not_receive() {
    everywhere(async |node| {
        let tally = Tally::default();
        let guest = node.guest();
        let pid = guest.pid().clone();
        for _ in 0..5 {
            pid.send(tally.token()).await.unwrap();
        }
        drop(guest);
        assert!(tally.is_even());
        assert!(pid.send(tally.token()).await.unwrap_err().is_closed());
        assert_eq!(node.stats().all_dead(), 5);
    });
}

#[test]
fn a_guest_traps_exits_and_outlives_a_kill_as_a_stop() {
    everywhere(async |node| {
        let mut me = node.guest::<u8>();
        me.pid().exit(ExitReason::custom(1));
        assert!(matches!(me.next().await, Some(Event::Exit(_))));
        me.pid().kill();
        assert_eq!(me.receive().await, None);
        drop(me);
    });
}

#[test]
fn a_guest_killed_in_the_middle_of_a_receive_is_told() {
    everywhere(async |node| {
        let mut me = node.guest::<u8>();
        let pid = me.pid().clone();
        pid.send(1).await.unwrap();
        let killer = pid.clone();
        let killed = me.receive_match(move |_| {
            killer.kill();
            false
        });
        assert_eq!(killed.await, Ok(None));
    });
}

#[test]
fn threads_that_wait_on_a_node_are_told_when_it_stops() {
    everywhere(async |node| {
        let silent = node.spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
            let mut kept = Vec::new();
            while let Some(reply) = mailbox.receive().await {
                kept.push(reply);
            }
        });
        let mut guest = node.guest::<()>();
        let (tell, told) = mpsc::channel();
        let asker = thread::spawn({
            let tell = tell.clone();
            move || {
                tell.send(()).unwrap();
                silent.ask(|reply| reply).blocking()
            }
        });
        let receiver = thread::spawn(move || {
            tell.send(()).unwrap();
            guest.receive_blocking()
        });
        eventually("both have begun", || told.try_recv().is_ok()).await;
        eventually("both have begun", || told.try_recv().is_ok()).await;
        assert!(node.stop().await.is_clean());
        let joined = tokio::task::spawn_blocking(move || (asker.join().unwrap(), receiver.join().unwrap()));
        let (asked, received) = joined.await.unwrap();
        assert!(matches!(asked, Err(AskError::Down(_) | AskError::NodeStopped)), "{asked:?}");
        assert_eq!(received, None);
    });
}
