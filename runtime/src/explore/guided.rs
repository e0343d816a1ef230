//! One seeded run whose program is a guest that turns the clock and asks when all is still: what
//! wharf's test kit is made of.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::cell::header::Wait;
use crate::crash::CrashReport;
use crate::dead_letter::DeadLetter;
use crate::exit::ExitReason;
use crate::hooks::Hooks;
use crate::id::ActorId;
use crate::mailbox::GuestFuture;
use crate::node::Node;
use crate::panic_hook;
use crate::primitive::{AtomicBool, Mutex, Ordering};
use crate::scheduler::Seat;
use crate::time::{Timestamp, VirtualClock};

use super::choice::Choice;
use super::drive::{Drive, Patience, Stage};
use super::explorer::Explorer;
use super::outcome::{Outcome, Stuck};
use super::schedule::Random;
use super::trace::TraceEvent;
use super::world::World;

/// How a guided run is to be.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What all choices are drawn from.
    pub seed: u64,
    /// How many turns it may have, and how many messages.
    pub steps: u64,
    /// What the guest is called in the trace.
    pub guest: &'static str,
    /// Makes an actor's name out of its type's, where it has no label.
    pub names: fn(&'static str) -> Option<&'static str>,
    /// Where the guest came from.
    pub site: &'static Location<'static>,
}

/// What a guided run came to.
#[derive(Debug)]
pub struct Guided<R> {
    /// What the guest returned, or why the run ended before it did.
    pub result: Result<R, String>,
    /// What happened, oldest first.
    pub events: Vec<TraceEvent>,
}

/// Runs `body` as the guest of a new node until it returns, panics, or can't go on.
pub fn run<F, Fut>(plan: Plan, hooks: impl Hooks, body: F) -> Guided<Fut::Output>
where
    F: FnOnce(Node, Guide) -> Fut,
    Fut: Future,
{
    let stage = Stage::new(World::traced(plan.names), |world| Noting { world: Arc::clone(world), hooks });
    let seat = Seat::new(stage.node.pointer(), stage.node.now());
    let taken = seat.take();
    let options = Explorer::new().steps(plan.steps);
    let mut chooser = Random(plan.seed);
    let guide = Guide::new(&stage);
    let (node, for_body) = (stage.node.clone(), guide.clone());
    // Called inside, so that the guest is there when it runs.
    let body = async move { body(node, for_body).await };
    let future = Box::pin(GuestFuture::new(stage.node.pointer(), plan.site, body));
    let index = stage.world.admit(&future.pid(), plan.guest);
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let guest = Guest { future, index, name: plan.guest, waker: Waker::from(Arc::clone(&flag)), flag };
    let drive = Drive::new(&options, &mut chooser, &stage, &seat).with_patience(Patience::Slice);
    let mut run = Run { drive, guide: &guide, guest };
    let result = run.finish();
    let events = stage.world.events();
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(run)));
    let result = match dropped {
        Err(payload) if result.is_ok() => Err(panicked(&*payload)),
        _ => result,
    };
    stage.end_all(&seat);
    drop(taken);
    drop(guide);
    stage.retire();
    Guided { result, events }
}

/// Runs out of the guest's hands.
struct Run<'a, F> {
    drive: Drive<'a>,
    guide: &'a Guide,
    guest: Guest<F>,
}

struct Guest<F> {
    future: Pin<Box<GuestFuture<F>>>,
    index: usize,
    name: &'static str,
    waker: Waker,
    flag: Arc<Flag>,
}

impl<F: Future> Run<'_, F> {
    fn finish(&mut self) -> Result<F::Output, String> {
        loop {
            match self.step() {
                Ok(None) => {}
                Ok(Some(output)) => return output,
                Err(outcome) => return Err(self.explain(outcome)),
            }
            if let Some(message) = self.guide.take_failure() {
                return Err(message);
            }
        }
    }

    /// Lets one thing happen, or time go on; gives what the guest came to.
    fn step(&mut self) -> Result<Option<Result<F::Output, String>>, Outcome> {
        let world = &self.drive.stage.world;
        // Beside the turns, so that not even one actor's endless sending fills the memory.
        if world.count() > self.drive.step_limit() {
            return Err(Outcome::StepLimit);
        }
        let (choices, fingerprint) = world.choices();
        let awake = self.guest.flag.is_up();
        let count = choices.len() + usize::from(awake);
        if count == 0 {
            return self.go_on().map(|()| None);
        }
        let chosen = self.drive.choose(count, fingerprint)?;
        match choices.get(chosen) {
            Some(choice) => self.perform(*choice).map(|()| None),
            None => self.run_guest(),
        }
    }

    fn perform(&mut self, choice: Choice) -> Result<(), Outcome> {
        let performed = self.drive.perform(choice);
        self.drive.forget_steps();
        match performed {
            // Whatever it waits for, the test or another actor may bring about.
            Err(Outcome::Uncontrolled { .. }) => Ok(()),
            other => other,
        }
    }

    fn run_guest(&mut self) -> Result<Option<Result<F::Output, String>>, Outcome> {
        self.drive.count_turn()?;
        let guest = &mut self.guest;
        let world = &self.drive.stage.world;
        guest.flag.take_down();
        world.begin_guest(guest.index);
        let mut cx = Context::from_waker(&guest.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| guest.future.as_mut().poll(&mut cx)));
        world.end_guest(guest.index, guest.future.wait());
        world.serve_waiting();
        Ok(match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(output)) => Some(Ok(output)),
            Err(payload) => Some(Err(panicked(&*payload))),
        })
    }

    /// Nothing can happen now: tells those who wait for that, or lets time go on.
    fn go_on(&mut self) -> Result<(), Outcome> {
        if self.guide.release(None) {
            return Ok(());
        }
        let stuck = self.drive.stage.world.any_circle();
        if !stuck.is_empty() {
            return Err(Outcome::Deadlock { stuck });
        }
        self.drive.count_turn()?;
        let until = self.guide.first_until();
        if self.drive.next_time(until.unwrap_or(Timestamp::MAX))? {
            self.drive.forget_steps();
            return Ok(());
        }
        let Some(until) = until else { return Err(Outcome::Finished) };
        let Stage { clock, world, .. } = self.drive.stage;
        if clock.now() < until {
            clock.advance_to(until);
            world.note_clock(until);
        }
        self.guide.release(Some(until));
        Ok(())
    }

    /// Says why the guest did not come to its end.
    fn explain(&self, outcome: Outcome) -> String {
        let name = self.guest.name;
        match outcome {
            Outcome::Finished => {
                let mut text = match self.guest.future.wait() {
                    Wait::Unknown => format!(
                        "the {name} awaits something wharf does not control (a socket, timer or channel of \
                         another crate), and nothing can happen any more that would wake it"
                    ),
                    wait => format!("the {name} is {}, and nothing can happen any more", wait.describe()),
                };
                self.guide.hindrances().iter().for_each(|line| {
                    text.push_str("\n  ");
                    text.push_str(line);
                });
                text
            }
            Outcome::StepLimit => {
                let limit = self.drive.step_limit();
                format!("more than {limit} turns or messages: something goes round for ever")
            }
            other => other.to_string(),
        }
    }
}

fn panicked(payload: &(dyn std::any::Any + Send)) -> String {
    ExitReason::Panicked(panic_hook::caught(payload)).to_string()
}

/// Says that the guest was woken.
struct Flag(AtomicBool);

impl Flag {
    fn is_up(&self) -> bool {
        // Acquire and Release: what was done before a wake is seen by the poll that follows it.
        self.0.load(Ordering::Acquire)
    }

    fn take_down(&self) {
        let _ = self.0.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// The guest's side of a guided run.
#[derive(Clone)]
pub struct Guide(Arc<Inner>);

struct Inner {
    node: Node,
    world: Arc<World>,
    clock: VirtualClock,
    requests: Mutex<Requests>,
}

#[derive(Default)]
struct Requests {
    next: u64,
    waiting: Vec<Request>,
    failure: Option<String>,
}

/// Somebody waits until all is still: now, or once time has gone on until then.
struct Request {
    number: u64,
    until: Option<Timestamp>,
    waker: Waker,
}

impl Guide {
    fn new(stage: &Stage) -> Self {
        Self(Arc::new(Inner {
            node: stage.node.clone(),
            world: Arc::clone(&stage.world),
            clock: stage.clock.clone(),
            requests: Mutex::default(),
        }))
    }

    /// Waits until nothing can happen unless time goes on.
    pub fn still(&self) -> Still {
        Still { guide: self.clone(), after: None, request: None }
    }

    /// Lets time go on by `by`, and waits until all that this brings about has happened.
    pub fn advance(&self, by: Duration) -> Still {
        Still { guide: self.clone(), after: Some(by), request: None }
    }

    /// Ends the run with this failure when the turn under way ends.
    pub fn fail(&self, message: String) {
        self.0.requests.lock().failure.get_or_insert(message);
    }

    /// Lets the signals that an actor sends from now on act as soon as their receiver runs, whatever
    /// others have sent it.
    pub fn make_prompt(&self, actor: ActorId) {
        self.0.world.make_prompt(actor);
    }

    /// What an actor is called in the trace.
    #[must_use]
    pub fn name_of(&self, actor: ActorId) -> Option<Arc<str>> {
        self.0.world.name_of(actor)
    }

    /// What has happened, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<TraceEvent> {
        self.0.world.events()
    }

    /// Why nothing can happen now: who waits for what, and whether time would help.
    #[must_use]
    pub fn hindrances(&self) -> Vec<String> {
        let Inner { node, world, .. } = &*self.0;
        let circle = world.any_circle();
        let mut lines: Vec<String> = match &circle[..] {
            [] => Vec::new(),
            circle => vec![format!("deadlock of {} actors:", circle.len())],
        };
        lines.extend(circle.iter().map(Stuck::to_string));
        let others = world.stuck().into_iter().chain(world.strayed());
        lines.extend(others.filter(|stuck| !circle.contains(stuck)).map(|stuck| stuck.to_string()));
        if node.shared().scheduler.next_alarm().is_some() || world.next_deadline().is_some() {
            lines.push("a timer is set: `advance` turns the clock forward".to_owned());
        }
        lines
    }

    fn take_failure(&self) -> Option<String> {
        self.0.requests.lock().failure.take()
    }

    fn first_until(&self) -> Option<Timestamp> {
        self.0.requests.lock().waiting.iter().filter_map(|request| request.until).min()
    }

    /// Lets those go on who wait for stillness now, or until a time that has come; false when there
    /// are none.
    fn release(&self, until: Option<Timestamp>) -> bool {
        let mut requests = self.0.requests.lock();
        let released: Vec<Request> =
            requests.waiting.extract_if(.., |request| request.until <= until).collect();
        drop(requests);
        let any = !released.is_empty();
        released.into_iter().for_each(|request| request.waker.wake());
        any
    }
}

impl std::fmt::Debug for Guide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Guide").field(&self.0.node).finish()
    }
}

/// Future of [`Guide::still`] and [`Guide::advance`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Still {
    guide: Guide,
    after: Option<Duration>,
    request: Option<u64>,
}

impl Future for Still {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        let mut requests = me.guide.0.requests.lock();
        let Some(number) = me.request else {
            let until = me.after.map(|after| me.guide.0.clock.now().saturating_add(after));
            requests.next += 1;
            let number = requests.next;
            requests.waiting.push(Request { number, until, waker: cx.waker().clone() });
            me.request = Some(number);
            return Poll::Pending;
        };
        match requests.waiting.iter_mut().find(|request| request.number == number) {
            Some(request) => {
                request.waker.clone_from(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        if let Some(number) = self.request {
            self.guide.0.requests.lock().waiting.retain(|request| request.number != number);
        }
    }
}

/// Notes ends in the trace, and hands everything on.
struct Noting<H> {
    world: Arc<World>,
    hooks: H,
}

impl<H: Hooks> Hooks for Noting<H> {
    fn actor_spawned(&self, id: ActorId, actor: &'static str) {
        self.hooks.actor_spawned(id, actor);
    }

    fn actor_exited(&self, id: ActorId, reason: &ExitReason) {
        self.world.note_exit(id, reason);
        self.hooks.actor_exited(id, reason);
    }

    fn actor_crashed(&self, report: &CrashReport) {
        self.hooks.actor_crashed(report);
    }

    fn dead_letter(&self, letter: &DeadLetter) {
        self.hooks.dead_letter(letter);
    }

    fn node_stopping(&self) {
        self.hooks.node_stopping();
    }

    fn node_stopped(&self) {
        self.hooks.node_stopped();
    }
}
