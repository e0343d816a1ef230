//! Rights to answer that were let out, each used once.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;

use super::error::CommandError;
use super::ids::NearId;
use super::reason::Reason;
use super::seal::Exports;
use super::tables::Tables;
use crate::wire::WireRight;

/// How a right is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerWith<'a> {
    /// With this value, encoded.
    Value(&'a [u8]),
    /// It was dropped: no value will come.
    Dropped,
    /// Whoever was asked has ended.
    Down(&'a Reason),
}

/// The outcome of a right that was let out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The answer, encoded.
    Value(Box<[u8]>),
    /// The right was dropped: no answer will come.
    Dropped,
    /// Whoever was asked has ended.
    Down(Reason),
    /// The connection was cut before an answer came.
    NoConnection,
}

/// Rights let out over one connection.
#[derive(Debug)]
pub(crate) struct Rights {
    open: BTreeMap<u64, NearId>,
    /// Tells the rights of this connection from those of another.
    connection: u64,
    limit: usize,
}

impl Rights {
    pub(crate) const fn new(connection: u64, limit: usize) -> Self {
        Self { open: BTreeMap::new(), connection, limit }
    }

    /// Lets out a right to answer `asker`.
    pub(crate) fn open(&mut self, asker: NearId, tables: &mut Tables) -> Result<WireRight, CommandError> {
        if self.open.len() >= self.limit {
            return Err(CommandError::TooMany { what: "open rights", limit: self.limit });
        }
        let number = tables.next_right();
        self.open.insert(number, asker);
        let authenticator = tables.exports.right_proof(number, asker, self.connection);
        Ok(WireRight { number, authenticator })
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
        let mut tables = Tables::new([1; 16], 10);
        let mut rights = Rights::new(5, 10);
        let right = rights.open(ASKER, &mut tables).unwrap();
        let forged = WireRight { authenticator: right.authenticator ^ 1, ..right };
        assert_eq!(rights.settle(forged, ASKER, &tables.exports), None);
        assert_eq!(rights.settle(right, OTHER, &tables.exports), None);
        assert_eq!(rights.settle(right, ASKER, &tables.exports), Some(ASKER));
        assert_eq!(rights.settle(right, ASKER, &tables.exports), None);
    }

    #[test]
    fn a_right_of_an_older_connection_is_worth_nothing_and_its_number_means_nothing() {
        let mut tables = Tables::new([1; 16], 10);
        let (mut old, mut new) = (Rights::new(5, 10), Rights::new(6, 10));
        let right = old.open(ASKER, &mut tables).unwrap();
        let other = new.open(ASKER, &mut tables).unwrap();
        assert!(other.number != right.number && !new.cancel(right.number));
        assert_eq!(new.settle(right, ASKER, &tables.exports), None);
    }

    #[test]
    fn rights_are_bounded_cancelled_and_failed_once() {
        let mut tables = Tables::new([1; 16], 10);
        let mut rights = Rights::new(5, 2);
        let first = rights.open(ASKER, &mut tables).unwrap();
        let second = rights.open(OTHER, &mut tables).unwrap();
        assert!(matches!(rights.open(ASKER, &mut tables), Err(CommandError::TooMany { .. })));
        assert!(rights.cancel(first.number) && !rights.cancel(first.number));
        assert_eq!((rights.end_all(), rights.end_all()), (vec![(second.number, OTHER)], vec![]));
        rights.open(ASKER, &mut tables).unwrap();
        rights.end(ASKER);
        assert_eq!(rights.len(), 0);
    }
}
