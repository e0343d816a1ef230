//! Messages that an actor sends to itself later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::pid::Pid;
use crate::mailbox::due::{Due, Slot};
use crate::scheduler::timers::Alarm;
use crate::time::Timestamp;

/// A message on its way to its actor. Dropping the timer does not cancel it.
///
/// It ends with its actor: it never reaches another incarnation. The message takes no credit and
/// waits for no room. It has its place among the actor's messages from when the timer rings.
pub struct Timer(Arc<dyn Due>);

impl Timer {
    pub(crate) fn once<M: Send + 'static>(pid: &Pid<M>, delay: Duration, message: M) -> Self {
        let node = pid.cell().node();
        let due = node.now().saturating_add(delay);
        Self(Slot::new(pid.clone(), Some(message), |slot| {
            let slot = Arc::clone(slot);
            node.set_alarm(due, Alarm::Run(Box::new(move || slot.ring())))
        }))
    }

    pub(crate) fn every<M: Send + 'static>(
        pid: &Pid<M>,
        period: Duration,
        message: impl FnMut() -> M + Send + 'static,
    ) -> Self {
        let node = pid.cell().node();
        let period = period.max(Duration::from_millis(1));
        let due = node.now().saturating_add(period);
        Self(Slot::new(pid.clone(), None, |slot| {
            let repeat = Repeat { slot: Arc::clone(slot), period, due, message };
            node.set_alarm(due, Alarm::Run(Box::new(move || repeat.ring())))
        }))
    }

    /// Cancels what has not been handled: the alarm, and a message that it brought already. From
    /// now on no message of this timer is handled.
    ///
    /// False says that there was nothing left to cancel: the message has been handled, or a
    /// repeated timer had ended.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Whether it has not rung yet, or will ring again.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.0.is_armed()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("armed", &self.is_armed()).finish()
    }
}

struct Repeat<M, F> {
    slot: Arc<Slot<M>>,
    period: Duration,
    due: Timestamp,
    message: F,
}

impl<M: Send + 'static, F: FnMut() -> M + Send + 'static> Repeat<M, F> {
    fn ring(mut self) {
        if !self.slot.begin_ringing() {
            return;
        }
        let message = (self.message)();
        self.slot.bring(message);
        // Steps that were missed are left out, so that they never pile up.
        let now = self.slot.to().cell().node().now();
        self.due = self.due.saturating_add(self.period).max(now);
        let slot = Arc::clone(&self.slot);
        let due = self.due;
        let node = slot.to().cell().node();
        slot.set_again(|| node.set_alarm(due, Alarm::Run(Box::new(move || self.ring()))));
    }
}
