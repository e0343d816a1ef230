//! Two actors that send a ball to and fro, and how long a hop takes.
//!
//! Look at `Player`: each message says to whom the next goes, so the players need not know each other.
//!
//! ```text
//! cargo run --release --bin ping_pong -- 5000000
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Instant;

use clap::Parser;
use wharf::prelude::*;

/// How long a message takes from actor to actor.
#[derive(Parser)]
struct Args {
    /// Hops to be made.
    #[arg(default_value_t = 1_000_000)]
    hops: u64,
}

struct Ball {
    left: u64,
    back: Pid<Self>,
    done: Reply<()>,
}

struct Player;

impl Actor for Player {
    type Msg = Ball;

    async fn handle(&mut self, ball: Ball, cx: &mut Context<Ball>) -> Result<(), ExitReason> {
        if ball.left == 0 {
            let _ = ball.done.send(());
            return Ok(());
        }
        let next = Ball { left: ball.left - 1, back: cx.pid().clone(), done: ball.done };
        ball.back.send(next).await?;
        Ok(())
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let Args { hops } = Args::parse();
    let (ping, pong) = (spawn(Player), spawn(Player));
    #[allow(clippy::disallowed_methods, reason = "it measures")]
    let begun = Instant::now();
    let played = ping.ask(|done| Ball { left: hops, back: pong, done });
    played.timeout(std::time::Duration::from_secs(3_600)).await?;
    let each = begun.elapsed().as_nanos() / u128::from(hops.max(1));
    println!("{hops} hops, {each} ns each");
    Ok(())
}
