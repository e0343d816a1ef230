//! Sending to actors of other nodes: keep room there, encode, go.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crate::cell::header::Wait;
use crate::cell::pid::{AnyPid, Pid};
use crate::cell::proxy::Proxy;
use crate::cell::state::Code;
use crate::error::SendError;
use crate::remote::{Encode, Pair, Refusal, Remote, Ticket};
use crate::wait::note_wait;

use super::route::{Route, Way, Ways};
use super::send::{Long, Waiter};
use super::undelivered::Undelivered;

/// Messages of type `M`, encoded by `E`.
struct Far<M, E>(PhantomData<fn(M, E)>);

impl<M: 'static, E: Encode<M>> Far<M, E> {
    const ROUTE: &'static Route<M> = &Route::ending(Ways::of::<Self>());
}

/// A pid of messages that are encoded by `E`; the far actor is known to take them. On the pid of an actor
/// here it would be a route to nowhere: every send fails.
pub(crate) fn typed<M: 'static, E: Encode<M>>(far: AnyPid) -> Pid<M> {
    let far = ManuallyDrop::new(far);
    // SAFETY: the reference is handed over; the route is a constant, and uses nothing of the cell but that
    // it is a proxy, which it asks.
    unsafe { Pid::from_parts(NonNull::from(far.header()), Some(NonNull::from(Far::<M, E>::ROUTE))) }
}

/// What a wait for room hangs on.
struct Place<M> {
    /// `None` for a reservation.
    message: Option<M>,
    pair: Pair,
    /// Of the wait for room; once the message is on its way, of the wait until it is handed over.
    ticket: Option<Ticket>,
    is_sent: bool,
}

impl<M> Place<M> {
    /// Moves it to where a waiter can have it.
    fn settle(self) -> Waiter {
        Waiter::at(NonNull::from(Box::leak(Box::new(self))).cast())
    }

    /// # Safety
    /// `waiter` was made by `settle`, of this type.
    unsafe fn of(waiter: &mut Waiter) -> Option<&mut Self> {
        // SAFETY: by contract; the waiter is its only owner.
        waiter.place().map(|place| unsafe { place.cast().as_mut() })
    }

    /// # Safety
    /// As for `of`.
    unsafe fn take(waiter: Waiter) -> Option<Box<Self>> {
        // SAFETY: by contract, and the waiter is gone afterwards.
        waiter.place().map(|place| unsafe { Box::from_raw(place.cast().as_ptr()) })
    }
}

fn remote_of<M>(to: &Pid<M>) -> Option<&dyn Remote> {
    Some(Proxy::of(to.header())?.remote())
}

/// What one who is polled here sends there.
fn pair_of<M>(to: &Pid<M>, sender: u64) -> Pair {
    let code = Code::from_bits(sender);
    let from = (code != Code::NONE).then(|| to.header().node().actor_id(code));
    Pair::new(from, to.id())
}

fn refused<M, T>(to: &Pid<M>, refusal: Refusal, message: T) -> SendError<T> {
    let (to, message) = (to.id(), Undelivered::new(message));
    match refusal {
        Refusal::Full { limit } => SendError::Full { to, limit, message },
        Refusal::Closed => SendError::Closed { to, message },
        Refusal::NoConnection => SendError::NoConnection { to, message },
        Refusal::WrongType => SendError::NotEncoded { to, message },
    }
}

/// Keeps room, if there is some.
fn keep<M>(to: &Pid<M>, pair: Pair) -> Result<(), Refusal> {
    remote_of(to).ok_or(Refusal::NoConnection)?.try_reserve(pair)
}

/// Room that is given on unless it is used: a message's code may panic when it is encoded.
struct Kept<'a>(&'a dyn Remote, Pair);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.0.unreserve(self.1);
    }
}

/// Most messages are no longer, and need no more than one allocation.
const FIRST_BYTES: usize = 128;

/// Encodes and sends on room that is kept. With a ticket, the message is to be handed over.
fn go<M: 'static, E: Encode<M>>(to: &Pid<M>, pair: Pair, message: M) -> Result<Option<Ticket>, SendError<M>> {
    let Some(remote) = remote_of(to) else { return Err(refused(to, Refusal::NoConnection, message)) };
    let kept = Kept(remote, pair);
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    if let Err(message) = E::encode(message, remote, &mut bytes) {
        return Err(SendError::NotEncoded { to: pair.to, message: Undelivered::new(message) });
    }
    // Used from here on.
    let _ = ManuallyDrop::new(kept);
    remote.send(pair, std::any::type_name::<M>(), bytes).map_err(|_| SendError::Unknown { to: pair.to })
}

/// As [`go`], for one who does not wait until it is handed over.
fn go_on<M: 'static, E: Encode<M>>(to: &Pid<M>, pair: Pair, message: M) -> Result<(), SendError<M>> {
    go::<M, E>(to, pair, message).map(|ticket| end_wait(to, pair, ticket))
}

fn long<M>(sent: Result<(), SendError<M>>) -> Long<M> {
    Poll::Ready(sent.err().map(Box::new))
}

impl<M: 'static, E: Encode<M>> Way<M> for Far<M, E> {
    fn try_send(to: &Pid<M>, message: M, sender: u64) -> Result<(), SendError<M>> {
        if to.header().node().is_stopped() {
            return Err(SendError::NodeStopped { to: to.id(), message: Undelivered::new(message) });
        }
        let pair = pair_of(to, sender);
        match keep(to, pair) {
            Ok(()) => go_on::<M, E>(to, pair, message),
            Err(refusal) => Err(refused(to, refusal, message)),
        }
    }

    fn send(to: &Pid<M>, message: M, sender: u64, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<M> {
        let message = match Self::try_send(to, message, sender) {
            Err(SendError::Full { message, .. }) => message.into_inner(),
            other => return long(other),
        };
        let pair = pair_of(to, sender);
        let place = Place { message: Some(message), pair, ticket: None, is_sent: false };
        *waiter = place.settle();
        Self::poll_send(to, waiter, cx)
    }

    fn poll_send(to: &Pid<M>, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<M> {
        // SAFETY: only `send` above makes waiters for this route's sends.
        let Some(place) = (unsafe { Place::<M>::of(waiter) }) else { return Poll::Ready(None) };
        let pair = place.pair;
        if place.is_sent {
            let Poll::Ready(taken) = poll_taken(to, pair, &mut place.ticket, cx) else {
                return Poll::Pending;
            };
            Self::give_up(to, waiter.finish());
            return long(taken);
        }
        let Poll::Ready(kept) = poll_room(to, pair, &mut place.ticket, cx) else { return Poll::Pending };
        let Some(message) = place.message.take() else { return Poll::Ready(None) };
        let sent = match kept {
            Ok(()) => go::<M, E>(to, pair, message),
            Err(error) => Err(error.map(|()| message)),
        };
        if let Ok(Some(ticket)) = sent {
            (place.ticket, place.is_sent) = (Some(ticket), true);
            return Self::poll_send(to, waiter, cx);
        }
        Self::give_up(to, waiter.finish());
        long(sent.map(drop))
    }

    fn take_back(to: &Pid<M>, waiter: Waiter) -> Option<M> {
        // SAFETY: only `send` above makes waiters for this route's sends.
        let place = *unsafe { Place::<M>::take(waiter) }?;
        end_wait(to, place.pair, place.ticket);
        place.message
    }

    fn try_reserve(to: &Pid<M>) -> Result<(), SendError<()>> {
        let pair = pair_of(to, super::send::current(to.header()));
        keep(to, pair).map_err(|refusal| refused(to, refusal, ()))
    }

    fn poll_reserve(
        to: &Pid<M>,
        waiter: &mut Waiter,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<()>>> {
        if waiter.is_new() {
            let pair = pair_of(to, super::send::current(to.header()));
            *waiter = Place::<M> { message: None, pair, ticket: None, is_sent: false }.settle();
        }
        // SAFETY: only this function makes waiters for this route's reservations.
        let Some(place) = (unsafe { Place::<M>::of(waiter) }) else { return Poll::Pending };
        let polled = poll_room(to, place.pair, &mut place.ticket, cx);
        if polled.is_ready() {
            Self::give_up(to, waiter.finish());
        }
        polled
    }

    fn give_up(to: &Pid<M>, waiter: Waiter) {
        drop(Self::take_back(to, waiter));
    }

    fn send_reserved(to: &Pid<M>, message: M, sender: u64) -> Result<(), SendError<M>> {
        go_on::<M, E>(to, pair_of(to, sender), message)
    }

    fn unreserve(to: &Pid<M>) {
        if let Some(remote) = remote_of(to) {
            remote.unreserve(pair_of(to, super::send::current(to.header())));
        }
    }
}

/// Waits for room. Ready, the ticket is spent.
fn poll_room<M>(
    to: &Pid<M>,
    pair: Pair,
    ticket: &mut Option<Ticket>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), SendError<()>>> {
    if to.header().node().is_stopped() {
        let error = SendError::NodeStopped { to: pair.to, message: Undelivered::new(()) };
        return Poll::Ready(Err(error));
    }
    let Some(remote) = remote_of(to) else {
        return Poll::Ready(Err(refused(to, Refusal::NoConnection, ())));
    };
    let polled = remote.poll_reserve(pair, ticket, cx);
    match polled {
        Poll::Pending => {
            note_wait(Wait::Permit);
            Poll::Pending
        }
        Poll::Ready(kept) => {
            *ticket = None;
            Poll::Ready(kept.map_err(|refusal| refused(to, refusal, ())))
        }
    }
}

/// Waits until a message that has been sent is handed over. Ready, the ticket is spent.
fn poll_taken<M>(
    to: &Pid<M>,
    pair: Pair,
    ticket: &mut Option<Ticket>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), SendError<M>>> {
    let (Some(sent), Some(remote)) = (*ticket, remote_of(to)) else { return Poll::Ready(Ok(())) };
    match remote.poll_taken(pair, sent, cx) {
        Poll::Pending => {
            note_wait(Wait::Permit);
            Poll::Pending
        }
        Poll::Ready(taken) => {
            *ticket = None;
            // The message is not here any more.
            Poll::Ready(taken.map_err(|refusal| match refusal {
                Refusal::NoConnection => SendError::Unknown { to: pair.to },
                _ => SendError::Lost { to: pair.to },
            }))
        }
    }
}

fn end_wait<M>(to: &Pid<M>, pair: Pair, ticket: Option<Ticket>) {
    if let (Some(ticket), Some(remote)) = (ticket, remote_of(to)) {
        remote.give_up(pair, ticket);
    }
}
