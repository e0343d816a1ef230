//! What the driver can ask of a connection.

use std::time::Duration;

use super::{Connection, State};
use crate::proto::credit::{Admission, Ticket, Want};
use crate::proto::error::CommandError;
use crate::proto::ids::{FarId, FarPid, Identity, NearId};
use crate::proto::introductions::with_frame;
use crate::proto::reason::{Reason, Signal, for_wire};
use crate::proto::replies::AnswerWith;
use crate::proto::requests::{NodeRequest, REQUEST_NAME_BYTES};
use crate::proto::signals::Passage;
use crate::proto::tables::Tables;
use crate::proto::types::TypeState;
use crate::wire::{
    Answer, EncodeError, ExitCause, Frame, FrameKind, Outcome, Pair, Payload, Request, WireRight,
};

/// More than the envelope of any frame with a payload takes.
const ENVELOPE_BYTES: usize = 128;
/// Longest detail of an exit reason. A signal is never dropped, so a longer detail is.
const DETAIL_BYTES: usize = 2048;

/// An encoded message that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The number that [`Connection::agree`] gave its type.
    pub type_number: u32,
    /// The message, in the version agreed on.
    pub payload: &'a [u8],
}

/// How the driver answers a request of the peer's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum NodeReply<'a> {
    /// With this actor, which is exported by it.
    Found(NearId),
    /// There is none.
    Absent,
    /// The peer may not.
    Denied,
    /// It was tried, and failed like this.
    Failed(&'a [u8]),
}

impl Connection {
    /// Where a type of message stands with the peer; asks it on first use.
    ///
    /// # Errors
    /// When this node does not know the type, or the connection has as many as it may.
    pub fn agree(&mut self, name: &str, tables: &Tables) -> Result<TypeState, CommandError> {
        self.must_be_open()?;
        let (state, offer) = self.types.agree(name, &tables.types)?;
        if let Some(offer) = offer {
            let (name, versions) = (Payload(name.as_bytes()), Payload(&offer.versions));
            self.push(&Frame::TypeOffer { number: offer.number, name, versions });
        }
        Ok(state)
    }

    /// Says which node is meant by `number` in the payloads sent from here on, unless the peer has been told,
    /// and where it can be reached. Of this node's own addresses, with number
    /// [`SENDER_IN_PAYLOAD`](crate::proto::SENDER_IN_PAYLOAD), it is told each time.
    ///
    /// # Errors
    /// When the connection has as many as it may.
    pub fn introduce(
        &mut self,
        number: u32,
        node: &Identity,
        addresses: &[String],
    ) -> Result<(), CommandError> {
        self.must_be_open()?;
        if self.introductions.tell(number)? {
            with_frame(number, node, addresses, |frame| self.push(frame));
        }
        Ok(())
    }

    /// Whether the peer has been told on this connection which node is meant by `number`.
    #[must_use]
    pub fn has_introduced(&self, number: u32) -> bool {
        self.introductions.has_told(number)
    }

    /// Sends a message now, if there is credit for it and nobody waits in front.
    ///
    /// # Errors
    /// `Full` without credit, which is asked for; and where the command makes no sense. Nothing was
    /// sent then.
    pub fn try_send(
        &mut self,
        tables: &mut Tables,
        from: NearId,
        to: FarPid,
        message: Outgoing<'_>,
    ) -> Result<(), CommandError> {
        self.deliver(tables, from, to, message, None).map(drop)
    }

    /// Takes the credit that a message of `bytes` needs, now or not at all: nobody waits in line. The
    /// ticket is one that may go. Send with it, or give it up.
    ///
    /// # Errors
    /// `Full` without credit, which is asked for, once; when too many tickets are out, or the message
    /// is longer than any may be.
    pub fn try_reserve(&mut self, to: FarPid, bytes: usize) -> Result<Ticket, CommandError> {
        self.must_be_open()?;
        self.must_fit(FrameKind::Send, bytes)?;
        let full = CommandError::Full { mailbox: to.id };
        if self.is_crowded() {
            return Err(full);
        }
        self.purses.has_room()?;
        self.purses.take_ticket(to, bytes as u64).map_err(|want| {
            self.want(to, want);
            full
        })
    }

    /// Asks for the credit that a message of `bytes` needs, and a place in the queue for it.
    ///
    /// # Errors
    /// When too many wait, or the message is longer than any may be.
    pub fn reserve(&mut self, to: FarPid, bytes: usize) -> Result<Admission, CommandError> {
        self.must_be_open()?;
        self.must_fit(FrameKind::Send, bytes)?;
        let may_go = !self.is_crowded();
        let (admission, want) = self.purses.queue(to, bytes as u64, may_go)?;
        self.want(to, want);
        Ok(admission)
    }

    /// Whether a mailbox of the peer's is known to hold nothing: messages are handed over.
    #[must_use]
    pub fn is_handing_over(&self, mailbox: FarId) -> bool {
        self.purses.is_handing_over(mailbox)
    }

    /// Sends a message with a ticket that may go. True: it is to be handed over, and
    /// [`Event::Taken`](super::super::Event::Taken) will say with this ticket that it was, or
    /// [`Event::SendFailed`](super::super::Event::SendFailed) that it will not be.
    ///
    /// # Errors
    /// When the ticket may not go or is for something else, and where the command makes no sense.
    /// The ticket is as before then.
    pub fn send_with(
        &mut self,
        ticket: Ticket,
        tables: &mut Tables,
        from: NearId,
        to: FarPid,
        message: Outgoing<'_>,
    ) -> Result<bool, CommandError> {
        self.deliver(tables, from, to, message, Some(ticket))
    }

    /// Gives up a ticket, waiting or not: its place and credit are for the next.
    pub fn give_up(&mut self, ticket: Ticket) {
        if let Some(mailbox) = self.purses.give_up(ticket) {
            self.let_go(mailbox);
        }
    }

    /// Lets out a right to answer, to be put into a payload: exports `asker`, to which the answer goes as
    /// an [`Event::Reply`](super::super::Event::Reply) with the right's number.
    ///
    /// No two rights of a node have the same number, over whichever connection they go.
    ///
    /// # Errors
    /// `NoConnection`; when too many rights are out, or no more actors can be exported.
    pub fn open_right(&mut self, tables: &mut Tables, asker: NearId) -> Result<WireRight, CommandError> {
        self.must_be_open()?;
        tables.exports.export(asker)?;
        self.rights.open(asker, tables)
    }

    /// Nobody wants the answer any more, or the right did not go out. `false` if the answer has come.
    pub fn cancel_right(&mut self, number: u64) -> bool {
        self.rights.cancel(number)
    }

    /// Gives the peer room in a mailbox: so much is set aside there for what it may now send.
    ///
    /// # Errors
    /// When too many mailboxes have credit, or the actor is not exported.
    pub fn grant(
        &mut self,
        now: Duration,
        tables: &mut Tables,
        mailbox: NearId,
        messages: u32,
        bytes: u64,
    ) -> Result<(), CommandError> {
        self.must_be_open()?;
        let proof = tables.exports.export(mailbox)?;
        self.grants.grant(now, mailbox, proof, messages, bytes)?;
        self.push(&Frame::Credit { mailbox: mailbox.wire(proof), messages, bytes });
        Ok(())
    }

    /// Lets the peer send one message, of `bytes` at most, that is to be handed over. Say with
    /// [`taken`](Self::taken) what became of it, before the next.
    ///
    /// # Errors
    /// As for [`grant`](Self::grant).
    pub fn grant_to_hand_over(
        &mut self,
        now: Duration,
        tables: &mut Tables,
        mailbox: NearId,
        bytes: u64,
    ) -> Result<(), CommandError> {
        self.must_be_open()?;
        let proof = tables.exports.export(mailbox)?;
        self.grants.grant(now, mailbox, proof, 1, bytes)?;
        self.push(&Frame::HandOver { mailbox: mailbox.wire(proof), bytes });
        Ok(())
    }

    /// Tells the peer that its message was handed over, or lost.
    ///
    /// # Errors
    /// `NoConnection`.
    pub fn taken(&mut self, tables: &Tables, mailbox: NearId, lost: bool) -> Result<(), CommandError> {
        self.must_be_open()?;
        self.push(&Frame::Taken { mailbox: mailbox.wire(tables.exports.proof_of(mailbox)), lost });
        Ok(())
    }

    /// Sends a signal. It waits for no room.
    ///
    /// A signal that has no effect any more is not sent, and that is no error.
    ///
    /// # Errors
    /// `NoConnection`; or when a limit of this node's own is reached.
    pub fn signal(
        &mut self,
        tables: &mut Tables,
        from: NearId,
        to: FarPid,
        signal: &Signal,
    ) -> Result<(), CommandError> {
        self.must_be_open()?;
        let begins = matches!(
            signal,
            Signal::Link
                | Signal::Monitor { .. }
                | Signal::Stop
                | Signal::Exit { cause: ExitCause::Request, .. }
        );
        // What ends a relation, or answers, is as many as those, and is never refused.
        if begins {
            self.pairs.has_room(from, to.id)?;
        }
        tables.exports.export(from)?;
        if self.relations.handle_near(from, to.id, signal)? == Passage::Pass {
            self.push_signal(tables, from, to, signal);
        }
        self.check_outbox();
        Ok(())
    }

    /// Uses a right that came from the peer. `from` is exported. `to` must be whom the peer let the right
    /// out for; no proof is needed for it, its authenticator may be 0.
    ///
    /// # Errors
    /// `NoConnection`; when the answer is too long or a limit of this node's own is reached, and then
    /// the right is still there.
    pub fn answer(
        &mut self,
        tables: &mut Tables,
        from: NearId,
        to: FarPid,
        right: WireRight,
        with: AnswerWith<'_>,
    ) -> Result<(), CommandError> {
        self.must_be_open()?;
        let answer = match with {
            AnswerWith::Value(value) => {
                self.must_fit(FrameKind::Reply, value.len())?;
                Answer::Value(Payload(value))
            }
            AnswerWith::Dropped => Answer::Dropped,
            AnswerWith::Down(reason) => Answer::Down(for_wire(reason, DETAIL_BYTES)),
        };
        self.pairs.has_room(from, to.id)?;
        tables.exports.export(from)?;
        let pair = self.pair(tables, from, to);
        self.push(&Frame::Reply { pair, right, answer });
        self.check_outbox();
        Ok(())
    }

    /// An actor of this node has ended: tells those linked to it and its watchers at the peer's,
    /// unless they were told, and forgets it. Call it on every connection, then take the actor out of
    /// the exports; [`Node::actor_ended`](super::super::Node::actor_ended) does both.
    pub fn actor_ended(&mut self, tables: &Tables, actor: NearId, reason: &Reason) {
        if self.state != State::Open {
            return;
        }
        for (far, signal) in self.relations.end_near(actor, reason) {
            // Such a signal is read by the other node and goes to whom its own tables name, which
            // is why the proof that is missing here does not matter: see `inbound.rs`.
            self.push_signal(tables, actor, far.known(), &signal);
        }
        self.rights.end(actor);
        self.grants.end(actor);
        self.verified.remove(&actor);
        self.forget(actor);
        self.check_outbox();
    }

    /// Asks something of the peer's node; gives the number that the one
    /// [`Event::Answered`](super::super::Event::Answered) will carry.
    ///
    /// # Errors
    /// `NoConnection`; when a name is bad, or too many requests are open.
    pub fn request(&mut self, request: &NodeRequest) -> Result<u64, CommandError> {
        self.must_be_open()?;
        let (name, detail, what) = match request {
            NodeRequest::Lookup { name, type_name } => (name, type_name.as_bytes(), "name"),
            NodeRequest::Spawn { factory, args } => (factory, &args[..], "factory"),
        };
        if !(1..=REQUEST_NAME_BYTES).contains(&name.len()) {
            return Err(CommandError::BadName { what });
        }
        self.must_fit(FrameKind::Request, name.len() + detail.len())?;
        let number = self.requests.open()?;
        let (name, detail) = (Payload(name.as_bytes()), Payload(detail));
        let request = match request {
            NodeRequest::Lookup { .. } => Request::Lookup { name, type_name: detail },
            NodeRequest::Spawn { .. } => Request::Spawn { factory: name, args: detail },
        };
        self.push(&Frame::Request { number, request });
        Ok(number)
    }

    /// Nobody wants the outcome of a request any more. `false` if it has come.
    pub fn cancel_request(&mut self, number: u64) -> bool {
        self.requests.cancel(number)
    }

    /// Answers a request of the peer's.
    ///
    /// # Errors
    /// When there is no such request, or no more actors can be exported.
    pub fn answer_request(
        &mut self,
        tables: &mut Tables,
        number: u64,
        reply: NodeReply<'_>,
    ) -> Result<(), CommandError> {
        self.must_be_open()?;
        let outcome = match reply {
            NodeReply::Found(near) => Outcome::Found(near.wire(tables.exports.export(near)?)),
            NodeReply::Absent => Outcome::Absent,
            NodeReply::Denied => Outcome::Denied,
            NodeReply::Failed(detail) => {
                self.must_fit(FrameKind::Outcome, detail.len())?;
                Outcome::Failed(Payload(detail))
            }
        };
        self.requests.answer(number)?;
        self.push(&Frame::Outcome { number, outcome });
        Ok(())
    }

    fn deliver(
        &mut self,
        tables: &mut Tables,
        from: NearId,
        to: FarPid,
        Outgoing { type_number, payload }: Outgoing<'_>,
        ticket: Option<Ticket>,
    ) -> Result<bool, CommandError> {
        self.must_be_open()?;
        self.types.may_send(type_number)?;
        self.must_fit(FrameKind::Send, payload.len())?;
        self.pairs.has_room(from, to.id)?;
        let bytes = payload.len() as u64;
        match ticket {
            Some(ticket) => self.purses.check_ticket(ticket, to, bytes)?,
            None if self.is_crowded() => return Err(CommandError::Full { mailbox: to.id }),
            None => {}
        }
        tables.exports.export(from)?;
        let mut is_told = false;
        if let Some(ticket) = ticket {
            is_told = self.purses.use_up(ticket, bytes);
        } else if let Err(want) = self.purses.take_now(to, bytes) {
            self.want(to, want);
            return Err(CommandError::Full { mailbox: to.id });
        }
        let (pair, payload) = (self.pair(tables, from, to), Payload(payload));
        self.counters.sent += 1;
        self.push(&Frame::Send { pair, type_number, payload });
        self.check_outbox();
        Ok(is_told)
    }

    fn want(&mut self, to: FarPid, want: Option<Want>) {
        if let Some(Want { messages, bytes }) = want {
            self.push(&Frame::Want { mailbox: to.wire(), messages, bytes });
        }
    }

    /// The next place in the order from one actor to another.
    pub(super) fn pair(&mut self, tables: &Tables, from: NearId, to: FarPid) -> Pair {
        let sequence = self.pairs.next(from, to.id);
        Pair { sequence, from: from.wire(tables.exports.proof_of(from)), to: to.wire() }
    }

    pub(super) fn push_signal(&mut self, tables: &Tables, from: NearId, to: FarPid, signal: &Signal) {
        let pair = self.pair(tables, from, to);
        let signal = signal.map_reason(|reason| for_wire(reason, DETAIL_BYTES));
        self.push(&Frame::Signal { pair, signal });
    }

    /// Tells the peer that nothing more comes from `actor`, and keeps nothing about it.
    pub(super) fn forget(&mut self, actor: NearId) {
        self.pairs.forget_near(actor);
        self.push(&Frame::Gone { slot: actor.slot, generation: actor.generation });
    }

    pub(super) fn must_be_open(&self) -> Result<(), CommandError> {
        if self.state == State::Open { Ok(()) } else { Err(CommandError::NoConnection) }
    }

    fn must_fit(&self, kind: FrameKind, payload: usize) -> Result<(), CommandError> {
        let limit = self.outbox.frame_bytes();
        let got = (payload + ENVELOPE_BYTES) as u64;
        if got > u64::from(limit) {
            return Err(EncodeError::FrameTooLong { kind, got, limit }.into());
        }
        Ok(())
    }
}

impl FarId {
    /// Without a proof: enough for what the other side has in its own tables.
    pub(super) const fn known(self) -> FarPid {
        FarPid { id: self, authenticator: 0 }
    }
}
