//! `pingpong`, `pingpong_pairs` and `ring`: actors that count a token down and
//! pass it on.
use crate::Bench;
use common::{Done, RING, Report};
use wharf::prelude::*;

pub(crate) fn pingpong(bench: &Bench, n: u64, pairs: u64) -> Option<Report> {
    let each = n / pairs;
    let firsts = (0..pairs).map(|_| cycle(bench, 2)).collect();
    run(bench, firsts, each)
}

pub(crate) fn ring(bench: &Bench, n: u64) -> Option<Report> {
    let firsts = vec![cycle(bench, RING)];
    run(bench, firsts, n)
}

/// Spawns `len` actors, each knowing the next, and gives the first.
fn cycle(bench: &Bench, len: u64) -> Pid<HopMsg> {
    let hops: Vec<_> =
        (0..len).map(|_| bench.node.spawn(Hop { next: None, done: bench.done.clone() })).collect();
    for (i, hop) in hops.iter().enumerate() {
        let next = hops[(i + 1) % hops.len()].clone();
        hop.try_send(HopMsg::Next(next)).expect("an empty mailbox");
    }
    hops[0].clone()
}

fn run(bench: &Bench, firsts: Vec<Pid<HopMsg>>, each: u64) -> Option<Report> {
    let cycles = firsts.len() as u64;
    let started = common::now();
    bench.tokio.spawn(async move {
        for first in &firsts {
            first.send(HopMsg::Token(each - 1)).await.expect("a live actor");
        }
    });
    for _ in 0..cycles {
        bench.wait.expect(1);
    }
    Report::new(each * cycles, started.elapsed())
}

enum HopMsg {
    Next(Pid<HopMsg>),
    Token(u64),
}

struct Hop {
    next: Option<Pid<HopMsg>>,
    done: Done,
}

impl Actor for Hop {
    type Msg = HopMsg;

    // A cycle holds one token and at most one `Next` for each member, so the
    // send always finds room in a mailbox of 1024.
    async fn handle(&mut self, msg: HopMsg, _cx: &mut Context<HopMsg>) -> Result<(), ExitReason> {
        match msg {
            HopMsg::Token(0) => self.done.signal(1),
            HopMsg::Token(left) => {
                let next = self.next.as_ref().expect("`Next` is sent first");
                next.send(HopMsg::Token(left - 1)).await?;
            }
            HopMsg::Next(pid) => self.next = Some(pid),
        }
        Ok(())
    }
}
