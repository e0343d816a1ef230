//! What a node tells whoever joins it with others.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::cell::pid::AnyPid;
use crate::cell::proxy::Proxy;
use crate::id::ActorId;
use crate::node::Node;

/// Whoever joins a node with others: it must know which of the actors that other nodes know have ended, and
/// when the node stops.
pub trait Network: Send + Sync {
    /// An actor that was [exported](Node::export) has ended. All that it had to say to others has been sent.
    ///
    /// It is called once for each, on any thread, and must not wait.
    fn actor_ended(&self, id: ActorId);

    /// No actor is left, and the node waits: what was sent to other nodes may still go out. Ready: it has,
    /// or can't.
    ///
    /// The node does not wait for longer than two seconds.
    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Node {
    /// Joins this node with others through `network`; false when something else does so already.
    #[must_use]
    pub fn attach(&self, network: &Arc<dyn Network>) -> bool {
        let mut attached = self.shared().network.lock();
        if attached.as_ref().is_some_and(|other| other.strong_count() > 0) {
            return false;
        }
        *attached = Some(Arc::downgrade(network));
        true
    }

    /// Notes that other nodes know of an actor of this one: its end is told to the [`Network`]. False
    /// when it has ended already, or is of another node.
    ///
    /// Keep what is exported under a lock, and call this under it: the end may be told at once.
    #[must_use]
    pub fn export(&self, pid: &AnyPid) -> bool {
        let cell = pid.header();
        Proxy::of(cell).is_none() && cell.tenancy.transition_to_exported()
    }
}

pub(crate) type Attached = Option<Weak<dyn Network>>;
