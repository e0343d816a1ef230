//! All connections of one node: the whole seam between the protocol and its driver.
//!
//! The driver opens and closes transports and carries bytes; here is decided whom to call, whom to
//! believe, which of two connections stays, and what becomes of whatever waited.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::config::Config;
use super::connection::Connection;
use super::error::CommandError;
use super::event::{EndCause, Event};
use super::handshake::{Acquaintance, ClusterKey, Handshake, HandshakeError, Introduction, Progress};
use super::ids::{FarId, FarPid, Identity, NearId, NodeName};
use super::peer::{Command, Due, Peer, PeerState, Phase, Verdict};
use super::reason::{Reason, Signal};
use super::requests::NodeRequest;
use super::tables::Tables;
use crate::wire::{ExitCause, GoodbyeCause, NONCE_BYTES, Refusal};

/// One transport connection, as this node numbers them. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) u64);

/// What a node tells its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// Open a transport to this node, then call [`Node::opened`] or [`Node::open_failed`].
    Dial {
        /// Whom to call.
        peer: NodeName,
    },
    /// A connection stands.
    Up {
        /// Its transport.
        conn: ConnId,
        /// With whom.
        peer: Identity,
    },
    /// It is over. All that stood across it has been told before this.
    Down {
        /// Its transport.
        conn: ConnId,
        /// With whom.
        peer: Identity,
        /// Why.
        cause: EndCause,
    },
    /// A handshake came to nothing.
    HandshakeFailed {
        /// Its transport.
        conn: ConnId,
        /// Whom this node had called, if it was the caller.
        dialled: Option<NodeName>,
        /// Why.
        error: HandshakeError,
    },
    /// A call came to nothing, and what waited for it has been told before this.
    Unreachable {
        /// Who was called.
        peer: NodeName,
    },
    /// Write what [`Node::poll_transmit`] still has, then close this transport.
    Close {
        /// Which.
        conn: ConnId,
    },
    /// Something from a connection, or in its place: an actor's relation with one at a node that
    /// can't be reached has its `NoConnection` here too.
    Far {
        /// The node that it is about.
        peer: NodeName,
        /// The incarnation that it is about: an actor may have relations with actors of two, who
        /// differ in nothing else.
        incarnation: u128,
        /// What happened.
        event: Event,
    },
    /// A request that had waited for the connection was sent: `Event::Answered` names this number.
    Asked {
        /// The driver's number for it.
        token: u64,
        /// The connection's.
        number: u64,
    },
    /// A request that had waited for the connection will not be sent.
    NotAsked {
        /// The driver's number for it.
        token: u64,
    },
    /// The one notice of a monitor on a node: it is not connected any more, or can't be.
    NodeDown {
        /// Who monitors.
        watcher: NearId,
        /// The monitor's number.
        number: u64,
        /// The node.
        peer: NodeName,
    },
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "handshakes are few and short")]
enum Line {
    Shaking {
        handshake: Handshake,
        dialled: Option<NodeName>,
    },
    Standing(Box<Connection>),
    /// Closed or to be closed; only bytes to send are left.
    Leaving(Vec<u8>),
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
    peers: BTreeMap<NodeName, Peer>,
    events: VecDeque<NodeEvent>,
    last_conn: u64,
    jitter: u64,
}

impl Node {
    /// A node without peers. `seed` spreads its calls in time, and is no secret.
    #[must_use]
    pub const fn new(me: Identity, key: ClusterKey, config: Config, tables: Tables, seed: u64) -> Self {
        Self {
            me,
            key,
            config,
            tables,
            lines: BTreeMap::new(),
            peers: BTreeMap::new(),
            events: VecDeque::new(),
            last_conn: 0,
            jitter: seed,
        }
    }

    /// A connection to `peer` is wanted now, and with `keep` again whenever it breaks.
    pub fn connect(&mut self, peer: &NodeName, keep: bool) {
        let known = self.peer(peer);
        known.keep |= keep;
        if known.want() {
            self.events.push_back(NodeEvent::Dial { peer: peer.clone() });
        }
    }

    /// The transport to `peer` that was asked for is open. `None`: it is not needed any more.
    ///
    /// `nonce` must be random, and is never used again. `binding`: see [`Introduction`].
    pub fn opened(
        &mut self,
        now: Duration,
        peer: &NodeName,
        nonce: [u8; NONCE_BYTES],
        binding: &[u8],
    ) -> Option<ConnId> {
        let conn = ConnId(self.last_conn + 1);
        if !self.peer(peer).opened(conn) {
            return None;
        }
        self.last_conn += 1;
        let mut introduction = self.introduction(binding);
        introduction.expected = Some(peer.clone());
        let handshake = Handshake::dial(now, introduction, nonce, &self.config);
        self.lines.insert(conn, Line::Shaking { handshake, dialled: Some(peer.clone()) });
        Some(conn)
    }

    /// The transport to `peer` that was asked for can't be opened.
    pub fn open_failed(&mut self, now: Duration, peer: &NodeName) {
        self.call_failed(now, peer, None, false);
    }

    /// Somebody called. `None`: there are too many strangers, close the transport.
    ///
    /// `nonce` must be random, and is never used again. `binding`: see [`Introduction`].
    pub fn accepted(&mut self, now: Duration, nonce: [u8; NONCE_BYTES], binding: &[u8]) -> Option<ConnId> {
        let strangers =
            self.lines.values().filter(|line| matches!(line, Line::Shaking { dialled: None, .. }));
        if strangers.count() >= self.config.strangers {
            return None;
        }
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let handshake = Handshake::listen(now, self.introduction(binding), nonce, &self.config);
        self.lines.insert(conn, Line::Shaking { handshake, dialled: None });
        Some(conn)
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
        let names: Vec<NodeName> = self.peers.keys().cloned().collect();
        for name in names {
            let jitter = self.jitter();
            match self.peer(&name).handle_timeout(now, jitter) {
                Due::Nothing => {}
                Due::Dial => self.events.push_back(NodeEvent::Dial { peer: name }),
                Due::GiveUp => self.unreachable(&name),
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
        lines.chain(self.peers.values().filter_map(Peer::timeout)).min()
    }

    /// Sends a signal to an actor of one incarnation of a node, at once or when there is a
    /// connection. It never fails without a word: where it can't arrive, what it asked for has its
    /// `NoConnection`.
    ///
    /// # Errors
    /// When a limit of this node's own is reached.
    pub fn signal(
        &mut self,
        now: Duration,
        from: NearId,
        (peer, incarnation): (&NodeName, u128),
        to: FarPid,
        signal: Signal,
    ) -> Result<(), CommandError> {
        if let Some((conn, current)) = self.standing(peer) {
            if current != incarnation {
                self.undo_signal(peer, incarnation, from, to.id, &signal);
                return Ok(());
            }
            return self.with(now, conn, |connection, tables| connection.signal(tables, from, to, &signal));
        }
        self.queue(peer, Command::Signal { from, incarnation, to, signal });
        Ok(())
    }

    /// Asks something of a node, at once or when there is a connection. Tells the number it went
    /// under by [`NodeEvent::Asked`], or [`NodeEvent::NotAsked`].
    ///
    /// # Errors
    /// When a limit of this node's own is reached, or a name is bad.
    pub fn request(
        &mut self,
        now: Duration,
        peer: &NodeName,
        token: u64,
        request: NodeRequest,
    ) -> Result<(), CommandError> {
        let Some((conn, _)) = self.standing(peer) else {
            self.queue(peer, Command::Request { token, request });
            return Ok(());
        };
        let number = self.with(now, conn, |connection, _| connection.request(&request))?;
        self.events.push_back(NodeEvent::Asked { token, number });
        Ok(())
    }

    /// Does something with the connection to one incarnation of a node.
    ///
    /// # Errors
    /// `NoConnection` when there is none, or only to another incarnation; else what `act` says.
    pub fn with_connection<T>(
        &mut self,
        now: Duration,
        (peer, incarnation): (&NodeName, u128),
        act: impl FnOnce(&mut Connection, &mut Tables) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        match self.standing(peer) {
            Some((conn, current)) if current == incarnation => self.with(now, conn, act),
            _ => Err(CommandError::NoConnection),
        }
    }

    /// An actor of this node has ended: every peer that has to know is told.
    pub fn actor_ended(&mut self, now: Duration, actor: NearId, reason: &Reason) {
        let conns: Vec<ConnId> = self.lines.keys().copied().collect();
        for conn in conns {
            if let Some(Line::Standing(connection)) = self.lines.get_mut(&conn) {
                connection.actor_ended(&self.tables, actor, reason);
                self.collect(now, conn);
            }
        }
        for peer in self.peers.values_mut() {
            peer.actor_ended(actor);
        }
        self.tables.exports.remove(actor);
    }

    /// Monitors a node: one [`NodeEvent::NodeDown`] when its connection ends, or can't be made.
    pub fn monitor_node(&mut self, peer: &NodeName, watcher: NearId, number: u64) {
        if self.peer(peer).state() == PeerState::Backoff {
            self.events.push_back(NodeEvent::NodeDown { watcher, number, peer: peer.clone() });
            return;
        }
        self.peer(peer).watchers.insert((watcher, number));
        self.connect(peer, false);
    }

    /// Takes such a monitor off. `false`: its notice was given.
    pub fn demonitor_node(&mut self, peer: &NodeName, watcher: NearId, number: u64) -> bool {
        self.peer(peer).watchers.remove(&(watcher, number))
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
        self.peers.get(peer).map_or(PeerState::Idle, Peer::state)
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

    /// Transports in use, those that are closing left out.
    #[must_use]
    pub fn open_lines(&self) -> usize {
        self.lines.values().filter(|line| !matches!(line, Line::Leaving(_))).count()
    }

    fn introduction(&self, binding: &[u8]) -> Introduction {
        let mut introduction = Introduction::new(self.me.clone(), self.key.clone());
        introduction.binding = binding.to_vec();
        introduction
    }

    fn peer(&mut self, name: &NodeName) -> &mut Peer {
        let config = &self.config;
        self.peers.entry(name.clone()).or_insert_with(|| Peer::new(config))
    }

    fn standing(&self, peer: &NodeName) -> Option<(ConnId, u128)> {
        match self.peers.get(peer)?.phase {
            Phase::Connected { conn, incarnation } => Some((conn, incarnation)),
            _ => None,
        }
    }

    fn with<T>(
        &mut self,
        now: Duration,
        conn: ConnId,
        act: impl FnOnce(&mut Connection, &mut Tables) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let Some(Line::Standing(connection)) = self.lines.get_mut(&conn) else {
            return Err(CommandError::NoConnection);
        };
        let result = act(connection, &mut self.tables);
        self.collect(now, conn);
        result
    }

    /// `true`: go on with what is left of the input.
    fn handle_progress(
        &mut self,
        now: Duration,
        conn: ConnId,
        progress: Result<Progress, HandshakeError>,
    ) -> bool {
        match progress {
            Ok(Progress::More) => false,
            Ok(Progress::Identified(peer)) => self.decide(now, conn, &peer),
            Ok(Progress::Done(acquaintance)) => {
                self.stand(now, conn, &acquaintance);
                true
            }
            Err(error) => {
                self.handshake_failed(now, conn, error);
                false
            }
        }
    }

    fn decide(&mut self, now: Duration, conn: ConnId, identity: &Identity) -> bool {
        let Some(Line::Shaking { dialled, .. }) = self.lines.get(&conn) else { return false };
        let (by_us, me) = (dialled.is_some(), self.me.clone());
        let (replaces, abandons) = match self.peer(&identity.name).judge(&me, identity, conn, by_us) {
            Verdict::Accept { replaces, abandons } => (replaces, abandons),
            Verdict::Refuse(refusal) => {
                if let Some(Line::Shaking { handshake, .. }) = self.lines.get_mut(&conn) {
                    handshake.refuse(refusal);
                }
                self.handshake_failed(now, conn, HandshakeError::Refusing(refusal));
                return false;
            }
        };
        let Some(Line::Shaking { handshake, .. }) = self.lines.get_mut(&conn) else { return false };
        let accepted = handshake.accept();
        if accepted.is_some() || !by_us {
            if let Some(ours) = abandons {
                // The peer's call takes its place, so that nothing has failed.
                self.peer(&identity.name).phase = Phase::Idle;
                self.handshake_failed(now, ours, HandshakeError::Abandoned);
            }
            if let Some(old) = replaces {
                self.replace(now, old);
            }
        }
        if let Some(acquaintance) = accepted {
            self.stand(now, conn, &acquaintance);
        }
        true
    }

    /// A connection to an earlier incarnation ends.
    fn replace(&mut self, now: Duration, old: ConnId) {
        if let Some(Line::Standing(connection)) = self.lines.get_mut(&old) {
            connection.stop(GoodbyeCause::Superseded);
            self.collect(now, old);
        }
    }

    fn stand(&mut self, now: Duration, conn: ConnId, acquaintance: &Acquaintance) {
        let peer = acquaintance.peer.clone();
        let mut rest = Vec::new();
        if let Some(Line::Shaking { handshake, .. }) = self.lines.get_mut(&conn) {
            handshake.poll_transmit(&mut rest);
        }
        let connection = Connection::after(now, acquaintance, &self.config, rest);
        self.lines.insert(conn, Line::Standing(Box::new(connection)));
        self.peer(&peer.name).connected(conn, peer.incarnation);
        self.events.push_back(NodeEvent::Up { conn, peer: peer.clone() });
        for command in self.peer(&peer.name).take_queue() {
            match command {
                Command::Signal { incarnation, .. } if incarnation != peer.incarnation => {
                    self.undo(&peer.name, command);
                }
                _ => self.carry_out(now, conn, &peer.name, command),
            }
        }
    }

    fn carry_out(&mut self, now: Duration, conn: ConnId, peer: &NodeName, command: Command) {
        let done = match &command {
            Command::Signal { from, to, signal, .. } => {
                self.with(now, conn, |connection, tables| connection.signal(tables, *from, *to, signal))
            }
            Command::Request { token, request } => {
                let asked = self.with(now, conn, |connection, _| connection.request(request));
                asked.map(|number| self.events.push_back(NodeEvent::Asked { token: *token, number }))
            }
        };
        if done.is_err() {
            self.undo(peer, command);
        }
    }

    fn queue(&mut self, peer: &NodeName, command: Command) {
        if self.peer(peer).state() == PeerState::Backoff {
            return self.undo(peer, command);
        }
        if let Err(command) = self.peer(peer).queue(command) {
            self.undo(peer, command);
        }
        self.connect(peer, false);
    }

    /// A command will not reach its node: whoever waits for an effect is told.
    fn undo(&mut self, peer: &NodeName, command: Command) {
        match command {
            Command::Signal { from, incarnation, to, signal } => {
                self.undo_signal(peer, incarnation, from, to.id, &signal);
            }
            Command::Request { token, .. } => self.events.push_back(NodeEvent::NotAsked { token }),
        }
    }

    fn undo_signal(&mut self, peer: &NodeName, incarnation: u128, from: NearId, to: FarId, signal: &Signal) {
        let reason = Reason::NoConnection;
        let answer = match *signal {
            Signal::Link => Signal::Exit { cause: ExitCause::Link, reason },
            Signal::Monitor { number } => Signal::Down { number, reason },
            Signal::Unlink { number } => Signal::UnlinkAck { number },
            _ => return,
        };
        let event = Event::Signal { to: from, from: FarPid { id: to, authenticator: 0 }, signal: answer };
        self.events.push_back(NodeEvent::Far { peer: peer.clone(), incarnation, event });
    }

    fn handshake_failed(&mut self, now: Duration, conn: ConnId, error: HandshakeError) {
        let Some(Line::Shaking { mut handshake, dialled }) = self.lines.remove(&conn) else { return };
        let mut rest = Vec::new();
        if handshake.poll_transmit(&mut rest) {
            self.lines.insert(conn, Line::Leaving(rest));
        }
        let gave_way =
            matches!(error, HandshakeError::Refused { refusal: Refusal::BothDialled, proven: true });
        self.events.push_back(NodeEvent::HandshakeFailed { conn, dialled: dialled.clone(), error });
        self.events.push_back(NodeEvent::Close { conn });
        if let Some(peer) = dialled {
            self.call_failed(now, &peer, Some(conn), gave_way);
        }
    }

    fn call_failed(&mut self, now: Duration, peer: &NodeName, conn: Option<ConnId>, gave_way: bool) {
        let jitter = self.jitter();
        if self.peer(peer).call_failed(now, conn, gave_way, jitter) {
            self.unreachable(peer);
        }
    }

    fn unreachable(&mut self, peer: &NodeName) {
        for command in self.peer(peer).take_queue() {
            self.undo(peer, command);
        }
        self.notify_watchers(peer);
        self.events.push_back(NodeEvent::Unreachable { peer: peer.clone() });
    }

    fn notify_watchers(&mut self, peer: &NodeName) {
        for (watcher, number) in std::mem::take(&mut self.peer(peer).watchers) {
            self.events.push_back(NodeEvent::NodeDown { watcher, number, peer: peer.clone() });
        }
    }

    /// Moves a connection's events to the node's, and sees whether it has ended.
    fn collect(&mut self, now: Duration, conn: ConnId) {
        let Some((peer, cause)) = self.gather(conn) else { return };
        let jitter = self.jitter();
        if self.peer(&peer.name).lost(now, conn, jitter) {
            self.notify_watchers(&peer.name);
        }
        self.events.push_back(NodeEvent::Down { conn, peer, cause });
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
        let peer = connection.peer().clone();
        while let Some(event) = connection.poll_event() {
            if let Event::Ended { cause } = event {
                return Some((peer, cause));
            }
            let (name, incarnation) = (peer.name.clone(), peer.incarnation);
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
