//! A chat server on TCP and Unix sockets: one room, one actor for each guest.
//!
//! Look at `room.rs` for an actor that knows its members by pid and learns from a monitor that one
//! is gone, however that came about; and at `member.rs` for an actor in process style that waits for
//! its socket and its mailbox at the same time. A guest who does not read is shown out, and slows
//! nobody down: the room never waits for room in a member's mailbox.
//!
//! ```text
//! cargo run --release --bin chat -- --tcp 127.0.0.1:4000 --unix chat.sock
//! telnet 127.0.0.1 4000
//! socat - UNIX-CONNECT:chat.sock
//! ```
#![forbid(unsafe_code)]

mod listen;
mod member;
mod room;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::io::AsyncWriteExt;
use wharf::prelude::*;

use crate::listen::Listeners;
use crate::room::Room;

/// A socket could not be opened.
const REFUSED: u8 = 2;

/// A chat server: connect with telnet or socat, say a name, talk.
#[derive(Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4000")]
    tcp: String,
    /// A Unix socket to listen on as well.
    #[arg(long)]
    unix: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    wharf::block_on(async {
        let listeners = match Listeners::open(&args.tcp, args.unix.as_deref()).await {
            Ok(listeners) => listeners,
            Err(error) => {
                tell(&error.to_string()).await;
                return ExitCode::from(REFUSED);
            }
        };
        for address in listeners.addresses() {
            tell(&format!("listening on {address}")).await;
        }
        let room = Spawn::new().label("room").spawn(Room::new());
        tokio::select! {
            () = listeners.serve(&room) => {}
            _ = tokio::signal::ctrl_c() => tell("closing").await,
        }
        // The end of the node asks every actor to stop: each member says goodbye to its guest.
        ExitCode::SUCCESS
    })
}

/// For whoever started the server; if nobody reads it, so be it.
async fn tell(line: &str) {
    let mut stderr = tokio::io::stderr();
    let _ = stderr.write_all(format!("chat: {line}\n").as_bytes()).await;
    // Only then is it written, and before what is told next.
    let _ = stderr.flush().await;
}
