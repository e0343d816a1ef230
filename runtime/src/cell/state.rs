//! Two small words of a cell: who still refers to it, and what has become of it.

use crate::primitive::{AtomicU32, AtomicU64, Ordering, mutated};

/// Slot and generation of a cell in one number, with two low bits free.
///
/// ```text
///  63        34 33          2 1  0
/// +------------+-------------+----+
/// | slot (30)  | generation  | 00 |
/// +------------+-------------+----+
/// ```
/// It is what a message's mark carries of its sender; 0 is nobody, since generations begin at 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code(u64);

impl Code {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// From here on slots are those of actors of other nodes; see `proxy`.
    pub const FIRST_FAR_SLOT: u32 = 1 << 29;

    /// Whether it stands for an actor of another node.
    #[inline(always)]
    pub const fn is_far(self) -> bool {
        self.slot() >= Self::FIRST_FAR_SLOT
    }

    /// The code of a slot's incarnation.
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self((slot as u64) << 34 | (generation as u64) << 2)
    }

    /// A code from its number.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & !3)
    }

    /// The number.
    #[inline(always)]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The slot.
    pub const fn slot(self) -> u32 {
        (self.0 >> 34) as u32
    }

    /// The generation.
    #[allow(clippy::cast_possible_truncation, reason = "the upper bits are the slot's")]
    pub const fn generation(self) -> u32 {
        (self.0 >> 2) as u32
    }
}

/// Who refers to a slot, and as which incarnation: the part of a cell that outlives its actors.
///
/// - `refs`: 0 while the slot is free. Only its owner (a cache of free cells) raises it from 0.
/// - `code`: changed only while `refs` is 0.
#[derive(Debug)]
#[repr(C)]
pub struct Tenancy {
    code: AtomicU64,
    refs: AtomicU32,
    state: AtomicU32,
}

impl Tenancy {
    /// A free slot that nobody has had.
    pub fn vacant(slot: u32) -> Self {
        Self {
            code: AtomicU64::new(Code::new(slot, 0).bits()),
            refs: AtomicU32::new(0),
            state: AtomicU32::new(0),
        }
    }

    /// That of an actor of another node, with one reference.
    pub fn far(code: Code) -> Self {
        Self { code: AtomicU64::new(code.bits()), refs: AtomicU32::new(1), state: AtomicU32::new(FAR) }
    }

    /// Begins the next incarnation of a slot that the caller took from the free ones, but lets
    /// nobody in yet.
    pub fn begin(&self, kind: Kind, overflow: Overflow) -> Code {
        // Relaxed: ordered by the free list that the slot came from, published by `open`.
        let old = Code(self.code.load(Ordering::Relaxed));
        let generation = match old.generation().wrapping_add(1) {
            0 => 1,
            next => next,
        };
        let code = Code::new(old.slot(), generation);
        self.code.store(code.bits(), Ordering::Relaxed);
        self.state.store(kind as u32 | overflow as u32, Ordering::Relaxed);
        code
    }

    /// Lets others in, with `refs` references.
    pub fn open(&self, refs: u32) {
        let order = if mutated("tenancy: open is relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release pairs with the Acquire in `try_retain_as`: who gets in sees the whole cell.
        self.refs.store(refs, order);
    }

    /// This incarnation. Only for who holds a reference.
    #[inline(always)]
    pub fn code(&self) -> Code {
        // Relaxed: it does not change while a reference is held.
        Code(self.code.load(Ordering::Relaxed))
    }

    /// One more reference. Only for who holds one.
    #[inline(always)]
    pub fn retain(&self) {
        // Relaxed: a reference is made from a reference.
        self.refs.fetch_add(1, Ordering::Relaxed);
    }

    /// One reference less; true when it was the last, and the caller must free the cell.
    #[inline(always)]
    #[must_use]
    pub fn release(&self) -> bool {
        let order = if mutated("tenancy: release is relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // AcqRel: Release hands all uses to the last one to go, which takes them by Acquire.
        self.refs.fetch_sub(1, order) == 1
    }

    /// A reference, if the slot is still this incarnation's.
    pub fn try_retain_as(&self, code: Code) -> Entry {
        let mut refs = self.refs.load(Ordering::Relaxed);
        loop {
            if refs == 0 {
                return Entry::Stale;
            }
            // Acquire pairs with the Release in `open`.
            match self.refs.compare_exchange(refs, refs + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => break,
                Err(seen) => refs = seen,
            }
        }
        // The reference pins the incarnation, so this comparison holds from now on.
        if self.code() == code || mutated("tenancy: generation is not compared") {
            Entry::Retained
        } else if self.release() {
            Entry::StaleAndLast
        } else {
            Entry::Stale
        }
    }

    /// References now; for inspection.
    pub fn refs(&self) -> u32 {
        self.refs.load(Ordering::Relaxed)
    }

    /// What has become of the actor.
    #[inline(always)]
    pub fn state(&self) -> State {
        // Acquire pairs with the Release in `transition_to_dying`.
        State(self.state.load(Ordering::Acquire))
    }

    /// Death begins; gives the state before.
    pub fn transition_to_dying(&self) -> State {
        // AcqRel: pairs with `transition_to_named` and `state`, so that a name is either seen here
        // or refused there.
        State(self.state.fetch_or(DYING, Ordering::AcqRel))
    }

    /// The actor got a name; false when it is dying already. Only under the directory's lock.
    #[must_use]
    pub fn transition_to_named(&self) -> bool {
        // AcqRel: see `transition_to_dying`.
        self.state.fetch_or(NAMED, Ordering::AcqRel) & DYING == 0 || mutated("tenancy: the dying are named")
    }

    /// Other nodes know the actor; false when it is dead already. Only under the lock of whoever
    /// exports, which takes it again when the actor has ended.
    #[must_use]
    pub fn transition_to_exported(&self) -> bool {
        // AcqRel: pairs with `transition_to_dead`, on the same word, so that the export is either seen
        // there or refused here.
        self.state.fetch_or(EXPORTED, Ordering::AcqRel) & DEAD == 0
            || mutated("tenancy: the dead are exported")
    }

    /// The actor has a label in the node's directory.
    pub fn transition_to_labelled(&self) {
        // Relaxed: set before the actor's first turn, by its maker.
        self.state.fetch_or(LABELLED, Ordering::Relaxed);
    }

    /// The cell has its body; from now on the node may end it.
    pub fn transition_to_born(&self) {
        let order = if mutated("tenancy: birth is relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // AcqRel: Release hands the body to whoever claims the end.
        self.state.fetch_or(BORN, order);
    }

    /// Claims the duty to end an actor that no worker will run any more; once for each actor.
    #[must_use]
    pub fn transition_to_claimed(&self) -> bool {
        let state = State(self.state.load(Ordering::Acquire));
        if mutated("tenancy: claim looks before it acts") && state.0 & CLAIMED == 0 {
            self.state.fetch_or(CLAIMED, Ordering::AcqRel);
            return state.0 & BORN != 0;
        }
        // AcqRel: the claimer sees all that the workers did.
        state.0 & BORN != 0 && self.state.fetch_or(CLAIMED, Ordering::AcqRel) & CLAIMED == 0
    }

    /// All that is left of the actor is its cell, which says why it ended; gives the state before.
    pub fn transition_to_dead(&self) -> State {
        let order = if mutated("tenancy: death is relaxed") { Ordering::Relaxed } else { Ordering::AcqRel };
        // AcqRel: Release pairs with the Acquire in `state`, so that who sees it may read why; Acquire with
        // `transition_to_exported`.
        State(self.state.fetch_or(DEAD, order))
    }
}

/// What asking for a reference by id came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// You hold a reference.
    Retained,
    /// Another incarnation, or none.
    Stale,
    /// As `Stale`, and the caller held the last reference meanwhile: it must free the cell.
    StaleAndLast,
}

/// Who runs a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// The node's workers.
    Worker = 0,
    /// Whoever holds its mailbox.
    Guest = GUEST,
    /// A task of the thread that it was spawned on: as a guest, but an actor, which signals end.
    Local = GUEST | LOCAL,
    /// The explorer.
    Explored = EXPLORED,
}

/// What happens to a send that finds no room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
#[repr(u32)]
pub enum Overflow {
    /// It waits; `try_send` reports `Full`.
    #[default]
    Wait = 0,
    /// It reports `Full` at once.
    Reject = REJECT,
    /// It succeeds, and the new message becomes a dead letter.
    DropNewest = DROP_NEWEST,
}

const DYING: u32 = 1;
const DEAD: u32 = 1 << 1;
const NAMED: u32 = 1 << 2;
const GUEST: u32 = 1 << 3;
const EXPLORED: u32 = 1 << 4;
const BORN: u32 = 1 << 5;
const CLAIMED: u32 = 1 << 6;
const LABELLED: u32 = 1 << 7;
const REJECT: u32 = 1 << 8;
const DROP_NEWEST: u32 = 1 << 9;
const LOCAL: u32 = 1 << 10;
const FAR: u32 = 1 << 11;
const EXPORTED: u32 = 1 << 12;

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State(u32);

impl State {
    /// Whether death has begun.
    #[inline(always)]
    pub const fn is_dying(self) -> bool {
        self.0 & DYING != 0
    }

    /// Whether death is complete.
    pub const fn is_dead(self) -> bool {
        self.0 & DEAD != 0
    }

    /// Whether it has a label.
    pub const fn is_labelled(self) -> bool {
        self.0 & LABELLED != 0
    }

    /// Whether other nodes know it.
    pub const fn is_exported(self) -> bool {
        self.0 & EXPORTED != 0
    }

    /// Whether it was ever named.
    pub const fn is_named(self) -> bool {
        self.0 & NAMED != 0
    }

    /// What happens to a send that finds no room.
    pub const fn overflow(self) -> Overflow {
        if self.0 & REJECT != 0 {
            Overflow::Reject
        } else if self.0 & DROP_NEWEST != 0 {
            Overflow::DropNewest
        } else {
            Overflow::Wait
        }
    }

    /// Whether its mailbox's holder runs it.
    pub const fn is_guest(self) -> bool {
        self.0 & GUEST != 0
    }

    /// Whether exit signals and panics end it, as they do an actor: a guest outlives the former, and
    /// the latter are its holder's.
    pub const fn is_mortal(self) -> bool {
        self.0 & (GUEST | LOCAL) != GUEST
    }

    /// Whether it stands for an actor of another node.
    #[inline(always)]
    pub const fn is_far(self) -> bool {
        self.0 & FAR != 0
    }

    /// Whether the explorer delivers its messages.
    pub const fn is_explored(self) -> bool {
        self.0 & EXPLORED != 0
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_code_keeps_slot_and_generation_apart() {
        let code = Code::new((1 << 30) - 1, u32::MAX);
        assert_eq!((code.slot(), code.generation()), ((1 << 30) - 1, u32::MAX));
        assert_eq!(code.bits() & 3, 0);
    }

    #[test]
    fn a_stale_code_finds_nobody() {
        let tenancy = Tenancy::vacant(7);
        let first = tenancy.begin(Kind::Worker, Overflow::Wait);
        tenancy.open(1);
        assert_eq!(tenancy.try_retain_as(first), Entry::Retained);
        assert!(!tenancy.release());
        assert!(tenancy.release());
        assert_eq!(tenancy.try_retain_as(first), Entry::Stale);
        let second = tenancy.begin(Kind::Worker, Overflow::Wait);
        tenancy.open(1);
        assert_ne!(first, second);
        assert_eq!(tenancy.try_retain_as(first), Entry::Stale);
    }

    #[test]
    fn a_dying_actor_gets_no_name() {
        let tenancy = Tenancy::vacant(0);
        tenancy.begin(Kind::Worker, Overflow::Wait);
        assert!(tenancy.transition_to_named());
        assert!(tenancy.transition_to_dying().is_named());
        assert!(!tenancy.transition_to_named());
    }
}
