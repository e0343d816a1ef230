//! The cell of an actor: its mailbox, its state, its life.

pub mod death;
pub mod explored;
pub mod fate;
pub mod header;
pub mod pages;
pub mod parcel;
pub mod pid;
pub mod pooled;
pub mod proxy;
pub mod recent;
pub mod reception;
pub mod relation;
pub mod reply;
pub mod run;
pub mod state;
pub mod words;
