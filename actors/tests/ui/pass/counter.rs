//! The whole of a small program.
#![deny(warnings, missing_docs)]
use counter::{Counter, CounterCalls};

/// Counts.
pub mod counter {
    /// Counts.
    pub struct Counter {
        total: u64,
    }

    impl Counter {
        /// From zero.
        pub fn new() -> Self {
            Self { total: 0 }
        }
    }

    #[wharf::actor]
    impl Counter {
        /// Adds `by` and answers with the new total.
        pub async fn add(&mut self, by: u64) -> u64 {
            self.total += by;
            self.total
        }

        #[one_way]
        async fn reset(&mut self) {
            self.total = 0;
        }
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let counter = wharf::spawn(Counter::new());
    counter.reset().await?;
    assert_eq!(counter.add(5).await?, 5);
    Ok(())
}
