//! Wakers that are an actor's own, which most askers wait with: lent instead of cloned, and woken
//! where they lie.
//!
//! Such a waker is a counted reference to the actor's cell. The asker keeps one reference as a
//! *spare*, lends it to the reply cell while it waits, and gets it back with the outcome. So an ask
//! counts no references. A flag in the cell's run part says whether the spare is at home.

use std::task::Waker;

#[cfg(not(wharf_loom))]
pub(super) use self::cell::{Woken, give_back, lend, wake_in_place};
#[cfg(wharf_loom)]
pub(super) use self::model::{Woken, give_back, lend, wake_in_place};

#[cfg(not(wharf_loom))]
mod cell {
    use std::mem::ManuallyDrop;
    use std::ptr::NonNull;

    use crate::cell::header::Header;
    use crate::cell::run::{cell_of_waker, waker_of_reference};
    use crate::cell::words::Flag;
    use crate::queue::Duty;
    use crate::scheduler::{Seat, carry_out};

    use super::Waker;

    /// An actor that was woken, and what is left to be done for it.
    #[must_use = "the actor may have to be scheduled"]
    pub(in super::super) struct Woken {
        cell: NonNull<Header>,
        duty: Duty,
    }

    impl Woken {
        pub(in super::super) fn carry_out(self) {
            if self.duty == Duty::Schedule {
                // SAFETY: the duty is the actor's token, whose reference keeps the cell alive. With no
                // duty the cell may be gone by now, and is not looked at.
                carry_out(unsafe { self.cell.as_ref() }, self.duty);
            }
        }
    }

    /// Wakes the actor whose own waker this is, but does not schedule it yet.
    #[inline(always)]
    pub(in super::super) fn wake_in_place(waker: &Waker) -> Option<Woken> {
        let cell = cell_of_waker(waker)?;
        // SAFETY: the waker holds a reference to its cell.
        let duty = unsafe { cell.as_ref() }.queue.wake();
        Some(Woken { cell, duty })
    }

    /// The cell, if its actor is the one being polled here.
    #[inline(always)]
    fn current(waker: &Waker) -> Option<NonNull<Header>> {
        let cell = cell_of_waker(waker)?;
        let is_current = Seat::with(|seat| seat.is_some_and(|seat| seat.is_current(cell.as_ptr())));
        is_current.then_some(cell)
    }

    /// A waker like this one, for as long as the asker waits.
    #[inline(always)]
    pub(in super::super) fn lend(waker: &Waker) -> Waker {
        if let Some(cell) = current(waker) {
            // SAFETY: it is this actor's turn on this thread, and nothing of it is borrowed.
            let run = unsafe { cell.as_ref().run() };
            if run.flags.take(Flag::Spare) {
                // SAFETY: the spare reference is handed over.
                return unsafe { waker_of_reference(cell) };
            }
        }
        waker.clone()
    }

    /// Takes back what was lent.
    #[inline(always)]
    pub(in super::super) fn give_back(waker: Waker) {
        if let Some(cell) = current(&waker) {
            // SAFETY: as in `lend`.
            let run = unsafe { cell.as_ref().run() };
            if !run.flags.has(Flag::Spare) {
                run.flags.set(Flag::Spare);
                // The waker's reference is the spare one now.
                let _ = ManuallyDrop::new(waker);
            }
        }
    }
}

/// What the models put in the place of actors.
#[cfg(wharf_loom)]
pub mod model {
    use std::cell::Cell;

    use super::Waker;

    thread_local! {
        // loom runs all threads of a model on one.
        static WAKE: Cell<Option<fn(&Waker) -> bool>> = const { Cell::new(None) };
    }

    /// Sets what wakes a waker where it lies; it says whether it did.
    pub fn set_wake_in_place(wake: Option<fn(&Waker) -> bool>) {
        WAKE.set(wake);
    }

    #[must_use = "the actor may have to be scheduled"]
    pub(in super::super) struct Woken;

    impl Woken {
        pub(in super::super) fn carry_out(self) {}
    }

    pub(in super::super) fn wake_in_place(waker: &Waker) -> Option<Woken> {
        let wake = WAKE.get()?;
        wake(waker).then_some(Woken)
    }

    pub(in super::super) fn lend(waker: &Waker) -> Waker {
        waker.clone()
    }

    pub(in super::super) fn give_back(waker: Waker) {
        drop(waker);
    }
}
