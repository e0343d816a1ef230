//! Nodes joined with each other: near and far behave alike.
//!
//! The files `both_*` hold sentences that are the same near and far: each body runs inside one node and
//! between two. The others are about what only nodes have.

mod asks;
mod both_asks;
mod both_ends;
mod both_order;
mod both_sends;
mod common;
mod connecting;
mod cuts;
mod exports;
mod handing_over;
mod limits;
mod order;
mod pids;
mod rope;
mod signals;
mod site;
mod thirds;
mod types;
