//! Sending: at once, waiting for room, with a deadline, from a thread.

use std::alloc::Layout;
use std::any::type_name;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::ptr::{self, NonNull, null_mut, without_provenance_mut};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::blocking;
use crate::cell::explored::Room;
use crate::cell::header::{Header, Wait};
use crate::cell::parcel::Parcel;
use crate::cell::pid::Pid;
use crate::cell::proxy::Proxy;
use crate::cell::state::Overflow;
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::error::SendError;
use crate::pool;
use crate::queue::{Duty, Enqueued, Fate, Node, Withdrawn};
use crate::scheduler::{Seat, carry_out, schedule_from};
use crate::wait::{Deadline, note_wait};

use super::receive::seat_here;
use super::undelivered::Undelivered;

/// The code under which this thread sends to `cell`, and whether its slice lasts on.
#[inline(always)]
pub(super) fn charge(cell: &Header) -> (u64, bool) {
    Seat::with(|seat| match seat {
        Some(seat) if seat.is_of(cell.node) => (seat.code(), seat.charge()),
        _ => (0, true),
    })
}

/// The code under which this thread sends to `cell`.
pub(super) fn current(cell: &Header) -> u64 {
    Seat::with(|seat| seat.filter(|seat| seat.is_of(cell.node)).map_or(0, Seat::code))
}

impl<M> Pid<M> {
    /// Sends `message`, waiting for room if the mailbox is full.
    ///
    /// `Ok` says that the message was accepted; between live actors of one node it will be handled,
    /// unless its receiver ends first. Only an `ask` says that it *was* handled.
    ///
    /// # Cancel safety
    /// While the future waits, whoever makes room takes the message over, so a dropped future may
    /// have been delivered. [`Send::take_back`] tells; [`Pid::reserve`] is the form for `select!`. One to an
    /// actor of another node whose capacity is 0 may be on its way to be handed over.
    ///
    /// # Errors
    /// The message comes back: [`SendError::Closed`] when the actor has ended, `NodeStopped` when
    /// its node has, `Full` when its overflow policy rejects, or when an actor sends to itself (it
    /// would wait for ever).
    #[inline(always)]
    pub fn send(&self, message: M) -> Send<'_, M> {
        Send(Push::new(self, message))
    }

    /// A send whose message is made of `part` when it is polled first.
    #[doc(hidden)]
    #[inline(always)]
    pub const fn send_part<S>(&self, part: S) -> Send<'_, M, S> {
        Send(Push::new(self, part))
    }

    /// Sends `message` if there is room now.
    ///
    /// # Errors
    /// As for [`Pid::send`], and `Full` when there is none. With capacity zero there is room only
    /// while the receiver waits.
    #[inline(always)]
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        let (sender, _) = charge(self.header());
        self.try_send_as(message, sender)
    }

    #[inline(always)]
    pub(crate) fn try_send_as(&self, message: M, sender: u64) -> Result<(), SendError<M>> {
        if let Some(route) = self.route() {
            return (route.ways.try_send)(self, message, sender);
        }
        let cell = self.cell();
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
    /// it comes back; only one that is to be handed over on another node may be on its way there when the time
    /// is over, [`SendError::Unknown`].
    pub async fn send_timeout(&self, message: M, within: Duration) -> Result<(), SendError<M>> {
        let node = self.header().node();
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
                // The end of a node ends all deadlines.
                Some(message) if node.is_stopped() => Err(self.closed(message)),
                Some(message) => {
                    Err(SendError::Timeout { to: self.id(), message: Undelivered::new(message) })
                }
                // It is on its way to another node, to be handed over there.
                None if Proxy::of(self.header()).is_some() => Err(SendError::Unknown { to: self.id() }),
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

    /// Pushes where the short way failed.
    fn push_slow(&self, message: M, sender: u64) -> Pushed<M> {
        let cell = self.cell();
        if cell.queue.is_closed() {
            return Pushed::Failed(self.closed(message));
        }
        let state = cell.tenancy.state();
        let message = match cell.queue.capacity() {
            crate::queue::Capacity::Zero => match cell.queue.try_push_idle(message, sender) {
                Ok(duty) => {
                    carry_out(cell.header(), duty);
                    return Pushed::Done;
                }
                Err(message) => message,
            },
            _ if state.is_explored() => match self.push_explored(message, sender) {
                Ok(()) => return Pushed::Done,
                Err(message) => message,
            },
            _ => match self.push_to_oneself(message, sender) {
                Ok(()) => return Pushed::Done,
                Err(message) => message,
            },
        };
        match state.overflow() {
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
    pub(super) fn is_self(&self) -> bool {
        Seat::with(|seat| seat.is_some_and(|seat| seat.is_current(self.header())))
    }

    fn push_explored(&self, message: M, sender: u64) -> Result<(), M> {
        let core = self.cell().node().core();
        if !core.has_room(&Room::of(self)) {
            return Err(message);
        }
        core.post(Parcel::new(self, sender, message));
        Ok(())
    }

    fn drop_newest(&self, message: M, sender: u64) {
        let node = self.cell().node();
        let from = crate::cell::state::Code::from_bits(sender);
        let from = (from != crate::cell::state::Code::NONE).then(|| node.actor_id(from));
        let name = type_name::<M>();
        let cause = DeadLetterCause::Overflow;
        node.record_dead_letter(DeadLetter::new(self.id(), from, name, cause, node.now()));
        drop(message);
    }

    fn full(&self, message: M) -> SendError<M> {
        let limit = self.header().queue.capacity().limit().unwrap_or(u32::MAX);
        SendError::Full { to: self.id(), limit, message: Undelivered::new(message) }
    }

    pub(super) fn closed(&self, message: M) -> SendError<M> {
        let message = Undelivered::new(message);
        if self.header().node().is_stopped() {
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

/// The part that a whole was made of, where the whole could not be sent.
#[cold]
pub(super) fn part_of<M: TryInto<S>, S>(whole: M) -> S {
    match whole.try_into() {
        Ok(part) => part,
        Err(_) => {
            panic!("a `{}` does not give back the `{}` it was made of", type_name::<M>(), type_name::<S>())
        }
    }
}

/// Where a waiting send or reservation is: nowhere yet, in something that those who make room know, or
/// done.
///
/// For a mailbox that is a [`Node`] of its messages. It is a pooled allocation of its own, so that a
/// send that finds room costs no more than its message.
pub(crate) struct Waiter(*mut ());

impl Waiter {
    pub(crate) const NEW: Self = Self(null_mut());
    pub(crate) const DONE: Self = Self(without_provenance_mut(1));

    #[inline(always)]
    pub(crate) const fn is_new(&self) -> bool {
        self.0.is_null()
    }

    #[inline(always)]
    fn is_done(&self) -> bool {
        self.0.addr() == 1
    }

    /// What it waits in, if it does.
    pub(crate) fn place(&self) -> Option<NonNull<()>> {
        if self.is_done() { None } else { NonNull::new(self.0) }
    }

    /// It waits in this.
    pub(crate) const fn at(place: NonNull<()>) -> Self {
        Self(place.as_ptr())
    }

    /// It is done; gives what it was.
    pub(crate) const fn finish(&mut self) -> Self {
        std::mem::replace(self, Self::DONE)
    }
}

/// Moves `node` to where it can be linked.
pub(super) fn place<M>(node: Node<M>) -> NonNull<Node<M>> {
    let at = pool::take(Layout::new::<Node<M>>()).cast();
    // SAFETY: the memory is ours and fits.
    unsafe { at.write(node) };
    at
}

/// Gives a node's memory back.
///
/// # Safety
/// It came from `place`, is not linked, and its message has been taken, if it had one.
pub(super) unsafe fn discard<M>(node: NonNull<Node<M>>) {
    // SAFETY: by contract.
    unsafe { ptr::drop_in_place(node.as_ptr()) };
    // SAFETY: by contract; taken with this layout.
    unsafe { pool::give(node.cast(), Layout::new::<Node<M>>()) };
}

/// Future of [`Pid::send`]. `S` is what the message is made of when it is polled first, and what
/// comes back.
#[must_use = "futures do nothing unless awaited"]
pub struct Send<'a, M, S = M>(Push<'a, M, S>);

impl<M: From<S> + TryInto<S>, S> Future for Send<'_, M, S> {
    type Output = Result<(), SendError<S>>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: structurally pinned: never moved, and dropped in place.
        let push = unsafe { self.map_unchecked_mut(|send| &mut send.0) };
        push.poll(cx, |_| {}, |error| error.map(part_of))
    }
}

impl<M: TryInto<S>, S> Send<'_, M, S> {
    /// Gives up: the message, if it has not been accepted; `None` if it has.
    pub fn take_back(self: Pin<&mut Self>) -> Option<S> {
        // SAFETY: nothing is moved but the part, which is not pinned.
        let push = unsafe { &mut self.get_unchecked_mut().0 };
        push.unsent().or_else(|| push.withdraw().map(part_of))
    }
}

/// Other ways for a send that was never polled: one that was is pinned, and has nothing to send.
impl<M: From<S> + TryInto<S>, S> Send<'_, M, S> {
    #[doc(hidden)]
    #[inline(always)]
    pub fn try_send(mut self) -> Result<(), SendError<S>> {
        let Some(part) = self.0.unsent() else { return Ok(()) };
        self.0.pid.try_send(M::from(part)).map_err(|error| error.map(part_of))
    }

    #[doc(hidden)]
    pub fn blocking(mut self) -> Result<(), SendError<S>> {
        let Some(part) = self.0.unsent() else { return Ok(()) };
        self.0.pid.send_blocking(M::from(part)).map_err(|error| error.map(part_of))
    }
}

impl<M, S> std::fmt::Debug for Send<'_, M, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Send").field("pid", self.0.pid).finish_non_exhaustive()
    }
}

/// The wait for room of a message `M` that is made of a part `S` when it is polled first.
pub(super) struct Push<'a, M, S> {
    pid: &'a Pid<M>,
    /// Here while the waiter is new; afterwards in its node, or gone.
    part: MaybeUninit<S>,
    waiter: Waiter,
    _pinned: PhantomPinned,
}

// SAFETY: the waiter's node is this future's own, or shared by the protocol of the waiters' list;
// the message goes to another thread anyway, and what it is made of goes with the future.
unsafe impl<M: std::marker::Send, S: std::marker::Send> std::marker::Send for Push<'_, M, S> {}
// SAFETY: a shared future offers nothing.
unsafe impl<M: std::marker::Send, S: std::marker::Send> Sync for Push<'_, M, S> {}

impl<M: From<S>, S> Push<'_, M, S> {
    /// As a future is polled; `prepare` gets the part before it is sent, `failed` the error.
    #[inline(always)]
    pub(super) fn poll<E>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        prepare: impl FnOnce(&mut S),
        failed: impl FnOnce(SendError<M>) -> E,
    ) -> Poll<Result<(), E>> {
        // SAFETY: nothing in it is address-sensitive: the node has an address of its own.
        let me = unsafe { self.get_unchecked_mut() };
        // One place takes what the long ways come to, so that the short one carries none of it.
        let long = 'long: {
            if !me.waiter.is_new() {
                break 'long me.pid.poll_send(&mut me.waiter, cx);
            }
            let cell = me.pid.header();
            // SAFETY: used for the length of this poll.
            let seat = match unsafe { seat_here() } {
                Some(seat) if seat.is_of(cell.node) && me.pid.route().is_none() => seat,
                _ => break 'long me.begin_elsewhere(cx, prepare),
            };
            if !seat.charge() {
                give_way(cx);
                return Poll::Pending;
            }
            let message = me.message(prepare);
            let Some(claimed) = me.pid.cell().queue.claim_shortly() else {
                break 'long me.pid.begin_send(message, seat.code(), &mut me.waiter, cx);
            };
            let duty = claimed.fill(message, seat.code());
            if duty == Duty::Schedule {
                // SAFETY: the duty is the token.
                unsafe { schedule_from(Some(seat), NonNull::from(cell)) };
            }
            return Poll::Ready(Ok(()));
        };
        polled(long, failed)
    }

    /// Makes the message, of a push that is new; it is done from here on.
    #[inline(always)]
    fn message(&mut self, prepare: impl FnOnce(&mut S)) -> M {
        debug_assert!(self.waiter.is_new());
        // SAFETY: new, so the part is here.
        prepare(unsafe { self.part.assume_init_mut() });
        // Foreign code makes the message of the part, and may panic.
        self.waiter = Waiter::DONE;
        // SAFETY: it was new, so the part is here; it is done, so nobody looks for it again.
        M::from(unsafe { self.part.assume_init_read() })
    }

    /// Begins a send that is not from an actor to the mailbox of one of its node.
    #[cold]
    #[inline(never)]
    fn begin_elsewhere(&mut self, cx: &mut Context<'_>, prepare: impl FnOnce(&mut S)) -> Long<M> {
        let (sender, lasts) = charge(self.pid.header());
        if !lasts {
            give_way(cx);
            return Poll::Pending;
        }
        let message = self.message(prepare);
        self.pid.begin_send(message, sender, &mut self.waiter, cx)
    }
}

/// Not in line: what the short way has no use for would be moved about on it.
#[cold]
#[inline(never)]
fn polled<M, E>(long: Long<M>, failed: impl FnOnce(SendError<M>) -> E) -> Poll<Result<(), E>> {
    match long {
        Poll::Pending => Poll::Pending,
        Poll::Ready(None) => Poll::Ready(Ok(())),
        Poll::Ready(Some(error)) => Poll::Ready(Err(failed(*error))),
    }
}

#[cold]
#[inline(never)]
pub(super) fn give_way(cx: &Context<'_>) {
    note_wait(Wait::Turn);
    cx.waker().wake_by_ref();
}

/// What a poll came to where it was not short. A pointer, so that the short way, which nearly all
/// sends take, has no error to carry about.
pub(super) type Long<M> = Poll<Option<Box<SendError<M>>>>;

impl<'a, M, S> Push<'a, M, S> {
    #[inline(always)]
    pub(super) const fn new(pid: &'a Pid<M>, part: S) -> Self {
        Self { pid, part: MaybeUninit::new(part), waiter: Waiter::NEW, _pinned: PhantomPinned }
    }

    pub(super) const fn pid(&self) -> &'a Pid<M> {
        self.pid
    }

    /// The part, if nothing was sent yet; nothing will be.
    #[inline(always)]
    pub(super) fn unsent(&mut self) -> Option<S> {
        if !self.waiter.is_new() {
            return None;
        }
        self.waiter = Waiter::DONE;
        // SAFETY: it was new, so the part is here, and now it is taken.
        Some(unsafe { self.part.assume_init_read() })
    }

    /// Ends the wait: the message, if it was not accepted.
    #[cold]
    #[inline(never)]
    fn withdraw(&mut self) -> Option<M> {
        let waiter = self.waiter.finish();
        self.pid.withdraw_send(waiter)
    }

    /// Ends the wait, as `withdraw` does, and drops the message here, off the short way.
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        drop(self.unsent());
        drop(self.withdraw());
    }
}

impl<M> Pid<M> {
    /// Sends `message`, or begins to wait with it; `waiter` is done so far.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_send(
        &self,
        message: M,
        sender: u64,
        waiter: &mut Waiter,
        cx: &mut Context<'_>,
    ) -> Long<M> {
        if let Some(route) = self.route() {
            return (route.ways.send)(self, message, sender, waiter, cx);
        }
        let cell = self.cell();
        match cell.queue.push_longer(message, sender) {
            Ok(duty) => {
                carry_out(cell.header(), duty);
                Poll::Ready(None)
            }
            Err(message) => self.wait_to_send(message, sender, waiter, cx),
        }
    }

    /// Waits with a message that found no room; `waiter` is done so far. Only without a route.
    #[cold]
    #[inline(never)]
    fn wait_to_send(&self, mut message: M, sender: u64, waiter: &mut Waiter, cx: &Context<'_>) -> Long<M> {
        let cell = self.cell();
        loop {
            message = match self.push_slow(message, sender) {
                Pushed::Done => return Poll::Ready(None),
                Pushed::Failed(error) => return Poll::Ready(Some(Box::new(error))),
                Pushed::NoRoom(message) => message,
            };
            if self.is_self() {
                return Poll::Ready(Some(Box::new(self.full(message))));
            }
            let node = place(Node::with_message(message, sender));
            // SAFETY: not linked; it stays where it is until it is served or withdrawn.
            match unsafe { cell.queue.enqueue(node, cx.waker()) } {
                Enqueued::Waiting => {
                    *waiter = Waiter::at(node.cast());
                    note_wait(Wait::Permit);
                    return Poll::Pending;
                }
                Enqueued::Room | Enqueued::Closed => {}
            }
            // SAFETY: not linked, so the message is ours, and it is there.
            message = unsafe { node.as_ref().take_message() };
            // SAFETY: not linked, and its message was taken.
            unsafe { discard(node) };
            message = match cell.queue.try_push(message, sender) {
                Ok(duty) => {
                    carry_out(cell.header(), duty);
                    return Poll::Ready(None);
                }
                Err(message) => message,
            };
        }
    }

    /// Goes on waiting with the message that `waiter` holds; sent, when it is done.
    #[cold]
    #[inline(never)]
    pub(super) fn poll_send(&self, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<M> {
        if let Some(route) = self.route() {
            return (route.ways.poll_send)(self, waiter, cx);
        }
        let Some(node) = waiter.place().map(NonNull::cast::<Node<M>>) else { return Poll::Ready(None) };
        // SAFETY: enqueued in an earlier poll.
        match unsafe { self.cell().queue.refresh(node, cx.waker()) } {
            Fate::Waiting => {
                note_wait(Wait::Permit);
                Poll::Pending
            }
            Fate::Closed => {
                *waiter = Waiter::DONE;
                // SAFETY: unlinked, with the message left to its owner.
                let message = unsafe { node.as_ref().take_message() };
                // SAFETY: unlinked, and its message was taken.
                unsafe { discard(node) };
                Poll::Ready(Some(Box::new(self.closed(message))))
            }
            Fate::Sent | Fate::Granted => {
                *waiter = Waiter::DONE;
                // SAFETY: unlinked, and its message was taken over.
                unsafe { discard(node) };
                Poll::Ready(None)
            }
        }
    }

    /// Ends the wait of a send: the message, unless it has gone.
    pub(super) fn withdraw_send(&self, waiter: Waiter) -> Option<M> {
        if let Some(route) = self.route() {
            return (route.ways.take_back)(self, waiter);
        }
        let node = waiter.place()?.cast::<Node<M>>();
        let cell = self.cell();
        // SAFETY: enqueued by an earlier poll.
        let message = match unsafe { cell.queue.withdraw(node) } {
            // SAFETY: unlinked, so the message is ours again.
            Withdrawn::Ours => Some(unsafe { node.as_ref().take_message() }),
            Withdrawn::Sent => None,
            Withdrawn::GaveOn(duty) => {
                carry_out(cell.header(), duty);
                None
            }
        };
        // SAFETY: unlinked, and its message was taken.
        unsafe { discard(node) };
        message
    }
}

impl<M, S> Drop for Push<'_, M, S> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.waiter.is_done() {
            self.give_up();
        }
    }
}
