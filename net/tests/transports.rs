//! Transports, and what comes over them from strangers: `transports/README.md` says what is where.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "transports/conformance.rs"]
mod conformance;
#[path = "transports/grounds.rs"]
mod grounds;
#[path = "transports/house.rs"]
mod house;
#[path = "transports/intruder.rs"]
mod intruder;
#[path = "transports/listeners.rs"]
mod listeners;
#[path = "transports/log.rs"]
mod log;
#[path = "transports/members.rs"]
mod members;
#[path = "transports/nesting.rs"]
mod nesting;
#[cfg(unix)]
#[path = "transports/sockets.rs"]
mod sockets;
#[path = "transports/strangers.rs"]
mod strangers;
#[path = "transports/waiting.rs"]
mod waiting;
