//! A value that the threads of a model share, without a count of who has it.

use std::ops::Deref;

/// Shares a value with the threads of a model.
///
/// Counting references would add steps to explore. And a model that fails must not run destructors:
/// they would use loom where there is no model any more. So the value leaks unless it is ended.
#[derive(Debug)]
pub struct Shared<T: 'static>(&'static T);

impl<T> Shared<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Self {
        Self(Box::leak(Box::new(value)))
    }

    /// Drops the value.
    ///
    /// # Safety
    /// Nobody uses it any more, through whatever copy.
    pub unsafe fn end(self) {
        // SAFETY: it came from a box, and by contract nobody else uses it.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self.0).cast_mut()) });
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}
