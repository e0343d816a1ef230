//! The network: wires that deliver bytes in order, late, or not at all.

use std::collections::VecDeque;
use std::time::Duration;

use wharf_net::proto::ConnId;

/// Random numbers from one seed: splitmix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.next().is_multiple_of(chances)
    }

    pub(crate) fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.next() % most)
    }

    pub(crate) fn nonce(&mut self) -> [u8; 32] {
        let mut nonce = [0; 32];
        for part in nonce.as_chunks_mut().0 {
            *part = self.next().to_le_bytes();
        }
        nonce
    }
}

/// What comes out of one end of a wire.
#[derive(Debug)]
pub(crate) enum Arrival {
    Bytes(Vec<u8>),
    Closed,
}

/// A transport between two hosts.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Host and its number for the connection, at each end.
    pub(crate) ends: [(usize, ConnId); 2],
    queues: [VecDeque<(Duration, Arrival)>; 2],
    /// Whether bytes to this end vanish.
    pub(crate) deaf: [bool; 2],
}

impl Wire {
    pub(crate) fn new(ends: [(usize, ConnId); 2]) -> Self {
        Self { ends, queues: Default::default(), deaf: [false; 2] }
    }

    /// Sends to end `to`; it arrives after what was sent before.
    pub(crate) fn send(&mut self, to: usize, at: Duration, what: Arrival) {
        if !self.deaf[to] {
            let at = self.queues[to].back().map_or(at, |(last, _)| at.max(*last));
            self.queues[to].push_back((at, what));
        }
    }

    /// What has arrived at end `to`.
    pub(crate) fn receive(&mut self, to: usize, now: Duration) -> Option<Arrival> {
        self.queues[to].pop_front_if(|(at, _)| *at <= now).map(|(_, what)| what)
    }

    /// Breaks: what is under way is lost, and both ends see it.
    pub(crate) fn cut(&mut self, now: Duration) {
        for to in [0, 1] {
            self.queues[to].clear();
            self.send(to, now, Arrival::Closed);
        }
    }
}
