//! The same count without actors: two plain threads that share a lock. What the actors' speed is
//! measured against.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::chunk::Chunk;
use crate::count::{Counter, Translation};
use crate::ledger::{Ledger, Turn};
use crate::progress::Progress;
use crate::read::Reader;
use crate::report::{Outcome, Share};
use crate::roster::FIRST;
use crate::tally::Tally;
use crate::walk::Walk;

const THREADS: u64 = 2;

struct Shared {
    ledger: Ledger<Walk>,
    tally: Tally,
}

impl Shared {
    fn next(&mut self, thread: u64) -> Option<Chunk> {
        match self.ledger.take(thread, |unreadable| self.tally.warn(&unreadable)) {
            Turn::Count(chunk) => Some(chunk),
            // A thread never loses a chunk: nothing will come back.
            Turn::Wait | Turn::Done => None,
        }
    }
}

/// Counts what `walk` finds.
///
/// # Errors
///
/// When a thread panicked.
pub(crate) fn run(walk: Walk, progress: Arc<Progress>) -> Result<Outcome, String> {
    let shared = Mutex::new(Shared { ledger: Ledger::new(walk), tally: Tally::new(progress) });
    let workers: Result<Vec<Share>, String> = thread::scope(|scope| {
        let shared = &shared;
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || count(shared, n))).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned()));
        joined.collect()
    });
    let tally = shared.into_inner().unwrap_or_else(PoisonError::into_inner).tally;
    let workers = workers?;
    let node = Share { name: FIRST.to_owned(), chunks: workers.iter().map(|share| share.chunks).sum() };
    Ok(Outcome { tally, workers, nodes: vec![node], restarts: 0, nodes_lost: 0 })
}

fn count(shared: &Mutex<Shared>, thread: u64) -> Share {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reader = Reader::<Counter>::default();
    let mut translation = Translation::default();
    let mut share = Share { name: format!("thread:{}", thread + 1), chunks: 0 };
    loop {
        let Some(chunk) = lock().next(thread) else {
            break;
        };
        let findings = reader.read(&chunk);
        let shared = &mut *lock();
        if let Some(chunk) = shared.ledger.finish(thread, chunk.number) {
            shared.tally.add(findings, &chunk, &mut translation, &mut shared.ledger);
            share.chunks += 1;
        }
    }
    lock().tally.add_words(reader.take(), &mut translation);
    share
}
