//! What the explorer needs of a queue that admits nothing by itself: its waiting senders, one by one.

use std::task::Waker;

use super::Queue;
use super::waiters::{Fate, Node, Purpose};

/// What a waiting sender left.
#[derive(Debug)]
pub struct Left<M> {
    /// The message; `None` for a reservation, which is granted by this.
    pub message: Option<M>,
    /// The sender's code; 0 when it was no actor.
    pub sender: u64,
    /// Who waits for the news.
    pub waker: Option<Waker>,
}

impl<M> Queue<M> {
    /// Whether senders wait.
    pub fn has_waiters(&self) -> bool {
        self.word.load().has_waiters()
    }

    /// Lets the sender that has waited longest go on: takes its message over, or grants its
    /// reservation.
    pub fn take_waiter(&self) -> Option<Left<M>> {
        let mut waiters = self.wait_list_if_any()?.lock();
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
        let (message, fate) = match at.purpose() {
            // SAFETY: unlinked by us under the lock, so the message is ours to move.
            Purpose::Send => (Some(unsafe { at.take_message() }), Fate::Sent),
            Purpose::Reserve => (None, Fate::Granted),
        };
        // SAFETY: message and waker have been moved out, under the lock.
        unsafe { Node::publish(node, fate) };
        Some(Left { message, sender, waker })
    }
}
