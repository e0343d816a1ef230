//! One turn of one actor, and everything that depends on its type.

use std::alloc::Layout;
use std::error::Error;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::cell::pid::Pid;
use crate::exit::ExitReason;
use crate::node::NodeShared;
use crate::panic_hook;
use crate::primitive::{Ordering, UnsafeCell};
use crate::queue::Parked;
use crate::scheduler::timers::NEVER;
use crate::scheduler::{Seat, budget, carry_out};

use super::death;
use super::explored::Runnable;
use super::header::{ActorCell, Armed, Birth, Header, Ran, VTable, Wait};
use super::pages::Class;
use super::reception::{Verdict, receive_signals};
use super::words::Flag;

/// A future larger than this gets an allocation of its own, freed when the actor ends, so that a
/// stale pid holds only a small cell.
const INLINE_BODY: usize = 512;

/// What an actor's future may come to.
pub trait Outcome {
    /// The reason with which the actor ends.
    fn into_reason(self) -> ExitReason;
}

impl Outcome for () {
    fn into_reason(self) -> ExitReason {
        ExitReason::Normal
    }
}

impl Outcome for ExitReason {
    fn into_reason(self) -> ExitReason {
        self
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> Outcome for Result<(), E> {
    fn into_reason(self) -> ExitReason {
        match self {
            Ok(()) => ExitReason::Normal,
            Err(error) => match error.into().downcast::<Carrier>() {
                Ok(carrier) => carrier.0,
                Err(error) => ExitReason::failed(error),
            },
        }
    }
}

/// Carries an exit reason through a boxed error.
#[derive(Debug)]
struct Carrier(ExitReason);

impl std::fmt::Display for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Carrier {}

impl From<ExitReason> for Box<dyn Error + Send + Sync> {
    fn from(reason: ExitReason) -> Self {
        Box::new(Carrier(reason))
    }
}

/// A whole cell.
#[repr(C)]
struct FullCell<M, F> {
    front: ActorCell<M>,
    body: UnsafeCell<ManuallyDrop<F>>,
}

struct TypeOf<M, F>(std::marker::PhantomData<(M, F)>);

impl<M, F> TypeOf<M, F>
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    /// The class of the cell. One that fits none is never made: `spawn` boxes its body.
    const CLASS: Class = match Class::of(Layout::new::<FullCell<M, F>>()) {
        Some(class) => class,
        None => Class::LARGEST,
    };

    const WORKER: VTable = VTable {
        run: run::<M, F>,
        end: end::<M, F>,
        schedule: None,
        clear: clear::<M>,
        class: Self::CLASS,
        message_type: std::any::TypeId::of::<M>,
        message_name: std::any::type_name::<M>,
        actor_name: std::any::type_name::<F>,
    };

    const EXPLORED: VTable = VTable { schedule: Some(schedule_explored), ..Self::WORKER };
}

/// Leaves it to the explorer when a cell runs.
unsafe fn schedule_explored(cell: NonNull<Header>) {
    // SAFETY: the token's reference keeps the cell alive.
    let core = unsafe { cell.as_ref() }.node().core();
    // SAFETY: by contract the token is the caller's, who gives it up.
    core.schedule(unsafe { Runnable::new(cell) });
}

/// Spawns an actor: makes the cell, lets `start` make the future, and schedules the first turn.
pub fn spawn<M, F>(node: NonNull<NodeShared>, birth: Birth, start: impl FnOnce(Pid<M>) -> F) -> Pid<M>
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let inline = size_of::<F>() <= INLINE_BODY && align_of::<F>() <= 16;
    debug_assert!(!inline || Class::of(Layout::new::<FullCell<M, F>>()).is_some());
    if inline { place(node, birth, start) } else { place(node, birth, |pid| Box::pin(start(pid))) }
}

fn place<M, F>(node: NonNull<NodeShared>, birth: Birth, start: impl FnOnce(Pid<M>) -> F) -> Pid<M>
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let explored = birth.kind == super::state::Kind::Explored;
    let vtable = if explored { &TypeOf::<M, F>::EXPLORED } else { &TypeOf::<M, F>::WORKER };
    let at = NodeShared::take_cell(node, vtable.class).cast::<FullCell<M, F>>();
    // SAFETY: only an address is computed.
    let front = unsafe { NonNull::new_unchecked(ptr::addr_of_mut!((*at.as_ptr()).front)) };
    // Two references: the token's and the pid's.
    // SAFETY: the cell is free and as large as its class.
    unsafe { ActorCell::write(front, vtable, node, birth, 2) };
    // SAFETY: the second of the two references.
    let pid = unsafe { Pid::from_raw(front) };
    let body = start(pid.clone());
    // SAFETY: the body's place is free memory of the same cell; nobody runs the cell yet.
    unsafe { ptr::addr_of_mut!((*at.as_ptr()).body).write(UnsafeCell::new(ManuallyDrop::new(body))) };
    pid.cell().tenancy.transition_to_born();
    // SAFETY: the node lives while a cell of it is referred to.
    unsafe { node.as_ref() }.actor_spawned(pid.cell().header());
    // SAFETY: a new cell's token is its maker's.
    unsafe { crate::scheduler::schedule(front.cast()) };
    pid
}

/// A spawned cell's front begins the cell.
const _: () = assert!(std::mem::offset_of!(FullCell<u8, u8>, front) == 0);

/// Runs one turn. The seat's current actor is its caller's to take back, before anything else uses
/// the seat.
///
/// # Safety
/// The cell is a `FullCell<M, F>`, and the caller holds its token.
unsafe fn run<M, F>(cell: NonNull<Header>, seat: &Seat) -> Ran
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    // SAFETY: by contract.
    let full = unsafe { cell.cast::<FullCell<M, F>>().as_ref() };
    let front = &full.front;
    // SAFETY: by contract.
    unsafe { front.queue.begin_turn() };
    // SAFETY: by contract; not used across anything that makes another.
    let run = unsafe { front.run() };
    run.wait = Wait::Unknown;
    if front.deadline.load(Ordering::Relaxed) != NEVER {
        front.deadline.store(NEVER, Ordering::Relaxed);
    }
    if run.extension.is_some() || !front.lane.is_calm() {
        // SAFETY: by contract; `run` is not used any more.
        if let Some(reason) = unsafe { begin_rare(front) } {
            // SAFETY: by contract.
            return unsafe { die::<M, F>(full, seat, reason) };
        }
        // SAFETY: by contract.
        if unsafe { front.run() }.flags.has(Flag::BodyGone) {
            // SAFETY: by contract; death began in an earlier turn.
            return unsafe { death::resume(front, seat) };
        }
    }

    seat.set_current(Some(front.header()));
    let waker = ManuallyDrop::new(borrowed_waker(cell));
    let mut cx = Context::from_waker(&waker);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        full.body.with_mut(|body| {
            // SAFETY: the token's holder alone touches the body, which stays where it is until it
            // is dropped, and has not been dropped.
            let body = unsafe { Pin::new_unchecked(&mut **body) };
            body.poll(&mut cx)
        })
    }));
    match polled {
        // SAFETY: by contract.
        Ok(Poll::Pending) => unsafe { park::<M, F>(full, seat) },
        Ok(Poll::Ready(outcome)) => {
            seat.set_current(None);
            // SAFETY: by contract.
            let reason = unsafe { ended(front, outcome.into_reason()) };
            death::tell_orphans(front.header(), seat, &reason);
            // SAFETY: by contract.
            unsafe { die::<M, F>(full, seat, reason) }
        }
        Err(payload) => {
            seat.set_current(None);
            let reason = ExitReason::Panicked(panic_hook::take(payload));
            death::tell_orphans(front.header(), seat, &reason);
            // SAFETY: by contract.
            unsafe { die::<M, F>(full, seat, reason) }
        }
    }
}

/// What an actor ended with, unless a signal had settled that already.
///
/// # Safety
/// The caller holds the token.
unsafe fn ended<M>(front: &ActorCell<M>, reason: ExitReason) -> ExitReason {
    // SAFETY: by contract.
    let settled = unsafe { front.run() }.extension.as_mut().and_then(|ext| ext.exiting.take());
    settled.unwrap_or(reason)
}

/// The beginning of a turn of an actor that has signals waiting or an extension.
///
/// # Safety
/// The caller holds the token.
#[cold]
#[inline(never)]
unsafe fn begin_rare<M>(front: &ActorCell<M>) -> Option<ExitReason> {
    // SAFETY: by contract.
    if unsafe { front.run() }.flags.has(Flag::BodyGone) {
        return None;
    }
    if front.lane.has_signals() {
        // SAFETY: by contract.
        if let Verdict::Die(reason) = unsafe { receive_signals(front.header()) } {
            return Some(reason);
        }
    }
    // SAFETY: by contract.
    let foreign = unsafe { front.run() }.extension.as_mut().and_then(|ext| ext.foreign.take());
    if let Some(waker) = foreign {
        waker.wake();
    }
    None
}

/// The end of a turn that left the future pending.
///
/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn park<M, F>(full: &FullCell<M, F>, seat: &Seat) -> Ran
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let front = &full.front;
    // SAFETY: by contract.
    let run = unsafe { front.run() };
    if let Some(reason) = run.take_sentence() {
        seat.set_current(None);
        // SAFETY: by contract.
        return unsafe { die::<M, F>(full, seat, reason) };
    }
    // From here on the next turn's: after parking nothing of the cell may be touched.
    let armed = run.armed;
    if armed == Armed::ThisTurn {
        run.armed = Armed::Earlier;
    }
    if run.flags.take(Flag::Yielded) {
        return Ran::Requeue;
    }
    if front.deadline.load(Ordering::Relaxed) != NEVER {
        // SAFETY: by contract.
        unsafe { list_deadline(front, seat) };
    }
    // A receive that this turn did not poll has had its wake already, if something is there.
    // SAFETY: by contract.
    let wants = armed == Armed::ThisTurn || (armed == Armed::Earlier && unsafe { front.queue.is_empty() });
    let parked = if wants {
        let (slice, last) = (seat.slice(), run.words.living().last_slice);
        let cold = slice != last && {
            run.words.living_mut().last_slice = slice;
            slice.wrapping_sub(last) > budget::COLD_SLICES
        };
        // SAFETY: by contract.
        unsafe { front.queue.park_for_messages(cold) }
    } else {
        run.armed = Armed::No;
        // SAFETY: by contract.
        unsafe { front.queue.park_for_wake() }
    };
    if parked == Parked::Yes {
        return Ran::Parked;
    }
    // SAFETY: by contract: not parked, so the token is still ours.
    unsafe { settle_for_waiters(front) };
    Ran::Requeue
}

/// Parking fails while senders wait for credits that the actor owes.
///
/// # Safety
/// The caller holds the token.
#[cold]
#[inline(never)]
unsafe fn settle_for_waiters<M>(front: &ActorCell<M>) {
    // SAFETY: by contract.
    if !front.queue.hands_over() && unsafe { front.queue.owes_waiters() } {
        // SAFETY: by contract.
        unsafe { front.queue.settle() };
    }
}

/// Puts the cell on the worker's list of open deadlines, unless it is there already.
///
/// # Safety
/// The caller holds the token.
unsafe fn list_deadline<M>(front: &ActorCell<M>, seat: &Seat) {
    let Some(worker) = seat.worker() else { return };
    let mut timers = seat.timers.borrow_mut();
    let mark = worker.mark_of(timers.tick());
    // SAFETY: by contract.
    let living = unsafe { front.run() }.words.living_mut();
    if living.listed != mark {
        living.listed = mark;
        // SAFETY: by contract.
        unsafe { timers.list(NonNull::from(front.header())) };
    }
}

/// Begins death: drops the body, then goes on to the rest.
///
/// # Safety
/// As for [`run`]; the body has not been dropped.
#[cold]
#[inline(never)]
unsafe fn die<M, F>(full: &FullCell<M, F>, seat: &Seat, reason: ExitReason) -> Ran
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let front = &full.front;
    // SAFETY: by contract.
    unsafe { death::begin(front, &reason) };
    let scope = death::Scope::enter(front.header(), seat, &reason);
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        full.body.with_mut(|body| {
            // SAFETY: dropped once: the flag is set below, and nobody polls it any more.
            unsafe { ManuallyDrop::drop(&mut *body) };
        });
    }));
    drop(scope);
    // SAFETY: by contract.
    unsafe { front.run() }.flags.set(Flag::BodyGone);
    if let Err(payload) = dropped {
        let info = panic_hook::take(payload);
        tracing::error!(target: "wharf::crash", actor = %front.id(), "panic while its state was dropped: {}", info.message());
    }
    // SAFETY: by contract.
    unsafe { death::finish(front, seat, reason) }
}

/// Ends an actor that no worker will run any more.
///
/// # Safety
/// As for [`run`].
unsafe fn end<M, F>(cell: NonNull<Header>, seat: &Seat, reason: &ExitReason)
where
    M: Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    // SAFETY: by contract.
    let full = unsafe { cell.cast::<FullCell<M, F>>().as_ref() };
    // SAFETY: by contract.
    let mut ran = if unsafe { full.front.run() }.flags.has(Flag::BodyGone) {
        Ran::Requeue
    } else {
        // SAFETY: by contract.
        unsafe { die::<M, F>(full, seat, reason.clone()) }
    };
    while ran != Ran::Done {
        // A sender is between claiming its slot and filling it: a few instructions.
        crate::primitive::yield_thread();
        // SAFETY: by contract; death has begun.
        ran = unsafe { death::resume(&full.front, seat) };
    }
}

/// Drops what is left of a cell.
///
/// # Safety
/// The cell's messages are of type `M`, its body is gone, and nobody refers to it.
pub(crate) unsafe fn clear<M>(cell: NonNull<Header>) {
    let front = cell.cast::<ActorCell<M>>().as_ptr();
    // SAFETY: by contract.
    let run = unsafe { (*front).run() };
    run.extension = None;
    run.save = None;
    // SAFETY: dropped once, before the memory goes back.
    unsafe { ptr::drop_in_place(ptr::addr_of_mut!((*front).queue)) };
    // SAFETY: as above.
    unsafe { ptr::drop_in_place(ptr::addr_of_mut!((*front).lane)) };
}

static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake_waker, wake_waker_by_ref, drop_waker);

/// A waker that does not count as a reference.
fn borrowed_waker(cell: NonNull<Header>) -> Waker {
    // SAFETY: the functions below keep the contract of a waker whose data is a reference to the
    // cell; this one is never dropped and borrows the token's reference.
    unsafe { Waker::from_raw(RawWaker::new(cell.as_ptr().cast::<()>(), &WAKER)) }
}

/// The cell, if this waker is an actor's own.
#[cfg(not(wharf_loom))]
#[inline(always)]
pub fn cell_of_waker(waker: &Waker) -> Option<NonNull<Header>> {
    let own = ptr::eq(waker.vtable(), &raw const WAKER);
    if own { NonNull::new(waker.data().cast_mut().cast()) } else { None }
}

/// The waker that a reference to a cell makes.
///
/// # Safety
/// The caller owns the reference, and hands it over.
#[cfg(not(wharf_loom))]
#[inline(always)]
pub unsafe fn waker_of_reference(cell: NonNull<Header>) -> Waker {
    // SAFETY: the functions of the table keep the contract of a waker that owns a reference.
    unsafe { Waker::from_raw(RawWaker::new(cell.as_ptr().cast::<()>(), &WAKER)) }
}

/// Whether waking this waker schedules the cell itself.
#[inline(always)]
pub fn is_waker_of(waker: &Waker, cell: &Header) -> bool {
    ptr::eq(waker.data(), ptr::from_ref(cell).cast()) && ptr::eq(waker.vtable(), &raw const WAKER)
}

unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: a waker holds (or borrows) a reference to its cell.
    unsafe { &*data.cast::<Header>() }.tenancy.retain();
    RawWaker::new(data, &WAKER)
}

unsafe fn wake_waker(data: *const ()) {
    // SAFETY: as in `clone_waker`.
    unsafe { wake_waker_by_ref(data) };
    // SAFETY: the waker's own reference is given up.
    unsafe { drop_waker(data) };
}

unsafe fn wake_waker_by_ref(data: *const ()) {
    // SAFETY: as in `clone_waker`.
    let cell = unsafe { &*data.cast::<Header>() };
    carry_out(cell, cell.queue.wake());
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: a waker's data is a cell, never null.
    let cell = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) };
    // SAFETY: the waker's own reference is given up.
    unsafe { Header::release(cell) };
}

/// Links a new actor, which has not run yet, with the one being polled on this thread.
pub fn link_with_spawner(child: &crate::cell::pid::AnyPid) {
    let sent = Seat::with(|seat| {
        let parent = seat?.current()?;
        let me = parent.borrowed_pid();
        // SAFETY: the current cell is being run by this thread, and nothing of it is borrowed.
        unsafe { parent.run() }.extension().relations.link(&me, child, false)
    });
    if let Some((to, signal)) = sent {
        to.deliver_now(signal);
    }
}
