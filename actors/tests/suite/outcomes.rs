//! What a process in plain style returns becomes its reason.

use wharf::prelude::*;
use wharf::{Event, Node, Outcome, Spawn};

async fn reason_of<F, Fut>(body: F) -> ExitReason
where
    F: FnOnce(Mailbox<()>) -> Fut + Send + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    let pid = spawn_fn(body);
    let mut watcher = pid.node().guest::<()>();
    watcher.monitor(&pid);
    pid.send(()).await.unwrap();
    match watcher.next().await {
        Some(Event::Down(down)) => down.reason,
        other => panic!("{other:?}"),
    }
}

/// Waits for the word, so that its watcher is there before it ends.
async fn word(mut mailbox: Mailbox<()>) {
    mailbox.receive().await;
}

#[test]
fn nothing_and_ok_are_normal() {
    wharf::block_on(async {
        assert!(reason_of(word).await.is_normal());
        let ok = reason_of(async |mailbox| {
            word(mailbox).await;
            Ok::<(), std::io::Error>(())
        });
        assert!(ok.await.is_normal());
    });
}

#[test]
fn a_reason_is_itself_also_as_an_error() {
    wharf::block_on(async {
        let plain = reason_of(async |mailbox| {
            word(mailbox).await;
            ExitReason::shutdown_with(3)
        });
        assert_eq!(plain.await, ExitReason::shutdown_with(3));
        let error = reason_of(async |mailbox| {
            word(mailbox).await;
            Err::<(), _>(ExitReason::custom("mine"))
        });
        assert_eq!(error.await, ExitReason::custom("mine"));
        let wrapped = reason_of(async |mailbox| {
            word(mailbox).await;
            Err::<(), _>(wharf::Error::exit(ExitReason::custom("mine")))
        });
        assert_eq!(wrapped.await, ExitReason::custom("mine"));
    });
}

#[test]
fn any_error_is_a_failure_that_keeps_its_type() {
    wharf::block_on(async {
        let typed = reason_of(async |mailbox| {
            word(mailbox).await;
            "x".parse::<u32>().map(drop)
        });
        let ExitReason::Failed(failure) = typed.await else { panic!("no failure") };
        assert!(failure.error().downcast_ref::<std::num::ParseIntError>().is_some());

        let boxed = reason_of(async |mailbox| {
            word(mailbox).await;
            let error: Box<dyn std::error::Error + Send + Sync> = "out of paper".into();
            Err::<(), _>(error)
        });
        assert_eq!(boxed.await, ExitReason::failed("out of paper"));

        let text = reason_of(async |mailbox| {
            word(mailbox).await;
            Err::<(), _>(format!("out of {}", "ink"))
        });
        assert_eq!(text.await.to_string(), "failed: out of ink");

        let any = reason_of(async |mailbox| -> wharf::Result<()> {
            word(mailbox).await;
            u8::try_from(300)?;
            Ok(())
        });
        let ExitReason::Failed(failure) = any.await else { panic!("no failure") };
        assert!(failure.error().is::<std::num::TryFromIntError>());
    });
}

#[test]
fn a_question_mark_turns_any_error_into_a_reason_inside_a_handler() {
    fn parse(text: &str) -> Result<u32, ExitReason> {
        Ok(text.parse()?)
    }
    assert_eq!(parse("7"), Ok(7));
    assert!(matches!(parse("x"), Err(ExitReason::Failed(_))));
}

#[test]
fn spawning_outside_of_a_node_says_what_to_do() {
    let panic = std::panic::catch_unwind(|| spawn_fn(word)).unwrap_err();
    let message = panic.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.contains("node.spawn") && message.contains("block_on"), "{message}");
}

#[test]
fn a_linked_spawn_falls_with_its_parent() {
    wharf::block_on(async {
        let parent = spawn_fn(async |mut mailbox: Mailbox<Reply<Pid<()>>>| -> ExitReason {
            let reply = mailbox.receive().await.unwrap();
            let child = Spawn::new().link().spawn_fn(async |mut mailbox: Mailbox<()>| {
                mailbox.receive().await;
            });
            let _ = reply.send(child);
            mailbox.receive().await;
            ExitReason::custom("fell")
        });
        let child = parent.ask(|reply| reply).await.unwrap();
        let mut watcher: Mailbox<()> = Node::current().unwrap().guest();
        watcher.monitor(&child);
        parent.send(Reply::none()).await.unwrap();
        let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
        assert_eq!(down.reason, ExitReason::custom("fell"));
    });
}
