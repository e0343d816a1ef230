//! Child specs: how a supervisor starts, restarts and stops a child.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use wharf_runtime::{AnyPid, Mailbox, Node, Outcome, Pid, Pooled, RegisterError};

use super::{Supervisor, SupervisorMsg};
use crate::actor::run;
use crate::{Actor, Context, Spawn};

/// When a child that has ended is started anew.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Unless it ended for the reason `Normal`, `Shutdown` or `ShutdownWith`.
    Transient,
    /// Never; its spec goes with it.
    Temporary,
}

/// How a child is made to end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shutdown {
    /// It is killed.
    BrutalKill,
    /// It gets an exit signal with the reason `Shutdown`, and is killed when it has not ended after
    /// this time.
    After(Duration),
    /// It gets that signal, and all the time it wants. Meant for supervisors.
    Infinite,
}

/// What kind of actor a child is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChildKind {
    /// One that does work.
    Worker,
    /// One that supervises others.
    Supervisor,
}

/// How long a worker has to end, unless told otherwise.
const SHUTDOWN: Shutdown = Shutdown::After(Duration::from_secs(5));

/// Tells a supervisor that its child has started. Nothing is told when it has not: then it ends.
pub(super) struct Begun(pub(super) Pid<SupervisorMsg>);

impl Begun {
    /// Tells it of the child `who`.
    pub(super) fn tell(self, who: wharf_runtime::ActorId) {
        // Its mailbox is unbounded. It may have ended: then there is nobody to tell.
        let _ = self.0.try_send(SupervisorMsg::started(who));
    }
}

type Start = dyn Fn(Spawn, Begun) -> Result<AnyPid, RegisterError> + Send + Sync;
type Configure = dyn Fn(Spawn) -> Spawn + Send + Sync;

/// A child of a supervisor: its id, how to start it, when to restart it, how to stop it.
///
/// What starts it runs in the child's own first turn, so that a panic in it is the child's: for a
/// supervisor that is a start which failed. A child has started when its [`started`](Actor::started)
/// has returned; one in process style, when it is spawned; a supervisor, when its children have.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wharf::prelude::*;
/// use wharf::supervisor::{ChildSpec, Shutdown};
///
/// struct Cache;
/// impl Actor for Cache {
///     type Msg = ();
///     async fn handle(&mut self, (): (), _: &mut Context<()>) -> Result<(), ExitReason> { Ok(()) }
/// }
///
/// let cache = ChildSpec::new("cache", || Cache).shutdown(Shutdown::After(Duration::from_millis(100)));
/// let ticker = ChildSpec::process("ticker", async |mut mailbox: Mailbox<u8>| {
///     while mailbox.receive().await.is_some() {}
/// });
/// assert_eq!((cache.id(), ticker.transient().id()), ("cache", "ticker"));
/// ```
#[derive(Clone)]
#[must_use = "a spec does nothing until a supervisor has it"]
pub struct ChildSpec {
    pub(super) id: Arc<str>,
    pub(super) restart: Restart,
    pub(super) shutdown: Shutdown,
    pub(super) kind: ChildKind,
    start: Arc<Start>,
    configure: Option<Arc<Configure>>,
    site: &'static Location<'static>,
}

impl ChildSpec {
    /// A child that is an actor: permanent, with 5 seconds to stop.
    #[track_caller]
    pub fn new<A: Actor>(id: impl Into<Arc<str>>, make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        let make = Arc::new(make);
        Self::with_start(id.into(), ChildKind::Worker, SHUTDOWN, move |spawn, begun| {
            let make = Arc::clone(&make);
            Ok(spawn.try_spawn_fn(|mailbox| live(make, mailbox, begun))?.any())
        })
    }

    /// A child in process style: permanent, with 5 seconds to stop.
    #[track_caller]
    pub fn process<M, F, Fut>(id: impl Into<Arc<str>>, body: F) -> Self
    where
        M: Send + 'static,
        F: Fn(Mailbox<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let body = Arc::new(body);
        Self::with_start(id.into(), ChildKind::Worker, SHUTDOWN, move |spawn, begun| {
            let body = Arc::clone(&body);
            Ok(spawn.try_spawn_fn(|mailbox| live_as_process(body, mailbox, begun))?.any())
        })
    }

    /// A child that is itself a supervisor: permanent, with all the time it wants to stop.
    #[track_caller]
    pub fn supervisor(
        id: impl Into<Arc<str>>,
        make: impl Fn() -> Supervisor + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        Self::with_start(id.into(), ChildKind::Supervisor, Shutdown::Infinite, move |spawn, begun| {
            let make = Arc::clone(&make);
            Ok(super::driver::spawn_child(spawn, make, begun)?.any())
        })
    }

    #[track_caller]
    fn with_start(
        id: Arc<str>,
        kind: ChildKind,
        shutdown: Shutdown,
        start: impl Fn(Spawn, Begun) -> Result<AnyPid, RegisterError> + Send + Sync + 'static,
    ) -> Self {
        let site = Location::caller();
        Self {
            id,
            restart: Restart::Permanent,
            shutdown,
            kind,
            start: Arc::new(start),
            configure: None,
            site,
        }
    }

    /// When it is started anew. By default always.
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Short for `restart(Restart::Transient)`.
    pub const fn transient(self) -> Self {
        self.restart(Restart::Transient)
    }

    /// Short for `restart(Restart::Temporary)`.
    pub const fn temporary(self) -> Self {
        self.restart(Restart::Temporary)
    }

    /// How it is stopped.
    pub const fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Decides on each start how it is spawned: capacity, overflow policy, name. Its label is its
    /// id, and it is linked with its supervisor, whatever is decided here.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    /// use wharf::supervisor::ChildSpec;
    /// let spec = ChildSpec::process("log", async |mut mailbox: Mailbox<String>| {
    ///     while mailbox.receive().await.is_some() {}
    /// });
    /// let spec = spec.spawn_with(|spawn| spawn.name("log").capacity(Capacity::Bounded(64)));
    /// ```
    pub fn spawn_with(mut self, configure: impl Fn(Spawn) -> Spawn + Send + Sync + 'static) -> Self {
        self.configure = Some(Arc::new(configure));
        self
    }

    /// What it is called among its supervisor's children.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Starts it: linked with the actor whose turn it is, which is to be told when it has begun.
    pub(super) fn start(&self, node: &Node, begun: Begun) -> Result<AnyPid, RegisterError> {
        let spawn = Spawn::on(node);
        let spawn = self.configure.as_ref().map_or(spawn.clone(), |configure| configure(spawn));
        (self.start)(spawn.label(Arc::clone(&self.id)).link().site(self.site), begun)
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The life of a child that is an actor.
async fn live<A: Actor, F: Fn() -> A + Send + Sync>(
    make: Arc<F>,
    mailbox: Mailbox<A::Msg>,
    begun: Begun,
) -> wharf_runtime::ExitReason {
    let actor = make();
    drop(make);
    let me = mailbox.pid().id();
    // Its state lies in the future that runs it, and not here as well.
    Pooled::new(move || run(actor, Context::new(mailbox), move || begun.tell(me))).await
}

/// The life of a child in process style.
async fn live_as_process<F, M, Fut>(body: Arc<F>, mailbox: Mailbox<M>, begun: Begun) -> Fut::Output
where
    F: Fn(Mailbox<M>) -> Fut + Send + Sync,
    Fut: Future,
{
    begun.tell(mailbox.pid().id());
    let life = body(mailbox);
    drop(body);
    Pooled::new(move || life).await
}
