use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const NEAR: NearId = NearId { slot: 1, generation: 1 };
const FAR: FarId = FarId { slot: 2, generation: 1 };

const fn exit(reason: Reason) -> Signal {
    Signal::Exit { cause: ExitCause::Link, reason }
}

const fn down(number: u64) -> Signal {
    Signal::Down { number, reason: Reason::Normal }
}

fn send(relations: &mut Relations, signal: Signal) -> Passage {
    relations.handle_near(NEAR, FAR, &signal).unwrap()
}

fn receive(relations: &mut Relations, signal: Signal) -> Passage {
    relations.handle_far(FAR, NEAR, &signal).unwrap()
}

#[test]
fn a_cut_ends_each_relation_exactly_once() {
    let mut relations = Relations::new(10);
    for signal in [Signal::Link, Signal::Monitor { number: 1 }, Signal::Monitor { number: 2 }] {
        assert_eq!(send(&mut relations, signal), Pass);
    }
    assert_eq!(receive(&mut relations, Signal::Link), Stale, "there is one link");
    assert_eq!(receive(&mut relations, Signal::Monitor { number: 1 }), Pass);
    let ended = relations.end_far(None, &Reason::NoConnection);
    let lost = |number| Signal::Down { number, reason: Reason::NoConnection };
    let expected = [exit(Reason::NoConnection), lost(1), lost(2), Signal::Demonitor { number: 1 }];
    assert_eq!(ended, expected.map(|signal| (NEAR, FAR, signal)));
    assert!(relations.end_far(None, &Reason::NoConnection).is_empty());
    assert_eq!(relations.len(), 0);
}

#[test]
fn a_down_that_crossed_the_demonitor_is_stale_and_so_is_a_second_one() {
    let mut relations = Relations::new(10);
    assert_eq!(send(&mut relations, Signal::Monitor { number: 1 }), Pass);
    assert_eq!(send(&mut relations, Signal::Monitor { number: 2 }), Pass);
    assert_eq!(send(&mut relations, Signal::Demonitor { number: 1 }), Pass);
    assert_eq!(receive(&mut relations, down(1)), Stale);
    assert_eq!(receive(&mut relations, down(2)), Pass);
    assert_eq!(receive(&mut relations, down(2)), Stale);
    assert_eq!(send(&mut relations, Signal::Demonitor { number: 2 }), Stale);
}

#[test]
fn an_exit_through_a_link_being_taken_down_is_stale() {
    let mut relations = Relations::new(10);
    assert_eq!(send(&mut relations, Signal::Link), Pass);
    assert_eq!(send(&mut relations, Signal::Unlink { number: 7 }), Pass);
    assert_eq!(receive(&mut relations, exit(Reason::Normal)), Stale);
    assert_eq!(receive(&mut relations, Signal::Link), Stale);
    assert_eq!(receive(&mut relations, Signal::UnlinkAck { number: 6 }), Stale);
    assert_eq!(receive(&mut relations, Signal::UnlinkAck { number: 7 }), Pass);
    assert_eq!(relations.len(), 0);
}

#[test]
fn an_unlinking_that_is_cut_off_is_over_and_no_exit_comes_of_it() {
    let mut relations = Relations::new(10);
    assert_eq!(send(&mut relations, Signal::Link), Pass);
    assert_eq!(send(&mut relations, Signal::Unlink { number: 7 }), Pass);
    let ended = relations.end_far(None, &Reason::NoConnection);
    assert_eq!(ended, [(NEAR, FAR, Signal::UnlinkAck { number: 7 })]);
}

#[test]
fn who_ends_tells_the_linked_and_the_watchers_and_pays_its_acks() {
    let mut relations = Relations::new(10);
    assert_eq!(receive(&mut relations, Signal::Link), Pass);
    assert_eq!(receive(&mut relations, Signal::Unlink { number: 3 }), Pass);
    assert_eq!(receive(&mut relations, Signal::Link), Pass);
    assert_eq!(receive(&mut relations, Signal::Monitor { number: 5 }), Pass);
    let told = relations.end_near(NEAR, &Reason::Normal);
    let expected = [Signal::UnlinkAck { number: 3 }, exit(Reason::Normal), down(5)];
    assert_eq!(told, expected.map(|signal| (FAR, signal)));
    assert_eq!(relations.len(), 0);
}

#[test]
fn relations_are_bounded_on_both_sides() {
    let mut relations = Relations::new(1);
    assert_eq!(receive(&mut relations, Signal::Monitor { number: 1 }), Pass);
    let second = relations.handle_far(FAR, NEAR, &Signal::Monitor { number: 2 });
    assert_eq!(second, Err(Violation::TooMany { what: "monitors", limit: 1 }));
    let again = relations.handle_far(FAR, NEAR, &Signal::Monitor { number: 1 });
    assert_eq!(again, Err(Violation::Repeated { what: "monitor", number: 1 }));
    assert_eq!(receive(&mut relations, Signal::Link), Pass);
    let other = FarId { slot: 9, generation: 1 };
    assert!(relations.handle_near(NEAR, other, &Signal::Link).is_err());
    assert!(relations.handle_far(other, NEAR, &Signal::Unlink { number: 1 }).is_err());
}

/// An actor with the link protocol of the runtime, in a few lines: the oracle of what it believes.
#[derive(Debug, Default)]
struct Actor {
    link: LinkState,
    last: u64,
    inbox: VecDeque<Signal>,
}

/// Two ends with a wire each way between them.
#[derive(Debug)]
struct Ends {
    actors: [Actor; 2],
    relations: [Relations; 2],
    wires: [VecDeque<Signal>; 2],
}

impl Ends {
    fn send(&mut self, end: usize, signal: Signal) {
        if self.relations[end].handle_near(NEAR, FAR, &signal).unwrap() == Pass {
            self.wires[end].push_back(signal);
        }
    }

    fn step(&mut self, end: usize, what: u8) {
        match what {
            0 if self.actors[end].link != LinkState::Active => {
                self.actors[end].link = LinkState::Active;
                self.send(end, Signal::Link);
            }
            1 if self.actors[end].link == LinkState::Active => {
                self.actors[end].last += 1;
                let number = self.actors[end].last;
                self.actors[end].link = LinkState::Unlinking(number);
                self.send(end, Signal::Unlink { number });
            }
            2 | 3 => {
                let Some(signal) = self.wires[1 - end].pop_front() else { return };
                if self.relations[end].handle_far(FAR, NEAR, &signal).unwrap() == Pass {
                    self.actors[end].inbox.push_back(signal);
                }
            }
            4.. => self.handle(end),
            _ => {}
        }
    }

    fn handle(&mut self, end: usize) {
        let Some(signal) = self.actors[end].inbox.pop_front() else { return };
        let actor = &mut self.actors[end];
        match signal {
            Signal::Link if actor.link == LinkState::Nothing => actor.link = LinkState::Active,
            Signal::Unlink { number } => {
                if actor.link == LinkState::Active {
                    actor.link = LinkState::Nothing;
                }
                self.send(end, Signal::UnlinkAck { number });
            }
            Signal::UnlinkAck { number } if actor.link == LinkState::Unlinking(number) => {
                actor.link = LinkState::Nothing;
            }
            _ => {}
        }
    }

    fn settle(&mut self) {
        for _ in 0..1000 {
            for end in [0, 1] {
                self.step(end, 2);
                self.step(end, 4);
            }
        }
        assert!(self.wires.iter().all(VecDeque::is_empty));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Without the state kept for acks that are owed, a link that crosses an unlink leaves one end
    /// linked and the other not.
    #[test]
    fn both_ends_and_both_nodes_agree_on_a_link_when_all_is_quiet(
        steps in proptest::collection::vec((0_usize..2, 0_u8..6), 0..60),
    ) {
        // What is ahead counts links, unlinks and acks: room for all that a run can send.
        let relations = [Relations::new(100), Relations::new(100)];
        let mut ends = Ends { actors: Default::default(), relations, wires: Default::default() };
        for (end, what) in steps {
            ends.step(end, what);
        }
        ends.settle();
        let believed = ends.actors.each_ref().map(|actor| actor.link);
        prop_assert_eq!(believed[0], believed[1]);
        for (relations, believed) in ends.relations.iter_mut().zip(believed) {
            let cut = relations.end_far(None, &Reason::NoConnection);
            prop_assert_eq!(cut.len(), usize::from(believed == LinkState::Active), "{:?}", cut);
        }
    }
}
