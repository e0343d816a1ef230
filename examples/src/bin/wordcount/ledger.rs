//! Who has which chunk: the pure bookkeeping behind "each chunk counts exactly once".

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chunk::{Chunk, Chunker};
use crate::walk::{Found, Unreadable};

/// How many holders may die of a chunk before it is given up.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

/// Chunks in custody. It holds those that were taken, those that came back, and no more; the chunks to
/// come are cut when somebody asks. A holder counts its chunks in the order in which it took them, so
/// that the oldest is the one it is at.
///
/// ```text
///            take                    finish
///  to come ---------> held by one ----------> done (out of the books)
///                      ^      | lost
///                 take |      v          too many attempts
///                     returned --------------------------> given up
/// ```
#[derive(Debug)]
pub(crate) struct Ledger<W> {
    chunker: Chunker<W>,
    is_exhausted: bool,
    /// By holder. A number is never used for a second holder.
    held: BTreeMap<u64, VecDeque<Chunk>>,
    returned: VecDeque<Chunk>,
    /// Chunks that two holders have.
    copied: BTreeSet<u64>,
    /// Unreadable files that other pieces in custody may still mention.
    failed: BTreeSet<u64>,
}

/// The answer to a holder that asks for work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This is now its own.
    Count(Chunk),
    /// There is nothing now, but what others hold may come back.
    Wait,
    /// All chunks are done.
    Done,
}

/// Whether the chunk that a lost holder was at may have been what it died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// It died of something in it.
    Chunk,
    /// Its node is gone, or it left.
    Nobody,
}

impl<W: Iterator<Item = Result<Found, Unreadable>>> Ledger<W> {
    /// Books for the chunks of `walk`.
    pub(crate) fn new(walk: W) -> Self {
        Self {
            chunker: Chunker::new(walk),
            is_exhausted: false,
            held: BTreeMap::new(),
            returned: VecDeque::new(),
            copied: BTreeSet::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Gives `holder` one more chunk. Files and directories found unreadable on the way are passed to
    /// `on_unreadable`.
    pub(crate) fn take(&mut self, holder: u64, on_unreadable: impl FnMut(Unreadable)) -> Turn {
        match self.returned.pop_front().or_else(|| self.cut(on_unreadable)) {
            Some(chunk) => {
                self.held.entry(holder).or_default().push_back(chunk.clone());
                Turn::Count(chunk)
            }
            None if self.held.is_empty() => Turn::Done,
            None => Turn::Wait,
        }
    }

    /// Gives `holder` a copy of the oldest chunk that `slow` has and nobody else.
    pub(crate) fn copy(&mut self, slow: u64, holder: u64) -> Option<Chunk> {
        let mut chunks = self.held.get(&slow).filter(|_| slow != holder)?.iter();
        let chunk = chunks.find(|chunk| !self.copied.contains(&chunk.number))?.clone();
        self.copied.insert(chunk.number);
        self.held.entry(holder).or_default().push_back(chunk.clone());
        Some(chunk)
    }

    /// How many chunks a holder has.
    pub(crate) fn held_by(&self, holder: u64) -> usize {
        self.held.get(&holder).map_or(0, VecDeque::len)
    }

    /// Takes a chunk out of the books; the caller counts its findings if and only if it gets the
    /// chunk. It does not when `holder` no longer holds that chunk.
    pub(crate) fn finish(&mut self, holder: u64, number: u64) -> Option<Chunk> {
        let chunks = self.held.get_mut(&holder)?;
        let place = chunks.iter().position(|chunk| chunk.number == number)?;
        let chunk = chunks.remove(place);
        if chunks.is_empty() {
            self.held.remove(&holder);
        }
        if self.copied.remove(&number) {
            self.held.retain(|_, chunks| {
                chunks.retain(|chunk| chunk.number != number);
                !chunks.is_empty()
            });
        }
        chunk
    }

    /// Ends a holder, and puts back what it held; gives the chunk that killed too many, if it did.
    pub(crate) fn lose(&mut self, holder: u64, blame: Blame) -> Option<Chunk> {
        let mut chunks = self.held.remove(&holder)?;
        let mut given_up = None;
        if let (Blame::Chunk, Some(at)) = (blame, chunks.front_mut())
            && !self.copied.contains(&at.number)
        {
            at.attempt += 1;
            if at.attempt >= MAX_ATTEMPTS {
                given_up = chunks.pop_front();
            }
        }
        // The other holder still has what it has.
        chunks.retain(|chunk| !self.copied.remove(&chunk.number));
        self.returned.append(&mut chunks);
        given_up
    }

    /// Notes that a file can't be read, so that no more of it is handed out; true the first time.
    pub(crate) fn fail(&mut self, source: u64) -> bool {
        self.chunker.abandon(source);
        let is_new = self.failed.insert(source);
        let oldest = self.oldest_source();
        self.failed.retain(|failed| *failed >= oldest);
        is_new
    }

    fn cut(&mut self, mut on_unreadable: impl FnMut(Unreadable)) -> Option<Chunk> {
        while !self.is_exhausted {
            match self.chunker.next() {
                Some(Ok(chunk)) => return Some(chunk),
                Some(Err(unreadable)) => on_unreadable(unreadable),
                None => self.is_exhausted = true,
            }
        }
        None
    }

    fn oldest_source(&self) -> u64 {
        let custody =
            self.held.values().flatten().chain(&self.returned).filter_map(|chunk| chunk.pieces.first());
        custody.map(|piece| piece.source.number).fold(self.chunker.oldest_source(), u64::min)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::chaos::mix;
    use crate::chunk::CHUNK_BYTES;

    type Files = std::vec::IntoIter<Result<Found, Unreadable>>;

    /// Books of `chunks` chunks, one file each.
    fn ledger(chunks: u64) -> Ledger<Files> {
        let file = |n| Ok(Found { path: PathBuf::from(format!("{n}")), size: CHUNK_BYTES });
        Ledger::new((0..chunks).map(file).collect::<Vec<_>>().into_iter())
    }

    fn take(ledger: &mut Ledger<Files>, holder: u64) -> Turn {
        ledger.take(holder, |unreadable| panic!("{unreadable:?}"))
    }

    fn number(turn: Turn) -> u64 {
        match turn {
            Turn::Count(chunk) => chunk.number,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_holder_may_have_several_chunks_and_they_all_come_back() {
        let mut ledger = ledger(4);
        for expected in 0..3 {
            assert_eq!(number(take(&mut ledger, 1)), expected);
        }
        assert!(ledger.finish(1, 0).is_some());
        assert_eq!(ledger.lose(1, Blame::Chunk), None);
        let mut back = Vec::new();
        while let Turn::Count(chunk) = take(&mut ledger, 2) {
            back.push((chunk.number, chunk.attempt));
        }
        assert_eq!(back, [(1, 1), (2, 0), (3, 0)]);
    }

    #[test]
    fn nothing_is_blamed_for_the_loss_of_a_node() {
        let mut ledger = ledger(1);
        for holder in 0..3 * u64::from(MAX_ATTEMPTS) {
            let Turn::Count(chunk) = take(&mut ledger, holder) else { panic!("it was given up") };
            assert_eq!(chunk.attempt, 0);
            assert_eq!(ledger.lose(holder, Blame::Nobody), None);
        }
    }

    #[test]
    fn a_chunk_is_finished_once_and_only_by_who_holds_it() {
        let mut ledger = ledger(2);
        take(&mut ledger, 1);
        take(&mut ledger, 2);
        assert!(ledger.finish(2, 0).is_none());
        assert!(ledger.finish(3, 0).is_none());
        assert!(ledger.finish(1, 0).is_some());
        assert!(ledger.finish(1, 0).is_none());
    }

    #[test]
    fn the_chunk_of_a_lost_holder_goes_to_another_and_its_own_report_comes_too_late() {
        let mut ledger = ledger(1);
        take(&mut ledger, 1);
        assert_eq!(take(&mut ledger, 2), Turn::Wait);
        assert_eq!(ledger.lose(1, Blame::Chunk), None);
        assert!(ledger.finish(1, 0).is_none());
        let Turn::Count(chunk) = take(&mut ledger, 2) else { panic!("nothing came back") };
        assert_eq!((chunk.number, chunk.attempt), (0, 1));
        assert!(ledger.finish(2, 0).is_some());
        assert_eq!(take(&mut ledger, 2), Turn::Done);
        assert_eq!(ledger.lose(1, Blame::Chunk), None);
    }

    #[test]
    fn of_two_holders_of_a_chunk_the_first_that_is_done_has_done_it() {
        for (first, second) in [(1, 2), (2, 1)] {
            let mut ledger = ledger(2);
            take(&mut ledger, 1);
            take(&mut ledger, 1);
            assert_eq!(ledger.copy(1, 2).map(|chunk| chunk.number), Some(0));
            assert!(ledger.finish(first, 0).is_some());
            assert!(ledger.finish(second, 0).is_none());
            assert_eq!((ledger.held_by(1), ledger.held_by(2)), (1, 0));
            assert_eq!(take(&mut ledger, 2), Turn::Wait);
            assert!(ledger.finish(1, 1).is_some());
            assert_eq!(take(&mut ledger, 2), Turn::Done);
        }
    }

    #[test]
    fn there_is_one_copy_of_a_chunk_at_a_time_and_it_comes_back_when_both_are_gone() {
        let mut ledger = ledger(1);
        take(&mut ledger, 1);
        assert_eq!((ledger.copy(1, 1), ledger.copy(3, 1)), (None, None));
        assert!(ledger.copy(1, 2).is_some());
        assert_eq!((ledger.copy(1, 3), ledger.copy(2, 3)), (None, None));
        assert_eq!(ledger.lose(1, Blame::Chunk), None);
        assert_eq!(take(&mut ledger, 3), Turn::Wait);
        assert!(ledger.copy(2, 3).is_some());
        ledger.lose(2, Blame::Nobody);
        ledger.lose(3, Blame::Chunk);
        let Turn::Count(chunk) = take(&mut ledger, 4) else { panic!("nothing came back") };
        // It was with two when the first of them died, and with one when the last did.
        assert_eq!((chunk.number, chunk.attempt), (0, 1));
    }

    #[test]
    fn a_chunk_that_kills_everybody_is_given_up() {
        let mut ledger = ledger(1);
        for holder in 0..u64::from(MAX_ATTEMPTS) {
            take(&mut ledger, holder);
            let is_last = holder + 1 == u64::from(MAX_ATTEMPTS);
            assert_eq!(ledger.lose(holder, Blame::Chunk).is_some(), is_last);
        }
        assert_eq!(take(&mut ledger, 99), Turn::Done);
    }

    #[test]
    fn a_failed_file_is_told_once_while_others_hold_parts_of_it_and_then_forgotten() {
        let mut ledger = ledger(3);
        take(&mut ledger, 1);
        take(&mut ledger, 2);
        assert!(ledger.fail(0));
        assert!(!ledger.fail(0));
        assert!(ledger.finish(1, 0).is_some());
        assert!(ledger.fail(1));
        assert_eq!(ledger.failed, BTreeSet::from([1]));
    }

    #[test]
    fn what_the_walk_could_not_read_is_passed_on_and_the_walk_goes_on() {
        let items = vec![
            Err(Unreadable { path: PathBuf::from("locked"), error: io::Error::other("locked") }),
            Ok(Found { path: PathBuf::from("a"), size: 1 }),
        ];
        let mut unreadable = Vec::new();
        let mut ledger = Ledger::new(items.into_iter());
        assert_eq!(number(ledger.take(1, |u| unreadable.push(u.path))), 0);
        assert_eq!(unreadable, [PathBuf::from("locked")]);
    }

    /// Holders take, copy, finish, finish twice and die in drawn orders.
    #[test]
    fn each_chunk_is_finished_exactly_once_in_any_order_of_events() {
        for seed in 0..300 {
            let mut ledger = ledger(20);
            let mut finished = BTreeMap::<u64, u32>::new();
            let (mut holders, mut next_holder, mut draw) = (vec![0, 1, 2], 3, seed);
            let mut last = Vec::<(u64, u64)>::new();
            for _ in 0..2_000 {
                draw = mix(draw);
                let slot = usize::try_from(draw % 3).unwrap();
                let holder = holders[slot];
                match (draw / 3) % 5 {
                    0 | 1 => {
                        if let Turn::Count(chunk) = take(&mut ledger, holder) {
                            last.push((holder, chunk.number));
                        }
                    }
                    3 => {
                        let slow = holders[usize::try_from(draw / 15 % 3).unwrap()];
                        if let Some(chunk) = ledger.copy(slow, holder) {
                            last.push((holder, chunk.number));
                        }
                    }
                    2 => {
                        for (holder, number) in &last {
                            if ledger.finish(*holder, *number).is_some() {
                                *finished.entry(*number).or_default() += 1;
                            }
                        }
                    }
                    // Deaths stop in time for nothing to be given up.
                    _ if draw % 7 == 0 && next_holder < 10 => {
                        let blame = if draw % 2 == 0 { Blame::Chunk } else { Blame::Nobody };
                        ledger.lose(holder, blame);
                        holders[slot] = next_holder;
                        next_holder += 1;
                    }
                    _ => {}
                }
            }
            assert_eq!(finished, (0..20).map(|number| (number, 1)).collect(), "seed {seed}");
            assert_eq!(take(&mut ledger, 100), Turn::Done, "seed {seed}");
        }
    }
}
