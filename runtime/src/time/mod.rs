//! Time.
mod clock;
mod wheel;
pub use self::clock::{Clock, Timestamp, VirtualClock};
pub use self::wheel::{Key, Tick, Wheel};
