//! A future in pooled memory.

use std::alloc::Layout;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use crate::pool;

/// A pinned future in an allocation from the thread's pool, which costs a few instructions.
///
/// What handles a message needs room only while it does. Kept inside the actor's own future, that
/// room would belong to every idle actor.
#[doc(hidden)]
pub struct Pooled<F>(NonNull<F>);

// SAFETY: it owns the future, as a box would.
unsafe impl<F: Send> Send for Pooled<F> {}
// SAFETY: as above.
unsafe impl<F: Sync> Sync for Pooled<F> {}

impl<F> Pooled<F> {
    /// Makes the future where it will be polled.
    #[inline(always)]
    pub fn new(make: impl FnOnce() -> F) -> Self {
        Room::new().fill(make)
    }

    /// Drops the future and keeps its room for another.
    #[inline(always)]
    pub(crate) fn vacate(self) -> Room<F> {
        let room = Room(ManuallyDrop::new(self).0);
        // SAFETY: owned, and dropped once.
        unsafe { ptr::drop_in_place(room.0.as_ptr()) };
        room
    }
}

/// Room for a future, in the same kind of memory.
pub(crate) struct Room<F>(NonNull<F>);

impl<F> Room<F> {
    /// Room with nothing in it.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        let empty = const { size_of::<F>() == 0 };
        Self(if empty { NonNull::dangling() } else { pool::take(Layout::new::<F>()).cast::<F>() })
    }

    /// Makes the future where it will be polled.
    #[inline(always)]
    pub(crate) fn fill(self, make: impl FnOnce() -> F) -> Pooled<F> {
        // SAFETY: the memory is ours and fits.
        unsafe { self.0.write(make()) };
        Pooled(ManuallyDrop::new(self).0)
    }
}

impl<F> Drop for Room<F> {
    #[inline(always)]
    fn drop(&mut self) {
        if size_of::<F>() != 0 {
            // SAFETY: taken with this layout, and nothing is in it.
            unsafe { pool::give(self.0.cast(), Layout::new::<F>()) };
        }
    }
}

impl<F: Future> Future for Pooled<F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future has an address of its own and is not moved out of it.
        let future = unsafe { Pin::new_unchecked(self.0.as_mut()) };
        future.poll(cx)
    }
}

impl<F> Drop for Pooled<F> {
    #[inline(always)]
    fn drop(&mut self) {
        // Its memory goes back also where it panics.
        let _room = Room(self.0);
        // SAFETY: owned, and dropped once.
        unsafe { ptr::drop_in_place(self.0.as_ptr()) };
    }
}

impl<F> fmt::Debug for Pooled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pooled")
    }
}
