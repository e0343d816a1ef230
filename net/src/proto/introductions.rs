//! Other nodes, as they are named in payloads: who has which number, and where it can be reached.
//!
//! Each side numbers the nodes that pids in its payloads are of, and says who a number is before the first
//! payload that has it. Numbers are the driver's to give: they stay the same over all connections between two
//! lives of two nodes, since a payload may be decoded late.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{CommandError, Violation};
use super::ids::{Identity, NodeName};
use crate::wire::{Frame, Payload};

/// Whoever sends the payload.
pub const SENDER_IN_PAYLOAD: u32 = 1;
/// Whoever receives it.
pub const RECEIVER_IN_PAYLOAD: u32 = 2;
/// A node whose life is over, or that is not known any more.
pub const LOST_IN_PAYLOAD: u32 = 3;
/// The first number of another node.
pub const FIRST_IN_PAYLOAD: u32 = 4;

/// Most bytes of a node's addresses.
pub const ADDRESSES_BYTES: usize = 2048;

/// What was said on one connection, each way.
#[derive(Debug)]
pub(crate) struct Introductions {
    told: BTreeSet<u32>,
    heard: BTreeMap<u32, Identity>,
    limit: usize,
}

impl Introductions {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { told: BTreeSet::new(), heard: BTreeMap::new(), limit }
    }

    /// Whether the peer has still to be told who `number` is. It is told of this node's own addresses each
    /// time.
    pub(crate) fn tell(&mut self, number: u32) -> Result<bool, CommandError> {
        if number == SENDER_IN_PAYLOAD {
            return Ok(true);
        }
        if !self.has_told(number) && self.told.len() >= self.limit {
            return Err(CommandError::TooMany { what: "other nodes in messages", limit: self.limit });
        }
        Ok(self.told.insert(number))
    }

    /// Whether the peer has been told who `number` is.
    pub(crate) fn has_told(&self, number: u32) -> bool {
        self.told.contains(&number)
    }

    /// The peer says who a number is. `None`: it had said so.
    pub(crate) fn hear(
        &mut self,
        peer: &Identity,
        number: u32,
        node: Identity,
    ) -> Result<Option<Identity>, Violation> {
        match number {
            SENDER_IN_PAYLOAD if node == *peer => return Ok(Some(node)),
            FIRST_IN_PAYLOAD.. => {}
            _ => return Err(Violation::WrongNode { got: number, allowed: FIRST_IN_PAYLOAD }),
        }
        if let Some(known) = self.heard.get(&number) {
            let repeated = Violation::Repeated { what: "the number of a node,", number: number.into() };
            return if *known == node { Ok(None) } else { Err(repeated) };
        }
        if self.heard.len() >= self.limit {
            return Err(Violation::TooMany { what: "other nodes in messages", limit: self.limit });
        }
        self.heard.insert(number, node.clone());
        Ok(Some(node))
    }
}

/// A node, and where it can be reached.
type Introduced = (Identity, Box<[Box<str>]>);

/// Who a frame introduces, and its addresses.
pub(crate) fn read(
    name: Payload<'_>,
    incarnation: u128,
    own_number: u32,
    addresses: Payload<'_>,
) -> Result<Introduced, Violation> {
    let bad = |what| Violation::BadName { what };
    let name = std::str::from_utf8(name.0).ok().and_then(NodeName::new).ok_or(bad("name of a node"))?;
    let addresses = std::str::from_utf8(addresses.0).ok().filter(|text| text.len() <= ADDRESSES_BYTES);
    let addresses = addresses.ok_or(bad("address of a node"))?;
    if own_number == 0 {
        return Err(bad("number of a node"));
    }
    let addresses = addresses.split('\0').filter(|text| !text.is_empty()).map(Into::into).collect();
    Ok((Identity { name, incarnation, number: own_number }, addresses))
}

/// The frame that introduces `node`; addresses that are too many are left out.
pub(crate) fn with_frame<R>(
    number: u32,
    node: &Identity,
    addresses: &[String],
    then: impl FnOnce(&Frame<'_>) -> R,
) -> R {
    let mut joined = String::new();
    for address in addresses {
        if joined.len() + address.len() < ADDRESSES_BYTES {
            if !joined.is_empty() {
                joined.push('\0');
            }
            joined.push_str(address);
        }
    }
    then(&Frame::Node {
        number,
        name: Payload(node.name.as_str().as_bytes()),
        incarnation: node.incarnation,
        own_number: node.number,
        addresses: Payload(joined.as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, number: u32) -> Identity {
        Identity { name: NodeName::new(name).unwrap(), incarnation: 7, number }
    }

    #[test]
    fn a_number_is_told_once_and_means_one_node() {
        let (peer, third) = (node("peer", 3), node("third", 5));
        let mut it = Introductions::new(2);
        assert!(!it.has_told(4));
        assert_eq!(it.tell(4), Ok(true));
        assert!(it.has_told(4));
        assert_eq!(it.tell(4), Ok(false));
        assert_eq!(it.hear(&peer, 4, third.clone()), Ok(Some(third.clone())));
        assert_eq!(it.hear(&peer, 4, third.clone()), Ok(None));
        assert!(matches!(it.hear(&peer, 4, node("other", 6)), Err(Violation::Repeated { .. })));
    }

    #[test]
    fn a_peer_speaks_of_its_own_addresses_as_often_as_it_likes_and_never_as_another() {
        let peer = node("peer", 3);
        let mut it = Introductions::new(0);
        for _ in 0..2 {
            assert_eq!(it.tell(SENDER_IN_PAYLOAD), Ok(true));
            assert_eq!(it.hear(&peer, SENDER_IN_PAYLOAD, peer.clone()), Ok(Some(peer.clone())));
        }
        for number in [0, SENDER_IN_PAYLOAD, RECEIVER_IN_PAYLOAD, LOST_IN_PAYLOAD] {
            let said = it.hear(&peer, number, node("third", 5));
            assert!(matches!(said, Err(Violation::WrongNode { .. })), "{number}: {said:?}");
        }
    }

    #[test]
    fn there_are_no_more_than_may_be() {
        let peer = node("peer", 3);
        let mut it = Introductions::new(1);
        assert_eq!(it.tell(4), Ok(true));
        assert!(matches!(it.tell(5), Err(CommandError::TooMany { limit: 1, .. })));
        assert!(it.hear(&peer, 4, node("third", 5)).is_ok());
        assert!(matches!(it.hear(&peer, 5, node("other", 6)), Err(Violation::TooMany { limit: 1, .. })));
    }

    #[test]
    fn what_a_frame_says_is_read_back_and_nonsense_is_a_violation() {
        let third = node("third", 5);
        let addresses = ["mem:a".to_owned(), "x".repeat(ADDRESSES_BYTES), "tcp://h:1".to_owned()];
        let (read_back, heard) = with_frame(4, &third, &addresses, |frame| {
            let Frame::Node { name, incarnation, own_number, addresses, .. } = *frame else {
                panic!("{frame:?}")
            };
            read(name, incarnation, own_number, addresses).unwrap()
        });
        assert_eq!(read_back, third);
        assert_eq!(*heard, ["mem:a".into(), "tcp://h:1".into()]);
        for (name, number, addresses) in
            [(&b""[..], 5, &b""[..]), (b"\xff", 5, b""), (b"a", 0, b""), (b"a", 5, b"\xff")]
        {
            assert!(read(Payload(name), 1, number, Payload(addresses)).is_err());
        }
    }
}
