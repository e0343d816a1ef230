//! What the driver of one node holds, and the lock around it.
//!
//! One mutex guards the protocol and all tables beside it; it is held for a step and never across an await,
//! nor while code of the program's runs (a message decoded, a waker called, a reply dropped). What the
//! protocol tells is taken out by one thread at a time ([`Shared::pump`]), in order, and acted on without
//! the lock: so what comes from a peer is delivered in the order in which it came.
//!
//! What each message looks up is in ordered maps: they are small, and comparing costs less than hashing in a
//! way that a peer can't abuse.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use wharf_runtime::remote::{Connection, Network};
use wharf_runtime::wire::{ExportedPid, ExportedReply, MessageType};
use wharf_runtime::{ActorId, Node, NodeId};

use super::addresses::Addresses;
use super::answers::Answers;
use super::convert::{NOBODY, near, near_actor};
use super::error::NodeDown;
use super::far::Far;
use super::gone::Gone;
use super::requests::Factory;
use crate::proto::{
    self, CommandError, ConnId, EndCause, FarPid, HandshakeError, Identity, NearId, NodeAnswer, NodeName,
    PeerState, Reason, Tables, Ticket,
};
use crate::transport::{Address, Transport};

/// One life of another node.
pub(super) type PeerKey = (NodeName, u128);

/// What the driver of one node holds.
pub(super) struct Shared {
    pub(super) node: Node,
    pub(super) me: Identity,
    pub(super) number: NodeId,
    pub(super) tokio: Handle,
    epoch: Instant,
    core: Mutex<Core>,
    /// Wakes the task that keeps time.
    pub(super) clock: Notify,
    /// Whoever awaits a connection, a type or an answer looks again.
    pub(super) changed: Notify,
    pub(super) transports: Vec<Arc<dyn Transport>>,
    /// Makes pids of actors of this node that have ended.
    pub(super) ended: Connection,
    pub(super) this: Weak<Self>,
}

/// What is guarded.
pub(super) struct Core {
    pub(super) proto: proto::Node,
    pub(super) lines: BTreeMap<ConnId, Line>,
    /// Addresses at which calls are taken. Each has something to tidy up at the end.
    pub(super) listeners: usize,
    pub(super) peers: BTreeMap<PeerKey, Peer>,
    /// Whose a number in the ids of actors is.
    pub(super) numbers: BTreeMap<NodeId, PeerKey>,
    pub(super) addresses: Addresses,
    pub(super) exports: Exports,
    pub(super) waits: HashMap<u64, Wait>,
    pub(super) last_wait: u64,
    /// Answers of peers' nodes that are awaited.
    pub(super) requests: HashMap<(PeerKey, u64), oneshot::Sender<NodeAnswer>>,
    pub(super) node_monitors: HashMap<u64, oneshot::Sender<NodeDown>>,
    pub(super) last_number: u64,
    /// Calls to addresses that somebody waits for.
    pub(super) called: HashSet<ConnId>,
    /// How those ended.
    pub(super) calls: HashMap<ConnId, Result<NodeName, (Option<Identity>, HandshakeError)>>,
    pub(super) ends: HashMap<NodeName, EndCause>,
    dispatching: bool,
    pub(super) stopping: bool,
    pub(super) stopped: bool,
    pub(super) shutdown: Option<Waker>,
    /// Why calls to a node's addresses failed the last time.
    pub(super) dial_errors: HashMap<NodeName, (Address, String)>,
}

/// One transport connection.
pub(super) struct Line {
    pub(super) notify: Arc<Notify>,
    /// The writer has found nothing to write, and sleeps until it is notified.
    pub(super) idle: bool,
    pub(super) closing: bool,
    /// Who is at the other end, for the log.
    pub(super) remote: String,
}

/// One life of another node, as it is known here.
pub(super) struct Peer {
    pub(super) number: NodeId,
    pub(super) far: Arc<Far>,
    pub(super) connection: Connection,
    pub(super) actors: BTreeMap<ActorId, FarActor>,
    /// After so many it is seen which are not referred to any more.
    pub(super) prune_at: usize,
    /// Replies that went out, by number; `None` while the message is being encoded.
    pub(super) replies: BTreeMap<u64, Option<ExportedReply>>,
    /// Replies that came in.
    pub(super) answers: Answers,
    /// Waits by the protocol's tickets.
    pub(super) in_line: BTreeMap<Ticket, u64>,
    /// Waits for a connection, or for a type to be agreed on.
    pub(super) blocked: VecDeque<u64>,
    /// The numbers of other nodes in what is sent there, and in what comes from there.
    pub(super) told: BTreeMap<PeerKey, u32>,
    pub(super) heard: BTreeMap<u32, Identity>,
}

/// An actor of a peer's that was imported.
pub(super) struct FarActor {
    pub(super) pid: FarPid,
    /// As what: each with the name of its Rust type.
    pub(super) types: Vec<(&'static str, MessageType)>,
    /// Room that is kept there.
    pub(super) kept: VecDeque<Ticket>,
    pub(super) ended: bool,
}

/// Somebody who waits for room.
pub(super) struct Wait {
    pub(super) to: ActorId,
    pub(super) state: WaitState,
    pub(super) waker: Option<Waker>,
}

pub(super) enum WaitState {
    Blocked,
    InLine(Ticket),
    /// Sent, and to be handed over.
    Untaken(Ticket),
    Ready(Result<Ticket, wharf_runtime::remote::Refusal>),
}

/// Actors that other nodes may know.
#[derive(Default)]
pub(super) struct Exports {
    /// Those whose end will be told.
    pub(super) known: BTreeSet<NearId>,
    pub(super) mailboxes: BTreeMap<NearId, Mailbox>,
    /// One pid for each type of message: enough to find the rights in a message.
    pub(super) decoders: HashMap<&'static str, ExportedPid>,
    pub(super) names: HashMap<String, Vec<ExportedPid>>,
    pub(super) factories: HashMap<String, Arc<dyn Factory>>,
}

/// An actor here that other nodes may send to.
#[derive(Default)]
pub(super) struct Mailbox {
    /// As what it was exported.
    pub(super) faces: Vec<ExportedPid>,
    pub(super) rooms: BTreeMap<PeerKey, Rooms>,
    /// What came for it and has to wait, behind a message that is to be handed over.
    pub(super) behind: Option<VecDeque<super::dispatch::Arrival>>,
}

/// Room in a mailbox here, for one peer.
#[derive(Default)]
pub(super) struct Rooms {
    /// Kept, and promised to the peer.
    pub(super) kept: u32,
    /// Wanted by the peer, and not yet promised.
    pub(super) owed: u32,
    /// Somebody waits for room on its behalf.
    pub(super) waiting: bool,
    /// Bytes that came since room was promised the last time.
    pub(super) used: u64,
}

impl Shared {
    pub(super) fn new(
        node: Node,
        me: Identity,
        tokio: Handle,
        transports: Vec<Arc<dyn Transport>>,
        proto: proto::Node,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            number: node.id(),
            ended: Gone::ended(&node),
            node,
            me,
            tokio,
            epoch: Instant::now(),
            core: Mutex::new(Core {
                proto,
                lines: BTreeMap::new(),
                listeners: 0,
                peers: BTreeMap::new(),
                numbers: BTreeMap::new(),
                addresses: Addresses::default(),
                exports: Exports::default(),
                waits: HashMap::new(),
                last_wait: 0,
                requests: HashMap::new(),
                node_monitors: HashMap::new(),
                last_number: 0,
                called: HashSet::new(),
                calls: HashMap::new(),
                ends: HashMap::new(),
                dispatching: false,
                stopping: false,
                stopped: false,
                shutdown: None,
                dial_errors: HashMap::new(),
            }),
            clock: Notify::new(),
            changed: Notify::new(),
            transports,
            this: Weak::clone(this),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock()
    }

    /// The protocol's time.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The moment that a time of the protocol's is.
    pub(super) fn moment(&self, at: Duration) -> Instant {
        self.epoch + at
    }

    /// Acts on all that the protocol tells, unless another thread does so already: that one sees to it then.
    pub(super) fn pump(&self) {
        let mut core = self.lock();
        if core.dispatching {
            return;
        }
        core.dispatching = true;
        let mut batch = VecDeque::new();
        loop {
            while let Some(event) = core.proto.poll_event() {
                batch.push_back(event);
            }
            if batch.is_empty() {
                core.dispatching = false;
                return;
            }
            drop(core);
            while let Some(event) = batch.pop_front() {
                self.handle(event);
            }
            core = self.lock();
        }
    }

    /// Waits until `look` finds something. It looks again whenever something has changed.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before it looks: a change between the look and the wait counts.
            changed.as_mut().enable();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Has somebody else act on what the protocol tells: for threads that have other things to do.
    pub(super) fn pump_soon(&self) {
        self.clock.notify_one();
    }
}

impl Core {
    /// Does something with the connection to one life of a node. What comes of it is written, and acted on.
    pub(super) fn with<T>(
        &mut self,
        shared: &Shared,
        key: &PeerKey,
        act: impl FnOnce(&mut proto::Connection, &mut Tables) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let Some(conn) = self.proto.reach(&key.0, key.1) else { return Err(CommandError::NoConnection) };
        let done = self.proto.with(shared.now(), conn, act);
        self.kick_line(conn);
        self.tell(shared);
        done
    }

    /// Has somebody act on what the protocol tells, if it tells anything.
    pub(super) fn tell(&self, shared: &Shared) {
        if self.proto.event_count() > 0 {
            shared.pump_soon();
        }
    }

    /// Wakes the writer of a connection, if it sleeps and there is something to write.
    pub(super) fn kick(&mut self, peer: &NodeName) {
        if let Some((conn, _)) = self.proto.connection_to(peer) {
            self.kick_line(conn);
        }
    }

    pub(super) fn kick_line(&mut self, conn: ConnId) {
        if let Some(line) = self.lines.get_mut(&conn)
            && line.idle
            && self.proto.has_output(conn)
        {
            line.idle = false;
            line.notify.notify_one();
        }
    }

    pub(super) fn kick_all(&mut self) {
        for (conn, line) in &mut self.lines {
            if line.idle && self.proto.has_output(*conn) {
                line.idle = false;
                line.notify.notify_one();
            }
        }
    }

    /// Whether there is a connection to this very life of a node.
    pub(super) fn is_connected(&self, key: &PeerKey) -> bool {
        self.proto.connection_to(&key.0).is_some_and(|(_, with)| with.peer().incarnation == key.1)
    }

    /// Whether what waits for a connection to this life of a node may hope.
    pub(super) fn may_connect(&self, key: &PeerKey) -> bool {
        match self.proto.state_of(&key.0) {
            PeerState::Connected => self.is_connected(key),
            PeerState::Backoff => false,
            _ => self.addresses.has(&key.0),
        }
    }

    /// Lets an actor of this node be known outside. Its end will be told.
    pub(super) fn export(&mut self, node: &Node, id: ActorId) -> Result<(), CommandError> {
        let near = near(id);
        if near == NOBODY || self.exports.known.contains(&near) {
            return Ok(());
        }
        let gone = CommandError::Ended { actor: super::convert::far(id) };
        let pid = node.find(id).ok_or_else(|| gone.clone())?;
        self.proto.tables.exports.export(near)?;
        // Under the lock, which the end of the actor takes to take it out.
        if !node.export(&pid) {
            self.proto.tables.exports.remove(near);
            return Err(gone);
        }
        self.exports.known.insert(near);
        Ok(())
    }

    /// A type of message that is known here.
    pub(super) fn declare(&mut self, message: MessageType) {
        if !self.proto.tables.types.knows(message.name(), message.version()) {
            self.proto.tables.types.declare(message.name(), message.version(), message.fingerprint());
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl Network for Shared {
    fn actor_ended(&self, id: ActorId) {
        let mut core = self.lock();
        let near = near(id);
        let now = self.now();
        // All who had a relation with it have been told why, by the actor itself. Whoever is left came too late.
        core.proto.actor_ended(now, near, &Reason::NoProc);
        core.exports.known.remove(&near);
        let mailbox = core.exports.mailboxes.remove(&near);
        // Names of the dead are free.
        let mut unnamed = Vec::new();
        if mailbox.is_some() {
            core.exports.names.retain(|_, faces| {
                let keep = faces.first().is_some_and(|face| face.id() != id);
                if !keep {
                    unnamed.append(faces);
                }
                keep
            });
        }
        core.kick_all();
        drop(core);
        drop((mailbox, unnamed));
        self.pump_soon();
    }

    fn poll_shutdown(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        let mut core = self.lock();
        if core.stopped {
            return std::task::Poll::Ready(());
        }
        core.shutdown = Some(cx.waker().clone());
        drop(core);
        self.stop();
        std::task::Poll::Pending
    }
}

impl Shared {
    /// Ends all connections, in order, once all that was sent is written.
    pub(super) fn stop(&self) {
        let mut core = self.lock();
        if !std::mem::replace(&mut core.stopping, true) {
            let now = self.now();
            core.proto.stop(now);
            core.kick_all();
            self.changed.notify_waiters();
        }
        drop(core);
        self.pump_soon();
    }

    /// The id of an actor here.
    pub(super) const fn actor(&self, near: NearId) -> ActorId {
        near_actor(self.number, near)
    }
}
