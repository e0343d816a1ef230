//! Supervisors: who is started, restarted and stopped, when, and in which order.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use wharf::prelude::*;
use wharf::supervisor::{
    ChildError, ChildKind, ChildSpec, ChildStatus, Escalation, Restart, Shutdown, Supervised, Supervisor,
    SupervisorCalls, SupervisorMsg,
};
use wharf::{Event, sleep, supervise};

use crate::explored::in_many_orders;
use crate::log::logged;

/// What happened, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Ends as it is told, and answers with how many messages it has had.
struct Child {
    name: &'static str,
    notes: Notes,
    handled: u32,
    /// How long `started` takes.
    starts_in: Duration,
    /// How long it takes to stop, trapping exits.
    stops_in: Option<Duration>,
}

enum Msg {
    End(ExitReason),
    Panic,
    Count(Reply<u32>),
}

impl Child {
    fn new(name: &'static str, notes: &Notes) -> Self {
        let notes = notes.clone();
        Self { name, notes, handled: 0, starts_in: Duration::ZERO, stops_in: None }
    }

    fn spec(name: &'static str, notes: &Notes) -> ChildSpec {
        let notes = notes.clone();
        ChildSpec::new(name, move || Self::new(name, &notes))
    }
}

impl Actor for Child {
    type Msg = Msg;

    async fn started(&mut self, cx: &mut Context<Msg>) -> Result<(), ExitReason> {
        self.notes.note(format!("{} starts", self.name));
        cx.trap_exit(self.stops_in.is_some());
        if !self.starts_in.is_zero() {
            sleep(self.starts_in).await;
            self.notes.note(format!("{} has started", self.name));
        }
        Ok(())
    }

    async fn handle(&mut self, msg: Msg, _: &mut Context<Msg>) -> Result<(), ExitReason> {
        self.handled += 1;
        match msg {
            Msg::End(reason) => Err(reason),
            Msg::Panic => panic!("told to"),
            Msg::Count(reply) => {
                let _ = reply.send(self.handled);
                Ok(())
            }
        }
    }

    async fn handle_exit(&mut self, exit: Exit, _: &mut Context<Msg>) -> Result<(), ExitReason> {
        if let Some(time) = self.stops_in {
            sleep(time).await;
        }
        Err(exit.reason)
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Context<Msg>) {
        self.notes.note(format!("{} stops: {reason}", self.name));
    }
}

fn handle(supervisor: &Pid<SupervisorMsg>, id: &'static str) -> Supervised<Msg> {
    supervisor.child(id)
}

/// Makes the child end so, and gives its next incarnation.
async fn end(child: &Supervised<Msg>, reason: ExitReason) -> Pid<Msg> {
    let pid = child.pid().await.unwrap();
    pid.send(Msg::End(reason)).await.unwrap();
    child.restarted(&pid).await.unwrap()
}

/// Why the supervisor ended that the holder of `mailbox` has spawned.
async fn reason(mailbox: &mut Mailbox<()>) -> ExitReason {
    match mailbox.next().await {
        Some(Event::Exit(exit)) => exit.reason,
        other => panic!("no exit: {other:?}"),
    }
}

fn escalation(reason: &ExitReason) -> &Escalation {
    match reason {
        ExitReason::ShutdownWith(detail) => detail.downcast_ref().unwrap(),
        other => panic!("ended with {other}"),
    }
}

#[test]
fn children_start_in_order_each_when_the_one_before_has_started() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let slow = notes.clone();
        let slow = ChildSpec::new("a", move || Child {
            starts_in: Duration::from_secs(9),
            ..Child::new("a", &slow)
        });
        let supervisor = Supervisor::new().child(slow).child(Child::spec("b", &notes)).spawn();
        handle(&supervisor, "b").pid().await.unwrap();
        assert_eq!(notes.take(), ["a starts", "a has started", "b starts"]);
    });
}

#[test]
fn children_stop_in_reverse_order() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor = Supervisor::new()
            .child(Child::spec("a", &notes))
            .child(Child::spec("b", &notes))
            .child(Child::spec("c", &notes))
            .spawn();
        handle(&supervisor, "c").pid().await.unwrap();
        notes.take();
        supervisor.stop();
        supervisor.stopped().await;
        assert_eq!(notes.take(), ["c stops: shutdown", "b stops: shutdown", "a stops: shutdown"]);
    });
}

#[test]
fn a_child_that_crashes_is_started_anew_and_its_siblings_are_left_alone() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor =
            Supervisor::new().child(Child::spec("a", &notes)).child(Child::spec("b", &notes)).spawn();
        let (a, b) = (handle(&supervisor, "a"), handle(&supervisor, "b"));
        let sibling = b.pid().await.unwrap();
        notes.take();
        let old = a.pid().await.unwrap();
        old.send(Msg::Panic).await.unwrap();
        let new = a.restarted(&old).await.unwrap();
        assert_ne!(old, new);
        assert_eq!(new.ask(Msg::Count).await, Ok(1));
        assert_eq!(b.pid().await.unwrap(), sibling);
        assert_eq!(notes.take(), ["a starts"]);
    });
}

#[test]
fn a_pid_of_a_dead_incarnation_never_reaches_its_successor() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let child = supervise(move || Child::new("a", &notes));
        let old = child.pid().await.unwrap();
        let new = end(&child, ExitReason::failed("x")).await;
        assert!(old.send(Msg::Panic).await.unwrap_err().is_closed());
        assert_eq!(old.ask(Msg::Count).await, Err(AskError::Down(ExitReason::NoProc)));
        assert_eq!(new.ask(Msg::Count).await, Ok(1));
        assert_eq!(child.pid().await.unwrap(), new);
    });
}

#[test]
fn a_permanent_child_is_restarted_after_an_orderly_end_too() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let child = supervise(move || Child::new("a", &notes));
        end(&child, ExitReason::Normal).await;
    });
}

#[test]
fn a_transient_child_is_restarted_after_a_crash_and_kept_as_a_spec_after_an_orderly_end() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor = Supervisor::new().child(Child::spec("a", &notes).transient()).spawn();
        let child = handle(&supervisor, "a");
        let pid = end(&child, ExitReason::failed("x")).await;
        pid.send(Msg::End(ExitReason::shutdown_with(1))).await.unwrap();
        let not_running = ChildError::NotRunning { id: "a".into() };
        assert_eq!(child.restarted(&pid).await, Err(not_running));
        assert_eq!(supervisor.which_children().await.unwrap()[0].status, ChildStatus::NotRunning);
        let again = supervisor.restart_child("a").await.unwrap();
        assert_eq!(child.pid().await.unwrap().id(), again.id());
    });
}

#[test]
fn a_temporary_child_is_never_restarted_and_its_spec_goes_with_it() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor = Supervisor::new().child(Child::spec("a", &notes).temporary()).spawn();
        let child = handle(&supervisor, "a");
        let pid = child.pid().await.unwrap();
        pid.send(Msg::Panic).await.unwrap();
        assert!(child.restarted(&pid).await.is_err());
        assert_eq!(supervisor.which_children().await.unwrap(), []);
        assert_eq!(child.pid().await, Err(ChildError::NotFound { id: "a".into() }));
    });
}

#[test]
fn more_restarts_than_the_intensity_within_the_period_end_the_supervisor() {
    in_many_orders(async |mut mailbox: Mailbox<()>| {
        let notes = Notes::default();
        let supervisor = Supervisor::new()
            .intensity(2, Duration::from_secs(10))
            .child(Child::spec("a", &notes))
            .child(Child::spec("b", &notes))
            .spawn();
        let (a, b) = (handle(&supervisor, "a"), handle(&supervisor, "b"));
        end(&a, ExitReason::failed("first")).await;
        sleep(Duration::from_secs(6)).await;
        end(&b, ExitReason::failed("second")).await;
        // The first no longer counts.
        sleep(Duration::from_secs(5)).await;
        let last = end(&a, ExitReason::failed("third")).await;
        notes.take();
        last.send(Msg::End(ExitReason::failed("fourth"))).await.unwrap();
        let why = reason(&mut mailbox).await;
        let expected = Escalation::clone(escalation(&why));
        assert_eq!((expected.child(), expected.last()), ("a", &ExitReason::failed("fourth")));
        assert_eq!(
            expected.to_string(),
            "gave up on \"a\" after 2 restarts in 10s; it ended last with: failed: fourth"
        );
        assert_eq!(notes.take(), ["a stops: failed: fourth", "b stops: shutdown"]);
    });
}

#[test]
fn a_child_that_does_not_stop_in_time_is_killed_and_named() {
    let events = logged("wharf::supervisor", || {
        in_many_orders(async |mailbox: Mailbox<()>| {
            let notes = Notes::default();
            let (slow, quick) = (notes.clone(), notes.clone());
            let stubborn = ChildSpec::new("stubborn", move || Child {
                stops_in: Some(Duration::from_secs(60)),
                ..Child::new("stubborn", &slow)
            });
            let patient = ChildSpec::new("patient", move || Child {
                stops_in: Some(Duration::from_secs(3)),
                ..Child::new("patient", &quick)
            });
            let supervisor = Supervisor::new().child(patient).child(stubborn).spawn();
            handle(&supervisor, "stubborn").pid().await.unwrap();
            notes.take();
            let begun = mailbox.now();
            supervisor.stop();
            supervisor.stopped().await;
            // Five seconds for one that is killed then, and three for the other.
            assert_eq!(mailbox.now().saturating_since(begun).as_secs(), 8);
            assert_eq!(notes.take(), ["patient stops: shutdown"]);
        });
    });
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event.level, "WARN");
        assert!(event.message.starts_with("\"stubborn\" <1."), "{}", event.message);
        assert!(event.message.ends_with("> did not stop in time: killed"), "{}", event.message);
    }
}

#[test]
fn each_child_is_stopped_as_its_spec_says() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let notes = Notes::default();
        let slow = |name: &'static str| {
            let notes = notes.clone();
            ChildSpec::new(name, move || Child {
                stops_in: Some(Duration::from_secs(60)),
                ..Child::new(name, &notes)
            })
        };
        let supervisor = Supervisor::new()
            .child(slow("killed").shutdown(Shutdown::BrutalKill))
            .child(slow("waited for").shutdown(Shutdown::Infinite))
            .child(slow("late").shutdown(Shutdown::After(Duration::from_secs(2))))
            .spawn();
        handle(&supervisor, "late").pid().await.unwrap();
        notes.take();
        for (id, seconds) in [("late", 2), ("killed", 0), ("waited for", 60)] {
            let begun = mailbox.now();
            supervisor.terminate_child(id).await.unwrap();
            assert_eq!(mailbox.now().saturating_since(begun).as_secs(), seconds, "{id}");
        }
        assert_eq!(notes.take(), ["waited for stops: shutdown"]);
        assert_eq!(supervisor.count_children().await.unwrap().active, 0);
    });
}

/// Starts as often as it is told, and then fails to.
struct Starter {
    fails: Option<ExitReason>,
}

impl Actor for Starter {
    type Msg = ();

    async fn started(&mut self, _: &mut Context<()>) -> Result<(), ExitReason> {
        self.fails.take().map_or(Ok(()), Err)
    }

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Result<(), ExitReason> {
        Err(ExitReason::failed("told to"))
    }
}

/// A child that starts once and never again; and how often that was tried.
fn starts_once(fails: fn() -> ExitReason) -> (ChildSpec, Arc<AtomicU32>) {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let spec = ChildSpec::new("starter", move || {
        let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
        Starter { fails: (!first).then(fails) }
    });
    (spec, tries)
}

#[test]
fn a_restart_that_fails_is_tried_again_and_counts_again() {
    let fails: [fn() -> ExitReason; 3] =
        [|| ExitReason::failed("no"), || ExitReason::Normal, || panic!("in the factory")];
    for fails in fails {
        in_many_orders(move |mut mailbox: Mailbox<()>| async move {
            let (spec, tries) = starts_once(fails);
            let supervisor =
                Supervisor::new().intensity(3, Duration::from_secs(5)).child(spec.transient()).spawn();
            let child = supervisor.child::<()>("starter").pid().await.unwrap();
            child.send(()).await.unwrap();
            let why = reason(&mut mailbox).await;
            assert!(matches!(escalation(&why), Escalation::TooManyRestarts { restarts: 3, .. }));
            assert_eq!(tries.load(Ordering::Relaxed), 4);
        });
    }
}

#[test]
fn a_child_that_does_not_start_with_its_supervisor_ends_it_and_those_started_before() {
    in_many_orders(async |mut mailbox: Mailbox<()>| {
        let notes = Notes::default();
        let never = ChildSpec::new("never", || Starter { fails: Some(ExitReason::failed("no ink")) });
        Supervisor::new()
            .intensity(9, Duration::from_secs(1))
            .child(Child::spec("a", &notes))
            .child(never)
            .child(Child::spec("b", &notes))
            .spawn();
        let why = reason(&mut mailbox).await;
        assert_eq!(escalation(&why).to_string(), "\"never\" did not start: failed: no ink");
        assert_eq!(notes.take(), ["a starts", "a stops: shutdown"]);
    });
}

#[test]
fn two_children_of_one_id_end_the_supervisor_before_any_starts() {
    in_many_orders(async |mut mailbox: Mailbox<()>| {
        let notes = Notes::default();
        Supervisor::new().child(Child::spec("a", &notes)).child(Child::spec("a", &notes)).spawn();
        let why = reason(&mut mailbox).await;
        assert_eq!(why.to_string(), "failed: there is a child \"a\" already, which is not running");
        assert_eq!(notes.take(), [""; 0]);
    });
}

#[test]
fn children_come_and_go_while_the_supervisor_runs() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor = Supervisor::new().child(Child::spec("a", &notes)).spawn();
        let id = || Arc::<str>::from("b");
        assert_eq!(supervisor.restart_child("b").await, Err(ChildError::NotFound { id: id() }));
        assert_eq!(supervisor.terminate_child("b").await, Err(ChildError::NotFound { id: id() }));
        assert_eq!(supervisor.delete_child("b").await, Err(ChildError::NotFound { id: id() }));

        let pid = supervisor.start_child(Child::spec("b", &notes)).await.unwrap();
        let running = || ChildError::Running { id: id(), pid: pid.clone() };
        assert_eq!(supervisor.start_child(Child::spec("b", &notes)).await, Err(running()));
        assert_eq!(supervisor.restart_child("b").await, Err(running()));
        assert_eq!(supervisor.delete_child("b").await, Err(running()));
        let children = supervisor.which_children().await.unwrap();
        assert_eq!(children.iter().map(|child| &*child.id).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(children[1].status, ChildStatus::Running(pid.clone()));
        assert_eq!((children[1].kind, children[1].restart), (ChildKind::Worker, Restart::Permanent));

        supervisor.terminate_child("b").await.unwrap();
        assert!(!pid.is_alive());
        supervisor.terminate_child("b").await.unwrap();
        let present = ChildError::AlreadyPresent { id: id() };
        assert_eq!(supervisor.start_child(Child::spec("b", &notes)).await, Err(present));
        assert_ne!(supervisor.restart_child("b").await.unwrap(), pid);
        supervisor.terminate_child("b").await.unwrap();
        supervisor.delete_child("b").await.unwrap();

        let never = ChildSpec::new("never", || Starter { fails: Some(ExitReason::failed("no ink")) });
        let error = supervisor.start_child(never).await.unwrap_err();
        assert_eq!(error.to_string(), "the child \"never\" did not start: failed: no ink");
        let counts = supervisor.count_children().await.unwrap();
        assert_eq!((counts.specs, counts.active, counts.supervisors, counts.workers), (1, 1, 0, 1));
    });
}

#[test]
fn calls_are_answered_while_a_child_starts_or_stops() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let notes = Notes::default();
        let slow = ChildSpec::new("slow", move || Child {
            starts_in: Duration::from_secs(60),
            stops_in: Some(Duration::from_secs(60)),
            ..Child::new("slow", &notes)
        });
        let slow = slow.shutdown(Shutdown::Infinite);
        let supervisor = Supervisor::new().child(slow).spawn();
        let begun = mailbox.now();
        let status = async || supervisor.which_children().await.unwrap()[0].status.clone();
        let starting = loop {
            if let ChildStatus::Starting(pid) = status().await {
                break pid;
            }
        };
        assert_eq!(mailbox.now(), begun);
        handle(&supervisor, "slow").pid().await.unwrap();
        let begun = mailbox.now();
        let (other, node) = (supervisor.clone(), mailbox.node());
        let stopper = node.spawn_fn(async move |_: Mailbox<()>| {
            other.terminate_child("slow").await.unwrap();
        });
        while status().await != ChildStatus::Stopping(starting.clone()) {}
        assert_eq!(mailbox.now(), begun);
        stopper.stopped().await;
        assert_eq!(mailbox.now().saturating_since(begun).as_secs(), 60);
        assert_eq!(status().await, ChildStatus::NotRunning);
    });
}

#[test]
fn calls_that_wait_in_the_mailbox_do_not_delay_a_restart() {
    wharf::block_on(async {
        let notes = Notes::default();
        let supervisor = Supervisor::new().child(Child::spec("a", &notes)).spawn();
        let old = handle(&supervisor, "a").pid().await.unwrap();
        // Starting this one keeps the supervisor busy until it is told.
        let (busy, is_busy) = tokio::sync::oneshot::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let gates = Mutex::new(Some((busy, goes_on)));
        let blocking = Child::spec("blocking", &notes).spawn_with(move |spawn| {
            if let Some((busy, goes_on)) = gates.lock().unwrap().take() {
                busy.send(()).unwrap();
                goes_on.recv_timeout(Duration::from_secs(30)).unwrap();
            }
            spawn
        });
        let mut start = Box::pin(supervisor.start_child(blocking));
        assert!(futures::poll!(&mut start).is_pending());
        is_busy.await.unwrap();
        let mut calls: Vec<_> = (0..50).map(|_| Box::pin(supervisor.which_children())).collect();
        for call in &mut calls {
            assert!(futures::poll!(call).is_pending());
        }
        // Links are told before monitors that were set in time.
        let mut watcher: Mailbox<()> = old.node().guest();
        watcher.monitor(&old);
        old.kill();
        assert!(watcher.next().await.is_some());
        go_on.send(()).unwrap();
        for call in calls {
            assert_ne!(call.await.unwrap()[0].status, ChildStatus::Running(old.any()));
        }
        start.await.unwrap();
    });
}

#[test]
fn an_exit_signal_ends_a_supervisor_if_it_comes_from_whoever_spawned_it() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let notes = Notes::default();
        let kept = notes.clone();
        let (tell, mut told) = (mailbox.pid().clone(), mailbox);
        let slot = Arc::new(Mutex::new(None));
        let given = Arc::clone(&slot);
        let parent = told.node().spawn_fn(async move |mut mailbox: Mailbox<()>| {
            let supervisor = Supervisor::new().child(Child::spec("a", &kept)).spawn();
            handle(&supervisor, "a").pid().await.unwrap();
            *given.lock().unwrap() = Some(supervisor);
            tell.send(()).await.unwrap();
            mailbox.receive().await;
            ExitReason::custom("the parent's")
        });
        told.receive().await.unwrap();
        let supervisor: Pid<SupervisorMsg> = slot.lock().unwrap().take().unwrap();
        notes.take();
        supervisor.exit(ExitReason::failed("a stranger's"));
        assert_eq!(supervisor.count_children().await.unwrap().active, 1);
        told.link(&supervisor);
        // The link has arrived when the call is answered.
        supervisor.count_children().await.unwrap();
        parent.send(()).await.unwrap();
        assert_eq!(reason(&mut told).await, ExitReason::custom("the parent's"));
        assert_eq!(notes.take(), ["a stops: shutdown"]);
    });
}

#[test]
fn a_supervisor_that_gives_up_is_restarted_by_the_one_above_it() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let below = notes.clone();
        let team = ChildSpec::supervisor("team", move || {
            Supervisor::new().intensity(0, Duration::from_secs(1)).child(Child::spec("a", &below))
        });
        let top = Supervisor::new().child(team).child(Child::spec("b", &notes)).spawn();
        let team = top.child::<SupervisorMsg>("team");
        handle(&top, "b").pid().await.unwrap();
        // A supervisor has started when its children have.
        assert_eq!(notes.take(), ["a starts", "b starts"]);
        assert_eq!(top.count_children().await.unwrap().supervisors, 1);
        let first = team.pid().await.unwrap();
        let a = handle(&first, "a").pid().await.unwrap();
        a.send(Msg::End(ExitReason::failed("x"))).await.unwrap();
        let second = team.restarted(&first).await.unwrap();
        handle(&second, "a").pid().await.unwrap();
        assert_eq!(notes.take(), ["a stops: failed: x", "a starts"]);
        top.stop();
        top.stopped().await;
        assert_eq!(notes.take(), ["b stops: shutdown", "a stops: shutdown"]);
    });
}

#[test]
fn those_who_wait_for_a_restart_are_told_why_the_supervisor_gave_up() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor =
            Supervisor::new().intensity(0, Duration::from_secs(1)).child(Child::spec("a", &notes)).spawn();
        let child = handle(&supervisor, "a");
        let pid = child.pid().await.unwrap();
        pid.send(Msg::End(ExitReason::failed("x"))).await.unwrap();
        let error = child.restarted(&pid).await.unwrap_err();
        let ChildError::NoAnswer(AskError::Down(why)) = error else { panic!("{error}") };
        // Unless it had ended when it was asked.
        if why != ExitReason::NoProc {
            assert_eq!(escalation(&why).last(), &ExitReason::failed("x"));
        }
    });
}

#[test]
fn a_handle_of_another_type_says_so() {
    in_many_orders(async |_| {
        let notes = Notes::default();
        let supervisor = Supervisor::new().child(Child::spec("a", &notes)).spawn();
        let error = supervisor.child::<u8>("a").pid().await.unwrap_err();
        let expected = "the child \"a\" takes messages of type `suite::supervisor::Msg`, not `u8`";
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn a_named_child_keeps_its_name_through_restarts_and_one_whose_name_is_taken_does_not_start() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let notes = Notes::default();
        let named = |id| Child::spec(id, &notes).spawn_with(|spawn| spawn.name("the one"));
        let supervisor = Supervisor::new().child(named("a")).spawn();
        let child = handle(&supervisor, "a");
        let new = end(&child, ExitReason::failed("x")).await;
        assert_eq!(mailbox.node().lookup::<Msg>("the one").unwrap(), new);
        let error = supervisor.start_child(named("b")).await.unwrap_err();
        let taken = format!("the child \"b\" did not start: failed: the name `the one` belongs to {new}");
        assert!(error.to_string().starts_with(&taken), "{error}");
        assert_eq!(supervisor.count_children().await.unwrap().specs, 1);
    });
}

#[test]
fn processes_are_supervised_as_actors_are() {
    in_many_orders(async |_| {
        let spec = ChildSpec::process("p", async |mut mailbox: Mailbox<Reply<u8>>| {
            let reply = mailbox.receive().await.ok_or("nobody asked")?;
            let _ = reply.send(7);
            Err::<(), &str>("done")
        });
        let supervisor = Supervisor::new().child(spec).spawn();
        let child = supervisor.child::<Reply<u8>>("p");
        let first = child.pid().await.unwrap();
        assert_eq!(first.ask(|reply| reply).await, Ok(7));
        let second = child.restarted(&first).await.unwrap();
        assert_eq!(second.ask(|reply| reply).await, Ok(7));
    });
}

#[test]
fn nobody_is_restarted_while_the_node_stops() {
    let made = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&made);
    wharf::block_on(async move {
        let notes = Notes::default();
        let child = supervise(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Child::new("a", &notes)
        });
        child.pid().await.unwrap();
        let node = Node::current().unwrap();
        assert!(!node.is_stopping());
        // The node asks all actors to stop at once.
        assert!(node.stop().await.is_clean());
        assert!(node.is_stopping());
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
}
