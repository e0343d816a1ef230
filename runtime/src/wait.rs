//! What every wait in wharf has in common: it is registered with the actor, it may have a deadline.

use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::cell::header::Wait;
use crate::cell::run::is_waker_of;
use crate::node::{Node, NodeShared};
use std::sync::Arc;

use crate::primitive::Ordering;
use crate::scheduler::Seat;
use crate::scheduler::timers::Alarm;
use crate::time::{Key, Timestamp};

/// Notes what the actor being polled here waits for.
pub(crate) fn note_wait(wait: Wait) {
    Seat::with(|seat| {
        if let Some(seat) = seat {
            seat.note_wait(wait);
        }
    });
}

/// A point in time that ends a wait.
///
/// Polled with the waker of the actor itself, it costs a store: see `scheduler::timers`. With any
/// other waker it sets an alarm, and cancels it when dropped.
#[derive(Debug)]
pub(crate) struct Deadline {
    due: Timestamp,
    alarm: Option<(Key, Waker, Arc<NodeShared>)>,
}

impl Deadline {
    /// `after` from now.
    pub(crate) fn after(node: &NodeShared, after: Duration) -> Self {
        Self { due: node.coarse_now().saturating_add(after), alarm: None }
    }

    /// Ready once the time has come.
    pub(crate) fn poll(&mut self, node: &NodeShared, cx: &Context<'_>) -> Poll<()> {
        Seat::with(|seat| {
            let own = seat
                .filter(|seat| ptr::eq(seat.node(), node))
                .and_then(|seat| Some((seat, seat.current()?)))
                .filter(|(_, cell)| is_waker_of(cx.waker(), cell));
            match own {
                Some((seat, cell)) => {
                    if seat.now() >= self.due {
                        return Poll::Ready(());
                    }
                    // Relaxed: only the cell's runner stores a deadline; see `scheduler::timers`.
                    if self.due.as_nanos() < cell.deadline.load(Ordering::Relaxed) {
                        cell.deadline.store(self.due.as_nanos(), Ordering::Relaxed);
                    }
                    Poll::Pending
                }
                None => self.poll_foreign(node, cx),
            }
        })
    }

    #[cold]
    fn poll_foreign(&mut self, node: &NodeShared, cx: &Context<'_>) -> Poll<()> {
        // On a node that has stopped no alarm rings any more.
        if node.now() >= self.due || node.is_stopped() {
            return Poll::Ready(());
        }
        if self.alarm.as_ref().is_none_or(|(_, waker, _)| !waker.will_wake(cx.waker())) {
            self.cancel();
            let waker = cx.waker().clone();
            let key = node.set_alarm(self.due, Alarm::Waker(waker.clone()));
            self.alarm = Some((key, waker, node.handle().into_shared()));
        }
        Poll::Pending
    }

    fn cancel(&mut self) {
        if let Some((key, _, node)) = self.alarm.take() {
            drop(node.cancel_alarm(key));
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if self.alarm.is_some() {
            self.cancel();
        }
    }
}

/// Waits for `duration`, at a precision of a millisecond, never less.
///
/// Inside an actor or guest it goes by the node's clock, so that tests can turn it forward. It is
/// pending for ever outside of one: use the surrounding runtime's sleep there.
///
/// # Cancel safety
/// Nothing is lost; a new sleep begins anew.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// wharf_runtime::block_on(async {
///     wharf_runtime::sleep(Duration::from_millis(2)).await;
/// });
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { duration, state: None }
}

/// Future of [`sleep`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    duration: Duration,
    state: Option<(Deadline, Node)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        if me.state.is_none() {
            let Some(node) = Node::current() else { return Poll::Pending };
            me.state = Some((Deadline::after(node.shared(), me.duration), node));
        }
        let Some((deadline, node)) = &mut me.state else { return Poll::Pending };
        let polled = deadline.poll(node.shared(), cx);
        if polled.is_pending() {
            note_wait(Wait::Timer);
        }
        polled
    }
}

/// Lets other actors run before this one goes on.
///
/// # Cancel safety
/// Nothing is lost.
pub fn yield_now() -> YieldNow {
    YieldNow(false)
}

/// Future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        note_wait(Wait::Turn);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
