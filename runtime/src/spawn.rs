//! Spawning with options.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use crate::cell::header::Birth;
use crate::cell::pid::Pid;
use crate::cell::run::{self, Outcome};
use crate::cell::state::{Code, Kind, Overflow};
use crate::error::RegisterError;
use crate::mailbox::Mailbox;
use crate::node::Node;
use crate::queue::Capacity;
use crate::scheduler::Seat;

/// Decides how an actor is spawned.
///
/// # Examples
/// ```
/// use wharf_runtime::{Capacity, Mailbox, Node, Spawn};
///
/// wharf_runtime::block_on(async {
///     let node = Node::current().expect("inside a guest");
///     let worker = Spawn::on(&node)
///         .label("worker:1")
///         .capacity(Capacity::Bounded(2))
///         .spawn_fn(async |mut mailbox: Mailbox<u8>| { mailbox.receive().await; });
///     worker.send(1).await.unwrap();
/// });
/// ```
#[derive(Clone)]
#[must_use = "nothing is spawned yet"]
pub struct Spawn {
    node: Node,
    capacity: Capacity,
    overflow: Overflow,
    save_limit: Option<usize>,
    label: Option<Arc<str>>,
    name: Option<String>,
    link: bool,
    site: Option<&'static Location<'static>>,
}

impl Spawn {
    /// Spawns on `node`, with default options.
    pub fn on(node: &Node) -> Self {
        Self {
            node: node.clone(),
            capacity: Capacity::DEFAULT,
            overflow: Overflow::Wait,
            save_limit: None,
            label: None,
            name: None,
            link: false,
            site: None,
        }
    }

    /// How many messages the mailbox holds. By default 1024.
    pub const fn capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// What a send to a full mailbox does. By default it waits.
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How many messages selective receives may skip. By default as many as the mailbox holds.
    pub const fn save_limit(mut self, limit: usize) -> Self {
        self.save_limit = Some(limit);
        self
    }

    /// What the actor is called in reports; need not be unique.
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// A unique name on the node, under which the actor can be looked up. Spawn with
    /// [`Spawn::try_spawn_fn`], since the name may be taken.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Links the actor with the one that spawns it, before its first turn.
    pub const fn link(mut self) -> Self {
        self.link = true;
        self
    }

    /// Where the actor counts as spawned, instead of where it is: for those who spawn on behalf of
    /// others.
    #[doc(hidden)]
    pub const fn site(mut self, site: &'static Location<'static>) -> Self {
        self.site = Some(site);
        self
    }

    /// Spawns an actor in process style. A name that is taken is left where it is, and logged.
    #[track_caller]
    pub fn spawn_fn<M, F, Fut>(self, f: F) -> Pid<M>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let name = self.name.clone();
        let node = self.node.clone();
        let pid = self.start(Location::caller(), f);
        if let Some(name) = name
            && let Err(error) = node.register(name, &pid)
        {
            tracing::warn!(target: "wharf::registry", "{error}");
        }
        pid
    }

    /// Spawns an actor in process style under its name.
    ///
    /// # Errors
    /// [`RegisterError::Taken`] when another actor has the name; then the new one is killed before
    /// it has run, unless a worker was faster, and no other has been touched.
    #[track_caller]
    pub fn try_spawn_fn<M, F, Fut>(self, f: F) -> Result<Pid<M>, RegisterError>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let name = self.name.clone();
        let node = self.node.clone();
        let pid = self.start(Location::caller(), f);
        if let Some(name) = name
            && let Err(error) = node.register(name, &pid)
        {
            pid.kill();
            return Err(error);
        }
        Ok(pid)
    }

    fn start<M, F, Fut>(self, site: &'static Location<'static>, f: F) -> Pid<M>
    where
        M: Send + 'static,
        F: FnOnce(Mailbox<M>) -> Fut + Send + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let (parent, now) = Seat::with(|seat| match seat {
            Some(seat) if seat.is_of(self.node.pointer()) => {
                (Code::from_bits(seat.code()), seat.worker().map(|_| seat.now()))
            }
            _ => (Code::NONE, None),
        });
        let kind = if self.node.shared().core.is_some() { Kind::Explored } else { Kind::Worker };
        let birth = Birth {
            capacity: self.capacity,
            overflow: self.overflow,
            label: self.label.clone(),
            save_limit: self.save_limit,
            site: self.site.unwrap_or(site),
            parent,
            born: now.unwrap_or_else(|| self.node.now()),
            kind,
            recent: self.node.shared().recent,
        };
        let (label, link, node) = (self.label, self.link, self.node);
        run::spawn(node.pointer(), birth, |pid| {
            if let Some(label) = label {
                pid.cell().tenancy.transition_to_labelled();
                node.shared().directory.set_label(pid.id(), label);
            }
            if link {
                run::link_with_spawner(&pid.any());
            }
            f(Mailbox::new(pid))
        })
    }
}

impl fmt::Debug for Spawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn")
            .field("capacity", &self.capacity)
            .field("overflow", &self.overflow)
            .field("label", &self.label)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
