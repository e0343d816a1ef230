//! The memory that both sides of a reply share: its state word, and the steps that change it.
//!
//! | part      | EMPTY          | WAIT           | LOCK    | FULL, KEPT | GONE    |
//! |-----------|----------------|----------------|---------|------------|---------|
//! | `waker`   | asker          | asker reads    | replier | asker      | replier |
//! | `outcome` | replier writes | replier writes | nobody  | asker      | replier |
//! | memory    | both           | both           | both    | asker      | replier |
//!
//! The state changes only in the `transition_*` methods. Foreign code (a waker's, a value's) runs
//! outside of them, where a panic does no harm.

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::task::Waker;

use crate::pool;
use crate::primitive::{AtomicU32, Ordering, UnsafeCell, mutated, spin_loop, yield_thread};

use super::Unanswered;
use super::own::{self, Woken};

/// Nobody has come yet, or the asker has just taken its waker back.
const EMPTY: u32 = 0;
/// The asker's waker is there.
const WAIT: u32 = 1;
/// The replier takes the waker out, for a few instructions.
const LOCK: u32 = 2;
/// The outcome is there, and the replier has left.
const FULL: u32 = 3;
/// The asker has left.
const GONE: u32 = 4;
/// As FULL, and the asker's waker, which was woken where it lies, is still there.
const KEPT: u32 = 5;

const fn is_final(state: u32) -> bool {
    matches!(state, FULL | KEPT)
}

/// Looks at a LOCK before the asker thinks that the replier's thread was interrupted inside it.
const PATIENCE: u32 = 100;

/// How long the asker has waited for the replier.
struct Patience(u32);

impl Patience {
    const fn new() -> Self {
        Self(0)
    }

    fn wait(&mut self) {
        self.0 += 1;
        if self.0 < PATIENCE { spin_loop() } else { yield_thread() }
    }
}

/// What both sides share.
pub(super) struct Slot<T> {
    state: AtomicU32,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    outcome: UnsafeCell<MaybeUninit<Result<T, Unanswered>>>,
}

/// What the replier found when it published the outcome.
#[must_use]
pub(super) enum Published {
    /// The asker will see it by itself.
    Unseen,
    /// The asker is to be woken.
    Awaited(Waker),
    /// The asker has been woken, and may have to be scheduled.
    Woken(Woken),
    /// The asker has left: all is the replier's, the outcome too.
    Gone,
}

/// What the asker found when it left its waker.
#[must_use]
pub(super) enum Waited {
    /// It will be woken.
    Waiting,
    /// The outcome is there: all is the asker's.
    Full,
}

/// What the asker found when it left.
#[must_use]
pub(super) enum Left {
    /// All is the replier's.
    Gone,
    /// The outcome is there: all is the asker's.
    Full,
}

/// The ordering, or none where a model takes it away.
#[inline(always)]
fn unless(mutation: &str, ordering: Ordering) -> Ordering {
    if mutated(mutation) { Ordering::Relaxed } else { ordering }
}

// The replier's steps.
impl<T> Slot<T> {
    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        // Relaxed: the asker may leave at any moment, and nothing is read on the strength of it.
        self.state.load(Ordering::Relaxed) == GONE
    }

    /// # Safety
    /// The caller has the replier's side, and calls it once, before [`Slot::transition_to_full`].
    #[inline(always)]
    pub(super) unsafe fn write_outcome(&self, outcome: Result<T, Unanswered>) {
        self.outcome.with_mut(|slot| {
            // SAFETY: before FULL the outcome is the replier's, and empty.
            unsafe { (*slot).write(outcome) };
        });
    }

    /// The one step of the replier, which has written the outcome. Only `Gone` leaves it the cell.
    #[inline]
    pub(super) fn transition_to_full(&self) -> Published {
        // Release pairs with the asker's Acquire of FULL: it sees the outcome.
        let full = unless("reply: full is relaxed", Ordering::Release);
        // Acquire, for GONE, pairs with the asker's Release of it: what it did to the waker comes
        // before the memory is given back.
        let gone = unless("reply: replier acquires no gone", Ordering::Acquire);
        let mut seen = self.state.load(gone);
        loop {
            seen = match seen {
                EMPTY => match self.state.compare_exchange(EMPTY, FULL, full, gone) {
                    Ok(_) => return Published::Unseen,
                    Err(now) => now,
                },
                WAIT => {
                    // Acquire pairs with the asker's Release of WAIT: we see its waker.
                    let lock = unless("reply: lock acquires no waker", Ordering::Acquire);
                    match self.state.compare_exchange(WAIT, LOCK, lock, gone) {
                        Ok(_) => return self.transition_from_lock_to_full(),
                        Err(now) => now,
                    }
                }
                _ => return Published::Gone,
            };
        }
    }

    #[inline(always)]
    fn transition_from_lock_to_full(&self) -> Published {
        // Release pairs with the asker's Acquire of FULL: it sees the outcome, and frees the cell
        // after we have copied the waker.
        let full = unless("reply: full after the lock is relaxed", Ordering::Release);
        if mutated("reply: full before the waker is copied") {
            self.state.store(FULL, full);
        }
        // SAFETY: the asker left an initialised waker when it went to WAIT, and does not write or
        // drop it before FULL. LOCK happens once, so this copy is the one that is used.
        let waker = ManuallyDrop::new(unsafe { self.copy_waker() });
        if let Some(woken) = own::wake_in_place(&waker) {
            // The asker gets its waker back, so the copy is not dropped.
            self.state.store(KEPT, full);
            return Published::Woken(woken);
        }
        let waker = ManuallyDrop::into_inner(waker);
        self.state.store(FULL, full);
        if mutated("reply: nobody is woken") {
            return Published::Unseen;
        }
        Published::Awaited(waker)
    }
}

// The asker's steps.
impl<T> Slot<T> {
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        // Acquire pairs with the replier's Release of FULL or KEPT.
        is_final(self.state.load(unless("reply: asker acquires no outcome", Ordering::Acquire)))
    }

    /// Leaves the waker, unless it is there already.
    #[inline(never)]
    pub(super) fn wait(&self, waker: &Waker) -> Waited {
        // Acquire pairs with the replier's Release of FULL.
        match self.state.load(unless("reply: second look acquires no outcome", Ordering::Acquire)) {
            FULL | KEPT => Waited::Full,
            EMPTY => self.transition_to_wait(own::lend(waker)),
            // The wake may be over already: to go on waiting would be to miss it.
            LOCK if !mutated("reply: the lock is waited behind") => {
                self.await_final();
                Waited::Full
            }
            // The replier has not come, or wakes what it found there after this look.
            _ if self.waits_with(waker) => Waited::Waiting,
            _ => self.change_waker(waker),
        }
    }

    /// Whether the waker that is there, or was until the replier copied it, is this one.
    fn waits_with(&self, waker: &Waker) -> bool {
        if mutated("reply: the first waker stays") {
            return true;
        }
        self.waker.with(|slot| {
            // SAFETY: since WAIT the slot holds the bits of a waker, which only the asker writes.
            // If the replier has woken a copy, they no longer own anything, and are compared as
            // the two addresses that they are.
            let there = unsafe { &*slot.cast::<Waker>() };
            there.data() == waker.data() && ptr::eq(there.vtable(), waker.vtable())
        })
    }

    #[cold]
    #[inline(never)]
    fn change_waker(&self, waker: &Waker) -> Waited {
        let new = own::lend(waker);
        if mutated("reply: waker changes without the lock") {
            // SAFETY: a waker is there. To write it here is the mistake to be found.
            drop(self.waker.with_mut(|slot| unsafe { slot.cast::<Waker>().replace(new) }));
            return Waited::Waiting;
        }
        let old = self.transition_to_empty();
        // Where there was none to take back, the outcome is there, and with it perhaps the old one.
        let waited = if old.is_some() {
            self.transition_to_wait(new)
        } else {
            if mutated("reply: a late waker is forgotten") {
                let _ = ManuallyDrop::new(new);
                return Waited::Full;
            }
            own::give_back(new);
            Waited::Full
        };
        drop(old);
        waited
    }

    /// Puts the waker in, from EMPTY; from FULL it comes straight back.
    #[inline]
    fn transition_to_wait(&self, waker: Waker) -> Waited {
        self.waker.with_mut(|slot| {
            // SAFETY: the slot is the asker's in EMPTY and in FULL, and has no waker to drop.
            unsafe { (*slot).write(waker) };
        });
        if mutated("reply: wait is stored") {
            self.state.store(WAIT, Ordering::Release);
            return Waited::Waiting;
        }
        // Release pairs with the replier's Acquire when it locks: it sees the waker. Acquire pairs
        // with its Release of FULL.
        let wait = unless("reply: wait is relaxed", Ordering::Release);
        let full = unless("reply: late waiter acquires no outcome", Ordering::Acquire);
        match self.state.compare_exchange(EMPTY, WAIT, wait, full) {
            Ok(_) => Waited::Waiting,
            Err(_) => {
                // SAFETY: written just now, and seen by nobody: the state went from EMPTY to FULL.
                own::give_back(unsafe { self.copy_waker() });
                Waited::Full
            }
        }
    }

    /// Takes the waker back, if there is one. What follows is EMPTY or FULL.
    pub(super) fn transition_to_empty(&self) -> Option<Waker> {
        let to = if mutated("reply: gone before the waker is taken") { GONE } else { EMPTY };
        // Acquire pairs with the replier's Release of FULL: its copying is over.
        let full = unless("reply: change acquires no copy", Ordering::Acquire);
        let mut patience = Patience::new();
        loop {
            // Relaxed: the waker is the asker's own write, and the replier did not come to read it.
            match self.state.compare_exchange(WAIT, to, Ordering::Relaxed, full) {
                // SAFETY: the asker left it there when it went to WAIT, and the replier did not
                // come to copy it.
                Ok(_) => return Some(unsafe { self.copy_waker() }),
                Err(LOCK) if !mutated("reply: asker ignores the lock") => {}
                Err(_) => return None,
            }
            patience.wait();
        }
    }

    /// Waits for the replier, which is a few instructions from FULL or KEPT.
    #[cold]
    fn await_final(&self) {
        let mut patience = Patience::new();
        while !self.is_full() {
            patience.wait();
        }
    }

    /// The asker's last step, from EMPTY. Only `Full` leaves it the cell.
    pub(super) fn transition_to_gone(&self) -> Left {
        // Release pairs with the replier's Acquire of GONE: the waker is out of the cell before its
        // memory is given back. Acquire pairs with the replier's Release of FULL.
        let gone = unless("reply: gone is relaxed", Ordering::Release);
        let full = unless("reply: late leaver acquires no outcome", Ordering::Acquire);
        match self.state.compare_exchange(EMPTY, GONE, gone, full) {
            Err(state) if is_final(state) => Left::Full,
            _ => Left::Gone,
        }
    }
}

// The memory.
impl<T> Slot<T> {
    /// # Safety
    /// A waker is there, nobody writes it at the same time, and no other copy of it is used.
    #[inline(always)]
    unsafe fn copy_waker(&self) -> Waker {
        // SAFETY: by contract.
        self.waker.with(|slot| unsafe { slot.cast::<Waker>().read() })
    }

    #[inline(always)]
    pub(super) fn alloc() -> NonNull<Self> {
        let cell: NonNull<Self> = pool::take(Layout::new::<Self>()).cast();
        // Part by part: as one value, the parts that are not initialised would be copied.
        // SAFETY: the memory is ours, and of this layout.
        let state = unsafe { &raw mut (*cell.as_ptr()).state };
        // SAFETY: as above.
        let waker = unsafe { &raw mut (*cell.as_ptr()).waker };
        // SAFETY: as above.
        let outcome = unsafe { &raw mut (*cell.as_ptr()).outcome };
        // SAFETY: inside the memory.
        unsafe { state.write(AtomicU32::new(EMPTY)) };
        // SAFETY: as above.
        unsafe { waker.write(UnsafeCell::new(MaybeUninit::uninit())) };
        // SAFETY: as above.
        unsafe { outcome.write(UnsafeCell::new(MaybeUninit::uninit())) };
        cell
    }

    /// Moves the outcome out and gives the memory back.
    ///
    /// # Safety
    /// The cell is the caller's alone and is not used again; the outcome is there, and a waker in
    /// KEPT alone.
    #[inline(always)]
    pub(super) unsafe fn take_outcome(cell: NonNull<Self>) -> Result<T, Unanswered> {
        // SAFETY: by contract nobody else can reach it.
        let at = unsafe { &mut *cell.as_ptr() };
        // SAFETY: by contract the outcome is there, and is not taken again.
        let outcome = at.outcome.with_mut(|slot| unsafe { slot.cast::<Result<T, Unanswered>>().read() });
        // Relaxed: final, and acquired before.
        let kept = at.state.load(Ordering::Relaxed) == KEPT && !mutated("reply: the kept waker is forgotten");
        // SAFETY: in KEPT the asker's waker is there, and nobody else uses it any more.
        let waker = kept.then(|| unsafe { at.copy_waker() });
        // To loom the end of the memory is a write of all that is in it.
        at.waker.with_mut(|_| {});
        #[cfg(wharf_loom)]
        at.state.with_mut(|_| {});
        // SAFETY: taken with this layout, and by contract not used again. Nothing in it needs a drop.
        unsafe { pool::give(cell.cast(), Layout::new::<Self>()) };
        if let Some(waker) = waker {
            own::give_back(waker);
        }
        outcome
    }
}
