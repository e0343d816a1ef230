//! What is counted and checked beside the runs.

use std::collections::BTreeMap;

use wharf_net::proto::{ConnId, NearId};

use crate::host::{Link, Place, Target};
use crate::world::World;

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
    pub(crate) out_of_order: u64,
    pub(crate) downs: u64,
    pub(crate) no_connection: u64,
    pub(crate) exits: u64,
    pub(crate) held_back: u64,
    pub(crate) replies: u64,
    pub(crate) answered_down: u64,
    pub(crate) spawned: u64,
    pub(crate) joined: u64,
    pub(crate) known: u64,
}

impl Totals {
    fn all(&mut self) -> [&mut u64; 19] {
        [
            &mut self.sent,
            &mut self.delivered,
            &mut self.dead,
            &mut self.lost,
            &mut self.waited,
            &mut self.returned,
            &mut self.both_dialled,
            &mut self.superseded,
            &mut self.silent,
            &mut self.out_of_order,
            &mut self.downs,
            &mut self.no_connection,
            &mut self.exits,
            &mut self.held_back,
            &mut self.replies,
            &mut self.answered_down,
            &mut self.spawned,
            &mut self.joined,
            &mut self.known,
        ]
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        for (total, more) in self.all().into_iter().zip(other.all()) {
            *total += *more;
        }
    }

    pub(crate) fn saw_everything(mut self) {
        assert!(self.all().iter().all(|count| **count > 0), "something never happened: {self:?}");
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

impl World {
    /// A connection is over at one end: nothing that waited for it still waits.
    pub(crate) fn check_cut(&mut self, host: usize, peer: usize, conn: ConnId) {
        let at = &self.hosts[host];
        assert!(!at.tickets.keys().any(|key| (key.0, key.1) == (peer, conn)), "a ticket was forgotten");
        assert!(!at.asks.keys().any(|key| (key.0, key.1) == (peer, conn)), "an ask was forgotten");
        assert!(!at.asked.keys().any(|key| (key.0, key.1) == (peer, conn)), "a request was forgotten");
        let monitors = self.books.monitors.range((host, at.lives, NearId { slot: 0, generation: 0 }, 0)..);
        let mine = monitors.take_while(|((whose, life, ..), _)| (*whose, *life) == (host, at.lives));
        for (key, monitor) in mine {
            let over = monitor.on.host != peer || monitor.taken_off || monitor.downs == 1;
            assert!(over, "{key:?} has no down");
        }
        for (near, actor) in &mut self.hosts[host].actors {
            let lost = actor.links.iter().filter(|(place, _)| place.0 == peer);
            for (place, link) in lost {
                assert!(actor.will_end(*place, *link), "{near:?} stays linked with {place:?}");
            }
            let promised = actor.promised.remove(&peer).unwrap_or(0);
            assert_eq!(promised, 0, "room of {near:?} did not come home");
            actor.wanting.retain(|(who, _)| *who != peer);
        }
    }

    /// At the end nothing is under way: both ends know the same, and nothing is missing.
    pub(crate) fn check_books(&mut self) {
        for (&(host, life, near, number), monitor) in &self.books.monitors {
            if self.hosts[host].lives != life || monitor.taken_off || monitor.downs == 1 {
                continue;
            }
            let on = &self.hosts[monitor.on.host];
            let id = monitor.on.pid.id;
            let subject = NearId { slot: id.slot, generation: id.generation };
            let alive = on.lives == monitor.on.incarnation && on.actors.contains_key(&subject);
            assert!(alive, "monitor {number} of {near:?} on {host} has no down");
        }
        for (index, host) in self.hosts.iter().enumerate() {
            for (near, actor) in &host.actors {
                assert!(actor.inbox.is_empty() && actor.cuts.is_empty());
                for (&(peer, life, slot, generation), link) in &actor.links {
                    let other = self.hosts[peer].actors.get(&NearId { slot, generation });
                    let back = other
                        .and_then(|actor| actor.links.get(&(index, host.lives, near.slot, near.generation)));
                    assert_eq!((*link, life), (Link::Active, self.hosts[peer].lives));
                    assert_eq!(back, Some(&Link::Active), "{near:?} on {index} is linked alone");
                }
            }
            assert!(host.waiting.is_empty() && host.asked.is_empty() && host.asks.is_empty());
        }
        self.check_ledger();
    }

    fn check_ledger(&mut self) {
        for (&(wire, sender), &(sent, arrived)) in &self.books.ledger {
            let stands = self.hosts[sender].wires.values().any(|at| at.0 == wire);
            if self.wires[wire].damaged {
                continue;
            }
            assert!(arrived <= sent, "wire {wire}: {arrived} of {sent}");
            // Only a connection that was cut can have lost something, and then its end was told.
            assert!(!stands || arrived == sent, "wire {wire} from {sender}: {arrived} of {sent}");
            self.totals.lost += sent - arrived;
        }
    }
}
