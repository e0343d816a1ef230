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
//! [`Parts::release`] is for the caller, who knows of that.

use std::collections::BTreeMap;

/// What a node has in any case, of an even share.
const PART: (u64, u64) = (3, 4);

/// So many chunks a node may be behind its part. A small count waits for nobody.
const SLACK: u64 = 4;

/// How many chunks each node was given, of those that are to have their part, since one of them came or went.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<String, u64>);

impl Parts {
    /// From now on a node gets its part. What was given before is settled.
    pub(crate) fn keep(&mut self, node: &str) {
        if !self.0.contains_key(node) {
            self.0.insert(node.to_owned(), 0);
            self.begin();
        }
    }

    /// Nobody waits for a node any more.
    pub(crate) fn release(&mut self, node: &str) {
        if self.0.remove(node).is_some() {
            self.begin();
        }
    }

    /// A chunk was given to a node.
    pub(crate) fn give(&mut self, node: &str) {
        if let Some(given) = self.0.get_mut(node) {
            *given += 1;
        }
    }

    /// Some chunks that a node was given came back.
    pub(crate) fn take_back(&mut self, node: &str, chunks: u64) {
        if let Some(given) = self.0.get_mut(node) {
            *given = given.saturating_sub(chunks);
        }
    }

    /// Whether a node has to wait: others are behind their part, and it is not. Nodes whose part nobody sees to
    /// never wait.
    pub(crate) fn must_wait(&self, node: &str) -> bool {
        let Some(given) = self.0.get(node) else { return false };
        let part = self.part();
        !part.is_above(*given) && self.0.values().any(|given| part.is_above(*given))
    }

    fn part(&self) -> Part {
        Part { all: self.0.values().sum(), nodes: self.0.len() as u64 }
    }

    fn begin(&mut self) {
        self.0.values_mut().for_each(|given| *given = 0);
    }
}

/// What each of some nodes has to have of all.
#[derive(Clone, Copy)]
struct Part {
    all: u64,
    nodes: u64,
}

impl Part {
    /// Whether it is more than that, by more than may be.
    const fn is_above(self, given: u64) -> bool {
        self.all * PART.0 > (given + SLACK) * self.nodes * PART.1
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
                let mut at = draw % weights.iter().sum::<u64>();
                let asks = weights
                    .iter()
                    .position(|weight| at.checked_sub(*weight).map(|rest| at = rest).is_none())
                    .unwrap();
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
    fn nobody_waits_for_one_that_was_let_go_and_one_that_comes_back_has_nothing_to_catch_up_with() {
        let mut parts = three();
        (0..100).for_each(|_| parts.give("a"));
        assert_eq!(waiting(&parts), ["a"]);
        parts.release("c");
        (0..100).for_each(|_| parts.give("b"));
        assert_eq!(waiting(&parts), ["b"]);
        parts.keep("c");
        assert!(waiting(&parts).is_empty());
        (0..20).for_each(|_| parts.give("c"));
        assert_eq!(waiting(&parts), ["c"]);
        parts.take_back("c", 20);
        assert!(waiting(&parts).is_empty());
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
