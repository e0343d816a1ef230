//! Models of sleep and wake-up: `scheduler/idle.rs`, with the injector as the queue.

use std::sync::atomic::AtomicU32 as Count;

use loom::sync::Arc;
use loom::thread;
use wharf_loom_tests::{Model, breaks, model};
use wharf_runtime::model::primitive::{AtomicBool, Ordering};
use wharf_runtime::model::scheduler::idle::{Idle, Sleep};
use wharf_runtime::model::scheduler::inject::Injector;

/// A scheduler without its workers.
struct Floor {
    idle: Idle,
    queue: Injector<u32>,
}

impl Floor {
    /// A floor on which the given workers sleep.
    fn with(sleepers: impl IntoIterator<Item = usize>) -> Arc<Self> {
        let floor = Self { idle: Idle::new(), queue: Injector::new() };
        for worker in sleepers {
            assert_eq!(floor.idle.try_sleep(worker, || false), Sleep::Granted);
        }
        Arc::new(floor)
    }

    /// Pushes from outside; gives the worker to wake.
    fn push(&self, entry: u32) -> Option<usize> {
        self.queue.push(entry);
        self.idle.notify_one()
    }

    /// A worker's life until it sleeps.
    fn run_until_asleep(&self, worker: usize) {
        loop {
            while self.queue.pop().is_some() {}
            if self.idle.try_sleep(worker, || !self.queue.is_empty()) == Sleep::Granted {
                return;
            }
        }
    }

    /// What a searcher does when its search is over; gives the worker to wake next.
    fn end_search(&self) -> Option<usize> {
        if self.idle.end_search() && !self.queue.is_empty() { self.idle.notify_one() } else { None }
    }

    /// Runs the workers that were taken out, and those they take out, until all sleep.
    fn run_woken(&self, woken: impl IntoIterator<Item = usize>) {
        let mut woken = Vec::from_iter(woken);
        while let Some(worker) = woken.pop() {
            let _found = self.queue.pop();
            woken.extend(self.end_search());
            self.run_until_asleep(worker);
        }
    }

    /// Asserts, when all workers sleep and all wake-ups were delivered, that nothing is left.
    fn assert_nothing_was_missed(&self) {
        assert!(self.queue.is_empty(), "a wake-up was lost: all sleep over an entry");
    }
}

fn push_against_sleep() {
    let floor = Floor::with([]);
    let worker = thread::spawn({
        let floor = Arc::clone(&floor);
        move || floor.run_until_asleep(0)
    });
    let woken = floor.push(1);
    worker.join().unwrap();
    floor.run_woken(woken);
    floor.assert_nothing_was_missed();
}

#[test]
fn no_push_is_missed_by_a_worker_that_falls_asleep() {
    Model::of_threads(2).min_iterations(50).check("idle: push and sleep", push_against_sleep);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_sleeper_without_a_fence_is_found() {
    breaks("idle: sleeper has no fence", push_against_sleep);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_notifier_without_a_fence_is_found() {
    breaks("idle: notifier has no fence", push_against_sleep);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_sleeper_that_does_not_look_twice_is_found() {
    breaks("idle: no second look", push_against_sleep);
}

fn two_pushes_against_sleep() {
    let floor = Floor::with([]);
    let worker = thread::spawn({
        let floor = Arc::clone(&floor);
        move || floor.run_until_asleep(0)
    });
    let other = thread::spawn({
        let floor = Arc::clone(&floor);
        move || floor.push(1)
    });
    let woken = floor.push(2);
    worker.join().unwrap();
    floor.run_woken(woken.into_iter().chain(other.join().unwrap()));
    floor.assert_nothing_was_missed();
}

#[test]
fn no_push_of_two_is_missed() {
    Model::of_threads(3).min_iterations(500).check("idle: two pushes and sleep", two_pushes_against_sleep);
}

fn two_workers_fall_asleep() {
    let floor = Floor::with([]);
    let workers = [0, 1].map(|worker| {
        let floor = Arc::clone(&floor);
        thread::spawn(move || floor.run_until_asleep(worker))
    });
    let first = floor.push(1);
    let second = floor.push(2);
    for worker in workers {
        worker.join().unwrap();
    }
    floor.run_woken(first.into_iter().chain(second));
    floor.assert_nothing_was_missed();
}

#[test]
fn no_push_is_missed_by_two_workers_that_fall_asleep() {
    Model::of_threads(3).min_iterations(500).check("idle: two workers sleep", two_workers_fall_asleep);
}

/// The searcher finds the first entry and is busy with it for good: the second must wake another
/// worker, whoever of the two does it.
fn push_against_the_end_of_a_search() {
    let floor = Floor::with([0, 1]);
    assert!(floor.push(1).is_some());
    let searcher = thread::spawn({
        let floor = Arc::clone(&floor);
        move || {
            assert!(floor.queue.pop().is_some());
            floor.end_search()
        }
    });
    let mine = floor.push(2);
    let woken = Vec::from_iter(searcher.join().unwrap().into_iter().chain(mine));
    assert_eq!(woken.len(), 1, "a wake-up was lost: one sleeps while the other is busy");
}

#[test]
fn a_push_during_a_search_wakes_the_next_worker() {
    Model::of_threads(2)
        .min_iterations(5)
        .check("idle: push and end of search", push_against_the_end_of_a_search);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_search_that_ends_without_a_fence_is_found() {
    breaks("idle: search ends without a fence", push_against_the_end_of_a_search);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_search_that_ends_silently_is_found() {
    breaks("idle: search ends silently", push_against_the_end_of_a_search);
}

/// Notifies, and searches as the worker that was taken out.
fn search(idle: &Idle, searchers: &Count) {
    if idle.notify_one().is_some() {
        // Relaxed, and the standard library's: the model must not see this count.
        let before = searchers.fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "two workers search");
        thread::yield_now();
        searchers.fetch_sub(1, Ordering::Relaxed);
        let _others_sleep = idle.end_search();
    }
}

fn three_notifiers() {
    let floor = Floor::with([0, 1, 2]);
    let searchers = std::sync::Arc::new(Count::new(0));
    let others = [(); 2].map(|()| {
        let (floor, searchers) = (Arc::clone(&floor), std::sync::Arc::clone(&searchers));
        thread::spawn(move || search(&floor.idle, &searchers))
    });
    search(&floor.idle, &searchers);
    for other in others {
        other.join().unwrap();
    }
}

#[test]
fn at_most_one_worker_searches() {
    Model::of_threads(3).min_iterations(100).check("idle: one searcher", three_notifiers);
}

#[test]
#[should_panic(expected = "two workers search")]
fn a_notifier_that_ignores_the_searcher_is_found() {
    Model::of_threads(3).breaks("idle: notifier ignores the searcher", three_notifiers);
}

fn notifier_against_a_sleeper_that_turns_back() {
    let floor = Floor::with([]);
    let sleeper = thread::spawn({
        let floor = Arc::clone(&floor);
        move || floor.idle.try_sleep(0, || true)
    });
    let notified = floor.idle.notify_one().is_some();
    let turned_back = sleeper.join().unwrap() == Sleep::Refused;
    assert!(notified != turned_back, "a worker was taken out by two, or by nobody");
    assert_eq!(floor.idle.notify_one(), None);
}

#[test]
fn either_the_sleeper_or_a_notifier_takes_it_out() {
    model("idle: turning back", notifier_against_a_sleeper_that_turns_back);
}

#[test]
#[should_panic(expected = "taken out by two")]
fn a_sleeper_that_thinks_it_was_first_is_found() {
    breaks("idle: sleeper thinks it was first", notifier_against_a_sleeper_that_turns_back);
}

/// A worker leaves word of how to wake it, and then announces sleep.
fn notifier_needs_what_the_sleeper_left() {
    let floor = Floor::with([]);
    let waker = Arc::new(AtomicBool::new(false));
    let sleeper = thread::spawn({
        let (floor, waker) = (Arc::clone(&floor), Arc::clone(&waker));
        move || {
            // Relaxed: the announcement is to make it visible.
            waker.store(true, Ordering::Relaxed);
            floor.idle.try_sleep(0, || false)
        }
    });
    if floor.idle.notify_one().is_some() {
        assert!(waker.load(Ordering::Relaxed), "the notifier cannot wake the worker");
    }
    assert_eq!(sleeper.join().unwrap(), Sleep::Granted);
}

#[test]
fn a_notifier_sees_how_to_wake_the_worker() {
    model("idle: waker", notifier_needs_what_the_sleeper_left);
}

#[test]
#[should_panic(expected = "cannot wake the worker")]
fn a_relaxed_announcement_is_found() {
    breaks("idle: announcement is relaxed", notifier_needs_what_the_sleeper_left);
}

#[test]
#[should_panic(expected = "cannot wake the worker")]
fn a_notifier_that_acquires_nothing_is_found() {
    breaks("idle: notifier acquires nothing", notifier_needs_what_the_sleeper_left);
}

/// The worker is marked, runs because of a timer, and falls asleep again.
fn push_against_a_worker_that_runs_anyway() {
    let floor = Floor::with([0]);
    let worker = thread::spawn({
        let floor = Arc::clone(&floor);
        move || {
            floor.idle.wake_up(0);
            floor.run_until_asleep(0);
        }
    });
    let woken = floor.push(1);
    worker.join().unwrap();
    floor.run_woken(woken);
    floor.assert_nothing_was_missed();
}

#[test]
fn no_push_is_missed_by_a_worker_that_runs_anyway() {
    Model::of_threads(2)
        .min_iterations(50)
        .check("idle: push and timer", push_against_a_worker_that_runs_anyway);
}
