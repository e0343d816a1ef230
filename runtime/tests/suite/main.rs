//! The runtime as a program sees it: what the contract promises, on both kinds of tokio runtime.

#![allow(clippy::unwrap_used, reason = "tests")]

mod asks;
mod auto_traits;
mod common;
mod exits;
mod far;
mod far_signals;
mod joined;
mod ledger;
mod local;
mod monitors;
mod narrow;
mod nodes;
mod order;
mod panics;
mod receiving;
mod rendezvous;
mod sending;
mod shutdown;
mod stress;
mod threads;
mod timers;
