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
    /// Exits in the inbox that tell of a cut: until they are seen, nothing of links is passed on.
    cuts: usize,
    /// Cuts that it was told of while it was linked.
    reported: usize,
}

/// Two ends with a wire each way between them, or without.
#[derive(Debug)]
struct Ends {
    actors: [Actor; 2],
    /// `None` without a connection.
    relations: Option<[Relations; 2]>,
    wires: [VecDeque<Signal>; 2],
    /// What waits for a connection.
    waiting: [VecDeque<Signal>; 2],
}

/// Room for all that a run can send: what is ahead counts links, unlinks and acks.
fn connection() -> Option<[Relations; 2]> {
    Some([Relations::new(1000), Relations::new(1000)])
}

fn is_cut(signal: &Signal) -> bool {
    *signal == exit(Reason::NoConnection)
}

impl Ends {
    fn new() -> Self {
        Self {
            actors: Default::default(),
            relations: connection(),
            wires: Default::default(),
            waiting: Default::default(),
        }
    }

    fn send(&mut self, end: usize, signal: Signal) {
        match signal {
            Signal::Link if self.actors[end].cuts > 0 => return,
            Signal::Unlink { number } if self.actors[end].cuts > 0 => {
                return self.tell(end, Signal::UnlinkAck { number });
            }
            _ => {}
        }
        match &mut self.relations {
            Some(relations) => {
                if relations[end].handle_near(NEAR, FAR, &signal).unwrap() == Pass {
                    self.wires[end].push_back(signal);
                }
            }
            None => self.waiting[end].push_back(signal),
        }
    }

    fn tell(&mut self, end: usize, signal: Signal) {
        self.actors[end].cuts += usize::from(is_cut(&signal));
        self.actors[end].inbox.push_back(signal);
    }

    fn step(&mut self, end: usize, what: u8) {
        match what {
            0 | 1 if self.actors[end].link != LinkState::Active => {
                self.actors[end].link = LinkState::Active;
                self.send(end, Signal::Link);
            }
            2 | 3 if self.actors[end].link == LinkState::Active => {
                self.actors[end].last += 1;
                let number = self.actors[end].last;
                self.actors[end].link = LinkState::Unlinking(number);
                self.send(end, Signal::Unlink { number });
            }
            4..=6 => {
                let Some(relations) = &mut self.relations else { return };
                let Some(signal) = self.wires[1 - end].pop_front() else { return };
                if relations[end].handle_far(FAR, NEAR, &signal).unwrap() == Pass {
                    self.tell(end, signal);
                }
            }
            7..=9 => self.handle(end),
            10 => self.cut(),
            11 => self.connect(),
            12 => self.give_up(),
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
            Signal::Exit { .. } => {
                actor.cuts -= 1;
                actor.reported += usize::from(actor.link == LinkState::Active);
                actor.link = LinkState::Nothing;
            }
            _ => {}
        }
    }

    fn cut(&mut self) {
        let Some(relations) = self.relations.take() else { return };
        self.wires = Default::default();
        for (end, mut relations) in relations.into_iter().enumerate() {
            for (_, _, signal) in relations.end_far(None, &Reason::NoConnection) {
                self.tell(end, signal);
            }
        }
    }

    fn connect(&mut self) {
        if self.relations.is_some() {
            return;
        }
        self.relations = connection();
        for end in [0, 1] {
            for signal in std::mem::take(&mut self.waiting[end]) {
                let Some(relations) = &mut self.relations else { return };
                if relations[end].handle_near(NEAR, FAR, &signal).unwrap() == Pass {
                    self.wires[end].push_back(signal);
                }
            }
        }
    }

    /// The call failed: what waited is undone.
    fn give_up(&mut self) {
        for end in [0, 1] {
            for signal in std::mem::take(&mut self.waiting[end]) {
                match signal {
                    Signal::Link => self.tell(end, exit(Reason::NoConnection)),
                    Signal::Unlink { number } => self.tell(end, Signal::UnlinkAck { number }),
                    _ => {}
                }
            }
        }
    }

    fn settle(&mut self) {
        self.connect();
        for _ in 0..1000 {
            for end in [0, 1] {
                self.step(end, 4);
                self.step(end, 7);
            }
        }
        assert!(self.wires.iter().all(VecDeque::is_empty));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Without the state kept for acks that are owed, a link that crosses an unlink leaves one end
    /// linked and the other not; without the rule about cuts, so does one made after a cut that its
    /// maker has not seen.
    #[test]
    fn both_ends_and_both_nodes_agree_on_a_link_when_all_is_quiet(
        steps in proptest::collection::vec((0_usize..2, 0_u8..13), 0..80),
    ) {
        let mut ends = Ends::new();
        for (end, what) in steps {
            ends.step(end, what);
        }
        ends.settle();
        let believed = ends.actors.each_ref().map(|actor| actor.link);
        prop_assert_eq!(believed[0], believed[1]);
        for (mut relations, believed) in ends.relations.unwrap().into_iter().zip(believed) {
            let cut = relations.end_far(None, &Reason::NoConnection);
            prop_assert_eq!(cut.len(), usize::from(believed == LinkState::Active), "{:?}", cut);
        }
    }
}

#[test]
fn an_unlink_not_yet_seen_does_not_take_down_a_link_made_after_the_cut() {
    // Both unlink, end 0 has not seen the other's; cut, connected again, end 0 links.
    let mut ends = Ends::new();
    for (end, what) in [(0, 0), (1, 4), (1, 7), (1, 2), (0, 4), (0, 2), (0, 10), (0, 11), (0, 0)] {
        ends.step(end, what);
    }
    assert_eq!((ends.actors[0].link, ends.wires[0].len()), (LinkState::Active, 0), "it is not passed on");
    ends.step(0, 7);
    ends.step(0, 7);
    assert_eq!((ends.actors[0].link, ends.actors[0].reported), (LinkState::Nothing, 0));
    // From here on it is.
    ends.step(0, 0);
    ends.settle();
    assert_eq!(ends.actors.map(|actor| actor.link), [LinkState::Active; 2]);
}
