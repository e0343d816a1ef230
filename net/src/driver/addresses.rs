//! Where nodes can be reached: what the program said, what their peers say, and what this node says itself.

use std::collections::{HashMap, VecDeque};

use crate::proto::NodeName;
use crate::transport::Address;

/// How many addresses of a node are remembered that others told of.
const LEARNED: usize = 4;

/// Where nodes can be reached.
#[derive(Default)]
pub(super) struct Addresses {
    /// By what the program said, or has called with success.
    given: HashMap<NodeName, Vec<Address>>,
    /// By what nodes say of themselves and of others, the newest last.
    learned: HashMap<NodeName, VecDeque<Address>>,
    /// What peers are told of this node.
    own: Vec<Address>,
}

impl Addresses {
    /// A node can be reached there, as the program knows.
    pub(super) fn add(&mut self, node: NodeName, address: Address) {
        let known = self.given.entry(node).or_default();
        if !known.contains(&address) {
            known.push(address);
        }
    }

    /// A node can be reached there, as some node says.
    pub(super) fn learn(&mut self, node: &NodeName, address: Address) {
        if self.given.get(node).is_some_and(|given| given.contains(&address)) {
            return;
        }
        let learned = self.learned.entry(node.clone()).or_default();
        learned.retain(|known| *known != address);
        if learned.len() >= LEARNED {
            learned.pop_front();
        }
        learned.push_back(address);
    }

    /// Whether there is any for a node.
    pub(super) fn has(&self, node: &NodeName) -> bool {
        self.given.contains_key(node) || self.learned.contains_key(node)
    }

    /// All for a node, in the order in which they are to be tried.
    pub(super) fn of(&self, node: &NodeName) -> Vec<Address> {
        let given = self.given.get(node).into_iter().flatten();
        given.chain(self.learned.get(node).into_iter().flatten().rev()).cloned().collect()
    }

    /// This node can be reached there. False: that was known.
    pub(super) fn add_own(&mut self, address: Address) -> bool {
        let is_new = !self.own.contains(&address);
        if is_new {
            self.own.push(address);
        }
        is_new
    }

    /// What peers are told.
    pub(super) fn own(&self) -> Vec<String> {
        self.own.iter().map(ToString::to_string).collect()
    }
}

/// Whether peers can make something of an address that this node listens at: not when it stands for all
/// addresses of the machine.
pub(super) fn is_reachable(address: &Address) -> bool {
    if address.scheme() != "tcp" {
        return true;
    }
    let host = address.rest().rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    !host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_program_says_comes_first_and_then_what_was_learned_last() {
        let (mut it, node) = (Addresses::default(), NodeName::new("a").unwrap());
        assert!(!it.has(&node) && it.of(&node).is_empty());
        for n in 0..6 {
            it.learn(&node, address(&format!("mem:{n}")));
        }
        it.learn(&node, address("mem:3"));
        assert!(it.has(&node));
        it.add(node.clone(), address("mem:given"));
        it.learn(&node, address("mem:given"));
        assert_eq!(it.of(&node), ["mem:given", "mem:3", "mem:5", "mem:4", "mem:2"].map(address));
    }

    #[test]
    fn an_address_that_stands_for_all_of_the_machine_is_of_no_use_elsewhere() {
        for text in ["tcp://0.0.0.0:80", "tcp://[::]:80"] {
            assert!(!is_reachable(&address(text)), "{text}");
        }
        for text in ["tcp://127.0.0.1:80", "tcp://[::1]:80", "tcp://host:80", "unix:/a", "mem:a"] {
            assert!(is_reachable(&address(text)), "{text}");
        }
        let mut it = Addresses::default();
        assert!(it.add_own(address("mem:a")) && !it.add_own(address("mem:a")));
        assert_eq!(it.own(), ["mem:a"]);
    }
}
