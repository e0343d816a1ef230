//! Wakers collected under the waiters' lock, to be called when it has been given up.

use std::mem::MaybeUninit;
use std::task::Waker;

/// How many are collected before the lock is given up to wake them.
const PER_ROUND: usize = 32;

/// Some wakers. Where there are few, as nearly always, the room for the others costs nothing.
pub struct Wakers {
    /// The first `count` are there.
    list: [MaybeUninit<Waker>; PER_ROUND],
    count: usize,
}

impl Wakers {
    /// None yet.
    #[inline(always)]
    pub const fn new() -> Self {
        Self { list: [const { MaybeUninit::uninit() }; PER_ROUND], count: 0 }
    }

    /// Whether it takes no more.
    #[inline(always)]
    pub const fn is_full(&self) -> bool {
        self.count == PER_ROUND
    }

    /// Adds one, if there is one.
    ///
    /// # Panics
    /// When it is full.
    #[inline(always)]
    pub fn push(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.list[self.count].write(waker);
            self.count += 1;
        }
    }

    /// Calls them, the first one first.
    #[inline(always)]
    pub fn wake(mut self) {
        let count = std::mem::take(&mut self.count);
        for waker in &self.list[..count] {
            // SAFETY: the first `count` are there, and each is taken once: none counts any more. Should
            // one panic, those behind it are lost, not unsafe.
            unsafe { waker.assume_init_read() }.wake();
        }
    }
}

impl Drop for Wakers {
    #[inline(always)]
    fn drop(&mut self) {
        for waker in &mut self.list[..self.count] {
            // SAFETY: the first `count` are there, and nobody has taken them.
            unsafe { waker.assume_init_drop() };
        }
    }
}

impl std::fmt::Debug for Wakers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wakers").field("count", &self.count).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;
    use crate::primitive::{AtomicU64, Ordering};

    #[derive(Default)]
    struct Count(AtomicU64);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_is_woken_once_and_none_is_kept() {
        let count = Arc::new(Count::default());
        let mut wakers = Wakers::new();
        while !wakers.is_full() {
            wakers.push(Some(Waker::from(Arc::clone(&count))));
            wakers.push(None);
        }
        assert_eq!(Arc::strong_count(&count), 1 + PER_ROUND);
        wakers.wake();
        assert_eq!((count.0.load(Ordering::Relaxed), Arc::strong_count(&count)), (PER_ROUND as u64, 1));
    }

    #[test]
    fn those_that_are_not_woken_are_dropped() {
        let count = Arc::new(Count::default());
        let mut wakers = Wakers::new();
        wakers.push(Some(Waker::from(Arc::clone(&count))));
        drop(wakers);
        assert_eq!((count.0.load(Ordering::Relaxed), Arc::strong_count(&count)), (0, 1));
    }
}
