//! Bounded capacity: credits in the word, and a first-come-first-served list for who finds none.
//!
//! Invariants, with `n` the capacity:
//! 1. credits in the word + owed + marked slots + permits + granted nodes = n.
//! 2. `WAITERS` exactly when the list is not empty; both change only under the list's lock.
//! 3. `WAITERS` implies that the word has no credits: nobody barges.
//!
//! Whoever frees a credit while senders wait hands it over: it pushes the waiting message itself
//! (or grants the credit to a reservation), so a sender never has to run before its message moves.

use std::ptr::NonNull;
use std::task::Waker;

use crate::primitive::mutated;

use super::Queue;
use super::waiters::{Fate, Locked, Node, Purpose};
use super::wakers::Wakers;
use super::word::{Duty, Gave, Waiting};

/// What joining the waiters came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Enqueued {
    /// The node is linked.
    Waiting,
    /// There is room: try again.
    Room,
    /// The queue is closed.
    Closed,
}

/// What leaving the waiters came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withdrawn {
    /// The node is out, and its message is its owner's again.
    Ours,
    /// The message has been taken over.
    Sent,
    /// A credit had been granted, and has been given on.
    GaveOn(Duty),
}

impl<M> Queue<M> {
    /// Takes a credit for a later [`Queue::push_reserved`]. False when there is none.
    ///
    /// An unbounded queue has nothing to reserve and always says yes; one of capacity zero never.
    pub fn try_reserve(&self) -> bool {
        let mut now = self.word.load();
        loop {
            if !now.has_credit() {
                return false;
            }
            if !self.step.takes_credit() {
                return true;
            }
            match self.word.transition_to_reserved(now) {
                Ok(()) => return true,
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives back a credit that was reserved and not used.
    pub fn unreserve(&self) -> Duty {
        if self.step.takes_credit() { self.give(1) } else { Duty::None }
    }

    /// Gives credits back to the word, or to those who wait.
    pub(super) fn give(&self, count: u32) -> Duty {
        match self.word.transition_to_given(count) {
            Gave::Credits => Duty::None,
            Gave::ToWaiters => self.give_to_waiters(count),
        }
    }

    #[cold]
    #[inline(never)]
    fn give_to_waiters(&self, mut count: u32) -> Duty {
        let mut duty = Duty::None;
        loop {
            let mut wakers = Wakers::new();
            let mut waiters = self.wait_list().lock();
            while count != 0 && !wakers.is_full() {
                let Some(node) = waiters.first() else { break };
                // SAFETY: the node is linked, and we hold the lock.
                let (woken, pushed) = unsafe { self.serve(&mut waiters, node) };
                wakers.push(woken);
                if pushed == Duty::Schedule {
                    duty = Duty::Schedule;
                }
                count -= 1;
            }
            let done = count == 0 || waiters.is_empty();
            if waiters.is_empty() {
                self.word.transition_to_no_waiters(count);
            }
            drop(waiters);
            wakers.wake();
            if done {
                return duty;
            }
        }
    }

    /// Spends one credit on a waiting node.
    ///
    /// # Safety
    /// `node` is linked in the list that `waiters` locks.
    unsafe fn serve(&self, waiters: &mut Locked<'_, M>, node: NonNull<Node<M>>) -> (Option<Waker>, Duty) {
        // SAFETY: by contract.
        unsafe { waiters.unlink(node) };
        // SAFETY: the node stays until its state is published.
        let at = unsafe { node.as_ref() };
        // SAFETY: under the lock.
        let waker = unsafe { at.take_waker() };
        match at.purpose() {
            Purpose::Reserve => {
                // SAFETY: unlinked under the lock; a reservation has no message.
                unsafe { Node::publish(node, Fate::Granted) };
                (waker, Duty::None)
            }
            Purpose::Send => {
                if mutated("credit: sent before the message moves") {
                    // SAFETY: a mutation, seen to fail.
                    unsafe { Node::publish(node, Fate::Sent) };
                }
                // SAFETY: unlinked by us under the lock, so the message is ours to move.
                match self.push_reserved(unsafe { at.take_message() }, at.sender()) {
                    Ok(duty) => {
                        // SAFETY: the message and the waker have been moved out.
                        unsafe { Node::publish(node, Fate::Sent) };
                        (waker, duty)
                    }
                    Err(message) => {
                        // SAFETY: not published yet, so the place is still ours, and it is empty.
                        unsafe { at.put_message(message) };
                        let lost = mutated("credit: a refused message counts as sent");
                        // SAFETY: the message lies in the node again, for its owner.
                        unsafe { Node::publish(node, if lost { Fate::Sent } else { Fate::Closed }) };
                        (waker, Duty::None)
                    }
                }
            }
        }
    }

    /// Joins the waiters, unless there is room after all.
    ///
    /// # Safety
    /// `node` is not linked, and stays where it is until it has been served or withdrawn.
    #[cold]
    #[inline(never)]
    pub unsafe fn enqueue(&self, node: NonNull<Node<M>>, waker: &Waker) -> Enqueued {
        let early = mutated("credit: waiting looks before it locks");
        let early = early.then(|| self.word.transition_to_waiting(self.hands_over()));
        let mut waiters = self.wait_list().lock();
        match early.unwrap_or_else(|| self.word.transition_to_waiting(self.hands_over())) {
            Waiting::Room => Enqueued::Room,
            Waiting::Closed => Enqueued::Closed,
            Waiting::Registered => {
                // SAFETY: the node is alive, and ours until it is linked.
                let old = unsafe { node.as_ref().set_waker(waker) };
                // SAFETY: by contract.
                unsafe { waiters.push(node) };
                drop(waiters);
                drop(old);
                Enqueued::Waiting
            }
        }
    }

    /// Gives a waiting node another waker; says what became of it.
    ///
    /// # Safety
    /// `node` was enqueued here.
    pub unsafe fn refresh(&self, node: NonNull<Node<M>>, waker: &Waker) -> Fate {
        // SAFETY: the node is its caller's.
        let at = unsafe { node.as_ref() };
        let fate = at.fate();
        if fate != Fate::Waiting {
            return fate;
        }
        let waiters = self.wait_list().lock();
        let fate = if mutated("credit: refresh looks once") { fate } else { at.fate() };
        let old = if fate == Fate::Waiting {
            // SAFETY: under the lock.
            unsafe { at.set_waker(waker) }
        } else {
            None
        };
        drop(waiters);
        drop(old);
        fate
    }

    /// Leaves the waiters.
    ///
    /// # Safety
    /// `node` was enqueued here; afterwards it is not linked.
    #[cold]
    #[inline(never)]
    pub unsafe fn withdraw(&self, node: NonNull<Node<M>>) -> Withdrawn {
        let mut waiters = self.wait_list().lock();
        // SAFETY: the node is its caller's.
        let at = unsafe { node.as_ref() };
        match at.fate() {
            Fate::Waiting => {
                // SAFETY: waiting means linked, and we hold the lock.
                unsafe { waiters.unlink(node) };
                if waiters.is_empty() && !mutated("credit: withdraw leaves WAITERS") {
                    self.word.transition_to_no_waiters(0);
                }
                // SAFETY: under the lock.
                let waker = unsafe { at.take_waker() };
                drop(waiters);
                drop(waker);
                Withdrawn::Ours
            }
            Fate::Sent if mutated("credit: withdraw takes all for its own") => Withdrawn::Ours,
            Fate::Sent => Withdrawn::Sent,
            Fate::Closed => Withdrawn::Ours,
            Fate::Granted => {
                drop(waiters);
                if mutated("credit: a withdrawn grant is kept") {
                    return Withdrawn::GaveOn(Duty::None);
                }
                Withdrawn::GaveOn(self.unreserve())
            }
        }
    }

    /// Tells all waiting senders that the queue is closed; their messages stay with them.
    ///
    /// # Safety
    /// The queue is closed, so none can join any more.
    pub unsafe fn close_waiters(&self) {
        let Some(list) = self.wait_list_if_any() else { return };
        loop {
            let mut wakers = Wakers::new();
            let mut waiters = list.lock();
            while !wakers.is_full() {
                let Some(node) = waiters.first() else { break };
                // SAFETY: linked, and we hold the lock.
                unsafe { waiters.unlink(node) };
                // SAFETY: alive until published, and under the lock.
                wakers.push(unsafe { node.as_ref().take_waker() });
                // SAFETY: unlinked under the lock; the message stays in the node for its owner.
                unsafe { Node::publish(node, Fate::Closed) };
            }
            let done = waiters.is_empty();
            if done {
                self.word.transition_to_no_waiters(0);
            }
            drop(waiters);
            wakers.wake();
            if done {
                return;
            }
        }
    }
}
