//! What the explorer does to cells: runs a turn, sees what the actor waits for, lets waiting senders
//! go on.
//!
//! One thread runs all of a node's explored cells: whoever else takes a token, by a wake, only hands
//! it to the explorer. So between two turns that thread may look at what the token guards.

use std::fmt;
use std::ptr::NonNull;
use std::task::Waker;

use crate::primitive::Ordering;
use crate::scheduler::Seat;
use crate::scheduler::timers::NEVER;
use crate::time::Timestamp;

use super::header::{ActorCell, Armed, Header, Ran, Wait};
use super::parcel::Parcel;
use super::pid::{AnyPid, Pid};

/// A cell that can run: its token.
///
/// Dropping it gives nothing up: whoever ends the actor instead gives up the token's reference.
#[must_use]
pub struct Runnable(NonNull<Header>);

// SAFETY: a token may be used by any thread.
unsafe impl Send for Runnable {}

impl Runnable {
    /// Takes a token over.
    ///
    /// # Safety
    /// The caller holds the token of an explored cell, and hands it over.
    pub const unsafe fn new(cell: NonNull<Header>) -> Self {
        Self(cell)
    }

    /// The actor.
    pub fn pid(&self) -> AnyPid {
        // SAFETY: the token's reference keeps the cell alive.
        let cell = unsafe { self.0.as_ref() };
        AnyPid::clone(&cell.borrowed_pid())
    }

    /// Runs one turn.
    pub fn run(self, seat: &Seat) -> Turn {
        let pid = self.pid();
        let cell = pid.header();
        // SAFETY: the token is ours.
        let ran = unsafe { (cell.vtable.run)(self.0, seat) };
        seat.set_current(None);
        let _ = seat.drop_orphans();
        match ran {
            // SAFETY: this thread runs all explored cells, and it is here.
            Ran::Parked => Turn::Waits(unsafe { Waits::of(cell) }),
            Ran::Requeue => {
                // SAFETY: the token is still ours.
                let wait = unsafe { cell.run() }.wait;
                Turn::Again(self, wait)
            }
            Ran::Done => {
                // SAFETY: the token's reference, given up with the dead actor.
                unsafe { Header::release(self.0) };
                Turn::Ended
            }
        }
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runnable({})", self.pid().id())
    }
}

/// What a turn came to.
#[must_use]
#[derive(Debug)]
pub enum Turn {
    /// The actor waits.
    Waits(Waits),
    /// It wants another turn, and has noted this wait.
    Again(Runnable, Wait),
    /// It is dead.
    Ended,
}

/// What an actor waits for between two turns.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// The wait that was noted last.
    pub wait: Wait,
    /// Whether a message would end a wait.
    pub accepts: bool,
    /// Whether its queue is empty.
    pub is_empty: bool,
    /// When the first of its deadlines comes.
    pub deadline: Option<Timestamp>,
}

impl Waits {
    /// Nothing yet: it has had no turn.
    pub const UNBORN: Self = Self { wait: Wait::Turn, accepts: false, is_empty: true, deadline: None };

    /// # Safety
    /// Nobody runs the cell meanwhile.
    unsafe fn of(cell: &Header) -> Self {
        // SAFETY: by contract.
        let run = unsafe { cell.run() };
        // Relaxed: stored by the cell's runner, which is this thread.
        let deadline = cell.deadline.load(Ordering::Relaxed);
        Self {
            wait: run.wait,
            accepts: run.armed != Armed::No,
            // SAFETY: by contract.
            is_empty: unsafe { cell.queue.is_empty() },
            deadline: (deadline != NEVER).then(|| Timestamp::from_nanos(deadline)),
        }
    }
}

/// What a sender that waits for room left with its receiver.
pub enum Waiting {
    /// A message, and who is to be told that it goes on its way.
    Message(Parcel, Option<Waker>),
    /// A reservation, and who is to be told that it is granted.
    Grant(Option<Waker>),
}

/// A mailbox whose room the explorer manages: the operations that depend on its message type.
#[derive(Clone)]
pub struct Room {
    to: AnyPid,
    queued: unsafe fn(&AnyPid) -> u64,
    next: unsafe fn(&AnyPid) -> Option<Waiting>,
}

impl Room {
    /// The room of an explored actor's mailbox.
    pub fn of<M>(to: &Pid<M>) -> Self {
        Self { to: to.any(), queued: queued::<M>, next: next::<M> }
    }

    /// Whose mailbox it is.
    pub const fn to(&self) -> &AnyPid {
        &self.to
    }

    /// How many messages lie in the mailbox. Only for the thread that runs the explored cells.
    pub fn queued(&self) -> u64 {
        // SAFETY: chosen with the message's type.
        unsafe { (self.queued)(&self.to) }
    }

    /// Takes what the sender that has waited longest left; it is told by the waker.
    pub fn next_waiting(&self) -> Option<Waiting> {
        // SAFETY: chosen with the message's type.
        unsafe { (self.next)(&self.to) }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room(of {})", self.to.id())
    }
}

/// # Safety
/// `to` takes messages of type `M`.
unsafe fn cell_of<M>(to: &AnyPid) -> &ActorCell<M> {
    // SAFETY: by contract; the pid keeps the cell alive.
    unsafe { NonNull::from(to.header()).cast::<ActorCell<M>>().as_ref() }
}

/// # Safety
/// `to` takes messages of type `M`, and nobody runs it meanwhile.
unsafe fn queued<M>(to: &AnyPid) -> u64 {
    // SAFETY: by contract.
    let cell = unsafe { cell_of::<M>(to) };
    // SAFETY: by contract.
    unsafe { cell.queue.len() }
}

/// # Safety
/// `to` takes messages of type `M`.
unsafe fn next<M>(to: &AnyPid) -> Option<Waiting> {
    // SAFETY: by contract.
    let cell = unsafe { cell_of::<M>(to) };
    let left = cell.queue.take_waiter()?;
    Some(match left.message {
        // SAFETY: the message came out of a queue of `M`, so it fits `to`.
        Some(message) => Waiting::Message(unsafe { Parcel::addressed(to, left.sender, message) }, left.waker),
        None => Waiting::Grant(left.waker),
    })
}
