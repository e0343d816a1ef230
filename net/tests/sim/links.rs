//! Links as the actors see them: each sees a signal later than its node does.

use wharf_net::proto::{NearId, Reason, Signal};
use wharf_net::wire::ExitCause;

use crate::host::{Actor, Link, Place, Target, place};
use crate::world::World;

/// Whether a signal tells an actor that a link of its may be cut.
pub(crate) fn is_cut(signal: &Signal) -> bool {
    matches!(signal, Signal::Exit { cause: ExitCause::Link, reason: Reason::NoConnection })
}

impl Actor {
    /// Whether what has come for it, and is not seen yet, will end its link.
    pub(crate) fn will_end(&self, of: Place, link: Link) -> bool {
        self.inbox.iter().any(|(from, signal)| {
            let ends = matches!(signal, Signal::Exit { cause: ExitCause::Link, .. })
                || matches!((signal, link), (Signal::UnlinkAck { number }, Link::Unlinking(n)) if *number == n);
            ends && place(from) == of
        })
    }
}

impl World {
    /// Sends a signal. As the driver of a real node does it: until an actor has seen that a link was cut,
    /// what it says of that link is not passed on.
    pub(crate) fn signal(&mut self, host: usize, near: NearId, target: Target, signal: Signal) {
        let actor = self.hosts[host].actors.get_mut(&near).unwrap();
        if actor.cuts.contains_key(&place(&target)) {
            match signal {
                Signal::Link => {
                    self.totals.held_back += 1;
                    return;
                }
                Signal::Unlink { number } => {
                    actor.inbox.push_back((target, Signal::UnlinkAck { number }));
                    return;
                }
                _ => {}
            }
        }
        let (now, name) = (self.now, self.hosts[target.host].name.clone());
        let node = self.hosts[host].node.as_mut().unwrap();
        node.signal(now, near, (&name, target.incarnation), target.pid, signal).unwrap();
    }

    pub(crate) fn toggle_link(&mut self, host: usize, near: NearId, target: &Target) {
        let actor = self.hosts[host].actors.get_mut(&near).unwrap();
        let signal = if actor.links.get(&place(target)) == Some(&Link::Active) {
            actor.unlinks += 1;
            actor.links.insert(place(target), Link::Unlinking(actor.unlinks));
            Signal::Unlink { number: actor.unlinks }
        } else {
            actor.links.insert(place(target), Link::Active);
            Signal::Link
        };
        self.signal(host, near, *target, signal);
    }

    /// A signal of a far actor has come for one here, which sees it when it gets to it.
    pub(crate) fn queue_signal(&mut self, host: usize, to: NearId, from: Target, signal: Signal) {
        let Some(actor) = self.hosts[host].actors.get_mut(&to) else { return };
        if is_cut(&signal) {
            *actor.cuts.entry(place(&from)).or_default() += 1;
        }
        actor.inbox.push_back((from, signal));
    }

    /// Actors see what has come for them.
    pub(crate) fn see_signals(&mut self, host: usize) {
        let actors: Vec<NearId> = self.hosts[host].actors.keys().copied().collect();
        for near in actors {
            while (self.calm || self.random.one_in(3))
                && let Some((from, signal)) =
                    self.hosts[host].actors.get_mut(&near).unwrap().inbox.pop_front()
            {
                self.see(host, near, from, &signal);
            }
        }
    }

    fn see(&mut self, host: usize, near: NearId, from: Target, signal: &Signal) {
        let actor = self.hosts[host].actors.get_mut(&near).unwrap();
        let of = place(&from);
        let link = actor.links.get(&of).copied();
        match *signal {
            Signal::Link => _ = actor.links.entry(of).or_insert(Link::Active),
            Signal::Unlink { number } => {
                if link == Some(Link::Active) {
                    actor.links.remove(&of);
                }
                self.signal(host, near, from, Signal::UnlinkAck { number });
            }
            Signal::UnlinkAck { number } if link == Some(Link::Unlinking(number)) => {
                actor.links.remove(&of);
            }
            Signal::Exit { cause: ExitCause::Link, .. } => {
                if is_cut(signal)
                    && let Some(cuts) = actor.cuts.get_mut(&of)
                {
                    *cuts -= 1;
                    if *cuts == 0 {
                        actor.cuts.remove(&of);
                    }
                }
                actor.links.remove(&of);
                self.totals.exits += u64::from(link == Some(Link::Active));
            }
            _ => {}
        }
    }
}
