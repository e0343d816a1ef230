//! What a supervisor makes of a child's crash.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::id::ActorId;

/// What a supervisor decides about a child that has crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrashDecision {
    /// It is started anew, at once.
    Restart,
    /// That would be more restarts than are allowed: the supervisor stops all its children and ends.
    GiveUp,
    /// The child had not started yet, nor had its supervisor, which ends.
    FailToStart,
    /// The child had not started yet. Whoever asked for its start is told.
    TellCaller,
    /// It is not started anew: it is temporary.
    LeaveTemporary,
    /// It is not started anew: it was asked to stop, alone or with all others.
    LeaveStopping,
}

impl CrashDecision {
    /// A word for it, for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::GiveUp => "give_up",
            Self::FailToStart => "fail_to_start",
            Self::TellCaller => "tell_caller",
            Self::LeaveTemporary => "leave_temporary",
            Self::LeaveStopping => "leave_stopping",
        }
    }
}

/// A crash as its supervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Supervision {
    /// The supervisor.
    pub supervisor: ActorId,
    /// What the child is called among its children.
    pub child: Arc<str>,
    /// How often this child has crashed within the period, this time included.
    pub crashes: usize,
    /// How often children had to be started anew within the period, this time included if it has.
    pub restarts: usize,
    /// How many restarts the supervisor makes within the period before it gives up.
    pub intensity: u32,
    /// The period.
    pub period: Duration,
    /// What it decides.
    pub decision: CrashDecision,
}

impl Supervision {
    /// Puts one together.
    #[must_use]
    pub const fn new(
        supervisor: ActorId,
        child: Arc<str>,
        crashes: usize,
        restarts: usize,
        (intensity, period): (u32, Duration),
        decision: CrashDecision,
    ) -> Self {
        Self { supervisor, child, crashes, restarts, intensity, period, decision }
    }
}

impl fmt::Display for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { supervisor, child, restarts, intensity, period, .. } = self;
        match self.decision {
            CrashDecision::Restart => {
                write!(f, "{supervisor} restarts \"{child}\" now, {restarts} of {intensity} in {period:?}")
            }
            CrashDecision::GiveUp => {
                write!(
                    f,
                    "{supervisor} gives up: \"{child}\" would be restart {restarts} of {intensity} in "
                )?;
                write!(f, "{period:?}")
            }
            CrashDecision::FailToStart => write!(f, "{supervisor} ends: \"{child}\" did not start"),
            CrashDecision::TellCaller => {
                write!(f, "not restarted: {supervisor} tells who asked it to start \"{child}\"")
            }
            CrashDecision::LeaveTemporary => write!(f, "not restarted: \"{child}\" is temporary"),
            CrashDecision::LeaveStopping => write!(f, "not restarted: \"{child}\" was asked to stop"),
        }
    }
}
