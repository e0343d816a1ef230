//! A peer that has the key and breaks the protocol: valid frames, damaged, never cost more than they may.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/damage.rs"]
mod damage;

use proptest::prelude::*;

proptest! {
    // A script that fails is short, and is best written down as a test of its own.
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_connection_ends_or_goes_on_and_each_thing_has_one_outcome(
        script in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        bodies::connection(&script);
    }

    #[test]
    fn a_handshake_with_damage_comes_to_nothing_and_costs_little(
        script in proptest::collection::vec(any::<u8>(), 0..24),
        dials: bool,
    ) {
        bodies::handshake(&script, dials);
    }
}

#[test]
fn what_is_not_damaged_ends_nothing() {
    bodies::connection(&[]);
    bodies::handshake(&[], true);
    bodies::handshake(&[], false);
}

/// One bit of the proof in a message is wrong: it is a dead letter, and its room comes home.
#[test]
fn the_room_of_a_message_with_a_wrong_proof_is_room_again() {
    bodies::connection(&[102, 55, 0, 86, 1]);
}

#[test]
fn four_mebibytes_of_nesting_end_the_connection_or_nothing() {
    bodies::nested(8192, false);
    bodies::nested(8 << 20, true);
}
