//! Models of the reply cell: `cell/reply.rs` and `cell/reply/slot.rs`.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;
use wharf_loom_tests::{Model, breaks};
use wharf_runtime::model::cell::reply::own::model::set_wake_in_place;
use wharf_runtime::model::cell::reply::{Answer, Reply, Unanswered, pair};

/// Counted by the standard library, which is no step of a model: one reference is the test's own.
type Value = Arc<()>;

type Outcome = Result<Value, Unanswered>;

/// Who is woken when the outcome comes. Its references, less one, are the wakers that are left.
struct Task {
    wakes: AtomicU32,
    /// Tells the woken one what its waker did before, as the word of its mailbox would.
    word: loom::sync::atomic::AtomicU32,
}

impl Default for Task {
    fn default() -> Self {
        Self { wakes: AtomicU32::new(0), word: loom::sync::atomic::AtomicU32::new(0) }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // Relaxed: loom runs a model on one thread.
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.word.fetch_or(1, Ordering::AcqRel);
    }
}

/// The asker's side, and the task that polls it.
///
/// It leaves the cell only when told to: not when a broken protocol unwinds it.
struct Asker {
    answer: ManuallyDrop<Answer<Value>>,
    task: Arc<Task>,
}

fn cell() -> (Reply<Value>, Asker) {
    let (reply, answer) = pair();
    (reply, Asker { answer: ManuallyDrop::new(answer), task: Arc::default() })
}

impl Asker {
    fn poll(&mut self) -> Poll<Outcome> {
        let waker = Waker::from(Arc::clone(&self.task));
        self.answer.poll(&mut Context::from_waker(&waker))
    }

    /// A task polled by another waker from now on; gives the old one.
    fn move_to_new_task(&mut self) -> Arc<Task> {
        std::mem::take(&mut self.task)
    }

    fn leave(self) -> Arc<Task> {
        drop(ManuallyDrop::into_inner(self.answer));
        self.task
    }

    /// Takes the outcome, which is there: the last poll saw it, or was woken for it, once.
    fn finish(mut self, last: Poll<Outcome>) -> Outcome {
        let outcome = match last {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                assert_eq!(self.task.wakes.load(Ordering::Relaxed), 1, "a wake-up was lost or doubled");
                self.answer.try_take().expect("it was woken for nothing")
            }
        };
        assert!(self.poll().is_pending(), "the outcome came twice");
        assert_no_wakers(&self.leave());
        outcome
    }
}

fn assert_no_wakers(task: &Arc<Task>) {
    assert_eq!(Arc::strong_count(task), 1, "a waker was lost");
}

/// Which side is the starting thread. It makes no difference but to loom, see `README.md` on masked
/// loads; so each scenario is explored both ways.
#[derive(Clone, Copy)]
enum First {
    Asker,
    Replier,
}

/// Runs both sides at the same time.
fn race<A: 'static, R: 'static>(
    first: First,
    asker: impl FnOnce() -> A + 'static,
    replier: impl FnOnce() -> R + 'static,
) -> (A, R) {
    match first {
        First::Asker => {
            let replier = thread::spawn(replier);
            let asker = asker();
            (asker, replier.join().unwrap())
        }
        First::Replier => {
            let asker = thread::spawn(asker);
            let replier = replier();
            (asker.join().unwrap(), replier)
        }
    }
}

/// Whose waker the asker waits with: a foreign one, which is woken outside of the cell, or an actor's
/// own, which is woken where it lies and comes back with the outcome.
#[derive(Clone, Copy)]
enum Waits {
    WithForeign,
    WithOwn,
}

impl Waits {
    fn set(self) {
        set_wake_in_place(match self {
            Self::WithForeign => None,
            Self::WithOwn => Some(wake_in_place),
        });
    }
}

/// Wakes a task whose waker this is.
fn wake_in_place(waker: &Waker) -> bool {
    // SAFETY: the data of a waker made of an `Arc` is a pointer to its content, and the waker counts.
    let task = unsafe { &*waker.data().cast::<Task>() };
    task.wakes.fetch_add(1, Ordering::Relaxed);
    task.word.fetch_or(1, Ordering::AcqRel);
    true
}

fn check(name: &str, min_iterations: u64, scenario: fn(First)) {
    for first in [First::Asker, First::Replier] {
        for waits in [Waits::WithForeign, Waits::WithOwn] {
            Model::of_threads(2).min_iterations(min_iterations).check(name, move || {
                waits.set();
                scenario(first);
            });
        }
    }
}

fn breaks_own(mutation: &'static str, scenario: impl Fn() + Send + Sync + 'static) {
    breaks(mutation, move || {
        Waits::WithOwn.set();
        scenario();
    });
}

fn an_answer_meets_a_poll(first: First) {
    let value = Value::default();
    let (reply, mut asker) = cell();
    let sent = Arc::clone(&value);
    let ((asker, polled), result) = race(
        first,
        move || {
            let polled = asker.poll();
            (asker, polled)
        },
        move || reply.send(sent),
    );
    assert!(result.is_ok(), "nobody has left");
    let outcome = asker.finish(polled).expect("it was answered");
    assert!(Arc::ptr_eq(&outcome, &value));
    assert_eq!(Arc::strong_count(&value), 2, "a value was lost");
}

#[test]
fn an_answer_is_seen_or_wakes_the_asker() {
    check("reply: answer and poll", 3, an_answer_meets_a_poll);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_outcome_is_found() {
    breaks("reply: full is relaxed", || an_answer_meets_a_poll(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_asker_that_acquires_no_outcome_is_found() {
    breaks("reply: asker acquires no outcome", || an_answer_meets_a_poll(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_second_look_that_acquires_no_outcome_is_found() {
    breaks("reply: second look acquires no outcome", || an_answer_meets_a_poll(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_late_waiter_that_acquires_no_outcome_is_found() {
    breaks("reply: late waiter acquires no outcome", || an_answer_meets_a_poll(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_waker_is_found() {
    breaks("reply: wait is relaxed", || an_answer_meets_a_poll(First::Asker));
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_waker_that_is_not_woken_is_found() {
    breaks("reply: nobody is woken", || an_answer_meets_a_poll(First::Asker));
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_wait_that_overwrites_the_outcome_is_found() {
    breaks("reply: wait is stored", || an_answer_meets_a_poll(First::Asker));
}

/// The asker waits already, and looks again with the same waker.
fn an_answer_meets_a_second_poll(first: First) {
    let (reply, mut asker) = cell();
    assert!(asker.poll().is_pending());
    let ((asker, polled), result) = race(
        first,
        move || {
            let polled = asker.poll();
            (asker, polled)
        },
        move || reply.send(Value::default()),
    );
    assert!(result.is_ok(), "nobody has left");
    assert!(asker.task.wakes.load(Ordering::Relaxed) == 1, "it waited, so it is woken");
    assert!(asker.finish(polled).is_ok());
}

#[test]
fn a_second_poll_with_the_same_waker_changes_nothing() {
    // The other way round the asker's looks are masked: there is one interleaving.
    Model::of_threads(2).min_iterations(25).check("reply: answer and second poll", || {
        Waits::WithForeign.set();
        an_answer_meets_a_second_poll(First::Replier);
    });
    Model::of_threads(2).min_iterations(10).check("reply: own waker, answer and second poll", || {
        Waits::WithOwn.set();
        an_answer_meets_a_second_poll(First::Replier);
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_outcome_after_the_lock_is_found() {
    breaks("reply: full after the lock is relaxed", || an_answer_meets_a_second_poll(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_waker_copied_too_late_is_found() {
    breaks("reply: full before the waker is copied", || an_answer_meets_a_second_poll(First::Replier));
}

/// A woken asker looks again, as its actor would in the turn that the wake gave it.
fn a_woken_asker_looks_again(first: First) {
    let (reply, mut asker) = cell();
    assert!(asker.poll().is_pending());
    let (asker, result) = race(
        first,
        move || {
            if asker.task.word.fetch_and(0, Ordering::AcqRel) == 1 {
                match asker.poll() {
                    Poll::Ready(outcome) => drop(outcome.expect("it was answered")),
                    Poll::Pending => panic!("it was woken, and waits for ever"),
                }
            }
            asker
        },
        move || reply.send(Value::default()),
    );
    assert!(result.is_ok(), "nobody has left");
    assert_no_wakers(&asker.leave());
}

#[test]
fn a_woken_asker_finds_its_answer() {
    check("reply: wake and look", 2, a_woken_asker_looks_again);
}

#[test]
#[should_panic(expected = "waits for ever")]
fn an_asker_that_waits_behind_the_lock_is_found() {
    breaks_own("reply: the lock is waited behind", || a_woken_asker_looks_again(First::Replier));
}

#[test]
#[should_panic(expected = "a waker was lost")]
fn a_waker_that_does_not_come_back_is_found() {
    breaks_own("reply: the kept waker is forgotten", || a_woken_asker_looks_again(First::Replier));
}

#[test]
#[should_panic(expected = "a waker was lost")]
fn a_late_waker_that_is_forgotten_is_found() {
    breaks_own("reply: a late waker is forgotten", || {
        an_answer_meets_a_change_of_waker(First::Replier);
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_outcome_beside_a_kept_waker_is_found() {
    breaks_own("reply: full after the lock is relaxed", || an_answer_meets_a_second_poll(First::Replier));
}

fn a_dropped_reply_meets_a_poll(first: First) {
    let (reply, mut asker) = cell();
    let ((asker, polled), ()) = race(
        first,
        move || {
            let polled = asker.poll();
            (asker, polled)
        },
        move || drop(reply),
    );
    assert!(matches!(asker.finish(polled), Err(Unanswered::NoReply)));
}

#[test]
fn a_dropped_reply_is_seen_or_wakes_the_asker() {
    check("reply: drop and poll", 3, a_dropped_reply_meets_a_poll);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_dropped_reply_that_wakes_nobody_is_found() {
    breaks("reply: nobody is woken", || a_dropped_reply_meets_a_poll(First::Asker));
}

/// The asker waits already, and is polled by another task.
fn an_answer_meets_a_change_of_waker(first: First) {
    let (reply, mut asker) = cell();
    assert!(asker.poll().is_pending());
    let old = asker.move_to_new_task();
    let ((asker, polled), result) = race(
        first,
        move || {
            let polled = asker.poll();
            (asker, polled)
        },
        move || reply.send(Value::default()),
    );
    assert!(result.is_ok(), "nobody has left");
    let wakes = [&old, &asker.task].map(|task| task.wakes.load(Ordering::Relaxed));
    assert!(asker.finish(polled).is_ok());
    assert!(wakes[0] + wakes[1] <= 1, "both were woken: {wakes:?}");
    assert_no_wakers(&old);
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    check("reply: answer and change of waker", 15, an_answer_meets_a_change_of_waker);
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn a_new_waker_that_is_forgotten_is_found() {
    breaks("reply: the first waker stays", || an_answer_meets_a_change_of_waker(First::Asker));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_replier_that_acquires_no_waker_is_found() {
    breaks("reply: lock acquires no waker", || an_answer_meets_a_change_of_waker(First::Asker));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_waker_overwritten_where_it_waits_is_found() {
    breaks("reply: waker changes without the lock", || an_answer_meets_a_change_of_waker(First::Asker));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_change_of_waker_under_the_lock_is_found() {
    breaks("reply: asker ignores the lock", || an_answer_meets_a_change_of_waker(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_change_of_waker_that_does_not_see_the_copying_is_found() {
    breaks("reply: change acquires no copy", || an_answer_meets_a_change_of_waker(First::Replier));
}

/// What the replier got back, or what is lost with the cell, is dropped once; so is the waker.
fn an_answer_meets_a_leaving_asker(first: First, waits: bool) {
    let value = Value::default();
    let (reply, mut asker) = cell();
    assert!(!waits || asker.poll().is_pending());
    let sent = Arc::clone(&value);
    let (task, result) = race(first, move || asker.leave(), move || reply.send(sent));
    let held = match result {
        Ok(()) => 1,
        Err(ref back) => {
            assert!(Arc::ptr_eq(back, &value));
            2
        }
    };
    assert_eq!(Arc::strong_count(&value), held, "a value was lost");
    assert_no_wakers(&task);
}

fn an_answer_meets_an_asker_that_waited(first: First) {
    an_answer_meets_a_leaving_asker(first, true);
}

fn an_answer_meets_an_asker_that_never_waited(first: First) {
    an_answer_meets_a_leaving_asker(first, false);
}

#[test]
fn an_asker_may_leave_while_it_is_answered() {
    check("reply: answer and leave", 12, an_answer_meets_an_asker_that_waited);
    check("reply: answer and leave, no waker", 4, an_answer_meets_an_asker_that_never_waited);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_departure_is_found() {
    breaks("reply: gone is relaxed", || an_answer_meets_an_asker_that_waited(First::Asker));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_replier_that_acquires_no_departure_is_found() {
    breaks("reply: replier acquires no gone", || an_answer_meets_an_asker_that_waited(First::Asker));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_departure_before_the_waker_is_taken_is_found() {
    breaks("reply: gone before the waker is taken", || an_answer_meets_an_asker_that_waited(First::Asker));
}

#[test]
#[should_panic(expected = "a value was lost")]
fn a_departure_under_the_lock_is_found() {
    breaks("reply: asker ignores the lock", || an_answer_meets_an_asker_that_waited(First::Replier));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_late_leaver_that_acquires_no_outcome_is_found() {
    breaks("reply: late leaver acquires no outcome", || {
        an_answer_meets_an_asker_that_never_waited(First::Replier);
    });
}

fn a_dropped_reply_meets_a_leaving_asker(first: First) {
    let (reply, mut asker) = cell();
    assert!(asker.poll().is_pending());
    let (task, ()) = race(first, move || asker.leave(), move || drop(reply));
    assert_no_wakers(&task);
}

#[test]
fn both_sides_may_leave_at_once() {
    check("reply: drop and leave", 12, a_dropped_reply_meets_a_leaving_asker);
}

/// All that an asker can do, one after the other.
fn an_answer_meets_a_fickle_asker(first: First) {
    let value = Value::default();
    let (reply, mut asker) = cell();
    let sent = Arc::clone(&value);
    let ((tasks, outcome), result) = race(
        first,
        move || {
            let mut outcome = Vec::new();
            outcome.extend(ready(asker.poll()));
            let old = asker.move_to_new_task();
            outcome.extend(ready(asker.poll()));
            outcome.extend(asker.answer.try_take());
            ([old, asker.leave()], outcome)
        },
        move || reply.send(sent),
    );
    tasks.iter().for_each(assert_no_wakers);
    assert!(outcome.len() <= 1, "the outcome came twice");
    let back = usize::from(result.is_err());
    assert!(outcome.len() + back <= 1, "the value went both ways");
    assert_eq!(Arc::strong_count(&value), 1 + outcome.len() + back, "a value was lost");
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[test]
fn a_value_arrives_or_comes_back_whatever_the_asker_does() {
    check("reply: answer and everything", 180, an_answer_meets_a_fickle_asker);
}
