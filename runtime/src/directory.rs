//! Names of a node's actors: who has which, and what a label stands for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::cell::header::Header;
use crate::cell::pid::AnyPid;
use crate::error::RegisterError;
use crate::id::{ActorId, NodeId};
use crate::primitive::Mutex;

#[derive(Default)]
struct Tables {
    /// Ordered, so that listings and releases are the same in every run.
    names: BTreeMap<String, AnyPid>,
    labels: HashMap<ActorId, Arc<str>>,
}

/// The names of one node. A name is released before anyone is told of its actor's end.
pub struct Directory(Mutex<Tables>);

impl Directory {
    /// No names.
    pub fn new() -> Self {
        Self(Mutex::new(Tables::default()))
    }

    /// Gives `pid` a name.
    pub fn register(&self, name: String, pid: &AnyPid) -> Result<(), RegisterError> {
        let mut tables = self.0.lock();
        if let Some(holder) = tables.names.get(&name) {
            return Err(RegisterError::Taken { name, holder: holder.id() });
        }
        if !pid.header().tenancy.transition_to_named() {
            return Err(RegisterError::NoProc { name, id: pid.id() });
        }
        tables.names.insert(name, pid.clone());
        Ok(())
    }

    /// Takes a name away.
    pub fn unregister(&self, name: &str) -> Option<AnyPid> {
        self.0.lock().names.remove(name)
    }

    /// Who has a name.
    pub fn lookup(&self, name: &str) -> Option<AnyPid> {
        self.0.lock().names.get(name).cloned()
    }

    /// Takes all names of an actor away.
    pub fn forget(&self, id: ActorId) {
        let mut tables = self.0.lock();
        let mut gone = Vec::new();
        tables.names.retain(|_, pid| {
            let keep = pid.id() != id;
            if !keep {
                gone.push(pid.clone());
            }
            keep
        });
        drop(tables);
        // The last reference to a cell may be among these: it must not go under the lock.
        drop(gone);
    }

    /// Takes all names of other nodes' actors away: those would keep `node` for ever.
    pub fn forget_far(&self, node: NodeId) {
        let mut tables = self.0.lock();
        let (near, far) =
            std::mem::take(&mut tables.names).into_iter().partition(|(_, pid)| pid.id().node() == node);
        tables.names = near;
        drop(tables);
        let far: BTreeMap<String, AnyPid> = far;
        drop(far);
    }

    /// Notes what an actor is called in reports.
    pub fn set_label(&self, id: ActorId, label: Arc<str>) {
        self.0.lock().labels.insert(id, label);
    }

    /// What an actor is called in reports.
    pub fn label(&self, id: ActorId) -> Option<Arc<str>> {
        self.0.lock().labels.get(&id).cloned()
    }

    /// Forgets what a dead actor was called.
    pub fn forget_label(&self, cell: &Header) {
        if cell.tenancy.state().is_labelled() {
            self.0.lock().labels.remove(&cell.id());
        }
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}
