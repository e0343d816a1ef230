//! Nodes meet, part and meet again.

use wharf::Node;
use wharf::net::{ConnectError, EndCause, FarLookupError, HandshakeError, Key, Net, NetError, Refusal};

use super::common::{Msg, Two, adder, join, run};

#[test]
fn two_nodes_know_each_other_by_name() {
    run(async {
        let two = Two::start().await;
        assert_eq!(two.left.connect("mem:right").await.unwrap(), "right");
        assert_eq!(two.left.peers(), ["right"]);
        // The other end finds out by itself; a look-up there does not call anew.
        let pid = two.left.node().spawn_fn(adder);
        two.left.export("adder", &pid).unwrap();
        two.right.lookup::<Msg>("adder@left").await.unwrap();
        assert_eq!(two.right.peers(), ["left"]);
        two.stop().await;
    });
}

#[test]
fn both_call_at_once_and_there_is_one_connection() {
    run(async {
        let two = Two::start().await;
        let (left, right) = tokio::join!(two.left.connect("mem:right"), two.right.connect("mem:left"));
        assert_eq!((left.unwrap().as_str(), right.unwrap().as_str()), ("right", "left"));
        assert_eq!((two.left.peers().len(), two.right.peers().len()), (1, 1));
        two.stop().await;
    });
}

#[test]
fn a_second_call_finds_the_connection() {
    run(async {
        let two = Two::start().await;
        for _ in 0..3 {
            assert_eq!(two.left.connect("mem:right").await.unwrap(), "right");
        }
        two.stop().await;
    });
}

#[test]
fn a_node_without_the_key_is_refused_by_name_at_both_ends() {
    run(async {
        let two = Two::start().await;
        let stranger = join("stranger", &Key::random().unwrap(), &two.mem).await;
        let refused = stranger.connect("mem:right").await.unwrap_err();
        let ConnectError::Handshake { error, .. } = &refused else { panic!("{refused}") };
        let wrong_key = matches!(
            error,
            HandshakeError::Refused { refusal: Refusal::WrongKey, .. }
                | HandshakeError::Refusing(Refusal::WrongKey)
        );
        assert!(wrong_key, "{refused}");
        assert!(two.right.peers().is_empty());
        stranger.node().stop().await;
        two.stop().await;
    });
}

#[test]
fn who_is_not_there_can_not_be_reached() {
    run(async {
        let two = Two::start().await;
        assert!(matches!(two.left.connect("mem:nobody").await, Err(ConnectError::Unreachable { .. })));
        assert!(matches!(two.left.connect("nonsense").await, Err(ConnectError::Address(_))));
        let missing = two.left.lookup::<Msg>("adder@nobody").await;
        assert!(matches!(missing, Err(FarLookupError::Connect(ConnectError::NoAddress { .. }))));
        assert!(matches!(two.left.lookup::<Msg>("adder").await, Err(FarLookupError::NoNode { .. })));
        two.stop().await;
    });
}

#[test]
fn a_node_whose_address_is_known_is_called_on_first_use() {
    run(async {
        let two = Two::start().await;
        let pid = two.right.node().spawn_fn(adder);
        two.right.export("adder", &pid).unwrap();
        two.left.add_peer("right", "mem:right").unwrap();
        let far = two.left.lookup::<Msg>("adder@right").await.unwrap();
        assert_eq!(far.ask(Msg::Total).await, Ok(0));
        two.stop().await;
    });
}

#[test]
fn a_node_that_comes_back_is_another_and_the_old_pid_fails() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let down = two.left.monitor_node("right");
        two.right.node().stop().await;
        assert_eq!(down.await.node, "right");
        let again = join("right", &two.key, &two.mem).await;
        let pid = again.node().spawn_fn(adder);
        again.export("adder", &pid).unwrap();
        assert_eq!(again.connect("mem:left").await.unwrap(), "left");
        assert!(far.send(Msg::Add(1)).await.is_err());
        let far = two.left.lookup::<Msg>("adder@right").await.unwrap();
        far.send(Msg::Add(5)).await.unwrap();
        assert_eq!(far.ask(Msg::Total).await, Ok(5));
        again.node().stop().await;
        two.left.node().stop().await;
    });
}

#[test]
fn a_monitor_of_a_node_tells_once_when_it_goes_or_can_not_be_reached() {
    run(async {
        let two = Two::start().await;
        assert_eq!(two.left.monitor_node("nobody").await.node, "nobody");
        two.left.connect("mem:right").await.unwrap();
        let down = two.left.monitor_node("right");
        drop(two.left.monitor_node("right"));
        two.right.node().stop().await;
        let down = down.await;
        assert!(down.cause.is_some(), "{down}");
        two.left.node().stop().await;
    });
}

#[test]
fn a_node_is_joined_once() {
    run(async {
        let two = Two::start().await;
        let again = Net::builder(two.key.clone()).join(two.left.node());
        assert!(matches!(again, Err(NetError::AlreadyJoined)));
        let node = Node::builder().name("a@b").start().unwrap();
        let bad = Net::builder(two.key.clone()).join(&node);
        assert!(matches!(bad, Err(NetError::BadName { .. })));
        node.stop().await;
        two.stop().await;
    });
}

#[test]
fn two_nodes_of_one_name_and_a_node_and_itself_do_not_connect() {
    run(async {
        let two = Two::start().await;
        let named = Node::builder().name("right").start().unwrap();
        let double = Net::builder(two.key.clone()).mem(&two.mem).join(&named).unwrap();
        let refused = double.connect("mem:right").await.unwrap_err();
        let ConnectError::Handshake { error, .. } = &refused else { panic!("{refused}") };
        assert!(
            matches!(
                error,
                HandshakeError::Refused { refusal: Refusal::SameName, .. }
                    | HandshakeError::Refusing(Refusal::SameName)
            ),
            "{refused}"
        );
        let refused = two.left.connect("mem:left").await.unwrap_err();
        let ConnectError::Handshake { error, .. } = &refused else { panic!("{refused}") };
        assert!(
            matches!(
                error,
                HandshakeError::Refused { refusal: Refusal::Oneself, .. }
                    | HandshakeError::Refusing(Refusal::Oneself)
            ),
            "{refused}"
        );
        named.stop().await;
        two.stop().await;
    });
}

#[test]
fn when_a_node_stops_its_peers_know_that_it_meant_to() {
    run(async {
        let (two, _, far) = Two::with_adder().await;
        let down = two.left.monitor_node("right");
        two.right.stop().await;
        assert_eq!(down.await.cause, Some(EndCause::PeerStopping));
        assert!(two.left.peers().is_empty());
        assert!(far.send(Msg::Add(1)).await.is_err());
        two.stop().await;
    });
}
