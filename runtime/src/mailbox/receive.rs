//! The futures of receiving.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::cell::header::{ActorCell, Armed, Wait};
use crate::cell::run::is_waker_of;
use crate::cell::words::Flag;
use crate::error::{Elapsed, SaveQueueFull};
use crate::scheduler::Seat;
use crate::signal::Notice;
use crate::wait::Deadline;

use super::handle::Mailbox;
use super::next::{Event, Found, Wanted, find};

/// Runs `f` in the actor's turn: in the one under way on this thread, or, for a guest that holds
/// its own mailbox, in one made for it. `None` when this is not the actor's turn.
#[inline(always)]
fn in_turn<M, R>(
    mailbox: &Mailbox<M>,
    cx: &mut Context<'_>,
    f: impl FnOnce(&ActorCell<M>, &Seat, &mut Context<'_>) -> Poll<R>,
) -> Option<Poll<R>> {
    let front = mailbox.pid().cell();
    Seat::with(|seat| match seat {
        Some(seat) if seat.is_current(front.header()) => Some(f(front, seat, cx)),
        _ => mailbox.in_own_turn(cx, |seat, cx| f(front, seat, cx)),
    })
}

/// The seat of the actor's turn, if that is under way on this thread.
///
/// # Safety
/// The seat is used for no longer than the poll under way: it is taken on this thread for longer.
#[inline(always)]
unsafe fn seat_of_turn<'s, M>(front: &ActorCell<M>) -> Option<&'s Seat> {
    // SAFETY: by contract.
    unsafe { seat_here() }.filter(|seat| seat.is_current(front.header()))
}

/// The seat that is taken on this thread.
///
/// # Safety
/// As for [`seat_of_turn`].
#[inline(always)]
pub(super) unsafe fn seat_here<'s>() -> Option<&'s Seat> {
    // SAFETY: by contract.
    Seat::with(|seat| seat.map(ptr::from_ref)).map(|seat| unsafe { &*seat })
}

/// One attempt of a receive whose short way did not suffice.
///
/// # Safety
/// The caller runs the cell, and holds no reference into its run part.
#[inline(never)]
pub(super) unsafe fn poll_found<M>(
    front: &ActorCell<M>,
    seat: &Seat,
    cx: &mut Context<'_>,
    wanted: Wanted<'_, M>,
    waiting: &mut bool,
) -> Poll<Found<M>> {
    // SAFETY: by contract.
    let found = unsafe { find(front, seat, wanted) };
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    match found {
        Found::Nothing | Found::Dying => {
            run.armed = Armed::ThisTurn;
            run.wait = Wait::Mailbox;
            *waiting = true;
            if !is_waker_of(cx.waker(), front.header()) {
                run.extension().foreign = Some(cx.waker().clone());
            }
            Poll::Pending
        }
        found => {
            run.armed = Armed::No;
            *waiting = false;
            Poll::Ready(found)
        }
    }
}

/// Begins to wait where nothing but the queue, which was seen empty, needs a look: no signals, no
/// notes, no senders that wait to hand over. Credits that are owed go back when the actor parks,
/// and what came meanwhile keeps it from parking.
#[inline(always)]
fn wait_shortly<M>(front: &ActorCell<M>, cx: &Context<'_>) -> bool {
    let short = front.lane.is_calm() && !front.queue.hands_over() && is_waker_of(cx.waker(), front.header());
    if short {
        // SAFETY: the caller runs the cell, and holds no reference into its run part.
        let run = unsafe { front.run() };
        run.armed = Armed::ThisTurn;
        run.wait = Wait::Mailbox;
    }
    short
}

/// What the short way of a receive came to.
pub(super) enum Short<M> {
    /// A message that lies there. The caller moves it out at once.
    At(NonNull<M>),
    /// There is nothing, and the actor is woken when something comes.
    Waits,
    /// It does not suffice.
    Fails,
}

/// The short way of a receive: takes a message that is there and accepted, or begins to wait. The
/// message stays in its slot, or is in `last` if that was a block's last, whose memory is given back.
/// Its type may have no value to spare that would tell "no message": passed by value, it would be
/// looked at on its way.
///
/// # Safety
/// As for [`poll_found`].
#[inline(always)]
pub(super) unsafe fn receive_shortly<M>(
    front: &ActorCell<M>,
    seat: &Seat,
    cx: &Context<'_>,
    accepts: impl FnOnce(&M) -> bool,
    last: &mut MaybeUninit<M>,
) -> Short<M> {
    // SAFETY: by contract.
    let Some(next) = (unsafe { front.queue.front() }) else {
        return if wait_shortly(front, cx) { Short::Waits } else { Short::Fails };
    };
    // The lane after the message's mark was seen: see `Lane::is_calm`.
    if !front.lane.is_calm() || !accepts(next.message()) {
        return Short::Fails;
    }
    // SAFETY: by contract; the reference ends here.
    let run = unsafe { front.run() };
    run.words.living_mut().sender = next.sender();
    run.armed = Armed::No;
    seat.counters.count_handled();
    if next.is_last() {
        // SAFETY: by contract.
        return Short::At(NonNull::from(last.write(unsafe { front.queue.take_last(next) })));
    }
    // SAFETY: by contract.
    Short::At(unsafe { front.queue.take_in_place(next) })
}

/// Ends the turn early because its slice is over.
///
/// # Safety
/// As for [`poll_found`].
#[cold]
#[inline(never)]
pub(super) unsafe fn give_way<M>(front: &ActorCell<M>, cx: &mut Context<'_>) {
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    run.wait = Wait::Turn;
    if is_waker_of(cx.waker(), front.header()) {
        run.flags.set(Flag::Yielded);
    } else {
        cx.waker().wake_by_ref();
    }
}

fn disarm<M>(mailbox: &Mailbox<M>, waiting: bool) {
    if !waiting {
        return;
    }
    let front = mailbox.pid().cell();
    Seat::with(|seat| {
        if seat.is_some_and(|seat| seat.is_current(front.header())) {
            // SAFETY: it is this actor's turn on this thread, and nothing else is borrowed.
            unsafe { front.run() }.armed = Armed::No;
        }
    });
}

/// Future of [`Mailbox::receive`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Receive<'a, M> {
    mailbox: &'a mut Mailbox<M>,
    waiting: bool,
}

impl<'a, M> Receive<'a, M> {
    #[inline(always)]
    pub(super) const fn new(mailbox: &'a mut Mailbox<M>) -> Self {
        Self { mailbox, waiting: false }
    }
}

impl<M> Future for Receive<'_, M> {
    type Output = Option<M>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<M>> {
        let me = &mut *self;
        let front = me.mailbox.pid().cell();
        // SAFETY: used for the length of this poll.
        let Some(seat) = (unsafe { seat_of_turn(front) }) else { return me.poll_elsewhere(cx) };
        if !seat.charge() {
            // SAFETY: it is this actor's turn.
            unsafe { give_way(front, cx) };
            return Poll::Pending;
        }
        // Not made in the call: at the end of an `unsafe` block its temporaries are gone.
        let mut last = MaybeUninit::uninit();
        // SAFETY: it is this actor's turn, so this thread holds its token; nothing is borrowed.
        match unsafe { receive_shortly(front, seat, cx, |_| true, &mut last) } {
            Short::At(message) => {
                me.waiting = false;
                // SAFETY: moved out at once.
                Poll::Ready(Some(unsafe { message.read() }))
            }
            Short::Waits => {
                me.waiting = true;
                Poll::Pending
            }
            Short::Fails => me.poll_slow(seat, cx),
        }
    }
}

impl<M> Receive<'_, M> {
    /// Polls once, and goes on waiting after it is gone.
    pub(super) fn poll_once(mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        let polled = Pin::new(&mut self).poll(cx);
        self.waiting = false;
        polled
    }

    #[inline(never)]
    fn poll_slow(&mut self, seat: &Seat, cx: &mut Context<'_>) -> Poll<Option<M>> {
        let front = self.mailbox.pid().cell();
        // SAFETY: it is this actor's turn, and nothing is borrowed.
        let found = unsafe { poll_found(front, seat, cx, Wanted::Message, &mut self.waiting) };
        found.map(message_of)
    }

    #[cold]
    #[inline(never)]
    fn poll_elsewhere(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        let waiting = &mut self.waiting;
        in_turn(self.mailbox, cx, |front, seat, cx| {
            // SAFETY: it is this actor's turn, and nothing is borrowed.
            unsafe { poll_found(front, seat, cx, Wanted::Message, waiting) }
        })
        .map_or(Poll::Ready(None), |found| found.map(message_of))
    }
}

impl<M> Drop for Receive<'_, M> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.waiting {
            disarm(self.mailbox, true);
        }
    }
}

pub(super) fn message_of<M>(found: Found<M>) -> Option<M> {
    match found {
        Found::Message(message) => Some(message),
        _ => None,
    }
}

/// Future of [`Mailbox::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, M> {
    mailbox: &'a mut Mailbox<M>,
    waiting: bool,
}

impl<'a, M> Next<'a, M> {
    pub(super) const fn new(mailbox: &'a mut Mailbox<M>) -> Self {
        Self { mailbox, waiting: false }
    }
}

impl<M> Next<'_, M> {
    /// Polls once, and goes on waiting after it is gone.
    pub(super) fn poll_once(mut self, cx: &mut Context<'_>) -> Poll<Option<Event<M>>> {
        let polled = Pin::new(&mut self).poll(cx);
        self.waiting = false;
        polled
    }
}

impl<M> Future for Next<'_, M> {
    type Output = Option<Event<M>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        let waiting = &mut me.waiting;
        in_turn(me.mailbox, cx, |front, seat, cx| {
            if !seat.charge() {
                // SAFETY: it is this actor's turn.
                unsafe { give_way(front, cx) };
                return Poll::Pending;
            }
            // SAFETY: it is this actor's turn, and nothing is borrowed.
            unsafe { poll_found(front, seat, cx, Wanted::Event, waiting) }
        })
        .map_or(Poll::Ready(None), |found| {
            found.map(|found| match found {
                Found::Message(message) => Some(Event::Message(message)),
                Found::Notice(Notice::Down(down)) => Some(Event::Down(down)),
                Found::Notice(Notice::Exit(exit)) => Some(Event::Exit(exit)),
                _ => None,
            })
        })
    }
}

impl<M> Drop for Next<'_, M> {
    fn drop(&mut self) {
        disarm(self.mailbox, self.waiting);
    }
}

/// Future of [`Mailbox::receive_match`].
#[must_use = "futures do nothing unless awaited"]
pub struct ReceiveMatch<'a, M, F> {
    mailbox: &'a mut Mailbox<M>,
    wanted: F,
    waiting: bool,
}

impl<'a, M, F: FnMut(&M) -> bool> ReceiveMatch<'a, M, F> {
    pub(super) fn new(mailbox: &'a mut Mailbox<M>, wanted: F) -> Self {
        mailbox.restart_search();
        Self { mailbox, wanted, waiting: false }
    }
}

impl<M, F: FnMut(&M) -> bool + Unpin> Future for ReceiveMatch<'_, M, F> {
    type Output = Result<Option<M>, SaveQueueFull>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        let wanted = &mut me.wanted;
        poll_matching(me.mailbox, cx, &mut me.waiting, &mut |message, _| wanted(message))
    }
}

impl<M, F> Drop for ReceiveMatch<'_, M, F> {
    fn drop(&mut self) {
        disarm(self.mailbox, self.waiting);
    }
}

impl<M, F> std::fmt::Debug for ReceiveMatch<'_, M, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveMatch").finish_non_exhaustive()
    }
}

fn poll_matching<M>(
    mailbox: &Mailbox<M>,
    cx: &mut Context<'_>,
    waiting: &mut bool,
    filter: &mut dyn FnMut(&M, u64) -> bool,
) -> Poll<Result<Option<M>, SaveQueueFull>> {
    let id = mailbox.pid().id();
    in_turn(mailbox, cx, |front, seat, cx| {
        if !seat.charge() {
            // SAFETY: it is this actor's turn.
            unsafe { give_way(front, cx) };
            return Poll::Pending;
        }
        let mut filter = |message: &M, sender: u64| filter(message, sender);
        // SAFETY: it is this actor's turn, and nothing is borrowed.
        unsafe { poll_found(front, seat, cx, Wanted::Matching(&mut filter), waiting) }
    })
    .map_or(Poll::Ready(Ok(None)), |found| {
        found.map(|found| match found {
            Found::Message(message) => Ok(Some(message)),
            Found::SaveQueueFull(limit) => Err(SaveQueueFull::new(id, limit)),
            _ => Ok(None),
        })
    })
}

/// Future of [`Mailbox::receive_from`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReceiveFrom<'a, M> {
    mailbox: &'a mut Mailbox<M>,
    sender: u64,
    waiting: bool,
}

impl<'a, M> ReceiveFrom<'a, M> {
    pub(super) fn new(mailbox: &'a mut Mailbox<M>, sender: u64) -> Self {
        mailbox.restart_search();
        Self { mailbox, sender, waiting: false }
    }
}

impl<M> Future for ReceiveFrom<'_, M> {
    type Output = Result<Option<M>, SaveQueueFull>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        let wanted = me.sender;
        poll_matching(me.mailbox, cx, &mut me.waiting, &mut |_, sender| sender == wanted)
    }
}

impl<M> Drop for ReceiveFrom<'_, M> {
    fn drop(&mut self) {
        disarm(self.mailbox, self.waiting);
    }
}

/// Future of [`Mailbox::receive_timeout`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ReceiveTimeout<'a, M> {
    receive: Receive<'a, M>,
    after: Duration,
    deadline: Option<Deadline>,
}

impl<'a, M> ReceiveTimeout<'a, M> {
    pub(super) const fn new(mailbox: &'a mut Mailbox<M>, after: Duration) -> Self {
        Self { receive: Receive::new(mailbox), after, deadline: None }
    }
}

impl<M> Future for ReceiveTimeout<'_, M> {
    type Output = Result<Option<M>, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        if let Poll::Ready(message) = Pin::new(&mut me.receive).poll(cx) {
            return Poll::Ready(Ok(message));
        }
        let node = me.receive.mailbox.pid().cell().node();
        let after = me.after;
        let deadline = me.deadline.get_or_insert_with(|| Deadline::after(node, after));
        // The end of a node ends all deadlines, and is a stop.
        deadline.poll(node, cx).map(|()| if node.is_stopped() { Ok(None) } else { Err(Elapsed::new(after)) })
    }
}
