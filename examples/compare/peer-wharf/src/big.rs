//! `big` (Savina): 1000 actors that ping random others and wait for the pong.
use crate::Bench;
use common::{BIG_ACTORS, Done, Report, Rng};
use std::sync::{Arc, OnceLock};
use wharf::prelude::*;

pub(crate) fn big(bench: &Bench, n: u64) -> Option<Report> {
    let each = n / BIG_ACTORS;
    let all: Arc<OnceLock<Vec<Pid<BigMsg>>>> = Arc::default();
    let pids: Vec<_> = (0..BIG_ACTORS)
        .map(|me| {
            bench.node.spawn(Big {
                me: me as u32,
                left: each,
                rng: Rng::new(me + 1),
                all: all.clone(),
                done: bench.done.clone(),
            })
        })
        .collect();
    let _ = all.set(pids.clone());
    let started = common::now();
    bench.tokio.spawn(async move {
        for pid in &pids {
            pid.send(BigMsg::Start).await.expect("a live actor");
        }
    });
    for _ in 0..BIG_ACTORS {
        bench.wait.expect(1);
    }
    Report::new(each * BIG_ACTORS * 2, started.elapsed())
}

enum BigMsg {
    Start,
    Ping(u32),
    Pong,
}

struct Big {
    me: u32,
    left: u64,
    rng: Rng,
    all: Arc<OnceLock<Vec<Pid<BigMsg>>>>,
    done: Done,
}

impl Actor for Big {
    type Msg = BigMsg;

    // A ring of full mailboxes, each actor waiting for another's room, can't
    // come about: an actor has one thing under way at any time, its start, its
    // ping or the pong to it. So 1000 messages exist, and a mailbox takes 1024.
    async fn handle(&mut self, msg: BigMsg, _cx: &mut Context<BigMsg>) -> Result<(), ExitReason> {
        let all = self.all.get().expect("set before the first message");
        match msg {
            BigMsg::Ping(from) => {
                all[from as usize].send(BigMsg::Pong).await?;
                return Ok(());
            }
            BigMsg::Pong => self.left -= 1,
            BigMsg::Start => {}
        }
        if self.left == 0 {
            self.done.signal(1);
        } else {
            let to = self.rng.below(BIG_ACTORS) as usize;
            all[to].send(BigMsg::Ping(self.me)).await?;
        }
        Ok(())
    }
}
