//! What a node knows of one other node: whether it is connected, who calls, and what waits.
//!
//! Pure: it decides, and [`Node`](super::Node) does.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::config::Config;
use super::dial::{Backoff, call_of_first_goes_on};
use super::ids::{FarPid, Identity, NearId};
use super::node::ConnId;
use super::reason::Signal;
use super::requests::NodeRequest;
use crate::wire::Refusal;

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

    /// A peer of this name proved itself on `conn`; `by_us` says who called.
    pub(crate) fn judge(&self, me: &Identity, peer: &Identity, conn: ConnId, by_us: bool) -> Verdict {
        if self.former.contains(&peer.incarnation) {
            return Verdict::Refuse(Refusal::Superseded);
        }
        let accept = |replaces, abandons| Verdict::Accept { replaces, abandons };
        match self.phase {
            Phase::Connected { incarnation, .. } if incarnation == peer.incarnation => {
                Verdict::Refuse(Refusal::AlreadyConnected)
            }
            Phase::Connected { conn, .. } => accept(Some(conn), None),
            Phase::Calling { conn: ours } if by_us && ours == Some(conn) => accept(None, None),
            _ if by_us => Verdict::Refuse(Refusal::AlreadyConnected),
            // Both called. Without this rule each would drop its own call for the other's, or
            // keep it, and there would be no connection or two.
            Phase::Calling { .. } if call_of_first_goes_on(&me.name, &peer.name) => {
                Verdict::Refuse(Refusal::BothDialled)
            }
            Phase::Calling { conn: ours } => accept(None, ours),
            Phase::Idle | Phase::Yielded { .. } | Phase::Backoff { .. } => accept(None, None),
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

    /// Queues a command for when there is a connection; gives it back when there is no room.
    pub(crate) fn queue(&mut self, command: Command) -> Result<(), Command> {
        if self.takes_back(&command) {
            return Ok(());
        }
        let bytes = size_of_command(&command);
        if self.queue.len() >= self.most_commands || self.queued_bytes + bytes > self.most_bytes {
            return Err(command);
        }
        self.queued_bytes += bytes;
        self.queue.push_back(command);
        Ok(())
    }

    /// Whether `command` takes off a monitor that still waits here: then neither is sent, and no
    /// down comes of a monitor that was taken off.
    fn takes_back(&mut self, command: &Command) -> bool {
        let Command::Signal { from, incarnation, to, signal: Signal::Demonitor { number } } = command else {
            return false;
        };
        let monitor = Signal::Monitor { number: *number };
        let monitor = Command::Signal { from: *from, incarnation: *incarnation, to: *to, signal: monitor };
        let Some(at) = self.queue.iter().position(|queued| *queued == monitor) else { return false };
        self.queue.remove(at);
        self.queued_bytes -= size_of_command(&monitor);
        true
    }

    /// An actor has ended: relations that it asked for are not begun any more.
    pub(crate) fn actor_ended(&mut self, actor: NearId) {
        self.watchers.retain(|(watcher, _)| *watcher != actor);
        let queued_bytes = &mut self.queued_bytes;
        self.queue.retain(|command| {
            let begins = matches!(command, Command::Signal { from, signal, .. }
                if *from == actor && matches!(signal, Signal::Link | Signal::Monitor { .. }));
            if begins {
                *queued_bytes -= size_of_command(command);
            }
            !begins
        });
    }

    /// Takes all that was queued.
    pub(crate) fn take_queue(&mut self) -> VecDeque<Command> {
        self.queued_bytes = 0;
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

fn size_of_command(command: &Command) -> usize {
    let inside = match command {
        Command::Signal { .. } => 0,
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
