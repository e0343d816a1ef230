//! The first process: counts with workers of its own, and with those of child processes.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use wharf::net::{Key, Net};
use wharf::{Node, Pid, Spawn};

use crate::args::{Nodes, Transport};
use crate::coordinator::{Coordinator, Mischief, Victim};
use crate::fleet::{Fleet, Legacy, Setup};
use crate::progress::Progress;
use crate::report::Outcome;
use crate::roster::{FIRST, Roster};
use crate::runtime;
use crate::walk::Walk;
use crate::wire::{COORDINATOR, Files, Msg, Place};
use crate::worker::crew;

/// How often it is seen whether children have ended.
const STEP: Duration = Duration::from_millis(100);

/// The subcommand that a child is started with.
pub(crate) const CHILD: &str = "__node";

/// Counts what `walk` finds.
///
/// # Errors
///
/// When the coordinator died.
pub(crate) fn run(
    walk: Walk,
    nodes: Nodes,
    seed: Option<u64>,
    progress: &Arc<Progress>,
    fleet: &Arc<Fleet>,
) -> Result<Outcome, String> {
    runtime::block_on(nodes.workers, async {
        let base = match Base::open(nodes, fleet).await {
            Ok(base) => base,
            Err(why) => {
                progress.say(&format!("counting in one process: {why}"));
                fleet.end();
                None
            }
        };
        let mut roster = Roster::default();
        roster.expect(FIRST, nodes.workers);
        let children = base.as_ref().map(|base| &*base.children).unwrap_or_default();
        for child in children {
            roster.expect(child, nodes.workers);
        }
        let victim = seed.and_then(|seed| victim(children, seed, fleet, progress));
        let (coordinator, outcome) =
            Coordinator::new(walk, roster, Mischief { seed, victim }, Arc::clone(progress));
        let coordinator = Spawn::new().label("coordinator").spawn(coordinator);
        if let Some(base) = &base
            && let Err(why) = base.begin(&coordinator, nodes.workers, fleet)
        {
            progress.say(&format!("counting with fewer nodes: {why}"));
            // A coordinator that is gone is told of below.
            _ = coordinator.send(Msg::Begin).await;
        }
        let counts = Box::pin(count(&coordinator, nodes.workers, outcome));
        let outcome = match select(counts, Box::pin(watch(fleet, &coordinator))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        };
        if let Some(base) = base {
            // The children hear that all is done, and end.
            base.net.stop().await;
        }
        fleet.end();
        outcome
    })
}

/// Tells the coordinator of children that have ended: it may wait for them to begin.
async fn watch(fleet: &Fleet, coordinator: &Pid<Msg>) -> std::convert::Infallible {
    loop {
        wharf::sleep(STEP).await;
        for node in fleet.ended() {
            // A coordinator that is gone gives no result, and that is told.
            _ = coordinator.send(Msg::Gone { node }).await;
        }
    }
}

/// Counts with so many workers of this node as well, and waits for the result.
///
/// # Errors
///
/// When the coordinator died.
pub(crate) async fn count(
    coordinator: &Pid<Msg>,
    workers: u16,
    outcome: oneshot::Receiver<Outcome>,
) -> Result<Outcome, String> {
    let near = coordinator.clone();
    let place = Place { node: FIRST.to_owned(), number: 0, files: Files::Shared };
    Spawn::new().label("crew").spawn_fn(async move |mut mailbox| {
        // Why it ended is no news: a coordinator that is gone gives no outcome, and the end of the node is meant.
        _ = crew(&mut mailbox, &near, &place, workers).await;
    });
    outcome.await.map_err(|_| "the coordinator gave no result".to_owned())
}

/// Where the children join.
struct Base {
    net: Net,
    address: String,
    key: String,
    children: Vec<String>,
}

impl Base {
    /// Starts children and listens for them; `None` if there are to be none.
    async fn open(nodes: Nodes, fleet: &Fleet) -> Result<Option<Self>, String> {
        if nodes.nodes < 2 {
            return Ok(None);
        }
        let mut bytes = [0; 32 + 8];
        getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
        let (name, bytes) = bytes.split_first_chunk::<8>().ok_or("no random numbers")?;
        let key = hex(bytes);
        // Where it will be: children must know before it is there.
        let directory = std::env::temp_dir().join(format!("wordcount-{}", hex(name)));
        let legacy = match nodes.transport {
            Transport::Unix => Legacy { directory: Some(directory) },
            Transport::Tcp => Legacy { directory: None },
        };
        let children: Vec<_> = (2..=u16::from(nodes.nodes)).map(child_name).collect();
        for name in &children {
            fleet.start(CHILD, name, &legacy).map_err(|error| format!("{name} does not start: {error}"))?;
        }
        let at = match legacy.directory {
            Some(directory) => unix(&directory, fleet)?,
            None => "tcp://127.0.0.1:0".to_owned(),
        };
        let secret = Key::from_hex(&key).map_err(|error| error.to_string())?;
        let node = Node::current().ok_or("there is no node here")?;
        let net = Net::builder(secret).name(FIRST).join(&node).map_err(|error| error.to_string())?;
        let address = net.listen(&at).await.map_err(|error| format!("can't listen at {at}: {error}"))?;
        Ok(Some(Self { net, address: address.to_string(), key, children }))
    }

    /// Has the children join, and work for the coordinator.
    fn begin(&self, coordinator: &Pid<Msg>, workers: u16, fleet: &Fleet) -> Result<(), String> {
        self.net.export(COORDINATOR, coordinator).map_err(|error| error.to_string())?;
        for name in &self.children {
            let (key, address, name) = (self.key.clone(), self.address.clone(), name.clone());
            let setup = Setup { key, address, name, workers };
            fleet.tell(&setup).map_err(|error| format!("{} does not listen: {error}", setup.name))?;
        }
        Ok(())
    }
}

/// An address in a new directory.
fn unix(directory: &Path, fleet: &Fleet) -> Result<String, String> {
    fleet.make_directory(directory).map_err(|error| format!("no directory for the socket: {error}"))?;
    Ok(format!("unix:{}", directory.join("socket").display()))
}

/// One of the children, whoever the seed wants.
fn victim(children: &[String], seed: u64, fleet: &Arc<Fleet>, progress: &Arc<Progress>) -> Option<Victim> {
    let place = seed.checked_rem(children.len() as u64)?;
    let node = children.get(usize::try_from(place).ok()?)?.clone();
    let (name, fleet, progress) = (node.clone(), Arc::clone(fleet), Arc::clone(progress));
    let strike = Box::new(move || {
        if let Some(process) = fleet.kill(&name) {
            progress.say(&format!("chaos kills {name}, process {process}"));
        }
    });
    Some(Victim { node, strike })
}

fn child_name(number: u16) -> String {
    format!("node:{number}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes all that is written to it.
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let mut next = 0_u8;
        let bytes: [u8; 32] = std::array::from_fn(|_| {
            next = next.wrapping_add(7);
            next
        });
        assert_eq!(hex(&[0, 15, 255]), "000fff");
        assert!(Key::from_hex(&hex(&bytes)).is_ok());
    }

    #[test]
    fn a_seed_strikes_some_child_and_nobody_where_there_is_none() {
        let (fleet, progress) = (Arc::default(), Arc::new(Progress::new(true)));
        let children: Vec<_> = [2, 3].map(child_name).into();
        for seed in [0, 1, u64::MAX] {
            let victim = victim(&children, seed, &fleet, &progress).unwrap();
            assert!(children.contains(&victim.node));
        }
        assert!(victim(&[], 1, &fleet, &progress).is_none());
    }
}
