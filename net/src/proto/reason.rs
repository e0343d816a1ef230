//! Exit reasons and signals as the core holds them: what goes with a reason is encoded, and owned.

use crate::wire::{self, Payload, WireReason};

/// Why an actor ended. What goes with it is opaque to the protocol.
pub type Reason = wire::Reason<Box<[u8]>>;

/// A system message between actors of two nodes.
pub type Signal = wire::Signal<Reason>;

impl Signal {
    /// Bytes that go with its reason.
    pub(super) fn detail_bytes(&self) -> usize {
        let mut bytes = 0;
        self.map_reason(|reason| _ = reason.map_detail(|detail| bytes = detail.len()));
        bytes
    }
}

/// As it came, to keep.
pub(super) fn owned(reason: &WireReason<'_>) -> Reason {
    reason.map_detail(|payload| payload.0.into())
}

/// For a frame; a detail longer than `most` bytes is left out: half of an encoded value is none.
pub(super) fn for_wire(reason: &Reason, most: usize) -> WireReason<'_> {
    reason.map_detail(|detail| if detail.len() <= most { Payload(detail) } else { Payload(&[]) })
}
