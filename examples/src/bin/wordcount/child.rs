//! A child process of the first one: counts with workers of its own, and ends with its parent.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use wharf::Node;
use wharf::net::{Key, Net};

use crate::fleet::{Setup, clean_up};
use crate::member;
use crate::runtime;
use crate::wire::{Files, Place};

/// How long a child tries to come back to its parent, which may have been stopped for a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts for whoever started this process.
pub(crate) fn run() -> ExitCode {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let setup: Setup = match read.and_then(|_| Ok(serde_json::from_str(&line)?)) {
        Ok(setup) => setup,
        Err(error) => return fail(&format!("this command is for wordcount itself: {error}")),
    };
    let directory = setup.directory.clone();
    if let Err(error) = thread::Builder::new().name("parent".to_owned()).spawn(move || follow(directory)) {
        return fail(&format!("{}: can't watch its parent: {error}", setup.name));
    }
    match runtime::block_on(setup.workers, count(&setup)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&format!("{}: {why}", setup.name)),
    }
}

async fn count(setup: &Setup) -> Result<(), String> {
    // An interrupt is for the parent, who decides.
    #[cfg(unix)]
    let _ignored = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    let key = Key::from_hex(&setup.key).map_err(|error| error.to_string())?;
    let node = Node::current().ok_or("there is no node here")?;
    let net = Net::builder(key).name(setup.name.clone()).join(&node).map_err(|error| error.to_string())?;
    let place = Place { node: setup.name.clone(), number: 0, files: Files::Shared };
    let served = member::serve(&net, &setup.address, &place, setup.workers, PATIENCE).await;
    net.stop().await;
    served
}

/// Ends this process when its parent does.
fn follow(directory: Option<PathBuf>) {
    let mut rest = Vec::new();
    // Nothing comes but the end, and an error is one.
    _ = io::stdin().lock().read_to_end(&mut rest);
    clean_up(directory.as_deref());
    exit();
}

#[allow(clippy::exit, reason = "whatever this process counts, nobody wants it any more")]
fn exit() -> ! {
    process::exit(0)
}

fn fail(message: &str) -> ExitCode {
    crate::progress::complain(message);
    ExitCode::FAILURE
}
