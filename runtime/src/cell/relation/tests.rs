//! The rules one by one; `world` and its users try them in all orders.

mod exhaustive;
mod properties;
mod world;

use super::*;
use crate::id::NodeId;

/// A peer that is nothing but its id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name(ActorId);

impl Peer for Name {
    fn id(&self) -> ActorId {
        self.0
    }
}

fn id(slot: usize) -> ActorId {
    ActorId::new(NodeId::new(1).unwrap(), u32::try_from(slot).unwrap(), 1)
}

fn name(slot: usize) -> Name {
    Name(id(slot))
}

const ME: usize = 0;
const OTHER: usize = 1;

fn exit(from: usize, reason: ExitReason, link: bool) -> Signal<Name> {
    Signal::Exit { from: id(from), reason, link }
}

fn linked() -> Relations<Name> {
    let mut relations = Relations::new();
    let _ = relations.link(&name(ME), &name(OTHER), false);
    relations
}

fn down(monitor: MonitorRef, reason: ExitReason) -> Signal<Name> {
    Signal::Down { monitor, subject: id(OTHER), reason, priority: false }
}

/// Reactions and signals hold reasons that only compare as reasons, so tests compare what prints.
fn assert_prints_alike<T: std::fmt::Debug>(left: &T, right: &T, row: &str) {
    assert_eq!(format!("{left:?}"), format!("{right:?}"), "{row}");
}

#[test]
fn exit_signals_do_what_the_table_of_the_reference_manual_says() {
    use ExitReason::{Kill, Killed, NoConnection, Normal, Shutdown};

    let custom = || ExitReason::custom("out of paper");
    let drop = || Reaction::Nothing;
    let die = Reaction::Die;
    let see = |from, reason| Reaction::Notify {
        notice: Notice::Exit(Exit::new(id(from), reason)),
        priority: false,
    };
    // Row, sender, reason, sent because of a link, that link active, trapping, reaction.
    let rows = [
        ("inactive link, normal", OTHER, Normal, true, false, false, drop()),
        ("inactive link, normal, trapping", OTHER, Normal, true, false, true, drop()),
        ("inactive link, other reason", OTHER, custom(), true, false, false, drop()),
        ("inactive link, other reason, trapping", OTHER, custom(), true, false, true, drop()),
        ("inactive link, kill", OTHER, Kill, true, false, false, drop()),
        ("inactive link, kill, trapping", OTHER, Kill, true, false, true, drop()),
        ("link, normal", OTHER, Normal, true, true, false, drop()),
        ("no link, normal", OTHER, Normal, false, false, false, drop()),
        ("not because of the link, normal", OTHER, Normal, false, true, false, drop()),
        ("kill", OTHER, Kill, false, false, false, die(Killed)),
        ("kill, trapping", OTHER, Kill, false, false, true, die(Killed)),
        ("kill although linked", OTHER, Kill, false, true, true, die(Killed)),
        ("kill from oneself, trapping", ME, Kill, false, false, true, die(Killed)),
        ("kill through a link", OTHER, Kill, true, true, false, die(Kill)),
        ("kill through a link, trapping", OTHER, Kill, true, true, true, see(OTHER, Kill)),
        ("killed through a link", OTHER, Killed, true, true, false, die(Killed)),
        ("killed through a link, trapping", OTHER, Killed, true, true, true, see(OTHER, Killed)),
        ("killed without a link, trapping", OTHER, Killed, false, false, true, see(OTHER, Killed)),
        ("link, shutdown", OTHER, Shutdown, true, true, false, die(Shutdown)),
        ("link, no connection", OTHER, NoConnection, true, true, false, die(NoConnection)),
        ("link, other reason", OTHER, custom(), true, true, false, die(custom())),
        ("no link, other reason", OTHER, custom(), false, false, false, die(custom())),
        ("normal from oneself", ME, Normal, false, false, false, die(Normal)),
        ("normal from oneself, trapping", ME, Normal, false, false, true, see(ME, Normal)),
        ("other reason from oneself", ME, custom(), false, false, false, die(custom())),
        ("link, normal, trapping", OTHER, Normal, true, true, true, see(OTHER, Normal)),
        ("link, other reason, trapping", OTHER, custom(), true, true, true, see(OTHER, custom())),
        ("no link, normal, trapping", OTHER, Normal, false, false, true, see(OTHER, Normal)),
        ("no link, other reason, trapping", OTHER, custom(), false, false, true, see(OTHER, custom())),
    ];
    for (row, from, reason, link, active, trapping, expected) in rows {
        let mut relations = if active { linked() } else { Relations::new() };
        let reaction = relations.handle_signal(id(ME), trapping, exit(from, reason, link));
        assert_prints_alike(&reaction, &expected, row);
        let left = relations.links().count();
        assert_eq!(left, usize::from(active && !link), "{row}: only an exit through the link ends it");
    }
}

#[test]
fn an_exit_through_a_link_that_is_being_taken_down_is_dropped() {
    for trapping in [false, true] {
        let mut relations = linked();
        let _ = relations.unlink(&name(ME), id(OTHER));
        let reaction = relations.handle_signal(id(ME), trapping, exit(OTHER, ExitReason::Shutdown, true));
        assert!(matches!(reaction, Reaction::Nothing));
        assert!(relations.is_empty(), "no acknowledgement comes from the dead");
    }
}

#[test]
fn a_second_link_and_a_link_to_oneself_send_nothing() {
    let mut relations = linked();
    assert!(relations.link(&name(ME), &name(OTHER), false).is_none());
    assert!(relations.link(&name(ME), &name(ME), false).is_none());
    let links: Vec<_> = relations.links().cloned().collect();
    assert_eq!(links, [name(OTHER)]);
}

#[test]
fn unlink_without_a_link_sends_nothing() {
    let mut relations = Relations::new();
    assert!(relations.unlink(&name(ME), id(OTHER)).is_none());
    let mut relations = linked();
    assert!(relations.unlink(&name(ME), id(OTHER)).is_some());
    assert!(relations.unlink(&name(ME), id(OTHER)).is_none(), "one unlink is under way");
}

#[test]
fn every_unlink_is_acknowledged_with_its_id() {
    let unlinking = || {
        let mut relations = linked();
        let _ = relations.unlink(&name(ME), id(OTHER));
        relations
    };
    for (mut relations, stays) in [(Relations::new(), false), (linked(), false), (unlinking(), true)] {
        let unlink = Signal::Unlink { from: name(OTHER), id: 77 };
        let reaction = relations.handle_signal(id(ME), false, unlink);
        let ack = Reaction::Reply(name(OTHER), Signal::UnlinkAck { from: id(ME), id: 77 });
        assert_prints_alike(&reaction, &ack, "ack");
        assert_eq!(!relations.is_empty(), stays, "our own unlink is still under way");
        assert_eq!(relations.links().count(), 0);
    }
}

#[test]
fn a_link_that_crosses_an_unlink_is_ignored_until_the_right_acknowledgement() {
    let mut relations = linked();
    let receive = |relations: &mut Relations<Name>, signal| {
        assert!(matches!(relations.handle_signal(id(ME), false, signal), Reaction::Nothing));
        relations.links().count()
    };
    let _ = relations.unlink(&name(ME), id(OTHER));
    let _ = relations.link(&name(ME), &name(OTHER), false);
    let Some((_, Signal::Unlink { id: second, .. })) = relations.unlink(&name(ME), id(OTHER)) else {
        panic!("no unlink was sent");
    };
    let ack = |number| Signal::UnlinkAck { from: id(OTHER), id: number };
    let link = || Signal::Link { from: name(OTHER) };
    assert_eq!(receive(&mut relations, link()), 0);
    assert_eq!(receive(&mut relations, ack(second - 1)), 0);
    assert_eq!(receive(&mut relations, link()), 0, "that was the acknowledgement of an older unlink");
    assert_eq!(receive(&mut relations, ack(second)), 0);
    assert_eq!(receive(&mut relations, link()), 1);
}

#[test]
fn priority_goes_with_the_exit_of_a_link_and_the_last_call_decides() {
    for (calls, expected) in [(vec![true], true), (vec![true, false], false), (vec![false, true], true)] {
        let mut relations = Relations::new();
        for priority in calls {
            let _ = relations.link(&name(ME), &name(OTHER), priority);
        }
        let reaction = relations.handle_signal(id(ME), true, exit(OTHER, ExitReason::Normal, true));
        let Reaction::Notify { priority, .. } = reaction else { panic!("not seen: {reaction:?}") };
        assert_eq!(priority, expected);
    }
}

#[test]
fn a_monitor_reaches_its_subject_and_its_priority_comes_back_with_the_down() {
    for priority in [false, true] {
        let (mut owner, mut subject) = (Relations::new(), Relations::new());
        let (monitor, sent) = owner.monitor(&name(ME), &name(OTHER), priority);
        let (_, signal) = sent.unwrap();
        assert!(matches!(subject.handle_signal(id(OTHER), false, signal), Reaction::Nothing));
        assert!(subject.monitored_by().eq([(monitor, &name(ME))]));
        assert!(owner.monitors().eq([(monitor, &name(OTHER))]));

        let (to, signal) = subject.die(id(OTHER), &ExitReason::Shutdown).next().unwrap();
        assert_eq!(to, name(ME));
        let expected = Reaction::<Name>::Notify {
            notice: Notice::Down(Down::new(monitor, id(OTHER), ExitReason::Shutdown)),
            priority,
        };
        assert_prints_alike(&owner.handle_signal(id(ME), false, signal), &expected, "down");
    }
}

#[test]
fn a_down_that_waits_can_still_be_taken_back_and_one_that_was_seen_cannot() {
    let mut relations = Relations::new();
    let (waits, _) = relations.monitor(&name(ME), &name(OTHER), false);
    let (seen, _) = relations.monitor(&name(ME), &name(OTHER), false);
    for monitor in [waits, seen] {
        let reaction = relations.handle_signal(id(ME), false, down(monitor, ExitReason::Normal));
        assert!(matches!(reaction, Reaction::Notify { .. }));
    }
    assert!(relations.take_down(seen));
    assert!(relations.demonitor(seen).is_none());
    assert!(relations.demonitor(waits).is_some());
    assert!(!relations.take_down(waits), "demonitor promised that nobody sees it");
    assert!(relations.is_empty());
}

#[test]
fn a_down_comes_once_even_if_its_subject_is_lost_and_dies_later() {
    let mut relations = Relations::new();
    let (monitor, _) = relations.monitor(&name(ME), &name(OTHER), false);
    let _ = relations.handle_signal(id(ME), false, down(monitor, ExitReason::NoConnection));
    let _ = relations.handle_signal(id(ME), false, down(monitor, ExitReason::Shutdown));
    assert!(relations.take_down(monitor));
    assert!(!relations.take_down(monitor));
    let late = relations.handle_signal(id(ME), false, down(monitor, ExitReason::Shutdown));
    assert!(matches!(late, Reaction::Nothing));
}

#[test]
fn nobody_can_take_off_the_monitor_of_another() {
    let (mut mine, mut theirs) = (Relations::new(), Relations::new());
    let (monitor, _) = mine.monitor(&name(ME), &name(2), false);
    let (same_number, _) = theirs.monitor(&name(OTHER), &name(2), false);
    assert_eq!(monitor.number(), same_number.number());
    assert!(mine.demonitor(same_number).is_none());
    assert!(mine.demonitor(monitor).is_some());
}

#[test]
fn a_monitor_on_oneself_sends_nothing_and_is_not_active() {
    let mut relations = Relations::new();
    let (monitor, sent) = relations.monitor(&name(ME), &name(ME), false);
    assert!(sent.is_none());
    assert!(relations.demonitor(monitor).is_none());
    assert!(relations.is_empty());
}

#[test]
fn the_dying_tell_links_then_watchers_then_those_they_watched() {
    let mut relations = linked();
    let (monitor, _) = relations.monitor(&name(ME), &name(OTHER), false);
    let theirs = MonitorRef::new(id(OTHER), 9);
    let watch = Signal::Monitor { from: name(OTHER), monitor: theirs, priority: true };
    let _ = relations.handle_signal(id(ME), false, watch);
    let _ = relations.link(&name(ME), &name(2), false);
    let _ = relations.unlink(&name(ME), id(2));

    let told: Vec<_> = relations.die(id(ME), &ExitReason::Killed).collect();
    let reason = ExitReason::Killed;
    let expected = vec![
        (name(OTHER), exit(ME, reason.clone(), true)),
        (name(OTHER), Signal::Down { monitor: theirs, subject: id(ME), reason, priority: true }),
        (name(OTHER), Signal::Demonitor { monitor }),
    ];
    assert_prints_alike(&told, &expected, "farewell");
}

#[test]
fn the_dead_answer_links_monitors_and_unlinks_and_nothing_else() {
    let monitor = MonitorRef::new(id(ME), 1);
    let from = || name(ME);
    for why in [ExitReason::NoProc, ExitReason::NoConnection] {
        let reason = || why.clone();
        let rows = [
            (Signal::Link { from: from() }, Some(exit(OTHER, reason(), true))),
            (Signal::Unlink { from: from(), id: 4 }, Some(Signal::UnlinkAck { from: id(OTHER), id: 4 })),
            (
                Signal::Monitor { from: from(), monitor, priority: true },
                Some(Signal::Down { monitor, subject: id(OTHER), reason: reason(), priority: true }),
            ),
            (Signal::UnlinkAck { from: id(ME), id: 4 }, None),
            (Signal::Demonitor { monitor }, None),
            (down(monitor, ExitReason::Normal), None),
            (exit(ME, ExitReason::Kill, false), None),
            (Signal::Stop, None),
        ];
        for (signal, answer) in rows {
            let row = format!("{signal:?}");
            let expected = answer.map(|answer| (from(), answer));
            assert_prints_alike(&refused(id(OTHER), &why, signal), &expected, &row);
        }
    }
}

#[test]
fn stop_lets_the_queue_be_handled_first() {
    let mut relations = linked();
    let reaction = relations.handle_signal(id(ME), true, Signal::Stop);
    assert!(matches!(reaction, Reaction::StopAfterQueue));
}

#[test]
fn a_hundred_thousand_monitors_are_told_once_each_or_removed() {
    let mut subject = Relations::new();
    let monitors: Vec<_> = (0..100_000).map(|n| MonitorRef::new(id(1 + n), 1)).collect();
    for monitor in &monitors {
        let signal = Signal::Monitor { from: Name(monitor.owner()), monitor: *monitor, priority: false };
        let _ = subject.handle_signal(id(ME), false, signal);
    }
    for monitor in monitors.iter().step_by(2) {
        let _ = subject.handle_signal(id(ME), false, Signal::Demonitor { monitor: *monitor });
    }
    let told: Vec<_> = subject.die(id(ME), &ExitReason::Normal).map(|(peer, _)| peer.0).collect();
    let expected: Vec<_> = monitors.iter().skip(1).step_by(2).map(|monitor| monitor.owner()).collect();
    assert_eq!(told, expected);
}

#[test]
fn relations_are_small() {
    assert!(size_of::<Relations<Name>>() <= 128);
}
