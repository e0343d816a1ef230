//! Spawning actors and processes.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use wharf_runtime::{Capacity, Mailbox, Node, Outcome, Overflow, Pid, RegisterError};

use crate::actor::run;
use crate::telemetry::{self, CrashRecord, DeadLetterRecord, Records};
use crate::{Actor, Context};

/// Spawns an actor on the current node: inside an actor or guest.
///
/// It lives until it is stopped or killed, an error or a panic ends it, or its node stops: not only as
/// long as somebody has its pid. [`Spawn`] has options: its capacity, a name, a link.
///
/// # Panics
/// Outside of one: there is no node to spawn on. Use [`NodeExt::spawn`] there.
///
/// # Examples
/// ```
/// struct Counter(u64);
///
/// #[wharf::actor]
/// impl Counter {
///     async fn add(&mut self, by: u64) -> u64 {
///         self.0 += by;
///         self.0
///     }
/// }
///
/// wharf::block_on(async {
///     let counter = wharf::spawn(Counter(0));
///     assert_eq!(counter.add(5).await, Ok(5));
/// });
/// ```
#[track_caller]
pub fn spawn<A: Actor>(actor: A) -> Pid<A::Msg> {
    Spawn::new().spawn(actor)
}

/// Spawns an actor in process style on the current node: inside an actor or guest.
///
/// A closure that captures references needs `async move`.
///
/// # Panics
/// Outside of one: there is no node to spawn on. Use [`Node::spawn_fn`] there.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// wharf::block_on(async {
///     let pid = wharf::spawn_fn(async |mut mailbox: Mailbox<Reply<&str>>| {
///         while let Some(reply) = mailbox.receive().await {
///             let _ = reply.send("hello");
///         }
///     });
///     assert_eq!(pid.ask(|reply| reply).await, Ok("hello"));
/// });
/// ```
#[track_caller]
pub fn spawn_fn<M, F, Fut>(f: F) -> Pid<M>
where
    M: Send + 'static,
    F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
    Fut: Future<Output: Outcome> + Send + 'static,
{
    Spawn::new().spawn_fn(f)
}

#[track_caller]
pub(crate) fn current() -> Node {
    match Node::current() {
        Some(node) => node,
        None => panic!(
            "`wharf::spawn` outside an actor or guest: use `node.spawn`, or run inside `wharf::block_on`"
        ),
    }
}

/// What a [`Node`] can do with actors.
pub trait NodeExt {
    /// Spawns an actor with default options: as [`spawn`](crate::spawn()), from anywhere.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// struct Counter(u64);
    ///
    /// #[wharf::actor]
    /// impl Counter {
    ///     async fn add(&mut self, by: u64) -> u64 {
    ///         self.0 += by;
    ///         self.0
    ///     }
    /// }
    ///
    /// #[tokio::main]
    /// async fn main() -> wharf::Result<()> {
    ///     // A task of tokio is no actor and no guest, so it says which node.
    ///     let node = Node::start()?;
    ///     let counter = node.spawn(Counter(0));
    ///     assert_eq!(counter.add(5).await?, 5);
    ///     Ok(())
    /// }
    /// ```
    fn spawn<A: Actor>(&self, actor: A) -> Pid<A::Msg>;

    /// Subscribes to the node's dead letters from now on.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// wharf::block_on(async {
    ///     let node = Node::current().unwrap();
    ///     let mut letters = node.dead_letters();
    ///     let busy = wharf::spawn_fn(async |_: Mailbox<u8>| std::future::pending::<()>().await);
    ///     busy.send(7).await.unwrap();
    ///     busy.kill();
    ///     let letter = letters.next().await.unwrap();
    ///     assert_eq!((letter.message, letter.to), ("u8", busy.id()));
    ///     assert!(letter.to_json().contains(r#""cause":"exited_first","receiver_ended":"killed""#));
    /// });
    /// ```
    fn dead_letters(&self) -> Records<DeadLetterRecord>;

    /// Subscribes to reports of the node's crashes from now on.
    ///
    /// # Examples
    /// ```
    /// use wharf::prelude::*;
    ///
    /// wharf::block_on(async {
    ///     let node = Node::current().unwrap();
    ///     let mut crashes = node.crash_reports();
    ///     Spawn::new().label("dial").spawn_fn(async |_: Mailbox<()>| Err::<(), _>("no tone"));
    ///     let crash = crashes.next().await.unwrap();
    ///     assert!(crash.to_string().contains("× no tone"));
    ///     assert!(crash.to_json().contains(r#""label":"dial""#));
    /// });
    /// ```
    fn crash_reports(&self) -> Records<CrashRecord>;
}

impl NodeExt for Node {
    #[track_caller]
    fn spawn<A: Actor>(&self, actor: A) -> Pid<A::Msg> {
        Spawn::on(self).spawn(actor)
    }

    #[track_caller]
    fn dead_letters(&self) -> Records<DeadLetterRecord> {
        telemetry::dead_letters(self)
    }

    #[track_caller]
    fn crash_reports(&self) -> Records<CrashRecord> {
        telemetry::crash_reports(self)
    }
}

/// Decides how an actor is spawned.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// struct Quiet;
/// impl Actor for Quiet {
///     type Msg = ();
///     async fn handle(&mut self, (): (), _: &mut Context<()>) -> Result<(), ExitReason> { Ok(()) }
/// }
///
/// wharf::block_on(async {
///     let pid = Spawn::new().label("quiet").capacity(Capacity::Bounded(4)).name("q").try_spawn(Quiet)?;
///     assert_eq!(pid.node().lookup::<()>("q")?, pid);
///     Ok::<(), wharf::Error>(())
/// }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is spawned yet"]
pub struct Spawn(wharf_runtime::Spawn);

impl Spawn {
    /// Spawns on the current node: inside an actor or guest.
    ///
    /// # Panics
    /// Outside of one. Use [`Spawn::on`] there.
    #[track_caller]
    pub fn new() -> Self {
        Self::on(&current())
    }

    /// Spawns on `node`.
    pub fn on(node: &Node) -> Self {
        Self(wharf_runtime::Spawn::on(node))
    }

    /// How many messages the mailbox holds. By default 1024.
    pub fn capacity(self, capacity: Capacity) -> Self {
        Self(self.0.capacity(capacity))
    }

    /// What a send to a full mailbox does. By default it waits.
    pub fn overflow(self, overflow: Overflow) -> Self {
        Self(self.0.overflow(overflow))
    }

    /// How many messages selective receives may skip. By default as many as the mailbox holds.
    pub fn save_limit(self, limit: usize) -> Self {
        Self(self.0.save_limit(limit))
    }

    /// What the actor is called in reports; need not be unique.
    pub fn label(self, label: impl Into<Arc<str>>) -> Self {
        Self(self.0.label(label))
    }

    /// A unique name on the node, under which the actor can be looked up.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self(self.0.name(name))
    }

    /// Links the actor with the one that spawns it, before its first turn.
    pub fn link(self) -> Self {
        Self(self.0.link())
    }

    /// Where the actor counts as spawned, instead of where it is.
    pub(crate) fn site(self, site: &'static Location<'static>) -> Self {
        Self(self.0.site(site))
    }

    /// Spawns an actor. A name that is taken is left where it is, and logged.
    #[track_caller]
    pub fn spawn<A: Actor>(self, actor: A) -> Pid<A::Msg> {
        self.0.spawn_fn(|mailbox| run(actor, Context::new(mailbox), || ()))
    }

    /// Spawns an actor under its name.
    ///
    /// # Errors
    /// [`RegisterError::Taken`] when another actor has the name; then the new one is killed.
    #[track_caller]
    pub fn try_spawn<A: Actor>(self, actor: A) -> Result<Pid<A::Msg>, RegisterError> {
        self.0.try_spawn_fn(|mailbox| run(actor, Context::new(mailbox), || ()))
    }

    /// Spawns an actor in process style. A name that is taken is left where it is, and logged.
    #[track_caller]
    pub fn spawn_fn<M, F, Fut>(self, f: F) -> Pid<M>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        self.0.spawn_fn(f)
    }

    /// Spawns an actor in process style under its name.
    ///
    /// # Errors
    /// As for [`Spawn::try_spawn`].
    #[track_caller]
    pub fn try_spawn_fn<M, F, Fut>(self, f: F) -> Result<Pid<M>, RegisterError>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        self.0.try_spawn_fn(f)
    }
}
