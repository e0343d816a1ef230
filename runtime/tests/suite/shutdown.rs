//! The end of a node: asked for, in stages; or because its tokio runtime went away.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use wharf_runtime::{AskError, Capacity, ExitReason, Hooks, Mailbox, Node, Reply, SendError, Spawn, sleep};

use crate::common::{Gated, Tally, Token, echo, everywhere, gone, multi, poll_once, single};

/// Hooks that are dropped when all memory of their node is.
struct Canary(#[allow(dead_code, reason = "dropped with the node")] Token);

impl Hooks for Canary {}

#[test]
fn a_stop_lets_actors_handle_what_they_were_sent() {
    everywhere(async |node| {
        let gated = Gated::spawn(Spawn::on(&node)).await;
        for n in 0..100 {
            gated.pid.send(n).await.unwrap();
        }
        let opened = gated.open();
        assert!(node.stop().await.is_clean());
        assert_eq!(opened.seen().await, Some(Vec::from_iter(0..100)));
        assert!(node.is_stopped());
        assert_eq!(node.stats().live, 0);
    });
}

#[test]
fn a_stop_names_who_is_late_and_kills_them() {
    let tokio = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        let tally = Tally::default();
        let node = Node::builder().stop_grace(Duration::from_secs(3)).start().unwrap();
        let on_time = echo(&node);
        let token = tally.token();
        let (_keep, forever) = oneshot::channel::<()>();
        let late = Spawn::on(&node).label("sleepy").spawn_fn(async move |mailbox: Mailbox<()>| {
            let _token = token;
            let _ = forever.await;
            drop(mailbox);
        });
        let mut stopped = pin!(late.stopped());
        assert!(poll_once(stopped.as_mut()).is_pending());
        let began = tokio::time::Instant::now();
        let report = node.stop().await;
        assert!(began.elapsed() >= Duration::from_secs(3));
        assert!(!report.is_clean() && report.stuck.is_empty());
        let [named] = &report.late[..] else { panic!("{report:?}") };
        assert_eq!((named.id, named.label.as_deref()), (late.id(), Some("sleepy")));
        assert!(named.to_string().contains("sleepy"));
        assert_eq!(stopped.await, ExitReason::Killed);
        assert!(tally.is_even() && !on_time.is_alive());
    });
}

#[test]
fn a_stop_names_who_is_stuck_and_waits_no_longer() {
    let tokio = multi();
    let (release, wait) = mpsc::channel::<()>();
    tokio.block_on(async {
        let node = Node::builder().stop_grace(Duration::ZERO).start().unwrap();
        let (begun, has_begun) = oneshot::channel();
        let stuck = node.spawn_fn(async move |_: Mailbox<()>| {
            begun.send(()).unwrap();
            let _ = wait.recv();
        });
        has_begun.await.unwrap();
        let report = node.stop().await;
        assert_eq!(report.late.iter().map(|late| late.id).collect::<Vec<_>>(), [stuck.id()]);
        assert_eq!(report.stuck.iter().map(|late| late.id).collect::<Vec<_>>(), [stuck.id()]);
    });
    release.send(()).unwrap();
    drop(tokio);
}

#[test]
fn a_stop_that_was_given_up_can_be_called_again() {
    let tokio = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        let node = Node::builder().stop_grace(Duration::from_secs(1)).start().unwrap();
        let (_keep, forever) = oneshot::channel::<()>();
        node.spawn_fn(async move |_: Mailbox<()>| {
            let _ = forever.await;
        });
        {
            let mut stop = pin!(node.stop());
            assert!(poll_once(stop.as_mut()).is_pending());
        }
        assert_eq!(node.stop().await.late.len(), 1);
        assert!(node.is_stopped());
    });
}

#[test]
fn an_actor_that_stops_its_node_is_stopped_like_all_others() {
    let tokio = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        let node = Node::builder().stop_grace(Duration::from_secs(1)).start().unwrap();
        let bystander = echo(&node);
        let own = node.clone();
        let pid = node.spawn_fn(async move |_: Mailbox<()>| {
            own.stop().await;
        });
        gone(&pid).await;
        node.stop().await;
        assert!(node.is_stopped() && !bystander.is_alive());
    });
}

#[test]
fn two_stops_at_once_both_end() {
    everywhere(async |node| {
        echo(&node);
        let (first, second) = tokio::join!(node.stop(), node.stop());
        assert!(first.is_clean() && second.is_clean());
        assert!(node.is_stopped());
    });
}

#[test]
fn who_is_spawned_during_a_stop_ends_at_once() {
    everywhere(async |node| {
        let tally = Tally::default();
        let (tell, told) = oneshot::channel();
        let token = tally.token();
        node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            assert!(mailbox.receive().await.is_none());
            let child = mailbox.node().spawn_fn(async move |mut mailbox: Mailbox<()>| {
                let _token = token;
                mailbox.trap_exit(true);
                mailbox.receive().await;
            });
            gone(&child).await;
            tell.send(child).unwrap();
        });
        assert!(node.stop().await.is_clean());
        assert!(!told.await.unwrap().is_alive());
        assert!(tally.is_even());
    });
}

#[test]
fn after_a_stop_everything_is_refused_by_name() {
    for tokio in [multi(), single()] {
        tokio.block_on(async {
            let node = Node::start().unwrap();
            let pid = node.spawn_fn(
                async |mut mailbox: Mailbox<Option<Reply<u8>>>| {
                    while mailbox.receive().await.is_some() {}
                },
            );
            assert!(node.stop().await.is_clean());
            assert!(matches!(pid.send(None).await, Err(SendError::NodeStopped { .. })));
            assert!(matches!(pid.try_send(None), Err(SendError::NodeStopped { .. })));
            assert!(matches!(pid.reserve().await, Err(SendError::NodeStopped { .. })));
            assert_eq!(pid.ask(Some).await, Err(AskError::NodeStopped));
            assert_eq!(pid.stopped().await, ExitReason::Normal);

            let tally = Tally::default();
            let token = tally.token();
            let late = node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
                let _token = token;
                mailbox.receive().await;
            });
            assert!(!late.is_alive() && tally.is_even());
            assert!(node.actors().is_empty());
            let mut guest = node.guest::<()>();
            assert_eq!(guest.receive().await, None);
            assert!(node.stop().await.is_clean(), "once more");
        });
    }
}

#[test]
fn waits_begun_after_the_end_are_over_at_once_and_leave_nothing_behind() {
    let tally = Tally::default();
    let tokio = single();
    tokio.block_on(async {
        let node = Node::builder().hooks(Canary(tally.token())).start().unwrap();
        node.stop().await;
        let guest = node.guest::<Token>();
        guest.send_after(Duration::from_secs(1), tally.token());
        let repeated = tally.token();
        let unused = Tally::default();
        guest.send_every(Duration::from_secs(1), move || {
            let _ = &repeated;
            unused.token()
        });
        node.run(sleep(Duration::from_secs(3_600))).await;
    });
    assert!(tally.is_even(), "{} of {} dropped", tally.dropped(), tally.made());
}

#[test]
fn a_sleeping_guest_wakes_when_its_node_ends() {
    let tokio = multi();
    let node = tokio.block_on(async { Node::start().unwrap() });
    let (begun, has_begun) = mpsc::channel();
    let sleeper = thread::spawn({
        let node = node.clone();
        move || {
            // A runtime of its own, so that only the node's end can wake it.
            single().block_on(node.run(async move {
                begun.send(()).unwrap();
                sleep(Duration::from_secs(3_600)).await;
            }));
        }
    });
    has_begun.recv().unwrap();
    drop(tokio);
    sleeper.join().unwrap();
    assert!(node.is_stopped());
}

#[test]
fn dropping_all_handles_stops_nothing() {
    for tokio in [multi(), single()] {
        let tally = Tally::default();
        tokio.block_on(async {
            let node = Node::builder().hooks(Canary(tally.token())).start().unwrap();
            let (go, wait) = oneshot::channel::<()>();
            let (tell, told) = oneshot::channel();
            let pid = echo(&node);
            let other = pid.clone();
            node.spawn_fn(async move |_: Mailbox<()>| {
                wait.await.unwrap();
                other.ask(|reply| reply).await.unwrap();
                tell.send(()).unwrap();
            });
            drop(node);
            assert!(!pid.node().is_stopped());
            drop(pid);
            go.send(()).unwrap();
            told.await.unwrap();
        });
        assert!(!tally.is_even());
        drop(tokio);
        assert!(tally.is_even(), "the node's memory is freed with its runtime");
    }
}

/// Everything that can wait, waits; then the runtime is dropped.
fn drop_under_load(tokio: tokio::runtime::Runtime, runs: bool) {
    let tally = Tally::default();
    let node = {
        let _inside = tokio.enter();
        Node::builder().hooks(Canary(tally.token())).start().unwrap()
    };
    let token = || tally.token();

    // Parked, with and without state; pending on something else; with a queue; in the middle of an ask.
    let parked = node.spawn_fn({
        let state = token();
        async move |mut mailbox: Mailbox<Token>| {
            let _state = state;
            mailbox.receive_match(|_| false).await.unwrap();
        }
    });
    parked.send_blocking(token()).unwrap();
    let (_keep, forever) = oneshot::channel::<()>();
    let elsewhere = Spawn::on(&node).capacity(Capacity::Bounded(2)).spawn_fn({
        let state = token();
        async move |_: Mailbox<Option<Reply<Token>>>| {
            let _state = state;
            let _ = forever.await;
        }
    });
    elsewhere.send_blocking(None).unwrap();
    let silent = node.spawn_fn(async |mut mailbox: Mailbox<Reply<Token>>| {
        let mut kept = Vec::new();
        while let Some(reply) = mailbox.receive().await {
            kept.push(reply);
        }
    });
    node.spawn_fn({
        let (state, silent) = (token(), silent.clone());
        async move |_: Mailbox<()>| {
            let _state = state;
            let _ = silent.ask(|reply| reply).await;
        }
    });
    node.spawn_fn({
        let state = token();
        async move |_: Mailbox<()>| {
            let _state = state;
            sleep(Duration::from_secs(3_600)).await;
        }
    });
    let timed = node.guest();
    timed.send_after(Duration::from_secs(3_600), token());
    if runs {
        tokio.block_on(echo(&node).ask(|reply| reply)).unwrap();
    }

    // Threads that wait.
    let (begin, begun) = mpsc::channel();
    let mut threads = Vec::new();
    let mut wait = |f: Box<dyn FnOnce() + Send>| {
        let begin = begin.clone();
        threads.push(thread::spawn(move || {
            begin.send(()).unwrap();
            f();
        }));
    };
    {
        let silent = silent.clone();
        wait(Box::new(move || {
            let asked = silent.ask(|reply| reply).timeout(Duration::MAX).blocking();
            assert!(matches!(asked, Err(AskError::NodeStopped)), "{asked:?}");
        }));
    }
    for _ in 0..3 {
        // Two more than there is room for: their sends wait, or the messages do.
        let elsewhere = elsewhere.clone();
        wait(Box::new(move || {
            let asked = elsewhere.ask(Some).timeout(Duration::MAX).blocking();
            assert!(matches!(asked, Err(AskError::NodeStopped)), "{asked:?}");
        }));
    }
    {
        let elsewhere = elsewhere.clone();
        wait(Box::new(move || {
            if let Err(error) = elsewhere.send_blocking(None) {
                assert!(matches!(error, SendError::NodeStopped { .. }), "{error:?}");
            }
        }));
    }
    let mut guest = node.guest::<()>();
    wait(Box::new(move || assert_eq!(guest.receive_blocking(), None)));
    let (watched, own) = (parked.clone(), node.clone());
    wait(Box::new(move || {
        let reason = single().block_on(own.run(async { watched.stopped().await }));
        assert_eq!(reason, ExitReason::Shutdown);
    }));
    for _ in 0..threads.len() {
        begun.recv().unwrap();
    }

    drop(tokio);
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(node.is_stopped());
    for pid in [parked.any(), elsewhere.any(), silent.any()] {
        assert!(!pid.is_alive());
    }
    let late = token();
    node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
        let _late = late;
        mailbox.receive().await;
    });
    assert_eq!(node.stats().live, 0);
    assert_eq!(tally.made() - tally.dropped(), 1, "only the node itself is left");
    drop((timed, parked, elsewhere, silent));
    drop(node);
    assert!(tally.is_even(), "{} of {} dropped", tally.dropped(), tally.made());
}

#[test]
fn when_a_multi_thread_runtime_is_dropped_every_wait_ends_and_nothing_is_left() {
    for _ in 0..10 {
        drop_under_load(multi(), true);
        drop_under_load(multi(), false);
    }
}

#[test]
fn when_a_current_thread_runtime_is_dropped_every_wait_ends_and_nothing_is_left() {
    for _ in 0..10 {
        drop_under_load(single(), true);
        drop_under_load(single(), false);
    }
}

#[test]
fn a_node_that_stopped_leaves_no_memory_behind() {
    for tokio in [multi(), single()] {
        let tally = Tally::default();
        let kept = tokio.block_on(async {
            let node = Node::builder().hooks(Canary(tally.token())).start().unwrap();
            let pids: Vec<_> = (0..100).map(|_| echo(&node)).collect();
            for pid in &pids {
                pid.ask(|reply| reply).await.unwrap();
            }
            node.stop().await;
            pids
        });
        drop(tokio);
        assert!(!tally.is_even(), "a pid keeps its cell");
        drop(kept);
        assert!(tally.is_even());
    }
}

#[test]
fn senders_that_race_with_the_end_of_the_runtime_lose_nothing() {
    for _ in 0..30 {
        let tally = Tally::default();
        let tokio = multi();
        let node = tokio.block_on(async { Node::start().unwrap() });
        let sinks: Arc<Vec<_>> = Arc::new(
            (0..3)
                .map(|_| {
                    Spawn::on(&node)
                        .capacity(Capacity::Bounded(4))
                        .spawn_fn(async |mut m: Mailbox<Token>| while m.receive().await.is_some() {})
                })
                .collect(),
        );
        let (begin, begun) = mpsc::channel();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let (sinks, tally, begin) = (Arc::clone(&sinks), tally.clone(), begin.clone());
                thread::spawn(move || {
                    for round in 0.. {
                        if round == 50 {
                            begin.send(()).unwrap();
                        }
                        for sink in sinks.iter() {
                            if sink.send_blocking(tally.token()).is_err() {
                                return;
                            }
                        }
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            begun.recv().unwrap();
        }
        drop(tokio);
        for sender in senders {
            sender.join().unwrap();
        }
        assert!(tally.is_even(), "{} of {} dropped", tally.dropped(), tally.made());
    }
}
