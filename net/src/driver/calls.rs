//! Calls to other nodes: addresses, transports, and whoever waits for a connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, sleep_until, timeout};

use super::core::{Core, Shared};
use super::error::ConnectError;
use crate::proto::{ConnId, HandshakeError, NodeName, PeerState};
use crate::transport::{Address, Duplex, Listener, Transport, TransportError};
use crate::wire::{NONCE_BYTES, Refusal};

/// How long a transport may take to open.
const OPEN: Duration = Duration::from_secs(5);
/// How long somebody waits for a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// How long accepting pauses when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

fn nonce() -> Option<[u8; NONCE_BYTES]> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).ok().map(|()| nonce)
}

impl Core {
    /// Whether somebody waits for how this call to an address ends.
    pub(super) fn is_called(&self, conn: ConnId) -> bool {
        self.called.contains(&conn)
    }

    /// Where a node is to be called: nowhere, once this one stops.
    fn addresses_to_call(&self, peer: &NodeName) -> Vec<Address> {
        if self.stopping { Vec::new() } else { self.addresses.of(peer) }
    }
}

impl Shared {
    pub(super) fn transport(&self, of: &Address) -> Result<&dyn Transport, TransportError> {
        let found = self.transports.iter().find(|transport| transport.scheme() == of.scheme());
        found.map(|transport| &**transport).ok_or_else(|| TransportError::unsupported(of.clone()))
    }

    /// Opens a transport to a node that is to be called.
    pub(super) fn dial(&self, peer: NodeName) {
        let Some(this) = self.this.upgrade() else { return };
        self.tokio.spawn(async move {
            let addresses = this.lock().addresses_to_call(&peer);
            let mut opened = None;
            for address in addresses {
                match this.open(&address).await {
                    Ok(duplex) => {
                        opened = Some(duplex);
                        break;
                    }
                    Err(reason) => {
                        tracing::debug!(target: "wharf::net", node = %this.me.name, %peer, %address, reason, "can't be reached");
                        this.lock().dial_errors.insert(peer.clone(), (address, reason));
                    }
                }
            }
            let mut core = this.lock();
            let now = this.now();
            // A node that stops has nothing to say to others any more.
            opened = opened.filter(|_| !core.stopping);
            match (opened, nonce()) {
                (Some(duplex), Some(nonce)) => {
                    core.dial_errors.remove(&peer);
                    if let Some(conn) = core.proto.opened(now, &peer, nonce, &duplex.binding) {
                        this.carry(&mut core, conn, duplex);
                    }
                }
                _ => core.proto.open_failed(now, &peer),
            }
            drop(core);
            this.pump();
            this.clock.notify_one();
        });
    }

    async fn open(&self, address: &Address) -> Result<Duplex, String> {
        let transport = self.transport(address).map_err(|error| error.to_string())?;
        match timeout(OPEN, transport.dial(address)).await {
            Ok(Ok(duplex)) => Ok(duplex),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("nothing within {OPEN:?}")),
        }
    }

    /// Takes calls at an address for as long as the node's networking lasts. False: it has ended.
    pub(super) fn take_calls(&self, listener: Box<dyn Listener>) -> bool {
        let Some(this) = self.this.upgrade() else { return false };
        let mut core = self.lock();
        if core.stopping {
            return false;
        }
        core.listeners += 1;
        drop(core);
        let listening = Listening(Arc::clone(&this));
        self.tokio.spawn(async move {
            tokio::select! {
                () = this.accept(listener) => {}
                () = this.until_stopping() => {}
            }
            // The listener is gone: it was dropped with what took its calls.
            drop(listening);
        });
        true
    }

    /// Takes what calls at an address.
    async fn accept(&self, mut listener: Box<dyn Listener>) {
        let mut told = false;
        loop {
            let duplex = match listener.accept().await {
                Ok(duplex) => duplex,
                Err(error) if error.is_temporary() => {
                    // Once, and not for each pause that it lasts.
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(target: "wharf::net", node = %self.me.name, %error, "no calls are taken for now");
                    }
                    sleep(PAUSE).await;
                    continue;
                }
                Err(error) => {
                    tracing::error!(target: "wharf::net", node = %self.me.name, %error, "no calls are taken any more");
                    return;
                }
            };
            told = false;
            let Some(nonce) = nonce() else { continue };
            let mut core = self.lock();
            if core.stopping {
                return;
            }
            let now = self.now();
            match core.proto.accepted(now, duplex.origin, nonce, &duplex.binding) {
                Some(conn) => {
                    self.carry(&mut core, conn, duplex);
                    drop(core);
                }
                None => {
                    drop(core);
                    tracing::warn!(target: "wharf::net", node = %self.me.name, at = %duplex.remote, "this node takes no calls");
                }
            }
            // It has a time limit, and another may have made way.
            self.clock.notify_one();
        }
    }

    /// Whether there is a connection to a node. If not, it is being called.
    fn is_connected(&self, peer: &NodeName) -> Result<bool, ConnectError> {
        let mut core = self.lock();
        if core.stopping {
            return Err(ConnectError::Stopped);
        }
        match core.proto.state_of(peer) {
            PeerState::Connected => return Ok(true),
            PeerState::Backoff => return Err(core.no_connection(peer)),
            PeerState::Idle if !core.addresses.has(peer) => {
                return Err(ConnectError::NoAddress { node: peer.to_string() });
            }
            _ => {}
        }
        match core.proto.connect(peer, false) {
            Ok(()) => Ok(false),
            Err(_) => Err(core.no_connection(peer)),
        }
    }

    /// Waits until there is a connection to a node, which is called if need be.
    pub(super) async fn connected(&self, peer: &NodeName) -> Result<(), ConnectError> {
        let named = || peer.to_string();
        let wait = self.wait_for(|| match self.is_connected(peer) {
            Ok(true) => Some(Ok(())),
            Ok(false) => {
                self.pump_soon();
                None
            }
            Err(error) => Some(Err(error)),
        });
        timeout(CONNECT, wait)
            .await
            .unwrap_or_else(|_| Err(ConnectError::Timeout { to: named(), after: CONNECT }))
    }

    /// Calls an address; gives the name of the node that answers, once there is a connection to it.
    pub(super) async fn call(&self, address: &Address) -> Result<NodeName, ConnectError> {
        let unreachable = |reason: String| ConnectError::Unreachable { to: address.clone(), reason };
        let duplex = self.open(address).await.map_err(unreachable)?;
        let nonce = nonce().ok_or_else(|| unreachable("no random numbers".to_owned()))?;
        let conn = {
            let mut core = self.lock();
            if core.stopping {
                return Err(ConnectError::Stopped);
            }
            let now = self.now();
            let conn = core.proto.opened_unknown(now, nonce, &duplex.binding);
            core.called.insert(conn);
            self.carry(&mut core, conn, duplex);
            conn
        };
        self.clock.notify_one();
        let _called = Called { shared: self, conn };
        let outcome = timeout(CONNECT, self.wait_for(|| self.lock().calls.remove(&conn)));
        let failed = |error| ConnectError::Handshake { to: address.to_string(), error };
        let name = match outcome.await {
            Err(_) => {
                return Err(ConnectError::Timeout { to: address.to_string(), after: CONNECT });
            }
            Ok(Ok(name)) => name,
            // There is a connection, or another call that goes on.
            Ok(Err((Some(peer), error))) if another_goes_on(&error) => {
                self.connected(&peer.name).await?;
                peer.name
            }
            Ok(Err((_, error))) => return Err(failed(error)),
        };
        let mut core = self.lock();
        core.addresses.add(name.clone(), address.clone());
        _ = core.proto.connect(&name, true);
        Ok(name)
    }

    /// Keeps time for the protocol, and acts on what threads with other things to do left behind.
    pub(super) async fn keep_time(self: Arc<Self>) {
        loop {
            let next = match self.step() {
                Step::Stopped => return,
                Step::Again => {
                    self.pump();
                    // Whoever else acts on it wakes nobody.
                    tokio::task::yield_now().await;
                    continue;
                }
                Step::Wait(next) => next,
            };
            let sleep = async {
                match next {
                    Some(at) => sleep_until(self.moment(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                () = self.clock.notified() => {}
            }
        }
    }

    fn step(&self) -> Step {
        let mut core = self.lock();
        let now = self.now();
        let next = core.proto.poll_timeout();
        if next.is_some_and(|next| next <= now) {
            core.proto.handle_timeout(now);
            core.kick_all();
            return Step::Again;
        }
        if core.proto.event_count() > 0 {
            return Step::Again;
        }
        if !core.stopping || !core.lines.is_empty() || core.listeners > 0 {
            return Step::Wait(next);
        }
        core.stopped = true;
        let shutdown = core.shutdown.take();
        drop(core);
        if let Some(waker) = shutdown {
            waker.wake();
        }
        self.changed.notify_waiters();
        Step::Stopped
    }
}

/// What the keeper of time does next.
enum Step {
    /// There is something to act on.
    Again,
    Wait(Option<Duration>),
    /// All is over.
    Stopped,
}

/// A listener that the end of the networking waits for.
struct Listening(Arc<Shared>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.lock().listeners -= 1;
        self.0.clock.notify_one();
    }
}

/// Whether a call came to nothing because there is a connection, or another call that goes on.
pub(super) const fn another_goes_on(error: &HandshakeError) -> bool {
    matches!(
        error,
        HandshakeError::Abandoned
            | HandshakeError::Refusing(Refusal::AlreadyConnected | Refusal::BothDialled)
            | HandshakeError::Refused {
                refusal: Refusal::AlreadyConnected | Refusal::BothDialled,
                proven: true
            }
    )
}

/// A call whose outcome somebody waits for.
struct Called<'a> {
    shared: &'a Shared,
    conn: ConnId,
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        core.called.remove(&self.conn);
        core.calls.remove(&self.conn);
    }
}

impl Core {
    fn no_connection(&self, peer: &NodeName) -> ConnectError {
        match self.dial_errors.get(peer) {
            Some((to, reason)) => ConnectError::Unreachable { to: to.clone(), reason: reason.clone() },
            None => ConnectError::NoConnection { node: peer.to_string() },
        }
    }
}
