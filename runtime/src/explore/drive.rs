//! One run of a program: makes the node, lets one thing after the other happen, ends everything.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::builder::Builder;
use crate::cell::explored::{Runnable, Turn};
use crate::cell::header::Wait;
use crate::crash::CrashReport;
use crate::exit::ExitReason;
use crate::hooks::Hooks;
use crate::id::NodeId;
use crate::node::{Node, NodeShared};
use crate::panic_hook;
use crate::primitive::Mutex;
use crate::scheduler::Seat;
use crate::scheduler::shutdown::end_left;
use crate::scheduler::timers::Timers;
use crate::time::{Clock, Timestamp, VirtualClock};

use super::choice::{Choice, Fingerprint};
use super::explorer::{Circles, Explorer};
use super::outcome::{Happened, Outcome, Run, Step};
use super::schedule::{Chooser, Diverged, Point, Schedule};
use super::world::World;

/// Runs `program` once.
pub(super) fn run_once<C>(
    options: &Explorer,
    chooser: &mut dyn Chooser,
    program: impl Fn(&Node) -> C,
) -> (Run, Vec<Point>)
where
    C: FnOnce() -> Result<(), String>,
{
    let crashes = Arc::new(Crashes::default());
    let stage = Stage::new(World::new(), |_| Log(Arc::clone(&crashes)));
    let seat = Seat::new(stage.node.pointer(), stage.node.now());
    let taken = seat.take();
    let mut drive = Drive::new(options, chooser, &stage, &seat);
    let check = catch_unwind(AssertUnwindSafe(|| program(&stage.node)));
    let outcome = check.as_ref().map_or(Outcome::Finished, |_| drive.run());
    let Drive { steps, points, .. } = drive;
    let outcome = match check {
        Ok(check) if outcome.is_finished() => checked(check),
        Ok(_) => outcome,
        Err(payload) => {
            stage.end_all(&seat);
            drop(taken);
            stage.retire();
            resume_unwind(payload)
        }
    };
    let elapsed = Duration::from_nanos(stage.clock.now().as_nanos());
    stage.end_all(&seat);
    drop(taken);
    let crashes = std::mem::take(&mut *crashes.0.lock());
    stage.retire();
    let outcome = match crashes.iter().find(|crash| crash.panicked) {
        Some(crash) if options.panics_fail && outcome.is_finished() => {
            Outcome::Failed { message: crash.text.clone() }
        }
        _ => outcome,
    };
    let run = Run {
        schedule: Schedule::new(points.iter().map(|point| point.chosen)),
        outcome,
        steps,
        crashes: crashes.into_iter().map(|crash| crash.text).collect(),
        elapsed,
        seed: None,
    };
    (run, points)
}

fn checked(check: impl FnOnce() -> Result<(), String>) -> Outcome {
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(Ok(())) => Outcome::Finished,
        Ok(Err(message)) => Outcome::Failed { message },
        Err(payload) => Outcome::Failed { message: panic_hook::caught(&*payload).message().to_owned() },
    }
}

/// A node for one run, and what moves it.
pub(super) struct Stage {
    pub(super) node: Node,
    pub(super) world: Arc<World>,
    pub(super) clock: VirtualClock,
}

impl Stage {
    /// A node on `world`, with the hooks that are made for it.
    pub(super) fn new<H: Hooks>(world: World, hooks: impl FnOnce(&Arc<World>) -> H) -> Self {
        let world = Arc::new(world);
        let clock = VirtualClock::new();
        let mut builder = Builder::new().name("explored").hooks(hooks(&world));
        // The same in every run, as everything that a program can see.
        if let Some(id) = NodeId::new(1) {
            builder = builder.id(id);
        }
        let core = Arc::<World>::clone(&world);
        let node = builder.build_explored(Clock::Virtual(clock.clone()), core);
        Self { node, world, clock }
    }

    /// Ends all actors where they are.
    pub(super) fn end_all(&self, seat: &Seat) {
        let shared = self.node.shared();
        shared.set_stopped();
        self.world.close();
        for pid in shared.pids() {
            end_left(pid.header(), seat);
        }
        self.world.clear();
        shared.scheduler.drop_alarms();
        shared.wake_stop_watchers();
    }

    /// Gives the node up: its memory goes with the last pid that the program keeps.
    pub(super) fn retire(self) {
        NodeShared::retire(&self.node.into_shared());
    }
}

/// What crashed in a run.
#[derive(Debug, Default)]
struct Crashes(Mutex<Vec<Crash>>);

#[derive(Debug)]
struct Crash {
    panicked: bool,
    text: String,
}

struct Log(Arc<Crashes>);

impl Hooks for Log {
    fn actor_crashed(&self, report: &CrashReport) {
        let panicked = matches!(report.reason, ExitReason::Panicked(_));
        self.0.0.lock().push(Crash { panicked, text: report.to_string() });
    }
}

/// A run under way.
pub(super) struct Drive<'a> {
    options: &'a Explorer,
    chooser: &'a mut dyn Chooser,
    pub(super) stage: &'a Stage,
    pub(super) seat: &'a Seat,
    steps: Vec<Step>,
    points: Vec<Point>,
    turns: u64,
    patience: Patience,
}

/// How long an actor runs that comes to no wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// For ever.
    Endless,
    /// Until it has received or sent some hundred messages: then others may run before it goes on.
    Slice,
}

impl<'a> Drive<'a> {
    /// Nothing has happened yet.
    pub(super) fn new(
        options: &'a Explorer,
        chooser: &'a mut dyn Chooser,
        stage: &'a Stage,
        seat: &'a Seat,
    ) -> Self {
        let (steps, points) = (Vec::new(), Vec::new());
        Self { options, chooser, stage, seat, steps, points, turns: 0, patience: Patience::Endless }
    }

    /// The same, with this patience.
    pub(super) fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    fn run(&mut self) -> Outcome {
        loop {
            match self.happen() {
                Err(outcome) => return outcome,
                Ok(true) => {}
                Ok(false) => break,
            }
        }
        if !self.chooser.may_end(self.points.len()) {
            return Outcome::Diverged { at: self.points.len() };
        }
        let stuck = self.stage.world.stuck();
        if stuck.is_empty() { Outcome::Finished } else { Outcome::Deadlock { stuck } }
    }

    /// Chooses one thing and lets it happen, or lets time go on; false when there is nothing. An
    /// error ends the run.
    fn happen(&mut self) -> Result<bool, Outcome> {
        let (choices, fingerprint) = self.stage.world.choices();
        let chosen = self.choose(choices.len(), fingerprint)?;
        let Some(choice) = choices.get(chosen) else {
            return self.next_time(Timestamp::from_nanos(0).saturating_add(self.options.until));
        };
        self.perform(*choice)?;
        Ok(true)
    }

    /// Chooses one of `count` things that can happen, whose fingerprint is given.
    pub(super) fn choose(&mut self, count: usize, fingerprint: u64) -> Result<usize, Outcome> {
        if count < 2 {
            return Ok(0);
        }
        let at = self.points.len();
        let chosen = self.chooser.choose(at, count, fingerprint);
        let chosen = chosen.map_err(|Diverged| Outcome::Diverged { at })?;
        self.points.push(Point { chosen, count, fingerprint });
        Ok(chosen)
    }

    /// Lets one thing happen.
    pub(super) fn perform(&mut self, choice: Choice) -> Result<(), Outcome> {
        let (actor, cell, happened) = self.stage.world.begin(choice);
        self.steps.push(Step(happened));
        let ran = cell.map_or(Ok(()), |cell| self.run_actor(actor, cell));
        self.stage.world.serve_waiting();
        ran
    }

    /// Counts a turn; an error when there have been too many.
    pub(super) const fn count_turn(&mut self) -> Result<(), Outcome> {
        self.turns += 1;
        if self.turns > self.options.steps { Err(Outcome::StepLimit) } else { Ok(()) }
    }

    /// How many turns there may be.
    pub(super) const fn step_limit(&self) -> u64 {
        self.options.steps
    }

    /// Forgets what has happened, where a trace is kept of it.
    pub(super) fn forget_steps(&mut self) {
        self.steps.clear();
        self.points.clear();
    }

    /// Runs an actor until it waits.
    fn run_actor(&mut self, actor: usize, mut cell: Runnable) -> Result<(), Outcome> {
        let world = &self.stage.world;
        loop {
            if let Err(limit) = self.count_turn() {
                world.yielded(actor, cell);
                return Err(limit);
            }
            let now = self.stage.clock.now();
            let end = if self.patience == Patience::Slice { now } else { Timestamp::MAX };
            self.seat.begin_slice(now, end);
            let turn = cell.run(self.seat);
            let wanted = world.wanted_draw(actor);
            match turn {
                Turn::Again(again, _) if wanted.is_some() => {
                    if let Err(diverged) = self.draw(actor, wanted) {
                        world.yielded(actor, again);
                        return Err(diverged);
                    }
                    cell = again;
                }
                Turn::Waits(waits) => match world.parked(actor, waits) {
                    None => return Ok(()),
                    Some((actor, spawned_at)) => return Err(Outcome::Uncontrolled { actor, spawned_at }),
                },
                Turn::Again(again, Wait::Turn) => {
                    world.yielded(actor, again);
                    return Ok(());
                }
                Turn::Again(again, _) => cell = again,
                Turn::Ended => {
                    world.ended(actor);
                    return Ok(());
                }
            }
        }
    }

    /// Chooses a number for the actor that runs.
    fn draw(&mut self, actor: usize, wanted: Option<(usize, u64)>) -> Result<(), Outcome> {
        let Some((count, key)) = wanted else { return Ok(()) };
        let mut print = Fingerprint::new();
        print.add(key, u64::MAX, count as u64);
        let chosen = self.choose(count, print.get())?;
        self.steps.push(Step(self.stage.world.drawn(actor, chosen, count)));
        Ok(())
    }

    /// Lets time go on to the next timer; false when there is none until then.
    pub(super) fn next_time(&mut self, until: Timestamp) -> Result<bool, Outcome> {
        let (world, scheduler) = (&self.stage.world, &self.stage.node.shared().scheduler);
        let alarm = scheduler.next_alarm().map(|tick| at_start_of(tick.as_millis()));
        let deadline = world.next_deadline();
        let first = [alarm, deadline.map(|(due, _)| due)].into_iter().flatten().min();
        // What is due at the end of time never comes: no clock gets there.
        let Some(next) = first.filter(|next| *next < Timestamp::MAX) else { return Ok(false) };
        if let Some((due, actor)) = deadline
            && due == next
            && self.options.circles == Circles::Deadlock
        {
            let stuck = world.circle(actor);
            if !stuck.is_empty() {
                return Err(Outcome::Deadlock { stuck });
            }
        }
        if next > until {
            return Ok(false);
        }
        self.stage.clock.advance_to(next);
        let now = self.stage.clock.now();
        self.steps.push(Step(Happened::Clock { now: Duration::from_nanos(now.as_nanos()) }));
        self.seat.begin_slice(now, Timestamp::MAX);
        let mut due = Vec::new();
        scheduler.take_due_alarms(now.tick(), &mut due);
        if !due.is_empty() || deadline.is_some_and(|(due, _)| due <= now) {
            world.note_clock(now);
        }
        for alarm in due {
            Timers::ring(self.seat, now, alarm);
        }
        world.wake_due(now);
        Ok(true)
    }
}

fn at_start_of(millis: u64) -> Timestamp {
    Timestamp::from_nanos(millis.saturating_mul(1_000_000))
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;
    use crate::cell::pid::Pid;
    use crate::explore::schedule::Scripted;
    use crate::mailbox::Mailbox;
    use crate::wait::sleep;

    fn run(program: impl Fn(&Node)) -> Outcome {
        let schedule = Schedule::default();
        let program = |node: &Node| {
            program(node);
            || Ok(())
        };
        run_once(&Explorer::new(), &mut Scripted(&schedule), program).0.outcome
    }

    #[test]
    fn a_node_goes_with_its_run_or_with_the_last_pid_of_it() {
        let kept = Mutex::new(None);
        let node = Mutex::new(std::sync::Weak::new());
        let outcome = run(|at| {
            *node.lock() = Arc::downgrade(&at.clone().into_shared());
            for _ in 0..3 {
                at.spawn_fn(async |mut mailbox: Mailbox<u8>| {
                    let child = mailbox.node().spawn_fn(async |_: Mailbox<()>| sleep(Duration::MAX).await);
                    mailbox.monitor(&child);
                    mailbox.receive().await;
                });
            }
            let pid: Pid<u8> = at.spawn_fn(async |mut mailbox: Mailbox<u8>| {
                if let Some(message) = mailbox.receive().await {
                    drop(mailbox.send_after(Duration::from_secs(1), message));
                    mailbox.node().run(sleep(Duration::from_secs(2))).await;
                }
            });
            pid.try_send(1).unwrap();
            *kept.lock() = Some(pid);
        });
        assert!(outcome.is_finished(), "{outcome}");
        let pid = kept.lock().take().unwrap();
        assert!(!pid.is_alive());
        assert!(pid.try_send(2).is_err());
        assert_eq!(node.lock().strong_count(), 1);
        drop(pid);
        assert_eq!(node.lock().strong_count(), 0);
    }

    #[test]
    fn a_panic_while_the_program_is_set_up_goes_on_and_leaves_nothing() {
        let token = Arc::new(());
        let caught = catch_unwind(AssertUnwindSafe(|| {
            run(|node| {
                let token = Arc::clone(&token);
                node.spawn_fn(async move |mut mailbox: Mailbox<u8>| {
                    mailbox.receive().await;
                    drop(token);
                });
                panic!("no");
            })
        }));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"no"));
        assert_eq!(Arc::strong_count(&token), 1);
    }

    #[test]
    fn what_an_actor_does_while_it_is_ended_with_its_run_comes_to_nothing() {
        struct Last(Pid<u8>, Arc<Mutex<Vec<bool>>>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.1.lock().push(self.0.try_send(1).is_err());
                self.0.kill();
                self.0.node().spawn_fn(async |_: Mailbox<()>| ());
            }
        }
        let refused = Arc::new(Mutex::new(Vec::new()));
        let outcome = run(|node| {
            let last = node.spawn_fn(async |mut mailbox: Mailbox<u8>| {
                mailbox.receive().await;
            });
            for _ in 0..2 {
                let last = Last(last.clone(), Arc::clone(&refused));
                node.spawn_fn(async move |mut mailbox: Mailbox<u8>| {
                    mailbox.receive().await;
                    drop(last);
                });
            }
        });
        assert!(outcome.is_finished(), "{outcome}");
        assert_eq!(*refused.lock(), [true, true]);
        assert_eq!(Arc::strong_count(&refused), 1);
    }
}
