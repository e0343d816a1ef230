//! Room in mailboxes here, promised to peers.
//!
//! What is promised is kept in the mailbox first. A peer that sends gets as much as half of the mailbox
//! ahead, so that it need not ask for each message; one whose messages find no room waits in line with the
//! senders here. A mailbox that only hands over has no room to keep: it is promised one message at a time,
//! and the next when that is handed over.

use wharf_runtime::Capacity;
use wharf_runtime::wire::ExportedPid;

use super::core::{Core, PeerKey, Rooms, Shared};
use crate::proto::NearId;

/// Most messages that are promised ahead.
const AHEAD: u32 = 1024;
/// Bytes that may be on their way to one mailbox.
pub(super) const BYTES: u64 = 4 * 1024 * 1024;

/// How much of a mailbox one peer may have ahead; `None` if it only hands over.
fn most(face: &ExportedPid) -> Option<u32> {
    match face.capacity() {
        Capacity::Zero => None,
        Capacity::Bounded(messages) => Some(messages.div_ceil(2).clamp(1, AHEAD)),
        Capacity::Unbounded => Some(AHEAD),
    }
}

impl Shared {
    /// A peer has messages for a mailbox that it may not send yet.
    pub(super) fn room_wanted(&self, key: &PeerKey, mailbox: NearId, messages: u32) {
        let mut core = self.lock();
        if let Some(rooms) = core.rooms(key, mailbox) {
            rooms.owed = rooms.owed.saturating_add(messages);
        }
        drop(core);
        self.promise(key, mailbox, true);
    }

    /// A message was delivered, or lost: the peer may go on, and is told if it has to be.
    pub(super) fn handed_over(&self, key: &PeerKey, mailbox: NearId, face: &ExportedPid, lost: bool) {
        if face.capacity() == Capacity::Zero {
            // Who has ended is told of as such.
            _ = self.lock().with(self, key, |it, tables| {
                if tables.exports.is_live(mailbox) { it.taken(tables, mailbox, lost) } else { Ok(()) }
            });
        }
        self.refill(key, mailbox);
    }

    /// There may be room: the peer may go on.
    fn refill(&self, key: &PeerKey, mailbox: NearId) {
        self.promise(key, mailbox, false);
    }

    /// Promises what room there is; waits for some if the peer needs it.
    fn promise(&self, key: &PeerKey, mailbox: NearId, wanted: bool) {
        let mut core = self.lock();
        let face = core.exports.mailboxes.get(&mailbox).and_then(|at| at.faces.first()).cloned();
        let Some(face) = face else { return };
        let granted = core.granted(key, mailbox);
        let Some(rooms) = core.rooms(key, mailbox) else { return };
        let Some(most) = most(&face) else {
            // To be handed over: one at a time.
            if granted.0 == 0 && rooms.owed > 0 {
                rooms.owed -= 1;
                core.grant(self, key, mailbox, None, granted.1);
            }
            return;
        };
        // Ahead, and in large steps.
        if !wanted && rooms.has_enough(most) {
            return;
        }
        rooms.used = 0;
        let target = most.max(rooms.owed.min(AHEAD));
        let kept = face.keep(target.saturating_sub(rooms.kept));
        rooms.kept += kept;
        rooms.owed = rooms.owed.saturating_sub(kept);
        if kept > 0 || granted.1 < BYTES / 2 {
            core.grant(self, key, mailbox, Some(kept), granted.1);
        }
        let Some(rooms) = core.rooms(key, mailbox) else { return };
        if rooms.kept > 0 || !wanted && rooms.owed == 0 || rooms.waiting {
            return;
        }
        rooms.waiting = true;
        drop(core);
        let (Some(this), key) = (self.this.upgrade(), key.clone()) else { return };
        let one = face.keep_one();
        self.tokio.spawn(async move {
            let kept = one.await.is_ok();
            let mut core = this.lock();
            let connected = core.is_connected(&key);
            let granted = core.granted(&key, mailbox);
            let rooms = core.rooms(&key, mailbox);
            if let Some(rooms) = rooms {
                rooms.waiting = false;
                if kept && connected {
                    rooms.kept += 1;
                    rooms.owed = rooms.owed.saturating_sub(1);
                    core.grant(&this, &key, mailbox, Some(1), granted.1);
                    drop(core);
                    return this.promise(&key, mailbox, false);
                }
            }
            drop(core);
            if kept {
                face.give(1);
            }
        });
    }

    /// Room that was promised will not be used.
    pub(super) fn room_returned(&self, key: &PeerKey, mailbox: NearId, messages: u32) {
        let mut core = self.lock();
        let Some(at) = core.exports.mailboxes.get_mut(&mailbox) else { return };
        let Some(face) = at.faces.first().cloned() else { return };
        let Some(rooms) = at.rooms.get_mut(key) else { return };
        let given = messages.min(rooms.kept);
        rooms.kept -= given;
        // Credit comes back only when nobody waits for any.
        rooms.owed = 0;
        if rooms.kept == 0 && !rooms.waiting {
            at.rooms.remove(key);
        }
        drop(core);
        face.give(given);
    }
}

impl Rooms {
    /// A message came: whether it has room of its own, and whether the peer can go on without more.
    pub(super) fn take(&mut self, bytes: usize, face: &ExportedPid) -> (bool, bool) {
        self.used += bytes as u64;
        let kept = self.kept > 0;
        if kept {
            self.kept -= 1;
        }
        (kept, kept && most(face).is_some_and(|most| self.has_enough(most)))
    }

    /// Whether nobody needs more room, of which a peer may have that for `most` messages.
    const fn has_enough(&self, most: u32) -> bool {
        self.owed == 0 && self.kept > most / 2 && self.used < BYTES / 4
    }
}

impl Core {
    /// The room of one peer's in a mailbox here.
    fn rooms(&mut self, key: &PeerKey, mailbox: NearId) -> Option<&mut Rooms> {
        Some(self.exports.mailboxes.get_mut(&mailbox)?.rooms.entry(key.clone()).or_default())
    }

    fn granted(&self, key: &PeerKey, mailbox: NearId) -> (u32, u64) {
        if !self.is_connected(key) {
            return (0, 0);
        }
        self.proto.connection_to(&key.0).map_or((0, 0), |(_, it)| it.granted(mailbox))
    }

    /// Grants room for so many messages, `None` for one that is to be handed over, on top of `bytes`.
    fn grant(&mut self, shared: &Shared, key: &PeerKey, mailbox: NearId, messages: Option<u32>, bytes: u64) {
        let (now, more) = (shared.now(), BYTES.saturating_sub(bytes));
        let granted = self.with(shared, key, |it, tables| match messages {
            Some(messages) => it.grant(now, tables, mailbox, messages, more),
            None => it.grant_to_hand_over(now, tables, mailbox, more),
        });
        if let Err(error) = granted {
            tracing::debug!(target: "wharf::net", node = %shared.me.name, peer = %key.0, %error, "no room granted");
        }
    }
}
