//! What an actor can do in its handlers.

use std::time::Duration;

use wharf_runtime::{ActorId, AnyPid, ExitReason, Mailbox, MonitorRef, Node, Pid, Timer, Timestamp};

/// An actor's own side: its address, its end, its links, monitors and timers.
#[derive(Debug)]
pub struct Context<M> {
    pub(crate) mailbox: Mailbox<M>,
    stop: Option<ExitReason>,
}

impl<M: Send + 'static> Context<M> {
    pub(crate) const fn new(mailbox: Mailbox<M>) -> Self {
        Self { mailbox, stop: None }
    }

    #[inline(always)]
    pub(crate) fn stop_reason(&mut self) -> Option<ExitReason> {
        if self.stop.is_some() { self.stop.take() } else { None }
    }

    /// This actor's address.
    #[must_use]
    pub const fn pid(&self) -> &Pid<M> {
        self.mailbox.pid()
    }

    /// This actor's identity.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.pid().id()
    }

    /// This actor's node.
    #[must_use]
    pub fn node(&self) -> Node {
        self.mailbox.node()
    }

    /// Who spawned this actor, when that was an actor or guest.
    #[must_use]
    pub fn parent(&self) -> Option<ActorId> {
        self.mailbox.parent()
    }

    /// Who sent the message under way; `None` when that was no actor or guest.
    #[must_use]
    pub fn sender(&self) -> Option<ActorId> {
        self.mailbox.sender()
    }

    /// Ends this actor normally when the handler under way returns. Messages that wait become dead
    /// letters; to handle them first, send a stop: `cx.pid().stop()`.
    pub fn stop(&mut self) {
        self.stop_with(ExitReason::Normal);
    }

    /// Ends this actor with `reason` when the handler under way returns.
    pub fn stop_with(&mut self, reason: ExitReason) {
        self.stop = Some(reason);
    }

    /// Links this actor with another: when one ends, the other gets an exit signal.
    pub fn link(&mut self, peer: impl Into<AnyPid>) {
        self.mailbox.link(peer);
    }

    /// As [`Context::link`]; while this actor traps exits, `handle_exit` is called ahead of all
    /// messages when the other ends.
    pub fn link_with_priority(&mut self, peer: impl Into<AnyPid>) {
        self.mailbox.link_with_priority(peer);
    }

    /// Takes a link down. From now on it has no effect on this actor.
    pub fn unlink(&mut self, peer: impl Into<ActorId>) {
        self.mailbox.unlink(peer);
    }

    /// Monitors another actor: when it ends, `handle_down` is called once, after all messages that
    /// it had sent. Monitors stack: each gives one `Down`.
    pub fn monitor(&mut self, subject: impl Into<AnyPid>) -> MonitorRef {
        self.mailbox.monitor(subject)
    }

    /// As [`Context::monitor`], with the `Down` ahead of all messages.
    pub fn monitor_with_priority(&mut self, subject: impl Into<AnyPid>) -> MonitorRef {
        self.mailbox.monitor_with_priority(subject)
    }

    /// Takes a monitor off. No `Down` of it comes from now on; false when it had come already.
    pub fn demonitor(&mut self, monitor: MonitorRef) -> bool {
        self.mailbox.demonitor(monitor)
    }

    /// Whether exit signals go to `handle_exit` instead of ending this actor; gives what held
    /// before. A kill can't be trapped.
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        self.mailbox.trap_exit(trap)
    }

    /// Sends `message` to this actor after `delay`.
    pub fn send_after(&self, delay: Duration, message: M) -> Timer {
        self.mailbox.send_after(delay, message)
    }

    /// Sends what `message` makes to this actor every `period`, first after one period.
    pub fn send_every(&self, period: Duration, message: impl FnMut() -> M + Send + 'static) -> Timer {
        self.mailbox.send_every(period, message)
    }

    /// The node's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.mailbox.now()
    }
}
