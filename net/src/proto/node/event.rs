//! What a node tells its driver.

use crate::proto::event::{EndCause, Event};
use crate::proto::handshake::HandshakeError;
use crate::proto::ids::{Identity, NearId, NodeName};

/// One transport connection, as this node numbers them. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub(crate) u64);

/// What a node tells its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// Open a transport to this node, then call [`Node::opened`](super::Node::opened) or
    /// [`Node::open_failed`](super::Node::open_failed), once.
    Dial {
        /// Whom to call.
        peer: NodeName,
    },
    /// A connection stands.
    Up {
        /// Its transport.
        conn: ConnId,
        /// With whom.
        peer: Identity,
    },
    /// It is over. All that stood across it has been told before this.
    Down {
        /// Its transport.
        conn: ConnId,
        /// With whom.
        peer: Identity,
        /// Why.
        cause: EndCause,
    },
    /// A handshake came to nothing.
    HandshakeFailed {
        /// Its transport.
        conn: ConnId,
        /// Whom this node had called, if it was the caller and knew.
        dialled: Option<NodeName>,
        /// Who is at the other end, if it proved itself before.
        peer: Option<Identity>,
        /// Why. After [`Node::opened_unknown`](super::Node::opened_unknown),
        /// `Refusing(AlreadyConnected)` means that there is a connection with `peer`, and
        /// `Refusing(BothDialled)`, `Refused` with `BothDialled`, or `Abandoned` that another call
        /// between the two goes on.
        error: HandshakeError,
    },
    /// A call came to nothing, and what waited for it has been told before this.
    Unreachable {
        /// Who was called.
        peer: NodeName,
    },
    /// Write what [`Node::poll_transmit`](super::Node::poll_transmit) still has, then close this transport.
    Close {
        /// Which.
        conn: ConnId,
    },
    /// Something from a connection, or in its place: an actor's relation with one at a node that
    /// can't be reached has its `NoConnection` here too.
    Far {
        /// The node that it is about.
        peer: NodeName,
        /// The incarnation that it is about: an actor may have relations with actors of two, who
        /// differ in nothing else.
        incarnation: u128,
        /// What happened.
        event: Event,
    },
    /// A request that had waited for the connection was sent: `Event::Answered` names this number.
    Asked {
        /// The driver's number for it.
        token: u64,
        /// The connection's.
        number: u64,
    },
    /// A request that had waited for the connection will not be sent.
    NotAsked {
        /// The driver's number for it.
        token: u64,
    },
    /// The one notice of a monitor on a node: it is not connected any more, or can't be.
    NodeDown {
        /// Who monitors.
        watcher: NearId,
        /// The monitor's number.
        number: u64,
        /// The node.
        peer: NodeName,
    },
}
