//! A child process of the first one: counts with workers of its own, and ends with its parent.

use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use wharf::Node;
use wharf::net::{Key, Net};

use crate::fleet::{Legacy, Setup, clean_up};
use crate::interrupt;
use crate::member::{self, Host};
use crate::runtime;
use crate::wire::{Files, Place};

/// How long a child tries to come back to its parent, which may have been stopped for a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts for whoever started this process.
pub(crate) fn run() -> ExitCode {
    // An interrupt is for the parent, who decides.
    if let Err(error) = interrupt::ignore() {
        return fail(&format!("interrupts can't be ignored: {error}"));
    }
    let legacy: Legacy = match read() {
        Ok(Some(legacy)) => legacy,
        Ok(None) => return fail("this command is for wordcount itself"),
        Err(error) => return fail(&format!("this command is for wordcount itself: {error}")),
    };
    let setup: Setup = match read() {
        Ok(Some(setup)) => setup,
        Ok(None) => {
            // The parent ended, or does without children.
            clean_up(legacy.directory.as_deref());
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&format!("told what makes no sense: {error}")),
    };
    let follow = move || follow(legacy.directory);
    if let Err(error) = thread::Builder::new().name("parent".to_owned()).spawn(follow) {
        return fail(&format!("{}: can't watch its parent: {error}", setup.name));
    }
    match runtime::block_on(setup.workers, count(&setup)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&format!("{}: {why}", setup.name)),
    }
}

async fn count(setup: &Setup) -> Result<(), String> {
    let key = Key::from_hex(&setup.key).map_err(|error| error.to_string())?;
    let node = Node::current().ok_or("there is no node here")?;
    let net = Net::builder(key).name(setup.name.clone()).join(&node).map_err(|error| error.to_string())?;
    let place = Place { node: setup.name.clone(), number: 0, files: Files::Shared };
    // Nobody asked for a child's view of what happens.
    let host = Host { address: &setup.address, patience: PATIENCE, say: &|_| {} };
    let served = member::serve(&net, &host, &place, setup.workers).await;
    net.stop().await;
    served
}

/// What the next line of the input says; `None` at its end.
fn read<T: DeserializeOwned>() -> io::Result<Option<T>> {
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
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
