//! Exit reasons as the core holds them: with their detail, encoded.

use crate::wire::{Payload, WireReason};

/// Why an actor ended. What goes with it is opaque to the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It came to its end by itself.
    Normal,
    /// It was asked to stop as part of an orderly shutdown.
    Shutdown,
    /// As `Shutdown`, with a value of the program's own.
    ShutdownWith(Box<[u8]>),
    /// A kill that came through a link, as it was sent.
    Kill,
    /// It was killed.
    Killed,
    /// Its code panicked.
    Panicked(Box<[u8]>),
    /// Its code returned an error.
    Failed(Box<[u8]>),
    /// A value of the program's own.
    Custom(Box<[u8]>),
    /// There is, or was, no such actor.
    NoProc,
    /// The connection to its node is gone; it may still live.
    NoConnection,
}

impl Reason {
    pub(crate) fn of(reason: WireReason<'_>) -> Self {
        let own = |payload: Payload<'_>| payload.0.into();
        match reason {
            WireReason::Normal => Self::Normal,
            WireReason::Shutdown => Self::Shutdown,
            WireReason::ShutdownWith(detail) => Self::ShutdownWith(own(detail)),
            WireReason::Kill => Self::Kill,
            WireReason::Killed => Self::Killed,
            WireReason::Panicked(detail) => Self::Panicked(own(detail)),
            WireReason::Failed(detail) => Self::Failed(own(detail)),
            WireReason::Custom(detail) => Self::Custom(own(detail)),
            WireReason::NoProc => Self::NoProc,
            WireReason::NoConnection => Self::NoConnection,
        }
    }

    /// On the wire; a detail longer than `most` bytes is left out.
    pub(crate) fn wire(&self, most: usize) -> WireReason<'_> {
        match self {
            Self::Normal => WireReason::Normal,
            Self::Shutdown => WireReason::Shutdown,
            Self::ShutdownWith(detail) => WireReason::ShutdownWith(cut(detail, most)),
            Self::Kill => WireReason::Kill,
            Self::Killed => WireReason::Killed,
            Self::Panicked(detail) => WireReason::Panicked(cut(detail, most)),
            Self::Failed(detail) => WireReason::Failed(cut(detail, most)),
            Self::Custom(detail) => WireReason::Custom(cut(detail, most)),
            Self::NoProc => WireReason::NoProc,
            Self::NoConnection => WireReason::NoConnection,
        }
    }
}

/// All of the detail or nothing: half of an encoded value is none.
const fn cut(detail: &[u8], most: usize) -> Payload<'_> {
    if detail.len() <= most { Payload(detail) } else { Payload(&[]) }
}
