//! What all connections of a node share: who can be reached, which types are known, what may be spawned.

use std::collections::BTreeSet;

use super::seal::Exports;
use super::types::TypeTable;

/// The tables that a node's connections look things up in.
#[derive(Debug)]
pub struct Tables {
    /// Actors that can be reached from outside.
    pub exports: Exports,
    /// Types of messages.
    pub types: TypeTable,
    /// Names of factories that peers may call: none, unless put here.
    pub factories: BTreeSet<Box<str>>,
    /// Number of the last right to answer that was let out, over whichever connection.
    last_right: u64,
}

impl Tables {
    /// Nothing can be reached. `key` must be random, and known to nobody else.
    #[must_use]
    pub fn new(key: [u8; 16], exports: usize) -> Self {
        let (types, factories) = (TypeTable::default(), BTreeSet::new());
        Self { exports: Exports::new(key, exports), types, factories, last_right: 0 }
    }

    /// The number of the next right. None is used twice: what comes late over one connection can't mean
    /// a right that was let out over another.
    pub(crate) const fn next_right(&mut self) -> u64 {
        self.last_right += 1;
        self.last_right
    }
}
