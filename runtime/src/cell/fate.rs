//! What becomes of a reply that is dropped unanswered: it depends on who drops it, and why.

use crate::exit::ExitReason;
use crate::scheduler::Seat;

use super::reply::{Orphan, Unanswered};

/// What the asker of a dropped reply is told.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Its holder let it go.
    NoReply,
    /// Its holder died of this.
    Down(ExitReason),
    /// The node is gone.
    NodeStopped,
    /// Its holder's turn is under way: it goes on afterwards, or returns, or unwinds.
    Later,
}

/// The fate of a reply that is being dropped on this thread.
pub fn of_dropped_reply() -> Fate {
    Seat::with(|seat| match seat {
        None => Fate::NoReply,
        Some(seat) => {
            if let Some(fate) = seat.fate() {
                fate
            } else if seat.runs_an_actor() {
                Fate::Later
            } else {
                Fate::NoReply
            }
        }
    })
}

/// Keeps a reply open until it is known what its holder's turn came to.
pub fn adopt(orphan: Orphan) {
    Seat::with(|seat| match seat {
        Some(seat) => seat.adopt(orphan),
        None => orphan.close(Unanswered::NoReply),
    });
}
