//! What a supervisor does when a child has ended. Pure: no actors, no time.
//!
//! The rules are those of OTP's `supervisor`.

use std::ops::Range;

use wharf_runtime::ExitReason;

use super::spec::Restart;

/// Which children are started anew when one has to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// The one that ended.
    #[default]
    OneForOne,
}

impl Strategy {
    /// The places of the children to be started anew because of the one at `ended`, of `count`: to
    /// be stopped from the last to the first, and started from the first to the last.
    pub(super) const fn affected(self, ended: usize, count: usize) -> Range<usize> {
        debug_assert!(ended < count);
        match self {
            Self::OneForOne => ended..ended + 1,
        }
    }
}

/// How a child ended that nobody had asked its supervisor to stop.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended<'a> {
    /// It had started, and ended for this reason.
    Run(&'a ExitReason),
    /// It was being started anew, and that failed.
    Restart,
}

/// What is to become of the child.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Start it anew, if the restart intensity allows.
    Restart,
    /// Keep its spec: it can be restarted on demand.
    Retire,
    /// Drop its spec.
    Forget,
}

/// Decides on a child that has ended.
pub(super) const fn decide(restart: Restart, ended: Ended<'_>) -> Decision {
    match (restart, ended) {
        (Restart::Temporary, _) => Decision::Forget,
        (Restart::Permanent, _) | (Restart::Transient, Ended::Restart) => Decision::Restart,
        (Restart::Transient, Ended::Run(reason)) => {
            if reason.is_orderly() {
                Decision::Retire
            } else {
                Decision::Restart
            }
        }
    }
}

/// What is to become of a child that was stopped on demand.
pub(super) const fn decide_stopped(restart: Restart) -> Decision {
    match restart {
        Restart::Temporary => Decision::Forget,
        Restart::Permanent | Restart::Transient => Decision::Retire,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permanent_child_is_always_restarted() {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::Killed] {
            assert_eq!(decide(Restart::Permanent, Ended::Run(&reason)), Decision::Restart);
        }
    }

    #[test]
    fn a_transient_child_is_restarted_unless_its_end_was_orderly() {
        let orderly = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(1)];
        for reason in orderly {
            assert_eq!(decide(Restart::Transient, Ended::Run(&reason)), Decision::Retire);
        }
        for reason in [ExitReason::Killed, ExitReason::failed("x"), ExitReason::NoProc] {
            assert_eq!(decide(Restart::Transient, Ended::Run(&reason)), Decision::Restart);
        }
    }

    #[test]
    fn a_restart_that_fails_is_tried_again_whatever_it_failed_with() {
        assert_eq!(decide(Restart::Transient, Ended::Restart), Decision::Restart);
        assert_eq!(decide(Restart::Permanent, Ended::Restart), Decision::Restart);
    }

    #[test]
    fn a_temporary_child_is_forgotten_however_it_ends() {
        assert_eq!(decide(Restart::Temporary, Ended::Run(&ExitReason::Killed)), Decision::Forget);
        assert_eq!(decide_stopped(Restart::Temporary), Decision::Forget);
        assert_eq!(decide_stopped(Restart::Permanent), Decision::Retire);
    }

    #[test]
    fn one_for_one_affects_the_one_that_ended() {
        assert_eq!(Strategy::OneForOne.affected(2, 5), 2..3);
    }
}
