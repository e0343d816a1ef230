//! Capacity zero: a message goes from a sender that has it to a receiver that waits for it.
//!
//! Two cases. The receiver waits first: then the word has `IDLE`, and the sender pushes into the
//! empty queue with the same compare-exchange that takes the receiver's token. The sender waits
//! first: then its node is in the list, and the receiver takes the message out of the node here.

use std::task::Waker;

use crate::primitive::mutated;

use super::Queue;
use super::waiters::{Fate, Node};

/// A message taken out of a waiting sender's node. Wake the sender once the message is safe.
#[derive(Debug)]
pub struct Taken<M> {
    /// The message.
    pub message: M,
    /// The sender's code; 0 when it was no actor.
    pub sender: u64,
    /// Who waits for the news.
    pub waker: Option<Waker>,
}

impl<M> Queue<M> {
    /// Takes the message of the sender that has waited longest, if nothing was accepted before it.
    ///
    /// `calm` is asked under the lock and must say whether no signal is waiting: one that a sender
    /// sent before it began to wait has to be seen first.
    ///
    /// # Safety
    /// The caller holds the receiver's token.
    #[cold]
    #[inline(never)]
    pub unsafe fn take_waiting(&self, calm: impl FnOnce() -> bool) -> Option<Taken<M>> {
        if !self.hands_over() || !self.word.load().has_waiters() {
            return None;
        }
        let mut waiters = self.wait_list().lock();
        // Without this look a message could overtake an earlier one of the same sender that lies
        // behind another sender's half-filled slot.
        // SAFETY: by contract.
        let in_order = unsafe { self.is_empty() } || mutated("handover: take without looking at the queue");
        if !in_order || !(calm() || mutated("handover: take asks for no signals")) {
            return None;
        }
        let node = waiters.first()?;
        // SAFETY: linked, and we hold the lock.
        unsafe { waiters.unlink(node) };
        if waiters.is_empty() {
            self.word.transition_to_no_waiters(0);
        }
        // SAFETY: alive until published.
        let at = unsafe { node.as_ref() };
        let sender = at.sender();
        // SAFETY: under the lock.
        let waker = unsafe { at.take_waker() };
        if mutated("handover: sent before the message moves") {
            // SAFETY: a mutation, seen to fail.
            unsafe { Node::publish(node, Fate::Sent) };
        }
        // SAFETY: unlinked by us under the lock, so the message is ours to move.
        let message = unsafe { at.take_message() };
        // SAFETY: message and waker have been moved out.
        unsafe { Node::publish(node, Fate::Sent) };
        Some(Taken { message, sender, waker })
    }
}
