//! The world: time, faults, and the hosts' events.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use wharf_net::proto::{ConnId, EndCause, HandshakeError, NodeEvent, NodeName, Origin, PeerState, Violation};
use wharf_net::wire::Refusal;

use crate::check::{Books, Totals};
use crate::host::Host;
use crate::net::{Arrival, Damage, Random, Wire};

const STEP: Duration = Duration::from_millis(10);
const FAULTS_UNTIL: Duration = Duration::from_secs(25);
const QUIET_FOR: Duration = Duration::from_secs(60);

/// A transport that will be open, or not, at some time.
#[derive(Clone, Copy, Debug)]
struct Opening {
    at: Duration,
    from: usize,
    to: usize,
    /// Whether the caller knows whom it calls.
    named: bool,
}

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) random: Random,
    pub(crate) hosts: Vec<Host>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) books: Books,
    pub(crate) totals: Totals,
    pub(crate) log: VecDeque<String>,
    /// Transports being opened.
    opening: Vec<Opening>,
    /// Those that were opened to an address.
    unnamed: BTreeSet<(usize, ConnId)>,
    /// Wires that will be cut, and when.
    cuts: Vec<(Duration, usize)>,
    /// Until when two hosts can't reach each other.
    parted: Vec<(Duration, usize, usize)>,
    dead_until: Vec<Option<Duration>>,
    pub(crate) calm: bool,
    /// Whether there was a fault.
    disturbed: bool,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let count = 2 + usize::try_from(seed % 2).unwrap();
        let mut hosts: Vec<Host> = ["a", "b", "c"][..count].iter().map(|name| Host::new(name)).collect();
        hosts.iter_mut().for_each(|host| host.start(random.next()));
        Self {
            now: Duration::from_secs(1),
            random,
            dead_until: vec![None; hosts.len()],
            hosts,
            wires: Vec::new(),
            books: Books::default(),
            totals: Totals::default(),
            log: VecDeque::new(),
            opening: Vec::new(),
            unnamed: BTreeSet::new(),
            cuts: Vec::new(),
            parted: Vec::new(),
            calm: false,
            disturbed: false,
        }
    }

    pub(crate) fn run(&mut self) {
        self.connect_all();
        while self.now < FAULTS_UNTIL {
            if self.random.one_in(150) {
                self.fault();
            }
            self.step(true);
        }
        self.calm = true;
        self.parted.clear();
        let quiet = self.now + QUIET_FOR;
        while self.now < quiet {
            self.step(false);
            if self.random.one_in(300) {
                self.connect_all();
            }
        }
        self.check_quiet();
    }

    pub(crate) fn note(&mut self, what: String) {
        if self.log.len() == 60 {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:?} {what}", self.now));
    }

    pub(crate) fn index_of(&self, name: &NodeName) -> usize {
        self.hosts.iter().position(|host| host.name == *name).unwrap()
    }

    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        let count = self.hosts.len();
        (0..count).flat_map(|a| (0..count).filter(move |b| a != *b).map(move |b| (a, b))).collect()
    }

    fn connect_all(&mut self) {
        for (a, b) in self.pairs() {
            let name = self.hosts[b].name.clone();
            if let Some(node) = &mut self.hosts[a].node {
                node.connect(&name, true).unwrap();
            }
        }
    }

    fn step(&mut self, busy: bool) {
        self.now += STEP;
        let now = self.now;
        for (_, wire) in self.cuts.extract_if(.., |(at, _)| *at <= now) {
            self.wires[wire].cut(now);
        }
        for host in 0..self.hosts.len() {
            if self.dead_until[host].is_some_and(|until| now >= until || self.calm) {
                self.dead_until[host] = None;
                let seed = self.random.next();
                self.hosts[host].start(seed);
                self.note(format!("{host} starts"));
            }
            if self.hosts[host].node.is_none() || self.is_paused(host) {
                continue;
            }
            self.open_transports(host);
            self.deliver(host);
            if let Some(node) = &mut self.hosts[host].node {
                node.handle_timeout(now);
            }
            self.drain(host);
            if busy {
                self.act(host);
                self.join(host);
            }
            self.handle_mailboxes(host);
            self.see_signals(host);
            self.drain(host);
        }
    }

    /// Now and then calls an address without a name.
    fn join(&mut self, from: usize) {
        let to = self.random.below(self.hosts.len());
        if to != from && self.random.one_in(100) {
            let at = self.now + self.random.millis(40);
            self.opening.push(Opening { at, from, to, named: false });
        }
    }

    fn is_paused(&self, host: usize) -> bool {
        !self.calm && self.hosts[host].paused > self.now
    }

    fn are_parted(&self, a: usize, b: usize) -> bool {
        let now = self.now;
        self.parted.iter().any(|(until, x, y)| *until > now && ((a, b) == (*x, *y) || (b, a) == (*x, *y)))
    }

    fn open_transports(&mut self, from: usize) {
        let now = self.now;
        let (due, rest) = self.opening.drain(..).partition(|next| next.from == from && next.at <= now);
        self.opening = rest;
        for Opening { from: a, to: b, named, .. } in due {
            let name = self.hosts[b].name.clone();
            let (first, second) = (self.random.nonce(), self.random.nonce());
            let reachable = self.hosts[b].node.is_some() && !self.is_paused(b) && !self.are_parted(a, b);
            let Some(node) = &mut self.hosts[a].node else { continue };
            let ours = match (named, reachable) {
                (true, true) => node.opened(now, &name, first, b""),
                (false, true) => Some(node.opened_unknown(now, first, b"")),
                (true, false) => {
                    node.open_failed(now, &name);
                    None
                }
                (false, false) => None,
            };
            let Some(ours) = ours else { continue };
            if !named {
                self.unnamed.insert((a, ours));
            }
            let theirs =
                self.hosts[b].node.as_mut().unwrap().accepted(now, Origin::HERE, second, b"").unwrap();
            let wire = self.wires.len();
            self.wires.push(Wire::new([(a, ours), (b, theirs)]));
            self.hosts[a].wires.insert(ours, (wire, 0));
            self.hosts[b].wires.insert(theirs, (wire, 1));
        }
    }

    /// Hands over what has arrived, in pieces.
    fn deliver(&mut self, host: usize) {
        let conns: Vec<_> = self.hosts[host].wires.iter().map(|(conn, at)| (*conn, *at)).collect();
        for (conn, (wire, end)) in conns {
            let other = self.wires[wire].ends[1 - end].0;
            while !self.are_parted(host, other)
                && let Some(arrival) = self.wires[wire].receive(end, self.now)
            {
                let now = self.now;
                let Some(node) = &mut self.hosts[host].node else { return };
                match arrival {
                    Arrival::Closed => node.handle_closed(now, conn),
                    Arrival::Bytes(bytes) => {
                        let cut = self.random.below(bytes.len() + 1);
                        for mut piece in [&bytes[..cut], &bytes[cut..]] {
                            // A call may leave bytes: the contract is to call again, as when a
                            // handshake failed in the middle of them. Few calls must be enough.
                            for _ in 0..64 {
                                node.handle_bytes(now, conn, &mut piece);
                                if piece.is_empty() {
                                    break;
                                }
                            }
                            assert!(piece.is_empty());
                        }
                    }
                }
                self.drain(host);
            }
        }
    }

    /// Takes events and bytes until there are none.
    pub(crate) fn drain(&mut self, host: usize) {
        while let Some(event) = self.hosts[host].node.as_mut().and_then(wharf_net::proto::Node::poll_event) {
            self.handle(host, event);
        }
        let conns: Vec<ConnId> = self.hosts[host].wires.keys().copied().collect();
        for conn in conns {
            self.transmit(host, conn);
        }
    }

    fn transmit(&mut self, host: usize, conn: ConnId) {
        let Some(&(wire, end)) = self.hosts[host].wires.get(&conn) else { return };
        loop {
            let mut out = Vec::new();
            if !self.hosts[host].node.as_mut().is_some_and(|node| node.poll_transmit(conn, &mut out)) {
                return;
            }
            let at = self.now + self.random.millis(30);
            self.wires[wire].send(1 - end, at, Arrival::Bytes(out));
        }
    }

    fn handle(&mut self, host: usize, event: NodeEvent) {
        match event {
            NodeEvent::Dial { peer } => {
                let at = self.now + self.random.millis(40);
                let to = self.index_of(&peer);
                self.opening.push(Opening { at, from: host, to, named: true });
            }
            NodeEvent::Up { conn, peer } => {
                self.note(format!("{host} up with {peer} on {conn:?}"));
                let wire = self.hosts[host].wires[&conn].0;
                // Else each end takes the other's call and gives up its own, and none goes on. After a fault
                // that may be, as one of the two calls may have failed.
                let in_vain = self.wires[wire].abandoned && !self.disturbed;
                assert!(!in_vain, "{host} goes on with a call that was given up");
                self.totals.joined += u64::from(self.unnamed.contains(&(host, conn)));
                let to = self.index_of(&peer.name);
                let before = self.hosts[host].up.insert(to, (conn, peer.incarnation));
                assert_eq!(before, None, "two connections with one peer");
            }
            NodeEvent::Down { conn, peer, cause } => {
                self.note(format!("{host} down with {peer} on {conn:?}: {cause}"));
                // Nobody here breaks the protocol, whatever the network does, but lose or repeat a frame.
                let wire = self.hosts[host].wires[&conn].0;
                let blamed = matches!(cause, EndCause::Violation(_) | EndCause::Accused);
                assert!(!blamed || self.wires[wire].damaged, "{cause}");
                let noticed = matches!(cause, EndCause::Violation(Violation::Sequence { .. }));
                self.totals.out_of_order += u64::from(noticed);
                self.totals.silent += u64::from(cause == EndCause::Silent);
                self.totals.superseded += u64::from(cause == EndCause::Superseded);
                let to = self.index_of(&peer.name);
                assert_eq!(self.hosts[host].up.remove(&to), Some((conn, peer.incarnation)));
                self.check_cut(host, to, conn);
            }
            NodeEvent::Close { conn } => {
                self.transmit(host, conn);
                if let Some((wire, end)) = self.hosts[host].wires.remove(&conn) {
                    let at = self.now + self.random.millis(30);
                    self.wires[wire].send(1 - end, at, Arrival::Closed);
                }
            }
            NodeEvent::HandshakeFailed { conn, peer, error, .. } => {
                let known = HandshakeError::Refusing(Refusal::AlreadyConnected);
                if self.unnamed.contains(&(host, conn)) && error == known {
                    let peer = peer.expect("who is connected already has a name");
                    assert_eq!(self.hosts[host].up[&self.index_of(&peer.name)].1, peer.incarnation);
                    self.totals.known += 1;
                }
                if error == HandshakeError::Abandoned
                    && let Some(&(wire, end)) = self.hosts[host].wires.get(&conn)
                {
                    let (other, theirs) = self.wires[wire].ends[1 - end];
                    let up = self.hosts[other].up.get(&host).is_some_and(|(conn, _)| *conn == theirs);
                    assert!(!up || self.disturbed, "{host} gives up a call that {other} goes on with");
                    self.wires[wire].abandoned = true;
                }
                if error == HandshakeError::Refusing(Refusal::BothDialled) {
                    self.totals.both_dialled += 1;
                }
            }
            other => self.handle_far(host, other),
        }
    }

    fn fault(&mut self) {
        self.disturbed = true;
        let now = self.now;
        let host = self.random.below(self.hosts.len());
        match self.random.below(9) {
            0 => {
                self.note(format!("{host} is paused"));
                self.hosts[host].paused = now + self.random.millis(8000);
            }
            1 | 2 if self.hosts[host].node.is_some() => {
                self.note(format!("{host} crashes"));
                self.hosts[host].node = None;
                self.dead_until[host] = Some(now + self.random.millis(4000));
                for wire in std::mem::take(&mut self.hosts[host].wires).into_values() {
                    // A process that dies is noticed; a machine that does is not.
                    if self.random.one_in(2) {
                        self.wires[wire.0].send(1 - wire.1, now, Arrival::Closed);
                    }
                }
            }
            3 if self.hosts.len() > 1 => {
                let other = (host + 1) % self.hosts.len();
                self.note(format!("{host} and {other} are parted"));
                self.parted.push((now + self.random.millis(9000), host, other));
            }
            what => {
                let wires: Vec<usize> = self.hosts[host].wires.values().map(|at| at.0).collect();
                if wires.is_empty() {
                    return;
                }
                let wire = wires[self.random.below(wires.len())];
                if what < 6 {
                    self.note(format!("wire {wire} is cut"));
                    self.wires[wire].cut(now);
                } else if what < 8 {
                    let (to, lost) = (self.random.below(2), what == 6);
                    self.note(format!("wire {wire} loses or repeats a frame"));
                    let damage = if lost { Damage::Lost } else { Damage::Repeated };
                    self.wires[wire].damage[to] = Some(damage);
                    // One for an actor that has ended is not noticed, and an answer to it never comes.
                    self.cuts.push((now + Duration::from_secs(4), wire));
                } else {
                    self.note(format!("wire {wire} is half open"));
                    let deaf = self.random.below(2);
                    self.wires[wire].deaf[deaf] = true;
                }
            }
        }
    }

    /// All is healed and has been quiet: who is there is connected once, and the books are even.
    fn check_quiet(&mut self) {
        for (a, b) in self.pairs() {
            let (name, node) = (self.hosts[b].name.clone(), self.hosts[a].node.as_ref().unwrap());
            assert_eq!(node.state_of(&name), PeerState::Connected, "{a} with {b}");
            let at = |host: usize, with: usize| self.hosts[host].wires[&self.hosts[host].up[&with].0].0;
            assert_eq!(at(a, b), at(b, a), "both ends have the same connection");
            assert_eq!(node.open_lines(), self.hosts.len() - 1, "one connection with each");
        }
        self.check_books();
    }
}
