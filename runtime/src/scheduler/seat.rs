//! A seat: what the thread that polls an actor knows about that poll.
//!
//! A worker has one for life and takes it for each slice; a guest's poll makes one for its own
//! length. The scoped thread-local points at the seat that is taken now. It carries no identity or
//! configuration of its own: it only says which actor of which node is being polled here.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use crate::cell::fate::Fate;
use crate::cell::header::{Header, Wait};
use crate::cell::pages::Cache;
use crate::cell::reply::{Orphan, Unanswered};
use crate::cell::state::Code;
use crate::exit::ExitReason;
use crate::node::NodeShared;
use crate::primitive::{AtomicU64, Ordering};
use crate::random::{STEP, mix};
use crate::time::Timestamp;

use super::timers::Timers;
use super::worker::Worker;

thread_local! {
    static SEAT: Cell<*const Seat> = const { Cell::new(ptr::null()) };
}

/// Turns, messages and sends between two looks at the clock: some 40 messages that are each received
/// in a turn of their own and answered.
const TICKS: i32 = 128;

/// What the polling thread knows.
pub struct Seat {
    node: NonNull<NodeShared>,
    worker: Cell<*const Worker>,
    current: Cell<*const Header>,
    code: Cell<u64>,
    ticks: Cell<i32>,
    now: Cell<Timestamp>,
    slice_end: Cell<Timestamp>,
    slice: Cell<u32>,
    woke_others: Cell<bool>,
    /// State of the random stream; `None` until a number is drawn.
    random: Cell<Option<u64>>,
    fate: RefCell<Option<Fate>>,
    /// With the code of who dropped each, and in which turn.
    orphans: RefCell<Vec<(u64, u64, Orphan)>>,
    pub(crate) cache: RefCell<Cache>,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) counters: Counters,
}

/// Counts with one writer each: the seat's thread.
#[derive(Debug, Default)]
pub struct Counters {
    handled: AtomicU64,
    spawned: AtomicU64,
    exited: AtomicU64,
    turns: AtomicU64,
}

impl Counters {
    #[inline(always)]
    fn add_one(counter: &AtomicU64) {
        // Relaxed load and store: one writer; readers want a figure, not an order.
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// A message was received.
    #[inline(always)]
    pub fn count_handled(&self) {
        Self::add_one(&self.handled);
    }

    /// A message that was received is to be received again.
    pub fn count_unhandled(&self) {
        self.handled.store(self.handled.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
    }

    /// An actor was spawned.
    pub fn count_spawned(&self) {
        Self::add_one(&self.spawned);
    }

    /// An actor ended.
    pub fn count_exited(&self) {
        Self::add_one(&self.exited);
    }

    /// A turn began.
    #[inline(always)]
    pub fn count_turn(&self) {
        Self::add_one(&self.turns);
    }

    /// (handled, spawned, exited, turns).
    pub fn read(&self) -> [u64; 4] {
        [&self.handled, &self.spawned, &self.exited, &self.turns].map(|c| c.load(Ordering::Relaxed))
    }
}

impl Seat {
    /// A seat of `node`, not taken yet.
    pub fn new(node: NonNull<NodeShared>, now: Timestamp) -> Self {
        Self {
            node,
            worker: Cell::new(ptr::null()),
            current: Cell::new(ptr::null()),
            code: Cell::new(0),
            ticks: Cell::new(TICKS),
            now: Cell::new(now),
            slice_end: Cell::new(Timestamp::MAX),
            slice: Cell::new(0),
            woke_others: Cell::new(false),
            random: Cell::new(None),
            fate: RefCell::new(None),
            orphans: RefCell::new(Vec::new()),
            cache: RefCell::default(),
            timers: RefCell::new(Timers::new(now)),
            counters: Counters::default(),
        }
    }

    /// The seat taken on this thread.
    #[inline(always)]
    pub fn with<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        // SAFETY: `take` guards keep the seat alive while the pointer is set, and `f` can't outlive
        // the guard of the poll it runs in.
        f(unsafe { SEAT.get().as_ref() })
    }

    /// Takes the seat on this thread until the guard is dropped.
    pub fn take(&self) -> Taken<'_> {
        Taken { previous: SEAT.replace(self), _seat: self }
    }

    /// The node.
    #[inline(always)]
    pub fn node(&self) -> &NodeShared {
        // SAFETY: a seat belongs to a worker or guest, which keeps the node alive.
        unsafe { self.node.as_ref() }
    }

    /// Whether this is a seat of `node`.
    #[inline(always)]
    pub fn is_of(&self, node: NonNull<NodeShared>) -> bool {
        self.node == node
    }

    /// The worker whose seat this is; null for a guest's.
    #[inline(always)]
    pub fn worker(&self) -> Option<&Worker> {
        // SAFETY: set by the worker that owns this seat, and lives as long.
        unsafe { self.worker.get().as_ref() }
    }

    /// Makes this the seat of `worker`.
    pub fn belongs_to(&self, worker: *const Worker) {
        self.worker.set(worker);
    }

    /// Whether an actor is being polled here, as opposed to a guest.
    pub fn runs_an_actor(&self) -> bool {
        self.current().is_some_and(|cell| cell.tenancy.state().is_mortal())
    }

    /// Whether `cell` is the one being polled here.
    #[inline(always)]
    pub fn is_current(&self, cell: *const Header) -> bool {
        ptr::eq(self.current.get(), cell)
    }

    /// The actor being polled.
    pub fn current(&self) -> Option<&Header> {
        // SAFETY: set for the length of a poll, in which the token's reference keeps it alive.
        unsafe { self.current.get().as_ref() }
    }

    /// Sets who is polled; gives who was.
    #[inline(always)]
    pub fn set_current(&self, cell: Option<&Header>) -> *const Header {
        let code = cell.map_or(0, |cell| cell.tenancy.code().bits());
        self.code.set(code);
        self.current.replace(cell.map_or(ptr::null(), ptr::from_ref))
    }

    /// Notes what the actor being polled here waits for. The caller holds no reference into a
    /// cell's run part.
    pub fn note_wait(&self, wait: Wait) {
        if let Some(cell) = self.current() {
            // SAFETY: the current cell is being run by this thread, which holds its token; see above.
            unsafe { cell.run() }.wait = wait;
        }
    }

    /// What was noted last in the turn under way. The caller holds no reference into a cell's run
    /// part.
    pub fn noted_wait(&self) -> Wait {
        // SAFETY: as for `note_wait`.
        self.current().map_or(Wait::Unknown, |cell| unsafe { cell.run() }.wait)
    }

    /// The code under which the current actor sends.
    #[inline(always)]
    pub fn code(&self) -> u64 {
        self.code.get()
    }

    /// Charges one unit of work; false when the slice is over, and from then on.
    #[inline(always)]
    pub fn charge(&self) -> bool {
        let left = self.ticks.get() - 1;
        self.ticks.set(left);
        left >= 0 || self.look_at_clock()
    }

    #[cold]
    #[inline(never)]
    fn look_at_clock(&self) -> bool {
        let now = self.node().clock.now();
        self.now.set(now);
        if now >= self.slice_end.get() {
            self.ticks.set(0);
            return false;
        }
        self.ticks.set(TICKS - 1);
        true
    }

    /// Begins a slice that lasts until `end`.
    pub fn begin_slice(&self, now: Timestamp, end: Timestamp) -> u32 {
        self.now.set(now);
        self.slice_end.set(end);
        self.ticks.set(TICKS);
        self.woke_others.set(false);
        self.slice.set(self.node().next_slice());
        self.slice.get()
    }

    /// Notes that a task which tokio runs is woken from this thread: a worker here is not to keep
    /// tokio from it.
    pub fn note_wake_of_other() {
        Self::with(|seat| {
            if let Some(seat) = seat {
                seat.woke_others.set(true);
            }
        });
    }

    /// Whether one was.
    pub fn has_woken_others(&self) -> bool {
        self.woke_others.get()
    }

    /// Number of the slice under way.
    #[inline(always)]
    pub fn slice(&self) -> u32 {
        self.slice.get()
    }

    /// The time, as of the last look at the clock.
    #[inline(always)]
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// A random number from the node's seed.
    pub fn random(&self) -> u64 {
        let state = self.random.get().unwrap_or_else(|| self.node().next_seed()).wrapping_add(STEP);
        self.random.set(Some(state));
        mix(state)
    }

    /// What replies dropped now come to, if that is settled.
    pub fn fate(&self) -> Option<Fate> {
        self.fate.borrow().clone()
    }

    /// Settles what replies dropped from now on come to.
    pub fn set_fate(&self, fate: Option<Fate>) {
        *self.fate.borrow_mut() = fate;
    }

    /// Keeps a reply that was dropped in a turn under way.
    pub fn adopt(&self, orphan: Orphan) {
        let [.., turn] = self.counters.read();
        self.orphans.borrow_mut().push((self.code(), turn, orphan));
    }

    /// Tells the askers of the replies adopted in this turn what their holder died of. Holders of
    /// others went on after they had dropped them.
    pub fn close_orphans(&self, holder: Code, reason: &ExitReason) {
        let [.., now] = self.counters.read();
        // The borrow ends before any asker is told.
        let orphans = std::mem::take(&mut *self.orphans.borrow_mut());
        for (code, turn, orphan) in orphans {
            let died = (code, turn) == (holder.bits(), now);
            orphan.close(if died { Unanswered::Down(reason.clone()) } else { Unanswered::NoReply });
        }
    }

    /// Tells the askers of adopted replies that there is no answer: their holders went on. False
    /// when there were none.
    pub fn drop_orphans(&self) -> bool {
        // The borrow ends before any asker is told.
        let orphans = std::mem::take(&mut *self.orphans.borrow_mut());
        let any = !orphans.is_empty();
        drop(orphans);
        any
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// Guard of a taken seat.
#[derive(Debug)]
pub struct Taken<'a> {
    previous: *const Seat,
    _seat: &'a Seat,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        SEAT.set(self.previous);
    }
}
