//! Addresses of actors.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::cell::header::{ActorCell, Header};
use crate::cell::proxy::Proxy;
use crate::cell::relation;
use crate::dead_letter::DeadLetterCause;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::mailbox::route::{Narrow, Route};
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
        if let Some(proxy) = Proxy::of(cell) {
            return proxy.deliver(signal);
        }
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
                cell.node().proxies.note_handled(self.id(), &signal);
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

/// Messages of which those of type `S` are a part: the enum of an actor for each of its protocols.
///
/// It needs no implementation: whatever has both a `From` for the part and a `TryInto` back has it.
/// `#[wharf::actor(..)]` makes both for each protocol that it names.
#[diagnostic::on_unimplemented(
    message = "`Pid<{Self}>` does not take messages of type `{S}`",
    label = "`{S}` is no part of its messages",
    note = "a part needs `From` for the whole and `TryInto` back; the macros make both for each protocol"
)]
pub trait Includes<S>: From<S> + TryInto<S> {}

#[diagnostic::do_not_recommend]
impl<M, S> Includes<S> for M where M: From<S> + TryInto<S> {}

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
///     pid.stopped().await;
///     assert!(!pid.is_alive());
/// });
/// ```
pub struct Pid<M> {
    cell: NonNull<Header>,
    /// How to send there, where the cell is none with a mailbox of `M`.
    route: Option<NonNull<Route<M>>>,
    _message: PhantomData<fn(M)>,
}

// SAFETY: a reference to a cell may be used and released on any thread, and a route is constant;
// messages go to another thread, hence `M: Send`.
unsafe impl<M: Send> Send for Pid<M> {}
// SAFETY: as above.
unsafe impl<M: Send> Sync for Pid<M> {}

impl<M> Pid<M> {
    /// Takes a reference over.
    ///
    /// # Safety
    /// The caller owns a reference to the cell and hands it over.
    pub(crate) const unsafe fn from_raw(cell: NonNull<ActorCell<M>>) -> Self {
        Self { cell: cell.cast(), route: None, _message: PhantomData }
    }

    /// Takes a reference over, with the route of messages there.
    ///
    /// # Safety
    /// The caller owns a reference to the cell and hands it over. The route leads to cells of its kind
    /// and lives as long as the cell; if there is none, the cell has a mailbox of `M`.
    pub(crate) const unsafe fn from_parts(cell: NonNull<Header>, route: Option<NonNull<Route<M>>>) -> Self {
        Self { cell, route, _message: PhantomData }
    }

    /// The cell with its mailbox. Only for a pid without a route.
    #[inline(always)]
    pub(crate) fn cell(&self) -> &ActorCell<M> {
        debug_assert!(self.route.is_none(), "the mailbox of a whole, seen from a part");
        // SAFETY: the reference keeps the cell alive.
        unsafe { self.cell.cast().as_ref() }
    }

    /// The cell without its mailbox.
    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the reference keeps the cell alive.
        unsafe { self.cell.as_ref() }
    }

    pub(crate) const fn raw(&self) -> NonNull<Header> {
        self.cell
    }

    /// How to send there, if not by a push.
    #[inline(always)]
    pub(crate) fn route(&self) -> Option<&Route<M>> {
        // SAFETY: it is a constant, or the node keeps it, which the cell keeps.
        self.route.map(|route| unsafe { route.as_ref() })
    }

    /// The same actor's address for a part of the messages it takes, such as one of its protocols.
    ///
    /// It is equal to the pid it was made from, as far as the types let them be compared: same id, same
    /// order, same hash. What is sent there becomes a message of the whole; when a send fails, the part
    /// comes back. From the pid of a whole it is made without an allocation; from one that was narrowed
    /// before, or leads to another node, with one the first time.
    ///
    /// # Panics
    /// Not by itself. A send that fails panics if the whole's `TryInto` does not return the part that
    /// its `From` was given.
    ///
    /// # Examples
    /// ```
    /// use wharf_runtime::{Mailbox, Node, Pid};
    ///
    /// struct Log(String);
    ///
    /// enum Message {
    ///     Log(Log),
    ///     Count(u32),
    /// }
    ///
    /// impl From<Log> for Message {
    ///     fn from(log: Log) -> Self {
    ///         Self::Log(log)
    ///     }
    /// }
    ///
    /// impl TryFrom<Message> for Log {
    ///     type Error = Message;
    ///
    ///     fn try_from(message: Message) -> Result<Self, Message> {
    ///         match message {
    ///             Message::Log(log) => Ok(log),
    ///             other => Err(other),
    ///         }
    ///     }
    /// }
    ///
    /// wharf_runtime::block_on(async {
    ///     let node = Node::current().expect("inside a guest");
    ///     let pid = node.spawn_fn(async |mut mailbox: Mailbox<Message>| {
    ///         while let Some(message) = mailbox.receive().await {
    ///             match message {
    ///                 Message::Log(Log(line)) => assert_eq!(line, "one"),
    ///                 Message::Count(n) => assert_eq!(n, 2),
    ///             }
    ///         }
    ///     });
    ///     let log: Pid<Log> = pid.narrow();
    ///     assert_eq!(log.id(), pid.id());
    ///     log.send(Log("one".to_owned())).await.unwrap();
    ///     pid.send(Message::Count(2)).await.unwrap();
    ///     pid.stop();
    ///     pid.stopped().await;
    ///     let failed = log.send(Log("late".to_owned())).await.unwrap_err();
    ///     assert_eq!(failed.into_message().map(|log| log.0).as_deref(), Some("late"));
    /// });
    /// ```
    ///
    /// A part of another actor's messages is refused:
    /// ```compile_fail
    /// use wharf_runtime::Pid;
    ///
    /// fn of_another(pid: &Pid<u32>) -> Pid<String> {
    ///     pid.narrow()
    /// }
    /// ```
    #[must_use]
    pub fn narrow<S>(&self) -> Pid<S>
    where
        M: Includes<S> + 'static,
        S: 'static,
    {
        self.header().tenancy.retain();
        let route = Narrow::<M, S>::route(self.route, &self.header().node().routes);
        // SAFETY: a reference to the cell was just taken, which keeps its node with the route; it leads
        // where this pid leads.
        unsafe { Pid::from_parts(self.cell, Some(route)) }
    }

    /// Which actor it is.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.header().id()
    }

    /// The address without its message type.
    #[must_use]
    pub fn any(&self) -> AnyPid {
        self.header().tenancy.retain();
        AnyPid(self.cell)
    }

    /// Whether the actor lives. It may end at any moment after.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.header().tenancy.state().is_dying()
    }

    /// Asks the actor to end once it has handled what was sent before.
    pub fn stop(&self) {
        self.header().borrowed_pid().stop();
    }

    /// Ends the actor at the next message boundary or await, whatever it wants.
    pub fn kill(&self) {
        self.header().borrowed_pid().kill();
    }

    /// Sends an exit signal; see [`AnyPid::exit`].
    pub fn exit(&self, reason: ExitReason) {
        self.header().borrowed_pid().exit(reason);
    }

    /// The node the actor lives on.
    #[must_use]
    pub fn node(&self) -> Node {
        self.header().node().handle()
    }
}

impl<M> Clone for Pid<M> {
    #[inline]
    fn clone(&self) -> Self {
        self.header().tenancy.retain();
        Self { cell: self.cell, route: self.route, _message: PhantomData }
    }
}

impl<M> Drop for Pid<M> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is given up.
        unsafe { Header::release(self.cell) };
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
