//! Reports of crashes under a supervisor, and of what was received before.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf::prelude::*;
use wharf::supervisor::{ChildError, ChildSpec, Shutdown, Supervisor, SupervisorCalls, SupervisorMsg};
use wharf::telemetry::{CrashDecision, CrashRecord, Records, Supervision};
use wharf::{sleep, yield_now};

use crate::explored::in_many_orders;
use crate::log::logged;

/// Ends with the reason that it is sent.
fn mortal(id: &'static str) -> ChildSpec {
    ChildSpec::process(id, async |mut mailbox: Mailbox<ExitReason>| {
        mailbox.receive().await.unwrap_or_default()
    })
}

/// Ends before it has started.
struct Unborn;

impl Actor for Unborn {
    type Msg = ();

    async fn started(&mut self, _: &mut Context<()>) -> Result<(), ExitReason> {
        Err(ExitReason::failed("no ink"))
    }

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Result<(), ExitReason> {
        Ok(())
    }
}

/// Makes the child crash, and gives the report.
async fn crash(
    supervisor: &Pid<SupervisorMsg>,
    id: &'static str,
    crashes: &mut Records<CrashRecord>,
) -> CrashRecord {
    let child = supervisor.child::<ExitReason>(id).pid().await.unwrap();
    child.send(ExitReason::failed("x")).await.unwrap();
    let record = crashes.next().await.unwrap();
    assert_eq!((record.id, record.reason.clone()), (child.id(), ExitReason::failed("x")));
    record
}

fn supervision(record: &CrashRecord) -> &Supervision {
    record.supervision.as_ref().unwrap_or_else(|| panic!("no decision: {record}"))
}

#[test]
fn the_report_of_a_childs_crash_says_which_it_is_and_what_its_supervisor_decides() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let mut crashes = mailbox.node().crash_reports();
        let supervisor = Supervisor::new()
            .intensity(3, Duration::from_secs(10))
            .child(mortal("a"))
            .child(mortal("b"))
            .spawn();
        let period = Duration::from_secs(10);
        // What is older than the period does not count.
        for (id, pause, n, restarts, decision) in [
            ("a", 1, 1, 1, CrashDecision::Restart),
            ("a", 12, 1, 1, CrashDecision::Restart),
            ("b", 2, 1, 2, CrashDecision::Restart),
            ("a", 3, 2, 3, CrashDecision::Restart),
            ("a", 1, 3, 4, CrashDecision::GiveUp),
        ] {
            supervisor.child::<ExitReason>(id).pid().await.unwrap();
            let before = mailbox.now();
            sleep(Duration::from_secs(pause)).await;
            let record = crash(&supervisor, id, &mut crashes).await;
            let of = supervision(&record);
            assert_eq!((of.supervisor, &*of.child, of.decision), (supervisor.id(), id, decision));
            assert_eq!((of.crashes, of.restarts, of.intensity, of.period), (n, restarts, 3, period));
            assert!(record.age >= mailbox.now().saturating_since(before) && record.age.as_secs() < 40);
            let text = record.to_string();
            let nth = ["1st", "2nd", "3rd"][n - 1];
            assert!(text.contains(&format!(" s · 1 messages · {nth} crash in 10s\n")), "{text}");
            let decided = if decision == CrashDecision::Restart {
                format!("{} restarts \"{id}\" now, {restarts} of 3 in 10s", supervisor.id())
            } else {
                format!("{} gives up: \"{id}\" would be restart 4 of 3 in 10s", supervisor.id())
            };
            assert!(text.ends_with(&format!("\n  decision        {decided}")), "{text}");
            let word = if decision == CrashDecision::Restart { "restart" } else { "give_up" };
            let json = format!(
                "\"supervision\":{{\"supervisor\":\"{}\",\"child\":\"{id}\",\"crashes\":{n},\
                 \"restarts\":{restarts},\"intensity\":3,\"period_millis\":10000,\"decision\":\"{word}\"}},",
                supervisor.id()
            );
            assert!(record.to_json().contains(&json), "{}", record.to_json());
        }
        supervisor.stopped().await;
        assert!(crashes.try_next().is_none());
    });
}

#[test]
fn a_report_says_why_a_child_is_not_restarted() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let mut crashes = node.crash_reports();
        let supervisor = Supervisor::new().spawn();
        supervisor.start_child(mortal("temporary").temporary()).await.unwrap();
        let record = crash(&supervisor, "temporary", &mut crashes).await;
        assert_eq!(supervision(&record).decision, CrashDecision::LeaveTemporary);

        supervisor.start_child(mortal("stopped").shutdown(Shutdown::BrutalKill)).await.unwrap();
        supervisor.terminate_child("stopped").await.unwrap();
        let record = crashes.next().await.unwrap();
        assert_eq!(record.reason, ExitReason::Killed);
        assert_eq!(supervision(&record).decision, CrashDecision::LeaveStopping);

        let refused = supervisor.start_child(ChildSpec::new("unborn", || Unborn)).await;
        assert!(matches!(refused, Err(ChildError::StartFailed { .. })), "{refused:?}");
        let record = crashes.next().await.unwrap();
        assert_eq!(supervision(&record).decision, CrashDecision::TellCaller);

        // Its name is another's: it was never a child.
        node.register("taken", mailbox.pid()).unwrap();
        let named = mortal("named").spawn_with(|spawn| spawn.name("taken"));
        assert!(supervisor.start_child(named).await.is_err());
        let record = crashes.next().await.unwrap();
        assert_eq!((record.reason.clone(), &record.supervision), (ExitReason::Killed, &None));

        // What stops with its supervisor is told of in the same way.
        supervisor.start_child(mortal("last").shutdown(Shutdown::BrutalKill)).await.unwrap();
        supervisor.stop();
        let record = crashes.next().await.unwrap();
        assert_eq!(supervision(&record).decision, CrashDecision::LeaveStopping);
        supervisor.stopped().await;

        let supervisor = Supervisor::new().child(ChildSpec::new("unborn", || Unborn)).spawn();
        let record = crashes.next().await.unwrap();
        assert_eq!(supervision(&record).decision, CrashDecision::FailToStart);
        supervisor.stopped().await;
        assert!(crashes.try_next().is_none());
    });
}

#[test]
fn a_childs_crash_is_reported_once_though_its_supervisor_is_killed_meanwhile() {
    let decided = Arc::new(Mutex::new([false, false]));
    for seed in 0..100 {
        let seen = Arc::clone(&decided);
        let run = wharf::explore::seeded(seed, |node: &Node| {
            let seen = Arc::clone(&seen);
            node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
                mailbox.trap_exit(true);
                let mut crashes = mailbox.node().crash_reports();
                let supervisor = Supervisor::new().intensity(9, Duration::MAX).child(mortal("a")).spawn();
                let child = supervisor.child::<ExitReason>("a").pid().await.unwrap();
                child.send(ExitReason::failed("x")).await.unwrap();
                yield_now().await;
                supervisor.kill();
                supervisor.stopped().await;
                child.stopped().await;
                let mut of_child = 0;
                while let Some(record) = crashes.try_next() {
                    if record.id == child.id() {
                        of_child += 1;
                        seen.lock().unwrap()[usize::from(record.supervision.is_some())] = true;
                    }
                }
                assert_eq!(of_child, 1);
            });
            || Ok(())
        });
        assert!(run.outcome().is_finished(), "{run}");
    }
    assert_eq!(*decided.lock().unwrap(), [true, true], "both orders were to be seen");
}

#[test]
fn the_event_of_a_childs_crash_has_the_decision_among_its_fields() {
    let crash_once = || {
        let run = crate::explored::run_once(1, async |mailbox: Mailbox<()>| {
            let mut crashes = mailbox.node().crash_reports();
            let supervisor = Supervisor::new().child(mortal("a")).spawn();
            crash(&supervisor, "a", &mut crashes).await;
        });
        assert!(run.outcome().is_finished(), "{run}");
    };
    // `tracing` may miss events of a place that other threads come to for the first time meanwhile.
    crash_once();
    let events = logged("wharf::crash", crash_once);
    let [event] = &events[..] else { panic!("{events:?}") };
    assert!(event.fields.ends_with(" received=1 queued=0 crashes=1 decision=\"restart\""), "{event:?}");
}

/// Runs `test` as a guest of a node that keeps so many messages of each actor.
fn keeping(count: usize, test: impl AsyncFnOnce(Node)) {
    wharf::panic::install();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let node = Node::builder().recent_messages(count).start().unwrap();
        node.run(test(node.clone())).await;
        node.stop().await;
    });
}

/// Has spoken of its messages only through the macro.
struct Account(u64);

#[wharf::protocol]
trait Audit {
    async fn balance(&mut self) -> u64;
}

#[wharf::actor(Audit)]
impl Account {
    async fn deposit(&mut self, amount: u64) {
        self.0 += amount;
    }

    #[one_way]
    async fn withdraw(&mut self, amount: u64) {
        self.0 = self.0.checked_sub(amount).expect("enough");
    }
}

impl Audit for Account {
    async fn balance(&mut self) -> u64 {
        self.0
    }
}

async fn overdraw(node: &Node) -> CrashRecord {
    let mut crashes = node.crash_reports();
    let account = node.spawn(Account(0));
    for n in 1..50 {
        account.deposit(n).await.unwrap();
    }
    let audit: Pid<AuditMsg> = account.narrow();
    assert_eq!(audit.balance().await, Ok(49 * 50 / 2));
    account.withdraw(5).await.unwrap();
    account.withdraw(9_000).await.unwrap();
    crashes.next().await.unwrap()
}

#[test]
fn a_report_names_the_messages_received_last_where_the_node_keeps_them() {
    keeping(4, async |node| {
        let record = overdraw(&node).await;
        let kinds: Vec<_> = record.recent.iter().map(|message| message.kind).collect();
        assert_eq!(kinds, ["deposit", "balance", "withdraw", "withdraw"]);
        assert!(record.recent.is_sorted_by(|a, b| a.age >= b.age));
        assert!(record.received >= 52, "{record}");
        let text = record.to_string();
        assert!(text.contains("\n  recent          deposit ") && text.contains(" ago, balance "), "{text}");
        let json = record.to_json();
        assert!(json.contains("\"recent\":[{\"kind\":\"deposit\",\"age_millis\":"), "{json}");

        let mut crashes = node.crash_reports();
        let process = node.spawn_fn(async |mut mailbox: Mailbox<u8>| {
            while mailbox.receive().await.is_some_and(|n| n < 3) {}
            Err::<(), _>("three")
        });
        for n in [1, 2, 3] {
            process.send(n).await.unwrap();
        }
        let record = crashes.next().await.unwrap();
        assert_eq!(record.recent.iter().map(|message| message.kind).collect::<Vec<_>>(), ["u8"; 3]);
    });
}

#[test]
fn a_node_keeps_no_messages_unless_it_is_asked_to() {
    keeping(0, async |node| {
        let record = overdraw(&node).await;
        assert!(record.recent.is_empty() && !record.to_string().contains("recent"), "{record}");
    });
}
