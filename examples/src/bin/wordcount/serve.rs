//! `wordcount serve`: counts with whoever joins from other machines, which are sent the text to count.

use std::io;
use std::sync::Arc;

use tracing_subscriber::filter::LevelFilter;
use wharf::net::{Key, Net};
use wharf::{Node, Spawn};

use crate::args::ServeArgs;
use crate::coordinator::{Coordinator, Mischief};
use crate::nodes::count;
use crate::progress::Progress;
use crate::report::Outcome;
use crate::roster::{FIRST, Roster};
use crate::runtime;
use crate::walk::Walk;
use crate::wire::COORDINATOR;
use crate::work::explain;

/// Counts what `walk` finds with workers here, if any, and those that come.
///
/// # Errors
///
/// When nobody can join, or the coordinator died.
pub(crate) fn run(walk: Walk, args: &ServeArgs, progress: &Arc<Progress>) -> Result<Outcome, String> {
    let key = Key::from_file(&args.key_file).map_err(|error| explain(&error))?;
    // Who calls with a wrong key, and who is lost, is seen on stderr.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        .with_ansi(false)
        .without_time()
        .init();
    let workers = args.common.workers();
    runtime::block_on(workers, async {
        let mut roster = Roster::default();
        roster.expect(FIRST, workers);
        let (coordinator, outcome) =
            Coordinator::new(walk, roster, Mischief::default(), Arc::clone(progress));
        let node = Node::current().ok_or("there is no node here")?;
        let net = Net::builder(key).name(FIRST).join(&node).map_err(|error| explain(&error))?;
        let coordinator = Spawn::new().label("coordinator").spawn(coordinator);
        net.export(COORDINATOR, &coordinator).map_err(|error| explain(&error))?;
        let listens = net.listen(&args.listen).await;
        let address =
            listens.map_err(|error| format!("can't listen at {}: {}", args.listen, explain(&error)))?;
        let join = args.advertise.clone().unwrap_or_else(|| address.to_string());
        progress
            .say(&format!("listening at {address}; to help: wordcount work --join {join} --key-file ..."));
        let outcome = count(&coordinator, workers, outcome).await;
        // The others hear that all is done, and end.
        net.stop().await;
        outcome
    })
}
