//! The signal lane: system messages that keep their place in the order and are noticed at once.
//!
//! A signal is pushed in three steps: note the queue's position, push the signal with it here, wake
//! the receiver. See `README.md` in this folder for why that is enough.
//!
//! The lane is a stack that the receiver takes whole and reverses (Treiber 1986). Its top is null
//! (*calm*), a signal, [`attention`] (the receiver left itself a note) or [`closed`].
//!
//! Access rules: a node belongs to its pusher until the compare-exchange that links it, then to
//! whoever swaps the top out: the holder of the receiver's token.

use std::ptr::{self, null_mut};

use crate::primitive::{AtomicPtr, Ordering, fence, mutated};
use crate::queue::Position;

struct Node<S> {
    next: *mut Self,
    position: Position,
    signal: S,
}

/// A signal and its place: it comes before the message at this position.
#[derive(Debug)]
pub struct Stamped<S> {
    /// The queue's position when the signal was sent.
    pub position: Position,
    /// The signal.
    pub signal: S,
}

/// The lane of one mailbox.
#[repr(transparent)]
pub struct Lane<S> {
    top: AtomicPtr<Node<S>>,
}

/// The receiver has something of its own to look at: notices not due yet, skipped messages.
const fn attention<S>() -> *mut Node<S> {
    ptr::without_provenance_mut(1)
}

/// No signal is accepted any more.
const fn closed<S>() -> *mut Node<S> {
    ptr::without_provenance_mut(2)
}

fn is_node<S>(top: *mut Node<S>) -> bool {
    top.addr() > 2
}

// SAFETY: nodes are handed over through the atomic top.
unsafe impl<S: Send> Send for Lane<S> {}
// SAFETY: as above.
unsafe impl<S: Send> Sync for Lane<S> {}

impl<S> Lane<S> {
    /// A calm lane.
    pub fn new() -> Self {
        Self { top: AtomicPtr::new(null_mut()) }
    }

    /// Whether there is nothing to look at.
    ///
    /// Relaxed is enough between two messages: whoever sent a signal and then a message pushed the
    /// signal first, so the receiver that has seen the message's mark (Acquire) sees the signal by
    /// coherence. A signal nobody's message tells of is noticed through the wake that follows it.
    #[inline(always)]
    pub fn is_calm(&self) -> bool {
        self.top.load(Ordering::Relaxed).is_null()
    }

    /// Whether a signal waits, as opposed to a note of the receiver's own.
    pub fn has_signals(&self) -> bool {
        // Relaxed: as in `is_calm`.
        is_node(self.top.load(Ordering::Relaxed))
    }

    /// Pushes a signal that was sent at `position`. Wake the receiver afterwards.
    ///
    /// # Errors
    /// The signal, when the lane is closed.
    pub fn push(&self, position: Position, signal: S) -> Result<(), S> {
        // Relaxed: nothing is read through it before the compare-exchange.
        let mut top = self.top.load(Ordering::Relaxed);
        if top == closed() {
            Self::acquire_end();
            return Err(signal);
        }
        let node = Box::into_raw(Box::new(Node { next: top, position, signal }));
        loop {
            let order = if mutated("lane: push is relaxed") { Ordering::Relaxed } else { Ordering::Release };
            // Release pairs with the Acquire in `swap`: the receiver sees the node's content.
            match self.top.compare_exchange_weak(top, node, order, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) if seen == closed() && !mutated("lane: push goes on where it closed") => {
                    Self::acquire_end();
                    // SAFETY: never linked, so still ours.
                    return Err(unsafe { Box::from_raw(node) }.signal);
                }
                Err(seen) => {
                    top = seen;
                    // SAFETY: never linked, so still ours.
                    unsafe { (*node).next = top };
                }
            }
        }
    }

    /// Whoever is refused sees what the receiver did before it closed the lane: why it ended.
    fn acquire_end() {
        if !mutated("lane: a refusal acquires nothing") {
            // Pairs with the Release in `swap`.
            fence(Ordering::Acquire);
        }
    }

    /// Takes all signals, oldest first, and leaves the lane calm.
    ///
    /// Only for the holder of the receiver's token.
    pub fn take(&self) -> Vec<Stamped<S>> {
        self.swap(null_mut())
    }

    /// Leaves a note, so that the lane is not calm until it is taken.
    pub fn attend(&self) {
        if mutated("lane: the note is stored blindly") {
            self.top.store(attention(), Ordering::Relaxed);
            return;
        }
        // Relaxed: only the receiver itself acts on the note; a failure means it is not calm anyway.
        let _ = self.top.compare_exchange(null_mut(), attention(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Closes the lane and takes what is left.
    pub fn close(&self) -> Vec<Stamped<S>> {
        self.swap(closed())
    }

    fn swap(&self, to: *mut Node<S>) -> Vec<Stamped<S>> {
        // Acquire pairs with the pushers' Release; Release keeps the receiver's earlier writes
        // before what a pusher that sees `closed` does next.
        let order =
            if mutated("lane: taking acquires nothing") { Ordering::Release } else { Ordering::AcqRel };
        let mut node = self.top.swap(to, order);
        let mut taken = Vec::new();
        while is_node(node) {
            // SAFETY: linked nodes came from `Box::into_raw`, and the swap made them ours.
            let owned = unsafe { Box::from_raw(node) };
            node = owned.next;
            taken.push(Stamped { position: owned.position, signal: owned.signal });
        }
        if !mutated("lane: latest first") {
            taken.reverse();
        }
        taken
    }
}

impl<S> Drop for Lane<S> {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl<S> std::fmt::Debug for Lane<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("calm", &self.is_calm()).finish()
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn signals_come_out_in_the_order_they_went_in() {
        let lane = Lane::new();
        for n in 0..5 {
            lane.push(Position::START, n).unwrap();
        }
        let order: Vec<i32> = lane.take().into_iter().map(|s| s.signal).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert!(lane.is_calm());
    }

    #[test]
    fn a_note_stays_below_signals_and_is_no_signal() {
        let lane = Lane::new();
        lane.attend();
        assert!(!lane.is_calm());
        lane.push(Position::START, 'x').unwrap();
        assert_eq!(lane.take().len(), 1);
        assert!(lane.is_calm());
    }

    #[test]
    fn a_closed_lane_gives_the_signal_back() {
        let lane = Lane::new();
        lane.push(Position::START, 1).unwrap();
        assert_eq!(lane.close().len(), 1);
        assert_eq!(lane.push(Position::START, 2), Err(2));
    }
}
