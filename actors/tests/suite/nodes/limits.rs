//! Limits: what is over one comes back, and the connection stays.

use wharf::net::{Config, ExportError, Key, Mem, Net};
use wharf::{AskError, Mailbox, Node, Pid, Reply, SendError, Wire};

use super::common::{Msg, Two, adder, run};

/// Nested as deep as it is told.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Nest(Option<Box<Self>>);

fn nest(depth: u32) -> Nest {
    (0..depth).fold(Nest(None), |inner, _| Nest(Some(Box::new(inner))))
}

#[derive(Debug, Wire)]
#[wire(max_bytes = 1_000_000)]
enum Load {
    Bytes(Vec<u8>, Reply<u64>),
    Nest(Nest, Reply<u64>),
    /// Answered with so many bytes.
    Give(u32, Reply<Vec<u8>>),
    Note,
}

async fn porter(mut mailbox: Mailbox<Load>) {
    let mut notes = 0;
    while let Some(load) = mailbox.receive().await {
        match load {
            Load::Bytes(bytes, reply) => _ = reply.send(bytes.len() as u64),
            Load::Nest(_, reply) => _ = reply.send(notes),
            Load::Give(count, reply) => _ = reply.send(vec![7; count as usize]),
            Load::Note => notes += 1,
        }
    }
}

/// Two nodes, and the right one's porter as the left one has it.
async fn with_porter() -> (Two, Pid<Load>) {
    let two = Two::start().await;
    two.left.connect("mem:right").await.unwrap();
    two.right.export("porter", &two.right.node().spawn_fn(porter)).unwrap();
    let far = two.left.lookup("porter@right").await.unwrap();
    (two, far)
}

#[test]
fn what_is_too_long_or_too_deep_comes_back_and_the_connection_stays() {
    run(async {
        let (two, far) = with_porter().await;
        // As long as its declaration allows and a frame holds.
        assert_eq!(far.ask(|reply| Load::Bytes(vec![1; 900_000], reply)).await, Ok(900_000));
        assert_eq!(far.ask(|reply| Load::Nest(nest(20), reply)).await, Ok(0));
        let failed = far.ask(|reply| Load::Bytes(vec![1; 1_000_000], reply)).await;
        assert!(matches!(failed, Err(AskError::NotEncoded { .. })), "{failed:?}");
        let failed = far.ask(|reply| Load::Nest(nest(100), reply)).await;
        assert!(matches!(failed, Err(AskError::NotEncoded { .. })), "{failed:?}");
        let SendError::NotEncoded { message, .. } =
            far.send(Load::Bytes(vec![1; 5_000_000], Reply::none())).await.unwrap_err()
        else {
            panic!("another error")
        };
        assert!(matches!(message.into_inner(), Load::Bytes(bytes, _) if bytes.len() == 5_000_000));
        far.send(Load::Note).await.unwrap();
        assert_eq!(far.ask(|reply| Load::Nest(nest(0), reply)).await, Ok(1));
        two.stop().await;
    });
}

#[test]
fn an_answer_that_is_too_long_is_none() {
    run(async {
        let (two, far) = with_porter().await;
        let size = far.ask(|reply| Load::Give(900_000, reply)).await.map(|bytes| bytes.len());
        assert_eq!(size, Ok(900_000));
        assert_eq!(far.ask(|reply| Load::Give(1_000_000, reply)).await, Err(AskError::NoReply));
        far.send(Load::Note).await.unwrap();
        assert_eq!(far.ask(|reply| Load::Nest(nest(0), reply)).await, Ok(1));
        two.stop().await;
    });
}

#[test]
fn no_more_actors_are_exported_than_may_be() {
    run(async {
        let mut config = Config::default();
        config.exports = 2;
        let node = Node::builder().name("small").start().unwrap();
        let net =
            Net::builder(Key::random().unwrap()).config(config).mem(&Mem::default()).join(&node).unwrap();
        let adders = [(); 3].map(|()| node.spawn_fn(adder));
        net.export("first", &adders[0]).unwrap();
        net.export("second", &adders[1]).unwrap();
        // A second name of one is none more.
        net.export("same", &adders[0]).unwrap();
        let over = net.export("third", &adders[2]);
        assert!(matches!(over, Err(ExportError::Limit { .. })), "{over:?}");
        adders[0].kill();
        adders[0].stopped().await;
        super::site::eventually("room for another", || net.export("third", &adders[2]).is_ok()).await;
        assert_eq!(net.lookup::<Msg>("third@small").await.unwrap(), adders[2]);
        node.stop().await;
    });
}

/// Longer than a frame may be by default.
#[derive(Debug, Wire)]
#[wire(max_bytes = 2_000_000)]
struct Long(Vec<u8>);

/// Longer than anything can be.
#[derive(Debug, Wire)]
#[wire(max_bytes = 5_000_000)]
struct Endless(Vec<u8>);

async fn count<M>(mut mailbox: Mailbox<M>) {
    while mailbox.receive().await.is_some() {}
}

#[test]
fn a_type_may_be_as_long_as_frames_of_both_nodes_and_one_that_may_be_longer_is_not_sent() {
    run(async {
        for (frame_bytes, fits) in [(1024 * 1024, false), (8 * 1024 * 1024, true)] {
            let (mem, key) = (Mem::default(), Key::random().unwrap());
            let mut config = Config::default();
            config.frame_bytes = frame_bytes;
            let [left, right] = ["left", "right"].map(|name| {
                let node = Node::builder().name(name).start().unwrap();
                Net::builder(key.clone()).config(config.clone()).mem(&mem).join(&node).unwrap()
            });
            right.listen("mem:right").await.unwrap();
            left.connect("mem:right").await.unwrap();
            right.export("long", &right.node().spawn_fn(count::<Long>)).unwrap();
            right.export("endless", &right.node().spawn_fn(count::<Endless>)).unwrap();
            let long = left.lookup::<Long>("long@right").await.unwrap();
            for size in [1, 1_900_000] {
                match long.send(Long(vec![1; size])).await {
                    Ok(()) => assert!(fits),
                    Err(SendError::NotEncoded { message, .. }) => {
                        assert_eq!((message.into_inner().0.len(), fits), (size, false));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            // It would wait for ever for so much room: it is told at once.
            let endless = left.lookup::<Endless>("endless@right").await.unwrap();
            let refused = endless.send(Endless(vec![1])).await;
            assert!(matches!(refused, Err(SendError::NotEncoded { .. })), "{refused:?}");
            left.node().stop().await;
            right.node().stop().await;
        }
    });
}
