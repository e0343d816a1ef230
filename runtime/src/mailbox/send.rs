//! Sending: at once, waiting for room, with a deadline, from a thread, in batches, by reservation.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::blocking;
use crate::cell::parcel::Parcel;
use crate::cell::header::{ActorCell, Overflow, Wait};
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::error::SendError;
use crate::cell::pid::Pid;
use crate::queue::{Batch, Duty, Enqueued, Fate, Node, Withdrawn};
use crate::scheduler::{Seat, carry_out};
use crate::wait::{Deadline, note_wait};

use super::undelivered::Undelivered;

/// The code under which this thread sends to `cell`, and whether its slice lasts on.
#[inline(always)]
fn charge<M>(cell: &ActorCell<M>) -> (u64, bool) {
    Seat::with(|seat| match seat {
        Some(seat) if seat.is_of(cell.node) => (seat.code(), seat.charge()),
        _ => (0, true),
    })
}

impl<M> Pid<M> {
    /// Sends `message`, waiting for room if the mailbox is full.
    ///
    /// `Ok` says that the message was accepted; between live actors of one node it will be handled,
    /// unless its receiver ends first. Only an `ask` says that it *was* handled.
    ///
    /// # Cancel safety
    /// While the future waits, whoever makes room takes the message over, so a dropped future may
    /// have been delivered. [`Send::take_back`] tells; [`Pid::reserve`] is the form for `select!`.
    ///
    /// # Errors
    /// The message comes back: [`SendError::Closed`] when the actor has ended, `NodeStopped` when
    /// its node has, `Full` when its overflow policy rejects, or when an actor sends to itself (it
    /// would wait for ever).
    #[inline(always)]
    pub fn send(&self, message: M) -> Send<'_, M> {
        Send { pid: self, node: Node::with_message(message, 0), state: State::New }
    }

    /// Sends `message` if there is room now.
    ///
    /// # Errors
    /// As for [`Pid::send`], and `Full` when there is none. With capacity zero there is room only
    /// while the receiver waits.
    #[inline(always)]
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        let cell = self.cell();
        let (sender, _) = charge(cell);
        match cell.queue.try_push(message, sender) {
            Ok(duty) => {
                carry_out(cell.header(), duty);
                Ok(())
            }
            Err(message) => self.try_send_slow(message, sender),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_send_slow(&self, message: M, sender: u64) -> Result<(), SendError<M>> {
        match self.push_slow(message, sender) {
            Pushed::Done => Ok(()),
            Pushed::Failed(error) => Err(error),
            Pushed::NoRoom(message) => Err(self.full(message)),
        }
    }

    /// Sends `message`, waiting for room for at most `within`.
    ///
    /// # Cancel safety
    /// As for [`Pid::send`].
    ///
    /// # Errors
    /// As for [`Pid::send`], and [`SendError::Timeout`]. Exact: either the message was accepted, or
    /// it comes back.
    pub async fn send_timeout(&self, message: M, within: Duration) -> Result<(), SendError<M>> {
        let node = self.cell().node();
        let mut deadline: Option<Deadline> = None;
        let mut send = pin!(self.send(message));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = send.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let deadline = deadline.get_or_insert_with(|| Deadline::after(node, within));
            if deadline.poll(node, cx).is_pending() {
                return Poll::Pending;
            }
            Poll::Ready(match send.as_mut().take_back() {
                Some(message) => {
                    Err(SendError::Timeout { to: self.id(), message: Undelivered::new(message) })
                }
                None => Ok(()),
            })
        })
        .await
    }

    /// Sends `message`, blocking the thread while the mailbox is full. For plain threads: an actor
    /// that calls it never blocks, but gets `Full`.
    ///
    /// # Errors
    /// As for [`Pid::send`].
    pub fn send_blocking(&self, message: M) -> Result<(), SendError<M>> {
        if Seat::with(|seat| seat.is_some_and(|seat| seat.worker().is_some())) {
            return self.try_send(message);
        }
        blocking::wait(self.send(message))
    }

    /// Sends all that `messages` yields, in order, with one compare-exchange for each run of free
    /// slots, and waiting for room in between.
    ///
    /// # Cancel safety
    /// What was accepted stays accepted; the rest is dropped with the future.
    ///
    /// # Errors
    /// As for [`Pid::send`], with the message that could not be sent and all after it.
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendError<Vec<M>>>
    where
        I: IntoIterator<Item = M>,
        I::IntoIter: ExactSizeIterator,
    {
        let mut batch = Batch::new(messages.into_iter());
        loop {
            let cell = self.cell();
            let (sender, _) = charge(cell);
            carry_out(cell.header(), cell.queue.try_push_batch(&mut batch, sender));
            let Some(message) = batch.next() else { return Ok(()) };
            if let Err(error) = self.send(message).await {
                return Err(error.map(|message| {
                    let mut rest = vec![message];
                    rest.extend(std::iter::from_fn(|| batch.next()));
                    rest
                }));
            }
        }
    }

    /// Waits for room and keeps it: the permit then sends without waiting.
    ///
    /// # Cancel safety
    /// Nothing is lost: a permit that was granted to a dropped future is given on.
    ///
    /// # Errors
    /// As for [`Pid::send`]. With capacity zero there is no room to keep: `Full`.
    pub fn reserve(&self) -> Reserve<'_, M> {
        Reserve { pid: self, node: Node::for_credit(), state: State::New }
    }

    /// Pushes where the short way failed.
    fn push_slow(&self, message: M, sender: u64) -> Pushed<M> {
        let cell = self.cell();
        if cell.queue.is_closed() {
            return Pushed::Failed(self.closed(message));
        }
        let state = cell.tenancy.state();
        if state.is_explored() {
            return self.push_explored(message, sender);
        }
        let message = match cell.queue.capacity() {
            crate::queue::Capacity::Zero => match cell.queue.try_push_idle(message, sender) {
                Ok(duty) => {
                    carry_out(cell.header(), duty);
                    return Pushed::Done;
                }
                Err(message) => message,
            },
            _ => match self.push_to_oneself(message, sender) {
                Ok(()) => return Pushed::Done,
                Err(message) => message,
            },
        };
        match cell.overflow {
            Overflow::Wait => Pushed::NoRoom(message),
            Overflow::Reject => Pushed::Failed(self.full(message)),
            Overflow::DropNewest => {
                self.drop_newest(message, sender);
                Pushed::Done
            }
        }
    }

    /// An actor that sends to itself may hold the credits that it misses.
    fn push_to_oneself(&self, message: M, sender: u64) -> Result<(), M> {
        let cell = self.cell();
        if !self.is_self() {
            return Err(message);
        }
        // SAFETY: it is this actor's turn on this thread, which holds the token.
        unsafe { cell.queue.settle() };
        let duty = cell.queue.try_push(message, sender)?;
        carry_out(cell.header(), duty);
        Ok(())
    }

    /// Whether this actor is the one being polled here.
    fn is_self(&self) -> bool {
        Seat::with(|seat| seat.is_some_and(|seat| seat.is_current(self.cell().header())))
    }

    fn push_explored(&self, message: M, sender: u64) -> Pushed<M> {
        let core = self.cell().node().core();
        if !core.has_room(&self.any()) {
            return Pushed::NoRoom(message);
        }
        core.post(Parcel::new(self, sender, message));
        Pushed::Done
    }

    fn drop_newest(&self, message: M, sender: u64) {
        let node = self.cell().node();
        let from = crate::cell::state::Code::from_bits(sender);
        let from = (from != crate::cell::state::Code::NONE).then(|| node.actor_id(from));
        let name = std::any::type_name::<M>();
        node.record_dead_letter(&DeadLetter::new(self.id(), from, name, DeadLetterCause::Overflow));
        drop(message);
    }

    fn full(&self, message: M) -> SendError<M> {
        let limit = self.cell().queue.capacity().limit().unwrap_or(u32::MAX);
        SendError::Full { to: self.id(), limit, message: Undelivered::new(message) }
    }

    fn closed(&self, message: M) -> SendError<M> {
        let message = Undelivered::new(message);
        if self.cell().node().is_stopped() {
            SendError::NodeStopped { to: self.id(), message }
        } else {
            SendError::Closed { to: self.id(), message }
        }
    }
}

enum Pushed<M> {
    Done,
    Failed(SendError<M>),
    NoRoom(M),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Not polled yet: the message is in the node.
    New,
    /// Linked in the waiters, or served since.
    Waiting,
    /// Over: the node is empty.
    Done,
}

/// Future of [`Pid::send`].
#[must_use = "futures do nothing unless awaited"]
pub struct Send<'a, M> {
    pid: &'a Pid<M>,
    node: Node<M>,
    state: State,
}

impl<M> Future for Send<'_, M> {
    type Output = Result<(), SendError<M>>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the node is never moved out of.
        let me = unsafe { self.get_unchecked_mut() };
        if me.state == State::New {
            let cell = me.pid.cell();
            let (sender, lasts) = charge(cell);
            if !lasts {
                give_way(cx);
                return Poll::Pending;
            }
            // SAFETY: not linked yet, so the message is ours, and it is there.
            match cell.queue.try_push(unsafe { me.node.take_message() }, sender) {
                Ok(duty) => {
                    me.state = State::Done;
                    carry_out(cell.header(), duty);
                    return Poll::Ready(Ok(()));
                }
                // SAFETY: taken just now, so the place is empty.
                Err(message) => unsafe { me.node.put_message(message) },
            }
            me.node.set_sender(sender);
        }
        me.poll_slow(cx)
    }
}

#[cold]
#[inline(never)]
fn give_way(cx: &Context<'_>) {
    note_wait(Wait::Turn);
    cx.waker().wake_by_ref();
}

impl<M> Send<'_, M> {
    #[cold]
    #[inline(never)]
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<M>>> {
        let cell = self.pid.cell();
        let node = NonNull::from(&self.node);
        while self.state == State::New {
            // SAFETY: not linked, so the message is ours, and it is there.
            let message = unsafe { self.node.take_message() };
            match self.pid.push_slow(message, self.node.sender()) {
                Pushed::Done => {
                    self.state = State::Done;
                    return Poll::Ready(Ok(()));
                }
                Pushed::Failed(error) => {
                    self.state = State::Done;
                    return Poll::Ready(Err(error));
                }
                Pushed::NoRoom(message) if self.pid.is_self() => {
                    self.state = State::Done;
                    return Poll::Ready(Err(self.pid.full(message)));
                }
                // SAFETY: taken just now, so the place is empty.
                Pushed::NoRoom(message) => unsafe { self.node.put_message(message) },
            }
            // SAFETY: not linked; pinned here, and withdrawn when dropped.
            match unsafe { cell.queue.enqueue(node, cx.waker()) } {
                Enqueued::Waiting => self.state = State::Waiting,
                Enqueued::Room => self.retry(),
                Enqueued::Closed => {}
            }
        }
        if self.state == State::Done {
            return Poll::Ready(Ok(()));
        }
        // SAFETY: enqueued above or in an earlier poll.
        match unsafe { cell.queue.refresh(node, cx.waker()) } {
            Fate::Waiting => {
                note_wait(Wait::Permit);
                Poll::Pending
            }
            Fate::Closed => {
                self.state = State::Done;
                // SAFETY: unlinked, with the message left to its owner.
                Poll::Ready(Err(self.pid.closed(unsafe { self.node.take_message() })))
            }
            Fate::Sent | Fate::Granted => {
                self.state = State::Done;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// There is room after all: the short way again.
    fn retry(&mut self) {
        let cell = self.pid.cell();
        // SAFETY: not linked, so the message is ours, and it is there.
        match cell.queue.try_push(unsafe { self.node.take_message() }, self.node.sender()) {
            Ok(duty) => {
                self.state = State::Done;
                carry_out(cell.header(), duty);
            }
            // SAFETY: taken just now, so the place is empty.
            Err(message) => unsafe { self.node.put_message(message) },
        }
    }

    /// Gives up: the message, if it has not been accepted; `None` if it has.
    pub fn take_back(self: Pin<&mut Self>) -> Option<M> {
        // SAFETY: the node is not moved; only its message is.
        let me = unsafe { self.get_unchecked_mut() };
        if !me.withdraw() {
            return None;
        }
        // SAFETY: the message is ours again.
        Some(unsafe { me.node.take_message() })
    }

    /// Ends the wait; true when the message is in the node, for the caller to take.
    fn withdraw(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New => true,
            State::Done => false,
            State::Waiting => {
                let cell = self.pid.cell();
                // SAFETY: enqueued by an earlier poll.
                match unsafe { cell.queue.withdraw(NonNull::from(&self.node)) } {
                    Withdrawn::Ours => true,
                    Withdrawn::Sent => false,
                    Withdrawn::GaveOn(duty) => {
                        carry_out(cell.header(), duty);
                        false
                    }
                }
            }
        }
    }
}

impl<M> Drop for Send<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.state != State::Done && self.withdraw() {
            // SAFETY: the message is ours, and nobody will take it otherwise.
            drop(unsafe { self.node.take_message() });
        }
    }
}

impl<M> std::fmt::Debug for Send<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Send").field("pid", self.pid).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Future of [`Pid::reserve`].
#[must_use = "futures do nothing unless awaited"]
pub struct Reserve<'a, M> {
    pid: &'a Pid<M>,
    node: Node<M>,
    state: State,
}

impl<'a, M> Future for Reserve<'a, M> {
    type Output = Result<Permit<'a, M>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the node is never moved out of.
        let me = unsafe { self.get_unchecked_mut() };
        let cell = me.pid.cell();
        let node = NonNull::from(&me.node);
        while me.state == State::New {
            if let Some(result) = me.pid.try_reserve_slow() {
                me.state = State::Done;
                return Poll::Ready(result);
            }
            // SAFETY: not linked; pinned here, and withdrawn when dropped.
            match unsafe { cell.queue.enqueue(node, cx.waker()) } {
                Enqueued::Waiting => me.state = State::Waiting,
                Enqueued::Room | Enqueued::Closed => {}
            }
        }
        // SAFETY: enqueued above or in an earlier poll.
        match unsafe { cell.queue.refresh(node, cx.waker()) } {
            Fate::Waiting => {
                note_wait(Wait::Permit);
                Poll::Pending
            }
            Fate::Granted | Fate::Sent => {
                me.state = State::Done;
                Poll::Ready(Ok(Permit { pid: me.pid }))
            }
            Fate::Closed => {
                me.state = State::Done;
                Poll::Ready(Err(me.pid.closed_for_all()))
            }
        }
    }
}

impl<M> Drop for Reserve<'_, M> {
    fn drop(&mut self) {
        if std::mem::replace(&mut self.state, State::Done) != State::Waiting {
            return;
        }
        let cell = self.pid.cell();
        // SAFETY: enqueued by an earlier poll.
        if let Withdrawn::GaveOn(duty) = unsafe { cell.queue.withdraw(NonNull::from(&self.node)) } {
            carry_out(cell.header(), duty);
        }
    }
}

impl<M> std::fmt::Debug for Reserve<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reserve").field("pid", self.pid).finish_non_exhaustive()
    }
}

impl<M> Pid<M> {
    /// A permit, if there is room now.
    ///
    /// # Errors
    /// As for [`Pid::reserve`], and `Full`.
    pub fn try_reserve(&self) -> Result<Permit<'_, M>, SendError<()>> {
        self.try_reserve_slow().unwrap_or_else(|| Err(self.full_for_all()))
    }

    /// `None`: wait.
    fn try_reserve_slow(&self) -> Option<Result<Permit<'_, M>, SendError<()>>> {
        let cell = self.cell();
        if cell.queue.is_closed() {
            return Some(Err(self.closed_for_all()));
        }
        if cell.queue.capacity() == crate::queue::Capacity::Zero {
            return Some(Err(self.full_for_all()));
        }
        let explored = cell.tenancy.state().is_explored();
        if explored || cell.queue.try_reserve() {
            return Some(Ok(Permit { pid: self }));
        }
        if self.is_self() {
            // SAFETY: it is this actor's turn on this thread, which holds the token.
            unsafe { cell.queue.settle() };
            let reserved = cell.queue.try_reserve();
            return Some(if reserved { Ok(Permit { pid: self }) } else { Err(self.full_for_all()) });
        }
        (cell.overflow != Overflow::Wait).then(|| Err(self.full_for_all()))
    }

    fn full_for_all(&self) -> SendError<()> {
        let limit = self.cell().queue.capacity().limit().unwrap_or(u32::MAX);
        SendError::Full { to: self.id(), limit, message: Undelivered::new(()) }
    }

    fn closed_for_all(&self) -> SendError<()> {
        let message = Undelivered::new(());
        if self.cell().node().is_stopped() {
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
        let cell = pid.cell();
        if cell.tenancy.state().is_explored() {
            return pid.try_send(message);
        }
        let (sender, _) = charge(cell);
        match cell.queue.push_reserved(message, sender) {
            Ok(duty) => {
                carry_out(cell.header(), duty);
                Ok(())
            }
            Err(message) => Err(pid.closed(message)),
        }
    }
}

impl<M> Drop for Permit<'_, M> {
    fn drop(&mut self) {
        let cell = self.pid.cell();
        if !cell.tenancy.state().is_explored() {
            let duty: Duty = cell.queue.unreserve();
            carry_out(cell.header(), duty);
        }
    }
}

impl<M> std::fmt::Debug for Permit<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("pid", self.pid).finish()
    }
}
