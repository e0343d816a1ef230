//! How a pid is sent to that is no address of a mailbox of its own message type.
//!
//! A pid with no route pushes into its cell's queue, inline. Any other has a table of functions beside
//! the cell: what has to do with room and with the end of the actor is the cell's, whatever the
//! messages are; what has to do with a message goes through the table.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cell::pid::Pid;
use crate::error::SendError;
use crate::primitive::Mutex;

use super::send::{Long, Waiter, part_of};

/// The ways of sending a message of type `S` along a route.
///
/// Each is called by the methods of [`Pid`] alone, with the pid that has the route. What a send that
/// waits needs hangs on its [`Waiter`], which is `DONE` when a function is entered that takes a message.
#[allow(clippy::type_complexity, reason = "a table of functions")]
pub(crate) struct Ways<S> {
    pub(crate) try_send: fn(&Pid<S>, S, u64) -> Result<(), SendError<S>>,
    pub(crate) send: fn(&Pid<S>, S, u64, &mut Waiter, &mut Context<'_>) -> Long<S>,
    pub(crate) poll_send: fn(&Pid<S>, &mut Waiter, &mut Context<'_>) -> Long<S>,
    pub(crate) take_back: fn(&Pid<S>, Waiter) -> Option<S>,
    pub(crate) try_reserve: fn(&Pid<S>) -> Result<(), SendError<()>>,
    pub(crate) poll_reserve: fn(&Pid<S>, &mut Waiter, &mut Context<'_>) -> Poll<Result<(), SendError<()>>>,
    pub(crate) give_up: fn(&Pid<S>, Waiter),
    pub(crate) send_reserved: fn(&Pid<S>, S, u64) -> Result<(), SendError<S>>,
    pub(crate) unreserve: fn(&Pid<S>),
}

/// Who makes [`Ways`]: see there for each.
pub(crate) trait Way<S> {
    /// At once, or not.
    fn try_send(to: &Pid<S>, message: S, sender: u64) -> Result<(), SendError<S>>;
    /// At once, or it begins to wait.
    fn send(to: &Pid<S>, message: S, sender: u64, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<S>;
    /// Goes on waiting.
    fn poll_send(to: &Pid<S>, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<S>;
    /// Ends the wait; the message, unless it has gone.
    fn take_back(to: &Pid<S>, waiter: Waiter) -> Option<S>;
    /// Keeps room, if there is some.
    fn try_reserve(to: &Pid<S>) -> Result<(), SendError<()>>;
    /// Waits until room is kept.
    fn poll_reserve(
        to: &Pid<S>,
        waiter: &mut Waiter,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<()>>>;
    /// Ends the wait; gives room on that was kept meanwhile.
    fn give_up(to: &Pid<S>, waiter: Waiter);
    /// Sends on kept room.
    fn send_reserved(to: &Pid<S>, message: S, sender: u64) -> Result<(), SendError<S>>;
    /// Gives kept room on.
    fn unreserve(to: &Pid<S>);
}

impl<S> Ways<S> {
    /// The table of `W`.
    pub(crate) const fn of<W: Way<S>>() -> Self {
        Self {
            try_send: W::try_send,
            send: W::send,
            poll_send: W::poll_send,
            take_back: W::take_back,
            try_reserve: W::try_reserve,
            poll_reserve: W::poll_reserve,
            give_up: W::give_up,
            send_reserved: W::send_reserved,
            unreserve: W::unreserve,
        }
    }
}

/// A table, and what it leads on to.
///
/// It belongs to no pid: it is a constant, or kept by the node for as long as that lives, and depends
/// on the types alone.
pub(crate) struct Route<S> {
    pub(crate) ways: Ways<S>,
    /// The route of the whole that this leads a part to: a `Route` of the whole's messages; null when
    /// it has none.
    whole: *const (),
}

// SAFETY: nothing in it changes, and what it leads on to is such a route itself.
unsafe impl<S> Send for Route<S> {}
// SAFETY: as above.
unsafe impl<S> Sync for Route<S> {}

impl<S> Route<S> {
    /// A route that leads to no other.
    pub(crate) const fn ending(ways: Ways<S>) -> Self {
        Self { ways, whole: null() }
    }
}

/// The routes that are no constants: one for each way in which the program narrows a pid that was
/// narrowed before, so there are as many as the program has such places at most.
#[derive(Default)]
pub struct Routes(Mutex<BTreeMap<(usize, TypeId), Arc<dyn Any + Send + Sync>>>);

/// The route of a part to a whole.
pub(crate) struct Narrow<M, S>(PhantomData<fn(M, S)>);

impl<M, S> Narrow<M, S>
where
    M: From<S> + TryInto<S> + 'static,
    S: 'static,
{
    const TO_A_MAILBOX: &'static Route<S> = &Route::ending(Ways::of::<Part<M>>());

    /// A route from `S` to what the route `whole` leads to; to a mailbox, where that is `None`. It lives
    /// as long as `kept`, if that keeps `whole`.
    pub(crate) fn route(whole: Option<NonNull<Route<M>>>, kept: &Routes) -> NonNull<Route<S>> {
        let Some(whole) = whole else { return NonNull::from(Self::TO_A_MAILBOX) };
        let whole = whole.as_ptr().cast_const().cast::<()>();
        let mut kept = kept.0.lock();
        let key = (whole.addr(), TypeId::of::<(M, S)>());
        let route = kept
            .entry(key)
            .or_insert_with(|| Arc::new(Route::<S> { ways: Ways::of::<Part<M>>(), whole }))
            .downcast_ref::<Route<S>>();
        // The key names the types, so this is never `None`.
        route.map_or_else(|| NonNull::from(Self::TO_A_MAILBOX), NonNull::from)
    }
}

/// A part of the messages of type `M`.
struct Part<M>(PhantomData<fn(M)>);

impl<M> Part<M> {
    /// The pid that `part` was narrowed from, without a reference of its own.
    fn whole<S>(part: &Pid<S>) -> ManuallyDrop<Pid<M>> {
        let whole = part.route().and_then(|route| NonNull::new(route.whole.cast_mut()));
        // SAFETY: only `Narrow` makes routes whose ways are those of `Part<M>`, for a pid of `M` that
        // had this cell and this route; `part` keeps both, and what is made here is not dropped.
        ManuallyDrop::new(unsafe { Pid::from_parts(part.raw(), whole.map(NonNull::cast)) })
    }
}

fn in_parts<M: TryInto<S>, S>(long: Long<M>) -> Long<S> {
    long.map(|failed| failed.map(|error| Box::new(error.map(part_of))))
}

impl<M, S> Way<S> for Part<M>
where
    M: From<S> + TryInto<S>,
{
    fn try_send(to: &Pid<S>, message: S, sender: u64) -> Result<(), SendError<S>> {
        Self::whole(to).try_send_as(M::from(message), sender).map_err(|error| error.map(part_of))
    }

    fn send(to: &Pid<S>, message: S, sender: u64, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<S> {
        in_parts(Self::whole(to).begin_send(M::from(message), sender, waiter, cx))
    }

    fn poll_send(to: &Pid<S>, waiter: &mut Waiter, cx: &mut Context<'_>) -> Long<S> {
        in_parts(Self::whole(to).poll_send(waiter, cx))
    }

    fn take_back(to: &Pid<S>, waiter: Waiter) -> Option<S> {
        Self::whole(to).withdraw_send(waiter).map(part_of)
    }

    fn try_reserve(to: &Pid<S>) -> Result<(), SendError<()>> {
        Self::whole(to).try_keep()
    }

    fn poll_reserve(
        to: &Pid<S>,
        waiter: &mut Waiter,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<()>>> {
        Self::whole(to).poll_keep(waiter, cx)
    }

    fn give_up(to: &Pid<S>, waiter: Waiter) {
        Self::whole(to).withdraw_keep(waiter);
    }

    fn send_reserved(to: &Pid<S>, message: S, sender: u64) -> Result<(), SendError<S>> {
        Self::whole(to).send_kept(M::from(message), sender).map_err(|error| error.map(part_of))
    }

    fn unreserve(to: &Pid<S>) {
        Self::whole(to).give_kept();
    }
}
