//! The senders' side for many messages: one compare-exchange claims a run of slots.
//!
//! Messages are *staged* first: what makes them is other people's code, which may panic, wait for
//! something, or send to this very queue, and none of that may happen while slots are claimed and
//! not filled.

use std::alloc::Layout;
use std::ptr::{self, NonNull};

use crate::pool;
use crate::primitive::mutated;

use super::Queue;
use super::block::{Block, Mark};
use super::word::{Duty, Snapshot};

impl<M> Queue<M> {
    /// Pushes as many of the staged messages, the first ones, as there is room for, and takes a
    /// credit for each. The rest stays staged: there is no room for it, or the queue is closed.
    ///
    /// Nobody who waits is overtaken: a word with waiters has no credits.
    pub fn try_push_all(&self, staged: &mut Staged<M>, sender: u64) -> Duty {
        let mut duty = Duty::None;
        let mut spare: Option<NonNull<Block<M>>> = None;
        let mut now = self.word.load();
        let mut stale = None;
        while !staged.is_empty() && now.has_credit() {
            let Some((block, index)) = self.place_at(now) else {
                now = self.word.load();
                continue;
            };
            let run = stale.unwrap_or_else(|| self.run_length(now, index, staged.len()));
            let last = index + run == Block::<M>::SLOTS;
            if last && spare.is_none() {
                spare = Some(Block::alloc());
            }
            match self.word.transition_to_claimed_run(now, self.step, run as u64) {
                Ok(told) => {
                    if last && let Some(next) = spare.take() {
                        self.switch_block(block, next);
                    }
                    for slot in index..index + run {
                        // SAFETY: the claim made these slots ours, and the block can't be freed
                        // before the receiver has consumed them.
                        let slot = unsafe { Block::slot(block, slot) };
                        // SAFETY: a run is no longer than what is staged.
                        let message = unsafe { staged.pop_unchecked() };
                        // SAFETY: claimed above, filled once.
                        unsafe { slot.fill(message, Mark::new(sender, self.step.takes_credit())) };
                    }
                    if told == Duty::Schedule {
                        duty = Duty::Schedule;
                    }
                    now = self.word.load();
                }
                Err(_) => {
                    if mutated("push all: a run is measured once") {
                        stale = Some(run);
                    }
                    now = self.back_off();
                }
            }
        }
        if let Some(block) = spare {
            // SAFETY: it was allocated above and never shared.
            unsafe { Block::free(block) };
        }
        duty
    }

    /// How many slots from `index` on one claim can take: no more than there are messages, credits,
    /// and slots in the block.
    fn run_length(&self, now: Snapshot, index: usize, wanted: usize) -> usize {
        let run = wanted.min(Block::<M>::SLOTS - index);
        if !self.step.takes_credit() {
            return run;
        }
        usize::try_from(now.credits()).map_or(run, |credits| run.min(credits))
    }
}

/// Messages that are ready to be pushed, a block's worth at most, in pooled memory.
pub struct Staged<M> {
    memory: NonNull<M>,
    /// Messages lie from here ...
    first: usize,
    /// ... to here.
    end: usize,
}

// SAFETY: it owns its messages, and any thread may give pooled memory back.
unsafe impl<M: Send> Send for Staged<M> {}
// SAFETY: a shared one shows no message.
unsafe impl<M: Send> Sync for Staged<M> {}

impl<M> Staged<M> {
    const LAYOUT: Layout = match Layout::array::<M>(Block::<M>::SLOTS) {
        Ok(layout) => layout,
        Err(_) => panic!("the message is too large"),
    };

    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { memory: pool::take(Self::LAYOUT).cast(), first: 0, end: 0 }
    }

    /// Takes what `messages` yields until it is full; whatever is staged already comes first.
    pub fn fill(&mut self, messages: &mut impl Iterator<Item = M>) {
        if self.is_empty() {
            (self.first, self.end) = (0, 0);
        }
        while self.end < Block::<M>::SLOTS {
            let Some(message) = messages.next() else { return };
            // SAFETY: within the memory, and free.
            unsafe { self.memory.add(self.end).write(message) };
            self.end += 1;
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.first
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Takes the first one.
    pub fn pop(&mut self) -> Option<M> {
        // SAFETY: there is one.
        (!self.is_empty()).then(|| unsafe { self.pop_unchecked() })
    }

    /// # Safety
    /// There is one.
    #[inline(always)]
    unsafe fn pop_unchecked(&mut self) -> M {
        debug_assert!(!self.is_empty());
        let at = self.first;
        self.first += 1;
        // SAFETY: it lay there, and is not looked at again.
        unsafe { self.memory.add(at).read() }
    }
}

impl<M> Default for Staged<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Drop for Staged<M> {
    fn drop(&mut self) {
        /// Gives the memory back also when a message's destructor panics.
        struct Memory(NonNull<u8>, Layout);
        impl Drop for Memory {
            fn drop(&mut self) {
                // SAFETY: taken with this layout, given back once.
                unsafe { pool::give(self.0, self.1) };
            }
        }
        let _memory = Memory(self.memory.cast(), Self::LAYOUT);
        let left = ptr::slice_from_raw_parts_mut(
            // SAFETY: within the memory, or at its end.
            unsafe { self.memory.add(self.first) }.as_ptr(),
            self.len(),
        );
        // SAFETY: these messages are here, and nobody looks at them again.
        unsafe { ptr::drop_in_place(left) };
    }
}

impl<M> std::fmt::Debug for Staged<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged").field("len", &self.len()).finish_non_exhaustive()
    }
}
