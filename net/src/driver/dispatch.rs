//! What becomes of what the protocol tells. One thread at a time is here, without the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::MutexGuard;
use wharf_runtime::remote::Refusal;
use wharf_runtime::wire::{DecodeError, DeliverError, Exchange, ExportedPid, Waiting};
use wharf_runtime::{ActorId, AskError};

use super::calls::another_goes_on;
use super::convert::{far_actor, reason_in, sender, signal_in};
use super::core::{Core, PeerKey, Shared};
use super::error::NodeDown;
use crate::proto::{
    AnswerWith, ConnId, EndCause, Event, FarPid, Identity, NearId, NodeEvent, NodeName, Reason, Reply,
    SendFailure, Signal, TypeState,
};

/// What came for an actor here.
#[derive(Debug)]
pub(super) enum Arrival {
    Message { key: PeerKey, from: FarPid, of: Arc<str>, payload: Box<[u8]> },
    Signal { key: PeerKey, from: FarPid, signal: Signal },
}

impl Core {
    /// What waits for an actor here, if something does.
    fn behind(&mut self, to: NearId) -> Option<&mut VecDeque<Arrival>> {
        self.exports.mailboxes.get_mut(&to)?.behind.as_mut()
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

impl Shared {
    pub(super) fn handle(&self, event: NodeEvent) {
        match event {
            NodeEvent::Dial { peer } => self.dial(peer),
            NodeEvent::Up { conn, peer } => self.up(conn, &peer),
            NodeEvent::Down { conn, peer, cause } => self.down(conn, &peer, cause),
            NodeEvent::HandshakeFailed { conn, dialled, peer, error } => {
                self.handshake_failed(conn, dialled, peer, error);
            }
            NodeEvent::Unreachable { peer } => self.unreachable(&peer),
            NodeEvent::Close { conn } => {
                let mut core = self.lock();
                if let Some(line) = core.lines.get_mut(&conn) {
                    line.closing = true;
                    line.notify.notify_one();
                }
            }
            NodeEvent::Far { peer, incarnation, event } => self.far(&(peer, incarnation), event),
            // Requests are made on connections that stand.
            NodeEvent::Asked { .. } | NodeEvent::NotAsked { .. } => {}
            NodeEvent::NodeDown { number, peer, .. } => {
                let mut core = self.lock();
                let cause = core.ends.get(&peer).cloned();
                let monitor = core.node_monitors.remove(&number);
                drop(core);
                if let Some(monitor) = monitor {
                    // Nobody may listen any more.
                    _ = monitor.send(NodeDown { node: peer.to_string(), cause });
                }
            }
        }
    }

    fn far(&self, key: &PeerKey, event: Event) {
        match event {
            Event::Message { to, from, of: (of, _), payload } => {
                let mut core = self.lock();
                if let Some(behind) = core.behind(to) {
                    behind.push_back(Arrival::Message { key: key.clone(), from, of, payload });
                } else {
                    self.message(core, key, to, from, &of, &payload);
                }
            }
            Event::Signal { to, from, signal } => {
                let arrival = Arrival::Signal { key: key.clone(), from, signal };
                let mut core = self.lock();
                if let Some(behind) = core.behind(to) {
                    behind.push_back(arrival);
                } else {
                    drop(core);
                    self.deliver(to, arrival);
                }
            }
            Event::DeadLetter { to, from, of, payload } => {
                self.bury(key, to, from, &of.0, &payload);
            }
            Event::Reply { number, reply, .. } => self.reply(key, number, reply),
            Event::MayGo { ticket } => {
                let waker = self.lock().settle(key, ticket, Ok(ticket));
                wake(waker);
            }
            Event::Taken { ticket, lost } => {
                let outcome = if lost { Err(Refusal::Closed) } else { Ok(ticket) };
                let waker = self.lock().settle(key, ticket, outcome);
                wake(waker);
            }
            Event::SendFailed { ticket, why } => {
                let refusal = match why {
                    SendFailure::Ended => Refusal::Closed,
                    SendFailure::NoConnection => Refusal::NoConnection,
                };
                let waker = self.lock().settle(key, ticket, Err(refusal));
                wake(waker);
            }
            Event::Closed { mailbox } => {
                let mut core = self.lock();
                if let Some(peer) = core.peers.get_mut(key) {
                    let id = far_actor(peer.number, mailbox.id);
                    if let Some(actor) = peer.actors.get_mut(&id) {
                        actor.ended = true;
                    }
                }
            }
            Event::CreditWanted { mailbox, messages, .. } => self.room_wanted(key, mailbox, messages),
            Event::CreditReturned { mailbox, messages, .. } => self.room_returned(key, mailbox, messages),
            Event::TypeSettled { name, state } => {
                if let TypeState::Refused(refusal) = state {
                    tracing::warn!(target: "wharf::net", node = %self.me.name, peer = %key.0, message = %name, %refusal, "messages of this type can't be sent");
                }
                let wakers = self.lock().unblock(self, key);
                wake(wakers);
                self.changed.notify_waiters();
            }
            Event::Requested { number, request } => self.requested(key, number, request),
            Event::Answered { number, answer } => {
                let asker = self.lock().requests.remove(&(key.clone(), number));
                if let Some(asker) = asker {
                    // Nobody may wait any more.
                    _ = asker.send(answer);
                }
            }
            Event::Introduced { number, node, addresses } => {
                self.introduced(key, number, node, &addresses);
            }
            // `NodeEvent::Down` says so.
            Event::Ended { .. } => {}
        }
    }

    /// Something for an actor here. Whether it has to wait, and what comes after it too.
    fn deliver(&self, to: NearId, arrival: Arrival) -> bool {
        match arrival {
            Arrival::Message { key, from, of, payload } => {
                self.message(self.lock(), &key, to, from, &of, &payload)
            }
            Arrival::Signal { key, from, signal } => {
                let found = self.lock().peers.get(&key).map(|peer| (peer.connection.clone(), peer.number));
                if let Some((connection, number)) = found {
                    let (from, to) = (far_actor(number, from.id), self.actor(to));
                    connection.receive_signal(to, signal_in(from, to, &signal));
                }
                false
            }
        }
    }

    fn message(
        &self,
        mut core: MutexGuard<'_, Core>,
        key: &PeerKey,
        to: NearId,
        from: FarPid,
        of: &str,
        payload: &[u8],
    ) -> bool {
        let Core { exports, peers, .. } = &mut *core;
        let Some(peer) = peers.get(key) else { return false };
        let (connection, exchange) = (peer.connection.clone(), Arc::clone(peer.far.exchange()));
        let from_id = sender(peer.number, from.id);
        let mailbox = exports.mailboxes.get_mut(&to);
        let face = mailbox.as_ref().and_then(|it| it.faces.iter().find(|face| face.message().name() == of));
        let Some(face) = face.cloned() else {
            drop(core);
            self.bury(key, to, from, of, payload);
            return false;
        };
        let rooms = mailbox.and_then(|mailbox| mailbox.rooms.get_mut(key));
        let (kept, enough) = rooms.map_or((false, false), |rooms| rooms.take(payload.len(), &face));
        drop(core);
        let sender = connection.sender(from_id);
        let delivered = if kept {
            face.deliver_kept(sender, payload, &exchange).map(|()| None)
        } else {
            face.deliver(sender, payload, &exchange)
        };
        match delivered {
            Ok(None) if enough => {}
            Ok(None) => self.handed_over(key, to, &face, false),
            Ok(Some(waiting)) => {
                self.wait_behind(key, to, from_id, face, waiting);
                return true;
            }
            Err(error) => {
                self.not_delivered(key, to, from_id, face.message().name(), error);
                self.handed_over(key, to, &face, true);
            }
        }
        false
    }

    /// A message that is to be handed over: what comes for the actor meanwhile waits behind it.
    fn wait_behind(
        &self,
        key: &PeerKey,
        to: NearId,
        from: Option<ActorId>,
        face: ExportedPid,
        waiting: Waiting,
    ) {
        let mut core = self.lock();
        if let Some(mailbox) = core.exports.mailboxes.get_mut(&to) {
            mailbox.behind.get_or_insert_default();
        }
        drop(core);
        let (Some(this), key) = (self.this.upgrade(), key.clone()) else { return };
        self.tokio.spawn(async move {
            let outcome = waiting.await;
            match outcome {
                Ok(()) => this.handed_over(&key, to, &face, false),
                Err(error) => {
                    this.not_delivered(&key, to, from, face.message().name(), error);
                    this.handed_over(&key, to, &face, true);
                }
            }
            this.go_on(to);
        });
    }

    /// What waited behind a message that is gone.
    fn go_on(&self, to: NearId) {
        loop {
            let mut core = self.lock();
            let Some(mailbox) = core.exports.mailboxes.get_mut(&to) else { return };
            let Some(next) = mailbox.behind.as_mut().and_then(VecDeque::pop_front) else {
                mailbox.behind = None;
                return;
            };
            drop(core);
            if self.deliver(to, next) {
                // Its own wait goes on with the rest.
                return;
            }
        }
    }

    fn not_delivered(
        &self,
        key: &PeerKey,
        to: NearId,
        from: Option<ActorId>,
        kind: &'static str,
        error: DeliverError,
    ) {
        tracing::debug!(target: "wharf::net", node = %self.me.name, peer = %key.0, message = kind, %error, "not delivered");
        let connection = self.lock().peers.get(key).map(|peer| peer.connection.clone());
        let bury = || {
            if let Some(connection) = &connection {
                connection.bury_arrived(from, self.actor(to), kind);
            }
        };
        match error {
            DeliverError::Closed { rights, .. } | DeliverError::NodeStopped { rights, .. } => {
                bury();
                self.answer_all(key, &rights, AnswerWith::Down(&Reason::NoProc));
            }
            DeliverError::NoConnection { rights, .. } => {
                self.answer_all(key, &rights, AnswerWith::Down(&Reason::NoConnection));
            }
            DeliverError::Full { rights, .. } | DeliverError::NotEncoded { rights, .. } => {
                self.answer_all(key, &rights, AnswerWith::Dropped);
            }
            DeliverError::Decode(error @ (DecodeError::Value { .. } | DecodeError::Exchange(_))) => {
                // Well formed, and not what a program takes: this message is lost, not the connection.
                tracing::warn!(target: "wharf::net", node = %self.me.name, peer = %key.0, message = kind, %error, "a message was refused");
                bury();
            }
            DeliverError::Decode(error) => {
                tracing::error!(target: "wharf::net", node = %self.me.name, peer = %key.0, message = kind, %error, "the peer sent bytes that are no message: its connection ends");
                self.break_off(key, "a message that is none");
            }
            _ => bury(),
        }
    }

    /// The peer broke the protocol in a way that only the driver sees.
    pub(super) fn break_off(&self, key: &PeerKey, what: &'static str) {
        let mut core = self.lock();
        _ = core.with(self, key, |it, _| {
            it.accuse(what);
            Ok(())
        });
        // It does not stand any more, and has its last words to write.
        core.kick_all();
    }

    /// A message came for nobody.
    fn bury(&self, key: &PeerKey, to: NearId, from: FarPid, of: &str, payload: &[u8]) {
        let core = self.lock();
        let Some(peer) = core.peers.get(key) else { return };
        let (connection, exchange) = (peer.connection.clone(), Arc::clone(peer.far.exchange()));
        let from = sender(peer.number, from.id);
        let decoder = core.exports.decoders.get_key_value(of).map(|(name, face)| (*name, face.clone()));
        drop(core);
        let kind = decoder.as_ref().map_or("a message of another node", |(name, _)| *name);
        connection.bury_arrived(from, self.actor(to), kind);
        if let Some((_, decoder)) = decoder {
            let rights = decoder.rights_in(payload, &exchange);
            self.answer_all(key, &rights, AnswerWith::Down(&Reason::NoProc));
        }
    }

    fn reply(&self, key: &PeerKey, number: u64, reply: Reply) {
        let mut core = self.lock();
        let Some(peer) = core.peers.get_mut(key) else { return };
        let exchange: Arc<dyn Exchange> = Arc::clone(peer.far.exchange());
        let exported = peer.replies.remove(&number).flatten();
        drop(core);
        let Some(exported) = exported else { return };
        match reply {
            Reply::Value(bytes) => {
                if let Err(error) = exported.answer(&bytes, &exchange) {
                    tracing::error!(target: "wharf::net", node = %self.me.name, peer = %key.0, %error, "the peer sent an answer that is none");
                }
            }
            Reply::Dropped => exported.fail(AskError::NoReply),
            // Dropped, it says so.
            Reply::Down(Reason::NoConnection) | Reply::NoConnection => drop(exported),
            Reply::Down(reason) => exported.fail(AskError::Down(reason_in(&reason))),
        }
    }

    fn up(&self, conn: ConnId, peer: &Identity) {
        let key = (peer.name.clone(), peer.incarnation);
        let mut core = self.lock();
        if core.is_called(conn) {
            core.calls.insert(conn, Ok(peer.name.clone()));
        }
        if let Err(why) = core.meet(self, peer) {
            drop(core);
            tracing::error!(target: "wharf::net", node = %self.me.name, peer = %peer, number = peer.number, ?why, "the peer can't be known here, where another has its number or there are too many: its connection ends");
            return self.break_off(&key, "a number that another node has");
        }
        let old = core.forget_earlier(&key);
        core.introduce_oneself(self, &key);
        let remote = core.lines.get(&conn).map_or_else(String::new, |line| line.remote.clone());
        let wakers = core.unblock(self, &key);
        drop(core);
        wake(wakers);
        for (life, wakers) in old {
            drop(life);
            wake(wakers);
        }
        tracing::info!(target: "wharf::net", node = %self.me.name, peer = %peer, at = %remote, "connected");
        // It beats sooner than the handshake would have been given up.
        self.clock.notify_one();
        self.changed.notify_waiters();
    }

    fn down(&self, conn: ConnId, peer: &Identity, cause: EndCause) {
        match &cause {
            EndCause::Stopping | EndCause::PeerStopping | EndCause::Superseded => {
                tracing::info!(target: "wharf::net", node = %self.me.name, peer = %peer, %cause, "disconnected");
            }
            _ => {
                tracing::warn!(target: "wharf::net", node = %self.me.name, peer = %peer, %cause, "disconnected");
            }
        }
        let key = (peer.name.clone(), peer.incarnation);
        let mut core = self.lock();
        core.ends.insert(peer.name.clone(), cause);
        core.calls.remove(&conn);
        let mut left = Vec::new();
        let mut connection = None;
        if let Some(peer) = core.peers.get_mut(&key) {
            connection = Some(peer.connection.clone());
            left.extend(std::mem::take(&mut peer.replies).into_values().flatten());
            peer.in_line.clear();
            for actor in peer.actors.values_mut() {
                actor.kept.clear();
            }
        }
        let wakers = core.unblock(self, &key);
        drop(core);
        drop(left);
        if let Some(connection) = connection {
            connection.cut();
        }
        wake(wakers);
        self.changed.notify_waiters();
    }

    fn unreachable(&self, peer: &NodeName) {
        let mut core = self.lock();
        let keys: Vec<PeerKey> = core.peers.keys().filter(|key| key.0 == *peer).cloned().collect();
        let wakers: Vec<Waker> = keys.iter().flat_map(|key| core.unblock(self, key)).collect();
        drop(core);
        wake(wakers);
        self.changed.notify_waiters();
    }

    fn handshake_failed(
        &self,
        conn: ConnId,
        dialled: Option<NodeName>,
        peer: Option<Identity>,
        error: crate::proto::HandshakeError,
    ) {
        let remote = self.lock().lines.get(&conn).map_or_else(String::new, |line| line.remote.clone());
        let called = dialled.as_ref().map_or_else(|| "nobody in particular".to_owned(), ToString::to_string);
        if another_goes_on(&error) {
            tracing::debug!(target: "wharf::net", node = %self.me.name, at = %remote, called, %error, "no connection");
        } else {
            tracing::warn!(target: "wharf::net", node = %self.me.name, at = %remote, called, %error, "no connection");
        }
        let mut core = self.lock();
        if core.is_called(conn) {
            core.calls.insert(conn, Err((peer, error)));
        }
        drop(core);
        self.changed.notify_waiters();
    }
}
