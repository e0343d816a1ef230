#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod actor;
mod context;
mod error;
mod handle;
#[doc(hidden)]
pub mod macro_support;
pub mod prelude;
mod spawn;
mod unheard;

pub use wharf_runtime::panic_hook as panic;
pub use wharf_runtime::{
    ActorId, AnyPid, Ask, AskError, Builder, Capacity, CrashReport, DeadLetter, DeadLetterCause, Detail,
    Down, Elapsed, Event, Exit, ExitReason, Failure, Hooks, Late, LookupError, Mailbox, MonitorRef, Node,
    NodeId, NodeStats, Outcome, Overflow, PanicInfo, Permit, Pid, RegisterError, Reply, SaveQueueFull,
    SendError, ShutdownReport, StartError, Timer, Timestamp, Undelivered, block_on, explore, sleep,
    yield_now,
};

pub use crate::actor::Actor;
pub use crate::context::Context;
pub use crate::error::{Error, Result};
pub use crate::handle::{Call, CallTimeout, Destination, SendTo};
pub use crate::spawn::{NodeExt, Spawn, spawn, spawn_fn};
pub use crate::unheard::Unheard;
#[cfg(feature = "macros")]
pub use wharf_macros::{actor, main, protocol, test};

/// The guides, as modules, so that their examples are tested.
#[doc = include_str!("../docs/semantics.md")]
pub mod semantics {}

#[doc = include_str!("../docs/design.md")]
pub mod design {}

#[doc = include_str!("../docs/verification.md")]
pub mod verification {}
