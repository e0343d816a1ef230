//! The queue of a mailbox: many senders, one receiver, any capacity, one word.
//!
//! `README.md` beside this file states the protocol. [`Queue`] holds the parts that both sides
//! share; `push` is the senders' side (`push_all` for many messages at once), `pop` the receiver's,
//! `credit` what a bounded queue adds and `handover` what capacity zero adds.
//!
//! Access rules:
//! - `word`: everyone, only through its transitions.
//! - `tail_block`, `first`: installed by senders; nulled by the receiver while the word is on a
//!   seam that the receiver made.
//! - `waiters`: installed once by the first sender that must wait.
//! - `consumer`: only whoever holds the receiver's token (see `word`).

mod block;
mod credit;
mod explored;
mod grave;
mod handover;
mod pop;
mod push;
mod push_all;
mod waiters;
mod wakers;
mod word;

use std::ptr::{NonNull, null_mut};

use crate::primitive::{AtomicPtr, Ordering, UnsafeCell, mutated};

use self::block::Block;
pub use self::credit::{Enqueued, Withdrawn};
pub use self::pop::Drained;
pub use self::push_all::Staged;
use self::waiters::WaitList;
pub use self::waiters::{Fate, Node};
pub use self::word::{Duty, MAX_CAPACITY, Parked, Position};
use self::word::{Step, Word};

/// How many messages a mailbox holds before its senders have to wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Capacity {
    /// None: a send hands its message to a receiver that waits for it (a rendezvous).
    Zero,
    /// This many; 0 means [`Capacity::Zero`], and more than 1,048,575 means 1,048,575.
    Bounded(u32),
    /// As many as memory holds. Nothing slows the senders down.
    Unbounded,
}

impl Capacity {
    /// The capacity mailboxes have unless told otherwise.
    pub const DEFAULT: Self = Self::Bounded(1024);

    /// The limit in messages; `None` when there is none.
    #[must_use]
    pub const fn limit(self) -> Option<u32> {
        match self {
            Self::Zero => Some(0),
            Self::Bounded(n) if n > MAX_CAPACITY => Some(MAX_CAPACITY),
            Self::Bounded(n) => Some(n),
            Self::Unbounded => None,
        }
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const UNBOUNDED: u32 = u32::MAX;

/// What only the receiver's side touches.
struct Consumer<M> {
    /// Next position to be consumed.
    head: Position,
    /// The block it lies in; null when the next block is still to be fetched from `first`.
    block: *mut Block<M>,
    /// Credits of consumed messages that are not back in the word yet.
    owed: u32,
    /// At this many they go back.
    threshold: u32,
}

/// The queue. Its layout does not depend on `M`.
#[repr(C)]
pub struct Queue<M> {
    word: Word,
    tail_block: AtomicPtr<Block<M>>,
    first: AtomicPtr<Block<M>>,
    waiters: AtomicPtr<WaitList<M>>,
    consumer: UnsafeCell<Consumer<M>>,
    limit: u32,
    step: Step,
}

// SAFETY: senders touch only atomics and slots they claimed; the consumer part is guarded by the
// token; messages cross threads, hence `M: Send`.
unsafe impl<M: Send> Send for Queue<M> {}
// SAFETY: as above.
unsafe impl<M: Send> Sync for Queue<M> {}

impl<M> Queue<M> {
    /// An empty queue; the caller holds its receiver's token.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let limit = capacity.limit().unwrap_or(UNBOUNDED);
        let (credits, step) =
            if limit == UNBOUNDED { (1, Step::PLACE) } else { (limit, Step::PLACE_FOR_CREDIT) };
        Self::with_word(limit, credits, step)
    }

    /// A queue that admits nothing by itself: messages come in by [`Queue::push_place`] alone.
    #[must_use]
    pub fn gated(capacity: Capacity) -> Self {
        Self::with_word(capacity.limit().unwrap_or(UNBOUNDED), 0, Step::PLACE)
    }

    fn with_word(limit: u32, credits: u32, step: Step) -> Self {
        Self {
            word: Word::new(credits),
            tail_block: AtomicPtr::new(null_mut()),
            first: AtomicPtr::new(null_mut()),
            waiters: AtomicPtr::new(null_mut()),
            consumer: UnsafeCell::new(Consumer {
                head: Position::START,
                block: null_mut(),
                owed: 0,
                threshold: (limit / 2).max(1),
            }),
            limit,
            step,
        }
    }

    /// The capacity it was made with.
    #[must_use]
    pub const fn capacity(&self) -> Capacity {
        match self.limit {
            0 => Capacity::Zero,
            UNBOUNDED => Capacity::Unbounded,
            n => Capacity::Bounded(n),
        }
    }

    /// Whether it hands over (capacity zero).
    #[inline(always)]
    #[must_use]
    pub const fn hands_over(&self) -> bool {
        self.limit == 0
    }

    /// Whether the receiver is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.word.load().is_closed()
    }

    /// The place the next message will take. What the calling thread has pushed lies before it.
    #[must_use]
    pub fn position(&self) -> Position {
        let position = self.word.peek().position();
        if mutated("queue: position is a new one") {
            return position.plus(2);
        }
        if mutated("queue: position is an old one") {
            return Position::START;
        }
        position
    }

    /// Wakes the receiver for another reason than a message.
    pub fn wake(&self) -> Duty {
        self.word.transition_to_woken()
    }

    fn wait_list(&self) -> &WaitList<M> {
        // Acquire pairs with the AcqRel below: the list is seen initialised.
        let mut list = self.waiters.load(Ordering::Acquire);
        if list.is_null() {
            let new = Box::into_raw(Box::new(WaitList::new()));
            match self.waiters.compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => list = new,
                Err(other) => {
                    // SAFETY: `new` came from `Box::into_raw` just now and was not shared.
                    drop(unsafe { Box::from_raw(new) });
                    list = other;
                }
            }
        }
        // SAFETY: installed once, freed only with the queue.
        unsafe { &*list }
    }

    fn wait_list_if_any(&self) -> Option<&WaitList<M>> {
        // Acquire pairs with the AcqRel in `wait_list`.
        let list = self.waiters.load(Ordering::Acquire);
        // SAFETY: installed once, freed only with the queue.
        unsafe { list.as_ref() }
    }
}

impl<M> Drop for Queue<M> {
    fn drop(&mut self) {
        // SAFETY: exclusive access; messages still there are dropped by their one owner.
        while let Drained::Message(message, _) = unsafe { self.drain() } {
            drop(message);
        }
        let block = self.consumer.with(|c| {
            // SAFETY: exclusive access.
            unsafe { (*c).block }
        });
        // Relaxed: exclusive access.
        let block = if block.is_null() { self.first.load(Ordering::Relaxed) } else { block };
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the queue is empty, so this is its only block, and nobody can reach it.
            unsafe { Block::free(block) };
        }
        let list = self.waiters.load(Ordering::Relaxed);
        if !list.is_null() {
            // SAFETY: it came from `Box::into_raw`; waiting futures borrow the queue's owner, so
            // none is left.
            drop(unsafe { Box::from_raw(list) });
        }
    }
}

impl<M> std::fmt::Debug for Queue<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("capacity", &self.capacity()).field("word", &self.word.peek()).finish()
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests;
