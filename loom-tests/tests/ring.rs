//! Models of the run queue: `scheduler/deque.rs`.

use loom::sync::Arc;
use loom::thread;
use wharf_loom_tests::{Model, breaks};
use wharf_runtime::model::scheduler::deque::Ring;

/// A ring with `entries` in it, not yet shared.
fn ring(entries: impl IntoIterator<Item = u32>) -> Arc<Ring<u32>> {
    let ring = Arc::new(Ring::new());
    for entry in entries {
        assert_eq!(push(&ring, entry), Ok(()));
    }
    ring
}

/// Pushes, as the owner: each model has one thread a ring that calls this, `pop` and `steal`.
fn push(ring: &Ring<u32>, entry: u32) -> Result<(), u32> {
    // SAFETY: the calling thread owns the ring.
    unsafe { ring.push(entry) }
}

fn drain(ring: &Ring<u32>) -> Vec<u32> {
    // SAFETY: the calling thread owns the ring.
    std::iter::from_fn(|| unsafe { ring.pop() }).collect()
}

/// Steals into `own` and takes all of it.
fn steal(victim: &Ring<u32>, own: &Ring<u32>) -> Vec<u32> {
    // SAFETY: the calling thread owns `own`.
    let oldest = unsafe { victim.steal_into(own) };
    oldest.into_iter().chain(drain(own)).collect()
}

/// A thread that steals once into a ring of its own.
fn spawn_thief(victim: &Arc<Ring<u32>>) -> thread::JoinHandle<Vec<u32>> {
    let victim = Arc::clone(victim);
    thread::spawn(move || steal(&victim, &Ring::new()))
}

/// Asserts that each of `1..=last` was taken by exactly one thread, and by each in order.
fn assert_all_taken_once(last: u32, taken: &[Vec<u32>]) {
    assert!(taken.iter().all(|taken| taken.is_sorted()), "entries changed places: {taken:?}");
    let mut all = taken.concat();
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(1..=last), "an entry was lost or doubled");
}

fn owner_pops_while_a_thief_steals() {
    let ring = ring([1, 2, 3]);
    let thief = spawn_thief(&ring);
    let mine = drain(&ring);
    assert_all_taken_once(3, &[mine, thief.join().unwrap()]);
}

#[test]
fn owner_and_thief_share_the_entries() {
    Model::of_threads(2).min_iterations(250).check("ring: pop and steal", owner_pops_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "lost or doubled")]
fn a_blind_store_of_the_head_is_found() {
    breaks("ring: head is stored blindly", owner_pops_while_a_thief_steals);
}

fn owner_pushes_while_a_thief_steals() {
    let ring = ring([]);
    let thief = spawn_thief(&ring);
    for entry in 1..=3 {
        assert_eq!(push(&ring, entry), Ok(()));
    }
    let mine = drain(&ring);
    assert_all_taken_once(3, &[mine, thief.join().unwrap()]);
}

#[test]
fn a_thief_sees_what_it_takes() {
    Model::of_threads(2)
        .min_iterations(5_000)
        .check("ring: push and steal", owner_pushes_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_publication_is_found() {
    breaks("ring: publishing is relaxed", owner_pushes_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "a thief saw a tail before its head")]
fn a_relaxed_pop_is_found() {
    breaks("ring: pop is relaxed", owner_pushes_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_thief_that_acquires_no_entries_is_found() {
    breaks("ring: thief acquires no tail", owner_pushes_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "a thief saw a tail before its head")]
fn a_thief_that_acquires_no_head_is_found() {
    breaks("ring: thief acquires no head", owner_pushes_while_a_thief_steals);
}

/// The ring is full (four slots), so that the owner's next push lands where the thief reads.
///
/// The thief is the thread that loom runs first, see `README.md` on masked loads.
fn owner_refills_a_full_ring_while_a_thief_steals() {
    let ring = ring([1, 2, 3, 4]);
    let owner = thread::spawn({
        let ring = Arc::clone(&ring);
        move || {
            let last = refill(&ring, 5..=6);
            (last, drain(&ring))
        }
    });
    let stolen = steal(&ring, &Ring::new());
    let (last, mine) = owner.join().unwrap();
    assert_all_taken_once(last, &[mine, stolen]);
}

/// Pushes `entries` until the ring is full; gives the last that was pushed, or the one before.
fn refill(ring: &Ring<u32>, entries: std::ops::RangeInclusive<u32>) -> u32 {
    let before = entries.start() - 1;
    entries.take_while(|entry| push(ring, *entry).is_ok()).last().unwrap_or(before)
}

#[test]
fn a_stolen_slot_is_overwritten_only_after_it_was_read() {
    Model::of_threads(2)
        .min_iterations(400)
        .check("ring: refill and steal", owner_refills_a_full_ring_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_thief_that_does_not_hold_its_slots_is_found() {
    breaks("ring: thief does not hold its slots", owner_refills_a_full_ring_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_owner_that_overwrites_what_is_being_stolen_is_found() {
    breaks("ring: owner overwrites what is being stolen", owner_refills_a_full_ring_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_settlement_is_found() {
    breaks("ring: settling is relaxed", owner_refills_a_full_ring_while_a_thief_steals);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_owner_that_acquires_nothing_is_found() {
    breaks("ring: owner acquires nothing", owner_refills_a_full_ring_while_a_thief_steals);
}

fn two_thieves_steal_while_the_owner_pops() {
    let ring = ring([1, 2, 3, 4]);
    let thieves = [spawn_thief(&ring), spawn_thief(&ring)];
    // SAFETY: this thread owns the ring.
    let mut mine = Vec::from_iter(unsafe { ring.pop() });
    let [first, second] = thieves.map(|thief| thief.join().unwrap());
    mine.extend(drain(&ring));
    assert_all_taken_once(4, &[mine, first, second]);
}

#[test]
fn two_thieves_and_an_owner_share_the_entries() {
    Model::of_threads(3)
        .min_iterations(200)
        .check("ring: two thieves", two_thieves_steal_while_the_owner_pops);
}

/// When the first thief has left, the owner fills the ring, perhaps around the second.
fn owner_refills_between_two_thieves() {
    let ring = ring([1, 2, 3, 4]);
    let [first, second] = [spawn_thief(&ring), spawn_thief(&ring)];
    let first = first.join().unwrap();
    let last = refill(&ring, 5..=8);
    let second = second.join().unwrap();
    assert_all_taken_once(last, &[drain(&ring), first, second]);
}

#[test]
fn a_second_thief_waits_for_the_first_to_settle() {
    Model::of_threads(3)
        .min_iterations(300)
        .check("ring: refill between two thieves", owner_refills_between_two_thieves);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_thief_that_ignores_another_is_found() {
    Model::of_threads(3).breaks("ring: thief ignores another", owner_refills_between_two_thieves);
}

/// The middle one steals from the first and is stolen from meanwhile.
fn a_thief_is_robbed_while_it_steals() {
    let (first, middle) = (ring([2, 3, 4]), ring([1]));
    let last = spawn_thief(&middle);
    let stealing = thread::spawn({
        let first = Arc::clone(&first);
        move || steal(&first, &middle)
    });
    // SAFETY: this thread owns the ring.
    let mine = Vec::from_iter(unsafe { first.pop() });
    let last = last.join().unwrap();
    let middle = stealing.join().unwrap();
    let mut all = [mine, last, middle, drain(&first)].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4], "an entry was lost or doubled");
}

#[test]
fn a_thief_may_be_robbed_while_it_steals() {
    Model::of_threads(3)
        .min_iterations(200)
        .check("ring: chain of thieves", a_thief_is_robbed_while_it_steals);
}
