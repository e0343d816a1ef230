//! What is counted and checked beside the runs.

use std::collections::BTreeMap;

use wharf_net::proto::NearId;

use crate::host::{Place, Target};

/// Things that must have happened somewhere, or the runs say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) dead: u64,
    pub(crate) lost: u64,
    pub(crate) waited: u64,
    pub(crate) returned: u64,
    pub(crate) both_dialled: u64,
    pub(crate) superseded: u64,
    pub(crate) silent: u64,
    pub(crate) downs: u64,
    pub(crate) no_connection: u64,
    pub(crate) exits: u64,
    pub(crate) replies: u64,
    pub(crate) answered_down: u64,
    pub(crate) spawned: u64,
    pub(crate) joined: u64,
    pub(crate) known: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        let all = [
            (&mut self.sent, other.sent),
            (&mut self.delivered, other.delivered),
            (&mut self.dead, other.dead),
            (&mut self.lost, other.lost),
            (&mut self.waited, other.waited),
            (&mut self.returned, other.returned),
            (&mut self.both_dialled, other.both_dialled),
            (&mut self.superseded, other.superseded),
            (&mut self.silent, other.silent),
            (&mut self.downs, other.downs),
            (&mut self.no_connection, other.no_connection),
            (&mut self.exits, other.exits),
            (&mut self.replies, other.replies),
            (&mut self.answered_down, other.answered_down),
            (&mut self.spawned, other.spawned),
            (&mut self.joined, other.joined),
            (&mut self.known, other.known),
        ];
        for (total, more) in all {
            *total += more;
        }
    }

    pub(crate) fn saw_everything(&self) {
        let Self { sent, delivered, dead, lost, waited, returned, both_dialled, superseded, .. } = *self;
        let Self {
            silent, downs, no_connection, exits, replies, answered_down, spawned, joined, known, ..
        } = *self;
        let seen = [
            sent,
            delivered,
            dead,
            lost,
            waited,
            returned,
            both_dialled,
            superseded,
            silent,
            downs,
            no_connection,
            exits,
            replies,
            answered_down,
            spawned,
            joined,
            known,
        ];
        assert!(seen.iter().all(|count| *count > 0), "something never happened: {self:?}");
    }
}

/// One monitor, and what became of it.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) on: Target,
    pub(crate) downs: u32,
    pub(crate) taken_off: bool,
}

/// Whose monitor: host, its life, the actor, the number.
pub(crate) type MonitorKey = (usize, u128, NearId, u64);

/// The books of a run.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) monitors: BTreeMap<MonitorKey, Monitor>,
    /// Next number of each pair on each wire: wire, sending host, sender, receiver.
    pub(crate) next_sent: BTreeMap<(usize, usize, Place, Place), u64>,
    pub(crate) next_seen: BTreeMap<(usize, usize, Place, Place), u64>,
    /// Messages on each wire by sending host: sent, and arrived for somebody or nobody.
    pub(crate) ledger: BTreeMap<(usize, usize), (u64, u64)>,
}
