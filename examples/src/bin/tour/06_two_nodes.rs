//! Tour, 6: an actor of another node.
//!
//! Look at `counter`: once it is found it is a pid like any other. What is new is what can happen to it: the
//! connection may be cut, and then nobody knows whether it still lives. Here both nodes are in one process,
//! joined by a network that is inside of it; with `tcp://` or `unix:` addresses they need not be.
//!
//! ```text
//! cargo run --release --bin tour_06_two_nodes
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use wharf::Event;
use wharf::net::{Key, Mem, Net};
use wharf::prelude::*;

struct Counter {
    total: u64,
}

/// `wire`: its messages may travel.
#[wharf::actor(wire)]
impl Counter {
    async fn add(&mut self, by: u64) -> u64 {
        self.total += by;
        self.total
    }

    async fn divide(&mut self, by: u64) -> u64 {
        self.total / by
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let (key, network) = (Key::random()?, Mem::default());

    // The far node has a counter, and lets others find it.
    let far = Node::start()?;
    let far_net = Net::builder(key.clone()).name("far").mem(&network).join(&far)?;
    far_net.listen("mem:far").await?;
    far_net.export("counter", &far.spawn(Counter { total: 0 }))?;

    // This one connects, and finds it.
    let here = Node::current().ok_or_else(|| wharf::Error::message("main is a guest"))?;
    let net = Net::builder(key).name("here").mem(&network).join(&here)?;
    println!("connected to {}", net.connect("mem:far").await?);
    let counter = net.lookup::<CounterMsg>("counter@far").await?;

    println!("5 makes {}", counter.add(5).await?);
    println!("2 more makes {}", counter.add(2).await?);

    // It dies as an actor here would, and whoever monitors it is told the reason.
    let mut me = here.guest::<()>();
    me.monitor(&counter);
    if let Err(error) = counter.divide(0).await {
        println!("no answer: {error}");
    }
    if let Some(Event::Down(down)) = me.next().await {
        println!("the counter ended: {}", down.reason);
    }

    // Another takes its place. This time all of its node ends.
    far_net.export("counter", &far.spawn(Counter { total: 100 }))?;
    let counter = net.lookup::<CounterMsg>("counter@far").await?;
    println!("another one: 1 makes {}", counter.add(1).await?);
    me.monitor(&counter);
    let node_down = net.monitor_node("far");
    far.stop().await;
    if let Some(Event::Down(down)) = me.next().await {
        println!("the other counter: {}", down.reason);
    }
    println!("{}", node_down.await);
    if let Err(error) = counter.add(1).await {
        println!("no answer any more: {error}");
    }
    Ok(())
}
