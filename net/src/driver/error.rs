//! What can go wrong with other nodes, and who is to blame.

use std::time::Duration;

use wharf_runtime::wire::EncodeError;

use crate::proto::{EndCause, HandshakeError, TypeRefusal};
use crate::transport::{Address, AddressError, TransportError};

/// A node could not be joined with others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The node's name is no name that other nodes could use: empty, over 255 bytes, or with an `@`.
    #[error("`{name}` can't be the name of a node: 1 to 255 bytes, and no `@`")]
    BadName {
        /// The name.
        name: String,
    },
    /// The node has been joined with others already.
    #[error("the node is joined with others already")]
    AlreadyJoined,
    /// There is no tokio runtime here.
    #[error("no tokio runtime here: call it inside the one that the node runs on")]
    NoTokio,
    /// The operating system has no random numbers to give.
    #[error("no random numbers: {0}")]
    NoRandom(String),
    /// An address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The transport refused to listen.
    #[error(transparent)]
    Listen(#[from] TransportError),
    /// The networking of this node has ended.
    #[error("the node's networking has ended")]
    Stopped,
}

/// A node could not be connected to.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// An address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The node is called, and no address of it is known: `add_peer` tells one.
    #[error("no address of node `{node}` is known")]
    NoAddress {
        /// Its name.
        node: String,
    },
    /// The transport could not be opened.
    #[error("{to} can't be reached: {reason}")]
    Unreachable {
        /// The address.
        to: Address,
        /// In the transport's words.
        reason: String,
    },
    /// There was a transport, and the two nodes did not come to terms.
    #[error("no connection to {to}: {error}")]
    Handshake {
        /// The address.
        to: String,
        /// Why.
        error: HandshakeError,
    },
    /// The node's last connection or call failed, and the next waits.
    #[error("no connection to node `{node}`")]
    NoConnection {
        /// Its name.
        node: String,
    },
    /// It took too long.
    #[error("no connection to {to} within {after:?}")]
    Timeout {
        /// The address or name.
        to: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The networking of this node has ended.
    #[error("the node's networking has ended")]
    Stopped,
}

/// An actor of another node was not found.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FarLookupError {
    /// The text is not `name@node`.
    #[error("`{text}` does not say which node: write `name@node`")]
    NoNode {
        /// What was given.
        text: String,
    },
    /// The node can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No actor is exported under this name there.
    #[error("no actor is exported as `{name}` at node `{node}`")]
    NotFound {
        /// The name.
        name: String,
        /// The node.
        node: String,
    },
    /// The actor of this name takes other messages.
    #[error("`{name}` at node `{node}` takes `{found}`, not `{wanted}`")]
    WrongType {
        /// The name.
        name: String,
        /// The node.
        node: String,
        /// What it takes.
        found: String,
        /// The message type that was asked for.
        wanted: &'static str,
    },
    /// The two nodes' declarations of the message type differ.
    #[error("node `{node}` has another `{name}`: {refusal}")]
    Differs {
        /// The message type.
        name: &'static str,
        /// The node.
        node: String,
        /// What differs.
        refusal: TypeRefusal,
    },
    /// The connection was cut before an answer came.
    #[error("the connection to node `{node}` was cut before it answered")]
    NoConnection {
        /// The node.
        node: String,
    },
    /// A limit of this node's own is reached.
    #[error("not asked: {reason}")]
    Limit {
        /// Which.
        reason: String,
    },
}

/// An actor could not be spawned on another node.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnOnError {
    /// The node can't be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The node exports no such factory, or not to this node.
    #[error("node `{node}` lets nobody call a factory `{factory}`")]
    Denied {
        /// The node.
        node: String,
        /// The factory.
        factory: String,
    },
    /// The factory was called, and gave no actor; what it says, or why it was not called.
    #[error("factory `{factory}` at node `{node}`: {reason}")]
    Failed {
        /// The node.
        node: String,
        /// The factory.
        factory: String,
        /// In its own words.
        reason: String,
    },
    /// The arguments do not become bytes: this program is to blame.
    #[error("the arguments can't be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The connection was cut before an answer came: the actor may have been spawned.
    #[error("the connection to node `{node}` was cut before it answered: the actor may be there")]
    NoConnection {
        /// The node.
        node: String,
    },
    /// A limit of this node's own is reached.
    #[error("not asked: {reason}")]
    Limit {
        /// Which.
        reason: String,
    },
}

/// An actor could not be exported under a name, or a factory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Another live actor, or a factory, is exported under the name.
    #[error("`{name}` is exported already")]
    Taken {
        /// The name.
        name: String,
    },
    /// The name is empty or too long.
    #[error("`{name}` is no name to export something as: 1 to 1024 bytes")]
    BadName {
        /// The name.
        name: String,
    },
    /// The actor has ended, or is of another node.
    #[error("the actor to be exported as `{name}` has ended, or is of another node")]
    NoProc {
        /// The name.
        name: String,
    },
    /// As many actors are exported as may be.
    #[error("no more actors can be exported: {reason}")]
    Limit {
        /// Which limit.
        reason: String,
    },
}

/// A connection to a node has ended, or could not be made: what a monitor of the node tells, once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeDown {
    /// The node's name.
    pub node: String,
    /// Why, where there was a connection.
    pub cause: Option<EndCause>,
}

impl std::fmt::Display for NodeDown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "node `{}` is not connected any more: {cause}", self.node),
            None => write!(f, "node `{}` can't be reached", self.node),
        }
    }
}
