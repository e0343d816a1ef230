//! Sends that wait for room: the future of `mailbox/send.rs` without what surrounds it.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use wharf_runtime::model::queue::{Enqueued, Fate, Node, Withdrawn};

use crate::actor::{Actor, Message, code};

/// Remembers that somebody was woken.
///
/// None of loom's atomics: a waker may run anywhere, and only what is left in the end counts.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// A flag, and the waker that sets it.
    pub fn with_waker() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self::default());
        (Arc::clone(&flag), Waker::from(flag))
    }

    /// Whether it was set; afterwards it is not.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a send came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The message was accepted.
    Accepted,
    /// The message came back: the actor is gone.
    Returned(Message),
    /// It waits.
    Waits,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The message is in the node, which is not linked.
    New,
    /// Linked, or served since.
    Waiting,
    /// Over.
    Done,
}

/// One message on its way.
#[derive(Debug)]
pub struct Sending {
    node: NonNull<Node<Message>>,
    state: State,
    flag: Arc<Flag>,
    waker: Waker,
}

impl Sending {
    /// A send that has not been polled.
    pub fn new(message: Message) -> Self {
        // Given back by nobody: who was wrong to touch it after its end does no harm then.
        let node = NonNull::from(Box::leak(Box::new(Node::with_message(message, code(message)))));
        let (flag, waker) = Flag::with_waker();
        Self { node, state: State::New, flag, waker }
    }

    const fn node(&self) -> &Node<Message> {
        // SAFETY: never freed.
        unsafe { self.node.as_ref() }
    }

    /// Takes the message out of a node that is ours.
    fn take_message(&self) -> Message {
        // SAFETY: only called where the message is back or still there; loom checks that the place
        // is ours.
        unsafe { self.node().take_message() }
    }

    fn put_message(&self, message: Message) {
        // SAFETY: only called where the place is ours again: loom checks that.
        unsafe { self.node().put_message(message) };
    }

    /// Polls once.
    pub fn poll(&mut self, actor: &Actor) -> Sent {
        while self.state == State::New {
            let message = match self.push(actor) {
                Ok(()) => return self.end(Sent::Accepted),
                Err(message) => message,
            };
            if actor.queue.is_closed() {
                return self.end(Sent::Returned(message));
            }
            self.put_message(message);
            // SAFETY: the node is not linked, and stays where it is.
            match unsafe { actor.queue.enqueue(self.node, &self.waker) } {
                Enqueued::Waiting => self.state = State::Waiting,
                Enqueued::Room | Enqueued::Closed => {}
            }
        }
        // SAFETY: enqueued above or earlier.
        match unsafe { actor.queue.refresh(self.node, &self.waker) } {
            Fate::Waiting => Sent::Waits,
            Fate::Closed => {
                let message = self.take_message();
                self.end(Sent::Returned(message))
            }
            Fate::Sent | Fate::Granted => {
                // The node is its future's again: loom is to see that nobody else uses it.
                self.put_message(0);
                self.end(Sent::Accepted)
            }
        }
    }

    fn push(&self, actor: &Actor) -> Result<(), Message> {
        let message = self.take_message();
        let message = match actor.try_push(message) {
            Ok(()) => return Ok(()),
            Err(message) => message,
        };
        if !actor.queue.hands_over() {
            return Err(message);
        }
        actor.queue.try_push_idle(message, code(message)).map(|duty| actor.carry_out(duty))
    }

    const fn end(&mut self, sent: Sent) -> Sent {
        self.state = State::Done;
        sent
    }

    /// Polls until it waits or is over.
    pub fn drive(&mut self, actor: &Actor) -> Sent {
        loop {
            let sent = self.poll(actor);
            if sent != Sent::Waits || !self.flag.take() {
                return sent;
            }
        }
    }

    /// Waits with another waker from now on.
    pub fn renew_waker(&mut self) {
        (self.flag, self.waker) = Flag::with_waker();
    }

    /// Whether it was woken since the last look.
    pub fn was_woken(&self) -> bool {
        self.flag.take()
    }

    /// Gives up; the message, if it was not accepted.
    pub fn withdraw(&mut self, actor: &Actor) -> Option<Message> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New => Some(self.take_message()),
            State::Done => None,
            // SAFETY: enqueued earlier.
            State::Waiting => match unsafe { actor.queue.withdraw(self.node) } {
                Withdrawn::Ours => Some(self.take_message()),
                Withdrawn::Sent => {
                    self.put_message(0);
                    None
                }
                Withdrawn::GaveOn(duty) => {
                    actor.carry_out(duty);
                    None
                }
            },
        }
    }
}

/// An actor that sends one message after the other.
#[derive(Debug)]
pub struct Sender {
    left: Vec<Message>,
    current: Option<Sending>,
}

impl Sender {
    /// It is to send `messages`.
    pub fn of(messages: &[Message]) -> Self {
        Self { left: messages.iter().rev().copied().collect(), current: None }
    }

    /// Sends until it has to wait, or all is sent; says whether all is.
    pub fn drive(&mut self, actor: &Actor) -> bool {
        loop {
            let Some(current) = &mut self.current else {
                let Some(message) = self.left.pop() else { return true };
                self.current = Some(Sending::new(message));
                continue;
            };
            if current.drive(actor) == Sent::Waits {
                return false;
            }
            self.current = None;
        }
    }

    /// Whether nothing is left to send.
    pub const fn is_done(&self) -> bool {
        self.left.is_empty() && self.current.is_none()
    }

    fn was_woken(&self) -> bool {
        self.current.as_ref().is_some_and(Sending::was_woken)
    }
}

/// Drives those senders that were woken, after all threads have ended, until all is sent.
pub fn finish(actor: &Actor, mut senders: Vec<Sender>) {
    actor.run_requeued();
    while !senders.iter().all(Sender::is_done) {
        let woken: Vec<_> = senders.iter_mut().filter(|sender| sender.was_woken()).collect();
        assert!(!woken.is_empty(), "a sender waits for ever");
        for sender in woken {
            sender.drive(actor);
        }
        actor.run_requeued();
    }
}
