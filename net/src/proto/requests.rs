//! Requests to the peer's node itself: a name looked up, an actor spawned.

use std::collections::BTreeSet;

use super::error::{CommandError, Violation};
use super::ids::FarPid;

/// Longest name that is looked up, and of a factory, in bytes.
pub const REQUEST_NAME_BYTES: usize = 1024;

/// What is asked of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeRequest {
    /// The pid that is registered under a name.
    Lookup {
        /// The name.
        name: Box<str>,
        /// Name of the type of message that the asker means to send there.
        type_name: Box<str>,
    },
    /// A new actor, made by an exported factory.
    Spawn {
        /// Name of the factory.
        factory: Box<str>,
        /// What it is called with, encoded.
        args: Box<[u8]>,
    },
}

/// What became of a request to the peer's node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeAnswer {
    /// This actor.
    Found(FarPid),
    /// There is none of that name, or no such factory.
    Absent,
    /// This node may not.
    Denied,
    /// It was tried, and failed like this.
    Failed(Box<[u8]>),
    /// The connection was cut before an answer came. What was asked may have been done.
    NoConnection,
}

/// Requests that are open, each way.
#[derive(Debug)]
pub(crate) struct Requests {
    ours: BTreeSet<u64>,
    last: u64,
    theirs: BTreeSet<u64>,
    limit: usize,
}

impl Requests {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { ours: BTreeSet::new(), last: 0, theirs: BTreeSet::new(), limit }
    }

    /// Numbers a request of ours.
    pub(crate) fn open(&mut self) -> Result<u64, CommandError> {
        if self.ours.len() >= self.limit {
            return Err(CommandError::TooMany { what: "open requests", limit: self.limit });
        }
        self.last += 1;
        self.ours.insert(self.last);
        Ok(self.last)
    }

    /// The caller has given up. The answer will be late.
    pub(crate) fn cancel(&mut self, number: u64) -> bool {
        self.ours.remove(&number)
    }

    /// The peer answered. `false`: late.
    pub(crate) fn settle(&mut self, number: u64) -> bool {
        self.ours.remove(&number)
    }

    /// The peer asks.
    pub(crate) fn handle_request(&mut self, number: u64) -> Result<(), Violation> {
        if self.theirs.len() >= self.limit {
            return Err(Violation::TooMany { what: "open requests", limit: self.limit });
        }
        if self.theirs.insert(number) { Ok(()) } else { Err(Violation::Repeated { what: "request", number }) }
    }

    /// Answers a request of the peer's.
    pub(crate) fn answer(&mut self, number: u64) -> Result<(), CommandError> {
        if self.theirs.remove(&number) { Ok(()) } else { Err(CommandError::NoRequest { number }) }
    }

    /// The connection is cut.
    pub(crate) fn end_all(&mut self) -> BTreeSet<u64> {
        self.theirs.clear();
        std::mem::take(&mut self.ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_once_either_way_and_there_are_so_many() {
        let mut requests = Requests::new(1);
        let number = requests.open().unwrap();
        assert!(requests.open().is_err());
        assert!(requests.settle(number) && !requests.settle(number));
        requests.handle_request(7).unwrap();
        assert!(matches!(requests.handle_request(8), Err(Violation::TooMany { .. })));
        assert_eq!(requests.answer(7), Ok(()));
        assert_eq!(requests.answer(7), Err(CommandError::NoRequest { number: 7 }));
    }

    #[test]
    fn a_number_used_twice_is_a_violation_and_a_cut_fails_what_is_open() {
        let mut requests = Requests::new(5);
        requests.handle_request(7).unwrap();
        assert_eq!(requests.handle_request(7), Err(Violation::Repeated { what: "request", number: 7 }));
        let (first, second) = (requests.open().unwrap(), requests.open().unwrap());
        assert!(requests.cancel(first));
        assert_eq!((requests.end_all(), requests.end_all()), (BTreeSet::from([second]), BTreeSet::new()));
    }
}
