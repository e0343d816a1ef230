//! A host: one node, its actors, and what the driver of a real one would keep.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use wharf_net::proto::{
    ClusterKey, Config, ConnId, FarPid, Identity, NearId, Node, NodeName, Signal, Tables, Ticket,
};

/// Actors of one host.
pub(crate) const ACTORS: u32 = 3;
/// Room in a mailbox.
pub(crate) const CAPACITY: u32 = 4;
/// Room in bytes for each message.
pub(crate) const MESSAGE_BYTES: u64 = 64;

/// An actor of some life of some host, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) host: usize,
    pub(crate) incarnation: u128,
    pub(crate) pid: FarPid,
}

/// A link as the actor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Active,
    Unlinking(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Actor {
    /// By host and slot; proofs don't tell actors apart.
    pub(crate) links: BTreeMap<Place, Link>,
    pub(crate) unlinks: u64,
    /// Signals that it has not seen yet.
    pub(crate) inbox: VecDeque<(Target, Signal)>,
    /// How many of those tell it that a link was cut, by whom it was with.
    pub(crate) cuts: BTreeMap<Place, u32>,
    pub(crate) monitors: u64,
    /// Messages in the mailbox.
    pub(crate) queued: u32,
    /// Room promised to each host.
    pub(crate) promised: BTreeMap<usize, u32>,
    pub(crate) wanting: VecDeque<(usize, u32)>,
    pub(crate) known: Vec<Target>,
}

/// An actor, without a proof.
pub(crate) type Place = (usize, u128, u32, u32);

pub(crate) fn place(target: &Target) -> Place {
    (target.host, target.incarnation, target.pid.id.slot, target.pid.id.generation)
}

impl Actor {
    pub(crate) fn room(&self) -> u32 {
        let promised: u32 = self.promised.values().sum();
        // Never more promised than there is room: the bound that credit is there for.
        assert!(self.queued + promised <= CAPACITY, "{} queued, {promised} promised", self.queued);
        CAPACITY - self.queued - promised
    }
}

pub(crate) struct Host {
    pub(crate) name: NodeName,
    pub(crate) lives: u128,
    pub(crate) node: Option<Node>,
    pub(crate) paused: Duration,
    pub(crate) actors: BTreeMap<NearId, Actor>,
    pub(crate) generations: Vec<u32>,
    /// Where each connection's bytes go: wire and our end of it.
    pub(crate) wires: BTreeMap<ConnId, (usize, usize)>,
    pub(crate) up: BTreeMap<usize, (ConnId, u128)>,
    pub(crate) tickets: BTreeMap<(usize, ConnId, Ticket), (NearId, Target)>,
    /// Open asks by host asked, connection and number.
    pub(crate) asks: BTreeMap<(usize, ConnId, u64), NearId>,
    /// Numbers of all rights that were let out.
    pub(crate) rights: BTreeSet<u64>,
    pub(crate) tokens: u64,
    /// Requests by token, then by host and number.
    pub(crate) waiting: BTreeMap<u64, (usize, NearId)>,
    pub(crate) asked: BTreeMap<(usize, ConnId, u64), NearId>,
}

impl Host {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: NodeName::new(name).unwrap(),
            lives: 0,
            node: None,
            paused: Duration::ZERO,
            actors: BTreeMap::new(),
            generations: vec![0; ACTORS as usize],
            wires: BTreeMap::new(),
            up: BTreeMap::new(),
            tickets: BTreeMap::new(),
            asks: BTreeMap::new(),
            rights: BTreeSet::new(),
            tokens: 0,
            waiting: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// A new life, with nothing left of the one before.
    pub(crate) fn start(&mut self, seed: u64) {
        let (name, lives) = (self.name.clone(), self.lives + 1);
        *self = Self { lives, ..Self::new(name.as_str()) };
        let me = Identity { name, incarnation: lives, number: 1 };
        let mut config = Config::default();
        // So few that it happens that there is no room.
        config.queued_commands = 1 + usize::try_from(seed % 4).unwrap();
        let mut tables = Tables::new(u128::from(seed).to_le_bytes(), config.exports);
        tables.types.declare("Number", 1, 11);
        tables.types.declare("Number", 2, 22);
        tables.factories.insert("actor".into());
        self.node = Some(Node::new(me, ClusterKey::new([5; 32]), config, tables, seed));
        for slot in 0..ACTORS {
            self.spawn(slot);
        }
    }

    pub(crate) fn spawn(&mut self, slot: u32) -> NearId {
        self.generations[slot as usize] += 1;
        let near = NearId { slot, generation: self.generations[slot as usize] };
        self.actors.insert(near, Actor::default());
        near
    }

    pub(crate) fn in_slot(&self, slot: u32) -> NearId {
        NearId { slot, generation: self.generations[slot as usize] }
    }
}

/// The node of a host that runs.
pub(crate) fn node_of(host: &mut Host) -> &mut Node {
    host.node.as_mut().unwrap()
}
