//! Proxies: cells that stand for actors of other nodes.
//!
//! A proxy is a header without a mailbox, and what is known here of one far incarnation: where what is
//! sent there goes, and which actors of this node have a link or a monitor across. So an [`AnyPid`]
//! does not care where its actor lives. Each far actor has one proxy at most, so equal pids are the
//! same pointer; it goes when nobody refers to it.
//!
//! What stands in the mark of a message must name its sender in 62 bits, and a far id has more. So a
//! far actor has a *code* of this node: a slot of the upper half, which no near actor ever has. Codes
//! outlive their proxies, until [`REMEMBERED`] others have been given up after them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::{ActorId, NodeId};
use crate::node::NodeShared;
use crate::primitive::Mutex;
use crate::remote::{FarSignal, Refusal, Remote};
use crate::signal::{MonitorRef, Signal};

use super::header::{Erased, Header, Ran, VTable};
use super::pages::Class;
use super::pid::AnyPid;
use super::relation;
use super::state::{self, Code, Tenancy};

/// How many far actors without a proxy keep their codes.
const REMEMBERED: usize = 4096;

/// A far actor's cell.
#[repr(C)]
pub(crate) struct Proxy {
    front: Header,
    id: ActorId,
    remote: Arc<dyn Remote>,
    /// Nothing of the node's arena counts it.
    node: Arc<NodeShared>,
    across: Mutex<Across>,
}

/// Which actors of this node have what to do with a far one. It follows the signals in both directions.
#[derive(Default)]
struct Across {
    links: BTreeMap<ActorId, Link>,
    /// Set here on the far actor: whose, and whether with priority.
    set: BTreeMap<MonitorRef, (AnyPid, bool)>,
    /// Set by the far actor, on whom.
    watching: BTreeMap<MonitorRef, AnyPid>,
}

/// As `relation::link` of the actor here has it: there is a link, so many unlinks of its own are not
/// acknowledged, and so many of the far actor's it has not acknowledged.
struct Link {
    near: AnyPid,
    linked: bool,
    unlinking: u32,
    owed: u32,
    /// The proxy, while there is no link but an acknowledgement is to come or to go: the actor here holds it
    /// no more, but must hear of a cut.
    kept: Option<AnyPid>,
}

impl Link {
    const fn is_over(&self) -> bool {
        !self.linked && self.unlinking == 0 && self.owed == 0
    }
}

/// What left the tables, to be dropped without the lock: it may be the last reference to a cell.
type Left = [Option<AnyPid>; 2];

fn left_of(link: Option<Link>) -> Left {
    link.map_or([None, None], |link| [Some(link.near), link.kept])
}

impl Across {
    fn entry(&mut self, near: &AnyPid) -> &mut Link {
        let link = || Link { near: near.clone(), linked: false, unlinking: 0, owed: 0, kept: None };
        self.links.entry(near.id()).or_insert_with(link)
    }

    fn link(&mut self, near: &AnyPid) {
        self.entry(near).linked = true;
    }

    fn change_link(&mut self, near: ActorId, change: impl FnOnce(&mut Link)) -> Left {
        let Some(link) = self.links.get_mut(&near) else { return [None, None] };
        change(link);
        if link.is_over() {
            return left_of(self.links.remove(&near));
        }
        let is_settled = link.unlinking == 0 && link.owed == 0;
        [if is_settled { link.kept.take() } else { None }, None]
    }

    fn remove_link(&mut self, near: ActorId) -> Left {
        left_of(self.links.remove(&near))
    }

    fn remove_set(&mut self, monitor: MonitorRef) -> Left {
        [self.set.remove(&monitor).map(|(near, _)| near), None]
    }

    fn remove_watching(&mut self, monitor: MonitorRef) -> Left {
        [self.watching.remove(&monitor), None]
    }
}

impl Proxy {
    /// The proxy that a cell is, if it is one.
    pub(crate) fn of(cell: &Header) -> Option<&Self> {
        // SAFETY: only the front of a proxy is marked as far, and it is its first field.
        cell.tenancy.state().is_far().then(|| unsafe { &*ptr::from_ref(cell).cast() })
    }

    /// The far actor.
    pub(crate) const fn id(&self) -> ActorId {
        self.id
    }

    /// Where what is sent there goes.
    pub(crate) fn remote(&self) -> &dyn Remote {
        &*self.remote
    }

    /// Sends a signal of this node's to the far actor.
    pub(crate) fn deliver(&self, signal: Signal<AnyPid>) {
        let Some(outgoing) = FarSignal::of(&signal, self.node.current_id()) else { return };
        if self.answered_here(&signal) {
            return;
        }
        // Before it goes: if the connection is cut right after, `cut` finds it here.
        drop(self.note_leaving(&signal));
        let why = match self.remote.signal(self.id, outgoing) {
            Ok(()) => return,
            Err(Refusal::Closed) => ExitReason::NoProc,
            Err(_) => ExitReason::NoConnection,
        };
        drop(self.note_refused(&signal, &why));
        if let Some((to, answer)) = relation::refused(self.id, &why, signal) {
            to.deliver(answer);
        }
    }

    /// What an actor says of its link while it has not yet heard that a connection was cut is not passed on:
    /// the cut ended that link, and what it is about to hear would end a new one here and not there.
    fn answered_here(&self, signal: &Signal<AnyPid>) -> bool {
        match signal {
            // It is about to be told that there is no connection.
            Signal::Link { from } => self.node.proxies.has_cut_to_hear(self.id, from.id()),
            // There is no link any more at the other end.
            Signal::Unlink { from, id } if self.node.proxies.has_cut_to_hear(self.id, from.id()) => {
                from.deliver(Signal::UnlinkAck { from: self.id, id: *id });
                true
            }
            _ => false,
        }
    }

    fn note_leaving(&self, signal: &Signal<AnyPid>) -> Left {
        let mut across = self.across.lock();
        match signal {
            Signal::Link { from } => {
                across.link(from);
                [None, None]
            }
            Signal::Unlink { from, .. } => across.change_link(from.id(), |link| {
                link.linked = false;
                link.unlinking += 1;
                link.kept.get_or_insert_with(|| AnyPid::clone(&self.front.borrowed_pid()));
            }),
            Signal::Exit { from, link: true, .. } => across.remove_link(*from),
            Signal::Monitor { from, monitor, priority } => {
                [across.set.insert(*monitor, (from.clone(), *priority)).map(|(near, _)| near), None]
            }
            Signal::Demonitor { monitor } => across.remove_set(*monitor),
            Signal::Down { monitor, .. } => across.remove_watching(*monitor),
            Signal::UnlinkAck { from, .. } => {
                across.change_link(*from, |link| link.owed = link.owed.saturating_sub(1))
            }
            Signal::Exit { .. } | Signal::Stop | Signal::Due(_) => [None, None],
        }
    }

    /// It did not go.
    fn note_refused(&self, signal: &Signal<AnyPid>, why: &ExitReason) -> Left {
        let mut across = self.across.lock();
        match signal {
            Signal::Link { from } => {
                if *why == ExitReason::NoConnection {
                    self.node.proxies.cut_to_hear(self.id, from.id());
                }
                across.remove_link(from.id())
            }
            Signal::Unlink { from, .. } => across.remove_link(from.id()),
            Signal::Monitor { monitor, .. } => across.remove_set(*monitor),
            _ => [None, None],
        }
    }

    /// Notes a signal that has come from the far actor for `near`. A down comes as the monitor was set here,
    /// with priority or not.
    pub(crate) fn note_arriving(&self, near: &AnyPid, signal: &mut Signal<AnyPid>) {
        let mut across = self.across.lock();
        let left = match signal {
            Signal::Link { .. } => {
                across.link(near);
                [None, None]
            }
            Signal::Unlink { .. } => {
                let link = across.entry(near);
                link.linked = false;
                link.owed += 1;
                link.kept.get_or_insert_with(|| AnyPid::clone(&self.front.borrowed_pid()));
                [None, None]
            }
            Signal::UnlinkAck { .. } => {
                across.change_link(near.id(), |link| link.unlinking = link.unlinking.saturating_sub(1))
            }
            Signal::Exit { link: true, reason, .. } => {
                if *reason == ExitReason::NoConnection {
                    self.node.proxies.cut_to_hear(self.id, near.id());
                }
                across.remove_link(near.id())
            }
            Signal::Monitor { monitor, .. } => [across.watching.insert(*monitor, near.clone()), None],
            Signal::Demonitor { monitor } => across.remove_watching(*monitor),
            Signal::Down { monitor, priority, .. } => {
                let set = across.set.remove(monitor);
                *priority |= set.as_ref().is_some_and(|(_, urgent)| *urgent);
                [set.map(|(near, _)| near), None]
            }
            Signal::Exit { .. } | Signal::Stop | Signal::Due(_) => [None, None],
        };
        drop(across);
        drop(left);
    }

    /// Tells everyone here who has a relation with the far actor that there is no connection to it.
    fn cut(&self) {
        let across = {
            let mut across = self.across.lock();
            for near in across.links.keys() {
                self.node.proxies.cut_to_hear(self.id, *near);
            }
            std::mem::take(&mut *across)
        };
        let (from, reason) = (self.id, ExitReason::NoConnection);
        for Link { near, kept: _kept, .. } in across.links.into_values() {
            near.deliver(Signal::Exit { from, reason: reason.clone(), link: true });
        }
        for (monitor, (near, priority)) in across.set {
            near.deliver(Signal::Down { monitor, subject: from, reason: reason.clone(), priority });
        }
        for (monitor, near) in across.watching {
            near.deliver(Signal::Demonitor { monitor });
        }
    }

    /// Frees a proxy that nobody refers to any more.
    ///
    /// # Safety
    /// It is the front of a proxy, and the last reference has just been released.
    pub(super) unsafe fn free(cell: NonNull<Header>) {
        let at = cell.as_ptr().cast::<Self>();
        // SAFETY: it came from a box, and nobody else has it: whoever finds it in the table still sees
        // that it has no references.
        let (node, code) = unsafe { (Arc::clone(&(*at).node), (*at).front.tenancy.code()) };
        node.proxies.remove(code, cell);
        // SAFETY: as above, and now it is out of the table.
        drop(unsafe { Box::from_raw(at) });
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.id)
    }
}

/// # Safety
/// None is needed: it is never scheduled.
unsafe fn run(_: NonNull<Header>, _: &crate::scheduler::Seat) -> Ran {
    Ran::Parked
}

/// # Safety
/// None is needed.
unsafe fn end(_: NonNull<Header>, _: &crate::scheduler::Seat, _: &ExitReason) {}

/// # Safety
/// None is needed.
unsafe fn clear(_: NonNull<Header>) {}

static VTABLE: VTable = VTable {
    run,
    end,
    schedule: None,
    clear,
    class: Class::LARGEST,
    message_type: std::any::TypeId::of::<Erased>,
    message_name: || "a message to another node",
    actor_name: || "an actor of another node",
};

/// One far actor that has a code.
struct Known {
    id: ActorId,
    generation: u32,
    /// A proxy, until it is freed. It may have no references any more.
    proxy: Option<NonNull<Header>>,
    /// How often it stands among the given up.
    given_up: u32,
}

#[derive(Default)]
struct Tables {
    by_id: BTreeMap<ActorId, u32>,
    known: Vec<Known>,
    /// Indices of those without a proxy, the longest one first. One that got a proxy again stands here
    /// still, and is passed over.
    given_up: VecDeque<u32>,
}

// SAFETY: proxies may be used by any thread; a pointer here is only used under the lock, which whoever
// frees the proxy takes first.
unsafe impl Send for Tables {}

/// The proxies of a node.
#[derive(Default)]
pub struct Proxies {
    tables: Mutex<Tables>,
    /// How many exits for want of a connection each actor here has still to handle: of which far actor, and
    /// whose. Not in the proxy, which may go and come again meanwhile. Locked after `Proxy::across`.
    cuts: Mutex<BTreeMap<(ActorId, ActorId), u32>>,
}

fn code_of(index: u32, generation: u32) -> Code {
    Code::new(Code::FIRST_FAR_SLOT + index, generation)
}

fn index_of(code: Code) -> usize {
    usize::try_from(code.slot().wrapping_sub(Code::FIRST_FAR_SLOT)).unwrap_or(usize::MAX)
}

impl Tables {
    /// The index of a far actor, which gets one if it has none.
    fn index(&mut self, id: ActorId) -> u32 {
        if let Some(index) = self.by_id.get(&id) {
            return *index;
        }
        let index = match self.forgotten() {
            Some(index) => index,
            None => {
                self.known.push(Known { id, generation: 0, proxy: None, given_up: 0 });
                u32::try_from(self.known.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let known = &mut self.known[index as usize];
        known.id = id;
        known.generation = known.generation.wrapping_add(1).max(1);
        self.by_id.insert(id, index);
        self.give_up(index);
        index
    }

    /// An index that is free for another actor.
    fn forgotten(&mut self) -> Option<u32> {
        while self.given_up.len() > REMEMBERED {
            let index = self.given_up.pop_front()?;
            let known = &mut self.known[index as usize];
            known.given_up -= 1;
            if known.proxy.is_none() && known.given_up == 0 {
                let id = known.id;
                self.by_id.remove(&id);
                return Some(index);
            }
        }
        None
    }

    /// It has no proxy (yet, or any more).
    fn give_up(&mut self, index: u32) {
        self.known[index as usize].given_up += 1;
        self.given_up.push_back(index);
    }
}

impl Proxies {
    /// The code under which a far actor's messages lie in mailboxes here.
    pub(crate) fn code(&self, id: ActorId) -> Code {
        let mut tables = self.tables.lock();
        let index = tables.index(id);
        code_of(index, tables.known[index as usize].generation)
    }

    /// Whose code it is, if that is still known.
    pub(crate) fn id(&self, code: Code) -> Option<ActorId> {
        let tables = self.tables.lock();
        let known = tables.known.get(index_of(code))?;
        (known.generation == code.generation()).then_some(known.id)
    }

    /// The proxy of a far actor, if anybody refers to it.
    pub(crate) fn find(&self, id: ActorId) -> Option<AnyPid> {
        let tables = self.tables.lock();
        let index = *tables.by_id.get(&id)?;
        tables.known[index as usize].retained(index)
    }

    /// The proxy of a far actor; one that leads to `remote`, if there is none.
    pub(crate) fn get(&self, node: &Arc<NodeShared>, id: ActorId, remote: &Arc<dyn Remote>) -> AnyPid {
        let mut tables = self.tables.lock();
        let index = tables.index(id);
        let known = &mut tables.known[index as usize];
        if let Some(pid) = known.retained(index) {
            return pid;
        }
        let front =
            Header::loose(&VTABLE, NonNull::from(&**node), Tenancy::far(code_of(index, known.generation)));
        let (remote, node) = (Arc::clone(remote), Arc::clone(node));
        let proxy = Box::new(Proxy { front, id, remote, node, across: Mutex::new(Across::default()) });
        let cell = NonNull::from(Box::leak(proxy)).cast();
        known.proxy = Some(cell);
        drop(tables);
        // SAFETY: a proxy begins with one reference.
        unsafe { AnyPid::from_raw(cell) }
    }

    /// An exit of `far`, through a link and for want of a connection, is put into the lane of `near`.
    fn cut_to_hear(&self, far: ActorId, near: ActorId) {
        *self.cuts.lock().entry((far, near)).or_default() += 1;
    }

    /// Whether `near` has such an exit still to handle.
    fn has_cut_to_hear(&self, far: ActorId, near: ActorId) -> bool {
        self.cuts.lock().contains_key(&(far, near))
    }

    /// To be called with each signal that `near` handles, or will never handle, before that has an effect.
    pub(crate) fn note_handled(&self, near: ActorId, signal: &Signal<AnyPid>) {
        let Signal::Exit { from, link: true, reason: ExitReason::NoConnection } = signal else { return };
        if let Entry::Occupied(mut cuts) = self.cuts.lock().entry((*from, near)) {
            *cuts.get_mut() -= 1;
            if *cuts.get() == 0 {
                cuts.remove();
            }
        }
    }

    fn remove(&self, code: Code, cell: NonNull<Header>) {
        let mut tables = self.tables.lock();
        let index = index_of(code);
        // Another may have taken its place meanwhile.
        if let Some(known) = tables.known.get_mut(index)
            && known.proxy == Some(cell)
        {
            known.proxy = None;
            tables.give_up(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    /// Tells everyone who has a relation with an actor of `peer` that there is no connection to it.
    pub(crate) fn cut(&self, peer: NodeId) {
        let tables = self.tables.lock();
        let first = ActorId::new(peer, 0, 0);
        let of_peer = tables.by_id.range(first..).take_while(|(id, _)| id.node() == peer);
        let pids: Vec<_> =
            of_peer.filter_map(|(_, index)| tables.known[*index as usize].retained(*index)).collect();
        drop(tables);
        for pid in pids {
            if let Some(proxy) = Proxy::of(pid.header()) {
                proxy.cut();
            }
        }
    }
}

impl Known {
    /// Its proxy, with one more reference, unless that is being freed. Only under the lock.
    fn retained(&self, index: u32) -> Option<AnyPid> {
        let cell = self.proxy?;
        // SAFETY: who frees a proxy takes it out of the table first, under the lock.
        let entry = unsafe { cell.as_ref() }.tenancy.try_retain_as(code_of(index, self.generation));
        // SAFETY: the reference was just taken.
        (entry == state::Entry::Retained).then(|| unsafe { AnyPid::from_raw(cell) })
    }
}
