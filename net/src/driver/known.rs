//! Which nodes are known here, from meeting them and from what others say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use wharf_runtime::NodeId;
use wharf_runtime::remote::{Refusal, Remote};
use wharf_runtime::wire::Exchange;

use super::answers::Answers;
use super::core::{Core, Peer, PeerKey, Shared, WaitState};
use super::exchange::Wires;
use super::far::Far;
use crate::proto::{CommandError, FIRST_IN_PAYLOAD, Identity, SENDER_IN_PAYLOAD};
use crate::transport::Address;

/// Why a node is not to be known here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unknown {
    /// Another node that is known has its number.
    Clash,
    /// As many are known as may be.
    TooMany,
}

impl Core {
    /// One life of a node is to be known here: somebody names an actor of it, or it is there.
    pub(super) fn meet(&mut self, shared: &Shared, peer: &Identity) -> Result<PeerKey, Unknown> {
        let key = (peer.name.clone(), peer.incarnation);
        if self.peers.contains_key(&key) {
            return Ok(key);
        }
        let number = NodeId::new(peer.number).filter(|number| {
            *number != shared.number && self.numbers.get(number).is_none_or(|known| *known == key)
        });
        let Some(number) = number else { return Err(Unknown::Clash) };
        let most = self.proto.config().peers;
        if self.peers.len() >= most {
            self.forget_unused(shared);
        }
        if self.peers.len() >= most {
            return Err(Unknown::TooMany);
        }
        let this = &shared.this;
        let exchange: Arc<dyn Exchange> = Arc::new(Wires::new(this.clone(), key.clone(), number));
        let far = Arc::new(Far::new(this.clone(), key.clone(), Arc::clone(&exchange)));
        let remote: Arc<dyn Remote> = Arc::clone(&far) as Arc<dyn Remote>;
        let connection = shared.node.connection(number, remote);
        let answers = Answers::new(exchange);
        shared.tokio.spawn(answers.carry(this.clone(), key.clone()));
        self.numbers.insert(number, key.clone());
        let peer = Peer {
            number,
            far,
            connection,
            actors: BTreeMap::new(),
            prune_at: 1024,
            replies: BTreeMap::new(),
            answers,
            in_line: BTreeMap::new(),
            blocked: VecDeque::new(),
            told: BTreeMap::new(),
            heard: BTreeMap::new(),
        };
        self.peers.insert(key.clone(), peer);
        Ok(key)
    }

    /// Nodes that were named, and none of whose actors anybody refers to any more.
    fn forget_unused(&mut self, shared: &Shared) {
        let used = |core: &Self, key: &PeerKey, peer: &Peer| {
            core.is_connected(key) || peer.actors.keys().any(|id| shared.node.find(*id).is_some())
        };
        let unused: Vec<PeerKey> =
            self.peers.iter().filter(|(key, peer)| !used(self, key, peer)).map(|it| it.0.clone()).collect();
        // Nobody refers to their actors, so nobody waits for any. They are dropped without the lock.
        let gone: Vec<_> = unused.iter().filter_map(|key| self.forget(key)).collect();
        shared.tokio.spawn(async move { drop(gone) });
    }

    /// One life of a node is over for good, or not known any more: whoever waits for it waits in vain.
    fn forget(&mut self, key: &PeerKey) -> Option<(Peer, Vec<Waker>)> {
        let peer = self.peers.remove(key)?;
        self.numbers.remove(&peer.number);
        let mut wakers = Vec::new();
        for number in peer.blocked.iter().chain(peer.in_line.values()) {
            if let Some(wait) = self.waits.get_mut(number) {
                wait.state = WaitState::Ready(Err(Refusal::NoConnection));
                wakers.extend(wait.waker.take());
            }
        }
        Some((peer, wakers))
    }

    /// Earlier lives of a node are over for good.
    pub(super) fn forget_earlier(&mut self, now: &PeerKey) -> Vec<(Peer, Vec<Waker>)> {
        let old: Vec<PeerKey> =
            self.peers.keys().filter(|old| old.0 == now.0 && old.1 != now.1).cloned().collect();
        old.iter().filter_map(|old| self.forget(old)).collect()
    }

    /// The number that another node has in what is sent to a peer, which is told whose it is.
    pub(super) fn introduce(
        &mut self,
        shared: &Shared,
        to: &PeerKey,
        third: &PeerKey,
    ) -> Result<u32, CommandError> {
        let own = self.peers.get(third).map(|peer| peer.number.number());
        let (Some(own), Some(peer)) = (own, self.peers.get_mut(to)) else {
            return Err(CommandError::NoConnection);
        };
        let next = u32::try_from(peer.told.len()).unwrap_or(u32::MAX).saturating_add(FIRST_IN_PAYLOAD);
        let number = *peer.told.entry(third.clone()).or_insert(next);
        if self.proto.connection_to(&to.0).is_some_and(|(_, it)| it.has_introduced(number)) {
            return Ok(number);
        }
        let node = Identity { name: third.0.clone(), incarnation: third.1, number: own };
        let addresses: Vec<String> = self.addresses.of(&third.0).iter().map(ToString::to_string).collect();
        match self.with(shared, to, |it, _| it.introduce(number, &node, &addresses)) {
            // Without a connection nothing goes that has the number: it will be told with the next one.
            Ok(()) | Err(CommandError::NoConnection) => Ok(number),
            Err(error) => Err(error),
        }
    }

    /// Tells a peer where this node can be reached.
    pub(super) fn introduce_oneself(&mut self, shared: &Shared, to: &PeerKey) {
        let own = self.addresses.own();
        if !own.is_empty() {
            // Without a connection, it is told with the next one.
            _ = self.with(shared, to, |it, _| it.introduce(SENDER_IN_PAYLOAD, &shared.me, &own));
        }
    }
}

impl Shared {
    /// A peer says who a number is in what it sends, or where itself can be reached.
    pub(super) fn introduced(&self, key: &PeerKey, number: u32, node: Identity, addresses: &[Box<str>]) {
        let mut core = self.lock();
        if node.name != self.me.name {
            for address in addresses {
                // What is no address in this version may be one in another.
                if let Ok(address) = address.parse::<Address>()
                    && self.transport(&address).is_ok()
                {
                    core.addresses.learn(&node.name, address);
                }
            }
        }
        if number < FIRST_IN_PAYLOAD {
            return;
        }
        let Some(peer) = core.peers.get_mut(key) else { return };
        let known = peer.heard.entry(number).or_insert_with(|| node.clone());
        if *known != node {
            drop(core);
            tracing::error!(target: "wharf::net", node = %self.me.name, peer = %key.0, number, "the peer said of two nodes that they have one number: its connection ends");
            self.break_off(key, "two nodes under one number");
        }
    }

    /// This node can be reached at an address: all peers are told, and those that come.
    pub(super) fn announce(&self, address: Address) {
        let mut core = self.lock();
        if core.addresses.add_own(address) {
            let connected: Vec<PeerKey> =
                core.peers.keys().filter(|key| core.is_connected(key)).cloned().collect();
            for key in connected {
                core.introduce_oneself(self, &key);
            }
        }
    }
}
