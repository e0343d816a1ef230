//! A service for other programs: a client. See `server.rs` for how to run the two.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it shows the answers")]

#[allow(dead_code, reason = "the trait is for the server, which implements it")]
mod protocol;

use clap::{Parser, Subcommand};
use wharf::net::{Key, Net};
use wharf::prelude::*;

use crate::protocol::{DIRECTORY, DirectoryCalls, DirectoryMsg};

/// Asks a telephone directory.
#[derive(Parser)]
struct Args {
    /// Where the server listens.
    address: String,
    /// A file of 64 hexadecimal digits, the same as the server has.
    key: std::path::PathBuf,
    #[command(subcommand)]
    request: Request,
}

#[derive(Subcommand)]
enum Request {
    /// Enters a number.
    Enter { name: String, number: u64 },
    /// Finds a number.
    Find { name: String },
    /// Takes somebody out.
    StrikeOut { name: String },
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let args = Args::parse();
    let node = Node::current().ok_or_else(|| wharf::Error::message("main is a guest"))?;
    // Each client is a node, and needs a name of its own.
    let name = format!("client:{}", std::process::id());
    let net = Net::builder(Key::from_file(&args.key)?).name(name).join(&node)?;
    let server = net.connect(&args.address).await?;
    let directory = net.lookup::<DirectoryMsg>(&format!("{DIRECTORY}@{server}")).await?;
    match args.request {
        Request::Enter { name, number } => match directory.enter(name, number).await? {
            Some(before) => println!("entered in place of {before}"),
            None => println!("entered"),
        },
        // The delivery may fail, and the answer may be an error.
        Request::Find { name } => match directory.find(name).await? {
            Ok(number) => println!("{number}"),
            Err(why) => return Err(wharf::Error::message(why)),
        },
        Request::StrikeOut { name } => directory.strike_out(name).await?,
    }
    // What was sent is on its way when this returns.
    net.stop().await;
    Ok(())
}
