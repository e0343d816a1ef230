//! What travels between actors beside messages: signals, and the notices a program sees of them.

use std::fmt;
use std::sync::Arc;

use crate::exit::ExitReason;
use crate::id::ActorId;
use crate::mailbox::due::Due;

/// Names one monitor: whose it is, and which of its owner's.
///
/// A plain value, never given out twice by one actor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonitorRef {
    owner: ActorId,
    number: u64,
}

impl MonitorRef {
    /// Puts a reference together from its parts.
    #[must_use]
    pub const fn new(owner: ActorId, number: u64) -> Self {
        Self { owner, number }
    }

    /// The actor that monitors.
    #[must_use]
    pub const fn owner(self) -> ActorId {
        self.owner
    }

    /// Which of its owner's monitors this is.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Debug for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.owner, self.number)
    }
}

/// A monitored actor ended, or can't be reached: the one notice that its monitor gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Down {
    /// The monitor that this ends.
    pub monitor: MonitorRef,
    /// The actor it was set on.
    pub subject: ActorId,
    /// Why it ended; `NoProc` when it had ended before, `NoConnection` when it may still live.
    pub reason: ExitReason,
}

impl Down {
    /// Puts a notice together.
    #[must_use]
    pub const fn new(monitor: MonitorRef, subject: ActorId, reason: ExitReason) -> Self {
        Self { monitor, subject, reason }
    }
}

/// An exit signal that reached an actor which traps exits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exit {
    /// The linked actor that ended, or whoever sent the signal.
    pub from: ActorId,
    /// Why it ended, or the reason that was sent.
    pub reason: ExitReason,
}

impl Exit {
    /// Puts a notice together.
    #[must_use]
    pub const fn new(from: ActorId, reason: ExitReason) -> Self {
        Self { from, reason }
    }
}

/// What a signal becomes for the program it was sent to.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A monitored actor ended.
    Down(Down),
    /// An exit signal was trapped.
    Exit(Exit),
}

/// A handle through which signals can be sent to an actor.
pub trait Peer: Clone {
    /// Which actor it leads to.
    fn id(&self) -> ActorId;
}

/// A system message. It obeys the order of all that its sender sends to its receiver.
///
/// `P` is the handle that a receiver needs in order to answer, now or when it dies.
#[derive(Clone, Debug)]
pub enum Signal<P> {
    /// Asks the receiver to end, or tells it that an actor linked to it has.
    ///
    /// A kill is the reason `Kill` with `link` unset.
    Exit {
        /// Who ended, or who asks.
        from: ActorId,
        /// Why.
        reason: ExitReason,
        /// Whether it was sent because of a link; it has no effect then unless the link is active.
        link: bool,
    },
    /// Sets a link up.
    Link {
        /// Who links.
        from: P,
    },
    /// Takes a link down; the receiver must acknowledge before it sends anything else there.
    Unlink {
        /// Who unlinks.
        from: P,
        /// Unique among the sender's unlinks; never 0.
        id: u64,
    },
    /// Acknowledges an `Unlink`.
    UnlinkAck {
        /// Who received it.
        from: ActorId,
        /// The id that it carried.
        id: u64,
    },
    /// Sets a monitor on the receiver.
    Monitor {
        /// Who monitors.
        from: P,
        /// The name of the monitor.
        monitor: MonitorRef,
        /// Whether its owner wants the `Down` ahead of ordinary messages.
        priority: bool,
    },
    /// Takes a monitor off the receiver.
    Demonitor {
        /// The name of the monitor.
        monitor: MonitorRef,
    },
    /// Tells a monitor's owner that the subject ended.
    Down {
        /// The name of the monitor.
        monitor: MonitorRef,
        /// Who ended.
        subject: ActorId,
        /// Why.
        reason: ExitReason,
        /// As its owner asked when it set the monitor.
        priority: bool,
    },
    /// Asks the receiver to end once it has handled what was queued before.
    Stop,
    /// A timer of the receiver's has rung; its message is fetched in this place.
    Due(Arc<dyn Due>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    #[test]
    fn a_monitor_reference_names_its_owner() {
        let owner = ActorId::new(NodeId::new(3).unwrap(), 42, 7);
        let monitor = MonitorRef::new(owner, 5);
        assert_eq!((monitor.owner(), monitor.number()), (owner, 5));
        assert_eq!(format!("{monitor} {monitor:?}"), "<3.42.7>!5 <3.42.7>!5");
    }

    #[test]
    fn monitors_of_two_owners_differ_though_their_numbers_agree() {
        let node = NodeId::new(1).unwrap();
        let (a, b) = (ActorId::new(node, 1, 1), ActorId::new(node, 2, 1));
        assert_ne!(MonitorRef::new(a, 1), MonitorRef::new(b, 1));
    }

    #[test]
    fn signals_and_notices_can_be_sent_between_threads() {
        fn sendable<T: Send + Sync>() {}
        sendable::<Signal<ActorId>>();
        sendable::<Notice>();
    }
}
