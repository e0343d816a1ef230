//! Models of bounded capacity: `queue/credit.rs` and the waiters.

use loom::thread::{self, JoinHandle};
use wharf_loom_tests::actor::{Actor, Message, Parks, assert_each_once};
use wharf_loom_tests::sending::{Flag, Sender, Sending, Sent, finish};
use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::queue::{Capacity, Enqueued, Fate, Node, Withdrawn};

/// All interleavings of two threads are too many.
const TWO_THREADS: Model = Model::of_threads(2).preemptions(Some(2));
/// For models of few steps.
const WIDER: Model = Model::of_threads(2).preemptions(Some(3));
const THREE_THREADS: Model = Model::of_threads(3).preemptions(Some(1));

/// An actor with room for one message.
fn actor() -> Shared<Actor> {
    Shared::new(Actor::new(Capacity::Bounded(1), Parks::ForMessages))
}

/// An actor with room for one message and three more places that are reserved: it gives credits
/// back when it owes two, so it owes one when it parks.
fn sluggish_actor() -> Shared<Actor> {
    let actor = Actor::new(Capacity::Bounded(4), Parks::ForMessages);
    for _ in 0..3 {
        assert!(actor.queue.try_reserve());
    }
    Shared::new(actor)
}

fn spawn_sender(actor: Shared<Actor>, messages: &'static [Message]) -> JoinHandle<Sender> {
    thread::spawn(move || {
        let mut sender = Sender::of(messages);
        sender.drive(&actor);
        sender
    })
}

/// Asserts that the parked actor has exactly one credit.
fn assert_has_one_credit(actor: &Actor) {
    assert!(actor.queue.try_reserve(), "a credit is lost");
    assert!(!actor.queue.try_reserve(), "there is a credit too many");
}

fn end(actor: Shared<Actor>) {
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

/// Two senders at one credit, and a receiver that has parked.
fn two_senders(actor: Shared<Actor>) {
    actor.run();
    let other = spawn_sender(actor, &[21]);
    let mut mine = Sender::of(&[11]);
    mine.drive(&actor);
    let other = other.join().unwrap();
    finish(&actor, vec![mine, other]);
    actor.assert_saw(&[11, 21]);
    assert_has_one_credit(&actor);
    end(actor);
}

#[test]
fn two_senders_share_one_credit() {
    TWO_THREADS.min_iterations(3_000).check("credits: two senders", || two_senders(actor()));
}

#[test]
fn a_parking_receiver_pays_what_it_owes() {
    TWO_THREADS.min_iterations(900).check("credits: two senders, one debt", || two_senders(sluggish_actor()));
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_sender_that_does_not_look_again_before_it_waits_is_found() {
    TWO_THREADS.breaks("word: waiting does not look again", || two_senders(actor()));
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_credit_that_passes_the_waiters_is_found() {
    TWO_THREADS.breaks("word: give ignores WAITERS", || two_senders(actor()));
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_park_that_ignores_waiters_is_found() {
    TWO_THREADS.breaks("word: park ignores WAITERS", || two_senders(sluggish_actor()));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_sender_that_is_told_too_early_is_found() {
    TWO_THREADS.breaks("credit: sent before the message moves", || two_senders(actor()));
}

/// The receiver runs on its own.
fn two_senders_while_the_receiver_runs() {
    let actor = actor();
    let first = spawn_sender(actor, &[11]);
    let second = spawn_sender(actor, &[21]);
    actor.run();
    let senders = vec![first.join().unwrap(), second.join().unwrap()];
    finish(&actor, senders);
    actor.assert_saw(&[11, 21]);
    assert_has_one_credit(&actor);
    end(actor);
}

#[test]
fn two_senders_and_a_receiver_share_one_credit() {
    THREE_THREADS.min_iterations(12_000).check("credits: fan-in", two_senders_while_the_receiver_runs);
}

/// A send gives up while the receiver hands it the credit of the message before.
fn withdrawal_against_hand_over(roles: Roles) {
    let actor = actor();
    assert_eq!(actor.try_push(91), Ok(()));
    let mut sending = Sending::new(11);
    assert_eq!(sending.poll(&actor), Sent::Waits);
    let (returned, ()) = roles.side_by_side(move || sending.withdraw(&actor), move || actor.run());
    actor.run_requeued();
    let mut all = actor.messages();
    all.extend(returned);
    assert_each_once(&[91, 11], &all);
    assert_has_one_credit(&actor);
    end(actor);
}

#[test]
fn a_send_that_gives_up_is_accepted_or_returned() {
    for roles in Roles::BOTH {
        WIDER.min_iterations(3).check("credits: withdraw", move || withdrawal_against_hand_over(roles));
    }
}

#[test]
#[should_panic(expected = "something was lost or doubled")]
fn a_withdrawal_that_takes_what_was_sent_is_found() {
    WIDER.breaks("credit: withdraw takes all for its own", || withdrawal_against_hand_over(Roles::AsWritten));
}

/// A reservation waits before a send. The credit goes to it, or to the send, whatever comes first.
fn withdrawal_of_a_reservation_against_a_grant(roles: Roles) {
    let actor = actor();
    actor.run();
    assert!(actor.queue.try_reserve());
    let node: &'static Node<Message> = Box::leak(Box::new(Node::for_credit()));
    let (_flag, waker) = Flag::with_waker();
    // SAFETY: the node stays where it is.
    assert_eq!(unsafe { actor.queue.enqueue(node.into(), &waker) }, Enqueued::Waiting);
    let mut sending = Sending::new(11);
    assert_eq!(sending.poll(&actor), Sent::Waits);
    // SAFETY: enqueued above.
    let withdraw = move || match unsafe { actor.queue.withdraw(node.into()) } {
        Withdrawn::Ours => assert_eq!(node.fate(), Fate::Waiting),
        Withdrawn::GaveOn(duty) => actor.carry_out(duty),
        Withdrawn::Sent => panic!("a reservation has no message"),
    };
    roles.side_by_side(withdraw, move || actor.carry_out(actor.queue.unreserve()));
    actor.run_requeued();
    assert_eq!(sending.drive(&actor), Sent::Accepted, "a sender waits for ever");
    actor.assert_saw(&[11]);
    assert_has_one_credit(&actor);
    end(actor);
}

#[test]
fn a_reservation_that_gives_up_hands_its_credit_on() {
    for roles in Roles::BOTH {
        WIDER
            .min_iterations(2)
            .check("credits: reservation", move || withdrawal_of_a_reservation_against_a_grant(roles));
    }
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_grant_that_is_kept_is_found() {
    WIDER.breaks("credit: a withdrawn grant is kept", || {
        withdrawal_of_a_reservation_against_a_grant(Roles::AsWritten);
    });
}

/// A send changes its waker while it is served. In the end its last waker counts.
fn another_waker_against_hand_over(roles: Roles) {
    let actor = actor();
    assert_eq!(actor.try_push(91), Ok(()));
    let mut sending = Sending::new(11);
    assert_eq!(sending.poll(&actor), Sent::Waits);
    let renew = move || {
        sending.renew_waker();
        (sending.poll(&actor), sending)
    };
    let ((sent, mut sending), ()) = roles.side_by_side(renew, move || actor.run());
    actor.run_requeued();
    if sent == Sent::Waits {
        assert!(sending.was_woken(), "a sender waits for ever");
        assert_eq!(sending.poll(&actor), Sent::Accepted);
    }
    actor.assert_saw(&[91, 11]);
    end(actor);
}

#[test]
fn the_last_waker_is_woken() {
    for roles in Roles::BOTH {
        WIDER
            .min_iterations(6)
            .check("credits: another waker", move || another_waker_against_hand_over(roles));
    }
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_change_of_waker_that_does_not_look_again_is_found() {
    WIDER.breaks("credit: refresh looks once", || another_waker_against_hand_over(Roles::AsWritten));
}

/// A send joins another that waits, while the receiver serves that one.
fn joining_against_hand_over(roles: Roles) {
    let actor = actor();
    assert_eq!(actor.try_push(91), Ok(()));
    let mut first = Sender::of(&[11]);
    assert!(!first.drive(&actor));
    let join = move || {
        let mut second = Sender::of(&[21]);
        second.drive(&actor);
        second
    };
    let (second, ()) = roles.side_by_side(join, move || actor.run());
    finish(&actor, vec![first, second]);
    actor.assert_saw(&[91, 11, 21]);
    assert_has_one_credit(&actor);
    end(actor);
}

#[test]
fn who_joins_the_waiters_is_served_as_they_are() {
    for roles in Roles::BOTH {
        WIDER.min_iterations(3).check("credits: joining", move || joining_against_hand_over(roles));
    }
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_sender_that_joins_those_who_are_gone_is_found() {
    WIDER.breaks("credit: waiting looks before it locks", || joining_against_hand_over(Roles::AsWritten));
}

/// The queue is full when a send comes, and its receiver dies.
fn death_against_waiting(roles: Roles) {
    let actor = actor();
    assert_eq!(actor.try_push(91), Ok(()));
    let send = move || {
        let mut sending = Sending::new(11);
        (sending.poll(&actor), sending)
    };
    let ((mut sent, mut sending), mut all) = roles.side_by_side(send, move || actor.die());
    if sent == Sent::Waits {
        assert!(sending.was_woken(), "a sender waits for ever");
        sent = sending.poll(&actor);
    }
    if let Sent::Returned(message) = sent {
        all.push(message);
    }
    assert_each_once(&[91, 11], &all);
    end(actor);
}

#[test]
fn nobody_waits_for_the_dead() {
    for roles in Roles::BOTH {
        WIDER.min_iterations(45).check("credits: death and waiting", move || death_against_waiting(roles));
    }
}

#[test]
#[should_panic(expected = "a sender waits for ever")]
fn a_sender_that_waits_for_the_dead_is_found() {
    WIDER.breaks("word: waiting ignores CLOSED", || death_against_waiting(Roles::AsWritten));
}

/// A credit comes back for a waiting send while the receiver dies.
fn death_against_hand_over(roles: Roles) {
    let actor = actor();
    assert!(actor.queue.try_reserve());
    let mut sending = Sending::new(11);
    assert_eq!(sending.poll(&actor), Sent::Waits);
    let give = move || actor.carry_out(actor.queue.unreserve());
    let ((), mut all) = roles.side_by_side(give, move || actor.die());
    assert!(sending.was_woken(), "a sender waits for ever");
    match sending.poll(&actor) {
        Sent::Returned(message) => all.push(message),
        sent => assert_eq!(sent, Sent::Accepted),
    }
    assert_each_once(&[11], &all);
    end(actor);
}

#[test]
fn a_credit_for_the_dead_gives_the_message_back() {
    for roles in Roles::BOTH {
        WIDER
            .min_iterations(200)
            .check("credits: death and hand-over", move || death_against_hand_over(roles));
    }
}

#[test]
#[should_panic(expected = "something was lost or doubled")]
fn a_refused_message_that_counts_as_sent_is_found() {
    WIDER.breaks("credit: a refused message counts as sent", || death_against_hand_over(Roles::AsWritten));
}
