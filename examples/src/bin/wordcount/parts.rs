//! Whose turn it is: sees to it that each node of this machine has its part in a large count.
//!
//! Chunks go to whoever asks for one. So a node that is heard late, or runs seldom, would get few of them. As its
//! processors are those of the others, they lose nothing by letting it catch up: while a node is behind its
//! part, only those who are behind theirs get chunks.
//!
//! ```text
//!  given to each     1111111 222 3333       3 is not far behind, 2 is
//!  who may take      2                      until it has its part again
//! ```
//! Each node's part is three quarters of an even share, less a few chunks; so among three nodes each has a
//! quarter, whatever the system makes of their threads. Nobody waits for a node that is lost, or does not get on:
//! [`Parts::release`] is for the caller, who knows of that. One that comes back catches up, and not for long.

use std::collections::BTreeMap;

/// What a node has in any case, of an even share.
const PART: (u64, u64) = (3, 4);

/// So many chunks a node may be behind its part. A small count waits for nobody.
const SLACK: u64 = 4;

/// At most so many chunks more has a node to catch up with when others come, go, or come back.
const ARREARS: u64 = 64;

/// The nodes that are to have their part, and those that were.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<String, Account>);

#[derive(Debug, Default)]
struct Account {
    is_kept: bool,
    /// Chunks that it was given, or need not catch up with.
    given: u64,
}

impl Parts {
    /// From now on a node gets its part.
    pub(crate) fn keep(&mut self, node: &str) {
        if self.kept(node).is_none() {
            self.0.entry(node.to_owned()).or_default().is_kept = true;
            self.settle();
        }
    }

    /// Nobody waits for a node any more.
    pub(crate) fn release(&mut self, node: &str) {
        if let Some(account) = self.0.get_mut(node) {
            account.is_kept = false;
            self.settle();
        }
    }

    /// A chunk was given to a node.
    pub(crate) fn give(&mut self, node: &str) {
        if let Some(account) = self.0.get_mut(node) {
            account.given += 1;
        }
    }

    /// Some chunks that a node was given came back.
    pub(crate) fn take_back(&mut self, node: &str, chunks: u64) {
        if let Some(account) = self.0.get_mut(node) {
            account.given = account.given.saturating_sub(chunks);
        }
    }

    /// Whether a node has to wait: others are behind their part, and it is not. Nodes whose part nobody sees to
    /// never wait.
    pub(crate) fn must_wait(&self, node: &str) -> bool {
        let Some(given) = self.kept(node) else { return false };
        let least = self.least();
        given >= least && self.all_kept().any(|given| given < least)
    }

    /// With so many chunks a node is not behind.
    fn least(&self) -> u64 {
        let (all, nodes) = (self.all_kept().sum::<u64>(), self.all_kept().count() as u64);
        (all * PART.0).div_ceil((nodes * PART.1).max(1)).saturating_sub(SLACK)
    }

    fn kept(&self, node: &str) -> Option<u64> {
        self.0.get(node).filter(|account| account.is_kept).map(|account| account.given)
    }

    fn all_kept(&self) -> impl Iterator<Item = u64> {
        self.0.values().filter(|account| account.is_kept).map(|account| account.given)
    }

    /// What each node's part is has changed: nobody has to catch up with more than there may be.
    fn settle(&mut self) {
        // What one need not catch up with counts as given, and so the part of all grows, by less each time.
        while let most = self.least().saturating_sub(ARREARS)
            && self.all_kept().any(|given| given < most)
        {
            for account in self.0.values_mut().filter(|account| account.is_kept) {
                account.given = account.given.max(most);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::mix;

    const NODES: [&str; 3] = ["a", "b", "c"];

    fn three() -> Parts {
        let mut parts = Parts::default();
        NODES.iter().for_each(|node| parts.keep(node));
        parts
    }

    fn waiting(parts: &Parts) -> Vec<&'static str> {
        NODES.into_iter().filter(|node| parts.must_wait(node)).collect()
    }

    #[test]
    fn a_small_count_waits_for_nobody_and_a_large_one_for_those_behind() {
        let mut parts = three();
        for _ in 0..17 {
            assert!(waiting(&parts).is_empty());
            parts.give("a");
        }
        assert_eq!(waiting(&parts), ["a"]);
        parts.give("b");
        assert_eq!(waiting(&parts), ["a", "b"]);
        parts.give("c");
        assert!(waiting(&parts).is_empty());
    }

    /// Whoever asks, and however often: each has a fifth of some hundred chunks in any case.
    #[test]
    fn each_of_three_has_a_fifth_of_a_large_count_whoever_asks_most() {
        for seed in 0..200 {
            let (mut parts, mut given, mut draw) = (three(), [0_u64; 3], seed);
            // How likely each of them asks: one in a hundred for some.
            let weights: Vec<u64> =
                (0..3).map(|at| [1, 10, 100][usize::try_from(mix(seed + at) % 3).unwrap()]).collect();
            for _ in 0..100_000 {
                draw = mix(draw);
                let at = draw % weights.iter().sum::<u64>();
                let asks = usize::from(at >= weights[0]) + usize::from(at >= weights[0] + weights[1]);
                if parts.must_wait(NODES[asks]) {
                    continue;
                }
                parts.give(NODES[asks]);
                given[asks] += 1;
                if given.iter().sum::<u64>() == 120 {
                    break;
                }
            }
            assert_eq!(given.iter().sum::<u64>(), 120, "seed {seed}: somebody waits for nothing");
            assert!(given.iter().all(|given| given * 5 >= 120), "seed {seed}: {given:?}");
        }
    }

    #[test]
    fn nobody_waits_for_one_that_was_let_go_and_one_that_comes_back_catches_up() {
        let mut parts = three();
        (0..100).for_each(|_| parts.give("a"));
        parts.release("c");
        assert_eq!(waiting(&parts), ["a"]);
        (0..100).for_each(|_| parts.give("b"));
        assert!(waiting(&parts).is_empty());
        parts.keep("c");
        assert_eq!(waiting(&parts), ["a", "b"]);
        (0..62).for_each(|_| parts.give("c"));
        assert!(waiting(&parts).is_empty());
        parts.take_back("c", 20);
        assert_eq!(waiting(&parts), ["a", "b"]);
    }

    #[test]
    fn one_that_was_away_for_long_does_not_catch_up_for_long() {
        let mut parts = three();
        parts.release("c");
        for node in ["a", "b"] {
            (0..10_000).for_each(|_| parts.give(node));
        }
        parts.keep("c");
        let catches_up = (0..1_000).take_while(|_| {
            let waits = parts.must_wait("a");
            parts.give("c");
            waits
        });
        let chunks = catches_up.count();
        assert!((64..128).contains(&chunks), "{chunks}");
    }

    #[test]
    fn a_stranger_neither_waits_nor_is_waited_for() {
        let mut parts = three();
        (0..100).for_each(|_| parts.give("a stranger"));
        assert!(waiting(&parts).is_empty());
        (0..100).for_each(|_| parts.give("a"));
        assert!(parts.must_wait("a") && !parts.must_wait("a stranger"));
    }

    #[test]
    fn alone_nobody_waits() {
        let mut parts = Parts::default();
        parts.keep("a");
        (0..100).for_each(|_| parts.give("a"));
        assert!(!parts.must_wait("a"));
    }
}
