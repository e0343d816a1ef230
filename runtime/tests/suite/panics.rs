//! Panics: isolated, reported, and no excuse for anyone's silence.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use wharf_runtime::{
    AskError, CrashReport, Event, ExitReason, Hooks, Mailbox, Node, Reply, Spawn, panic_hook,
};

use crate::common::{echo, everywhere, multi, poll_once};

fn panic_info(reason: &ExitReason) -> (String, Option<String>) {
    let ExitReason::Panicked(info) = reason else { panic!("not a panic: {reason:?}") };
    (info.message().to_owned(), info.location().map(str::to_owned))
}

#[test]
fn a_panic_ends_its_actor_alone_and_says_what_and_where() {
    panic_hook::install();
    everywhere(async |node| {
        let bystander = echo(&node);
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<u32>| -> ExitReason {
            let n = mailbox.receive().await;
            panic!("can't stand {n:?}");
        });
        let mut watcher = node.guest::<()>();
        watcher.monitor(&pid);
        pid.send(13).await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        let (message, location) = panic_info(&down.reason);
        assert_eq!(message, "can't stand Some(13)");
        assert!(location.unwrap().contains("panics.rs:"));
        bystander.ask(|reply| reply).await.unwrap();
    });
}

#[test]
fn a_payload_that_is_no_text_is_reported_as_such() {
    panic_hook::install();
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<()>| -> ExitReason {
            mailbox.receive().await;
            std::panic::panic_any(7_u8);
        });
        let mut watcher = node.guest::<()>();
        watcher.monitor(&pid);
        pid.send(()).await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(panic_info(&down.reason).0, "(no message)");
    });
}

#[derive(Clone, Default)]
struct Crashes(Arc<Mutex<Vec<String>>>);

impl Hooks for Crashes {
    fn actor_crashed(&self, report: &CrashReport) {
        let label = report.label.as_deref().unwrap_or("none");
        self.0.lock().unwrap().push(format!("{label}: {}, {} waiting", report.reason, report.queued));
        assert!(report.spawned_at.file().ends_with("panics.rs"));
        assert!(report.parent.is_none());
    }
}

#[test]
fn crashes_are_reported_once_and_orderly_ends_are_not() {
    panic_hook::install();
    let crashes = Crashes::default();
    let hooks = crashes.clone();
    multi().block_on(async {
        let node = Node::builder().hooks(hooks).start().unwrap();
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::custom("oh")] {
            let pid = Spawn::on(&node)
                .label("plain")
                .spawn_fn(async |mut m: Mailbox<ExitReason>| m.receive().await.unwrap_or_default());
            pid.send(reason).await.unwrap();
            pid.stopped().await;
        }
        let (open, wait) = oneshot::channel::<()>();
        let pid = Spawn::on(&node).label("busy").spawn_fn(async move |_: Mailbox<u8>| -> ExitReason {
            let _ = wait.await;
            panic!("ouch");
        });
        for n in 0..3 {
            pid.send(n).await.unwrap();
        }
        open.send(()).unwrap();
        pid.stopped().await;
        assert!(node.stop().await.is_clean());
    });
    let seen = crashes.0.lock().unwrap().clone();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[0], "plain: \"oh\", 0 waiting");
    assert!(seen[1].starts_with("busy: panicked at") && seen[1].ends_with("ouch, 3 waiting"), "{}", seen[1]);
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("while dropped");
    }
}

#[test]
fn a_panic_while_state_or_a_dead_letter_is_dropped_stops_nobody_from_being_told() {
    panic_hook::install();
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<Option<Bomb>>| {
            let bomb = mailbox.receive().await;
            assert!(matches!(mailbox.receive().await, Some(None)));
            drop(mailbox);
            let _bomb = bomb;
            std::future::pending::<()>().await;
        });
        let mut watcher = node.guest::<()>();
        watcher.monitor(&pid);
        for message in [Some(Bomb), None, Some(Bomb), Some(Bomb)] {
            pid.send(message).await.unwrap();
        }
        pid.exit(ExitReason::Shutdown);
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::Shutdown);
        // The worker that saw it all still works.
        echo(&node).ask(|reply| reply).await.unwrap();
    });
}

#[test]
fn a_request_in_the_hands_of_a_panicking_handler_ends_with_its_panic() {
    panic_hook::install();
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| -> ExitReason {
            let _reply = mailbox.receive().await;
            panic!("no idea");
        });
        let Err(AskError::Down(reason)) = pid.ask(|reply| reply).await else { panic!("answered") };
        assert_eq!(panic_info(&reason).0, "no idea");
    });
}

#[test]
fn a_request_kept_in_the_state_of_a_panicking_actor_ends_with_its_panic() {
    panic_hook::install();
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<Option<Reply<u8>>>| -> ExitReason {
            let mut kept = Vec::new();
            while let Some(Some(reply)) = mailbox.receive().await {
                kept.push(reply);
            }
            panic!("enough of {}", kept.len());
        });
        let mut asks: Vec<_> = (0..3).map(|_| Box::pin(pid.ask(Some))).collect();
        for ask in &mut asks {
            assert!(poll_once(ask.as_mut()).is_pending());
        }
        pid.send(None).await.unwrap();
        for ask in asks {
            let Err(AskError::Down(reason)) = ask.await else { panic!("answered") };
            assert_eq!(panic_info(&reason).0, "enough of 3");
        }
    });
}

#[test]
fn a_request_lost_in_a_panic_that_its_actor_caught_ends_without_an_answer() {
    panic_hook::install();
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
            while let Some(reply) = mailbox.receive().await {
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let _reply = reply;
                    panic!("never mind");
                }));
                assert!(caught.is_err());
            }
        });
        let asked = pid.ask(|reply| reply).timeout(Duration::MAX).await;
        assert_eq!(asked, Err(AskError::NoReply));
        let (tell, told) = oneshot::channel();
        node.spawn_fn(async move |_: Mailbox<()>| {
            tell.send(pid.ask(|reply| reply).timeout(Duration::MAX).await).unwrap();
        });
        assert_eq!(told.await.unwrap(), Err(AskError::NoReply));
    });
}
