//! The senders' side: claim a position with one compare-exchange, fill its slot, mark it.

use std::ptr::{NonNull, null_mut};

use crate::primitive::{Ordering, mutated, spin_loop};

use super::Queue;
use super::block::{Block, Mark, Slot};
use super::word::{Duty, Snapshot, Step};

/// How many pauses follow a failed compare-exchange before the word is read again.
///
/// Two cores in a bare load/CAS loop cost 20 ns an operation here; with these pauses one core runs
/// a burst while the other waits, and it costs 7-9.
const BACKOFF_PAUSES: u32 = if cfg!(wharf_loom) { 0 } else { 16 };

/// What admits a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admit {
    /// A credit in the word.
    Credit,
    /// Anything, until the queue is closed.
    Always,
    /// A receiver that waits for a message, and nobody before us.
    IdleReceiver,
}

impl Admit {
    #[inline(always)]
    const fn admits(self, now: Snapshot) -> bool {
        match self {
            // A closed word has no credits, nor has one with waiters.
            Self::Credit => now.has_credit(),
            Self::Always => !now.is_closed(),
            Self::IdleReceiver => now.is_idle() && !now.has_waiters() && !now.is_closed(),
        }
    }
}

/// A place that was claimed, and has to be filled at once: the receiver can't go past it.
#[must_use = "a claimed place that is never filled stops the receiver"]
pub struct Claimed<'a, M> {
    slot: &'a Slot<M>,
    step: Step,
    duty: Duty,
}

impl<M> Claimed<'_, M> {
    /// Fills it.
    #[inline(always)]
    pub fn fill(self, message: M, sender: u64) -> Duty {
        // SAFETY: the claim is used up by this, so the slot is filled once.
        unsafe { self.slot.fill(message, Mark::of_step(sender, self.step)) };
        self.duty
    }
}

impl<M> std::fmt::Debug for Claimed<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claimed").field("duty", &self.duty).finish_non_exhaustive()
    }
}

impl<M> Queue<M> {
    /// Pushes if there is room, and takes a credit for it.
    ///
    /// # Errors
    /// The message, when there is no room or the queue is closed.
    #[inline(always)]
    pub fn try_push(&self, message: M, sender: u64) -> Result<Duty, M> {
        match self.claim_shortly() {
            Some(claimed) => Ok(claimed.fill(message, sender)),
            None => self.push_longer(message, sender),
        }
    }

    /// The short way of a push: claims the next place, for a credit. `None` where it does not suffice:
    /// there is no credit, or the place is at a block's edge.
    ///
    /// The message comes after, since what may be returned must be carried along.
    #[inline(always)]
    pub fn claim_shortly(&self) -> Option<Claimed<'_, M>> {
        let mut now = self.word.load();
        loop {
            if !now.has_credit() {
                return None;
            }
            let index = now.position().index(Block::<M>::LAP);
            if index + 1 >= Block::<M>::SLOTS {
                return None;
            }
            // Acquire pairs with the Release of whoever installed the block.
            let block = NonNull::new(self.tail_block.load(Ordering::Acquire))?;
            match self.word.transition_to_claimed(now, self.step) {
                Ok(duty) => {
                    // SAFETY: the claim made this slot ours, and the block can't be freed before
                    // the receiver has consumed it.
                    let slot = unsafe { Block::slot(block, index) };
                    return Some(Claimed { slot, step: self.step, duty });
                }
                Err(_) => now = self.back_off(),
            }
        }
    }

    /// Goes on where [`Queue::claim_shortly`] did not suffice.
    ///
    /// # Errors
    /// As for [`Queue::try_push`].
    #[cold]
    #[inline(never)]
    pub fn push_longer(&self, message: M, sender: u64) -> Result<Duty, M> {
        self.push_at_edge(message, Mark::of_step(sender, self.step), self.step, Admit::Credit)
    }

    /// Pushes without a credit: a message that must not wait for room.
    ///
    /// # Errors
    /// The message, when the queue is closed.
    pub fn push_place(&self, message: M, sender: u64) -> Result<Duty, M> {
        self.push_at_edge(message, Mark::new(sender, false), Step::PLACE, Admit::Always)
    }

    /// Pushes on a credit that the caller holds already.
    ///
    /// # Errors
    /// The message, when the queue is closed.
    pub fn push_reserved(&self, message: M, sender: u64) -> Result<Duty, M> {
        let credit = self.step.takes_credit();
        self.push_at_edge(message, Mark::new(sender, credit), Step::PLACE, Admit::Always)
    }

    /// Pushes if a receiver waits for a message and no sender waits before us (capacity zero).
    ///
    /// # Errors
    /// The message, when that is not so.
    pub fn try_push_idle(&self, message: M, sender: u64) -> Result<Duty, M> {
        self.push_at_edge(message, Mark::new(sender, false), Step::PLACE, Admit::IdleReceiver)
    }

    /// Pushes anywhere, the first and the last slot of a block included.
    #[cold]
    #[inline(never)]
    fn push_at_edge(&self, message: M, mark: Mark, step: Step, admit: Admit) -> Result<Duty, M> {
        let mut spare: Option<NonNull<Block<M>>> = None;
        let mut now = self.word.load();
        let result = loop {
            if !admit.admits(now) {
                break Err(message);
            }
            let Some((block, index)) = self.place_at(now) else {
                now = self.word.load();
                continue;
            };
            let last = index + 1 == Block::<M>::SLOTS;
            if last && spare.is_none() {
                spare = Some(Block::alloc());
            }
            match self.word.transition_to_claimed(now, step) {
                Ok(duty) => {
                    if last && let Some(next) = spare.take() {
                        self.switch_block(block, next);
                    }
                    // SAFETY: the claim made this slot ours, and the block can't be freed before
                    // the receiver has consumed it.
                    let slot = unsafe { Block::slot(block, index) };
                    // SAFETY: as above.
                    unsafe { slot.fill(message, mark) };
                    break Ok(duty);
                }
                Err(_) => now = self.back_off(),
            }
        };
        if let Some(block) = spare {
            // SAFETY: it was allocated above and never shared.
            unsafe { Block::free(block) };
        }
        result
    }

    /// Where the next message goes if the word is still `now`; `None` while there is no such place:
    /// on a seam, where whoever made it is installing a block, or before the first block. Then the
    /// word is to be read anew.
    pub(super) fn place_at(&self, now: Snapshot) -> Option<(NonNull<Block<M>>, usize)> {
        let index = now.position().index(Block::<M>::LAP);
        if index == Block::<M>::SLOTS {
            spin_loop();
            return None;
        }
        // Acquire pairs with the Release of whoever installed the block.
        let block = NonNull::new(self.tail_block.load(Ordering::Acquire));
        if block.is_none() {
            self.install_first();
        }
        Some((block?, index))
    }

    /// Makes `next` the tail after the last slot of `block` was claimed, and lets others go on.
    pub(super) fn switch_block(&self, block: NonNull<Block<M>>, next: NonNull<Block<M>>) {
        let early = mutated("push: seam is left before the block is there");
        if early {
            self.word.leave_seam();
        }
        // Release pairs with the senders' Acquire loads of `tail_block`.
        self.tail_block.store(next.as_ptr(), Ordering::Release);
        if !early {
            self.word.leave_seam();
        }
        // SAFETY: we claimed the block's last slot and have not filled it, so the block is alive.
        unsafe { Block::link(block, next) };
    }

    /// Installs a block where there is none. Another sender may do it first.
    fn install_first(&self) {
        let block = Block::<M>::alloc();
        // AcqRel: Release hands the new block's slots to the senders' and the receiver's Acquire.
        let installed =
            self.tail_block.compare_exchange(null_mut(), block.as_ptr(), Ordering::AcqRel, Ordering::Acquire);
        if installed.is_ok() {
            let order = if mutated("push: first is relaxed") { Ordering::Relaxed } else { Ordering::Release };
            // Release pairs with the receiver's Acquire load of `first`.
            self.first.store(block.as_ptr(), order);
        } else {
            // SAFETY: nobody has seen it.
            unsafe { Block::free(block) };
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn back_off(&self) -> Snapshot {
        for _ in 0..BACKOFF_PAUSES {
            spin_loop();
        }
        self.word.load()
    }
}
