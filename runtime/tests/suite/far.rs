//! Pids of actors of other nodes: what is sent there.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use wharf_runtime::remote::Pair;
use wharf_runtime::{
    ActorId, AskError, Capacity, DeadLetterCause, Hooks, Mailbox, Node, Reply, SendError, Spawn,
};

use crate::common::{Gated, Tally, Token, gone, poll_once, single};
use crate::joined::{Msg, Wire, eventually, joined, numbers, patient};

#[test]
fn a_far_pid_is_the_same_while_anybody_has_it_and_shows_its_node() {
    joined(async |near, far, wire| {
        let actor = patient(&far);
        let pid = wire.pid(&actor);
        assert_eq!((pid.id(), pid.id().node()), (actor.id(), far.id()));
        assert_ne!(pid.any(), actor.any(), "one leads there, the other is there");
        assert_eq!((pid.clone(), pid.any()), (wire.pid(&actor), near.find(actor.id()).unwrap()));
        assert_eq!(pid.node().id(), near.id(), "it is this node's address");
        assert!(pid.any().downcast::<Msg>().is_none());
        assert_eq!(pid.to_string(), actor.to_string());
        assert!(pid.is_alive());
        near.register("far", &pid).unwrap();
        drop(pid);
        assert_eq!(near.find(actor.id()), near.unregister("far"));
        assert_eq!(near.find(actor.id()), None);
        actor.stop();
        gone(&actor).await;
    });
}

#[test]
fn what_one_actor_sends_to_a_far_one_arrives_in_order_signals_too() {
    joined(async |near, far, wire| {
        let (tell, told) = oneshot::channel();
        let sink = far.spawn_fn(async |mut mailbox: Mailbox<Msg>| {
            let mut seen = Vec::new();
            while let Some(msg) = mailbox.receive().await {
                seen.push((mailbox.sender(), u32::try_from(msg).unwrap()));
            }
            let _ = tell.send(seen);
        });
        let pid = wire.pid(&sink);
        let source = near.spawn_fn(async move |_: Mailbox<()>| {
            for n in 0..200 {
                pid.send(Msg::Number(n)).await.unwrap();
            }
            pid.send_all((200..300).map(Msg::Number)).await.unwrap();
            pid.narrow::<u32>().send(300).await.unwrap();
            pid.stop();
            pid.send(Msg::Number(301)).await.map_err(|_| ()).unwrap_or(());
        });
        let seen = told.await.unwrap();
        assert_eq!(seen, Vec::from_iter((0..=300).map(|n| (Some(source.id()), n))));
        gone(&sink).await;
        gone(&source).await;
    });
}

#[test]
fn a_receive_finds_the_messages_of_one_far_actor() {
    joined(async |near, far, wire| {
        let (tell, told) = oneshot::channel();
        let (ask, asked) = oneshot::channel::<ActorId>();
        let sink = far.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            let wanted = asked.await.unwrap();
            let first = mailbox.receive_from(wanted).await.unwrap();
            let rest = mailbox.receive().await;
            let _ = tell.send((first.map(u32::try_from), rest.map(u32::try_from)));
        });
        let pid = wire.pid(&sink);
        pid.send(Msg::Number(1)).await.unwrap();
        let source = near.spawn_fn(async move |_: Mailbox<()>| pid.send(Msg::Number(2)).await.unwrap());
        gone(&source).await;
        ask.send(source.id()).unwrap();
        let (first, rest) = told.await.unwrap();
        assert_eq!((first.unwrap().unwrap(), rest.unwrap().unwrap()), (2, 1));
        gone(&sink).await;
    });
}

#[test]
fn a_send_to_a_far_actor_waits_for_its_room_and_can_be_taken_back() {
    joined(async |_, far, wire| {
        let gated = Gated::<Msg>::spawn(Spawn::on(&far).capacity(Capacity::Bounded(1))).await;
        let pid = wire.pid(&gated.pid);
        pid.try_send(Msg::Number(1)).unwrap();
        let full = pid.try_send(Msg::Number(9)).unwrap_err();
        assert!(matches!(full, SendError::Full { limit: 1, .. }), "{full:?}");
        assert!(matches!(full.into_message(), Some(Msg::Number(9))));
        let mut taken = pin!(pid.send(Msg::Number(8)));
        assert!(poll_once(taken.as_mut()).is_pending());
        assert!(matches!(taken.as_mut().take_back(), Some(Msg::Number(8))));
        let late = pid.send_timeout(Msg::Number(7), Duration::from_millis(3)).await.unwrap_err();
        assert!(matches!(late, SendError::Timeout { .. }), "{late:?}");
        let mut waits = pin!(pid.send(Msg::Number(2)));
        assert!(poll_once(waits.as_mut()).is_pending());
        let mut dropped = Box::pin(pid.reserve());
        assert!(poll_once(dropped.as_mut()).is_pending());
        drop(dropped);
        let opened = gated.open();
        eventually(wire, waits.as_mut()).await.unwrap();
        eventually(wire, pin!(pid.reserve())).await.unwrap().send(Msg::Number(3)).unwrap();
        drop(eventually(wire, pin!(pid.reserve())).await.unwrap());
        eventually(wire, pin!(pid.send_all([4, 5, 6].map(Msg::Number)))).await.unwrap();
        assert_eq!(numbers(opened.finish().await), [1, 2, 3, 4, 5, 6]);
        assert_eq!(wire.exports.lock().unwrap()[&pid.id()].kept, 0);
    });
}

#[test]
fn what_can_not_be_encoded_comes_back_and_so_does_its_room() {
    joined(async |_, far, wire| {
        let actor = Spawn::on(&far)
            .capacity(Capacity::Bounded(1))
            .spawn_fn(async |mut mailbox: Mailbox<Msg>| while mailbox.receive().await.is_some() {});
        let pid = wire.pid(&actor);
        for _ in 0..3 {
            let error = pid.send(Msg::Local(Reply::none())).await.unwrap_err();
            assert!(matches!(error, SendError::NotEncoded { .. }), "{error:?}");
            assert!(matches!(error.into_message(), Some(Msg::Local(_))));
        }
        assert_eq!(pid.ask(Msg::Local).await, Err(AskError::NotEncoded { to: pid.id() }));
        actor.stop();
        gone(&actor).await;
    });
}

#[test]
fn a_message_that_left_when_the_connection_was_cut_does_not_come_back() {
    joined(async |near, far, wire| {
        let actor = patient(&far);
        let pid = wire.pid(&actor);
        wire.loses.store(true, Ordering::SeqCst);
        for error in [pid.send(Msg::Number(1)).await.unwrap_err(), pid.try_send(Msg::Number(2)).unwrap_err()]
        {
            assert!(matches!(error, SendError::Unknown { .. }), "{error:?}");
            assert_eq!(error.to(), pid.id());
            assert!(error.into_message().is_none());
        }
        assert_eq!(near.stats().all_dead() + far.stats().all_dead(), 0);
        actor.stop();
        gone(&actor).await;
    });
}

#[test]
fn every_message_that_left_is_handled_or_a_dead_letter_over_there() {
    joined(async |near, far, wire| {
        let actor = far.spawn_fn(async |mut mailbox: Mailbox<Msg>| {
            for _ in 0..7 {
                mailbox.receive().await;
            }
        });
        let pid = wire.pid(&actor);
        let source = near.spawn_fn(async move |_: Mailbox<()>| {
            for n in 0..50 {
                pid.send(Msg::Number(n)).await.unwrap();
            }
        });
        gone(&source).await;
        gone(&actor).await;
        let stats = far.stats();
        assert_eq!(wire.sent.load(Ordering::SeqCst), 50);
        assert_eq!(stats.handled + stats.all_dead(), 50, "{stats:?}");
        assert_eq!(stats.handled, 7);
        assert_eq!(near.stats().all_dead(), 0);
        // One that comes for who has ended for long.
        let connection = wire.connection_at(actor.id());
        let before = far.stats().dead(DeadLetterCause::NoProc);
        connection.receive(Some(source.id()), &actor, Msg::Number(1)).unwrap();
        assert_eq!(far.stats().dead(DeadLetterCause::NoProc), before + 1);
        // One that was accepted, and that a cut kept from leaving.
        let connection = wire.connection_at(source.id());
        connection.bury(Pair::new(Some(source.id()), actor.id()), "Msg");
        assert_eq!(near.stats().dead(DeadLetterCause::NoConnection), 1);
    });
}

#[test]
fn room_for_a_peer_is_kept_out_of_the_mailbox_and_given_back() {
    joined(async |near, far, wire| {
        let gated = Gated::<Msg>::spawn(Spawn::on(&far).capacity(Capacity::Bounded(3))).await;
        let connection = wire.connection_at(gated.pid.id());
        assert_eq!(connection.peer(), near.id());
        let mut grant = connection.grant(&gated.pid, 5);
        assert_eq!(grant.left(), 3);
        assert!(gated.pid.try_send(Msg::Number(9)).unwrap_err().is_full());
        grant.receive(None, Msg::Number(1)).unwrap();
        grant.reduce_to(1);
        gated.pid.try_send(Msg::Number(2)).unwrap();
        grant.receive(None, Msg::Number(3)).unwrap();
        assert_eq!(grant.left(), 0);
        let full = grant.receive(None, Msg::Number(4)).unwrap_err();
        assert!(matches!(full.into_message(), Some(Msg::Number(4))));
        let pid = gated.pid.clone();
        let mut more = pin!(connection.grant_one(&pid));
        assert!(poll_once(more.as_mut()).is_pending());
        let opened = gated.open();
        more.await.unwrap().receive(None, Msg::Number(5)).unwrap();
        assert_eq!(numbers(opened.finish().await), [1, 2, 3, 5]);
    });
}

#[test]
fn when_its_node_has_stopped_nothing_leaves() {
    joined(async |_, far, wire| {
        let node = Node::start().unwrap();
        let actor = patient(&far);
        let other = Wire::between(&node, &far);
        let pid = other.pid(&actor);
        assert!(node.stop().await.is_clean());
        let error = pid.send(Msg::Number(1)).await.unwrap_err();
        assert!(matches!(error, SendError::NodeStopped { .. }), "{error:?}");
        drop((wire, pid));
        actor.stop();
        gone(&actor).await;
    });
}

#[test]
fn the_ids_of_many_far_actors_are_told_apart() {
    joined(async |near, far, wire| {
        let connection = wire.connections[0].get().unwrap();
        let kept = connection.any(ActorId::new(far.id(), 0, 1));
        for round in 1..3 {
            for slot in 0..6_000 {
                let id = ActorId::new(far.id(), slot, round);
                assert_eq!(connection.any(id).id(), id);
            }
        }
        assert_eq!(near.find(kept.id()).as_ref(), Some(&kept));
        assert_eq!(connection.any(kept.id()), kept);
    });
}

#[test]
fn nothing_is_left_of_nodes_that_were_joined() {
    struct Holds(#[allow(dead_code, reason = "it counts its drop")] Token);

    impl Hooks for Holds {}

    let tally = Tally::default();
    let tokio = single();
    tokio.block_on(async {
        let [near, far] = [0, 1].map(|_| Node::builder().hooks(Holds(tally.token())).start().unwrap());
        let wire = Wire::between(&near, &far);
        let pid = wire.pid(&patient(&far));
        let mut guest: Mailbox<Msg> = near.guest();
        guest.link(&pid);
        guest.monitor(&pid);
        near.register("far", &pid).unwrap();
        let (tell, told) = oneshot::channel();
        let away = pid.clone();
        near.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.trap_exit(true);
            mailbox.monitor(&away);
            mailbox.link(&away);
            let _ = tell.send(());
            mailbox.receive().await;
        });
        told.await.unwrap();
        assert!(near.stop().await.is_clean());
        assert!(far.stop().await.is_clean());
    });
    drop(tokio);
    assert!(tally.is_even(), "{} made, {} dropped", tally.made(), tally.dropped());
}
