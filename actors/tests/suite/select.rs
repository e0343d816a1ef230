//! `select!`: which branch is taken, and what becomes of the others.

use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf::explore::{self, Coverage, Explorer};
use wharf::prelude::*;
use wharf::sleep;

use crate::explored::{in_many_orders, run_once};

/// How often each of three ready branches is taken in `rounds`.
async fn counts(rounds: u32) -> [u32; 3] {
    let mut counts = [0; 3];
    for _ in 0..rounds {
        let taken = wharf::select! {
            () = ready(()) => 0,
            () = ready(()) => 1,
            () = ready(()) => 2,
        };
        counts[taken] += 1;
    }
    counts
}

#[test]
fn branches_that_are_ready_at_once_are_taken_equally_often() {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let node = Node::builder().seed(7).start().unwrap();
        let counts = node.run(counts(3_000)).await;
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    });
}

#[test]
fn the_same_seed_of_a_node_draws_the_same_order() {
    let orders = [7, 7, 8].map(|seed| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let node = Node::builder().seed(seed).start().unwrap();
            node.run(async {
                let mut order = Vec::new();
                for _ in 0..50 {
                    order.push(counts(1).await);
                }
                order
            })
            .await
        })
    });
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], orders[2]);
}

#[test]
fn outside_of_a_node_the_order_is_random_as_well() {
    let counts = futures::executor::block_on(counts(3_000));
    assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
}

#[test]
fn with_biased_the_first_that_is_ready_is_taken() {
    futures::executor::block_on(async {
        for _ in 0..100 {
            let taken = wharf::select! {
                biased;
                () = pending() => 0,
                () = ready(()) => 1,
                () = ready(()) => 2,
            };
            assert_eq!(taken, 1);
        }
    });
}

#[test]
fn a_branch_whose_condition_is_false_is_left_out_and_its_future_not_made() {
    futures::executor::block_on(async {
        let nothing = std::hint::black_box(None::<u8>);
        for _ in 0..20 {
            let taken = wharf::select! {
                n = ready(nothing.unwrap()), if nothing.is_some() => n,
                n = ready(2), if nothing.is_none() => n,
            };
            assert_eq!(taken, 2);
        }
    });
}

#[test]
fn a_branch_whose_pattern_does_not_match_is_left_out_and_the_others_are_waited_for() {
    in_many_orders(async |_| {
        let taken = wharf::select! {
            Some(n) = ready(None::<u8>) => n,
            () = sleep(Duration::from_secs(1)) => 7,
        };
        assert_eq!(taken, 7);
    });
}

#[test]
fn when_all_branches_are_left_out_the_else_branch_is_taken() {
    futures::executor::block_on(async {
        for _ in 0..20 {
            let taken = wharf::select! {
                Some(n) = ready(None::<u8>) => n,
                Ok(n) = ready(Err::<u8, ()>(())) => { n }
                n = pending::<u8>(), if false => n,
                else => 9,
            };
            assert_eq!(taken, 9);
        }
    });
}

#[test]
#[should_panic(expected = "all branches of a `select!` are left out, and it has no `else`")]
fn when_all_branches_are_left_out_and_there_is_no_else_it_panics() {
    futures::executor::block_on(async {
        wharf::select! { Some(()) = ready(None::<()>) => {} }
    });
}

#[test]
fn patterns_may_bind_by_value_by_reference_and_mutably() {
    futures::executor::block_on(async {
        let text = wharf::select! {
            (mut text, ref more, Some(_)) = ready((String::from("a"), String::from("b"), Some(1))) => {
                text.push_str(more);
                text
            }
        };
        assert_eq!(text, "ab");
        let (left, right) = wharf::select! { pair @ (1 | 2, _) = ready((2, [String::new()])) => pair };
        assert_eq!((left, right.len()), (2, 1));
    });
}

#[test]
fn bodies_may_leave_loops_and_functions_and_use_what_the_futures_have_borrowed() {
    async fn first(mailbox: &mut Mailbox<u8>) -> Result<u8, &'static str> {
        loop {
            wharf::select! {
                Some(n) = mailbox.receive() => {
                    if n == 0 {
                        continue;
                    }
                    return mailbox.try_receive().ok_or("nothing more");
                }
                () = pending() => break,
            }
        }
        Err("never")
    }
    wharf::block_on(async {
        let mut mailbox: Mailbox<u8> = Node::current().unwrap().guest();
        for n in [0, 1, 2] {
            mailbox.pid().send(n).await.unwrap();
        }
        assert_eq!(first(&mut mailbox).await, Ok(2));
        mailbox.pid().send(3).await.unwrap();
        assert_eq!(first(&mut mailbox).await, Err("nothing more"));
    });
}

#[test]
fn sixteen_branches_and_an_else_are_taken() {
    futures::executor::block_on(async {
        let mut seen = [false; 16];
        for _ in 0..2_000 {
            let taken = wharf::select! {
                () = ready(()) => 0, () = ready(()) => 1, () = ready(()) => 2, () = ready(()) => 3,
                () = ready(()) => 4, () = ready(()) => 5, () = ready(()) => 6, () = ready(()) => 7,
                () = ready(()) => 8, () = ready(()) => 9, () = ready(()) => 10, () = ready(()) => 11,
                () = ready(()) => 12, () = ready(()) => 13, () = ready(()) => 14, () = ready(()) => 15,
                else => 16,
            };
            seen[taken] = true;
        }
        assert_eq!(seen, [true; 16]);
    });
}

#[test]
fn no_message_is_lost_in_a_receive_that_another_branch_wins_over() {
    wharf::block_on(async {
        let (feed, mut fed) = tokio::sync::mpsc::unbounded_channel::<u32>();
        let (tell, told) = tokio::sync::oneshot::channel();
        let pid = spawn_fn(async move |mut mailbox: Mailbox<u32>| {
            let (mut messages, mut items) = (Vec::new(), Vec::new());
            while messages.len() + items.len() < 1_000 {
                wharf::select! {
                    Some(message) = mailbox.receive() => messages.push(message),
                    Some(item) = fed.recv() => items.push(item),
                }
            }
            let _ = tell.send((messages, items));
        });
        for n in 0..500 {
            feed.send(n).unwrap();
            pid.send(n).await.unwrap();
        }
        let (messages, items) = told.await.unwrap();
        assert_eq!(messages, Vec::from_iter(0..500));
        assert_eq!(items, messages);
    });
}

#[test]
fn no_room_is_lost_in_a_reserve_that_another_branch_wins_over() {
    in_many_orders(async |mailbox: Mailbox<()>| {
        let node = mailbox.node();
        let sink =
            Spawn::on(&node).capacity(Capacity::Bounded(1)).spawn_fn(async |mut mailbox: Mailbox<u8>| {
                while mailbox.receive().await.is_some() {
                    sleep(Duration::from_millis(3)).await;
                }
            });
        let mut sent = 0;
        for _ in 0..30 {
            wharf::select! {
                permit = sink.reserve() => {
                    permit.unwrap().send(sent).unwrap();
                    sent += 1;
                }
                () = sleep(Duration::from_millis(1)) => {}
            }
        }
        assert!(sent > 3, "{sent}");
        // All room is there again: with one credit lost this would wait for ever.
        sink.reserve().await.unwrap().send(sent).unwrap();
        sink.stop();
        sink.stopped().await;
    });
}

/// What four draws under the explorer came to, in order.
fn draws(seed: u64) -> (Vec<usize>, String) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&taken);
    let run = Explorer::new().seeded(seed, |node: &Node| {
        noted.lock().unwrap().clear();
        let noted = Arc::clone(&noted);
        node.spawn_fn(async move |_: Mailbox<()>| {
            for _ in 0..4 {
                let taken = wharf::select! { () = ready(()) => 0, () = ready(()) => 1, () = ready(()) => 2 };
                noted.lock().unwrap().push(taken);
            }
        });
        || Ok(())
    });
    assert!(run.outcome().is_finished(), "{run}");
    assert!(run.to_string().contains("actor#0 draws "), "{run}");
    let taken = taken.lock().unwrap().clone();
    (taken, run.schedule().to_string())
}

#[test]
fn under_the_explorer_the_same_seed_takes_the_same_branches() {
    let all: Vec<_> = (0..20).map(draws).collect();
    assert_eq!(all, (0..20).map(draws).collect::<Vec<_>>());
    for (taken, schedule) in &all {
        let chosen: Vec<String> = taken.iter().map(usize::to_string).collect();
        assert_eq!(*schedule, chosen.join("."));
    }
    for branch in 0..3 {
        assert!(all.iter().any(|(taken, _)| taken[0] == branch));
    }
}

#[test]
fn the_explorer_takes_every_branch_that_is_ready() {
    let seen = Mutex::new(std::collections::BTreeSet::new());
    let report = explore::exhaustive(100, |node: &Node| {
        let taken = Arc::new(Mutex::new(0));
        let kept = Arc::clone(&taken);
        node.spawn_fn(async move |_: Mailbox<()>| {
            let first = wharf::select! { () = ready(()) => 1, () = ready(()) => 2 };
            let second = wharf::select! { () = ready(()) => 1, () = pending() => 2, () = ready(()) => 3 };
            *kept.lock().unwrap() = 10 * first + second;
        });
        let seen = &seen;
        move || {
            seen.lock().unwrap().insert(*taken.lock().unwrap());
            Ok(())
        }
    });
    assert_eq!((report.coverage(), report.runs()), (Coverage::Exhaustive, 6));
    assert_eq!(seen.into_inner().unwrap().into_iter().collect::<Vec<_>>(), [11, 13, 21, 23]);
}

#[test]
fn several_selects_of_one_actor_under_way_at_once_all_have_their_draws() {
    in_many_orders(async |_| {
        let draw = async || wharf::select! { () = sleep(Duration::from_secs(1)) => 0, n = ready(1) => n };
        let (one, two, three) = futures::join!(draw(), draw(), draw());
        assert_eq!((one, two, three), (1, 1, 1));
    });
    let run = run_once(3, async |_| {
        wharf::select! { () = ready(()) => {}, () = pending() => {} }
    });
    let again = explore::replay(&run.schedule().to_string().parse().unwrap(), |node: &Node| {
        node.spawn_fn(async |_: Mailbox<()>| wharf::select! { () = ready(()) => {}, () = pending() => {} });
        || Ok(())
    });
    assert_eq!(again.schedule(), run.schedule());
}
