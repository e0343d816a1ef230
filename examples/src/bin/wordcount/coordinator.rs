//! The coordinator: hands out chunks, adds up what comes back, and puts back what the dead had.
//!
//! ```text
//!  worker, on any node       coordinator
//!      | Enter -----------------> |      it is monitored from now on; the answer is its seat
//!      | Next ------------------> |      an ask; the answer is a chunk, or None at the end
//!      | <------------- chunk ... |
//!      | Next ------------------> |      ahead: the next is on its way while this one is counted
//!      | Done{findings} --------> |
//!      x                          |
//!        ---------------- Down -> |      what it held goes to others
//! ```
//! A worker's `Down` arrives after all it has sent, so a chunk is either reported or, at the
//! `Down`, still in the worker's name in the ledger: never both. What a worker counted of a chunk
//! it did not finish dies with it, since counts are handed over a chunk at a time. A node that dies, or
//! can't be reached, is a `Down` of each of its workers; what they might still send comes from nobody
//! that the books know.
//!
//! Before a node is known to be lost it may be silent for seconds. Those who have nothing to do meanwhile get
//! copies of what its workers have, and whoever reports first has counted it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use wharf::{Actor, ActorId, Context, Down, ExitReason, Pid, Reply};

use crate::chunk::Chunk;
use crate::count::Translation;
use crate::ledger::{Blame, Ledger, MAX_ATTEMPTS, Turn};
use crate::parts::Parts;
use crate::progress::Progress;
use crate::read::{Findings, Reader, Text};
use crate::report::Outcome;
use crate::roster::Roster;
use crate::tally::Tally;
use crate::walk::{Unreadable, Walk};
use crate::wire::{Content, Files, Job, Msg, Nothing, Place, Seat, Slice, unpack};

/// How long nodes that are to be there at the beginning are waited for, while they start.
const GATHERING: Duration = Duration::from_secs(10);

/// As long as somebody waits, it is looked so often who was not heard of.
const LOOK: Duration = Duration::from_millis(250);

/// A worker that has a chunk, and was not heard of in so many looks, is silent. Nobody waits for it.
const SILENCE: u64 = 6;

/// The victim has done so many chunks when it is struck; fewer if there are no more.
const STRUCK_AFTER: u64 = 2;

/// A node that is to be lost midway.
pub(crate) struct Victim {
    pub(crate) node: String,
    pub(crate) strike: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Victim").field(&self.node).finish()
    }
}

/// What goes wrong on purpose.
#[derive(Debug, Default)]
pub(crate) struct Mischief {
    /// What panics are drawn from.
    pub(crate) seed: Option<u64>,
    /// With a victim, nothing begins until all expected nodes are there.
    pub(crate) victim: Option<Victim>,
}

/// Hands out chunks, adds up what comes back and puts back what the dead had.
pub(crate) struct Coordinator {
    ledger: Ledger<Walk>,
    tally: Tally,
    roster: Roster,
    restarts: u64,
    mischief: Mischief,
    parts: Parts,
    is_gathering: bool,
    /// The node that was struck.
    dying: Option<String>,
    /// The workers that live, or whose end is not known yet, by their numbers in the ledger.
    workers: HashMap<u64, Worker>,
    holders: HashMap<ActorId, u64>,
    next_holder: u64,
    /// Workers for whom there is nothing unless a chunk comes back.
    waiting: VecDeque<(u64, Reply<Option<Job>>)>,
    /// How often it was looked who is silent, and whether it will be again.
    round: u64,
    is_looking: bool,
    /// Workers that have chunks, and were not heard of for a while.
    silent: BTreeSet<u64>,
    reader: Reader<Text>,
    is_done: bool,
    outcome: Option<oneshot::Sender<Outcome>>,
}

/// What the coordinator knows of a worker.
struct Worker {
    pid: Pid<Nothing>,
    place: Place,
    /// Its share in the roster, which its replacement takes over.
    slot: usize,
    /// The look before which it was heard of, or was given something after it had nothing.
    heard: u64,
    translation: Translation,
    /// Findings that have come in part.
    slices: Vec<u8>,
    /// Text of chunks that did not fit into one message.
    texts: HashMap<u64, Vec<u8>>,
}

impl Coordinator {
    /// A coordinator for what `walk` finds, and where its outcome comes.
    pub(crate) fn new(
        walk: Walk,
        roster: Roster,
        mischief: Mischief,
        progress: Arc<Progress>,
    ) -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        let mut parts = Parts::default();
        roster.expected().for_each(|node| parts.keep(node));
        let this = Self {
            ledger: Ledger::new(walk),
            tally: Tally::new(progress),
            roster,
            restarts: 0,
            parts,
            is_gathering: mischief.victim.is_some(),
            mischief,
            dying: None,
            workers: HashMap::new(),
            holders: HashMap::new(),
            next_holder: 0,
            waiting: VecDeque::new(),
            round: 0,
            is_looking: false,
            silent: BTreeSet::new(),
            reader: Reader::default(),
            is_done: false,
            outcome: Some(sender),
        };
        (this, receiver)
    }

    fn enter(&mut self, pid: Pid<Nothing>, place: Place, cx: &mut Context<Msg>) -> Seat {
        let holder = self.next_holder;
        self.next_holder += 1;
        // One that has died by now is told of as well.
        cx.monitor(&pid);
        self.holders.insert(pid.id(), holder);
        if !self.roster.is_expected(&place.node) && !self.roster.is_there(&place.node) {
            self.tally.say(&format!("{} helps", place.node));
        }
        let slot = self.roster.enter(&place);
        let (translation, slices, texts) = Default::default();
        let worker = Worker { pid, place, slot, heard: self.round, translation, slices, texts };
        self.workers.insert(holder, worker);
        Seat { holder, chaos: self.mischief.seed }
    }

    /// A worker lives, and gets on.
    fn hear(&mut self, holder: u64) {
        let Some(worker) = self.workers.get_mut(&holder) else { return };
        worker.heard = self.round;
        self.silent.remove(&holder);
        if self.roster.is_expected(&worker.place.node) {
            self.parts.keep(&worker.place.node);
        }
    }

    fn want(&mut self, holder: u64, reply: Reply<Option<Job>>) {
        if let Some(worker) = self.workers.get(&holder) {
            self.roster.want(&worker.place.node);
        }
        if self.is_gathering {
            self.is_gathering = !self.roster.is_complete();
        }
        self.waiting.push_back((holder, reply));
    }

    fn take_report(&mut self, holder: u64, number: u64, mut findings: Findings) {
        let Some(worker) = self.workers.get_mut(&holder) else {
            return;
        };
        let slices = std::mem::take(&mut worker.slices);
        if !slices.is_empty() {
            match unpack(&slices) {
                Some(whole) => findings = whole,
                None => return worker.pid.kill(),
            }
        }
        if !worker.translation.fits(&findings.portion) {
            // No worker of this program sends such a thing. Its `Down` puts back what it has.
            return worker.pid.kill();
        }
        worker.texts.remove(&number);
        if let Some(chunk) = self.ledger.finish(holder, number) {
            self.tally.add(findings, &chunk, &mut worker.translation, &mut self.ledger);
            self.roster.credit(&worker.place.node, worker.slot);
        } else {
            self.tally.leave_out(findings, &mut worker.translation);
        }
    }

    fn take_slice(&mut self, holder: u64, slice: &Slice) {
        if let Some(worker) = self.workers.get_mut(&holder) {
            worker.slices.extend_from_slice(&slice.0);
        }
    }

    fn give_more(&self, holder: u64, chunk: u64, from: u64) -> Slice {
        let text = self.workers.get(&holder).and_then(|worker| worker.texts.get(&chunk));
        text.map(|text| Slice::of(text, from)).unwrap_or_default()
    }

    /// Gives chunks to those who wait, as far as there are any.
    fn serve(&mut self) {
        while !self.is_gathering
            && let Some((holder, reply)) = self.take_turn()
        {
            match self.ledger.take(holder, |unreadable| self.tally.warn(&unreadable)) {
                Turn::Count(chunk) => self.give(holder, chunk, reply),
                turn => {
                    self.waiting.push_front((holder, reply));
                    self.is_done = turn == Turn::Done;
                    self.give_copies();
                    break;
                }
            }
        }
        self.finish();
    }

    /// Whose turn it is: the first who waits and need not leave it to others.
    fn take_turn(&mut self) -> Option<(u64, Reply<Option<Job>>)> {
        self.waiting.retain(|(holder, _)| self.workers.contains_key(holder));
        let (workers, parts) = (&self.workers, &self.parts);
        let may = |holder| workers.get(holder).is_some_and(|worker| !parts.must_wait(&worker.place.node));
        let place = self.waiting.iter().position(|(holder, _)| may(holder))?;
        self.waiting.remove(place)
    }

    fn give(&mut self, holder: u64, chunk: Chunk, reply: Reply<Option<Job>>) {
        let Some(worker) = self.workers.get_mut(&holder) else { return };
        if self.ledger.held_by(holder) == 1 {
            worker.heard = self.round;
        }
        self.parts.give(&worker.place.node);
        let files = worker.place.files;
        let job = match files {
            Files::Shared => Job { chunk, content: None },
            Files::Others => self.read(holder, chunk),
        };
        // Should it be dead, its `Down` will put the chunk back.
        _ = reply.send(Some(job));
        self.strike(STRUCK_AFTER, Some(holder));
    }

    /// Gives those who have nothing to do copies of what silent workers have.
    fn give_copies(&mut self) {
        // Where panics are drawn for each attempt, two who are at the same one would both panic.
        if self.mischief.seed.is_some() || self.silent.is_empty() {
            return;
        }
        while let Some(place) = self.waiting.iter().position(|(holder, _)| self.is_idle(*holder))
            && let Some((holder, reply)) = self.waiting.remove(place)
        {
            match self.silent.iter().find_map(|silent| self.ledger.copy(*silent, holder)) {
                Some(chunk) => self.give(holder, chunk, reply),
                None => return self.waiting.push_front((holder, reply)),
            }
        }
    }

    fn is_idle(&self, holder: u64) -> bool {
        !self.silent.contains(&holder) && self.ledger.held_by(holder) == 0
    }

    /// Sees who was silent for a while; of them nobody expects anything soon.
    fn look(&mut self) {
        self.is_looking = false;
        let round = self.round;
        let is_heard = |worker: &Worker| worker.heard + SILENCE > round;
        for (holder, worker) in &self.workers {
            if !is_heard(worker) && self.ledger.held_by(*holder) > 0 {
                self.silent.insert(*holder);
            }
        }
        // Who waits for a chunk has said all that there is to say.
        let waiting = self.waiting.iter().filter_map(|(holder, _)| self.workers.get(holder));
        let heard = self.workers.values().filter(|worker| is_heard(worker)).chain(waiting);
        let heard: BTreeSet<&str> = heard.map(|worker| &*worker.place.node).collect();
        for node in self.roster.expected().filter(|node| self.roster.has_asked(node) && !heard.contains(node))
        {
            self.parts.release(node);
        }
    }

    /// As long as somebody waits, looks from time to time whether somebody is silent.
    fn look_later(&mut self, cx: &mut Context<Msg>) {
        if !self.is_looking && !self.is_done && !self.waiting.is_empty() {
            self.is_looking = true;
            self.round += 1;
            cx.set_timer("look", LOOK, Msg::Look);
        }
    }

    /// Those who have not asked for anything by now are not waited for.
    fn begin(&mut self) {
        self.is_gathering = false;
        for node in self.roster.expected().filter(|node| !self.roster.has_asked(node)) {
            self.parts.release(node);
        }
    }

    /// A process of this machine has ended. What it was given, if anything, is told of by its workers' `Down`.
    fn lose_early(&mut self, node: &str) {
        if self.roster.is_expected(node) && !self.roster.has_asked(node) {
            self.roster.lose(node);
            self.parts.release(node);
            self.is_gathering &= !self.roster.is_complete();
        }
    }

    /// Reads a chunk for a worker that can't read the files itself.
    fn read(&mut self, holder: u64, mut chunk: Chunk) -> Job {
        let (text, findings) = self.reader.text(&chunk);
        for (source, unreadable) in findings.unreadable {
            if self.ledger.fail(source) {
                self.tally.warn(&unreadable);
            }
        }
        chunk.pieces.clear();
        let (first, len) = (Slice::of(&text, 0), text.len() as u64);
        if let Some(worker) = self.workers.get_mut(&holder)
            && first.0.len() < text.len()
        {
            worker.texts.insert(chunk.number, text);
        }
        let content = Content { files: findings.files, bytes: findings.bytes, len, first };
        Job { chunk, content: Some(content) }
    }

    /// Strikes the victim if it has done so many chunks, and is whom a chunk was given to.
    fn strike(&mut self, after: u64, given_to: Option<u64>) {
        let Some(victim) = &self.mischief.victim else { return };
        let is_at = |holder| self.workers.get(&holder).is_some_and(|it| it.place.node == victim.node);
        if given_to.is_none_or(is_at)
            && self.roster.chunks(&victim.node) >= after
            && self.roster.is_there(&victim.node)
            && let Some(victim) = self.mischief.victim.take()
        {
            (victim.strike)();
            self.dying = Some(victim.node);
        }
    }

    /// Tells all that all is done, when it is, and gives the result.
    fn finish(&mut self) {
        if !self.is_done {
            return;
        }
        self.strike(0, None);
        if self.dying.as_ref().is_some_and(|node| self.roster.is_there(node)) {
            return;
        }
        for (_, reply) in self.waiting.drain(..) {
            // Whoever is dead need not know.
            _ = reply.send(None);
        }
        if let Some(outcome) = self.outcome.take() {
            let (workers, nodes) = self.roster.shares();
            let (tally, restarts, nodes_lost) = (self.tally.take(), self.restarts, self.roster.lost());
            // Nobody waits any more if the program ends.
            _ = outcome.send(Outcome { tally, workers, nodes, restarts, nodes_lost });
        }
    }

    fn write_off(&mut self, holder: u64, blame: Blame, reason: &ExitReason) {
        let Some(chunk) = self.ledger.lose(holder, blame) else {
            return;
        };
        for piece in &chunk.pieces {
            if self.ledger.fail(piece.source.number) {
                let message = format!("{MAX_ATTEMPTS} workers died of it, the last one: {reason}");
                let (path, error) = (piece.source.path.clone(), io::Error::other(message));
                self.tally.warn(&Unreadable { path, error });
            }
        }
    }
}

impl Actor for Coordinator {
    type Msg = Msg;

    async fn started(&mut self, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        cx.set_timer("gathering", GATHERING, Msg::Begin);
        Ok(())
    }

    /// Walking reads directories, and that blocks: a coordinator has nothing else to do, and it
    /// looks no further ahead than the chunk that it is asked for.
    async fn handle(&mut self, msg: Msg, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        if let Msg::Next { holder, .. }
        | Msg::More { holder, .. }
        | Msg::Slice { holder, .. }
        | Msg::Done { holder, .. } = &msg
        {
            self.hear(*holder);
        }
        match msg {
            Msg::Enter { worker, place, reply } => _ = reply.send(self.enter(worker, place, cx)),
            Msg::Next { holder, reply } => self.want(holder, reply),
            Msg::More { holder, chunk, from, reply } => {
                _ = reply.send(self.give_more(holder, chunk, from));
            }
            Msg::Slice { holder, slice } => self.take_slice(holder, &slice),
            Msg::Done { holder, chunk, findings } => self.take_report(holder, chunk, findings),
            Msg::Begin => self.begin(),
            Msg::Look => self.look(),
            Msg::Gone { node } => self.lose_early(&node),
        }
        self.serve();
        self.look_later(cx);
        Ok(())
    }

    /// A worker that ended in order was told that all is done, or left; one whose node can't be reached
    /// may live, and counts as gone. Any other end is an accident in the chunk that it was at.
    async fn handle_down(&mut self, down: Down, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        if self.outcome.is_none() {
            return Ok(());
        }
        let Some((holder, worker)) = self
            .holders
            .remove(&down.subject)
            .and_then(|holder| self.workers.remove(&holder).map(|worker| (holder, worker)))
        else {
            return Ok(());
        };
        let node = &worker.place.node;
        self.silent.remove(&holder);
        self.parts.take_back(node, self.ledger.held_by(holder) as u64);
        self.roster.leave(node);
        let is_away = !self.roster.is_expected(node) && !self.roster.is_there(node);
        let blame = match &down.reason {
            ExitReason::NoConnection => {
                self.roster.lose(node);
                self.parts.release(node);
                if is_away {
                    self.tally.say(&format!("{node} is lost; what it had is counted by others"));
                }
                Blame::Nobody
            }
            reason if reason.is_orderly() => {
                if is_away {
                    self.tally.say(&format!("{node} has left; what it had is counted by others"));
                }
                Blame::Nobody
            }
            _ => {
                self.restarts += 1;
                Blame::Chunk
            }
        };
        self.write_off(holder, blame, &down.reason);
        self.serve();
        self.look_later(cx);
        Ok(())
    }
}
