//! What the dead give back: the block that a closed and drained queue still has.

use std::ptr::{NonNull, null_mut};

use crate::primitive::{Ordering, mutated};

use super::Queue;
use super::block::Block;
use super::pop::Drained;

impl<M> Queue<M> {
    /// [`Queue::drain`], and gives the block back once nothing is left: pids of the dead would keep
    /// it for as long as they are.
    ///
    /// # Safety
    /// The caller holds the token, and the queue is closed.
    pub unsafe fn drain_and_release(&self) -> Drained<M> {
        // SAFETY: by contract.
        let drained = unsafe { self.drain() };
        let over = matches!(drained, Drained::Empty)
            || (matches!(drained, Drained::Busy) && mutated("grave: a busy queue gives its block back"));
        if !over {
            return drained;
        }
        let block = self.consumer.with_mut(|consumer| {
            // SAFETY: the token's holder alone touches the consumer part.
            std::mem::replace(unsafe { &mut (*consumer).block }, null_mut())
        });
        // Without a block of the receiver's there may be a first one, whose sender is not done with
        // installing it. The queue's end frees that.
        if let Some(block) = NonNull::new(block) {
            // Relaxed: on a closed queue nobody claims a slot, so nobody looks into a block; a
            // sender that has read an older word at most installs another first block.
            self.first.store(null_mut(), Ordering::Relaxed);
            // Release: pairs with the Acquire of a sender that installs one: its `first` comes
            // after ours.
            self.tail_block.store(null_mut(), Ordering::Release);
            // SAFETY: all claimed slots have been taken, and a closed word admits no claim.
            unsafe { Block::free(block) };
        }
        drained
    }
}
