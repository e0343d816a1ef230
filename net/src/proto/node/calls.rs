//! From a call to a connection: who is called, who is believed, which of two connections stays.

use std::time::Duration;

use super::strangers::{Origin, makes_way};
use super::{Call, ConnId, Line, Node, NodeEvent};
use crate::proto::connection::Connection;
use crate::proto::error::CommandError;
use crate::proto::handshake::{Acquaintance, Handshake, HandshakeError, Introduction, Progress};
use crate::proto::ids::{Identity, NodeName};
use crate::proto::peer::{Phase, Verdict};
use crate::wire::{GoodbyeCause, NONCE_BYTES, Refusal};

impl Node {
    /// A connection to `peer` is wanted now, and with `keep` again whenever it breaks.
    ///
    /// # Errors
    /// When as many peers are needed as may be.
    pub fn connect(&mut self, peer: &NodeName, keep: bool) -> Result<(), CommandError> {
        let known = self.roster.admit(peer, &self.config)?;
        known.keep |= keep;
        if known.want() {
            self.events.push_back(NodeEvent::Dial { peer: peer.clone() });
        }
        Ok(())
    }

    /// `peer` is not to be called again without being asked for, and nothing is remembered about it if
    /// nobody needs it: no connection or call, no command that waits, no monitor. Says whether that is so.
    ///
    /// A node remembers [`Config::peers`](crate::proto::Config::peers) others, and by itself forgets those
    /// first that nobody needs. What it remembers of those is which incarnations are over.
    pub fn forget(&mut self, peer: &NodeName) -> bool {
        self.roster.forget(peer)
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
        if !self.roster.get_mut(peer)?.opened(conn) {
            return None;
        }
        let mut introduction = self.introduction(binding);
        introduction.expected = Some(peer.clone());
        let handshake = Handshake::dial(now, introduction, nonce, &self.config);
        Some(self.add_line(handshake, Call::Ours(peer.clone())))
    }

    /// A transport is open to an address, whosever it is. Once the peer has proved itself this is our call
    /// to it, unless there is a connection or another call: [`NodeEvent::HandshakeFailed`] says with whom.
    ///
    /// `nonce` must be random, and is never used again. `binding`: see [`Introduction`].
    pub fn opened_unknown(&mut self, now: Duration, nonce: [u8; NONCE_BYTES], binding: &[u8]) -> ConnId {
        let handshake = Handshake::dial(now, self.introduction(binding), nonce, &self.config);
        self.add_line(handshake, Call::ToWhomever)
    }

    /// The transport to `peer` that was asked for can't be opened.
    pub fn open_failed(&mut self, now: Duration, peer: &NodeName) {
        self.call_failed(now, peer, None, false);
    }

    /// Somebody called, from `origin`. Where there are as many strangers as may be, one of the most crowded
    /// origin makes way: it is refused as busy. `None`: this node takes no calls at all, close the transport.
    ///
    /// `nonce` must be random, and is never used again. `binding`: see [`Introduction`].
    pub fn accepted(
        &mut self,
        now: Duration,
        origin: Origin,
        nonce: [u8; NONCE_BYTES],
        binding: &[u8],
    ) -> Option<ConnId> {
        if self.config.strangers == 0 {
            return None;
        }
        let there: Vec<(ConnId, Origin)> = self.strangers_there().collect();
        if let Some(first) = makes_way(&there, origin, self.config.strangers) {
            self.refuse(now, first, Refusal::Busy);
        }
        let handshake = Handshake::listen(now, self.introduction(binding), nonce, &self.config);
        Some(self.add_line(handshake, Call::Theirs(origin)))
    }

    fn add_line(&mut self, handshake: Handshake, call: Call) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.lines.insert(conn, Line::Shaking { handshake, call, peer: None });
        conn
    }

    fn introduction(&self, binding: &[u8]) -> Introduction {
        let mut introduction = Introduction::new(self.me.clone(), self.key.clone());
        introduction.binding = binding.to_vec();
        introduction
    }

    /// `true`: go on with what is left of the input.
    pub(super) fn handle_progress(
        &mut self,
        now: Duration,
        conn: ConnId,
        progress: Result<Progress, HandshakeError>,
    ) -> bool {
        match progress {
            Ok(Progress::More) => false,
            Ok(Progress::Identified(identity)) => self.decide(now, conn, &identity),
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

    /// The peer has proved itself: whether it may stay.
    fn decide(&mut self, now: Duration, conn: ConnId, identity: &Identity) -> bool {
        let Some(Line::Shaking { call, peer, .. }) = self.lines.get_mut(&conn) else { return false };
        *peer = Some(identity.clone());
        let call = call.clone();
        match self.judge(conn, &call, identity) {
            Verdict::Refuse(refusal) => {
                self.refuse(now, conn, refusal);
                false
            }
            Verdict::Accept { replaces, abandons } => {
                if let Some(ours) = abandons {
                    self.give_way(now, ours, &identity.name);
                }
                if let Some(old) = replaces {
                    self.replace(now, old);
                }
                if call == Call::ToWhomever {
                    self.adopt(conn, &identity.name);
                }
                let Some(Line::Shaking { handshake, .. }) = self.lines.get_mut(&conn) else { return false };
                if let Some(acquaintance) = handshake.accept() {
                    self.stand(now, conn, &acquaintance);
                }
                true
            }
        }
    }

    fn refuse(&mut self, now: Duration, conn: ConnId, refusal: Refusal) {
        if let Some(Line::Shaking { handshake, .. }) = self.lines.get_mut(&conn) {
            handshake.refuse(refusal);
        }
        self.handshake_failed(now, conn, HandshakeError::Refusing(refusal));
    }

    fn judge(&self, conn: ConnId, call: &Call, identity: &Identity) -> Verdict {
        if !self.roster.has_room_for(&identity.name) {
            return Verdict::Refuse(Refusal::Busy);
        }
        let Some(peer) = self.roster.get(&identity.name) else { return Verdict::ACCEPT };
        match call {
            Call::Theirs(_) => peer.judge_theirs(&self.me, identity),
            Call::Ours(_) => peer.judge_ours(identity, conn),
            Call::ToWhomever => peer.judge_unnamed(identity),
        }
    }

    /// The peer's call takes the place of ours, so that nothing has failed.
    fn give_way(&mut self, now: Duration, ours: ConnId, name: &NodeName) {
        if let Some(peer) = self.roster.get_mut(name) {
            peer.phase = Phase::Idle;
        }
        self.handshake_failed(now, ours, HandshakeError::Abandoned);
    }

    /// A connection to an earlier incarnation ends.
    fn replace(&mut self, now: Duration, old: ConnId) {
        if let Some(Line::Standing(connection)) = self.lines.get_mut(&old) {
            connection.stop(GoodbyeCause::Superseded);
            self.collect(now, old);
        }
    }

    /// From now on a call to an address is our call to the one who answered.
    fn adopt(&mut self, conn: ConnId, name: &NodeName) {
        if let Some(Line::Shaking { call, .. }) = self.lines.get_mut(&conn) {
            *call = Call::Ours(name.clone());
        }
        if let Ok(peer) = self.roster.admit(name, &self.config) {
            peer.phase = Phase::Calling { conn: Some(conn) };
        }
    }

    fn stand(&mut self, now: Duration, conn: ConnId, acquaintance: &Acquaintance) {
        let peer = acquaintance.peer.clone();
        // It was seen before that there is room.
        let Ok(known) = self.roster.admit(&peer.name, &self.config) else { return };
        known.connected(conn, peer.incarnation);
        let waiting = known.take_queue();
        let mut rest = Vec::new();
        if let Some(Line::Shaking { handshake, .. }) = self.lines.get_mut(&conn) {
            handshake.poll_transmit(&mut rest);
        }
        let connection = Connection::after(now, acquaintance, &self.config, rest);
        self.lines.insert(conn, Line::Standing(Box::new(connection)));
        self.events.push_back(NodeEvent::Up { conn, peer: peer.clone() });
        for command in waiting {
            self.carry_out(now, conn, &peer, command);
        }
    }

    pub(super) fn handshake_failed(&mut self, now: Duration, conn: ConnId, error: HandshakeError) {
        let Some(Line::Shaking { mut handshake, call, peer }) = self.lines.remove(&conn) else { return };
        let mut rest = Vec::new();
        if handshake.poll_transmit(&mut rest) {
            self.lines.insert(conn, Line::Leaving(rest));
        }
        let gave_way =
            matches!(error, HandshakeError::Refused { refusal: Refusal::BothDialled, proven: true });
        let dialled = if let Call::Ours(name) = call { Some(name) } else { None };
        self.events.push_back(NodeEvent::HandshakeFailed { conn, dialled: dialled.clone(), peer, error });
        self.events.push_back(NodeEvent::Close { conn });
        if let Some(peer) = dialled {
            self.call_failed(now, &peer, Some(conn), gave_way);
        }
    }

    fn call_failed(&mut self, now: Duration, peer: &NodeName, conn: Option<ConnId>, gave_way: bool) {
        let jitter = self.jitter();
        if self.roster.get_mut(peer).is_some_and(|known| known.call_failed(now, conn, gave_way, jitter)) {
            self.unreachable(peer);
        }
    }

    pub(super) fn unreachable(&mut self, peer: &NodeName) {
        let waiting = self.roster.get_mut(peer).map(|known| known.take_queue()).unwrap_or_default();
        for command in waiting {
            self.undo(peer, command);
        }
        self.notify_watchers(peer);
        self.events.push_back(NodeEvent::Unreachable { peer: peer.clone() });
    }
}
