//! The one word of a queue: position, credits and flags, and every change it can make.
//!
//! ```text
//!  63                        26 25                    6  5    4       3        2       1      0
//! +----------------------------+-----------------------+--+--------+---------+--------+-------+------+
//! | position (38 bits)         | credits (20 bits)     | -| CLOSED | WAITERS | PARKED | WOKEN | IDLE |
//! +----------------------------+-----------------------+--+--------+---------+--------+-------+------+
//! ```
//! - *position*: of the next slot to be claimed. It wraps; only equality, differences below half
//!   its range and `position % lap` are used. It is a *seam* while `position % lap == lap - 1`:
//!   whoever made it so is installing or releasing a block, and others wait for the next lap.
//! - *credits*: how many messages may still be accepted. Pinned to 1 in an unbounded queue, always
//!   0 in one of capacity zero and in a closed one, so that one test of the credits admits a send.
//! - `IDLE`: the receiver has parked, wants messages, and the queue is empty.
//! - `PARKED`: the receiver has parked and waits for something else: only a wake may run it.
//! - `WOKEN`: a wake, or a signal, came while the receiver was scheduled or running.
//! - `WAITERS`: the list of waiting senders is not empty. Changed only under that list's lock.
//!   `WAITERS` implies that there are no credits.
//! - `CLOSED`: the receiver is gone; nothing is accepted any more.
//!
//! Neither `IDLE` nor `PARKED`: the receiver is scheduled or running. Exactly one *token* exists
//! for each receiver that is not parked: it belongs to whoever took `IDLE` or `PARKED` out of the
//! word, then to the run queue, then to the worker that runs it, until parking puts it back.

use crate::primitive::{AtomicU64, Ordering, mutated};

/// Parked for messages.
const IDLE: u64 = 1;
/// A wake is pending.
const WOKEN: u64 = 1 << 1;
/// Parked for a wake.
const PARKED: u64 = 1 << 2;
/// Senders wait.
const WAITERS: u64 = 1 << 3;
/// Nothing is accepted.
const CLOSED: u64 = 1 << 4;
/// One credit.
const CREDIT_ONE: u64 = 1 << 6;
/// All credits.
const CREDITS: u64 = ((1 << 20) - 1) << 6;
/// One position.
const POSITION_ONE: u64 = 1 << 26;
/// Sign bit of a difference of positions.
const POSITION_HALF: u64 = 1 << 63;

/// Most messages a bounded queue can be told to hold.
pub const MAX_CAPACITY: u32 = (1 << 20) - 1;

/// A place in the order of acceptance: the position bits of a word, nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position(u64);

impl Position {
    /// Where every queue begins.
    pub const START: Self = Self(0);

    /// The place `n` further on.
    #[inline(always)]
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0.wrapping_add(n << 26))
    }

    /// Index in a lap of `lap` places (a power of two).
    #[inline(always)]
    pub const fn index(self, lap: u64) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "less than lap, which is at most 32")]
        let index = ((self.0 >> 26) & (lap - 1)) as usize;
        index
    }

    /// Whether this place is `other` or comes after it.
    #[inline(always)]
    pub const fn has_reached(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) < POSITION_HALF
    }

    /// How many places this one is after `other`.
    pub const fn distance_from(self, other: Self) -> u64 {
        self.0.wrapping_sub(other.0) >> 26
    }
}

/// A value that the word had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(u64);

impl Snapshot {
    /// Position of the next slot.
    #[inline(always)]
    pub const fn position(self) -> Position {
        Position(self.0 & !(POSITION_ONE - 1))
    }

    /// Whether a message can be admitted on a credit.
    #[inline(always)]
    pub const fn has_credit(self) -> bool {
        self.0 & CREDITS != 0
    }

    /// Credits left.
    pub const fn credits(self) -> u64 {
        (self.0 & CREDITS) >> 6
    }

    /// Whether the receiver is gone.
    #[inline(always)]
    pub const fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether senders wait for room.
    #[inline(always)]
    pub const fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    /// Whether the receiver waits for a message.
    #[inline(always)]
    pub const fn is_idle(self) -> bool {
        self.0 & IDLE != 0
    }

    /// Whether the receiver has parked, for whatever.
    pub const fn is_parked(self) -> bool {
        self.0 & (IDLE | PARKED) != 0
    }

    /// Whether a wake is pending.
    pub const fn is_woken(self) -> bool {
        self.0 & WOKEN != 0
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("position", &(self.0 >> 26))
            .field("credits", &self.credits())
            .field("idle", &self.is_idle())
            .field("woken", &self.is_woken())
            .field("parked", &(self.0 & PARKED != 0))
            .field("waiters", &self.has_waiters())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// What a claim adds to the word: a place, less what the place costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step(u32);

impl Step {
    /// A place, without a credit.
    pub const PLACE: Self = Self(0);
    /// A place paid for with a credit.
    #[allow(clippy::cast_possible_truncation, reason = "a small constant")]
    pub const PLACE_FOR_CREDIT: Self = Self(CREDIT_ONE as u32);

    /// Whether this step takes a credit.
    #[inline(always)]
    pub const fn takes_credit(self) -> bool {
        self.0 != 0
    }

    /// `bit` if this step takes a credit, else 0.
    #[inline(always)]
    pub const fn credit_bit(self, bit: u64) -> u64 {
        // A step is no credit or one: its bit is moved to where it is wanted.
        (self.0 as u64) >> (CREDIT_ONE.trailing_zeros() - bit.trailing_zeros())
    }

    #[inline(always)]
    const fn times(self, n: u64) -> u64 {
        (POSITION_ONE - self.0 as u64).wrapping_mul(n)
    }
}

/// What somebody who changed the word must do next.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Nothing: the receiver is awake, or will look by itself.
    None,
    /// You hold the receiver's token now: schedule it.
    Schedule,
}

impl Duty {
    #[inline(always)]
    const fn of_token(had: bool) -> Self {
        if had { Self::Schedule } else { Self::None }
    }
}

/// What parking came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parked {
    /// The token is in the word: the receiver must not be touched any more.
    Yes,
    /// Something came: keep the token and run again.
    No,
}

/// What giving credits back came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gave {
    /// They are in the word.
    Credits,
    /// Senders wait: hand the credits to them, under their lock.
    ToWaiters,
}

/// What asking to wait came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// The flag is set: join the list.
    Registered,
    /// There is room after all: try again.
    Room,
    /// The receiver is gone.
    Closed,
}

/// The word itself.
#[derive(Debug)]
#[repr(transparent)]
pub struct Word(AtomicU64);

impl Word {
    /// A word whose maker holds the token.
    pub fn new(credits: u32) -> Self {
        Self(AtomicU64::new(u64::from(credits) * CREDIT_ONE))
    }

    /// The word now. Acquire pairs with the Release half of each change by another side: whoever
    /// sees a position also sees the block that was installed before it.
    #[inline(always)]
    pub fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// The word now, when nothing is read on the strength of it.
    #[inline(always)]
    pub fn peek(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn change(&self, from: Snapshot, to: u64) -> Result<(), Snapshot> {
        // AcqRel: Release hands the receiver (parking's and popping's Acquire) all that the
        // changing side wrote before, Acquire takes the block pointers published at this position.
        // Acquire on failure, since the caller goes on with the value seen.
        self.0.compare_exchange(from.0, to, Ordering::AcqRel, Ordering::Acquire).map(drop).map_err(Snapshot)
    }

    /// Claims a place by `step`: one compare-exchange that also takes the token of an idle receiver.
    #[inline(always)]
    pub fn transition_to_claimed(&self, from: Snapshot, step: Step) -> Result<Duty, Snapshot> {
        self.transition_to_claimed_run(from, step, 1)
    }

    /// Claims `places` places at once.
    #[inline(always)]
    pub fn transition_to_claimed_run(
        &self,
        from: Snapshot,
        step: Step,
        places: u64,
    ) -> Result<Duty, Snapshot> {
        self.0
            // AcqRel and Acquire as in `change`; weak, since the caller loops.
            .compare_exchange_weak(
                from.0,
                (if mutated("word: claim leaves IDLE") { from.0 } else { from.0 & !IDLE })
                    .wrapping_add(step.times(places)),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .map(|_| Duty::of_token(from.0 & IDLE != 0))
            .map_err(Snapshot)
    }

    /// Takes a credit without a place.
    pub fn transition_to_reserved(&self, from: Snapshot) -> Result<(), Snapshot> {
        self.change(from, from.0 - CREDIT_ONE)
    }

    /// Leaves the seam that [`Self::transition_to_claimed`] of a block's last slot led to.
    #[inline(always)]
    pub fn leave_seam(&self) {
        // Release pairs with the Acquire of the next claimer: it sees the new tail block.
        self.0.fetch_add(POSITION_ONE, Ordering::Release);
    }

    /// Notes that a turn begins: a pending wake is taken.
    #[inline(always)]
    pub fn begin_turn(&self) {
        if self.0.load(Ordering::Relaxed) & WOKEN != 0 {
            let order =
                if mutated("word: turn acquires nothing") { Ordering::Relaxed } else { Ordering::AcqRel };
            // Acquire pairs with the waker's Release: the turn sees what it was woken for.
            self.0.fetch_and(!WOKEN, order);
        }
    }

    /// Wakes the receiver: takes its token if it has parked, else leaves a mark.
    pub fn transition_to_woken(&self) -> Duty {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            let parked = now.is_parked() && !mutated("word: wake leaves the token");
            let to = if parked { now.0 & !(IDLE | PARKED | WOKEN) } else { now.0 | WOKEN };
            match self.change(now, to) {
                Ok(()) => return Duty::of_token(parked),
                Err(seen) => now = seen,
            }
        }
    }

    /// Parks a receiver that wants messages, has consumed up to `head` and owes `owed` credits,
    /// which go back with the same change.
    ///
    /// `hand_over`: waiting senders have messages that this receiver must fetch itself (capacity
    /// zero), so it must not park while there are any.
    #[inline(always)]
    pub fn transition_to_idle(&self, head: Position, owed: u32, hand_over: bool) -> Parked {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            if (now.is_woken() && !mutated("word: park ignores WOKEN")) || now.position() != head {
                return Parked::No;
            }
            if now.has_waiters() && (owed != 0 || hand_over) && !mutated("word: park ignores WAITERS") {
                return Parked::No;
            }
            match self.change(now, (now.0 + u64::from(owed) * CREDIT_ONE) | IDLE) {
                Ok(()) => return Parked::Yes,
                Err(seen) => now = seen,
            }
        }
    }

    /// Parks a receiver that waits for something else than messages.
    pub fn transition_to_parked(&self) -> Parked {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            if now.is_woken() && !mutated("word: park ignores WOKEN") {
                return Parked::No;
            }
            match self.change(now, now.0 | PARKED) {
                Ok(()) => return Parked::Yes,
                Err(seen) => now = seen,
            }
        }
    }

    /// Moves an empty queue's position from `head` to the seam of its block, so that no sender can
    /// use the block while it is released. False when something came.
    pub fn transition_to_releasing(&self, head: Position, seam: Position) -> bool {
        let now = Snapshot(self.0.load(Ordering::Relaxed));
        if now.is_woken() || now.position() != head {
            return false;
        }
        let to = (now.0 & (POSITION_ONE - 1)) | seam.0;
        if mutated("word: release stores") {
            self.0.store(to, Ordering::Release);
            return true;
        }
        self.change(now, to).is_ok()
    }

    /// Ends what [`Self::transition_to_releasing`] began: the next lap, parked if nothing came.
    pub fn transition_to_released(&self, owed: u32, hand_over: bool) -> Parked {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            let wanted = (now.is_woken() && !mutated("word: release loses WOKEN"))
                || (now.has_waiters() && (owed != 0 || hand_over));
            let next = now.0.wrapping_add(POSITION_ONE);
            let to = if wanted { next } else { (next + u64::from(owed) * CREDIT_ONE) | IDLE };
            match self.change(now, to) {
                Ok(()) if wanted => return Parked::No,
                Ok(()) => return Parked::Yes,
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives `count` credits back, unless senders wait for them.
    pub fn transition_to_given(&self, count: u32) -> Gave {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            if now.is_closed() {
                return Gave::Credits;
            }
            if now.has_waiters() && !mutated("word: give ignores WAITERS") {
                return Gave::ToWaiters;
            }
            match self.change(now, now.0 + u64::from(count) * CREDIT_ONE) {
                Ok(()) => return Gave::Credits,
                Err(seen) => now = seen,
            }
        }
    }

    /// Sets `WAITERS` unless there is room. Only under the waiters' lock.
    ///
    /// `hand_over`: room means that the receiver is idle (capacity zero).
    pub fn transition_to_waiting(&self, hand_over: bool) -> Waiting {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            if now.is_closed() && !mutated("word: waiting ignores CLOSED") {
                return Waiting::Closed;
            }
            let room = if hand_over { now.is_idle() } else { now.has_credit() };
            if room && !now.has_waiters() && !mutated("word: waiting does not look again") {
                return Waiting::Room;
            }
            // Others wait already: what we would change is so, and stays so as long as the lock is held.
            // Who closes the queue later takes the lock after us; who did so before has shown us CLOSED.
            if now.has_waiters() {
                return Waiting::Registered;
            }
            match self.change(now, now.0 | WAITERS) {
                Ok(()) => return Waiting::Registered,
                Err(seen) => now = seen,
            }
        }
    }

    /// Clears `WAITERS` and adds `credits` that no waiter took. Only under the waiters' lock, when
    /// the list is empty.
    pub fn transition_to_no_waiters(&self, credits: u32) {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            let credits = if now.is_closed() { 0 } else { credits };
            match self.change(now, (now.0 & !WAITERS) + u64::from(credits) * CREDIT_ONE) {
                Ok(()) => return,
                Err(seen) => now = seen,
            }
        }
    }

    /// Closes the queue: no claim succeeds any more. Gives the position up to which there may be
    /// messages (a seam is left by whoever is on it).
    pub fn transition_to_closed(&self) -> Snapshot {
        let mut now = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            let to = (now.0 | CLOSED) & !(CREDITS | IDLE | PARKED);
            if mutated("word: close stores") {
                self.0.store(to, Ordering::Release);
                return Snapshot(to);
            }
            match self.change(now, to) {
                Ok(()) => return Snapshot(to),
                Err(seen) => now = seen,
            }
        }
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_position_wraps_and_still_compares() {
        let last = Position(!(POSITION_ONE - 1));
        let next = last.plus(1);
        assert_eq!(next, Position::START);
        assert!(next.has_reached(last));
        assert!(!last.has_reached(next));
        assert_eq!(next.distance_from(last), 1);
    }

    #[test]
    fn claiming_the_last_credit_leaves_none_and_takes_the_token_of_an_idle_receiver() {
        let word = Word::new(1);
        assert_eq!(word.transition_to_idle(Position::START, 0, false), Parked::Yes);
        let duty = loop {
            if let Ok(duty) = word.transition_to_claimed(word.load(), Step::PLACE_FOR_CREDIT) {
                break duty;
            }
        };
        assert_eq!(duty, Duty::Schedule);
        assert!(!word.load().has_credit());
        assert_eq!(word.transition_to_idle(Position::START, 0, false), Parked::No);
        assert_eq!(word.transition_to_idle(Position::START.plus(1), 1, false), Parked::Yes);
        assert_eq!(word.load().credits(), 1);
    }

    #[test]
    fn a_closed_word_admits_nothing_and_takes_no_credits_back() {
        let word = Word::new(3);
        assert!(word.transition_to_closed().is_closed());
        assert!(!word.load().has_credit());
        assert_eq!(word.transition_to_given(2), Gave::Credits);
        assert!(!word.load().has_credit());
        assert_eq!(word.transition_to_waiting(false), Waiting::Closed);
    }
}
