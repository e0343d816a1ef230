//! Monitors, names, and waiting for an end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::oneshot;
use wharf_runtime::{Event, ExitReason, Hooks, LookupError, Mailbox, Node, Pid, RegisterError, Spawn};

use crate::common::{echo, ends_as_told, eventually, everywhere, gone, multi, poll_once, single};

#[test]
fn a_monitor_of_a_dead_actor_gives_no_proc_at_once() {
    everywhere(async |node| {
        let dead = ends_as_told(&node);
        dead.send(ExitReason::custom(1)).await.unwrap();
        gone(&dead).await;
        let mut me = node.guest::<()>();
        let monitor = me.monitor(&dead);
        let Some(Event::Down(down)) = me.next().await else { panic!("no down") };
        assert_eq!((down.monitor, down.reason), (monitor, ExitReason::NoProc));
    });
}

#[test]
fn each_monitor_gives_one_down() {
    everywhere(async |node| {
        let subject = ends_as_told(&node);
        let mut me = node.guest::<()>();
        let mut monitors = vec![me.monitor(&subject), me.monitor(&subject), me.monitor(&subject)];
        subject.send(ExitReason::custom(1)).await.unwrap();
        for _ in 0..3 {
            let Some(Event::Down(down)) = me.next().await else { panic!("no down") };
            assert_eq!(down.reason, ExitReason::custom(1));
            monitors.retain(|monitor| *monitor != down.monitor);
        }
        assert!(monitors.is_empty());
        me.pid().stop();
        assert!(me.next().await.is_none(), "and no more");
    });
}

#[test]
fn a_monitor_that_was_taken_off_is_silent_whatever_has_arrived() {
    everywhere(async |node| {
        // Taken off before the end, after it, and after the notice had its turn but was not asked for.
        for stage in 0..3 {
            let subject = ends_as_told(&node);
            let mut me = node.guest::<u8>();
            let monitor = me.monitor(&subject);
            if stage == 0 {
                assert!(me.demonitor(monitor));
            }
            subject.send(ExitReason::Normal).await.unwrap();
            eventually("the subject is gone", || node.stats().live == 0).await;
            if stage == 2 {
                me.pid().send(0).await.unwrap();
                assert_eq!(me.receive().await, Some(0));
            }
            if stage > 0 {
                assert!(me.demonitor(monitor));
            }
            me.pid().send(1).await.unwrap();
            assert!(matches!(me.next().await, Some(Event::Message(1))), "stage {stage}");
            me.pid().stop();
            assert!(me.next().await.is_none(), "stage {stage}");
            assert!(!me.demonitor(monitor));
        }
    });
}

#[test]
fn a_monitor_whose_down_was_seen_can_not_be_taken_off() {
    everywhere(async |node| {
        let subject = ends_as_told(&node);
        let mut me = node.guest::<()>();
        let monitor = me.monitor(&subject);
        subject.send(ExitReason::Normal).await.unwrap();
        assert!(matches!(me.next().await, Some(Event::Down(_))));
        assert!(!me.demonitor(monitor));
    });
}

#[test]
fn a_name_is_free_when_the_down_is_seen() {
    everywhere(async |node| {
        for _ in 0..50 {
            let subject = ends_as_told(&node);
            node.register("server", &subject).unwrap();
            assert_eq!(node.lookup::<ExitReason>("server").unwrap(), subject);
            let mut me = node.guest::<()>();
            me.monitor(&subject);
            subject.send(ExitReason::Normal).await.unwrap();
            assert!(matches!(me.next().await, Some(Event::Down(_))));
            assert_eq!(
                node.lookup::<ExitReason>("server"),
                Err(LookupError::NotFound { name: "server".to_owned() })
            );
            assert!(matches!(node.register("other", &subject), Err(RegisterError::NoProc { .. })));
        }
    });
}

#[test]
fn a_name_has_one_holder_and_one_message_type() {
    everywhere(async |node| {
        let first = echo(&node);
        node.register("echo", &first).unwrap();
        let second = echo(&node);
        let Err(RegisterError::Taken { name, holder }) = node.register("echo", &second) else {
            panic!("taken twice")
        };
        assert_eq!((name.as_str(), holder), ("echo", first.id()));
        assert!(matches!(node.lookup::<u8>("echo"), Err(LookupError::WrongType { .. })));
        let third = Spawn::on(&node).name("echo").try_spawn_fn(async |mut m: Mailbox<()>| {
            m.receive().await;
        });
        assert!(third.is_err());
        assert_eq!(node.unregister("echo").unwrap().id(), first.id());
        node.register("echo", &second).unwrap();
        second.ask(|reply| reply).await.unwrap();
    });
}

#[test]
fn all_who_wait_for_an_end_are_told_and_late_comers_hear_of_no_proc() {
    everywhere(async |node| {
        let subject = ends_as_told(&node);
        let (ready, mut all_ready) = tokio::sync::mpsc::channel(10);
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let (subject, ready) = (subject.clone(), ready.clone());
                let mut watcher = node.guest::<()>();
                tokio::spawn(async move {
                    watcher.monitor(&subject);
                    ready.send(()).await.unwrap();
                    match watcher.next().await {
                        Some(Event::Down(down)) => down.reason,
                        other => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            all_ready.recv().await.unwrap();
        }
        subject.send(ExitReason::custom("done")).await.unwrap();
        for waiter in waiting {
            assert_eq!(waiter.await.unwrap(), ExitReason::custom("done"));
        }
        assert_eq!(subject.stopped().await, ExitReason::custom("done"));
    });
}

#[test]
fn stopped_gives_the_reason_of_one_that_has_ended_however_late() {
    everywhere(async |node| {
        for n in 0..200_u32 {
            // Told to end, and asked why while it does.
            let subject = ends_as_told(&node);
            let early = subject.stopped();
            subject.send(ExitReason::custom(n)).await.unwrap();
            assert_eq!(subject.stopped().await, ExitReason::custom(n));
            assert_eq!(early.await, ExitReason::custom(n));
            gone(&subject).await;
            assert_eq!(subject.any().stopped().await, ExitReason::custom(n));
            assert_eq!(subject.stopped().await, ExitReason::custom(n));

            let subject = ends_as_told(&node);
            subject.kill();
            assert_eq!(subject.stopped().await, ExitReason::Killed);
            let subject = ends_as_told(&node);
            subject.stop();
            assert_eq!(subject.stopped().await, ExitReason::Normal);
        }
        let guest = node.guest::<()>();
        let pid = guest.pid().clone();
        drop(guest);
        assert_eq!(pid.stopped().await, ExitReason::Normal);
    });
}

/// Counts how often it is dropped, and sends a message when it is.
#[derive(Debug)]
struct Token(Arc<AtomicU32>, Pid<u8>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _ = self.1.try_send(1);
    }
}

#[test]
fn a_reason_goes_with_the_last_pid_of_its_actor() {
    everywhere(async |node| {
        let drops = Arc::new(AtomicU32::new(0));
        let mut guest = node.guest::<u8>();
        for n in 0..100 {
            let subject = ends_as_told(&node);
            let other = subject.clone();
            let token = Token(Arc::clone(&drops), guest.pid().clone());
            subject.send(ExitReason::custom(token)).await.unwrap();
            drop(subject.stopped().await);
            gone(&subject).await;
            drop(subject);
            assert_eq!(drops.load(Ordering::SeqCst), n);
            drop(other);
            // The worker's own reference may go a moment later.
            assert_eq!(guest.receive().await, Some(1));
            assert_eq!(drops.load(Ordering::SeqCst), n + 1);
        }
    });
}

#[test]
fn stopped_waits_and_gives_the_reason() {
    everywhere(async |node| {
        let subject = ends_as_told(&node);
        let mut stopped = pin!(subject.stopped());
        assert!(poll_once(stopped.as_mut()).is_pending());
        subject.send(ExitReason::custom(5)).await.unwrap();
        assert_eq!(stopped.await, ExitReason::custom(5));
    });
}

#[test]
fn an_actor_can_wait_for_the_end_of_another() {
    everywhere(async |node| {
        let subject = ends_as_told(&node);
        let watched = subject.clone();
        let (tell, told) = oneshot::channel();
        let (waits, waiting) = oneshot::channel();
        node.spawn_fn(async move |_: Mailbox<()>| {
            let mut stopped = pin!(watched.stopped());
            assert!(poll_once(stopped.as_mut()).is_pending());
            waits.send(()).unwrap();
            let _ = tell.send(stopped.await);
        });
        waiting.await.unwrap();
        subject.send(ExitReason::custom(6)).await.unwrap();
        assert_eq!(told.await.unwrap(), ExitReason::custom(6));
    });
}

#[test]
fn a_guest_that_goes_sends_its_downs_too() {
    everywhere(async |node| {
        let mut subject = node.guest::<()>();
        let mut me = node.guest::<()>();
        me.monitor(subject.pid());
        // It takes the monitor in, as any actor does between two messages.
        assert_eq!(subject.try_receive(), None);
        drop(subject);
        let Some(Event::Down(down)) = me.next().await else { panic!("no down") };
        assert!(down.reason.is_normal());
    });
}

struct Count(Arc<std::sync::Mutex<Vec<ExitReason>>>);

impl Hooks for Count {
    fn actor_exited(&self, _: wharf_runtime::ActorId, reason: &ExitReason) {
        self.0.lock().unwrap().push(reason.clone());
    }
}

#[test]
fn hooks_hear_of_each_exit_once() {
    let exits = Arc::default();
    let hooks = Count(Arc::clone(&exits));
    multi().block_on(async {
        let node = Node::builder().hooks(hooks).start().unwrap();
        for n in 0..10 {
            ends_as_told(&node).send(ExitReason::custom(n)).await.unwrap();
        }
        assert!(node.stop().await.is_clean());
    });
    let mut seen: Vec<String> = exits.lock().unwrap().iter().map(ToString::to_string).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

/// It was lost when kill and monitor were received together.
#[test]
fn a_monitor_set_right_after_a_kill_is_answered_when_the_actor_is_dead() {
    single().block_on(async {
        let node = Node::start().unwrap();
        let parked = echo(&node);
        parked.ask(|reply| reply).await.unwrap();
        let mut me = node.guest::<()>();
        parked.kill();
        me.monitor(&parked);
        me.link(&parked);
        let Some(Event::Down(down)) = me.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::NoProc);
        let Some(Event::Exit(exit)) = me.next().await else { panic!("no exit") };
        assert_eq!(exit.reason, ExitReason::NoProc);
        assert!(!parked.is_alive());
        assert!(node.stop().await.is_clean());
    });
}
