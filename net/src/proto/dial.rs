//! Who calls whom, and when again: pure rules.

use std::time::Duration;

use super::ids::NodeName;

/// Whose call goes on when two nodes call each other at the same time: the one with the greater
/// name. Both ends know both names, so both come to the same answer.
///
/// # Examples
/// ```
/// use wharf_net::proto::{NodeName, call_of_first_goes_on};
/// let (a, b) = (NodeName::new("a").unwrap(), NodeName::new("b").unwrap());
/// assert!(call_of_first_goes_on(&b, &a) && !call_of_first_goes_on(&a, &b));
/// ```
#[must_use]
pub fn call_of_first_goes_on(first: &NodeName, second: &NodeName) -> bool {
    first > second
}

/// How long to wait before the next call: twice as long each time, up to a limit, with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failed: u32,
}

impl Backoff {
    /// No call has failed yet.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failed: 0 }
    }

    /// A call failed: how long to wait. `jitter` is any random number; the wait is between half of
    /// the step and all of it, so that those who failed together don't call together.
    pub fn fail(&mut self, jitter: u64) -> Duration {
        let step = self.first.saturating_mul(1_u32.checked_shl(self.failed).unwrap_or(u32::MAX));
        let step = step.min(self.most);
        self.failed = self.failed.saturating_add(1);
        let half = step / 2;
        let part = u32::try_from(jitter % 1024).unwrap_or(0);
        half + half * part / 1023
    }

    /// A call succeeded.
    pub const fn succeed(&mut self) {
        self.failed = 0;
    }

    /// Calls that failed in a row.
    #[must_use]
    pub const fn failed(&self) -> u32 {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn of_two_nodes_exactly_one_call_goes_on(a in "[a-c]{1,3}", b in "[a-c]{1,3}") {
            let (a, b) = (NodeName::new(&a).unwrap(), NodeName::new(&b).unwrap());
            prop_assume!(a != b);
            prop_assert_ne!(call_of_first_goes_on(&a, &b), call_of_first_goes_on(&b, &a));
        }

        #[test]
        fn waits_double_up_to_the_limit_and_jitter_takes_at_most_half(jitter: u64, fails in 0_u32..80) {
            let (first, most) = (Duration::from_millis(100), Duration::from_secs(30));
            let mut backoff = Backoff::new(first, most);
            let mut step = first;
            for _ in 0..fails {
                let wait = backoff.fail(jitter);
                prop_assert!(wait >= step / 2 && wait <= step, "{:?} of {:?}", wait, step);
                step = (step * 2).min(most);
            }
            prop_assert_eq!(backoff.failed(), fails);
            backoff.succeed();
            prop_assert!(backoff.fail(jitter) <= first);
        }
    }
}
