//! Pids of actors of other nodes, over a connection that is made of function calls.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;
use wharf_runtime::remote::{Connection, Cut, Encode, FarSignal, Grant, Pair, Refusal, Remote, Ticket};
use wharf_runtime::{
    ActorId, AskError, Capacity, DeadLetterCause, Event, ExitReason, Hooks, Mailbox, Node, Pid, Reply,
    SendError, Spawn,
};

use crate::common::{Gated, Tally, Token, everywhere, give_way, gone, poll_once, single};

#[derive(Debug)]
enum Msg {
    Number(u32),
    /// Has no form on the wire.
    Local(#[allow(dead_code, reason = "it is there to be lost")] Reply<u32>),
}

impl From<u32> for Msg {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl TryFrom<Msg> for u32 {
    type Error = Msg;

    fn try_from(msg: Msg) -> Result<Self, Msg> {
        match msg {
            Msg::Number(number) => Ok(number),
            Msg::Local(_) => Err(msg),
        }
    }
}

struct Plain;

impl Encode<Msg> for Plain {
    fn encode(message: Msg, bytes: &mut Vec<u8>) -> Result<(), Msg> {
        match message {
            Msg::Number(number) => {
                bytes.extend(number.to_be_bytes());
                Ok(())
            }
            Msg::Local(_) => Err(message),
        }
    }
}

/// What can be sent to from the other side.
struct Export {
    pid: Pid<Msg>,
    /// Room kept for messages that have not come yet.
    kept: u32,
    grant: Grant<Msg>,
}

/// Two nodes, joined.
struct Wire {
    up: AtomicBool,
    /// Whether messages that have room get lost.
    loses: AtomicBool,
    /// Whether unlinks stay without an acknowledgement.
    drops_acks: AtomicBool,
    nodes: [Node; 2],
    /// Each node's.
    connections: [OnceLock<Connection>; 2],
    exports: Mutex<BTreeMap<ActorId, Export>>,
    waiting: Mutex<BTreeMap<u64, Waker>>,
    tickets: AtomicU64,
    /// Messages that left.
    sent: AtomicU64,
}

impl Wire {
    fn between(near: &Node, far: &Node) -> Arc<Self> {
        let wire = Arc::new(Self {
            up: AtomicBool::new(true),
            loses: AtomicBool::new(false),
            drops_acks: AtomicBool::new(false),
            nodes: [near.clone(), far.clone()],
            connections: [OnceLock::new(), OnceLock::new()],
            exports: Mutex::default(),
            waiting: Mutex::default(),
            tickets: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        });
        for (node, peer, connection) in [(near, far, 0), (far, near, 1)] {
            let end = Arc::new(End(Arc::downgrade(&wire)));
            wire.connections[connection].set(node.connection(peer.id(), end)).unwrap();
        }
        wire
    }

    /// That of the node with this actor.
    fn connection_at(&self, id: ActorId) -> &Connection {
        let at = usize::from(self.nodes[1].id() == id.node());
        self.connections[at].get().unwrap()
    }

    /// The address, for the other node, of an actor.
    fn pid(&self, pid: &Pid<Msg>) -> Pid<Msg> {
        let connection = self.connection_at(pid.id());
        let export = Export { pid: pid.clone(), kept: 0, grant: connection.grant(pid, 0) };
        self.exports.lock().unwrap().entry(pid.id()).or_insert(export);
        let at = usize::from(self.nodes[0].id() == pid.id().node());
        self.connections[at].get().unwrap().pid::<Msg, Plain>(pid.id())
    }

    /// Lets those go on who wait for room.
    fn pump(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        waiting.into_values().for_each(Waker::wake);
    }

    fn cut(&self) {
        self.up.store(false, Ordering::SeqCst);
        self.exports.lock().unwrap().clear();
        self.pump();
        for connection in &self.connections {
            connection.get().unwrap().cut();
        }
    }

    fn keep_room(&self, to: ActorId) -> Result<(), Refusal> {
        if !self.up.load(Ordering::SeqCst) {
            return Err(Refusal::NoConnection);
        }
        let mut exports = self.exports.lock().unwrap();
        let export = exports.get_mut(&to).ok_or(Refusal::Closed)?;
        if export.pid.is_alive() {
            if export.grant.raise_to(export.kept + 1) == export.kept {
                return Err(Refusal::Full { limit: 1 });
            }
            export.kept += 1;
        }
        Ok(())
    }
}

/// One node's way to the other.
struct End(Weak<Wire>);

impl Remote for End {
    fn try_reserve(&self, pair: Pair) -> Result<(), Refusal> {
        self.0.upgrade().ok_or(Refusal::NoConnection)?.keep_room(pair.to)
    }

    fn poll_reserve(
        &self,
        pair: Pair,
        ticket: &mut Option<Ticket>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let Some(wire) = self.0.upgrade() else { return Poll::Ready(Err(Refusal::NoConnection)) };
        match wire.keep_room(pair.to) {
            Err(Refusal::Full { .. }) => {}
            other => return Poll::Ready(other),
        }
        let Ticket(number) =
            *ticket.get_or_insert_with(|| Ticket(wire.tickets.fetch_add(1, Ordering::SeqCst)));
        wire.waiting.lock().unwrap().insert(number, cx.waker().clone());
        Poll::Pending
    }

    fn give_up(&self, _: Pair, Ticket(number): Ticket) {
        if let Some(wire) = self.0.upgrade() {
            wire.waiting.lock().unwrap().remove(&number);
        }
    }

    fn unreserve(&self, pair: Pair) {
        let Some(wire) = self.0.upgrade() else { return };
        let mut exports = wire.exports.lock().unwrap();
        if let Some(export) = exports.get_mut(&pair.to) {
            export.kept -= 1;
            export.grant.reduce_to(export.kept);
        }
    }

    fn send(&self, pair: Pair, kind: &'static str, bytes: Vec<u8>) -> Result<(), Cut> {
        let wire = self.0.upgrade().ok_or(Cut::new())?;
        if wire.loses.load(Ordering::SeqCst) || !wire.up.load(Ordering::SeqCst) {
            return Err(Cut::new());
        }
        assert!(kind.ends_with("Msg"), "{kind}");
        let number = u32::from_be_bytes(bytes.try_into().unwrap());
        let mut exports = wire.exports.lock().unwrap();
        let export = exports.get_mut(&pair.to).unwrap();
        wire.sent.fetch_add(1, Ordering::SeqCst);
        export.kept = export.kept.saturating_sub(1);
        export.grant.receive(pair.from, Msg::Number(number)).unwrap();
        Ok(())
    }

    fn signal(&self, to: ActorId, signal: FarSignal) -> Result<(), Cut> {
        let wire = self.0.upgrade().ok_or(Cut::new())?;
        if !wire.up.load(Ordering::SeqCst) {
            return Err(Cut::new());
        }
        let lost = wire.drops_acks.load(Ordering::SeqCst) && matches!(signal, FarSignal::UnlinkAck { .. });
        if !lost {
            wire.connection_at(to).receive_signal(to, signal);
        }
        Ok(())
    }
}

/// Runs `body` with two nodes, joined.
fn joined(body: impl AsyncFn(Node, Node, &Wire)) {
    everywhere(async |near| {
        let far = Node::start().unwrap();
        let wire = Wire::between(&near, &far);
        body(near, far.clone(), &wire).await;
        drop(wire);
        assert!(far.stop().await.is_clean());
    });
}

/// Polls `future` until it is ready, and lets those go on who wait for room.
async fn eventually<F: Future>(wire: &Wire, mut future: Pin<&mut F>) -> F::Output {
    for _ in 0..10_000_000_u32 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
        wire.pump();
        give_way().await;
    }
    panic!("it never was ready");
}

/// An actor that waits to be told to end.
fn patient(node: &Node) -> Pid<Msg> {
    node.spawn_fn(async |mut mailbox: Mailbox<Msg>| while mailbox.receive().await.is_some() {})
}

fn numbers(seen: Vec<Msg>) -> Vec<u32> {
    seen.into_iter().map(|msg| u32::try_from(msg).unwrap()).collect()
}

/// The next notice, in words.
async fn notice(mailbox: &mut Mailbox<Msg>) -> (ActorId, ExitReason) {
    match mailbox.next().await {
        Some(Event::Down(down)) => (down.subject, down.reason),
        Some(Event::Exit(exit)) => (exit.from, exit.reason),
        other => panic!("{other:?}"),
    }
}

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
fn a_monitor_tells_of_a_far_end_after_what_was_sent_before() {
    joined(async |near, far, wire| {
        let mut guest: Mailbox<Msg> = near.guest();
        let here = wire.pid(guest.pid());
        let actor = far.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.receive().await;
            for n in 0..10 {
                here.send(Msg::Number(n)).await.unwrap();
            }
            ExitReason::custom("done".to_owned())
        });
        let pid = wire.pid(&actor);
        let monitor = guest.monitor(&pid);
        assert_eq!(guest.monitors(), [(monitor, actor.id())]);
        let silent = guest.monitor(&pid);
        assert!(guest.demonitor(silent));
        pid.send(Msg::Number(0)).await.unwrap();
        for n in 0..10 {
            let Some(Event::Message(Msg::Number(seen))) = guest.next().await else { panic!("{n}") };
            assert_eq!((seen, guest.sender()), (n, Some(actor.id())));
        }
        let Some(Event::Down(down)) = guest.next().await else { panic!("no `Down`") };
        assert_eq!((down.monitor, down.subject), (monitor, actor.id()));
        assert_eq!(down.reason, ExitReason::custom("done".to_owned()));
        // The next to ask is told that there was nobody.
        guest.monitor(&pid);
        assert_eq!(notice(&mut guest).await, (actor.id(), ExitReason::NoProc));
        guest.link(&pid);
        assert_eq!(notice(&mut guest).await, (actor.id(), ExitReason::NoProc));
        assert_eq!(pid.stopped().await, ExitReason::NoProc);
    });
}

#[test]
fn an_end_on_either_side_of_a_far_link_ends_the_other() {
    joined(async |near, far, wire| {
        for (one, other) in [(&near, &far), (&far, &near)] {
            let subject = patient(other);
            let away = wire.pid(&subject);
            let (tell, told) = oneshot::channel();
            let linked = one.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
                mailbox.link(&away);
                let _ = tell.send(());
                mailbox.receive().await;
            });
            told.await.unwrap();
            let mut guest: Mailbox<Msg> = one.guest();
            guest.monitor(&linked);
            subject.exit(ExitReason::custom("crash".to_owned()));
            assert_eq!(notice(&mut guest).await, (linked.id(), ExitReason::custom("crash".to_owned())));

            let subject = patient(other);
            let away = wire.pid(&subject);
            let (tell, told) = oneshot::channel();
            let linked = one.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
                mailbox.link(&away);
                let _ = tell.send(());
                mailbox.receive().await;
            });
            told.await.unwrap();
            let mut guest: Mailbox<Msg> = other.guest();
            guest.monitor(&subject);
            linked.kill();
            assert_eq!(notice(&mut guest).await, (subject.id(), ExitReason::Killed));
        }
    });
}

#[test]
fn a_far_link_that_was_taken_down_has_no_effect() {
    joined(async |near, far, wire| {
        let actor = patient(&far);
        let pid = wire.pid(&actor);
        let mut guest: Mailbox<Msg> = near.guest();
        guest.link(&pid);
        guest.unlink(&pid);
        guest.link(&pid);
        guest.unlink(&pid);
        guest.monitor(&pid);
        actor.exit(ExitReason::custom("crash".to_owned()));
        let Some(Event::Down(down)) = guest.next().await else { panic!("no `Down`") };
        assert_eq!(down.reason, ExitReason::custom("crash".to_owned()));
        assert!(poll_once(pin!(guest.next())).is_pending());
    });
}

#[test]
fn stop_kill_and_exit_reach_far_actors() {
    joined(async |near, far, wire| {
        let mut guest: Mailbox<Msg> = near.guest();
        let reason = ExitReason::custom("enough".to_owned());
        type Way = fn(&Pid<Msg>);
        let ways: [(Way, ExitReason); 3] = [
            (Pid::stop, ExitReason::Normal),
            (Pid::kill, ExitReason::Killed),
            (|pid| pid.exit(ExitReason::custom("enough".to_owned())), reason),
        ];
        for (end, reason) in ways {
            let pid = wire.pid(&patient(&far));
            guest.monitor(&pid);
            end(&pid);
            assert_eq!(notice(&mut guest).await, (pid.id(), reason));
        }
    });
}

#[test]
fn a_cut_is_told_through_links_monitors_and_waiting_sends_on_both_sides() {
    joined(async |near, far, wire| {
        let gated = Gated::<Msg>::spawn(Spawn::on(&far).capacity(Capacity::Bounded(1))).await;
        let pid = wire.pid(&gated.pid);
        let mut guest: Mailbox<Msg> = near.guest();
        let mut away: Mailbox<Msg> = far.guest();
        let here = wire.pid(guest.pid());
        guest.link(&pid);
        guest.monitor(&pid);
        away.link(&here);
        away.monitor(&here);
        pid.send(Msg::Number(1)).await.unwrap();
        let mut send = pin!(pid.send(Msg::Number(2)));
        let mut reserve = pin!(pid.reserve());
        let mut ask = pin!(pid.ask(Msg::Local));
        assert!(poll_once(send.as_mut()).is_pending());
        assert!(poll_once(reserve.as_mut()).is_pending());
        assert!(poll_once(ask.as_mut()).is_pending());
        wire.cut();
        let error = send.await.unwrap_err();
        assert!(matches!(error, SendError::NoConnection { .. }), "{error:?}");
        assert!(matches!(error.into_message(), Some(Msg::Number(2))));
        assert!(matches!(reserve.await, Err(SendError::NoConnection { .. })));
        assert_eq!(ask.await, Err(AskError::NoConnection { to: pid.id() }));
        for _ in 0..2 {
            assert_eq!(notice(&mut guest).await, (pid.id(), ExitReason::NoConnection));
        }
        // `away` has a link and a monitor; `guest` has a link that `away` made.
        assert_eq!(notice(&mut guest).await, (away.pid().id(), ExitReason::NoConnection));
        for _ in 0..2 {
            assert_eq!(notice(&mut away).await, (here.id(), ExitReason::NoConnection));
        }
        // From now on all is refused at once.
        guest.monitor(&pid);
        assert_eq!(notice(&mut guest).await, (pid.id(), ExitReason::NoConnection));
        guest.link(&pid);
        assert_eq!(notice(&mut guest).await, (pid.id(), ExitReason::NoConnection));
        let error = pid.try_send(Msg::Number(3)).unwrap_err();
        assert!(matches!(error, SendError::NoConnection { .. }) && !error.is_closed(), "{error:?}");
        assert_eq!(pid.stopped().await, ExitReason::NoConnection);
        assert!(guest.monitors().is_empty() && away.monitors().is_empty());
        // Linked with `guest`, and not trapping exits.
        gone(&gated.pid).await;
    });
}

#[test]
fn a_cut_ends_actors_that_are_linked_across_it() {
    joined(async |near, far, wire| {
        let (one, other) = (patient(&near), patient(&far));
        let away = wire.pid(&other);
        let (tell, told) = oneshot::channel();
        let linked = near.spawn_fn(async move |mut mailbox: Mailbox<Msg>| {
            mailbox.link(&away);
            let _ = tell.send(());
            mailbox.receive().await;
        });
        told.await.unwrap();
        let mut guests: [Mailbox<Msg>; 2] = [near.guest(), far.guest()];
        guests[0].monitor(&linked);
        guests[1].monitor(&other);
        wire.cut();
        assert_eq!(notice(&mut guests[0]).await, (linked.id(), ExitReason::NoConnection));
        assert_eq!(notice(&mut guests[1]).await, (other.id(), ExitReason::NoConnection));
        one.stop();
        gone(&one).await;
    });
}

#[test]
fn an_unlink_that_is_not_acknowledged_is_remembered_until_the_cut() {
    joined(async |near, far, wire| {
        let actor = patient(&far);
        let pid = wire.pid(&actor);
        wire.drops_acks.store(true, Ordering::SeqCst);
        let mut guest: Mailbox<Msg> = near.guest();
        guest.link(&pid);
        guest.unlink(&pid);
        // The far side has taken it in once it has answered what came after.
        actor.stop();
        gone(&actor).await;
        drop(pid);
        assert!(near.find(actor.id()).is_some());
        wire.cut();
        assert!(poll_once(pin!(guest.next())).is_pending(), "the link had no effect any more");
        assert_eq!(near.find(actor.id()), None);
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
