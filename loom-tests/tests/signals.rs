//! Models of the lane of signals, and of the lane beside the queue: `mailbox/signals.rs`.

use loom::cell::UnsafeCell;
use loom::thread;
use wharf_loom_tests::actor::{Actor, Message, Parks, Seen, assert_each_once};
use wharf_loom_tests::sending::{Sender, finish};
use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::cell::state::{Kind, Overflow, Tenancy};
use wharf_runtime::model::mailbox::Lane;
use wharf_runtime::model::queue::{Capacity, Position};

const TWO_THREADS: Model = Model::of_threads(2).preemptions(Some(3));
const THREE_THREADS: Model = Model::of_threads(3).preemptions(Some(1));

fn actor() -> Shared<Actor> {
    Shared::new(Actor::new(Capacity::Unbounded, Parks::ForMessages))
}

fn push(actor: &Actor, message: Message) {
    assert_eq!(actor.try_push(message), Ok(()));
}

fn end(actor: Shared<Actor>, expected: &[u32]) {
    actor.run_requeued();
    let seen = actor.seen();
    assert_in_place(&seen);
    assert_each_once(expected, &numbers(&seen));
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

fn numbers(seen: &[Seen]) -> Vec<u32> {
    seen.iter().map(|seen| seen.number()).collect()
}

/// Asserts that each signal comes between the messages that its sender sent before and after it.
fn assert_in_place(seen: &[Seen]) {
    for (at, signal) in seen.iter().enumerate() {
        let &Seen::Signal(number, place) = signal else { continue };
        for (other_at, other) in seen.iter().enumerate() {
            let &Seen::Message(message, message_place) = other else { continue };
            if message / 10 != number / 10 {
                continue;
            }
            let is_later = message > number;
            let comes_later = message_place.has_reached(place);
            assert_eq!(comes_later, is_later, "a signal lost its place: {seen:?}");
            assert!(!is_later || at < other_at, "a signal was seen too late: {seen:?}");
        }
    }
}

/// The receiver sees the signal, or the wake that follows it.
fn signal_while_the_receiver_parks(roles: Roles) {
    let actor = actor();
    roles.side_by_side(move || assert!(actor.signal(11)), move || actor.run());
    end(actor, &[11]);
}

#[test]
fn no_signal_is_missed_by_a_receiver_that_parks() {
    for roles in Roles::BOTH {
        TWO_THREADS
            .min_iterations(20)
            .check("signals: signal and park", move || signal_while_the_receiver_parks(roles));
    }
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_park_that_ignores_a_wake_is_found() {
    TWO_THREADS.breaks("word: park ignores WOKEN", || signal_while_the_receiver_parks(Roles::AsWritten));
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_turn_that_acquires_nothing_is_found() {
    TWO_THREADS.breaks("word: turn acquires nothing", || signal_while_the_receiver_parks(Roles::AsWritten));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_push_is_found() {
    TWO_THREADS.breaks("lane: push is relaxed", || signal_while_the_receiver_parks(Roles::AsWritten));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_receiver_that_acquires_nothing_is_found() {
    TWO_THREADS.breaks("lane: taking acquires nothing", || signal_while_the_receiver_parks(Roles::AsWritten));
}

/// A message, a signal and a message of one sender.
fn signal_between_messages(parks: Parks) {
    let actor = Shared::new(Actor::new(Capacity::Unbounded, parks));
    push(&actor, 91);
    let sender = thread::spawn(move || {
        push(&actor, 11);
        assert!(actor.signal(12));
        push(&actor, 13);
    });
    actor.run();
    sender.join().unwrap();
    end(actor, &[91, 11, 12, 13]);
}

#[test]
fn a_signal_keeps_its_place_between_its_senders_messages() {
    TWO_THREADS.preemptions(Some(2)).min_iterations(700).check("signals: place", || {
        signal_between_messages(Parks::ForMessages);
    });
}

#[test]
fn a_signal_keeps_its_place_when_the_block_is_released() {
    TWO_THREADS.preemptions(Some(2)).min_iterations(1_000).check("signals: place and release", || {
        signal_between_messages(Parks::AndReleases);
    });
}

#[test]
#[should_panic(expected = "a signal lost its place")]
fn a_signal_with_an_old_place_is_found() {
    TWO_THREADS.breaks("queue: position is an old one", || signal_between_messages(Parks::ForMessages));
}

#[test]
#[should_panic(expected = "a signal lost its place")]
fn a_signal_with_a_new_place_is_found() {
    TWO_THREADS.breaks("queue: position is a new one", || signal_between_messages(Parks::ForMessages));
}

/// The same beside another sender, whose message may lie half filled before the signal's place.
fn signal_and_message_beside_another_sender() {
    let actor = actor();
    let other = thread::spawn(move || push(&actor, 21));
    let sender = thread::spawn(move || {
        assert!(actor.signal(11));
        push(&actor, 12);
    });
    actor.run();
    other.join().unwrap();
    sender.join().unwrap();
    end(actor, &[11, 12, 21]);
}

#[test]
fn a_signal_is_seen_before_its_senders_next_message() {
    THREE_THREADS
        .min_iterations(13_000)
        .check("signals: signal, then message", signal_and_message_beside_another_sender);
}

/// A sender that signals and then waits with a message, at capacity zero.
fn signal_before_a_hand_over() {
    let actor = Shared::new(Actor::new(Capacity::Zero, Parks::ForMessages));
    let sender = thread::spawn(move || {
        assert!(actor.signal(11));
        let mut sender = Sender::of(&[12]);
        sender.drive(&actor);
        sender
    });
    actor.run();
    let sender = sender.join().unwrap();
    finish(&actor, vec![sender]);
    end(actor, &[11, 12]);
}

#[test]
fn a_signal_is_seen_before_a_message_that_is_handed_over() {
    TWO_THREADS.min_iterations(200).check("signals: hand-over", signal_before_a_hand_over);
}

#[test]
#[should_panic(expected = "a signal was seen too late")]
fn a_hand_over_that_asks_for_no_signals_is_found() {
    TWO_THREADS.breaks("handover: take asks for no signals", signal_before_a_hand_over);
}

/// A lane by itself, and what is done with it side by side.
fn lane() -> Shared<Lane<UnsafeCell<u32>>> {
    Shared::new(Lane::new())
}

/// Pushes two signals; gives those that were refused.
fn push_two(lane: &Lane<UnsafeCell<u32>>) -> Vec<u32> {
    let push = |number| lane.push(Position::START, UnsafeCell::new(number)).is_err().then_some(number);
    [11, 12].into_iter().filter_map(push).collect()
}

fn take(lane: &Lane<UnsafeCell<u32>>) -> Vec<u32> {
    lane.take().into_iter().map(|stamped| number(stamped.signal)).collect()
}

fn close(lane: &Lane<UnsafeCell<u32>>) -> Vec<u32> {
    lane.close().into_iter().map(|stamped| number(stamped.signal)).collect()
}

fn number(signal: UnsafeCell<u32>) -> u32 {
    // SAFETY: it was taken, so it is ours alone: loom checks that.
    signal.with(|number| unsafe { *number })
}

fn push_against_take(roles: Roles) {
    let lane = lane();
    let (refused, mut seen) = roles.side_by_side(move || push_two(&lane), move || take(&lane));
    assert!(refused.is_empty(), "an open lane refused a signal");
    seen.extend(take(&lane));
    assert_eq!(seen, [11, 12], "the order of signals is lost");
    assert!(lane.is_calm());
    // SAFETY: the threads have ended.
    unsafe { lane.end() };
}

#[test]
fn signals_of_one_sender_stay_in_order() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(5).check("signals: push and take", move || push_against_take(roles));
    }
}

#[test]
#[should_panic(expected = "the order of signals is lost")]
fn a_lane_that_gives_the_latest_first_is_found() {
    TWO_THREADS.breaks("lane: latest first", || push_against_take(Roles::AsWritten));
}

fn push_against_close(roles: Roles) {
    let lane = lane();
    let (mut all, closed) = roles.side_by_side(move || push_two(&lane), move || close(&lane));
    all.extend(closed);
    assert_each_once(&[11, 12], &all);
    // SAFETY: the threads have ended.
    unsafe { lane.end() };
}

#[test]
fn a_late_signal_is_taken_or_refused() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(5).check("signals: push and close", move || push_against_close(roles));
    }
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_push_that_goes_on_where_the_lane_closed_is_found() {
    TWO_THREADS.breaks("lane: push goes on where it closed", || push_against_close(Roles::AsWritten));
}

/// The receiver's own note to itself hides no signal.
fn push_against_note(roles: Roles) {
    let lane = lane();
    roles.side_by_side(move || assert!(push_two(&lane).is_empty()), move || lane.attend());
    assert!(!lane.is_calm(), "a note was lost");
    assert_each_once(&[11, 12], &take(&lane));
    // SAFETY: the threads have ended.
    unsafe { lane.end() };
}

#[test]
fn a_note_hides_no_signal() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(5).check("signals: push and note", move || push_against_note(roles));
    }
}

#[test]
#[should_panic(expected = "something was lost")]
fn a_note_that_is_stored_blindly_is_found() {
    TWO_THREADS.breaks("lane: the note is stored blindly", || push_against_note(Roles::AsWritten));
}

/// The end of an actor, as `cell/death.rs` has it: its reason is noted, its state says so, and then its
/// lane is closed.
struct Ending {
    tenancy: Tenancy,
    lane: Lane<UnsafeCell<u32>>,
    reason: UnsafeCell<u32>,
}

// SAFETY: `reason` is what the state is to guard: loom checks that it does.
unsafe impl Sync for Ending {}

impl Ending {
    fn of_an_actor() -> Shared<Self> {
        let tenancy = Tenancy::vacant(7);
        tenancy.begin(Kind::Worker, Overflow::Wait);
        tenancy.open(2);
        Shared::new(Self { tenancy, lane: Lane::new(), reason: UnsafeCell::new(0) })
    }

    fn die(&self) {
        self.reason.with_mut(|reason| {
            // SAFETY: nobody reads it before the state says so: loom checks that.
            unsafe { *reason = 7 };
        });
        self.tenancy.transition_to_dead();
        close(&self.lane);
    }

    /// Why it ended, if it has.
    fn reason(&self) -> Option<u32> {
        let state = self.tenancy.state();
        // SAFETY: the state says that it is written: loom checks that.
        state.is_dead().then(|| self.reason.with(|reason| unsafe { *reason }))
    }
}

/// Somebody sets a monitor while the actor ends. If it comes too late, the reason is there.
fn monitor_against_end(roles: Roles) {
    let actor = Ending::of_an_actor();
    let watch = move || {
        if actor.lane.push(Position::START, UnsafeCell::new(11)).is_err() {
            assert_eq!(actor.reason(), Some(7), "who was refused found no reason");
        }
    };
    roles.side_by_side(watch, move || actor.die());
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

#[test]
fn who_is_refused_finds_why_the_actor_ended() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(5).check("signals: monitor and end", move || monitor_against_end(roles));
    }
}

#[test]
#[should_panic(expected = "who was refused found no reason")]
fn a_refusal_that_acquires_nothing_is_found() {
    TWO_THREADS.breaks("lane: a refusal acquires nothing", || monitor_against_end(Roles::AsWritten));
}

/// Somebody asks for the reason while the actor ends.
fn question_against_end(roles: Roles) {
    let actor = Ending::of_an_actor();
    let ask = move || assert!(matches!(actor.reason(), None | Some(7)), "half a reason");
    roles.side_by_side(ask, move || actor.die());
    assert_eq!(actor.reason(), Some(7));
    // SAFETY: the threads have ended.
    unsafe { actor.end() };
}

#[test]
fn a_reason_is_whole_or_not_there() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(2).check("signals: question and end", move || question_against_end(roles));
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_death_is_found() {
    TWO_THREADS.breaks("tenancy: death is relaxed", || question_against_end(Roles::Swapped));
}
