//! Deadlines and alarms of one worker: a wheel, and a list of deadlines too young for it.
//!
//! Most asks are answered within microseconds, so their deadlines never enter the wheel. While an
//! actor waits, its cell's `deadline` says until when. When it parks with one, the worker puts the
//! cell on its *open list*, at most once in a tick. At the next tick (or when the worker goes idle)
//! the list is gone through, and only deadlines still open enter the wheel.
//!
//! - `ActorCell::deadline`: stored by the cell's runner; read by workers at their ticks.
//! - `ActorCell::wheel_due`: the time at which some wheel will look at the cell. Before a worker
//!   trusts it, and after a wheel has cleared it, stands a `fence(SeqCst)`: either the worker sees
//!   it cleared and enters the cell itself, or the wheel sees the newer deadline.

use std::ptr::NonNull;
use std::task::Waker;

use crate::cell::header::Header;
use crate::primitive::{Ordering, fence};
use crate::time::{Tick, Timestamp, Wheel};

/// No deadline.
pub const NEVER: u64 = u64::MAX;

/// What to do at a time.
pub enum Alarm {
    /// Look at an actor's deadline. Holds a reference to the cell.
    Actor(NonNull<Header>),
    /// Wake somebody.
    Waker(Waker),
    /// Run something short.
    Run(Box<dyn FnOnce() + Send>),
}

// SAFETY: a cell reference may be released on any thread; the others are Send.
unsafe impl Send for Alarm {}

impl Alarm {
    /// It will not ring: whoever waits for it is woken to see why.
    pub fn give_up(self) {
        match self {
            // SAFETY: the alarm holds a reference.
            Self::Actor(cell) => unsafe { Header::release(cell) },
            Self::Waker(waker) => waker.wake(),
            Self::Run(run) => drop(run),
        }
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Actor(_) => "Actor",
            Self::Waker(_) => "Waker",
            Self::Run(_) => "Run",
        })
    }
}

/// Timers of one worker.
pub struct Timers {
    wheel: Wheel<Alarm>,
    open: Vec<NonNull<Header>>,
    tick: Tick,
}

impl Timers {
    /// No timers.
    pub fn new(now: Timestamp) -> Self {
        Self { wheel: Wheel::new(now.tick()), open: Vec::new(), tick: now.tick() }
    }

    /// Number of the tick under way, for marking listed cells.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Puts a cell with an open deadline on the list.
    ///
    /// # Safety
    /// The caller runs the cell.
    pub unsafe fn list(&mut self, cell: NonNull<Header>) {
        // SAFETY: the caller's reference keeps the cell alive; the list gets one of its own.
        unsafe { cell.as_ref() }.tenancy.retain();
        self.open.push(cell);
    }

    /// Moves what is still open into the wheel.
    pub fn enter_open(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        for cell in open.drain(..) {
            // SAFETY: the list holds a reference.
            unsafe { self.enter(cell) };
        }
        // Its memory is kept: a worker comes here whenever it goes idle.
        self.open = open;
    }

    /// Enters a cell whose reference is handed over, unless it needs no look.
    unsafe fn enter(&mut self, cell: NonNull<Header>) {
        // SAFETY: by contract a reference is held.
        let header = unsafe { cell.as_ref() };
        let deadline = header.deadline.load(Ordering::Relaxed);
        // Pairs with the fence in `ring`.
        fence(Ordering::SeqCst);
        if deadline == NEVER || header.wheel_due.load(Ordering::Relaxed) <= deadline {
            // SAFETY: by contract.
            unsafe { Header::release(cell) };
            return;
        }
        header.wheel_due.store(deadline, Ordering::Relaxed);
        self.wheel.insert(Timestamp::from_nanos(deadline).tick_ceil(), Alarm::Actor(cell));
    }

    /// Collects what is due at `now`.
    pub fn advance(&mut self, now: Timestamp, due: &mut Vec<Alarm>) {
        let tick = now.tick();
        if tick == self.tick {
            return;
        }
        self.tick = tick;
        self.enter_open();
        self.wheel.advance(tick, &mut |_, alarm| due.push(alarm));
    }

    /// When to look again; `None` when nothing is set.
    pub fn next_due(&self) -> Option<Tick> {
        self.wheel.next_due()
    }

    /// Rings an alarm that is due.
    pub fn ring(seat: &super::Seat, now: Timestamp, alarm: Alarm) {
        match alarm {
            Alarm::Waker(waker) => waker.wake(),
            Alarm::Run(run) => run(),
            Alarm::Actor(cell) => {
                // SAFETY: the alarm holds a reference.
                let header = unsafe { cell.as_ref() };
                header.wheel_due.store(NEVER, Ordering::Relaxed);
                // Pairs with the fence in `enter`.
                fence(Ordering::SeqCst);
                let deadline = header.deadline.load(Ordering::Relaxed);
                if deadline == NEVER {
                    // SAFETY: the alarm's reference is given up.
                    unsafe { Header::release(cell) };
                } else if deadline > now.as_nanos() {
                    // SAFETY: the alarm's reference is handed over.
                    unsafe { seat.timers.borrow_mut().enter(cell) };
                } else {
                    super::carry_out(header, header.queue.wake());
                    // SAFETY: the alarm's reference is given up.
                    unsafe { Header::release(cell) };
                }
            }
        }
    }

    /// Gives everything up: cells' references are released, wakers woken, the rest dropped.
    pub fn clear(&mut self) {
        for cell in self.open.drain(..) {
            // SAFETY: the list holds a reference.
            unsafe { Header::release(cell) };
        }
        let mut left = Vec::new();
        self.wheel.advance(Tick::MAX, &mut |_, alarm| left.push(alarm));
        left.into_iter().for_each(Alarm::give_up);
    }
}
