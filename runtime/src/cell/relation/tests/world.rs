//! A few actors, a FIFO channel for each ordered pair, and a naive statement of the rules beside.
//!
//! The naive side knows no ids and no acknowledgements. It looks, as an observer who sees all
//! channels can, at what a sender knew: a link counts for its receiver unless the receiver has
//! unlinked, the sender did not know that yet, and the receiver has not linked again since.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Name, id, name};
use crate::cell::relation::{Reaction, Relations, refused};
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::signal::{MonitorRef, Notice, Peer as _, Signal};

/// A signal under way, with how many unlinks of its receiver its sender had seen.
type Envelope = (Signal<Name>, usize);

#[derive(Clone, Debug, Default)]
struct Actor {
    relations: Relations<Name>,
    trapping: bool,
    died: Option<ExitReason>,
    /// What the program has not looked at yet.
    waiting: VecDeque<Notice>,
    /// In the order they were made.
    monitors: Vec<MonitorRef>,
}

/// What an observer has seen of one monitor.
#[derive(Clone, Debug)]
struct Watch {
    subject: usize,
    cancelled: bool,
    downs: usize,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    actors: Vec<Actor>,
    channels: BTreeMap<(usize, usize), VecDeque<Envelope>>,
    /// `(a, b)`: `a` is linked with `b` in the eyes of `a`.
    linked: BTreeSet<(usize, usize)>,
    /// `(a, b)`: unlinks that `a` sent to `b`, and how many of them `b` has received.
    unlinks: BTreeMap<(usize, usize), (usize, usize)>,
    /// `(a, b)`: how many unlinks `b` must have received for a link of its to count with `a`.
    barriers: BTreeMap<(usize, usize), usize>,
    watches: BTreeMap<MonitorRef, Watch>,
}

fn slot(id: ActorId) -> usize {
    usize::try_from(id.slot()).unwrap()
}

impl World {
    pub(super) fn new(actors: usize) -> Self {
        Self {
            actors: vec![Actor::default(); actors],
            channels: BTreeMap::new(),
            linked: BTreeSet::new(),
            unlinks: BTreeMap::new(),
            barriers: BTreeMap::new(),
            watches: BTreeMap::new(),
        }
    }

    pub(super) fn is_alive(&self, a: usize) -> bool {
        self.actors[a].died.is_none()
    }

    pub(super) fn set_trapping(&mut self, a: usize, trapping: bool) {
        self.actors[a].trapping = trapping;
    }

    /// Who is linked with `a`, as its relations say.
    pub(super) fn links(&self, a: usize) -> BTreeSet<usize> {
        self.actors[a].relations.links().map(|peer| slot(peer.id())).collect()
    }

    pub(super) fn link(&mut self, a: usize, b: usize) {
        if self.is_alive(a) {
            let sent = self.actors[a].relations.link(&name(a), &name(b), false);
            let new = a != b && self.linked.insert((a, b));
            assert_eq!(sent.is_some(), new, "a link is sent exactly when there is none");
            self.barriers.remove(&(a, b));
            self.post(a, sent);
        }
    }

    pub(super) fn unlink(&mut self, a: usize, b: usize) {
        if self.is_alive(a) {
            let sent = self.actors[a].relations.unlink(&name(a), id(b));
            assert_eq!(sent.is_some(), self.linked.remove(&(a, b)), "an unlink is sent exactly when linked");
            if sent.is_some() {
                let (count, _) = self.unlinks.entry((a, b)).or_default();
                *count += 1;
                self.barriers.insert((a, b), *count);
            }
            self.post(a, sent);
        }
    }

    pub(super) fn monitor(&mut self, a: usize, b: usize) {
        if self.is_alive(a) {
            let (monitor, sent) = self.actors[a].relations.monitor(&name(a), &name(b), false);
            assert_eq!(sent.is_some(), a != b);
            let watch = Watch { subject: b, cancelled: false, downs: 0 };
            assert!(self.watches.insert(monitor, watch).is_none(), "{monitor} was given out twice");
            self.actors[a].monitors.push(monitor);
            self.post(a, sent);
        }
    }

    /// Takes off one of the monitors that `a` has ever made.
    pub(super) fn demonitor(&mut self, a: usize, which: usize) {
        let made = self.actors[a].monitors.len();
        if self.is_alive(a) && made > 0 {
            let monitor = self.actors[a].monitors[which % made];
            let sent = self.actors[a].relations.demonitor(monitor);
            let watch = self.watches.get_mut(&monitor).unwrap();
            let active = watch.subject != a && !watch.cancelled && watch.downs == 0;
            assert_eq!(sent.is_some(), active, "{monitor} was active or was not");
            watch.cancelled |= active;
            self.post(a, sent);
        }
    }

    pub(super) fn die(&mut self, a: usize, reason: &ExitReason) {
        if self.is_alive(a) {
            self.actors[a].died = Some(reason.clone());
            let relations = std::mem::take(&mut self.actors[a].relations);
            for sent in relations.die(id(a), reason) {
                self.post(a, Some(sent));
            }
            self.linked.retain(|(one, _)| *one != a);
        }
    }

    pub(super) fn exit(&mut self, a: usize, b: usize, reason: ExitReason) {
        if self.is_alive(a) {
            self.post(a, Some((name(b), Signal::Exit { from: id(a), reason, link: false })));
        }
    }

    /// Delivers the first signal from `a` to `b`; whether there was one.
    pub(super) fn deliver(&mut self, a: usize, b: usize) -> bool {
        let Some((signal, seen)) = self.channels.get_mut(&(a, b)).and_then(VecDeque::pop_front) else {
            return false;
        };
        if !self.is_alive(b) {
            let answer = refused(id(b), &ExitReason::NoProc, signal);
            self.post(b, answer);
            return true;
        }
        let visible = self.observe(a, b, &signal, seen);
        let trapping = self.actors[b].trapping;
        let reaction = self.actors[b].relations.handle_signal(id(b), trapping, signal);
        let seen = matches!(reaction, Reaction::Die(_) | Reaction::Notify { .. });
        assert_eq!(seen, visible, "{b} from {a}: {reaction:?}");
        match reaction {
            Reaction::Reply(peer, signal) => self.post(b, Some((peer, signal))),
            Reaction::Die(reason) => self.die(b, &reason),
            Reaction::Notify { notice, .. } => self.actors[b].waiting.push_back(notice),
            Reaction::Nothing | Reaction::StopAfterQueue => {}
        }
        if self.is_alive(b) {
            let expected = self.linked.iter().filter(|(one, _)| *one == b).map(|(_, other)| *other);
            assert_eq!(self.links(b), expected.collect(), "links of {b}");
        }
        true
    }

    /// Lets the program of `a` look at its next notice.
    pub(super) fn look(&mut self, a: usize) -> bool {
        if !self.is_alive(a) {
            return false;
        }
        let Some(notice) = self.actors[a].waiting.pop_front() else { return false };
        if let Notice::Down(down) = notice
            && self.actors[a].relations.take_down(down.monitor)
        {
            let watch = self.watches.get_mut(&down.monitor).unwrap();
            assert!(!watch.cancelled, "{} was seen after demonitor", down.monitor);
            assert_eq!(slot(down.subject), watch.subject);
            watch.downs += 1;
            let died = self.actors[watch.subject].died.as_ref().expect("a Down of the living");
            assert!(down.reason == *died || down.reason == ExitReason::NoProc);
        }
        true
    }

    /// Pairs with a signal under way.
    pub(super) fn busy(&self) -> Vec<(usize, usize)> {
        self.channels.iter().filter(|(_, signals)| !signals.is_empty()).map(|(pair, _)| *pair).collect()
    }

    /// Delivers all there is, lets everyone look, and checks what must be true then.
    pub(super) fn settle(&mut self) {
        loop {
            let busy = self.busy();
            if busy.is_empty() {
                break;
            }
            for (a, b) in busy {
                self.deliver(a, b);
            }
        }
        for a in 0..self.actors.len() {
            while self.look(a) {}
        }
        self.check();
    }

    fn check(&self) {
        for (a, b) in &self.linked {
            assert!(self.is_alive(*b), "{a} is still linked with the dead {b}");
            assert!(self.linked.contains(&(*b, *a)), "{a} is linked with {b} and not the other way round");
        }
        for (monitor, watch) in &self.watches {
            let owner = slot(monitor.owner());
            let due = !self.is_alive(watch.subject) && !watch.cancelled && owner != watch.subject;
            if self.is_alive(owner) {
                assert_eq!(watch.downs, usize::from(due), "{monitor}: {watch:?}");
            }
        }
        for (a, actor) in self.actors.iter().enumerate().filter(|(_, actor)| actor.died.is_none()) {
            let stands = |monitor: &MonitorRef, watch: &Watch| {
                let owner = slot(monitor.owner());
                self.is_alive(owner)
                    && self.is_alive(watch.subject)
                    && !watch.cancelled
                    && owner != watch.subject
            };
            let standing = || self.watches.iter().filter(|(m, w)| stands(m, w));
            let set: Vec<_> = standing().filter(|(m, _)| slot(m.owner()) == a).map(|(m, _)| *m).collect();
            let on: Vec<_> = standing().filter(|(_, w)| w.subject == a).map(|(m, _)| *m).collect();
            assert!(actor.relations.monitors().map(|(m, _)| m).eq(set.iter().copied()), "set by {a}");
            assert!(actor.relations.monitored_by().map(|(m, _)| m).eq(on.iter().copied()), "set on {a}");
            let nothing = self.links(a).is_empty() && set.is_empty() && on.is_empty();
            assert_eq!(actor.relations.is_empty(), nothing, "{a} keeps what has no meaning");
        }
    }

    fn post(&mut self, from: usize, sent: Option<(Name, Signal<Name>)>) {
        if let Some((to, signal)) = sent {
            let to = slot(to.id());
            let seen = self.unlinks.get(&(to, from)).map_or(0, |(_, received)| *received);
            self.channels.entry((from, to)).or_default().push_back((signal, seen));
        }
    }

    /// Applies the naive rules to a signal that `b` receives; whether its program, or its life, is
    /// touched by it.
    fn observe(&mut self, a: usize, b: usize, signal: &Signal<Name>, seen: usize) -> bool {
        match signal {
            Signal::Link { .. } => {
                if self.barriers.get(&(b, a)).is_none_or(|needed| seen >= *needed) {
                    self.linked.insert((b, a));
                }
                false
            }
            Signal::Unlink { .. } => {
                self.unlinks.entry((a, b)).or_default().1 += 1;
                self.linked.remove(&(b, a));
                false
            }
            Signal::Exit { reason, link, .. } => {
                let counts = !*link || self.linked.remove(&(b, a));
                counts && (self.actors[b].trapping || !reason.is_normal() || a == b)
            }
            Signal::Down { monitor, .. } => {
                let watch = &self.watches[monitor];
                !watch.cancelled && watch.downs == 0
            }
            Signal::UnlinkAck { .. }
            | Signal::Monitor { .. }
            | Signal::Demonitor { .. }
            | Signal::Stop
            | Signal::Due(_) => false,
        }
    }
}
