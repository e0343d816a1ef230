//! Strangers: where they call from, and who makes way when there are as many as may be.
//!
//! A stranger is whoever has called and has not yet shown who it is. A node has room for so many at a time
//! ([`Config::strangers`](crate::proto::Config::strangers)). When all of it is taken the newcomer gets in all
//! the same, and of the most crowded origin the one that came first makes way: whoever fills the room from
//! one place takes it from itself, and an origin that has no more than its even share loses nobody.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::ConnId;

/// Where a call comes from, as far as that tells one caller from another: the network address, without the
/// port; for calls from inside this machine, this machine. Of an IPv6 address the first 64 bits count, as one
/// host commonly has all that begin so.
///
/// # Examples
/// ```
/// use wharf_net::proto::Origin;
/// let of = |text: &str| Origin::of(text.parse().unwrap());
/// assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
/// assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
/// assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
/// assert_ne!(of("127.0.0.1"), Origin::HERE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Option<IpAddr>);

/// The bits of an IPv6 address that say which network it is in.
const NETWORK: u128 = !(u64::MAX as u128);

impl Origin {
    /// This machine, by ways that have no network address.
    pub const HERE: Self = Self(None);

    /// That of a network address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & NETWORK)),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

/// Who makes way for a newcomer where `most` have room; `None` while there is some. `strangers` are those who
/// are there, in the order in which they came.
pub(super) fn makes_way(strangers: &[(ConnId, Origin)], newcomer: Origin, most: usize) -> Option<ConnId> {
    if strangers.len() < most {
        return None;
    }
    let mut crowds = BTreeMap::from([(newcomer, 1_usize)]);
    for (_, origin) in strangers {
        *crowds.entry(*origin).or_default() += 1;
    }
    // Where two are as crowded, the newcomer's own comes first.
    let crowd = |origin: &Origin| (crowds.get(origin), *origin == newcomer);
    let most_crowded = strangers.iter().map(|(_, origin)| crowd(origin)).max()?;
    strangers.iter().find(|(_, origin)| crowd(origin) == most_crowded).map(|(conn, _)| *conn)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(number: u8) -> Origin {
        Origin::of(IpAddr::from([192, 0, 2, number]))
    }

    /// Strangers from these origins, in this order.
    fn there(origins: &[u8]) -> Vec<(ConnId, Origin)> {
        (0..).zip(origins).map(|(conn, number)| (ConnId(conn), origin(*number))).collect()
    }

    fn leaves(origins: &[u8], newcomer: u8) -> Option<usize> {
        let conn = makes_way(&there(origins), origin(newcomer), origins.len())?;
        usize::try_from(conn.0).ok()
    }

    #[test]
    fn while_there_is_room_nobody_makes_way() {
        assert_eq!(makes_way(&[], origin(1), 1), None);
        assert_eq!(makes_way(&there(&[1, 1, 1]), origin(1), 4), None);
    }

    #[test]
    fn the_first_of_the_most_crowded_origin_makes_way() {
        assert_eq!(leaves(&[2, 1, 1, 1], 2), Some(1));
        assert_eq!(leaves(&[2, 1, 1, 1], 3), Some(1));
        assert_eq!(leaves(&[2, 1, 1, 1], 1), Some(1));
        // The newcomer counts, and its own origin comes first.
        assert_eq!(leaves(&[2, 2, 1], 1), Some(2));
        assert_eq!(leaves(&[2, 1, 3], 4), Some(0));
        assert_eq!(leaves(&[], 1), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_origin_with_no_more_than_its_even_share_loses_nobody(
            most in 1_usize..12,
            callers in proptest::collection::vec(0_u8..4, 0..60),
        ) {
            let mut room: Vec<(ConnId, Origin)> = Vec::new();
            for (conn, caller) in (0..).zip(callers) {
                let newcomer = origin(caller);
                let leaving = makes_way(&room, newcomer, most);
                prop_assert_eq!(leaving.is_some(), room.len() == most);
                if let Some(leaving) = leaving {
                    let at = room.iter().position(|(conn, _)| *conn == leaving).unwrap();
                    let of = room[at].1;
                    let held = room.iter().filter(|(_, origin)| *origin == of).count();
                    let mut origins: Vec<Origin> = room.iter().map(|(_, origin)| *origin).collect();
                    origins.push(newcomer);
                    origins.sort_unstable();
                    origins.dedup();
                    prop_assert!(held + usize::from(of == newcomer) > most / origins.len());
                    room.remove(at);
                }
                room.push((ConnId(conn), newcomer));
                prop_assert!(room.len() <= most);
            }
        }
    }
}
