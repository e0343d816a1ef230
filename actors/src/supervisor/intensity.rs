//! Restart intensity: how many restarts a supervisor makes within a period before it gives up.
//!
//! The rule is that of OTP's `supervisor` (`add_restart`), with exact times where OTP has seconds: a
//! restart counts as long as it is not older than the period, and one more than the intensity is too
//! many. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use wharf_runtime::Timestamp;

/// The restarts that still count.
#[derive(Clone, Debug)]
pub(super) struct Window {
    intensity: u32,
    period: Duration,
    /// Never longer than the intensity and one.
    restarts: History,
}

/// What happened of late, in order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct History(VecDeque<Timestamp>);

impl History {
    const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Adds what happens at `now`, which must not be earlier than what did before, and forgets what is
    /// older than `period`.
    pub(super) fn add(&mut self, now: Timestamp, period: Duration) {
        while self.0.front().is_some_and(|first| now.saturating_since(*first) > period) {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }

    /// How often it had happened when it was added to last, that time included.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether a restart may be made.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allowance {
    /// It may.
    Granted,
    /// There were too many.
    Exceeded,
}

impl Window {
    /// At most `intensity` restarts within `period`.
    pub(super) const fn new(intensity: u32, period: Duration) -> Self {
        Self { intensity, period, restarts: History::new() }
    }

    /// Counts a restart at `now`, which must not be earlier than the one before.
    pub(super) fn count(&mut self, now: Timestamp) -> Allowance {
        self.restarts.add(now, self.period);
        if self.restarts.len() > self.intensity as usize { Allowance::Exceeded } else { Allowance::Granted }
    }

    /// How many restarts counted when the last one was made, that one included.
    pub(super) fn restarts(&self) -> usize {
        self.restarts.len()
    }

    /// How many of them are made.
    pub(super) const fn intensity(&self) -> u32 {
        self.intensity
    }

    /// How long a restart counts.
    pub(super) const fn period(&self) -> Duration {
        self.period
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_restart_counts_until_it_is_older_than_the_period() {
        let mut window = Window::new(1, Duration::from_secs(5));
        assert_eq!(window.count(at(0)), Allowance::Granted);
        assert_eq!(window.clone().count(at(5)), Allowance::Exceeded);
        assert_eq!(window.count(at(6)), Allowance::Granted);
        assert_eq!(window.restarts(), 1);
    }

    #[test]
    fn with_intensity_zero_the_first_restart_is_too_many() {
        assert_eq!(Window::new(0, Duration::MAX).count(at(9)), Allowance::Exceeded);
    }

    proptest! {
        /// The rule again, over the whole history.
        #[test]
        fn the_window_agrees_with_a_count_over_all_restarts(
            intensity in 0_u32..5,
            period in 0_u64..8,
            gaps in prop::collection::vec(0_u64..6, 0..40),
        ) {
            let mut window = Window::new(intensity, Duration::from_secs(period));
            let (mut history, mut now) = (Vec::new(), 0);
            for gap in gaps {
                now += gap;
                history.push(now);
                let counted = history.iter().filter(|then| **then + period >= now).count();
                let expected = if counted > intensity as usize { Allowance::Exceeded } else { Allowance::Granted };
                prop_assert_eq!(window.count(at(now)), expected);
                if expected == Allowance::Exceeded {
                    break;
                }
            }
        }
    }
}
