//! What the explorer keeps of a node: who can run, who waits for what, what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::Location;
use std::sync::Arc;

use crate::cell::explored::{Room, Runnable, Waiting, Waits};
use crate::cell::header::Wait;
use crate::cell::parcel::Parcel;
use crate::cell::pid::AnyPid;
use crate::cell::state::Code;
use crate::id::ActorId;
use crate::primitive::Mutex;
use crate::scheduler::carry_out;
use crate::signal::Signal;
use crate::time::Timestamp;
use crate::type_name;

use super::Core;
use super::choice::{Choice, Fingerprint, Key};
use super::outcome::{Happened, Stuck};
use super::trace::{Trace, TraceEvent};

mod guided;

/// A message or a signal under way.
enum Item {
    Message(Parcel),
    Signal(AnyPid, Signal<AnyPid>),
}

impl Item {
    /// Whether it acts whatever messages stand before it.
    const fn acts_at_once(&self) -> bool {
        match self {
            Self::Message(_) | Self::Signal(_, Signal::Stop | Signal::Due(_)) => false,
            Self::Signal(_, Signal::Down { priority, .. }) => *priority,
            Self::Signal(..) => true,
        }
    }

    fn deliver(self) {
        match self {
            Self::Message(parcel) => parcel.deliver(),
            Self::Signal(to, signal) => to.deliver_now(signal),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Message(parcel) => type_name::short(parcel.to().message_name()),
            Self::Signal(_, signal) => match signal {
                Signal::Exit { .. } => "exit",
                Signal::Link { .. } => "link",
                Signal::Unlink { .. } => "unlink",
                Signal::UnlinkAck { .. } => "unlinked",
                Signal::Monitor { .. } => "monitor",
                Signal::Demonitor { .. } => "demonitor",
                Signal::Down { .. } => "down",
                Signal::Stop => "stop",
                Signal::Due(_) => "timer",
            },
        }
    }
}

/// Something under way, and when it was sent.
struct Sent {
    at: u64,
    item: Item,
    /// Who sent it, in a traced run.
    from: Option<Arc<str>>,
}

/// One actor, dead or alive.
struct Actor {
    /// Until it is dead.
    pid: Option<AnyPid>,
    key: Key,
    name: Arc<str>,
    site: &'static Location<'static>,
    children: u32,
    /// Since when it can run.
    ready: Option<(u64, Runnable)>,
    waits: Waits,
    /// To whom it sent last, or was about to.
    sent_to: Option<usize>,
    /// Messages under way to it.
    coming: u64,
    /// Messages in its mailbox.
    queued: u64,
    /// Room that is kept.
    reserved: u64,
    /// Known once somebody has sent to it.
    room: Option<Arc<Room>>,
}

impl Actor {
    fn has_room(&self, limit: Option<u32>) -> bool {
        limit.is_none_or(|limit| self.coming + self.queued + self.reserved < u64::from(limit))
    }

    fn is_stuck(&self) -> bool {
        self.pid.is_some()
            && self.ready.is_none()
            && matches!(self.waits.wait, Wait::Reply | Wait::Permit | Wait::Join)
    }
}

fn limit_of(pid: &AnyPid) -> Option<u32> {
    pid.header().queue.capacity().limit()
}

/// A number that the running actor wants to have chosen.
#[derive(Clone, Copy, Default)]
enum Draw {
    #[default]
    No,
    /// Below this.
    Wanted(usize),
    /// It is this.
    Made(usize),
}

/// All of it. The lock is never held while code of the program could run.
pub(super) struct World(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    actors: Vec<Actor>,
    by_code: BTreeMap<u64, usize>,
    /// By sender and receiver.
    links: BTreeMap<(u64, usize), VecDeque<Sent>>,
    running: Option<usize>,
    draw: Draw,
    /// How many actors no actor spawned.
    roots: u32,
    sequence: u64,
    closed: bool,
    /// Codes of those whose signals are not put off.
    prompt: BTreeSet<u64>,
    trace: Option<Trace>,
}

impl Inner {
    fn tick(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The actor's index; it is noted when it is seen for the first time.
    fn index_of(&mut self, pid: &AnyPid) -> usize {
        let cell = pid.header();
        let code = cell.tenancy.code().bits();
        if let Some(index) = self.by_code.get(&code) {
            return *index;
        }
        let key = match self.running {
            Some(parent) => {
                let parent = &mut self.actors[parent];
                parent.children += 1;
                parent.key.child(parent.children - 1)
            }
            None => {
                self.roots += 1;
                Key::root(self.roots - 1)
            }
        };
        let label = cell.node().label_of(pid.id());
        let of_type = self.trace.as_ref().and_then(|trace| trace.name_of_type((cell.vtable.actor_name)()));
        let name = key.name(label.as_deref().or(of_type));
        if let Some(trace) = &mut self.trace {
            let by = self.running.map(|running| Arc::clone(&self.actors[running].name));
            trace.note(TraceEvent::Spawn { actor: Arc::clone(&name), by });
        }
        self.add(pid, key, name)
    }

    fn add(&mut self, pid: &AnyPid, key: Key, name: Arc<str>) -> usize {
        let cell = pid.header();
        let index = self.actors.len();
        self.by_code.insert(cell.tenancy.code().bits(), index);
        self.actors.push(Actor {
            pid: Some(pid.clone()),
            key,
            name,
            site: cell.site,
            children: 0,
            ready: None,
            waits: Waits::UNBORN,
            sent_to: None,
            coming: 0,
            queued: 0,
            reserved: 0,
            room: None,
        });
        index
    }

    /// What the sender of a code is called in a trace.
    fn name_of_sender(&self, code: u64) -> Arc<str> {
        match (self.by_code.get(&code), self.running) {
            (Some(index), _) => Arc::clone(&self.actors[*index].name),
            // A guest that was opened in the turn under way acts for whoever holds it.
            (None, Some(running)) => Arc::clone(&self.actors[running].name),
            (None, None) if code == Code::NONE.bits() => "timer".into(),
            (None, None) => "guest".into(),
        }
    }

    /// The receiver, noted as whom the running actor sends to.
    fn receiver(&mut self, room: &Room) -> usize {
        let to = self.index_of(room.to());
        if let Some(running) = self.running {
            self.actors[running].sent_to = Some(to);
        }
        to
    }

    fn send(&mut self, from: u64, to: usize, item: Item) {
        let at = self.tick();
        if let Item::Message(_) = item {
            self.actors[to].coming += 1;
            if let Some(running) = self.running {
                self.actors[running].sent_to = Some(to);
            }
        }
        let mut sender = None;
        if self.trace.is_some() {
            let name = self.name_of_sender(from);
            sender = Some(Arc::clone(&name));
            let (to, what) = (Arc::clone(&self.actors[to].name), item.name());
            self.note(TraceEvent::Send { from: name, to, what });
        }
        self.links.entry((from, to)).or_default().push_back(Sent { at, item, from: sender });
    }

    fn note(&mut self, event: TraceEvent) {
        if let Some(trace) = &mut self.trace {
            trace.note(event);
        }
    }

    fn make_ready(&mut self, index: usize, cell: Runnable) {
        let since = self.tick();
        self.actors[index].ready = Some((since, cell));
    }

    /// Follows who waits for whose reply or room, from an actor back to itself.
    fn circle_from(&self, start: usize) -> Vec<usize> {
        let mut circle = Vec::new();
        let mut at = start;
        while circle.len() <= self.actors.len() {
            let actor = &self.actors[at];
            if !actor.is_stuck() || actor.waits.wait == Wait::Join {
                break;
            }
            circle.push(at);
            let Some(next) = actor.sent_to else { break };
            if next == start {
                return circle;
            }
            at = next;
        }
        Vec::new()
    }

    fn describe(&self, index: usize) -> Stuck {
        let actor = &self.actors[index];
        let wait = actor.waits.wait;
        let on = actor.sent_to.filter(|_| wait != Wait::Join).map(|to| self.actors[to].name.to_string());
        Stuck { actor: actor.name.to_string(), wait, on, spawned_at: actor.site.to_string() }
    }
}

impl World {
    /// An empty world.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner::default()))
    }

    /// What can happen now, oldest first, and its fingerprint.
    pub(super) fn choices(&self) -> (Vec<Choice>, u64) {
        let inner = self.0.lock();
        let mut found = Vec::new();
        for (index, actor) in inner.actors.iter().enumerate() {
            if let Some((since, _)) = &actor.ready {
                found.push((*since, Choice::Turn { actor: index }));
            }
        }
        for ((from, to), link) in &inner.links {
            let (from, to) = (*from, *to);
            let accepts = inner.actors[to].waits.accepts;
            let first = accepts.then_some(0);
            let at_once = link.iter().position(|sent| sent.item.acts_at_once());
            let at_once = at_once.filter(|at| first != Some(*at));
            for at in [first, at_once].into_iter().flatten() {
                if let Some(sent) = link.get(at) {
                    found.push((sent.at, Choice::Arrival { from, to, count: at + 1 }));
                }
            }
        }
        found.sort_unstable_by_key(|(at, _)| *at);
        let mut print = Fingerprint::new();
        for (_, choice) in &found {
            match choice {
                Choice::Turn { actor } => print.add(inner.actors[*actor].key.hash, 0, 0),
                Choice::Arrival { from, to, count } => {
                    let from = inner.by_code.get(from).map_or(*from, |from| inner.actors[*from].key.hash);
                    print.add(inner.actors[*to].key.hash, from, *count as u64);
                }
            }
        }
        (found.into_iter().map(|(_, choice)| choice).collect(), print.get())
    }

    /// Lets something happen, up to the turn that follows from it: who runs now, and what happened.
    pub(super) fn begin(&self, choice: Choice) -> (usize, Option<Runnable>, Happened) {
        let mut inner = self.0.lock();
        let (actor, happened) = match choice {
            Choice::Turn { actor } => {
                let name = Arc::clone(&inner.actors[actor].name);
                (actor, Happened::Turn { actor: name })
            }
            Choice::Arrival { from, to, count } => {
                let items = inner.take_items(from, to, count);
                let happened = Happened::Arrival {
                    to: Arc::clone(&inner.actors[to].name),
                    from: inner.by_code.get(&from).map(|from| Arc::clone(&inner.actors[*from].name)),
                    items: items.iter().map(Item::name).collect(),
                };
                drop(inner);
                items.into_iter().for_each(Item::deliver);
                inner = self.0.lock();
                (to, happened)
            }
        };
        let cell = inner.actors[actor].ready.take().map(|(_, cell)| cell);
        if cell.is_some() {
            inner.running = Some(actor);
            inner.actors[actor].waits.accepts = false;
        }
        (actor, cell, happened)
    }

    /// Below which number the actor whose turn has just ended wants one to be chosen, if it does; with
    /// the actor's hash.
    pub(super) fn wanted_draw(&self, index: usize) -> Option<(usize, u64)> {
        let mut inner = self.0.lock();
        match std::mem::take(&mut inner.draw) {
            Draw::Wanted(count) => Some((count, inner.actors[index].key.hash)),
            Draw::No | Draw::Made(_) => None,
        }
    }

    /// The number has been chosen.
    pub(super) fn drawn(&self, index: usize, chosen: usize, count: usize) -> Happened {
        let mut inner = self.0.lock();
        inner.draw = Draw::Made(chosen);
        Happened::Draw { actor: Arc::clone(&inner.actors[index].name), chosen, count }
    }

    /// An actor's turn has ended: it waits. Gives its name and where it was spawned when it waits for
    /// something unknown.
    pub(super) fn parked(&self, index: usize, waits: Waits) -> Option<(String, String)> {
        let mut inner = self.0.lock();
        inner.running = None;
        let actor = &mut inner.actors[index];
        actor.waits = waits;
        let room = actor.room.clone();
        if waits.is_empty {
            actor.queued = 0;
        } else if let Some(room) = room {
            actor.queued = room.queued();
        }
        (waits.wait == Wait::Unknown).then(|| (actor.name.to_string(), actor.site.to_string()))
    }

    /// An actor's turn has ended: it wants another, after others.
    pub(super) fn yielded(&self, index: usize, cell: Runnable) {
        let mut inner = self.0.lock();
        inner.running = None;
        inner.make_ready(index, cell);
    }

    /// An actor is dead: what is under way to it comes to nothing.
    pub(super) fn ended(&self, index: usize) {
        let mut inner = self.0.lock();
        inner.running = None;
        let actor = &mut inner.actors[index];
        let gone = (actor.pid.take(), actor.room.take());
        actor.waits = Waits::UNBORN;
        let from: Vec<u64> =
            inner.links.keys().filter(|(_, to)| *to == index).map(|(from, _)| *from).collect();
        let mut items = Vec::new();
        for from in from {
            items.extend(inner.links.remove(&(from, index)).into_iter().flatten());
        }
        drop(inner);
        items.sort_unstable_by_key(|sent| sent.at);
        items.into_iter().for_each(|sent| sent.item.deliver());
        drop(gone);
    }

    /// Lets senders go on for whom there is room now.
    pub(super) fn serve_waiting(&self) {
        let rooms: Vec<(usize, Arc<Room>)> = {
            let inner = self.0.lock();
            let known = inner.actors.iter().enumerate();
            known.filter_map(|(index, actor)| Some((index, Arc::clone(actor.room.as_ref()?)))).collect()
        };
        for (index, room) in rooms {
            let limit = limit_of(room.to());
            while self.0.lock().actors[index].has_room(limit) {
                let Some(waiting) = room.next_waiting() else { break };
                let mut inner = self.0.lock();
                let waker = match waiting {
                    Waiting::Message(parcel, waker) => {
                        inner.send(parcel.sender().bits(), index, Item::Message(parcel));
                        waker
                    }
                    Waiting::Grant(waker) => {
                        inner.actors[index].reserved += 1;
                        waker
                    }
                };
                drop(inner);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
    }

    /// The first deadline of an actor that waits, and whose it is.
    pub(super) fn next_deadline(&self) -> Option<(Timestamp, usize)> {
        let inner = self.0.lock();
        let waiting = inner.actors.iter().enumerate().filter(|(_, actor)| actor.pid.is_some());
        waiting.filter_map(|(index, actor)| Some((actor.waits.deadline?, index))).min()
    }

    /// Wakes the actors whose deadline has come.
    pub(super) fn wake_due(&self, now: Timestamp) {
        let mut due = Vec::new();
        for actor in &mut self.0.lock().actors {
            if actor.waits.deadline.is_some_and(|deadline| deadline <= now) {
                actor.waits.deadline = None;
                due.extend(actor.pid.clone());
            }
        }
        for pid in due {
            let cell = pid.header();
            carry_out(cell, cell.queue.wake());
        }
    }

    /// The actors that wait for each other in a circle that this one is part of.
    pub(super) fn circle(&self, index: usize) -> Vec<Stuck> {
        let inner = self.0.lock();
        inner.circle_from(index).into_iter().map(|index| inner.describe(index)).collect()
    }

    /// The actors that wait for what can't come, when nothing can happen any more.
    pub(super) fn stuck(&self) -> Vec<Stuck> {
        self.waiting(Actor::is_stuck)
    }

    /// Those that don't run and of which this holds.
    fn waiting(&self, holds: impl Fn(&Actor) -> bool) -> Vec<Stuck> {
        let inner = self.0.lock();
        let indices = (0..inner.actors.len()).filter(|index| inner.running != Some(*index));
        indices.filter(|index| holds(&inner.actors[*index])).map(|index| inner.describe(index)).collect()
    }

    /// Takes nothing any more: what is sent from now on is dropped.
    pub(super) fn close(&self) {
        self.0.lock().closed = true;
    }

    /// Lets everything go, after all actors have been ended.
    pub(super) fn clear(&self) {
        let inner = std::mem::replace(&mut *self.0.lock(), Inner { closed: true, ..Inner::default() });
        drop(inner);
    }
}

impl Inner {
    fn take_items(&mut self, from: u64, to: usize, count: usize) -> Vec<Item> {
        let Some(link) = self.links.get_mut(&(from, to)) else { return Vec::new() };
        let taken: Vec<Sent> = link.drain(..count.min(link.len())).collect();
        if link.is_empty() {
            self.links.remove(&(from, to));
        }
        for sent in &taken {
            if let Some(from) = &sent.from {
                let (from, to) = (Arc::clone(from), Arc::clone(&self.actors[to].name));
                self.note(TraceEvent::Receive { from, to, what: sent.item.name() });
            }
        }
        let items: Vec<Item> = taken.into_iter().map(|sent| sent.item).collect();
        let messages = items.iter().filter(|item| matches!(item, Item::Message(_))).count() as u64;
        let actor = &mut self.actors[to];
        actor.coming -= messages;
        actor.queued += messages;
        items
    }
}

impl Core for World {
    fn has_room(&self, room: &Room) -> bool {
        let mut inner = self.0.lock();
        if inner.closed {
            return false;
        }
        let to = inner.receiver(room);
        let actor = &mut inner.actors[to];
        actor.room.get_or_insert_with(|| Arc::new(room.clone()));
        // Nobody overtakes those who wait.
        actor.has_room(limit_of(room.to())) && !room.to().header().queue.has_waiters()
    }

    fn reserve(&self, room: &Room) -> bool {
        let free = self.has_room(room);
        if free {
            let mut inner = self.0.lock();
            let to = inner.receiver(room);
            inner.actors[to].reserved += 1;
        }
        free
    }

    fn unreserve(&self, to: &AnyPid) {
        let mut inner = self.0.lock();
        if !inner.closed {
            let to = inner.index_of(to);
            inner.actors[to].reserved -= 1;
        }
    }

    fn post(&self, parcel: Parcel) {
        let mut inner = self.0.lock();
        if inner.closed {
            drop(inner);
            return drop(parcel);
        }
        let to = inner.index_of(parcel.to());
        inner.send(parcel.sender().bits(), to, Item::Message(parcel));
    }

    fn choose(&self, count: usize) -> Option<usize> {
        let mut inner = self.0.lock();
        match inner.draw {
            Draw::Made(chosen) => {
                inner.draw = Draw::No;
                // Another than who wanted it may ask first.
                Some(chosen % count)
            }
            Draw::Wanted(_) => None,
            Draw::No if inner.running.is_none() || inner.closed => Some(0),
            Draw::No => {
                inner.draw = Draw::Wanted(count);
                None
            }
        }
    }

    fn deliver(&self, to: &AnyPid, signal: &Signal<AnyPid>) -> bool {
        let from = sender_of(to, signal);
        let mut inner = self.0.lock();
        if inner.closed || inner.prompt.contains(&from) {
            return false;
        }
        let index = inner.index_of(to);
        if inner.actors[index].pid.is_none() {
            return false;
        }
        inner.send(from, index, Item::Signal(to.clone(), signal.clone()));
        true
    }

    fn schedule(&self, cell: Runnable) {
        let pid = cell.pid();
        let mut inner = self.0.lock();
        if !inner.closed {
            let index = inner.index_of(&pid);
            inner.make_ready(index, cell);
        }
    }
}

/// The code of who sent a signal: part of what its link is named by.
fn sender_of(to: &AnyPid, signal: &Signal<AnyPid>) -> u64 {
    let id: ActorId = match signal {
        Signal::Exit { from, .. } | Signal::UnlinkAck { from, .. } => *from,
        Signal::Link { from } | Signal::Unlink { from, .. } | Signal::Monitor { from, .. } => from.id(),
        Signal::Demonitor { monitor } => monitor.owner(),
        Signal::Down { subject, .. } => *subject,
        Signal::Stop => to.header().node().current_id(),
        Signal::Due(_) => return Code::NONE.bits(),
    };
    code_of(id)
}

/// The code of an id. Whoever is no actor has generation 0, and sends under the code 0.
fn code_of(id: ActorId) -> u64 {
    if id.generation() == 0 { Code::NONE.bits() } else { Code::new(id.slot(), id.generation()).bits() }
}
