//! Other nodes: joining them, finding and spawning actors there.
//!
//! [`Net::builder`] joins a node with others that have the
//! same [`Key`]; [`Net::listen`] and [`Net::connect`] make connections; [`Net::export`] lets others find an
//! actor, [`Net::lookup`] finds it as `name@node`. The pid that comes of it is a pid like any other.
//!
//! The guide is [`nodes`](crate::nodes): from two nodes in one process to keys, cuts, limits and what to do
//! when something is wrong.

pub use wharf_net::driver::{
    Builder, ConnectError, Counts, ExportError, FarDetail, FarLookupError, Key, KeyError, Net, NetError,
    NodeDown, NodeMonitor, SpawnOnError,
};
pub use wharf_net::proto::{Config, EndCause, HandshakeError, Origin, TypeRefusal};
pub use wharf_net::transport::{
    Address, AddressError, BoxFuture, Duplex, Listener, Mem, Tcp, Transport, TransportError, Unix,
};
pub use wharf_net::wire::Refusal;
