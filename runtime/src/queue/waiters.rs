//! Senders that wait for room: an intrusive list of nodes that their futures own.
//!
//! Access rules. A node is *linked* from `WaitList::push` until someone unlinks it, always under
//! the list's lock.
//! - `links`, `waker`: only under the lock.
//! - `message`: its future's while not linked; under the lock while linked. Whoever unlinks a node
//!   moves message and waker out *before* it publishes the state, and never touches the node after.
//! - `state`: changed under the lock by the unlinking side (Release); read by the future (Acquire).

use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::Waker;

use crate::primitive::{AtomicU8, Mutex, MutexGuard, Ordering, UnsafeCell};

/// What became of a waiting node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fate {
    /// Not linked yet, or still waiting.
    Waiting = 0,
    /// The message has been taken over.
    Sent = 1,
    /// A credit has been granted.
    Granted = 2,
    /// The receiver is gone; the message is still here.
    Closed = 3,
}

/// What a node waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To hand its message over.
    Send,
    /// To be granted a credit.
    Reserve,
}

struct Links<M> {
    previous: Option<NonNull<Node<M>>>,
    next: Option<NonNull<Node<M>>>,
}

/// A waiting sender.
pub struct Node<M> {
    links: UnsafeCell<Links<M>>,
    waker: UnsafeCell<Option<Waker>>,
    message: UnsafeCell<MaybeUninit<M>>,
    sender: u64,
    purpose: Purpose,
    state: AtomicU8,
    _pinned: PhantomPinned,
}

// SAFETY: the access rules above: what is not atomic is touched under the lock or by its owner.
unsafe impl<M: Send> Send for Node<M> {}
// SAFETY: as above.
unsafe impl<M: Send> Sync for Node<M> {}

impl<M> Node<M> {
    /// A node that holds `message`.
    #[inline(always)]
    pub fn with_message(message: M, sender: u64) -> Self {
        Self::new(MaybeUninit::new(message), sender, Purpose::Send)
    }

    /// A node that waits for a credit.
    pub fn for_credit() -> Self {
        Self::new(MaybeUninit::uninit(), 0, Purpose::Reserve)
    }

    #[inline(always)]
    fn new(message: MaybeUninit<M>, sender: u64, purpose: Purpose) -> Self {
        Self {
            links: UnsafeCell::new(Links { previous: None, next: None }),
            waker: UnsafeCell::new(None),
            message: UnsafeCell::new(message),
            sender,
            purpose,
            state: AtomicU8::new(Fate::Waiting as u8),
            _pinned: PhantomPinned,
        }
    }

    /// Who sends, for the slot's mark.
    pub const fn sender(&self) -> u64 {
        self.sender
    }

    /// What the node waits for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What became of the node.
    pub fn fate(&self) -> Fate {
        // Acquire pairs with the Release in `publish`: the other side is done with the node.
        match self.state.load(Ordering::Acquire) {
            0 => Fate::Waiting,
            1 => Fate::Sent,
            2 => Fate::Granted,
            _ => Fate::Closed,
        }
    }

    /// Tells the future; the node may be gone right after.
    ///
    /// # Safety
    /// Under the list's lock, after the node was unlinked and emptied as its purpose demands.
    pub unsafe fn publish(node: NonNull<Self>, fate: Fate) {
        // SAFETY: the future can't leave before it has seen the state, or taken the lock.
        let state = unsafe { &(*node.as_ptr()).state };
        // Release pairs with the Acquire in `fate`.
        state.store(fate as u8, Ordering::Release);
    }

    /// Takes the message.
    ///
    /// # Safety
    /// The caller owns the message by the access rules, and it is there.
    #[inline(always)]
    pub unsafe fn take_message(&self) -> M {
        // SAFETY: by contract.
        self.message.with_mut(|message| unsafe { (*message).assume_init_read() })
    }

    /// Puts the message (back) in.
    ///
    /// # Safety
    /// The caller owns the message's place by the access rules, and it is empty.
    pub unsafe fn put_message(&self, value: M) {
        self.message.with_mut(|message| {
            // SAFETY: by contract.
            unsafe { (*message).write(value) };
        });
    }

    /// Takes the waker.
    ///
    /// # Safety
    /// Under the list's lock.
    pub unsafe fn take_waker(&self) -> Option<Waker> {
        // SAFETY: by contract.
        self.waker.with_mut(|waker| unsafe { (*waker).take() })
    }

    /// Makes `waker` the one to wake; clones it only when it is another one.
    ///
    /// # Safety
    /// Under the list's lock.
    pub unsafe fn set_waker(&self, waker: &Waker) -> Option<Waker> {
        self.waker.with_mut(|slot| {
            // SAFETY: by contract.
            let slot = unsafe { &mut *slot };
            match slot {
                Some(old) if old.will_wake(waker) => None,
                _ => slot.replace(waker.clone()),
            }
        })
    }
}

impl<M> std::fmt::Debug for Node<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("purpose", &self.purpose)
            .field("fate", &self.fate())
            .finish_non_exhaustive()
    }
}

/// The nodes, first come first served.
struct List<M> {
    first: Option<NonNull<Node<M>>>,
    last: Option<NonNull<Node<M>>>,
}

// SAFETY: nodes are reached only under the lock that guards the list.
unsafe impl<M: Send> Send for List<M> {}

/// The list and its lock.
pub struct WaitList<M>(Mutex<List<M>>);

impl<M> WaitList<M> {
    /// An empty list.
    pub fn new() -> Self {
        Self(Mutex::new(List { first: None, last: None }))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> Locked<'_, M> {
        Locked(self.0.lock())
    }
}

/// The list under its lock.
pub struct Locked<'a, M>(MutexGuard<'a, List<M>>);

impl<M> Locked<'_, M> {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.first.is_none()
    }

    /// The node that has waited longest.
    pub fn first(&self) -> Option<NonNull<Node<M>>> {
        self.0.first
    }

    /// Links a node at the end.
    ///
    /// # Safety
    /// The node is not linked, and stays where it is until it has been unlinked.
    pub unsafe fn push(&mut self, node: NonNull<Node<M>>) {
        let last = self.0.last.replace(node);
        // SAFETY: the node is alive, and its links are ours under the lock.
        unsafe { (*node.as_ptr()).links.with_mut(|links| *links = Links { previous: last, next: None }) };
        match last {
            None => self.0.first = Some(node),
            // SAFETY: a linked node is alive.
            Some(last) => unsafe { (*last.as_ptr()).links.with_mut(|links| (*links).next = Some(node)) },
        }
    }

    /// Takes a node out.
    ///
    /// # Safety
    /// The node is linked in this list.
    pub unsafe fn unlink(&mut self, node: NonNull<Node<M>>) {
        // SAFETY: a linked node is alive, and its links are ours under the lock.
        let (previous, next) =
            unsafe { (*node.as_ptr()).links.with(|links| ((*links).previous, (*links).next)) };
        match previous {
            None => self.0.first = next,
            // SAFETY: neighbours of a linked node are linked, so alive.
            Some(previous) => unsafe { (*previous.as_ptr()).links.with_mut(|links| (*links).next = next) },
        }
        match next {
            None => self.0.last = previous,
            // SAFETY: as above.
            Some(next) => unsafe { (*next.as_ptr()).links.with_mut(|links| (*links).previous = previous) },
        }
    }
}

impl<M> std::fmt::Debug for WaitList<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WaitList")
    }
}
