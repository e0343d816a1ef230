//! Identity of nodes and actors.

use std::fmt;

/// Number of a node; 0 is never used.
///
/// A node draws its number at random when it starts, so that ids of several nodes in one process
/// differ. Two nodes that meet compare names and incarnations as well.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// The id with this number, or `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number, never 0.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Identity of one actor incarnation: node, slot in the node's table, generation of the slot.
///
/// It is a plain value: it keeps nothing alive and can't be sent to. Two ids are equal exactly
/// when they name the same incarnation.
///
/// # Examples
/// ```
/// use wharf_runtime::{ActorId, NodeId};
/// let id = ActorId::new(NodeId::new(3).unwrap(), 42, 7);
/// assert_eq!(id.to_string(), "<3.42.7>");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId {
    node: NodeId,
    slot: u32,
    generation: u32,
}

impl ActorId {
    /// Puts an id together from its parts.
    #[must_use]
    pub const fn new(node: NodeId, slot: u32, generation: u32) -> Self {
        Self { node, slot, generation }
    }

    /// The node the actor lives on.
    #[must_use]
    pub const fn node(self) -> NodeId {
        self.node
    }

    /// Index in the node's table of cells.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// How many actors have had this slot, this one included; at least 1.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", self.node.0, self.slot, self.generation)
    }
}
