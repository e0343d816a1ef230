//! One established connection: what both ends keep about each other while it lasts.
//!
//! | file | its one job |
//! |---|---|
//! | `mod.rs` | the connection's life: bytes, time, end |
//! | `inbound.rs` | what each frame of the peer's does |
//! | `commands.rs` | what the driver can ask for |

mod commands;
mod inbound;

pub use self::commands::{NodeReply, Outgoing};

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::config::Config;
use super::credit::{Grants, Purses};
use super::error::Violation;
use super::event::{EndCause, Event, SendFailure};
use super::handshake::Acquaintance;
use super::ids::{FarPid, Identity, NearId};
use super::introductions::Introductions;
use super::outbox::Outbox;
use super::pair::Pairs;
use super::reason::Reason;
use super::replies::{Reply, Rights};
use super::requests::{NodeAnswer, Requests};
use super::signals::Relations;
use super::tables::Tables;
use super::types::Types;
use crate::wire::{Decoder, Frame, GoodbyeCause, Limits};

/// What happened on a connection, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Messages sent.
    pub sent: u64,
    /// Messages that came for a live actor.
    pub delivered: u64,
    /// Messages that came for nobody.
    pub undeliverable: u64,
    /// Frames to an actor with a wrong proof.
    pub refused: u64,
    /// Answers and outcomes that nobody waits for any more.
    pub late: u64,
    /// Signals that changed nothing when they came.
    pub stale: u64,
}

/// An established connection. It does no I/O and has no clock.
///
/// ```text
///            bytes, time, commands                 goodbye sent or read,
///           .--.                                   transport closed
///           v  |      stop(), violation, silence          |
///  (new) -> OPEN --------------------------> ENDING ------+--> ENDED
///             |   everything that stood across it           ^
///             |   has its one NoConnection                  |
///             '---- goodbye read, transport closed ---------'
/// ```
/// In ENDING only [`poll_transmit`](Self::poll_transmit) has something left: frames already sent,
/// and the goodbye. Input is dropped, commands fail with `NoConnection`.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    peer: Identity,
    state: State,
    decoder: Decoder,
    outbox: Outbox,
    events: VecDeque<Event>,
    pairs: Pairs,
    types: Types,
    purses: Purses,
    grants: Grants,
    relations: Relations,
    rights: Rights,
    requests: Requests,
    introductions: Introductions,
    /// Proofs that were found good, with the epoch they were good in.
    verified: BTreeMap<NearId, (u64, u64)>,
    counters: Counters,
    beat: Beat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ending,
    Ended,
}

/// Signs of life, each way.
#[derive(Debug)]
struct Beat {
    every: Duration,
    next: Duration,
    sent: u64,
    seen: u64,
    heard: Duration,
    /// Since when a frame is unfinished.
    unfinished: Option<Duration>,
}

impl Connection {
    /// Begins with two nodes that know each other.
    #[must_use]
    pub fn new(now: Duration, acquaintance: &Acquaintance, config: &Config) -> Self {
        let every = config.heartbeat.min(acquaintance.silence / 4);
        let mut limits = Limits::PEER;
        limits.frame_bytes = config.frame_bytes;
        Self {
            peer: acquaintance.peer.clone(),
            state: State::Open,
            decoder: Decoder::new(limits),
            outbox: Outbox::new(acquaintance.frame_bytes),
            events: VecDeque::new(),
            pairs: Pairs::new(config.pairs),
            types: Types::new(config.types),
            purses: Purses::new(config.waiting, config.mailboxes),
            grants: Grants::new(config.mailboxes, config.idle_credit),
            relations: Relations::new(config.relations),
            rights: Rights::new(acquaintance.connection, config.asks),
            requests: Requests::new(config.requests),
            introductions: Introductions::new(config.introductions),
            verified: BTreeMap::new(),
            counters: Counters::default(),
            beat: Beat { every, next: now + every, sent: 0, seen: 0, heard: now, unfinished: None },
            config: config.clone(),
        }
    }

    /// As [`new`](Self::new), with bytes of the handshake that go out first.
    pub(crate) fn after(now: Duration, acquaintance: &Acquaintance, config: &Config, rest: Vec<u8>) -> Self {
        let mut this = Self::new(now, acquaintance, config);
        this.outbox.begin_with(rest);
        this
    }

    /// Takes bytes from the transport.
    ///
    /// Moves `input` past what it used: all of it, unless so many events wait to be taken that no
    /// more is read for now. Then take them, and call again with the rest.
    pub fn handle_bytes(&mut self, now: Duration, input: &mut &[u8], tables: &mut Tables) {
        if !input.is_empty() {
            self.beat.heard = now;
        }
        let mut decoder = std::mem::replace(&mut self.decoder, Decoder::new(Limits::PEER));
        while self.state == State::Open && self.events.len() < self.config.events {
            let outcome = match decoder.poll_frame(input) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    self.beat.unfinished = None;
                    self.handle_frame(now, &frame, tables)
                }
                Err(error) => Err(Violation::Bytes(error)),
            };
            if let Err(violation) = outcome {
                self.end(EndCause::Violation(violation), Some(GoodbyeCause::BrokenProtocol));
            }
            self.check_outbox();
        }
        match decoder.held_bytes() {
            0 => self.beat.unfinished = None,
            _ => _ = self.beat.unfinished.get_or_insert(now),
        }
        self.decoder = decoder;
        if self.state != State::Open {
            *input = &[];
        }
    }

    /// The clock has moved on.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.state != State::Open {
            return;
        }
        if now >= self.beat.heard + self.config.silence {
            return self.end(EndCause::Silent, Some(GoodbyeCause::Silent));
        }
        let late = |since: Duration| now >= since + self.config.unfinished_frame;
        if self.beat.unfinished.is_some_and(late) {
            return self.end(EndCause::Unfinished, Some(GoodbyeCause::BrokenProtocol));
        }
        if now >= self.beat.next {
            self.beat.next = now + self.beat.every;
            self.beat.sent += 1;
            self.push(&Frame::Heartbeat { number: self.beat.sent, seen: self.beat.seen });
        }
        for (mailbox, proof) in self.grants.recall_idle(now) {
            self.push(&Frame::Recall { mailbox: mailbox.wire(proof) });
        }
        self.check_outbox();
    }

    /// The transport was closed, by the peer or by an error.
    pub fn handle_closed(&mut self) {
        self.end(EndCause::Closed, None);
        self.outbox.clear();
        self.state = State::Ended;
    }

    /// Ends the connection in order: what was sent goes out, and a goodbye after it.
    pub fn stop(&mut self, cause: GoodbyeCause) {
        let ours = match cause {
            GoodbyeCause::Superseded => EndCause::Superseded,
            _ => EndCause::Stopping,
        };
        self.end(ours, Some(cause));
    }

    /// Ends the connection, as whoever uses it found that the peer broke the protocol: it sent `what`.
    pub fn accuse(&mut self, what: &'static str) {
        let cause = EndCause::Violation(Violation::Nonsense { what });
        self.end(cause, Some(GoodbyeCause::BrokenProtocol));
    }

    /// Appends what has to be sent to `out`, whole frames, control first; `false` if there is
    /// nothing. Call it when the transport has room, and only then: what waits is bounded here.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let crowded = self.is_crowded();
        let any = self.outbox.take(self.config.transmit_bytes, out);
        if self.state == State::Ending && self.outbox.len() == 0 {
            self.state = State::Ended;
        }
        if crowded && !self.is_crowded() && self.state == State::Open {
            for mailbox in self.purses.with_waiters() {
                self.let_go(mailbox);
            }
        }
        any
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to give.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outbox.len() > 0
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        if self.state != State::Open {
            return None;
        }
        let unfinished = self.beat.unfinished.map(|since| since + self.config.unfinished_frame);
        let silent = self.beat.heard + self.config.silence;
        [Some(silent), Some(self.beat.next), unfinished, self.grants.timeout()].into_iter().flatten().min()
    }

    /// The node at the other end.
    #[must_use]
    pub const fn peer(&self) -> &Identity {
        &self.peer
    }

    /// Whether commands may succeed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether nothing is left to be sent and nothing will be read: the transport can be closed.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Credit held for a mailbox of the peer's: messages and bytes.
    #[must_use]
    pub fn credit_for(&self, mailbox: FarPid) -> (u32, u64) {
        self.purses.held(mailbox)
    }

    /// What the peer may still send to a mailbox of ours: messages and bytes.
    #[must_use]
    pub fn granted(&self, mailbox: NearId) -> (u32, u64) {
        self.grants.outstanding(mailbox)
    }

    /// Bytes that the peer makes this side hold, and entries of tables that it can make grow.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        let entries = self.events.len() + self.pairs.len() + self.relations.len() + self.rights.len();
        (self.decoder.buffer_bytes() + self.outbox.len(), entries)
    }

    /// Ends the connection, once: whatever stood across it has its one `NoConnection`.
    fn end(&mut self, cause: EndCause, goodbye: Option<GoodbyeCause>) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Ending;
        if !matches!(cause, EndCause::Stopping) {
            self.outbox.clear();
        }
        match goodbye {
            // Two bytes, which every peer accepts.
            Some(cause) => _ = self.outbox.push(&Frame::Goodbye { cause }),
            None => self.state = State::Ended,
        }
        for (to, far, signal) in self.relations.end_far(None, &Reason::NoConnection) {
            let from = FarPid { id: far, authenticator: 0 };
            self.events.push_back(Event::Signal { to, from, signal });
        }
        for (number, to) in self.rights.end_all() {
            self.events.push_back(Event::Reply { to, number, reply: Reply::NoConnection });
        }
        for ticket in self.purses.end_all() {
            self.events.push_back(Event::SendFailed { ticket, why: SendFailure::NoConnection });
        }
        for (mailbox, messages, bytes) in self.grants.end_all() {
            self.events.push_back(Event::CreditReturned { mailbox, messages, bytes });
        }
        for number in self.requests.end_all() {
            self.events.push_back(Event::Answered { number, answer: NodeAnswer::NoConnection });
        }
        self.events.push_back(Event::Ended { cause });
    }

    /// Queues a frame that is known to be short enough.
    fn push(&mut self, frame: &Frame<'_>) {
        if self.state == State::Open && self.outbox.push(frame).is_err() {
            // The only way to be too long is a limit of the peer's under that of a stranger, and
            // such a peer is refused. Not sending would break an order, so the connection goes.
            self.end(EndCause::Overloaded, Some(GoodbyeCause::Overloaded));
        }
    }

    fn check_outbox(&mut self) {
        if self.outbox.len() > self.config.queue_limit_bytes {
            self.end(EndCause::Overloaded, Some(GoodbyeCause::Overloaded));
        }
    }

    /// Whether messages wait until the transport has taken more.
    fn is_crowded(&self) -> bool {
        self.outbox.len() >= self.config.queue_bytes
    }

    /// Lets those go who wait for a mailbox and for whom there is credit.
    fn let_go(&mut self, mailbox: FarPid) {
        while !self.is_crowded()
            && let Some(ticket) = self.purses.next(mailbox)
        {
            self.events.push_back(Event::MayGo { ticket });
        }
    }
}
