//! Actors as types: their hooks, their context, and how what they return becomes a reason.

#![allow(clippy::unwrap_used, reason = "tests")]

mod auto_traits;
mod beside;
mod calls;
mod context;
mod crashes;
mod dropped;
mod explored;
mod hooks;
mod log;
#[cfg(all(feature = "net", feature = "macros"))]
mod nodes;
mod outcomes;
mod registry;
mod reports;
mod select;
mod selective;
mod sizes;
mod supervisor;
mod waiting;
#[cfg(all(feature = "net", feature = "macros"))]
mod wire;

/// Waits until one actor is left, and all who watched the others have been told.
async fn until_alone(node: &wharf::Node) {
    until_left(node, 1).await;
}

/// Waits until so many actors are left.
async fn until_left(node: &wharf::Node, count: u64) {
    for _ in 0..10_000_000_u32 {
        if node.stats().live <= count {
            return;
        }
        std::thread::yield_now();
        tokio::task::yield_now().await;
    }
    panic!("others live on");
}
