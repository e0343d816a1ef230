//! The driver: one node's protocol on real transports, joined with its runtime.
//!
//! | file | its one job |
//! |---|---|
//! | `mod.rs` | what programs use: [`Net`] and its builder |
//! | `core.rs` | what the driver holds, and its lock |
//! | `line.rs` | bytes of one transport connection |
//! | `addresses.rs` | where nodes can be reached |
//! | `known.rs` | which nodes are known, and who they are to peers |
//! | `gone.rs` | actors that are not there any more |
//! | `calls.rs` | calls to nodes, accepting, time |
//! | `dispatch.rs` | what becomes of what the protocol tells |
//! | `far.rs` | what the runtime sends to far actors |
//! | `exchange.rs` | pids and replies in messages |
//! | `answers.rs` | replies that came from a peer |
//! | `rooms.rs` | room in mailboxes here, promised to peers |
//! | `requests.rs` | names and factories of other nodes |
//! | `convert.rs`, `error.rs` | values |
//!
//! Only this folder and `transport/` touch tokio.

mod addresses;
mod answers;
mod calls;
mod convert;
mod core;
mod dispatch;
mod error;
mod exchange;
mod far;
mod gone;
mod known;
mod line;
mod requests;
mod rooms;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use wharf_runtime::remote::Network;
use wharf_runtime::wire::{Data, ExportedPid, Wire};
use wharf_runtime::{Node, Pid};

use self::convert::NOBODY;
use self::core::{Core, Shared};
use crate::proto::{self, ClusterKey, Config, Identity, NodeName, PeerState, Tables};
use crate::transport::{Address, Mem, Tcp, Transport, Unix};

pub use self::convert::FarDetail;
pub use self::error::{ConnectError, ExportError, FarLookupError, NetError, NodeDown, SpawnOnError};

/// The secret that the nodes of a cluster share. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct Key(ClusterKey);

/// Bytes of a key.
const KEY_BYTES: usize = 32;

impl Key {
    /// A key of 32 random bytes. A password is none: what travels allows to try words against it.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(ClusterKey::new(bytes))
    }

    /// A new key, drawn at random.
    ///
    /// # Errors
    /// [`NetError::NoRandom`].
    pub fn random() -> Result<Self, NetError> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| NetError::NoRandom(error.to_string()))?;
        Ok(Self::new(bytes))
    }

    /// The key whose bytes are written as 64 hexadecimal digits; white space around them does not matter.
    ///
    /// # Errors
    /// [`KeyError`].
    ///
    /// # Examples
    /// ```
    /// use wharf_net::driver::Key;
    /// assert!(Key::from_hex(&"0f".repeat(32)).is_ok());
    /// assert!(Key::from_hex("secret").is_err());
    /// ```
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let wrong = || KeyError::NoKey { digits: text.chars().count() };
        let mut bytes = [0; KEY_BYTES];
        if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
            return Err(wrong());
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self::new(bytes))
    }

    /// Reads a key from a file of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyError::Read { path: path.display().to_string(), source })?;
        Self::from_hex(&text)
    }
}

/// A text or file is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is no key.
    #[error("no cluster key: 64 hexadecimal digits are wanted, these are {digits} characters")]
    NoKey {
        /// How many characters it has.
        digits: usize,
    },
    /// The file can't be read.
    #[error("the key file {path} can't be read")]
    Read {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Decides how a node is joined with others; see [`Net::builder`].
#[must_use = "a builder does nothing until `join`"]
pub struct Builder {
    name: Option<String>,
    key: Key,
    config: Config,
    mem: Option<Mem>,
    transports: Vec<Arc<dyn Transport>>,
}

impl Builder {
    /// The name that other nodes know this one by: unique among those that meet. By default the node's name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Limits and times.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The network inside this process that addresses `mem:..` mean.
    pub fn mem(mut self, network: &Mem) -> Self {
        self.mem = Some(network.clone());
        self
    }

    /// Another transport, for addresses of its scheme.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transports.push(Arc::new(transport));
        self
    }

    /// Joins `node` with others. Nothing of it can be reached until it is exported, nor until it
    /// [listens](Net::listen) or calls.
    ///
    /// # Errors
    /// [`NetError`].
    pub fn join(self, node: &Node) -> Result<Net, NetError> {
        let tokio = Handle::try_current().map_err(|_| NetError::NoTokio)?;
        let name = self.name.unwrap_or_else(|| node.name().to_owned());
        let me = NodeName::new(&name).filter(|_| !name.contains('@'));
        let Some(me) = me else { return Err(NetError::BadName { name }) };
        let mut random = [0; 16 + 16 + 8];
        getrandom::fill(&mut random).map_err(|error| NetError::NoRandom(error.to_string()))?;
        let (incarnation, rest) = random.split_at(16);
        let (secret, seed) = rest.split_at(16);
        let [mut incarnation_bytes, mut secret_bytes, mut seed_bytes] = [[0; 16]; 3];
        incarnation_bytes.copy_from_slice(incarnation);
        secret_bytes.copy_from_slice(secret);
        seed_bytes[..8].copy_from_slice(seed);
        let identity = Identity {
            name: me,
            incarnation: u128::from_le_bytes(incarnation_bytes),
            number: node.id().number(),
        };
        let tables = Tables::new(secret_bytes, self.config.exports);
        let [low, high] = [0, 8].map(|at| {
            let mut half = [0; 8];
            half.copy_from_slice(&seed_bytes[at..at + 8]);
            u64::from_le_bytes(half)
        });
        let seed = low ^ high;
        let proto = proto::Node::new(identity.clone(), self.key.0, self.config, tables, seed);
        let mut transports = self.transports;
        transports.push(Arc::new(Tcp));
        transports.push(Arc::new(Unix));
        if let Some(mem) = self.mem {
            transports.push(Arc::new(mem));
        }
        let shared = Shared::new(node.clone(), identity, tokio, transports, proto);
        let network: Arc<dyn Network> = Arc::clone(&shared) as Arc<dyn Network>;
        if !node.attach(&network) {
            return Err(NetError::AlreadyJoined);
        }
        shared.tokio.spawn(Arc::clone(&shared).keep_time());
        Ok(Net { shared })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What joins a node with others. Clones are handles of the same; it lasts as long as the node does.
///
/// Pids of other nodes' actors are pids like any other. They come from a [lookup](Net::lookup), from
/// [`spawn_on`](Net::spawn_on), and in messages.
///
/// # Examples
/// Two nodes in one process:
/// ```
/// use wharf_net::driver::{Key, Net};
/// use wharf_net::transport::Mem;
/// use wharf_runtime::Node;
///
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// let (key, mem) = (Key::random()?, Mem::default());
/// let (a, b) = (Node::start()?, Node::start()?);
/// let left = Net::builder(key.clone()).name("left").mem(&mem).join(&a)?;
/// let right = Net::builder(key).name("right").mem(&mem).join(&b)?;
/// left.listen("mem:left").await?;
/// assert_eq!(right.connect("mem:left").await?, "left");
/// assert_eq!(right.peers(), ["left"]);
/// b.stop().await;
/// a.stop().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

impl Net {
    /// Decides how a node is to be joined with others that have the same `key`.
    pub fn builder(key: Key) -> Builder {
        Builder { name: None, key, config: Config::default(), mem: None, transports: Vec::new() }
    }

    /// The node that is joined.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.shared.node
    }

    /// The name that other nodes know it by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.me.name.as_str()
    }

    /// Takes calls of other nodes at an address, such as `tcp://127.0.0.1:0` or `unix:/run/a.sock`, for as
    /// long as the node lasts. Gives the address with what was left open in it filled in.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it does not listen, and the address is free again.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn listen(&self, address: &str) -> Result<Address, NetError> {
        let address: Address = address.parse()?;
        let transport = self.shared.transport(&address)?;
        let listener = transport.listen(&address).await?;
        let bound = listener.address().clone();
        if !self.shared.take_calls(listener) {
            return Err(NetError::Stopped);
        }
        if bound.scheme() == "tcp" {
            tracing::warn!(target: "wharf::net", node = %self.name(), address = %bound, "plain tcp: the key guards the start of a connection, and not what goes over it");
        }
        tracing::info!(target: "wharf::net", node = %self.name(), address = %bound, "listening");
        if addresses::is_reachable(&bound) {
            self.shared.announce(bound.clone());
        }
        Ok(bound)
    }

    /// Tells other nodes that this one can be reached at `address`. They are told by themselves of what it
    /// [listens](Net::listen) at, unless that stands for all addresses of the machine, as `0.0.0.0` does.
    ///
    /// A pid of this node's that goes from peer to peer takes this along, so that whoever gets it can call.
    ///
    /// # Errors
    /// [`ConnectError::Address`].
    pub fn advertise(&self, address: &str) -> Result<(), ConnectError> {
        self.shared.announce(address.parse()?);
        Ok(())
    }

    /// Calls whoever listens at an address; gives the node's name once there is a connection. It is called
    /// again whenever the connection breaks.
    ///
    /// # Cancel safety
    /// The call goes on.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self, address: &str) -> Result<String, ConnectError> {
        let address: Address = address.parse()?;
        Ok(self.shared.call(&address).await?.to_string())
    }

    /// Where a node can be reached: it is called on first use. False when `node` is no node's name.
    ///
    /// # Errors
    /// [`ConnectError::Address`].
    pub fn add_peer(&self, node: &str, address: &str) -> Result<(), ConnectError> {
        let address: Address = address.parse()?;
        let Some(name) = NodeName::new(node) else {
            return Err(ConnectError::NoAddress { node: node.to_owned() });
        };
        self.shared.lock().addresses.add(name, address);
        Ok(())
    }

    /// The nodes that are connected, by name.
    #[must_use]
    pub fn peers(&self) -> Vec<String> {
        let core = self.shared.lock();
        let mut peers: Vec<String> =
            core.peers.keys().filter(|key| core.is_connected(key)).map(|key| key.0.to_string()).collect();
        peers.sort_unstable();
        peers
    }

    /// What there is of connections and of those who may become some.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let core = self.shared.lock();
        Counts {
            peers: core.peers.keys().filter(|key| core.is_connected(key)).count(),
            strangers: core.proto.strangers(),
            transports: core.lines.len(),
        }
    }

    /// Lets other nodes find an actor of this one by `name`, for as long as it lives. An actor may be
    /// exported once for each type of message that it is known by: see [`Pid::narrow`].
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export<M: Wire>(&self, name: &str, pid: &Pid<M>) -> Result<(), ExportError> {
        self.shared.export_name(name, &ExportedPid::of(pid))
    }

    /// Takes a name away that an actor was exported under; whoever has its pid keeps it. False when there
    /// was none.
    pub fn unexport(&self, name: &str) -> bool {
        self.shared.unexport_name(name)
    }

    /// Lets other nodes have an actor spawned here by `factory`, which is called with what they give.
    ///
    /// It runs on a thread that carries messages: it should spawn and return.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_factory<A, M, F, E>(&self, name: &str, factory: F) -> Result<(), ExportError>
    where
        A: Data,
        M: Wire,
        F: Fn(&Node, A) -> Result<Pid<M>, E> + Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        self.shared.export_factory::<A, M, F, E>(name, factory)
    }

    /// The actor that is exported as `name@node`, a node that is connected or whose address is known.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// [`FarLookupError`].
    pub async fn lookup<M: Wire>(&self, name: &str) -> Result<Pid<M>, FarLookupError> {
        self.shared.far_lookup(name).await
    }

    /// Spawns an actor on another node, by a factory that it exports.
    ///
    /// # Cancel safety
    /// The actor may be there.
    ///
    /// # Errors
    /// [`SpawnOnError`].
    pub async fn spawn_on<M: Wire, A: Data>(
        &self,
        node: &str,
        factory: &str,
        args: A,
    ) -> Result<Pid<M>, SpawnOnError> {
        self.shared.spawn_on(node, factory, args).await
    }

    /// Tells once when the connection to a node is over, or can't be made; the node is called, if it is not
    /// connected.
    pub fn monitor_node(&self, node: &str) -> NodeMonitor {
        let (sender, receiver) = oneshot::channel();
        let down = || NodeDown { node: node.to_owned(), cause: None };
        let mut core = self.shared.lock();
        let number = core.next_number();
        let name = NodeName::new(node).filter(|name| {
            !core.stopping && (core.addresses.has(name) || core.proto.state_of(name) == PeerState::Connected)
        });
        let set = name.clone().is_some_and(|name| core.proto.monitor_node(&name, NOBODY, number).is_ok());
        if set {
            core.node_monitors.insert(number, sender);
        } else {
            // Nobody listens yet, so this can't fail.
            _ = sender.send(down());
        }
        drop(core);
        self.shared.pump_soon();
        NodeMonitor { shared: Arc::clone(&self.shared), node: name, number, receiver }
    }

    /// Ends all connections, in order, once what was sent is written. The node's stop does so by itself.
    ///
    /// # Cancel safety
    /// An end that has begun goes on; call it again to await it.
    pub async fn stop(&self) {
        self.shared.stop();
        self.shared.until_stopped().await;
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// What there is of connections at one moment: see [`Net::counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Nodes that are connected.
    pub peers: usize,
    /// Those who have called and have not yet shown who they are: at most [`Config::strangers`].
    pub strangers: usize,
    /// Transport connections, those that are being closed included.
    pub transports: usize,
}

/// Future of [`Net::monitor_node`]: tells once. Dropped, the monitor is taken off.
#[must_use = "the monitor is taken off when it is dropped"]
pub struct NodeMonitor {
    shared: Arc<Shared>,
    node: Option<NodeName>,
    number: u64,
    receiver: oneshot::Receiver<NodeDown>,
}

impl Future for NodeMonitor {
    type Output = NodeDown;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<NodeDown> {
        let node = self.node.as_ref().map(ToString::to_string);
        // The sender goes without a word only with all of the networking.
        Pin::new(&mut self.receiver)
            .poll(cx)
            .map(|told| told.unwrap_or(NodeDown { node: node.unwrap_or_default(), cause: None }))
    }
}

impl Drop for NodeMonitor {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        if core.node_monitors.remove(&self.number).is_some()
            && let Some(node) = &self.node
        {
            core.proto.demonitor_node(node, NOBODY, self.number);
        }
    }
}

impl fmt::Debug for NodeMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeMonitor").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Shared {
    async fn until_stopping(&self) {
        self.until(|core| core.stopping).await;
    }

    async fn until_stopped(&self) {
        self.until(|core| core.stopped).await;
    }

    async fn until(&self, is_so: impl Fn(&Core) -> bool) {
        self.wait_for(|| is_so(&self.lock()).then_some(())).await;
    }
}
