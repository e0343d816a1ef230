//! What the actors do, and what comes to them.

use wharf_net::proto::{
    Admission, AnswerWith, CommandError, ConnId, Connection, Event, FarId, FarPid, NearId, Node, NodeAnswer,
    NodeEvent, NodeReply, NodeRequest, Outgoing, Reason, Reply, SendFailure, Signal, Ticket, TypeState,
};
use wharf_net::wire::{ExitCause, WireRight};

use crate::check::Monitor;
use crate::host::{ACTORS, Host, Link, MESSAGE_BYTES, Place, Target, place};
use crate::world::World;

/// Stands for whoever asks, on each node.
const RIGHTS: NearId = NearId { slot: u32::MAX, generation: 1 };
/// The same of the peer's. Nobody was told of it, and nobody has to be.
const THEIR_RIGHTS: FarPid = FarPid { id: FarId { slot: u32::MAX, generation: 1 }, authenticator: 0 };

/// A message: its number in the order of its pair, and a right to answer it.
fn encode(number: u64, right: Option<WireRight>) -> Vec<u8> {
    let right = right.map(|right| [right.number.to_le_bytes(), right.authenticator.to_le_bytes()].concat());
    [&number.to_le_bytes()[..], &right.unwrap_or_default()].concat()
}

fn right_in(payload: &[u8]) -> Option<WireRight> {
    let [_, number, authenticator] = payload.as_chunks().0 else { return None };
    let (number, authenticator) = (u64::from_le_bytes(*number), u64::from_le_bytes(*authenticator));
    Some(WireRight { number, authenticator })
}

fn node_of(host: &mut Host) -> &mut Node {
    host.node.as_mut().unwrap()
}

impl World {
    /// Each actor now and then does something.
    pub(crate) fn act(&mut self, host: usize) {
        for slot in 0..ACTORS {
            if !self.random.one_in(8) {
                continue;
            }
            let near = self.hosts[host].in_slot(slot);
            let known = self.hosts[host].actors[&near].known.clone();
            if known.is_empty() || self.random.one_in(12) {
                self.look_up(host, near);
                continue;
            }
            let target = known[self.random.below(known.len())];
            match self.random.below(20) {
                0..=8 => self.send(host, near, target, self.now.subsec_millis().is_multiple_of(20)),
                9 | 10 => self.send(host, near, target, true),
                11..=13 => self.toggle_link(host, near, target),
                14..=16 => self.monitor(host, near, target),
                17 | 18 => self.take_off(host, near),
                _ if self.random.one_in(6) => self.end_actor(host, near),
                _ => {}
            }
        }
    }

    fn look_up(&mut self, host: usize, near: NearId) {
        let other = self.random.below(self.hosts.len());
        if other == host {
            return;
        }
        self.hosts[host].tokens += 1;
        let token = self.hosts[host].tokens;
        let slot = self.random.below(ACTORS as usize);
        let request = match self.random.below(6) {
            0 => NodeRequest::Spawn { factory: "actor".into(), args: [u8::try_from(slot).unwrap()].into() },
            1 => NodeRequest::Spawn { factory: "forbidden".into(), args: [].into() },
            _ => NodeRequest::Lookup { name: slot.to_string().into(), type_name: "Number".into() },
        };
        self.hosts[host].waiting.insert(token, (other, near));
        let (now, name) = (self.now, self.hosts[other].name.clone());
        self.hosts[host].node.as_mut().unwrap().request(now, &name, token, request).unwrap();
    }

    fn send(&mut self, host: usize, near: NearId, target: Target, waits: bool) {
        let (now, name) = (self.now, self.hosts[target.host].name.clone());
        let Some(node) = &mut self.hosts[host].node else { return };
        let place = (&name, target.incarnation);
        let agreed =
            node.with_connection(now, place, |connection, tables| connection.agree("Number", tables));
        let Ok(TypeState::Agreed { version, .. }) = agreed else { return };
        assert_eq!(version, 2);
        let bytes = usize::try_from(MESSAGE_BYTES).unwrap();
        if !waits {
            // With a ticket or without, by turns: what does not wait may do either.
            let ticket = self.random.one_in(2).then(|| {
                let reserve =
                    |connection: &mut Connection, _: &mut _| connection.try_reserve(target.pid, bytes);
                node_of(&mut self.hosts[host]).with_connection(now, place, reserve)
            });
            match ticket.transpose() {
                Ok(ticket) => self.send_now(host, near, target, ticket),
                Err(error) => assert!(matches!(error, CommandError::Full { .. }), "{error}"),
            }
            return;
        }
        let reserve = |connection: &mut Connection, _: &mut _| connection.reserve(target.pid, bytes);
        match node.with_connection(now, place, reserve).unwrap() {
            Admission::Go(ticket) => self.send_now(host, near, target, Some(ticket)),
            Admission::Wait(ticket) => {
                self.totals.waited += 1;
                let conn = self.hosts[host].up[&target.host].0;
                let before = self.hosts[host].tickets.insert((target.host, conn, ticket), (near, target));
                assert!(before.is_none());
            }
        }
    }

    fn send_now(&mut self, host: usize, near: NearId, target: Target, ticket: Option<Ticket>) {
        let (now, name) = (self.now, self.hosts[target.host].name.clone());
        let conn = self.hosts[host].up[&target.host].0;
        let wire = self.hosts[host].wires[&conn].0;
        let from: Place = (host, self.hosts[host].lives, near.slot, near.generation);
        let key = (wire, host, from, place(&target));
        let number = self.books.next_sent.get(&key).copied().unwrap_or(0);
        let asks = self.random.one_in(3);
        let node = self.hosts[host].node.as_mut().unwrap();
        let sent = node.with_connection(now, (&name, target.incarnation), |connection, tables| {
            let TypeState::Agreed { number: type_number, .. } = connection.agree("Number", tables)? else {
                unreachable!()
            };
            let right = if asks { Some(connection.open_right(tables, RIGHTS)?) } else { None };
            let payload = encode(number, right);
            let message = Outgoing { type_number, payload: &payload };
            let sent = match ticket {
                None => connection.try_send(tables, near, target.pid, message),
                Some(ticket) => connection.send_with(ticket, tables, near, target.pid, message),
            };
            let asked = right.map(|right| right.number);
            if sent.is_err() {
                asked.inspect(|asked| assert!(connection.cancel_right(*asked)));
            }
            sent.map(|()| asked)
        });
        match sent {
            Ok(asked) => {
                self.books.next_sent.insert(key, number + 1);
                self.books.ledger.entry((wire, host)).or_default().0 += 1;
                self.totals.sent += 1;
                if let Some(asked) = asked {
                    assert!(self.hosts[host].rights.insert(asked), "a right's number means one right");
                    assert!(self.hosts[host].asks.insert((target.host, conn, asked), near).is_none());
                }
            }
            Err(error) => assert!(ticket.is_none(), "a ticket that may go can be used: {error}"),
        }
    }

    fn signal(&mut self, host: usize, near: NearId, target: Target, signal: Signal) {
        let (now, name) = (self.now, self.hosts[target.host].name.clone());
        let node = self.hosts[host].node.as_mut().unwrap();
        node.signal(now, near, (&name, target.incarnation), target.pid, signal).unwrap();
    }

    fn toggle_link(&mut self, host: usize, near: NearId, target: Target) {
        let actor = self.hosts[host].actors.get_mut(&near).unwrap();
        let signal = if actor.links.get(&place(&target)) == Some(&Link::Active) {
            actor.unlinks += 1;
            actor.links.insert(place(&target), Link::Unlinking(actor.unlinks));
            Signal::Unlink { number: actor.unlinks }
        } else {
            actor.links.insert(place(&target), Link::Active);
            Signal::Link
        };
        self.signal(host, near, target, signal);
    }

    fn monitor(&mut self, host: usize, near: NearId, target: Target) {
        let actor = self.hosts[host].actors.get_mut(&near).unwrap();
        actor.monitors += 1;
        let number = actor.monitors;
        let key = (host, self.hosts[host].lives, near, number);
        self.books.monitors.insert(key, Monitor { on: target, downs: 0, taken_off: false });
        self.signal(host, near, target, Signal::Monitor { number });
    }

    fn take_off(&mut self, host: usize, near: NearId) {
        let lives = self.hosts[host].lives;
        let range = (host, lives, near, 0)..=(host, lives, near, u64::MAX);
        let open = self.books.monitors.range_mut(range).find(|(_, m)| m.downs == 0 && !m.taken_off);
        if let Some((&(.., number), monitor)) = open {
            monitor.taken_off = true;
            let on = monitor.on;
            self.signal(host, near, on, Signal::Demonitor { number });
        }
    }

    fn end_actor(&mut self, host: usize, near: NearId) {
        let now = self.now;
        let lives = self.hosts[host].lives;
        self.hosts[host].actors.remove(&near);
        let tickets: Vec<_> = self.hosts[host].tickets.iter().filter(|(_, (who, _))| *who == near).collect();
        let tickets: Vec<_> = tickets.into_iter().map(|(key, (_, target))| (*key, *target)).collect();
        for ((to, conn, ticket), target) in tickets {
            self.hosts[host].tickets.remove(&(to, conn, ticket));
            let name = self.hosts[to].name.clone();
            let node = self.hosts[host].node.as_mut().unwrap();
            _ = node.with_connection(now, (&name, target.incarnation), |connection, _| {
                connection.give_up(ticket);
                Ok(())
            });
        }
        let node = self.hosts[host].node.as_mut().unwrap();
        node.actor_ended(now, near, &Reason::Normal);
        let range = (host, lives, near, 0)..=(host, lives, near, u64::MAX);
        self.books.monitors.range_mut(range).for_each(|(_, monitor)| monitor.taken_off = true);
        self.hosts[host].asked.retain(|_, who| *who != near);
        self.hosts[host].spawn(near.slot);
        self.note(format!("{host} ends {near:?}"));
    }

    /// Actors handle messages, and room is promised to those who want it.
    pub(crate) fn handle_mailboxes(&mut self, host: usize) {
        for slot in 0..ACTORS {
            let near = self.hosts[host].in_slot(slot);
            let handles = self.calm || self.random.one_in(4);
            let actor = self.hosts[host].actors.get_mut(&near).unwrap();
            if handles && actor.queued > 0 {
                actor.queued -= 1;
            }
            if actor.room() == 0 {
                continue;
            }
            let Some((peer, wanted)) = actor.wanting.pop_front() else { continue };
            let granted = wanted.min(actor.room());
            let (now, name) = (self.now, self.hosts[peer].name.clone());
            let Some((_, incarnation)) = self.hosts[host].up.get(&peer).copied() else { continue };
            let actor = self.hosts[host].actors.get_mut(&near).unwrap();
            *actor.promised.entry(peer).or_default() += granted;
            if wanted > granted {
                actor.wanting.push_back((peer, wanted - granted));
            }
            let bytes = u64::from(granted) * MESSAGE_BYTES;
            let node = self.hosts[host].node.as_mut().unwrap();
            let grant = node.with_connection(now, (&name, incarnation), |connection, tables| {
                connection.grant(now, tables, near, granted, bytes)
            });
            grant.unwrap();
        }
    }

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
        let Some(actor) = self.hosts[host].actors.get_mut(&to) else { return };
        let place = (peer, incarnation, from.id.slot, from.id.generation);
        match signal {
            Signal::Link => _ = actor.links.entry(place).or_insert(Link::Active),
            Signal::Unlink { number } => {
                if actor.links.get(&place) == Some(&Link::Active) {
                    actor.links.remove(&place);
                }
                let target = Target { host: peer, incarnation, pid: from };
                self.signal(host, to, target, Signal::UnlinkAck { number });
            }
            Signal::UnlinkAck { number } if actor.links.get(&place) == Some(&Link::Unlinking(number)) => {
                actor.links.remove(&place);
            }
            Signal::Exit { cause: ExitCause::Link, .. } if actor.links.get(&place) == Some(&Link::Active) => {
                self.totals.exits += 1;
                actor.links.remove(&place);
            }
            _ => {}
        }
    }

    /// A connection is over at one end: nothing that waited for it still waits.
    pub(crate) fn check_cut(&mut self, host: usize, peer: usize, conn: ConnId) {
        let at = &self.hosts[host];
        assert!(!at.tickets.keys().any(|key| (key.0, key.1) == (peer, conn)), "a ticket was forgotten");
        assert!(!at.asks.keys().any(|key| (key.0, key.1) == (peer, conn)), "an ask was forgotten");
        assert!(!at.asked.keys().any(|key| (key.0, key.1) == (peer, conn)), "a request was forgotten");
        let monitors = self.books.monitors.range((host, at.lives, NearId { slot: 0, generation: 0 }, 0)..);
        let mine = monitors.take_while(|((whose, life, ..), _)| (*whose, *life) == (host, at.lives));
        for (key, monitor) in mine {
            let over = monitor.on.host != peer || monitor.taken_off || monitor.downs == 1;
            assert!(over, "{key:?} has no down");
        }
        for (near, actor) in &mut self.hosts[host].actors {
            assert!(!actor.links.keys().any(|place| place.0 == peer), "{near:?} is still linked");
            let promised = actor.promised.remove(&peer).unwrap_or(0);
            assert_eq!(promised, 0, "room of {near:?} did not come home");
            actor.wanting.retain(|(who, _)| *who != peer);
        }
    }

    /// At the end nothing is under way: both ends know the same, and nothing is missing.
    pub(crate) fn check_books(&mut self) {
        for (&(host, life, near, number), monitor) in &self.books.monitors {
            if self.hosts[host].lives != life || monitor.taken_off || monitor.downs == 1 {
                continue;
            }
            let on = &self.hosts[monitor.on.host];
            let id = monitor.on.pid.id;
            let subject = NearId { slot: id.slot, generation: id.generation };
            let alive = on.lives == monitor.on.incarnation && on.actors.contains_key(&subject);
            assert!(alive, "monitor {number} of {near:?} on {host} has no down");
        }
        for (index, host) in self.hosts.iter().enumerate() {
            for (near, actor) in &host.actors {
                for (&(peer, life, slot, generation), link) in &actor.links {
                    let other = self.hosts[peer].actors.get(&NearId { slot, generation });
                    let back = other
                        .and_then(|actor| actor.links.get(&(index, host.lives, near.slot, near.generation)));
                    assert_eq!((*link, life), (Link::Active, self.hosts[peer].lives));
                    assert_eq!(back, Some(&Link::Active), "{near:?} on {index} is linked alone");
                }
            }
            assert!(host.waiting.is_empty() && host.asked.is_empty() && host.asks.is_empty());
        }
        self.check_ledger();
    }

    fn check_ledger(&mut self) {
        for (&(wire, sender), &(sent, arrived)) in &self.books.ledger {
            let stands = self.hosts[sender].wires.values().any(|at| at.0 == wire);
            assert!(arrived <= sent, "wire {wire}: {arrived} of {sent}");
            // Only a connection that was cut can have lost something, and then its end was told.
            assert!(!stands || arrived == sent, "wire {wire} from {sender}: {arrived} of {sent}");
            self.totals.lost += sent - arrived;
        }
    }
}
