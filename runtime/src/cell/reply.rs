//! The reply cell: one answer, once, between whoever asks and whoever holds the [`Reply`].
//!
//! The cell is shared by two sides, the *asker* ([`Answer`]) and the *replier* ([`Reply`]). Either
//! may leave first; the last one gives the memory back. `slot.rs` has the state word and its steps,
//! `REPLY.md` says why they are right.

#[cfg(not(wharf_loom))]
mod own;
#[cfg(wharf_loom)]
pub mod own;
mod slot;

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crate::error::AskError;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::scheduler::Seat;

use self::slot::{Left, Published, Slot, Waited};
use super::fate::{self, Fate};

/// Stands for the cell of a reply that nobody waits for. Null stays free, so that a message enum
/// can use it as a discriminant; no cell has this address, which is not even aligned for one.
const NO_CELL: NonNull<()> = NonNull::dangling();

/// A send-once right: whoever holds it owes one answer.
///
/// It travels inside the request. It may be kept and used later, from anywhere. Dropped without an
/// answer, it tells the asker so.
///
/// # Examples
/// ```
/// use wharf_runtime::Reply;
/// let nobody: Reply<u8> = Reply::none();
/// assert!(!nobody.is_wanted());
/// assert_eq!(nobody.send(3), Err(3));
/// ```
#[must_use = "a reply that is dropped tells the asker that no answer comes"]
pub struct Reply<T> {
    cell: NonNull<()>,
    _value: PhantomData<fn(T)>,
}

// SAFETY: the replier's side may move to another thread with the value it sends.
unsafe impl<T: Send> Send for Reply<T> {}
// SAFETY: a shared reply can only be asked whether it is wanted, which reads an atomic.
unsafe impl<T: Send> Sync for Reply<T> {}

impl<T> Reply<T> {
    /// A reply that nobody waits for.
    pub const fn none() -> Self {
        Self { cell: NO_CELL, _value: PhantomData }
    }

    /// Answers.
    ///
    /// # Errors
    /// The value, when nobody waits for it any more.
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        let this = ManuallyDrop::new(self);
        let Some(cell) = this.cell() else { return Err(value) };
        // SAFETY: the replier's side is used up here.
        match unsafe { finish(cell, Ok(value)) } {
            Some(Ok(value)) => Err(value),
            None | Some(Err(_)) => Ok(()),
        }
    }

    /// Tells the asker that there is no answer, and why.
    #[cfg(feature = "wire")]
    pub(crate) fn fail(self, why: Unanswered) {
        let this = ManuallyDrop::new(self);
        let Some(cell) = this.cell() else { return };
        // SAFETY: the replier's side is used up here.
        drop(unsafe { finish(cell, Err(why)) });
    }

    /// Whether somebody still waits for the answer.
    #[must_use]
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.cell().is_some_and(|cell| {
            // SAFETY: the replier's side keeps the cell alive.
            !unsafe { cell.as_ref() }.is_gone()
        })
    }

    #[inline(always)]
    fn cell(&self) -> Option<NonNull<Slot<T>>> {
        if self.cell == NO_CELL { None } else { Some(self.cell.cast()) }
    }
}

impl<T> Drop for Reply<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(cell) = self.cell() {
            drop_unanswered(Orphan { cell: cell.cast(), close: close::<T> });
        }
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("wanted", &self.is_wanted()).finish()
    }
}

#[cold]
#[inline(never)]
fn drop_unanswered(orphan: Orphan) {
    match fate::of_dropped_reply() {
        Fate::NoReply => orphan.close(Unanswered::NoReply),
        Fate::Down(reason) => orphan.close(Unanswered::Down(reason)),
        Fate::NodeStopped => orphan.close(Unanswered::NodeStopped),
        Fate::Later => fate::adopt(orphan),
    }
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Unanswered {
    /// The reply was dropped.
    NoReply,
    /// Its holder died.
    Down(ExitReason),
    /// The node is gone.
    NodeStopped,
    /// It was asked of another node, which said so, or can't be reached. Boxed: it is rare, and
    /// would make all cells larger.
    #[cfg(feature = "wire")]
    Failed(Box<AskError>),
    /// The connection that the reply had left by is gone.
    #[cfg(feature = "wire")]
    NoConnection,
}

impl Unanswered {
    /// What somebody is told who asked `to`: the reply does not know whom it went to.
    #[cfg_attr(not(feature = "wire"), allow(unused_variables, reason = "what is here needs no name"))]
    pub fn into_error(self, to: ActorId) -> AskError {
        match self {
            Self::NoReply => AskError::NoReply,
            Self::Down(reason) => AskError::Down(reason),
            Self::NodeStopped => AskError::NodeStopped,
            #[cfg(feature = "wire")]
            Self::Failed(why) => *why,
            #[cfg(feature = "wire")]
            Self::NoConnection => AskError::NoConnection { to },
        }
    }
}

/// The replier's side of a cell whose asker is told later why no answer comes. Dropped, it tells
/// [`Unanswered::NoReply`].
pub struct Orphan {
    cell: NonNull<()>,
    close: unsafe fn(NonNull<()>, Unanswered),
}

impl Orphan {
    /// Tells the asker.
    pub fn close(self, why: Unanswered) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `close` was chosen for the type of the cell, and the side is used up here.
        unsafe { (this.close)(this.cell, why) };
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // SAFETY: as in `close`, which did not happen.
        unsafe { (self.close)(self.cell, Unanswered::NoReply) };
    }
}

impl fmt::Debug for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orphan").finish_non_exhaustive()
    }
}

/// # Safety
/// As for [`finish`], of a `Slot<T>`.
unsafe fn close<T>(cell: NonNull<()>, why: Unanswered) {
    // SAFETY: by contract.
    drop(unsafe { finish::<T>(cell.cast(), Err(why)) });
}

/// Publishes the outcome; gives it back when the asker has gone.
///
/// # Safety
/// The caller has the replier's side, and gives it up.
#[inline]
unsafe fn finish<T>(cell: NonNull<Slot<T>>, outcome: Result<T, Unanswered>) -> Option<Result<T, Unanswered>> {
    // SAFETY: the replier's side keeps the cell alive until it has published.
    let at = unsafe { cell.as_ref() };
    // SAFETY: the caller has the replier's side, and has not published.
    unsafe { at.write_outcome(outcome) };
    match at.transition_to_full() {
        Published::Unseen => None,
        Published::Awaited(waker) => {
            Seat::note_wake_of_other();
            waker.wake();
            None
        }
        Published::Woken(woken) => {
            woken.carry_out();
            None
        }
        Published::Gone => {
            // SAFETY: the replier's alone after GONE; the outcome was written above.
            Some(unsafe { Slot::take_outcome(cell) })
        }
    }
}

/// The asker's side.
#[must_use = "the answer is lost with it"]
pub struct Answer<T> {
    /// `None` once the outcome was taken.
    cell: Option<NonNull<Slot<T>>>,
}

// SAFETY: the asker's side may move to another thread with the value it gets.
unsafe impl<T: Send> Send for Answer<T> {}
// SAFETY: a shared answer offers nothing.
unsafe impl<T: Send> Sync for Answer<T> {}

impl<T> Answer<T> {
    /// One that never comes.
    pub const fn none() -> Self {
        Self { cell: None }
    }

    /// The outcome, once; pending for ever after. Until then the waker of the last poll is woken
    /// when it comes.
    #[inline(always)]
    #[allow(clippy::needless_pass_by_ref_mut, reason = "as futures are polled")]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Unanswered>> {
        let Some(cell) = self.cell else { return Poll::Pending };
        // SAFETY: the asker's side keeps the cell alive.
        let at = unsafe { cell.as_ref() };
        if !at.is_full()
            && let Waited::Waiting = at.wait(cx.waker())
        {
            return Poll::Pending;
        }
        // SAFETY: it is full, as one of the two said.
        Poll::Ready(unsafe { self.take(cell) })
    }

    /// The outcome, if it is there and was not taken before.
    #[inline]
    pub fn try_take(&mut self) -> Option<Result<T, Unanswered>> {
        let cell = self.cell?;
        // SAFETY: the asker's side keeps the cell alive.
        if unsafe { cell.as_ref() }.is_full() {
            // SAFETY: it just said so.
            Some(unsafe { self.take(cell) })
        } else {
            None
        }
    }

    /// Lets go of a cell whose outcome was not taken.
    #[cold]
    #[inline(never)]
    fn leave(&mut self) {
        if self.try_take().is_some() {
            return;
        }
        let Some(cell) = self.cell.take() else { return };
        // SAFETY: the asker's side keeps the cell alive until it has published GONE.
        let at = unsafe { cell.as_ref() };
        let waker = at.transition_to_empty();
        let outcome = match at.transition_to_gone() {
            Left::Gone => None,
            // SAFETY: the asker's alone after FULL, with the outcome in it.
            Left::Full => Some(unsafe { Slot::take_outcome(cell) }),
        };
        // Foreign code, and it may panic: the cell is out of reach by now.
        drop((outcome, waker));
    }

    /// # Safety
    /// The cell is this one's, and FULL.
    #[inline(always)]
    unsafe fn take(&mut self, cell: NonNull<Slot<T>>) -> Result<T, Unanswered> {
        self.cell = None;
        // SAFETY: the asker's alone after FULL, with the outcome in it; it forgot the cell above.
        unsafe { Slot::take_outcome(cell) }
    }
}

impl<T> Drop for Answer<T> {
    #[inline]
    fn drop(&mut self) {
        if self.cell.is_some() {
            self.leave();
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("open", &self.cell.is_some()).finish()
    }
}

/// Both sides of a new cell.
#[inline]
pub fn pair<T>() -> (Reply<T>, Answer<T>) {
    let cell = Slot::<T>::alloc();
    (Reply { cell: cell.cast(), _value: PhantomData }, Answer { cell: Some(cell) })
}

#[cfg(all(test, not(wharf_loom)))]
mod tests;
