//! Ids, signals and exit reasons: those of the runtime and those of the protocol.

use wharf_runtime::remote::FarSignal;
use wharf_runtime::{ActorId, ExitReason, MonitorRef, NodeId, PanicInfo};

use crate::proto::{FarId, FarPid, NearId, Reason, Signal};
use crate::wire::ExitCause;

/// Who sends what no actor sends.
pub(super) const NOBODY: NearId = NearId { slot: u32::MAX, generation: 0 };
/// The peer's nobody.
pub(super) const FAR_NOBODY: FarPid =
    FarPid { id: FarId { slot: u32::MAX, generation: 0 }, authenticator: 0 };

pub(super) const fn near(id: ActorId) -> NearId {
    NearId { slot: id.slot(), generation: id.generation() }
}

pub(super) const fn far(id: ActorId) -> FarId {
    FarId { slot: id.slot(), generation: id.generation() }
}

pub(super) const fn near_actor(node: NodeId, id: NearId) -> ActorId {
    ActorId::new(node, id.slot, id.generation)
}

pub(super) const fn far_actor(node: NodeId, id: FarId) -> ActorId {
    ActorId::new(node, id.slot, id.generation)
}

/// Who sent it, unless that is nobody.
pub(super) fn sender(node: NodeId, id: FarId) -> Option<ActorId> {
    (id != FAR_NOBODY.id).then(|| far_actor(node, id))
}

/// A reason as it travels: what is in it, as text.
pub(super) fn reason_out(reason: &ExitReason) -> Reason {
    let text = |text: String| text.into_bytes().into_boxed_slice();
    match reason {
        ExitReason::Normal => Reason::Normal,
        ExitReason::Shutdown => Reason::Shutdown,
        ExitReason::ShutdownWith(detail) => Reason::ShutdownWith(text(format!("{detail:?}"))),
        ExitReason::Kill => Reason::Kill,
        ExitReason::Killed => Reason::Killed,
        ExitReason::Panicked(info) => Reason::Panicked(text(match info.location() {
            Some(location) => format!("{location}\n{}", info.message()),
            None => format!("\n{}", info.message()),
        })),
        ExitReason::Failed(error) => Reason::Failed(text(error.to_string())),
        ExitReason::Custom(detail) => Reason::Custom(text(format!("{detail:?}"))),
        ExitReason::NoProc => Reason::NoProc,
        ExitReason::NoConnection => Reason::NoConnection,
        // A kind that this version does not know.
        other => Reason::Failed(text(other.to_string())),
    }
}

/// A detail of another node's: its text, which prints as the detail itself would.
#[derive(Clone, PartialEq, Eq)]
pub struct FarDetail(String);

impl FarDetail {
    /// As the other node's detail prints.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for FarDetail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn reason_in(reason: &Reason) -> ExitReason {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match reason {
        Reason::Normal => ExitReason::Normal,
        Reason::Shutdown => ExitReason::Shutdown,
        Reason::ShutdownWith(detail) => ExitReason::shutdown_with(FarDetail(text(detail))),
        Reason::Kill => ExitReason::Kill,
        Reason::Killed => ExitReason::Killed,
        Reason::Panicked(detail) => {
            let detail = text(detail);
            let (location, message) = detail.split_once('\n').unwrap_or(("", &detail));
            ExitReason::Panicked(PanicInfo::new(message, (!location.is_empty()).then(|| location.into())))
        }
        Reason::Failed(detail) => ExitReason::failed(text(detail)),
        Reason::Custom(detail) => ExitReason::custom(FarDetail(text(detail))),
        Reason::NoProc => ExitReason::NoProc,
        Reason::NoConnection => ExitReason::NoConnection,
    }
}

/// A signal of an actor here.
pub(super) fn signal_out(signal: &FarSignal) -> Option<Signal> {
    Some(match signal {
        FarSignal::Exit { reason, link, .. } => {
            let cause = if *link { ExitCause::Link } else { ExitCause::Request };
            Signal::Exit { cause, reason: reason_out(reason) }
        }
        FarSignal::Link { .. } => Signal::Link,
        FarSignal::Unlink { id, .. } => Signal::Unlink { number: *id },
        FarSignal::UnlinkAck { id, .. } => Signal::UnlinkAck { number: *id },
        FarSignal::Monitor { monitor, .. } => Signal::Monitor { number: monitor.number() },
        FarSignal::Demonitor { monitor } => Signal::Demonitor { number: monitor.number() },
        FarSignal::Down { monitor, reason, .. } => {
            Signal::Down { number: monitor.number(), reason: reason_out(reason) }
        }
        FarSignal::Stop { .. } => Signal::Stop,
        _ => return None,
    })
}

/// A signal of `from`, an actor of the peer's, for `to`, an actor here.
pub(super) fn signal_in(from: ActorId, to: ActorId, signal: &Signal) -> FarSignal {
    match signal {
        Signal::Exit { cause, reason } => {
            FarSignal::Exit { from, reason: reason_in(reason), link: *cause == ExitCause::Link }
        }
        Signal::Link => FarSignal::Link { from },
        Signal::Unlink { number } => FarSignal::Unlink { from, id: *number },
        Signal::UnlinkAck { number } => FarSignal::UnlinkAck { from, id: *number },
        Signal::Monitor { number } => {
            FarSignal::Monitor { monitor: MonitorRef::new(from, *number), priority: false }
        }
        Signal::Demonitor { number } => FarSignal::Demonitor { monitor: MonitorRef::new(from, *number) },
        Signal::Down { number, reason } => FarSignal::Down {
            monitor: MonitorRef::new(to, *number),
            subject: from,
            reason: reason_in(reason),
            // Its owner's node knows whether it is to come ahead of messages.
            priority: false,
        },
        Signal::Stop => FarSignal::Stop { from },
    }
}
