//! Asks: rights to answer that were let out, each used once.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;

use super::error::CommandError;
use super::ids::NearId;
use super::seal::Exports;
use crate::wire::WireRight;

/// The outcome of an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The answer, encoded.
    Value(Box<[u8]>),
    /// The right was dropped, or whoever was asked is gone: no answer will come.
    Dropped,
    /// The connection was cut before an answer came.
    NoConnection,
}

/// Rights let out over one connection.
#[derive(Debug)]
pub(crate) struct Rights {
    open: BTreeMap<u64, NearId>,
    last: u64,
    /// Tells the rights of this connection from those of another.
    connection: u64,
    limit: usize,
}

impl Rights {
    pub(crate) const fn new(connection: u64, limit: usize) -> Self {
        Self { open: BTreeMap::new(), last: 0, connection, limit }
    }

    /// Lets out a right to answer `asker`.
    pub(crate) fn open(&mut self, asker: NearId, exports: &Exports) -> Result<WireRight, CommandError> {
        if self.open.len() >= self.limit {
            return Err(CommandError::TooMany { what: "open asks", limit: self.limit });
        }
        self.last += 1;
        self.open.insert(self.last, asker);
        let authenticator = exports.right_proof(self.last, asker, self.connection);
        Ok(WireRight { number: self.last, authenticator })
    }

    /// The asker does not want the answer any more. `false`: it has come, or never will.
    pub(crate) fn cancel(&mut self, number: u64) -> bool {
        self.open.remove(&number).is_some()
    }

    /// An answer came. `None`: it is late, or made up.
    pub(crate) fn settle(&mut self, right: WireRight, to: NearId, exports: &Exports) -> Option<NearId> {
        let asker = *self.open.get(&right.number)?;
        let proof = exports.right_proof(right.number, asker, self.connection);
        let good = bool::from(proof.ct_eq(&right.authenticator)) && asker == to;
        if good { self.open.remove(&right.number) } else { None }
    }

    /// The asker is gone: its answers are late from now on.
    pub(crate) fn end(&mut self, asker: NearId) {
        self.open.retain(|_, open| *open != asker);
    }

    /// The connection is cut: every ask fails.
    pub(crate) fn end_all(&mut self) -> Vec<(u64, NearId)> {
        std::mem::take(&mut self.open).into_iter().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: NearId = NearId { slot: 1, generation: 1 };
    const OTHER: NearId = NearId { slot: 2, generation: 1 };

    #[test]
    fn an_answer_counts_once_and_only_with_its_proof_and_for_its_asker() {
        let exports = Exports::new([1; 16], 10);
        let mut rights = Rights::new(5, 10);
        let right = rights.open(ASKER, &exports).unwrap();
        let forged = WireRight { authenticator: right.authenticator ^ 1, ..right };
        assert_eq!(rights.settle(forged, ASKER, &exports), None);
        assert_eq!(rights.settle(right, OTHER, &exports), None);
        assert_eq!(rights.settle(right, ASKER, &exports), Some(ASKER));
        assert_eq!(rights.settle(right, ASKER, &exports), None);
    }

    #[test]
    fn a_right_of_an_older_connection_is_worth_nothing() {
        let exports = Exports::new([1; 16], 10);
        let (mut old, mut new) = (Rights::new(5, 10), Rights::new(6, 10));
        let right = old.open(ASKER, &exports).unwrap();
        new.open(ASKER, &exports).unwrap();
        assert_eq!(new.settle(right, ASKER, &exports), None);
    }

    #[test]
    fn asks_are_bounded_cancelled_and_failed_once() {
        let exports = Exports::new([1; 16], 10);
        let mut rights = Rights::new(5, 2);
        let first = rights.open(ASKER, &exports).unwrap();
        let second = rights.open(OTHER, &exports).unwrap();
        assert!(matches!(rights.open(ASKER, &exports), Err(CommandError::TooMany { .. })));
        assert!(rights.cancel(first.number) && !rights.cancel(first.number));
        assert_eq!((rights.end_all(), rights.end_all()), (vec![(second.number, OTHER)], vec![]));
        rights.open(ASKER, &exports).unwrap();
        rights.end(ASKER);
        assert_eq!(rights.len(), 0);
    }
}
