//! The network: wires that deliver bytes in order, late, or not at all.

use std::collections::VecDeque;
use std::time::Duration;

use wharf_net::proto::ConnId;
use wharf_net::wire::{Decoder, Frame, Limits};

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
    /// What is to happen to the next frame of a pair that goes to this end.
    pub(crate) damage: [Option<Damage>; 2],
    /// Whether something has: from then on not even an honest peer speaks the protocol here.
    pub(crate) damaged: bool,
    /// Whether a call over it was given up for the peer's.
    pub(crate) abandoned: bool,
}

/// What an order of frames is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    Lost,
    Repeated,
}

/// Whole frames, with one that has a place in the order of a pair lost or repeated. `None`: there is none.
fn damaged(bytes: &[u8], damage: Damage) -> Option<Vec<u8>> {
    let (mut decoder, mut rest) = (Decoder::new(Limits::PEER), bytes);
    loop {
        let start = bytes.len() - rest.len();
        let frame = decoder.poll_frame(&mut rest).ok()??;
        let end = bytes.len() - rest.len();
        if matches!(frame, Frame::Send { .. } | Frame::Signal { .. }) {
            let again = if damage == Damage::Repeated { start..end } else { end..end };
            let kept = if damage == Damage::Repeated { ..end } else { ..start };
            return Some([&bytes[kept], &bytes[again], &bytes[end..]].concat());
        }
    }
}

impl Wire {
    pub(crate) fn new(ends: [(usize, ConnId); 2]) -> Self {
        Self {
            ends,
            queues: Default::default(),
            deaf: [false; 2],
            damage: [None; 2],
            damaged: false,
            abandoned: false,
        }
    }

    /// Sends to end `to`; it arrives after what was sent before.
    pub(crate) fn send(&mut self, to: usize, at: Duration, mut what: Arrival) {
        if let (Some(damage), Arrival::Bytes(bytes)) = (self.damage[to], &mut what)
            && let Some(changed) = damaged(bytes, damage)
        {
            *bytes = changed;
            self.damage[to] = None;
            self.damaged = true;
        }
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
