#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod actor;
mod context;
mod error;
mod handle;
#[doc(hidden)]
pub mod macro_support;
pub mod prelude;
mod select;
mod spawn;
mod stream;
pub mod supervisor;
mod task;
pub mod telemetry;
#[cfg(feature = "test")]
pub mod testkit;
mod unheard;

pub use wharf_runtime::panic_hook as panic;
pub use wharf_runtime::{
    ActorId, AnyPid, Ask, AskError, Builder, Capacity, CrashReport, DeadLetter, DeadLetterCause, Detail,
    Down, Elapsed, Event, Exit, ExitReason, Failure, Hooks, Includes, Late, LookupError, Mailbox, MonitorRef,
    Node, NodeId, NodeStats, Outcome, Overflow, PanicInfo, Permit, Pid, RegisterError, Reply, SaveQueueFull,
    SendError, ShutdownReport, StartError, StashFull, Stopped, TaskError, Timer, Timestamp, Undelivered,
    block_on, explore, sleep, yield_now,
};

pub use crate::actor::Actor;
pub use crate::context::Context;
pub use crate::error::{Error, Result};
pub use crate::handle::{Call, CallTimeout, Destination, SendTo};
pub use crate::spawn::{NodeExt, Spawn, spawn, spawn_fn};
pub use crate::stream::{MailboxExt, Messages, PidSink, sink};
pub use crate::supervisor::supervise;
pub use crate::task::{Task, run_blocking};

/// What macros expand to.
#[doc(hidden)]
pub mod __private {
    pub use crate::select::place;
    pub use wharf_runtime::poll_choice;
}
pub use crate::unheard::Unheard;
#[cfg(all(feature = "macros", feature = "net"))]
pub use wharf_macros::Wire;
#[cfg(feature = "macros")]
pub use wharf_macros::{actor, main, protocol, test};
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "net")]
pub use wharf_runtime::wire::{self, Wire};

/// The guides, as modules, so that their examples are tested.
#[doc = include_str!("../docs/semantics.md")]
pub mod semantics {}

#[doc = include_str!("../docs/tutorial.md")]
pub mod tutorial {}

#[doc = include_str!("../docs/messages.md")]
pub mod messages {}

#[doc = include_str!("../docs/sending.md")]
pub mod sending {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[cfg(all(feature = "net", feature = "macros"))]
#[doc = include_str!("../docs/nodes.md")]
pub mod nodes {}

#[doc = include_str!("../docs/design.md")]
pub mod design {}

#[cfg(feature = "test")]
#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../docs/verification.md")]
pub mod verification {}
