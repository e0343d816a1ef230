//! An actor without its code: a queue, a lane, and what the receiver saw.

use std::sync::atomic::{AtomicBool, Ordering};

use loom::cell::UnsafeCell;
use loom::thread;
use wharf_runtime::model::mailbox::Lane;
use wharf_runtime::model::queue::{Capacity, Drained, Duty, Parked, Position, Queue};

/// Turns without end: the receiver looks again and again and finds nothing.
const MAX_TURNS: u32 = 30;

/// A message: its tens say who sent it, its ones count that sender's messages.
pub type Message = u32;

/// Something that the receiver saw, and where it was in the queue then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A message, and its place.
    Message(Message, Position),
    /// A signal, numbered as messages are, and the place it was sent at.
    Signal(u32, Position),
}

impl Seen {
    /// What it was.
    pub const fn number(self) -> u32 {
        match self {
            Self::Message(number, _) | Self::Signal(number, _) => number,
        }
    }
}

/// What the receiver does at the end of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parks {
    /// Waits for messages.
    ForMessages,
    /// Waits for messages, and gives its block back.
    AndReleases,
    /// Waits for a wake until it has seen a signal, then for messages.
    ForSignalFirst,
}

/// An actor. Whoever gets its token runs it, there and then.
pub struct Actor {
    /// Its messages.
    pub queue: Queue<Message>,
    /// Its signals.
    pub lane: Lane<UnsafeCell<u32>>,
    parks: Parks,
    // These are none of loom's: they watch the model, and are no part of it.
    had_signal: AtomicBool,
    was_requeued: AtomicBool,
    is_running: AtomicBool,
    // A cell of loom's, so that it sees each run ordered after the one before.
    seen: UnsafeCell<Vec<Seen>>,
}

// SAFETY: `seen` is only for the token's holder, which is what the models are to find out.
unsafe impl Sync for Actor {}

impl Actor {
    /// An actor whose token the caller holds.
    pub fn new(capacity: Capacity, parks: Parks) -> Self {
        Self {
            queue: Queue::new(capacity),
            lane: Lane::new(),
            parks,
            had_signal: AtomicBool::new(false),
            was_requeued: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
            seen: UnsafeCell::new(Vec::new()),
        }
    }

    /// Pushes where there is room.
    ///
    /// # Errors
    /// The message, when there is none.
    pub fn try_push(&self, message: Message) -> Result<(), Message> {
        self.queue.try_push(message, code(message)).map(|duty| self.carry_out(duty))
    }

    /// Pushes without a credit.
    ///
    /// # Errors
    /// The message, when the queue is closed.
    pub fn push_place(&self, message: Message) -> Result<(), Message> {
        self.queue.push_place(message, code(message)).map(|duty| self.carry_out(duty))
    }

    /// Sends a signal as the runtime does; false when the actor is gone.
    pub fn signal(&self, number: u32) -> bool {
        if self.lane.push(self.queue.position(), UnsafeCell::new(number)).is_err() {
            return false;
        }
        self.wake();
        true
    }

    /// Wakes the receiver.
    pub fn wake(&self) {
        self.carry_out(self.queue.wake());
    }

    /// Runs the actor, if that is what is to be done.
    pub fn carry_out(&self, duty: Duty) {
        if duty == Duty::Schedule {
            self.run();
        }
    }

    /// Runs turns until the receiver parks, or finds a message that is still on its way: then it is
    /// queued again, for [`Actor::run_requeued`]. The caller holds the token.
    pub fn run(&self) {
        for count in 1.. {
            assert!(count < MAX_TURNS, "the receiver turns for ever: it can't park and finds nothing");
            self.begin();
            self.receive();
            if self.end() == Parked::Yes {
                return;
            }
            // SAFETY: not parked, so the token is still the caller's.
            if unsafe { self.waits_for_a_push() } {
                self.was_requeued.store(true, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Runs what [`Actor::run`] left, when all threads have ended.
    pub fn run_requeued(&self) {
        for count in 1.. {
            if !self.was_requeued.swap(false, Ordering::Relaxed) {
                return;
            }
            assert!(count < MAX_TURNS, "a claimed message never comes");
            self.run();
        }
    }

    fn begin(&self) {
        // Relaxed: loom runs a model on one thread.
        assert!(!self.is_running.swap(true, Ordering::Relaxed), "two tokens: two threads run the receiver");
        // SAFETY: the token is the caller's.
        unsafe { self.queue.begin_turn() };
    }

    fn end(&self) -> Parked {
        let had_signal = self.had_signal.load(Ordering::Relaxed);
        // Before parking, which gives the token away.
        self.is_running.store(false, Ordering::Relaxed);
        match self.parks {
            // SAFETY: the token is the caller's.
            Parks::ForSignalFirst if !had_signal => unsafe { self.queue.park_for_wake() },
            // SAFETY: as above.
            parks => unsafe { self.queue.park_for_messages(parks == Parks::AndReleases) },
        }
    }

    /// What follows when parking failed; says whether nothing can be done until a sender has moved.
    ///
    /// # Safety
    /// The caller holds the token.
    unsafe fn waits_for_a_push(&self) -> bool {
        // SAFETY: by contract.
        unsafe {
            if !self.queue.hands_over() && self.queue.owes_waiters() {
                self.queue.settle();
            }
            self.queue.front().is_none() && !self.queue.is_empty() && !self.lane.has_signals()
        }
    }

    /// Receives all there is, in the order in which `mailbox/next.rs` looks for it.
    fn receive(&self) {
        loop {
            self.receive_signals();
            // SAFETY: the token is the caller's.
            let head = unsafe { self.queue.head() };
            // SAFETY: as above.
            if let Some(front) = unsafe { self.queue.front() } {
                if self.lane.has_signals() {
                    // The message's mark was seen, so what its sender signalled before is there.
                    continue;
                }
                let sender = front.sender();
                // SAFETY: as above.
                let message = unsafe { self.queue.take_any(front) };
                assert_eq!(sender, code(message), "a mark that is not its message's");
                self.note(Seen::Message(message, head));
                continue;
            }
            // SAFETY: as above.
            if !unsafe { self.queue.owes_waiters() } {
                return;
            }
            // SAFETY: as above.
            if let Some(taken) = unsafe { self.queue.take_waiting(|| !self.lane.has_signals()) } {
                if let Some(waker) = taken.waker {
                    waker.wake();
                }
                assert_eq!(taken.sender, code(taken.message), "a node that is not its message's");
                self.note(Seen::Message(taken.message, head));
                continue;
            }
            if self.lane.has_signals() {
                continue;
            }
            // SAFETY: as above.
            unsafe { self.queue.settle() };
            // SAFETY: as above.
            if unsafe { self.queue.front() }.is_none() {
                return;
            }
        }
    }

    fn receive_signals(&self) {
        if self.lane.has_signals() {
            for stamped in self.lane.take() {
                // SAFETY: taken from the lane, so it is ours alone: loom checks that.
                let number = stamped.signal.with(|number| unsafe { *number });
                self.had_signal.store(true, Ordering::Relaxed);
                self.note(Seen::Signal(number, stamped.position));
            }
        }
    }

    fn note(&self, what: Seen) {
        // SAFETY: the token is the caller's: loom checks that.
        self.seen.with_mut(|seen| unsafe { (*seen).push(what) });
    }

    /// Ends the actor, and gives the messages that nobody received. The caller holds the token.
    pub fn die(&self) -> Vec<Message> {
        // SAFETY: by contract.
        unsafe { self.queue.close() };
        let mut left = Vec::new();
        for count in 1.. {
            assert!(count < MAX_TURNS, "a claimed message never comes");
            // SAFETY: by contract.
            match unsafe { self.queue.drain() } {
                Drained::Message(message, _) => left.push(message),
                Drained::Busy => thread::yield_now(),
                Drained::Empty => break,
            }
        }
        // SAFETY: the queue is closed.
        unsafe { self.queue.close_waiters() };
        left
    }

    /// What the receiver saw. Only when all threads have ended.
    pub fn seen(&self) -> Vec<Seen> {
        // SAFETY: by contract nobody runs the actor: loom checks that.
        self.seen.with(|seen| unsafe { (*seen).clone() })
    }

    /// The messages that the receiver saw. Only when all threads have ended.
    pub fn messages(&self) -> Vec<Message> {
        let only_messages = |seen| match seen {
            Seen::Message(message, _) => Some(message),
            Seen::Signal(..) => None,
        };
        self.seen().into_iter().filter_map(only_messages).collect()
    }

    /// Asserts that all of `expected` was seen, once, and in the order of each sender.
    pub fn assert_saw(&self, expected: &[u32]) {
        let seen: Vec<u32> = self.seen().into_iter().map(Seen::number).collect();
        assert_each_once(expected, &seen);
        for sender in 1..=9 {
            let own = seen.iter().filter(|number| *number / 10 == sender);
            assert!(own.is_sorted(), "the order of sender {sender} is lost: {seen:?}");
        }
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor").field("parks", &self.parks).finish_non_exhaustive()
    }
}

/// Asserts that `numbers` are `expected`, in any order.
pub fn assert_each_once(expected: &[u32], numbers: &[u32]) {
    let (mut expected, mut sorted) = (expected.to_vec(), numbers.to_vec());
    expected.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "something was lost or doubled");
}

/// What a message's mark says of its sender: two low bits must stay free.
pub const fn code(message: Message) -> u64 {
    (message as u64 / 10) << 2
}
