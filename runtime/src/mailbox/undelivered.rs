//! A message on its way back to its sender.

use std::fmt;

/// A message that was not delivered.
///
/// It can only be taken out by value, which is why it may be shared between threads whatever the
/// message is: errors that carry it stay usable with `?` and `Box<dyn Error + Send + Sync>`.
pub struct Undelivered<M>(M);

// SAFETY: a shared `Undelivered` gives no access to the message; only `into_inner`, by value, does.
unsafe impl<M> Sync for Undelivered<M> {}

impl<M> Undelivered<M> {
    /// Wraps a message.
    pub const fn new(message: M) -> Self {
        Self(message)
    }

    /// The message.
    pub fn into_inner(self) -> M {
        self.0
    }
}

impl<M> fmt::Debug for Undelivered<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<M>())
    }
}
