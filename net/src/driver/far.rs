//! What the runtime sends to actors of one life of another node.

use std::any::Any;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use parking_lot::MutexGuard;
use wharf_runtime::ActorId;
use wharf_runtime::remote::{Cut, FarSignal, Pair, Refusal, Remote, Ticket as WaitTicket};
use wharf_runtime::wire::Exchange;

use super::convert::{NOBODY, far, near, signal_out};
use super::core::{Core, FarActor, PeerKey, Shared, Wait, WaitState};
use super::rooms::BYTES;
use crate::proto::{Admission, CommandError, Connection, FarPid, NearId, Outgoing, Ticket, TypeState};

/// The way to one life of another node.
pub(super) struct Far {
    shared: Weak<Shared>,
    key: PeerKey,
    exchange: Arc<dyn Exchange>,
}

/// What stands in the way of a reservation.
enum Obstacle {
    /// A connection, or what the peer thinks of a type: it will be known soon.
    Soon,
    Refused(Refusal),
}

impl Far {
    pub(super) fn new(shared: Weak<Shared>, key: PeerKey, exchange: Arc<dyn Exchange>) -> Self {
        Self { shared, key, exchange }
    }

    pub(super) const fn exchange(&self) -> &Arc<dyn Exchange> {
        &self.exchange
    }

    fn shared(&self) -> Result<Arc<Shared>, Refusal> {
        self.shared.upgrade().ok_or(Refusal::NoConnection)
    }
}

impl Core {
    /// Does something with the connection to an actor that may be sent to now, given how many bytes a message
    /// may have there.
    fn when_ready<T>(
        &mut self,
        shared: &Shared,
        key: &PeerKey,
        to: ActorId,
        act: impl FnOnce(&mut Connection, FarPid, usize) -> Result<T, CommandError>,
    ) -> Result<T, Obstacle> {
        if self.stopping {
            return Err(Obstacle::Refused(Refusal::NoConnection));
        }
        let Self { proto, peers, .. } = &mut *self;
        let known = peers.get(key).and_then(|peer| peer.actors.get(&to));
        let Some(actor) = known else { return Err(Obstacle::Refused(Refusal::NoConnection)) };
        if actor.ended {
            return Err(Obstacle::Refused(Refusal::Closed));
        }
        let done = proto.with_connection(shared.now(), (&key.0, key.1), |it, tables| {
            let mut most = 0;
            for (_, message) in &actor.types {
                match it.agree(message.name(), tables)? {
                    TypeState::Agreed { version, .. } if version == message.version() => {
                        most = most.max(message.max_bytes());
                    }
                    TypeState::Asked => return Ok(Err(Obstacle::Soon)),
                    // Agreed on for another version is as good as refused: its bytes mean something else.
                    TypeState::Agreed { .. } | TypeState::Refused(_) => {
                        return Ok(Err(Obstacle::Refused(Refusal::WrongType)));
                    }
                }
            }
            // Nobody is ever promised so much room, so nobody waits for it.
            if most as u64 > BYTES {
                return Ok(Err(Obstacle::Refused(Refusal::WrongType)));
            }
            Ok(act(it, actor.pid, most).map_err(|error| {
                Obstacle::Refused(match refusal(&error) {
                    Refusal::Full { .. } if it.is_handing_over(actor.pid.id) => Refusal::Full { limit: 0 },
                    refusal => refusal,
                })
            }))
        });
        match done {
            Ok(outcome) => {
                // The peer is asked for its opinion, or for credit.
                if outcome.is_err() {
                    self.kick(&key.0);
                    self.tell(shared);
                }
                outcome
            }
            Err(CommandError::NoConnection) if self.may_connect(key) && !self.is_connected(key) => {
                if self.proto.connect(&key.0, false).is_err() {
                    return Err(Obstacle::Refused(Refusal::NoConnection));
                }
                shared.pump_soon();
                Err(Obstacle::Soon)
            }
            Err(_) => Err(Obstacle::Refused(Refusal::NoConnection)),
        }
    }

    /// Where a type stands with a peer.
    pub(super) fn agree(
        &mut self,
        shared: &Shared,
        key: &PeerKey,
        name: &str,
    ) -> Result<TypeState, CommandError> {
        self.with(shared, key, |it, tables| it.agree(name, tables))
    }

    fn actor(&mut self, key: &PeerKey, to: ActorId) -> Option<&mut FarActor> {
        self.peers.get_mut(key)?.actors.get_mut(&to)
    }

    /// Gets in line for room, or has it.
    fn enter(&mut self, shared: &Shared, key: &PeerKey, to: ActorId) -> WaitState {
        match self.when_ready(shared, key, to, |it, pid, most| it.reserve(pid, most)) {
            Ok(Admission::Go(ticket)) => WaitState::Ready(Ok(ticket)),
            Ok(Admission::Wait(ticket)) => {
                self.kick(&key.0);
                WaitState::InLine(ticket)
            }
            Err(Obstacle::Soon) => WaitState::Blocked,
            Err(Obstacle::Refused(refusal)) => WaitState::Ready(Err(refusal)),
        }
    }

    /// A new wait that `enter` came to.
    fn note(&mut self, key: &PeerKey, to: ActorId, state: WaitState) -> u64 {
        self.last_wait += 1;
        let number = self.last_wait;
        self.line_up(key, number, &state);
        self.waits.insert(number, Wait { to, state, waker: None });
        number
    }

    /// Puts a wait where what it waits for is found.
    fn line_up(&mut self, key: &PeerKey, number: u64, state: &WaitState) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        match *state {
            WaitState::Blocked => peer.blocked.push_back(number),
            WaitState::InLine(ticket) | WaitState::Untaken(ticket) => {
                _ = peer.in_line.insert(ticket, number);
            }
            WaitState::Ready(_) => {}
        }
    }

    /// Something has changed for those who wait for a connection, or a type: they try again, in order.
    pub(super) fn unblock(&mut self, shared: &Shared, key: &PeerKey) -> Vec<std::task::Waker> {
        let blocked =
            self.peers.get_mut(key).map(|peer| std::mem::take(&mut peer.blocked)).unwrap_or_default();
        let mut wakers = Vec::new();
        for number in blocked {
            let Some(to) = self.waits.get(&number).map(|wait| wait.to) else { continue };
            let state = self.enter(shared, key, to);
            self.line_up(key, number, &state);
            if let Some(wait) = self.waits.get_mut(&number) {
                if matches!(state, WaitState::Ready(_)) {
                    wakers.extend(wait.waker.take());
                }
                wait.state = state;
            }
        }
        wakers
    }

    /// The one outcome of a wait in line.
    pub(super) fn settle(
        &mut self,
        key: &PeerKey,
        ticket: Ticket,
        outcome: Result<Ticket, Refusal>,
    ) -> Option<std::task::Waker> {
        let number = self.peers.get_mut(key)?.in_line.remove(&ticket)?;
        let wait = self.waits.get_mut(&number)?;
        wait.state = WaitState::Ready(outcome);
        wait.waker.take()
    }

    /// Gives a ticket back.
    fn return_ticket(&mut self, shared: &Shared, key: &PeerKey, ticket: Ticket) {
        // Without a connection it is worth nothing any more.
        _ = self.with(shared, key, |it, _| {
            it.give_up(ticket);
            Ok(())
        });
    }
}

fn refusal(error: &CommandError) -> Refusal {
    match error {
        CommandError::Full { .. } | CommandError::TooMany { .. } => Refusal::Full { limit: 1 },
        CommandError::Ended { .. } => Refusal::Closed,
        CommandError::Encode(_) => Refusal::WrongType,
        _ => Refusal::NoConnection,
    }
}

fn who(pair: Pair) -> NearId {
    pair.from.map_or(NOBODY, near)
}

/// The outcome of a wait, which is over then: `then` has the ticket. What is dropped is so without the lock.
fn poll_wait(
    mut core: MutexGuard<'_, Core>,
    number: u64,
    cx: &Context<'_>,
    then: impl FnOnce(&mut Core, Ticket),
) -> Poll<Result<(), Refusal>> {
    let Some(wait) = core.waits.get_mut(&number) else { return Poll::Ready(Err(Refusal::NoConnection)) };
    let WaitState::Ready(outcome) = wait.state else {
        let old = wait.waker.replace(cx.waker().clone());
        drop(core);
        drop(old);
        return Poll::Pending;
    };
    let over = core.waits.remove(&number);
    let outcome = outcome.map(|ticket| then(&mut core, ticket));
    drop(core);
    drop(over);
    Poll::Ready(outcome)
}

impl Remote for Far {
    fn try_reserve(&self, pair: Pair) -> Result<(), Refusal> {
        let shared = self.shared()?;
        let mut core = shared.lock();
        let kept = core.when_ready(&shared, &self.key, pair.to, |it, pid, most| it.try_reserve(pid, most));
        let ticket = match kept {
            Ok(ticket) => ticket,
            Err(Obstacle::Soon) => return Err(Refusal::Full { limit: 1 }),
            Err(Obstacle::Refused(refusal)) => return Err(refusal),
        };
        if let Some(actor) = core.actor(&self.key, pair.to) {
            actor.kept.push_back(ticket);
        }
        Ok(())
    }

    fn poll_reserve(
        &self,
        pair: Pair,
        ticket: &mut Option<WaitTicket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let shared = match self.shared() {
            Ok(shared) => shared,
            Err(refusal) => return Poll::Ready(Err(refusal)),
        };
        let mut core = shared.lock();
        let number = match *ticket {
            Some(WaitTicket(number)) => number,
            None => {
                let state = core.enter(&shared, &self.key, pair.to);
                let number = core.note(&self.key, pair.to, state);
                *ticket = Some(WaitTicket(number));
                number
            }
        };
        poll_wait(core, number, cx, |core, ticket| {
            if let Some(actor) = core.actor(&self.key, pair.to) {
                actor.kept.push_back(ticket);
            }
        })
    }

    fn give_up(&self, _: Pair, ticket: WaitTicket) {
        let Ok(shared) = self.shared() else { return };
        let mut core = shared.lock();
        let Some(wait) = core.waits.remove(&ticket.0) else { return };
        match wait.state {
            WaitState::Blocked => {
                if let Some(peer) = core.peers.get_mut(&self.key) {
                    peer.blocked.retain(|number| *number != ticket.0);
                }
            }
            WaitState::InLine(in_line) => {
                if let Some(peer) = core.peers.get_mut(&self.key) {
                    peer.in_line.remove(&in_line);
                }
                core.return_ticket(&shared, &self.key, in_line);
            }
            // It is on its way.
            WaitState::Untaken(ticket) => {
                if let Some(peer) = core.peers.get_mut(&self.key) {
                    peer.in_line.remove(&ticket);
                }
            }
            WaitState::Ready(Ok(kept)) => core.return_ticket(&shared, &self.key, kept),
            WaitState::Ready(Err(_)) => {}
        }
        drop(core);
        drop(wait.waker);
    }

    fn unreserve(&self, pair: Pair) {
        let Ok(shared) = self.shared() else { return };
        let mut core = shared.lock();
        if let Some(ticket) = core.actor(&self.key, pair.to).and_then(|actor| actor.kept.pop_front()) {
            core.return_ticket(&shared, &self.key, ticket);
        }
    }

    fn poll_taken(
        &self,
        _: Pair,
        WaitTicket(number): WaitTicket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let shared = match self.shared() {
            Ok(shared) => shared,
            Err(refusal) => return Poll::Ready(Err(refusal)),
        };
        poll_wait(shared.lock(), number, cx, |_, _| {})
    }

    fn send(&self, pair: Pair, kind: &'static str, bytes: Vec<u8>) -> Result<Option<WaitTicket>, Cut> {
        let shared = self.shared().map_err(|_| Cut::new())?;
        let mut core = shared.lock();
        let actor = core.actor(&self.key, pair.to).ok_or(Cut::new())?;
        let ticket = actor.kept.pop_front().ok_or(Cut::new())?;
        let of = actor.types.iter().find(|(rust, _)| *rust == kind).or_else(|| actor.types.first());
        let (name, pid) = (of.ok_or(Cut::new())?.1.name(), actor.pid);
        if let Some(from) = pair.from
            && core.export(&shared.node, from).is_err()
        {
            // It ends at this moment, or there are as many as may be known outside.
            core.return_ticket(&shared, &self.key, ticket);
            return Err(Cut::new());
        }
        let sent = core.with(&shared, &self.key, |it, tables| {
            let TypeState::Agreed { number, .. } = it.agree(name, tables)? else {
                return Err(CommandError::UnknownType { number: u32::MAX });
            };
            it.send_with(ticket, tables, who(pair), pid, Outgoing { type_number: number, payload: &bytes })
        });
        match sent {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some(WaitTicket(core.note(&self.key, pair.to, WaitState::Untaken(ticket))))),
            Err(error) => {
                core.return_ticket(&shared, &self.key, ticket);
                drop(core);
                tracing::debug!(target: "wharf::net", node = %shared.me.name, peer = %self.key.0, to = %pair.to, %error, "not sent");
                Err(Cut::new())
            }
        }
    }

    fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Refusal> {
        let shared = self.shared()?;
        let out = signal_out(&signal).ok_or(Refusal::NoConnection)?;
        let mut core = shared.lock();
        let from = signal.sender();
        let exported = core.export(&shared.node, from);
        // A dying actor's last words need no export: nobody answers them.
        if let Err(error) = exported
            && !matches!(error, CommandError::Ended { .. })
        {
            return Err(Refusal::NoConnection);
        }
        if !core.is_connected(&self.key) && !core.may_connect(&self.key) {
            return Err(Refusal::NoConnection);
        }
        let unproven = FarPid { id: far(to), authenticator: 0 };
        let pid = core.actor(&self.key, to).map_or(unproven, |actor| actor.pid);
        let at = (&self.key.0, self.key.1);
        let sent = core.proto.signal(shared.now(), near(from), at, pid, out);
        core.kick(&self.key.0);
        core.tell(&shared);
        drop(core);
        sent.map_err(|error| {
            tracing::debug!(target: "wharf::net", node = %shared.me.name, peer = %self.key.0, %to, %error, "signal not sent");
            Refusal::NoConnection
        })
    }

    fn context(&self) -> &dyn Any {
        &self.exchange
    }
}
