//! Two jobs side by side, either of them on the thread that loom runs first.

use loom::thread;

/// Which job the starting thread does, see `README.md` on masked loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Roles {
    /// The first.
    AsWritten,
    /// The second.
    Swapped,
}

impl Roles {
    /// Both, for models that are to hold either way.
    pub const BOTH: [Self; 2] = [Self::AsWritten, Self::Swapped];

    /// Does two jobs side by side.
    pub fn side_by_side<A, B>(
        self,
        first: impl FnOnce() -> A + 'static,
        second: impl FnOnce() -> B + 'static,
    ) -> (A, B)
    where
        A: 'static,
        B: 'static,
    {
        match self {
            Self::AsWritten => {
                let second = thread::spawn(second);
                let first = first();
                (first, second.join().unwrap())
            }
            Self::Swapped => {
                let first = thread::spawn(first);
                let second = second();
                (first.join().unwrap(), second)
            }
        }
    }
}
