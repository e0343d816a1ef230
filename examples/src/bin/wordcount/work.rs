//! `wordcount work`: counts what another machine serves.

use std::process;
use std::time::Duration;

use wharf::Node;
use wharf::net::{Key, Net};

use crate::args::WorkArgs;
use crate::member;
use crate::runtime;
use crate::wire::{Files, Place};

/// Counts until the serving node says that all is done.
///
/// # Errors
///
/// A message, if there is no connection or it is lost for good.
pub(crate) fn run(args: &WorkArgs) -> Result<(), String> {
    let key = Key::from_file(&args.key_file).map_err(|error| explain(&error))?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => some_name()?,
    };
    runtime::block_on(args.workers(), async {
        let node = Node::current().ok_or("there is no node here")?;
        let net = Net::builder(key).name(name.clone()).join(&node).map_err(|error| explain(&error))?;
        let place = Place { node: name, number: 0, files: Files::Others };
        let patience = Duration::from_secs(u64::from(args.patience));
        let served = member::serve(&net, &args.join, &place, args.workers(), patience).await;
        net.stop().await;
        served
    })
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
