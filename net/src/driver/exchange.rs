//! Pids and replies in messages, on their way over a connection.
//!
//! In a message the node of a pid is a number of the connection: 1 for whoever sends, 2 for whoever
//! receives. Reply rights are all let out by nobody in particular, so that an answer needs to know no more
//! than the right.

use std::sync::{Arc, Weak};

use wharf_runtime::wire::{
    Exchange, ExchangeError, ExportedPid, ExportedReply, ImportedPid, ImportedReply, MessageType, PidRef,
    RightRef,
};
use wharf_runtime::{ActorId, NodeId};

use super::convert::{NOBODY, far, near};
use super::core::{Core, FarActor, PeerKey, Shared};
use crate::proto::FarPid;
use crate::wire::WireRight;

const SENDER: u32 = 1;
const RECEIVER: u32 = 2;

/// One end of a connection, as messages see it.
pub(super) struct Wires {
    shared: Weak<Shared>,
    key: PeerKey,
    /// The peer's number in the ids of its actors here.
    number: NodeId,
}

fn refused<T>(reason: impl Into<String>) -> Result<T, ExchangeError> {
    Err(ExchangeError::Refused { reason: reason.into() })
}

fn on_wire(node: u32, id: ActorId, authenticator: u64) -> Result<PidRef, ExchangeError> {
    let Some(node) = NodeId::new(node) else { return refused("no such node") };
    Ok(PidRef { id: ActorId::new(node, id.slot(), id.generation()), authenticator })
}

impl Wires {
    pub(super) const fn new(shared: Weak<Shared>, key: PeerKey, number: NodeId) -> Self {
        Self { shared, key, number }
    }

    fn shared(&self) -> Result<Arc<Shared>, ExchangeError> {
        match self.shared.upgrade() {
            Some(shared) => Ok(shared),
            None => refused("the node's networking has ended"),
        }
    }
}

impl Core {
    /// Lets an actor be sent to from outside, as what `pid` says.
    pub(super) fn export_face(&mut self, shared: &Shared, pid: &ExportedPid) -> Result<u64, ExchangeError> {
        self.export(&shared.node, pid.id()).or_else(|error| refused(error.to_string()))?;
        let (at, message) = (near(pid.id()), pid.message());
        self.declare(message);
        let authenticator = match self.proto.tables.exports.export(at) {
            Ok(authenticator) => authenticator,
            Err(error) => return refused(error.to_string()),
        };
        let mailbox = self.exports.mailboxes.entry(at).or_default();
        if mailbox.faces.iter().all(|face| face.message().name() != message.name()) {
            mailbox.faces.push(pid.clone());
        }
        self.exports.decoders.entry(message.name()).or_insert_with(|| pid.clone());
        Ok(authenticator)
    }

    /// Remembers an actor of a peer's, as one that takes `message`.
    pub(super) fn import(
        &mut self,
        shared: &Shared,
        key: &PeerKey,
        id: ActorId,
        authenticator: u64,
        message: MessageType,
    ) {
        self.declare(message);
        let node = &shared.node;
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.actors.len() >= peer.prune_at {
            peer.actors.retain(|id, actor| !actor.kept.is_empty() || node.find(*id).is_some());
            peer.prune_at = (2 * peer.actors.len()).max(1024);
        }
        let pid = FarPid { id: far(id), authenticator };
        let actor = peer.actors.entry(id).or_insert_with(|| FarActor {
            pid,
            types: Vec::new(),
            kept: std::collections::VecDeque::new(),
            ended: false,
        });
        actor.pid = pid;
        let rust = message.rust_name();
        if actor.types.iter().all(|(known, _)| *known != rust) {
            actor.types.push((rust, message));
        }
        // So that the peer's answer is there when the first message goes.
        _ = self.agree(shared, key, message.name());
    }
}

impl Exchange for Wires {
    fn export_pid(&self, pid: ExportedPid) -> Result<PidRef, ExchangeError> {
        let shared = self.shared()?;
        let id = pid.id();
        let mut core = shared.lock();
        if id.node() == shared.number {
            let authenticator = core.export_face(&shared, &pid)?;
            return on_wire(SENDER, id, authenticator);
        }
        if id.node() != self.number {
            return refused(format!("{id} is of a third node: only pids of the two ends travel"));
        }
        match core.peers.get(&self.key).and_then(|peer| peer.actors.get(&id)) {
            Some(actor) => on_wire(RECEIVER, id, actor.pid.authenticator),
            None => refused(format!("{id} is not known any more")),
        }
    }

    fn import_pid(&self, pid: PidRef, message: MessageType) -> Result<ImportedPid, ExchangeError> {
        let shared = self.shared()?;
        let (slot, generation) = (pid.id.slot(), pid.id.generation());
        let mut core = shared.lock();
        match pid.id.node().number() {
            // Sent by the peer: of its own, or of this node's.
            SENDER => {
                let id = ActorId::new(self.number, slot, generation);
                core.import(&shared, &self.key, id, pid.authenticator, message);
                let Some(connection) = core.peers.get(&self.key).map(|peer| peer.connection.clone()) else {
                    return refused("the connection is gone");
                };
                drop(core);
                Ok(ImportedPid::Far(connection.any(id)))
            }
            RECEIVER => {
                let id = ActorId::new(shared.number, slot, generation);
                if !core.proto.tables.exports.is_good(near(id), pid.authenticator) {
                    return refused(format!("{id} was not given out, or has ended"));
                }
                let faces = core.exports.mailboxes.get(&near(id)).map(|mailbox| &mailbox.faces);
                let face = faces.and_then(|faces| {
                    faces.iter().find(|face| face.message().name() == message.name()).or(faces.first())
                });
                match face {
                    Some(face) => Ok(ImportedPid::Home(face.clone())),
                    None => refused(format!("{id} was not given out")),
                }
            }
            _ => refused("a pid of a third node"),
        }
    }

    fn reserve_right(&self) -> Result<RightRef, ExchangeError> {
        let shared = self.shared()?;
        let mut core = shared.lock();
        match core.with(&shared, &self.key, |it, tables| it.open_right(tables, NOBODY)) {
            Ok(WireRight { number, authenticator }) => {
                if let Some(peer) = core.peers.get_mut(&self.key) {
                    peer.replies.insert(number, None);
                }
                Ok(RightRef { number, authenticator })
            }
            Err(error) => refused(error.to_string()),
        }
    }

    fn export_reply(&self, right: RightRef, reply: ExportedReply) {
        let Ok(shared) = self.shared() else { return };
        let mut core = shared.lock();
        // If the connection was cut meanwhile the place is gone, and the asker is told when it is dropped.
        let place = core.peers.get_mut(&self.key).and_then(|peer| peer.replies.get_mut(&right.number));
        let left = match place {
            Some(place) => place.replace(reply),
            None => Some(reply),
        };
        drop(core);
        drop(left);
    }

    fn release_right(&self, right: RightRef) {
        let Ok(shared) = self.shared() else { return };
        let mut core = shared.lock();
        let left = core.peers.get_mut(&self.key).and_then(|peer| peer.replies.remove(&right.number));
        _ = core.with(&shared, &self.key, |it, _| {
            it.cancel_right(right.number);
            Ok(())
        });
        drop(core);
        drop(left);
    }

    fn import_reply(&self, right: RightRef, reply: ImportedReply) {
        let Ok(shared) = self.shared() else { return };
        let answers = shared.lock().peers.get(&self.key).map(|peer| peer.answers.clone());
        if let Some(answers) = answers {
            answers.await_one(right, reply);
        }
    }
}
