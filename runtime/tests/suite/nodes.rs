//! Nodes: how they start, and that several in one process have nothing in common.

use tokio::runtime::Builder;
use wharf_runtime::{Event, ExitReason, LookupError, Mailbox, Node, NodeId, Reply, StartError, sleep};

use crate::common::{echo, ends_as_told, multi, poll_once, single};

#[test]
fn a_node_needs_a_tokio_runtime_with_a_timer() {
    assert!(matches!(Node::start(), Err(StartError::NoTokio)));
    let bare = Builder::new_current_thread().build().unwrap();
    // tokio tells of the missing timer by a panic, which the node catches.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let started = bare.block_on(async { Node::start() });
    std::panic::set_hook(before);
    assert!(matches!(started, Err(StartError::NoTimer)));
}

#[test]
fn outside_of_actors_and_guests_there_is_no_current_node() {
    single().block_on(async {
        assert!(Node::current().is_none());
        let node = Node::start().unwrap();
        assert!(Node::current().is_none());
        let inside = node.run(async { Node::current().map(|node| node.id()) }).await;
        assert_eq!(inside, Some(node.id()));
        assert!(Node::current().is_none());
        // Without a node there is no clock to sleep by.
        assert!(poll_once(std::pin::pin!(sleep(std::time::Duration::ZERO))).is_pending());
        node.stop().await;
    });
}

#[test]
fn a_node_is_named_and_numbered_as_told() {
    single().block_on(async {
        let id = NodeId::new(77).unwrap();
        let node = Node::builder().name("harbour").id(id).workers(3).start().unwrap();
        assert_eq!((node.name(), node.id()), ("harbour", id));
        let pid = echo(&node);
        assert_eq!(pid.id().node(), id);
        assert_eq!(pid.node().name(), "harbour");
        pid.ask(|reply| reply).await.unwrap();
        node.stop().await;
    });
}

#[test]
fn nodes_share_neither_ids_nor_names_nor_figures() {
    for tokio in [multi(), single()] {
        tokio.block_on(async {
            let nodes: Vec<Node> = (0..4).map(|_| Node::start().unwrap()).collect();
            let mut ids = std::collections::BTreeSet::new();
            for node in &nodes {
                let pid = echo(node);
                ids.insert(pid.id());
                node.register("echo", &pid).unwrap();
            }
            assert_eq!(ids.len(), 4);
            for node in &nodes {
                let pid = node.lookup::<Reply<()>>("echo").unwrap();
                assert_eq!(pid.id().node(), node.id());
                pid.ask(|reply| reply).await.unwrap();
                assert_eq!(node.stats().spawned, 1);
                assert_eq!(node.actors().len(), 1);
            }
            // One ends, the others go on.
            assert!(nodes[0].stop().await.is_clean());
            assert!(nodes[0].is_stopped() && !nodes[1].is_stopped());
            assert!(matches!(nodes[0].lookup::<Reply<()>>("echo"), Err(LookupError::NotFound { .. })));
            for node in &nodes[1..] {
                node.lookup::<Reply<()>>("echo").unwrap().ask(|reply| reply).await.unwrap();
                node.stop().await;
            }
        });
    }
}

#[test]
fn actors_of_two_nodes_in_one_process_talk_link_and_watch() {
    for tokio in [multi(), single()] {
        tokio.block_on(async {
            let (here, there) = (Node::start().unwrap(), Node::start().unwrap());
            let far = echo(&there);
            let subject = ends_as_told(&there);
            let linked = ends_as_told(&there);
            let (watched, peer) = (subject.clone(), linked.clone());
            let (tell, told) = tokio::sync::oneshot::channel();
            let near = here.spawn_fn(async move |mut mailbox: Mailbox<()>| {
                mailbox.trap_exit(true);
                far.ask(|reply| reply).await.unwrap();
                mailbox.monitor(&watched);
                mailbox.link(&peer);
                watched.send(ExitReason::custom("watched")).await.unwrap();
                peer.send(ExitReason::custom("linked")).await.unwrap();
                let mut reasons = Vec::new();
                for _ in 0..2 {
                    match mailbox.next().await {
                        Some(Event::Down(down)) => reasons.push((down.subject, down.reason)),
                        Some(Event::Exit(exit)) => reasons.push((exit.from, exit.reason)),
                        other => panic!("{other:?}"),
                    }
                }
                reasons.sort_by_key(|(id, _)| *id);
                tell.send(reasons).unwrap();
            });
            let mut expected = vec![
                (subject.id(), ExitReason::custom("watched")),
                (linked.id(), ExitReason::custom("linked")),
            ];
            expected.sort_by_key(|(id, _)| *id);
            assert_eq!(told.await.unwrap(), expected);
            assert_eq!(near.id().node(), here.id());
            here.stop().await;
            there.stop().await;
        });
    }
}

#[test]
fn a_sender_of_another_node_is_not_taken_for_one_of_this_node() {
    single().block_on(async {
        let (here, there) = (Node::start().unwrap(), Node::start().unwrap());
        let mut me = here.guest::<u8>();
        let to = me.pid().clone();
        let near = here.spawn_fn(async move |_: Mailbox<()>| {
            to.send(1).await.unwrap();
        });
        near.stopped().await;
        // The same place in the other node's table.
        let mut others = Vec::new();
        let twin = loop {
            let other = there.guest::<u8>();
            if (other.pid().id().slot(), other.pid().id().generation())
                == (near.id().slot(), near.id().generation())
            {
                break other;
            }
            others.push(other);
            assert!(others.len() < 100_000, "no twin of {}", near.id());
        };
        me.pid().stop();
        assert_eq!(me.receive_from(twin.pid()).await, Ok(None));
        assert_eq!(me.receive().await, Some(1));
        here.stop().await;
        there.stop().await;
    });
}
