//! What a node knows of one other node: whether it is connected, who calls, and what waits.
//!
//! Pure: it decides, and [`Node`](super::Node) does.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::config::Config;
use super::dial::{Backoff, call_of_first_goes_on};
use super::ids::{FarId, FarPid, Identity, NearId};
use super::node::ConnId;
use super::reason::Signal;
use super::requests::NodeRequest;
use crate::wire::{ExitCause, Refusal};

/// Incarnations of a peer that are remembered as over.
const FORMER: usize = 8;

/// What waits for a connection to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// A signal.
    Signal {
        /// From whom.
        from: NearId,
        /// To an actor of which incarnation of the peer.
        incarnation: u128,
        /// To whom.
        to: FarPid,
        /// What it says.
        signal: Signal,
    },
    /// A request to the peer's node.
    Request {
        /// The driver's own number for it.
        token: u64,
        /// What is asked.
        request: NodeRequest,
    },
}

/// How things stand with a peer.
///
/// ```text
///             want(), keep                 transport open, hands shaken
///   IDLE -----------------> CONNECTING -------------------------------> CONNECTED
///    ^  ^                     |      ^                                   |
///    |  '-- wait over, -------|------|-- the peer's call was accepted ---|--> CONNECTED
///    |      nobody wants it   v      |                                   |
///    '-------------------- BACKOFF --'  wait over, and it is to be kept  |
///                             ^                                          |
///                             '------------- connection over ------------'
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// No connection, and nobody wants one.
    Idle,
    /// A call is under way, this node's or, after it gave way, the peer's.
    Connecting,
    /// There is a connection.
    Connected,
    /// The last call failed, or the connection broke. The next call waits, and commands fail.
    Backoff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    /// Our call; without a connection while the transport is being opened.
    Calling {
        conn: Option<ConnId>,
    },
    /// Our call was refused in favour of theirs, which has to come by then.
    Yielded {
        until: Duration,
    },
    Connected {
        conn: ConnId,
        incarnation: u128,
    },
    Backoff {
        until: Duration,
    },
}

/// Whether a peer that proved itself may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may. A connection to an earlier incarnation, or a call of ours, ends.
    Accept {
        replaces: Option<ConnId>,
        abandons: Option<ConnId>,
    },
    Refuse(Refusal),
}

impl Verdict {
    /// It may, and nothing else changes.
    pub(crate) const ACCEPT: Self = Self::Accept { replaces: None, abandons: None };
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) phase: Phase,
    /// The incarnation that was connected last.
    last: Option<u128>,
    /// Whether it is called again without anyone asking.
    pub(crate) keep: bool,
    backoff: Backoff,
    former: VecDeque<u128>,
    queue: VecDeque<Command>,
    queued_bytes: usize,
    /// A signal found no room: until the queue was emptied none does.
    refuses: bool,
    /// Monitors of the node: whose, and which.
    pub(crate) watchers: BTreeSet<(NearId, u64)>,
    handshake: Duration,
    most_commands: usize,
    most_bytes: usize,
}

impl Peer {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            phase: Phase::Idle,
            last: None,
            keep: false,
            backoff: Backoff::new(config.backoff_first, config.backoff_most),
            former: VecDeque::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            refuses: false,
            watchers: BTreeSet::new(),
            handshake: config.handshake,
            most_commands: config.queued_commands,
            most_bytes: config.queued_bytes,
        }
    }

    pub(crate) const fn state(&self) -> PeerState {
        match self.phase {
            Phase::Idle => PeerState::Idle,
            Phase::Calling { .. } | Phase::Yielded { .. } => PeerState::Connecting,
            Phase::Connected { .. } => PeerState::Connected,
            Phase::Backoff { .. } => PeerState::Backoff,
        }
    }

    /// Whether nobody needs a connection to it, has one, or is about to.
    pub(crate) fn is_needless(&self) -> bool {
        let over = matches!(self.phase, Phase::Idle | Phase::Backoff { .. });
        over && !self.keep && self.queue.is_empty() && self.watchers.is_empty()
    }

    /// As [`is_needless`](Self::is_needless), and it may be called at any time.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle && self.is_needless()
    }

    /// Somebody needs a connection. `true`: the transport is to be opened.
    pub(crate) const fn want(&mut self) -> bool {
        let idle = matches!(self.phase, Phase::Idle);
        if idle {
            self.phase = Phase::Calling { conn: None };
        }
        idle
    }

    /// The transport of our call is open. `false`: it is not needed any more.
    pub(crate) fn opened(&mut self, conn: ConnId) -> bool {
        let wanted = self.phase == Phase::Calling { conn: None };
        if wanted {
            self.phase = Phase::Calling { conn: Some(conn) };
        }
        wanted
    }

    /// A peer of this name called, and proved itself.
    pub(crate) fn judge_theirs(&self, me: &Identity, peer: &Identity) -> Verdict {
        if self.former.contains(&peer.incarnation) {
            return Verdict::Refuse(Refusal::Superseded);
        }
        match self.phase {
            Phase::Connected { incarnation, .. } if incarnation == peer.incarnation => {
                Verdict::Refuse(Refusal::AlreadyConnected)
            }
            Phase::Connected { conn, .. } => Verdict::Accept { replaces: Some(conn), abandons: None },
            // Both called. Without this rule each would drop its own call for the other's, or
            // keep it, and there would be no connection or two.
            Phase::Calling { .. } if call_of_first_goes_on(&me.name, &peer.name) => {
                Verdict::Refuse(Refusal::BothDialled)
            }
            Phase::Calling { conn: ours } => Verdict::Accept { replaces: None, abandons: ours },
            Phase::Idle | Phase::Yielded { .. } | Phase::Backoff { .. } => Verdict::ACCEPT,
        }
    }

    /// It answered our call of `conn` to its name, and proved itself.
    pub(crate) fn judge_ours(&self, peer: &Identity, conn: ConnId) -> Verdict {
        match self.phase {
            _ if self.former.contains(&peer.incarnation) => Verdict::Refuse(Refusal::Superseded),
            Phase::Calling { conn: Some(ours) } if ours == conn => Verdict::ACCEPT,
            _ => Verdict::Refuse(Refusal::AlreadyConnected),
        }
    }

    /// It answered a call of ours to an address, and proved itself.
    pub(crate) fn judge_unnamed(&self, peer: &Identity) -> Verdict {
        match self.phase {
            _ if self.former.contains(&peer.incarnation) => Verdict::Refuse(Refusal::Superseded),
            Phase::Connected { incarnation, .. } if incarnation == peer.incarnation => {
                Verdict::Refuse(Refusal::AlreadyConnected)
            }
            Phase::Connected { conn, .. } => Verdict::Accept { replaces: Some(conn), abandons: None },
            // There is a call by name already, ours or, after ours gave way, theirs: that one goes on.
            Phase::Calling { .. } | Phase::Yielded { .. } => Verdict::Refuse(Refusal::BothDialled),
            Phase::Idle | Phase::Backoff { .. } => Verdict::ACCEPT,
        }
    }

    /// Hands were shaken. An earlier incarnation is over for good.
    pub(crate) fn connected(&mut self, conn: ConnId, incarnation: u128) {
        if let Some(earlier) = self.last.replace(incarnation)
            && earlier != incarnation
        {
            if self.former.len() == FORMER {
                self.former.pop_front();
            }
            self.former.push_back(earlier);
        }
        self.backoff.succeed();
        self.phase = Phase::Connected { conn, incarnation };
    }

    /// Our call on `conn` failed, or the transport did not open. `true`: it is all over, and what
    /// is queued fails.
    pub(crate) fn call_failed(
        &mut self,
        now: Duration,
        conn: Option<ConnId>,
        gave_way: bool,
        jitter: u64,
    ) -> bool {
        if self.phase != (Phase::Calling { conn }) {
            return false;
        }
        if gave_way {
            self.phase = Phase::Yielded { until: now + self.handshake };
            return false;
        }
        self.phase = Phase::Backoff { until: now + self.backoff.fail(jitter) };
        true
    }

    /// The connection is over. `false`: it was not the one that counts.
    pub(crate) fn lost(&mut self, now: Duration, conn: ConnId, jitter: u64) -> bool {
        let counts = matches!(self.phase, Phase::Connected { conn: ours, .. } if ours == conn);
        if counts {
            self.phase = Phase::Backoff { until: now + self.backoff.fail(jitter) };
        }
        counts
    }

    /// The clock has moved on.
    pub(crate) fn handle_timeout(&mut self, now: Duration, jitter: u64) -> Due {
        match self.phase {
            Phase::Yielded { until } if now >= until => {
                self.phase = Phase::Backoff { until: now + self.backoff.fail(jitter) };
                Due::GiveUp
            }
            Phase::Backoff { until } if now >= until => {
                self.phase = Phase::Idle;
                if self.keep && self.want() { Due::Dial } else { Due::Nothing }
            }
            _ => Due::Nothing,
        }
    }

    pub(crate) const fn timeout(&self) -> Option<Duration> {
        match self.phase {
            Phase::Yielded { until } | Phase::Backoff { until } => Some(until),
            _ => None,
        }
    }

    /// Queues a command for when there is a connection. Gives back what will not be done, in its order:
    /// nothing, or the command, and before it those that it would have come after.
    ///
    /// What waits between two actors is carried out whole or not at all. If one signal were dropped
    /// and not those before or after it, a link could stand for one of the two alone.
    #[must_use = "whoever waits for an effect has to be told"]
    pub(crate) fn queue(&mut self, command: Command) -> Vec<Command> {
        let bytes = size_of_command(&command);
        let has_room = self.queue.len() < self.most_commands
            && self.queued_bytes.saturating_add(bytes) <= self.most_bytes;
        let Some(pair) = pair_of(&command) else {
            if !has_room {
                return vec![command];
            }
            self.push(command, bytes);
            return Vec::new();
        };
        if has_room && !self.refuses {
            self.push(command, bytes);
            return Vec::new();
        }
        self.refuses = true;
        let mut refused = self.take_if(|queued| pair_of(queued) == Some(pair));
        refused.push(command);
        refused
    }

    fn push(&mut self, command: Command, bytes: usize) {
        self.queued_bytes += bytes;
        self.queue.push_back(command);
    }

    /// Whether `command` has nothing to do where there is no connection: a relation that it would end
    /// ended with the last one, or waits here to begin. A monitor that waits here is taken out, so that
    /// neither is sent, and no down comes of a monitor that was taken off.
    pub(crate) fn is_moot(&mut self, command: &Command) -> bool {
        let Command::Signal { signal, .. } = command else { return false };
        let begins = |queued: &Command, beginning: &Signal| {
            pair_of(queued) == pair_of(command)
                && matches!(queued, Command::Signal { signal, .. } if signal == beginning)
        };
        match signal {
            Signal::Demonitor { number } => {
                let monitor = Signal::Monitor { number: *number };
                self.take_if(|queued| begins(queued, &monitor));
                true
            }
            Signal::Exit { cause: ExitCause::Link, .. } => {
                !self.queue.iter().any(|queued| begins(queued, &Signal::Link))
            }
            Signal::Down { .. } | Signal::UnlinkAck { .. } => true,
            _ => false,
        }
    }

    /// Takes out of the queue what `which` says.
    fn take_if(&mut self, which: impl Fn(&Command) -> bool) -> Vec<Command> {
        let (taken, kept) = self.queue.drain(..).partition(which);
        self.queue = kept;
        self.queued_bytes = self.queue.iter().map(size_of_command).sum();
        Vec::from(taken)
    }

    /// An actor has ended: relations that it asked for are not begun any more.
    pub(crate) fn actor_ended(&mut self, actor: NearId) {
        self.watchers.retain(|(watcher, _)| *watcher != actor);
        self.take_if(|command| {
            matches!(command, Command::Signal { from, signal, .. }
                if *from == actor && matches!(signal, Signal::Link | Signal::Monitor { .. }))
        });
    }

    /// Takes all that was queued.
    pub(crate) fn take_queue(&mut self) -> VecDeque<Command> {
        self.queued_bytes = 0;
        self.refuses = false;
        std::mem::take(&mut self.queue)
    }
}

/// What the time has come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Open the transport.
    Dial,
    /// What is queued fails.
    GiveUp,
}

/// Between which two actors a signal goes.
const fn pair_of(command: &Command) -> Option<(NearId, u128, FarId)> {
    match command {
        Command::Signal { from, incarnation, to, .. } => Some((*from, *incarnation, to.id)),
        Command::Request { .. } => None,
    }
}

fn size_of_command(command: &Command) -> usize {
    let inside = match command {
        Command::Signal { signal, .. } => signal.detail_bytes(),
        Command::Request { request: NodeRequest::Lookup { name, type_name }, .. } => {
            name.len() + type_name.len()
        }
        Command::Request { request: NodeRequest::Spawn { factory, args }, .. } => factory.len() + args.len(),
    };
    size_of::<Command>() + inside
}

#[cfg(test)]
#[path = "tests/peer.rs"]
mod tests;
