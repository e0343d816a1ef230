//! A node: one running runtime. Everything hangs off it; several may live in one process.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use crate::builder::Builder;
use crate::cell::header::Header;
use crate::cell::pages::Arena;
use crate::cell::pid::{AnyPid, Pid};
use crate::cell::proxy::Proxies;
use crate::cell::run::Outcome;
use crate::cell::state::Code;
use crate::crash::CrashReport;
use crate::crash::desk::HeldCrashes;
use crate::dead_letter::{Audience, DeadLetter, DeadLetterCause, DeadLetters};
use crate::directory::Directory;
use crate::error::{LookupError, RegisterError, StartError};
use crate::exit::ExitReason;
use crate::explore::Core;
use crate::hooks::Hooks;
use crate::id::{ActorId, NodeId};
use crate::mailbox::route::Routes;
use crate::mailbox::{GuestFuture, LocalFuture, Mailbox, open_guest};
use crate::offload::Offload;
use crate::primitive::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Mutex, Ordering, fence};
use crate::queue::Capacity;
use crate::random::{STEP, mix};
use crate::remote::Network;
use crate::remote::network::Attached;
use crate::scheduler::shutdown::{self, ShutdownReport};
use crate::scheduler::timers::Alarm;
use crate::scheduler::{Scheduler, Seat};
use crate::spawn::Spawn;
use crate::time::{Clock, Key, Timestamp};

const RUNNING: u8 = 0;
const STOPPING: u8 = 1;
const STOPPED: u8 = 2;

/// What all handles and cells of a node share.
///
/// It lives while a [`Node`] or a worker does, or any reference to one of its cells: the cells
/// together hold one count of the `Arc`.
pub struct NodeShared {
    pub id: NodeId,
    pub name: Arc<str>,
    pub clock: Clock,
    pub arena: Arena,
    pub scheduler: Scheduler,
    pub directory: Directory,
    pub routes: Routes,
    pub(crate) proxies: Proxies,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) core: Option<Arc<dyn Core>>,
    pub(crate) ask_timeout: Duration,
    pub(crate) stop_grace: Duration,
    pub(crate) offload: Offload,
    /// How many of the messages that an actor received last its crash report has.
    pub(crate) recent: usize,
    pub(crate) held_crashes: HeldCrashes,
    /// The next seat's seed.
    seeds: AtomicU64,
    dead_letters: DeadLetters,
    observers: Mutex<Vec<Weak<dyn Hooks>>>,
    phase: AtomicU8,
    slices: AtomicU32,
    /// Spawned less ended, where no worker counted.
    loose_live: AtomicI64,
    loose_spawned: AtomicU32,
    pub(crate) network: Mutex<Attached>,
    stop_watchers: Mutex<Vec<Waker>>,
    stop_report: Mutex<Option<ShutdownReport>>,
}

/// The parts a builder decides.
pub(crate) struct Parts {
    pub(crate) id: NodeId,
    pub(crate) name: Arc<str>,
    pub(crate) clock: Clock,
    pub(crate) hooks: Option<Arc<dyn Hooks>>,
    pub(crate) core: Option<Arc<dyn Core>>,
    pub(crate) ask_timeout: Duration,
    pub(crate) stop_grace: Duration,
    pub(crate) blocking_threads: usize,
    pub(crate) recent: usize,
    pub(crate) seed: u64,
}

impl NodeShared {
    pub(crate) fn new(parts: Parts, scheduler: Scheduler) -> Self {
        Self {
            id: parts.id,
            name: parts.name,
            clock: parts.clock,
            arena: Arena::new(),
            scheduler,
            directory: Directory::new(),
            routes: Routes::default(),
            proxies: Proxies::default(),
            hooks: parts.hooks,
            core: parts.core,
            ask_timeout: parts.ask_timeout,
            stop_grace: parts.stop_grace,
            offload: Offload::new(parts.blocking_threads),
            recent: parts.recent,
            held_crashes: HeldCrashes::default(),
            seeds: AtomicU64::new(parts.seed),
            dead_letters: DeadLetters::default(),
            observers: Mutex::new(Vec::new()),
            phase: AtomicU8::new(RUNNING),
            slices: AtomicU32::new(1 << 16),
            loose_live: AtomicI64::new(0),
            loose_spawned: AtomicU32::new(0),
            network: Mutex::new(None),
            stop_watchers: Mutex::new(Vec::new()),
            stop_report: Mutex::new(None),
        }
    }

    /// The node of a cell.
    #[inline(always)]
    pub fn of(cell: &Header) -> &Self {
        cell.node()
    }

    /// The seam of a node that the explorer drives.
    pub(crate) fn core(&self) -> &dyn Core {
        self.core.as_deref().unwrap_or(&crate::explore::NoCore)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time: on a worker, as of its last look at the clock.
    pub fn coarse_now(&self) -> Timestamp {
        Seat::with(|seat| match seat {
            Some(seat) if std::ptr::eq(seat.node(), self) && seat.worker().is_some() => seat.now(),
            _ => self.now(),
        })
    }

    /// Sets an alarm that belongs to no worker.
    pub fn set_alarm(&self, due: Timestamp, alarm: Alarm) -> Key {
        let key = self.scheduler.set_alarm(due, alarm);
        // After the alarm was set: either the end of the node finds it there, or we see that it is over.
        if self.is_stopped()
            && let Some(alarm) = self.scheduler.cancel_alarm(key)
        {
            alarm.give_up();
        }
        key
    }

    /// Cancels such an alarm.
    pub fn cancel_alarm(&self, key: Key) -> Option<Alarm> {
        self.scheduler.cancel_alarm(key)
    }

    /// A seed for one seat.
    pub(crate) fn next_seed(&self) -> u64 {
        // Relaxed: a number for each, in no order.
        mix(self.seeds.fetch_add(STEP, Ordering::Relaxed))
    }

    /// Number of the next slice, for all workers together.
    pub fn next_slice(&self) -> u32 {
        let next = self.slices.load(Ordering::Relaxed).wrapping_add(1);
        // Relaxed load and store: workers may overwrite each other; it need only grow roughly.
        self.slices.store(next, Ordering::Relaxed);
        next
    }

    /// References to all cells that have an actor or a stale pid.
    pub fn pids(&self) -> Vec<AnyPid> {
        self.arena.codes().into_iter().filter_map(|code| self.find(code)).collect()
    }

    /// The id that belongs to a code of this node.
    pub fn actor_id(&self, code: Code) -> ActorId {
        if code.is_far()
            && let Some(id) = self.proxies.id(code)
        {
            return id;
        }
        ActorId::new(self.id, code.slot(), code.generation())
    }

    /// The actor or guest being polled on this thread, or an id that is nobody's.
    pub fn current_id(&self) -> ActorId {
        Seat::with(|seat| seat.and_then(Seat::current).map(Header::id))
            .unwrap_or_else(|| ActorId::new(self.id, u32::MAX, 0))
    }

    /// The label of a live actor.
    pub fn label_of(&self, id: ActorId) -> Option<Arc<str>> {
        self.directory.label(id)
    }

    pub(crate) fn actor_spawned(&self, cell: &Header) {
        Seat::with(|seat| match seat {
            Some(seat) if std::ptr::eq(seat.node(), self) && seat.worker().is_some() => {
                seat.counters.count_spawned();
            }
            _ => {
                self.loose_live.fetch_add(1, Ordering::Relaxed);
                self.loose_spawned.fetch_add(1, Ordering::Relaxed);
            }
        });
        if let Some(hooks) = &self.hooks {
            hooks.actor_spawned(cell.id(), (cell.vtable.actor_name)());
        }
        if self.phase.load(Ordering::Relaxed) != RUNNING {
            self.refuse(cell);
        }
    }

    /// Ends an actor that was spawned after the node began to stop.
    #[cold]
    fn refuse(&self, cell: &Header) {
        // Pairs with the fence in `set_stopped`: either the collapse sees the cell, or we see that
        // it is over.
        fence(Ordering::SeqCst);
        if self.is_stopped() {
            let seat = Seat::new(NonNull::from(self), self.now());
            let _seat = seat.take();
            shutdown::end_left(cell, &seat);
        } else {
            cell.borrowed_pid().exit(ExitReason::Shutdown);
        }
    }

    /// What joins the node with others.
    pub(crate) fn network(&self) -> Option<Arc<dyn Network>> {
        self.network.lock().as_ref().and_then(Weak::upgrade)
    }

    /// An actor that other nodes know has ended.
    #[cold]
    pub(crate) fn exported_ended(&self, id: ActorId) {
        if let Some(network) = self.network() {
            network.actor_ended(id);
        }
    }

    pub(crate) fn actor_ended(&self, cell: &Header, reason: &ExitReason) {
        if cell.tenancy.state().is_guest() {
            return;
        }
        self.directory.forget_label(cell);
        Seat::with(|seat| match seat {
            Some(seat) if std::ptr::eq(seat.node(), self) && seat.worker().is_some() => {
                seat.counters.count_exited();
            }
            _ => {
                self.loose_live.fetch_sub(1, Ordering::Relaxed);
            }
        });
        if let Some(hooks) = &self.hooks {
            hooks.actor_exited(cell.id(), reason);
        }
        if self.phase.load(Ordering::Relaxed) != RUNNING {
            // Each ender counts itself out before it looks at the others: the last sees all.
            fence(Ordering::SeqCst);
            if self.live() == 0 {
                self.wake_stop_watchers();
            }
        }
    }

    /// How many actors live. Exact only when nothing is spawned or ends meanwhile.
    pub fn live(&self) -> u64 {
        let mut live = self.loose_live.load(Ordering::Relaxed);
        for worker in &self.scheduler.workers {
            let [_, spawned, exited, _] = worker.seat.counters.read();
            live += i64::try_from(spawned).unwrap_or(i64::MAX) - i64::try_from(exited).unwrap_or(i64::MAX);
        }
        u64::try_from(live).unwrap_or(0)
    }

    pub(crate) fn record_dead_letter(&self, letter: DeadLetter) {
        let audience = Audience {
            directory: &self.directory,
            hooks: self.hooks.as_deref(),
            observers: self.observers(),
            stopping: self.is_stopping(),
        };
        self.dead_letters.record(letter, &audience);
    }

    /// Those who observe the node.
    fn observers(&self) -> Vec<Arc<dyn Hooks>> {
        let mut observers = self.observers.lock();
        if observers.is_empty() {
            return Vec::new();
        }
        observers.retain(|observer| observer.strong_count() > 0);
        observers.iter().filter_map(Weak::upgrade).collect()
    }

    /// Reports a crash, unless whoever supervises the actor is to say first what comes of it.
    pub(crate) fn report_crash(&self, report: CrashReport) {
        if let Some(report) = self.held_crashes.hold(report) {
            self.publish_crash(&report);
        }
    }

    /// Tells everyone of a crash.
    pub(crate) fn publish_crash(&self, report: &CrashReport) {
        report.log();
        if let Some(hooks) = &self.hooks {
            hooks.actor_crashed(report);
        }
        for observer in self.observers() {
            observer.actor_crashed(report);
        }
    }

    /// Whether the node is gone.
    pub fn is_stopped(&self) -> bool {
        self.phase.load(Ordering::Acquire) == STOPPED
    }

    /// Whether the node is about to go, or gone.
    pub(crate) fn is_stopping(&self) -> bool {
        // Acquire: whoever was told to stop by the node finds that it stops.
        self.phase.load(Ordering::Acquire) != RUNNING
    }

    /// Begins to stop; false when that has begun already.
    pub(crate) fn begin_stopping(&self) -> bool {
        let begun =
            self.phase.compare_exchange(RUNNING, STOPPING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if begun && let Some(hooks) = &self.hooks {
            hooks.node_stopping();
        }
        begun
    }

    pub(crate) fn set_stopped(&self) {
        self.phase.store(STOPPED, Ordering::Release);
        self.directory.forget_far(self.id);
        self.dead_letters.summarise();
        // Pairs with the fence in `refuse`.
        fence(Ordering::SeqCst);
        if let Some(hooks) = &self.hooks {
            hooks.node_stopped();
        }
    }

    /// How the stop went, once it is over.
    pub(crate) fn stop_report(&self) -> Option<ShutdownReport> {
        self.stop_report.lock().clone()
    }

    /// Whether the stop is over, or whoever drives the node has ended it, without stages.
    pub(crate) fn is_over(&self) -> bool {
        self.stop_report.lock().is_some() || self.scheduler.tokio().is_none() && self.is_stopped()
    }

    /// Says that the stop is over; the first word counts.
    pub(crate) fn set_stop_report(&self, report: ShutdownReport) {
        self.stop_report.lock().get_or_insert(report);
        self.wake_stop_watchers();
    }

    /// Wakes `waker` when no actor is left, or no worker, or the stop is over.
    pub(crate) fn watch_stop(&self, waker: &Waker) {
        let mut watchers = self.stop_watchers.lock();
        if !watchers.iter().any(|other| other.will_wake(waker)) {
            watchers.push(waker.clone());
        }
        drop(watchers);
        // Pairs with the fence in `actor_ended`: either it sees the watcher, or we see its count.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn wake_stop_watchers(&self) {
        let watchers = std::mem::take(&mut *self.stop_watchers.lock());
        for waker in watchers {
            waker.wake();
        }
    }
}

impl fmt::Debug for NodeShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeShared").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

/// Handle of a running node. Clones are handles of the same node; dropping them does not stop it.
///
/// # Examples
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use wharf_runtime::{Mailbox, Node};
/// let node = Node::start()?;
/// let echo = node.spawn_fn(async |mut mailbox: Mailbox<wharf_runtime::Reply<u8>>| {
///     while let Some(reply) = mailbox.receive().await {
///         let _ = reply.send(7);
///     }
/// });
/// assert_eq!(echo.ask(|reply| reply).await, Ok(7));
/// assert!(node.stop().await.is_clean());
/// # Ok::<(), wharf_runtime::StartError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Node {
    shared: Arc<NodeShared>,
}

impl Node {
    pub(crate) const fn from_shared(shared: Arc<NodeShared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &NodeShared {
        &self.shared
    }

    pub(crate) fn into_shared(self) -> Arc<NodeShared> {
        self.shared
    }

    pub(crate) fn pointer(&self) -> NonNull<NodeShared> {
        NonNull::from(&*self.shared)
    }

    /// Starts a node on the tokio runtime that this is called in, with the defaults of
    /// [`Node::builder`].
    ///
    /// # Errors
    /// [`StartError`] when there is no tokio runtime here, or it has no timer.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Decides how a node is to be.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The node of the actor or guest being polled on this thread.
    #[must_use]
    pub fn current() -> Option<Self> {
        Seat::with(|seat| seat.map(|seat| seat.node().handle()))
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The node's number.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.shared.id
    }

    /// The node's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Spawns an actor in process style, with default options.
    #[track_caller]
    pub fn spawn_fn<M, F, Fut>(&self, f: F) -> Pid<M>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        Spawn::on(self).spawn_fn(f)
    }

    /// Spawns an actor in process style on this thread, as a local task of tokio's: its future need
    /// not be `Send`.
    ///
    /// It is an actor like any other, but for two things: it runs when this thread polls it, and when
    /// the node stops it is told last. If the thread lets go of the task, it ends with `Killed`.
    ///
    /// # Panics
    /// Outside of a `tokio::task::LocalSet` or local runtime, as `tokio::task::spawn_local` does.
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    /// use wharf_runtime::{Mailbox, Node, Reply};
    ///
    /// wharf_runtime::block_on(tokio::task::LocalSet::new().run_until(async {
    ///     let node = Node::current().expect("inside a guest");
    ///     let shared = Rc::new(5);
    ///     let pid = node.spawn_local(async move |mut mailbox: Mailbox<Reply<i32>>| {
    ///         while let Some(reply) = mailbox.receive().await {
    ///             let _ = reply.send(*shared);
    ///         }
    ///     });
    ///     assert_eq!(pid.ask(|reply| reply).await, Ok(5));
    /// }));
    /// ```
    #[track_caller]
    pub fn spawn_local<M, F, Fut>(&self, f: F) -> Pid<M>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut,
        Fut: Future<Output: Outcome> + 'static,
    {
        let (pid, local) = LocalFuture::new(self.pointer(), Location::caller(), f);
        drop(tokio::task::spawn_local(local));
        pid
    }

    /// A guest: a mailbox, a pid and links for whatever task or thread holds it.
    #[must_use]
    #[track_caller]
    pub fn guest<M: Send + 'static>(&self) -> Mailbox<M> {
        open_guest(self.pointer(), Capacity::DEFAULT, Location::caller())
    }

    /// Runs `future` as a guest on the calling thread, which must not be a worker of a runtime.
    ///
    /// # Panics
    /// When called inside an asynchronous context, as tokio's `block_on`.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let guest = GuestFuture::new(self.pointer(), Location::caller(), future);
        match self.shared.scheduler.tokio() {
            Some(tokio) => tokio.block_on(guest),
            None => crate::blocking::wait(guest),
        }
    }

    /// Runs `future` as a guest of this node in whatever task awaits it.
    ///
    /// # Cancel safety
    /// When it is dropped, `future` is dropped where it waits, and the guest ends normally, as when it
    /// comes to its end.
    ///
    /// # Examples
    /// ```
    /// use wharf_runtime::Node;
    ///
    /// #[tokio::main]
    /// async fn main() {
    ///     let node = Node::start().unwrap();
    ///     assert!(Node::current().is_none(), "a task of tokio is no guest");
    ///     assert!(node.run(async { Node::current().is_some() }).await);
    /// }
    /// ```
    #[track_caller]
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        GuestFuture::new(self.pointer(), Location::caller(), future)
    }

    /// Stops the node in stages: see [`ShutdownReport`]. Every wait in it ends.
    ///
    /// # Cancel safety
    /// A stop that has begun goes on; call it again to await its end, and the same report.
    pub async fn stop(&self) -> ShutdownReport {
        shutdown::stop(&self.shared, self.shared.stop_grace).await
    }

    /// Whether the node has stopped, or its tokio runtime has gone.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped()
    }

    /// Whether the node is being stopped, or has stopped: whoever is spawned now ends at once.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shared.is_stopping()
    }

    /// The actor with this id, as long as anybody here refers to it; it may have ended.
    #[must_use]
    pub fn find(&self, id: ActorId) -> Option<AnyPid> {
        if id.node() != self.shared.id {
            return self.shared.proxies.find(id);
        }
        self.shared.find(Code::new(id.slot(), id.generation()))
    }

    /// Tells `observer` of crashes and dead letters from now on, for as long as it is kept. Its other
    /// hooks are not called.
    pub fn observe<H: Hooks>(&self, observer: &Arc<H>) {
        let observer = Arc::downgrade(observer);
        self.shared.observers.lock().push(observer);
    }

    /// Gives an actor a name of this node.
    ///
    /// # Errors
    /// [`RegisterError`] when the name is taken, or the actor has ended.
    pub fn register<M>(&self, name: impl Into<String>, pid: &Pid<M>) -> Result<(), RegisterError> {
        self.shared.directory.register(name.into(), &pid.any())
    }

    /// Takes a name away; gives who had it.
    pub fn unregister(&self, name: &str) -> Option<AnyPid> {
        self.shared.directory.unregister(name)
    }

    /// The actor of a name.
    ///
    /// # Errors
    /// [`LookupError`] when there is none, or it takes other messages.
    pub fn lookup<M: 'static>(&self, name: &str) -> Result<Pid<M>, LookupError> {
        let any = self
            .shared
            .directory
            .lookup(name)
            .ok_or_else(|| LookupError::NotFound { name: name.to_owned() })?;
        any.downcast().ok_or_else(|| LookupError::WrongType {
            name: name.to_owned(),
            found: any.message_name(),
            wanted: std::any::type_name::<M>(),
        })
    }

    /// The actors that live now.
    #[must_use]
    pub fn actors(&self) -> Vec<AnyPid> {
        self.shared.pids().into_iter().filter(AnyPid::is_alive).collect()
    }

    /// What the node has counted.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        let mut stats = NodeStats {
            live: self.shared.live(),
            spawned: u64::from(self.shared.loose_spawned.load(Ordering::Relaxed)),
            ..NodeStats::default()
        };
        for worker in &self.shared.scheduler.workers {
            let [handled, spawned, _, turns] = worker.seat.counters.read();
            stats.handled += handled;
            stats.spawned += spawned;
            stats.turns += turns;
        }
        for cause in DeadLetterCause::ALL {
            stats.dead_letters.push((cause, self.shared.dead_letters.count(cause)));
        }
        stats
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({} {})", self.shared.name, self.shared.id)
    }
}

/// Counts of a node since it started. Guests' own receives are not in `handled`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// Actors alive.
    pub live: u64,
    /// Actors spawned.
    pub spawned: u64,
    /// Messages received by actors.
    pub handled: u64,
    /// Turns that workers have run.
    pub turns: u64,
    /// Dead letters, by cause.
    pub dead_letters: Vec<(DeadLetterCause, u64)>,
}

impl NodeStats {
    /// Dead letters of one cause.
    #[must_use]
    pub fn dead(&self, cause: DeadLetterCause) -> u64 {
        self.dead_letters.iter().find(|(other, _)| *other == cause).map_or(0, |(_, count)| *count)
    }

    /// Dead letters of all causes.
    #[must_use]
    pub fn all_dead(&self) -> u64 {
        self.dead_letters.iter().map(|(_, count)| count).sum()
    }
}
