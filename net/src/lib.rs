//! wharf between processes and machines: so far the wire format and its codec.
//!
//! Everything here is sans-IO: no socket, no clock, no task. Bytes and limits are arguments, frames
//! and errors are results, so that the same code serves a driver on real sockets, the simulator and
//! a fuzzer. Start at [`wire`].

#![forbid(unsafe_code)]

pub mod wire;
