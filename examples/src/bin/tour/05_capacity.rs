//! Tour, 5: capacities, and what a full mailbox means.
//!
//! Look at who waits: with a bounded mailbox the fast sender goes at the slow receiver's pace; with
//! capacity 0 it waits until the message is taken; a permit keeps room before there is a message.
//!
//! ```text
//! cargo run --release --bin tour_05_capacity
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use wharf::SendError;
use wharf::prelude::*;

/// Takes a message every few milliseconds.
async fn slow(mut mailbox: Mailbox<u32>) {
    while mailbox.receive().await.is_some() {
        wharf::sleep(Duration::from_millis(2)).await;
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    // Bounded: the tenth send waits until there is room.
    let bounded = Spawn::new().capacity(Capacity::Bounded(4)).spawn_fn(slow);
    for n in 0..10 {
        bounded.send(n).await?;
    }
    println!("ten sends went at the receiver's pace");

    // Never waiting is a choice of the sender ...
    let refused = (0..100).find_map(|n| bounded.try_send(n).err());
    if let Some(SendError::Full { limit, message, .. }) = refused {
        println!("full at {limit}: {} came back", message.into_inner());
    }

    // ... or of the receiver: what finds no room is dropped, and counted.
    let meter = Spawn::new().capacity(Capacity::Bounded(4)).overflow(Overflow::DropNewest).spawn_fn(slow);
    for n in 0..100 {
        meter.send(n).await?;
    }
    println!("of 100 samples {} were dropped", meter.node().stats().all_dead());

    // A rendezvous: when `send` returns, the receiver has the message.
    let meeting = Spawn::new().capacity(Capacity::Zero).spawn_fn(slow);
    meeting.send(1).await?;
    println!("they met");

    // Room first, then the message: the form for `select!`.
    let permit = bounded.reserve().await?;
    permit.send(11)?;
    println!("sent on a permit");

    // Unbounded: nothing slows the sender down, nothing bounds the memory.
    let unbounded = Spawn::new().capacity(Capacity::Unbounded).spawn_fn(slow);
    unbounded.send_all(0..1_000).await?;
    println!("a thousand wait in the unbounded mailbox");
    unbounded.kill();
    Ok(())
}
