//! The mailbox as its actor holds it.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::blocking;
use crate::cell::header::{ActorCell, Run};
use crate::cell::pid::{AnyPid, Pid};
use crate::cell::state::Code;
use crate::cell::words::Flag;
use crate::error::StashFull;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::node::Node;
use crate::scheduler::Seat;
use crate::signal::{MonitorRef, Notice};
use crate::time::Timestamp;
use crate::timer::Timer;

use super::guest::{self, GuestSeat};
use super::next::{Event, Found, Wanted, find, save_limit};
use super::receive::{Next, Receive, ReceiveFrom, ReceiveMatch, ReceiveTimeout};
use super::undelivered::Undelivered;

/// An actor's own queue, held by the actor alone.
///
/// Its operations work in the actor's own turns: in the future that `spawn_fn` was given, or, for a
/// guest, wherever the guest is polled. Moved to another task while its actor runs elsewhere, it
/// receives nothing (`None`) and its other operations have no effect.
///
/// # Examples
/// ```
/// use wharf_runtime::{Event, Mailbox, Node};
///
/// wharf_runtime::block_on(async {
///     let node = Node::current().expect("inside a guest");
///     let adder = node.spawn_fn(async |mut mailbox: Mailbox<u32>| {
///         let mut sum = 0;
///         while let Some(n) = mailbox.receive().await {
///             sum += n;
///         }
///         assert_eq!(sum, 6);
///     });
///     for n in [1, 2, 3] {
///         adder.send(n).await.unwrap();
///     }
///     adder.stop();
///     adder.stopped().await;
///     assert!(!adder.is_alive());
/// });
/// ```
#[derive(Debug)]
pub struct Mailbox<M> {
    pid: Pid<M>,
    /// Set for a guest that is polled through its mailbox alone.
    own: Option<GuestSeat>,
}

impl<M> Mailbox<M> {
    pub(crate) const fn new(pid: Pid<M>) -> Self {
        Self { pid, own: None }
    }

    pub(super) const fn with_seat(pid: Pid<M>, seat: GuestSeat) -> Self {
        Self { pid, own: Some(seat) }
    }

    /// The actor's address.
    #[must_use]
    pub const fn pid(&self) -> &Pid<M> {
        &self.pid
    }

    /// The actor's node.
    #[must_use]
    pub fn node(&self) -> Node {
        self.pid.node()
    }

    /// Receives the next message, waiting for it. `None` once the actor was asked to stop and all
    /// that was sent before has been received.
    ///
    /// Notices (`Down`, trapped exits) wait until [`Mailbox::next`] is called.
    ///
    /// # Cancel safety
    /// Nothing is lost: a message is taken only when the future is ready.
    #[inline(always)]
    pub const fn receive(&mut self) -> Receive<'_, M> {
        Receive::new(self)
    }

    /// Polls for the next message, as [`Mailbox::receive`] would: for streams and futures written by
    /// hand. Pending, it has arranged a wake for when a message comes.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        Receive::new(self).poll_once(cx)
    }

    /// Polls as [`Mailbox::next`] would. Pending, it has arranged a wake.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event<M>>> {
        Next::new(self).poll_once(cx)
    }

    /// Receives whatever comes next: a message, or a notice in its place. `None` as for
    /// [`Mailbox::receive`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub const fn next(&mut self) -> Next<'_, M> {
        Next::new(self)
    }

    /// Receives the first message that `wanted` accepts. Others keep their order for later
    /// receives; each returns its credit and takes a place in the save queue.
    ///
    /// # Errors
    /// [`SaveQueueFull`](crate::SaveQueueFull) when too many messages were skipped. None is lost.
    ///
    /// # Cancel safety
    /// Nothing is lost; skipped messages stay in order.
    pub fn receive_match<F: FnMut(&M) -> bool>(&mut self, wanted: F) -> ReceiveMatch<'_, M, F> {
        ReceiveMatch::new(self, wanted)
    }

    /// Receives the next message that `sender` has sent. Others keep their order.
    ///
    /// # Errors
    /// As for [`Mailbox::receive_match`].
    ///
    /// # Cancel safety
    /// Nothing is lost; skipped messages stay in order.
    pub fn receive_from(&mut self, sender: impl Into<ActorId>) -> ReceiveFrom<'_, M> {
        let sender = sender.into();
        let node = self.pid.cell().node();
        let code = if sender.node() == node.id {
            Code::new(sender.slot(), sender.generation())
        } else {
            node.proxies.code(sender)
        };
        ReceiveFrom::new(self, code.bits())
    }

    /// Receives the next message that comes within `after`.
    ///
    /// # Errors
    /// [`Elapsed`](crate::Elapsed) when none came.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub const fn receive_timeout(&mut self, after: Duration) -> ReceiveTimeout<'_, M> {
        ReceiveTimeout::new(self, after)
    }

    /// Receives a message if one is there.
    pub fn try_receive(&mut self) -> Option<M> {
        let front = self.pid.cell();
        self.with_turn(|seat| {
            // SAFETY: it is this actor's turn, and nothing is borrowed.
            match unsafe { find(front, seat, Wanted::Message) } {
                Found::Message(message) => Some(message),
                _ => None,
            }
        })
        .flatten()
    }

    /// Receives the next message, blocking the thread. For guests on plain threads; an actor's own
    /// future must await [`Mailbox::receive`] instead, and gets `None` here unless a message waits.
    pub fn receive_blocking(&mut self) -> Option<M> {
        if self.own.is_none() {
            return self.try_receive();
        }
        blocking::wait(self.receive())
    }

    /// Who sent the message received last; `None` when that was no actor or guest.
    #[must_use]
    pub fn sender(&self) -> Option<ActorId> {
        let code = self.with_run(|run| Code::from_bits(run.words.living().sender))?;
        (code != Code::NONE).then(|| self.pid.cell().node().actor_id(code))
    }

    /// Who spawned this actor, when that was an actor or guest.
    #[must_use]
    pub fn parent(&self) -> Option<ActorId> {
        let cell = self.pid.cell();
        (cell.parent != Code::NONE).then(|| cell.node().actor_id(cell.parent))
    }

    /// Links this actor with another: when one ends, the other gets an exit signal.
    pub fn link(&mut self, peer: impl Into<AnyPid>) {
        self.link_with(&peer.into(), false);
    }

    /// As [`Mailbox::link`]; while this actor traps exits, one that comes through the link is
    /// delivered ahead of all messages. For a link that is there already, the last call decides.
    pub fn link_with_priority(&mut self, peer: impl Into<AnyPid>) {
        self.link_with(&peer.into(), true);
    }

    fn link_with(&self, peer: &AnyPid, priority: bool) {
        let me = self.pid.any();
        let sent = self.with_run(|run| run.extension().relations.link(&me, peer, priority)).flatten();
        if let Some((to, signal)) = sent {
            to.deliver(signal);
        }
    }

    /// Takes a link down. From now on it has no effect on this actor.
    pub fn unlink(&mut self, peer: impl Into<ActorId>) {
        let (me, peer) = (self.pid.any(), peer.into());
        let sent = self.with_run(|run| run.extension().relations.unlink(&me, peer)).flatten();
        if let Some((to, signal)) = sent {
            to.deliver(signal);
        }
    }

    /// Monitors another actor: when it ends, this one gets one `Down`, after all messages that the
    /// other had sent. For an actor that has ended already it comes at once, with `NoProc`.
    pub fn monitor(&mut self, subject: impl Into<AnyPid>) -> MonitorRef {
        self.monitor_with(subject.into(), false)
    }

    /// As [`Mailbox::monitor`], with the `Down` delivered ahead of all messages.
    pub fn monitor_with_priority(&mut self, subject: impl Into<AnyPid>) -> MonitorRef {
        self.monitor_with(subject.into(), true)
    }

    fn monitor_with(&self, subject: AnyPid, priority: bool) -> MonitorRef {
        let me = self.pid.any();
        let set = self.with_run(|run| run.extension().relations.monitor(&me, &subject, priority));
        match set {
            Some((monitor, sent)) => {
                if let Some((to, signal)) = sent {
                    to.deliver(signal);
                }
                monitor
            }
            None => MonitorRef::new(me.id(), 0),
        }
    }

    /// Takes a monitor off. No `Down` of it is seen from now on; false when it had been seen
    /// already, or there was no such monitor.
    pub fn demonitor(&mut self, monitor: MonitorRef) -> bool {
        let sent = self.with_run(|run| {
            let extension = run.extension();
            let held = extension.held.len();
            extension.forget_down(monitor);
            let forgotten = held != extension.held.len();
            (forgotten, extension.relations.demonitor(monitor))
        });
        let Some((forgotten, sent)) = sent else { return false };
        if let Some((to, signal)) = &sent {
            to.deliver(signal.clone());
        }
        forgotten || sent.is_some()
    }

    /// The actors that this one is linked with, in the order of their ids. A link that another has made counts
    /// once its signal was received.
    #[must_use]
    pub fn links(&self) -> Vec<ActorId> {
        self.with_run(|run| {
            let relations = run.extension.as_ref().map(|ext| &ext.relations);
            relations.map(|relations| relations.links().map(AnyPid::id).collect())
        })
        .flatten()
        .unwrap_or_default()
    }

    /// The monitors that this actor has set and whose `Down` it has not seen, with their subjects.
    #[must_use]
    pub fn monitors(&self) -> Vec<(MonitorRef, ActorId)> {
        self.with_run(|run| {
            let relations = run.extension.as_ref().map(|ext| &ext.relations);
            relations.map(|r| r.monitors().map(|(monitor, subject)| (monitor, subject.id())).collect())
        })
        .flatten()
        .unwrap_or_default()
    }

    /// Whether exit signals become notices instead of ending this actor; gives what held before.
    pub fn trap_exit(&mut self, trap: bool) -> bool {
        self.with_run(|run| {
            let trapped = run.flags.take(Flag::Trapping);
            if trap {
                run.flags.set(Flag::Trapping);
            }
            trapped
        })
        .unwrap_or(false)
    }

    /// Sends `message` to this actor after `delay`. It takes no credit and waits for no room.
    pub fn send_after(&self, delay: Duration, message: M) -> Timer
    where
        M: Send + 'static,
    {
        Timer::once(&self.pid, delay, message)
    }

    /// Sends what `message` makes to this actor every `period`, first after one period.
    pub fn send_every(&self, period: Duration, message: impl FnMut() -> M + Send + 'static) -> Timer
    where
        M: Send + 'static,
    {
        Timer::every(&self.pid, period, message)
    }

    /// The node's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.pid.cell().node().now()
    }

    /// Lets the actor end in its own words: an exit signal other than a kill no longer drops its
    /// future, but shows in [`exit_watch`], and the future must then come to its end.
    #[doc(hidden)]
    pub fn keep_last_words(&self) {
        self.with_run(|run| run.flags.set(Flag::LastWords));
    }

    /// Puts a message that was received aside, for [`Mailbox::unstash_all`]. It keeps its sender if it
    /// is the message received last. The stash holds as many messages as the save queue may; what is
    /// left in it when the actor ends becomes dead letters.
    ///
    /// # Errors
    /// [`StashFull`] gives the message back.
    pub fn stash(&mut self, message: M) -> Result<(), StashFull<M>> {
        let front = self.pid.cell();
        let mut message = Some(message);
        let limit = self.with_turn(|seat| {
            // SAFETY: it is this actor's turn, and nothing else is borrowed.
            let run = unsafe { front.run() };
            let limit = save_limit(run, front);
            let sender = run.words.living().sender;
            let save = run.save();
            if save.stashed() < limit
                && let Some(message) = message.take()
            {
                save.stash(message, sender);
                seat.counters.count_unhandled();
            }
            limit
        });
        match message {
            None => Ok(()),
            Some(message) => Err(StashFull {
                actor: self.pid.id(),
                limit: limit.unwrap_or(0),
                message: Undelivered::new(message),
            }),
        }
    }

    /// Puts all that was put aside before whatever waits in the mailbox, in its old order; says how
    /// many messages.
    pub fn unstash_all(&mut self) -> usize {
        self.with_run(|run| run.save.as_mut().map_or(0, |save| save.unstash())).unwrap_or(0)
    }

    /// How many messages were put aside.
    #[must_use]
    pub fn stashed(&self) -> usize {
        self.with_run(|run| run.save.as_ref().map_or(0, |save| save.stashed())).unwrap_or(0)
    }

    /// Puts a message of the actor's own before whatever waits in the mailbox. It takes no credit.
    pub fn put_first(&mut self, message: M) {
        let sender = self.pid.cell().tenancy.code().bits();
        let _ = self.with_run(|run| run.save().push_front(message, sender));
    }

    /// A notice that has come due.
    #[doc(hidden)]
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.with_run(|run| run.extension.as_mut().and_then(|ext| ext.held.pop_front())).flatten()
    }

    pub(super) fn restart_search(&self) {
        self.with_run(|run| {
            if let Some(save) = &mut run.save {
                save.restart();
            }
        });
    }

    /// Runs `f` on the run part, in the actor's turn; `None` elsewhere.
    #[inline(always)]
    fn with_run<R>(&self, f: impl FnOnce(&mut Run<M>) -> R) -> Option<R> {
        let front = self.pid.cell();
        self.with_turn(|_| {
            // SAFETY: it is this actor's turn, and nothing else is borrowed during `f`.
            let result = f(unsafe { front.run() });
            // SAFETY: as above.
            if unsafe { front.run() }.needs_attention() {
                front.lane.attend();
            }
            result
        })
    }

    /// Runs `f` in the actor's turn; `None` elsewhere.
    #[inline(always)]
    fn with_turn<R>(&self, f: impl FnOnce(&Seat) -> R) -> Option<R> {
        let front: &ActorCell<M> = self.pid.cell();
        Seat::with(|seat| match seat {
            Some(seat) if seat.is_current(front.header()) => Some(f(seat)),
            _ => self.own.as_ref().and_then(|own| own.with(front, f)),
        })
    }

    /// Polls `f` in a turn made for it, if this is a guest that holds its own mailbox.
    pub(super) fn in_own_turn<R>(
        &self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&Seat, &mut Context<'_>) -> Poll<R>,
    ) -> Option<Poll<R>> {
        let own = self.own.as_ref()?;
        Some(guest::poll_turn(self.pid.cell(), own, cx, f))
    }
}

impl<M> Drop for Mailbox<M> {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            guest::close(self.pid.cell(), &own, &ExitReason::Normal);
        }
    }
}

/// Tells the actor being polled on this thread, if it keeps last words, of the exit signal that ends
/// it.
#[doc(hidden)]
pub mod exit_watch {
    use crate::exit::ExitReason;
    use crate::scheduler::Seat;

    /// Its reason, if such a signal has come.
    #[inline]
    #[must_use]
    pub fn reason() -> Option<ExitReason> {
        Seat::with(|seat| {
            let cell = seat?.current()?;
            // SAFETY: it is this actor's turn on this thread, and nothing is borrowed.
            unsafe { cell.run() }.extension.as_ref()?.exiting.clone()
        })
    }
}
