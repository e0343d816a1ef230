//! What is run on each script; a fuzzer can call the same.

use std::collections::BTreeMap;
use std::time::Duration;

use wharf_net::proto::{
    Acquaintance, Admission, AnswerWith, ClusterKey, Config, Connection, Event, FarPid, Handshake, Identity,
    Introduction, NearId, NodeAnswer, NodeName, NodeReply, NodeRequest, Outgoing, Progress, Reason, Signal,
    Tables, Ticket, TypeState,
};
use wharf_net::wire::ExitCause;

use crate::damage::{damage, frames};

const NOW: Duration = Duration::from_secs(50);
const RIGHTS: NearId = NearId { slot: u32::MAX, generation: 1 };
const NEAR: NearId = NearId { slot: 1, generation: 1 };
const OTHER: NearId = NearId { slot: 2, generation: 1 };

fn identity(name: &str) -> Identity {
    Identity { name: NodeName::new(name).unwrap(), incarnation: 7, number: 1 }
}

/// Limits small enough to be reached.
fn config() -> Config {
    let mut config = Config::default();
    config.frame_bytes = 8192;
    config.events = 16;
    config.pairs = 16;
    config.relations = 8;
    config.mailboxes = 8;
    config.requests = 4;
    config.types = 4;
    config.queue_limit_bytes = 64 * 1024;
    config
}

struct End {
    connection: Connection,
    tables: Tables,
}

impl End {
    fn new(peer: &str, key: u8) -> Self {
        let acquaintance = Acquaintance {
            peer: identity(peer),
            version: 1,
            frame_bytes: 8192,
            silence: Duration::from_secs(5),
            connection: 3,
        };
        let mut tables = Tables::new([key; 16], 100);
        tables.types.declare("T", 1, 11);
        Self { connection: Connection::new(NOW, &acquaintance, &config()), tables }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        // Events are taken each time, so that few calls are enough.
        for _ in 0..1000 {
            self.connection.handle_bytes(NOW, &mut bytes, &mut self.tables);
            self.check_cost();
            events.extend(std::iter::from_fn(|| self.connection.poll_event()));
            if bytes.is_empty() {
                return events;
            }
        }
        panic!("{} bytes are left", bytes.len());
    }

    fn written(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.connection.poll_transmit(&mut out) {}
        out
    }

    /// What the peer makes this side hold, by the limits in `config`.
    fn check_cost(&self) {
        let (bytes, entries) = self.connection.held();
        let config = config();
        // A frame being read; what waits for the transport, and the frame that was one too many.
        assert!(bytes <= 8192 + 4 + config.queue_limit_bytes + 8192, "{bytes} bytes");
        // Each relation, right, ticket, request and mailbox has an event at the end.
        let standing = 4 * config.relations + config.mailboxes + config.requests + 16;
        assert!(entries <= config.events + 2 * config.pairs + 2 * standing, "{entries} entries");
    }

    fn find(&mut self, number: u64, near: NearId) {
        self.connection.answer_request(&mut self.tables, number, NodeReply::Found(near)).unwrap();
    }

    fn look_up(&mut self) -> u64 {
        let request = NodeRequest::Lookup { name: "x".into(), type_name: "T".into() };
        self.connection.request(&request).unwrap()
    }

    fn signal(&mut self, to: FarPid, signal: &Signal) {
        self.connection.signal(&mut self.tables, NEAR, to, signal).unwrap();
    }
}

fn requested(events: &[Event]) -> u64 {
    let number = events.iter().find_map(|event| match event {
        Event::Requested { number, .. } => Some(*number),
        _ => None,
    });
    number.unwrap()
}

fn found(events: &[Event]) -> FarPid {
    let pid = events.iter().find_map(|event| match event {
        Event::Answered { answer: NodeAnswer::Found(pid), .. } => Some(*pid),
        _ => None,
    });
    pid.unwrap()
}

/// An actor of `second`, as `first` gets to know it.
fn introduce(first: &mut End, second: &mut End, near: NearId) -> FarPid {
    first.look_up();
    let number = requested(&second.read(&first.written()));
    second.find(number, near);
    found(&first.read(&second.written()))
}

/// Things that stand across a connection, each with its one outcome to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Right(u64),
    Ticket(Ticket),
    Request(u64),
    Monitor(u64),
}

fn outcome_of(event: &Event) -> Option<Open> {
    match event {
        Event::Reply { number, .. } => Some(Open::Right(*number)),
        Event::MayGo { ticket } | Event::SendFailed { ticket, .. } => Some(Open::Ticket(*ticket)),
        Event::Answered { number, .. } => Some(Open::Request(*number)),
        Event::Signal { signal: Signal::Down { number, .. }, .. } => Some(Open::Monitor(*number)),
        _ => None,
    }
}

/// An honest peer's frames, damaged: whatever comes of it, all that stood across has one outcome.
pub(crate) fn connection(script: &[u8]) {
    let (mut near, mut far) = (End::new("far", 1), End::new("near", 2));
    let there = introduce(&mut near, &mut far, NEAR);
    let there_too = introduce(&mut near, &mut far, OTHER);
    let here = introduce(&mut far, &mut near, NEAR);
    far.connection.agree("T", &far.tables).unwrap();
    near.read(&far.written());
    far.read(&near.written());

    let mut open: BTreeMap<Open, u32> = BTreeMap::new();
    let rights = [0, 1].map(|_| near.connection.open_right(&mut near.tables, RIGHTS).unwrap());
    open.extend(rights.map(|right| (Open::Right(right.number), 0)));
    for to in [there, there_too] {
        let Admission::Wait(ticket) = near.connection.reserve(to, 10).unwrap() else { panic!("no credit") };
        open.insert(Open::Ticket(ticket), 0);
    }
    let requests = [near.look_up(), near.look_up()];
    open.extend(requests.map(|number| (Open::Request(number), 0)));
    for (number, to) in [(1, there), (2, there_too)] {
        near.signal(to, &Signal::Monitor { number });
        open.insert(Open::Monitor(number), 0);
    }
    near.signal(there, &Signal::Link);
    let granted = (4, 400);
    near.connection.grant(NOW, &mut near.tables, NEAR, granted.0, granted.1).unwrap();
    far.read(&near.written());

    // All that an honest peer could say to this.
    let TypeState::Agreed { number: type_number, .. } = far.connection.agree("T", &far.tables).unwrap()
    else {
        panic!("not agreed")
    };
    for payload in [&b"one"[..], b"two"] {
        let message = Outgoing { type_number, payload };
        far.connection.try_send(&mut far.tables, NEAR, here, message).unwrap();
    }
    let asker = FarPid { id: wharf_net::proto::FarId { slot: u32::MAX, generation: 1 }, authenticator: 0 };
    let with = AnswerWith::Value(b"answer");
    far.connection.answer(&mut far.tables, RIGHTS, asker, rights[0], with).unwrap();
    far.find(requests[0], OTHER);
    far.connection.grant(NOW, &mut far.tables, NEAR, 1, 20).unwrap();
    far.signal(here, &Signal::Monitor { number: 9 });
    far.signal(here, &Signal::Unlink { number: 5 });
    far.signal(here, &Signal::Link);
    far.look_up();
    far.connection.handle_timeout(NOW + Duration::from_secs(2));
    far.connection.actor_ended(&far.tables, OTHER, &Reason::Failed([1; 30].into()));
    let mut said = frames(&far.written());
    assert!(said.len() >= 12);
    let damaged = damage(&mut said, script);

    let mut events = Vec::new();
    for frame in &said {
        let cut = frame.len() / 2;
        events.extend(near.read(&frame[..cut]));
        events.extend(near.read(&frame[cut..]));
    }
    assert!(damaged || near.connection.is_open());
    near.connection.handle_closed();
    events.extend(std::iter::from_fn(|| near.connection.poll_event()));

    let mut link = true;
    let mut room = (0, 0);
    for event in &events {
        if let Some(outcomes) = outcome_of(event).and_then(|which| open.get_mut(&which)) {
            *outcomes += 1;
        }
        match event {
            Event::Message { payload, .. } => room = (room.0 + 1, room.1 + payload.len() as u64),
            Event::CreditReturned { messages, bytes, .. } => room = (room.0 + messages, room.1 + bytes),
            Event::Signal {
                signal: Signal::Exit { cause: ExitCause::Link, .. } | Signal::Unlink { .. },
                from,
                ..
            } if from.id == there.id => {
                link = false;
            }
            Event::Signal { signal: Signal::Link, from, .. } if from.id == there.id => link = true,
            _ => {}
        }
    }
    assert!(open.values().all(|outcomes| *outcomes == 1), "{open:?}");
    assert_eq!((room, link), (granted, false));
    let ends: Vec<usize> =
        (0..events.len()).filter(|at| matches!(events[*at], Event::Ended { .. })).collect();
    assert_eq!(ends, [events.len() - 1], "it ends once, and nothing comes after");
    assert!(near.connection.is_ended());
}

fn introduction(name: &str) -> Introduction {
    Introduction::new(identity(name), ClusterKey::new([7; 32]))
}

/// A handshake of which one side's words are damaged on the way: the other side believes nobody, unless
/// all that it read was as it was said.
pub(crate) fn handshake(script: &[u8], dials: bool) {
    let config = config();
    let mut honest = [
        Handshake::dial(NOW, introduction("a"), [1; 32], &config),
        Handshake::listen(NOW, introduction("b"), [2; 32], &config),
    ];
    let target = usize::from(!dials);
    let (mut said, mut heard, mut done) = (Vec::new(), Vec::new(), false);
    for round in 0..8 {
        let from = round % 2;
        let mut bytes = Vec::new();
        honest[from].poll_transmit(&mut bytes);
        if from != target {
            said.extend_from_slice(&bytes);
            // The script is for the whole: a different part of it for each turn.
            let part = &script[(round / 2 * 5).min(script.len())..];
            let mut words = frames(&bytes);
            damage(&mut words, part);
            bytes = words.concat();
            heard.extend_from_slice(&bytes);
        }
        let receiver = &mut honest[1 - from];
        match receiver.handle_bytes(NOW, &mut &bytes[..]) {
            Ok(Progress::Identified(_)) => done |= receiver.accept().is_some() && 1 - from == target,
            Ok(Progress::Done(_)) => done |= 1 - from == target,
            Ok(Progress::More) => {}
            Err(error) => assert_eq!(receiver.handle_bytes(NOW, &mut &[2, 0, 0, 0, 7, 1][..]), Err(error)),
        }
        assert!(receiver.held_bytes() <= config.handshake_bytes + 4 + 1024);
    }
    assert_eq!(done, heard.starts_with(&said) && !said.is_empty() && done);
    assert!(done || !script.is_empty());
}

/// A message of 4 MiB that opens a list at each byte: too long, or bytes like any other.
pub(crate) fn nested(frame_bytes: u32, fits: bool) {
    let mut decoder_config = config();
    decoder_config.frame_bytes = frame_bytes;
    let mut near = End::new("far", 1);
    let acquaintance = Acquaintance {
        peer: identity("far"),
        version: 1,
        frame_bytes,
        silence: Duration::from_secs(5),
        connection: 3,
    };
    near.connection = Connection::new(NOW, &acquaintance, &decoder_config);
    let args = vec![0x91; 4 << 20];
    let request = wharf_net::wire::Request::Spawn {
        factory: wharf_net::wire::Payload(b"x"),
        args: wharf_net::wire::Payload(&args),
    };
    let mut limits = wharf_net::wire::Limits::PEER;
    limits.frame_bytes = 8 << 20;
    let mut bytes = Vec::new();
    let frame = wharf_net::wire::Frame::Request { number: 1, request };
    wharf_net::wire::encode(&frame, &limits, &mut bytes).unwrap();
    near.tables.factories.insert("x".into());
    near.connection.handle_bytes(NOW, &mut &bytes[..], &mut near.tables);
    assert_eq!(near.connection.is_open(), fits);
    let whole = matches!(near.connection.poll_event(), Some(Event::Requested { request: NodeRequest::Spawn { args, .. }, .. }) if args.len() == 4 << 20);
    assert_eq!(whole, fits);
}
