//! The node under test, as its test sees it.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use wharf_runtime::explore::TraceEvent;
use wharf_runtime::explore::guided::Guide;
use wharf_runtime::{ActorId, DeadLetter, ExitReason, Mailbox, Node, Outcome, Pid, Timestamp};

use super::capture::Capture;
use super::expect::{NothingComes, fail, unless_still};
use super::probe::Probe;
use crate::telemetry::CrashRecord;
use crate::{Actor, Spawn};

/// The node that a test runs on, and its clock. Clones are handles of the same.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wharf::prelude::*;
/// wharf::testkit::run("an_hour", None, |t| async move {
///     let sleeper = t.spawn_fn(async |_: Mailbox<()>| wharf::sleep(Duration::from_secs(3600)).await);
///     t.advance(Duration::from_secs(3599)).await;
///     assert!(sleeper.is_alive());
///     t.advance(Duration::from_secs(1)).await;
///     t.expect_exit(&sleeper, ExitReason::Normal).await;
/// });
/// ```
#[derive(Clone)]
pub struct TestNode(Arc<Inner>);

struct Inner {
    node: Node,
    guide: Guide,
    capture: Capture,
    seed: u64,
}

impl TestNode {
    pub(super) fn new(node: Node, guide: Guide, capture: Capture, seed: u64) -> Self {
        Self(Arc::new(Inner { node, guide, capture, seed }))
    }

    pub(super) fn guide(&self) -> &Guide {
        &self.0.guide
    }

    /// Spawns an actor, with default options. For others use [`Spawn::new`], which works in a test.
    #[track_caller]
    pub fn spawn<A: Actor>(&self, actor: A) -> Pid<A::Msg> {
        Spawn::on(&self.0.node).spawn(actor)
    }

    /// Spawns an actor in process style, with default options.
    #[track_caller]
    pub fn spawn_fn<M, F, Fut>(&self, f: F) -> Pid<M>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        Spawn::on(&self.0.node).spawn_fn(f)
    }

    /// A probe: an actor of the test's own, whose messages the test looks at.
    #[must_use]
    #[track_caller]
    pub fn probe<M: Send + 'static>(&self) -> Probe<M> {
        Probe::new(self)
    }

    /// The node itself.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// The seed that all choices are drawn from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// The time on the node's clock, which the test turns.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.node.now()
    }

    /// How much virtual time has passed since the test began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now().saturating_since(Timestamp::default())
    }

    /// Turns the clock forward by exactly `by`. Timers fire in order, each at its time, and whatever
    /// they wake runs before the clock goes on; when this is ready, nothing can run any more.
    ///
    /// # Cancel safety
    /// The clock stays where it has come to.
    pub fn advance(&self, by: Duration) -> impl Future<Output = ()> {
        self.0.guide.advance(by)
    }

    /// Waits until no actor can run unless time passes.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn settle(&self) -> impl Future<Output = ()> {
        self.0.guide.still()
    }

    /// Waits until an actor has ended, and insists on the reason. It may have ended before.
    ///
    /// The test fails when the reason is another, or when the actor lives and nothing can run any
    /// more unless time passes.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn expect_exit(&self, actor: impl Into<ActorId>, reason: ExitReason) -> impl Future<Output = ()> {
        let (me, actor, place) = (self.clone(), actor.into(), Location::caller());
        async move {
            let found = me.end_of(actor, place).await;
            if found != reason {
                let what = format!("{} to exit: {reason}", me.name_of(actor));
                fail::<()>(me.guide(), place, what, format!("it exited: {found}")).await;
            }
        }
    }

    /// Waits until an actor has ended; gives the reason, whatever it is. It may have ended before.
    ///
    /// The test fails when the actor lives and nothing can run any more unless time passes.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn expect_end(&self, actor: impl Into<ActorId>) -> impl Future<Output = ExitReason> {
        let (me, actor, place) = (self.clone(), actor.into(), Location::caller());
        async move { me.end_of(actor, place).await }
    }

    /// Reports of the actors that crashed so far, oldest first.
    #[must_use]
    pub fn crash_reports(&self) -> Vec<CrashRecord> {
        self.0.capture.crashes()
    }

    /// The messages so far that nobody handled, oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.0.capture.dead_letters()
    }

    /// Insists that no actor has crashed so far. [`TestNode::settle`] first, if some still run.
    ///
    /// # Panics
    /// When one has, with all reports.
    #[track_caller]
    pub fn assert_no_crashes(&self) {
        let crashes = self.crash_reports();
        if !crashes.is_empty() {
            let texts: Vec<String> = crashes.iter().map(ToString::to_string).collect();
            panic!("{} actors crashed:\n{}", crashes.len(), texts.join("\n"));
        }
    }

    /// Insists that so far each message was handled. [`TestNode::settle`] first, if some are under
    /// way.
    ///
    /// # Panics
    /// When there are dead letters, with their types, ends and causes.
    #[track_caller]
    pub fn assert_no_dead_letters(&self) {
        let letters = self.dead_letters();
        if !letters.is_empty() {
            let texts: Vec<String> = letters.iter().map(|letter| self.describe(letter)).collect();
            panic!("{} messages were not handled:\n{}", letters.len(), texts.join("\n"));
        }
    }

    /// What has happened, oldest first: at most the last 10,000 events. Two runs with one seed have
    /// the same, unless the test depends on something that is not drawn from it.
    #[must_use]
    pub fn events(&self) -> Vec<TraceEvent> {
        self.0.guide.events()
    }

    /// What an actor is called in events and failures.
    pub(super) fn name_of(&self, actor: ActorId) -> String {
        self.0.guide.name_of(actor).map_or_else(|| actor.to_string(), |name| name.to_string())
    }

    async fn end_of(&self, actor: ActorId, place: &'static Location<'static>) -> ExitReason {
        let guide = self.guide();
        match unless_still(guide, |waker| self.0.capture.end_of(actor, waker)).await {
            Some(reason) => reason,
            None => fail(guide, place, format!("{} to exit", self.name_of(actor)), NothingComes(guide)).await,
        }
    }

    fn describe(&self, letter: &DeadLetter) -> String {
        let from = letter.from.map_or_else(|| "no actor".to_owned(), |from| self.name_of(from));
        let DeadLetter { to, message, cause, .. } = letter;
        format!("  `{message}` from {from} to {}: {cause}", self.name_of(*to))
    }
}

impl fmt::Debug for TestNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestNode")
            .field("node", &self.0.node)
            .field("seed", &self.0.seed)
            .finish_non_exhaustive()
    }
}
