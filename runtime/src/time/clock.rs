//! Where the time comes from: a real clock, one that is turned by hand, and a cheap copy of either.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::wheel::Tick;
use crate::primitive::{AtomicU64, Ordering};

const NANOS_PER_TICK: u64 = 1_000_000;

/// A moment: nanoseconds since the start of a node's clock.
///
/// Those of different nodes have nothing to do with each other.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wharf_runtime::Timestamp;
///
/// let start = Timestamp::from_nanos(500);
/// let end = start.saturating_add(Duration::from_micros(2));
/// assert_eq!(end.as_nanos(), 2_500);
/// assert_eq!(end.saturating_since(start), Duration::from_micros(2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than any moment a clock reaches: 584 years after its start.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` after the clock's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `duration` later, or [`MAX`](Self::MAX) when that is out of range.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration)))
    }

    /// How much time has passed since `earlier`; zero when it is in fact later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The tick that has begun: right for the present time.
    #[must_use]
    pub(crate) const fn tick(self) -> Tick {
        Tick::from_millis(self.0 / NANOS_PER_TICK)
    }

    /// The first tick that does not begin earlier: right for a deadline, which so never rings early.
    #[must_use]
    pub(crate) const fn tick_ceil(self) -> Tick {
        Tick::from_millis(self.0.div_ceil(NANOS_PER_TICK))
    }
}

/// Where a node's time comes from.
#[derive(Debug)]
pub enum Clock {
    /// Real time since this instant.
    ///
    /// It is tokio's time, so `tokio::time::pause` and `advance` govern it on the threads of the
    /// runtime that they were called in. Elsewhere it is the system's monotonic time.
    System(Instant),
    /// Time stands still until somebody turns it forward.
    Virtual(VirtualClock),
}

impl Clock {
    /// Real time that begins now.
    #[must_use]
    pub fn system() -> Self {
        Self::System(Instant::now())
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System(start) => Timestamp(saturating_nanos(start.elapsed())),
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// Until when tokio must sleep for a tick to come.
    ///
    /// No sleep brings on a tick of virtual time, so then the instant is years away: whoever turns
    /// the clock also looks at the alarms.
    #[must_use]
    pub fn instant_of(&self, tick: Tick) -> Instant {
        match self {
            Self::System(start) => {
                start.checked_add(Duration::from_millis(tick.as_millis())).unwrap_or_else(far_away)
            }
            Self::Virtual(_) => far_away(),
        }
    }
}

/// A clock that is turned by hand. All clones show the same time, on as many nodes as share them.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// A clock that shows its start.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        // Relaxed, with no partner: the number is all that it carries. Whoever hears from a thread
        // that has seen a time sees that one or a later one, by the coherence of a single location.
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    /// Turns it forward; a time it has passed leaves it alone.
    pub fn advance_to(&self, time: Timestamp) {
        // Relaxed, as in `now`. One step, so that two who turn it never set it back.
        self.0.fetch_max(time.0, Ordering::Relaxed);
    }
}

fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// An instant that no program lives to see, yet near enough for every platform's arithmetic.
fn far_away() -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    Instant::now() + THIRTY_YEARS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_a_tick_rounds_down_as_the_present_and_up_as_a_deadline() {
        let rounded = |nanos| {
            let moment = Timestamp::from_nanos(nanos);
            (moment.tick().as_millis(), moment.tick_ceil().as_millis())
        };
        assert_eq!(rounded(0), (0, 0));
        assert_eq!(rounded(1), (0, 1));
        assert_eq!(rounded(999_999), (0, 1));
        assert_eq!(rounded(1_000_000), (1, 1));
        assert_eq!(rounded(1_000_001), (1, 2));
        assert_eq!(rounded(u64::MAX), (18_446_744_073_709, 18_446_744_073_710));
    }

    #[test]
    fn sums_and_differences_saturate() {
        let moment = Timestamp::from_nanos(5);
        assert_eq!(moment.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::from_nanos(1)), Timestamp::MAX);
        assert_eq!(moment.saturating_since(Timestamp::from_nanos(2)), Duration::from_nanos(3));
        assert_eq!(moment.saturating_since(Timestamp::MAX), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_stands_still_while_tokio_is_paused_and_moves_with_it() {
        let clock = Clock::system();
        assert_eq!(clock.now(), Timestamp::from_nanos(0));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now(), Timestamp::from_nanos(1_500_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_until_a_ticks_instant_ends_in_that_tick() {
        let clock = Clock::system();
        tokio::time::advance(Duration::from_micros(2500)).await;
        let due = Timestamp::from_nanos(4_200_000).tick_ceil();
        tokio::time::sleep_until(clock.instant_of(due)).await;
        assert!(clock.now().tick() >= due);
        assert!(clock.now().tick() <= Tick::from_millis(due.as_millis() + 1));
    }

    #[test]
    fn the_system_clock_goes_on_outside_a_runtime() {
        let clock = Clock::system();
        let first = clock.now();
        // Bounded: a clock that never moved would end the loop with equal readings.
        let later = (0..1_000_000).map(|_| clock.now()).find(|now| *now != first);
        assert!(later.is_some_and(|later| later > first));
    }

    #[test]
    fn the_last_tick_has_an_instant() {
        let clock = Clock::system();
        let soon = clock.instant_of(Tick::from_millis(1));
        assert!(clock.instant_of(Tick::MAX) > soon);
    }

    #[tokio::test(start_paused = true)]
    async fn no_sleep_brings_on_a_tick_of_virtual_time() {
        let clock = Clock::Virtual(VirtualClock::new());
        assert!(clock.instant_of(Tick::from_millis(0)) > Instant::now() + Duration::from_secs(1_000_000));
    }

    #[test]
    fn virtual_time_is_turned_forward_for_all_who_share_it() {
        let hand = VirtualClock::new();
        let clocks = [Clock::Virtual(hand.clone()), Clock::Virtual(hand.clone())];
        assert!(clocks.iter().all(|clock| clock.now() == Timestamp::from_nanos(0)));
        hand.advance_to(Timestamp::from_nanos(70));
        assert!(clocks.iter().all(|clock| clock.now() == Timestamp::from_nanos(70)));
    }

    #[test]
    fn virtual_time_is_never_turned_back() {
        let clock = VirtualClock::new();
        clock.advance_to(Timestamp::from_nanos(70));
        clock.advance_to(Timestamp::from_nanos(69));
        assert_eq!(clock.now(), Timestamp::from_nanos(70));
    }
}
