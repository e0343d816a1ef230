//! The actor behind a supervisor: carries out what the pure parts decide.
//!
//! A child is *idle* (a spec without an actor), *retrying* (it could not even be spawned, and is
//! tried again) or *alive*; alive, it is starting, running or being stopped. Nothing here waits for a
//! child before the supervisor itself ends, so that calls are answered whatever children do.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use wharf_runtime::{
    ActorId, AnyPid, Capacity, CrashDecision, Down, Exit, ExitReason, Mailbox, MonitorRef, Pid, Pooled,
    RegisterError, Reply, Timer, sleep,
};

use super::calls::{ChildCounts, ChildError, ChildInfo, ChildStatus, Command, SupervisorMsg};
use super::intensity::{Allowance, Window};
use super::reports::Reports;
use super::spec::{Begun, ChildKind, ChildSpec, Shutdown};
use super::strategy::{Decision, Ended, Strategy, decide, decide_stopped};
use super::{Escalation, Supervisor};
use crate::actor::run;
use crate::{Actor, Context, Spawn};

type Cx = Context<SupervisorMsg>;
/// Answers a call that asks for a running child.
type PidReply = Reply<Result<AnyPid, ChildError>>;

/// Why a child is being started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The supervisor starts.
    First,
    /// `start_child`.
    Added,
    /// `restart_child`.
    Demand,
    /// It had ended.
    Restart,
}

enum Phase {
    Starting(Cause),
    Running,
    /// The timer ends its grace.
    Stopping(Option<Timer>),
}

enum State {
    Idle,
    /// With what the last attempt failed.
    Retrying(ExitReason),
    Alive {
        pid: AnyPid,
        monitor: MonitorRef,
        phase: Phase,
    },
}

/// A child, and who waits for what of it.
struct Child {
    spec: ChildSpec,
    state: State,
    starter: Option<PidReply>,
    stoppers: Vec<Reply<Result<(), ChildError>>>,
    /// Whoever waits for it to run, as another than the one named.
    waiting: Vec<(Option<ActorId>, PidReply)>,
}

impl Child {
    const fn new(spec: ChildSpec) -> Self {
        Self { spec, state: State::Idle, starter: None, stoppers: Vec::new(), waiting: Vec::new() }
    }

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.spec.id)
    }

    fn pid(&self) -> Option<&AnyPid> {
        match &self.state {
            State::Alive { pid, .. } => Some(pid),
            State::Idle | State::Retrying(_) => None,
        }
    }

    fn status(&self) -> ChildStatus {
        match &self.state {
            State::Idle => ChildStatus::NotRunning,
            State::Retrying(_) | State::Alive { phase: Phase::Starting(Cause::Restart), .. } => {
                ChildStatus::Restarting
            }
            State::Alive { pid, phase: Phase::Starting(_), .. } => ChildStatus::Starting(pid.clone()),
            State::Alive { pid, phase: Phase::Running, .. } => ChildStatus::Running(pid.clone()),
            State::Alive { pid, phase: Phase::Stopping(_), .. } => ChildStatus::Stopping(pid.clone()),
        }
    }

    /// Why it is not there to be started or deleted, if so.
    fn occupied(&self) -> Option<ChildError> {
        let id = self.id();
        match self.status() {
            ChildStatus::NotRunning => None,
            ChildStatus::Restarting => Some(ChildError::Restarting { id }),
            ChildStatus::Starting(pid) | ChildStatus::Running(pid) | ChildStatus::Stopping(pid) => {
                Some(ChildError::Running { id, pid })
            }
        }
    }

    fn answer_starter(&mut self, answer: Result<AnyPid, ChildError>) {
        if let Some(starter) = self.starter.take() {
            let _ = starter.send(answer);
        }
    }

    /// Tells those who wait for it to run that it does not.
    fn answer_waiting(&mut self) {
        for (_, reply) in std::mem::take(&mut self.waiting) {
            let _ = reply.send(Err(ChildError::NotRunning { id: self.id() }));
        }
    }
}

/// A supervisor at work.
pub(super) struct Supervising {
    strategy: Strategy,
    window: Window,
    /// In the order in which they are started.
    children: Vec<Child>,
    /// Whose turn to be started for the first time is still to come.
    to_start: VecDeque<Arc<str>>,
    /// Who is being started for the first time.
    starting: Option<ActorId>,
    /// Whom to tell when all are started.
    begun: Option<Begun>,
    parent: Option<ActorId>,
    reports: Reports,
}

impl From<Supervisor> for Supervising {
    fn from(supervisor: Supervisor) -> Self {
        Self {
            strategy: supervisor.strategy,
            window: Window::new(supervisor.intensity, supervisor.period),
            to_start: supervisor.children.iter().map(|spec| Arc::clone(&spec.id)).collect(),
            children: supervisor.children.into_iter().map(Child::new).collect(),
            starting: None,
            begun: None,
            parent: None,
            reports: Reports::default(),
        }
    }
}

/// Spawns a supervisor, linked with the actor or guest whose turn it is.
#[track_caller]
pub(super) fn spawn(spawn: Spawn, supervisor: Supervisor) -> Result<Pid<SupervisorMsg>, RegisterError> {
    let supervising = Supervising::from(supervisor);
    let spawn = spawn.capacity(Capacity::Unbounded).link();
    spawn.try_spawn_fn(|mailbox| run(supervising, Context::new(mailbox), || ()))
}

/// Spawns a supervisor that is the child of another.
pub(super) fn spawn_child<F>(
    spawn: Spawn,
    make: Arc<F>,
    begun: Begun,
) -> Result<Pid<SupervisorMsg>, RegisterError>
where
    F: Fn() -> Supervisor + Send + Sync + 'static,
{
    spawn.capacity(Capacity::Unbounded).try_spawn_fn(|mailbox| live::<Supervisor, F>(make, mailbox, begun))
}

/// The life of a supervisor that is the child of another.
async fn live<S: Into<Supervising> + Send, F: Fn() -> S + Send + Sync>(
    make: Arc<F>,
    mailbox: Mailbox<SupervisorMsg>,
    begun: Begun,
) -> ExitReason {
    let mut supervising = make().into();
    drop(make);
    supervising.begun = Some(begun);
    Pooled::new(move || run(supervising, Context::new(mailbox), || ())).await
}

impl Actor for Supervising {
    type Msg = SupervisorMsg;

    async fn started(&mut self, cx: &mut Cx) -> Result<(), ExitReason> {
        cx.trap_exit(true);
        self.reports.open(cx);
        self.parent = cx.parent();
        // Its end is not to wait behind calls.
        if let Some(parent) = self.parent.and_then(|parent| cx.node().find(parent)) {
            cx.link_with_priority(&parent);
        }
        for (at, child) in self.children.iter().enumerate() {
            if self.find(&child.spec.id) != Some(at) {
                return Err(ExitReason::from(ChildError::AlreadyPresent { id: child.id() }));
            }
        }
        self.start_next(cx)
    }

    async fn handle(&mut self, msg: SupervisorMsg, cx: &mut Cx) -> Result<(), ExitReason> {
        match msg.0 {
            Command::Started(who) => return self.handle_started(who, cx),
            Command::Retry(id) => return self.handle_retry(&id, cx),
            Command::Start(spec, reply) => return self.start_child(spec, reply, cx),
            Command::Restart(id, reply) => return self.restart_child(id, reply, cx),
            Command::GraceOver(who) => self.handle_grace_over(who),
            Command::Terminate(id, reply) => self.terminate_child(id, reply, cx),
            Command::Delete(id, reply) => drop(reply.send(self.delete_child(id))),
            Command::Await(id, other_than, reply) => self.await_child(id, other_than, reply),
            Command::Which(reply) => drop(reply.send(self.which_children())),
            Command::Count(reply) => drop(reply.send(self.count_children())),
        }
        Ok(())
    }

    /// A child that has taken its link down has ended. Of others the exit came first.
    async fn handle_down(&mut self, down: Down, cx: &mut Cx) -> Result<(), ExitReason> {
        self.handle_end_of(down.subject, down.reason, cx)
    }

    /// An exit of a child tells why it ended, however early it did: it was linked before its first
    /// turn. Those of strangers mean nothing.
    async fn handle_exit(&mut self, exit: Exit, cx: &mut Cx) -> Result<(), ExitReason> {
        if Some(exit.from) == self.parent {
            return Err(exit.reason);
        }
        self.handle_end_of(exit.from, exit.reason, cx)
    }

    async fn stopped(&mut self, _: &ExitReason, cx: &mut Cx) {
        // Children stay in the state, so that those who wait for one are told why it all ended.
        for child in self.children.iter().rev() {
            if let Some(pid) = child.pid() {
                end(&child.spec, pid, cx).await;
                let decision = CrashDecision::LeaveStopping;
                self.reports.publish(pid.id(), &child.spec.id, &self.window, decision, cx);
            }
        }
    }
}

impl Supervising {
    fn position(&self, wanted: impl FnMut(&Child) -> bool) -> Option<usize> {
        self.children.iter().position(wanted)
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.position(|child| &*child.spec.id == id)
    }

    fn find_alive(&self, who: ActorId) -> Option<usize> {
        self.position(|child| child.pid().is_some_and(|pid| pid.id() == who))
    }

    /// Starts children for the first time, each when the one before has started.
    fn start_next(&mut self, cx: &mut Cx) -> Result<(), ExitReason> {
        while self.starting.is_none() {
            let Some(id) = self.to_start.pop_front() else {
                if let Some(begun) = self.begun.take() {
                    begun.tell(cx.id());
                }
                break;
            };
            if let Some(at) = self.find(&id)
                && matches!(self.children[at].state, State::Idle)
            {
                self.begin(at, Cause::First, cx)?;
            }
        }
        Ok(())
    }

    /// Starts a child that is not alive.
    fn begin(&mut self, at: usize, cause: Cause, cx: &mut Cx) -> Result<(), ExitReason> {
        let child = &mut self.children[at];
        match child.spec.start(&cx.node(), Begun(cx.pid().clone())) {
            Ok(pid) => {
                if cause == Cause::First {
                    self.starting = Some(pid.id());
                }
                // What tells of its end goes ahead of calls.
                cx.link_with_priority(&pid);
                let monitor = cx.monitor_with_priority(&pid);
                child.state = State::Alive { pid, monitor, phase: Phase::Starting(cause) };
                Ok(())
            }
            Err(error) => self.handle_failed_start(at, cause, error.into(), cx),
        }
    }

    /// A child is not alive, for this reason, since it did not start.
    fn handle_failed_start(
        &mut self,
        at: usize,
        cause: Cause,
        reason: ExitReason,
        cx: &Cx,
    ) -> Result<(), ExitReason> {
        let child = &mut self.children[at];
        let id = child.id();
        match cause {
            Cause::First => return Err(escalate(Escalation::StartFailed { child: id, reason })),
            Cause::Restart => {
                child.state = State::Retrying(reason);
                // Through the mailbox, so that calls are answered between two attempts.
                let _ = cx.pid().try_send(SupervisorMsg(Command::Retry(id)));
            }
            Cause::Added | Cause::Demand => {
                child.answer_starter(Err(ChildError::StartFailed { id, reason }));
                let decision = if cause == Cause::Added { Decision::Forget } else { Decision::Retire };
                self.settle(at, decision);
            }
        }
        Ok(())
    }

    fn handle_started(&mut self, who: ActorId, cx: &mut Cx) -> Result<(), ExitReason> {
        if let Some(at) = self.find_alive(who) {
            let child = &mut self.children[at];
            if let State::Alive { pid, phase: phase @ Phase::Starting(_), .. } = &mut child.state {
                *phase = Phase::Running;
                let pid = pid.clone();
                child.answer_starter(Ok(pid.clone()));
                let is_for_it = |other_than: &Option<ActorId>| *other_than != Some(who);
                for (_, reply) in child.waiting.extract_if(.., |(other, _)| is_for_it(other)) {
                    let _ = reply.send(Ok(pid.clone()));
                }
            }
        }
        if self.starting == Some(who) {
            self.starting = None;
            return self.start_next(cx);
        }
        Ok(())
    }

    /// An actor has ended, perhaps a child.
    fn handle_end_of(&mut self, who: ActorId, reason: ExitReason, cx: &mut Cx) -> Result<(), ExitReason> {
        if let Some(at) = self.find_alive(who)
            // An exit signal from a child that lives is a stranger's.
            && !self.children[at].pid().is_some_and(AnyPid::is_alive)
        {
            self.handle_end(at, reason, cx)?;
        } else {
            self.reports.pass_on(who);
        }
        if self.starting == Some(who) && self.find_alive(who).is_none() {
            self.starting = None;
            self.start_next(cx)?;
        }
        Ok(())
    }

    /// A child has ended.
    fn handle_end(&mut self, at: usize, reason: ExitReason, cx: &mut Cx) -> Result<(), ExitReason> {
        let child = &mut self.children[at];
        let State::Alive { pid, phase, monitor } = std::mem::replace(&mut child.state, State::Idle) else {
            return Ok(());
        };
        cx.demonitor(monitor);
        let restart = child.spec.restart;
        let leave = match phase {
            _ if cx.node().is_stopping() => CrashDecision::LeaveStopping,
            Phase::Stopping(_) => CrashDecision::LeaveStopping,
            Phase::Starting(Cause::First) => CrashDecision::FailToStart,
            Phase::Starting(Cause::Added | Cause::Demand) => CrashDecision::TellCaller,
            Phase::Starting(Cause::Restart) | Phase::Running => CrashDecision::LeaveTemporary,
        };
        let decision = match phase {
            Phase::Stopping(timer) => {
                let _ = timer.is_some_and(|timer| timer.cancel());
                let id = child.id();
                child.answer_starter(Err(ChildError::StartFailed { id, reason: reason.clone() }));
                for reply in std::mem::take(&mut child.stoppers) {
                    let _ = reply.send(Ok(()));
                }
                decide_stopped(restart)
            }
            // It was asked to stop with all others, and nobody could be started any more.
            _ if cx.node().is_stopping() => Decision::Retire,
            Phase::Starting(Cause::Restart) => decide(restart, Ended::Restart),
            Phase::Starting(cause) => {
                self.publish(at, pid.id(), leave, cx);
                return self.handle_failed_start(at, cause, reason, cx);
            }
            Phase::Running => decide(restart, Ended::Run(&reason)),
        };
        if decision == Decision::Restart {
            return self.restart(at, Some(pid.id()), reason, cx);
        }
        self.publish(at, pid.id(), leave, cx);
        self.settle(at, decision);
        Ok(())
    }

    /// The child that was `who` has ended, and this follows.
    fn publish(&mut self, at: usize, who: ActorId, decision: CrashDecision, cx: &Cx) {
        self.reports.publish(who, &self.children[at].spec.id, &self.window, decision, cx);
    }

    /// What becomes of a child that is not to be alive.
    fn settle(&mut self, at: usize, decision: Decision) {
        let child = &mut self.children[at];
        child.state = State::Idle;
        child.answer_waiting();
        if decision == Decision::Forget {
            let child = self.children.remove(at);
            self.reports.forget(&child.spec.id);
        }
    }

    /// Starts a child anew, because it ended (as `who`, if it ever was somebody) for `reason`, or gives up.
    fn restart(
        &mut self,
        at: usize,
        who: Option<ActorId>,
        reason: ExitReason,
        cx: &mut Cx,
    ) -> Result<(), ExitReason> {
        let child = self.children[at].id();
        let allowance = self.window.count(cx.now());
        if let Some(who) = who {
            let decision = match allowance {
                Allowance::Granted => CrashDecision::Restart,
                Allowance::Exceeded => CrashDecision::GiveUp,
            };
            self.publish(at, who, decision, cx);
        }
        if allowance == Allowance::Exceeded {
            let (restarts, period) = (self.window.restarts() - 1, self.window.period());
            return Err(escalate(Escalation::TooManyRestarts { child, restarts, period, last: reason }));
        }
        tracing::debug!(target: "wharf::supervisor", supervisor = %cx.id(), child = &*child, %reason, "restart");
        for place in self.strategy.affected(at, self.children.len()) {
            self.begin(place, Cause::Restart, cx)?;
        }
        Ok(())
    }

    fn handle_retry(&mut self, id: &str, cx: &mut Cx) -> Result<(), ExitReason> {
        let Some(at) = self.find(id) else { return Ok(()) };
        match &self.children[at].state {
            State::Retrying(_) if cx.node().is_stopping() => {
                self.settle(at, Decision::Retire);
                Ok(())
            }
            State::Retrying(reason) => self.restart(at, None, reason.clone(), cx),
            State::Idle | State::Alive { .. } => Ok(()),
        }
    }

    fn handle_grace_over(&self, who: ActorId) {
        if let Some(at) = self.find_alive(who)
            && let Child { spec, state: State::Alive { pid, phase: Phase::Stopping(_), .. }, .. } =
                &self.children[at]
        {
            warn_of_late(spec, pid);
            pid.kill();
        }
    }

    fn start_child(&mut self, spec: ChildSpec, reply: PidReply, cx: &mut Cx) -> Result<(), ExitReason> {
        if let Some(at) = self.find(&spec.id) {
            let error = self.children[at].occupied().unwrap_or(ChildError::AlreadyPresent { id: spec.id });
            let _ = reply.send(Err(error));
            return Ok(());
        }
        self.children.push(Child { starter: Some(reply), ..Child::new(spec) });
        self.begin(self.children.len() - 1, Cause::Added, cx)
    }

    fn restart_child(&mut self, id: Arc<str>, reply: PidReply, cx: &mut Cx) -> Result<(), ExitReason> {
        let refused = match self.find(&id) {
            None => ChildError::NotFound { id },
            Some(at) => match self.children[at].occupied() {
                Some(error) => error,
                None => {
                    self.children[at].starter = Some(reply);
                    return self.begin(at, Cause::Demand, cx);
                }
            },
        };
        let _ = reply.send(Err(refused));
        Ok(())
    }

    fn terminate_child(&mut self, id: Arc<str>, reply: Reply<Result<(), ChildError>>, cx: &Cx) {
        let Some(at) = self.find(&id) else {
            let _ = reply.send(Err(ChildError::NotFound { id }));
            return;
        };
        self.to_start.retain(|other| *other != id);
        let child = &mut self.children[at];
        match &mut child.state {
            State::Idle | State::Retrying(_) => {
                let decision = decide_stopped(child.spec.restart);
                self.settle(at, decision);
                let _ = reply.send(Ok(()));
            }
            State::Alive { pid, phase, .. } => {
                child.stoppers.push(reply);
                if !matches!(phase, Phase::Stopping(_)) {
                    ask_to_end(&child.spec, pid);
                    let grace = grace_of(&child.spec);
                    let over = SupervisorMsg(Command::GraceOver(pid.id()));
                    *phase = Phase::Stopping(grace.map(|grace| cx.send_after(grace, over)));
                }
            }
        }
    }

    fn delete_child(&mut self, id: Arc<str>) -> Result<(), ChildError> {
        let Some(at) = self.find(&id) else { return Err(ChildError::NotFound { id }) };
        match self.children[at].occupied() {
            Some(error) => Err(error),
            None => {
                self.to_start.retain(|other| *other != id);
                self.settle(at, Decision::Forget);
                Ok(())
            }
        }
    }

    fn await_child(&mut self, id: Arc<str>, other_than: Option<ActorId>, reply: PidReply) {
        let Some(at) = self.find(&id) else {
            let _ = reply.send(Err(ChildError::NotFound { id }));
            return;
        };
        let child = &mut self.children[at];
        match child.status() {
            ChildStatus::Running(pid) if Some(pid.id()) != other_than => drop(reply.send(Ok(pid))),
            ChildStatus::NotRunning if !self.to_start.contains(&id) => {
                drop(reply.send(Err(ChildError::NotRunning { id })));
            }
            _ => child.waiting.push((other_than, reply)),
        }
    }

    fn which_children(&self) -> Vec<ChildInfo> {
        let info = |child: &Child| ChildInfo {
            id: child.id(),
            status: child.status(),
            kind: child.spec.kind,
            restart: child.spec.restart,
        };
        self.children.iter().map(info).collect()
    }

    fn count_children(&self) -> ChildCounts {
        let supervisors =
            self.children.iter().filter(|child| child.spec.kind == ChildKind::Supervisor).count();
        ChildCounts {
            specs: self.children.len(),
            active: self.children.iter().filter(|child| child.pid().is_some()).count(),
            supervisors,
            workers: self.children.len() - supervisors,
        }
    }
}

fn escalate(why: Escalation) -> ExitReason {
    tracing::error!(target: "wharf::supervisor", child = why.child(), "{why}");
    ExitReason::shutdown_with(why)
}

fn ask_to_end(spec: &ChildSpec, pid: &AnyPid) {
    match spec.shutdown {
        Shutdown::BrutalKill => pid.kill(),
        Shutdown::After(_) | Shutdown::Infinite => pid.exit(ExitReason::Shutdown),
    }
}

const fn grace_of(spec: &ChildSpec) -> Option<Duration> {
    match spec.shutdown {
        Shutdown::After(grace) => Some(grace),
        Shutdown::BrutalKill | Shutdown::Infinite => None,
    }
}

fn warn_of_late(spec: &ChildSpec, pid: &AnyPid) {
    tracing::warn!(
        target: "wharf::supervisor",
        child = &*spec.id,
        actor = %pid.id(),
        grace = ?grace_of(spec),
        "\"{}\" {} did not stop in time: killed",
        spec.id,
        pid.id()
    );
}

/// Ends a child as its spec says, and waits until it has ended.
async fn end(spec: &ChildSpec, pid: &AnyPid, cx: &Cx) {
    // A guest, since the supervisor's own mailbox may have been told to stop.
    let mut watcher: Mailbox<()> = cx.node().guest();
    watcher.monitor(pid);
    ask_to_end(spec, pid);
    if !has_ended(&mut watcher, grace_of(spec)).await {
        warn_of_late(spec, pid);
        pid.kill();
        has_ended(&mut watcher, None).await;
    }
}

/// Waits for the `Down`, for at most `grace`; false when that was over first.
async fn has_ended(watcher: &mut Mailbox<()>, grace: Option<Duration>) -> bool {
    let mut down = pin!(watcher.next());
    let mut over = pin!(grace.map(sleep));
    poll_fn(|cx| {
        if down.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        match over.as_mut().as_pin_mut() {
            Some(over) => over.poll(cx).map(|()| false),
            None => Poll::Pending,
        }
    })
    .await
}
