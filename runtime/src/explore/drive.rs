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

use super::choice::Fingerprint;
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
    let stage = Stage::new();
    let seat = Seat::new(stage.node.pointer(), stage.node.now());
    let taken = seat.take();
    let mut drive = Drive {
        options,
        chooser,
        stage: &stage,
        seat: &seat,
        steps: Vec::new(),
        points: Vec::new(),
        turns: 0,
    };
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
    let crashes = std::mem::take(&mut *stage.crashes.0.lock());
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
struct Stage {
    node: Node,
    world: Arc<World>,
    clock: VirtualClock,
    crashes: Arc<Crashes>,
}

impl Stage {
    fn new() -> Self {
        let world = Arc::new(World::new());
        let clock = VirtualClock::new();
        let crashes = Arc::new(Crashes::default());
        let mut builder = Builder::new().name("explored").hooks(Log(Arc::clone(&crashes)));
        // The same in every run, as everything that a program can see.
        if let Some(id) = NodeId::new(1) {
            builder = builder.id(id);
        }
        let core = Arc::<World>::clone(&world);
        let node = builder.build_explored(Clock::Virtual(clock.clone()), core);
        Self { node, world, clock, crashes }
    }

    /// Ends all actors where they are.
    fn end_all(&self, seat: &Seat) {
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
    fn retire(self) {
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
    fn actor_crashed(&self, report: &CrashReport<'_>) {
        let panicked = matches!(report.reason, ExitReason::Panicked(_));
        self.0.0.lock().push(Crash { panicked, text: report.to_string() });
    }
}

/// A run under way.
struct Drive<'a> {
    options: &'a Explorer,
    chooser: &'a mut dyn Chooser,
    stage: &'a Stage,
    seat: &'a Seat,
    steps: Vec<Step>,
    points: Vec<Point>,
    turns: u64,
}

impl Drive<'_> {
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
        let count = choices.len();
        let chosen = if count < 2 {
            0
        } else {
            let at = self.points.len();
            let chosen = self.chooser.choose(at, count, fingerprint);
            let chosen = chosen.map_err(|Diverged| Outcome::Diverged { at })?;
            self.points.push(Point { chosen, count, fingerprint });
            chosen
        };
        let Some(choice) = choices.get(chosen) else { return self.next_time() };
        let (actor, cell, happened) = self.stage.world.begin(*choice);
        self.steps.push(Step(happened));
        if let Some(cell) = cell {
            self.run_actor(actor, cell)?;
        }
        self.stage.world.serve_waiting();
        Ok(true)
    }

    /// Runs an actor until it waits.
    fn run_actor(&mut self, actor: usize, mut cell: Runnable) -> Result<(), Outcome> {
        let world = &self.stage.world;
        loop {
            self.turns += 1;
            if self.turns > self.options.steps {
                world.yielded(actor, cell);
                return Err(Outcome::StepLimit);
            }
            self.seat.begin_slice(self.stage.clock.now(), Timestamp::MAX);
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
        let at = self.points.len();
        let mut print = Fingerprint::new();
        print.add(key, u64::MAX, count as u64);
        let fingerprint = print.get();
        let chosen = self.chooser.choose(at, count, fingerprint);
        let chosen = chosen.map_err(|Diverged| Outcome::Diverged { at })?;
        self.points.push(Point { chosen, count, fingerprint });
        self.steps.push(Step(self.stage.world.drawn(actor, chosen, count)));
        Ok(())
    }

    /// Lets time go on to the next timer; false when there is none.
    fn next_time(&mut self) -> Result<bool, Outcome> {
        let (world, scheduler) = (&self.stage.world, &self.stage.node.shared().scheduler);
        let alarm = scheduler.next_alarm().map(|tick| at_start_of(tick.as_millis()));
        let deadline = world.next_deadline();
        let first = [alarm, deadline.map(|(due, _)| due)].into_iter().flatten().min();
        let Some(next) = first else { return Ok(false) };
        if let Some((due, actor)) = deadline
            && due == next
            && self.options.circles == Circles::Deadlock
        {
            let stuck = world.circle(actor);
            if !stuck.is_empty() {
                return Err(Outcome::Deadlock { stuck });
            }
        }
        if next > Timestamp::from_nanos(0).saturating_add(self.options.until) {
            return Ok(false);
        }
        self.stage.clock.advance_to(next);
        let now = self.stage.clock.now();
        self.steps.push(Step(Happened::Clock { now: Duration::from_nanos(now.as_nanos()) }));
        self.seat.begin_slice(now, Timestamp::MAX);
        let mut due = Vec::new();
        scheduler.take_due_alarms(now.tick(), &mut due);
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
