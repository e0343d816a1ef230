//! Messages that an actor sends to itself later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::parcel::Parcel;
use crate::cell::pid::Pid;
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::node::Node;
use crate::primitive::Mutex;
use crate::scheduler::carry_out;
use crate::scheduler::timers::Alarm;
use crate::time::{Key, Timestamp};

enum State {
    /// The alarm's key.
    Armed(Key),
    /// A repeated alarm is ringing.
    Ringing,
    /// The alarm has rung, or was cancelled.
    Done,
}

/// A message on its way to its actor. Dropping the timer does not cancel it.
///
/// It ends with its actor: it never reaches another incarnation.
pub struct Timer {
    state: Arc<Mutex<State>>,
    node: Node,
}

impl Timer {
    pub(crate) fn once<M: Send + 'static>(pid: &Pid<M>, delay: Duration, message: M) -> Self {
        let node = pid.node();
        let state = Arc::new(Mutex::new(State::Done));
        let (to, flag) = (pid.clone(), Arc::clone(&state));
        let ring = move || {
            *flag.lock() = State::Done;
            deliver(&to, message);
        };
        // Under the lock, so that the alarm can't ring before its key is noted.
        let mut armed = state.lock();
        let due = node.now().saturating_add(delay);
        *armed = State::Armed(node.shared().set_alarm(due, Alarm::Run(Box::new(ring))));
        drop(armed);
        Self { state, node }
    }

    pub(crate) fn every<M: Send + 'static>(
        pid: &Pid<M>,
        period: Duration,
        message: impl FnMut() -> M + Send + 'static,
    ) -> Self {
        let node = pid.node();
        let period = period.max(Duration::from_millis(1));
        let state = Arc::new(Mutex::new(State::Done));
        let due = node.now().saturating_add(period);
        *state.lock() = State::Ringing;
        let repeat = Repeat { to: pid.clone(), period, due, message, state: Arc::clone(&state) };
        repeat.arm();
        Self { state, node }
    }

    /// Cancels the message: true promises that it will not arrive, false says that it has been sent
    /// (for a repeated one: that it had ended already; its last message may still arrive).
    pub fn cancel(&self) -> bool {
        let state = std::mem::replace(&mut *self.state.lock(), State::Done);
        match state {
            State::Armed(key) => self.node.shared().cancel_alarm(key).is_some(),
            // The message under way arrives; none comes after it.
            State::Ringing => true,
            State::Done => false,
        }
    }

    /// Whether the message is still to come.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        matches!(*self.state.lock(), State::Armed(_))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("armed", &self.is_armed()).finish()
    }
}

struct Repeat<M, F> {
    to: Pid<M>,
    period: Duration,
    due: Timestamp,
    message: F,
    state: Arc<Mutex<State>>,
}

impl<M: Send + 'static, F: FnMut() -> M + Send + 'static> Repeat<M, F> {
    fn arm(self) {
        let node = self.to.node();
        let state = Arc::clone(&self.state);
        let due = self.due;
        let mut armed = state.lock();
        if matches!(*armed, State::Ringing) {
            *armed = State::Armed(node.shared().set_alarm(due, Alarm::Run(Box::new(move || self.ring()))));
        }
    }

    fn ring(mut self) {
        {
            let mut state = self.state.lock();
            if matches!(*state, State::Done) {
                return;
            }
            *state = State::Ringing;
        }
        if !self.to.is_alive() {
            *self.state.lock() = State::Done;
            return;
        }
        let message = (self.message)();
        deliver(&self.to, message);
        // Steps that were missed are left out, so that they never pile up.
        let now = self.to.cell().node().now();
        self.due = self.due.saturating_add(self.period).max(now);
        self.arm();
    }
}

fn deliver<M: Send + 'static>(to: &Pid<M>, message: M) {
    let cell = to.cell();
    if cell.is_gated() && !cell.queue.is_closed() {
        return cell.node().core().post(Parcel::new(to, 0, message));
    }
    match cell.queue.push_place(message, 0) {
        Ok(duty) => carry_out(cell.header(), duty),
        Err(message) => {
            let name = std::any::type_name::<M>();
            let (node, cause) = (cell.node(), DeadLetterCause::NoProc);
            node.record_dead_letter(DeadLetter::new(to.id(), None, name, cause, node.now()));
            drop(message);
        }
    }
}
