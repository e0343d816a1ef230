//! What can happen next, and what it is called in every run of a program.

use std::sync::Arc;

use crate::random::mix;

/// Says which actor it is in every run, however the runs differ: by who spawned it, as which child.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The same as a number.
    pub(super) hash: u64,
    /// The numbers of children, from an actor that nobody spawned.
    path: Arc<str>,
}

impl Key {
    /// The guest that a run is about.
    pub(super) fn guest() -> Self {
        Self { hash: mix(u64::MAX), path: "".into() }
    }

    /// Number `index` of those that no actor spawned.
    pub(super) fn root(index: u32) -> Self {
        Self { hash: mix(u64::from(index) + 1), path: index.to_string().into() }
    }

    /// Child number `index` of this actor.
    pub(super) fn child(&self, index: u32) -> Self {
        let hash = mix(self.hash.rotate_left(7) ^ (u64::from(index) + 1));
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { hash, path: format!("{}{dot}{index}", self.path).into() }
    }

    /// The actor's name in reports.
    pub(super) fn name(&self, label: Option<&str>) -> Arc<str> {
        format!("{}#{}", label.unwrap_or("actor"), self.path).into()
    }
}

/// One thing that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// An actor that is ready runs.
    Turn {
        /// Its index.
        actor: usize,
    },
    /// The first items under way from a sender to an actor arrive, and it runs.
    Arrival {
        /// The sender's code.
        from: u64,
        /// The receiver's index.
        to: usize,
        /// How many items.
        count: usize,
    },
}

/// A number for a list of choices, by what they are called.
#[derive(Debug)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    /// Of no choice.
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Adds a choice, given the keys of those concerned.
    pub(super) const fn add(&mut self, to: u64, from: u64, count: u64) {
        self.0 = mix(self.0 ^ mix(to ^ mix(from ^ mix(count))));
    }

    /// The number.
    pub(super) const fn get(&self) -> u64 {
        self.0
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_ancestors_and_on_nothing_else() {
        let (first, second) = (Key::root(0), Key::root(1));
        assert_eq!(&*second.child(3).child(0).name(Some("worker")), "worker#1.3.0");
        assert_eq!(first.child(2).hash, Key::root(0).child(2).hash);
        let hashes =
            [first.hash, second.hash, first.child(0).hash, first.child(1).hash, second.child(0).hash];
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash), "{hashes:?}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_order_and_content() {
        let of = |choices: &[(u64, u64, u64)]| {
            let mut print = Fingerprint::new();
            choices.iter().for_each(|(to, from, count)| print.add(*to, *from, *count));
            print.get()
        };
        assert_eq!(of(&[(1, 2, 0), (3, 4, 0)]), of(&[(1, 2, 0), (3, 4, 0)]));
        assert_ne!(of(&[(1, 2, 0), (3, 4, 0)]), of(&[(3, 4, 0), (1, 2, 0)]));
        assert_ne!(of(&[(1, 2, 0)]), of(&[(1, 2, 1)]));
    }
}
