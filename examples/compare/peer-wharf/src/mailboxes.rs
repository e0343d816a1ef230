//! `rendezvous`, `pingpong_unbounded`, `producers` and `batch`: what capacities, many senders and
//! `send_all` cost.
use crate::{Bench, fanin, hop};
use common::{Report, probe};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wharf::Spawn;
use wharf::prelude::*;

pub(crate) fn rendezvous(bench: &Bench, n: u64) -> Option<Report> {
    hop::pingpong_of(bench, n, Capacity::Zero)
}

pub(crate) fn pingpong_unbounded(bench: &Bench, n: u64) -> Option<Report> {
    hop::pingpong_of(bench, n, Capacity::Unbounded)
}

pub(crate) fn producers(bench: &Bench, n: u64, capacity: Option<u32>, producers: u64) -> Option<Report> {
    let capacity = capacity.map_or(Capacity::Unbounded, Capacity::Bounded);
    let expected = probe::producers_sum(n / producers, producers);
    fanin::run(bench, n, producers, capacity, |i| i, expected)
}

/// Messages of a round of `batch`: they fit the default mailbox.
const ROUND: u64 = 1000;

/// Sends `n` messages in rounds to an actor that looks at none before the round is over, one by
/// one or all at once. The figure is the sender's time alone.
pub(crate) fn batch(bench: &Bench, n: u64, all: bool) -> Option<Report> {
    let gate = Arc::new(Semaphore::new(0));
    let (open, done) = (gate.clone(), bench.done.clone());
    let sink = Spawn::on(&bench.node).spawn_fn(async move |mut mailbox: Mailbox<u64>| {
        while let Ok(permit) = gate.acquire().await {
            permit.forget();
            let mut sum = 0;
            for _ in 0..ROUND {
                sum += mailbox.receive().await.unwrap_or(0);
            }
            done.signal(sum);
        }
    });
    let mut spent = Duration::ZERO;
    for _ in 0..n / ROUND {
        let to = sink.clone();
        let sender = bench.tokio.spawn(async move {
            let started = common::now();
            if all {
                to.send_all((0..ROUND as u32).map(u64::from)).await.expect("a live actor");
            } else {
                for i in 0..ROUND {
                    to.send(i).await.expect("a live actor");
                }
            }
            started.elapsed()
        });
        spent += bench.tokio.block_on(sender).expect("it ends");
        open.add_permits(1);
        bench.wait.expect(ROUND * (ROUND - 1) / 2);
    }
    Report::new(n / ROUND * ROUND, spent)
}
