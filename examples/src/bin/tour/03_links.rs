//! Tour, 3: how actors learn that others have ended, and why.
//!
//! Look at the reasons: a monitor tells of an end however it came about, and a link shares it. A panic
//! ends one actor, and whoever is linked with it, and nothing else.
//!
//! ```text
//! cargo run --release --bin tour_03_links
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use wharf::Event;
use wharf::prelude::*;

/// Ends in the way it is told.
async fn mortal(mut mailbox: Mailbox<&'static str>) -> Result<(), wharf::Error> {
    match mailbox.receive().await {
        Some("panic") => panic!("as I was told"),
        Some("fail") => Err(wharf::Error::message("as I was told")),
        _ => Ok(()),
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let node = Node::current().ok_or_else(|| wharf::Error::message("main is a guest"))?;
    let mut me = node.guest::<()>();

    for end in ["return", "fail", "panic"] {
        let pid = spawn_fn(mortal);
        me.monitor(&pid);
        pid.send(end).await?;
        if let Some(Event::Down(down)) = me.next().await {
            println!("told to {end}: {}", down.reason);
        }
    }

    let pid = spawn_fn(mortal);
    me.monitor(&pid);
    pid.kill();
    if let Some(Event::Down(down)) = me.next().await {
        println!("killed: {}", down.reason);
    }
    // A monitor on an actor that has ended before tells so at once.
    me.monitor(&pid);
    if let Some(Event::Down(down)) = me.next().await {
        println!("watched too late: {}", down.reason);
    }

    // Linked actors share their end; a guest traps exits, so it is told instead.
    let pid = spawn_fn(mortal);
    me.link(&pid);
    pid.send("fail").await?;
    if let Some(Event::Exit(exit)) = me.next().await {
        println!("a linked actor ended: {}", exit.reason);
    }
    Ok(())
}
