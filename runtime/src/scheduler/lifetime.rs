//! How long a node's shared part lives, and who keeps it: handles, workers, and all cells together.

use std::ptr::NonNull;
use std::sync::{Arc, Weak};

use crate::cell::header::Header;
use crate::cell::pages::Class;
use crate::cell::pid::AnyPid;
use crate::cell::state::Code;
use crate::node::{Node, NodeShared};

use super::Seat;

/// Makes a node's shared part, which `make` gets the address of, and takes the count that all its
/// cells hold together: it is given up in [`NodeShared::give_cell`] or [`NodeShared::retire`].
pub fn make_shared(make: impl FnOnce(NonNull<NodeShared>) -> NodeShared) -> Arc<NodeShared> {
    let shared = Arc::new_cyclic(|weak: &Weak<NodeShared>| {
        // SAFETY: the address of a value in an `Arc` is not null.
        make(unsafe { NonNull::new_unchecked(weak.as_ptr().cast_mut()) })
    });
    for worker in &shared.scheduler.workers {
        worker.seat.belongs_to(worker);
    }
    #[allow(clippy::mem_forget, reason = "the count is given up elsewhere")]
    std::mem::forget(Arc::clone(&shared));
    shared
}

impl NodeShared {
    /// A handle of this node.
    pub fn handle(&self) -> Node {
        let shared: *const Self = self;
        // SAFETY: every `NodeShared` lives in an `Arc` (see `make_shared`), which is alive.
        unsafe { Arc::increment_strong_count(shared) };
        // SAFETY: the count was taken just now.
        Node::from_shared(unsafe { Arc::from_raw(shared) })
    }

    /// A free cell.
    pub fn take_cell(node: NonNull<Self>, class: Class) -> NonNull<Header> {
        // SAFETY: the caller keeps the node alive.
        let shared = unsafe { node.as_ref() };
        Seat::with(|seat| match seat {
            Some(seat) if seat.is_of(node) && seat.worker().is_some() => {
                seat.cache.borrow_mut().take(&shared.arena, class)
            }
            _ => {
                let (cell, first) = shared.arena.take(class);
                if first {
                    // SAFETY: the caller keeps the node alive; given up in `give_cell`.
                    unsafe { Arc::increment_strong_count(node.as_ptr()) };
                }
                cell
            }
        })
    }

    /// Takes a cell back. The node may be gone afterwards.
    pub fn give_cell(node: NonNull<Self>, class: Class, cell: NonNull<Header>) {
        // SAFETY: the cells' common count keeps the node alive until the last cell is back.
        let shared = unsafe { node.as_ref() };
        let last = Seat::with(|seat| match seat {
            Some(seat) if seat.is_of(node) && seat.worker().is_some() && shared.scheduler.has_workers() => {
                seat.cache.borrow_mut().give(&shared.arena, class, cell);
                false
            }
            _ => shared.arena.give(class, cell),
        });
        if last {
            // SAFETY: the arena says so once; the count was taken in `make_shared`.
            unsafe { Arc::decrement_strong_count(node.as_ptr()) };
        }
    }

    /// No worker is left: from now on the arena counts exactly.
    pub fn retire(shared: &Arc<Self>) {
        if shared.arena.retire() {
            // SAFETY: as in `give_cell`.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(shared)) };
        }
    }

    /// The actor with this code, dead or alive, if anyone still refers to it.
    pub fn find(&self, code: Code) -> Option<AnyPid> {
        let cell = self.arena.find(code, |cell| {
            // SAFETY: the arena says that the last reference was released.
            unsafe { Header::free(cell) };
        })?;
        // SAFETY: the reference that `find` took.
        Some(unsafe { AnyPid::from_raw(cell) })
    }
}
