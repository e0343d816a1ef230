//! `spawn` and `idle_memory`: very many actors that each answer a message,
//! then stop or wait.
use crate::Bench;
use crate::fanin::Sink;
use common::{BATCH, Done, Report};
use wharf::prelude::*;

pub(crate) fn spawn(bench: &Bench, n: u64) -> Option<Report> {
    let sink = bench.node.spawn(Sink::new(n, bench.done.clone()));
    let spawner = bench.node.spawn(Spawner { sink, n });
    let started = common::now();
    spawner.try_send(()).expect("an empty mailbox");
    bench.wait.expect(n * (n - 1) / 2);
    Report::new(n, started.elapsed())
}

pub(crate) fn idle_memory(bench: &Bench, n: u64) -> Option<Report> {
    let before = common::rss();
    let started = common::now();
    bench.node.spawn(Keeper {
        // `n` pids of 16 bytes: part of what an actor costs whoever keeps it.
        kept: Vec::with_capacity(usize::try_from(n).expect("n actors fit in memory")),
        want: n,
        answers: 0,
        done: bench.done.clone(),
    });
    bench.wait.expect(n);
    let grown = common::rss() - before;
    Report::memory(n, started.elapsed(), grown)
}

/// Passes one number to the sink, then stops.
struct Once {
    sink: Pid<u64>,
}

impl Actor for Once {
    type Msg = u64;

    async fn handle(&mut self, msg: u64, cx: &mut Context<u64>) -> Result<(), ExitReason> {
        self.sink.send(msg).await?;
        cx.stop();
        Ok(())
    }
}

struct Spawner {
    sink: Pid<u64>,
    n: u64,
}

impl Actor for Spawner {
    type Msg = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Result<(), ExitReason> {
        for i in 0..self.n {
            let once = wharf::spawn(Once { sink: self.sink.clone() });
            once.send(i).await?;
            // As every peer: let others run, without waiting for them.
            if i % BATCH == BATCH - 1 {
                wharf::yield_now().await;
            }
        }
        Ok(())
    }
}

/// Adds what comes to its state, answers with the sum, and stays.
struct Adder {
    keeper: Pid<u64>,
    total: u64,
}

impl Actor for Adder {
    type Msg = u64;

    async fn handle(&mut self, msg: u64, _cx: &mut Context<u64>) -> Result<(), ExitReason> {
        self.total += msg;
        self.keeper.send(self.total).await?;
        Ok(())
    }
}

/// Spawns `want` adders, a batch whenever all the earlier ones have answered.
struct Keeper {
    kept: Vec<Pid<u64>>,
    want: u64,
    answers: u64,
    done: Done,
}

impl Keeper {
    // An adder has one message ever, and a batch of answers is shorter than
    // the keeper's mailbox: no send waits for room.
    async fn spawn_batch(&mut self, me: &Pid<u64>) -> Result<(), ExitReason> {
        for _ in 0..BATCH.min(self.want - self.answers) {
            let adder = wharf::spawn(Adder { keeper: me.clone(), total: 0 });
            adder.send(1).await?;
            self.kept.push(adder);
        }
        Ok(())
    }
}

impl Actor for Keeper {
    type Msg = u64;

    async fn started(&mut self, cx: &mut Context<u64>) -> Result<(), ExitReason> {
        self.spawn_batch(cx.pid()).await
    }

    async fn handle(&mut self, answer: u64, cx: &mut Context<u64>) -> Result<(), ExitReason> {
        self.answers += answer;
        if self.answers == self.want {
            self.done.signal(self.answers);
        } else if self.answers == self.kept.len() as u64 {
            self.spawn_batch(cx.pid()).await?;
        }
        Ok(())
    }
}
