//! What every cell has: the mailbox, who refers to it, how to run it.
//!
//! Access rules, field by field:
//! - `queue`, `lane`: see their own modules; everyone, through their operations.
//! - `tenancy`: see `state`.
//! - `vtable`, `node`, `site`, `parent`: written once before the cell is opened.
//! - `deadline`, `wheel_due`: any thread, see `scheduler::timers`.
//! - `run`: only the holder of the token, until the state is `DEAD`; from then on everyone may read why
//!   the actor ended (`reason_of_end`), and nobody writes until the cell is free.

use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::Waker;

use crate::cell::pid::AnyPid;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::mailbox::due::Due;
use crate::mailbox::{Lane, SaveQueue};
use crate::node::NodeShared;
use crate::primitive::{AtomicU64, UnsafeCell};
use crate::queue::{Capacity, Position, Queue};
use crate::signal::{MonitorRef, Notice, Signal};
use crate::time::Timestamp;

use super::pages::Class;
use super::proxy::Proxy;
use super::recent::Recent;
use super::relation::Relations;
use super::state::{Code, Kind, Overflow, State, Tenancy};
use super::words::{Flag, Flags, Moment, Words};

/// The message type of a cell whose message type is not known here.
#[derive(Debug)]
pub enum Erased {}

/// A cell seen without its message type: everything but the queue's slots may be used.
pub type Header = ActorCell<Erased>;

/// How to run, schedule and free a cell of one type.
pub struct VTable {
    /// Runs one turn. The caller holds the token.
    pub run: unsafe fn(NonNull<Header>, &crate::scheduler::Seat) -> Ran,
    /// Ends the actor from outside, when no worker will run it any more.
    pub end: unsafe fn(NonNull<Header>, &crate::scheduler::Seat, &ExitReason),
    /// How to schedule it, when that is not a worker's run queue.
    pub schedule: Option<unsafe fn(NonNull<Header>)>,
    /// Drops the queue; the body is gone already.
    pub clear: unsafe fn(NonNull<Header>),
    /// Size class of the cell.
    pub class: Class,
    /// The message type.
    pub message_type: fn() -> std::any::TypeId,
    /// The message type's name.
    pub message_name: fn() -> &'static str,
    /// The actor's name in reports: its type.
    pub actor_name: fn() -> &'static str,
}

/// What a turn came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ran {
    /// Parked: the cell must not be touched any more.
    Parked,
    /// It wants another turn.
    Requeue,
    /// The actor is dead: give its token's reference up.
    Done,
}

/// The front part of a cell. Its layout does not depend on `M`.
#[repr(C)]
pub struct ActorCell<M> {
    pub queue: Queue<M>,
    pub vtable: &'static VTable,
    pub node: NonNull<NodeShared>,
    pub lane: Lane<Signal<AnyPid>>,
    pub tenancy: Tenancy,
    /// When the earliest wait of the turn under way ends; see `scheduler::timers`.
    pub deadline: AtomicU64,
    /// When a wheel will look at `deadline` next.
    pub wheel_due: AtomicU64,
    pub site: &'static Location<'static>,
    pub parent: Code,
    run: UnsafeCell<Run<M>>,
}

/// What the actor waits for; the explorer insists on knowing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Wait {
    /// Nothing that wharf controls.
    #[default]
    Unknown,
    /// A message.
    Mailbox,
    /// An answer.
    Reply,
    /// The clock.
    Timer,
    /// Room in another mailbox.
    Permit,
    /// Another turn.
    Turn,
    /// Another actor's end.
    Join,
}

impl Wait {
    /// In words: the actor is ...
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Unknown => "waiting for something outside wharf",
            Self::Mailbox => "waiting for a message",
            Self::Reply => "waiting for a reply",
            Self::Timer => "sleeping",
            Self::Permit => "waiting for room in a mailbox",
            Self::Turn => "waiting for its turn",
            Self::Join => "waiting for an actor to end",
        }
    }
}

/// Whether a receive waits, and since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Armed {
    /// None waits.
    No,
    /// One has waited since an earlier turn.
    Earlier,
    /// One began, or renewed, its wait in this turn.
    ThisTurn,
}

/// What only the holder of the token touches.
#[repr(C)]
pub struct Run<M> {
    /// What a living actor needs; afterwards why it ended.
    pub words: Words,
    pub armed: Armed,
    pub wait: Wait,
    pub flags: Flags,
    /// When it was spawned.
    pub born: Moment,
    pub extension: Option<Box<Extension>>,
    pub save: Option<Box<SaveQueue<M>>>,
}

/// What most actors never need.
#[derive(Default)]
pub struct Extension {
    pub label: Option<Arc<str>>,
    pub relations: Relations<AnyPid>,
    /// Notices and stops that keep a place in the queue, in order of place.
    pub pending: std::collections::VecDeque<(Position, InPlace)>,
    /// Notices to be delivered ahead of messages.
    pub ahead: std::collections::VecDeque<Notice>,
    /// Notices that came due while only messages were asked for.
    pub held: std::collections::VecDeque<Notice>,
    /// Whom to wake beside the actor itself when a message comes.
    pub foreign: Option<Waker>,
    /// Set by a signal: the actor ends at the next chance.
    pub dying: Option<ExitReason>,
    /// As told to an actor that has last words.
    pub exiting: Option<ExitReason>,
    /// Signals behind the one that ends the actor: its death answers them.
    pub unheard: Vec<Signal<AnyPid>>,
    /// The messages received last, where the node keeps them. While it is there the lane has a note, so
    /// that every receive takes its long way, which is where they are noted.
    pub recent: Option<Box<Recent>>,
    /// Most messages the save queue may hold.
    pub save_limit: Option<usize>,
}

/// What takes its place in the queue without being a message.
#[derive(Debug)]
pub enum InPlace {
    /// End here.
    Stop,
    /// Tell the program.
    Notice(Notice),
    /// Handle a timer's message.
    Due(Arc<dyn Due>),
}

impl Extension {
    /// Whether a notice is still wanted, and marks it as given.
    pub fn take_notice(&mut self, notice: &Notice) -> bool {
        match notice {
            Notice::Down(down) => self.relations.take_down(down.monitor),
            Notice::Exit(_) => true,
        }
    }

    /// Forgets a notice of a monitor that was cancelled.
    pub fn forget_down(&mut self, monitor: MonitorRef) {
        let other = |notice: &Notice| !matches!(notice, Notice::Down(down) if down.monitor == monitor);
        self.ahead.retain(other);
        self.held.retain(other);
        self.pending.retain(|(_, item)| match item {
            InPlace::Stop | InPlace::Due(_) => true,
            InPlace::Notice(notice) => other(notice),
        });
    }
}

impl<M> Run<M> {
    const fn new(born: Timestamp) -> Self {
        Self {
            words: Words::ALIVE,
            armed: Armed::No,
            wait: Wait::Unknown,
            flags: Flags::NONE,
            born: Moment::of(born),
            extension: None,
            save: None,
        }
    }

    /// The extension, made on first use.
    pub fn extension(&mut self) -> &mut Extension {
        self.extension.get_or_insert_default()
    }

    /// The save queue, made on first use.
    pub fn save(&mut self) -> &mut SaveQueue<M> {
        self.save.get_or_insert_with(|| Box::new(SaveQueue::new()))
    }

    /// Notes that a signal ends the actor for `reason`.
    pub fn sentence(&mut self, state: State, reason: ExitReason) {
        if state.is_mortal() {
            self.extension().dying = Some(reason);
        } else {
            // A guest outlives its kill: it learns of it as of a stop.
            self.flags.set(Flag::Stopped);
        }
    }

    /// The reason, if a signal ends the actor.
    pub fn take_sentence(&mut self) -> Option<ExitReason> {
        self.extension.as_mut()?.dying.take()
    }

    /// Notes a message of this kind, received now, where that is wanted.
    pub fn note_recent(&mut self, kind: &'static str, now: Timestamp) {
        if let Some(recent) = self.extension.as_mut().and_then(|ext| ext.recent.as_mut()) {
            recent.note(kind, now);
        }
    }

    /// Notes why the actor ended. Nothing of it may run any more.
    pub const fn note_end(&mut self, reason: ExitReason) {
        self.words.end(reason);
        self.flags.set(Flag::Ended);
    }

    /// Takes that back.
    pub fn take_end(&mut self) -> ExitReason {
        if !self.flags.take(Flag::Ended) {
            return ExitReason::Normal;
        }
        // SAFETY: the flag said that they are the reason.
        unsafe { self.words.take() }
    }

    /// Whether the messages received last are kept.
    pub fn keeps_recent(&self) -> bool {
        self.extension.as_ref().is_some_and(|ext| ext.recent.is_some())
    }

    /// Says what kind the message received last is.
    pub fn name_recent(&mut self, kind: &'static str) {
        if let Some(recent) = self.extension.as_mut().and_then(|ext| ext.recent.as_mut()) {
            recent.name_last(kind);
        }
    }

    /// Whether the next receive must look beyond the queue.
    pub fn needs_attention(&self) -> bool {
        self.flags.has(Flag::Stopped)
            || self.save.as_ref().is_some_and(|save| !save.is_empty())
            || self.extension.as_ref().is_some_and(|ext| {
                !(ext.pending.is_empty() && ext.ahead.is_empty() && ext.held.is_empty())
                    || ext.dying.is_some()
                    || ext.exiting.is_some()
                    || ext.recent.is_some()
            })
    }
}

/// How a new cell begins.
pub struct Birth {
    pub capacity: Capacity,
    pub overflow: Overflow,
    pub label: Option<Arc<str>>,
    pub save_limit: Option<usize>,
    pub site: &'static Location<'static>,
    pub parent: Code,
    pub born: Timestamp,
    pub kind: Kind,
    /// How many of the messages received last are to be remembered.
    pub recent: usize,
}

impl<M> ActorCell<M> {
    /// Writes a new cell into free memory and opens it with `refs` references. The caller holds the
    /// receiver's token.
    ///
    /// # Safety
    /// `at` came from the arena of `node`, is at least as large as its class says, and is free.
    pub unsafe fn write(
        at: NonNull<Self>,
        vtable: &'static VTable,
        node: NonNull<NodeShared>,
        birth: Birth,
        refs: u32,
    ) {
        let cell = at.as_ptr();
        let gated = birth.kind == Kind::Explored;
        let queue = if gated { Queue::gated(birth.capacity) } else { Queue::new(birth.capacity) };
        let mut run = Run::new(birth.born);
        let lane = Lane::new();
        if birth.label.is_some() || birth.save_limit.is_some() || birth.recent > 0 {
            let extension = run.extension();
            extension.label = birth.label;
            extension.save_limit = birth.save_limit;
            extension.recent = Recent::of(birth.recent);
            if run.needs_attention() {
                lane.attend();
            }
        }
        // SAFETY: the memory is free and ours until `open`; each field but the tenancy is written,
        // and the tenancy was initialised with its page.
        #[allow(clippy::multiple_unsafe_ops_per_block, reason = "one proof for all fields")]
        unsafe {
            ptr::addr_of_mut!((*cell).queue).write(queue);
            ptr::addr_of_mut!((*cell).vtable).write(vtable);
            ptr::addr_of_mut!((*cell).node).write(node);
            ptr::addr_of_mut!((*cell).lane).write(lane);
            ptr::addr_of_mut!((*cell).deadline).write(AtomicU64::new(u64::MAX));
            ptr::addr_of_mut!((*cell).wheel_due).write(AtomicU64::new(u64::MAX));
            ptr::addr_of_mut!((*cell).site).write(birth.site);
            ptr::addr_of_mut!((*cell).parent).write(birth.parent);
            ptr::addr_of_mut!((*cell).run).write(UnsafeCell::new(run));
            (*cell).tenancy.begin(birth.kind, birth.overflow);
            (*cell).tenancy.open(refs);
        }
    }

    /// The cell without its message type.
    #[inline(always)]
    pub fn header(&self) -> &Header {
        // SAFETY: the layout does not depend on the message type, and `Header` offers nothing that
        // touches messages but what its vtable does with the right type.
        unsafe { &*ptr::from_ref(self).cast() }
    }

    /// The node.
    #[inline(always)]
    pub fn node(&self) -> &NodeShared {
        // SAFETY: the node's shared part lives until no reference to a cell of it is left.
        unsafe { self.node.as_ref() }
    }

    /// Whether the explorer decides when messages come into the mailbox. With capacity zero they
    /// are handed over in the sender's turn.
    pub fn is_gated(&self) -> bool {
        self.tenancy.state().is_explored() && !self.queue.hands_over()
    }

    /// The actor's identity.
    pub fn id(&self) -> ActorId {
        if let Some(proxy) = Proxy::of(self.header()) {
            return proxy.id();
        }
        let code = self.tenancy.code();
        ActorId::new(self.node().id, code.slot(), code.generation())
    }

    /// The part that the token guards.
    ///
    /// # Safety
    /// The caller holds the token, and no other reference from here is in use.
    #[allow(clippy::mut_from_ref, reason = "the token makes it exclusive")]
    #[inline(always)]
    pub unsafe fn run(&self) -> &mut Run<M> {
        self.run.with_mut(|run| {
            // SAFETY: by contract.
            unsafe { &mut *run }
        })
    }

    /// Why the actor ended, once all that is left of it is its cell.
    pub fn reason_of_end(&self) -> Option<ExitReason> {
        let state = self.tenancy.state();
        self.run.with(|run| {
            // SAFETY: a dead actor's words are its reason: they were written before the state was, which
            // was loaded with Acquire, and nobody changes them while a reference is held.
            state.is_dead().then(|| unsafe { Words::reason(&raw const (*run).words) })
        })
    }

    /// The actor as a pid that does not count as a reference.
    pub fn borrowed_pid(&self) -> ManuallyDrop<AnyPid> {
        // SAFETY: never dropped, and borrowed from a reference to the cell.
        ManuallyDrop::new(unsafe { AnyPid::from_raw(NonNull::from(self.header())) })
    }
}

impl Header {
    /// A front that is no part of the arena, and of which only the tenancy and the node are used.
    #[track_caller]
    pub fn loose(vtable: &'static VTable, node: NonNull<NodeShared>, tenancy: Tenancy) -> Self {
        Self {
            queue: Queue::gated(Capacity::Unbounded),
            vtable,
            node,
            lane: Lane::new(),
            tenancy,
            deadline: AtomicU64::new(u64::MAX),
            wheel_due: AtomicU64::new(u64::MAX),
            site: Location::caller(),
            parent: Code::NONE,
            run: UnsafeCell::new(Run::new(Timestamp::from_nanos(0))),
        }
    }

    /// Where a cell's tenancy lies, also in a free cell.
    pub fn tenancy_of(cell: NonNull<Self>) -> *mut Tenancy {
        // SAFETY: only an address is computed, inside the cell.
        unsafe { ptr::addr_of_mut!((*cell.as_ptr()).tenancy) }
    }

    /// Gives a reference up; frees the cell when it was the last.
    ///
    /// # Safety
    /// The caller holds a reference and does not use it afterwards.
    #[inline(always)]
    pub unsafe fn release(cell: NonNull<Self>) {
        // SAFETY: a reference is held.
        if unsafe { cell.as_ref() }.tenancy.release() {
            // SAFETY: it was the last.
            unsafe { Self::free(cell) };
        }
    }

    /// Frees a cell that nobody refers to any more.
    ///
    /// # Safety
    /// The last reference has just been released.
    #[cold]
    #[inline(never)]
    pub unsafe fn free(cell: NonNull<Self>) {
        // SAFETY: the cell's parts are alive until they are dropped below.
        if unsafe { cell.as_ref() }.tenancy.state().is_far() {
            // SAFETY: by contract.
            return unsafe { Proxy::free(cell) };
        }
        // SAFETY: the cell's parts are alive until `clear` has dropped them.
        let (node, vtable) = unsafe { (cell.as_ref().node, cell.as_ref().vtable) };
        // SAFETY: nobody refers to the cell, so the run part is ours.
        let run = unsafe { cell.as_ref().run() };
        // SAFETY: they are the reason, as the flag said, and the cell is not read any more.
        let reason = run.flags.take(Flag::Ended).then(|| unsafe { run.words.take() });
        // SAFETY: nobody refers to the cell, and its actor is dead: a live one's token counts.
        unsafe { (vtable.clear)(cell) };
        NodeShared::give_cell(node, vtable.class, cell);
        // Last, since it may be the program's: its drop finds everything in order.
        drop(reason);
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_front_of_a_cell_is_small_and_does_not_depend_on_the_message() {
        assert!(size_of::<Header>() <= 176, "{}", size_of::<Header>());
        assert_eq!(size_of::<Header>(), size_of::<ActorCell<[u64; 40]>>());
        assert_eq!(std::mem::offset_of!(Header, tenancy), std::mem::offset_of!(ActorCell<String>, tenancy));
    }
}
