//! A worker's run queue: a fixed ring that its owner fills and drains and thieves take half of.
//!
//! A *position* counts pushes and wraps; position `p` lives in slot `p % SLOTS`. Three positions
//! cut the ring, always `steal <= real <= tail` and `tail - steal <= SLOTS`:
//!
//! ```text
//!            steal            real            tail
//!     free     |  being stolen  |    queued     |     free
//! ```
//!
//! Access rules:
//! - `head` packs `real` and `steal`, and changes by compare-and-swap only. The owner moves `real`
//!   over one entry, and `steal` with it unless a thief is at work. A thief moves `real` over half
//!   the entries (`claim`), reads them, and moves `steal` up to `real` (`settle`). While the two
//!   differ, no other thief starts.
//! - `tail` is written by the owner alone.
//! - A slot is written by the owner while it is free, and read by whoever moved `real` over it. A
//!   stolen slot is free again only when its thief has settled.
//!
//! A thief that stands still between reading `head` and claiming, while exactly 2^32 entries pass
//! through the ring, would claim wrongly: minutes at full speed without one turn for its thread.

use std::fmt;
use std::mem::MaybeUninit;

use crate::primitive::{AtomicU32, AtomicU64, Ordering, UnsafeCell, mutated};

/// Entries a ring has room for: few under loom, so that models reach the edges.
pub const SLOTS: u32 = if cfg!(wharf_loom) { 4 } else { 256 };

/// The first position: close below the wrap, so that every run and every test passes it early.
const START: u32 = 0_u32.wrapping_sub(SLOTS / 2);

/// What `head` packs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    /// The next entry to pop.
    real: u32,
    /// The oldest entry that a thief still reads; `real` when there is no thief.
    steal: u32,
}

impl Head {
    const fn at(position: u32) -> Self {
        Self { real: position, steal: position }
    }

    #[allow(clippy::cast_possible_truncation, reason = "each half is taken on purpose")]
    const fn unpack(word: u64) -> Self {
        Self { real: word as u32, steal: (word >> 32) as u32 }
    }

    const fn pack(self) -> u64 {
        (self.steal as u64) << 32 | self.real as u64
    }

    const fn has_thief(self) -> bool {
        self.real != self.steal
    }

    /// `real` moved over `count` entries by a thief that is about to read them.
    const fn claimed(self, count: u32) -> Self {
        Self { real: self.real.wrapping_add(count), steal: self.steal }
    }

    /// `real` moved over one entry by the owner.
    const fn popped(self) -> Self {
        let real = self.real.wrapping_add(1);
        Self { real, steal: if self.has_thief() { self.steal } else { real } }
    }
}

/// A run queue with one owner and any number of thieves.
pub struct Ring<T> {
    head: AtomicU64,
    tail: AtomicU32,
    slots: [UnsafeCell<MaybeUninit<T>>; SLOTS as usize],
}

// SAFETY: entries move between threads, which `T: Send` allows; the access rules above keep two
// threads from touching a slot at the same time.
unsafe impl<T: Copy + Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Copy + Send> Sync for Ring<T> {}

impl<T: Copy> Ring<T> {
    /// An empty ring.
    pub fn new() -> Self {
        Self {
            head: AtomicU64::new(Head::at(START).pack()),
            tail: AtomicU32::new(START),
            slots: std::array::from_fn(|_| UnsafeCell::new(MaybeUninit::uninit())),
        }
    }

    /// Adds an entry behind all others.
    ///
    /// # Errors
    /// Gives the entry back when the ring is full.
    ///
    /// # Safety
    /// The caller is the owner: no other thread pushes, pops or steals into this ring meanwhile.
    #[inline(always)]
    pub unsafe fn push(&self, entry: T) -> Result<(), T> {
        let tail = self.owned_tail();
        if tail.wrapping_sub(self.oldest_in_use()) >= SLOTS {
            return Err(entry);
        }
        // SAFETY: the caller owns the ring, and the slot at `tail` is free.
        unsafe { self.write(tail, entry) };
        self.publish(tail.wrapping_add(1));
        Ok(())
    }

    /// Takes the oldest entry.
    ///
    /// # Safety
    /// The caller is the owner: no other thread pushes, pops or steals into this ring meanwhile.
    #[inline(always)]
    pub unsafe fn pop(&self) -> Option<T> {
        let tail = self.owned_tail();
        // Relaxed: a stale head only makes the swap below fail; the entries are the owner's own.
        let mut word = self.head.load(Ordering::Relaxed);
        loop {
            let head = Head::unpack(word);
            if head.real == tail {
                return None;
            }
            // Release pairs with the Acquire in `claim`: a thief that sees this head sees a tail
            // that is not before it.
            let release = relaxed_if("ring: pop is relaxed", Ordering::Release);
            match self.advance(word, head.popped(), release, Ordering::Relaxed) {
                // SAFETY: this pop moved `real` over a pushed entry.
                Ok(()) => return Some(unsafe { self.read(head.real) }),
                Err(current) => word = current,
            }
        }
    }

    /// Moves the older half of the entries to `thief`, all but the oldest, which is returned for
    /// the caller to run at once.
    ///
    /// `None` when there is nothing to take, another thief is at work, or `thief` is more than half
    /// full.
    ///
    /// # Safety
    /// The caller is the owner of `thief`, which is not this ring.
    pub unsafe fn steal_into(&self, thief: &Self) -> Option<T> {
        let tail = thief.owned_tail();
        if tail.wrapping_sub(thief.oldest_in_use()) > SLOTS / 2 {
            return None;
        }
        let (first, count) = self.claim()?;
        // SAFETY: `claim` moved `real` over `count` entries from `first`, and `settle` is to come.
        let oldest = unsafe { self.read(first) };
        for offset in 1..count {
            // SAFETY: as above.
            let entry = unsafe { self.read(first.wrapping_add(offset)) };
            // SAFETY: the caller owns `thief`, which has half its slots free: no fewer than
            // `count`, since that is at most half a ring.
            unsafe { thief.write(tail.wrapping_add(offset - 1), entry) };
        }
        self.settle();
        if count > 1 {
            thief.publish(tail.wrapping_add(count - 1));
        }
        Some(oldest)
    }

    /// How many entries are queued: a figure that may be old already.
    pub fn len(&self) -> usize {
        // Relaxed: who needs to see a certain push puts a fence before this. The two loads may not
        // fit together, hence the clamp.
        let head = Head::unpack(self.head.load(Ordering::Relaxed));
        let tail = self.tail.load(Ordering::Relaxed);
        let len = tail.wrapping_sub(head.real).cast_signed();
        len.clamp(0, SLOTS.cast_signed()).cast_unsigned() as usize
    }

    /// The position of the next push: for [`Ring::holds_older_than`].
    pub fn mark(&self) -> u32 {
        // Relaxed: a hint.
        self.tail.load(Ordering::Relaxed)
    }

    /// Whether an entry is queued that was there when `mark` was read: a hint, as any look at a
    /// queue that others use.
    pub fn holds_older_than(&self, mark: u32) -> bool {
        // Relaxed: a hint.
        let head = Head::unpack(self.head.load(Ordering::Relaxed));
        mark.wrapping_sub(head.real).cast_signed() > 0
    }

    /// Whether nothing is queued, as far as [`Ring::len`] can tell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reserves the older half for a thief: its first position, and how many.
    fn claim(&self) -> Option<(u32, u32)> {
        // Acquire pairs with the Release in `pop` and `settle`: the tail read below is not before
        // this head.
        let acquire = relaxed_if("ring: thief acquires no head", Ordering::Acquire);
        let mut word = self.head.load(acquire);
        loop {
            let head = Head::unpack(word);
            if head.has_thief() && !mutated("ring: thief ignores another") {
                return None;
            }
            // Acquire pairs with the Release in `publish`: the entries before the tail are there.
            let tail = self.tail.load(relaxed_if("ring: thief acquires no tail", Ordering::Acquire));
            let len = tail.wrapping_sub(head.real);
            let count = len - len / 2;
            if count == 0 {
                return None;
            }
            let claimed = if mutated("ring: thief does not hold its slots") {
                Head::at(head.real.wrapping_add(count))
            } else {
                head.claimed(count)
            };
            // Relaxed: claiming shows nothing to anybody. Acquire on failure as in the first load.
            match self.advance(word, claimed, Ordering::Relaxed, acquire) {
                Ok(()) => {
                    debug_assert!(len <= SLOTS, "a thief saw a tail before its head");
                    return Some((head.real, count));
                }
                Err(current) => word = current,
            }
        }
    }

    /// Gives the slots of a claim back to the owner.
    fn settle(&self) {
        // Relaxed: a stale head only makes the swap below fail.
        let mut word = self.head.load(Ordering::Relaxed);
        loop {
            let settled = Head::at(Head::unpack(word).real);
            // Release pairs with the Acquire in `oldest_in_use`: the owner overwrites the slots
            // after this thief has read them. It pairs with the Acquire in `claim` as well: the
            // next thief sees no older tail than this one did.
            let release = relaxed_if("ring: settling is relaxed", Ordering::Release);
            match self.advance(word, settled, release, Ordering::Relaxed) {
                Ok(()) => return,
                Err(current) => word = current,
            }
        }
    }

    /// Changes `head` from `word` to `next`, or tells what it is instead.
    #[inline(always)]
    fn advance(&self, word: u64, next: Head, success: Ordering, failure: Ordering) -> Result<(), u64> {
        if mutated("ring: head is stored blindly") {
            self.head.store(next.pack(), success);
            return Ok(());
        }
        self.head.compare_exchange(word, next.pack(), success, failure).map(|_| ())
    }

    /// The tail, for the owner.
    #[inline(always)]
    fn owned_tail(&self) -> u32 {
        // Relaxed: the owner wrote it.
        self.tail.load(Ordering::Relaxed)
    }

    /// Makes the entries before `tail` visible.
    #[inline(always)]
    fn publish(&self, tail: u32) {
        // Release pairs with the Acquire of the tail in `claim`.
        let release = relaxed_if("ring: publishing is relaxed", Ordering::Release);
        self.tail.store(tail, release);
    }

    /// The oldest position whose slot the owner may not overwrite.
    #[inline(always)]
    fn oldest_in_use(&self) -> u32 {
        // Acquire pairs with the Release in `settle`: what was stolen has been read.
        let acquire = relaxed_if("ring: owner acquires nothing", Ordering::Acquire);
        let head = Head::unpack(self.head.load(acquire));
        if mutated("ring: owner overwrites what is being stolen") { head.real } else { head.steal }
    }

    #[inline(always)]
    const fn slot(&self, position: u32) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[(position % SLOTS) as usize]
    }

    /// # Safety
    /// The caller moved `real` over `position`, which had been pushed, and has not settled.
    #[inline(always)]
    unsafe fn read(&self, position: u32) -> T {
        let entry = self.slot(position).with(|slot| {
            // SAFETY: by contract nobody writes the slot before the caller lets go of it.
            unsafe { *slot }
        });
        // SAFETY: by contract the slot was written.
        unsafe { entry.assume_init() }
    }

    /// # Safety
    /// The caller owns this ring and `position` is at `tail` or after it, less than `SLOTS` from
    /// the oldest one in use.
    #[inline(always)]
    unsafe fn write(&self, position: u32, entry: T) {
        self.slot(position).with_mut(|slot| {
            // SAFETY: by contract the slot is free, so nobody reads it.
            unsafe { (*slot).write(entry) };
        });
    }
}

impl<T: Copy> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// `order`, unless the named mutation is on.
#[inline(always)]
fn relaxed_if(mutation: &str, order: Ordering) -> Ordering {
    if mutated(mutation) { Ordering::Relaxed } else { order }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use std::thread;

    use super::*;
    use crate::primitive::AtomicBool;

    /// A ring whose owner is this thread.
    struct Owned(Ring<u32>);

    impl Owned {
        fn with(entries: impl IntoIterator<Item = u32>) -> Self {
            let ring = Self(Ring::new());
            for entry in entries {
                assert_eq!(ring.push(entry), Ok(()));
            }
            ring
        }

        fn push(&self, entry: u32) -> Result<(), u32> {
            // SAFETY: this thread alone owns the ring.
            unsafe { self.0.push(entry) }
        }

        fn pop(&self) -> Option<u32> {
            // SAFETY: this thread alone owns the ring.
            unsafe { self.0.pop() }
        }

        fn steal(&self, from: &Ring<u32>) -> Option<u32> {
            // SAFETY: this thread alone owns the ring, and never steals from itself.
            unsafe { from.steal_into(&self.0) }
        }

        fn drain(&self) -> Vec<u32> {
            std::iter::from_fn(|| self.pop()).collect()
        }
    }

    #[test]
    fn entries_leave_in_the_order_they_came() {
        let ring = Owned::with(0..SLOTS);
        assert_eq!(ring.drain(), Vec::from_iter(0..SLOTS));
        assert!(ring.0.is_empty());
    }

    #[test]
    fn a_full_ring_gives_the_entry_back() {
        let ring = Owned::with(0..SLOTS);
        assert_eq!(ring.push(7), Err(7));
        assert_eq!(ring.pop(), Some(0));
        assert_eq!(ring.push(7), Ok(()));
        assert_eq!(ring.0.len(), SLOTS as usize);
    }

    #[test]
    fn positions_wrap_without_a_trace() {
        let ring = Owned::with([]);
        for entry in 0..4 * SLOTS {
            assert_eq!(ring.push(entry), Ok(()));
            assert_eq!(ring.pop(), Some(entry));
        }
        assert_eq!(ring.pop(), None);
        assert!(ring.0.owned_tail() < START, "the test went past the wrap of a position");
    }

    #[test]
    fn a_thief_takes_the_older_half_and_runs_the_oldest() {
        let (victim, thief) = (Owned::with(0..7), Owned::with([]));
        assert_eq!(thief.steal(&victim.0), Some(0));
        assert_eq!(thief.drain(), [1, 2, 3]);
        assert_eq!(victim.drain(), [4, 5, 6]);
    }

    #[test]
    fn a_single_entry_is_stolen_without_being_queued() {
        let (victim, thief) = (Owned::with([9]), Owned::with([]));
        assert_eq!(thief.steal(&victim.0), Some(9));
        assert!(thief.0.is_empty() && victim.0.is_empty());
        assert_eq!(thief.steal(&victim.0), None);
    }

    #[test]
    fn a_thief_with_little_room_takes_nothing() {
        let victim = Owned::with(0..SLOTS);
        let thief = Owned::with(0..SLOTS / 2 + 1);
        assert_eq!(thief.steal(&victim.0), None);
        assert_eq!(thief.pop(), Some(0));
        assert_eq!(thief.steal(&victim.0), Some(0));
        assert_eq!(thief.0.len(), SLOTS as usize - 1);
        assert_eq!(victim.0.len(), SLOTS as usize / 2);
    }

    #[test]
    fn every_entry_is_taken_once_by_owner_or_thieves() {
        const ENTRIES: u32 = 40_000;
        let ring = Ring::new();
        let done = AtomicBool::new(false);
        let mut taken = thread::scope(|scope| {
            let thieves = [(); 2].map(|()| {
                scope.spawn(|| {
                    let mine = Owned::with([]);
                    let mut taken = Vec::new();
                    // Acquire pairs with the Release below: nothing is pushed after it.
                    while !(done.load(Ordering::Acquire) && ring.is_empty()) {
                        if let Some(entry) = mine.steal(&ring) {
                            taken.push(entry);
                            taken.extend(mine.drain());
                        } else {
                            thread::yield_now();
                        }
                    }
                    taken
                })
            });
            let mut taken = Vec::new();
            for mut entry in 0..ENTRIES {
                // SAFETY: this thread alone owns the ring.
                while let Err(back) = unsafe { ring.push(entry) } {
                    entry = back;
                    // SAFETY: as above.
                    taken.extend(unsafe { ring.pop() });
                }
            }
            // Release pairs with the Acquire above.
            done.store(true, Ordering::Release);
            // SAFETY: as above.
            taken.extend(std::iter::from_fn(|| unsafe { ring.pop() }));
            for thief in thieves {
                taken.extend(thief.join().unwrap());
            }
            taken
        });
        taken.sort_unstable();
        assert_eq!(taken, Vec::from_iter(0..ENTRIES));
    }
}
