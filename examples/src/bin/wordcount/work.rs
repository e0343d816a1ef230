//! `wordcount work`: counts what another machine serves.

use std::process;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use wharf::Node;
use wharf::net::{Key, Net};

use crate::args::WorkArgs;
use crate::interrupt::{self, Ending};
use crate::member::{self, Host};
use crate::progress::complain;
use crate::runtime;
use crate::wire::{Files, Place};

/// Counts until the serving node says that all is done, or a signal comes, which is given.
///
/// # Errors
///
/// A message, if there is no connection or it is lost for good.
pub(crate) fn run(args: &WorkArgs) -> Result<Option<Ending>, String> {
    let key = Key::from_file(&args.key_file).map_err(|error| explain(&error))?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => some_name()?,
    };
    let signal = first_signal().map_err(|error| format!("can't listen for interrupts: {error}"))?;
    runtime::block_on(args.workers(), async {
        let node = Node::current().ok_or("there is no node here")?;
        let net = Net::builder(key).name(name.clone()).join(&node).map_err(|error| explain(&error))?;
        let place = Place { node: name, number: 0, files: Files::Others };
        let patience = Duration::from_secs(u64::from(args.patience));
        let host = Host { address: &args.join, patience, say: &complain };
        let served = Box::pin(member::serve(&net, &host, &place, args.workers()));
        match select(served, signal).await {
            Either::Left((served, _)) => {
                net.stop().await;
                served.map(|()| None)
            }
            Either::Right((signal, served)) => {
                // The workers end, and the other node hears so before the connection is closed: nothing is lost
                // that it would have to wait for.
                drop(served);
                let signal = signal.map_err(|_| "signals are not listened for any more")?;
                complain(&format!("{}: what is not reported is counted by others", signal.word()));
                Ok(Some(signal))
            }
        }
    })
}

/// The first signal; the second ends the program at once.
fn first_signal() -> std::io::Result<oneshot::Receiver<Ending>> {
    let (sender, receiver) = oneshot::channel();
    let mut sender = Some(sender);
    interrupt::watch(move |ending| {
        let sent = sender.take().map(|sender| sender.send(ending));
        if sent != Some(Ok(())) {
            interrupt::exit(ending);
        }
    })?;
    Ok(receiver)
}

/// A name that no other worker has.
fn some_name() -> Result<String, String> {
    let number = getrandom::u32().map_err(|error| format!("no random numbers: {error}"))?;
    Ok(format!("work:{}-{number:08x}", process::id()))
}

/// An error and what it comes from.
pub(crate) fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
