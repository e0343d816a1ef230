//! The runner: bounds, counts and outcomes of a model.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use wharf_runtime::model::primitive::set_mutation;

/// Interleavings of a model that nobody bounded: about two minutes.
const MAX_ITERATIONS: u64 = 4_000_000;

/// Steps of one interleaving.
const MAX_BRANCHES: usize = 10_000;

/// What loom says when an interleaving has more steps.
const BRANCHES_EXCEEDED: &str = "maximum number of branches";

/// A model: how far it is explored, and how much there must be to explore.
#[must_use = "a model does nothing until it is checked"]
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// How often a thread may be interrupted where it could go on; `None` leaves out nothing.
    pub preemptions: Option<usize>,
    /// Fewer interleavings than this mean that the model no longer exercises what it is about.
    pub min_iterations: u64,
    /// More interleavings than this fail the model, because it is not explored to its end.
    pub max_iterations: u64,
}

impl Model {
    /// The usual bounds for a model of `count` threads, the one that starts it included: all
    /// interleavings of two threads, two preemptions for more.
    pub const fn of_threads(count: usize) -> Self {
        Self {
            preemptions: if count > 2 { Some(2) } else { None },
            min_iterations: 2,
            max_iterations: MAX_ITERATIONS,
        }
    }

    /// The same model with at least `count` interleavings to explore.
    pub const fn min_iterations(self, count: u64) -> Self {
        Self { min_iterations: count, ..self }
    }

    /// The same model with at most `count` interleavings to explore.
    pub const fn max_iterations(self, count: u64) -> Self {
        Self { max_iterations: count, ..self }
    }

    /// The same model with another bound of preemptions.
    pub const fn preemptions(self, bound: Option<usize>) -> Self {
        Self { preemptions: bound, ..self }
    }

    /// Explores `f`; `name` stands in the messages.
    ///
    /// # Panics
    /// When `f` fails in any interleaving, when loom finds a race, a leak or a deadlock, when the
    /// run was cut before its end, and when there was too little to explore.
    pub fn check(self, name: &str, f: impl Fn() + Send + Sync + 'static) {
        match self.explore(f) {
            Outcome::Explored(iterations) => assert!(
                iterations >= self.min_iterations,
                "`{name}` has {iterations} interleavings, expected {} or more: it no longer \
                 exercises what it did",
                self.min_iterations,
            ),
            Outcome::Cut(why) => panic!("`{name}` was cut, so nothing is proved: {why}"),
            Outcome::Failed(payload) => resume_unwind(payload),
        }
    }

    /// Explores `f` with the named step of the production code broken, for `#[should_panic]` twins.
    ///
    /// Returns when the model finds nothing, or was cut before it did: then the twin fails.
    ///
    /// # Panics
    /// When the model finds the mutation.
    pub fn breaks(self, mutation: &'static str, f: impl Fn() + Send + Sync + 'static) {
        let _broken = Broken::by(mutation);
        if let Outcome::Failed(payload) = self.explore(f) {
            resume_unwind(payload);
        }
    }

    #[allow(clippy::disallowed_methods, reason = "`LOOM_MAX_DURATION` is in real time")]
    fn explore(self, f: impl Fn() + Send + Sync + 'static) -> Outcome {
        let mut builder = loom::model::Builder::new();
        // loom looks at its own limits only every so many iterations, and then ends as if it had
        // succeeded. They are counted here instead.
        let duration = builder.max_duration.take();
        let permutations = builder.max_permutations.take();
        // A checkpoint file, when one is asked for, ends close to the failure.
        builder.checkpoint_interval = 500;
        let branches = builder.max_branches.max(MAX_BRANCHES);
        builder.max_branches = branches;
        // `LOOM_MAX_PREEMPTIONS` can widen a bound, never narrow it.
        builder.preemption_bound =
            self.preemptions.map(|bound| bound.max(builder.preemption_bound.unwrap_or(0)));

        let iterations = Arc::new(AtomicU64::new(0));
        let was_cut = Arc::new(AtomicBool::new(false));
        let max = permutations.map_or(self.max_iterations, |max| max as u64);
        let result = catch_unwind(AssertUnwindSafe({
            let (iterations, was_cut) = (Arc::clone(&iterations), Arc::clone(&was_cut));
            let start = Instant::now();
            move || {
                builder.check(move || {
                    // Relaxed: loom runs a model on one thread.
                    let begun = iterations.load(Ordering::Relaxed);
                    let late = duration.is_some_and(|duration| start.elapsed() >= duration);
                    if begun >= max || late {
                        was_cut.store(true, Ordering::Relaxed);
                        panic!("the limit is reached");
                    }
                    iterations.store(begun + 1, Ordering::Relaxed);
                    f();
                });
            }
        }));
        let iterations = iterations.load(Ordering::Relaxed);
        match result {
            Ok(()) => Outcome::Explored(iterations),
            Err(_) if was_cut.load(Ordering::Relaxed) => {
                Outcome::Cut(format!("it reached its limit after {iterations} interleavings"))
            }
            Err(payload) if message(&*payload).contains(BRANCHES_EXCEEDED) => {
                Outcome::Cut(format!("an interleaving has more than {branches} steps"))
            }
            Err(payload) => Outcome::Failed(payload),
        }
    }
}

/// Explores all interleavings of a model of two threads, see [`Model::check`].
pub fn model(name: &str, f: impl Fn() + Send + Sync + 'static) {
    Model::of_threads(2).check(name, f);
}

/// Explores a model of two threads with the named step broken, see [`Model::breaks`].
pub fn breaks(mutation: &'static str, f: impl Fn() + Send + Sync + 'static) {
    Model::of_threads(2).breaks(mutation, f);
}

enum Outcome {
    Explored(u64),
    Cut(String),
    Failed(Box<dyn Any + Send>),
}

/// Keeps a mutation on until it is dropped.
struct Broken;

impl Broken {
    fn by(mutation: &'static str) -> Self {
        set_mutation(mutation);
        Self
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        set_mutation("");
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use loom::thread;
    use wharf_runtime::model::primitive::{AtomicU32, mutated};

    use super::*;
    use crate::{breaks, model};

    /// Two threads that add one each, not in one step when the mutation is on.
    fn two_increments() {
        let count = loom::sync::Arc::new(AtomicU32::new(0));
        let add = |count: &AtomicU32| {
            if mutated("test: two steps") {
                count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            } else {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        let other = thread::spawn({
            let count = loom::sync::Arc::clone(&count);
            move || add(&count)
        });
        add(&count);
        other.join().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2, "an increment was lost");
    }

    #[test]
    fn a_sound_model_is_explored_to_its_end() {
        model("two increments", two_increments);
    }

    #[test]
    #[should_panic(expected = "an increment was lost")]
    fn a_mutation_is_found() {
        breaks("test: two steps", two_increments);
    }

    #[test]
    fn a_mutation_that_is_not_found_does_not_panic() {
        breaks("test: no such step", two_increments);
    }

    #[test]
    fn a_mutation_ends_with_its_run() {
        let run = catch_unwind(|| breaks("test: two steps", two_increments));
        assert!(run.is_err());
        model("two increments", two_increments);
    }

    #[test]
    #[should_panic(expected = "was cut")]
    fn a_cut_model_fails() {
        Model::of_threads(2).max_iterations(2).check("two increments", two_increments);
    }

    #[test]
    fn a_model_cut_before_it_finds_the_mutation_does_not_pass_for_a_find() {
        Model::of_threads(2).max_iterations(0).breaks("test: two steps", two_increments);
    }

    #[test]
    #[should_panic(expected = "was cut")]
    fn a_model_with_an_endless_interleaving_fails_as_cut() {
        model("endless", || {
            let stop = AtomicU32::new(0);
            while stop.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
        });
    }

    #[test]
    #[should_panic(expected = "no longer exercises")]
    fn a_model_with_one_interleaving_fails() {
        model("nothing", || {});
    }
}
