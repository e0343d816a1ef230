//! What each frame of the peer's does.

use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::Connection;
use crate::proto::error::Violation;
use crate::proto::event::{EndCause, Event, SendFailure};
use crate::proto::ids::{FarId, FarPid, NearId, RECEIVER, SENDER};
use crate::proto::introductions;
use crate::proto::reason::{Reason, Signal, owned};
use crate::proto::replies::Reply;
use crate::proto::requests::{NodeAnswer, NodeRequest, REQUEST_NAME_BYTES};
use crate::proto::seal::Check;
use crate::proto::signals::Passage;
use crate::proto::tables::Tables;
use crate::wire::{
    Answer, ExitCause, Frame, GoodbyeCause, Outcome, Pair, Payload, Request, WirePid, WireRight,
};

/// A frame of a pair, after its place in the order was checked.
struct Parcel {
    from: FarPid,
    to: NearId,
    check: Check,
}

impl Connection {
    /// The peer's next frame, whole and well formed.
    pub(super) fn handle_frame(
        &mut self,
        now: Duration,
        frame: &Frame<'_>,
        tables: &Tables,
    ) -> Result<(), Violation> {
        match *frame {
            Frame::Send { pair, type_number, payload } => {
                self.handle_message(now, &pair, type_number, payload, tables)
            }
            Frame::Signal { pair, signal } => self.handle_signal(&pair, &signal.map_reason(owned), tables),
            Frame::Reply { pair, right, answer } => self.handle_reply(&pair, right, answer, tables),
            Frame::Credit { mailbox, messages, bytes } => self.handle_credit(&mailbox, messages, bytes),
            Frame::Want { mailbox, messages, bytes } => self.handle_want(&mailbox, messages, bytes, tables),
            Frame::Recall { mailbox } => {
                let mailbox = of_peer(&mailbox)?;
                let (messages, bytes) = self.purses.handle_recall(mailbox);
                self.push(&Frame::Returned { mailbox: mailbox.wire(), messages, bytes });
                Ok(())
            }
            Frame::Returned { mailbox, messages, bytes } => {
                let mailbox = of_ours(&mailbox)?;
                if !tables.exports.is_live(mailbox) {
                    return Ok(());
                }
                self.grants.take_back(now, mailbox, messages, bytes)?;
                if (messages, bytes) != (0, 0) {
                    self.events.push_back(Event::CreditReturned { mailbox, messages, bytes });
                }
                Ok(())
            }
            Frame::TypeOffer { number, name, versions } => {
                let verdict = self.types.handle_offer(number, name.0, versions.0, &tables.types)?;
                self.push(&Frame::TypeAnswer { number, verdict });
                Ok(())
            }
            Frame::TypeAnswer { number, verdict } => {
                let (name, state) = self.types.handle_answer(number, verdict)?;
                self.events.push_back(Event::TypeSettled { name, state });
                Ok(())
            }
            Frame::Request { number, request } => self.handle_request(number, &request, tables),
            Frame::Outcome { number, outcome } => self.handle_outcome(number, outcome),
            Frame::Gone { slot, generation } => {
                self.handle_gone(FarId { slot, generation });
                Ok(())
            }
            Frame::HandOver { mailbox, bytes } => {
                let mailbox = of_peer(&mailbox)?;
                self.purses.handle_hand_over(mailbox, bytes)?;
                self.let_go(mailbox);
                Ok(())
            }
            Frame::Taken { mailbox, lost } => {
                let mailbox = of_peer(&mailbox)?;
                let out_of_place = Violation::OutOfPlace { kind: frame.kind() };
                let ticket = self.purses.handle_taken(mailbox.id).ok_or(out_of_place)?;
                self.events.push_back(Event::Taken { ticket, lost });
                Ok(())
            }
            Frame::Node { number, name, incarnation, own_number, addresses } => {
                let (node, addresses) = introductions::read(name, incarnation, own_number, addresses)?;
                if let Some(node) = self.introductions.hear(&self.peer, number, node)? {
                    self.events.push_back(Event::Introduced { number, node, addresses });
                }
                Ok(())
            }
            Frame::Heartbeat { number, .. } => {
                self.beat.seen = number;
                Ok(())
            }
            Frame::Goodbye { cause } => {
                self.handle_goodbye(cause);
                Ok(())
            }
            // Large messages go in one frame as long as there is one lane.
            Frame::Fragment(_) | Frame::Greeting(_) => Err(Violation::OutOfPlace { kind: frame.kind() }),
        }
    }

    fn handle_message(
        &mut self,
        now: Duration,
        pair: &Pair,
        type_number: u32,
        payload: Payload<'_>,
        tables: &Tables,
    ) -> Result<(), Violation> {
        let Parcel { from, to, check } = self.admit(pair, tables)?;
        let (name, version) = self.types.meaning(type_number)?;
        let of = (Arc::clone(name), version);
        let (bytes, payload) = (payload.0.len() as u64, payload.0);
        if check == Check::Live {
            self.grants.spend(now, to, bytes)?;
            self.counters.delivered += 1;
            self.events.push_back(Event::Message { to, from, of, payload: payload.into() });
            return Ok(());
        }
        // One with a revoked pid had credit that was granted on it. It is not a fault to use it, and
        // the room that was set aside is room again.
        if self.grants.spend(now, to, bytes).is_ok() {
            self.events.push_back(Event::CreditReturned { mailbox: to, messages: 1, bytes });
        }
        self.counters.undeliverable += 1;
        self.events.push_back(Event::DeadLetter { to, from, of, payload: payload.into() });
        Ok(())
    }

    fn handle_signal(&mut self, pair: &Pair, signal: &Signal, tables: &Tables) -> Result<(), Violation> {
        let Parcel { from, to, check } = self.admit_signal(pair, signal, tables)?;
        if check != Check::Live {
            self.refuse_signal(from, to, check, signal, tables);
            return Ok(());
        }
        match self.relations.handle_far(from.id, to, signal)? {
            Passage::Pass => self.events.push_back(Event::Signal { to, from, signal: signal.clone() }),
            Passage::Stale => self.counters.stale += 1,
        }
        Ok(())
    }

    /// Answers for an actor that is not there, as if it had ended before.
    fn refuse_signal(&mut self, from: FarPid, to: NearId, check: Check, signal: &Signal, tables: &Tables) {
        let answer = match *signal {
            Signal::Link => Signal::Exit { cause: ExitCause::Link, reason: Reason::NoProc },
            Signal::Monitor { number } => Signal::Down { number, reason: Reason::NoProc },
            Signal::Unlink { number } => Signal::UnlinkAck { number },
            _ => return,
        };
        self.push_signal(tables, to, from, &answer);
        self.after_reply_for(to, check);
    }

    /// An actor that is not there has no order to keep up.
    fn after_reply_for(&mut self, to: NearId, check: Check) {
        if check == Check::Dead {
            self.forget(to);
        }
    }

    fn handle_reply(
        &mut self,
        pair: &Pair,
        right: WireRight,
        answer: Answer<'_>,
        tables: &Tables,
    ) -> Result<(), Violation> {
        let Parcel { to, .. } = self.admit_known(pair, tables)?;
        let Some(asker) = self.rights.settle(right, to, &tables.exports) else {
            self.counters.late += 1;
            return Ok(());
        };
        let reply = match answer {
            Answer::Value(value) => Reply::Value(value.0.into()),
            Answer::Dropped => Reply::Dropped,
            Answer::Down(reason) => Reply::Down(owned(&reason)),
        };
        self.events.push_back(Event::Reply { to: asker, number: right.number, reply });
        Ok(())
    }

    fn handle_credit(&mut self, mailbox: &WirePid, messages: u32, bytes: u64) -> Result<(), Violation> {
        let mailbox = of_peer(mailbox)?;
        if messages == 0 && bytes == 0 {
            self.fail_sends(mailbox);
            return Ok(());
        }
        self.purses.handle_credit(mailbox, messages, bytes)?;
        self.let_go(mailbox);
        Ok(())
    }

    fn handle_want(
        &mut self,
        mailbox: &WirePid,
        messages: u32,
        bytes: u64,
        tables: &Tables,
    ) -> Result<(), Violation> {
        let near = of_ours(mailbox)?;
        if self.check(near, mailbox.authenticator, tables) == Check::Live {
            self.events.push_back(Event::CreditWanted { mailbox: near, messages, bytes });
        } else {
            let refused = near.wire(mailbox.authenticator);
            self.push(&Frame::Credit { mailbox: refused, messages: 0, bytes: 0 });
        }
        Ok(())
    }

    fn handle_request(
        &mut self,
        number: u64,
        request: &Request<'_>,
        tables: &Tables,
    ) -> Result<(), Violation> {
        let request = match *request {
            Request::Lookup { name, type_name } => NodeRequest::Lookup {
                name: text(name, "name to look up")?,
                type_name: text(type_name, "name of a type")?,
            },
            Request::Spawn { factory, args } => {
                NodeRequest::Spawn { factory: text(factory, "name of a factory")?, args: args.0.into() }
            }
        };
        if let NodeRequest::Spawn { factory, .. } = &request
            && !tables.factories.contains(factory)
        {
            // Whether there is such a factory is nobody's business who may not call it.
            self.push(&Frame::Outcome { number, outcome: Outcome::Denied });
            return Ok(());
        }
        self.requests.handle_request(number)?;
        self.events.push_back(Event::Requested { number, request });
        Ok(())
    }

    fn handle_outcome(&mut self, number: u64, outcome: Outcome<'_>) -> Result<(), Violation> {
        let answer = match outcome {
            Outcome::Found(pid) => NodeAnswer::Found(of_peer(&pid)?),
            Outcome::Absent => NodeAnswer::Absent,
            Outcome::Denied => NodeAnswer::Denied,
            Outcome::Failed(detail) => NodeAnswer::Failed(detail.0.into()),
        };
        if self.requests.settle(number) {
            self.events.push_back(Event::Answered { number, answer });
        } else {
            self.counters.late += 1;
        }
        Ok(())
    }

    fn handle_gone(&mut self, far: FarId) {
        // The peer has told all that it had to. What still stands ends here, so that nobody waits.
        for (to, _, signal) in self.relations.end_far(Some(far), &Reason::NoProc) {
            self.events.push_back(Event::Signal { to, from: far.known(), signal });
        }
        for mailbox in self.purses.pids_of(far) {
            self.fail_sends(mailbox);
        }
        for ticket in self.purses.end_untaken(far) {
            self.events.push_back(Event::SendFailed { ticket, why: SendFailure::Ended });
        }
        self.pairs.forget_far(far);
    }

    fn handle_goodbye(&mut self, cause: GoodbyeCause) {
        let cause = match cause {
            GoodbyeCause::Stopping => EndCause::PeerStopping,
            GoodbyeCause::BrokenProtocol => EndCause::Accused,
            GoodbyeCause::Silent => EndCause::Unheard,
            GoodbyeCause::Superseded => EndCause::Superseded,
            GoodbyeCause::Overloaded => EndCause::PeerOverloaded,
        };
        self.end(cause, None);
    }

    fn fail_sends(&mut self, mailbox: FarPid) {
        self.events.push_back(Event::Closed { mailbox });
        for ticket in self.purses.end(mailbox) {
            self.events.push_back(Event::SendFailed { ticket, why: SendFailure::Ended });
        }
    }

    /// Checks who speaks to whom, the place in their order, and the proof.
    fn admit(&mut self, pair: &Pair, tables: &Tables) -> Result<Parcel, Violation> {
        let mut parcel = self.admit_known(pair, tables)?;
        if parcel.check == Check::Live {
            parcel.check = self.check(parcel.to, pair.to.authenticator, tables);
        }
        Ok(parcel)
    }

    /// What answers a signal of ours, or ends a relation, needs no proof: the relation is one.
    fn admit_signal(&mut self, pair: &Pair, signal: &Signal, tables: &Tables) -> Result<Parcel, Violation> {
        match signal {
            Signal::Link
            | Signal::Monitor { .. }
            | Signal::Stop
            | Signal::Exit { cause: ExitCause::Request, .. } => self.admit(pair, tables),
            _ => self.admit_known(pair, tables),
        }
    }

    /// As [`admit`](Self::admit), without a look at the proof.
    fn admit_known(&mut self, pair: &Pair, tables: &Tables) -> Result<Parcel, Violation> {
        let (from, to) = (of_peer(&pair.from)?, of_ours(&pair.to)?);
        if !tables.exports.is_live(to) {
            return Ok(Parcel { from, to, check: Check::Dead });
        }
        self.pairs.check(from.id, to, pair.sequence)?;
        Ok(Parcel { from, to, check: Check::Live })
    }

    /// Whether a proof is good. It is hashed once, and then remembered while its epoch lasts.
    fn check(&mut self, near: NearId, authenticator: u64, tables: &Tables) -> Check {
        if let Some((known, epoch)) = self.verified.get(&near)
            && tables.exports.epoch(near) == Some(*epoch)
            && bool::from(known.ct_eq(&authenticator))
        {
            return Check::Live;
        }
        let check = tables.exports.check(near, authenticator);
        match (check, tables.exports.epoch(near)) {
            (Check::Live, Some(epoch)) => {
                if self.verified.len() >= self.config.pairs {
                    self.verified.clear();
                }
                self.verified.insert(near, (authenticator, epoch));
            }
            (Check::Refused, _) => self.counters.refused += 1,
            _ => {}
        }
        check
    }
}

/// A pid that the peer may name as its own.
fn of_peer(pid: &WirePid) -> Result<FarPid, Violation> {
    must_be(pid.node, SENDER).map(|()| FarPid::of(pid))
}

/// A pid of this node's.
fn of_ours(pid: &WirePid) -> Result<NearId, Violation> {
    must_be(pid.node, RECEIVER).map(|()| NearId::of(pid))
}

const fn must_be(got: u32, allowed: u32) -> Result<(), Violation> {
    if got == allowed { Ok(()) } else { Err(Violation::WrongNode { got, allowed }) }
}

fn text(payload: Payload<'_>, what: &'static str) -> Result<Box<str>, Violation> {
    let text = std::str::from_utf8(payload.0).ok().filter(|text| text.len() <= REQUEST_NAME_BYTES);
    text.map(Into::into).ok_or(Violation::BadName { what })
}
