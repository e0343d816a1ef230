//! Room that is kept for a message: waiting for it, using it, giving it on.

use std::future::Future;
use std::marker::PhantomPinned;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crate::cell::explored::Room;
use crate::cell::header::Wait;
use crate::cell::parcel::Parcel;
use crate::cell::pid::Pid;
use crate::cell::state::Overflow;
use crate::error::SendError;
use crate::queue::{Duty, Enqueued, Fate, Node, Withdrawn};
use crate::scheduler::carry_out;
use crate::wait::note_wait;

use super::send::{Waiter, charge, discard, place};
use super::undelivered::Undelivered;

/// Future of [`Pid::reserve`].
#[must_use = "futures do nothing unless awaited"]
pub struct Reserve<'a, M> {
    pid: &'a Pid<M>,
    waiter: Waiter,
    _pinned: PhantomPinned,
}

// SAFETY: as for `Send`; a reservation's node has no message.
unsafe impl<M: Send> Send for Reserve<'_, M> {}
// SAFETY: a shared future offers nothing.
unsafe impl<M: Send> Sync for Reserve<'_, M> {}

impl<'a, M> Future for Reserve<'a, M> {
    type Output = Result<Permit<'a, M>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing in it is address-sensitive: the node has an address of its own.
        let me = unsafe { self.get_unchecked_mut() };
        me.pid.poll_keep(&mut me.waiter, cx).map_ok(|()| Permit { pid: me.pid })
    }
}

impl<M> Drop for Reserve<'_, M> {
    fn drop(&mut self) {
        self.pid.withdraw_keep(self.waiter.finish());
    }
}

impl<M> std::fmt::Debug for Reserve<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reserve").field("pid", self.pid).finish_non_exhaustive()
    }
}

impl<M> Pid<M> {
    /// Waits for room and keeps it: the permit then sends without waiting.
    ///
    /// # Cancel safety
    /// Nothing is lost: a permit that was granted to a dropped future is given on.
    ///
    /// # Errors
    /// As for [`Pid::send`]. With capacity zero there is no room to keep: `Full`.
    pub fn reserve(&self) -> Reserve<'_, M> {
        Reserve { pid: self, waiter: Waiter::NEW, _pinned: PhantomPinned }
    }

    /// A permit, if there is room now.
    ///
    /// # Errors
    /// As for [`Pid::reserve`], and `Full`.
    pub fn try_reserve(&self) -> Result<Permit<'_, M>, SendError<()>> {
        self.try_keep().map(|()| Permit { pid: self })
    }

    /// Keeps room, if there is some.
    pub(crate) fn try_keep(&self) -> Result<(), SendError<()>> {
        match self.route() {
            Some(route) => (route.ways.try_reserve)(self),
            None => self.try_keep_slow().unwrap_or_else(|| Err(self.full_for_all())),
        }
    }

    /// Waits until room is kept.
    pub(super) fn poll_keep(
        &self,
        waiter: &mut Waiter,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<()>>> {
        if let Some(route) = self.route() {
            return (route.ways.poll_reserve)(self, waiter, cx);
        }
        let queue = &self.cell().queue;
        while waiter.is_new() {
            if let Some(result) = self.try_keep_slow() {
                *waiter = Waiter::DONE;
                return Poll::Ready(result);
            }
            let node = place(Node::for_credit());
            // SAFETY: not linked; it stays where it is until it is served or withdrawn.
            match unsafe { queue.enqueue(node, cx.waker()) } {
                Enqueued::Waiting => *waiter = Waiter::at(node.cast()),
                // SAFETY: not linked, and it has no message.
                Enqueued::Room | Enqueued::Closed => unsafe { discard(node) },
            }
        }
        let Some(node) = waiter.place().map(NonNull::cast::<Node<M>>) else { return Poll::Pending };
        // SAFETY: enqueued above or in an earlier poll.
        let fate = unsafe { queue.refresh(node, cx.waker()) };
        if fate == Fate::Waiting {
            note_wait(Wait::Permit);
            return Poll::Pending;
        }
        *waiter = Waiter::DONE;
        // SAFETY: unlinked, and it has no message.
        unsafe { discard(node) };
        Poll::Ready(match fate {
            Fate::Closed => Err(self.closed_for_all()),
            _ => Ok(()),
        })
    }

    /// Ends the wait for room, and gives on what was kept meanwhile.
    pub(super) fn withdraw_keep(&self, waiter: Waiter) {
        let Some(place) = waiter.place() else { return };
        if let Some(route) = self.route() {
            return (route.ways.give_up)(self, waiter);
        }
        let (node, cell) = (place.cast::<Node<M>>(), self.cell());
        // SAFETY: enqueued by an earlier poll.
        if let Withdrawn::GaveOn(duty) = unsafe { cell.queue.withdraw(node) } {
            if cell.tenancy.state().is_explored() {
                cell.node().core().unreserve(&self.any());
            }
            carry_out(cell.header(), duty);
        }
        // SAFETY: unlinked, and it has no message.
        unsafe { discard(node) };
    }

    /// `None`: wait.
    fn try_keep_slow(&self) -> Option<Result<(), SendError<()>>> {
        let cell = self.cell();
        if cell.queue.is_closed() {
            return Some(Err(self.closed_for_all()));
        }
        if cell.queue.capacity() == crate::queue::Capacity::Zero {
            return Some(Err(self.full_for_all()));
        }
        let explored = cell.tenancy.state().is_explored();
        let kept =
            if explored { cell.node().core().reserve(&Room::of(self)) } else { cell.queue.try_reserve() };
        if kept {
            return Some(Ok(()));
        }
        if self.is_self() {
            // SAFETY: it is this actor's turn on this thread, which holds the token.
            unsafe { cell.queue.settle() };
            let reserved = cell.queue.try_reserve();
            return Some(if reserved { Ok(()) } else { Err(self.full_for_all()) });
        }
        (cell.tenancy.state().overflow() != Overflow::Wait).then(|| Err(self.full_for_all()))
    }

    /// Sends on room that is kept.
    pub(crate) fn send_kept(&self, message: M, sender: u64) -> Result<(), SendError<M>> {
        if let Some(route) = self.route() {
            return (route.ways.send_reserved)(self, message, sender);
        }
        let cell = self.cell();
        if cell.tenancy.state().is_explored() {
            let core = cell.node().core();
            core.unreserve(&self.any());
            if cell.queue.is_closed() {
                return Err(self.closed(message));
            }
            core.post(Parcel::new(self, sender, message));
            return Ok(());
        }
        match cell.queue.push_reserved(message, sender) {
            Ok(duty) => {
                carry_out(cell.header(), duty);
                Ok(())
            }
            Err(message) => Err(self.closed(message)),
        }
    }

    /// Gives room on that is kept.
    pub(crate) fn give_kept(&self) {
        if let Some(route) = self.route() {
            return (route.ways.unreserve)(self);
        }
        let cell = self.cell();
        if cell.tenancy.state().is_explored() {
            cell.node().core().unreserve(&self.any());
        } else {
            let duty: Duty = cell.queue.unreserve();
            carry_out(cell.header(), duty);
        }
    }

    fn full_for_all(&self) -> SendError<()> {
        let limit = self.header().queue.capacity().limit().unwrap_or(u32::MAX);
        SendError::Full { to: self.id(), limit, message: Undelivered::new(()) }
    }

    fn closed_for_all(&self) -> SendError<()> {
        let message = Undelivered::new(());
        if self.header().node().is_stopped() {
            SendError::NodeStopped { to: self.id(), message }
        } else {
            SendError::Closed { to: self.id(), message }
        }
    }
}

/// Room for one message. Dropping it gives the room on.
#[must_use = "the room is given on when the permit is dropped"]
pub struct Permit<'a, M> {
    pid: &'a Pid<M>,
}

impl<M> Permit<'_, M> {
    /// Sends without waiting.
    ///
    /// # Errors
    /// [`SendError::Closed`] or `NodeStopped` when the actor has ended meanwhile.
    pub fn send(self, message: M) -> Result<(), SendError<M>> {
        let pid = ManuallyDrop::new(self).pid;
        let (sender, _) = charge(pid.header());
        pid.send_kept(message, sender)
    }
}

impl<M> Drop for Permit<'_, M> {
    fn drop(&mut self) {
        self.pid.give_kept();
    }
}

impl<M> std::fmt::Debug for Permit<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("pid", self.pid).finish()
    }
}
