//! The test kit, and what it says of tests that fail.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeSet;
use std::future::pending;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf::prelude::*;
use wharf::testkit::{self, Probe, TestNode, TraceEvent};
use wharf::{AskError, DeadLetterCause, Event, Late, yield_now};

const SECOND: Duration = Duration::from_secs(1);

/// Runs a test that must fail; gives what it says.
fn failure<Fut: Future<Output = ()> + 'static>(body: impl FnOnce(TestNode) -> Fut) -> String {
    let run = || testkit::run("the_test", Some(7), body);
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it passed");
    *payload.downcast::<String>().expect("a text")
}

/// Where the caller is, as a failure names it; `lines` further down.
#[track_caller]
fn place(lines: u32) -> String {
    let here = Location::caller();
    format!("{}:{}:", here.file(), here.line() + lines)
}

#[derive(Debug, PartialEq)]
enum Bank {
    Deposit(u32),
    Withdraw(u32),
}

/// Sends what it is told on to a bank.
struct Teller(Pid<Bank>);

impl Actor for Teller {
    type Msg = u32;

    async fn handle(&mut self, amount: u32, cx: &mut Context<u32>) -> Result<(), ExitReason> {
        match amount {
            0 => cx.stop(),
            13 => panic!("unlucky"),
            99 => return Err(ExitReason::failed("too much")),
            amount => self.0.send(Bank::Withdraw(amount)).await?,
        }
        Ok(())
    }
}

struct Clients;

impl Clients {
    /// Three actors that each send `probe` their numbers.
    fn spawn(t: &TestNode, probe: &Probe<(u8, u8)>) {
        for client in 0..3 {
            let to = probe.pid();
            t.spawn_fn(async move |_: Mailbox<()>| {
                for n in 0..2 {
                    to.send((client, n)).await.unwrap();
                    yield_now().await;
                }
            });
        }
    }

    async fn orders(t: TestNode) -> (Vec<(u8, u8)>, Vec<TraceEvent>) {
        let probe = t.probe();
        Self::spawn(&t, &probe);
        t.settle().await;
        let order = std::iter::from_fn(|| probe.try_next()).collect();
        (order, t.events())
    }
}

#[test]
fn a_test_gives_its_output_and_is_a_guest_that_spawns_asks_and_sleeps() {
    let elapsed = testkit::run("a", None, |t| async move {
        let echo = spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
            while let Some(reply) = mailbox.receive().await {
                wharf::sleep(SECOND).await;
                let _ = reply.send(5);
            }
        });
        assert_eq!(echo.ask(|reply| reply).await, Ok(5));
        wharf::sleep(Duration::from_secs(3600)).await;
        assert_eq!(Node::current().unwrap().id(), t.node().id());
        t.elapsed()
    });
    assert_eq!(elapsed, Duration::from_secs(3601));
}

#[test]
fn an_ask_that_nobody_answers_times_out_in_virtual_time() {
    testkit::run("a", None, |t| async move {
        let probe = t.probe::<Reply<()>>();
        let answer = probe.pid().ask(|reply| reply).await;
        assert!(matches!(answer, Err(AskError::Timeout { .. })), "{answer:?}");
        assert_eq!(t.elapsed(), 5 * SECOND);
    });
}

#[test]
fn one_seed_gives_the_same_events_each_time_and_others_give_other_orders() {
    let run = |seed| testkit::run("a", Some(seed), Clients::orders);
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first, second);
        assert!(first.1.len() > 15, "{:?}", first.1);
        for client in 0..3 {
            let of_client: Vec<_> = first.0.iter().filter(|(from, _)| *from == client).collect();
            assert_eq!(of_client, [&(client, 0), &(client, 1)]);
        }
        orders.insert(first.0);
    }
    assert!(orders.len() > 5, "{orders:?}");
}

#[test]
fn without_a_seed_each_run_has_one_of_its_own() {
    if std::env::var_os("WHARF_SEED").is_some() {
        return;
    }
    let seeds: BTreeSet<u64> = (0..4).map(|_| testkit::run("a", None, |t| async move { t.seed() })).collect();
    assert!(seeds.len() > 1);
    assert!(seeds.iter().all(|seed| u32::try_from(*seed).is_ok()), "short enough to be typed");
}

/// Run by the test below, in a process that has the variables.
#[test]
#[ignore = "a part of another test"]
fn fails_with_its_seed() {
    testkit::run("fails_with_its_seed", None, |t| async move {
        loop {
            assert_eq!(t.seed(), 0);
            yield_now().await;
        }
    });
}

#[test]
fn the_seed_and_the_limit_of_turns_come_from_the_environment() {
    let run = |seed: &str, steps: &str| {
        let test = std::env::current_exe().unwrap();
        let output = Command::new(test)
            .args(["--exact", "fails_with_its_seed", "--ignored", "--nocapture"])
            .envs([("WHARF_SEED", seed), ("WHARF_STEPS", steps)])
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = run("41", "100");
    assert!(text.contains("rerun: WHARF_SEED=41 cargo test fails_with_its_seed"), "{text}");
    assert!(text.contains("left: 41"), "{text}");
    let text = run("0", "100");
    assert!(text.contains("more than 100 turns or messages"), "{text}");
    assert!(text.contains("set the environment variable WHARF_STEPS to a larger number"), "{text}");
    let text = run("seven", "100");
    assert!(text.contains("WHARF_SEED is `seven`: it takes a number"), "{text}");
}

#[test]
fn advance_goes_exactly_that_far_and_fires_timers_in_order_at_their_times() {
    testkit::run("a", None, |t| async move {
        let probe = t.probe::<(u64, u64)>();
        for millis in [30, 10, 20, 45] {
            let to = probe.pid();
            t.spawn_fn(async move |mut mailbox: Mailbox<u64>| {
                mailbox.send_after(Duration::from_millis(millis), millis);
                while let Some(message) = mailbox.receive().await {
                    to.send((message, mailbox.now().as_nanos() / 1_000_000)).await.unwrap();
                }
            });
        }
        t.settle().await;
        assert_eq!(t.elapsed(), Duration::ZERO);
        assert_eq!(probe.try_next(), None);
        t.advance(Duration::from_micros(9_999)).await;
        assert_eq!(t.elapsed(), Duration::from_micros(9_999));
        assert_eq!(probe.try_next(), None);
        t.advance(Duration::from_micros(30_001)).await;
        assert_eq!(t.elapsed(), Duration::from_millis(40));
        for millis in [10, 20, 30] {
            assert_eq!(probe.try_next(), Some((millis, millis)));
        }
        probe.expect_none().await;
        t.advance(SECOND).await;
        probe.expect_eq((45, 45)).await;
        t.advance(Duration::ZERO).await;
        assert_eq!(t.elapsed(), Duration::from_millis(1_040));
    });
}

#[test]
fn expectations_let_no_time_pass_and_say_when_time_would_help() {
    let text = failure(|t| async move {
        let probe = t.probe::<u8>();
        let to = probe.pid();
        t.spawn_fn(async move |_: Mailbox<()>| {
            wharf::sleep(SECOND).await;
            to.send(1).await.unwrap();
        });
        probe.expect_none().await;
        assert_eq!(t.elapsed(), Duration::ZERO);
        probe.expect_eq(1).await;
    });
    assert!(text.contains("expected probe#0 to get `1`, but nothing can happen any more"), "{text}");
    assert!(text.contains("a timer is set: `advance` turns the clock forward"), "{text}");
}

#[test]
fn a_probe_gives_the_messages_that_fit_and_fish_leaves_the_others() {
    testkit::run("a", None, |t| async move {
        let bank = t.probe::<Bank>();
        let teller = t.spawn(Teller(bank.pid()));
        for amount in [1, 2, 3, 4] {
            teller.send(amount).await.unwrap();
        }
        assert_eq!(bank.expect(|m| matches!(m, Bank::Withdraw(_))).await, Bank::Withdraw(1));
        bank.fish(|m| *m == Bank::Withdraw(3)).await;
        bank.expect_eq(Bank::Withdraw(2)).await;
        bank.expect_eq(Bank::Withdraw(4)).await;
        bank.expect_none().await;
        assert_eq!(bank.try_next(), None);
        t.assert_no_dead_letters();
        t.assert_no_crashes();
    });
}

#[test]
fn a_failure_names_the_place_the_seed_a_rerun_line_and_the_last_events_as_a_chart() {
    let at = place(4);
    let text = failure(|t| async move {
        let bank = t.probe::<Bank>().with_debug();
        t.spawn(Teller(bank.pid())).send(5).await.unwrap();
        bank.expect(|m| *m == Bank::Deposit(5)).await;
    });
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(&format!("test `the_test` failed: {at}")), "{first} {at}");
    assert!(
        first
            .ends_with("expected probe#0 to get a message that fits, but it got `Withdraw(5)` from Teller#1"),
        "{first}"
    );
    assert!(text.contains("\nseed: 7\nrerun: WHARF_SEED=7 cargo test the_test\n"), "{text}");
    let (_, chart) = text.split_once("events (dotted: sent, solid: received):\n").unwrap();
    assert!(chart.starts_with("```mermaid\nsequenceDiagram\n    participant p0 as "), "{chart}");
    assert!(chart.ends_with("```"), "{chart}");
    for line in ["spawned by test", "--)", ": u32", ": Bank", "->>"] {
        assert!(chart.contains(line), "{line}: {chart}");
    }
}

#[test]
fn a_message_without_debug_is_named_by_its_type_and_sender() {
    let text = failure(|t| async move {
        let probe = t.probe::<Reply<u8>>();
        let to = probe.pid();
        Spawn::new().label("client").spawn_fn(async move |_: Mailbox<()>| {
            let _ = to.ask(|reply| reply).await;
        });
        drop(probe.expect(|_| false).await);
    });
    assert!(text.contains("but it got a `wharf_runtime::cell::reply::Reply<u8>` from client#1"), "{text}");
}

#[test]
fn expect_eq_shows_what_was_wanted_and_what_came() {
    let at = place(4);
    let text = failure(|t| async move {
        let bank = t.probe::<Bank>();
        t.spawn(Teller(bank.pid())).send(5).await.unwrap();
        bank.expect_eq(Bank::Withdraw(6)).await;
    });
    assert!(text.contains(&at), "{at} {text}");
    assert!(text.contains("to get `Withdraw(6)`, but it got `Withdraw(5)` from Teller#1"), "{text}");
}

#[test]
fn fish_tells_what_it_did_not_want() {
    let at = place(4);
    let text = failure(|t| async move {
        let bank = t.probe::<Bank>().with_debug();
        t.spawn(Teller(bank.pid())).send(5).await.unwrap();
        bank.fish(|m| matches!(m, Bank::Deposit(_))).await;
    });
    assert!(text.contains(&at), "{at} {text}");
    assert!(text.contains("but it got `Withdraw(5)` from Teller#1; nothing can happen any more"), "{text}");
    let text = failure(|t| async move {
        t.probe::<Bank>().fish(|_| true).await;
    });
    assert!(text.contains("but it got no message at all; nothing can happen any more"), "{text}");
}

#[test]
fn expect_none_tells_what_came() {
    let at = place(4);
    let text = failure(|t| async move {
        let bank = t.probe::<Bank>().with_debug();
        t.spawn(Teller(bank.pid())).send(5).await.unwrap();
        bank.expect_none().await;
    });
    assert!(text.contains(&at), "{at} {text}");
    assert!(text.contains("expected probe#0 to get no message, but it got `Withdraw(5)`"), "{text}");
}

#[test]
fn ends_are_expected_by_their_reasons_before_and_after_they_come() {
    testkit::run("a", None, |t| async move {
        let bank = t.probe::<Bank>();
        let spawn = || t.spawn(Teller(bank.pid()));
        let (stopped, killed, failed) = (spawn(), spawn(), spawn());
        stopped.send(0).await.unwrap();
        t.expect_exit(&stopped, ExitReason::Normal).await;
        t.expect_exit(&stopped, ExitReason::Normal).await;
        killed.kill();
        t.expect_exit(&killed, ExitReason::Killed).await;
        failed.send(99).await.unwrap();
        t.expect_exit(&failed, ExitReason::failed("too much")).await;
        let fragile = spawn();
        fragile.send(13).await.unwrap();
        assert!(
            matches!(t.expect_end(&fragile).await, ExitReason::Panicked(info) if info.message() == "unlucky")
        );
    });
}

#[test]
fn an_end_that_does_not_come_or_has_another_reason_fails_the_test() {
    let at = place(3);
    let text = failure(|t| async move {
        let teller = t.spawn(Teller(t.probe().pid()));
        t.expect_exit(&teller, ExitReason::Normal).await;
    });
    assert!(text.contains(&at), "{at} {text}");
    assert!(text.contains("expected Teller#1 to exit, but nothing can happen any more"), "{text}");
    let text = failure(|t| async move {
        let teller = t.spawn(Teller(t.probe().pid()));
        teller.kill();
        t.expect_exit(&teller, ExitReason::Normal).await;
    });
    assert!(text.contains("expected Teller#1 to exit: normal, but it exited: killed"), "{text}");
}

#[test]
fn a_monitor_or_link_of_a_probe_is_set_before_what_the_test_does_next() {
    for seed in 0..50 {
        testkit::run("a", Some(seed), |t| async move {
            let probe = t.probe::<()>();
            let spawn = || t.spawn(Teller(t.probe().pid()));
            let (watched, linked) = (spawn(), spawn());
            probe.monitor(&watched).await;
            watched.kill();
            assert_eq!(probe.expect_down(&watched).await.reason, ExitReason::Killed);
            probe.link(&linked).await;
            linked.exit(ExitReason::Shutdown);
            assert_eq!(probe.expect_exit(&linked).await.reason, ExitReason::Shutdown);
            probe.expect_none().await;
            probe.pid().kill();
            t.expect_exit(&probe.pid(), ExitReason::Killed).await;
        });
    }
}

#[test]
fn a_notice_that_does_not_come_fails_the_test() {
    let at = place(4);
    let text = failure(|t| async move {
        let (probe, teller) = (t.probe::<()>(), t.spawn(Teller(t.probe().pid())));
        probe.monitor(&teller).await;
        probe.expect_down(&teller).await;
    });
    assert!(text.contains(&at), "{at} {text}");
    assert!(text.contains("to get a `Down` of Teller#"), "{text}");
    let text = failure(|t| async move {
        let (probe, teller) = (t.probe::<()>(), t.spawn(Teller(t.probe().pid())));
        probe.expect_exit(&teller).await;
    });
    assert!(text.contains("to get an exit signal from Teller#"), "{text}");
    let text = failure(|t| async move {
        let probe = t.probe::<()>();
        probe.pid().kill();
        t.settle().await;
        probe.monitor(&probe.pid()).await;
    });
    assert!(text.contains("expected probe#0 to take an order, but it has ended"), "{text}");
}

#[test]
fn crashes_are_captured_and_told_of_in_every_failure() {
    testkit::run("a", None, |t| async move {
        let teller = Spawn::new().label("till").spawn(Teller(t.probe().pid()));
        teller.send(13).await.unwrap();
        t.settle().await;
        let [crash] = &t.crash_reports()[..] else { panic!("{:?}", t.crash_reports()) };
        assert_eq!((crash.id, crash.label.as_deref()), (teller.id(), Some("till")));
        assert!(matches!(&crash.reason, ExitReason::Panicked(info) if info.location().is_some()));
        assert!(crash.spawned_at.file().ends_with("testkit.rs"));
        assert!(crash.to_string().contains("unlucky"), "{crash}");
    });
    let at = place(4);
    let text = failure(|t| async move {
        t.spawn(Teller(t.probe().pid())).send(13).await.unwrap();
        t.settle().await;
        t.assert_no_crashes();
    });
    assert!(text.contains(&at), "{at} {text}");
    assert!(text.contains("1 actors crashed:\n"), "{text}");
    assert!(text.contains(": unlucky"), "{text}");
    assert!(text.contains("    Note over p"), "{text}");
}

#[test]
fn dead_letters_are_captured() {
    testkit::run("a", None, |t| async move {
        let teller = t.spawn(Teller(t.probe().pid()));
        t.assert_no_dead_letters();
        teller.send(0).await.unwrap();
        teller.send(1).await.unwrap();
        t.settle().await;
        let [letter] = &t.dead_letters()[..] else { panic!("{:?}", t.dead_letters()) };
        assert_eq!((letter.to, letter.cause), (teller.id(), DeadLetterCause::ExitedFirst));
    });
    let text = failure(|t| async move {
        let teller = t.spawn(Teller(t.probe().pid()));
        teller.send(0).await.unwrap();
        teller.send(1).await.unwrap();
        t.settle().await;
        t.assert_no_dead_letters();
    });
    assert!(
        text.contains("1 messages were not handled:\n  `u32` from test to Teller#1: exited_first"),
        "{text}"
    );
}

#[test]
fn a_panic_of_the_test_fails_it_in_its_own_words() {
    let at = place(1);
    let text = failure(|t| async move { assert_eq!(t.seed(), 8, "not the seed") });
    let first = format!("test `the_test` failed: panicked at {at}");
    assert!(text.starts_with(&first), "{first} {text}");
    assert!(text.contains("not the seed\n  left: 7\n right: 8"), "{text}");
    assert!(text.contains("rerun: WHARF_SEED=7 cargo test the_test"), "{text}");
    assert!(text.contains("```mermaid\nsequenceDiagram\n    participant p0 as test\n```"), "{text}");
}

/// Asks its peer what the peer then can't answer.
async fn asks(mut mailbox: Mailbox<Ask>) {
    let begin = mailbox.receive_match(|message| matches!(message, Ask::Begin(_))).await;
    let Ok(Some(Ask::Begin(peer))) = begin else { return };
    let _ = peer.ask(Ask::Answer).await;
    while let Some(message) = mailbox.receive().await {
        if let Ask::Answer(reply) = message {
            let _ = reply.send(());
        }
    }
}

enum Ask {
    Begin(Pid<Self>),
    Answer(Reply<()>),
}

#[test]
fn actors_that_ask_each_other_in_a_circle_are_a_deadlock() {
    let begin = |t: &TestNode| {
        let spawn = |label: &str| Spawn::on(t.node()).label(label).spawn_fn(asks);
        let (ping, pong) = (spawn("ping"), spawn("pong"));
        ping.try_send(Ask::Begin(pong.clone())).unwrap();
        pong.try_send(Ask::Begin(ping)).unwrap();
    };
    // Where time would go on.
    let text = failure(|t| async move {
        begin(&t);
        wharf::sleep(SECOND).await;
    });
    assert!(text.contains("failed: deadlock:"), "{text}");
    assert!(text.contains("ping#0 is waiting for a reply of pong#1; spawned at"), "{text}");
    assert!(text.contains("pong#1 is waiting for a reply of ping#0; spawned at"), "{text}");
    let text = failure(|t| async move {
        begin(&t);
        t.advance(SECOND).await;
    });
    assert!(text.contains("failed: deadlock:"), "{text}");
    // Where something is expected that they keep from coming.
    let text = failure(|t| async move {
        begin(&t);
        t.probe::<()>().expect(|()| true).await;
    });
    assert!(text.contains("nothing can happen any more"), "{text}");
    assert!(text.contains("deadlock of 2 actors:\n  ping#0 is waiting for a reply of pong#1"), "{text}");
}

#[test]
fn a_test_that_waits_for_what_can_not_come_fails_at_once() {
    let text = failure(|t| async move {
        let probe = t.probe::<Reply<()>>();
        let _ = probe.pid().ask(|reply| reply).timeout(Duration::MAX).await;
    });
    assert!(text.contains("the test is waiting for a reply, and nothing can happen any more"), "{text}");
    let text = failure(|t| async move {
        let mut guest: Mailbox<()> = t.node().guest();
        guest.receive().await;
    });
    assert!(text.contains("the test is waiting for a message, and nothing can happen any more"), "{text}");
    let text = failure(|_| pending());
    assert!(text.contains("the test awaits something wharf does not control"), "{text}");
}

#[test]
fn an_actor_that_strayed_is_named_when_nothing_comes() {
    let text = failure(|t| async move {
        Spawn::new().label("stray").spawn_fn(async |_: Mailbox<()>| pending::<()>().await);
        t.probe::<()>().expect(|()| true).await;
    });
    assert!(text.contains("stray#0 is waiting for something outside wharf; spawned at"), "{text}");
}

#[test]
fn a_channel_of_another_crate_works_between_actors_and_the_test() {
    testkit::run("a", None, |t| async move {
        let (send, receive) = tokio::sync::oneshot::channel();
        let (back, answer) = tokio::sync::oneshot::channel();
        t.spawn_fn(async move |_: Mailbox<()>| {
            let n: u32 = receive.await.unwrap();
            wharf::sleep(SECOND).await;
            back.send(n + 1).unwrap();
        });
        t.settle().await;
        send.send(1).unwrap();
        assert_eq!(answer.await, Ok(2));
        assert_eq!(t.elapsed(), SECOND);
    });
}

#[test]
fn timers_and_sockets_of_tokio_fail_with_help() {
    let text = failure(|_| async { tokio::time::sleep(SECOND).await });
    assert!(text.contains("help: a seeded test has no tokio runtime: use `wharf::sleep`"), "{text}");
    let text = failure(|_| async { drop(tokio::net::TcpListener::bind("127.0.0.1:0").await) });
    assert!(text.contains("help: a seeded test has no tokio runtime"), "{text}");
    // An actor that uses them crashes, and its report is there.
    let text = failure(|t| async move {
        t.spawn_fn(async |_: Mailbox<()>| tokio::time::sleep(SECOND).await);
        t.settle().await;
        t.assert_no_crashes();
    });
    assert!(text.contains("help: a seeded test has no tokio runtime"), "{text}");
}

#[test]
fn inside_a_tokio_runtime_its_timers_fail_instead_of_hanging() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = tokio.block_on(async { failure(|_| async { tokio::time::sleep(SECOND).await }) });
    assert!(text.contains("the test awaits something wharf does not control"), "{text}");
}

#[test]
fn a_blocking_call_that_would_wait_for_ever_fails() {
    let refused = "a blocking call would wait for ever: all actors run on this thread; await instead";
    let text = failure(|t| async move { t.node().block_on(pending()) });
    assert!(text.contains(refused), "{text}");
    let text = failure(|_| async {
        let full = Spawn::new().capacity(Capacity::Bounded(1));
        let full = full.spawn_fn(async |_: Mailbox<u8>| wharf::sleep(SECOND).await);
        while full.send_blocking(1).is_ok() {}
    });
    assert!(text.contains(refused), "{text}");
}

type Round = fn(TestNode) -> Pin<Box<dyn Future<Output = ()>>>;

#[test]
fn what_goes_round_for_ever_is_cut() {
    let rounds: [Round; 4] = [
        |_| {
            Box::pin(async {
                loop {
                    yield_now().await;
                }
            })
        },
        |t| {
            Box::pin(async move {
                let probe = t.probe();
                loop {
                    probe.pid().send(()).await.unwrap();
                }
            })
        },
        |t| {
            Box::pin(async move {
                let probe = t.probe();
                let to = probe.pid();
                t.spawn_fn(async move |_: Mailbox<()>| while to.send(()).await.is_ok() {});
                t.settle().await;
            })
        },
        |t| {
            Box::pin(async move {
                t.spawn_fn(async |mut mailbox: Mailbox<()>| {
                    mailbox.send_every(SECOND, || ());
                    while mailbox.receive().await.is_some() {}
                });
                pending::<()>().await;
            })
        },
    ];
    for (at, round) in rounds.into_iter().enumerate() {
        let text = failure(round);
        let cut = "failed: more than 100000 turns or messages: something goes round for ever";
        assert!(text.contains(cut), "{at}: {text}");
    }
}

#[test]
fn a_chart_has_at_most_twenty_events_and_the_clock_is_among_them() {
    let text = failure(|t| async move {
        let probe = t.probe::<()>();
        let to = probe.pid();
        t.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            mailbox.send_every(SECOND, || ());
            while mailbox.receive().await.is_some() {
                to.send(()).await.unwrap();
            }
        });
        t.advance(10 * SECOND).await;
        panic!("enough");
    });
    let chart = text.split_once("sequenceDiagram\n").unwrap().1;
    let events = chart.lines().filter(|line| line.starts_with("    ") && !line.contains("participant"));
    assert_eq!(events.count(), 20, "{chart}");
    assert!(text.contains("the last 20 of "), "{text}");
    assert!(chart.contains("as timer\n"), "{chart}");
    assert!(chart.contains("the clock shows 10s\n"), "{chart}");
}

#[test]
fn some_seed_loses_an_update_and_loses_it_again() {
    enum Counter {
        Get(Reply<u32>),
        Set(u32),
    }
    let total = |seed| {
        testkit::run("a", Some(seed), |t| async move {
            let counter = t.spawn_fn(async |mut mailbox: Mailbox<Counter>| {
                let mut total = 0;
                while let Some(message) = mailbox.receive().await {
                    match message {
                        Counter::Get(reply) => drop(reply.send(total)),
                        Counter::Set(to) => total = to,
                    }
                }
            });
            for _ in 0..2 {
                let counter = counter.clone();
                t.spawn_fn(async move |_: Mailbox<()>| {
                    let total = counter.ask(Counter::Get).await.unwrap();
                    counter.send(Counter::Set(total + 1)).await.unwrap();
                });
            }
            t.settle().await;
            counter.ask(Counter::Get).await.unwrap()
        })
    };
    let totals: Vec<u32> = (0..50).map(total).collect();
    assert!(totals.contains(&1) && totals.contains(&2), "{totals:?}");
    assert_eq!(totals, (0..50).map(total).collect::<Vec<_>>());
}

#[test]
fn a_guest_and_the_stop_of_the_node_work_in_a_test() {
    testkit::run("a", None, |t| async move {
        let mut guest: Mailbox<u8> = t.node().guest();
        let to = guest.pid().clone();
        let late = Spawn::new().label("late").spawn_fn(async move |_: Mailbox<()>| {
            to.send(1).await.unwrap();
            wharf::sleep(Duration::MAX).await;
        });
        guest.monitor(&late);
        assert!(matches!(guest.next().await, Some(Event::Message(1))));
        let report = t.node().stop().await;
        assert_eq!(report.late.len(), 1);
        let Late { id, .. } = report.late[0];
        assert_eq!(id, late.id());
        assert_eq!(t.elapsed(), 5 * SECOND);
        assert!(matches!(guest.next().await, Some(Event::Down(down)) if down.reason == ExitReason::Killed));
    });
}

#[test]
fn several_expectations_may_be_awaited_together_and_given_up() {
    testkit::run("a", None, |t| async move {
        let (one, two) = (t.probe::<u8>(), t.probe::<u8>());
        drop(one.expect_eq(0));
        drop(t.advance(SECOND));
        let (to_one, to_two) = (one.pid(), two.pid());
        let late = t.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            mailbox.receive().await;
            to_two.send(2).await.unwrap();
            to_one.send(1).await.unwrap();
        });
        let expected = async { tokio::join!(one.expect_eq(1), two.expect_eq(2), t.settle()) };
        tokio::join!(expected, async { late.send(()).await.unwrap() });
        // One that waits in vain is given up for one that does not.
        let to_one = one.pid();
        tokio::select! {
            _ = two.expect_eq(9) => unreachable!(),
            () = async { to_one.send(3).await.unwrap() } => {}
        }
        one.expect_eq(3).await;
        two.expect_none().await;
        assert_eq!(t.elapsed(), Duration::ZERO);
    });
}

#[test]
fn nothing_is_left_of_a_test_whether_it_passes_or_fails() {
    let token = Arc::new(());
    let body = |fails: bool| {
        let token = Arc::clone(&token);
        move |t: TestNode| async move {
            let probe = t.probe::<Arc<()>>();
            let (to, inner) = (probe.pid(), Arc::clone(&token));
            let kept = t.clone();
            t.spawn_fn(async move |mut mailbox: Mailbox<()>| {
                to.send(Arc::clone(&inner)).await.unwrap();
                mailbox.receive().await;
                drop((inner, kept));
            });
            drop(probe.expect(|_| true).await);
            if fails {
                probe.expect(|_| true).await;
            }
            drop(token);
        }
    };
    testkit::run("a", None, body(false));
    failure(body(true));
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_panic_while_the_test_is_dropped_fails_it_unless_it_has_failed_already() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let text = failure(|t| async move {
        let _bomb = Bomb;
        t.probe::<()>().expect(|()| true).await;
    });
    assert!(text.contains("expected probe#0 to get a message that fits"), "{text}");
    let text = failure(|_| async {
        let _bomb = Bomb;
    });
    assert!(text.contains("boom"), "{text}");
}

#[test]
fn handles_of_a_test_may_go_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<TestNode>();
    anywhere::<Probe<Mutex<u8>>>();
    anywhere::<wharf::telemetry::CrashRecord>();
    anywhere::<TraceEvent>();
}

/// The attribute, with a node and without one.
mod attribute {
    use std::time::Duration;

    use wharf::prelude::*;
    use wharf::testkit::TestNode;

    struct Counter(u64);

    #[wharf::actor]
    impl Counter {
        async fn add(&mut self, by: u64) -> u64 {
            self.0 += by;
            self.0
        }

        #[one_way]
        async fn add_later(&mut self, by: u64, cx: &mut Context<CounterMsg>) {
            cx.set_timer("later", Duration::from_secs(3_600), CounterMsg::Add { by, reply: Reply::none() });
        }
    }

    #[wharf::test(seed = 7)]
    async fn an_hour_passes_at_once(t: TestNode) {
        assert_eq!(t.seed(), 7);
        let counter = t.spawn(Counter(1));
        counter.add_later(5).await.unwrap();
        t.settle().await;
        assert_eq!(counter.add(0).await, Ok(1));
        t.advance(Duration::from_secs(3_600)).await;
        assert_eq!(counter.add(0).await, Ok(6));
        t.assert_no_dead_letters();
    }

    #[wharf::test]
    async fn a_body_may_return_a_result_and_needs_no_node() -> wharf::Result<()> {
        let counter = spawn(Counter(0));
        assert_eq!(counter.add(2).await?, 2);
        Ok(())
    }
}
