//! Memory of a queue: a linked list of blocks of slots.
//!
//! Access rules:
//! - `Slot::mark`: written once, with Release, by the sender that claimed the slot's position;
//!   read with Acquire by the receiver. 0 until then.
//! - `Slot::value`: written by that sender before the mark; moved out by the receiver after it.
//! - `Block::next`: written once by the sender that claimed the block's last slot; read by the
//!   receiver when it has consumed that slot. The receiver then owns the block and frees it.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull, null_mut};

use super::word::Step;
use crate::pool;
use crate::primitive::{AtomicPtr, AtomicU64, Ordering, UnsafeCell, mutated};

/// What a slot's mark says besides who sent the message.
const MESSAGE: u64 = 1;
const CREDIT: u64 = 2;

/// The mark of a filled slot: the sender (0: not an actor) and whether the message holds a credit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark(u64);

impl Mark {
    /// A mark of `sender`, whose two low bits are free.
    #[inline(always)]
    pub const fn new(sender: u64, credit: bool) -> Self {
        Self(sender | MESSAGE | if credit { CREDIT } else { 0 })
    }

    /// A mark of `sender`, for a place that was claimed by `step`.
    #[inline(always)]
    pub const fn of_step(sender: u64, step: Step) -> Self {
        Self(sender | MESSAGE | step.credit_bit(CREDIT))
    }

    /// The sender's code, as given to [`Mark::new`].
    #[inline(always)]
    pub const fn sender(self) -> u64 {
        self.0 & !(MESSAGE | CREDIT)
    }

    /// How many credits come back when the message is taken: 0 or 1.
    #[inline(always)]
    pub const fn credits(self) -> u32 {
        if self.0 & CREDIT == 0 { 0 } else { 1 }
    }
}

/// Room for one message.
#[repr(C)]
pub struct Slot<M> {
    mark: AtomicU64,
    value: UnsafeCell<MaybeUninit<M>>,
}

impl<M> Slot<M> {
    /// Puts a message in.
    ///
    /// # Safety
    /// The caller has claimed this slot's position and fills it once.
    #[inline(always)]
    pub unsafe fn fill(&self, message: M, mark: Mark) {
        self.value.with_mut(|value| {
            // SAFETY: the claim made this sender the only one to touch `value` until the mark is set.
            unsafe { (*value).write(message) };
        });
        let order = if mutated("block: mark is relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release pairs with the Acquire in `mark`: the receiver sees the message.
        self.mark.store(mark.0, order);
    }

    /// The mark, once the message is there.
    #[inline(always)]
    pub fn mark(&self) -> Option<Mark> {
        // Acquire pairs with the Release in `fill`.
        match self.mark.load(Ordering::Acquire) {
            0 => None,
            mark => Some(Mark(mark)),
        }
    }

    /// Moves the message out.
    ///
    /// # Safety
    /// The caller is the receiver, has seen the mark, and takes the message once.
    #[inline(always)]
    pub unsafe fn take(&self) -> M {
        // SAFETY: the mark was seen, so `value` is initialised and its sender is done with it.
        self.value.with_mut(|value| unsafe { (*value).assume_init_read() })
    }

    /// Looks at the message where it lies.
    ///
    /// # Safety
    /// The caller is the receiver and has seen the mark but not taken the message.
    pub unsafe fn peek(&self) -> NonNull<M> {
        self.value.with(|value| {
            // SAFETY: a pointer into a slot is never null.
            unsafe { NonNull::new_unchecked(value.cast::<M>().cast_mut()) }
        })
    }
}

/// Slots of the largest block.
pub const MAX_SLOTS: usize = if cfg!(wharf_loom) { 3 } else { 31 };

/// A run of slots. How many are used depends on the message's size: see [`Block::SLOTS`].
#[repr(C)]
pub struct Block<M> {
    next: AtomicPtr<Self>,
    // Only the first `SLOTS` are there.
    slots: [Slot<M>; MAX_SLOTS],
}

impl<M> Block<M> {
    /// Slots in a block of this message type: a power of two less one, so that a block stays
    /// within about 2 KiB. Messages over 1 KiB go one to a block.
    pub const SLOTS: usize = {
        let slot = size_of::<Slot<M>>();
        if cfg!(wharf_loom) {
            // Runs of slots are looked at with messages that are large.
            if slot <= 64 { 1 } else { 3 }
        } else if slot <= 64 {
            31
        } else if slot <= 256 {
            7
        } else if slot <= 512 {
            3
        } else {
            1
        }
    };

    /// Positions in a lap: the slots and the seam.
    pub const LAP: u64 = Self::SLOTS as u64 + 1;

    const LAYOUT: Layout = {
        let align = align_of::<Self>();
        let size = std::mem::offset_of!(Self, slots) + Self::SLOTS * size_of::<Slot<M>>();
        match Layout::from_size_align(size.next_multiple_of(align), align) {
            Ok(layout) => layout,
            Err(_) => panic!("the message is too large"),
        }
    };

    /// A new block with empty slots.
    #[cold]
    #[inline(never)]
    pub fn alloc() -> NonNull<Self> {
        let block: NonNull<Self> = pool::take(Self::LAYOUT).cast();
        // SAFETY: the memory is ours and large enough for `next` and the first `SLOTS` slots.
        unsafe { ptr::addr_of_mut!((*block.as_ptr()).next).write(AtomicPtr::new(null_mut())) };
        for index in 0..Self::SLOTS {
            // SAFETY: as above; `index` is below `SLOTS`.
            let slot = unsafe { ptr::addr_of_mut!((*block.as_ptr()).slots).cast::<Slot<M>>().add(index) };
            // SAFETY: as above; the value itself may stay uninitialised.
            unsafe {
                slot.write(Slot { mark: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) });
            }
        }
        block
    }

    /// Gives the block's memory back; messages in it are not dropped.
    ///
    /// # Safety
    /// The block came from [`Block::alloc`], nobody else can reach it, and it is freed once.
    #[cold]
    #[inline(never)]
    pub unsafe fn free(block: NonNull<Self>) {
        #[cfg(wharf_loom)]
        {
            // Writing to all parts tells loom that nobody else may be using them.
            // SAFETY: by contract the block is ours; each part was initialised in `alloc`.
            unsafe { (*ptr::addr_of_mut!((*block.as_ptr()).next)).with_mut(|_| {}) };
            for index in 0..Self::SLOTS {
                // SAFETY: as above.
                let slot =
                    unsafe { &mut *ptr::addr_of_mut!((*block.as_ptr()).slots).cast::<Slot<M>>().add(index) };
                slot.mark.with_mut(|_| {});
                slot.value.with_mut(|_| {});
            }
        }
        // SAFETY: by contract; the layout is the one it was taken with.
        unsafe { pool::give(block.cast(), Self::LAYOUT) };
    }

    /// The slot at `index`.
    ///
    /// # Safety
    /// `block` is alive and `index` is below [`Block::SLOTS`].
    #[inline(always)]
    pub unsafe fn slot<'a>(block: NonNull<Self>, index: usize) -> &'a Slot<M> {
        debug_assert!(index < Self::SLOTS);
        // SAFETY: by contract the slot lies inside the block's memory.
        unsafe { &*ptr::addr_of!((*block.as_ptr()).slots).cast::<Slot<M>>().add(index) }
    }

    /// Links the block that follows.
    ///
    /// # Safety
    /// `block` is alive; the caller has claimed its last slot and not filled it yet.
    pub unsafe fn link(block: NonNull<Self>, next: NonNull<Self>) {
        // SAFETY: the block is alive until its last slot has been consumed.
        let link = unsafe { &*ptr::addr_of!((*block.as_ptr()).next) };
        // Release pairs with the Acquire in `next`. (The last slot's mark comes after it as well.)
        link.store(next.as_ptr(), Ordering::Release);
    }

    /// The block that follows, if it is linked.
    ///
    /// # Safety
    /// `block` is alive.
    pub unsafe fn next(block: NonNull<Self>) -> Option<NonNull<Self>> {
        // SAFETY: by contract.
        let link = unsafe { &*ptr::addr_of!((*block.as_ptr()).next) };
        // Acquire pairs with the Release in `link`: the new block's slots are seen initialised.
        NonNull::new(link.load(Ordering::Acquire))
    }
}
