//! What the code made by the macros refers to. Not for programs.

pub use crate::handle::{Asking, Sending};
pub use crate::unheard::{Returned, ReturnedDebug, ReturnedError, ReturnedValue, Unreturned};

/// Messages that a macro made.
pub trait Kind {
    /// The method that it is for.
    fn kind(&self) -> &'static str;
}

/// Part of a message.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of a message: it is not `Send`",
    label = "can't be sent to another thread"
)]
pub trait Part {}

impl<T: Send + 'static> Part for T {}

/// Insists that `T` may be part of a message.
pub const fn part<T: Part>() {}

#[cfg(not(feature = "net"))]
pub use crate::__no_wire as wire;
#[cfg(feature = "net")]
pub use crate::__wire as wire;

/// What is there only where messages may travel.
#[cfg(feature = "net")]
#[doc(hidden)]
#[macro_export]
macro_rules! __wire {
    ($($made:tt)*) => { $($made)* };
}

/// What is there only where messages may travel: not here.
#[cfg(not(feature = "net"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __no_wire {
    ($($made:tt)*) => {};
}
