//! Time: where it comes from, and what is to happen when.
//!
//! A [`Timestamp`] is exact and counts nanoseconds; a [`Tick`] is a whole millisecond, the grain of
//! the [`Wheel`]. The present is rounded down to its tick and a deadline up, so nothing rings early,
//! and less than a tick late if the wheel is advanced on time.
//!
//! Nothing here is global, and only [`Clock::now`] looks at real time.

mod clock;
mod wheel;

pub use self::clock::{Clock, Timestamp, VirtualClock};
pub use self::wheel::{Key, Tick, Wheel};
