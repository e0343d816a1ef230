//! `peer-wharf WORKLOAD [N]`: the peers' twelve workloads on wharf, with its
//! default features, default ask deadline and default bounded mailboxes (only
//! `fanin` asks for an unbounded one), on two workers as every peer; and those
//! of `proofs.py`, whose parameters follow a colon.
mod ask;
mod big;
mod crowd;
mod fanin;
mod growth;
mod hop;
mod mailboxes;
mod skynet;
mod surroundings;

use common::{Done, Report, Wait, probe};
use wharf::Node;

/// What every workload runs in.
struct Bench {
    node: Node,
    tokio: tokio::runtime::Runtime,
    done: Done,
    wait: Wait,
}

fn run(workload: &str, n: u64) -> Option<Report> {
    let tokio = common::rt();
    let node = {
        let _inside = tokio.enter();
        Node::start().expect("a tokio runtime with a timer")
    };
    let (done, wait) = common::done();
    let bench = Bench { node, tokio, done, wait };
    match workload {
        "pingpong" => hop::pingpong(&bench, n, 1),
        "pingpong_pairs" => hop::pingpong(&bench, n, common::PAIRS),
        "ring" => hop::ring(&bench, n),
        "fanin" => fanin::fanin_unbounded(&bench, n),
        "fanin_bounded" => fanin::fanin_bounded(&bench, n),
        "blob" => fanin::blob(&bench, n),
        "ask" => ask::ask(&bench, n, 1),
        "ask_pipelined" => ask::ask(&bench, n, common::ASKERS),
        "spawn" => crowd::spawn(&bench, n),
        "idle_memory" => crowd::idle_memory(&bench, n),
        "skynet" => skynet::skynet(&bench, n),
        "big" => big::big(&bench, n),
        _ => proof(&bench, workload, n),
    }
}

/// The workloads of `proofs.py`.
fn proof(bench: &Bench, workload: &str, n: u64) -> Option<Report> {
    if let Some((capacity, producers)) = probe::producers(workload) {
        return mailboxes::producers(bench, n, capacity, producers);
    }
    match workload {
        "rendezvous" => mailboxes::rendezvous(bench, n),
        "pingpong_unbounded" => mailboxes::pingpong_unbounded(bench, n),
        "batch:single" => mailboxes::batch(bench, n, false),
        "batch:all" => mailboxes::batch(bench, n, true),
        "growth:10" => growth::growth(bench, n, 10),
        "growth:1000" => growth::growth(bench, n, 1_000),
        "growth:100000" => growth::growth(bench, n, 100_000),
        "growth:1000000" => growth::growth(bench, n, 1_000_000),
        "idle_cpu" => growth::idle_cpu(bench, n),
        "stale_pid" => growth::stale_pid(bench, n),
        "wakeup" => surroundings::wakeup(bench, n),
        "echo" => surroundings::echo(bench, n),
        "timer_lag" => surroundings::timer_lag(bench, n),
        "hog" => surroundings::hog(bench, n),
        "hog_timer" => surroundings::hog_timer(bench, n),
        "coop" => surroundings::coop(bench, n),
        _ => None,
    }
}

fn main() {
    common::bench_main("wharf", run);
}
