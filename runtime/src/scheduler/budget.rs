//! How long things may run, and the figures behind it.

use std::time::Duration;

/// How long a worker runs actors before it yields to tokio. Longer slices gain a few percent on
/// message rate and multiply the latency of sockets under load: 50 us measured 51 us p50 for a TCP
/// echo beside 64 busy pairs, 200 us the same p50 with twice the p99, 1 ms 651 us.
pub const SLICE: Duration = Duration::from_micros(50);

/// How many slices in a row a worker runs without yielding to tokio while nobody else needs its
/// thread, as far as it can see. To yield wakes one of tokio's sleeping threads, each time: 5 us of
/// every 50, and another core kept busy with nothing.
pub const SLICES: u32 = 4;

/// How many turns in a row the slot for the cell scheduled last may take while others wait.
pub const LIFO_STREAK: u32 = 32;

/// Every so many turns the injector comes first, so that work from outside is not starved.
pub const INJECTOR_EVERY: u32 = 61;

/// A cell that has not run for this many slices gives its block back when it parks.
pub const COLD_SLICES: u32 = 16;

/// How long an entry must have waited in the ring of another worker before it is taken from there.
pub const WATCH: Duration = Duration::from_micros(20);

/// How often a watch looks at the clock at most, and how long it pauses between.
pub const WATCH_ROUNDS: u32 = 256;
/// See [`WATCH_ROUNDS`].
pub const WATCH_PAUSES: u32 = 16;

/// How long a worker sleeps, and nobody is woken for surplus, after it has watched others in vain.
pub const DOZE: Duration = Duration::from_millis(1);
