//! Signals on their way between nodes.

use crate::cell::pid::AnyPid;
use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::signal::{MonitorRef, Signal};

/// A signal between actors of different nodes, with ids in place of pids.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FarSignal {
    /// Asks the receiver to end, or tells it that an actor linked to it has.
    Exit {
        /// Who ended, or who asks.
        from: ActorId,
        /// Why.
        reason: ExitReason,
        /// Whether it comes through a link.
        link: bool,
    },
    /// Sets a link up.
    Link {
        /// Who links.
        from: ActorId,
    },
    /// Takes a link down.
    Unlink {
        /// Who unlinks.
        from: ActorId,
        /// What the acknowledgement must carry.
        id: u64,
    },
    /// Acknowledges an `Unlink`.
    UnlinkAck {
        /// Who received it.
        from: ActorId,
        /// What it carried.
        id: u64,
    },
    /// Sets a monitor on the receiver; its owner sends it.
    Monitor {
        /// Its name.
        monitor: MonitorRef,
        /// Whether its owner wants the `Down` ahead of messages.
        priority: bool,
    },
    /// Takes a monitor off the receiver; its owner sends it.
    Demonitor {
        /// Its name.
        monitor: MonitorRef,
    },
    /// Tells a monitor's owner that its subject, which sends it, ended.
    Down {
        /// Its name.
        monitor: MonitorRef,
        /// Who ended.
        subject: ActorId,
        /// Why.
        reason: ExitReason,
        /// As its owner asked.
        priority: bool,
    },
    /// Asks the receiver to end once it has handled what was sent before.
    Stop {
        /// Who asks.
        from: ActorId,
    },
}

impl FarSignal {
    /// Who sends it: with the receiver, the pair in whose order it goes.
    #[must_use]
    pub const fn sender(&self) -> ActorId {
        match self {
            Self::Exit { from, .. }
            | Self::Link { from }
            | Self::Unlink { from, .. }
            | Self::UnlinkAck { from, .. }
            | Self::Stop { from } => *from,
            Self::Monitor { monitor, .. } | Self::Demonitor { monitor } => monitor.owner(),
            Self::Down { subject, .. } => *subject,
        }
    }

    /// What `signal` is for another node; `current` sends what bears no sender. A timer's never leaves.
    pub(crate) fn of(signal: &Signal<AnyPid>, current: ActorId) -> Option<Self> {
        Some(match signal {
            Signal::Exit { from, reason, link } => {
                Self::Exit { from: *from, reason: reason.clone(), link: *link }
            }
            Signal::Link { from } => Self::Link { from: from.id() },
            Signal::Unlink { from, id } => Self::Unlink { from: from.id(), id: *id },
            Signal::UnlinkAck { from, id } => Self::UnlinkAck { from: *from, id: *id },
            Signal::Monitor { monitor, priority, .. } => {
                Self::Monitor { monitor: *monitor, priority: *priority }
            }
            Signal::Demonitor { monitor } => Self::Demonitor { monitor: *monitor },
            Signal::Down { monitor, subject, reason, priority } => Self::Down {
                monitor: *monitor,
                subject: *subject,
                reason: reason.clone(),
                priority: *priority,
            },
            Signal::Stop => Self::Stop { from: current },
            Signal::Due(_) => return None,
        })
    }

    pub(super) fn into_signal(self, from: &AnyPid) -> Signal<AnyPid> {
        let from_pid = || from.clone();
        match self {
            Self::Exit { from, reason, link } => Signal::Exit { from, reason, link },
            Self::Link { .. } => Signal::Link { from: from_pid() },
            Self::Unlink { id, .. } => Signal::Unlink { from: from_pid(), id },
            Self::UnlinkAck { from, id } => Signal::UnlinkAck { from, id },
            Self::Monitor { monitor, priority } => Signal::Monitor { from: from_pid(), monitor, priority },
            Self::Demonitor { monitor } => Signal::Demonitor { monitor },
            Self::Down { monitor, subject, reason, priority } => {
                Signal::Down { monitor, subject, reason, priority }
            }
            Self::Stop { .. } => Signal::Stop,
        }
    }
}
