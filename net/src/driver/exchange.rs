//! Pids and replies in messages, on their way over a connection.
//!
//! In a message the node of a pid is a number of the connection: 1 for whoever sends, 2 for whoever
//! receives, 3 for one that is not known any more, and more for others, which are introduced before. Reply rights are all let out by nobody in particular, so that an answer needs to know no more
//! than the right.

use std::sync::{Arc, Weak};

use wharf_runtime::wire::{
    Exchange, ExchangeError, ExportedPid, ExportedReply, ImportedPid, ImportedReply, MessageType, PidRef,
    RightRef,
};
use wharf_runtime::{ActorId, NodeId};

use super::convert::{NOBODY, far, near};
use super::core::{Core, FarActor, PeerKey, Shared};
use super::gone::Gone;
use crate::proto::{CommandError, FarPid, Identity, LOST_IN_PAYLOAD, RECEIVER_IN_PAYLOAD, SENDER_IN_PAYLOAD};
use crate::wire::WireRight;

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
    /// `None`: it has ended.
    pub(super) fn export_face(
        &mut self,
        shared: &Shared,
        pid: &ExportedPid,
    ) -> Result<Option<u64>, ExchangeError> {
        match self.export(&shared.node, pid.id()) {
            Ok(()) => {}
            Err(CommandError::Ended { .. }) => return Ok(None),
            Err(error) => return refused(error.to_string()),
        }
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
        Ok(Some(authenticator))
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

impl Core {
    /// A pid on its way to a peer, of whichever node.
    fn refer(&mut self, shared: &Shared, to: &PeerKey, pid: &ExportedPid) -> Result<PidRef, ExchangeError> {
        let id = pid.id();
        if id.node() == shared.number {
            // A pid outlives its actor, and travels all the same.
            let is_there = self.exports.known.contains(&near(id)) || shared.node.find(id).is_some();
            let proof = if is_there { self.export_face(shared, pid) } else { Ok(None) };
            let proof = proof?.unwrap_or_else(|| self.proto.tables.exports.proof_of(near(id)));
            return on_wire(SENDER_IN_PAYLOAD, id, proof);
        }
        let known = self.numbers.get(&id.node()).cloned();
        let Some(key) = known else { return on_wire(LOST_IN_PAYLOAD, id, id.node().number().into()) };
        let actor = self.peers.get(&key).and_then(|peer| peer.actors.get(&id));
        let proof = actor.map_or(0, |actor| actor.pid.authenticator);
        if key == *to {
            return on_wire(RECEIVER_IN_PAYLOAD, id, proof);
        }
        match self.introduce(shared, to, &key) {
            Ok(number) => on_wire(number, id, proof),
            Err(error) => refused(error.to_string()),
        }
    }
}

impl Wires {
    /// A pid of one life of another node.
    fn far(
        &self,
        shared: &Shared,
        of: &Identity,
        pid: PidRef,
        message: MessageType,
    ) -> Result<ImportedPid, ExchangeError> {
        let Some(number) = NodeId::new(of.number) else { return refused("no such node") };
        let id = ActorId::new(number, pid.id.slot(), pid.id.generation());
        let mut core = shared.lock();
        let met = core.meet(shared, of).map(|key| {
            core.import(shared, &key, id, pid.authenticator, message);
            core.peers.get(&key).map(|peer| peer.connection.clone())
        });
        drop(core);
        if let Err(why) = met {
            tracing::warn!(target: "wharf::net", node = %shared.me.name, of = %of, ?why, "an actor can't be reached");
        }
        let far = met.ok().flatten().unwrap_or_else(|| Gone::lost(&shared.node, number));
        Ok(ImportedPid::Far(far.any(id)))
    }

    /// A pid of this node's comes home.
    fn home(shared: &Shared, pid: PidRef, message: MessageType) -> ImportedPid {
        let id = ActorId::new(shared.number, pid.id.slot(), pid.id.generation());
        let core = shared.lock();
        let is_good = core.proto.tables.exports.is_good(near(id), pid.authenticator);
        let faces = core.exports.mailboxes.get(&near(id)).filter(|_| is_good).map(|mailbox| &mailbox.faces);
        let face = faces.and_then(|faces| {
            faces.iter().find(|face| face.message().name() == message.name()).or(faces.first())
        });
        match face {
            Some(face) => ImportedPid::Home(face.clone()),
            // It has ended, or this was never given out, or was taken back.
            None => ImportedPid::Far(shared.ended.any(id)),
        }
    }
}

impl Exchange for Wires {
    fn export_pid(&self, pid: ExportedPid) -> Result<PidRef, ExchangeError> {
        let shared = self.shared()?;
        let mut core = shared.lock();
        core.refer(&shared, &self.key, &pid)
    }

    fn import_pid(&self, pid: PidRef, message: MessageType) -> Result<ImportedPid, ExchangeError> {
        let shared = self.shared()?;
        let number = pid.id.node().number();
        let of = match number {
            // Sent by the peer: of its own, or of this node's.
            SENDER_IN_PAYLOAD => {
                Identity { name: self.key.0.clone(), incarnation: self.key.1, number: self.number.number() }
            }
            RECEIVER_IN_PAYLOAD => return Ok(Self::home(&shared, pid, message)),
            LOST_IN_PAYLOAD => {
                let number = u32::try_from(pid.authenticator).ok().and_then(NodeId::new);
                let number = number.filter(|number| *number != shared.number);
                let Some(number) = number else { return refused("no such node") };
                let id = ActorId::new(number, pid.id.slot(), pid.id.generation());
                return Ok(ImportedPid::Far(Gone::lost(&shared.node, number).any(id)));
            }
            _ => {
                let core = shared.lock();
                let heard = core.peers.get(&self.key).and_then(|peer| peer.heard.get(&number));
                match heard {
                    Some(heard) => heard.clone(),
                    None => return refused(format!("a pid of node {number}, which nobody has introduced")),
                }
            }
        };
        if of == shared.me {
            return Ok(Self::home(&shared, pid, message));
        }
        self.far(&shared, &of, pid, message)
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
