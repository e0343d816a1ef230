//! The count with actors: a coordinator hands out chunks, workers count them.
//!
//! ```text
//!  worker 1..N                coordinator
//!      | Next ------------------> |      an ask; the answer is a chunk, or None at the end
//!      | <------------- chunk ... |
//!      | Done{findings} --------> |      then Next again
//!      x                          |
//!        ---------------- Down -> |      its chunk goes to another, a new worker takes its place
//! ```
//! A worker's `Down` arrives after all it has sent, so a chunk is either reported or, at the
//! `Down`, still in the worker's name in the ledger: never both. What a worker counted of a chunk
//! it did not finish dies with it, since counts are handed over a chunk at a time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use wharf::{Actor, ActorId, Context, Down, ExitReason, Mailbox, Pid, Reply, Spawn};

use crate::chaos::Chaos;
use crate::chunk::Chunk;
use crate::count::Translation;
use crate::ledger::{Ledger, Loss, MAX_ATTEMPTS, Turn};
use crate::progress::Progress;
use crate::read::{Findings, Reader};
use crate::report::{Outcome, Share};
use crate::tally::Tally;
use crate::walk::{Unreadable, Walk};

/// A deadline for asks that may take as long as the count itself.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Counts what `walk` finds with so many workers.
///
/// # Errors
///
/// When the coordinator died.
pub(crate) fn run(
    walk: Walk,
    workers: usize,
    chaos: Option<Chaos>,
    progress: Arc<Progress>,
) -> Result<Outcome, String> {
    wharf::block_on(async move {
        let coordinator =
            Spawn::new().label("coordinator").spawn(Coordinator::new(walk, workers, chaos, progress));
        let outcome = coordinator.ask(|reply| Msg::Finish { reply }).timeout(PATIENCE).await;
        outcome.map_err(|error| format!("the coordinator gave no result: {error}"))
    })
}

/// What the coordinator is told.
enum Msg {
    /// A worker wants a chunk; `None` says that all is done.
    Next { worker: ActorId, reply: Reply<Option<Chunk>> },
    /// A worker has counted a chunk.
    Done { worker: ActorId, chunk: u64, findings: Findings },
    /// The result is wanted, when it is there.
    Finish { reply: Reply<Outcome> },
}

/// Hands out chunks, adds up what comes back and replaces who dies.
struct Coordinator {
    ledger: Ledger<Walk>,
    tally: Tally,
    shares: Vec<Share>,
    restarts: u64,
    chaos: Option<Chaos>,
    /// The workers that live, or whose end is not known yet.
    workers: HashMap<ActorId, Worker>,
    holders: u64,
    /// Workers for whom there is nothing unless a chunk comes back.
    waiting: Vec<(ActorId, Reply<Option<Chunk>>)>,
    is_done: bool,
    finish: Option<Reply<Outcome>>,
}

/// What the coordinator knows of a worker.
struct Worker {
    /// Its number in the ledger.
    holder: u64,
    /// Its place in `shares`, which its replacement takes over.
    slot: usize,
    translation: Translation,
}

impl Coordinator {
    fn new(walk: Walk, workers: usize, chaos: Option<Chaos>, progress: Arc<Progress>) -> Self {
        let share = |n| Share { name: format!("worker:{n}"), chunks: 0 };
        Self {
            ledger: Ledger::new(walk),
            tally: Tally::new(progress),
            shares: (1..=workers).map(share).collect(),
            restarts: 0,
            chaos,
            workers: HashMap::new(),
            holders: 0,
            waiting: Vec::new(),
            is_done: false,
            finish: None,
        }
    }

    /// Starts a worker and watches it. It is in the books before its first message is handled,
    /// since that takes another turn of the coordinator.
    fn hire(&mut self, slot: usize, cx: &mut Context<Msg>) {
        let (coordinator, chaos) = (cx.pid().clone(), self.chaos);
        let worker = Spawn::new()
            .label(self.shares[slot].name.clone())
            .spawn_fn(async move |mailbox: Mailbox<Infallible>| work(mailbox, coordinator, chaos).await);
        cx.monitor(&worker);
        self.workers
            .insert(worker.id(), Worker { holder: self.holders, slot, translation: Translation::default() });
        self.holders += 1;
    }

    fn take_report(&mut self, worker: ActorId, number: u64, findings: Findings) {
        let Some(worker) = self.workers.get_mut(&worker) else {
            return;
        };
        if let Some(chunk) = self.ledger.finish(worker.holder, number) {
            self.tally.add(findings, &chunk, &mut worker.translation, &mut self.ledger);
            self.shares[worker.slot].chunks += 1;
        }
    }

    /// Gives chunks to those who wait, as far as there are any.
    fn serve(&mut self) {
        while let Some((id, reply)) = self.waiting.pop() {
            let Some(worker) = self.workers.get(&id) else {
                continue;
            };
            match self.ledger.take(worker.holder, |unreadable| self.tally.warn(&unreadable)) {
                // Should it be dead, its `Down` will put the chunk back.
                Turn::Count(chunk) => _ = reply.send(Some(chunk)),
                Turn::Wait => return self.waiting.push((id, reply)),
                Turn::Done => {
                    self.is_done = true;
                    _ = reply.send(None);
                }
            }
        }
        self.answer();
    }

    /// Gives the result, when it is there and wanted.
    fn answer(&mut self) {
        if !self.is_done {
            return;
        }
        if let Some(reply) = self.finish.take() {
            let (tally, workers) = (self.tally.take(), std::mem::take(&mut self.shares));
            _ = reply.send(Outcome { tally, workers, restarts: self.restarts });
        }
    }

    fn write_off(&mut self, worker: &Worker, reason: &ExitReason) {
        let Loss::GivenUp(chunk) = self.ledger.lose(worker.holder) else {
            return;
        };
        for piece in &chunk.pieces {
            if self.ledger.fail(piece.source.number) {
                let message = format!("{MAX_ATTEMPTS} workers died of it, the last one: {reason}");
                let (path, error) = (piece.source.path.clone(), io::Error::other(message));
                self.tally.warn(&Unreadable { path, error });
            }
        }
    }
}

impl Actor for Coordinator {
    type Msg = Msg;

    async fn started(&mut self, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        for slot in 0..self.shares.len() {
            self.hire(slot, cx);
        }
        Ok(())
    }

    /// Walking reads directories, and that blocks: a coordinator has nothing else to do, and it
    /// looks no further ahead than the chunk that it is asked for.
    async fn handle(&mut self, msg: Msg, _cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        match msg {
            Msg::Next { worker, reply } => self.waiting.push((worker, reply)),
            Msg::Done { worker, chunk, findings } => self.take_report(worker, chunk, findings),
            Msg::Finish { reply } => self.finish = Some(reply),
        }
        self.serve();
        Ok(())
    }

    /// A worker that ended in order was told that all is done; any other end is an accident.
    async fn handle_down(&mut self, down: Down, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        let Some(worker) = self.workers.remove(&down.subject) else {
            return Ok(());
        };
        if !down.reason.is_orderly() {
            self.write_off(&worker, &down.reason);
            self.restarts += 1;
            self.hire(worker.slot, cx);
        }
        self.serve();
        Ok(())
    }
}

/// Counts chunks until there are none.
///
/// Reading blocks the thread that the worker runs on. That is as it should be here: a chunk is
/// small, its reading takes less time than its counting, and the threads have nothing better to do.
async fn work(
    mailbox: Mailbox<Infallible>,
    coordinator: Pid<Msg>,
    chaos: Option<Chaos>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let worker = mailbox.pid().id();
    let mut reader = Reader::default();
    loop {
        let next = coordinator.ask(|reply| Msg::Next { worker, reply }).timeout(PATIENCE);
        let Some(chunk) = next.await? else {
            return Ok(());
        };
        if let Some(part) = chaos.and_then(|chaos| chaos.strike(&chunk)) {
            reader.count(&part);
            panic!("chaos strikes in chunk {}, attempt {}", chunk.number, chunk.attempt);
        }
        let findings = reader.count(&chunk);
        coordinator.send(Msg::Done { worker, chunk: chunk.number, findings }).await?;
    }
}
