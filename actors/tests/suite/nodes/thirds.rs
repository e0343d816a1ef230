//! Pids in messages, of whichever node: of a third, of one that is gone, of actors that have ended.

use tokio::sync::mpsc;
use wharf::net::Net;
use wharf::{Event, ExitReason, Mailbox, Pid};

use super::common::{Msg, Two, adder, join, run};

/// Two that are connected, and a third with an adder that the left one has the pid of.
struct Three {
    two: Two,
    third: Net,
    /// Right's, as left has it.
    right: Pid<Msg>,
    /// The third's, as left has it.
    far: Pid<Msg>,
}

impl Three {
    async fn start() -> Self {
        let (two, _, right) = Two::with_adder().await;
        let third = join("third", &two.key, &two.mem).await;
        two.left.connect("mem:third").await.unwrap();
        third.export("adder", &third.node().spawn_fn(adder)).unwrap();
        let far = two.left.lookup::<Msg>("adder@third").await.unwrap();
        Self { two, third, right, far }
    }

    async fn stop(self) {
        self.two.stop().await;
        self.third.node().stop().await;
    }
}

/// An actor that monitors whom it is sent, answers, and tells of what it sees then.
fn watcher(net: &Net) -> (Pid<Msg>, mpsc::UnboundedReceiver<ExitReason>) {
    let (seen, see) = mpsc::unbounded_channel();
    let pid = net.node().spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
        while let Some(event) = mailbox.next().await {
            match event {
                Event::Message(Msg::Echo(pid, reply)) => {
                    mailbox.monitor(&pid);
                    // Once this is there, so is the monitor; if there is nobody, the monitor tells.
                    let _ = pid.send(Msg::Add(1)).await;
                    let _ = reply.send(pid);
                }
                Event::Down(down) => seen.send(down.reason).unwrap(),
                _ => {}
            }
        }
    });
    (pid, see)
}

/// Waits until an adder has so much.
async fn until_total(adder: &Pid<Msg>, total: u64) {
    for _ in 0..1_000_000 {
        if adder.ask(Msg::Total).await == Ok(total) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came");
}

/// The right node's watcher, as the left one has it.
async fn far_watcher(two: &Two) -> (Pid<Msg>, mpsc::UnboundedReceiver<ExitReason>) {
    let (near, see) = watcher(&two.right);
    two.right.export("watcher", &near).unwrap();
    (two.left.lookup("watcher@right").await.unwrap(), see)
}

#[test]
fn a_pid_of_a_third_node_is_one_wherever_it_comes_and_is_called_on_first_use() {
    run(async {
        let three = Three::start().await;
        assert_eq!(three.two.right.peers(), ["left"]);
        // To and fro, it is what it was.
        let back = three.right.ask(|reply| Msg::Echo(three.far.clone(), reply)).await.unwrap();
        assert_eq!(back, three.far);
        three.right.send(Msg::Forward(three.far.clone(), 5)).await.unwrap();
        // Behind it in the right one's queue: so it has been sent.
        assert_eq!(three.right.ask(Msg::Total).await, Ok(0));
        assert_eq!(three.two.right.peers(), ["left", "third"]);
        until_total(&three.far, 5).await;
        three.stop().await;
    });
}

#[test]
fn a_monitor_on_an_actor_of_a_third_node_tells_of_its_end_and_of_a_cut() {
    run(async {
        let three = Three::start().await;
        let (watcher, mut see) = far_watcher(&three.two).await;
        watcher.ask(|reply| Msg::Echo(three.far.clone(), reply)).await.unwrap();
        until_total(&three.far, 1).await;
        three.far.send(Msg::Fail("as it was told".to_owned())).await.unwrap();
        assert!(matches!(see.recv().await, Some(ExitReason::Failed(_))));
        let other = three.third.node().spawn_fn(adder);
        three.third.export("other", &other).unwrap();
        let other = three.two.left.lookup::<Msg>("other@third").await.unwrap();
        watcher.ask(|reply| Msg::Echo(other.clone(), reply)).await.unwrap();
        until_total(&other, 1).await;
        three.third.stop().await;
        assert_eq!(see.recv().await, Some(ExitReason::NoConnection));
        three.stop().await;
    });
}

#[test]
fn a_node_that_only_called_is_called_by_those_who_get_its_pids() {
    run(async {
        let (two, _, right) = Two::with_adder().await;
        let third = join("third", &two.key, &two.mem).await;
        third.connect("mem:left").await.unwrap();
        third.export("adder", &third.node().spawn_fn(adder)).unwrap();
        let far = two.left.lookup::<Msg>("adder@third").await.unwrap();
        // The right one asks it: it has called.
        let (watcher, mut see) = far_watcher(&two).await;
        watcher.ask(|reply| Msg::Echo(far.clone(), reply)).await.unwrap();
        right.send(Msg::Forward(far.clone(), 1)).await.unwrap();
        until_total(&far, 2).await;
        assert_eq!(two.right.peers(), ["left", "third"]);
        far.kill();
        assert_eq!(see.recv().await, Some(ExitReason::Killed));
        two.stop().await;
        third.node().stop().await;
    });
}

#[test]
fn a_pid_of_an_actor_that_has_ended_travels_and_says_so_wherever_it_is_used() {
    run(async {
        let (two, near, right) = Two::with_adder().await;
        let (watcher, mut see) = far_watcher(&two).await;
        // Of the sender's node, exported before and never exported.
        for exported in [true, false] {
            let ended = two.left.node().spawn_fn(adder);
            if exported {
                two.left.export("ended", &ended).unwrap();
            }
            ended.stop();
            ended.stopped().await;
            let back = watcher.ask(|reply| Msg::Echo(ended.clone(), reply)).await.unwrap();
            assert_eq!(back.id(), ended.id());
            assert!(matches!(back.send(Msg::Add(1)).await, Err(error) if error.is_closed()));
            assert_eq!(see.recv().await, Some(ExitReason::NoProc), "{exported}");
            // And on from there.
            let again = right.ask(|reply| Msg::Echo(back, reply)).await.unwrap();
            assert_eq!(again.id(), ended.id());
        }
        // Of the receiver's.
        near.stop();
        near.stopped().await;
        let back = watcher.ask(|reply| Msg::Echo(right.clone(), reply)).await.unwrap();
        assert_eq!(back.id(), right.id());
        assert_eq!(see.recv().await, Some(ExitReason::NoProc));
        two.stop().await;
    });
}

#[test]
fn a_pid_of_a_node_that_is_gone_travels_and_finds_no_connection() {
    run(async {
        let three = Three::start().await;
        let (watcher, mut see) = far_watcher(&three.two).await;
        three.third.node().stop().await;
        let back = watcher.ask(|reply| Msg::Echo(three.far.clone(), reply)).await.unwrap();
        assert_eq!(back, three.far);
        assert_eq!(see.recv().await, Some(ExitReason::NoConnection));
        // Its next life is another node: pids of the earlier one do not lead there.
        let next = join("third", &three.two.key, &three.two.mem).await;
        let near = next.node().spawn_fn(adder);
        next.export("adder", &near).unwrap();
        next.connect("mem:left").await.unwrap();
        // By itself it would call no sooner than it may after a call that failed.
        three.two.right.connect("mem:third").await.unwrap();
        let far = three.two.left.lookup::<Msg>("adder@third").await.unwrap();
        assert_ne!(far, three.far);
        let back = watcher.ask(|reply| Msg::Echo(three.far.clone(), reply)).await.unwrap();
        assert_eq!(back, three.far);
        assert_eq!(see.recv().await, Some(ExitReason::NoConnection));
        let back = watcher.ask(|reply| Msg::Echo(far.clone(), reply)).await.unwrap();
        assert_eq!(back, far);
        until_total(&near, 1).await;
        near.kill();
        assert_eq!(see.recv().await, Some(ExitReason::Killed));
        next.node().stop().await;
        three.stop().await;
    });
}

#[test]
fn a_node_that_nobody_can_call_is_named_all_the_same() {
    run(async {
        let (two, _, _) = Two::with_adder().await;
        // It listens nowhere.
        let node = wharf::Node::builder().name("shy").start().unwrap();
        let shy = Net::builder(two.key.clone()).mem(&two.mem).join(&node).unwrap();
        shy.connect("mem:left").await.unwrap();
        shy.export("adder", &node.spawn_fn(adder)).unwrap();
        let far = two.left.lookup::<Msg>("adder@shy").await.unwrap();
        let (watcher, mut see) = far_watcher(&two).await;
        watcher.ask(|reply| Msg::Echo(far.clone(), reply)).await.unwrap();
        assert_eq!(see.recv().await, Some(ExitReason::NoConnection));
        // Once it says where it is, it is reached: it is told to peers that know it from others too.
        assert!(shy.advertise("nowhere").is_err());
        shy.listen("mem:shy").await.unwrap();
        shy.connect("mem:right").await.unwrap();
        watcher.ask(|reply| Msg::Echo(far.clone(), reply)).await.unwrap();
        until_total(&far, 1).await;
        far.kill();
        assert_eq!(see.recv().await, Some(ExitReason::Killed));
        two.stop().await;
        node.stop().await;
    });
}
