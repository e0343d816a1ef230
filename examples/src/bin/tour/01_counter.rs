//! Tour, 1: an actor, and the ways to talk to it.
//!
//! Look at how the methods of a marked block become messages: `add` on the pid sends one and waits
//! for the answer; `reset` only sends. The state needs no lock: one message is handled at a time.
//!
//! ```text
//! cargo run --release --bin tour_01_counter
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use wharf::prelude::*;

struct Counter {
    total: u64,
}

#[wharf::actor]
impl Counter {
    /// Adds `by` and answers with the new total.
    async fn add(&mut self, by: u64) -> u64 {
        self.total += by;
        self.total
    }

    /// An answer may be an error; the actor lives on.
    async fn subtract(&mut self, by: u64) -> Result<u64, String> {
        self.total = self.total.checked_sub(by).ok_or_else(|| format!("{by} is more than {}", self.total))?;
        Ok(self.total)
    }

    /// Nobody waits for this.
    #[one_way]
    async fn reset(&mut self) {
        self.total = 0;
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let counter = spawn(Counter { total: 0 });

    // Ask: waits for room in the mailbox, then for the answer, at most 5 seconds.
    println!("5 makes {}", counter.add(5).await?);
    // The same within another time.
    println!("2 more makes {}", counter.add(2).timeout(Duration::from_millis(500)).await?);

    // An error inside the answer is not an error of the delivery.
    match counter.subtract(100).await? {
        Ok(total) => println!("less 100 makes {total}"),
        Err(why) => println!("no: {why}"),
    }

    // Send: waits for room only. What one actor or guest sends arrives in the order sent.
    counter.reset().await?;
    println!("after the reset 1 makes {}", counter.add(1).await?);

    // Many at a time; each stub is a plain future.
    let sum: Vec<u64> = futures::future::try_join_all((0..4).map(|_| counter.add(10))).await?;
    println!("four tens make {:?}", sum.last());
    Ok(())
}
