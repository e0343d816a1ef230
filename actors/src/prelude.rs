//! What most programs import.

pub use crate::{
    Actor, ActorId, AskError, Capacity, Context, Down, Exit, ExitReason, Mailbox, Node, NodeExt, Overflow,
    Pid, Reply, SendError, Spawn, spawn, spawn_fn,
};
