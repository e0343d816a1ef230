//! `peer-wharf WORKLOAD [N]`: the peers' twelve workloads on wharf, with its
//! default features, default ask deadline and default bounded mailboxes (only
//! `fanin` asks for an unbounded one), on two workers as every peer.
mod ask;
mod big;
mod crowd;
mod fanin;
mod hop;
mod skynet;

use common::{Done, Report, Wait};
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
        _ => None,
    }
}

fn main() {
    common::bench_main("wharf", run);
}
