//! Models of the queue of a mailbox, without credits: `queue/{word,push,pop,block}.rs`.
//!
//! A block has one slot here, so each push goes over a block's edge. Whoever is told to schedule
//! the receiver runs it at once.

use loom::thread::{self, JoinHandle};
use wharf_loom_tests::actor::{Actor, Message, Parks, assert_each_once};
use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::queue::Capacity;

/// All interleavings of two threads are too many: a push has some ten steps, and so has a turn.
const TWO_THREADS: Model = Model::of_threads(2).preemptions(Some(2));
const THREE_THREADS: Model = Model::of_threads(3).preemptions(Some(1));
/// For models of few steps.
const WIDER: Model = Model::of_threads(2).preemptions(Some(3));

fn actor(parks: Parks) -> Shared<Actor> {
    Shared::new(Actor::new(Capacity::Unbounded, parks))
}

fn push_all(actor: &Actor, messages: &[Message]) {
    for message in messages {
        assert_eq!(actor.try_push(*message), Ok(()));
    }
}

fn spawn_pusher(actor: Shared<Actor>, messages: &'static [Message]) -> JoinHandle<()> {
    thread::spawn(move || push_all(&actor, messages))
}

fn end(actor: Shared<Actor>, expected: &[Message]) {
    actor.run_requeued();
    actor.assert_saw(expected);
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

/// The receiver has parked: the first to push runs it, while the other pushes.
fn two_push_to_a_parked_receiver() {
    let actor = actor(Parks::ForMessages);
    actor.run();
    let other = spawn_pusher(actor, &[21]);
    push_all(&actor, &[11, 12]);
    other.join().unwrap();
    end(actor, &[11, 12, 21]);
}

#[test]
fn a_parked_receiver_is_run_by_one_of_its_senders() {
    TWO_THREADS.min_iterations(11_000).check("mailbox: two pushers", two_push_to_a_parked_receiver);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_claim_that_leaves_the_token_is_found() {
    TWO_THREADS.breaks("word: claim leaves IDLE", two_push_to_a_parked_receiver);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_seam_that_is_left_too_early_is_found() {
    TWO_THREADS.breaks("push: seam is left before the block is there", two_push_to_a_parked_receiver);
}

/// The receiver runs on its own, and the queue has no block yet.
fn two_push_while_the_receiver_runs() {
    let actor = actor(Parks::ForMessages);
    let first = spawn_pusher(actor, &[11]);
    let second = spawn_pusher(actor, &[21]);
    actor.run();
    first.join().unwrap();
    second.join().unwrap();
    end(actor, &[11, 21]);
}

#[test]
fn nothing_is_lost_and_each_sender_keeps_its_order() {
    THREE_THREADS.min_iterations(3_000).check("mailbox: fan-in", two_push_while_the_receiver_runs);
}

/// One sender, so that more of what may happen is tried.
fn one_pushes_while_the_receiver_runs() {
    let actor = actor(Parks::ForMessages);
    let sender = spawn_pusher(actor, &[11, 12]);
    actor.run();
    sender.join().unwrap();
    end(actor, &[11, 12]);
}

#[test]
fn a_receiver_sees_what_it_takes() {
    WIDER.min_iterations(3_000).check("mailbox: push and take", one_pushes_while_the_receiver_runs);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_mark_is_found() {
    WIDER.breaks("block: mark is relaxed", one_pushes_while_the_receiver_runs);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_first_block_is_found() {
    WIDER.breaks("push: first is relaxed", one_pushes_while_the_receiver_runs);
}

/// A wake (of a signal) while the receiver parks for it, and a message that must not end the wait.
fn wake_and_push_while_the_receiver_parks_for_a_wake() {
    let actor = actor(Parks::ForSignalFirst);
    let pusher = spawn_pusher(actor, &[11]);
    let waker = thread::spawn(move || assert!(actor.signal(21)));
    actor.run();
    pusher.join().unwrap();
    waker.join().unwrap();
    end(actor, &[11, 21]);
}

#[test]
fn no_wake_is_lost_beside_a_message() {
    THREE_THREADS
        .min_iterations(950)
        .check("mailbox: wake and push", wake_and_push_while_the_receiver_parks_for_a_wake);
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_wake_that_leaves_the_token_is_found() {
    THREE_THREADS.breaks("word: wake leaves the token", wake_and_push_while_the_receiver_parks_for_a_wake);
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_park_for_a_wake_that_ignores_one_is_found() {
    THREE_THREADS.breaks("word: park ignores WOKEN", wake_and_push_while_the_receiver_parks_for_a_wake);
}

/// A receiver that has had a message, so that it has a block to give back.
fn releasing_actor() -> Shared<Actor> {
    let actor = actor(Parks::AndReleases);
    push_all(&actor, &[91]);
    actor
}

fn push_while_the_receiver_releases() {
    let actor = releasing_actor();
    let pusher = spawn_pusher(actor, &[11, 12]);
    actor.run();
    pusher.join().unwrap();
    end(actor, &[91, 11, 12]);
}

#[test]
fn a_block_is_released_beside_a_push() {
    WIDER.min_iterations(900).check("mailbox: release and push", push_while_the_receiver_releases);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_release_that_stores_is_found() {
    WIDER.breaks("word: release stores", push_while_the_receiver_releases);
}

#[test]
#[should_panic(expected = "a claimed message never comes")]
fn a_release_that_keeps_the_tail_is_found() {
    WIDER.breaks("pop: release keeps tail_block", push_while_the_receiver_releases);
}

/// The receiver gives a block back each time it parks, and is run by its senders.
fn two_push_to_a_releasing_receiver() {
    let actor = releasing_actor();
    actor.run();
    let other = spawn_pusher(actor, &[21]);
    push_all(&actor, &[11]);
    other.join().unwrap();
    end(actor, &[91, 11, 21]);
}

#[test]
fn a_block_is_released_beside_two_pushers() {
    TWO_THREADS
        .min_iterations(1_000)
        .check("mailbox: release and two pushers", two_push_to_a_releasing_receiver);
}

fn wake_while_the_receiver_releases() {
    let actor = releasing_actor();
    let waker = thread::spawn(move || assert!(actor.signal(11)));
    actor.run();
    waker.join().unwrap();
    end(actor, &[91, 11]);
}

#[test]
fn a_block_is_released_beside_a_wake() {
    WIDER.min_iterations(20).check("mailbox: release and wake", wake_while_the_receiver_releases);
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_release_that_loses_a_wake_is_found() {
    WIDER.breaks("word: release loses WOKEN", wake_while_the_receiver_releases);
}

/// Each message is drained or comes back to its sender.
fn push_while_the_receiver_dies(roles: Roles) {
    let actor = actor(Parks::ForMessages);
    let push = move || {
        let one = actor.try_push(11);
        // No credit is asked for, as with what the runtime itself sends.
        let two = actor.push_place(12);
        assert!(one.is_ok() || two.is_err(), "a closed queue opened again");
        Vec::from_iter([one, two].into_iter().filter_map(Result::err))
    };
    let (returned, mut all) = roles.side_by_side(push, move || actor.die());
    all.extend(returned);
    assert_each_once(&[11, 12], &all);
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

#[test]
fn a_late_message_is_drained_or_comes_back() {
    for roles in Roles::BOTH {
        WIDER
            .min_iterations(200)
            .check("mailbox: death and push", move || push_while_the_receiver_dies(roles));
    }
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_drain_that_waits_for_nobody_is_found() {
    WIDER.breaks("pop: draining waits for nobody", || push_while_the_receiver_dies(Roles::Swapped));
}

#[test]
#[should_panic(expected = "a claimed message never comes")]
fn a_close_that_stores_is_found() {
    WIDER.breaks("word: close stores", || push_while_the_receiver_dies(Roles::Swapped));
}
