//! How a program is explored: every way, by samples, or one way again.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::node::Node;

use super::drive::run_once;
use super::outcome::{Outcome, Run};
use super::schedule::{Chooser, DepthFirst, Random, Schedule, Scripted};

/// Decides how a program is explored; see the [module](super).
///
/// # Examples
/// ```
/// use wharf_runtime::explore::Explorer;
/// use wharf_runtime::{Mailbox, Node};
///
/// let report = Explorer::new().panics_fail().exhaustive(100, |node: &Node| {
///     node.spawn_fn(async |mut mailbox: Mailbox<()>| drop(mailbox.receive().await));
///     || Ok(())
/// });
/// report.assert_proved();
/// assert_eq!(report.runs(), 1);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is explored yet"]
pub struct Explorer {
    pub(super) steps: u64,
    pub(super) until: Duration,
    pub(super) panics_fail: bool,
    pub(super) circles: Circles,
    counts_failures: bool,
}

/// What becomes of asks that wait for each other in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circles {
    /// They are a deadlock.
    Deadlock,
    /// The first of them times out.
    TimeOut,
}

impl Explorer {
    /// The usual way.
    pub const fn new() -> Self {
        Self {
            steps: 10_000,
            until: Duration::MAX,
            panics_fail: false,
            circles: Circles::Deadlock,
            counts_failures: false,
        }
    }

    /// How many turns a run may have. By default 10,000; a run that wants more fails.
    pub const fn steps(mut self, turns: u64) -> Self {
        self.steps = turns;
        self
    }

    /// Ends each run when its time would go on past this. By default it goes on while there is a
    /// timer.
    pub const fn until(mut self, elapsed: Duration) -> Self {
        self.until = elapsed;
        self
    }

    /// Lets a run fail in which an actor panicked. By default that is what supervisors are for.
    pub const fn panics_fail(mut self) -> Self {
        self.panics_fail = true;
        self
    }

    /// Lets asks that wait for each other in a circle run into their timeouts. By default they are
    /// a deadlock.
    pub const fn timeouts_break_circles(mut self) -> Self {
        self.circles = Circles::TimeOut;
        self
    }

    /// Goes on after a failure, to count them. By default an exploration ends with the first.
    pub const fn count_failures(mut self) -> Self {
        self.counts_failures = true;
        self
    }

    /// See [`exhaustive`](super::exhaustive()).
    pub fn exhaustive<C>(&self, limit: u64, program: impl Fn(&Node) -> C) -> Report
    where
        C: FnOnce() -> Result<(), String>,
    {
        let mut report = Report { coverage: Coverage::Cut, runs: 0, failures: 0, first: None };
        let mut chooser = DepthFirst::new();
        while report.runs < limit {
            let (run, points) = run_once(self, &mut chooser, &program);
            let diverged = matches!(run.outcome, Outcome::Diverged { .. });
            // After a divergence there is no telling what the other choices are.
            if report.add(run) && (diverged || !self.counts_failures) {
                report.coverage = Coverage::Failed;
                break;
            }
            if !chooser.advance(&points) {
                report.coverage = Coverage::Exhaustive;
                break;
            }
        }
        report
    }

    /// Runs `program` once for each seed, until a run fails.
    pub fn sampled<C>(&self, seeds: Range<u64>, program: impl Fn(&Node) -> C) -> Report
    where
        C: FnOnce() -> Result<(), String>,
    {
        let mut report = Report { coverage: Coverage::Sampled, runs: 0, failures: 0, first: None };
        for seed in seeds {
            if report.add(self.seeded(seed, &program)) && !self.counts_failures {
                report.coverage = Coverage::Failed;
                break;
            }
        }
        report
    }

    /// See [`seeded`](super::seeded()).
    pub fn seeded<C>(&self, seed: u64, program: impl Fn(&Node) -> C) -> Run
    where
        C: FnOnce() -> Result<(), String>,
    {
        Run { seed: Some(seed), ..self.once(&mut Random(seed), program) }
    }

    /// See [`replay`](super::replay()).
    pub fn replay<C>(&self, schedule: &Schedule, program: impl Fn(&Node) -> C) -> Run
    where
        C: FnOnce() -> Result<(), String>,
    {
        self.once(&mut Scripted(schedule), program)
    }

    fn once<C>(&self, chooser: &mut dyn Chooser, program: impl Fn(&Node) -> C) -> Run
    where
        C: FnOnce() -> Result<(), String>,
    {
        run_once(self, chooser, program).0
    }
}

/// How much of a program's behaviour an exploration has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coverage {
    /// Every schedule.
    Exhaustive,
    /// As many as the limit allowed. There are more.
    Cut,
    /// As many as there were seeds.
    Sampled,
    /// It ended with the first that failed.
    Failed,
}

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Report {
    coverage: Coverage,
    runs: u64,
    failures: u64,
    first: Option<Run>,
}

impl Report {
    /// How much was seen.
    #[must_use]
    pub const fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// How many schedules were run.
    #[must_use]
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// How many of them failed.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// The first that failed.
    #[must_use]
    pub const fn failure(&self) -> Option<&Run> {
        self.first.as_ref()
    }

    /// Whether every schedule was run and none failed.
    #[must_use]
    pub const fn is_proof(&self) -> bool {
        matches!(self.coverage, Coverage::Exhaustive) && self.first.is_none()
    }

    /// Insists that every schedule was run and none failed.
    ///
    /// # Panics
    /// When a schedule failed, with what happened in it, and when not all were run.
    #[track_caller]
    pub fn assert_proved(&self) {
        assert!(self.is_proof(), "{self}");
    }

    /// Counts a run; true when it failed.
    fn add(&mut self, run: Run) -> bool {
        self.runs += 1;
        let failed = !run.outcome.is_finished();
        if failed {
            self.failures += 1;
            self.first.get_or_insert(run);
        }
        failed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, failures, .. } = self;
        match self.coverage {
            Coverage::Exhaustive => write!(f, "exhaustive: all {runs} schedules, {failures} failed")?,
            Coverage::Cut => {
                write!(f, "cut: {runs} schedules, {failures} failed; there are more, so nothing is proved")?;
            }
            Coverage::Sampled => {
                write!(f, "sampled: {runs} schedules, {failures} failed; nothing is proved of the others")?;
            }
            Coverage::Failed => write!(f, "failed after {runs} schedules")?,
        }
        self.first.as_ref().map_or(Ok(()), |run| write!(f, "\n{run}"))
    }
}
