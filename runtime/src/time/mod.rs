//! Time.
mod clock;
mod wheel;
pub use self::clock::{Clock, Timestamp};
pub use self::wheel::{Key, Tick, Wheel};
