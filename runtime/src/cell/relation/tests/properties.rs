//! Random runs of two and three actors.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::World;
use crate::exit::ExitReason;

#[derive(Clone, Debug)]
enum Step {
    Link(usize, usize),
    Unlink(usize, usize),
    Monitor(usize, usize),
    Demonitor(usize, usize),
    Trap(usize, bool),
    Exit(usize, usize, ExitReason),
    Die(usize, ExitReason),
    Deliver(usize, usize),
    Look(usize),
}

impl Step {
    fn take(self, world: &mut World) {
        match self {
            Self::Link(a, b) => world.link(a, b),
            Self::Unlink(a, b) => world.unlink(a, b),
            Self::Monitor(a, b) => world.monitor(a, b),
            Self::Demonitor(a, which) => world.demonitor(a, which),
            Self::Trap(a, trapping) => world.set_trapping(a, trapping),
            Self::Exit(a, b, reason) => world.exit(a, b, reason),
            Self::Die(a, reason) => world.die(a, &reason),
            Self::Deliver(a, b) => drop(world.deliver(a, b)),
            Self::Look(a) => drop(world.look(a)),
        }
    }
}

fn reason() -> impl Strategy<Value = ExitReason> {
    prop_oneof![
        Just(ExitReason::Normal),
        Just(ExitReason::Kill),
        Just(ExitReason::Killed),
        Just(ExitReason::Shutdown),
        (0..3).prop_map(ExitReason::custom),
    ]
}

fn step(actors: usize) -> impl Strategy<Value = Step> {
    let actor = 0..actors;
    let pair = (0..actors, 0..actors);
    prop_oneof![
        6 => pair.clone().prop_map(|(a, b)| Step::Link(a, b)),
        5 => pair.clone().prop_map(|(a, b)| Step::Unlink(a, b)),
        3 => pair.clone().prop_map(|(a, b)| Step::Monitor(a, b)),
        2 => (actor.clone(), 0..4_usize).prop_map(|(a, which)| Step::Demonitor(a, which)),
        1 => (actor.clone(), any::<bool>()).prop_map(|(a, trapping)| Step::Trap(a, trapping)),
        1 => (pair.clone(), reason()).prop_map(|((a, b), reason)| Step::Exit(a, b, reason)),
        1 => (actor.clone(), reason()).prop_map(|(a, reason)| Step::Die(a, reason)),
        14 => pair.prop_map(|(a, b)| Step::Deliver(a, b)),
        4 => actor.prop_map(Step::Look),
    ]
}

fn run(actors: usize) -> impl Strategy<Value = (usize, Vec<Step>)> {
    (Just(actors), prop::collection::vec(step(actors), 0..80))
}

/// Links when nothing ever crosses: a set of pairs, and deaths that spread along it.
#[derive(Default)]
struct Model {
    pairs: BTreeSet<(usize, usize)>,
    dead: BTreeSet<usize>,
}

impl Model {
    fn set(&mut self, a: usize, b: usize, linked: bool) {
        if a == b || self.dead.contains(&a) {
            return;
        }
        match (linked, self.dead.contains(&b)) {
            (true, true) => self.die(a),
            (true, false) => self.pairs.extend([(a, b), (b, a)]),
            (false, _) => self.pairs.retain(|pair| *pair != (a, b) && *pair != (b, a)),
        }
    }

    fn die(&mut self, a: usize) {
        if self.dead.insert(a) {
            let linked: Vec<_> = self.pairs.iter().filter(|pair| pair.0 == a).map(|pair| pair.1).collect();
            self.pairs.retain(|pair| pair.0 != a && pair.1 != a);
            for other in linked {
                self.die(other);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_crosses_the_ends_agree_and_each_monitor_gives_its_one_down(
        (actors, steps) in prop_oneof![run(2), run(3)]
    ) {
        let mut world = World::new(actors);
        for step in steps {
            step.take(&mut world);
        }
        world.settle();
    }

    #[test]
    fn where_nothing_crosses_links_are_a_set_of_pairs(
        steps in prop::collection::vec((0..4_u8, 0..4_usize, 0..4_usize), 0..60)
    ) {
        let (mut world, mut model) = (World::new(4), Model::default());
        for (step, a, b) in steps {
            match step {
                0 | 1 => {
                    world.link(a, b);
                    model.set(a, b, true);
                }
                2 => {
                    world.unlink(a, b);
                    model.set(a, b, false);
                }
                _ if b == 0 => {
                    world.die(a, &ExitReason::Shutdown);
                    model.die(a);
                }
                _ => {}
            }
            world.settle();
            for a in 0..4 {
                prop_assert_eq!(world.is_alive(a), !model.dead.contains(&a));
                let linked = model.pairs.iter().filter(|pair| pair.0 == a).map(|pair| pair.1);
                prop_assert_eq!(world.links(a), linked.collect());
            }
        }
    }
}
