//! What can be asked of a supervisor, and what it answers.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use wharf_runtime::{ActorId, AnyPid, AskError, ExitReason, Pid, Reply, Stopped};

use super::{ChildKind, ChildSpec, Restart};

/// A message to a supervisor: sent by [`SupervisorCalls`].
pub struct SupervisorMsg(pub(super) Command);

pub(super) enum Command {
    Started(ActorId),
    Retry(Arc<str>),
    GraceOver(ActorId),
    Start(ChildSpec, Reply<Result<AnyPid, ChildError>>),
    Restart(Arc<str>, Reply<Result<AnyPid, ChildError>>),
    Terminate(Arc<str>, Reply<Result<(), ChildError>>),
    Delete(Arc<str>, Reply<Result<(), ChildError>>),
    Await(Arc<str>, Option<ActorId>, Reply<Result<AnyPid, ChildError>>),
    Which(Reply<Vec<ChildInfo>>),
    Count(Reply<ChildCounts>),
}

impl SupervisorMsg {
    pub(super) const fn started(who: ActorId) -> Self {
        Self(Command::Started(who))
    }
}

impl fmt::Debug for SupervisorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SupervisorMsg")
    }
}

/// One child, as [`SupervisorCalls::which_children`] tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its id.
    pub id: Arc<str>,
    /// How it is.
    pub status: ChildStatus,
    /// What kind of actor it is.
    pub kind: ChildKind,
    /// When it is started anew.
    pub restart: Restart,
}

/// How a child is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildStatus {
    /// It is being started.
    Starting(AnyPid),
    /// It has started.
    Running(AnyPid),
    /// It was asked to stop.
    Stopping(AnyPid),
    /// It has ended, and is being started anew.
    Restarting,
    /// It is not there; [`SupervisorCalls::restart_child`] starts it.
    NotRunning,
}

/// How many children there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildCounts {
    /// Specs.
    pub specs: usize,
    /// Children that are alive: starting, running or stopping.
    pub active: usize,
    /// Specs of supervisors, alive or not.
    pub supervisors: usize,
    /// Specs of others, alive or not.
    pub workers: usize,
}

/// A supervisor could not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// No child has this id.
    #[error("no child is called \"{id}\"")]
    NotFound {
        /// The id.
        id: Arc<str>,
    },
    /// There is a spec with this id, though no actor: restart it, or delete it first.
    #[error("there is a child \"{id}\" already, which is not running")]
    AlreadyPresent {
        /// The id.
        id: Arc<str>,
    },
    /// The child is alive.
    #[error("the child \"{id}\" is alive as {}", pid.id())]
    Running {
        /// Its id.
        id: Arc<str>,
        /// Which actor it is.
        pid: AnyPid,
    },
    /// The child is being started anew.
    #[error("the child \"{id}\" is being restarted")]
    Restarting {
        /// Its id.
        id: Arc<str>,
    },
    /// The child has ended and is not going to be started by itself.
    #[error("the child \"{id}\" is not running")]
    NotRunning {
        /// Its id.
        id: Arc<str>,
    },
    /// The child ended before it had started.
    #[error("the child \"{id}\" did not start: {reason}")]
    StartFailed {
        /// Its id.
        id: Arc<str>,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The child takes other messages than its handle says.
    #[error("the child \"{id}\" takes messages of type `{found}`, not `{wanted}`")]
    WrongType {
        /// Its id.
        id: Arc<str>,
        /// What it takes.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The supervisor has ended, or its node has.
    #[error("the supervisor did not answer: {0}")]
    NoAnswer(#[from] AskError),
}

/// What can be asked of a supervisor. Calls wait as long as it takes, and are answered while
/// children start, stop or restart.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// use wharf::supervisor::{ChildSpec, Supervisor, SupervisorCalls};
///
/// wharf::block_on(async {
///     let supervisor = Supervisor::new().spawn();
///     let echo = ChildSpec::process("echo", async |mut mailbox: Mailbox<Reply<u8>>| {
///         while let Some(reply) = mailbox.receive().await {
///             let _ = reply.send(1);
///         }
///     });
///     supervisor.start_child(echo).await?;
///     let echo = supervisor.child::<Reply<u8>>("echo").pid().await?;
///     assert_eq!(echo.ask(|reply| reply).await, Ok(1));
///     assert_eq!(supervisor.count_children().await?.active, 1);
///     supervisor.terminate_child("echo").await?;
///     supervisor.delete_child("echo").await?;
///     assert_eq!(supervisor.which_children().await?, []);
///     Ok::<(), wharf::Error>(())
/// }).unwrap();
/// ```
pub trait SupervisorCalls {
    /// Adds a child and starts it; gives it once it has started. It comes last in the order.
    ///
    /// # Errors
    /// [`ChildError::AlreadyPresent`], [`Running`](ChildError::Running) or
    /// [`Restarting`](ChildError::Restarting) when there is one with its id;
    /// [`StartFailed`](ChildError::StartFailed), and then it was not added.
    ///
    /// # Cancel safety
    /// The child is added all the same.
    fn start_child(&self, spec: ChildSpec) -> impl Future<Output = Result<AnyPid, ChildError>> + Send;

    /// Starts a child that is not running; gives it once it has started.
    ///
    /// # Errors
    /// [`ChildError::NotFound`], [`Running`](ChildError::Running),
    /// [`Restarting`](ChildError::Restarting), [`StartFailed`](ChildError::StartFailed).
    ///
    /// # Cancel safety
    /// The child is started all the same.
    fn restart_child(
        &self,
        id: impl Into<Arc<str>>,
    ) -> impl Future<Output = Result<AnyPid, ChildError>> + Send;

    /// Stops a child as its spec says, and waits until it has ended. Its spec stays, unless it is
    /// temporary. A child that is not running stays so.
    ///
    /// # Errors
    /// [`ChildError::NotFound`].
    ///
    /// # Cancel safety
    /// The child is stopped all the same.
    fn terminate_child(&self, id: impl Into<Arc<str>>)
    -> impl Future<Output = Result<(), ChildError>> + Send;

    /// Drops the spec of a child that is not running.
    ///
    /// # Errors
    /// [`ChildError::NotFound`], [`Running`](ChildError::Running),
    /// [`Restarting`](ChildError::Restarting).
    ///
    /// # Cancel safety
    /// The spec may have been dropped all the same.
    fn delete_child(&self, id: impl Into<Arc<str>>) -> impl Future<Output = Result<(), ChildError>> + Send;

    /// The children, in the order in which they are started.
    ///
    /// # Errors
    /// [`AskError`] when the supervisor has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    fn which_children(&self) -> impl Future<Output = Result<Vec<ChildInfo>, AskError>> + Send;

    /// How many children there are.
    ///
    /// # Errors
    /// [`AskError`] when the supervisor has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    fn count_children(&self) -> impl Future<Output = Result<ChildCounts, AskError>> + Send;

    /// A handle of the child with this id, whether there is one or not.
    fn child<M: Send + 'static>(&self, id: impl Into<Arc<str>>) -> Supervised<M>;
}

/// As long as it takes.
const UNTIL_ANSWERED: Duration = Duration::MAX;

async fn call<T>(
    supervisor: &Pid<SupervisorMsg>,
    command: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, AskError> {
    supervisor.ask(|reply| SupervisorMsg(command(reply))).timeout(UNTIL_ANSWERED).await
}

impl SupervisorCalls for Pid<SupervisorMsg> {
    async fn start_child(&self, spec: ChildSpec) -> Result<AnyPid, ChildError> {
        call(self, |reply| Command::Start(spec, reply)).await?
    }

    fn restart_child(
        &self,
        id: impl Into<Arc<str>>,
    ) -> impl Future<Output = Result<AnyPid, ChildError>> + Send {
        let id = id.into();
        async move { call(self, |reply| Command::Restart(id, reply)).await? }
    }

    fn terminate_child(
        &self,
        id: impl Into<Arc<str>>,
    ) -> impl Future<Output = Result<(), ChildError>> + Send {
        let id = id.into();
        async move { call(self, |reply| Command::Terminate(id, reply)).await? }
    }

    fn delete_child(&self, id: impl Into<Arc<str>>) -> impl Future<Output = Result<(), ChildError>> + Send {
        let id = id.into();
        async move { call(self, |reply| Command::Delete(id, reply)).await? }
    }

    async fn which_children(&self) -> Result<Vec<ChildInfo>, AskError> {
        call(self, Command::Which).await
    }

    async fn count_children(&self) -> Result<ChildCounts, AskError> {
        call(self, Command::Count).await
    }

    fn child<M: Send + 'static>(&self, id: impl Into<Arc<str>>) -> Supervised<M> {
        Supervised { supervisor: self.clone(), id: id.into(), _message: PhantomData }
    }
}

/// Handle of a supervised actor through its crashes: where a pid is one incarnation, this leads to
/// the current one.
///
/// A pid that it gave goes on to mean that incarnation: what is sent there never reaches a successor.
///
/// # Examples
/// ```
/// use wharf::prelude::*;
///
/// struct Counter(u64);
/// impl Actor for Counter {
///     type Msg = Option<Reply<u64>>;
///     async fn handle(&mut self, msg: Self::Msg, _: &mut Context<Self::Msg>) -> Result<(), ExitReason> {
///         self.0 += 1;
///         let reply = msg.ok_or_else(|| ExitReason::failed("nobody asked"))?;
///         let _ = reply.send(self.0);
///         Ok(())
///     }
/// }
///
/// wharf::block_on(async {
///     let counter = wharf::supervise(|| Counter(0));
///     let first = counter.pid().await?;
///     assert_eq!(first.ask(Some).await?, 1);
///     first.send(None).await?;
///     let second = counter.restarted(&first).await?;
///     assert_eq!(second.ask(Some).await?, 1);
///     assert!(first.send(None).await.is_err());
///     Ok::<(), wharf::Error>(())
/// }).unwrap();
/// ```
pub struct Supervised<M> {
    supervisor: Pid<SupervisorMsg>,
    id: Arc<str>,
    _message: PhantomData<fn(M)>,
}

impl<M: Send + 'static> Supervised<M> {
    /// The current incarnation; waits for it while it is being started or restarted.
    ///
    /// # Errors
    /// [`ChildError::NotRunning`] when it has ended and is not started anew by itself,
    /// [`NotFound`](ChildError::NotFound), [`NoAnswer`](ChildError::NoAnswer) when its supervisor
    /// has ended: while this waits, with the reason.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn pid(&self) -> Result<Pid<M>, ChildError> {
        self.other_than(None).await
    }

    /// Waits until another incarnation than `old` runs, and gives it.
    ///
    /// # Errors
    /// As for [`Supervised::pid`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn restarted(&self, old: impl Into<ActorId>) -> Result<Pid<M>, ChildError> {
        self.other_than(Some(old.into())).await
    }

    async fn other_than(&self, old: Option<ActorId>) -> Result<Pid<M>, ChildError> {
        let id = Arc::clone(&self.id);
        let pid = call(&self.supervisor, |reply| Command::Await(id, old, reply)).await??;
        pid.downcast().ok_or_else(|| ChildError::WrongType {
            id: Arc::clone(&self.id),
            found: pid.message_name(),
            wanted: std::any::type_name::<M>(),
        })
    }

    /// Its id among its supervisor's children.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its supervisor.
    #[must_use]
    pub const fn supervisor(&self) -> &Pid<SupervisorMsg> {
        &self.supervisor
    }

    /// Stops its supervisor, and thereby the actor and its siblings.
    pub fn stop(&self) {
        self.supervisor.stop();
    }

    /// Waits until its supervisor has ended; gives the reason, also when it had ended before.
    ///
    /// # Cancel safety
    /// Nothing is lost; call it again.
    pub fn stopped(&self) -> Stopped {
        self.supervisor.stopped()
    }
}

impl<M> Clone for Supervised<M> {
    fn clone(&self) -> Self {
        Self { supervisor: self.supervisor.clone(), id: Arc::clone(&self.id), _message: PhantomData }
    }
}

impl<M> fmt::Debug for Supervised<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Supervised(\"{}\" of {})", self.id, self.supervisor.id())
    }
}
