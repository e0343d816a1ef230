//! Rights to answer, as they travel inside messages.

use wharf_net::proto::{FarId, FarPid, NearId};
use wharf_net::wire::WireRight;

/// Stands for whoever asks, on each node.
pub(crate) const RIGHTS: NearId = NearId { slot: u32::MAX, generation: 1 };
/// The same of the peer's. Nobody was told of it, and nobody has to be.
pub(crate) const THEIR_RIGHTS: FarPid =
    FarPid { id: FarId { slot: u32::MAX, generation: 1 }, authenticator: 0 };

/// A message: its number in the order of its pair, and a right to answer it.
pub(crate) fn encode(number: u64, right: Option<WireRight>) -> Vec<u8> {
    let right = right.map(|right| [right.number.to_le_bytes(), right.authenticator.to_le_bytes()].concat());
    [&number.to_le_bytes()[..], &right.unwrap_or_default()].concat()
}

/// The right in a message, if there is one.
pub(crate) fn right_in(payload: &[u8]) -> Option<WireRight> {
    let [_, number, authenticator] = payload.as_chunks().0 else { return None };
    let (number, authenticator) = (u64::from_le_bytes(*number), u64::from_le_bytes(*authenticator));
    Some(WireRight { number, authenticator })
}
