//! Two nodes and a protocol between them.

use std::time::Duration;

use tokio::time::timeout;
use wharf::net::{Key, Mem, Net};
use wharf::{ExitReason, Mailbox, Node, Pid, Reply, Wire};

/// Longer than anything here takes: what hangs fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the actors of these tests take.
#[derive(Debug, Wire)]
pub(crate) enum Msg {
    Add(u64),
    Total(Reply<u64>),
    /// Kept without an answer.
    Hold(Reply<u64>),
    /// How many are kept so.
    Holding(Reply<usize>),
    Fail(String),
    Panic,
    /// Answers with the pid that was sent.
    Echo(Pid<Self>, Reply<Pid<Self>>),
    /// Sends there.
    Forward(Pid<Self>, u64),
    Bytes(Vec<u8>, Reply<u64>),
}

/// An actor that adds up.
pub(crate) async fn adder(mut mailbox: Mailbox<Msg>) -> Result<(), ExitReason> {
    let (mut total, mut held) = (0, Vec::new());
    while let Some(msg) = mailbox.receive().await {
        match msg {
            Msg::Add(n) => total += n,
            Msg::Total(reply) => _ = reply.send(total),
            Msg::Hold(reply) => held.push(reply),
            Msg::Holding(reply) => _ = reply.send(held.len()),
            Msg::Fail(why) => return Err(ExitReason::failed(why)),
            Msg::Panic => panic!("as it was told"),
            Msg::Echo(pid, reply) => _ = reply.send(pid),
            Msg::Forward(pid, n) => pid.send(Msg::Add(n)).await?,
            Msg::Bytes(bytes, reply) => _ = reply.send(bytes.len() as u64),
        }
    }
    Ok(())
}

/// Two nodes that can call each other as `mem:left` and `mem:right`.
pub(crate) struct Two {
    pub(crate) mem: Mem,
    pub(crate) key: Key,
    pub(crate) left: Net,
    pub(crate) right: Net,
}

impl Two {
    pub(crate) async fn start() -> Self {
        let (mem, key) = (Mem::default(), Key::random().unwrap());
        let left = join("left", &key, &mem).await;
        let right = join("right", &key, &mem).await;
        Self { mem, key, left, right }
    }

    /// Two that are connected, the right one with an adder.
    pub(crate) async fn with_adder() -> (Self, Pid<Msg>, Pid<Msg>) {
        let two = Self::start().await;
        two.left.connect("mem:right").await.unwrap();
        let near = two.right.node().spawn_fn(adder);
        two.right.export("adder", &near).unwrap();
        let far = two.left.lookup::<Msg>("adder@right").await.unwrap();
        (two, near, far)
    }

    pub(crate) async fn stop(self) {
        self.left.node().stop().await;
        self.right.node().stop().await;
    }
}

pub(crate) async fn join(name: &str, key: &Key, mem: &Mem) -> Net {
    let node = Node::builder().name(name).start().unwrap();
    let net = Net::builder(key.clone()).mem(mem).join(&node).unwrap();
    net.listen(&format!("mem:{name}")).await.unwrap();
    net
}

/// Runs a test on two threads; fails if it hangs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async {
        timeout(PATIENCE, test).await.expect("it hangs");
    });
}

/// Waits until an adder keeps a request without an answer.
pub(crate) async fn until_holding(adder: &Pid<Msg>) {
    for _ in 0..1_000_000 {
        if adder.ask(Msg::Holding).await == Ok(1) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the request never came");
}
