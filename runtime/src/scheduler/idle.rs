//! Which workers sleep, and whether one of them is being woken to search: one word.
//!
//! `README.md` has the protocol and its proof. Access rules:
//! - Bit `w` (`SLEEPING`) is set by worker `w` alone, before it sleeps. It is cleared by that
//!   worker or by a notifier; whoever clears it decides what the worker does next.
//! - `SEARCHING` is set by a notifier in the same step in which it takes a worker out, and cleared
//!   by that worker when its search is over. While it is set nobody is taken out.
//!
//! The word carries one thing from thread to thread: what a worker did before it announced sleep.
//! All else is ordered by three fences against the queues, which are not seen from here.

use crate::primitive::{AtomicU64, Ordering, fence, mutated};

/// How many workers a node can have.
pub const MAX_WORKERS: usize = 63;

const SEARCHING: u64 = 1 << MAX_WORKERS;
const SLEEPING: u64 = SEARCHING - 1;

/// Whether a worker may sleep.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sleep {
    /// It may: whoever brings work takes it out and wakes it, or has done so already.
    Granted,
    /// There is work: it goes on, and is no longer marked.
    Refused,
}

/// The sleeping workers and the searcher.
///
/// On a cache line of its own: every surplus push reads the word.
#[derive(Debug)]
#[repr(align(64))]
pub struct Idle {
    word: AtomicU64,
}

impl Idle {
    /// Nobody sleeps, nobody searches.
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Tries to put `worker`, which has found nothing to run, to sleep. `has_work` looks at every
    /// queue once more, after the sleep was announced.
    ///
    /// # Panics
    /// When `worker` is not below [`MAX_WORKERS`].
    pub fn try_sleep(&self, worker: usize, has_work: impl FnOnce() -> bool) -> Sleep {
        self.transition_to_sleeping(worker);
        if mutated("idle: no second look") || !has_work() {
            return Sleep::Granted;
        }
        if self.transition_from_sleeping(worker) { Sleep::Refused } else { Sleep::Granted }
    }

    /// Announces that `worker` is about to sleep. It must look at every queue after this.
    ///
    /// # Panics
    /// When `worker` is not below [`MAX_WORKERS`].
    pub fn transition_to_sleeping(&self, worker: usize) {
        // Release pairs with the Acquire in `notify_one`: the notifier sees how to wake us.
        let release = relaxed_if("idle: announcement is relaxed", Ordering::Release);
        self.word.fetch_or(bit(worker), release);
        // Pairs with the fence in `notify_one`: either that notifier sees us, or the look that
        // follows sees what it pushed.
        if !mutated("idle: sleeper has no fence") {
            fence(Ordering::SeqCst);
        }
    }

    /// Takes `worker` out again, called by that worker.
    ///
    /// True: it did, and goes on. False: a notifier did before; its wake-up is on its way and
    /// makes this worker the searcher.
    ///
    /// # Panics
    /// When `worker` is not below [`MAX_WORKERS`].
    #[must_use = "when a notifier was first, its wake-up is on its way"]
    pub fn transition_from_sleeping(&self, worker: usize) -> bool {
        // Relaxed: says who cleared the bit, and shows nothing else.
        let word = self.word.fetch_and(!bit(worker), Ordering::Relaxed);
        word & bit(worker) != 0 || mutated("idle: sleeper thinks it was first")
    }

    /// Notes that `worker` runs, for whatever reason; called by that worker when it is polled.
    ///
    /// # Panics
    /// When `worker` is not below [`MAX_WORKERS`].
    pub fn wake_up(&self, worker: usize) {
        // Relaxed: nobody else sets this bit, so a clear one is clear, and a set one may have been
        // cleared meanwhile, which does no harm.
        if self.word.load(Ordering::Relaxed) & bit(worker) != 0 {
            // Relaxed: as in `transition_from_sleeping`.
            self.word.fetch_and(!bit(worker), Ordering::Relaxed);
        }
    }

    /// Takes a sleeping worker out, unless one searches already. To be called after work was
    /// pushed where any worker finds it.
    ///
    /// The caller wakes the worker it is given. That worker is now the searcher, and says so with
    /// [`Idle::end_search`].
    #[must_use = "the worker was taken out, so nobody else will wake it"]
    pub fn notify_one(&self) -> Option<usize> {
        // Pairs with the fence in `transition_to_sleeping` and the one in `end_search`: either the
        // load below sees the sleeper, or the end of the search; or they see what was pushed.
        if !mutated("idle: notifier has no fence") {
            fence(Ordering::SeqCst);
        }
        // Relaxed: the fence orders it.
        let mut word = self.word.load(Ordering::Relaxed);
        while is_worth_notifying(word) {
            let worker = (word & SLEEPING).trailing_zeros() as usize;
            let next = (word & !bit(worker)) | SEARCHING;
            // Acquire pairs with the Release in `transition_to_sleeping`.
            let acquire = relaxed_if("idle: notifier acquires nothing", Ordering::Acquire);
            match self.word.compare_exchange_weak(word, next, acquire, Ordering::Relaxed) {
                Ok(_) => return Some(worker),
                Err(current) => word = current,
            }
        }
        None
    }

    /// [`Idle::notify_one`] for a worker that pushed more than it runs next to its own queue.
    ///
    /// The first look has no fence and may miss a worker that falls asleep at this moment: the
    /// caller is awake and runs the surplus itself.
    #[inline(always)]
    #[must_use = "the worker was taken out, so nobody else will wake it"]
    pub fn notify_surplus(&self) -> Option<usize> {
        if self.may_notify() { self.notify_one() } else { None }
    }

    /// Whether a worker seems to be asleep.
    pub fn has_sleeper(&self) -> bool {
        // Relaxed: a hint.
        self.word.load(Ordering::Relaxed) & SLEEPING != 0
    }

    /// Whether it looks as if [`Idle::notify_one`] had somebody to take out: one load, no fence.
    #[inline(always)]
    pub fn may_notify(&self) -> bool {
        // Relaxed: a hint.
        is_worth_notifying(self.word.load(Ordering::Relaxed))
    }

    /// Ends the search that [`Idle::notify_one`] began; called by the worker that was taken out,
    /// whether it has found something or not.
    ///
    /// True: others sleep, so the caller looks at every queue, and if there is work calls
    /// [`Idle::notify_one`] to pass the search on.
    #[must_use = "a push during the search woke nobody, so the queues want a look"]
    pub fn end_search(&self) -> bool {
        // Relaxed: the fence orders it.
        let word = self.word.fetch_and(!SEARCHING, Ordering::Relaxed);
        debug_assert!(word & SEARCHING != 0, "nobody was searching");
        // Pairs with the fence in `notify_one`: either that notifier sees that nobody searches, or
        // the look that follows sees what it pushed.
        if !mutated("idle: search ends without a fence") {
            fence(Ordering::SeqCst);
        }
        word & SLEEPING != 0 && !mutated("idle: search ends silently")
    }
}

fn bit(worker: usize) -> u64 {
    assert!(worker < MAX_WORKERS, "a node has at most {MAX_WORKERS} workers");
    1 << worker
}

#[inline(always)]
fn is_worth_notifying(word: u64) -> bool {
    let searching = word & SEARCHING != 0 && !mutated("idle: notifier ignores the searcher");
    word & SLEEPING != 0 && !searching
}

/// `order`, unless the named mutation is on.
#[inline(always)]
fn relaxed_if(mutation: &str, order: Ordering) -> Ordering {
    if mutated(mutation) { Ordering::Relaxed } else { order }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    fn idle_with(sleepers: impl IntoIterator<Item = usize>) -> Idle {
        let idle = Idle::new();
        for worker in sleepers {
            assert_eq!(idle.try_sleep(worker, || false), Sleep::Granted);
        }
        idle
    }

    #[test]
    fn nobody_is_notified_when_nobody_sleeps() {
        let idle = Idle::new();
        assert!(!idle.may_notify());
        assert_eq!(idle.notify_one(), None);
    }

    #[test]
    fn every_worker_can_be_taken_out_one_search_after_another() {
        let idle = idle_with(0..MAX_WORKERS);
        let mut taken = Vec::new();
        while let Some(worker) = idle.notify_one() {
            taken.push(worker);
            assert_eq!(idle.end_search(), taken.len() < MAX_WORKERS);
        }
        taken.sort_unstable();
        assert_eq!(taken, Vec::from_iter(0..MAX_WORKERS));
    }

    #[test]
    fn a_search_keeps_others_asleep_until_it_ends() {
        let idle = idle_with([3, 5]);
        let searcher = idle.notify_surplus();
        assert!(searcher.is_some());
        assert_eq!(idle.notify_one(), None);
        assert_eq!(idle.notify_surplus(), None);
        assert!(idle.end_search());
        assert!(idle.may_notify());
        assert_ne!(idle.notify_surplus(), searcher);
    }

    #[test]
    fn a_worker_that_sees_work_does_not_sleep() {
        let idle = Idle::new();
        assert_eq!(idle.try_sleep(2, || true), Sleep::Refused);
        assert_eq!(idle.notify_one(), None);
    }

    #[test]
    fn a_worker_taken_out_during_its_second_look_waits_for_the_wake_up() {
        let idle = Idle::new();
        let sleep = idle.try_sleep(2, || idle.notify_one() == Some(2));
        assert_eq!(sleep, Sleep::Granted);
    }

    #[test]
    fn a_worker_that_runs_for_another_reason_is_no_longer_notified() {
        let idle = idle_with([0, 1]);
        idle.wake_up(0);
        idle.wake_up(0);
        assert_eq!(idle.notify_one(), Some(1));
        assert!(!idle.transition_from_sleeping(0));
    }

    #[test]
    fn waking_up_does_not_end_the_search() {
        let idle = idle_with([0, 1]);
        let searcher = idle.notify_one().unwrap();
        idle.wake_up(searcher);
        assert_eq!(idle.notify_one(), None);
        assert!(idle.end_search());
    }

    #[test]
    #[should_panic(expected = "at most 63 workers")]
    fn a_worker_beyond_the_last_is_refused() {
        let _ = Idle::new().try_sleep(MAX_WORKERS, || false);
    }
}
