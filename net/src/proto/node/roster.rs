//! The other nodes that a node remembers: so many, and those that nobody needs go first.

use std::collections::BTreeMap;

use crate::proto::config::Config;
use crate::proto::error::CommandError;
use crate::proto::ids::NodeName;
use crate::proto::peer::Peer;

/// Peers by name.
#[derive(Debug)]
pub(super) struct Roster {
    peers: BTreeMap<NodeName, Known>,
    /// Counts the uses.
    uses: u64,
    limit: usize,
}

#[derive(Debug)]
struct Known {
    peer: Peer,
    /// Number of the last use.
    used: u64,
}

impl Roster {
    pub(super) const fn new(limit: usize) -> Self {
        Self { peers: BTreeMap::new(), uses: 0, limit }
    }

    /// The peer of this name, which is new if none is known. The one that was used least recently of
    /// those whom nobody needs is forgotten for it, if there are as many as may be.
    ///
    /// # Errors
    /// When as many are needed as may be known.
    pub(super) fn admit(&mut self, name: &NodeName, config: &Config) -> Result<&mut Peer, CommandError> {
        if !self.peers.contains_key(name) && self.peers.len() >= self.limit {
            let idle = self.idle().ok_or(CommandError::TooMany { what: "peers", limit: self.limit })?;
            self.peers.remove(&idle);
        }
        self.uses += 1;
        let known =
            self.peers.entry(name.clone()).or_insert_with(|| Known { peer: Peer::new(config), used: 0 });
        known.used = self.uses;
        Ok(&mut known.peer)
    }

    /// Whether [`admit`](Self::admit) would succeed.
    pub(super) fn has_room_for(&self, name: &NodeName) -> bool {
        self.peers.contains_key(name) || self.peers.len() < self.limit || self.idle().is_some()
    }

    /// Forgets a peer unless it is needed.
    pub(super) fn forget(&mut self, name: &NodeName) -> bool {
        let Some(known) = self.peers.get_mut(name) else { return true };
        known.peer.keep = false;
        let needless = known.peer.is_needless();
        if needless {
            self.peers.remove(name);
        }
        needless
    }

    pub(super) fn get(&self, name: &NodeName) -> Option<&Peer> {
        self.peers.get(name).map(|known| &known.peer)
    }

    pub(super) fn get_mut(&mut self, name: &NodeName) -> Option<&mut Peer> {
        self.peers.get_mut(name).map(|known| &mut known.peer)
    }

    pub(super) fn names(&self) -> Vec<NodeName> {
        self.peers.keys().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values().map(|known| &known.peer)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.peers.values_mut().map(|known| &mut known.peer)
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// The one to forget first. One that waits to be called again is not among them, or the wait would
    /// be over.
    fn idle(&self) -> Option<NodeName> {
        let idle = self.peers.iter().filter(|(_, known)| known.peer.is_idle());
        idle.min_by_key(|(_, known)| known.used).map(|(name, _)| name.clone())
    }
}
