//! The second back end: a node whose every choice is made by one hand.

use std::ptr::NonNull;

use crate::cell::header::Header;
use crate::cell::parcel::Parcel;
use crate::cell::pid::AnyPid;
use crate::signal::Signal;

/// The seam between actors and whatever decides when things happen to them.
///
/// A node on tokio never calls it: the words of its mailboxes admit messages by themselves, and its
/// cells are scheduled on workers. The mailboxes of an explored node admit nothing, so sends fail
/// the short way and come here.
pub(crate) trait Core: Send + Sync {
    /// Whether the receiver's mailbox has room, messages under way included.
    fn has_room(&self, to: &AnyPid) -> bool;

    /// Takes a message that was sent.
    fn post(&self, parcel: Parcel);

    /// Takes a signal that was sent; false to let it through at once.
    fn deliver(&self, to: &AnyPid, signal: &Signal<AnyPid>) -> bool;

    /// Takes a cell that can run.
    fn schedule(&self, cell: NonNull<Header>);
}

/// The core of a node that has none.
pub(crate) struct NoCore;

impl Core for NoCore {
    fn has_room(&self, _: &AnyPid) -> bool {
        false
    }

    fn post(&self, parcel: Parcel) {
        drop(parcel);
    }

    fn deliver(&self, _: &AnyPid, _: &Signal<AnyPid>) -> bool {
        false
    }

    fn schedule(&self, _: NonNull<Header>) {}
}
