//! The one door to atomics, shared cells, locks and spinning.
//!
//! Under `--cfg wharf_loom` everything here is loom's, so that a model sees each access; otherwise
//! it is the standard library's and `parking_lot`'s. Clippy's `disallowed-types` keeps the rest of
//! the crate from going round it.

#![allow(clippy::disallowed_types, reason = "this is the module the lint sends everyone else to")]

pub use imp::*;

#[cfg(not(wharf_loom))]
mod imp {
    pub use std::sync::atomic::{
        AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence,
    };

    /// A lock that knows no poisoning.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(parking_lot::Mutex<T>);

    impl<T> Mutex<T> {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            Self(parking_lot::const_mutex(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock()
        }

        /// Reaches the value through exclusive access.
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut()
        }
    }

    /// What [`Mutex::lock`] gives.
    pub type MutexGuard<'a, T> = parking_lot::MutexGuard<'a, T>;

    /// An `UnsafeCell` with loom's interface: access through closures that get a raw pointer.
    #[derive(Debug)]
    #[repr(transparent)]
    pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Reads: no write may happen at the same time.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Writes: no other access may happen at the same time.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// Waits a moment inside a spin loop.
    #[inline(always)]
    pub fn spin_loop() {
        std::hint::spin_loop();
    }

    /// Gives the processor to another thread.
    pub fn yield_thread() {
        std::thread::yield_now();
    }

    /// Whether the model under way breaks the named step on purpose: never, outside loom.
    #[inline(always)]
    #[must_use]
    pub const fn mutated(_name: &str) -> bool {
        false
    }
}

#[cfg(wharf_loom)]
mod imp {
    pub use loom::cell::UnsafeCell;
    pub use loom::sync::atomic::{
        AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence,
    };

    /// A lock that knows no poisoning.
    #[derive(Debug)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    impl<T> Mutex<T> {
        /// Wraps `value`.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            match self.0.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }

        /// Reaches the value through exclusive access.
        pub fn get_mut(&mut self) -> &mut T {
            match self.0.get_mut() {
                Ok(value) => value,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }

    /// What [`Mutex::lock`] gives.
    pub type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

    /// Waits a moment inside a spin loop; tells loom that another thread must move first.
    pub fn spin_loop() {
        loom::thread::yield_now();
    }

    /// Gives the processor to another thread.
    pub fn yield_thread() {
        loom::thread::yield_now();
    }

    std::thread_local! {
        static MUTATION: std::cell::Cell<&'static str> = const { std::cell::Cell::new("") };
    }

    /// Whether the model under way breaks the named step on purpose.
    ///
    /// loom runs all threads of a model as coroutines of one system thread, so a thread-local of
    /// the standard library is one value for a whole model.
    #[must_use]
    pub fn mutated(name: &str) -> bool {
        MUTATION.with(|m| m.get() == name)
    }

    /// Breaks the named step from now on; `""` breaks nothing.
    pub fn set_mutation(name: &'static str) {
        MUTATION.with(|m| m.set(name));
    }
}
