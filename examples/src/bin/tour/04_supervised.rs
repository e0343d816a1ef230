//! Tour, 4: let it crash.
//!
//! Look at `careless`: it checks nothing. When it panics, its supervisor starts it anew, with fresh
//! state and a new pid; the old pid never reaches the new one. Too many crashes within the period end
//! the supervisor as well: somebody must look.
//!
//! ```text
//! cargo run --release --bin tour_04_supervised
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use wharf::Event;
use wharf::prelude::*;
use wharf::supervisor::{ChildSpec, Supervisor, SupervisorCalls};

#[derive(Default)]
struct Careless {
    handled: u32,
}

#[wharf::actor]
impl Careless {
    /// Divides; also by zero.
    async fn divide(&mut self, a: u32, b: u32) -> u32 {
        self.handled += 1;
        a / b
    }

    async fn handled(&mut self) -> u32 {
        self.handled
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let supervisor = Supervisor::new()
        .intensity(2, Duration::from_secs(10))
        .child(ChildSpec::new("careless", Careless::default))
        .spawn();
    let careless = supervisor.child::<CarelessMsg>("careless");

    let mut pid = careless.pid().await?;
    println!("6 / 3 = {}", pid.divide(6, 3).await?);
    for crash in 1..=2 {
        if let Err(error) = pid.divide(1, 0).await {
            println!("crash {crash}: {error}");
        }
        let old = pid.id();
        pid = careless.restarted(old).await?;
        println!(
            "started anew: {} calls handled, another incarnation: {}",
            pid.handled().await?,
            pid.id() != old
        );
    }

    // One more within the period is one too many.
    let node = Node::current().ok_or_else(|| wharf::Error::message("main is a guest"))?;
    let mut me = node.guest::<()>();
    me.monitor(&supervisor);
    let _ = pid.divide(1, 0).await;
    if let Some(Event::Down(down)) = me.next().await {
        println!("the supervisor ended: {}", down.reason);
    }
    Ok(())
}
