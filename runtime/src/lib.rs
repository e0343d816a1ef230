//! The mechanism under [wharf]: mailboxes, actor cells, the scheduler, signals and time.
//!
//! Programs use the crate `wharf`, which adds policy: typed actors, supervision, ports. What is here
//! and public is what that API is made of.
//!
//! [wharf]: https://crates.io/crates/wharf

#![deny(unsafe_code)]
#![allow(
    unreachable_pub,
    unnameable_types,
    reason = "under `wharf_loom` the internals are public to the models"
)]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a dereference and what is done with it share one proof"
)]

mod blocking;
mod builder;
#[allow(unsafe_code, reason = "cells share memory by protocol")]
mod cell;
mod crash;
mod dead_letter;
mod directory;
mod error;
mod exit;
pub mod explore;
mod hooks;
mod id;
#[allow(unsafe_code, reason = "mailboxes share memory by protocol")]
mod mailbox;
mod node;
mod offload;
pub mod panic_hook;
#[allow(unsafe_code, reason = "caches of raw memory")]
mod pool;
mod primitive;
#[allow(unsafe_code, reason = "queues share memory by protocol")]
mod queue;
mod random;
pub mod remote;
mod run;
#[allow(unsafe_code, reason = "run queues share memory by protocol")]
mod scheduler;
mod signal;
mod spawn;
mod time;
mod timer;
#[doc(hidden)]
pub mod type_name;
mod wait;
#[cfg(feature = "wire")]
pub mod wire;

pub use crate::builder::Builder;
pub use crate::cell::header::Wait;
pub use crate::cell::pid::{AnyPid, Includes, Pid};
pub use crate::cell::pooled::Pooled;
pub use crate::cell::reply::Reply;
pub use crate::cell::run::Outcome;
pub use crate::cell::state::Overflow;
pub use crate::crash::desk::CrashDesk;
pub use crate::crash::{CrashDecision, CrashReport, RecentMessage, Supervision};
pub use crate::dead_letter::{DeadLetter, DeadLetterCause};
pub use crate::error::{
    AskError, Elapsed, LookupError, RegisterError, SaveQueueFull, SendError, StartError, StashFull,
};
pub use crate::exit::{Detail, ExitReason, Failure, PanicInfo};
pub use crate::hooks::Hooks;
pub use crate::id::{ActorId, NodeId};
pub use crate::mailbox::ask::Ask;
pub use crate::mailbox::reserve::{Permit, Reserve};
pub use crate::mailbox::send::Send;
pub use crate::mailbox::{
    Event, Mailbox, Next, Receive, ReceiveFrom, ReceiveMatch, ReceiveTimeout, Serve, Stopped, Undelivered,
    exit_watch, serve,
};
pub use crate::node::{Node, NodeStats};
pub use crate::offload::{TaskError, catch_panic};
pub use crate::queue::{Capacity, MAX_CAPACITY};
#[doc(hidden)]
pub use crate::random::poll_choice;
pub use crate::run::block_on;
pub use crate::scheduler::shutdown::{Late, ShutdownReport};
pub use crate::signal::{Down, Exit, MonitorRef, Notice};
pub use crate::spawn::Spawn;
pub use crate::time::Timestamp;
pub use crate::timer::Timer;
pub use crate::wait::{Sleep, YieldNow, sleep, yield_now};

/// What the models of `loom-tests` look at.
#[cfg(wharf_loom)]
#[doc(hidden)]
pub mod model {
    /// Atomics, cells and mutations.
    pub mod primitive {
        pub use crate::primitive::*;
    }

    /// Queues of mailboxes.
    pub mod queue {
        pub use crate::queue::*;
    }

    /// Lanes of signals.
    pub mod mailbox {
        pub use crate::mailbox::*;
    }

    /// Run queues and sleep.
    pub mod scheduler {
        pub use crate::scheduler::{deque, idle, inject};
    }

    /// Words of cells.
    pub mod cell {
        pub use crate::cell::{reply, state};
    }
}
