//! The test kit: actors under test on a seeded node with virtual time, without one sleep.
//!
//! [`run`] runs a test as a guest of a node of its own, on the calling thread. Which message arrives
//! next and which actor runs is drawn from a seed; time stands still until the test turns it, or
//! until the test itself awaits what only time can bring. A failure prints the seed, a line that runs
//! the test again with it, and the last events as a chart.
//!
//! The guide is [`testing`](crate::testing).
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use wharf::prelude::*;
//! use wharf::testkit;
//!
//! /// Pays again after a second when the bank is busy.
//! struct Teller(Pid<Withdraw>);
//!
//! struct Withdraw(u32, Reply<bool>);
//!
//! impl Actor for Teller {
//!     type Msg = u32;
//!
//!     async fn handle(&mut self, amount: u32, _: &mut Context<u32>) -> Result<(), ExitReason> {
//!         while !self.0.ask(|reply| Withdraw(amount, reply)).await? {
//!             wharf::sleep(Duration::from_secs(1)).await;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! testkit::run("a_teller_tries_again", None, |t| async move {
//!     let bank = t.probe::<Withdraw>();
//!     let teller = t.spawn(Teller(bank.pid()));
//!     teller.send(5).await.unwrap();
//!     bank.expect(|m| m.0 == 5).await.1.send(false).unwrap();
//!     bank.expect_none().await;
//!     t.advance(Duration::from_secs(1)).await;
//!     bank.expect(|m| m.0 == 5).await.1.send(true).unwrap();
//!     t.assert_no_dead_letters();
//! });
//! ```

mod capture;
mod expect;
mod node;
mod probe;
mod run;
mod trace;

pub use wharf_runtime::explore::TraceEvent;

pub use self::node::TestNode;
pub use self::probe::Probe;
pub use self::run::run;
