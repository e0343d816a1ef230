//! Actors that are not there any more: their pids still travel in messages, and tell so when they are used.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use wharf_runtime::remote::{Connection, Cut, FarSignal, Pair, Refusal, Remote, Ticket};
use wharf_runtime::{ActorId, ExitReason, Node, NodeId};

use super::core::Shared;

/// Where nothing arrives.
pub(super) enum Gone {
    /// The actor was this node's, and has ended.
    Ended(Weak<Shared>),
    /// The actor's node is not known any more.
    Lost,
}

impl Gone {
    /// Makes pids of actors of `number` that are gone so.
    pub(super) fn connection(self, node: &Node, number: NodeId) -> Connection {
        node.connection(number, Arc::new(self))
    }

    const fn refusal(&self) -> Refusal {
        match self {
            Self::Ended(_) => Refusal::Closed,
            Self::Lost => Refusal::NoConnection,
        }
    }
}

/// What an actor that has ended is answered with for, and to whom.
fn answer(of: ActorId, signal: &FarSignal) -> Option<(ActorId, FarSignal)> {
    let reason = ExitReason::NoProc;
    match signal {
        FarSignal::Link { from } => Some((*from, FarSignal::Exit { from: of, reason, link: true })),
        FarSignal::Unlink { from, id } => Some((*from, FarSignal::UnlinkAck { from: of, id: *id })),
        FarSignal::Monitor { monitor, .. } => {
            let down = FarSignal::Down { monitor: *monitor, subject: of, reason, priority: false };
            Some((monitor.owner(), down))
        }
        _ => None,
    }
}

impl Remote for Gone {
    fn try_reserve(&self, _: Pair) -> Result<(), Refusal> {
        Err(self.refusal())
    }

    fn poll_reserve(
        &self,
        _: Pair,
        _: &mut Option<Ticket>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Err(self.refusal()))
    }

    fn give_up(&self, _: Pair, _: Ticket) {}

    fn unreserve(&self, _: Pair) {}

    fn send(&self, _: Pair, _: &'static str, _: Vec<u8>) -> Result<Option<Ticket>, Cut> {
        Err(Cut::new())
    }

    fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Cut> {
        let Self::Ended(shared) = self else { return Err(Cut::new()) };
        let shared = shared.upgrade().ok_or(Cut::new())?;
        if let Some((owner, answer)) = answer(to, &signal) {
            shared.ended.receive_signal(owner, answer);
        }
        Ok(())
    }
}
