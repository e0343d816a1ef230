//! Inside a process: names of a private little network.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::io::duplex;
use tokio::sync::mpsc;

use super::{Address, BoxFuture, Duplex, Listener, Transport, TransportError};

/// Bytes on their way, each way.
const BUFFER_BYTES: usize = 64 * 1024;
/// Calls that may come before those in front of them are taken; whoever calls then waits.
const BACKLOG: usize = 128;

type Listeners = Mutex<BTreeMap<String, mpsc::Sender<Duplex>>>;

/// A network inside one process, whose addresses are `mem:NAME`. Clones are the same network.
#[derive(Clone, Default)]
pub struct Mem(Arc<Listeners>);

impl fmt::Debug for Mem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.lock().keys()).finish()
    }
}

struct Taker {
    network: Weak<Listeners>,
    address: Address,
    calls: mpsc::Receiver<Duplex>,
}

impl Listener for Taker {
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>> {
        Box::pin(async { self.calls.recv().await.ok_or_else(|| nobody_at(&self.address)) })
    }

    fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        if let Some(network) = self.network.upgrade() {
            network.lock().remove(self.address.rest());
        }
    }
}

fn nobody_at(address: &Address) -> TransportError {
    TransportError::Refused { address: address.clone(), source: None }
}

impl Mem {
    fn open(&self, at: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let mut listeners = self.0.lock();
        if listeners.contains_key(at.rest()) {
            return Err(TransportError::InUse { address: at.clone(), source: None });
        }
        let (sender, calls) = mpsc::channel(BACKLOG);
        listeners.insert(at.rest().to_owned(), sender);
        Ok(Box::new(Taker { network: Arc::downgrade(&self.0), address: at.clone(), calls }))
    }

    async fn call(&self, to: &Address) -> Result<Duplex, TransportError> {
        let listener = self.0.lock().get(to.rest()).cloned().ok_or_else(|| nobody_at(to))?;
        // A pipe for each direction, of which each end has one side: so either is closed by itself.
        let (our_writer, their_reader) = duplex(BUFFER_BYTES);
        let (their_writer, our_reader) = duplex(BUFFER_BYTES);
        let theirs = Duplex::new(their_reader, their_writer, "mem");
        listener.send(theirs).await.map_err(|_| nobody_at(to))?;
        Ok(Duplex::new(our_reader, our_writer, to.to_string()))
    }
}

impl Transport for Mem {
    fn scheme(&self) -> &'static str {
        "mem"
    }

    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async { self.open(at) })
    }

    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
        Box::pin(self.call(to))
    }
}
