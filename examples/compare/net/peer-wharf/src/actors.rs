//! The actors at the server.

use net_common::{MANY, PAYLOAD};
use wharf::net::{ExportError, Net};
use wharf::prelude::*;

/// Echoes, and counts what comes.
#[derive(Default)]
pub(crate) struct Sink {
    count: u64,
}

#[wharf::actor(wire, name = "bench.Sink")]
impl Sink {
    pub(crate) async fn echo(&mut self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    #[one_way]
    pub(crate) async fn put(&mut self, payload: Vec<u8>) {
        assert_eq!(payload.len(), PAYLOAD);
        self.count += 1;
    }

    pub(crate) async fn count(&self) -> u64 {
        self.count
    }
}

/// Takes large messages.
#[derive(Default)]
pub(crate) struct Bulk {
    bytes: u64,
}

#[wharf::actor(wire, name = "bench.Bulk", max_bytes = 1_010_000)]
impl Bulk {
    #[one_way]
    pub(crate) async fn pour(&mut self, payload: Vec<u8>) {
        self.bytes += payload.len() as u64;
    }

    pub(crate) async fn poured(&self) -> u64 {
        self.bytes
    }
}

/// One of a pair: `sink0` and so on.
pub(crate) fn numbered(pair: usize) -> String {
    format!("sink{pair}")
}

/// Lets the other node find them.
pub(crate) fn export(net: &Net) -> Result<(), ExportError> {
    let node = net.node();
    net.export("sink", &node.spawn(Sink::default()))?;
    net.export("bulk", &node.spawn(Bulk::default()))?;
    for pair in 0..MANY {
        net.export(&numbered(pair), &node.spawn(Sink::default()))?;
    }
    net.export_factory("new sink", |node, (): ()| Ok::<_, wharf::net::NetError>(node.spawn(Sink::default())))
}
