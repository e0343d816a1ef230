//! The receiver's side: look at the front, take it, park, release memory, close.
//!
//! Every function here is for whoever holds the receiver's token.

use std::ptr::{NonNull, null_mut};

use crate::primitive::{Ordering, mutated};

use super::Queue;
use super::block::{Block, Mark, Slot};
use super::word::{Duty, Parked, Position};

/// The next message, still in its slot.
pub struct Front<'a, M> {
    slot: &'a Slot<M>,
    mark: Mark,
    last: bool,
}

impl<M> Front<'_, M> {
    /// The sender's code; 0 when it was no actor.
    #[inline(always)]
    #[must_use]
    pub const fn sender(&self) -> u64 {
        self.mark.sender()
    }

    /// Whether the message lies in a block's last slot: then take it with [`Queue::take_last`].
    #[inline(always)]
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// The message where it lies.
    #[must_use]
    pub fn message(&self) -> &M {
        // SAFETY: a front is made by the token's holder when the mark was seen, and taking the
        // message consumes the front.
        let message = unsafe { self.slot.peek() };
        // SAFETY: the message is initialised and stays while the front is borrowed.
        unsafe { message.as_ref() }
    }
}

impl<M> std::fmt::Debug for Front<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front").field("mark", &self.mark).field("last", &self.last).finish_non_exhaustive()
    }
}

/// What draining a closed queue came to.
#[must_use]
#[derive(Debug)]
pub enum Drained<M> {
    /// A message, and its sender's code.
    Message(M, u64),
    /// A sender is still filling a slot that it claimed before the queue was closed.
    Busy,
    /// Nothing is left, and nothing can come.
    Empty,
}

impl<M> Queue<M> {
    /// The next message, if it is there.
    ///
    /// # Safety
    /// The caller holds the receiver's token.
    #[inline(always)]
    pub unsafe fn front(&self) -> Option<Front<'_, M>> {
        let (head, block) = self.consumer.with_mut(|consumer| {
            // SAFETY: the token's holder alone touches the consumer part.
            let consumer = unsafe { &mut *consumer };
            if consumer.block.is_null() {
                // Acquire pairs with the Release in `install_first`.
                consumer.block = self.first.load(Ordering::Acquire);
            }
            (consumer.head, consumer.block)
        });
        let block = NonNull::new(block)?;
        let index = head.index(Block::<M>::LAP);
        // SAFETY: the block is alive until its last slot is taken; `head` is never on a seam.
        let slot = unsafe { Block::slot(block, index) };
        let mark = slot.mark()?;
        Some(Front { slot, mark, last: index + 1 == Block::<M>::SLOTS })
    }

    /// Takes a message that is not in a block's last slot.
    ///
    /// # Safety
    /// The caller holds the token, and `front` came from [`Queue::front`] just now.
    #[inline(always)]
    pub unsafe fn take(&self, front: Front<'_, M>) -> M {
        // SAFETY: by contract; moved out once, at once.
        unsafe { self.take_in_place(front).read() }
    }

    /// As [`Queue::take`], but the message stays where it lies: it is the caller's, who moves it out
    /// once, before it gives the token up or takes another.
    ///
    /// # Safety
    /// As for [`Queue::take`].
    #[inline(always)]
    pub unsafe fn take_in_place(&self, front: Front<'_, M>) -> NonNull<M> {
        debug_assert!(!front.last);
        let settle = self.consumer.with_mut(|consumer| {
            // SAFETY: the token's holder alone touches the consumer part.
            let consumer = unsafe { &mut *consumer };
            consumer.head = consumer.head.plus(1);
            consumer.owed += front.mark.credits();
            consumer.owed >= consumer.threshold
        });
        if settle {
            // SAFETY: by contract.
            unsafe { self.settle() };
        }
        // SAFETY: the mark was seen, and `head` has moved on, so nobody else takes it. The block stays
        // until its last slot is taken.
        unsafe { front.slot.peek() }
    }

    /// Takes the message in a block's last slot and frees the block.
    ///
    /// # Safety
    /// As for [`Queue::take`], with `front.is_last()`.
    #[inline(always)]
    pub unsafe fn take_last(&self, front: Front<'_, M>) -> M {
        debug_assert!(front.last);
        // Not passed on: it would have to lie in memory, whatever way is taken.
        // SAFETY: by contract.
        unsafe { self.take_last_in(front.slot, front.mark) }
    }

    /// # Safety
    /// As for [`Queue::take`]; the slot is a block's last, and the mark its own.
    #[cold]
    #[inline(never)]
    unsafe fn take_last_in(&self, slot: &Slot<M>, mark: Mark) -> M {
        // SAFETY: the mark was seen; taken once.
        let message = unsafe { slot.take() };
        let (block, settle) = self.consumer.with_mut(|consumer| {
            // SAFETY: the token's holder alone touches the consumer part.
            let consumer = unsafe { &mut *consumer };
            let block = consumer.block;
            // SAFETY: the block is alive. Its successor was linked before its last slot was marked.
            let next = unsafe { Block::next(NonNull::new_unchecked(block)) };
            consumer.block = next.map_or(null_mut(), NonNull::as_ptr);
            consumer.head = consumer.head.plus(2);
            consumer.owed += mark.credits();
            (block, consumer.owed >= consumer.threshold)
        });
        // SAFETY: all its slots are consumed and the senders have moved on to the successor.
        unsafe { Block::free(NonNull::new_unchecked(block)) };
        if settle {
            // SAFETY: by contract.
            unsafe { self.settle() };
        }
        message
    }

    /// Takes the front, wherever it lies.
    ///
    /// # Safety
    /// As for [`Queue::take`].
    pub unsafe fn take_any(&self, front: Front<'_, M>) -> M {
        if front.last {
            // SAFETY: by contract.
            return unsafe { self.take_last(front) };
        }
        // SAFETY: by contract.
        unsafe { self.take(front) }
    }

    /// Gives the owed credits back now.
    ///
    /// # Safety
    /// The caller holds the token.
    #[cold]
    #[inline(never)]
    pub unsafe fn settle(&self) {
        let owed = self.consumer.with_mut(|consumer| {
            // SAFETY: the token's holder alone touches the consumer part.
            unsafe { std::mem::take(&mut (*consumer).owed) }
        });
        if owed != 0 {
            let duty = self.give(owed);
            debug_assert_eq!(duty, Duty::None, "the receiver is running, so its token is not in the word");
        }
    }

    /// Whether senders wait for what this receiver has to give: credits it owes, or a hand-over.
    ///
    /// # Safety
    /// The caller holds the token.
    pub unsafe fn owes_waiters(&self) -> bool {
        // SAFETY: the token's holder alone touches the consumer part.
        let owed = self.consumer.with(|consumer| unsafe { (*consumer).owed });
        (owed != 0 || self.hands_over()) && self.word.load().has_waiters()
    }

    /// The place up to which everything has been consumed.
    ///
    /// # Safety
    /// The caller holds the token.
    #[inline(always)]
    pub unsafe fn head(&self) -> Position {
        // SAFETY: the token's holder alone touches the consumer part.
        self.consumer.with(|consumer| unsafe { (*consumer).head })
    }

    /// How many messages have been consumed, as far as they had places.
    ///
    /// # Safety
    /// The caller holds the token.
    pub unsafe fn taken(&self) -> u64 {
        // SAFETY: by contract.
        let places = unsafe { self.head() }.distance_from(Position::START);
        places - places / Block::<M>::LAP
    }

    /// Whether nothing has been accepted that was not consumed.
    ///
    /// # Safety
    /// The caller holds the token.
    pub unsafe fn is_empty(&self) -> bool {
        // SAFETY: by contract.
        self.word.load().position() == unsafe { self.head() }
    }

    /// How many messages wait; those being pushed count. Exact when nobody pushes.
    ///
    /// # Safety
    /// The caller holds the token.
    pub unsafe fn len(&self) -> u64 {
        let tail = self.word.load().position();
        // SAFETY: by contract.
        let head = unsafe { self.head() };
        let places = tail.distance_from(head);
        // Each lap that begins between the two has one place that is no slot: its predecessor's seam.
        let seams = (head.index(Block::<M>::LAP) as u64 + places) / Block::<M>::LAP;
        places - seams.min(places)
    }

    /// Notes that a turn begins.
    ///
    /// # Safety
    /// The caller holds the token.
    #[inline(always)]
    pub unsafe fn begin_turn(&self) {
        self.word.begin_turn();
    }

    /// Parks for a message. `release`: give the block back as well, if the queue is empty.
    ///
    /// # Safety
    /// The caller holds the token; after [`Parked::Yes`] it does not.
    #[inline(always)]
    pub unsafe fn park_for_messages(&self, release: bool) -> Parked {
        let (head, owed, block) = self.consumer.with_mut(|consumer| {
            // SAFETY: the token's holder alone touches the consumer part.
            let consumer = unsafe { &mut *consumer };
            (consumer.head, std::mem::take(&mut consumer.owed), consumer.block)
        });
        let block = if release { NonNull::new(block) } else { None };
        let parked = match block {
            // SAFETY: by contract.
            Some(block) => unsafe { self.park_and_release(head, owed, block) },
            None => self.word.transition_to_idle(head, owed, self.hands_over()),
        };
        if parked == Parked::No && owed != 0 {
            self.consumer.with_mut(|consumer| {
                // SAFETY: not parked, so the token is still ours.
                unsafe { (*consumer).owed = owed };
            });
        }
        parked
    }

    #[cold]
    #[inline(never)]
    unsafe fn park_and_release(&self, head: Position, owed: u32, block: NonNull<Block<M>>) -> Parked {
        let to_seam = (Block::<M>::SLOTS - head.index(Block::<M>::LAP)) as u64;
        let seam = head.plus(to_seam);
        if !self.word.transition_to_releasing(head, seam) {
            return Parked::No;
        }
        // On the seam no sender claims anything, so the block is ours.
        // Relaxed: published by the Release below and by leaving the seam.
        self.first.store(null_mut(), Ordering::Relaxed);
        if !mutated("pop: release keeps tail_block") {
            // Release pairs with the senders' Acquire loads; the new lap's position follows it.
            self.tail_block.store(null_mut(), Ordering::Release);
        }
        self.consumer.with_mut(|consumer| {
            // SAFETY: the token is still ours.
            let consumer = unsafe { &mut *consumer };
            consumer.block = null_mut();
            consumer.head = seam.plus(1);
        });
        // SAFETY: the queue was empty, so every claimed slot was consumed, and senders that read
        // the old pointer fail their claim, since the position has moved.
        unsafe { Block::free(block) };
        self.word.transition_to_released(owed, self.hands_over())
    }

    /// Parks for a wake alone: messages do not end the wait.
    ///
    /// # Safety
    /// As for [`Queue::park_for_messages`].
    pub unsafe fn park_for_wake(&self) -> Parked {
        // SAFETY: by contract.
        unsafe { self.settle() };
        self.word.transition_to_parked()
    }

    /// Closes the queue: nothing is accepted any more. Drain it afterwards, then call
    /// [`Queue::close_waiters`].
    ///
    /// # Safety
    /// The caller holds the token, and keeps it for ever: a closed queue never parks.
    pub unsafe fn close(&self) {
        let _ = self.word.transition_to_closed();
    }

    /// Takes what is left.
    ///
    /// # Safety
    /// The caller holds the token.
    pub unsafe fn drain(&self) -> Drained<M> {
        // SAFETY: by contract.
        if let Some(front) = unsafe { self.front() } {
            let sender = front.sender();
            // SAFETY: by contract.
            return Drained::Message(unsafe { self.take_any(front) }, sender);
        }
        // SAFETY: by contract.
        let empty = unsafe { self.is_empty() } || mutated("pop: draining waits for nobody");
        if empty { Drained::Empty } else { Drained::Busy }
    }
}
