//! Pids of parts: the same actor, sent to with a part of its messages.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use wharf_runtime::{
    AskError, Capacity, DeadLetterCause, ExitReason, Mailbox, Node, Overflow, Pid, Reply, SendError, Spawn,
    explore,
};

use crate::common::{Gated, Tally, Token, everywhere, gone, in_virtual_time, poll_once};

#[derive(Debug)]
enum Whole {
    Text(Text),
    Number(u64),
}

#[derive(Debug)]
enum Text {
    Line(Line),
    Length(String, Reply<usize>),
}

#[derive(Debug)]
struct Line(String, #[allow(dead_code, reason = "it counts its drop")] Option<Token>);

macro_rules! part {
    ($whole:ident :: $variant:ident ( $part:ty )) => {
        impl From<$part> for $whole {
            fn from(part: $part) -> Self {
                Self::$variant(part)
            }
        }

        impl TryFrom<$whole> for $part {
            type Error = $whole;

            fn try_from(whole: $whole) -> Result<Self, $whole> {
                match whole {
                    $whole::$variant(part) => Ok(part),
                    other => Err(other),
                }
            }
        }
    };
}

part!(Whole::Text(Text));
part!(Whole::Number(u64));
part!(Text::Line(Line));

fn line(text: &str) -> Line {
    Line(text.to_owned(), None)
}

fn text_of(line: Option<Line>) -> String {
    line.expect("it comes back").0
}

/// What an actor received, in words.
fn words(seen: Vec<Whole>) -> Vec<String> {
    let word = |message| match message {
        Whole::Text(Text::Line(Line(text, _))) => text,
        Whole::Text(Text::Length(text, _)) => format!("length of {text}"),
        Whole::Number(number) => number.to_string(),
    };
    seen.into_iter().map(word).collect()
}

fn bounded(limit: u32) -> Capacity {
    Capacity::Bounded(limit)
}

/// Both kinds of narrowed pids: of a whole, and of one that was narrowed.
fn lines_of(pid: &Pid<Whole>) -> (Pid<Text>, Pid<Line>) {
    let texts = pid.narrow::<Text>();
    let lines = texts.narrow();
    (texts, lines)
}

#[test]
fn a_pid_is_two_words_also_where_there_may_be_none() {
    assert_eq!(size_of::<Pid<u8>>(), 16);
    assert_eq!(size_of::<Option<Pid<u8>>>(), 16);
}

#[test]
fn a_narrowed_pid_is_the_same_actor() {
    everywhere(async |node| {
        let pid =
            node.spawn_fn(async |mut mailbox: Mailbox<Whole>| while mailbox.receive().await.is_some() {});
        let other =
            node.spawn_fn(async |mut mailbox: Mailbox<Whole>| while mailbox.receive().await.is_some() {});
        let (texts, lines) = lines_of(&pid);
        assert_eq!((texts.id(), lines.id()), (pid.id(), pid.id()));
        assert_eq!((texts.any(), lines.any()), (pid.any(), pid.any()));
        assert_eq!(texts, pid.narrow());
        assert_eq!(lines, pid.narrow::<Text>().narrow());
        assert_ne!(texts, other.narrow());
        assert_eq!(texts.cmp(&other.narrow()), pid.cmp(&other));
        let hasher = RandomState::new();
        assert_eq!(hasher.hash_one(&texts), hasher.hash_one(&pid));
        assert_eq!(HashSet::from([lines.clone(), lines.clone(), texts.narrow()]).len(), 1);
        assert_eq!(format!("{lines} {lines:?}"), format!("{pid} {pid:?}"));
        assert_eq!(lines.any().downcast::<Whole>(), Some(pid.clone()));
        assert_eq!(lines.any().downcast::<Line>(), None, "it has no mailbox of lines");
        assert!(lines.is_alive());
        lines.stop();
        gone(&texts).await;
        assert!(!lines.is_alive());
        other.stop();
        gone(&other).await;
    });
}

#[test]
fn every_way_of_sending_works_through_a_narrowed_pid() {
    everywhere(async |node| {
        let gated = Gated::<Whole>::spawn(Spawn::on(&node).capacity(bounded(32))).await;
        let (texts, lines) = lines_of(&gated.pid);
        lines.send(line("send")).await.unwrap();
        texts.send(Text::Line(line("text"))).await.unwrap();
        lines.try_send(line("try")).unwrap();
        lines.send_timeout(line("timeout"), Duration::from_secs(60)).await.unwrap();
        lines.send_all(["all", "of", "them"].map(line)).await.unwrap();
        let threads = lines.clone();
        tokio::task::spawn_blocking(move || threads.send_blocking(line("blocking"))).await.unwrap().unwrap();
        lines.reserve().await.unwrap().send(line("permit")).unwrap();
        lines.try_reserve().unwrap().send(line("at once")).unwrap();
        gated.pid.narrow::<u64>().send(7).await.unwrap();
        let seen = words(gated.finish().await);
        let sent =
            ["send", "text", "try", "timeout", "all", "of", "them", "blocking", "permit", "at once", "7"];
        assert_eq!(seen, sent);
    });
}

#[test]
fn a_part_comes_back_from_every_send_that_fails() {
    in_virtual_time(async |node| {
        let gated = Gated::<Whole>::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let (texts, lines) = lines_of(&gated.pid);
        lines.send(line("in")).await.unwrap();
        let full = lines.try_send(line("full")).unwrap_err();
        assert!(matches!(full, SendError::Full { limit: 1, .. }), "{full:?}");
        assert!(full.to_string().contains("Line"), "{full}");
        assert_eq!(text_of(full.into_message()), "full");
        let late = lines.send_timeout(line("late"), Duration::from_millis(5)).await.unwrap_err();
        assert!(matches!(late, SendError::Timeout { .. }), "{late:?}");
        assert_eq!(text_of(late.into_message()), "late");
        let full = lines.try_reserve().map(drop).unwrap_err();
        assert!(matches!(full, SendError::Full { limit: 1, .. }), "{full:?}");
        let mut send = pin!(texts.send(Text::Line(line("waits"))));
        assert!(poll_once(send.as_mut()).is_pending());
        let Some(Text::Line(back)) = send.as_mut().take_back() else { panic!("not taken yet") };
        assert_eq!(back.0, "waits");
        let mut waits = pin!(lines.send(line("waits still")));
        let mut reserve = pin!(lines.reserve());
        assert!(poll_once(waits.as_mut()).is_pending());
        assert!(poll_once(reserve.as_mut()).is_pending());
        gated.pid.kill();
        let closed = waits.await.unwrap_err();
        assert!(matches!(closed, SendError::Closed { .. }), "{closed:?}");
        assert_eq!(text_of(closed.into_message()), "waits still");
        assert!(matches!(reserve.await, Err(SendError::Closed { .. })));
        let rest = lines.send_all([line("a"), line("b")]).await.unwrap_err().into_message().unwrap();
        assert_eq!(rest.len(), 2);
        assert_eq!(text_of(lines.try_send(line("c")).unwrap_err().into_message()), "c");
        let asked = texts.ask(|reply| Text::Length("none".to_owned(), reply)).await;
        assert_eq!(asked, Err(AskError::Down(ExitReason::NoProc)));
    });
}

#[test]
fn those_who_send_parts_wait_in_line_with_those_who_send_wholes() {
    everywhere(async |node| {
        let gated = Gated::<Whole>::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let (texts, lines) = lines_of(&gated.pid);
        let pid = gated.pid.clone();
        pid.send(Whole::Number(0)).await.unwrap();
        let mut first = pin!(lines.send(line("first")));
        let mut second = pin!(pid.send(Whole::Number(2)));
        let mut third = pin!(texts.send(Text::Line(line("third"))));
        let mut fourth = pin!(lines.reserve());
        let mut gone = Box::pin(lines.send(line("dropped")));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        assert!(poll_once(third.as_mut()).is_pending());
        assert!(poll_once(fourth.as_mut()).is_pending());
        assert!(poll_once(gone.as_mut()).is_pending());
        drop(gone);
        assert!(lines.try_send(line("nobody barges")).unwrap_err().is_full());
        let opened = gated.open();
        first.await.unwrap();
        second.await.unwrap();
        third.await.unwrap();
        fourth.await.unwrap().send(line("fourth")).unwrap();
        assert_eq!(words(opened.finish().await), ["0", "first", "2", "third", "fourth"]);
    });
}

#[test]
fn a_permit_of_a_narrowed_pid_gives_its_room_on_and_loses_no_part() {
    everywhere(async |node| {
        let gated = Gated::<Whole>::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let (_, lines) = lines_of(&gated.pid);
        let permit = lines.try_reserve().unwrap();
        assert!(lines.try_send(line("no")).unwrap_err().is_full());
        drop(permit);
        let permit = lines.reserve().await.unwrap();
        let mut waits = Box::pin(lines.reserve());
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(waits);
        gated.pid.kill();
        gone(&gated.pid).await;
        let closed = permit.send(line("late")).unwrap_err();
        assert!(closed.is_closed());
        assert_eq!(text_of(closed.into_message()), "late");
    });
}

#[test]
fn no_part_is_dropped_twice_or_never() {
    everywhere(async |node| {
        let tally = Tally::default();
        let token = |text: &str| Line(text.to_owned(), Some(tally.token()));
        let gated = Gated::<Whole>::spawn(Spawn::on(&node).capacity(bounded(1))).await;
        let (_, lines) = lines_of(&gated.pid);
        drop(lines.send(token("never polled")));
        lines.send(token("accepted")).await.unwrap();
        drop(lines.try_send(token("full")));
        let mut dropped = Box::pin(lines.send(token("dropped while it waits")));
        assert!(poll_once(dropped.as_mut()).is_pending());
        drop(dropped);
        let mut waits = Box::pin(lines.send(token("closed while it waits")));
        assert!(poll_once(waits.as_mut()).is_pending());
        gated.pid.kill();
        drop(waits.await);
        gone(&gated.pid).await;
        assert!(tally.is_even(), "{} made, {} dropped", tally.made(), tally.dropped());
    });
}

#[test]
fn asks_go_through_narrowed_pids() {
    everywhere(async |node| {
        let pid = node.spawn_fn(async |mut mailbox: Mailbox<Whole>| {
            while let Some(message) = mailbox.receive().await {
                if let Whole::Text(Text::Length(text, reply)) = message {
                    let _ = reply.send(text.len());
                }
            }
        });
        let texts = pid.narrow::<Text>();
        assert_eq!(texts.ask(|reply| Text::Length("four".to_owned(), reply)).await, Ok(4));
        pid.stop();
        gone(&texts).await;
    });
}

#[test]
fn links_and_monitors_are_set_through_narrowed_pids() {
    everywhere(async |node| {
        let pid =
            node.spawn_fn(async |mut mailbox: Mailbox<Whole>| while mailbox.receive().await.is_some() {});
        let (texts, lines) = lines_of(&pid);
        let mut guest: Mailbox<()> = node.guest();
        let monitor = guest.monitor(&lines);
        guest.link(&texts);
        assert_eq!(guest.monitors(), [(monitor, pid.id())]);
        lines.exit(ExitReason::custom("enough".to_owned()));
        let mut seen = Vec::new();
        for _ in 0..2 {
            match guest.next().await {
                Some(wharf_runtime::Event::Down(down)) => seen.push((down.subject, down.reason.to_string())),
                Some(wharf_runtime::Event::Exit(exit)) => seen.push((exit.from, exit.reason.to_string())),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen[0].0, pid.id());
        assert_eq!(seen[0], seen[1]);
    });
}

#[test]
fn parts_that_are_dropped_or_handed_over_are_treated_as_wholes() {
    everywhere(async |node| {
        let full = Spawn::on(&node).capacity(bounded(1)).overflow(Overflow::DropNewest);
        let gated = Gated::<Whole>::spawn(full).await;
        let lines = gated.pid.narrow::<Text>().narrow::<Line>();
        lines.send(line("kept")).await.unwrap();
        lines.send(line("dropped")).await.unwrap();
        assert_eq!(node.stats().dead(DeadLetterCause::Overflow), 1);
        assert_eq!(words(gated.finish().await), ["kept"]);

        let handed = Gated::<Whole>::spawn(Spawn::on(&node).capacity(Capacity::Zero)).await;
        let lines = handed.pid.narrow::<Text>().narrow::<Line>();
        assert!(matches!(lines.try_send(line("nobody waits")), Err(SendError::Full { limit: 0, .. })));
        assert!(matches!(lines.reserve().await, Err(SendError::Full { limit: 0, .. })));
        let mut send = pin!(lines.send(line("handed over")));
        assert!(poll_once(send.as_mut()).is_pending());
        let opened = handed.open();
        send.await.unwrap();
        assert_eq!(words(opened.finish().await), ["handed over"]);
    });
}

#[test]
fn narrowed_pids_work_under_the_explorer() {
    fn program(node: &Node) -> impl FnOnce() -> Result<(), String> + use<> {
        let (tell, told) = std::sync::mpsc::channel();
        let pid = Spawn::on(node).capacity(bounded(1)).spawn_fn(async move |mut mailbox: Mailbox<Whole>| {
            let mut seen = Vec::new();
            while seen.len() < 5 {
                match mailbox.receive().await {
                    Some(Whole::Text(Text::Length(text, reply))) => {
                        let _ = reply.send(text.len());
                        seen.push(Whole::Number(0));
                    }
                    Some(message) => seen.push(message),
                    None => break,
                }
            }
            let _ = tell.send(words(seen));
        });
        let (texts, lines) = lines_of(&pid);
        node.spawn_fn(async move |_: Mailbox<()>| {
            lines.send(line("one")).await.unwrap();
            lines.reserve().await.unwrap().send(line("two")).unwrap();
            lines.send_all([line("three"), line("four")]).await.unwrap();
            assert_eq!(texts.ask(|reply| Text::Length("five".to_owned(), reply)).await, Ok(4));
        });
        move || match told.try_recv() {
            Ok(seen) if seen == ["one", "two", "three", "four", "0"] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }
    let report = explore::exhaustive(2_000, program);
    assert!(report.failure().is_none(), "{report}");
}

#[test]
fn take_back_tells_of_a_narrowed_send_whether_the_part_has_gone() {
    everywhere(async |node| {
        let gated = Gated::<Whole>::spawn(Spawn::on(&node).capacity(bounded(2))).await;
        let numbers = gated.pid.narrow::<u64>();
        for n in 0..4 {
            let mut send = Box::pin(numbers.send(n));
            let polled = poll_once(send.as_mut());
            assert_eq!(matches!(polled, Poll::Ready(Ok(()))), n < 2);
            assert_eq!(send.as_mut().take_back(), (n >= 2).then_some(n));
        }
        assert_eq!(words(gated.finish().await), ["0", "1"]);
    });
}
