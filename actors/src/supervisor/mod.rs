//! Supervisors: actors that start others, and start them anew when they crash.
//!
//! The rules are those of OTP's [`supervisor`](https://www.erlang.org/doc/apps/stdlib/supervisor.html):
//!
//! - Children are started in order, each when the one before has started, and stopped in reverse
//!   order. A child that does not start when its supervisor does ends the supervisor.
//! - A [permanent](Restart::Permanent) child is always started anew, a
//!   [transient](Restart::Transient) one unless its end was orderly, a [temporary](Restart::Temporary)
//!   one never. A restart that fails is tried again, and counts again.
//! - With more restarts than the [intensity](Supervisor::intensity) within the period, the supervisor
//!   stops its children and ends itself, with [`Escalation`] as its reason: the next supervisor's turn.
//! - Children are linked with their supervisor, which traps exits: it outlives them, they don't
//!   outlive it. An exit signal from whoever spawned the supervisor ends it; from others it means
//!   nothing.
//! - What tells of a child's end has priority: calls that wait in its mailbox don't delay a
//!   restart. Nor do children that take long to start or to stop: it goes on meanwhile.
//! - While the node stops, nobody is started anew.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use wharf::prelude::*;
//! use wharf::supervisor::{ChildSpec, Supervisor, SupervisorCalls};
//!
//! struct Divider;
//! impl Actor for Divider {
//!     type Msg = (u32, Reply<u32>);
//!     async fn handle(&mut self, (n, reply): Self::Msg, _: &mut Context<Self::Msg>) -> Result<(), ExitReason> {
//!         let _ = reply.send(60_u32.checked_div(n).ok_or_else(|| ExitReason::failed("division by zero"))?);
//!         Ok(())
//!     }
//! }
//!
//! wharf::block_on(async {
//!     let supervisor = Supervisor::new()
//!         .intensity(3, Duration::from_secs(10))
//!         .child(ChildSpec::new("divider", || Divider))
//!         .spawn();
//!     let divider = supervisor.child::<(u32, Reply<u32>)>("divider");
//!     let first = divider.pid().await?;
//!     assert!(first.ask(|reply| (0, reply)).await.is_err());
//!     let second = divider.restarted(&first).await?;
//!     assert_eq!(second.ask(|reply| (4, reply)).await?, 15);
//!     Ok::<(), wharf::Error>(())
//! }).unwrap();
//! ```

mod calls;
mod driver;
mod intensity;
mod reports;
mod spec;
mod strategy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wharf_runtime::{ExitReason, Node, Pid, RegisterError, type_name};

pub use self::calls::{
    ChildCounts, ChildError, ChildInfo, ChildStatus, Supervised, SupervisorCalls, SupervisorMsg,
};
pub use self::spec::{ChildKind, ChildSpec, Restart, Shutdown};
pub use self::strategy::Strategy;
use crate::{Actor, Spawn};

/// Restarts within the period, unless told otherwise.
const INTENSITY: u32 = 1;
/// The period, unless told otherwise.
const PERIOD: Duration = Duration::from_secs(5);

/// A supervisor to be: its children, its strategy, and how many restarts it makes before it gives up.
///
/// See the [module](self) for what it does. Its mailbox is unbounded.
#[derive(Clone, Debug)]
#[must_use = "it supervises nobody until it is spawned"]
pub struct Supervisor {
    strategy: Strategy,
    intensity: u32,
    period: Duration,
    children: Vec<ChildSpec>,
    label: Option<Arc<str>>,
    name: Option<String>,
}

impl Supervisor {
    /// One without children: one for one, at most 1 restart in 5 seconds.
    pub const fn new() -> Self {
        Self {
            strategy: Strategy::OneForOne,
            intensity: INTENSITY,
            period: PERIOD,
            children: Vec::new(),
            label: None,
            name: None,
        }
    }

    /// Which children are started anew when one has to be. By default that one.
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Allows at most `restarts` within any `period`; with 0 the first crash is too many.
    pub const fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.intensity = restarts;
        self.period = period;
        self
    }

    /// Adds a child, to be started after those that were added before. Two with one id end the
    /// supervisor when it starts.
    pub fn child(mut self, spec: ChildSpec) -> Self {
        self.children.push(spec);
        self
    }

    /// What it is called in reports. As a child of another it is called by its id.
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// A unique name on its node. As a child of another it has the name that its spec gives.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Spawns it on the current node: inside an actor or guest, which is linked with it. Its children
    /// start afterwards.
    ///
    /// # Panics
    /// Outside of one, where there is [`Supervisor::try_spawn_on`], and when its name is taken.
    #[track_caller]
    pub fn spawn(self) -> Pid<SupervisorMsg> {
        match self.try_spawn_on(&crate::spawn::current()) {
            Ok(pid) => pid,
            Err(error) => panic!("could not spawn a supervisor: {error}"),
        }
    }

    /// Spawns it on `node`, linked with the actor or guest of that node whose turn it is, if any.
    ///
    /// # Errors
    /// [`RegisterError::Taken`] when another actor has its name.
    #[track_caller]
    pub fn try_spawn_on(mut self, node: &Node) -> Result<Pid<SupervisorMsg>, RegisterError> {
        let mut spawn = Spawn::on(node).label(self.label.take().unwrap_or_else(|| "supervisor".into()));
        if let Some(name) = self.name.take() {
            spawn = spawn.name(name);
        }
        driver::spawn(spawn, self)
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

/// Spawns an actor under a supervisor of its own, with OTP's defaults: it is always started anew, at
/// most once in 5 seconds, and has 5 seconds to stop. Works inside an actor or guest, which is linked
/// with the supervisor.
///
/// See [`Supervised`] for an example, and [`Supervisor`] for everything else.
///
/// # Panics
/// Outside of an actor or guest: there is no node to spawn on.
#[track_caller]
pub fn supervise<A: Actor>(make: impl Fn() -> A + Send + Sync + 'static) -> Supervised<A::Msg> {
    let id = type_name::short(std::any::type_name::<A>());
    Supervisor::new().child(ChildSpec::new(id, make)).spawn().child(id)
}

/// Why a supervisor ended by itself: the detail of its reason, which is
/// [`ShutdownWith`](ExitReason::ShutdownWith).
///
/// # Examples
/// ```
/// use wharf::prelude::*;
/// use wharf::supervisor::Escalation;
///
/// struct Hopeless;
/// impl Actor for Hopeless {
///     type Msg = ();
///     async fn handle(&mut self, (): (), _: &mut Context<()>) -> Result<(), ExitReason> {
///         Err(ExitReason::failed("no hope"))
///     }
/// }
///
/// wharf::block_on(async {
///     let hopeless = wharf::supervise(|| Hopeless);
///     let mut watcher = Node::current().unwrap().guest::<()>();
///     watcher.monitor(hopeless.supervisor());
///     let first = hopeless.pid().await?;
///     first.send(()).await?;
///     hopeless.restarted(&first).await?.send(()).await?;
///     let Some(wharf::Event::Down(down)) = watcher.next().await else { panic!() };
///     let ExitReason::ShutdownWith(why) = down.reason else { panic!() };
///     assert_eq!(
///         why.downcast_ref::<Escalation>().unwrap().to_string(),
///         "gave up on \"Hopeless\" after 1 restart in 5s; it ended last with: failed: no hope",
///     );
///     Ok::<(), wharf::Error>(())
/// }).unwrap();
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Escalation {
    /// A child had to be restarted more often than the intensity allows.
    TooManyRestarts {
        /// The child's id.
        child: Arc<str>,
        /// How many restarts were made within the period.
        restarts: usize,
        /// The period.
        period: Duration,
        /// Why the child ended last.
        last: ExitReason,
    },
    /// A child did not start when the supervisor did.
    StartFailed {
        /// The child's id.
        child: Arc<str>,
        /// Why it ended.
        reason: ExitReason,
    },
}

impl Escalation {
    /// The child's id.
    #[must_use]
    pub fn child(&self) -> &str {
        match self {
            Self::TooManyRestarts { child, .. } | Self::StartFailed { child, .. } => child,
        }
    }

    /// Why the child ended last.
    #[must_use]
    pub const fn last(&self) -> &ExitReason {
        match self {
            Self::TooManyRestarts { last, .. } => last,
            Self::StartFailed { reason, .. } => reason,
        }
    }
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyRestarts { child, restarts, period, last } => {
                let s = if *restarts == 1 { "" } else { "s" };
                write!(f, "gave up on \"{child}\" after {restarts} restart{s} in {period:?}; ")?;
                write!(f, "it ended last with: {last}")
            }
            Self::StartFailed { child, reason } => write!(f, "\"{child}\" did not start: {reason}"),
        }
    }
}

impl fmt::Debug for Escalation {
    /// As a person reads it: it stands in exit reasons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
