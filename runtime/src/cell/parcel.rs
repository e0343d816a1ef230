//! A message that the explorer keeps until it decides to deliver it.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use crate::exit::ExitReason;
use crate::scheduler::{Seat, carry_out};

use super::death::Scope;
use super::header::ActorCell;
use super::pid::{AnyPid, Pid};
use super::state::Code;

/// A boxed message without its type, for a receiver that takes it.
pub struct Parcel {
    to: AnyPid,
    sender: u64,
    message: NonNull<()>,
    open: unsafe fn(NonNull<()>, Option<(&AnyPid, u64)>),
}

// SAFETY: the message came in through a `Pid<M>`, so it is `Send` if it is sent at all: only a
// node that the explorer drives makes parcels, and it spawns only actors whose messages are `Send`.
unsafe impl Send for Parcel {}

impl Parcel {
    /// Wraps a message.
    pub fn new<M>(to: &Pid<M>, sender: u64, message: M) -> Self {
        // SAFETY: a typed pid takes its messages.
        unsafe { Self::addressed(&to.any(), sender, message) }
    }

    /// Wraps a message for a receiver whose type the caller knows.
    ///
    /// # Safety
    /// `to` takes messages of type `M`.
    pub unsafe fn addressed<M>(to: &AnyPid, sender: u64, message: M) -> Self {
        let message = NonNull::from(Box::leak(Box::new(message))).cast();
        Self { to: to.clone(), sender, message, open: open::<M> }
    }

    /// To whom it goes.
    pub const fn to(&self) -> &AnyPid {
        &self.to
    }

    /// Who sent it.
    pub const fn sender(&self) -> Code {
        Code::from_bits(self.sender)
    }

    /// Puts the message into its receiver's mailbox.
    pub fn deliver(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: read once: `this` is not dropped.
        let to = unsafe { std::ptr::read(&raw const this.to) };
        // SAFETY: `open` was chosen with the message's type, and is called once.
        unsafe { (this.open)(this.message, Some((&to, this.sender))) };
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        // SAFETY: not delivered, so the message is still there.
        unsafe { (self.open)(self.message, None) };
    }
}

/// # Safety
/// `message` is a leaked box of an `M`, and `to`, if given, takes messages of that type.
unsafe fn open<M>(message: NonNull<()>, to: Option<(&AnyPid, u64)>) {
    // SAFETY: by contract.
    let message = *unsafe { Box::from_raw(message.cast::<M>().as_ptr()) };
    let Some((to, sender)) = to else { return };
    // SAFETY: by contract.
    let cell = unsafe { NonNull::from(to.header()).cast::<ActorCell<M>>().as_ref() };
    match cell.queue.push_place(message, sender) {
        Ok(duty) => carry_out(cell.header(), duty),
        Err(message) => Seat::with(|seat| {
            // What it asks is answered as what is sent to the dead.
            let _scope = seat
                .filter(|seat| seat.current().is_none())
                .map(|seat| Scope::enter(cell.header(), seat, &ExitReason::NoProc));
            cell.record_dead(message, sender);
        }),
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parcel(to {}, {})", self.to.id(), self.to.message_name())
    }
}
