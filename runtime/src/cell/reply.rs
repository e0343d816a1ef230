//! The reply cell: one answer, once, between whoever asks and whoever holds the [`Reply`].
//!
//! ```text
//!            asker waits            replier answers
//!   EMPTY ----------------> WAIT ------------------> LOCK --> FULL      (the asker frees the cell)
//!     |                      | ^                               ^
//!     |                      | | asker changes its waker       |
//!     |                      v |                               |
//!     |                     LOCK --> GONE                      |
//!     |                       asker leaves                     |
//!     +--------------------------------------------------------+        replier answers first
//!     +--> GONE   asker leaves first                                    (the replier frees the cell)
//! ```
//! Access rules:
//! - `outcome`: written by the replier before FULL, also when it finds GONE and takes it back; read
//!   by the asker after FULL.
//! - `waker`: written by the asker before WAIT, and under its own LOCK; taken by the replier under
//!   its LOCK. Nobody touches it in EMPTY but the asker, in FULL and GONE nobody at all.
//! - the cell: after FULL the asker's alone, after GONE the replier's alone. Neither side touches it
//!   after it has published the other's turn; wakers are woken after that.
//!
//! LOCK is held for a few instructions, so the other side spins.

use std::alloc::Layout;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, Waker};

use crate::exit::ExitReason;
use crate::pool;
use crate::primitive::{AtomicU32, Ordering, UnsafeCell, mutated, spin_loop};

use super::fate::{self, Fate};

const EMPTY: u32 = 0;
const WAIT: u32 = 1;
const LOCK: u32 = 2;
const FULL: u32 = 3;
const GONE: u32 = 4;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum Unanswered {
    /// The reply was dropped.
    NoReply,
    /// Its holder died.
    Down(ExitReason),
    /// The node is gone.
    NodeStopped,
}

struct ReplyCell<T> {
    state: AtomicU32,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    outcome: UnsafeCell<MaybeUninit<Result<T, Unanswered>>>,
}

/// What the replier found when it published the outcome.
#[must_use]
enum Published {
    /// The asker will see it; wake it, if it waits.
    Wake(Option<Waker>),
    /// The asker has gone: outcome and cell are the replier's.
    Gone,
}

/// What the asker found.
#[must_use]
enum Polled {
    /// The outcome is there, and the cell is the asker's.
    Full,
    /// The waker is registered.
    Waiting,
}

impl<T> ReplyCell<T> {
    fn alloc() -> NonNull<Self> {
        let cell: NonNull<Self> = pool::take(Layout::new::<Self>()).cast();
        // SAFETY: the memory is ours and fits.
        unsafe {
            cell.write(Self {
                state: AtomicU32::new(EMPTY),
                waker: UnsafeCell::new(MaybeUninit::uninit()),
                outcome: UnsafeCell::new(MaybeUninit::uninit()),
            });
        }
        cell
    }

    /// # Safety
    /// The cell is the caller's alone; waker and outcome have been moved out.
    unsafe fn free(cell: NonNull<Self>) {
        #[cfg(wharf_loom)]
        {
            // Writing to all parts tells loom that nobody else may be using them.
            // SAFETY: by contract.
            let at = unsafe { &mut *cell.as_ptr() };
            at.state.with_mut(|_| {});
            at.waker.with_mut(|_| {});
            at.outcome.with_mut(|_| {});
        }
        // SAFETY: by contract. Drops nothing but what loom tracks.
        unsafe { ptr::drop_in_place(cell.as_ptr()) };
        // SAFETY: by contract; taken with this layout.
        unsafe { pool::give(cell.cast(), Layout::new::<Self>()) };
    }

    /// The replier's one step, after it has written the outcome.
    #[inline]
    fn transition_to_full(&self) -> Published {
        let release = if mutated("reply: full is relaxed") { Ordering::Relaxed } else { Ordering::Release };
        // Release pairs with the asker's Acquire: it sees the outcome. Acquire on failure: GONE
        // hands the cell over.
        match self.state.compare_exchange(EMPTY, FULL, release, Ordering::Acquire) {
            Ok(_) => return Published::Wake(None),
            Err(GONE) => return Published::Gone,
            Err(_) => {}
        }
        loop {
            // Acquire pairs with the asker's Release of WAIT: we see its waker.
            match self.state.compare_exchange(WAIT, LOCK, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => break,
                Err(GONE) => return Published::Gone,
                Err(_) => spin_loop(),
            }
        }
        // SAFETY: WAIT says that a waker is there, and LOCK that it is ours.
        let waker = self.waker.with_mut(|waker| unsafe { (*waker).assume_init_read() });
        // Release: as above. The cell is the asker's from here on.
        self.state.store(FULL, release);
        if mutated("reply: nobody is woken") {
            return Published::Wake(None);
        }
        Published::Wake(Some(waker))
    }

    /// The asker looks, and leaves its waker if there is nothing.
    #[inline]
    fn poll(&self, waker: &Waker) -> Polled {
        // Acquire pairs with the replier's Release of FULL.
        match self.state.load(Ordering::Acquire) {
            FULL => Polled::Full,
            EMPTY => self.transition_to_wait(waker),
            _ => self.renew(waker),
        }
    }

    fn transition_to_wait(&self, waker: &Waker) -> Polled {
        let mine = waker.clone();
        // SAFETY: EMPTY: nobody but the asker touches the waker.
        self.waker.with_mut(|slot| {
            // SAFETY: as above.
            unsafe { (*slot).write(mine) };
        });
        if mutated("reply: wait is stored") {
            self.state.store(WAIT, Ordering::Release);
            return Polled::Waiting;
        }
        // Release pairs with the replier's Acquire of WAIT; Acquire with its Release of FULL.
        match self.state.compare_exchange(EMPTY, WAIT, Ordering::Release, Ordering::Acquire) {
            Ok(_) => Polled::Waiting,
            Err(_) => {
                // FULL: it answered first, and has not looked at the waker.
                // SAFETY: written just now.
                drop(self.waker.with_mut(|slot| unsafe { (*slot).assume_init_read() }));
                Polled::Full
            }
        }
    }

    /// A later poll: is it still the same waker?
    #[cold]
    fn renew(&self, waker: &Waker) -> Polled {
        if !mutated("reply: waker changes without the lock") && !self.transition_to_lock() {
            return Polled::Full;
        }
        let old = self.waker.with_mut(|slot| {
            // SAFETY: WAIT says that a waker is there, and LOCK that it is ours.
            let slot = unsafe { (*slot).assume_init_mut() };
            if slot.will_wake(waker) { None } else { Some(std::mem::replace(slot, waker.clone())) }
        });
        // Release pairs with the replier's Acquire of WAIT.
        self.state.store(WAIT, Ordering::Release);
        drop(old);
        Polled::Waiting
    }

    /// The asker takes the lock out of WAIT; false when the outcome came first.
    fn transition_to_lock(&self) -> bool {
        loop {
            // Acquire on failure pairs with the replier's Release of FULL.
            match self.state.compare_exchange(WAIT, LOCK, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return true,
                Err(FULL) => return false,
                Err(_) => spin_loop(),
            }
        }
    }

    /// The asker leaves; false when the outcome came first, and the cell is the asker's.
    fn transition_to_gone(&self) -> bool {
        // Release pairs with the replier's Acquire of GONE: the cell is its own from here on.
        match self.state.compare_exchange(EMPTY, GONE, Ordering::Release, Ordering::Acquire) {
            Ok(_) => return true,
            Err(FULL) => return false,
            Err(_) => {}
        }
        if !self.transition_to_lock() {
            return false;
        }
        if mutated("reply: gone before the waker is taken") {
            self.state.store(GONE, Ordering::Release);
        }
        // Before GONE is published: afterwards the replier may free the cell.
        // SAFETY: WAIT said that a waker is there, and LOCK that it is ours.
        let waker = self.waker.with_mut(|slot| unsafe { (*slot).assume_init_read() });
        // Release: as above.
        self.state.store(GONE, Ordering::Release);
        drop(waker);
        true
    }

    /// # Safety
    /// The outcome is there, is the caller's, and is taken once.
    unsafe fn take_outcome(&self) -> Result<T, Unanswered> {
        // SAFETY: by contract.
        self.outcome.with_mut(|outcome| unsafe { (*outcome).assume_init_read() })
    }
}

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
pub struct Reply<T> {
    cell: Option<NonNull<()>>,
    _value: PhantomData<fn(T)>,
}

// SAFETY: the replier's side may move to another thread with the value it sends.
unsafe impl<T: Send> Send for Reply<T> {}
// SAFETY: a shared reply can only be asked whether it is wanted, which reads an atomic.
unsafe impl<T: Send> Sync for Reply<T> {}

impl<T> Reply<T> {
    /// A reply that nobody waits for.
    #[must_use]
    pub const fn none() -> Self {
        Self { cell: None, _value: PhantomData }
    }

    fn cell(&self) -> Option<NonNull<ReplyCell<T>>> {
        self.cell.map(NonNull::cast)
    }

    /// Whether somebody still waits for the answer.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.cell().is_some_and(|cell| {
            // SAFETY: the replier's side keeps the cell alive.
            // Relaxed: it may change at any moment anyway.
            unsafe { cell.as_ref() }.state.load(Ordering::Relaxed) != GONE
        })
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
            None | Some(Err(_)) => Ok(()),
            Some(Ok(value)) => Err(value),
        }
    }
}

/// Publishes the outcome; gives it back when the asker has gone.
///
/// # Safety
/// The caller holds the replier's side, and gives it up.
#[inline]
unsafe fn finish<T>(
    cell: NonNull<ReplyCell<T>>,
    outcome: Result<T, Unanswered>,
) -> Option<Result<T, Unanswered>> {
    // SAFETY: the replier's side keeps the cell alive until it has published.
    let at = unsafe { cell.as_ref() };
    at.outcome.with_mut(|slot| {
        // SAFETY: before FULL the outcome is the replier's.
        unsafe { (*slot).write(outcome) };
    });
    match at.transition_to_full() {
        Published::Wake(waker) => {
            if let Some(waker) = waker {
                waker.wake();
            }
            None
        }
        Published::Gone => {
            // SAFETY: written above, and after GONE all is the replier's.
            let outcome = unsafe { at.take_outcome() };
            // SAFETY: as above.
            unsafe { ReplyCell::free(cell) };
            Some(outcome)
        }
    }
}

impl<T> Drop for Reply<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(cell) = self.cell() {
            drop_unanswered(cell);
        }
    }
}

#[cold]
fn drop_unanswered<T>(cell: NonNull<ReplyCell<T>>) {
    let orphan = Orphan { cell: cell.cast(), close: close::<T> };
    match fate::of_dropped_reply() {
        Fate::NoReply => orphan.close(Unanswered::NoReply),
        Fate::Down(reason) => orphan.close(Unanswered::Down(reason)),
        Fate::NodeStopped => orphan.close(Unanswered::NodeStopped),
        Fate::Later => fate::adopt(orphan),
    }
}

/// # Safety
/// `cell` is a `ReplyCell<T>` whose replier's side the caller holds and gives up.
unsafe fn close<T>(cell: NonNull<()>, why: Unanswered) {
    // SAFETY: by contract.
    drop(unsafe { finish::<T>(cell.cast(), Err(why)) });
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("wanted", &self.is_wanted()).finish()
    }
}

/// A dropped reply whose asker is to be told later why.
pub struct Orphan {
    cell: NonNull<()>,
    close: unsafe fn(NonNull<()>, Unanswered),
}

impl Orphan {
    /// Tells the asker.
    pub fn close(self, why: Unanswered) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `close` was chosen with the cell's type, and is called once.
        unsafe { (this.close)(this.cell, why) };
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        // SAFETY: not closed, so the replier's side is still ours.
        unsafe { (self.close)(self.cell, Unanswered::NoReply) };
    }
}

/// The asker's side.
pub struct Answer<T> {
    cell: Option<NonNull<ReplyCell<T>>>,
}

// SAFETY: the asker's side may move to another thread with the value it gets.
unsafe impl<T: Send> Send for Answer<T> {}
// SAFETY: a shared answer offers nothing.
unsafe impl<T: Send> Sync for Answer<T> {}

impl<T> Answer<T> {
    /// The outcome, once; the future must not be polled after.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Unanswered>> {
        let Some(cell) = self.cell else { return Poll::Pending };
        // SAFETY: the asker's side keeps the cell alive.
        let at = unsafe { cell.as_ref() };
        match at.poll(cx.waker()) {
            Polled::Waiting => Poll::Pending,
            Polled::Full => {
                self.cell = None;
                // SAFETY: FULL: outcome and cell are the asker's.
                let outcome = unsafe { at.take_outcome() };
                // SAFETY: as above; `at` is not used any more.
                unsafe { ReplyCell::free(cell) };
                Poll::Ready(outcome)
            }
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        // SAFETY: the asker's side keeps the cell alive.
        let at = unsafe { cell.as_ref() };
        if !at.transition_to_gone() {
            // SAFETY: FULL: outcome and cell are the asker's.
            let outcome = unsafe { at.take_outcome() };
            // SAFETY: as above; `at` is not used any more.
            unsafe { ReplyCell::free(cell) };
            drop(outcome);
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
    let cell = ReplyCell::<T>::alloc();
    (Reply { cell: Some(cell.cast()), _value: PhantomData }, Answer { cell: Some(cell) })
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn poll<T>(answer: &mut Answer<T>) -> Poll<Result<T, Unanswered>> {
        answer.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_reply_is_one_word_and_so_is_an_optional_one() {
        assert_eq!(size_of::<Reply<[u64; 9]>>(), size_of::<usize>());
        assert_eq!(size_of::<Answer<[u64; 9]>>(), size_of::<usize>());
    }

    #[test]
    fn an_answer_arrives_before_and_after_the_wait_began() {
        let (reply, mut answer) = pair();
        assert!(reply.is_wanted());
        reply.send(7).unwrap();
        assert!(matches!(poll(&mut answer), Poll::Ready(Ok(7))));
        let (reply, mut answer) = pair();
        assert!(poll(&mut answer).is_pending());
        assert!(poll(&mut answer).is_pending());
        reply.send(8).unwrap();
        assert!(matches!(poll(&mut answer), Poll::Ready(Ok(8))));
    }

    #[test]
    fn a_dropped_reply_says_so() {
        let (reply, mut answer) = pair::<u8>();
        drop(reply);
        assert!(matches!(poll(&mut answer), Poll::Ready(Err(Unanswered::NoReply))));
    }

    #[test]
    fn a_late_value_comes_back_and_an_unread_one_is_dropped_once() {
        let value = Rc::new(());
        let (reply, answer) = pair();
        drop(answer);
        assert!(!reply.is_wanted());
        let back = reply.send(Rc::clone(&value)).unwrap_err();
        assert_eq!(Rc::strong_count(&value), 2);
        drop(back);
        let (reply, answer) = pair();
        reply.send(Rc::clone(&value)).unwrap();
        drop(answer);
        assert_eq!(Rc::strong_count(&value), 1);
    }
}
