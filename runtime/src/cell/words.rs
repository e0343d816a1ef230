//! Small parts of a cell's run part: flags, a moment, and the words that are a living actor's until they
//! say why it ended.

use std::mem::ManuallyDrop;

use crate::exit::ExitReason;
use crate::time::Timestamp;

/// What may be true of an actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Flag {
    /// The slice is over: another turn, please.
    Yielded = 1,
    /// Exit signals become notices.
    Trapping = 1 << 1,
    /// `stop` has been reached.
    Stopped = 1 << 2,
    /// The actor is told of an exit and ends by itself.
    LastWords = 1 << 3,
    /// A reference to the cell is kept for a waker to be lent: see `reply/own.rs`.
    Spare = 1 << 4,
    /// The future (or the guest's body) has been dropped.
    BodyGone = 1 << 5,
    /// [`Words`] are the reason.
    Ended = 1 << 6,
}

/// Which of them are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u8);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether it is true.
    #[inline(always)]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & flag as u8 != 0
    }

    /// Makes it true.
    #[inline(always)]
    pub const fn set(&mut self, flag: Flag) {
        self.0 |= flag as u8;
    }

    /// Makes it false; says whether it was true.
    #[inline(always)]
    pub const fn take(&mut self, flag: Flag) -> bool {
        let had = self.has(flag);
        // Mostly it was not, and then nothing is written.
        if had {
            self.0 &= !(flag as u8);
        }
        had
    }
}

/// A time in five bytes: milliseconds of the node's clock, for 34 years.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment([u8; 5]);

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Moment {
    /// The millisecond that has begun.
    pub const fn of(time: Timestamp) -> Self {
        let [a, b, c, d, e, ..] = (time.as_nanos() / NANOS_PER_MILLI).to_le_bytes();
        Self([a, b, c, d, e])
    }

    /// Its beginning.
    pub const fn time(self) -> Timestamp {
        let [a, b, c, d, e] = self.0;
        Timestamp::from_nanos(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]) * NANOS_PER_MILLI)
    }
}

/// What only a living actor has in its run part.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Living {
    /// Code of the sender of the message received last.
    pub sender: u64,
    /// The slice in which it last parked for messages.
    pub last_slice: u32,
    /// On which worker's list of open deadlines the cell was put last, and in which tick.
    pub listed: u32,
}

/// Room for what a living actor has there, and for why a dead one ended.
///
/// It is what [`Living`] says until [`Words::end`], which death calls when nothing of the actor runs any
/// more; from then on it is the reason. `Flag::Ended` says which.
#[repr(C)]
pub union Words {
    living: Living,
    reason: ManuallyDrop<ExitReason>,
}

const _: () = assert!(size_of::<Words>() == 16);

impl Words {
    /// Those of a new actor.
    pub const ALIVE: Self = Self { living: Living { sender: 0, last_slice: 0, listed: 0 } };

    /// What the living actor has there.
    #[inline(always)]
    pub const fn living(&self) -> &Living {
        // SAFETY: read only by the actor's turns and by the beginning of its death, before `end`.
        unsafe { &self.living }
    }

    /// As [`Words::living`], to be changed.
    #[inline(always)]
    pub const fn living_mut(&mut self) -> &mut Living {
        // SAFETY: as above.
        unsafe { &mut self.living }
    }

    /// Notes why the actor ended. Set `Flag::Ended`.
    pub const fn end(&mut self, reason: ExitReason) {
        self.reason = ManuallyDrop::new(reason);
    }

    /// Takes the reason out. Take `Flag::Ended` back, which was set.
    ///
    /// # Safety
    /// They are the reason, which is not read again.
    pub unsafe fn take(&mut self) -> ExitReason {
        // SAFETY: by contract.
        unsafe { ManuallyDrop::take(&mut self.reason) }
    }

    /// The reason.
    ///
    /// # Safety
    /// They are the reason, and nobody writes them meanwhile.
    pub unsafe fn reason(words: *const Self) -> ExitReason {
        // SAFETY: by contract.
        let reason: &ExitReason = unsafe { &(*words).reason };
        reason.clone()
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_set_and_taken_by_itself() {
        let mut flags = Flags::NONE;
        flags.set(Flag::Spare);
        flags.set(Flag::Yielded);
        assert!(flags.has(Flag::Spare) && flags.has(Flag::Yielded) && !flags.has(Flag::Stopped));
        assert!(flags.take(Flag::Spare));
        assert!(!flags.take(Flag::Spare) && flags.has(Flag::Yielded));
    }

    #[test]
    fn a_moment_is_its_millisecond() {
        for (nanos, rounded) in [(0, 0), (1_999_999, 1_000_000), (u64::MAX / 20, 922_337_203_685_000_000)] {
            assert_eq!(Moment::of(Timestamp::from_nanos(nanos)).time().as_nanos(), rounded);
        }
        assert_eq!(size_of::<(Flags, Moment)>(), 6);
    }

    #[test]
    fn words_are_the_living_ones_and_then_the_reason() {
        let mut words = Words::ALIVE;
        words.living_mut().sender = 4;
        assert_eq!(words.living().sender, 4);
        words.end(ExitReason::custom("done"));
        // SAFETY: ended just above.
        assert_eq!(unsafe { Words::reason(&raw const words) }, ExitReason::custom("done"));
        // SAFETY: as above, and not used again.
        assert_eq!(unsafe { words.take() }, ExitReason::custom("done"));
    }
}
