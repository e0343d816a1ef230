//! Guests: actors that no worker runs, but whoever polls them.
//!
//! A guest's token belongs to whoever holds its mailbox, or its [`GuestFuture`], whenever its word
//! is not parked. Scheduling a guest only wakes the waker of its last poll.

use std::alloc::Layout;
use std::any::TypeId;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, Waker};

use crate::cell::death;
use crate::cell::header::{ActorCell, Armed, Birth, Header, Ran, VTable, Wait};
use crate::cell::pages::Class;
use crate::cell::pid::{AnyPid, Pid};
use crate::cell::reception::{Verdict, receive_signals};
use crate::cell::run::{Outcome, clear};
use crate::cell::state::{Code, Kind, Overflow};
use crate::cell::words::Flag;
use crate::exit::ExitReason;
use crate::node::NodeShared;
use crate::panic_hook;
use crate::primitive::{AtomicBool, Mutex, Ordering};
use crate::queue::{Capacity, Parked};
use crate::scheduler::Seat;
use crate::time::Timestamp;
use crate::wait::note_wait;

use super::handle::Mailbox;

/// A guest's cell: the front, and whom to wake.
#[repr(C)]
struct GuestCell<M> {
    front: ActorCell<M>,
    waker: Mutex<Option<Waker>>,
}

const _: () = assert!(std::mem::offset_of!(GuestCell<u8>, front) == 0);

struct TypeOf<M>(std::marker::PhantomData<M>);

impl<M: Send + 'static> TypeOf<M> {
    const CLASS: Class = match Class::of(Layout::new::<GuestCell<M>>()) {
        Some(class) => class,
        None => panic!("a guest's cell does not fit its class"),
    };

    const VTABLE: VTable = VTable {
        run: never_run,
        end: wake_to_end,
        schedule: Some(schedule::<M>),
        clear: clear_guest::<M>,
        class: Self::CLASS,
        message_type: TypeId::of::<M>,
        message_name: std::any::type_name::<M>,
        actor_name: guest_name,
    };
}

const fn guest_name() -> &'static str {
    "guest"
}

/// A guest is scheduled through its waker, so its cell is in no run queue.
unsafe fn never_run(_: NonNull<Header>, _: &Seat) -> Ran {
    Ran::Parked
}

/// The node is gone; the guest finds out when it is polled.
unsafe fn wake_to_end(cell: NonNull<Header>, _: &Seat, _: &ExitReason) {
    // SAFETY: the caller holds a reference.
    let header = unsafe { cell.as_ref() };
    crate::scheduler::carry_out(header, header.queue.wake());
}

unsafe fn schedule<M>(cell: NonNull<Header>) {
    // SAFETY: the caller holds a reference, and this is a guest's cell.
    let guest = unsafe { cell.cast::<GuestCell<M>>().as_ref() };
    let waker = guest.waker.lock().take();
    if let Some(waker) = waker {
        Seat::note_wake_of_other();
        waker.wake();
    }
}

unsafe fn clear_guest<M>(cell: NonNull<Header>) {
    let guest = cell.cast::<GuestCell<M>>().as_ptr();
    // SAFETY: nobody refers to the cell any more.
    unsafe { ptr::drop_in_place(ptr::addr_of_mut!((*guest).waker)) };
    // SAFETY: as above.
    unsafe { clear::<M>(cell) };
}

/// A guest's seat. `busy` is set while the seat is in use: it makes the guest's holder one thread
/// at a time, whatever that holder shares.
#[derive(Debug)]
pub struct GuestSeat(Box<Inner>);

#[derive(Debug)]
struct Inner {
    seat: Seat,
    busy: AtomicBool,
}

// SAFETY: the seat is used only while `busy` was taken, and is not taken between two uses.
unsafe impl Send for GuestSeat {}
// SAFETY: as above.
unsafe impl Sync for GuestSeat {}

impl GuestSeat {
    fn new(node: NonNull<NodeShared>, now: Timestamp) -> Self {
        Self(Box::new(Inner { seat: Seat::new(node, now), busy: AtomicBool::new(false) }))
    }

    /// Runs `f` in a turn of the guest; `None` while another thread is in one.
    pub(super) fn with<M, R>(&self, front: &ActorCell<M>, f: impl FnOnce(&Seat) -> R) -> Option<R> {
        // Acquire and Release hand the seat from one use to the next.
        if self.0.busy.swap(true, Ordering::Acquire) {
            return None;
        }
        let _free = Free(&self.0.busy);
        let _seat = self.0.seat.take();
        let _current = Current::set(&self.0.seat, front.header());
        Some(f(&self.0.seat))
    }
}

struct Free<'a>(&'a AtomicBool);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Makes the guest the current actor until it is dropped, also by a panic.
struct Current<'a>(&'a Seat);

impl<'a> Current<'a> {
    fn set(seat: &'a Seat, cell: &Header) -> Self {
        seat.set_current(Some(cell));
        Self(seat)
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        self.0.set_current(None);
    }
}

/// Makes a guest's cell.
fn open<M: Send + 'static>(
    node: NonNull<NodeShared>,
    kind: Kind,
    capacity: Capacity,
    site: &'static std::panic::Location<'static>,
) -> Pid<M> {
    let vtable = &TypeOf::<M>::VTABLE;
    // SAFETY: the caller has a handle of the node.
    let home = unsafe { node.as_ref() };
    // A guest does not crash: its code is its holder's.
    let (born, recent) =
        if kind == Kind::Local { (home.now(), home.recent) } else { (Timestamp::from_nanos(0), 0) };
    let at = NodeShared::take_cell(node, vtable.class).cast::<GuestCell<M>>();
    let birth = Birth {
        capacity,
        overflow: Overflow::Wait,
        label: None,
        save_limit: None,
        site,
        parent: Code::NONE,
        born,
        kind,
        recent,
    };
    // SAFETY: the memory is ours until the cell is opened.
    unsafe { ptr::addr_of_mut!((*at.as_ptr()).waker).write(Mutex::new(None)) };
    // One reference: the pid's. A guest's token has none of its own, since its holder has the pid.
    // SAFETY: the cell is free and as large as its class.
    unsafe { ActorCell::<M>::write(at.cast(), vtable, node, birth, 1) };
    // SAFETY: the one reference.
    let pid: Pid<M> = unsafe { Pid::from_raw(at.cast()) };
    // Guests trap exits: nobody could end them but themselves.
    // SAFETY: the maker holds the token.
    let run = unsafe { pid.cell().run() };
    if kind == Kind::Guest {
        run.flags.set(Flag::Trapping);
    }
    pid
}

/// Makes a guest that is polled through its mailbox.
pub(crate) fn open_guest<M: Send + 'static>(
    node: NonNull<NodeShared>,
    capacity: Capacity,
    site: &'static std::panic::Location<'static>,
) -> Mailbox<M> {
    let pid = open(node, Kind::Guest, capacity, site);
    let seat = GuestSeat::new(node, pid.cell().node().now());
    Mailbox::with_seat(pid, seat)
}

fn cell_of<M>(front: &ActorCell<M>) -> &GuestCell<M> {
    // SAFETY: called only for guests' cells, whose front is their first field.
    unsafe { &*ptr::from_ref(front).cast::<GuestCell<M>>() }
}

/// Polls `f` in a turn of the guest, and parks the guest if it is pending.
pub(super) fn poll_turn<M, R>(
    front: &ActorCell<M>,
    own: &GuestSeat,
    cx: &mut Context<'_>,
    f: impl FnOnce(&Seat, &mut Context<'_>) -> Poll<R>,
) -> Poll<R> {
    *cell_of(front).waker.lock() = Some(cx.waker().clone());
    // Takes the token out of the word if it is there. Otherwise somebody else has taken it, for us.
    let _ = front.queue.wake();
    // SAFETY: the guest's holder polls it, so the token is ours.
    unsafe { front.queue.begin_turn() };
    let polled = own.with(front, |seat| {
        // SAFETY: the token is ours, and nothing is borrowed.
        unsafe { begin(front) };
        let now = front.node().now();
        // Whoever drives an explored node sees a guest that never waits.
        let end = if front.node().core.is_some() { now } else { Timestamp::MAX };
        seat.begin_slice(now, end);
        f(seat, cx)
    });
    let Some(polled) = polled else {
        // Another thread is in a turn of this guest: it polls again after it.
        cx.waker().wake_by_ref();
        return Poll::Pending;
    };
    if polled.is_pending() {
        // Whoever polls a guest waits for the same as the guest does.
        // SAFETY: the token is ours, and nothing is borrowed.
        let wait = unsafe { front.run() }.wait;
        if wait != Wait::Unknown {
            note_wait(wait);
        }
        // SAFETY: the token is ours.
        unsafe { park(front, cx.waker()) };
    }
    polled
}

/// # Safety
/// The caller holds the guest's token.
unsafe fn begin<M>(front: &ActorCell<M>) {
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    if run.armed == Armed::ThisTurn {
        run.armed = Armed::Earlier;
    }
    let _ = run.flags.take(Flag::Yielded);
    run.wait = Wait::Unknown;
    if front.node().is_stopped() {
        run.flags.set(Flag::Stopped);
        front.lane.attend();
    }
    // Whoever polls a guest is woken through its cell; waking here would poll it again for nothing.
    drop(run.extension.as_mut().and_then(|ext| ext.foreign.take()));
    if front.lane.has_signals() {
        // SAFETY: by contract.
        if let Verdict::Die(reason) = unsafe { receive_signals(front.header()) } {
            // SAFETY: by contract.
            unsafe { front.run() }.sentence(front.tenancy.state(), reason);
            front.lane.attend();
        }
    }
}

/// # Safety
/// The caller holds the guest's token.
unsafe fn park<M>(front: &ActorCell<M>, waker: &Waker) {
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    // SAFETY: by contract.
    let wants =
        run.armed == Armed::ThisTurn || (run.armed == Armed::Earlier && unsafe { front.queue.is_empty() });
    let parked = if wants {
        // SAFETY: by contract.
        unsafe { front.queue.park_for_messages(false) }
    } else {
        // SAFETY: by contract.
        unsafe { front.queue.park_for_wake() }
    };
    if parked == Parked::No {
        waker.wake_by_ref();
    }
}

/// Ends a guest.
pub(super) fn close<M>(front: &ActorCell<M>, own: &GuestSeat, reason: &ExitReason) {
    close_with(front, own, reason, || {});
}

/// Ends a guest whose body `drop_body` drops.
fn close_with<M>(front: &ActorCell<M>, own: &GuestSeat, reason: &ExitReason, drop_body: impl FnOnce()) {
    let _ = front.queue.wake();
    let _seat = own.0.seat.take();
    // SAFETY: the guest's holder ends it, so the token is ours.
    unsafe { death::begin(front, reason) };
    let scope = death::Scope::enter(front.header(), &own.0.seat, reason);
    if catch_unwind(AssertUnwindSafe(drop_body)).is_err() {
        tracing::error!(target: "wharf::crash", actor = %front.id(), "panic while its state was dropped");
    }
    drop(scope);
    // SAFETY: as above.
    let mut ran = unsafe { death::finish(front, &own.0.seat, reason.clone()) };
    while ran != Ran::Done {
        crate::primitive::yield_thread();
        // SAFETY: as above.
        ran = unsafe { death::resume(front, &own.0.seat) };
    }
}

/// A future that runs as a guest.
pub(crate) struct GuestFuture<F> {
    pid: Pid<()>,
    seat: GuestSeat,
    /// Gone once it has come to its end.
    body: Option<F>,
    /// What the last poll waits for.
    wait: Wait,
}

impl<F: Future> GuestFuture<F> {
    /// Makes a guest of `body`.
    pub(crate) fn new(
        node: NonNull<NodeShared>,
        site: &'static std::panic::Location<'static>,
        body: F,
    ) -> Self {
        let pid = open(node, Kind::Guest, Capacity::DEFAULT, site);
        let seat = GuestSeat::new(node, pid.cell().node().now());
        Self { pid, seat, body: Some(body), wait: Wait::Unknown }
    }
}

impl<F> GuestFuture<F> {
    /// The guest's address.
    pub(crate) fn pid(&self) -> AnyPid {
        self.pid.any()
    }

    /// What it waits for, as of the last poll.
    pub(crate) const fn wait(&self) -> Wait {
        self.wait
    }
}

impl<F: Future> Future for GuestFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `body` is never moved out: it is dropped where it is.
        let me = unsafe { self.get_unchecked_mut() };
        let Some(body) = me.body.as_mut() else { return Poll::Pending };
        // SAFETY: structurally pinned, see above.
        let body = unsafe { Pin::new_unchecked(body) };
        let wait = &mut me.wait;
        poll_turn(me.pid.cell(), &me.seat, cx, |seat, cx| {
            let polled = body.poll(cx);
            *wait = seat.noted_wait();
            polled
        })
    }
}

impl<F> Drop for GuestFuture<F> {
    fn drop(&mut self) {
        let front = self.pid.cell();
        let body = &mut self.body;
        // The guest's state goes before anyone is told that the guest is gone.
        self.seat.with(front, |_| *body = None);
        close(front, &self.seat, &ExitReason::Normal);
    }
}

/// An actor that is polled where it was spawned, as a task of the thread: its future need not be
/// `Send`.
pub(crate) struct LocalFuture<M, F> {
    pid: Pid<M>,
    seat: GuestSeat,
    /// Gone once the actor has ended.
    body: Option<Pin<Box<F>>>,
}

impl<M: Send + 'static, F: Future<Output: Outcome>> LocalFuture<M, F> {
    /// Makes an actor of what `start` makes of its mailbox.
    pub(crate) fn new(
        node: NonNull<NodeShared>,
        site: &'static std::panic::Location<'static>,
        start: impl FnOnce(Mailbox<M>) -> F,
    ) -> (Pid<M>, Self) {
        let pid = open(node, Kind::Local, Capacity::DEFAULT, site);
        let seat = GuestSeat::new(node, pid.cell().node().now());
        let body = Some(Box::pin(start(Mailbox::new(pid.clone()))));
        (pid.clone(), Self { pid, seat, body })
    }
}

impl<M, F> LocalFuture<M, F> {
    fn end(&mut self, reason: &ExitReason) {
        let Some(body) = self.body.take() else { return };
        close_with(self.pid.cell(), &self.seat, reason, || drop(body));
    }
}

impl<M, F: Future<Output: Outcome>> Future for LocalFuture<M, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        let Some(body) = me.body.as_mut() else { return Poll::Ready(()) };
        let front = me.pid.cell();
        let sentence = || {
            // SAFETY: called in a turn of this actor, while nothing of it is borrowed.
            unsafe { front.run() }.take_sentence()
        };
        let ended = poll_turn(front, &me.seat, cx, |seat, cx| {
            if let Some(reason) = sentence() {
                return Poll::Ready(reason);
            }
            let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx)));
            let reason = match polled {
                Ok(Poll::Pending) => return sentence().map_or(Poll::Pending, Poll::Ready),
                Ok(Poll::Ready(outcome)) => outcome.into_reason(),
                Err(payload) => ExitReason::Panicked(panic_hook::take(payload)),
            };
            death::tell_orphans(front.header(), seat, &reason);
            Poll::Ready(reason)
        });
        match ended {
            Poll::Pending => {
                // Replies that were dropped in this turn were dropped by a living actor.
                me.seat.0.seat.drop_orphans();
                Poll::Pending
            }
            Poll::Ready(reason) => {
                me.end(&reason);
                Poll::Ready(())
            }
        }
    }
}

impl<M, F> Drop for LocalFuture<M, F> {
    /// Its thread lets go of it: the actor ends as one that was killed.
    fn drop(&mut self) {
        if self.body.is_none() {
            return;
        }
        let front = self.pid.cell();
        // Whoever watched it by now is to be told why it ended.
        let _ = front.queue.wake();
        let sentence = self.seat.with(front, |_| {
            // SAFETY: the token is ours, and nothing is borrowed.
            unsafe { begin(front) };
            // SAFETY: as above.
            unsafe { front.run() }.take_sentence()
        });
        self.end(&sentence.flatten().unwrap_or(ExitReason::Killed));
    }
}
