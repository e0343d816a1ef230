//! Tests as programs that the explorer runs: under virtual time, in many orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wharf::explore::{Explorer, Run};
use wharf::prelude::*;

/// How many orders each test is run in.
const SEEDS: u64 = 25;

/// Runs `body` as an actor that traps exits, once with choices drawn from `seed`.
pub(crate) fn run_once<F, Fut>(seed: u64, body: F) -> Run
where
    F: Fn(Mailbox<()>) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Explorer::new().seeded(seed, |node: &Node| {
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        node.spawn_fn(move |mut mailbox: Mailbox<()>| async move {
            mailbox.trap_exit(true);
            body(mailbox).await;
            done.store(true, Ordering::Relaxed);
        });
        move || if is_done.load(Ordering::Relaxed) { Ok(()) } else { Err("not come to its end".into()) }
    })
}

/// Runs `body` as an actor that traps exits, in many orders.
#[track_caller]
pub(crate) fn in_many_orders<F, Fut>(body: F)
where
    F: Fn(Mailbox<()>) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    for seed in 0..SEEDS {
        let run = run_once(seed, body);
        assert!(run.outcome().is_finished(), "{run}");
    }
}
