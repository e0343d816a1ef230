//! Who is who: nodes, actors on this side, actors on the other.

use std::fmt;
use std::sync::Arc;

use crate::wire::WirePid;

/// Longest name of a node, in bytes.
pub const NAME_BYTES: usize = 255;

/// Name of a node: 1 to 255 bytes of text. Clones share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The name, or `None` when it is empty or too long.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        (1..=NAME_BYTES).contains(&name.len()).then(|| Self(name.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One life of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Its name: the next life has the same.
    pub name: NodeName,
    /// Drawn at random when it started: the next life has another.
    pub incarnation: u128,
    /// The number in the ids of its actors.
    pub number: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:08x}", self.name, self.incarnation >> 96)
    }
}

/// An actor of this node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NearId {
    /// Index in the node's table of cells.
    pub slot: u32,
    /// How many actors have had the slot, this one included.
    pub generation: u32,
}

impl fmt::Debug for NearId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<near.{}.{}>", self.slot, self.generation)
    }
}

/// An actor of the peer's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarId {
    /// Index in the peer's table of cells.
    pub slot: u32,
    /// How many actors have had the slot, this one included.
    pub generation: u32,
}

impl fmt::Debug for FarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<far.{}.{}>", self.slot, self.generation)
    }
}

/// An actor of the peer's, with the proof that the peer let it be known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarPid {
    /// Which.
    pub id: FarId,
    /// The peer's keyed hash.
    pub authenticator: u64,
}

impl fmt::Debug for FarPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.id, f)
    }
}

/// Index of the node that sends a frame.
pub(crate) const SENDER: u32 = 0;
/// Index of the node that receives it.
pub(crate) const RECEIVER: u32 = 1;

impl NearId {
    pub(crate) const fn of(pid: &WirePid) -> Self {
        Self { slot: pid.slot, generation: pid.generation }
    }

    /// On the wire, in a frame of ours.
    pub(crate) const fn wire(self, authenticator: u64) -> WirePid {
        WirePid { node: SENDER, slot: self.slot, generation: self.generation, authenticator }
    }
}

impl FarPid {
    pub(crate) const fn of(pid: &WirePid) -> Self {
        let id = FarId { slot: pid.slot, generation: pid.generation };
        Self { id, authenticator: pid.authenticator }
    }

    /// On the wire, in a frame of ours.
    pub(crate) const fn wire(self) -> WirePid {
        let FarId { slot, generation } = self.id;
        WirePid { node: RECEIVER, slot, generation, authenticator: self.authenticator }
    }
}
