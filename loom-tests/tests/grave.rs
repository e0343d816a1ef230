//! Models of what the dead give back: `queue/grave.rs`.

use loom::thread;
use wharf_loom_tests::actor::{Message, assert_each_once, code};
use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::queue::{Capacity, Drained, Queue};

/// All interleavings of two threads are too many.
const TWO_THREADS: Model = Model::of_threads(2).preemptions(Some(3));
/// A message that never comes.
const MAX_LOOKS: u32 = 30;

/// Ends the queue as a dying actor does; what was left in it. The caller holds the token.
fn bury(queue: &Queue<Message>) -> Vec<Message> {
    // SAFETY: by contract.
    unsafe { queue.close() };
    let mut left = Vec::new();
    for _ in 0..MAX_LOOKS {
        // SAFETY: by contract, and it is closed.
        match unsafe { queue.drain_and_release() } {
            Drained::Message(message, _) => left.push(message),
            Drained::Busy => thread::yield_now(),
            Drained::Empty => return left,
        }
    }
    panic!("a claimed message never comes");
}

/// A queue that has a block dies while somebody sends to it.
fn push_beside_the_burial(roles: Roles) {
    let queue = Shared::new(Queue::new(Capacity::Bounded(4)));
    assert!(queue.try_push(91, code(91)).is_ok());
    let push = move || {
        let one = queue.try_push(11, code(11)).map(drop);
        // No credit is asked for, as with what the runtime itself sends.
        let two = queue.push_place(12, code(12)).map(drop);
        Vec::from_iter([one, two].into_iter().filter_map(Result::err))
    };
    let (returned, mut all) = roles.side_by_side(push, move || bury(&queue));
    all.extend(returned);
    assert_each_once(&[91, 11, 12], &all);
    // Loom finds a block that is left, or freed twice.
    // SAFETY: the threads have ended.
    unsafe { queue.end() };
}

#[test]
fn the_dead_give_their_block_back_beside_a_push() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(20).check("grave: push", move || push_beside_the_burial(roles));
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_block_that_is_freed_while_it_is_written_is_found() {
    TWO_THREADS.breaks("grave: a busy queue gives its block back", || push_beside_the_burial(Roles::Swapped));
}
