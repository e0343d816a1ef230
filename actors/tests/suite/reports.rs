//! What is told of crashes and dead letters: texts, JSON, subscriptions, the log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf::prelude::*;
use wharf::telemetry::{CrashRecord, DeadLetterRecord};
use wharf::{DeadLetterCause, sleep, yield_now};

use crate::explored::{in_many_orders, run_once};
use crate::log::logged;

struct Account;

enum AccountMsg {
    Withdraw(u64),
    Close,
}

impl Actor for Account {
    type Msg = AccountMsg;

    async fn handle(&mut self, msg: AccountMsg, _: &mut Context<AccountMsg>) -> Result<(), ExitReason> {
        match msg {
            AccountMsg::Withdraw(amount) => panic!("{amount} is more than there is"),
            AccountMsg::Close => Err(ExitReason::Normal),
        }
    }
}

/// Two actors that nobody else is like: a teller who sends, and an account.
async fn crash(mailbox: &Mailbox<()>) -> (CrashRecord, Pid<AccountMsg>) {
    let node = mailbox.node();
    let mut crashes = node.crash_reports();
    let account = Spawn::on(&node).label("account:17").link().spawn(Account);
    let to = account.clone();
    Spawn::on(&node).label("teller").spawn_fn(async move |mut mailbox: Mailbox<()>| {
        to.send(AccountMsg::Withdraw(500)).await.unwrap();
        mailbox.receive().await;
    });
    let record = crashes.next().await.unwrap();
    assert!(crashes.try_next().is_none());
    (record, account)
}

#[test]
fn a_crash_report_says_who_crashed_why_over_what_and_among_whom() {
    wharf::panic::install();
    let slot = Arc::new(Mutex::new(None));
    in_many_orders_with(&slot, async |mailbox: Mailbox<()>| crash(&mailbox).await);
    let (record, account) = slot.lock().unwrap().take().unwrap();
    let (parent, teller) = (record.ancestors[0].0, record.last_sender.clone().unwrap());
    assert_eq!(
        (record.id, record.label.as_deref(), record.actor),
        (account.id(), Some("account:17"), "Account")
    );
    assert_eq!(teller.1.as_deref(), Some("teller"));
    assert_eq!((record.received, record.queued, record.trap_exit), (1, 0, false));
    assert_eq!(record.links, [parent]);
    let text = record.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("actor `Account` \"account:17\" {} panicked", account.id()));
    assert_eq!(lines[1], "  × 500 is more than there is");
    assert!(lines[2].starts_with("  at actors/tests/suite/reports.rs:"), "{text}");
    let message = "suite::reports::AccountMsg";
    assert_eq!(lines[3], format!("  last message    {message} from {} \"teller\"", teller.0));
    assert!(lines[4].starts_with("  actor           spawned at actors/tests/suite/reports.rs:"), "{text}");
    assert!(lines[4].ends_with(" · age 0 ms · 1 messages"), "{text}");
    assert_eq!(lines[5], format!("  mailbox         0 waiting · links {parent}"));
    assert_eq!(lines[6], format!("  ancestors       {parent}"));
    assert_eq!(lines.len(), 7);

    let json = record.to_json();
    let (id, location) = (account.id(), lines[2].trim_start_matches("  at "));
    let spawned_at = record.spawned_at;
    let at = record.at.as_nanos();
    assert_eq!(
        json,
        format!(
            "{{\"id\":\"{id}\",\"label\":\"account:17\",\"actor\":\"Account\",\
             \"reason\":\"panicked at {location}: 500 is more than there is\",\"location\":\"{location}\",\
             \"spawned_at\":\"{spawned_at}\",\"ancestors\":[{{\"id\":\"{parent}\",\"label\":null}}],\
             \"age_millis\":0,\"received\":1,\"last_message\":\"{message}\",\"last_sender\":\"{}\",\
             \"last_sender_label\":\"teller\",\"recent\":[],\"queued\":0,\"trap_exit\":false,\"links\":[\"{parent}\"],\
             \"monitored_by\":[],\"supervision\":null,\"at_nanos\":{at}}}",
            teller.0
        )
    );
}

/// Runs `body` in many orders and keeps what it gave last.
fn in_many_orders_with<T, F, Fut>(slot: &Arc<Mutex<Option<T>>>, body: F)
where
    T: Send + 'static,
    F: Fn(Mailbox<()>) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    for seed in 0..10 {
        let kept = Arc::clone(slot);
        let run = wharf::explore::seeded(seed, |node: &Node| {
            let kept = Arc::clone(&kept);
            node.spawn_fn(move |mut mailbox: Mailbox<()>| async move {
                mailbox.trap_exit(true);
                let given = body(mailbox).await;
                *kept.lock().unwrap() = Some(given);
            });
            || Ok(())
        });
        assert!(run.outcome().is_finished(), "{run}");
    }
}

#[test]
fn a_failure_is_reported_with_its_causes_and_its_ancestors_with_their_labels() {
    #[derive(Debug, thiserror::Error)]
    #[error("no ink")]
    struct NoInk(#[source] std::num::ParseIntError);

    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let mut crashes = node.crash_reports();
        Spawn::on(&node).label("branch").spawn_fn(async |mut mailbox: Mailbox<()>| {
            mailbox.node().spawn_fn(async |mut mailbox: Mailbox<()>| {
                mailbox.trap_exit(true);
                Err::<(), NoInk>(NoInk("x".parse::<u8>().unwrap_err()))
            });
            mailbox.receive().await;
        });
        let record = crashes.next().await.unwrap();
        let text = record.to_string();
        assert!(
            text.contains("> failed\n  × no ink\n  caused by: invalid digit found in string\n"),
            "{text}"
        );
        assert!(text.contains(" · traps exits\n"), "{text}");
        let [(branch, label), (root, _)] = &record.ancestors[..] else { panic!("{text}") };
        assert_eq!(label.as_deref(), Some("branch"));
        assert!(text.ends_with(&format!("\n  ancestors       {branch} \"branch\" › {root}")), "{text}");
        assert!(!text.contains("last message"), "{text}");
    });
}

#[test]
fn a_crash_is_one_error_event_with_fields_and_an_orderly_end_is_silent() {
    let events = logged("wharf::crash", || {
        let slot = Arc::new(Mutex::new(None));
        in_many_orders_with(&slot, async |mut mailbox: Mailbox<()>| {
            let (record, _) = crash(&mailbox).await;
            for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with(1)] {
                let pid = mailbox.node().spawn_fn(async move |_: Mailbox<()>| reason);
                mailbox.monitor(&pid);
            }
            let account = mailbox.node().spawn(Account);
            account.send(AccountMsg::Close).await.unwrap();
            account.stopped().await;
            record
        });
        let record: CrashRecord = slot.lock().unwrap().take().unwrap();
        tracing::info!(target: "wharf::crash", "{record}");
    });
    let (last, events) = events.split_last().unwrap();
    assert_eq!(events.len(), 10);
    for event in events {
        assert_eq!(event.level, "ERROR");
        assert!(
            event.fields.contains("label=\"account:17\" actor_type=\"Account\" reason=panicked"),
            "{event:?}"
        );
        assert!(event.fields.ends_with(" received=1 queued=0"), "{event:?}");
    }
    assert_eq!(events.last().unwrap().message, last.message);
}

#[test]
fn a_dead_letter_says_whose_it_was_and_what_its_receiver_ended_with() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let mut letters = node.dead_letters();
        let busy = Spawn::on(&node).label("busy").spawn_fn(async |mut mailbox: Mailbox<u8>| {
            mailbox.receive().await;
            mailbox.receive_match(|n| *n == 9).await.map(drop)
        });
        let to = busy.clone();
        let sender = Spawn::on(&node).label("sender").spawn_fn(async move |mut mailbox: Mailbox<()>| {
            for n in 0..3 {
                to.send(n).await.unwrap();
            }
            to.exit(ExitReason::custom("enough"));
            mailbox.receive().await;
        });
        let letter = letters.next().await.unwrap();
        assert_eq!((letter.message, letter.to, letter.from), ("u8", busy.id(), Some(sender.id())));
        let text = letter.to_string();
        let (to, from) = (busy.id(), sender.id());
        let ended = letter.receiver_ended.as_ref().map_or(String::new(), |reason| {
            assert_eq!(*reason, ExitReason::custom("enough"));
            String::from(" (the receiver ended: \"enough\")")
        });
        // A letter that comes when its receiver is gone finds no label.
        let label = letter.to_label.as_ref().map_or(String::new(), |label| format!(" label=\"{label}\""));
        assert_eq!(
            text,
            format!(
                "message not handled  message=u8 to={to}{label} from={from} label=\"sender\"\n     \
                 reason=exited_first{ended}\n     \
                 help: its sender can monitor the receiver, or ask, which tells of its end"
            )
        );
        let json = letter.to_json();
        assert!(json.starts_with(&format!("{{\"message\":\"u8\",\"to\":\"{to}\",\"to_label\":")), "{json}");
        assert!(json.contains("\"from_label\":\"sender\",\"cause\":\"exited_first\""), "{json}");
    });
}

#[test]
fn a_receiver_that_dies_with_letters_in_its_mailbox_is_named_with_its_reason() {
    wharf::block_on(async {
        let node = Node::current().unwrap();
        let mut letters = node.dead_letters();
        let busy =
            Spawn::new().label("busy").spawn_fn(async |_: Mailbox<u8>| std::future::pending::<()>().await);
        busy.send(1).await.unwrap();
        busy.exit(ExitReason::custom("enough"));
        let letter = letters.next().await.unwrap();
        assert_eq!(letter.to_label.as_deref(), Some("busy"));
        assert_eq!(letter.receiver_ended, Some(ExitReason::custom("enough")));
        assert_eq!(letter.cause, DeadLetterCause::ExitedFirst);
        let json = letter.to_json();
        assert!(json.contains("\"receiver_ended\":\"\\\"enough\\\"\""), "{json}");
    });
}

/// Sends `count` messages that nobody will handle.
fn bury(node: &Node, count: u32) {
    let full = Spawn::on(node)
        .capacity(Capacity::Bounded(1))
        .overflow(Overflow::DropNewest)
        .spawn_fn(async |_: Mailbox<u32>| sleep(Duration::MAX).await);
    for n in 0..=count {
        full.try_send(n).unwrap();
    }
}

#[test]
fn a_subscription_that_is_full_loses_records_and_counts_them_and_nobody_waits() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let (mut letters, other) = (node.dead_letters(), node.dead_letters());
        bury(&node, 1_100);
        assert_eq!(letters.lost(), 1_100 - 1_024);
        let mut taken = 0;
        while let Some(letter) = letters.try_next() {
            assert_eq!(letter.cause, DeadLetterCause::Overflow);
            taken += 1;
        }
        assert_eq!(taken, 1_024);
        bury(&node, 1);
        assert!(letters.next().await.is_some());
        // What a subscription leaves behind is no dead letter.
        let before = node.stats().all_dead();
        drop(other);
        assert_eq!(node.stats().all_dead(), before);
        assert!(letters.try_next().is_none());
    });
}

#[test]
fn of_each_cause_and_message_ten_dead_letters_a_second_are_logged_and_then_how_many_more() {
    let mut events = logged("wharf::dead_letter", || {
        let run = run_once(1, async |mailbox: Mailbox<()>| {
            let node = mailbox.node();
            bury(&node, 25);
            let closed = Spawn::on(&node).label("closed").spawn_fn(async |_: Mailbox<i8>| yield_now().await);
            closed.send(1).await.unwrap();
            closed.stopped().await;
            sleep(Duration::from_secs(1)).await;
            bury(&node, 1);
        });
        assert!(run.outcome().is_finished(), "{run}");
    });
    assert!(events.iter().all(|event| event.level == "WARN"));
    let about = |kind: &str| format!("message_type=\"{kind}\"");
    let other = events.extract_if(.., |event| event.fields.contains(&about("i8"))).count();
    assert_eq!(other, 1);
    let texts: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    let (first, rest) = texts.split_at(10);
    assert_eq!(first, ["message not handled"; 10]);
    assert_eq!(rest, ["more messages not handled", "message not handled"]);
    assert_eq!(events[10].fields, "message_type=\"u32\" cause=\"overflow\" count=15");
    assert!(events[0].fields.ends_with("or choose an overflow policy that tells the sender\""), "{events:?}");
}

#[test]
fn what_is_left_when_a_node_stops_is_counted_and_not_listed() {
    let events = logged("wharf::dead_letter", || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let node = Node::builder().stop_grace(Duration::ZERO).start().unwrap();
            let busy = node.spawn_fn(async |_: Mailbox<u8>| std::future::pending::<()>().await);
            for n in 0..3 {
                busy.try_send(n).unwrap();
            }
            node.stop().await;
        });
    });
    let texts: Vec<_> = events.iter().map(|event| (event.message.as_str(), event.fields.as_str())).collect();
    assert_eq!(texts, [("messages not handled when the node stopped", "count=3")]);
}

#[test]
fn records_can_be_sent_to_other_threads() {
    fn sendable<T: Send + Sync>() {}
    sendable::<CrashRecord>();
    sendable::<DeadLetterRecord>();
    sendable::<wharf::telemetry::Records<CrashRecord>>();
}
