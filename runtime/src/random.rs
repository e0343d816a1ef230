//! Random numbers of a node: each seat draws from a stream of its own, all of them from the node's
//! seed. Not for secrets.

use std::hash::{BuildHasher, RandomState};
use std::task::{Context, Poll};

use crate::cell::header::Wait;
use crate::scheduler::Seat;
use crate::wait::note_wait;

/// What `SplitMix64` adds for each number (Steele, Lea and Flood 2014).
pub(crate) const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Scrambles a number: the finalizer of `SplitMix64`.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

/// A number below `count` out of a random one.
pub(crate) fn below(random: u64, count: usize) -> usize {
    let wide = u128::from(random) * count as u128;
    // The high half of the product is below `count`.
    usize::try_from(wide >> 64).unwrap_or(0)
}

/// Bits that no seed decides.
pub(crate) fn unseeded() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// Chooses a number below `count`: at random from the node's seed, or as the explorer wants. Pending
/// while the explorer has not decided.
#[doc(hidden)]
pub fn poll_choice(count: usize, cx: &Context<'_>) -> Poll<usize> {
    if count < 2 {
        return Poll::Ready(0);
    }
    let chosen = Seat::with(|seat| match seat {
        None => Some(below(unseeded(), count)),
        Some(seat) => match &seat.node().core {
            None => Some(below(seat.random(), count)),
            Some(core) => core.choose(count),
        },
    });
    match chosen {
        Some(chosen) => Poll::Ready(chosen),
        None => {
            note_wait(Wait::Turn);
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}
