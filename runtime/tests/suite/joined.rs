//! Two nodes joined by a connection that is made of function calls.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use wharf_runtime::remote::{Connection, Cut, Encode, FarSignal, Grant, Pair, Refusal, Remote, Ticket};
use wharf_runtime::{ActorId, Event, ExitReason, Mailbox, Node, Pid, Reply};

use crate::common::{everywhere, give_way, poll_once};

#[derive(Debug)]
pub(crate) enum Msg {
    Number(u32),
    /// Has no form on the wire.
    Local(#[allow(dead_code, reason = "it is there to be lost")] Reply<u32>),
}

impl From<u32> for Msg {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl TryFrom<Msg> for u32 {
    type Error = Msg;

    fn try_from(msg: Msg) -> Result<Self, Msg> {
        match msg {
            Msg::Number(number) => Ok(number),
            Msg::Local(_) => Err(msg),
        }
    }
}

pub(crate) struct Plain;

impl Encode<Msg> for Plain {
    fn encode(message: Msg, _: &dyn Remote, bytes: &mut Vec<u8>) -> Result<(), Msg> {
        match message {
            Msg::Number(number) => {
                bytes.extend(number.to_be_bytes());
                Ok(())
            }
            Msg::Local(_) => Err(message),
        }
    }
}

/// What can be sent to from the other side.
pub(crate) struct Export {
    pub(crate) pid: Pid<Msg>,
    /// Room kept for messages that have not come yet.
    pub(crate) kept: u32,
    pub(crate) grant: Grant<Msg>,
}

/// Two nodes, joined.
pub(crate) struct Wire {
    pub(crate) up: AtomicBool,
    /// Whether messages that have room get lost.
    pub(crate) loses: AtomicBool,
    /// Whether unlinks stay without an acknowledgement.
    pub(crate) drops_acks: AtomicBool,
    pub(crate) nodes: [Node; 2],
    /// Each node's.
    pub(crate) connections: [OnceLock<Connection>; 2],
    pub(crate) exports: Mutex<BTreeMap<ActorId, Export>>,
    pub(crate) waiting: Mutex<BTreeMap<u64, Waker>>,
    pub(crate) tickets: AtomicU64,
    /// Messages that left.
    pub(crate) sent: AtomicU64,
}

impl Wire {
    pub(crate) fn between(near: &Node, far: &Node) -> Arc<Self> {
        let wire = Arc::new(Self {
            up: AtomicBool::new(true),
            loses: AtomicBool::new(false),
            drops_acks: AtomicBool::new(false),
            nodes: [near.clone(), far.clone()],
            connections: [OnceLock::new(), OnceLock::new()],
            exports: Mutex::default(),
            waiting: Mutex::default(),
            tickets: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        });
        for (node, peer, connection) in [(near, far, 0), (far, near, 1)] {
            let end = Arc::new(End(Arc::downgrade(&wire)));
            wire.connections[connection].set(node.connection(peer.id(), end)).unwrap();
        }
        wire
    }

    /// That of the node with this actor.
    pub(crate) fn connection_at(&self, id: ActorId) -> &Connection {
        let at = usize::from(self.nodes[1].id() == id.node());
        self.connections[at].get().unwrap()
    }

    /// The address, for the other node, of an actor.
    pub(crate) fn pid(&self, pid: &Pid<Msg>) -> Pid<Msg> {
        let connection = self.connection_at(pid.id());
        let export = Export { pid: pid.clone(), kept: 0, grant: connection.grant(pid, 0) };
        self.exports.lock().unwrap().entry(pid.id()).or_insert(export);
        let at = usize::from(self.nodes[0].id() == pid.id().node());
        self.connections[at].get().unwrap().pid::<Msg, Plain>(pid.id())
    }

    /// Lets those go on who wait for room.
    pub(crate) fn pump(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        waiting.into_values().for_each(Waker::wake);
    }

    pub(crate) fn cut(&self) {
        self.up.store(false, Ordering::SeqCst);
        self.exports.lock().unwrap().clear();
        self.pump();
        for connection in &self.connections {
            connection.get().unwrap().cut();
        }
    }

    /// Joins the two again after a cut: what was exported has to be exported again.
    pub(crate) fn mend(&self) {
        self.up.store(true, Ordering::SeqCst);
    }

    pub(crate) fn keep_room(&self, to: ActorId) -> Result<(), Refusal> {
        if !self.up.load(Ordering::SeqCst) {
            return Err(Refusal::NoConnection);
        }
        let mut exports = self.exports.lock().unwrap();
        let export = exports.get_mut(&to).ok_or(Refusal::Closed)?;
        if export.pid.is_alive() {
            if export.grant.raise_to(export.kept + 1) == export.kept {
                return Err(Refusal::Full { limit: 1 });
            }
            export.kept += 1;
        }
        Ok(())
    }
}

/// One node's way to the other.
pub(crate) struct End(Weak<Wire>);

impl Remote for End {
    fn try_reserve(&self, pair: Pair) -> Result<(), Refusal> {
        self.0.upgrade().ok_or(Refusal::NoConnection)?.keep_room(pair.to)
    }

    fn poll_reserve(
        &self,
        pair: Pair,
        ticket: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let Some(wire) = self.0.upgrade() else { return Poll::Ready(Err(Refusal::NoConnection)) };
        match wire.keep_room(pair.to) {
            Err(Refusal::Full { .. }) => {}
            other => return Poll::Ready(other),
        }
        let Ticket(number) =
            *ticket.get_or_insert_with(|| Ticket(wire.tickets.fetch_add(1, Ordering::SeqCst)));
        wire.waiting.lock().unwrap().insert(number, cx.waker().clone());
        Poll::Pending
    }

    fn give_up(&self, _: Pair, Ticket(number): Ticket) {
        if let Some(wire) = self.0.upgrade() {
            wire.waiting.lock().unwrap().remove(&number);
        }
    }

    fn unreserve(&self, pair: Pair) {
        let Some(wire) = self.0.upgrade() else { return };
        let mut exports = wire.exports.lock().unwrap();
        if let Some(export) = exports.get_mut(&pair.to) {
            export.kept -= 1;
            export.grant.reduce_to(export.kept);
        }
    }

    fn send(&self, pair: Pair, kind: &'static str, bytes: Vec<u8>) -> Result<Option<Ticket>, Cut> {
        let wire = self.0.upgrade().ok_or(Cut::new())?;
        if wire.loses.load(Ordering::SeqCst) || !wire.up.load(Ordering::SeqCst) {
            return Err(Cut::new());
        }
        assert!(kind.ends_with("Msg"), "{kind}");
        let number = u32::from_be_bytes(bytes.try_into().unwrap());
        let mut exports = wire.exports.lock().unwrap();
        let export = exports.get_mut(&pair.to).unwrap();
        wire.sent.fetch_add(1, Ordering::SeqCst);
        export.kept = export.kept.saturating_sub(1);
        export.grant.receive(pair.from, Msg::Number(number)).unwrap();
        Ok(None)
    }

    fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Refusal> {
        let wire = self.0.upgrade().ok_or(Refusal::NoConnection)?;
        if !wire.up.load(Ordering::SeqCst) {
            return Err(Refusal::NoConnection);
        }
        let lost = wire.drops_acks.load(Ordering::SeqCst) && matches!(signal, FarSignal::UnlinkAck { .. });
        if !lost {
            wire.connection_at(to).receive_signal(to, signal);
        }
        Ok(())
    }
}

/// Runs `body` with two nodes, joined.
pub(crate) fn joined(body: impl AsyncFn(Node, Node, &Wire)) {
    everywhere(async |near| {
        let far = Node::start().unwrap();
        let wire = Wire::between(&near, &far);
        body(near, far.clone(), &wire).await;
        drop(wire);
        assert!(far.stop().await.is_clean());
    });
}

/// Polls `future` until it is ready, and lets those go on who wait for room.
pub(crate) async fn eventually<F: Future>(wire: &Wire, mut future: Pin<&mut F>) -> F::Output {
    for _ in 0..10_000_000_u32 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
        wire.pump();
        give_way().await;
    }
    panic!("it never was ready");
}

/// An actor that waits to be told to end.
pub(crate) fn patient(node: &Node) -> Pid<Msg> {
    node.spawn_fn(async |mut mailbox: Mailbox<Msg>| while mailbox.receive().await.is_some() {})
}

pub(crate) fn numbers(seen: Vec<Msg>) -> Vec<u32> {
    seen.into_iter().map(|msg| u32::try_from(msg).unwrap()).collect()
}

/// The next notice, in words.
pub(crate) async fn notice(mailbox: &mut Mailbox<Msg>) -> (ActorId, ExitReason) {
    match mailbox.next().await {
        Some(Event::Down(down)) => (down.subject, down.reason),
        Some(Event::Exit(exit)) => (exit.from, exit.reason),
        other => panic!("{other:?}"),
    }
}
