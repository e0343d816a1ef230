//! A hierarchical timing wheel: values that fall due at a tick, as pure data.
//!
//! Scheme 7 of Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987). `README.md`
//! draws it, and says why values fire in order and why sleeping until [`Wheel::next_due`] ends.

use std::fmt;
use std::mem;

/// Bits of a due tick that one level looks at.
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// The digit of the finest level.
const DIGIT: u64 = (1 << BITS) - 1;
/// Enough for every `u64`, so that no due tick is too far away for the wheel.
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// An empty wheel keeps the memory of this many entries, and gives back more than that.
const KEPT: usize = 64;
/// The index of no entry.
const NIL: u32 = u32::MAX;

/// Milliseconds since the clock's start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tick(u64);

impl Tick {
    /// The end of time. Advancing to it empties a wheel.
    pub const MAX: Self = Self(u64::MAX);

    /// The tick `millis` after the clock's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// Names one insertion. When its value has fired or was removed, the key names nothing, for good.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    index: u32,
    /// Differs for each insertion, so the key outlives the entry's memory without harm.
    stamp: u64,
}

/// Values that wait for their tick.
///
/// Inserting and removing take constant time, and a value moves at most once a level before it
/// fires. Advancing costs what fires or moves, however far the jump. What is inserted after its due
/// tick is put in order among the others that are late, at the cost of passing those due after it.
pub struct Wheel<T> {
    now: Tick,
    /// What is due at `now` or before, in order of due tick.
    ripe: List,
    levels: [Level; LEVELS],
    slab: Slab<T>,
}

impl<T> Wheel<T> {
    /// An empty wheel. It allocates nothing.
    #[must_use]
    pub fn new(now: Tick) -> Self {
        Self { now, ripe: List::EMPTY, levels: Default::default(), slab: Slab::new() }
    }

    /// Adds a value. One that is due already fires at the next [`advance`](Self::advance).
    ///
    /// # Panics
    /// When `u32::MAX` values wait already.
    pub fn insert(&mut self, due: Tick, value: T) -> Key {
        let key = self.slab.add(due, value);
        self.link(key.index);
        key
    }

    /// Takes a value out before it fires. `None` when the key is stale.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.slab.entries.get(key.index as usize)?;
        if entry.stamp != key.stamp || entry.value.is_none() {
            return None;
        }
        self.unlink(key.index);
        let value = self.slab.free(key.index);
        self.slab.release_memory();
        value
    }

    /// Fires all that is due at `now` or before: in order of due tick, and of insertion within one.
    ///
    /// The wheel's time never goes back: a `now` that it has passed fires what was inserted late.
    /// When `fired` panics, the value it got is gone and the next call goes on behind it.
    pub fn advance(&mut self, now: Tick, fired: &mut impl FnMut(Tick, T)) {
        loop {
            while let Some(index) = self.ripe.first() {
                self.slab.unlink(&mut self.ripe, index);
                let due = self.slab.entry(index).due;
                if let Some(value) = self.slab.free(index) {
                    fired(due, value);
                }
            }
            match self.next_slot() {
                Some(next) if next.start <= now => self.open(&next),
                _ => break,
            }
        }
        self.now = self.now.max(now);
        self.slab.release_memory();
    }

    /// When to advance next, or `None` when nothing waits. Never later than the first due tick.
    ///
    /// It is exact when that tick has come, or lies in the present round of 64. Farther off it may
    /// be early, by less than the width of a slot there; advancing then fires nothing, but moves
    /// what the slot held to finer levels. So whoever keeps sleeping until this tick and advancing
    /// wakes in vain for a value at most ten times, and at most twice for one that is due within
    /// four seconds.
    #[must_use]
    pub fn next_due(&self) -> Option<Tick> {
        match self.ripe.first() {
            Some(index) => Some(self.slab.entry(index).due),
            None => self.next_slot().map(|next| next.start),
        }
    }

    /// How many values wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len
    }

    /// Whether no value waits.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.slab.len == 0
    }

    /// Where an entry belongs. This stays true while time moves, until its slot is opened: so an
    /// entry need not note which list it is in.
    fn place_of(&self, due: Tick) -> Place {
        if due <= self.now {
            return Place::Ripe;
        }
        let highest_difference = (self.now.0 ^ due.0).ilog2();
        let level = highest_difference / BITS;
        let slot = (due.0 >> (level * BITS)) & DIGIT;
        Place::Slot { level: level as usize, slot: slot as usize }
    }

    fn link(&mut self, index: u32) {
        match self.place_of(self.slab.entry(index).due) {
            Place::Ripe => self.slab.link_in_order(&mut self.ripe, index),
            Place::Slot { level, slot } => {
                let level = &mut self.levels[level];
                level.occupied |= 1 << slot;
                self.slab.link_last(level.list(slot), index);
            }
        }
    }

    fn unlink(&mut self, index: u32) {
        match self.place_of(self.slab.entry(index).due) {
            Place::Ripe => self.slab.unlink(&mut self.ripe, index),
            Place::Slot { level, slot } => {
                let level = &mut self.levels[level];
                let list = level.list(slot);
                self.slab.unlink(list, index);
                if list.first().is_none() {
                    level.occupied &= !(1 << slot);
                }
            }
        }
    }

    /// The occupied slot that starts first: a finer level lies before all coarser ones.
    fn next_slot(&self) -> Option<NextSlot> {
        let (number, level) = (0..).zip(&self.levels).find(|(_, level)| level.occupied != 0)?;
        let slot = level.occupied.trailing_zeros();
        let shift = number * BITS;
        // Nothing is left of the top level's round to shift in.
        let round = self.now.0.checked_shr(shift + BITS).unwrap_or(0);
        let start = Tick(((round << BITS) | u64::from(slot)) << shift);
        Some(NextSlot { level: number as usize, slot: slot as usize, start })
    }

    /// Moves time to the start of the first occupied slot, and its entries to where they belong then.
    fn open(&mut self, next: &NextSlot) {
        self.now = next.start;
        let level = &mut self.levels[next.level];
        level.occupied &= !(1 << next.slot);
        let mut list = mem::replace(level.list(next.slot), List::EMPTY);
        while let Some(index) = list.first() {
            self.slab.unlink(&mut list, index);
            self.link(index);
        }
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel").field("now", &self.now).field("len", &self.len()).finish_non_exhaustive()
    }
}

enum Place {
    Ripe,
    Slot { level: usize, slot: usize },
}

struct NextSlot {
    level: usize,
    slot: usize,
    start: Tick,
}

/// 64 slots, of which slot `s` holds what is due while the level's digit of the time is `s`.
#[derive(Default)]
struct Level {
    /// Bit `s` says that slot `s` holds something.
    occupied: u64,
    /// Allocated when first used.
    slots: Box<[List]>,
}

impl Level {
    fn list(&mut self, slot: usize) -> &mut List {
        if self.slots.is_empty() {
            self.slots = Box::new([List::EMPTY; SLOTS]);
        }
        &mut self.slots[slot]
    }
}

/// A ring of entries, known by its first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct List(u32);

impl List {
    const EMPTY: Self = Self(NIL);

    fn first(self) -> Option<u32> {
        (self.0 != NIL).then_some(self.0)
    }
}

struct Entry<T> {
    due: Tick,
    stamp: u64,
    /// The next entry of the list, or of the free ones.
    next: u32,
    prev: u32,
    /// `None` when the entry is free.
    value: Option<T>,
}

/// The memory of all entries, and the links between them.
struct Slab<T> {
    entries: Vec<Entry<T>>,
    first_free: u32,
    len: usize,
    next_stamp: u64,
}

impl<T> Slab<T> {
    const fn new() -> Self {
        Self { entries: Vec::new(), first_free: NIL, len: 0, next_stamp: 0 }
    }

    /// Adds an entry that is in no list.
    fn add(&mut self, due: Tick, value: T) -> Key {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        self.len += 1;
        let entry = Entry { due, stamp, next: NIL, prev: NIL, value: Some(value) };
        let index = self.first_free;
        if index == NIL {
            let index = u32::try_from(self.entries.len()).unwrap_or(NIL);
            assert!(index != NIL, "a wheel holds at most {NIL} values");
            self.entries.push(entry);
            return Key { index, stamp };
        }
        let free = self.entry_mut(index);
        let next_free = free.next;
        *free = entry;
        self.first_free = next_free;
        Key { index, stamp }
    }

    /// Frees an entry that is in no list.
    fn free(&mut self, index: u32) -> Option<T> {
        let next_free = self.first_free;
        let entry = self.entry_mut(index);
        entry.next = next_free;
        let value = entry.value.take();
        self.first_free = index;
        self.len -= 1;
        value
    }

    /// Gives memory back once a crowd has left. The insertions that made it grow have paid for that.
    fn release_memory(&mut self) {
        if self.len == 0 && self.entries.capacity() > KEPT {
            self.entries = Vec::new();
            self.first_free = NIL;
        }
    }

    fn link_last(&mut self, list: &mut List, index: u32) {
        if list.0 == NIL {
            *list = List(index);
            self.join(index, index);
        } else {
            self.link_after(self.entry(list.0).prev, index);
        }
    }

    /// Links behind all that is due no later. It looks from the back, since most come in order.
    fn link_in_order(&mut self, list: &mut List, index: u32) {
        let due = self.entry(index).due;
        let Some(first) = list.first() else { return self.link_last(list, index) };
        let last = self.entry(first).prev;
        let mut before = last;
        while self.entry(before).due > due {
            if before == first {
                // In a ring, before the first is behind the last.
                self.link_after(last, index);
                *list = List(index);
                return;
            }
            before = self.entry(before).prev;
        }
        self.link_after(before, index);
    }

    fn link_after(&mut self, before: u32, index: u32) {
        let after = self.entry(before).next;
        self.join(before, index);
        self.join(index, after);
    }

    fn unlink(&mut self, list: &mut List, index: u32) {
        let Entry { prev, next, .. } = *self.entry(index);
        self.join(prev, next);
        if list.0 == index {
            *list = if next == index { List::EMPTY } else { List(next) };
        }
    }

    fn join(&mut self, before: u32, after: u32) {
        self.entry_mut(before).next = after;
        self.entry_mut(after).prev = before;
    }

    fn entry(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    fn entry_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use proptest::prelude::*;

    use super::*;

    fn tick(millis: u64) -> Tick {
        Tick::from_millis(millis)
    }

    impl<T> Wheel<T> {
        fn fire(&mut self, now: Tick) -> Vec<(Tick, T)> {
            let mut fired = Vec::new();
            self.advance(now, &mut |due, value| fired.push((due, value)));
            fired
        }

        /// Every entry is in the list its due tick says, no list holds another, and bits agree.
        fn assert_sound(&self) {
            let mut seen = self.assert_linked(self.ripe, |place| matches!(place, Place::Ripe));
            for (l, level) in self.levels.iter().enumerate() {
                for (s, list) in level.slots.iter().enumerate() {
                    assert_eq!(level.occupied >> s & 1 == 1, list.first().is_some(), "bit {s} of level {l}");
                    seen += self.assert_linked(
                        *list,
                        |place| matches!(place, Place::Slot { level, slot } if (level, slot) == (l, s)),
                    );
                }
                assert!(!level.slots.is_empty() || level.occupied == 0);
            }
            assert_eq!(seen, self.len());
            assert_eq!(self.is_empty(), seen == 0);
        }

        fn assert_linked(&self, list: List, belongs: impl Fn(Place) -> bool) -> usize {
            let Some(first) = list.first() else { return 0 };
            let mut at = first;
            for count in 1..=self.len() {
                let entry = self.slab.entry(at);
                assert!(entry.value.is_some() && belongs(self.place_of(entry.due)));
                assert_eq!(self.slab.entry(entry.next).prev, at);
                at = entry.next;
                if at == first {
                    return count;
                }
            }
            panic!("a list holds more than the wheel");
        }
    }

    /// The obvious wheel: all that waits, in order of insertion.
    struct Model {
        now: Tick,
        waiting: Vec<(Tick, usize)>,
    }

    impl Model {
        fn fire(&mut self, now: Tick) -> Vec<(Tick, usize)> {
            self.now = self.now.max(now);
            let mut due: Vec<_> = self.waiting.extract_if(.., |(due, _)| *due <= self.now).collect();
            due.sort_by_key(|(due, _)| *due);
            due
        }
    }

    /// Both, step by step, with every key ever given out.
    struct Pair {
        wheel: Wheel<usize>,
        model: Model,
        keys: Vec<Key>,
    }

    impl Pair {
        fn new(now: Tick) -> Self {
            Self { wheel: Wheel::new(now), model: Model { now, waiting: Vec::new() }, keys: Vec::new() }
        }

        fn insert(&mut self, due: Tick) {
            let id = self.keys.len();
            self.keys.push(self.wheel.insert(due, id));
            self.model.waiting.push((due, id));
        }

        fn remove(&mut self, pick: usize) {
            if self.keys.is_empty() {
                return;
            }
            let id = pick % self.keys.len();
            let at = self.model.waiting.iter().position(|(_, waiting)| *waiting == id);
            let expected = at.map(|at| self.model.waiting.remove(at).1);
            assert_eq!(self.wheel.remove(self.keys[id]), expected);
        }

        fn advance(&mut self, now: Tick) -> usize {
            let fired = self.wheel.fire(now);
            assert_eq!(fired, self.model.fire(now));
            fired.len()
        }

        fn check(&self) {
            self.wheel.assert_sound();
            assert_eq!(self.wheel.len(), self.model.waiting.len());
            let first = self.model.waiting.iter().map(|(due, _)| *due).min();
            let next = self.wheel.next_due();
            assert_eq!(next.is_some(), first.is_some());
            assert!(next <= first, "{next:?} is after {first:?}");
            if first
                .is_some_and(|first| first <= self.model.now || first.0 >> BITS == self.model.now.0 >> BITS)
            {
                assert_eq!(next, first);
            }
        }

        /// Sleeps and advances until nothing is left.
        fn sleep_through(&mut self) {
            let wakes_at_most = LEVELS * self.wheel.len();
            for _ in 0..wakes_at_most {
                let Some(next) = self.wheel.next_due() else { break };
                let before = self.model.now;
                let fired = self.advance(next);
                assert!(fired > 0 || next > before, "neither fired nor moved at {next:?}");
                self.check();
            }
            assert!(self.wheel.is_empty(), "not empty after {wakes_at_most} wakes");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Due so long from now, or (negative) ago.
        Insert(i64),
        InsertAt(u64),
        Remove(usize),
        Advance(i64),
        /// To the tick that the wheel names.
        Sleep,
    }

    /// Spans of every order of magnitude, many of them equal.
    fn spans() -> impl Strategy<Value = i64> {
        prop_oneof![
            -70..70i64,
            0..5000i64,
            (0..64u32, -2..=2i64).prop_map(|(bit, around)| (1i64 << bit.min(62)).saturating_add(around)),
        ]
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => spans().prop_map(Step::Insert),
            1 => prop_oneof![Just(u64::MAX), any::<u64>()].prop_map(Step::InsertAt),
            3 => any::<usize>().prop_map(Step::Remove),
            2 => spans().prop_map(Step::Advance),
            3 => Just(Step::Sleep),
        ]
    }

    fn starts() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 0..10_000u64, any::<u64>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn the_wheel_does_what_a_sorted_list_does(start in starts(), steps in prop::collection::vec(steps(), 1..120)) {
            let mut pair = Pair::new(tick(start));
            for step in steps {
                let now = pair.model.now.as_millis();
                match step {
                    Step::Insert(span) => pair.insert(tick(now.saturating_add_signed(span))),
                    Step::InsertAt(due) => pair.insert(tick(due)),
                    Step::Remove(pick) => pair.remove(pick),
                    Step::Advance(span) => drop(pair.advance(tick(now.saturating_add_signed(span)))),
                    Step::Sleep => drop(pair.wheel.next_due().map(|next| pair.advance(next))),
                }
                pair.check();
            }
            pair.sleep_through();
        }

        #[test]
        fn few_wakes_are_in_vain(start in starts(), due in any::<u64>(), soon in 0..4096u64) {
            for (due, vain_at_most) in [(due, 10), (start.saturating_add(soon), 2)] {
                let mut wheel = Wheel::new(tick(start));
                wheel.insert(tick(due), ());
                let wakes = (1..=LEVELS).find(|_| wheel.next_due().is_some_and(|next| wheel.fire(next).len() == 1));
                prop_assert!(wakes.is_some_and(|wakes| wakes - 1 <= vain_at_most), "{wakes:?} wakes");
            }
        }
    }

    #[test]
    fn what_is_due_fires_at_its_tick_and_not_before() {
        let mut wheel = Wheel::new(tick(0));
        wheel.insert(tick(1000), 'a');
        assert_eq!(wheel.fire(tick(999)), []);
        assert_eq!(wheel.fire(tick(1000)), [(tick(1000), 'a')]);
        assert_eq!(wheel.fire(tick(2000)), []);
    }

    #[test]
    fn equal_ticks_fire_in_order_of_insertion_whichever_level_they_came_through() {
        let mut wheel = Wheel::new(tick(0));
        wheel.insert(tick(5000), 'a');
        let _ = wheel.fire(tick(4100));
        wheel.insert(tick(5000), 'b');
        let _ = wheel.fire(tick(4999));
        wheel.insert(tick(5000), 'c');
        let _ = wheel.fire(tick(4999));
        assert_eq!(wheel.fire(tick(5000)).iter().map(|(_, value)| *value).collect::<String>(), "abc");
    }

    #[test]
    fn what_is_inserted_late_fires_at_the_next_advance_in_order_of_due_tick() {
        let mut wheel = Wheel::new(tick(100));
        for (due, value) in [(100, 'd'), (7, 'a'), (50, 'c'), (7, 'b')] {
            wheel.insert(tick(due), value);
        }
        assert_eq!(wheel.next_due(), Some(tick(7)));
        let fired = wheel.fire(tick(100));
        assert_eq!(fired, [(tick(7), 'a'), (tick(7), 'b'), (tick(50), 'c'), (tick(100), 'd')]);
    }

    #[test]
    fn time_does_not_go_back() {
        let mut wheel = Wheel::new(tick(100));
        wheel.insert(tick(90), 'a');
        wheel.insert(tick(101), 'b');
        assert_eq!(wheel.fire(tick(10)), [(tick(90), 'a')]);
        wheel.insert(tick(100), 'c');
        assert_eq!(wheel.fire(tick(11)), [(tick(100), 'c')]);
        assert_eq!(wheel.len(), 1);
    }

    #[test]
    fn a_jump_to_the_end_of_time_empties_the_wheel_without_walking_there() {
        let mut wheel = Wheel::new(tick(3));
        let dues = [4, 63, 64, 4096, 1 << 36, 1 << 60, u64::MAX - 1, u64::MAX].map(tick);
        for due in dues.iter().rev() {
            wheel.insert(*due, ());
        }
        assert_eq!(wheel.fire(Tick::MAX), dues.map(|due| (due, ())));
        wheel.insert(tick(5), ());
        assert_eq!(wheel.fire(Tick::MAX), [(tick(5), ())]);
    }

    #[test]
    fn a_key_removes_its_value_once() {
        let mut wheel = Wheel::new(tick(0));
        let key = wheel.insert(tick(10), 'a');
        assert_eq!(wheel.remove(key), Some('a'));
        assert_eq!(wheel.remove(key), None);
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_stale_key_leaves_alone_what_took_its_place() {
        let mut wheel = Wheel::new(tick(0));
        let fired = wheel.insert(tick(10), 'a');
        let _ = wheel.fire(tick(10));
        let new = wheel.insert(tick(20), 'b');
        assert_eq!(new.index, fired.index);
        assert_eq!(wheel.remove(fired), None);
        assert_eq!(wheel.remove(new), Some('b'));
    }

    #[test]
    fn an_empty_wheel_gives_a_crowds_memory_back_and_its_keys_stay_stale() {
        let mut wheel = Wheel::new(tick(0));
        let keys: Vec<_> = (0..1000).map(|due| wheel.insert(tick(due), due)).collect();
        let _ = wheel.fire(tick(1000));
        assert_eq!(wheel.slab.entries.capacity(), 0);
        wheel.insert(tick(1001), 7);
        assert!(keys.iter().all(|key| wheel.remove(*key).is_none()));
        assert_eq!(wheel.len(), 1);
    }

    #[test]
    fn a_small_crowd_leaves_its_memory_for_the_next() {
        let mut wheel = Wheel::new(tick(0));
        let key = wheel.insert(tick(1), ());
        let capacity = wheel.slab.entries.capacity();
        wheel.remove(key);
        assert_eq!(wheel.slab.entries.capacity(), capacity);
    }

    #[test]
    fn an_unused_wheel_has_allocated_nothing() {
        let wheel = Wheel::<u64>::new(tick(77));
        assert_eq!(wheel.slab.entries.capacity(), 0);
        assert!(wheel.levels.iter().all(|level| level.slots.is_empty()));
    }

    #[test]
    fn a_panic_while_firing_costs_only_the_value_that_fired() {
        let mut wheel = Wheel::new(tick(0));
        for (due, value) in [(9, 'a'), (9, 'b'), (9, 'c'), (70, 'd')] {
            wheel.insert(tick(due), value);
        }
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            wheel.advance(tick(100), &mut |_, value| assert!(value != 'b', "on purpose"));
        }));
        assert!(panicked.is_err());
        wheel.assert_sound();
        wheel.insert(tick(9), 'x');
        assert_eq!(wheel.fire(tick(9)), [(tick(9), 'c'), (tick(9), 'x')]);
        assert_eq!(wheel.fire(tick(70)), [(tick(70), 'd')]);
    }

    #[test]
    fn the_debug_form_needs_nothing_of_the_value() {
        struct Opaque;
        let mut wheel = Wheel::new(tick(3));
        wheel.insert(tick(4), Opaque);
        assert_eq!(format!("{wheel:?}"), "Wheel { now: Tick(3), len: 1, .. }");
    }

    #[test]
    fn a_wheel_goes_where_its_values_go() {
        fn is_send_and_sync<T: Send + Sync>() {}
        is_send_and_sync::<Wheel<u64>>();
        is_send_and_sync::<Key>();
    }
}
