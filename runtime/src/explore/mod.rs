//! The second back end: a node whose every choice is made by one hand.
//!
//! A program's bugs often hide in the order of its messages. Here a node runs on the calling thread,
//! without tokio and under virtual time, and whatever may happen in more than one order is a
//! *choice*: which message is delivered next, which actor runs, where a `select!` begins.
//! [`exhaustive`] makes the choices in every possible way, [`seeded`] draws them from a seed,
//! [`replay`] makes them as a [`Schedule`] says. The actors are those of the program, unchanged.
//!
//! # What is assumed
//! - A message is delivered when its receiver waits for one. What one actor sent to another arrives
//!   in the order in which it was sent; between senders every order is possible.
//! - Between two awaits that wait for something, an actor is not interrupted.
//! - Time stands still while anything can happen. Then it jumps to the next timer.
//! - An exit signal, like any signal that acts at once, may overtake the messages that were sent
//!   before it, as it does in a mailbox; those keep their place in the mailbox.
//! - Messages to guests, and to actors with a mailbox of capacity zero, are handed over in the
//!   sender's turn.
//!
//! # What is refused
//! An actor that waits for something wharf does not control (a tokio timer, a socket, a channel of
//! another crate) ends the run with [`Outcome::Uncontrolled`]. So does a future that polls its parts
//! by wakers of its own and finds none ready, such as `FuturesUnordered`, when no part was polled
//! again. Randomness and real time are only noticed when a schedule can't be repeated
//! ([`Outcome::Diverged`]).
//!
//! # Examples
//! Two clients read a counter and then write it back, incremented:
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use wharf_runtime::{Mailbox, Node, Reply, explore};
//!
//! enum Counter {
//!     Get(Reply<u32>),
//!     Set(u32),
//! }
//!
//! fn program(node: &Node) -> impl FnOnce() -> Result<(), String> + use<> {
//!     let total = Arc::new(AtomicU32::new(0));
//!     let kept = Arc::clone(&total);
//!     let counter = node.spawn_fn(async move |mut mailbox: Mailbox<Counter>| {
//!         while let Some(message) = mailbox.receive().await {
//!             match message {
//!                 Counter::Get(reply) => drop(reply.send(kept.load(Ordering::Relaxed))),
//!                 Counter::Set(value) => kept.store(value, Ordering::Relaxed),
//!             }
//!         }
//!     });
//!     for _ in 0..2 {
//!         let counter = counter.clone();
//!         node.spawn_fn(async move |_: Mailbox<()>| {
//!             let value = counter.ask(Counter::Get).await.unwrap();
//!             counter.send(Counter::Set(value + 1)).await.unwrap();
//!         });
//!     }
//!     move || match total.load(Ordering::Relaxed) {
//!         2 => Ok(()),
//!         other => Err(format!("an update was lost: {other}")),
//!     }
//! }
//!
//! let report = explore::exhaustive(10_000, program);
//! let failure = report.failure().expect("the update that is lost");
//! // The same again, from the text that the report prints.
//! let schedule = failure.schedule().to_string().parse().unwrap();
//! assert_eq!(explore::replay(&schedule, program).outcome(), failure.outcome());
//! ```

mod choice;
mod drive;
mod explorer;
#[doc(hidden)]
pub mod guided;
mod outcome;
mod schedule;
mod trace;
mod world;

use crate::cell::explored::{Room, Runnable};
use crate::cell::parcel::Parcel;
use crate::cell::pid::AnyPid;
use crate::node::Node;
use crate::signal::Signal;

pub use self::explorer::{Coverage, Explorer, Report};
pub use self::outcome::{Outcome, Run, Step, Stuck};
pub use self::schedule::{ParseScheduleError, Schedule};
pub use self::trace::TraceEvent;

/// Makes every choice of `program` in every possible way, until a schedule fails or `limit` of them
/// have been run.
///
/// `program` sets a node up and gives the check that is made when nothing more can happen. It is
/// called anew for each schedule, and must do the same each time. See [`Explorer`] for options.
pub fn exhaustive<C>(limit: u64, program: impl Fn(&Node) -> C) -> Report
where
    C: FnOnce() -> Result<(), String>,
{
    Explorer::new().exhaustive(limit, program)
}

/// Runs `program` once, with choices drawn from `seed`.
pub fn seeded<C>(seed: u64, program: impl Fn(&Node) -> C) -> Run
where
    C: FnOnce() -> Result<(), String>,
{
    Explorer::new().seeded(seed, program)
}

/// Runs `program` once, with the choices of `schedule`.
pub fn replay<C>(schedule: &Schedule, program: impl Fn(&Node) -> C) -> Run
where
    C: FnOnce() -> Result<(), String>,
{
    Explorer::new().replay(schedule, program)
}

/// The seam between actors and whatever decides when things happen to them.
///
/// A node on tokio never calls it: the words of its mailboxes admit messages by themselves, and its
/// cells are scheduled on workers. The mailboxes of an explored node admit nothing, so sends fail
/// the short way and come here.
pub(crate) trait Core: Send + Sync {
    /// Whether a mailbox has room, messages under way included. When there is room again, the
    /// senders that wait for it go on by themselves.
    fn has_room(&self, room: &Room) -> bool;

    /// Keeps room for one message; false when there is none.
    fn reserve(&self, room: &Room) -> bool;

    /// Gives up, or uses, what [`Core::reserve`] or a waiting sender's grant has kept.
    fn unreserve(&self, to: &AnyPid);

    /// Takes a message that was sent, whether there is room or not.
    fn post(&self, parcel: Parcel);

    /// Takes a signal that was sent; false to let it through at once.
    fn deliver(&self, to: &AnyPid, signal: &Signal<AnyPid>) -> bool;

    /// Takes a cell that can run.
    fn schedule(&self, cell: Runnable);

    /// Chooses a number below `count` for the actor that runs; `None` until its next turn, which it
    /// must ask for.
    fn choose(&self, count: usize) -> Option<usize>;
}

/// The core of a node that has none.
pub(crate) struct NoCore;

impl Core for NoCore {
    fn has_room(&self, _: &Room) -> bool {
        false
    }

    fn reserve(&self, _: &Room) -> bool {
        false
    }

    fn unreserve(&self, _: &AnyPid) {}

    fn post(&self, parcel: Parcel) {
        drop(parcel);
    }

    fn deliver(&self, _: &AnyPid, _: &Signal<AnyPid>) -> bool {
        false
    }

    fn schedule(&self, _: Runnable) {}

    fn choose(&self, _: usize) -> Option<usize> {
        Some(0)
    }
}
