//! wharf between processes and machines: the wire format and its codec, the protocol of nodes.
//!
//! Everything here is sans-IO: no socket, no clock, no task. Bytes, time and limits are arguments, frames
//! and errors are results, so that the same code serves a driver on real sockets, the simulator and
//! a fuzzer. Start at [`proto`], which speaks [`wire`].

#![forbid(unsafe_code)]

pub mod driver;
pub mod proto;
pub mod transport;
pub mod wire;
