//! Types of messages: a name and versions become a small number on first use, in each direction.
//!
//! ```text
//!  sender:    (unknown) -- agree() sends OFFER --> Asked -- ANSWER --> Agreed(version) | Refused
//!  receiver:  OFFER --> highest common version, same fingerprint? --> ANSWER agreed | refused by name
//! ```
//! A message is encoded only after its type was agreed on, so that a difference is an error at the
//! sender's, with the type's name, and never bytes that mean something else.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{CommandError, Violation};
use super::ids::NAME_BYTES;
use crate::wire::TypeVerdict;

/// Bytes of one version and its fingerprint in an offer.
const VERSION_BYTES: usize = 10;
/// Most versions of one type.
pub const MOST_VERSIONS: usize = 32;

/// The types that this node knows, for all its peers.
#[derive(Clone, Debug, Default)]
pub struct TypeTable(BTreeMap<Box<str>, BTreeMap<u16, u64>>);

impl TypeTable {
    /// Declares a version of a type with its fingerprint.
    pub fn declare(&mut self, name: &str, version: u16, fingerprint: u64) {
        self.0.entry(name.into()).or_default().insert(version, fingerprint);
    }

    /// Whether a version of a type was declared.
    #[must_use]
    pub fn knows(&self, name: &str, version: u16) -> bool {
        self.0.get(name).is_some_and(|known| known.contains_key(&version))
    }

    fn judge(&self, name: &str, offered: &[(u16, u64)]) -> TypeVerdict {
        let Some(known) = self.0.get(name) else { return TypeVerdict::Unknown };
        // Versions fall in an offer, so that the first common one is the highest.
        let common =
            offered.iter().find_map(|(version, theirs)| Some((*version, *theirs, *known.get(version)?)));
        match common {
            None => TypeVerdict::NoCommonVersion,
            Some((version, theirs, ours)) if theirs == ours => TypeVerdict::Agreed { version },
            Some((version, _, fingerprint)) => TypeVerdict::Differs { version, fingerprint },
        }
    }
}

/// How far the agreement on a type has come, for messages to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeState {
    /// The peer was asked.
    Asked,
    /// Messages go in this version under this number.
    Agreed {
        /// The number for [`send`](super::Connection::try_send).
        number: u32,
        /// The version to encode.
        version: u16,
    },
    /// The peer does not take them.
    Refused(TypeRefusal),
}

/// Why a peer does not take messages of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeRefusal {
    /// It does not know the name.
    #[error("the peer does not know the type")]
    Unknown,
    /// It knows no version that is known here.
    #[error("the peer knows no common version of the type")]
    NoCommonVersion,
    /// The same version means something else there.
    #[error("version {version} of the type is {ours:016x} here and {theirs:016x} at the peer")]
    Differs {
        /// The highest common version.
        version: u16,
        /// Its fingerprint here.
        ours: u64,
        /// Its fingerprint there.
        theirs: u64,
    },
}

#[derive(Debug)]
struct Offer {
    name: Box<str>,
    versions: Vec<(u16, u64)>,
    state: TypeState,
}

/// What was agreed on one connection.
#[derive(Debug)]
pub(crate) struct Types {
    /// Ours, by number.
    offers: Vec<Offer>,
    by_name: BTreeMap<Box<str>, u32>,
    /// The peer's, by number: name and version, or `None` if refused.
    accepted: Vec<Option<(Arc<str>, u16)>>,
    limit: usize,
}

/// What an agreement needs to be sent, if anything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewOffer {
    pub(crate) number: u32,
    pub(crate) versions: Vec<u8>,
}

impl Types {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { offers: Vec::new(), by_name: BTreeMap::new(), accepted: Vec::new(), limit }
    }

    /// Where the type stands, and an offer to send when the peer has to be asked.
    pub(crate) fn agree(
        &mut self,
        name: &str,
        table: &TypeTable,
    ) -> Result<(TypeState, Option<NewOffer>), CommandError> {
        if let Some(number) = self.by_name.get(name) {
            return Ok((self.offers[*number as usize].state, None));
        }
        if self.offers.len() >= self.limit {
            return Err(CommandError::TooMany { what: "types of messages", limit: self.limit });
        }
        let known = table.0.get(name).filter(|known| known.len() <= MOST_VERSIONS);
        let (Some(known), 1..=NAME_BYTES) = (known, name.len()) else {
            return Err(CommandError::BadName { what: "type of message" });
        };
        let versions: Vec<(u16, u64)> =
            known.iter().rev().map(|(version, print)| (*version, *print)).collect();
        let number = u32::try_from(self.offers.len()).unwrap_or(u32::MAX);
        let bytes = versions
            .iter()
            .flat_map(|(version, print)| version.to_le_bytes().into_iter().chain(print.to_le_bytes()));
        let offer = NewOffer { number, versions: bytes.collect() };
        self.by_name.insert(name.into(), number);
        self.offers.push(Offer { name: name.into(), versions, state: TypeState::Asked });
        Ok((TypeState::Asked, Some(offer)))
    }

    /// Whether messages may be sent under `number`.
    pub(crate) fn may_send(&self, number: u32) -> Result<(), CommandError> {
        match self.offers.get(number as usize) {
            Some(Offer { state: TypeState::Agreed { .. }, .. }) => Ok(()),
            _ => Err(CommandError::UnknownType { number }),
        }
    }

    /// The peer offered a type.
    pub(crate) fn handle_offer(
        &mut self,
        number: u32,
        name: &[u8],
        versions: &[u8],
        table: &TypeTable,
    ) -> Result<TypeVerdict, Violation> {
        let bad = |fault| Violation::BadType { number, fault };
        if number as usize != self.accepted.len() {
            return Err(bad("its number is not the next"));
        }
        if self.accepted.len() >= self.limit {
            return Err(Violation::TooMany { what: "types of messages", limit: self.limit });
        }
        let name = std::str::from_utf8(name).ok().filter(|name| (1..=NAME_BYTES).contains(&name.len()));
        let name = name.ok_or(Violation::BadName { what: "name of a type" })?;
        let (entries, rest) = versions.as_chunks::<VERSION_BYTES>();
        let offered: Vec<(u16, u64)> = entries.iter().map(version_and_fingerprint).collect();
        let falling = offered.is_sorted_by(|first, second| first.0 > second.0);
        if !rest.is_empty() || !falling || !(1..=MOST_VERSIONS).contains(&offered.len()) {
            return Err(bad("its versions are no falling list"));
        }
        let verdict = table.judge(name, &offered);
        self.accepted.push(match verdict {
            TypeVerdict::Agreed { version } => Some((name.into(), version)),
            _ => None,
        });
        Ok(verdict)
    }

    /// The peer answered an offer of ours: gives the type's name and where it stands now.
    pub(crate) fn handle_answer(
        &mut self,
        number: u32,
        verdict: TypeVerdict,
    ) -> Result<(Box<str>, TypeState), Violation> {
        let bad = |fault| Violation::BadType { number, fault };
        let offer = self.offers.get_mut(number as usize).ok_or(bad("it was not offered"))?;
        if offer.state != TypeState::Asked {
            return Err(bad("it was answered before"));
        }
        let print =
            |version| offer.versions.iter().find(|(known, _)| *known == version).map(|(_, print)| *print);
        offer.state = match verdict {
            TypeVerdict::Agreed { version } => {
                print(version).ok_or(bad("that version was not offered"))?;
                TypeState::Agreed { number, version }
            }
            TypeVerdict::Unknown => TypeState::Refused(TypeRefusal::Unknown),
            TypeVerdict::NoCommonVersion => TypeState::Refused(TypeRefusal::NoCommonVersion),
            TypeVerdict::Differs { version, fingerprint: theirs } => {
                let ours = print(version).ok_or(bad("that version was not offered"))?;
                TypeState::Refused(TypeRefusal::Differs { version, ours, theirs })
            }
        };
        Ok((offer.name.clone(), offer.state))
    }

    /// What the peer means by `number`.
    pub(crate) fn meaning(&self, number: u32) -> Result<(&Arc<str>, u16), Violation> {
        match self.accepted.get(number as usize) {
            Some(Some((name, version))) => Ok((name, *version)),
            _ => Err(Violation::UnknownType { number }),
        }
    }
}

fn version_and_fingerprint(entry: &[u8; VERSION_BYTES]) -> (u16, u64) {
    let [low, high, print @ ..] = *entry;
    (u16::from_le_bytes([low, high]), u64::from_le_bytes(print))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(versions: &[(u16, u64)]) -> TypeTable {
        let mut table = TypeTable::default();
        for (version, print) in versions {
            table.declare("Deposit", *version, *print);
        }
        table
    }

    fn settle(ours: &[(u16, u64)], theirs: &TypeTable) -> TypeState {
        let (mut sender, mut receiver) = (Types::new(10), Types::new(10));
        let offer = sender.agree("Deposit", &table(ours)).unwrap().1.unwrap();
        let verdict = receiver.handle_offer(offer.number, b"Deposit", &offer.versions, theirs).unwrap();
        let state = sender.handle_answer(offer.number, verdict).unwrap().1;
        assert_eq!(receiver.meaning(0).is_ok(), matches!(state, TypeState::Agreed { .. }));
        assert_eq!(sender.may_send(0).is_ok(), matches!(state, TypeState::Agreed { .. }));
        assert!(sender.handle_answer(0, verdict).is_err(), "an answer comes once");
        state
    }

    #[test]
    fn the_highest_common_version_is_used() {
        let state = settle(&[(1, 10), (2, 20), (4, 40)], &table(&[(1, 10), (2, 20), (3, 30)]));
        assert_eq!(state, TypeState::Agreed { number: 0, version: 2 });
    }

    #[test]
    fn a_difference_is_refused_by_name_though_a_lower_version_would_do() {
        let state = settle(&[(1, 10), (2, 20)], &table(&[(1, 10), (2, 21)]));
        assert_eq!(state, TypeState::Refused(TypeRefusal::Differs { version: 2, ours: 20, theirs: 21 }));
        let none = settle(&[(1, 10)], &table(&[(2, 20)]));
        assert_eq!(none, TypeState::Refused(TypeRefusal::NoCommonVersion));
        let unknown = settle(&[(1, 10)], &TypeTable::default());
        assert_eq!(unknown, TypeState::Refused(TypeRefusal::Unknown));
    }

    #[test]
    fn an_offer_out_of_turn_or_with_a_broken_list_is_a_violation() {
        let known = table(&[(1, 10)]);
        let entry = [1, 0, 10, 0, 0, 0, 0, 0, 0, 0];
        for (number, versions) in [(1, &entry[..]), (0, &entry[..9]), (0, &[]), (0, &[entry, entry].concat())]
        {
            let mut types = Types::new(10);
            let refused = types.handle_offer(number, b"Deposit", versions, &known);
            assert!(matches!(refused, Err(Violation::BadType { .. })), "{refused:?}");
        }
        let mut types = Types::new(0);
        assert!(matches!(types.handle_offer(0, b"x", &entry, &known), Err(Violation::TooMany { .. })));
        let mut types = Types::new(1);
        assert!(matches!(types.handle_offer(0, b"\xff", &entry, &known), Err(Violation::BadName { .. })));
    }
}
