//! Messages of timers, kept outside of the queue until they are handled.
//!
//! What rings in an actor's mailbox is only a signal that names the timer; the message stays in the
//! timer's slot until the receiver takes it. So a timer that is cancelled, or replaced, after it has
//! rung takes its message back, and nothing stale is ever handled.
//!
//! Access rules: `to` is written once; all else is under the slot's lock. The lock is held for a few
//! instructions and never while foreign code runs: messages are made and dropped outside of it.

use std::collections::VecDeque;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::cell::pid::Pid;
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::node::NodeShared;
use crate::primitive::Mutex;
use crate::signal::Signal;
use crate::time::Key;

/// Where a timer's alarm is.
#[derive(Clone, Copy, Debug)]
enum Alarmed {
    /// Set, under this key.
    Set(Key),
    /// Ringing, and to be set again.
    Ringing,
    /// Over.
    Over,
}

struct State<M> {
    alarm: Alarmed,
    /// The message that the alarm will bring, if it is there already.
    waiting: Option<M>,
    /// Messages that have rung and were not taken.
    due: VecDeque<M>,
}

/// A timer and its messages.
pub(crate) struct Slot<M> {
    to: Pid<M>,
    state: Mutex<State<M>>,
}

/// A slot seen without its message type.
///
/// # Safety
/// `take` writes a message of the type that the receiver named by the slot's pid has.
pub(crate) unsafe trait Due: Send + Sync {
    /// Moves the oldest message that is due to `into`; false when there is none.
    ///
    /// # Safety
    /// `into` has room for a message of the receiver's type.
    unsafe fn take(&self, into: NonNull<()>) -> bool;

    /// Turns the oldest message that is due into a dead letter.
    fn bury(&self, cause: DeadLetterCause);

    /// Ends the timer, and drops its messages; true unless all was over and handled already.
    fn cancel(&self) -> bool;

    /// Whether the alarm is still to ring.
    fn is_armed(&self) -> bool;
}

impl fmt::Debug for dyn Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due").field("armed", &self.is_armed()).finish_non_exhaustive()
    }
}

impl<M: Send + 'static> Slot<M> {
    /// A slot whose alarm brings `waiting`. `set` sets the alarm; it can't ring before its key is
    /// noted.
    pub(crate) fn new(to: Pid<M>, waiting: Option<M>, set: impl FnOnce(&Arc<Self>) -> Key) -> Arc<Self> {
        let state = State { alarm: Alarmed::Over, waiting, due: VecDeque::new() };
        let slot = Arc::new(Self { to, state: Mutex::new(state) });
        let mut state = slot.state.lock();
        state.alarm = Alarmed::Set(set(&slot));
        drop(state);
        slot
    }

    /// To whom the messages go.
    pub(crate) fn to(&self) -> &Pid<M> {
        &self.to
    }

    /// The alarm of a timer that rings once rings.
    pub(crate) fn ring(self: Arc<Self>) {
        let mut state = self.state.lock();
        if !matches!(state.alarm, Alarmed::Set(_)) {
            return;
        }
        state.alarm = Alarmed::Over;
        let Some(message) = state.waiting.take() else { return };
        state.due.push_back(message);
        drop(state);
        self.announce();
    }

    /// The alarm of a repeated timer rings; false when the timer is over.
    pub(crate) fn begin_ringing(&self) -> bool {
        let mut state = self.state.lock();
        let goes_on = matches!(state.alarm, Alarmed::Set(_)) && self.to.is_alive();
        state.alarm = if goes_on { Alarmed::Ringing } else { Alarmed::Over };
        goes_on
    }

    /// Brings a message, unless the timer was cancelled while it was made.
    pub(crate) fn bring(self: &Arc<Self>, message: M) {
        let mut state = self.state.lock();
        if matches!(state.alarm, Alarmed::Over) {
            drop(state);
            return drop(message);
        }
        state.due.push_back(message);
        drop(state);
        Arc::clone(self).announce();
    }

    /// Sets the next alarm of a repeated timer.
    pub(crate) fn set_again(&self, set: impl FnOnce() -> Key) {
        let mut state = self.state.lock();
        if matches!(state.alarm, Alarmed::Ringing) {
            state.alarm = Alarmed::Set(set());
        }
    }

    fn announce(self: Arc<Self>) {
        let to = self.to.any();
        to.deliver(Signal::Due(self));
    }

    fn node(&self) -> &NodeShared {
        self.to.cell().node()
    }
}

// SAFETY: the receiver that `to` names has messages of type `M`, and `take` writes one.
unsafe impl<M: Send + 'static> Due for Slot<M> {
    unsafe fn take(&self, into: NonNull<()>) -> bool {
        let message = self.state.lock().due.pop_front();
        let Some(message) = message else { return false };
        // SAFETY: by contract there is room for it.
        unsafe { into.cast::<M>().write(message) };
        true
    }

    fn bury(&self, cause: DeadLetterCause) {
        let message = self.state.lock().due.pop_front();
        let Some(message) = message else { return };
        let name = std::any::type_name::<M>();
        let node = self.node();
        node.record_dead_letter(DeadLetter::new(self.to.id(), None, name, cause, node.now()));
        drop(message);
    }

    fn cancel(&self) -> bool {
        let mut state = self.state.lock();
        let alarm = std::mem::replace(&mut state.alarm, Alarmed::Over);
        let left = (state.waiting.take(), std::mem::take(&mut state.due));
        drop(state);
        if let Alarmed::Set(key) = alarm {
            drop(self.node().cancel_alarm(key));
        }
        let had = left.0.is_some() || !left.1.is_empty();
        drop(left);
        had || !matches!(alarm, Alarmed::Over)
    }

    fn is_armed(&self) -> bool {
        !matches!(self.state.lock().alarm, Alarmed::Over)
    }
}

/// Takes the oldest message of a due timer.
///
/// # Safety
/// The signal that brought `due` was sent to an actor whose messages are of type `M`.
pub(crate) unsafe fn take<M>(due: &dyn Due) -> Option<M> {
    let mut message = std::mem::MaybeUninit::<M>::uninit();
    // SAFETY: there is room for a message of the receiver's type, which is `M` by contract.
    let taken = unsafe { due.take(NonNull::from(&mut message).cast()) };
    // SAFETY: written just now.
    taken.then(|| unsafe { message.assume_init() })
}
