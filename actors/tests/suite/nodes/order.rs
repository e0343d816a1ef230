//! Order and room between nodes.

use wharf::{Capacity, ExitReason, Mailbox, Pid, Reply, SendError, Spawn, Wire};

use super::common::{Msg, Two, adder, run};

#[derive(Debug, Wire)]
enum Numbered {
    Number(u32, u64),
    Seen(Reply<Vec<(u32, u64)>>),
}

async fn recorder(mut mailbox: Mailbox<Numbered>) {
    let mut seen = Vec::new();
    while let Some(msg) = mailbox.receive().await {
        match msg {
            Numbered::Number(who, number) => seen.push((who, number)),
            Numbered::Seen(reply) => _ = reply.send(std::mem::take(&mut seen)),
        }
    }
}

async fn far_recorder(two: &Two, capacity: Capacity) -> Pid<Numbered> {
    let near = Spawn::on(two.right.node()).capacity(capacity).spawn_fn(recorder);
    two.right.export("recorder", &near).unwrap();
    two.left.connect("mem:right").await.unwrap();
    two.left.lookup("recorder@right").await.unwrap()
}

#[test]
fn what_each_sends_arrives_in_order_whatever_the_capacity() {
    const EACH: u64 = 2_000;
    run(async {
        for capacity in [Capacity::Zero, Capacity::Bounded(1), Capacity::Bounded(16), Capacity::Unbounded] {
            let two = Two::start().await;
            let far = far_recorder(&two, capacity).await;
            let each = if capacity == Capacity::Zero { 100 } else { EACH };
            let senders: Vec<_> = (0..3_u32)
                .map(|who| {
                    let far = far.clone();
                    two.left.node().spawn_fn(async move |_: Mailbox<()>| {
                        for number in 0..each {
                            far.send(Numbered::Number(who, number)).await.unwrap();
                        }
                    })
                })
                .collect();
            for sender in senders {
                assert_eq!(sender.stopped().await, ExitReason::Normal, "{capacity:?}");
            }
            let mut next = [0; 3];
            let total = 3 * each;
            let mut count = 0;
            for _ in 0..100_000 {
                let seen = far.ask(Numbered::Seen).await.unwrap();
                for (who, number) in seen {
                    assert_eq!(number, next[who as usize], "of {who}, {capacity:?}");
                    next[who as usize] += 1;
                    count += 1;
                }
                if count == total {
                    break;
                }
            }
            assert_eq!(count, total, "{capacity:?}");
            two.stop().await;
        }
    });
}

#[test]
fn a_slow_receiver_stops_its_own_senders_and_no_others() {
    run(async {
        let (two, _, other) = Two::with_adder().await;
        let stuck = Spawn::on(two.right.node())
            .capacity(Capacity::Bounded(4))
            .spawn_fn(async |_mailbox: Mailbox<Numbered>| std::future::pending::<()>().await);
        two.right.export("stuck", &stuck).unwrap();
        let far = two.left.lookup::<Numbered>("stuck@right").await.unwrap();
        let sender = tokio::spawn(async move {
            let mut sent = 0_u64;
            while far.send_timeout(Numbered::Number(0, sent), std::time::Duration::from_secs(1)).await.is_ok()
            {
                sent += 1;
            }
            sent
        });
        for n in 0..1_000 {
            other.send(Msg::Add(n)).await.unwrap();
        }
        assert_eq!(other.ask(Msg::Total).await, Ok(499_500));
        let sent = sender.await.unwrap();
        assert!(sent <= 4, "{sent} messages for a mailbox of 4");
        stuck.kill();
        two.stop().await;
    });
}

#[test]
fn a_try_send_finds_room_when_some_was_promised() {
    run(async {
        let (two, near, far) = Two::with_adder().await;
        // The first asks for room; a send that waits gets it.
        far.send(Msg::Add(1)).await.unwrap();
        let mut sent = 1;
        for _ in 0..100_000 {
            match far.try_send(Msg::Add(1)) {
                Ok(()) => sent += 1,
                Err(SendError::Full { .. }) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
            if sent == 100 {
                break;
            }
        }
        assert_eq!(sent, 100);
        assert_eq!(far.ask(Msg::Total).await, Ok(100));
        near.stop();
        two.stop().await;
    });
}

#[test]
fn between_two_nodes_over_sockets_all_is_the_same() {
    run(async {
        let folder = std::env::temp_dir().join(format!("wharf-nodes-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let socket = format!("unix:{}", folder.join("right.sock").display());
        for address in ["tcp://127.0.0.1:0", &socket] {
            let two = Two::start().await;
            let bound = two.right.listen(address).await.unwrap();
            let near = two.right.node().spawn_fn(adder);
            two.right.export("adder", &near).unwrap();
            assert_eq!(two.left.connect(&bound.to_string()).await.unwrap(), "right");
            let far = two.left.lookup::<Msg>("adder@right").await.unwrap();
            for n in 0..500 {
                far.send(Msg::Add(n)).await.unwrap();
            }
            assert_eq!(far.ask(Msg::Total).await, Ok(124_750));
            two.stop().await;
        }
        // The socket's file goes with its listener.
        std::fs::remove_dir(&folder).unwrap();
    });
}
