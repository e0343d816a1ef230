//! A service for other programs: the server.
//!
//! Look at `protocol.rs`: it is all that the two programs share. The server implements it, the client calls
//! it, and neither knows how the other is made.
//!
//! ```text
//! head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' > key
//! cargo run --release --bin rpc_server -- tcp://127.0.0.1:7000 key
//! cargo run --release --bin rpc_client -- tcp://127.0.0.1:7000 key enter Ann 42
//! cargo run --release --bin rpc_client -- tcp://127.0.0.1:7000 key find Ann
//! ```
//! It serves until its standard input ends.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it says where it listens")]

mod protocol;

use std::collections::HashMap;

use clap::Parser;
use tokio::io::AsyncReadExt;
use wharf::net::{Key, Net};
use wharf::prelude::*;

use crate::protocol::{DIRECTORY, Directory, DirectoryMsg};

/// Serves a telephone directory.
#[derive(Parser)]
struct Args {
    /// Where to listen.
    address: String,
    /// A file of 64 hexadecimal digits, the same as the clients have.
    key: std::path::PathBuf,
}

#[derive(Default)]
struct Memory {
    numbers: HashMap<String, u64>,
}

#[wharf::actor(wire, Directory)]
impl Memory {
    /// For this program alone: clients do not know of it.
    async fn len(&mut self) -> usize {
        self.numbers.len()
    }
}

impl Directory for Memory {
    async fn enter(&mut self, name: String, number: u64) -> Option<u64> {
        self.numbers.insert(name, number)
    }

    async fn find(&mut self, name: String) -> Result<u64, String> {
        self.numbers.get(&name).copied().ok_or_else(|| format!("nobody is called {name}"))
    }

    async fn strike_out(&mut self, name: String) {
        self.numbers.remove(&name);
    }
}

#[wharf::main]
async fn main() -> wharf::Result<()> {
    let args = Args::parse();
    let node = Node::current().ok_or_else(|| wharf::Error::message("main is a guest"))?;
    let net = Net::builder(Key::from_file(&args.key)?).name("server").join(&node)?;
    let memory = spawn(Memory::default());
    net.export(DIRECTORY, &memory.narrow::<DirectoryMsg>())?;
    println!("listening at {}", net.listen(&args.address).await?);

    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    println!("{} entries at the end", memory.len().await?);
    Ok(())
}
