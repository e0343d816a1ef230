//! Messages between two nodes of one process, through an exchange that keeps what a connection would.

mod fingerprints;
mod hostile;
mod two_nodes;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};

use serde::{Deserialize, Serialize};
use wharf::Wire;
use wharf::prelude::*;
use wharf::wire::{
    self, AnswerError, DecodeError, EncodeError, Exchange, ExchangeError, ExportedPid, ExportedReply,
    ImportedPid, ImportedReply, MessageType, PidRef, RightRef, Sender,
};

/// Both ends of a connection in one: what goes out is at once there to come in.
#[derive(Default)]
struct Link {
    pids: Mutex<HashMap<(ActorId, &'static str), ExportedPid>>,
    next: Mutex<u64>,
    exported: Mutex<BTreeMap<u64, ExportedReply>>,
    imported: Mutex<BTreeMap<u64, ImportedReply>>,
    released: Mutex<Vec<u64>>,
    /// Refuses all that would go out.
    closed: bool,
}

impl Link {
    fn new() -> (Arc<Self>, Arc<dyn Exchange>) {
        let link = Arc::new(Self::default());
        (Arc::clone(&link), link)
    }

    fn closed() -> Arc<dyn Exchange> {
        Arc::new(Self { closed: true, ..Self::default() })
    }

    fn check(&self) -> Result<(), ExchangeError> {
        if self.closed { Err(ExchangeError::Refused { reason: "closed".to_owned() }) } else { Ok(()) }
    }

    /// What the far side knows of the right: its answer, once it is there.
    fn poll(
        &self,
        right: u64,
        out: &mut Vec<u8>,
        exchange: &Arc<dyn Exchange>,
    ) -> Poll<Result<(), AnswerError>> {
        let mut reply = self.imported.lock().unwrap().remove(&right).expect("a reply came in");
        let polled = reply.poll(&mut TaskContext::from_waker(Waker::noop()), out, exchange);
        if polled.is_pending() {
            self.imported.lock().unwrap().insert(right, reply);
        }
        polled
    }

    /// Takes all answers that are there home.
    fn carry(&self, exchange: &Arc<dyn Exchange>) {
        let rights: Vec<_> = self.imported.lock().unwrap().keys().copied().collect();
        for right in rights {
            let mut out = Vec::new();
            let Poll::Ready(answer) = self.poll(right, &mut out, exchange) else { continue };
            let asker = self.exported.lock().unwrap().remove(&right).expect("it went out");
            match answer {
                Ok(()) => asker.answer(&out, exchange).unwrap(),
                Err(AnswerError::Unanswered(why)) => asker.fail(why),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

impl Exchange for Link {
    fn export_pid(&self, pid: ExportedPid) -> Result<PidRef, ExchangeError> {
        self.check()?;
        let at = PidRef { id: pid.id(), authenticator: 7 };
        self.pids.lock().unwrap().insert((pid.id(), pid.message().name()), pid);
        Ok(at)
    }

    fn import_pid(&self, pid: PidRef, message: MessageType) -> Result<ImportedPid, ExchangeError> {
        let pids = self.pids.lock().unwrap();
        let known =
            pids.get(&(pid.id, message.name())).or_else(|| pids.values().find(|it| it.id() == pid.id));
        match known {
            Some(known) if pid.authenticator == 7 => Ok(ImportedPid::Home(known.clone())),
            _ => Err(ExchangeError::Refused { reason: format!("{} is not known", pid.id) }),
        }
    }

    fn reserve_right(&self) -> Result<RightRef, ExchangeError> {
        self.check()?;
        let mut next = self.next.lock().unwrap();
        *next += 1;
        Ok(RightRef { number: *next, authenticator: 9 })
    }

    fn export_reply(&self, right: RightRef, reply: ExportedReply) {
        self.exported.lock().unwrap().insert(right.number, reply);
    }

    fn release_right(&self, right: RightRef) {
        self.released.lock().unwrap().push(right.number);
    }

    fn import_reply(&self, right: RightRef, reply: ImportedReply) {
        assert_eq!(right.authenticator, 9);
        self.imported.lock().unwrap().insert(right.number, reply);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Circle(f32),
    Line(i64, i64),
    Named { name: String, inside: Vec<Self> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    small: (u8, i8, u16, i16, u32, i32),
    large: (u64, i64, u128, i128),
    real: (f32, f64),
    letter: char,
    flag: bool,
    text: String,
    list: Vec<u16>,
    map: BTreeMap<String, Option<u8>>,
    unit: (),
    shapes: Vec<Shape>,
    time: std::time::Duration,
    address: std::net::IpAddr,
    boxed: Box<[u8]>,
}

fn everything() -> Everything {
    Everything {
        small: (1, -1, 300, -300, 70_000, -70_000),
        large: (u64::MAX, i64::MIN, u128::MAX, i128::MIN),
        real: (0.5, -0.25),
        letter: 'ß',
        flag: true,
        text: "text".to_owned(),
        list: vec![1, 2, 3],
        map: BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), Some(2))]),
        unit: (),
        shapes: vec![
            Shape::Dot,
            Shape::Circle(1.5),
            Shape::Line(-1, 1),
            Shape::Named { name: "n".to_owned(), inside: vec![Shape::Dot] },
        ],
        time: std::time::Duration::from_millis(1_500),
        address: std::net::IpAddr::from([127, 0, 0, 1]),
        boxed: Box::new([1, 2, 3]),
    }
}

/// Written by hand.
#[derive(Debug, wharf::Wire)]
enum Hand {
    Unit,
    Tuple(u8, Everything),
    Fields { shape: Shape, reply: Reply<Shape>, second: Reply<u8> },
}

#[derive(Debug, wharf::Wire)]
#[wire(name = "generic", version = 3, max_bytes = 100)]
struct Generic<T>(Vec<T>, Reply<Option<T>>);

fn there_and_back<M: Wire>(message: M) -> M {
    let (_, exchange) = Link::new();
    let mut bytes = Vec::new();
    wire::encode(message, &mut bytes, &exchange).unwrap();
    wire::decode(&bytes, &exchange).unwrap()
}

#[test]
fn all_kinds_of_arguments_come_back_as_they_went() {
    assert!(matches!(there_and_back(Hand::Unit), Hand::Unit));
    let Hand::Tuple(5, came) = there_and_back(Hand::Tuple(5, everything())) else {
        panic!("another variant")
    };
    assert_eq!(came, everything());
    let Generic(list, reply) = there_and_back(Generic(vec![1_u8, 2], Reply::none()));
    assert_eq!(list, [1, 2]);
    assert!(!reply.is_wanted());
    assert_eq!((Generic::<u8>::NAME, Generic::<u8>::VERSION), ("generic", 3));
    assert!(Hand::NAME.ends_with("wire::Hand"), "{}", Hand::NAME);
    assert_eq!(Hand::VERSION, 1);
}

#[test]
fn the_bytes_are_postcards() {
    let (_, exchange) = Link::new();
    let mut bytes = vec![0xee];
    wire::encode(Hand::Tuple(5, everything()), &mut bytes, &exchange).unwrap();
    // What was in the buffer stays; then the variant, and the fields.
    assert_eq!(bytes[..3], [0xee, 1, 5]);
    assert_eq!(bytes[3..], postcard::to_allocvec(&everything()).unwrap());
}

#[test]
fn what_is_not_encoded_comes_back_with_live_replies() {
    wharf::block_on(async {
        let (link, exchange) = Link::new();
        let echo = spawn_fn(async |mut mailbox: Mailbox<(Reply<Shape>, Reply<u8>)>| {
            while let Some((reply, second)) = mailbox.receive().await {
                let (_, exchange) = Link::new();
                let shape = Shape::Named { name: "x".repeat(70_000), inside: Vec::new() };
                let mut out = vec![1];
                let lost =
                    wire::encode(Hand::Fields { shape, reply, second }, &mut out, &exchange).unwrap_err();
                assert_eq!(lost.error, EncodeError::TooLarge { limit: 65_536 });
                assert_eq!(out, [1]);
                let Hand::Fields { reply, second, .. } = lost.message else { panic!("another message") };
                assert!(second.send(3).is_err(), "nobody waits for the second");
                reply.send(Shape::Dot).unwrap();
            }
        });
        assert_eq!(echo.ask(|reply| (reply, Reply::none())).await, Ok(Shape::Dot));

        // A place that was reserved before the failure is given back.
        let asked = echo_of_generic(&exchange);
        assert_eq!(asked.await, Ok(Some(4)));
        assert_eq!(*link.released.lock().unwrap(), [1]);
        assert!(link.exported.lock().unwrap().is_empty());
    });
}

/// A reply before a field that refuses.
#[derive(Debug, wharf::Wire)]
struct ReplyFirst(Reply<Option<u8>>, Stubborn);

#[derive(Debug, Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

fn echo_of_generic(
    exchange: &Arc<dyn Exchange>,
) -> impl Future<Output = Result<Option<u8>, AskError>> + use<> {
    let exchange = Arc::clone(exchange);
    async move {
        let pid = spawn_fn(async move |mut mailbox: Mailbox<ReplyFirst>| {
            while let Some(message) = mailbox.receive().await {
                let lost = wire::encode(message, &mut Vec::new(), &exchange).unwrap_err();
                assert_eq!(lost.error, EncodeError::Value { reason: "not today".to_owned() });
                lost.message.0.send(Some(4)).unwrap();
            }
        });
        pid.ask(|reply| ReplyFirst(reply, Stubborn)).await
    }
}

#[test]
fn an_exchange_that_refuses_fails_the_encode_by_name() {
    wharf::block_on(async {
        let pid = spawn_fn(async |mut mailbox: Mailbox<Carry>| drop(mailbox.receive().await));
        let lost = wire::encode(Carry { pid: Some(pid) }, &mut Vec::new(), &Link::closed()).unwrap_err();
        let refused = ExchangeError::Refused { reason: "closed".to_owned() };
        assert_eq!(lost.error, EncodeError::Exchange(refused));
        assert!(lost.message.pid.is_some());
    });
}

#[derive(Debug, wharf::Wire)]
struct Carry {
    pid: Option<Pid<Self>>,
}

#[test]
fn a_pid_is_serialised_nowhere_else() {
    wharf::block_on(async {
        let pid = spawn_fn(async |mut mailbox: Mailbox<Carry>| drop(mailbox.receive().await));
        assert!(postcard::to_allocvec(&pid).is_err());
        assert!(postcard::from_bytes::<Pid<Carry>>(&[1, 2, 3, 4]).is_err());
    });
}
