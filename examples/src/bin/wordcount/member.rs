//! A node that counts for another, its host: joins it, and works there until all is done.
//!
//! ```text
//!            found               lost
//!  calling --------> at work ----------> calling ...
//!     |  refused        |  all is done      |  no answer for too long
//!     v                 v                   v
//!   error              end                error
//! ```

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use wharf::Pid;
use wharf::net::{ConnectError, EndCause, FarLookupError, HandshakeError, Net, NodeMonitor, Refusal};

use crate::wire::{COORDINATOR, Msg, Place};
use crate::work::explain;
use crate::worker::crew;

/// How long to wait before another call, at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait before another call, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a connection's end may be told after its actors' ends.
const SOON: Duration = Duration::from_secs(1);

/// Whom a node counts for.
pub(crate) struct Host<'a> {
    /// Where it listens.
    pub(crate) address: &'a str,
    /// How long it is called when it does not answer.
    pub(crate) patience: Duration,
    /// Tells the user what happens.
    pub(crate) say: &'a (dyn Fn(&str) + Sync),
}

/// Works for a host until it says that all is done. A host that does not answer, yet or any more, is called
/// again; what was counted and not reported is counted by others.
///
/// # Errors
///
/// A message, if the host does not answer for too long, or refuses.
pub(crate) async fn serve(net: &Net, host: &Host<'_>, place: &Place, workers: u16) -> Result<(), String> {
    let mut found = host.find(net, None).await?;
    loop {
        let Found { peer, coordinator, monitor } = found;
        let Err(why) = crew(&mut net.node().guest(), &coordinator, place, workers).await else {
            return Ok(());
        };
        if is_over(monitor).await {
            return Ok(());
        }
        found = host.find(net, Some(format!("the connection to {peer} is lost: {why}"))).await?;
    }
}

/// A host that answers.
struct Found {
    peer: String,
    coordinator: Pid<Msg>,
    monitor: NodeMonitor,
}

/// Why there is none.
struct Trouble {
    what: String,
    /// Whether it may be otherwise after a while.
    may_pass: bool,
}

impl Host<'_> {
    /// Calls until there is an answer. It was lost before, if `why` says so.
    async fn find(&self, net: &Net, mut why: Option<String>) -> Result<Found, String> {
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            // One that was just lost needs a moment as well.
            if let Some(why) = &why {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(why.clone());
                }
                if pause == FIRST_PAUSE {
                    (self.say)(&format!("{why}; calling again for {} s", self.patience.as_secs()));
                }
                sleep(pause.min(left)).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            match self.call(net).await {
                Ok(found) => {
                    if why.is_some() {
                        (self.say)(&format!("connected to {}", found.peer));
                    }
                    return Ok(found);
                }
                Err(trouble) if trouble.may_pass => why = why.or(Some(trouble.what)),
                Err(trouble) => return Err(trouble.what),
            }
        }
    }

    async fn call(&self, net: &Net) -> Result<Found, Trouble> {
        let peer = net.connect(self.address).await?;
        let monitor = net.monitor_node(&peer);
        let coordinator = net.lookup(&format!("{COORDINATOR}@{peer}")).await?;
        Ok(Found { peer, coordinator, monitor })
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        Self { may_pass: may_pass(&error), what: explain(&error) }
    }
}

impl From<FarLookupError> for Trouble {
    fn from(error: FarLookupError) -> Self {
        let may_pass = match &error {
            FarLookupError::NoConnection { .. } => true,
            FarLookupError::Connect(error) => may_pass(error),
            _ => false,
        };
        Self { may_pass, what: explain(&error) }
    }
}

/// Whether another call may do better. One that was refused is refused again.
const fn may_pass(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Unreachable { .. }
            | ConnectError::Timeout { .. }
            | ConnectError::NoConnection { .. }
            | ConnectError::Handshake {
                error: HandshakeError::Timeout { .. }
                    | HandshakeError::Closed
                    | HandshakeError::Abandoned
                    | HandshakeError::Refused { refusal: Refusal::Busy, .. },
                ..
            }
    )
}

/// Whether the host ended in order, which it does when all is done: it may have been done while no worker
/// of this node was asking.
async fn is_over(monitor: NodeMonitor) -> bool {
    let Ok(down) = timeout(SOON, monitor).await else { return false };
    matches!(down.cause, Some(EndCause::PeerStopping))
}
