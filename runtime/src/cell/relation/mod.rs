//! Links and monitors of one actor, and what each signal means to it. Pure: no I/O, no atomics.
//!
//! [`Relations`] takes calls (`link`, `monitor`, ...) and received signals, and says what is to be
//! sent and what is to happen. The rules are OTP's: signals, exit reasons and monitors of the
//! Erlang reference manual ("Processes"), links as in [`link`].
//!
//! What it asks of its driver:
//! - Signals keep their order from one actor to another.
//! - What a method returns is sent before anything else is sent there; an `UnlinkAck` above all.
//! - A signal for an actor that has died, or died before it looked, is answered by [`refused`].
//! - One `Relations` serves an actor for life. It may be made late, but making it anew would give
//!   numbers out twice, and old signals would be taken for new ones.
//! - When a connection is lost, each actor with a relation across it receives
//!   `Exit { reason: NoConnection, link: true }` for each link, one being taken down included,
//!   `Down { reason: NoConnection }` for each monitor it has set, `Demonitor` for each set on it, and
//!   afterwards nothing that was sent before the loss.

mod link;
mod monitor;
mod table;

#[cfg(test)]
mod tests;

use self::link::Links;
use self::monitor::{Monitors, Watchers};
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::signal::{Down, Exit, MonitorRef, Notice, Peer, Signal};

/// What an actor has to do about a signal that it received.
#[derive(Clone, Debug)]
#[must_use = "the signal has no effect otherwise"]
pub enum Reaction<P> {
    /// Nothing.
    Nothing,
    /// Send a signal, before any other to that actor.
    Reply(P, Signal<P>),
    /// End at once, for this reason.
    Die(ExitReason),
    /// Let the program see it: in the place where the signal stood, or ahead of ordinary messages.
    ///
    /// A `Down` is handed over only if [`Relations::take_down`] then still says so.
    Notify {
        /// What the program sees.
        notice: Notice,
        /// Whether it goes ahead of ordinary messages.
        priority: bool,
    },
    /// End for the reason `Normal` once everything queued before the signal has been handled.
    StopAfterQueue,
}

/// The links and monitors of one actor.
#[derive(Clone, Debug)]
pub struct Relations<P> {
    links: Links<P>,
    monitors: Monitors<P>,
    watchers: Watchers<P>,
}

impl<P: Peer> Default for Relations<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Peer> Relations<P> {
    /// None yet. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { links: Links::new(), monitors: Monitors::new(), watchers: Watchers::new() }
    }

    /// Links `me` with `peer`: gives the signal to send to `peer`, if any.
    ///
    /// Two actors have at most one link, whoever made it, and an actor has none with itself. With
    /// `priority`, an exit through it that is trapped goes ahead of ordinary messages; this is
    /// `me`'s own affair, and the last call decides.
    #[must_use = "the other side has to be told"]
    pub fn link(&mut self, me: &P, peer: &P, priority: bool) -> Option<(P, Signal<P>)> {
        self.links.link(me, peer, priority)
    }

    /// Takes the link with `peer` down: gives the signal to send to `peer`, if any.
    ///
    /// From now on the link has no effect on `me`. A trapped exit that was received before stays.
    #[must_use = "the other side has to be told"]
    pub fn unlink(&mut self, me: &P, peer: ActorId) -> Option<(P, Signal<P>)> {
        self.links.unlink(me, peer)
    }

    /// Sets a monitor on `subject`: gives its name, and the signal to send to `subject`.
    ///
    /// Each call makes another monitor, with a `Down` of its own. There is no signal when `subject`
    /// is `me`: nobody sees its own death, so such a monitor is never active.
    #[must_use = "the subject has to be told"]
    pub fn monitor(&mut self, me: &P, subject: &P, priority: bool) -> (MonitorRef, Option<(P, Signal<P>)>) {
        self.monitors.monitor(me, subject, priority)
    }

    /// Takes a monitor off: gives the signal to send to its subject.
    ///
    /// `Some` promises that its `Down` has not been seen and never will be, also if it has arrived
    /// and waits. `None` says that the monitor was not active, or is not this actor's.
    #[must_use = "the subject has to be told"]
    pub fn demonitor(&mut self, monitor: MonitorRef) -> Option<(P, Signal<P>)> {
        self.monitors.demonitor(monitor)
    }

    /// Whether a `Down` of `monitor` is still wanted; if so it counts as seen.
    ///
    /// Call it right before handing a `Down` to the program, and drop the `Down` on `false`.
    #[must_use = "an unwanted `Down` has to be dropped"]
    pub fn take_down(&mut self, monitor: MonitorRef) -> bool {
        self.monitors.take_down(monitor)
    }

    /// What the actor `me` has to do about `signal`; `trapping` says whether it traps exits.
    pub fn handle_signal(&mut self, me: ActorId, trapping: bool, signal: Signal<P>) -> Reaction<P> {
        match signal {
            Signal::Exit { from, reason, link } => self.handle_exit(me, trapping, from, reason, link),
            Signal::Link { from } => {
                self.links.handle_link(from);
                Reaction::Nothing
            }
            Signal::Unlink { from, id } => {
                self.links.handle_unlink(from.id());
                Reaction::Reply(from, Signal::UnlinkAck { from: me, id })
            }
            Signal::UnlinkAck { from, id } => {
                self.links.handle_unlink_ack(from, id);
                Reaction::Nothing
            }
            Signal::Monitor { from, monitor, priority } => {
                self.watchers.handle_monitor(monitor, from, priority);
                Reaction::Nothing
            }
            Signal::Demonitor { monitor } => {
                self.watchers.handle_demonitor(monitor);
                Reaction::Nothing
            }
            Signal::Down { monitor, subject, reason, priority } => {
                if !self.monitors.is_active(monitor) {
                    return Reaction::Nothing;
                }
                Reaction::Notify { notice: Notice::Down(Down::new(monitor, subject, reason)), priority }
            }
            Signal::Stop => Reaction::StopAfterQueue,
            // Not a matter of relations: its receiver keeps it.
            Signal::Due(_) => Reaction::Nothing,
        }
    }

    /// What the actor `me` has to send, in this order, now that it has died for `reason`.
    ///
    /// `reason` is what [`Reaction::Die`] said where a signal was the cause: there a kill has become
    /// `Killed`, which is what those linked with `me` get to see.
    #[must_use = "the others have to be told"]
    pub fn die(self, me: ActorId, reason: &ExitReason) -> Farewell<P> {
        Farewell { me, reason: reason.clone(), left: self }
    }

    /// The actors linked with this one, in the order of their ids.
    pub fn links(&self) -> impl Iterator<Item = &P> {
        self.links.active()
    }

    /// The active monitors this actor has set, with their subjects.
    pub fn monitors(&self) -> impl Iterator<Item = (MonitorRef, &P)> {
        self.monitors.iter()
    }

    /// The monitors set on this actor, with their owners.
    pub fn monitored_by(&self) -> impl Iterator<Item = (MonitorRef, &P)> {
        self.watchers.iter()
    }

    /// Whether there are no links, monitors or unfinished unlinks.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.links.is_empty() && self.monitors.is_empty() && self.watchers.is_empty()
    }

    fn handle_exit(
        &mut self,
        me: ActorId,
        trapping: bool,
        from: ActorId,
        reason: ExitReason,
        link: bool,
    ) -> Reaction<P> {
        let priority = if link {
            match self.links.handle_exit(from) {
                Some(priority) => priority,
                None => return Reaction::Nothing,
            }
        } else {
            false
        };
        if matches!(reason, ExitReason::Kill) && !link {
            return Reaction::Die(ExitReason::Killed);
        }
        if trapping {
            return Reaction::Notify { notice: Notice::Exit(Exit::new(from, reason)), priority };
        }
        if reason.is_normal() && from != me {
            return Reaction::Nothing;
        }
        Reaction::Die(reason)
    }
}

/// The signals that a dead actor still has to send: exits, then downs, then demonitors.
///
/// It owns what is left of the actor's relations, so a driver can spread the work over many turns.
#[derive(Clone, Debug)]
#[must_use = "the others have to be told"]
pub struct Farewell<P> {
    me: ActorId,
    reason: ExitReason,
    left: Relations<P>,
}

impl<P: Peer> Iterator for Farewell<P> {
    type Item = (P, Signal<P>);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(peer) = self.left.links.next_to_tell() {
            let signal = Signal::Exit { from: self.me, reason: self.reason.clone(), link: true };
            return Some((peer, signal));
        }
        if let Some((monitor, watcher)) = self.left.watchers.next_to_tell() {
            let (subject, reason) = (self.me, self.reason.clone());
            let signal = Signal::Down { monitor, subject, reason, priority: watcher.priority };
            return Some((watcher.peer, signal));
        }
        let (monitor, subject) = self.left.monitors.next_to_cancel()?;
        Some((subject, Signal::Demonitor { monitor }))
    }
}

/// The answer to `signal`, which `target` can't receive: to whom, and what.
///
/// `why` is `NoProc` when `target` has died and `NoConnection` when its node can't be reached.
#[must_use = "the sender has to be told"]
pub fn refused<P: Peer>(target: ActorId, why: &ExitReason, signal: Signal<P>) -> Option<(P, Signal<P>)> {
    match signal {
        Signal::Link { from } => {
            let exit = Signal::Exit { from: target, reason: why.clone(), link: true };
            Some((from, exit))
        }
        Signal::Unlink { from, id } => Some((from, Signal::UnlinkAck { from: target, id })),
        Signal::Monitor { from, monitor, priority } => {
            let down = Signal::Down { monitor, subject: target, reason: why.clone(), priority };
            Some((from, down))
        }
        Signal::Exit { .. }
        | Signal::UnlinkAck { .. }
        | Signal::Demonitor { .. }
        | Signal::Down { .. }
        | Signal::Stop
        | Signal::Due(_) => None,
    }
}
