//! Models of capacity zero: `queue/handover.rs`.

use loom::thread::{self, JoinHandle};
use wharf_loom_tests::actor::{Actor, Message, Parks, assert_each_once};
use wharf_loom_tests::sending::{Sender, Sending, Sent, finish};
use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::queue::Capacity;

/// All interleavings of two threads are too many.
const TWO_THREADS: Model = Model::of_threads(2).preemptions(Some(2));
/// For models of few steps.
const WIDER: Model = Model::of_threads(2).preemptions(Some(3));
const THREE_THREADS: Model = Model::of_threads(3).preemptions(Some(1));

fn actor() -> Shared<Actor> {
    Shared::new(Actor::new(Capacity::Zero, Parks::ForMessages))
}

fn spawn_sender(actor: Shared<Actor>, messages: &'static [Message]) -> JoinHandle<Sender> {
    thread::spawn(move || {
        let mut sender = Sender::of(messages);
        sender.drive(&actor);
        sender
    })
}

fn end(actor: Shared<Actor>, expected: &[Message]) {
    actor.assert_saw(expected);
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

/// The receiver parks, or takes what waits.
fn send_against_take(roles: Roles) {
    let actor = actor();
    let send = move || {
        let mut sender = Sender::of(&[11, 12]);
        sender.drive(&actor);
        sender
    };
    let (sender, ()) = roles.side_by_side(send, move || actor.run());
    finish(&actor, vec![sender]);
    end(actor, &[11, 12]);
}

#[test]
fn a_message_goes_from_a_sender_to_a_receiver() {
    for roles in Roles::BOTH {
        WIDER.min_iterations(80).check("hand-over: send and take", move || send_against_take(roles));
    }
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_park_that_ignores_waiters_is_found() {
    WIDER.breaks("word: park ignores WAITERS", || send_against_take(Roles::AsWritten));
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_sender_that_does_not_look_again_before_it_waits_is_found() {
    WIDER.breaks("word: waiting does not look again", || send_against_take(Roles::AsWritten));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_sender_that_is_told_too_early_is_found() {
    WIDER.breaks("handover: sent before the message moves", || send_against_take(Roles::AsWritten));
}

fn two_send_while_the_receiver_runs() {
    let actor = actor();
    let first = spawn_sender(actor, &[11]);
    let second = spawn_sender(actor, &[21]);
    actor.run();
    let senders = vec![first.join().unwrap(), second.join().unwrap()];
    finish(&actor, senders);
    end(actor, &[11, 21]);
}

#[test]
fn two_senders_meet_one_receiver() {
    THREE_THREADS.min_iterations(4_000).check("hand-over: fan-in", two_send_while_the_receiver_runs);
}

/// Two senders and a parked receiver: only one of them finds it idle.
fn two_send_to_a_parked_receiver() {
    let actor = actor();
    actor.run();
    let other = spawn_sender(actor, &[21]);
    let mut mine = Sender::of(&[11, 12]);
    mine.drive(&actor);
    let other = other.join().unwrap();
    finish(&actor, vec![mine, other]);
    end(actor, &[11, 12, 21]);
}

#[test]
fn two_senders_meet_a_parked_receiver() {
    TWO_THREADS.min_iterations(12_000).check("hand-over: two senders", two_send_to_a_parked_receiver);
}

fn cancel_against_take(roles: Roles) {
    let actor = actor();
    let mut sending = Sending::new(11);
    assert_eq!(sending.poll(&actor), Sent::Waits);
    let (returned, ()) = roles.side_by_side(move || sending.withdraw(&actor), move || actor.run());
    actor.run_requeued();
    let mut all = actor.messages();
    all.extend(returned);
    assert_each_once(&[11], &all);
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

#[test]
fn a_send_that_gives_up_is_taken_or_returned() {
    for roles in Roles::BOTH {
        WIDER.min_iterations(3).check("hand-over: cancel and take", move || cancel_against_take(roles));
    }
}

#[test]
#[should_panic(expected = "the receiver turns for ever")]
fn a_withdrawal_that_leaves_waiters_is_found() {
    WIDER.breaks("credit: withdraw leaves WAITERS", || cancel_against_take(Roles::AsWritten));
}

/// A sender's first message needs no receiver; it may lie behind another's that is half there. Its
/// second must not overtake it.
fn send_after_a_push_behind_another() {
    let actor = actor();
    let other = thread::spawn(move || assert_eq!(actor.push_place(21), Ok(())));
    let sender = thread::spawn(move || {
        assert_eq!(actor.push_place(11), Ok(()));
        let mut sender = Sender::of(&[12]);
        sender.drive(&actor);
        sender
    });
    actor.run();
    other.join().unwrap();
    let sender = sender.join().unwrap();
    finish(&actor, vec![sender]);
    end(actor, &[11, 12, 21]);
}

#[test]
fn a_hand_over_does_not_overtake() {
    THREE_THREADS.min_iterations(4_000).check("hand-over: order", send_after_a_push_behind_another);
}

#[test]
#[should_panic(expected = "the order of sender 1 is lost")]
fn a_take_that_does_not_look_at_the_queue_is_found() {
    THREE_THREADS.breaks("handover: take without looking at the queue", send_after_a_push_behind_another);
}
