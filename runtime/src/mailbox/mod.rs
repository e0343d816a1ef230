//! An actor's own queue and everything it can do with it.
//!
//! `README.md` states how messages and signals share one order.

pub mod ask;
pub(crate) mod due;
pub(crate) mod far;
mod guest;
mod handle;
mod next;
mod receive;
pub mod reserve;
pub(crate) mod route;
mod save;
pub mod send;
mod send_all;
#[cfg(feature = "wire")]
pub(crate) mod send_as;
mod serve;
mod signals;
mod stopped;
mod undelivered;

pub(crate) use self::guest::{GuestFuture, LocalFuture, open_guest};
pub use self::handle::{Mailbox, exit_watch};
pub use self::next::Event;
pub use self::receive::{Next, Receive, ReceiveFrom, ReceiveMatch, ReceiveTimeout};
pub use self::save::SaveQueue;
pub use self::serve::{Serve, serve};
pub use self::signals::Lane;
pub use self::stopped::Stopped;
pub use self::undelivered::Undelivered;
