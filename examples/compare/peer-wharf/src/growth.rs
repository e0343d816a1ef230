//! `growth`, `idle_cpu` and `stale_pid`: what a message costs among many actors, and what actors
//! cost that do nothing or are gone.
use crate::{Bench, hop};
use common::{Report, probe};
use std::time::Duration;
use wharf::prelude::*;

/// A token around a ring of all `live` actors, so that each message finds an actor that has not
/// run for long; `pair_ns` is the same between two of that many.
pub(crate) fn growth(bench: &Bench, n: u64, live: u64) -> Option<Report> {
    // Small mailboxes cost what large ones do: they grow with what is in them.
    let ring = hop::cycle(bench, live, Capacity::DEFAULT);
    let pair = hop::cycle(bench, 2, Capacity::DEFAULT);
    quiet(bench);
    // Once around, so that all memory is there.
    hop::run(bench, vec![ring.clone()], live)?;
    let pair = hop::run(bench, vec![pair], n)?;
    let mut report = hop::run(bench, vec![ring], n.max(2 * live))?;
    report.extra.push(("live", live as f64));
    report.extra.push(("pair_ns", pair.secs * 1e9 / pair.n as f64));
    Some(report)
}

/// Waits until every actor has handled what was sent.
fn quiet(bench: &Bench) {
    let mut handled = bench.node.stats().handled;
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let now = bench.node.stats().handled;
        if now == handled {
            return;
        }
        handled = now;
    }
}

/// Processor time of the whole process for each second in which `n` actors have nothing to do, over
/// what it is where there are none.
pub(crate) fn idle_cpu(bench: &Bench, n: u64) -> Option<Report> {
    let without = cpu_at_rest(bench);
    let _ring = hop::cycle(bench, n, Capacity::DEFAULT);
    let with = cpu_at_rest(bench);
    let extra = vec![("live", n as f64), ("without_ns", without), ("with_ns", with)];
    probe::figure((with - without).max(0.0), extra)
}

/// Nanoseconds of processor time a second, once all is quiet.
fn cpu_at_rest(bench: &Bench) -> f64 {
    const SPAN: Duration = Duration::from_secs(2);
    quiet(bench);
    let (before, turns) = (probe::cpu_ns(), bench.node.stats().turns);
    std::thread::sleep(SPAN);
    let used = (probe::cpu_ns() - before) as f64 / SPAN.as_secs_f64();
    assert_eq!(bench.node.stats().turns, turns, "an idle actor ran");
    used
}

/// Bytes that the pid of a dead actor with a state of 20 KiB keeps.
pub(crate) fn stale_pid(bench: &Bench, n: u64) -> Option<Report> {
    let node = bench.node.clone();
    let run = bench.tokio.spawn(async move {
        let mut pids: Vec<Pid<Reply<u64>>> = Vec::with_capacity(n as usize);
        // What the first ones need, all need: it is there before the measurement.
        for _ in 0..100 {
            gone(&node).await;
        }
        let before = common::rss();
        let started = common::now();
        for _ in 0..n {
            pids.push(gone(&node).await);
        }
        let grown = common::rss() - before;
        assert!(pids.iter().all(|pid| !pid.is_alive()), "an actor lives on");
        Report::memory(n, started.elapsed(), grown)
    });
    bench.tokio.block_on(run).expect("it ends")
}

/// An actor with 20 KiB of state, once it has answered and stopped.
async fn gone(node: &Node) -> Pid<Reply<u64>> {
    let pid = node.spawn(Large { state: [1; 2560] });
    assert_eq!(pid.ask(|reply| reply).await, Ok(2560));
    pid.any().stopped().await;
    pid
}

struct Large {
    state: [u64; 2560],
}

impl Actor for Large {
    type Msg = Reply<u64>;

    async fn handle(&mut self, reply: Reply<u64>, cx: &mut Context<Reply<u64>>) -> Result<(), ExitReason> {
        let _ = reply.send(self.state.iter().sum());
        cx.stop();
        Ok(())
    }
}
