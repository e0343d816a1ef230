//! `pingpong`, `pingpong_pairs` and `ring`: actors that count a token down and
//! pass it on.
use crate::Bench;
use common::{Done, RING, Report};
use wharf::Spawn;
use wharf::prelude::*;

pub(crate) fn pingpong(bench: &Bench, n: u64, pairs: u64) -> Option<Report> {
    let each = n / pairs;
    let firsts = (0..pairs).map(|_| cycle(bench, 2, Capacity::DEFAULT)).collect();
    run(bench, firsts, each)
}

/// One pair whose mailboxes have another capacity.
pub(crate) fn pingpong_of(bench: &Bench, n: u64, capacity: Capacity) -> Option<Report> {
    run(bench, vec![cycle(bench, 2, capacity)], n)
}

pub(crate) fn ring(bench: &Bench, n: u64) -> Option<Report> {
    let firsts = vec![cycle(bench, RING, Capacity::DEFAULT)];
    run(bench, firsts, n)
}

/// Spawns `len` actors, each knowing the next, and gives the first.
pub(crate) fn cycle(bench: &Bench, len: u64, capacity: Capacity) -> Pid<HopMsg> {
    let hops: Vec<_> = (0..len)
        .map(|_| {
            let hop = Hop { next: None, done: bench.done.clone() };
            Spawn::on(&bench.node).capacity(capacity).spawn(hop)
        })
        .collect();
    bench.tokio.block_on(async {
        for (i, hop) in hops.iter().enumerate() {
            let next = hops[(i + 1) % hops.len()].clone();
            hop.send(HopMsg::Next(next)).await.expect("a live actor");
        }
    });
    hops[0].clone()
}

pub(crate) fn run(bench: &Bench, firsts: Vec<Pid<HopMsg>>, each: u64) -> Option<Report> {
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

pub(crate) enum HopMsg {
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
