//! The protocol between nodes: state machines without sockets, clocks, tasks or randomness.
//!
//! | file | its one job |
//! |---|---|
//! | `README.md` | the seam for the driver (below) |
//! | `node/` | all connections of a node: the seam itself |
//! | `peer.rs` | one other node: who calls, what waits |
//! | `dial.rs` | whose call goes on, and when the next one is |
//! | `handshake.rs` | how strangers find out who they are |
//! | `connection/` | one connection while it lasts |
//! | `pair.rs` | order between two actors |
//! | `types.rs` | types of messages as small numbers |
//! | `credit.rs` | how much may be sent to a mailbox |
//! | `signals.rs` | links and monitors across a connection |
//! | `replies.rs` | rights to answer and their one outcome |
//! | `requests.rs` | requests to the peer's node |
//! | `seal.rs` | what may be reached, and the proof of it |
//! | `outbox.rs` | frames that wait for the transport |
//! | `event.rs`, `error.rs`, `reason.rs`, `config.rs`, `ids.rs`, `tables.rs`, `two_way.rs` | values and tables that these share |
#![doc = include_str!("README.md")]

mod config;
mod connection;
mod credit;
mod dial;
mod error;
mod event;
mod handshake;
mod ids;
mod introductions;
mod node;
mod outbox;
mod pair;
mod peer;
mod reason;
mod replies;
mod requests;
mod seal;
mod signals;
mod tables;
mod two_way;
mod types;

pub use self::config::Config;
pub use self::connection::{Connection, Counters, NodeReply, Outgoing};
pub use self::credit::{Admission, Ticket};
pub use self::dial::{Backoff, call_of_first_goes_on};
pub use self::error::{CommandError, Violation};
pub use self::event::{EndCause, Event, SendFailure};
pub use self::handshake::{Acquaintance, ClusterKey, Handshake, HandshakeError, Introduction, Progress};
pub use self::ids::{FarId, FarPid, Identity, NAME_BYTES, NearId, NodeName};
pub use self::introductions::{
    ADDRESSES_BYTES, FIRST_IN_PAYLOAD, LOST_IN_PAYLOAD, RECEIVER_IN_PAYLOAD, SENDER_IN_PAYLOAD,
};
pub use self::node::{ConnId, Node, NodeEvent, Origin};
pub use self::peer::{Command, PeerState};
pub use self::reason::{Reason, Signal};
pub use self::replies::{AnswerWith, Reply};
pub use self::requests::{NodeAnswer, NodeRequest, REQUEST_NAME_BYTES};
pub use self::seal::Exports;
pub use self::tables::Tables;
pub use self::types::{MOST_VERSIONS, TypeRefusal, TypeState, TypeTable};
