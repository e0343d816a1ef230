//! What a run came to, and how it came to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cell::header::Wait;

use super::schedule::Schedule;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing more could happen, nobody waits for what can't come, and the check was content.
    Finished,
    /// The check was not content, or panicked.
    Failed {
        /// What it said.
        message: String,
    },
    /// Actors wait for replies, room or the end of others, and none of it can come. Or only the
    /// timeouts of asks that wait for each other in a circle could go on.
    Deadlock {
        /// Who waits for what.
        stuck: Vec<Stuck>,
    },
    /// An actor waits for something wharf does not control.
    Uncontrolled {
        /// The actor's name.
        actor: String,
        /// Where it was spawned.
        spawned_at: String,
    },
    /// The run was cut after as many turns as were allowed.
    StepLimit,
    /// The program did not offer the choices that the schedule was made for: it depends on
    /// something that is no choice (time, randomness, another thread), or it is another program.
    Diverged {
        /// The number of the choice.
        at: usize,
    },
}

impl Outcome {
    /// Whether all is well.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self, Self::Finished)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Failed { message } => write!(f, "failed: {message}"),
            Self::Deadlock { stuck } => {
                f.write_str("deadlock:")?;
                stuck.iter().try_for_each(|stuck| write!(f, "\n  {stuck}"))
            }
            Self::Uncontrolled { actor, spawned_at } => {
                write!(f, "{actor}, spawned at {spawned_at}, awaits something wharf does not control")
            }
            Self::StepLimit => f.write_str("cut: more turns than allowed"),
            Self::Diverged { at } => {
                write!(f, "diverged at choice {at}: the program does not do the same again")
            }
        }
    }
}

/// An actor that waits for what can't come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// Its name: its label, and by which spawns it came about.
    pub actor: String,
    /// What it waits for.
    pub wait: Wait,
    /// To whom it sent last, when it waits for a reply or for room.
    pub on: Option<String>,
    /// Where it was spawned.
    pub spawned_at: String,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.actor, self.wait.describe())?;
        if let Some(on) = &self.on {
            write!(f, " of {on}")?;
        }
        write!(f, "; spawned at {}", self.spawned_at)
    }
}

/// One thing that happened in a run.
#[derive(Clone, Debug)]
pub struct Step(pub(super) Happened);

/// What a step was.
#[derive(Clone, Debug)]
pub(super) enum Happened {
    /// An actor ran.
    Turn { actor: Arc<str> },
    /// Something arrived.
    Arrival { to: Arc<str>, from: Option<Arc<str>>, items: Vec<&'static str> },
    /// An actor had a number chosen.
    Draw { actor: Arc<str>, chosen: usize, count: usize },
    /// Time went on.
    Clock { now: Duration },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Happened::Turn { actor } => write!(f, "{actor} runs"),
            Happened::Arrival { to, from, items } => {
                f.write_str(to)?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{} {item}", if at == 0 { " <-" } else { "," })?;
                }
                from.as_ref().map_or(Ok(()), |from| write!(f, " from {from}"))
            }
            Happened::Draw { actor, chosen, count } => write!(f, "{actor} draws {chosen} of {count}"),
            Happened::Clock { now } => write!(f, "the clock goes on to {now:?}"),
        }
    }
}

/// One run of a program.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) schedule: Schedule,
    pub(super) outcome: Outcome,
    pub(super) steps: Vec<Step>,
    pub(super) crashes: Vec<String>,
    pub(super) elapsed: Duration,
    pub(super) seed: Option<u64>,
}

impl Run {
    /// The choices that were made: [`replay`](super::replay) makes them again.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// How it ended.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What happened, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Reports of the actors that crashed.
    #[must_use]
    pub fn crashes(&self) -> &[String] {
        &self.crashes
    }

    /// How much virtual time passed.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The seed that the choices were drawn from, if they were.
    #[must_use]
    pub const fn seed(&self) -> Option<u64> {
        self.seed
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nschedule: {}", self.outcome, self.schedule)?;
        if let Some(seed) = self.seed {
            write!(f, "\nseed: {seed}")?;
        }
        for (at, step) in self.steps.iter().enumerate() {
            write!(f, "\n{:4}. {step}", at + 1)?;
        }
        self.crashes.iter().try_for_each(|crash| write!(f, "\n{crash}"))
    }
}
