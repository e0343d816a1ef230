//! Temporary.
use std::time::Duration;
use super::Tick;
use crate::primitive::{AtomicU64, Ordering};
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp(u64);
impl Timestamp {
    pub const MAX: Self = Self(u64::MAX);
    pub const fn from_nanos(n: u64) -> Self { Self(n) }
    pub const fn as_nanos(self) -> u64 { self.0 }
    pub fn saturating_add(self, d: Duration) -> Self { Self(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))) }
    pub fn tick(self) -> Tick { Tick::from_millis(self.0 / 1_000_000) }
    pub fn tick_ceil(self) -> Tick { Tick::from_millis(self.0.div_ceil(1_000_000)) }
}
#[derive(Debug)]
pub enum Clock { System(tokio::time::Instant), Virtual(VirtualClock) }
impl Clock {
    pub fn system() -> Self { Self::System(tokio::time::Instant::now()) }
    pub fn now(&self) -> Timestamp { match self { Self::System(s) => Timestamp(s.elapsed().as_nanos() as u64), Self::Virtual(v) => v.now() } }
    pub fn instant_of(&self, t: Tick) -> tokio::time::Instant { match self { Self::System(s) => *s + Duration::from_millis(t.as_millis()), Self::Virtual(_) => tokio::time::Instant::now() } }
}

#[derive(Clone, Debug)]
pub struct VirtualClock(std::sync::Arc<AtomicU64>);
impl VirtualClock {
    pub fn new() -> Self { Self(std::sync::Arc::new(AtomicU64::new(0))) }
    pub fn now(&self) -> Timestamp { Timestamp(self.0.load(Ordering::Relaxed)) }
    pub fn advance_to(&self, time: Timestamp) { self.0.fetch_max(time.0, Ordering::Relaxed); }
}
