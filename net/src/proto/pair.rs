//! Order between two actors: each frame of a pair has its number, and they come without a gap.
//!
//! With one lane a gap can't be a delay: the peer lost or repeated a frame, and that is a violation.

use super::error::{CommandError, Violation};
use super::ids::{FarId, NearId};
use super::two_way::TwoWay;

/// Numbers of the next frames, each way.
#[derive(Debug)]
pub(crate) struct Pairs {
    out: TwoWay<u64>,
    into: TwoWay<u64>,
    limit: usize,
}

impl Pairs {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { out: TwoWay::new(), into: TwoWay::new(), limit }
    }

    /// Whether another frame from `near` to `far` may have a number.
    pub(crate) fn has_room(&self, near: NearId, far: FarId) -> Result<(), CommandError> {
        if self.out.get(near, far, 0).is_none() && self.out.len() >= self.limit {
            return Err(CommandError::TooMany { what: "pairs of actors", limit: self.limit });
        }
        Ok(())
    }

    /// The number of the next frame from `near` to `far`, which is now used.
    pub(crate) fn next(&mut self, near: NearId, far: FarId) -> u64 {
        if let Some(next) = self.out.get_mut(near, far, 0) {
            *next += 1;
            return *next - 1;
        }
        self.out.insert(near, far, 0, 1);
        0
    }

    /// A frame with number `got` came from `far` to `near`.
    pub(crate) fn check(&mut self, far: FarId, near: NearId, got: u64) -> Result<(), Violation> {
        let known = self.into.get_mut(near, far, 0);
        let expected = known.as_deref().copied().unwrap_or(0);
        if got != expected {
            return Err(Violation::Sequence { from: far, to: near, expected, got });
        }
        if let Some(next) = known {
            *next += 1;
        } else if self.into.len() >= self.limit {
            return Err(Violation::TooMany { what: "pairs of actors", limit: self.limit });
        } else {
            self.into.insert(near, far, 0, 1);
        }
        Ok(())
    }

    /// `near` is gone: nothing comes from it, and what comes to it has no order any more.
    pub(crate) fn forget_near(&mut self, near: NearId) {
        self.out.take_near(near);
        self.into.take_near(near);
    }

    /// `far` is gone.
    pub(crate) fn forget_far(&mut self, far: FarId) {
        self.out.take_far(far);
        self.into.take_far(far);
    }

    /// Whether anything went from `near` to the peer.
    pub(crate) fn len(&self) -> usize {
        self.out.len() + self.into.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: NearId = NearId { slot: 1, generation: 1 };
    const OTHER: NearId = NearId { slot: 2, generation: 1 };
    const FAR: FarId = FarId { slot: 1, generation: 1 };

    #[test]
    fn a_gap_and_a_repeat_are_violations_of_the_pair_and_of_no_other() {
        let mut pairs = Pairs::new(10);
        assert_eq!((pairs.next(NEAR, FAR), pairs.next(NEAR, FAR), pairs.next(OTHER, FAR)), (0, 1, 0));
        assert_eq!(pairs.check(FAR, NEAR, 0), Ok(()));
        assert_eq!(pairs.check(FAR, NEAR, 1), Ok(()));
        let wrong = |got| Err(Violation::Sequence { from: FAR, to: NEAR, expected: 2, got });
        assert_eq!(pairs.check(FAR, NEAR, 3), wrong(3));
        assert_eq!(pairs.check(FAR, NEAR, 1), wrong(1));
        assert_eq!(pairs.check(FAR, OTHER, 0), Ok(()));
    }

    #[test]
    fn an_actor_that_is_gone_takes_no_memory() {
        let mut pairs = Pairs::new(2);
        pairs.next(NEAR, FAR);
        pairs.next(OTHER, FAR);
        pairs.check(FAR, NEAR, 0).unwrap();
        let more = FarId { slot: 9, generation: 1 };
        assert!(pairs.has_room(NEAR, FAR).is_ok() && pairs.has_room(NEAR, more).is_err());
        pairs.forget_near(NEAR);
        assert_eq!(pairs.len(), 1);
        pairs.forget_far(FAR);
        assert_eq!(pairs.len(), 0);
    }
}
