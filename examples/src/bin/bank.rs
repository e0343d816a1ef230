//! A bank: accounts that are actors, and transfers that lose nothing.
//!
//! Look at the protocol: tellers know only `Account`, not who implements it. Look at `transfer`: an
//! account that ends in the middle gives an error with its reason, and the money goes back.
//!
//! ```text
//! cargo run --release --bin bank
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use wharf::prelude::*;

/// What can be done with an account.
#[wharf::protocol]
trait Account {
    /// Puts money in; answers with the balance.
    async fn deposit(&mut self, amount: u64) -> u64;
    /// Takes money out, if it is there.
    async fn withdraw(&mut self, amount: u64) -> Result<u64, Refused>;
    /// What is there.
    async fn balance(&mut self) -> u64;
}

/// Why no money was paid out.
#[derive(Debug, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{wanted} is more than the {there} that is there")]
struct Refused {
    wanted: u64,
    there: u64,
}

/// An account in memory.
struct Purse {
    balance: u64,
}

#[wharf::actor]
impl Account for Purse {
    async fn deposit(&mut self, amount: u64) -> u64 {
        self.balance += amount;
        self.balance
    }

    async fn withdraw(&mut self, amount: u64) -> Result<u64, Refused> {
        let there = self.balance;
        self.balance = there.checked_sub(amount).ok_or(Refused { wanted: amount, there })?;
        Ok(self.balance)
    }

    async fn balance(&mut self) -> u64 {
        self.balance
    }
}

/// Moves money; when it can't be put in, it goes back.
async fn transfer(from: &Pid<AccountMsg>, to: &Pid<AccountMsg>, amount: u64) -> wharf::Result<()> {
    from.withdraw(amount).await??;
    if let Err(error) = to.deposit(amount).await {
        from.deposit(amount).await?;
        return Err(error.into());
    }
    Ok(())
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let ann = Spawn::new().label("ann").spawn(Purse { balance: 100 });
    let bob = Spawn::new().label("bob").spawn(Purse { balance: 5 });

    transfer(&ann, &bob, 30).await?;
    println!("ann has {}, bob has {}", ann.balance().await?, bob.balance().await?);

    if let Err(error) = transfer(&bob, &ann, 1_000).await {
        println!("no: {error}");
    }

    // Many at a time: each account handles one request after another, so no sum is wrong.
    let there_and_back =
        (0..60).map(|n| if n % 2 == 0 { transfer(&ann, &bob, 1) } else { transfer(&bob, &ann, 1) });
    futures::future::try_join_all(there_and_back).await?;
    println!("ann has {}, bob has {}", ann.balance().await?, bob.balance().await?);

    bob.kill();
    let _ = bob.stopped().await;
    if let Err(error) = transfer(&ann, &bob, 10).await {
        println!("bob is gone: {error}");
    }
    println!("ann still has {}", ann.balance().await?);
    Ok(())
}
