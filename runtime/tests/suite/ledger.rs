//! The ledger: what was accepted was handled, or is a dead letter of some cause, or still queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::runtime::Runtime;
use wharf_runtime::{
    Capacity, DeadLetter, DeadLetterCause, ExitReason, Hooks, Mailbox, Node, Overflow, Pid, Spawn, panic_hook,
};

use crate::common::{Gated, Tally, Token, a_while, gone, multi, single};

const SENDERS: u64 = 4;
const EACH: u64 = 250;

/// Counts dead letters on its own, by cause.
#[derive(Clone, Default)]
struct Graveyard(Arc<[AtomicU64; 3]>);

impl Graveyard {
    fn count(&self, cause: DeadLetterCause) -> u64 {
        self.0[Self::index(cause)].load(Ordering::SeqCst)
    }

    fn index(cause: DeadLetterCause) -> usize {
        DeadLetterCause::ALL.iter().position(|other| *other == cause).unwrap()
    }
}

impl Hooks for Graveyard {
    fn dead_letter(&self, letter: &DeadLetter) {
        self.0[Self::index(letter.cause)].fetch_add(1, Ordering::SeqCst);
    }
}

/// How the receiver ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Return,
    Stop,
    Exit,
    Kill,
    Panic,
    NodeStop,
}

const ENDS: [End; 6] = [End::Return, End::Stop, End::Exit, End::Kill, End::Panic, End::NodeStop];
const CAPACITIES: [Capacity; 4] =
    [Capacity::Zero, Capacity::Bounded(1), Capacity::Bounded(50), Capacity::Unbounded];
const POLICIES: [Overflow; 3] = [Overflow::Wait, Overflow::Reject, Overflow::DropNewest];

fn receiver(node: &Node, capacity: Capacity, policy: Overflow, end: End) -> (Pid<Token>, Arc<AtomicU64>) {
    let handled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&handled);
    let spawn = Spawn::on(node).capacity(capacity).overflow(policy);
    let pid = spawn.spawn_fn(async move |mut mailbox: Mailbox<Token>| {
        while let Some(token) = mailbox.receive().await {
            let handled = count.fetch_add(1, Ordering::SeqCst) + 1;
            drop(token);
            let me = mailbox.pid();
            match end {
                End::Return if handled == 100 => return,
                End::Panic if handled == 100 => panic!("as planned"),
                // Sent while others send: it acts, or takes its place, somewhere among theirs.
                End::Stop if handled == 100 => me.stop(),
                End::Exit if handled == 100 => me.exit(ExitReason::custom("over")),
                End::Kill if handled == 100 => me.kill(),
                _ if handled.is_multiple_of(64) => wharf_runtime::yield_now().await,
                _ => {}
            }
        }
    });
    (pid, handled)
}

/// Sends tokens in two ways; gives how many were accepted.
async fn send_all(pid: Pid<Token>, tally: Tally) -> u64 {
    let mut accepted = 0;
    for n in 0..EACH {
        let result = match n % 3 {
            0 => pid.try_send(tally.token()),
            1 => pid.send(tally.token()).await,
            _ => match pid.send_all([tally.token(), tally.token()]).await {
                Ok(()) => {
                    accepted += 1;
                    Ok(())
                }
                Err(error) => {
                    let rest = error.into_message().map_or(0, |rest| rest.len());
                    accepted += u64::from(rest == 1);
                    continue;
                }
            },
        };
        accepted += u64::from(result.is_ok());
    }
    accepted
}

fn balance(tokio: &Runtime, capacity: Capacity, policy: Overflow, end: End) {
    let row = format!("{capacity:?}, {policy:?}, {end:?}");
    let (tally, graveyard) = (Tally::default(), Graveyard::default());
    tokio.block_on(async {
        let node = Node::builder().hooks(graveyard.clone()).start().unwrap();
        let (pid, handled) = receiver(&node, capacity, policy, end);
        let senders: Vec<_> =
            (0..SENDERS).map(|_| tokio::spawn(send_all(pid.clone(), tally.clone()))).collect();
        if matches!(end, End::NodeStop) {
            while handled.load(Ordering::SeqCst) < 20 && !senders.iter().all(|sender| sender.is_finished()) {
                tokio::task::yield_now().await;
            }
            assert!(node.stop().await.is_clean());
        }
        let mut accepted = 0;
        for sender in senders {
            accepted += sender.await.unwrap();
        }
        pid.stop();
        gone(&pid).await;
        let handled = handled.load(Ordering::SeqCst);
        let stats = node.stats();
        let dead = |cause| {
            assert_eq!(stats.dead(cause), graveyard.count(cause), "{row}: the hook hears of each");
            stats.dead(cause)
        };
        let (exited, overflow) = (dead(DeadLetterCause::ExitedFirst), dead(DeadLetterCause::Overflow));
        assert_eq!(stats.handled, handled, "{row}: handled");
        assert_eq!(
            accepted,
            handled + exited + overflow,
            "{row}: {exited} exited first, {overflow} overflow"
        );
        assert!(handled > 0 || matches!(capacity, Capacity::Zero), "{row}: nothing was tried");
        assert!(policy == Overflow::DropNewest || overflow == 0, "{row}");
        assert_eq!(stats.all_dead(), exited + overflow, "{row}");
        node.stop().await;
    });
    assert!(tally.is_even(), "{row}: {} of {} dropped", tally.dropped(), tally.made());
}

fn balance_all(tokio: &Runtime) {
    panic_hook::install();
    for end in ENDS {
        for capacity in CAPACITIES {
            for policy in POLICIES {
                balance(tokio, capacity, policy, end);
            }
        }
    }
}

#[test]
fn every_accepted_message_is_accounted_for_on_two_threads() {
    balance_all(&multi());
}

#[test]
fn every_accepted_message_is_accounted_for_on_one_thread() {
    balance_all(&single());
}

#[test]
fn what_is_queued_while_all_is_quiet_is_the_rest() {
    for tokio in [multi(), single()] {
        tokio.block_on(async {
            let node = Node::start().unwrap();
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let (go, mut wait) = tokio::sync::mpsc::channel::<()>(1);
            let pid = node.spawn_fn(async move |mut mailbox: Mailbox<u32>| {
                for _ in 0..30 {
                    mailbox.receive().await;
                }
                tell.send(()).unwrap();
                wait.recv().await;
                while mailbox.receive().await.is_some() {
                    tell.send(()).unwrap();
                }
            });
            for n in 0..100 {
                pid.send(n).await.unwrap();
            }
            told.recv().await.unwrap();
            a_while().await;
            let stats = node.stats();
            assert_eq!((stats.handled, stats.all_dead()), (30, 0));
            go.send(()).await.unwrap();
            pid.stop();
            let mut queued = 0;
            while told.recv().await.is_some() {
                queued += 1;
            }
            assert_eq!(queued, 70);
            gone(&pid).await;
            assert_eq!(node.stats().handled, 100);
            node.stop().await;
        });
    }
}

#[test]
fn guests_bury_what_they_leave_and_their_receives_count_apart() {
    single().block_on(async {
        let node = Node::start().unwrap();
        let mut guest = node.guest::<u32>();
        for n in 0..10 {
            guest.pid().send(n).await.unwrap();
        }
        assert_eq!(guest.receive().await, Some(0));
        drop(guest);
        let stats = node.stats();
        assert_eq!((stats.handled, stats.dead(DeadLetterCause::ExitedFirst)), (0, 9));
        node.stop().await;
    });
}

#[test]
fn the_newest_are_dropped_and_the_oldest_kept_however_many_race() {
    for tokio in [multi(), single()] {
        tokio.block_on(async {
            let node = Node::start().unwrap();
            let spawn = Spawn::on(&node).capacity(Capacity::Bounded(10)).overflow(Overflow::DropNewest);
            let gated = Gated::spawn(spawn).await;
            let sent = Arc::new(AtomicU32::new(0));
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let (pid, sent) = (gated.pid.clone(), Arc::clone(&sent));
                    tokio::spawn(async move {
                        for _ in 0..100 {
                            pid.send(()).await.unwrap();
                            sent.fetch_add(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            for sender in senders {
                sender.await.unwrap();
            }
            assert_eq!(node.stats().dead(DeadLetterCause::Overflow), 390);
            assert_eq!(gated.finish().await.len(), 10);
            node.stop().await;
        });
    }
}
