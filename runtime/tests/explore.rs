//! The explorer, on programs that know nothing of it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf_runtime::explore::{self, Coverage, Explorer, Outcome, Schedule};
use wharf_runtime::{
    AskError, Capacity, Event, ExitReason, Mailbox, Node, Pid, Reply, Spawn, Wait, sleep, yield_now,
};

type Check = Box<dyn FnOnce() -> Result<(), String>>;

enum Counter {
    Get(Reply<u32>),
    Set(u32),
    Add(u32),
}

async fn counter(mut mailbox: Mailbox<Counter>, total: Arc<AtomicU32>) {
    while let Some(message) = mailbox.receive().await {
        match message {
            Counter::Get(reply) => drop(reply.send(total.load(Ordering::Relaxed))),
            Counter::Set(value) => total.store(value, Ordering::Relaxed),
            Counter::Add(by) => drop(total.fetch_add(by, Ordering::Relaxed)),
        }
    }
}

async fn read_then_write(counter: Pid<Counter>) {
    let value = counter.ask(Counter::Get).await.unwrap();
    counter.send(Counter::Set(value + 1)).await.unwrap();
}

async fn add(counter: Pid<Counter>) {
    counter.ask(Counter::Get).await.unwrap();
    counter.send(Counter::Add(1)).await.unwrap();
}

/// Two clients that each make the counter one larger.
fn two_clients<F>(client: fn(Pid<Counter>) -> F) -> impl Fn(&Node) -> Check
where
    F: Future<Output = ()> + Send + 'static,
{
    move |node| {
        let total = Arc::new(AtomicU32::new(0));
        let kept = Arc::clone(&total);
        let counter = Spawn::on(node).label("counter").spawn_fn(|mailbox| counter(mailbox, kept));
        for _ in 0..2 {
            let counter = counter.clone();
            Spawn::on(node).label("client").spawn_fn(move |_: Mailbox<()>| client(counter));
        }
        Box::new(move || match total.load(Ordering::Relaxed) {
            2 => Ok(()),
            other => Err(format!("total is {other}")),
        })
    }
}

#[test]
fn every_order_of_two_clients_is_run_and_the_lost_update_is_found_and_replayed() {
    let program = two_clients(read_then_write);
    let report = Explorer::new().count_failures().exhaustive(1_000_000, &program);
    assert_eq!(report.coverage(), Coverage::Exhaustive);
    assert!(!report.is_proof());
    assert!(report.failures() > 0 && report.failures() < report.runs(), "{report}");

    let failure = report.failure().unwrap();
    println!("{failure}");
    assert_eq!(failure.outcome(), &Outcome::Failed { message: "total is 1".to_owned() });
    let printed = failure.to_string();
    let line = printed.lines().find_map(|line| line.strip_prefix("schedule: ")).unwrap();
    let replayed = explore::replay(&line.parse().unwrap(), &program);
    assert_eq!(replayed.to_string(), printed);

    let first = explore::exhaustive(1_000_000, &program);
    assert_eq!((first.coverage(), first.failures()), (Coverage::Failed, 1));
    assert_eq!(first.failure().unwrap().schedule(), failure.schedule());
}

#[test]
fn the_same_clients_with_an_atomic_add_are_proved() {
    let flawed = Explorer::new().count_failures().exhaustive(1_000_000, two_clients(read_then_write));
    let report = explore::exhaustive(1_000_000, two_clients(add));
    report.assert_proved();
    // The same messages, so the same schedules.
    assert_eq!(report.runs(), flawed.runs());
    assert_eq!(report.to_string(), format!("exhaustive: all {} schedules, 0 failed", flawed.runs()));
}

#[test]
fn a_cut_exploration_proves_nothing() {
    let report = explore::exhaustive(3, two_clients(add));
    assert_eq!((report.coverage(), report.runs(), report.failures()), (Coverage::Cut, 3, 0));
    assert!(!report.is_proof());
    assert!(report.to_string().contains("nothing is proved"), "{report}");
}

#[test]
fn a_seed_makes_the_same_choices_each_time_and_one_of_a_hundred_finds_the_lost_update() {
    let program = two_clients(read_then_write);
    let runs: Vec<_> = (0..20).map(|seed| explore::seeded(seed, &program)).collect();
    for (seed, run) in (0..20).zip(&runs) {
        assert_eq!(run.to_string(), explore::seeded(seed, &program).to_string());
    }
    assert!(runs.iter().any(|run| run.schedule() != runs[0].schedule()));

    let report = Explorer::new().sampled(0..100, &program);
    assert_eq!(report.coverage(), Coverage::Failed);
    let failure = report.failure().unwrap();
    assert!(report.to_string().contains(&format!("seed: {}", failure.seed().unwrap())), "{report}");
    assert_eq!(explore::replay(failure.schedule(), &program).outcome(), failure.outcome());
}

/// An actor that asks its peer what the peer then can't answer.
async fn asks(mut mailbox: Mailbox<Ask>, outcome: Arc<Mutex<Vec<Result<(), AskError>>>>) {
    while let Some(message) = mailbox.receive().await {
        match message {
            Ask::Begin(peer) => {
                let answer = peer.ask(Ask::Answer).await;
                outcome.lock().unwrap().push(answer);
            }
            Ask::Answer(reply) => drop(reply.send(())),
        }
    }
}

enum Ask {
    Begin(Pid<Self>),
    Answer(Reply<()>),
}

fn two_that_ask_each_other(seen: Arc<Mutex<Vec<Result<(), AskError>>>>) -> impl Fn(&Node) -> Check {
    move |node| {
        let spawn = |label: &str| {
            let seen = Arc::clone(&seen);
            Spawn::on(node).label(label).spawn_fn(|mailbox| asks(mailbox, seen))
        };
        let (ping, pong) = (spawn("ping"), spawn("pong"));
        ping.try_send(Ask::Begin(pong.clone())).unwrap();
        pong.try_send(Ask::Begin(ping)).unwrap();
        Box::new(|| Ok(()))
    }
}

#[test]
fn two_actors_that_ask_each_other_are_a_deadlock_before_their_timeouts_end_it() {
    let report = explore::exhaustive(10_000, two_that_ask_each_other(Arc::default()));
    let Some(Outcome::Deadlock { stuck }) = report.failure().map(|run| run.outcome()) else {
        panic!("{report}")
    };
    let mut names: Vec<_> =
        stuck.iter().map(|s| (s.actor.as_str(), s.wait, s.on.as_deref().unwrap())).collect();
    names.sort_unstable_by_key(|(actor, ..)| *actor);
    assert_eq!(names, [("ping#0", Wait::Reply, "pong#1"), ("pong#1", Wait::Reply, "ping#0")]);
    assert!(stuck.iter().all(|stuck| stuck.spawned_at.contains("tests/explore.rs")));
    assert_eq!(report.failure().unwrap().elapsed(), Duration::ZERO);
}

#[test]
fn timeouts_that_may_break_circles_fire_at_five_seconds_of_virtual_time() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let explorer = Explorer::new().timeouts_break_circles();
    let run = explorer.replay(&Schedule::default(), two_that_ask_each_other(Arc::clone(&seen)));
    assert!(run.outcome().is_finished(), "{run}");
    assert_eq!(run.elapsed(), Duration::from_secs(5));
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|answer| matches!(answer, Err(AskError::Timeout { .. }))), "{seen:?}");
}

#[test]
fn an_ask_that_nobody_answers_times_out_and_an_hour_of_sleep_takes_no_time() {
    Explorer::new()
        .panics_fail()
        .exhaustive(1_000, |node: &Node| {
            let holder = node.spawn_fn(async |mut mailbox: Mailbox<Reply<()>>| {
                let held = mailbox.receive().await;
                sleep(Duration::from_secs(3600)).await;
                drop(held);
            });
            let seen = Arc::new(Mutex::new(Vec::new()));
            let kept = Arc::clone(&seen);
            node.spawn_fn(async move |mailbox: Mailbox<()>| {
                let answer = holder.ask(|reply| reply).await;
                assert!(matches!(answer, Err(AskError::Timeout { .. })), "{answer:?}");
                kept.lock().unwrap().push(mailbox.now().as_nanos() / 1_000_000);
                assert!(holder.stopped().await.is_normal());
                kept.lock().unwrap().push(mailbox.now().as_nanos() / 1_000_000);
            });
            move || {
                assert_eq!(*seen.lock().unwrap(), [5_000, 3_600_000]);
                Ok(())
            }
        })
        .assert_proved();
}

#[test]
fn an_actor_that_awaits_what_wharf_does_not_control_is_named() {
    let (keep, _) = tokio::sync::broadcast::channel::<()>(1);
    let run = explore::seeded(1, |node: &Node| {
        let mut foreign = keep.subscribe();
        Spawn::on(node).label("lost").spawn_fn(async move |_: Mailbox<()>| {
            let _ = foreign.recv().await;
        });
        || Ok(())
    });
    let Outcome::Uncontrolled { actor, spawned_at } = run.outcome() else { panic!("{run}") };
    assert_eq!(actor, "lost#0");
    assert!(spawned_at.contains("tests/explore.rs"), "{spawned_at}");
    assert!(run.to_string().contains("awaits something wharf does not control"), "{run}");
}

/// Runs `program` in every way and collects what its check saw.
fn all_ways<T: Ord + Clone + 'static>(program: impl Fn(&Node, Arc<Mutex<Vec<T>>>)) -> Vec<Vec<T>> {
    let ways: Arc<Mutex<Vec<Vec<T>>>> = Arc::default();
    let report = Explorer::new().panics_fail().exhaustive(1_000_000, |node: &Node| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        program(node, Arc::clone(&seen));
        let ways = Arc::clone(&ways);
        move || {
            let seen = seen.lock().unwrap().clone();
            ways.lock().unwrap().push(seen);
            Ok(())
        }
    });
    report.assert_proved();
    let mut ways = ways.lock().unwrap().clone();
    ways.sort();
    ways.dedup();
    ways
}

async fn collect(mut mailbox: Mailbox<char>, seen: Arc<Mutex<Vec<char>>>) {
    while let Some(message) = mailbox.receive().await {
        seen.lock().unwrap().push(message);
    }
    seen.lock().unwrap().push('.');
}

fn text(ways: &[Vec<char>]) -> Vec<String> {
    ways.iter().map(|way| way.iter().collect()).collect()
}

#[test]
fn what_one_sends_stays_in_order_and_what_two_send_comes_in_every_order() {
    let ways = all_ways(|node, seen| {
        let receiver = node.spawn_fn(|mailbox| collect(mailbox, seen));
        for (first, second) in [('a', 'b'), ('x', 'y')] {
            let receiver = receiver.clone();
            node.spawn_fn(async move |_: Mailbox<()>| {
                receiver.send(first).await.unwrap();
                receiver.send(second).await.unwrap();
            });
        }
    });
    assert_eq!(text(&ways), ["abxy", "axby", "axyb", "xaby", "xayb", "xyab"]);
}

#[test]
fn a_stop_waits_for_the_messages_before_it_and_a_kill_need_not() {
    let ways = |end: fn(&Pid<char>)| {
        text(&all_ways(move |node, seen| {
            let receiver = node.spawn_fn(|mailbox| collect(mailbox, seen));
            node.spawn_fn(async move |_: Mailbox<()>| {
                receiver.send('a').await.unwrap();
                receiver.send('b').await.unwrap();
                end(&receiver);
            });
        }))
    };
    assert_eq!(ways(|pid| pid.stop()), ["ab."]);
    assert_eq!(ways(|pid| pid.kill()), ["", "a", "ab"]);
}

#[test]
fn a_kill_reaches_an_actor_that_waits_for_a_reply_whatever_messages_stand_before_it() {
    let report = explore::exhaustive(10_000, |node: &Node| {
        let silent = node.spawn_fn(async |mut mailbox: Mailbox<Reply<()>>| {
            let _held = mailbox.receive().await;
            mailbox.receive().await;
        });
        let asker = node.spawn_fn(async move |_: Mailbox<u8>| {
            let _ = silent.ask(|reply| reply).timeout(Duration::MAX).await;
        });
        asker.try_send(1).unwrap();
        asker.kill();
        let ended = asker.clone();
        move || if ended.is_alive() { Err("it lives".to_owned()) } else { Ok(()) }
    });
    report.assert_proved();
    assert!(report.runs() > 1);
}

#[test]
fn a_down_comes_after_the_messages_of_its_subject() {
    let ways = all_ways(|node, seen| {
        node.spawn_fn(async move |mut mailbox: Mailbox<char>| {
            let me = mailbox.pid().clone();
            let child = mailbox.node().spawn_fn(async move |mut child: Mailbox<()>| {
                child.receive().await;
                me.send('m').await.unwrap();
            });
            mailbox.monitor(&child);
            child.send(()).await.unwrap();
            for _ in 0..2 {
                let event = mailbox.next().await;
                seen.lock().unwrap().push(match event {
                    Some(Event::Message(message)) => message,
                    Some(Event::Down(down)) if down.reason.is_normal() => 'd',
                    _ => '?',
                });
            }
        });
    });
    assert_eq!(text(&ways), ["md"]);
}

#[test]
fn a_full_mailbox_makes_its_senders_wait_and_room_lets_them_go_on() {
    let ways = all_ways(|node, seen| {
        let receiver =
            Spawn::on(node).capacity(Capacity::Bounded(1)).spawn_fn(|mailbox| collect(mailbox, seen));
        let other = receiver.clone();
        node.spawn_fn(async move |_: Mailbox<()>| {
            for message in ['a', 'b', 'c'] {
                receiver.send(message).await.unwrap();
            }
        });
        node.spawn_fn(async move |_: Mailbox<()>| {
            drop(other.reserve().await.unwrap());
            other.reserve().await.unwrap().send('x').unwrap();
        });
    });
    assert_eq!(text(&ways), ["abcx", "abxc", "xabc"]);
}

#[test]
fn a_mailbox_that_nobody_empties_is_a_deadlock_of_its_sender() {
    let report = explore::exhaustive(10_000, |node: &Node| {
        let full = Spawn::on(node)
            .label("full")
            .capacity(Capacity::Bounded(1))
            .spawn_fn(async |_: Mailbox<u8>| sleep(Duration::MAX).await);
        node.spawn_fn(async move |_: Mailbox<()>| {
            for n in 0..2 {
                full.send(n).await.unwrap();
            }
        });
        || Ok(())
    });
    let Some(Outcome::Deadlock { stuck }) = report.failure().map(|run| run.outcome()) else {
        panic!("{report}")
    };
    assert_eq!((stuck[0].wait, stuck[0].on.as_deref()), (Wait::Permit, Some("full#0")));
}

#[test]
fn room_that_is_given_up_goes_to_whoever_has_waited_for_it() {
    let ways = all_ways(|node, seen| {
        let receiver =
            Spawn::on(node).capacity(Capacity::Bounded(1)).spawn_fn(|mailbox| collect(mailbox, seen));
        let other = receiver.clone();
        node.spawn_fn(async move |_: Mailbox<()>| {
            let permit = receiver.reserve().await.unwrap();
            sleep(Duration::from_millis(1)).await;
            drop(permit);
            let _ = receiver.try_send('h');
        });
        node.spawn_fn(async move |_: Mailbox<()>| other.send('o').await.unwrap());
    });
    // The holder's message comes only where the other did not have to wait.
    assert_eq!(text(&ways), ["o", "oh"]);
}

#[test]
fn a_program_that_ticks_for_ever_ends_when_it_is_told_to() {
    let program = |node: &Node| -> Check {
        let ticks = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&ticks);
        node.spawn_fn(async move |mut mailbox: Mailbox<()>| {
            mailbox.send_every(Duration::from_secs(1), || ());
            while mailbox.receive().await.is_some() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        Box::new(move || match ticks.load(Ordering::Relaxed) {
            10 => Ok(()),
            other => Err(format!("{other} ticks")),
        })
    };
    let run = Explorer::new().until(Duration::from_secs(10)).seeded(0, program);
    assert_eq!((run.outcome(), run.elapsed()), (&Outcome::Finished, Duration::from_secs(10)));
    assert_eq!(Explorer::new().steps(500).seeded(0, program).outcome(), &Outcome::StepLimit);
}

#[test]
fn a_guest_inside_an_actor_waits_for_what_its_future_waits_for() {
    let (keep, _) = tokio::sync::broadcast::channel::<()>(1);
    let guest = |foreign: bool| {
        explore::seeded(0, |node: &Node| {
            let mut channel = keep.subscribe();
            node.spawn_fn(async move |mailbox: Mailbox<()>| {
                let node = mailbox.node();
                let inside = async {
                    sleep(Duration::from_secs(1)).await;
                    if foreign {
                        let _ = channel.recv().await;
                    }
                };
                node.run(inside).await;
            });
            || Ok(())
        })
    };
    assert_eq!(guest(false).outcome(), &Outcome::Finished);
    assert!(matches!(guest(true).outcome(), Outcome::Uncontrolled { .. }));
}

#[test]
fn capacity_zero_hands_over_to_a_receiver_that_waits() {
    let ways = all_ways(|node, seen| {
        let receiver = Spawn::on(node).capacity(Capacity::Zero).spawn_fn(|mailbox| collect(mailbox, seen));
        for message in ['a', 'x'] {
            let receiver = receiver.clone();
            node.spawn_fn(async move |_: Mailbox<()>| receiver.send(message).await.unwrap());
        }
    });
    assert_eq!(text(&ways), ["ax", "xa"]);
}

#[test]
fn a_timeout_fires_only_when_no_message_can_come() {
    let ways = all_ways(|node, seen| {
        let receiver = node.spawn_fn(async move |mut mailbox: Mailbox<char>| {
            let later = mailbox.send_after(Duration::from_millis(20), 'l');
            let cancelled = mailbox.send_after(Duration::from_millis(1), 'c');
            assert!(cancelled.cancel());
            while let Ok(message) = mailbox.receive_timeout(Duration::from_millis(30)).await {
                seen.lock().unwrap().extend(message);
            }
            assert!(!later.is_armed());
            assert_eq!(mailbox.now().as_nanos(), 50_000_000);
            seen.lock().unwrap().push('.');
        });
        node.spawn_fn(async move |_: Mailbox<()>| receiver.send('m').await.unwrap());
    });
    assert_eq!(text(&ways), ["ml."]);
}

/// A cancelled alarm once kept its place as the next one, and time went on to it for nothing.
#[test]
fn time_never_goes_on_to_a_cancelled_timer() {
    let run = explore::seeded(0, |node: &Node| {
        node.spawn_fn(async |mut mailbox: Mailbox<char>| {
            let cancelled = mailbox.send_after(Duration::from_millis(1), 'c');
            mailbox.send_after(Duration::from_millis(5), 'm');
            assert!(cancelled.cancel());
            assert_eq!(mailbox.receive().await, Some('m'));
        });
        || Ok(())
    });
    let clock: Vec<_> = run.steps().iter().map(ToString::to_string).filter(|s| s.contains("clock")).collect();
    assert_eq!(clock, ["the clock goes on to 5ms"], "{run}");
}

#[test]
fn a_panic_ends_its_actor_and_fails_a_run_only_on_demand() {
    let program = |node: &Node| -> Check {
        let fragile = node.spawn_fn(async |mut mailbox: Mailbox<Reply<()>>| {
            if mailbox.receive().await.is_some() {
                panic!("ouch");
            }
        });
        let outcome = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&outcome);
        node.spawn_fn(async move |_: Mailbox<()>| {
            *kept.lock().unwrap() = Some(fragile.ask(|reply| reply).await);
        });
        Box::new(move || match outcome.lock().unwrap().take() {
            Some(Err(AskError::Down(ExitReason::Panicked(_)) | AskError::NoReply)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
    };
    explore::exhaustive(1_000, program).assert_proved();
    let run = Explorer::new().panics_fail().seeded(0, program);
    assert!(matches!(run.outcome(), Outcome::Failed { message } if message.contains("ouch")), "{run}");
    assert_eq!(run.crashes().len(), 1);
}

#[test]
fn an_actor_that_never_waits_is_cut_and_one_that_yields_lets_others_run() {
    let flag = |patience: u32| {
        Explorer::new().steps(100).replay(&Schedule::default(), move |node: &Node| {
            let flag = Arc::new(AtomicU32::new(0));
            let raised = Arc::clone(&flag);
            node.spawn_fn(async move |_: Mailbox<()>| {
                while flag.load(Ordering::Relaxed) < patience {
                    yield_now().await;
                }
            });
            node.spawn_fn(async move |_: Mailbox<()>| raised.store(1, Ordering::Relaxed));
            || Ok(())
        })
    };
    assert_eq!(flag(1).outcome(), &Outcome::Finished);
    assert_eq!(flag(2).outcome(), &Outcome::StepLimit);
}

#[test]
fn a_program_that_differs_from_run_to_run_diverges() {
    let runs = AtomicU64::new(0);
    let report = explore::exhaustive(1_000, |node: &Node| {
        for _ in 0..2 + runs.fetch_add(1, Ordering::Relaxed) {
            node.spawn_fn(async |_: Mailbox<()>| ());
        }
        || Ok(())
    });
    assert_eq!(report.failure().unwrap().outcome(), &Outcome::Diverged { at: 0 });
    let run = explore::replay(&"9".parse().unwrap(), two_clients(add));
    assert_eq!(run.outcome(), &Outcome::Diverged { at: 0 });
    let too_long = explore::replay(&"0.0.0".parse().unwrap(), |_: &Node| || Ok(()));
    assert_eq!(too_long.outcome(), &Outcome::Diverged { at: 0 });
}

#[test]
fn nothing_is_left_of_thousands_of_runs() {
    let token = Arc::new(());
    let report = explore::exhaustive(2_000, |node: &Node| {
        let (inner, outer) = (Arc::clone(&token), Arc::clone(&token));
        let idle = node.spawn_fn(async move |mut mailbox: Mailbox<Arc<()>>| {
            mailbox.monitor(mailbox.pid().clone().any());
            sleep(Duration::from_secs(1)).await;
            let _inner = inner;
            mailbox.receive().await;
            sleep(Duration::MAX).await;
        });
        for _ in 0..5 {
            let (idle, outer) = (idle.clone(), Arc::clone(&outer));
            node.spawn_fn(async move |_: Mailbox<()>| {
                idle.send(Arc::clone(&outer)).await.unwrap();
                let never = idle.ask(|_: Reply<()>| outer).timeout(Duration::MAX);
                let _ = never.await;
            });
        }
        || Ok(())
    });
    assert!(report.runs() > 1_000, "{report}");
    assert_eq!(Arc::strong_count(&token), 1);
}
