//! An actor's loop as one future: receive, handle, again.
//!
//! An `async` block would do the same, and would keep each message, each receive and each handler
//! in its own state on their way from one to the other: half of what a hop costs. Here a message
//! goes from its slot into its handler.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crate::cell::pooled::{Pooled, Room};
use crate::error::SaveQueueFull;
use crate::exit::ExitReason;
use crate::scheduler::Seat;

use super::exit_watch;
use super::handle::Mailbox;
use super::next::{Found, Wanted};
use super::receive::{Short, give_way, message_of, poll_found, receive_shortly, seat_here};

/// State that messages are handled with.
#[doc(hidden)]
pub trait Serve: Send {
    /// What it handles.
    type Message: Send + 'static;

    /// Where they come from.
    fn mailbox(&self) -> &Mailbox<Self::Message>;

    /// Why no further message is wanted, if so. Asked before each.
    fn ended(&mut self) -> Option<ExitReason>;

    /// Whether it wants this message now.
    fn accepts(&self, message: &Self::Message) -> bool;

    /// What a message is called in reports.
    fn kind(message: &Self::Message) -> &'static str;

    /// Handles a message.
    fn handle(&mut self, message: Self::Message) -> impl Future<Output = Result<(), ExitReason>> + Send;
}

/// Receives and handles messages. Ready with `Ok` when something else wants to be looked at: a
/// notice ([`Mailbox::take_notice`]), an exit signal, or a stop; with `Err` when the actor is to
/// end. A full save queue shows as an exit signal.
///
/// A handler that waits is given up when an exit signal ends the actor.
#[doc(hidden)]
#[inline(always)]
pub fn serve<'a, S: Serve>(
    state: &'a mut S,
) -> impl Future<Output = Result<(), ExitReason>> + Send + use<'a, S> {
    Serving::new(state, |state: &'a mut S, message| state.handle(message))
}

/// What a poll goes on with.
enum AtHand<F> {
    /// A handler that waited.
    Handler(Pooled<F>),
    /// Room for the next one.
    Room(Room<F>),
}

/// `handle` makes a handler's future of the state and a message.
struct Serving<'a, S, H, F> {
    /// Lent to the handler while there is one, else ours.
    state: NonNull<S>,
    handle: H,
    handler: Option<Pooled<F>>,
    /// The receive under way has looked through what was skipped.
    searching: bool,
    _state: PhantomData<&'a mut S>,
}

// SAFETY: it is a unique reference to the state, and a future made of it.
unsafe impl<S: Send, H: Send, F: Send> Send for Serving<'_, S, H, F> {}

impl<'a, S, H, F> Serving<'a, S, H, F>
where
    S: Serve,
    H: FnMut(&'a mut S, S::Message) -> F,
{
    fn new(state: &'a mut S, handle: H) -> Self {
        Self { state: NonNull::from(state), handle, handler: None, searching: false, _state: PhantomData }
    }

    /// The next message: where it lies, in its slot or in `moved`. The caller moves it out at once.
    #[inline(always)]
    fn receive(
        &mut self,
        seat: Option<&Seat>,
        cx: &mut Context<'_>,
        moved: &mut MaybeUninit<S::Message>,
    ) -> Poll<Option<NonNull<S::Message>>> {
        // SAFETY: there is no handler, so the state is ours for the length of this call.
        let state = unsafe { self.state.as_ref() };
        let front = state.mailbox().pid().cell();
        let seat = seat.filter(|seat| seat.is_current(front.header()));
        let Some(seat) = seat else { return Poll::Ready(None) };
        if !seat.charge() {
            // SAFETY: it is this actor's turn.
            unsafe { give_way(front, cx) };
            return Poll::Pending;
        }
        let accepts = |message: &S::Message| state.accepts(message);
        // SAFETY: it is this actor's turn, so this thread holds its token; nothing is borrowed.
        match unsafe { receive_shortly(front, seat, cx, accepts, moved) } {
            Short::At(message) => {
                self.searching = false;
                Poll::Ready(Some(message))
            }
            Short::Waits => Poll::Pending,
            Short::Fails => self
                .receive_slow(seat, cx)
                .map(|found| found.map(|message| NonNull::from(moved.write(message)))),
        }
    }

    #[inline(never)]
    fn receive_slow(&mut self, seat: &Seat, cx: &mut Context<'_>) -> Poll<Option<S::Message>> {
        // SAFETY: there is no handler, so the state is ours for the length of this call.
        let state = unsafe { self.state.as_ref() };
        let mailbox = state.mailbox();
        if !std::mem::replace(&mut self.searching, true) {
            mailbox.restart_search();
        }
        let front = mailbox.pid().cell();
        let mut filter = |message: &S::Message, _: u64| state.accepts(message);
        let wanted = Wanted::Accepted(&mut filter);
        // SAFETY: it is this actor's turn, and nothing is borrowed.
        let found = unsafe { poll_found(front, seat, cx, wanted, &mut false) };
        if found.is_ready() {
            self.searching = false;
        }
        if let Poll::Ready(Found::SaveQueueFull(limit)) = found {
            let reason = ExitReason::from(SaveQueueFull::new(front.id(), limit));
            // SAFETY: as above.
            unsafe { front.run() }.extension().exiting.get_or_insert(reason);
            front.lane.attend();
        }
        if let Poll::Ready(Found::Message(message)) = &found
            // SAFETY: as above; `kind` is the program's, and nothing is borrowed while it runs.
            && unsafe { front.run() }.keeps_recent()
        {
            let kind = S::kind(message);
            // SAFETY: as above.
            unsafe { front.run() }.name_recent(kind);
        }
        found.map(message_of)
    }
}

impl<'a, S, H, F> Future for Serving<'a, S, H, F>
where
    S: Serve,
    H: FnMut(&'a mut S, S::Message) -> F,
    F: Future<Output = Result<(), ExitReason>>,
{
    type Output = Result<(), ExitReason>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing in it is address-sensitive: a handler has an address of its own.
        let me = unsafe { self.get_unchecked_mut() };
        let mut at_hand = match me.handler {
            None => AtHand::Room(Room::new()),
            Some(_) => match exit_watch::reason() {
                None => me.handler.take().map_or_else(|| AtHand::Room(Room::new()), AtHand::Handler),
                Some(reason) => {
                    me.handler = None;
                    return Poll::Ready(Err(reason));
                }
            },
        };
        // SAFETY: used for the length of this poll.
        let seat = unsafe { seat_here() };
        loop {
            // One place polls handlers, new or not: two would not be compiled in line.
            let mut handler = match at_hand {
                AtHand::Handler(handler) => handler,
                AtHand::Room(room) => {
                    // SAFETY: there is no handler, so the state is ours until one is made.
                    let state: &'a mut S = unsafe { &mut *me.state.as_ptr() };
                    if let Some(reason) = state.ended() {
                        return Poll::Ready(Err(reason));
                    }
                    let mut moved = MaybeUninit::uninit();
                    let at = match me.receive(seat, cx, &mut moved) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(None) => return Poll::Ready(Ok(())),
                        Poll::Ready(Some(at)) => at,
                    };
                    // No exit signal has come: the lane was calm, or its signals were received.
                    // SAFETY: as above; from here on the state is the handler's.
                    let state: &'a mut S = unsafe { &mut *me.state.as_ptr() };
                    let handle = &mut me.handle;
                    // SAFETY: the message is ours, and moved out here alone.
                    room.fill(|| handle(state, unsafe { at.read() }))
                }
            };
            match Pin::new(&mut handler).poll(cx) {
                Poll::Pending => {
                    me.handler = Some(handler);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(())) => at_hand = AtHand::Room(handler.vacate()),
                other @ Poll::Ready(_) => return other,
            }
        }
    }
}
