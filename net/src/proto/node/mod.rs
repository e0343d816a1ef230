//! All connections of one node: the whole seam between the protocol and its driver.
//!
//! The driver opens and closes transports and carries bytes; here is decided whom to call, whom to
//! believe, which of two connections stays, and what becomes of whatever waited.
//!
//! | file | its one job |
//! |---|---|
//! | `mod.rs` | bytes, time and events of all connections |
//! | `calls.rs` | from a call to a connection |
//! | `commands.rs` | what the driver asks for, and what becomes of it |
//! | `roster.rs` | the other nodes that are remembered |
//! | `strangers.rs` | where strangers come from, and who makes way |
//! | `event.rs` | what the driver is told |

mod calls;
mod commands;
mod event;
mod roster;
mod strangers;

pub use self::event::{ConnId, NodeEvent};
pub use self::strangers::Origin;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use self::roster::Roster;
use super::config::Config;
use super::connection::Connection;
use super::event::{EndCause, Event};
use super::handshake::{ClusterKey, Handshake, HandshakeError};
use super::ids::{Identity, NodeName};
use super::peer::{Due, Peer, PeerState};
use super::tables::Tables;
use crate::wire::GoodbyeCause;

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "handshakes are few and short")]
enum Line {
    Shaking {
        handshake: Handshake,
        call: Call,
        /// Who proved itself.
        peer: Option<Identity>,
    },
    Standing(Box<Connection>),
    /// Closed or to be closed; only bytes to send are left.
    Leaving(Vec<u8>),
}

/// Whose call a handshake is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    /// Theirs, from there.
    Theirs(Origin),
    Ours(NodeName),
    /// Ours, to an address: it is not known yet who will answer.
    ToWhomever,
}

/// One node's protocol: its peers and their connections. No I/O, no clock, no randomness of its own.
#[derive(Debug)]
pub struct Node {
    me: Identity,
    key: ClusterKey,
    config: Config,
    /// What all connections look things up in.
    pub tables: Tables,
    lines: BTreeMap<ConnId, Line>,
    roster: Roster,
    events: VecDeque<NodeEvent>,
    last_conn: u64,
    jitter: u64,
}

impl Node {
    /// Limits and times.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A node without peers. `seed` spreads its calls in time, and is no secret.
    #[must_use]
    pub const fn new(me: Identity, key: ClusterKey, config: Config, tables: Tables, seed: u64) -> Self {
        Self {
            me,
            key,
            tables,
            lines: BTreeMap::new(),
            roster: Roster::new(config.peers),
            config,
            events: VecDeque::new(),
            last_conn: 0,
            jitter: seed,
        }
    }

    /// Takes bytes from a transport. Bytes of one that is over are dropped.
    ///
    /// Moves `input` past what it used. When something is left, take events and call again.
    pub fn handle_bytes(&mut self, now: Duration, conn: ConnId, input: &mut &[u8]) {
        loop {
            match self.lines.get_mut(&conn) {
                Some(Line::Standing(connection)) => {
                    connection.handle_bytes(now, input, &mut self.tables);
                    return self.collect(now, conn);
                }
                Some(Line::Shaking { handshake, .. }) => {
                    let progress = handshake.handle_bytes(now, input);
                    if !self.handle_progress(now, conn, progress) {
                        return;
                    }
                }
                Some(Line::Leaving(_)) | None => {
                    *input = &[];
                    return;
                }
            }
        }
    }

    /// A transport was closed, by the peer or by an error.
    pub fn handle_closed(&mut self, now: Duration, conn: ConnId) {
        match self.lines.get_mut(&conn) {
            Some(Line::Standing(connection)) => {
                connection.handle_closed();
                self.collect(now, conn);
            }
            Some(Line::Shaking { .. }) => self.handshake_failed(now, conn, HandshakeError::Closed),
            Some(Line::Leaving(_)) | None => {}
        }
        self.lines.remove(&conn);
    }

    /// The clock has moved on.
    pub fn handle_timeout(&mut self, now: Duration) {
        let conns: Vec<ConnId> = self.lines.keys().copied().collect();
        for conn in conns {
            match self.lines.get_mut(&conn) {
                Some(Line::Standing(connection)) => {
                    connection.handle_timeout(now);
                    self.collect(now, conn);
                }
                Some(Line::Shaking { handshake, .. }) => {
                    if let Err(error) = handshake.handle_timeout(now) {
                        self.handshake_failed(now, conn, error);
                    }
                }
                Some(Line::Leaving(_)) | None => {}
            }
        }
        for name in self.roster.names() {
            let jitter = self.jitter();
            match self.roster.get_mut(&name).map(|peer| peer.handle_timeout(now, jitter)) {
                Some(Due::Nothing) | None => {}
                Some(Due::Dial) => self.events.push_back(NodeEvent::Dial { peer: name }),
                Some(Due::GiveUp) => self.unreachable(&name),
            }
        }
    }

    /// Appends what has to be written to a transport; `false` if there is nothing.
    pub fn poll_transmit(&mut self, conn: ConnId, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        match self.lines.get_mut(&conn) {
            Some(Line::Standing(connection)) => {
                let any = connection.poll_transmit(out);
                self.gather(conn);
                any
            }
            Some(Line::Shaking { handshake, .. }) => {
                handshake.poll_transmit(out);
                out.len() > before
            }
            Some(Line::Leaving(bytes)) => {
                out.append(bytes);
                self.lines.remove(&conn);
                out.len() > before
            }
            None => false,
        }
    }

    /// Whether something is to be written to a transport.
    #[must_use]
    pub fn has_output(&self, conn: ConnId) -> bool {
        match self.lines.get(&conn) {
            Some(Line::Standing(connection)) => connection.has_output(),
            Some(Line::Shaking { .. } | Line::Leaving(_)) => true,
            None => false,
        }
    }

    /// How much there is to tell.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.events.len()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<NodeEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let lines = self.lines.values().filter_map(|line| match line {
            Line::Standing(connection) => connection.poll_timeout(),
            Line::Shaking { handshake, .. } => handshake.poll_timeout(),
            Line::Leaving(_) => None,
        });
        lines.chain(self.roster.iter().filter_map(Peer::timeout)).min()
    }

    /// Stops: every connection ends in order, once the rest of it is written.
    pub fn stop(&mut self, now: Duration) {
        let conns: Vec<ConnId> = self.lines.keys().copied().collect();
        for conn in conns {
            match self.lines.get_mut(&conn) {
                Some(Line::Standing(connection)) => {
                    connection.stop(GoodbyeCause::Stopping);
                    self.collect(now, conn);
                }
                Some(Line::Shaking { .. }) => self.handshake_failed(now, conn, HandshakeError::Abandoned),
                Some(Line::Leaving(_)) | None => {}
            }
        }
    }

    /// Who this node is.
    #[must_use]
    pub const fn me(&self) -> &Identity {
        &self.me
    }

    /// How things stand with a peer.
    #[must_use]
    pub fn state_of(&self, peer: &NodeName) -> PeerState {
        self.roster.get(peer).map_or(PeerState::Idle, Peer::state)
    }

    /// The connection to a peer, and the incarnation at its other end.
    #[must_use]
    pub fn connection_to(&self, peer: &NodeName) -> Option<(ConnId, &Connection)> {
        let (conn, _) = self.standing(peer)?;
        match self.lines.get(&conn) {
            Some(Line::Standing(connection)) => Some((conn, connection)),
            _ => None,
        }
    }

    /// Other nodes that are remembered, connected or not.
    #[must_use]
    pub fn known_peers(&self) -> usize {
        self.roster.len()
    }

    /// Transports in use, those that are closing left out.
    #[must_use]
    pub fn open_lines(&self) -> usize {
        self.lines.values().filter(|line| !matches!(line, Line::Leaving(_))).count()
    }

    /// Strangers: those who have called and have not yet shown who they are.
    #[must_use]
    pub fn strangers(&self) -> usize {
        self.strangers_there().count()
    }

    /// In the order in which they came.
    fn strangers_there(&self) -> impl Iterator<Item = (ConnId, Origin)> {
        self.lines.iter().filter_map(|(conn, line)| match line {
            Line::Shaking { call: Call::Theirs(origin), .. } => Some((*conn, *origin)),
            _ => None,
        })
    }

    /// Whether the bytes of a transport are those of a node that has shown who it is.
    #[must_use]
    pub fn is_standing(&self, conn: ConnId) -> bool {
        matches!(self.lines.get(&conn), Some(Line::Standing(_)))
    }

    /// Moves a connection's events to the node's, and sees whether it has ended.
    fn collect(&mut self, now: Duration, conn: ConnId) {
        let Some((peer, cause)) = self.gather(conn) else { return };
        let jitter = self.jitter();
        let counts = self.roster.get_mut(&peer.name).is_some_and(|known| known.lost(now, conn, jitter));
        let name = peer.name.clone();
        self.events.push_back(NodeEvent::Down { conn, peer, cause });
        if counts {
            // After it, so that who watches can be told why.
            self.notify_watchers(&name);
        }
        self.events.push_back(NodeEvent::Close { conn });
        if let Some(Line::Standing(mut connection)) = self.lines.remove(&conn) {
            let mut rest = Vec::new();
            while connection.poll_transmit(&mut rest) {}
            if !rest.is_empty() {
                self.lines.insert(conn, Line::Leaving(rest));
            }
        }
    }

    /// Moves a connection's events to the node's; gives whom it was with and why, when it is over.
    fn gather(&mut self, conn: ConnId) -> Option<(Identity, EndCause)> {
        let Some(Line::Standing(connection)) = self.lines.get_mut(&conn) else { return None };
        while let Some(event) = connection.poll_event() {
            if let Event::Ended { cause } = event {
                return Some((connection.peer().clone(), cause));
            }
            let (name, incarnation) = (connection.peer().name.clone(), connection.peer().incarnation);
            self.events.push_back(NodeEvent::Far { peer: name, incarnation, event });
        }
        None
    }

    /// The next random number: splitmix64.
    const fn jitter(&mut self) -> u64 {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.jitter;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
