//! Nodes under virtual time from one seed: delays, cuts, half-open lines, partitions, pauses, crashes.
//!
//! `SIM_SEED=n` replays one seed, `SIM_SEEDS=n` runs so many; one that fails says so, with the last things
//! that happened. See `sim/README.md`.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

#[path = "sim/actors.rs"]
mod actors;
#[path = "sim/arrivals.rs"]
mod arrivals;
#[path = "sim/check.rs"]
mod check;
#[path = "sim/host.rs"]
mod host;
#[path = "sim/links.rs"]
mod links;
#[path = "sim/net.rs"]
mod net;
#[path = "sim/rights.rs"]
mod rights;
#[path = "sim/world.rs"]
mod world;

use std::panic::{self, AssertUnwindSafe};

use world::World;

const SEEDS: u64 = 200;

#[test]
fn nodes_keep_their_promises_whatever_the_network_does() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let one: Option<u64> = number("SIM_SEED");
    let seeds = one.map_or(0..number("SIM_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let mut totals = check::Totals::default();
    for seed in seeds {
        let mut world = World::new(seed);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| world.run()));
        if let Err(payload) = outcome {
            let log = world.log.iter().map(String::as_str).collect::<Vec<_>>().join("\n  ");
            eprintln!("seed {seed} failed; replay with SIM_SEED={seed}. The last events:\n  {log}");
            panic::resume_unwind(payload);
        }
        totals.add(world.totals);
    }
    if one.is_none() {
        totals.saw_everything();
    }
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.run();
        (world.log.clone(), world.totals)
    };
    assert_eq!(run(7), run(7));
}
