//! Actors that are not there any more: their pids still travel in messages, and tell so when they are used.

use std::sync::Arc;
use std::task::{Context, Poll};

use wharf_runtime::remote::{Connection, Cut, FarSignal, Pair, Refusal, Remote, Ticket};
use wharf_runtime::{ActorId, Node, NodeId};

/// Where nothing arrives, and why.
pub(super) struct Gone(Refusal);

impl Gone {
    /// Makes pids of actors of `node` itself that have ended.
    pub(super) fn ended(node: &Node) -> Connection {
        node.connection(node.id(), Arc::new(Self(Refusal::Closed)))
    }

    /// Makes pids of actors of a node that is not known any more.
    pub(super) fn lost(node: &Node, number: NodeId) -> Connection {
        node.connection(number, Arc::new(Self(Refusal::NoConnection)))
    }
}

impl Remote for Gone {
    fn try_reserve(&self, _: Pair) -> Result<(), Refusal> {
        Err(self.0)
    }

    fn poll_reserve(
        &self,
        _: Pair,
        _: &mut Option<Ticket>,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Err(self.0))
    }

    fn give_up(&self, _: Pair, _: Ticket) {}

    fn unreserve(&self, _: Pair) {}

    fn send(&self, _: Pair, _: &'static str, _: Vec<u8>) -> Result<Option<Ticket>, Cut> {
        Err(Cut::new())
    }

    fn signal(&self, _: ActorId, _: FarSignal) -> Result<(), Refusal> {
        Err(self.0)
    }
}
