//! A node that listens, an honest peer of it, and another that comes during an attack.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use wharf_net::driver::{Counts, Key, Net};
use wharf_net::proto::Config;
use wharf_net::transport::Address;
use wharf_runtime::wire::{DecodeError, Decoder, EncodeError, Encoder, Field, Tracer, Wire};
use wharf_runtime::{Mailbox, Node, Pid, Reply};

use crate::grounds::{Ground, eventually_eq, in_time};

/// The key of the honest.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// What the actors here take: bytes, of which they tell the number.
#[derive(Debug)]
pub(crate) struct Count {
    bytes: Vec<u8>,
    reply: Reply<u64>,
}

impl Wire for Count {
    const NAME: &'static str = "Count";
    const FINGERPRINT: u64 = 1;

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        Field::write(&self.bytes, encoder)?;
        Field::write(&self.reply, encoder)
    }

    fn hand_over(self, encoder: &mut Encoder<'_>) {
        Field::hand_over(self.bytes, encoder);
        Field::hand_over(self.reply, encoder);
    }

    fn decode(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError> {
        Ok(Self { bytes: Field::read(decoder)?, reply: Field::read(decoder)? })
    }

    fn trace(tracer: &mut Tracer) {
        <Vec<u8> as Field>::trace(tracer);
        <Reply<u64> as Field>::trace(tracer);
    }
}

async fn counter(mut mailbox: Mailbox<Count>) {
    while let Some(Count { bytes, reply }) = mailbox.receive().await {
        // Who asked may have gone.
        _ = reply.send(bytes.len() as u64);
    }
}

/// Limits of time that are never reached, however busy the machine is.
pub(crate) fn patient() -> Config {
    let mut config = Config::default();
    config.handshake = Duration::from_secs(600);
    config.silence = Duration::from_secs(600);
    config.unfinished_frame = Duration::from_secs(600);
    config
}

/// See the top.
pub(crate) struct House<G> {
    pub(crate) ground: G,
    pub(crate) net: Net,
    pub(crate) at: Address,
    pub(crate) friend: Net,
    config: Config,
    /// The house's counter, as the friend knows it.
    far: Pid<Count>,
    visitors: AtomicU32,
}

/// A node of its own with this name, that has this key.
pub(crate) fn join(ground: &impl Ground, name: &str, key: [u8; 32], config: Config) -> Net {
    let node = Node::builder().name(name).start().unwrap();
    ground.join(Net::builder(Key::new(key)).config(config)).join(&node).unwrap()
}

/// Strangers, peers and transports.
fn counts(net: &Net) -> [usize; 3] {
    let Counts { strangers, peers, transports, .. } = net.counts();
    [strangers, peers, transports]
}

impl<G: Ground> House<G> {
    pub(crate) async fn open(ground: G, config: Config) -> Self {
        let net = join(&ground, "house", KEY, config.clone());
        net.export("counter", &net.node().spawn_fn(counter)).unwrap();
        let at = net.listen(&ground.address().to_string()).await.unwrap();
        let friend = join(&ground, "friend", KEY, config.clone());
        assert_eq!(friend.connect(&at.to_string()).await.unwrap(), "house");
        let far = friend.lookup::<Count>("counter@house").await.unwrap();
        let house = Self { ground, net, at, friend, config, far, visitors: AtomicU32::new(0) };
        house.is_well().await;
        house
    }

    /// Its peer's actors reach it, and one that comes now is let in.
    pub(crate) async fn is_well(&self) {
        self.answers(&self.far).await;
        let number = self.visitors.fetch_add(1, Ordering::Relaxed);
        let visitor = join(&self.ground, &format!("visitor-{number}"), KEY, self.config.clone());
        assert_eq!(visitor.connect(&self.at.to_string()).await.unwrap(), "house");
        let far = visitor.lookup::<Count>("counter@house").await.unwrap();
        self.answers(&far).await;
        visitor.node().stop().await;
    }

    async fn answers(&self, counter: &Pid<Count>) {
        let bytes = vec![1; 1000];
        assert_eq!(counter.ask(|reply| Count { bytes, reply }).await, Ok(1000));
    }

    /// All is as if the attack had not been: nothing is left of strangers, nor of anybody but the friend.
    pub(crate) async fn is_unharmed(&self) {
        self.is_well().await;
        eventually_eq(|| counts(&self.net), [0, 1, 1]).await;
        assert_eq!(self.net.peers(), ["friend"]);
    }

    /// The same, where time goes on.
    pub(crate) async fn is_unharmed_in_time(&self) {
        self.is_well().await;
        in_time("nothing is left", || counts(&self.net) == [0, 1, 1]).await;
        assert_eq!(self.net.peers(), ["friend"]);
    }

    pub(crate) async fn close(self) {
        self.friend.node().stop().await;
        self.net.node().stop().await;
        assert_eq!(counts(&self.net), [0, 0, 0]);
    }
}
