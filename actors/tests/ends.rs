//! How actors end, and which hooks see it.

use std::future::pending;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wharf::Event;
use wharf::prelude::*;

/// What it may be told to do.
enum Order {
    /// Say that it has begun to live.
    Greet(Reply<()>),
    /// End by its own `stop`.
    Stop,
    /// Return an error.
    Fail,
    /// Panic.
    Panic,
    /// Say that it begins, then wait for ever.
    Hang(Reply<()>),
}

/// Tells what its `stopped` was told.
struct Told(UnboundedSender<String>);

impl Actor for Told {
    type Msg = Order;

    async fn handle(&mut self, order: Order, cx: &mut Context<Order>) -> Result<(), ExitReason> {
        match order {
            Order::Greet(reply) => drop(reply.send(())),
            Order::Stop => cx.stop(),
            Order::Fail => return Err(ExitReason::failed("out of paper")),
            Order::Panic => panic!("out of ink"),
            Order::Hang(reply) => {
                let _ = reply.send(());
                pending::<()>().await;
            }
        }
        Ok(())
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Context<Order>) {
        // It may await, also when a signal ends it.
        wharf::yield_now().await;
        let _ = self.0.send(reason.to_string());
    }
}

/// An actor, its watcher, and what its `stopped` says.
fn told() -> (Pid<Order>, Mailbox<()>, UnboundedReceiver<String>) {
    let (tell, said) = unbounded_channel();
    let actor = spawn(Told(tell));
    let mut watcher = actor.node().guest();
    watcher.monitor(&actor);
    (actor, watcher, said)
}

/// Why the actor ended, and what `stopped` said, if it ran.
async fn end(mut watcher: Mailbox<()>, mut said: UnboundedReceiver<String>) -> (String, Option<String>) {
    let Some(Event::Down(down)) = watcher.next().await else { panic!("no down") };
    (down.reason.to_string(), said.recv().await)
}

fn both(reason: &str) -> (String, Option<String>) {
    (reason.to_owned(), Some(reason.to_owned()))
}

#[test]
fn stopped_runs_after_an_end_a_failure_a_stop_and_an_exit_signal() {
    wharf::block_on(async {
        let (actor, watcher, said) = told();
        actor.send(Order::Stop).await.unwrap();
        assert_eq!(end(watcher, said).await, both("normal"));

        let (actor, watcher, said) = told();
        actor.send(Order::Fail).await.unwrap();
        assert_eq!(end(watcher, said).await, both("failed: out of paper"));

        let (actor, watcher, said) = told();
        actor.stop();
        assert_eq!(end(watcher, said).await, both("normal"));

        let (actor, watcher, said) = told();
        // Who ends before the first turn has not started, and so does not stop.
        actor.ask(Order::Greet).await.unwrap();
        actor.exit(ExitReason::Shutdown);
        assert_eq!(end(watcher, said).await, both("shutdown"));
    });
}

#[test]
fn stopped_does_not_run_after_a_panic_or_a_kill() {
    wharf::block_on(async {
        let (actor, watcher, said) = told();
        actor.send(Order::Panic).await.unwrap();
        let (reason, said) = end(watcher, said).await;
        assert!(reason.contains("out of ink") && reason.contains("ends.rs"), "{reason}");
        assert_eq!(said, None);

        let (actor, watcher, said) = told();
        actor.kill();
        assert_eq!(end(watcher, said).await, ("killed".to_owned(), None));
    });
}

#[test]
fn a_handler_that_waits_is_cut_off_by_an_exit_signal_and_by_a_kill() {
    wharf::block_on(async {
        let (actor, watcher, said) = told();
        actor.ask(Order::Hang).await.unwrap();
        actor.exit(ExitReason::Shutdown);
        assert_eq!(end(watcher, said).await, both("shutdown"));

        let (actor, watcher, said) = told();
        actor.ask(Order::Hang).await.unwrap();
        actor.kill();
        assert_eq!(end(watcher, said).await, ("killed".to_owned(), None));
    });
}
