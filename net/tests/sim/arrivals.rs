//! What a host's node tells it, and what the host does about it.

use wharf_net::proto::{
    AnswerWith, ConnId, Event, FarPid, NearId, NodeAnswer, NodeEvent, NodeReply, NodeRequest, Reason, Reply,
    SendFailure, Signal,
};

use crate::host::{Target, node_of};
use crate::rights::{RIGHTS, THEIR_RIGHTS, right_in};
use crate::world::World;

impl World {
    pub(crate) fn handle_far(&mut self, host: usize, event: NodeEvent) {
        match event {
            NodeEvent::Far { peer, incarnation, event } => {
                let peer = self.index_of(&peer);
                self.handle_event(host, peer, incarnation, event);
            }
            NodeEvent::Asked { token, number } => {
                let (peer, near) = self.hosts[host].waiting.remove(&token).unwrap();
                let conn = self.conn_to(host, peer);
                self.hosts[host].asked.insert((peer, conn, number), near);
            }
            NodeEvent::NotAsked { token } => {
                assert!(self.hosts[host].waiting.remove(&token).is_some(), "each request has one outcome");
            }
            _ => {}
        }
    }

    fn conn_to(&self, host: usize, peer: usize) -> ConnId {
        self.hosts[host].up[&peer].0
    }

    fn handle_event(&mut self, host: usize, peer: usize, incarnation: u128, event: Event) {
        match event {
            Event::Message { to, from, payload, .. } => {
                self.arrived(host, peer, to, from, &payload);
                let value = [&b"answer"[..], &payload].concat();
                let with = match self.random.below(6) {
                    0 => AnswerWith::Dropped,
                    1 => AnswerWith::Down(&Reason::Normal),
                    _ => AnswerWith::Value(&value),
                };
                self.answer(host, peer, &payload, with);
            }
            Event::DeadLetter { payload, .. } => {
                self.totals.dead += 1;
                self.count_arrival(host, peer);
                self.answer(host, peer, &payload, AnswerWith::Down(&Reason::NoProc));
            }
            Event::Signal { to, from, signal } => {
                self.signalled(host, (peer, incarnation), to, from, signal);
            }
            Event::Reply { number, reply, .. } => {
                let conn = self.conn_to(host, peer);
                let open = self.hosts[host].asks.remove(&(peer, conn, number));
                assert!(open.is_some(), "an ask has one outcome");
                self.totals.replies += u64::from(matches!(reply, Reply::Value(_)));
                self.totals.answered_down += u64::from(matches!(reply, Reply::Down(_)));
            }
            Event::MayGo { ticket } => {
                let conn = self.conn_to(host, peer);
                let waited = self.hosts[host].tickets.remove(&(peer, conn, ticket));
                let (near, target) = waited.expect("a ticket may go once");
                self.send_now(host, near, target, Some(ticket));
            }
            Event::SendFailed { ticket, why } => {
                let conn = self.conn_to(host, peer);
                assert!(self.hosts[host].tickets.remove(&(peer, conn, ticket)).is_some(), "{why:?}");
                assert!(matches!(why, SendFailure::Ended | SendFailure::NoConnection));
            }
            Event::CreditWanted { mailbox, messages, .. } => {
                if let Some(actor) = self.hosts[host].actors.get_mut(&mailbox) {
                    actor.wanting.push_back((peer, messages));
                }
            }
            Event::CreditReturned { mailbox, messages, .. } => {
                self.totals.returned += u64::from(messages);
                if let Some(actor) = self.hosts[host].actors.get_mut(&mailbox) {
                    *actor.promised.get_mut(&peer).unwrap() -= messages;
                }
            }
            Event::Requested { number, request } => self.requested(host, peer, number, &request),
            Event::Answered { number, answer } => {
                let conn = self.conn_to(host, peer);
                let Some(near) = self.hosts[host].asked.remove(&(peer, conn, number)) else { return };
                if let NodeAnswer::Found(pid) = answer {
                    let incarnation = self.hosts[host].up[&peer].1;
                    // Who asked may have ended while the request waited to be sent.
                    let Some(actor) = self.hosts[host].actors.get_mut(&near) else { return };
                    actor.known.push(Target { host: peer, incarnation, pid });
                }
            }
            _ => {}
        }
    }

    /// Uses the right in a message, if there is one.
    fn answer(&mut self, host: usize, peer: usize, payload: &[u8], with: AnswerWith<'_>) {
        let Some(right) = right_in(payload) else { return };
        let (now, name) = (self.now, self.hosts[peer].name.clone());
        let incarnation = self.hosts[host].up[&peer].1;
        // The connection may have ended behind this event.
        _ = node_of(&mut self.hosts[host]).with_connection(
            now,
            (&name, incarnation),
            |connection, tables| connection.answer(tables, RIGHTS, THEIR_RIGHTS, right, with),
        );
    }

    fn requested(&mut self, host: usize, peer: usize, number: u64, request: &NodeRequest) {
        let slot = match request {
            NodeRequest::Lookup { name, .. } => name.parse().unwrap(),
            NodeRequest::Spawn { factory, args } => {
                assert_eq!(&**factory, "actor", "what is not exported is not even asked for");
                self.totals.spawned += 1;
                u32::from(args[0])
            }
            _ => unreachable!(),
        };
        let near = self.hosts[host].in_slot(slot);
        let reply = if self.random.one_in(10) { NodeReply::Absent } else { NodeReply::Found(near) };
        let (now, name) = (self.now, self.hosts[peer].name.clone());
        let incarnation = self.hosts[host].up[&peer].1;
        let node = self.hosts[host].node.as_mut().unwrap();
        _ = node.with_connection(now, (&name, incarnation), |connection, tables| {
            connection.answer_request(tables, number, reply)
        });
    }

    fn count_arrival(&mut self, host: usize, peer: usize) -> usize {
        let wire = self.hosts[host].wires[&self.conn_to(host, peer)].0;
        self.books.ledger.entry((wire, peer)).or_default().1 += 1;
        wire
    }

    fn arrived(&mut self, host: usize, peer: usize, to: NearId, from: FarPid, payload: &[u8]) {
        let wire = self.count_arrival(host, peer);
        self.totals.delivered += 1;
        let number = u64::from_le_bytes(*payload.first_chunk().unwrap());
        let lives = self.hosts[host].lives;
        let sender = (peer, self.hosts[host].up[&peer].1, from.id.slot, from.id.generation);
        let key = (wire, peer, sender, (host, lives, to.slot, to.generation));
        let next = self.books.next_seen.entry(key).or_insert(0);
        assert_eq!(number, *next, "from {from:?} to {to:?}");
        *next += 1;
        let actor = self.hosts[host].actors.get_mut(&to).expect("only who lives gets messages");
        let promised = actor.promised.get_mut(&peer).expect("a message comes on credit");
        *promised = promised.checked_sub(1).expect("a message comes on credit");
        actor.queued += 1;
        actor.room();
    }

    fn signalled(
        &mut self,
        host: usize,
        (peer, incarnation): (usize, u128),
        to: NearId,
        from: FarPid,
        signal: Signal,
    ) {
        let lives = self.hosts[host].lives;
        if let Signal::Down { number, reason } = &signal {
            self.totals.downs += 1;
            self.totals.no_connection += u64::from(*reason == Reason::NoConnection);
            let monitor = self.books.monitors.get_mut(&(host, lives, to, *number)).unwrap();
            assert!(!monitor.taken_off, "no down comes after a demonitor");
            monitor.downs += 1;
            assert_eq!(monitor.downs, 1, "{number} of {to:?}");
            return;
        }
        self.queue_signal(host, to, Target { host: peer, incarnation, pid: from }, signal);
    }
}
