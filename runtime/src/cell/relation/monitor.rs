//! One actor's monitors, from both ends: those it has set, and those set on it.

use super::table::Table;
use crate::signal::{MonitorRef, Peer, Signal};

/// The monitors that an actor has set on others.
///
/// A monitor is active from `monitor` until `demonitor`, or until its `Down` is handed to the
/// program. A `Down` that has arrived but still waits in its place leaves it active, so that
/// `demonitor` can take it back.
#[derive(Clone, Debug)]
pub(super) struct Monitors<P> {
    table: Table<MonitorRef, P>,
    last_number: u64,
}

impl<P: Peer> Monitors<P> {
    pub(super) const fn new() -> Self {
        Self { table: Table::new(), last_number: 0 }
    }

    pub(super) fn monitor(
        &mut self,
        me: &P,
        subject: &P,
        priority: bool,
    ) -> (MonitorRef, Option<(P, Signal<P>)>) {
        self.last_number += 1;
        let monitor = MonitorRef::new(me.id(), self.last_number);
        if subject.id() == me.id() {
            return (monitor, None);
        }
        self.table.insert(monitor, subject.clone());
        let signal = Signal::Monitor { from: me.clone(), monitor, priority };
        (monitor, Some((subject.clone(), signal)))
    }

    pub(super) fn demonitor(&mut self, monitor: MonitorRef) -> Option<(P, Signal<P>)> {
        let subject = self.table.remove(&monitor)?;
        Some((subject, Signal::Demonitor { monitor }))
    }

    pub(super) fn take_down(&mut self, monitor: MonitorRef) -> bool {
        self.table.remove(&monitor).is_some()
    }

    /// Takes out one monitor whose subject need not remember it.
    pub(super) fn next_to_cancel(&mut self) -> Option<(MonitorRef, P)> {
        self.table.remove_first()
    }

    pub(super) fn is_active(&self, monitor: MonitorRef) -> bool {
        self.table.get(&monitor).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MonitorRef, &P)> {
        self.table.iter().map(|(monitor, subject)| (*monitor, subject))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// Who is to hear of an actor's death because of a monitor.
#[derive(Clone, Debug)]
pub(super) struct Watcher<P> {
    pub(super) peer: P,
    pub(super) priority: bool,
}

/// The monitors that others have set on an actor.
#[derive(Clone, Debug)]
pub(super) struct Watchers<P>(Table<MonitorRef, Watcher<P>>);

impl<P: Peer> Watchers<P> {
    pub(super) const fn new() -> Self {
        Self(Table::new())
    }

    pub(super) fn handle_monitor(&mut self, monitor: MonitorRef, peer: P, priority: bool) {
        self.0.insert(monitor, Watcher { peer, priority });
    }

    pub(super) fn handle_demonitor(&mut self, monitor: MonitorRef) {
        self.0.remove(&monitor);
    }

    pub(super) fn next_to_tell(&mut self) -> Option<(MonitorRef, Watcher<P>)> {
        self.0.remove_first()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MonitorRef, &P)> {
        self.0.iter().map(|(monitor, watcher)| (*monitor, &watcher.peer))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
