//! What the driver asks for, at once or when there is a connection, and the outcome of what can't be done.

use std::time::Duration;

use super::{ConnId, Line, Node, NodeEvent};
use crate::proto::connection::Connection;
use crate::proto::error::CommandError;
use crate::proto::event::Event;
use crate::proto::ids::{FarId, FarPid, Identity, NearId, NodeName};
use crate::proto::peer::{Command, PeerState, Phase};
use crate::proto::reason::{Reason, Signal};
use crate::proto::requests::NodeRequest;
use crate::proto::tables::Tables;
use crate::wire::ExitCause;

impl Node {
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
        self.queue(peer, Command::Signal { from, incarnation, to, signal })
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
            return self.queue(peer, Command::Request { token, request });
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
        match self.reach(peer, incarnation) {
            Some(conn) => self.with(now, conn, act),
            None => Err(CommandError::NoConnection),
        }
    }

    /// The connection to one incarnation of a node.
    pub(crate) fn reach(&self, peer: &NodeName, incarnation: u128) -> Option<ConnId> {
        self.standing(peer).filter(|(_, current)| *current == incarnation).map(|(conn, _)| conn)
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
        for peer in self.roster.iter_mut() {
            peer.actor_ended(actor);
        }
        self.tables.exports.remove(actor);
    }

    /// Monitors a node: one [`NodeEvent::NodeDown`] when its connection ends, or can't be made.
    ///
    /// # Errors
    /// When a limit of this node's own is reached.
    pub fn monitor_node(
        &mut self,
        peer: &NodeName,
        watcher: NearId,
        number: u64,
    ) -> Result<(), CommandError> {
        let limit = self.config.relations;
        let known = self.roster.admit(peer, &self.config)?;
        if known.state() == PeerState::Backoff {
            self.events.push_back(NodeEvent::NodeDown { watcher, number, peer: peer.clone() });
            return Ok(());
        }
        if known.watchers.len() >= limit {
            return Err(CommandError::TooMany { what: "monitors of the node", limit });
        }
        known.watchers.insert((watcher, number));
        self.connect(peer, false)
    }

    /// Takes such a monitor off. `false`: its notice was given.
    pub fn demonitor_node(&mut self, peer: &NodeName, watcher: NearId, number: u64) -> bool {
        self.roster.get_mut(peer).is_some_and(|known| known.watchers.remove(&(watcher, number)))
    }

    pub(super) fn standing(&self, peer: &NodeName) -> Option<(ConnId, u128)> {
        match self.roster.get(peer)?.phase {
            Phase::Connected { conn, incarnation } => Some((conn, incarnation)),
            _ => None,
        }
    }

    /// Does something with a connection.
    pub(crate) fn with<T>(
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

    /// Does what waited for a connection, which now stands.
    pub(super) fn carry_out(&mut self, now: Duration, conn: ConnId, peer: &Identity, command: Command) {
        let done = match &command {
            Command::Signal { incarnation, .. } if *incarnation != peer.incarnation => {
                Err(CommandError::NoConnection)
            }
            Command::Signal { from, to, signal, .. } => {
                self.with(now, conn, |connection, tables| connection.signal(tables, *from, *to, signal))
            }
            Command::Request { token, request } => {
                let asked = self.with(now, conn, |connection, _| connection.request(request));
                asked.map(|number| self.events.push_back(NodeEvent::Asked { token: *token, number }))
            }
        };
        if done.is_err() {
            self.undo(&peer.name, command);
        }
    }

    fn queue(&mut self, peer: &NodeName, command: Command) -> Result<(), CommandError> {
        let known = self.roster.admit(peer, &self.config)?;
        if known.is_moot(&command) {
            return Ok(());
        }
        if known.state() == PeerState::Backoff {
            self.undo(peer, command);
            return Ok(());
        }
        for refused in known.queue(command) {
            self.undo(peer, refused);
        }
        self.connect(peer, false)
    }

    /// A command will not reach its node: whoever waits for an effect is told.
    pub(super) fn undo(&mut self, peer: &NodeName, command: Command) {
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

    pub(super) fn notify_watchers(&mut self, peer: &NodeName) {
        let watchers = self.roster.get_mut(peer).map(|known| std::mem::take(&mut known.watchers));
        for (watcher, number) in watchers.unwrap_or_default() {
            self.events.push_back(NodeEvent::NodeDown { watcher, number, peer: peer.clone() });
        }
    }
}
