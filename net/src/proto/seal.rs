//! Authenticators: what may be reached from outside, and the proof that one was told of it.
//!
//! A pid or right on the wire carries a 64-bit keyed hash (SipHash-2-4) over its kind, its place and
//! its epoch. The key never leaves the node, so that who knows a hash was given it by someone who
//! was. Only exported actors answer at all; the rest are as good as dead.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

use super::error::CommandError;
use super::ids::NearId;

const ACTOR: u8 = 1;
const REPLY: u8 = 2;

/// Whether a pid that a peer sent is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It leads to a live actor.
    Live,
    /// There is no such actor, or none that was exported.
    Dead,
    /// The proof is wrong: made up, or revoked.
    Refused,
}

/// The actors that other nodes may reach, and the key that proves it.
pub struct Exports {
    key: [u8; 16],
    live: BTreeMap<NearId, Live>,
    limit: usize,
}

/// An actor that can be reached.
#[derive(Clone, Copy)]
struct Live {
    /// Raising it makes all proofs so far worthless.
    epoch: u64,
    /// Its proof in this epoch: each frame from it has it, so it is hashed once.
    proof: u64,
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exports").field("live", &self.live.len()).finish_non_exhaustive()
    }
}

impl Exports {
    /// None yet. `key` must be random, and known to nobody else.
    #[must_use]
    pub const fn new(key: [u8; 16], limit: usize) -> Self {
        Self { key, live: BTreeMap::new(), limit }
    }

    /// Lets `near` be reached from outside, and gives its proof.
    ///
    /// # Errors
    /// When as many are exported as may be.
    pub fn export(&mut self, near: NearId) -> Result<u64, CommandError> {
        if let Some(live) = self.live.get(&near) {
            return Ok(live.proof);
        }
        if self.live.len() >= self.limit {
            return Err(CommandError::TooMany { what: "exported actors", limit: self.limit });
        }
        let proof = self.actor_proof(near, 0);
        self.live.insert(near, Live { epoch: 0, proof });
        Ok(proof)
    }

    /// Makes every proof given out for `near` worthless. The next export gives another.
    pub fn revoke(&mut self, near: NearId) {
        let Some(epoch) = self.epoch(near) else { return };
        let epoch = epoch + 1;
        self.live.insert(near, Live { epoch, proof: self.actor_proof(near, epoch) });
    }

    /// Whether `near` can be reached.
    #[must_use]
    pub fn is_live(&self, near: NearId) -> bool {
        self.live.contains_key(&near)
    }

    /// Actors that can be reached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// `near` has ended. Its slot may be used again, its generation never.
    pub(crate) fn remove(&mut self, near: NearId) {
        self.live.remove(&near);
    }

    /// The proof for an actor, exported or not, as `from` in a frame of ours.
    pub(crate) fn proof_of(&self, near: NearId) -> u64 {
        self.live.get(&near).map_or_else(|| self.actor_proof(near, 0), |live| live.proof)
    }

    pub(crate) fn epoch(&self, near: NearId) -> Option<u64> {
        self.live.get(&near).map(|live| live.epoch)
    }

    /// Whether `authenticator` is the proof of a live actor's pid that was given out.
    #[must_use]
    pub fn is_good(&self, near: NearId, authenticator: u64) -> bool {
        self.check(near, authenticator) == Check::Live
    }

    pub(crate) fn check(&self, near: NearId, authenticator: u64) -> Check {
        let epoch = self.epoch(near);
        let proof = self.actor_proof(near, epoch.unwrap_or(0));
        // The hash is made and compared whether or not the actor is there, so that the time taken
        // tells nothing about the table.
        match (bool::from(proof.ct_eq(&authenticator)), epoch) {
            (_, None) => Check::Dead,
            (true, Some(_)) => Check::Live,
            (false, Some(_)) => Check::Refused,
        }
    }

    pub(crate) fn right_proof(&self, number: u64, asker: NearId, connection: u64) -> u64 {
        self.hash(REPLY, asker, number, connection)
    }

    fn actor_proof(&self, near: NearId, epoch: u64) -> u64 {
        self.hash(ACTOR, near, epoch, 0)
    }

    fn hash(&self, kind: u8, near: NearId, first: u64, second: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        let mut bytes = [0; 25];
        bytes[0] = kind;
        bytes[1..5].copy_from_slice(&near.slot.to_le_bytes());
        bytes[5..9].copy_from_slice(&near.generation.to_le_bytes());
        bytes[9..17].copy_from_slice(&first.to_le_bytes());
        bytes[17..].copy_from_slice(&second.to_le_bytes());
        hasher.write(&bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: NearId = NearId { slot: 3, generation: 1 };

    #[test]
    fn a_proof_is_good_until_it_is_revoked_or_its_actor_ends() {
        let mut exports = Exports::new([7; 16], 10);
        let proof = exports.export(NEAR).unwrap();
        assert_eq!(exports.export(NEAR), Ok(proof));
        assert_eq!(exports.check(NEAR, proof), Check::Live);
        exports.revoke(NEAR);
        assert_eq!(exports.check(NEAR, proof), Check::Refused);
        let second = exports.export(NEAR).unwrap();
        assert_ne!(proof, second);
        assert_eq!(exports.check(NEAR, second), Check::Live);
        exports.remove(NEAR);
        assert_eq!(exports.check(NEAR, second), Check::Dead);
    }

    #[test]
    fn no_bit_of_a_proof_may_differ_and_no_other_key_or_actor_has_it() {
        let mut exports = Exports::new([7; 16], 10);
        let proof = exports.export(NEAR).unwrap();
        for bit in 0..64 {
            assert_eq!(exports.check(NEAR, proof ^ (1 << bit)), Check::Refused);
        }
        assert_ne!(Exports::new([8; 16], 10).export(NEAR), Ok(proof));
        assert_ne!(exports.export(NearId { slot: 3, generation: 2 }), Ok(proof));
        assert_ne!(exports.right_proof(0, NEAR, 0), proof);
    }

    #[test]
    fn no_more_is_exported_than_may_be() {
        let mut exports = Exports::new([7; 16], 1);
        exports.export(NEAR).unwrap();
        let other = NearId { slot: 4, generation: 1 };
        assert_eq!(exports.export(other), Err(CommandError::TooMany { what: "exported actors", limit: 1 }));
        exports.remove(NEAR);
        assert!(exports.is_empty() && exports.export(other).is_ok());
    }
}
