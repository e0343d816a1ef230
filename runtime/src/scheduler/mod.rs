//! Who runs when: workers, their run queues, sleep and wake-up, slices.
//!
//! `README.md` states the protocol. Workers are tasks on the tokio runtime that is already there,
//! so timers, sockets and tracing work inside actors and no thread is ours.

pub mod budget;
pub mod deque;
pub mod idle;
pub mod inject;
pub mod lifetime;
mod seat;
pub mod shutdown;
pub mod timers;
pub mod worker;

use std::ptr::NonNull;

use crate::cell::header::Header;
use crate::node::NodeShared;
use crate::primitive::{AtomicBool, AtomicU64, Mutex, Ordering};
use crate::queue::Duty;
use crate::time::{Key, Tick, Timestamp, Wheel};

use self::idle::Idle;
use self::inject::Injector;
pub use self::seat::Seat;
use self::timers::Alarm;
use self::worker::{Task, Worker};

/// The scheduler of a node.
pub struct Scheduler {
    pub workers: Box<[Worker]>,
    pub injector: Injector<Task>,
    pub idle: Idle,
    /// Alarms that belong to no worker.
    alarms: Mutex<Wheel<Alarm>>,
    /// When the first of them rings, in milliseconds; changed under their lock.
    next_alarm: AtomicU64,
    /// Until when nobody is woken for surplus, in nanoseconds.
    quiet_until: AtomicU64,
    stopped: AtomicBool,
    /// Worker tasks that have not ended.
    alive: AtomicU64,
    tokio: Option<tokio::runtime::Handle>,
}

impl Scheduler {
    /// A scheduler with workers that no task drives yet.
    pub fn new(workers: Box<[Worker]>, tokio: Option<tokio::runtime::Handle>) -> Self {
        let alive = AtomicU64::new(workers.len() as u64);
        Self {
            workers,
            injector: Injector::new(),
            idle: Idle::new(),
            alarms: Mutex::new(Wheel::new(Tick::from_millis(0))),
            next_alarm: AtomicU64::new(u64::MAX),
            quiet_until: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            alive,
            tokio,
        }
    }

    /// The tokio runtime that drives the workers.
    pub fn tokio(&self) -> Option<&tokio::runtime::Handle> {
        self.tokio.as_ref()
    }

    /// Schedules a cell from a thread that is no worker, or whose queue is full.
    pub fn inject(&self, task: Task) {
        self.injector.push(task);
        self.wake_sleeper();
    }

    /// Wakes a worker if one sleeps and none searches, without a fence: the caller is a worker
    /// itself, awake, and will run the surplus if nobody else does.
    #[inline(always)]
    pub fn notify_surplus(&self, now: Timestamp) {
        // Relaxed: a hint.
        let quiet = now.as_nanos() < self.quiet_until.load(Ordering::Relaxed);
        if !quiet && let Some(index) = self.idle.notify_surplus() {
            self.wake(index);
        }
    }

    /// Nobody is woken for surplus before that time: whoever was woken last found that it is run
    /// quickly where it is, and looks again then.
    pub fn hold_surplus_until(&self, time: Timestamp) {
        // Relaxed: a hint.
        self.quiet_until.store(time.as_nanos(), Ordering::Relaxed);
    }

    /// After something was put where any worker finds it.
    #[cold]
    fn wake_sleeper(&self) {
        if let Some(index) = self.idle.notify_one() {
            self.wake(index);
        }
    }

    /// Wakes a worker that was taken out of sleep.
    #[cold]
    fn wake(&self, index: usize) {
        self.workers[index].notify();
        // A task woken from a tokio worker sits in that worker's own slot, from which nobody can
        // steal it; another spawn pushes it out to where others see it.
        let on_worker = Seat::with(|seat| seat.is_some_and(|seat| seat.worker().is_some()));
        if on_worker && let Some(tokio) = &self.tokio {
            drop(tokio.spawn(async {}));
        }
    }

    /// The search a worker was woken for is over; if there may be more work, wake the next.
    pub fn end_search(&self) {
        if self.idle.end_search() && (self.has_injected() || self.has_queued()) {
            self.wake_sleeper();
        }
    }

    /// The search a worker was woken for is over, and found nothing that it should take. Only what
    /// came from outside is worth another search.
    #[cold]
    pub fn end_search_in_vain(&self) {
        if self.idle.end_search() && self.has_injected() {
            self.wake_sleeper();
        }
    }

    /// Whether anything came from outside that nobody has taken.
    pub fn has_injected(&self) -> bool {
        !self.injector.is_empty()
    }

    /// Whether a worker has more than it runs next.
    pub fn has_queued(&self) -> bool {
        self.workers.iter().any(|worker| !worker.ring.is_empty())
    }

    /// Sets an alarm, at the next tick's precision. The key cancels it.
    pub fn set_alarm(&self, due: Timestamp, alarm: Alarm) -> Key {
        let tick = due.tick_ceil();
        let mut wheel = self.alarms.lock();
        let key = wheel.insert(tick, alarm);
        let earliest = tick.as_millis() < self.next_alarm.load(Ordering::Relaxed);
        if earliest {
            self.next_alarm.store(tick.as_millis(), Ordering::Relaxed);
        }
        drop(wheel);
        if earliest {
            // A worker must arm its sleep anew.
            self.wake_sleeper();
        }
        key
    }

    /// Cancels an alarm; gives it back if it has not rung.
    pub fn cancel_alarm(&self, key: Key) -> Option<Alarm> {
        let mut wheel = self.alarms.lock();
        let alarm = wheel.remove(key)?;
        self.note_next(&wheel);
        Some(alarm)
    }

    fn note_next(&self, alarms: &Wheel<Alarm>) {
        let next = alarms.next_due().map_or(u64::MAX, Tick::as_millis);
        self.next_alarm.store(next, Ordering::Relaxed);
    }

    /// When the next alarm rings; a tick too early does no harm.
    pub fn next_alarm(&self) -> Option<Tick> {
        // Relaxed: the fences of `Idle` order it against a worker's sleep.
        match self.next_alarm.load(Ordering::Relaxed) {
            u64::MAX => None,
            millis => Some(Tick::from_millis(millis)),
        }
    }

    /// Collects the alarms that are due.
    pub fn take_due_alarms(&self, now: Tick, due: &mut Vec<Alarm>) {
        if self.next_alarm().is_none_or(|next| next > now) {
            return;
        }
        let mut wheel = self.alarms.lock();
        wheel.advance(now, &mut |_, alarm| due.push(alarm));
        self.note_next(&wheel);
    }

    /// Takes the alarms that will never ring; wakes those who wait for one.
    pub fn drop_alarms(&self) {
        let mut left = Vec::new();
        self.alarms.lock().advance(Tick::MAX, &mut |_, alarm| left.push(alarm));
        left.into_iter().for_each(Alarm::give_up);
    }

    /// Whether the workers have been told to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Tells the workers to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        for worker in &self.workers {
            worker.poke();
        }
    }

    /// Counts a worker out; true for the last.
    pub fn count_out(&self) -> bool {
        // AcqRel: the last one sees all that the others did.
        self.alive.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether any worker is left.
    pub fn has_workers(&self) -> bool {
        self.alive.load(Ordering::Acquire) != 0
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}

/// Does what a change of a mailbox's word demands.
#[inline(always)]
pub fn carry_out(cell: &Header, duty: Duty) {
    if duty == Duty::Schedule {
        // SAFETY: the duty is the token.
        unsafe { schedule(NonNull::from(cell)) };
    }
}

/// Schedules a cell.
///
/// # Safety
/// The caller holds the cell's token and gives it up.
#[inline(always)]
pub unsafe fn schedule(cell: NonNull<Header>) {
    Seat::with(|seat| {
        // SAFETY: the token's reference keeps the cell alive.
        let node = unsafe { cell.as_ref() }.node;
        // SAFETY: by contract.
        unsafe { schedule_from(seat.filter(|seat| seat.is_of(node)), cell) };
    });
}

/// Schedules a cell from the seat taken on this thread, if that is one of the cell's node.
///
/// # Safety
/// As for [`schedule`].
#[inline(always)]
pub unsafe fn schedule_from(seat: Option<&Seat>, cell: NonNull<Header>) {
    // SAFETY: the token's reference keeps the cell alive.
    let vtable = unsafe { cell.as_ref() }.vtable;
    if let Some(seat) = seat
        && let Some(worker) = seat.worker()
        && vtable.schedule.is_none()
    {
        worker.push_local(cell);
    } else {
        // SAFETY: by contract.
        unsafe { schedule_elsewhere(cell) };
    }
}

/// # Safety
/// As for [`schedule`].
#[cold]
#[inline(never)]
unsafe fn schedule_elsewhere(cell: NonNull<Header>) {
    // SAFETY: the token's reference keeps the cell alive.
    let header = unsafe { cell.as_ref() };
    match header.vtable.schedule {
        // SAFETY: by contract.
        Some(special) => unsafe { special(cell) },
        None => NodeShared::of(header).scheduler.inject(Task(cell)),
    }
}
