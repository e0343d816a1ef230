//! A worker: one long-lived tokio task that polls actors from its own run queue.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use crate::cell::header::{Header, Ran};
use crate::node::NodeShared;
use crate::primitive::{AtomicBool, Ordering, spin_loop};
use crate::time::{Tick, Timestamp};

use super::budget::{DOZE, INJECTOR_EVERY, LIFO_STREAK, SLICE, SLICES, WATCH, WATCH_PAUSES, WATCH_ROUNDS};
use super::deque::Ring;
use super::idle::{MAX_WORKERS, Sleep};
use super::seat::Seat;
use super::timers::Timers;

/// An entry of a run queue: a cell whose token goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Task(pub NonNull<Header>);

// SAFETY: the token that goes with the entry may be used by any thread.
unsafe impl Send for Task {}

/// A worker's own state. Everything but `ring` and `notified` belongs to whoever polls its task.
///
/// Workers lie side by side: aligned so that none writes to a line, or to the line which the
/// prefetcher brings along with it, that another reads at each hop.
#[repr(align(128))]
pub struct Worker {
    pub seat: Seat,
    pub ring: Ring<Task>,
    index: usize,
    lifo: Cell<*const Header>,
    /// How many more turns the private slot may take in a row.
    streak_left: Cell<u32>,
    until_injector: Cell<u32>,
    random: Cell<u32>,
    /// When to look again at what others had queued and were quick to run.
    doze: Cell<Option<Timestamp>>,
    notified: AtomicBool,
    waker: OnceLock<Waker>,
}

// SAFETY: the cells are touched only by the worker's task, which tokio polls on one thread at a
// time with happens-before between polls; the rest is made for sharing.
unsafe impl Send for Worker {}
// SAFETY: as above.
unsafe impl Sync for Worker {}

/// How a slice ended.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slice {
    /// Nothing is left to run.
    Idle,
    /// Its time is over.
    Over,
}

impl Worker {
    /// Worker number `index` of a node.
    pub fn new(index: usize, node: NonNull<NodeShared>, now: Timestamp) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "a seed")]
        let random = 0x9E37_79B9 ^ (index as u32 + 1);
        Self {
            seat: Seat::new(node, now),
            ring: Ring::new(),
            index,
            lifo: Cell::new(ptr::null()),
            streak_left: Cell::new(LIFO_STREAK),
            until_injector: Cell::new(INJECTOR_EVERY),
            random: Cell::new(random),
            doze: Cell::new(None),
            notified: AtomicBool::new(false),
            waker: OnceLock::new(),
        }
    }

    fn node(&self) -> &NodeShared {
        self.seat.node()
    }

    /// Wakes the worker's task, as the one searcher that `Idle` allows.
    pub fn notify(&self) {
        // Release pairs with the Acquire in `slice`.
        self.notified.store(true, Ordering::Release);
        self.poke();
    }

    /// Wakes the worker's task.
    pub fn poke(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Schedules a cell to run next here.
    #[inline(always)]
    pub fn push_local(&self, cell: NonNull<Header>) {
        let previous = self.lifo.replace(cell.as_ptr());
        if let Some(previous) = NonNull::new(previous.cast_mut()) {
            self.push_back(previous);
        }
    }

    /// Schedules a cell after all that waits here.
    #[inline]
    fn push_back(&self, cell: NonNull<Header>) {
        if self.push_quietly(cell) {
            self.node().scheduler.notify_surplus(self.seat.now());
        }
    }

    /// As [`Self::push_back`], but wakes nobody. True when the cell is in the ring.
    #[inline]
    fn push_quietly(&self, cell: NonNull<Header>) -> bool {
        // SAFETY: only the worker's own thread comes here.
        match unsafe { self.ring.push(Task(cell)) } {
            Ok(()) => true,
            Err(task) => {
                self.node().scheduler.inject(task);
                false
            }
        }
    }

    /// Schedules a cell that wants another turn. Where it is alone, this worker runs it next, so
    /// nobody else is woken for it.
    #[inline]
    fn push_again(&self, cell: NonNull<Header>) {
        if self.lifo.get().is_null() && self.ring.is_empty() {
            self.push_quietly(cell);
        } else {
            self.push_back(cell);
        }
    }

    /// Puts what would run next here where others see it, before the worker yields to tokio. It is
    /// back soon, wherever tokio lets it run, so nobody is woken for that one cell: a sibling that
    /// took it away at each end of a slice would take its cache lines along.
    pub fn flush(&self) {
        if let Some(cell) = NonNull::new(self.lifo.replace(ptr::null()).cast_mut()) {
            self.push_quietly(cell);
        }
    }

    fn pop_back(&self) -> Option<NonNull<Header>> {
        // SAFETY: only the worker's own thread comes here.
        unsafe { self.ring.pop() }.map(|task| task.0)
    }

    #[inline(always)]
    fn next(&self) -> Option<NonNull<Header>> {
        let left = self.until_injector.get();
        self.until_injector.set(left.wrapping_sub(1));
        if left == 0
            && let Some(cell) = self.next_injected()
        {
            return Some(cell);
        }
        if let Some(cell) = NonNull::new(self.lifo.replace(ptr::null()).cast_mut()) {
            let left = self.streak_left.get();
            self.streak_left.set(left.wrapping_sub(1));
            if left != 0 {
                return Some(cell);
            }
            self.streak_left.set(LIFO_STREAK);
            let Some(other) = self.pop_back() else { return Some(cell) };
            self.push_back(cell);
            return Some(other);
        }
        self.streak_left.set(LIFO_STREAK);
        self.pop_back().or_else(|| self.next_elsewhere())
    }

    #[cold]
    #[inline(never)]
    fn next_injected(&self) -> Option<NonNull<Header>> {
        self.until_injector.set(INJECTOR_EVERY);
        self.node().scheduler.injector.pop().map(|task| task.0)
    }

    #[cold]
    fn next_elsewhere(&self) -> Option<NonNull<Header>> {
        // SAFETY: the ring that receives is this worker's own.
        let injected = unsafe { self.node().scheduler.injector.pop_batch_into(&self.ring) };
        injected.or_else(|| self.watch()).map(|task| task.0)
    }

    /// Takes half of what another has queued, if that has waited for a while. What its owner runs
    /// within moments stays there: it would take its cache lines along, which costs more than many
    /// turns. `README.md` says more.
    fn watch(&self) -> Option<Task> {
        self.doze.set(None);
        let scheduler = &self.node().scheduler;
        if !scheduler.has_queued() {
            return None;
        }
        let mut marks = [0; MAX_WORKERS];
        for (mark, other) in marks.iter_mut().zip(&scheduler.workers) {
            *mark = other.ring.mark();
        }
        let begun = self.node().clock.now();
        let mut now = begun;
        // The rounds are counted because a clock that a test has paused stands still.
        for _ in 0..WATCH_ROUNDS {
            for _ in 0..WATCH_PAUSES {
                spin_loop();
            }
            if !scheduler.injector.is_empty()
                // SAFETY: the ring that receives is this worker's own.
                && let Some(task) = unsafe { scheduler.injector.pop_batch_into(&self.ring) }
            {
                return Some(task);
            }
            now = self.node().clock.now();
            if now.saturating_since(begun) >= WATCH {
                break;
            }
        }
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        self.random.set(random);
        let count = scheduler.workers.len();
        let start = random as usize % count;
        let stolen = (start..count)
            .chain(0..start)
            .filter(|&index| {
                index != self.index && scheduler.workers[index].ring.holds_older_than(marks[index])
            })
            // SAFETY: the ring that receives is this worker's own.
            .find_map(|index| unsafe { scheduler.workers[index].ring.steal_into(&self.ring) });
        if stolen.is_none() && scheduler.has_queued() {
            let again = now.saturating_add(DOZE);
            self.doze.set(Some(again));
            scheduler.hold_surplus_until(again);
        }
        stolen
    }

    fn ring_alarms(&self, now: Timestamp) {
        let mut due = Vec::new();
        self.seat.timers.borrow_mut().advance(now, &mut due);
        self.node().scheduler.take_due_alarms(now.tick(), &mut due);
        for alarm in due {
            Timers::ring(&self.seat, now, alarm);
        }
    }

    /// Runs actors until there is none, or the slice is over.
    fn slice(&self) -> Slice {
        let _seat = self.seat.take();
        let now = self.node().clock.now();
        self.seat.begin_slice(now, now.saturating_add(SLICE));
        // Acquire pairs with the Release in `notify`.
        let mut searching =
            self.notified.load(Ordering::Relaxed) && self.notified.swap(false, Ordering::Acquire);
        self.ring_alarms(now);
        let mut next = self.next();
        if searching && next.is_some() {
            searching = false;
            self.node().scheduler.end_search();
        }
        let ended = loop {
            let Some(cell) = next else { break Slice::Idle };
            self.seat.counters.count_turn();
            // SAFETY: the entry came with the cell's token.
            let again = unsafe { self.run(cell) };
            if !self.seat.charge() {
                break Slice::Over;
            }
            // A turn that found tokio's budget spent has its wake already, or gets it when this
            // worker yields.
            if again && !tokio::task::coop::has_budget_remaining() {
                break Slice::Over;
            }
            next = self.next();
        };
        if searching {
            self.node().scheduler.end_search_in_vain();
        }
        // Those told now may lie in the slot that only this worker sees.
        if self.seat.drop_orphans() || ended == Slice::Over {
            self.flush();
        }
        ended
    }

    /// Whether another slice may follow at once: a thread of tokio's is free to poll its drivers and
    /// run its tasks, and none is known to wait for this one.
    fn may_go_on(&self) -> bool {
        let scheduler = &self.node().scheduler;
        scheduler.idle.has_sleeper()
            && !self.seat.has_woken_others()
            && tokio::task::coop::has_budget_remaining()
            && scheduler.tokio().is_some_and(|tokio| tokio.metrics().global_queue_depth() == 0)
    }

    /// Runs one turn; true when the actor wants another.
    ///
    /// # Safety
    /// The caller holds the cell's token and gives it up.
    #[inline(always)]
    unsafe fn run(&self, cell: NonNull<Header>) -> bool {
        // SAFETY: the token's reference keeps the cell alive.
        let run = unsafe { cell.as_ref() }.vtable.run;
        // SAFETY: by contract.
        let ran = unsafe { run(cell, &self.seat) };
        self.seat.set_current(None);
        match ran {
            Ran::Parked => {}
            Ran::Requeue => {
                self.push_again(cell);
                return true;
            }
            // SAFETY: the token's reference, given up with the dead actor.
            Ran::Done => unsafe { Header::release(cell) },
        }
        false
    }

    /// Announces sleep; true when the worker really may sleep. `armed` is the shared alarm it took
    /// into account.
    fn may_sleep(&self, armed: Option<Tick>) -> bool {
        let scheduler = &self.node().scheduler;
        // Where it dozes, it has seen what others have queued and looks again by itself.
        let has_queued =
            || if self.doze.get().is_some() { !self.ring.is_empty() } else { scheduler.has_queued() };
        let has_work = || scheduler.has_injected() || has_queued() || scheduler.next_alarm() != armed;
        scheduler.idle.try_sleep(self.index, has_work) == Sleep::Granted
    }

    /// When the worker must wake for a timer. Called when it goes idle.
    fn next_alarm(&self, shared: Option<Tick>) -> Option<Tick> {
        let mut timers = self.seat.timers.borrow_mut();
        timers.enter_open();
        let doze = self.doze.get().map(Timestamp::tick_ceil);
        [timers.next_due(), shared, doze].into_iter().flatten().min()
    }

    /// A number that differs for each worker and tick.
    #[allow(clippy::cast_possible_truncation, reason = "only compared within a few ticks")]
    pub fn mark_of(&self, tick: Tick) -> u32 {
        (tick.as_millis() as u32) << 6 | (self.index as u32 + 1)
    }
}

/// The task that drives a worker.
pub struct WorkerTask {
    node: Arc<NodeShared>,
    index: usize,
    yielding: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// One allocation for life: a worker arms and disarms it whenever it goes idle.
    sleep: Pin<Box<Option<tokio::time::Sleep>>>,
    finished: bool,
}

impl WorkerTask {
    /// The task of worker number `index`.
    pub fn new(node: Arc<NodeShared>, index: usize) -> Self {
        Self { node, index, yielding: None, sleep: Box::pin(None), finished: false }
    }

    fn worker(&self) -> &Worker {
        &self.node.scheduler.workers[self.index]
    }

    /// Arms tokio's timer for the worker's next alarm; true when it is due already.
    fn sleep_until_alarm(&mut self, shared: Option<Tick>, cx: &mut Context<'_>) -> bool {
        let Some(tick) = self.worker().next_alarm(shared) else {
            self.sleep.set(None);
            return false;
        };
        let at = self.node.clock.instant_of(tick);
        if self.sleep.is_none() {
            self.sleep.set(Some(tokio::time::sleep_until(at)));
        }
        let Some(mut sleep) = self.sleep.as_mut().as_pin_mut() else { return false };
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.poll(cx).is_ready()
    }
}

impl Future for WorkerTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        let node = Arc::clone(&me.node);
        let worker = &node.scheduler.workers[me.index];
        worker.waker.get_or_init(|| cx.waker().clone());
        // `yield_now` is over as soon as it is polled again.
        me.yielding = None;
        // This poll may come from a wake that no notifier sent: then we are still marked.
        node.scheduler.idle.wake_up(me.index);
        let mut slices = 0;
        loop {
            if node.scheduler.is_stopped() {
                me.finished = true;
                return Poll::Ready(());
            }
            slices += 1;
            match worker.slice() {
                Slice::Over if slices < SLICES && worker.may_go_on() => {}
                Slice::Over => {
                    // Deferred by tokio until it has polled its drivers: a self-wake would starve
                    // sockets and timers.
                    let mut yielding: Pin<Box<dyn Future<Output = ()> + Send>> =
                        Box::pin(tokio::task::yield_now());
                    if yielding.as_mut().poll(cx).is_pending() {
                        me.yielding = Some(yielding);
                        return Poll::Pending;
                    }
                }
                Slice::Idle => {
                    let shared = node.scheduler.next_alarm();
                    if me.sleep_until_alarm(shared, cx) {
                        continue;
                    }
                    if worker.may_sleep(shared) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl Drop for WorkerTask {
    fn drop(&mut self) {
        self.sleep.set(None);
        let worker = self.worker();
        worker.flush();
        worker.seat.timers.borrow_mut().clear();
        super::shutdown::worker_gone(&self.node, worker, self.finished);
    }
}
