//! A node that counts for another: joins it, and works there until all is done.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use wharf::net::{EndCause, Net, NodeMonitor};

use crate::wire::{COORDINATOR, Msg, Place};
use crate::worker::crew;

/// How long a lost node waits between two attempts to come back.
const STEP: Duration = Duration::from_millis(100);

/// How long a connection's end may be told after its actors' ends.
const SOON: Duration = Duration::from_secs(1);

/// Works for the node at `address` until it says that all is done. A connection that is lost is made again,
/// if that takes no longer than `patience`; what was counted and not reported is counted by others.
///
/// # Errors
///
/// A message, if there is no connection or it is lost for good.
pub(crate) async fn serve(
    net: &Net,
    address: &str,
    place: &Place,
    workers: u16,
    patience: Duration,
) -> Result<(), String> {
    let node = net.node().clone();
    let peer = net.connect(address).await.map_err(|error| error.to_string())?;
    let coordinator = format!("{COORDINATOR}@{peer}");
    let mut waited = Duration::ZERO;
    loop {
        let monitor = net.monitor_node(&peer);
        let why = match net.lookup::<Msg>(&coordinator).await {
            Ok(coordinator) => {
                waited = Duration::ZERO;
                match crew(&mut node.guest(), &coordinator, place, workers).await {
                    Ok(()) => return Ok(()),
                    Err(why) => why,
                }
            }
            Err(error) => error.to_string(),
        };
        if is_over(monitor).await {
            return Ok(());
        }
        if waited >= patience {
            return Err(format!("the connection to {peer} is lost: {why}"));
        }
        sleep(STEP).await;
        waited += STEP;
    }
}

/// Whether the node ended in order, which it does when all is done: it may have been done while no worker
/// of this node was asking.
async fn is_over(monitor: NodeMonitor) -> bool {
    let Ok(down) = timeout(SOON, monitor).await else { return false };
    matches!(down.cause, Some(EndCause::PeerStopping))
}
