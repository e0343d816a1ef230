//! The queue that threads without a run queue of their own push to, and full workers too.
//!
//! The length is kept beside the lock so that workers, who look here often and mostly in vain, do
//! not take the lock to find it empty.

use std::collections::VecDeque;

use crate::primitive::{AtomicU64, Mutex, Ordering};

use super::deque::{Ring, SLOTS};

/// A first-in first-out queue that any thread may use.
///
/// On a cache line of its own: workers read the length all the time.
#[derive(Debug)]
#[repr(align(64))]
pub struct Injector<T> {
    /// Written under the lock alone.
    len: AtomicU64,
    entries: Mutex<VecDeque<T>>,
}

impl<T> Injector<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self { len: AtomicU64::new(0), entries: Mutex::new(VecDeque::new()) }
    }

    /// Adds an entry behind all others.
    pub fn push(&self, entry: T) {
        self.change(|entries| entries.push_back(entry));
    }

    /// Takes the oldest entry.
    pub fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        self.change(VecDeque::pop_front)
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        // Relaxed: a hint. Entries are seen through the lock, and a worker that must not miss a
        // push before it sleeps has the fence in `Idle` before this.
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Changes the entries under the lock, and the length with them.
    fn change<R>(&self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let mut entries = self.entries.lock();
        let result = change(&mut entries);
        // Relaxed, as in `is_empty`; the lock orders the writers.
        self.len.store(entries.len() as u64, Ordering::Relaxed);
        result
    }
}

impl<T: Copy> Injector<T> {
    /// Moves up to half of the entries, and no more than half a ring, to `ring`: all but the
    /// oldest, which is returned for the caller to run at once.
    ///
    /// # Safety
    /// The caller is the owner of `ring`.
    pub unsafe fn pop_batch_into(&self, ring: &Ring<T>) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        self.change(|entries| {
            let batch = entries.len().div_ceil(2).min(SLOTS as usize / 2);
            let oldest = entries.pop_front()?;
            for _ in 1..batch {
                let entry = entries.pop_front()?;
                // SAFETY: by contract.
                if let Err(entry) = unsafe { ring.push(entry) } {
                    entries.push_front(entry);
                    break;
                }
            }
            Some(oldest)
        })
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use std::thread;

    use super::*;

    fn injector(entries: impl IntoIterator<Item = u32>) -> Injector<u32> {
        let injector = Injector::new();
        entries.into_iter().for_each(|entry| injector.push(entry));
        injector
    }

    fn drain(ring: &Ring<u32>) -> Vec<u32> {
        // SAFETY: the tests here own their rings.
        std::iter::from_fn(|| unsafe { ring.pop() }).collect()
    }

    #[test]
    fn entries_leave_in_the_order_they_came() {
        let injector = injector(0..3);
        assert!(!injector.is_empty());
        assert_eq!(Vec::from_iter(std::iter::from_fn(|| injector.pop())), [0, 1, 2]);
        assert!(injector.is_empty());
        assert_eq!(injector.pop(), None);
    }

    #[test]
    fn a_batch_is_half_and_its_oldest_is_run_at_once() {
        let (injector, ring) = (injector(0..5), Ring::new());
        // SAFETY: the ring is this test's.
        assert_eq!(unsafe { injector.pop_batch_into(&ring) }, Some(0));
        assert_eq!(drain(&ring), [1, 2]);
        assert_eq!(injector.pop(), Some(3));
    }

    #[test]
    fn a_batch_leaves_room_in_the_ring() {
        let (injector, ring) = (injector(0..10 * SLOTS), Ring::new());
        // SAFETY: the ring is this test's.
        assert_eq!(unsafe { injector.pop_batch_into(&ring) }, Some(0));
        assert_eq!(drain(&ring), Vec::from_iter(1..SLOTS / 2));
        assert_eq!(injector.pop(), Some(SLOTS / 2));
    }

    #[test]
    fn what_does_not_fit_the_ring_stays_in_front() {
        let (injector, ring) = (injector(0..8), Ring::new());
        for filler in 0..SLOTS - 1 {
            // SAFETY: the ring is this test's.
            assert_eq!(unsafe { ring.push(filler) }, Ok(()));
        }
        // SAFETY: the ring is this test's.
        assert_eq!(unsafe { injector.pop_batch_into(&ring) }, Some(0));
        assert_eq!(ring.len(), SLOTS as usize);
        assert_eq!(injector.pop(), Some(2));
    }

    #[test]
    fn an_empty_queue_has_no_batch() {
        let (injector, ring) = (injector([]), Ring::new());
        // SAFETY: the ring is this test's.
        assert_eq!(unsafe { injector.pop_batch_into(&ring) }, None);
        assert!(ring.is_empty());
    }

    #[test]
    fn every_entry_is_taken_once_by_some_thread() {
        const EACH: u32 = 5_000;
        let injector = injector([]);
        let mut taken = thread::scope(|scope| {
            let threads = [0, 1, 2].map(|producer| {
                let injector = &injector;
                scope.spawn(move || {
                    let mut taken = Vec::new();
                    for entry in 0..EACH {
                        injector.push(producer * EACH + entry);
                        taken.extend(injector.pop());
                    }
                    taken
                })
            });
            Vec::from_iter(threads.into_iter().flat_map(|t| t.join().unwrap()))
        });
        taken.extend(std::iter::from_fn(|| injector.pop()));
        taken.sort_unstable();
        assert_eq!(taken, Vec::from_iter(0..3 * EACH));
    }
}
