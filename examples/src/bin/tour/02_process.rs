//! Tour, 2: process style, the primitive below: a loop over a mailbox.
//!
//! Look at the receives: the next message, the first one that matches (the others keep their order),
//! the next from one sender, the next within some time. Whoever likes Erlang will be at home.
//!
//! ```text
//! cargo run --release --bin tour_02_process
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Duration;

use wharf::Event;
use wharf::prelude::*;

enum Order {
    Coffee(&'static str),
    Urgent(&'static str),
    Done(Reply<Vec<String>>),
}

/// Serves what is urgent before all else.
async fn barista(mut mailbox: Mailbox<Order>) -> Result<(), wharf::SaveQueueFull> {
    let mut served = Vec::new();
    loop {
        // Messages that are skipped here wait in the save queue, in their order.
        while let Some(name) = urgent(&mut mailbox).await? {
            served.push(format!("{name}, at once"));
        }
        match mailbox.receive().await {
            Some(Order::Coffee(name)) => served.push(name.to_owned()),
            Some(Order::Urgent(name)) => served.push(format!("{name}, at once")),
            Some(Order::Done(reply)) => drop(reply.send(std::mem::take(&mut served))),
            // Asked to stop, and all that was sent before has been served.
            None => return Ok(()),
        }
    }
}

/// An urgent order that waits already.
async fn urgent(mailbox: &mut Mailbox<Order>) -> Result<Option<&'static str>, wharf::SaveQueueFull> {
    let found = mailbox.receive_match(|order| matches!(order, Order::Urgent(_)));
    // Waits no longer than it takes to see that there is none.
    tokio::select! {
        biased;
        found = found => Ok(match found? {
            Some(Order::Urgent(name)) => Some(name),
            _ => None,
        }),
        () = std::future::ready(()) => Ok(None),
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let barista = spawn_fn(barista);
    for order in [Order::Coffee("Ann"), Order::Coffee("Bob"), Order::Urgent("Cyd")] {
        barista.send(order).await?;
    }
    for line in barista.ask(Order::Done).await? {
        println!("served: {line}");
    }

    // A guest, such as this `main`, may have a mailbox of its own.
    let node = Node::current().ok_or_else(|| wharf::Error::message("main is a guest"))?;
    let mut me = node.guest::<u32>();
    me.monitor(&barista);
    barista.stop();
    if let Some(Event::Down(down)) = me.next().await {
        println!("the barista ended: {}", down.reason);
    }
    let pid = me.pid().clone();
    spawn_fn(async move |_: Mailbox<()>| pid.send(7).await);
    println!("somebody sent {:?}", me.receive().await);
    if let Err(elapsed) = me.receive_timeout(Duration::from_millis(20)).await {
        println!("then {elapsed}");
    }
    Ok(())
}
