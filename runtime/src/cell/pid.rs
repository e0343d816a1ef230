//! Addresses of actors.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::cell::header::{ActorCell, Header};
use crate::cell::relation;
use crate::dead_letter::DeadLetterCause;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::node::Node;
use crate::scheduler::carry_out;
use crate::signal::{Peer, Signal};

/// Address of an actor whose message type does not matter: for signals, links and monitors.
///
/// Cloning counts a reference to the actor's cell; it does not keep the actor alive.
pub struct AnyPid(NonNull<Header>);

// SAFETY: a reference to a cell may be used and released on any thread.
unsafe impl Send for AnyPid {}
// SAFETY: as above.
unsafe impl Sync for AnyPid {}

impl AnyPid {
    /// Takes a reference over.
    ///
    /// # Safety
    /// The caller owns a reference to the cell and hands it over.
    pub(crate) const unsafe fn from_raw(cell: NonNull<Header>) -> Self {
        Self(cell)
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the reference keeps the cell alive.
        unsafe { self.0.as_ref() }
    }

    /// Which actor it is.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.header().id()
    }

    /// Whether the actor lives. It may end at any moment after.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.header().tenancy.state().is_dying()
    }

    /// Sends a signal, in order with all that the caller has sent there before.
    pub(crate) fn deliver(&self, signal: Signal<Self>) {
        let cell = self.header();
        if cell.is_gated() && cell.node().core().deliver(self, &signal) {
            return;
        }
        self.deliver_now(signal);
    }

    /// Puts a signal into the lane.
    pub(crate) fn deliver_now(&self, signal: Signal<Self>) {
        let cell = self.header();
        match cell.lane.push(cell.queue.position(), signal) {
            Ok(()) => carry_out(cell, cell.queue.wake()),
            Err(Signal::Due(due)) => due.bury(DeadLetterCause::NoProc),
            Err(signal) => {
                if let Some((to, answer)) = relation::refused(self.id(), &ExitReason::NoProc, signal) {
                    to.deliver(answer);
                }
            }
        }
    }

    /// Asks the actor to end once it has handled what was sent before.
    pub fn stop(&self) {
        self.deliver(Signal::Stop);
    }

    /// Ends the actor at the next message boundary or await, whatever it wants.
    pub fn kill(&self) {
        self.exit(ExitReason::Kill);
    }

    /// Sends an exit signal: the actor ends with `reason`, unless it traps exits or the reason is
    /// `Normal`. `Kill` can't be trapped.
    pub fn exit(&self, reason: ExitReason) {
        let from = self.header().node().current_id();
        self.deliver(Signal::Exit { from, reason, link: false });
    }

    /// The actor's address with its message type, if that is `M`.
    #[must_use]
    pub fn downcast<M: 'static>(&self) -> Option<Pid<M>> {
        if (self.header().vtable.message_type)() != std::any::TypeId::of::<M>() {
            return None;
        }
        let this = std::mem::ManuallyDrop::new(self.clone());
        // SAFETY: the cell's messages are of type `M`; the clone's reference is handed over.
        Some(unsafe { Pid::from_raw(this.0.cast()) })
    }

    /// The name of the actor's message type.
    #[must_use]
    pub fn message_name(&self) -> &'static str {
        (self.header().vtable.message_name)()
    }
}

impl Peer for AnyPid {
    fn id(&self) -> ActorId {
        self.header().id()
    }
}

impl Clone for AnyPid {
    fn clone(&self) -> Self {
        self.header().tenancy.retain();
        Self(self.0)
    }
}

impl Drop for AnyPid {
    fn drop(&mut self) {
        // SAFETY: the reference is given up.
        unsafe { Header::release(self.0) };
    }
}

impl fmt::Debug for AnyPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id(), f)
    }
}

impl PartialEq for AnyPid {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for AnyPid {}

impl Hash for AnyPid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Typed address of one actor incarnation.
///
/// A pid is a value: clone it, put it into messages, keep it. It does not keep its actor alive, and
/// when the actor has ended every send says so.
///
/// # Examples
/// ```
/// use wharf_runtime::{Mailbox, Node};
///
/// wharf_runtime::block_on(async {
///     let node = Node::current().expect("inside a guest");
///     let pid = node.spawn_fn(async |mut mailbox: Mailbox<u32>| {
///         while let Some(n) = mailbox.receive().await {
///             assert!(n < 10);
///         }
///     });
///     pid.send(3).await.unwrap();
///     pid.stop();
///     assert!(pid.stopped().await.is_normal());
/// });
/// ```
pub struct Pid<M> {
    cell: NonNull<ActorCell<M>>,
    _message: PhantomData<fn(M)>,
}

// SAFETY: a reference to a cell may be used and released on any thread; messages go to another
// thread, hence `M: Send`.
unsafe impl<M: Send> Send for Pid<M> {}
// SAFETY: as above.
unsafe impl<M: Send> Sync for Pid<M> {}

impl<M> Pid<M> {
    /// Takes a reference over.
    ///
    /// # Safety
    /// The caller owns a reference to the cell and hands it over.
    pub(crate) const unsafe fn from_raw(cell: NonNull<ActorCell<M>>) -> Self {
        Self { cell, _message: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn cell(&self) -> &ActorCell<M> {
        // SAFETY: the reference keeps the cell alive.
        unsafe { self.cell.as_ref() }
    }

    /// Which actor it is.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.cell().id()
    }

    /// The address without its message type.
    #[must_use]
    pub fn any(&self) -> AnyPid {
        self.cell().tenancy.retain();
        AnyPid(self.cell.cast())
    }

    /// Whether the actor lives. It may end at any moment after.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.cell().tenancy.state().is_dying()
    }

    /// Asks the actor to end once it has handled what was sent before.
    pub fn stop(&self) {
        self.cell().borrowed_pid().stop();
    }

    /// Ends the actor at the next message boundary or await, whatever it wants.
    pub fn kill(&self) {
        self.cell().borrowed_pid().kill();
    }

    /// Sends an exit signal; see [`AnyPid::exit`].
    pub fn exit(&self, reason: ExitReason) {
        self.cell().borrowed_pid().exit(reason);
    }

    /// The node the actor lives on.
    #[must_use]
    pub fn node(&self) -> Node {
        self.cell().node().handle()
    }
}

impl<M> Clone for Pid<M> {
    #[inline]
    fn clone(&self) -> Self {
        self.cell().tenancy.retain();
        Self { cell: self.cell, _message: PhantomData }
    }
}

impl<M> Drop for Pid<M> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is given up.
        unsafe { Header::release(self.cell.cast()) };
    }
}

impl<M> fmt::Debug for Pid<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pid({})", self.id())
    }
}

impl<M> fmt::Display for Pid<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id(), f)
    }
}

impl<M> PartialEq for Pid<M> {
    fn eq(&self, other: &Self) -> bool {
        self.cell == other.cell
    }
}

impl<M> Eq for Pid<M> {}

impl<M> PartialOrd for Pid<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> Ord for Pid<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}

impl<M> Hash for Pid<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cell.hash(state);
    }
}

impl<M> From<&Pid<M>> for ActorId {
    fn from(pid: &Pid<M>) -> Self {
        pid.id()
    }
}

impl<M> From<&Pid<M>> for AnyPid {
    fn from(pid: &Pid<M>) -> Self {
        pid.any()
    }
}

impl From<&Self> for AnyPid {
    fn from(pid: &Self) -> Self {
        pid.clone()
    }
}

impl From<&AnyPid> for ActorId {
    fn from(pid: &AnyPid) -> Self {
        pid.id()
    }
}
