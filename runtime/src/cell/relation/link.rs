//! One actor's view of its links: OTP's link protocol.
//!
//! Source: "Link Protocol" in the distribution protocol guide of Erlang/OTP 26, which uses the same
//! between two processes of one node.
//!
//! An unlink and the other side's link may cross. Whoever unlinks therefore ignores links until its
//! unlink is acknowledged: a link that comes before the acknowledgement was sent by one who had not
//! yet seen the unlink, will see it, and will drop the link again. This needs two things of whoever
//! carries the signals: they keep their order from actor to actor, and the acknowledgement is sent
//! before anything else is sent there.

use super::table::Table;
use crate::id::ActorId;
use crate::signal::{Peer, Signal};

/// What one side knows of one link.
///
/// ```text
///                  link() sends LINK
///                  LINK received                 unlink() sends UNLINK(id)
///            .----------------------> Active ---------------------------> Unlinking(id)
///            |                        |    ^                                 |   |
///  (nothing)-+                        |    '------ link() sends LINK --------'   |
///            ^                        |                                          |
///            |-- UNLINK received -----'                                          |
///            |   exit through the link                                           |
///            |                                                                   |
///            '-- UNLINK_ACK(id) received, exit through the link -----------------'
/// ```
/// What is not drawn changes nothing. An `UNLINK` is acknowledged in every state.
#[derive(Clone, Debug)]
enum Link<P> {
    /// The two are linked, as far as this side knows.
    Active {
        /// Who hears of our death.
        peer: P,
        /// Whether its death, when trapped, goes ahead of ordinary messages.
        priority: bool,
    },
    /// They are not, and the other side has not yet confirmed that it knows.
    Unlinking {
        /// What the acknowledgement must carry.
        id: u64,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Links<P> {
    table: Table<ActorId, Link<P>>,
    last_unlink: u64,
}

impl<P: Peer> Links<P> {
    pub(super) const fn new() -> Self {
        Self { table: Table::new(), last_unlink: 0 }
    }

    pub(super) fn link(&mut self, me: &P, peer: &P, priority: bool) -> Option<(P, Signal<P>)> {
        if peer.id() == me.id() {
            return None;
        }
        if let Some(Link::Active { priority: known, .. }) = self.table.get_mut(&peer.id()) {
            *known = priority;
            return None;
        }
        // An unlink still under way is forgotten: its acknowledgement will find the link active.
        self.table.insert(peer.id(), Link::Active { peer: peer.clone(), priority });
        Some((peer.clone(), Signal::Link { from: me.clone() }))
    }

    pub(super) fn unlink(&mut self, me: &P, peer: ActorId) -> Option<(P, Signal<P>)> {
        let link = self.table.get_mut(&peer)?;
        let Link::Active { peer, .. } = link else { return None };
        let peer = peer.clone();
        self.last_unlink += 1;
        let id = self.last_unlink;
        *link = Link::Unlinking { id };
        Some((peer, Signal::Unlink { from: me.clone(), id }))
    }

    pub(super) fn handle_link(&mut self, from: P) {
        if self.table.get(&from.id()).is_none() {
            self.table.insert(from.id(), Link::Active { peer: from, priority: false });
        }
    }

    pub(super) fn handle_unlink(&mut self, from: ActorId) {
        if let Some(Link::Active { .. }) = self.table.get(&from) {
            self.table.remove(&from);
        }
    }

    pub(super) fn handle_unlink_ack(&mut self, from: ActorId, id: u64) {
        if let Some(Link::Unlinking { id: awaited }) = self.table.get(&from)
            && *awaited == id
        {
            self.table.remove(&from);
        }
    }

    /// Forgets the link. `Some` when it was active: whether the exit has priority.
    ///
    /// An unlink under way is forgotten as well: the other side is dead or cut off, and over a
    /// connection that is gone no acknowledgement will come.
    pub(super) fn handle_exit(&mut self, from: ActorId) -> Option<bool> {
        match self.table.remove(&from) {
            Some(Link::Active { priority, .. }) => Some(priority),
            Some(Link::Unlinking { .. }) | None => None,
        }
    }

    /// Takes out one actor that is to hear of our death.
    pub(super) fn next_to_tell(&mut self) -> Option<P> {
        while let Some((_, link)) = self.table.remove_first() {
            if let Link::Active { peer, .. } = link {
                return Some(peer);
            }
        }
        None
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &P> {
        self.table.iter().filter_map(|(_, link)| match link {
            Link::Active { peer, .. } => Some(peer),
            Link::Unlinking { .. } => None,
        })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}
