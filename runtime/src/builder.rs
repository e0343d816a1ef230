//! How a node is to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::StartError;
use crate::explore::Core;
use crate::hooks::Hooks;
use crate::id::NodeId;
use crate::node::{Node, NodeShared, Parts};
use crate::random;
use crate::scheduler::Scheduler;
use crate::scheduler::idle::MAX_WORKERS;
use crate::scheduler::lifetime::make_shared;
use crate::scheduler::worker::{Worker, WorkerTask};
use crate::time::Clock;

/// How long an ask waits for its answer, unless told otherwise.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long actors have to stop when their node does, unless told otherwise.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How much of a node's work may block at the same time, unless told otherwise.
const BLOCKING_THREADS: usize = 64;

/// Decides how a node is to be; see [`Node::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct Builder {
    name: Option<Arc<str>>,
    id: Option<NodeId>,
    workers: Option<usize>,
    seed: Option<u64>,
    ask_timeout: Duration,
    stop_grace: Duration,
    blocking_threads: usize,
    recent: usize,
    hooks: Option<Arc<dyn Hooks>>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            name: None,
            id: None,
            workers: None,
            seed: None,
            ask_timeout: ASK_TIMEOUT,
            stop_grace: STOP_GRACE,
            blocking_threads: BLOCKING_THREADS,
            recent: 0,
            hooks: None,
        }
    }

    /// The node's name, for people. By default `node-` and its number.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The node's number. By default drawn at random.
    pub const fn id(mut self, id: NodeId) -> Self {
        self.id = Some(id);
        self
    }

    /// How many workers run actors: 1 to 63. By default one for each worker thread of the tokio
    /// runtime.
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// What the node's random choices are drawn from, such as the order of `select!`. By default
    /// drawn at random itself. With several workers the same seed gives the same numbers, though not
    /// to the same actors.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How long an ask waits for its answer, unless it says so itself. By default 5 seconds.
    pub const fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.ask_timeout = timeout;
        self
    }

    /// How long actors have to stop when the node does, before they are killed. By default 5
    /// seconds.
    pub const fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }

    /// How many threads [`Node::run_blocking`] uses at a time; at least 1, by default 64.
    pub const fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = if threads == 0 { 1 } else { threads };
        self
    }

    /// How many of the messages that an actor received last are named, with their ages, when it crashes. By
    /// default none: then nothing is kept. Otherwise each message costs its receiver some tens of
    /// nanoseconds more, and each actor a few hundred bytes.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use wharf_runtime::Node;
    /// let node = Node::builder().recent_messages(8).start()?;
    /// # node.stop().await;
    /// # Ok::<(), wharf_runtime::StartError>(())
    /// # }).unwrap();
    /// ```
    pub const fn recent_messages(mut self, count: usize) -> Self {
        self.recent = count;
        self
    }

    /// Callbacks at six points of the runtime.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// Starts the node on the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`StartError`] when there is no tokio runtime here, or it has no timer.
    pub fn start(self) -> Result<Node, StartError> {
        let tokio = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoTokio)?;
        if !has_timer() {
            return Err(StartError::NoTimer);
        }
        if cfg!(panic = "abort") {
            tracing::warn!(target: "wharf::node", "built with `panic = \"abort\"`: a panic in an actor ends the process");
        }
        let threads = match tokio.runtime_flavor() {
            tokio::runtime::RuntimeFlavor::CurrentThread => 1,
            _ => tokio.metrics().num_workers(),
        };
        let workers = self.workers.unwrap_or(threads).clamp(1, MAX_WORKERS);
        let shared = self.build(Clock::system(), workers, Some(tokio.clone()), None);
        for index in 0..workers {
            tokio.spawn(WorkerTask::new(Arc::clone(&shared), index));
        }
        Ok(Node::from_shared(shared))
    }

    /// A node without workers, driven by `core`.
    pub(crate) fn build_explored(self, clock: Clock, core: Arc<dyn Core>) -> Node {
        Node::from_shared(self.build(clock, 0, None, Some(core)))
    }

    fn build(
        self,
        clock: Clock,
        workers: usize,
        tokio: Option<tokio::runtime::Handle>,
        core: Option<Arc<dyn Core>>,
    ) -> Arc<NodeShared> {
        let id = self.id.unwrap_or_else(random_id);
        let name = self.name.unwrap_or_else(|| format!("node-{id}").into());
        let seed = self.seed.unwrap_or_else(random::unseeded);
        let Self { ask_timeout, stop_grace, blocking_threads, recent, hooks, .. } = self;
        make_shared(|at| {
            let now = clock.now();
            let workers: Box<[Worker]> = (0..workers).map(|index| Worker::new(index, at, now)).collect();
            let scheduler = Scheduler::new(workers, tokio);
            NodeShared::new(
                Parts {
                    id,
                    name,
                    clock,
                    hooks,
                    core,
                    ask_timeout,
                    stop_grace,
                    blocking_threads,
                    recent,
                    seed,
                },
                scheduler,
            )
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// Whether the tokio runtime here has a timer. tokio offers no question, only a panic.
fn has_timer() -> bool {
    let probe = || drop(tokio::time::sleep(Duration::ZERO));
    std::panic::catch_unwind(probe).is_ok()
}

fn random_id() -> NodeId {
    let bits = random::unseeded();
    #[allow(clippy::cast_possible_truncation, reason = "any bits will do")]
    let bits = (bits ^ bits >> 32) as u32;
    NodeId::new(bits.max(1)).unwrap_or_else(|| unreachable!("at least 1"))
}
