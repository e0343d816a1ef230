//! What the actors do.

use wharf_net::proto::{
    Admission, CommandError, Connection, NearId, NodeRequest, Outgoing, Reason, Signal, Ticket, TypeState,
};

use crate::check::Monitor;
use crate::host::{ACTORS, MESSAGE_BYTES, Place, Target, node_of, place};
use crate::rights::{RIGHTS, encode};
use crate::world::World;

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
                11 | 12 => self.toggle_link(host, near, &target),
                13 => {
                    // It changes its mind: what has just been asked for may still wait.
                    self.toggle_link(host, near, &target);
                    self.toggle_link(host, near, &target);
                }
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

    pub(crate) fn send_now(&mut self, host: usize, near: NearId, target: Target, ticket: Option<Ticket>) {
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
                Some(ticket) => connection.send_with(ticket, tables, near, target.pid, message).map(drop),
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
            Err(error) => {
                // The connection may have ended behind the event that said so.
                let ended = error == CommandError::NoConnection;
                assert!(ticket.is_none() || ended, "a ticket that may go can be used: {error}");
            }
        }
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
}
