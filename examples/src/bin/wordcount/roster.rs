//! Who did how many chunks: workers by their places, and nodes.

use crate::report::Share;
use crate::wire::Place;

/// The name of the node that counts, or has others count for it.
pub(crate) const FIRST: &str = "node:1";

/// The shares of workers and nodes, in the order in which they were named first.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    workers: Vec<Share>,
    nodes: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    share: Share,
    /// Whether it is to have workers.
    is_expected: bool,
    has_asked: bool,
    /// Workers that live, or whose end is not known yet.
    workers: usize,
    /// How often it was lost.
    lost: u64,
    /// Whether its loss is noted, and it has not come again.
    is_lost: bool,
}

impl Roster {
    /// A roster with these workers of this node in it, none of whom has entered.
    pub(crate) fn expect(&mut self, node: &str, workers: u16) {
        self.member(node).is_expected = workers > 0;
        for number in 1..=workers {
            self.slot(&worker_name(node, number));
        }
    }

    /// A worker enters; gives its slot.
    pub(crate) fn enter(&mut self, place: &Place) -> usize {
        let member = self.member(&place.node);
        member.workers += 1;
        member.is_lost = false;
        self.slot(&worker_name(&place.node, place.number))
    }

    /// A worker ends.
    pub(crate) fn leave(&mut self, node: &str) {
        let member = self.member(node);
        member.workers = member.workers.saturating_sub(1);
    }

    /// The connection to a node is gone; each of its workers tells so.
    pub(crate) fn lose(&mut self, node: &str) {
        let member = self.member(node);
        if !member.is_lost {
            member.is_lost = true;
            member.lost += 1;
        }
    }

    /// A chunk more for a worker and its node.
    pub(crate) fn credit(&mut self, node: &str, slot: usize) {
        self.workers[slot].chunks += 1;
        self.member(node).share.chunks += 1;
    }

    /// How many chunks a node has done.
    pub(crate) fn chunks(&self, node: &str) -> u64 {
        self.find(node).map_or(0, |member| member.share.chunks)
    }

    /// Whether a node was expected from the beginning.
    pub(crate) fn is_expected(&self, node: &str) -> bool {
        self.find(node).is_some_and(|member| member.is_expected)
    }

    /// The nodes that were expected from the beginning.
    pub(crate) fn expected(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter(|member| member.is_expected).map(|member| &*member.share.name)
    }

    /// Whether a worker of a node has ever asked for a chunk.
    pub(crate) fn has_asked(&self, node: &str) -> bool {
        self.find(node).is_some_and(|member| member.has_asked)
    }

    /// Whether a worker of that node has entered and has not ended.
    pub(crate) fn is_there(&self, node: &str) -> bool {
        self.find(node).is_some_and(|member| member.workers > 0)
    }

    /// A worker of a node wants a chunk.
    pub(crate) fn want(&mut self, node: &str) {
        self.member(node).has_asked = true;
    }

    /// Whether each node that was expected has asked for a chunk, or is lost already.
    pub(crate) fn is_complete(&self) -> bool {
        self.nodes.iter().all(|member| !member.is_expected || member.has_asked || member.lost > 0)
    }

    /// How many times a node was lost.
    pub(crate) fn lost(&self) -> u64 {
        self.nodes.iter().map(|member| member.lost).sum()
    }

    /// The shares of the workers and those of the nodes.
    pub(crate) fn shares(&self) -> (Vec<Share>, Vec<Share>) {
        (self.workers.clone(), self.nodes.iter().map(|member| member.share.clone()).collect())
    }

    fn find(&self, node: &str) -> Option<&Member> {
        self.nodes.iter().find(|member| member.share.name == node)
    }

    fn member(&mut self, node: &str) -> &mut Member {
        let place = self.nodes.iter().position(|member| member.share.name == node).unwrap_or_else(|| {
            let share = Share { name: node.to_owned(), chunks: 0 };
            self.nodes.push(Member {
                share,
                is_expected: false,
                has_asked: false,
                workers: 0,
                lost: 0,
                is_lost: false,
            });
            self.nodes.len() - 1
        });
        &mut self.nodes[place]
    }

    fn slot(&mut self, name: &str) -> usize {
        self.workers.iter().position(|share| share.name == name).unwrap_or_else(|| {
            self.workers.push(Share { name: name.to_owned(), chunks: 0 });
            self.workers.len() - 1
        })
    }
}

fn worker_name(node: &str, number: u16) -> String {
    if node == FIRST { format!("worker:{number}") } else { format!("worker:{number}@{node}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Files;

    fn place(node: &str, number: u16) -> Place {
        Place { node: node.to_owned(), number, files: Files::Shared }
    }

    #[test]
    fn whoever_takes_a_place_takes_its_share() {
        let mut roster = Roster::default();
        roster.expect(FIRST, 2);
        let slot = roster.enter(&place(FIRST, 2));
        roster.credit(FIRST, slot);
        roster.leave(FIRST);
        assert_eq!(roster.enter(&place(FIRST, 2)), slot);
        roster.credit(FIRST, slot);
        let far = roster.enter(&place("far", 1));
        roster.credit("far", far);
        let (workers, nodes) = roster.shares();
        let flat = |shares: Vec<Share>| -> Vec<_> {
            shares.into_iter().map(|share| (share.name, share.chunks)).collect()
        };
        let named = |name: &str, chunks| (name.to_owned(), chunks);
        assert_eq!(flat(workers), [named("worker:1", 0), named("worker:2", 2), named("worker:1@far", 1)]);
        assert_eq!(flat(nodes), [named(FIRST, 2), named("far", 1)]);
    }

    #[test]
    fn a_node_is_lost_once_however_many_workers_it_had_and_again_when_it_came_back() {
        let mut roster = Roster::default();
        roster.expect("far", 2);
        assert!(!roster.is_complete());
        for _ in 0..2 {
            for number in [1, 2] {
                roster.enter(&place("far", number));
            }
            roster.want("far");
            assert!(roster.is_complete() && roster.is_there("far"));
            for _ in 0..2 {
                roster.leave("far");
                roster.lose("far");
            }
            assert!(!roster.is_there("far"));
        }
        assert_eq!(roster.lost(), 2);
    }
}
