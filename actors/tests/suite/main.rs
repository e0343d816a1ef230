//! Actors as types: their hooks, their context, and how what they return becomes a reason.

#![allow(clippy::unwrap_used, reason = "tests")]

mod context;
mod hooks;
mod outcomes;
mod selective;
mod waiting;
