//! Every interleaving of two actors with short programs.

use std::collections::HashSet;

use super::world::World;
use crate::exit::ExitReason;

#[derive(Clone, Copy, Debug)]
enum Step {
    Link,
    Unlink,
    Monitor,
    Demonitor,
    Die,
}

impl Step {
    const LINKS: [Self; 3] = [Self::Link, Self::Unlink, Self::Die];
    const MONITORS: [Self; 3] = [Self::Monitor, Self::Demonitor, Self::Die];

    fn take(self, world: &mut World, actor: usize) {
        match self {
            Self::Link => world.link(actor, 1 - actor),
            Self::Unlink => world.unlink(actor, 1 - actor),
            Self::Monitor => world.monitor(actor, 1 - actor),
            Self::Demonitor => world.demonitor(actor, 0),
            Self::Die => world.die(actor, &ExitReason::custom("end")),
        }
    }
}

/// All programs of `length` steps.
fn programs(steps: [Step; 3], length: u32) -> Vec<Vec<Step>> {
    let digits = |mut number: usize| {
        let mut program = Vec::new();
        for _ in 0..length {
            program.push(steps[number % 3]);
            number /= 3;
        }
        program
    };
    (0..3_usize.pow(length)).map(digits).collect()
}

/// A point in a run: the world, and what each program has still to do.
type Point<'a> = (World, [&'a [Step]; 2]);

/// All points one step, delivery or look away.
fn next<'a>((world, programs): &Point<'a>) -> Vec<Point<'a>> {
    let mut points = Vec::new();
    for actor in 0..2 {
        if let Some((step, rest)) = programs[actor].split_first() {
            let (mut world, mut programs) = (world.clone(), *programs);
            step.take(&mut world, actor);
            programs[actor] = rest;
            points.push((world, programs));
        }
        let mut looked = world.clone();
        if looked.look(actor) {
            points.push((looked, *programs));
        }
    }
    for (from, to) in world.busy() {
        let mut world = world.clone();
        world.deliver(from, to);
        points.push((world, *programs));
    }
    points
}

/// Visits each point that can be reached once, settles it, and gives their number.
fn explore(first: &[Step], second: &[Step], trapping: bool) -> usize {
    let mut world = World::new(2);
    world.set_trapping(0, trapping);
    let mut open: Vec<Point<'_>> = vec![(world, [first, second])];
    let mut known = HashSet::new();
    while let Some(point) = open.pop() {
        if known.insert(format!("{point:?}")) {
            point.0.clone().settle();
            open.extend(next(&point));
        }
    }
    known.len()
}

#[test]
fn two_actors_agree_on_their_link_in_every_interleaving() {
    let mut points = 0;
    for first in programs(Step::LINKS, 3) {
        for second in programs(Step::LINKS, 3) {
            points += explore(&first, &second, false);
        }
    }
    assert!(points > 10_000, "only {points} points were reached");
}

#[test]
fn each_monitor_gives_one_down_or_was_taken_off_in_every_interleaving() {
    let mut points = 0;
    for first in programs(Step::MONITORS, 4) {
        for second in programs(Step::MONITORS, 1) {
            points += explore(&first, &second, true);
        }
    }
    assert!(points > 1_000, "only {points} points were reached");
}
