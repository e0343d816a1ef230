//! Futures dropped at each of their awaits: what is lost is what their documentation says.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use futures::{FutureExt, SinkExt, Stream, StreamExt, stream};
use wharf::prelude::*;
use wharf::supervisor::{ChildSpec, Supervisor, SupervisorCalls};
use wharf::{MailboxExt, Task};

use crate::{until_alone, until_left};

/// Most polls that a future of these tests may need.
const POLLS: usize = 10_000;

/// Polls `future` at most `polls` times, other actors going on in between, and drops it: what it came
/// to, if it was ready by then.
async fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        wharf::yield_now().await;
    }
    None
}

/// Runs `check` with 0, 1, 2 polls and so on, until it says that its future was ready.
async fn at_each_await(mut check: impl AsyncFnMut(usize) -> bool) {
    for polls in 0..POLLS {
        if check(polls).await {
            assert!(polls > 0, "a future is not ready before it is polled");
            return;
        }
    }
    panic!("never ready");
}

struct Tally(u64);

#[wharf::actor]
impl Tally {
    async fn add(&mut self, by: u64) -> u64 {
        wharf::yield_now().await;
        self.0 += by;
        self.0
    }

    #[one_way]
    async fn note(&mut self, by: u64) {
        self.0 += by;
    }

    fn total(&self) -> u64 {
        self.0
    }
}

#[test]
fn a_call_dropped_at_any_await_is_handled_once_if_it_was_polled_and_never_if_not() {
    wharf::block_on(async {
        let tally = spawn(Tally(0));
        let mut expected = 0;
        at_each_await(async |polls| {
            let ready = poll_times(tally.add(1), polls).await.is_some();
            expected += u64::from(polls > 0);
            assert_eq!(tally.total().await, Ok(expected));
            ready
        })
        .await;
        at_each_await(async |polls| {
            let call = tally.add(1).timeout(std::time::Duration::from_secs(60));
            let ready = poll_times(call, polls).await.is_some();
            expected += u64::from(polls > 0);
            assert_eq!(tally.total().await, Ok(expected));
            ready
        })
        .await;
    });
}

#[test]
fn a_send_dropped_at_any_await_is_handled_once_if_it_was_polled_and_there_was_room() {
    wharf::block_on(async {
        let tally = spawn(Tally(0));
        let mut expected = 0;
        for by_call in [false, true] {
            at_each_await(async |polls| {
                let send = if by_call { tally.add(1).send() } else { tally.note(1) };
                let ready = poll_times(send, polls).await.is_some();
                expected += u64::from(polls > 0);
                assert_eq!(tally.total().await, Ok(expected));
                ready
            })
            .await;
        }
    });
}

#[test]
fn a_stream_of_messages_dropped_at_any_await_loses_none() {
    wharf::block_on(async {
        let mut mailbox = Node::current().unwrap().guest::<u64>();
        for polls in 0..20 {
            let pid = mailbox.pid().clone();
            let sender = spawn_fn(async move |_: Mailbox<()>| {
                wharf::yield_now().await;
                pid.send(7).await.unwrap();
            });
            let taken = poll_times(mailbox.messages().next(), polls).await.is_some();
            sender.stopped().await;
            assert_eq!(mailbox.messages().next().now_or_never().is_some(), !taken);
        }
    });
}

#[test]
fn a_stream_of_records_dropped_at_any_await_loses_none() {
    wharf::block_on(async {
        let node = Node::current().unwrap();
        let mut crashes = node.crash_reports();
        for polls in 0..20 {
            let fails = spawn_fn(async |_: Mailbox<()>| {
                wharf::yield_now().await;
                Err::<(), _>("on purpose")
            });
            let taken = poll_times(StreamExt::next(&mut crashes), polls).await.is_some();
            if !taken {
                let crash = StreamExt::next(&mut crashes).await.unwrap();
                assert_eq!(crash.id, fails.id());
            }
        }
        assert_eq!((crashes.lost(), crashes.try_next().is_none()), (0, true));
    });
}

/// Keeps what its tasks bring.
struct Owner(Vec<u32>);

type Begin = dyn FnOnce(&Context<OwnerMsg>) -> Task + Send;

enum OwnerMsg {
    Begin(Box<Begin>, Reply<Task>),
    Got(u32),
    All(Reply<Vec<u32>>),
}

impl Actor for Owner {
    type Msg = OwnerMsg;

    async fn handle(&mut self, msg: OwnerMsg, cx: &mut Context<OwnerMsg>) -> Result<(), ExitReason> {
        match msg {
            OwnerMsg::Begin(begin, reply) => drop(reply.send(begin(cx))),
            OwnerMsg::Got(n) => self.0.push(n),
            OwnerMsg::All(reply) => drop(reply.send(self.0.clone())),
        }
        Ok(())
    }
}

/// Counts how often it is dropped.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a task does: it waits a few times.
async fn work(counted: Counted) -> u32 {
    for _ in 0..3 {
        wharf::yield_now().await;
    }
    drop(counted);
    7
}

/// Has the owner begin a task, as `spawn_task` or as `pipe_to_self`.
async fn begin(owner: &Pid<OwnerMsg>, piped: bool, drops: &Arc<AtomicU32>) -> Task {
    let counted = Counted(Arc::clone(drops));
    let begin: Box<Begin> = if piped {
        Box::new(move |cx| cx.pipe_to_self(work(counted), OwnerMsg::Got))
    } else {
        Box::new(move |cx| cx.spawn_task(work(counted), |result| OwnerMsg::Got(result.unwrap_or(0))))
    };
    owner.ask(|reply| OwnerMsg::Begin(begin, reply)).await.unwrap()
}

/// Messages that were handled, or became dead letters.
fn settled(node: &Node) -> u64 {
    let stats = node.stats();
    stats.handled + stats.all_dead()
}

/// Cancels what `begin` begins at each of its awaits, until it was over before that five times in a row.
/// `check` is told whether it was cancelled, what its owner got, and how many messages were settled.
async fn cancel_at_each_await(
    start: impl Fn() -> Pid<OwnerMsg>,
    begin: impl AsyncFn(&Pid<OwnerMsg>, &Arc<AtomicU32>) -> Task,
    check: impl Fn(bool, &[u32], u64),
) {
    let node = Node::current().unwrap();
    let (mut over, drops) = (0, Arc::new(AtomicU32::new(0)));
    for turns in 0..POLLS {
        let owner = start();
        let before = settled(&node);
        let task = begin(&owner, &drops).await;
        for _ in 0..turns {
            wharf::yield_now().await;
        }
        let cancelled = task.cancel();
        until_alone(&node).await;
        let got = owner.ask(OwnerMsg::All).await.unwrap();
        assert!(!task.cancel() && !task.is_running());
        assert_eq!(drops.load(Ordering::SeqCst), u32::try_from(turns + 1).unwrap());
        owner.stop();
        owner.stopped().await;
        check(cancelled, &got, settled(&node) - before);
        over = if cancelled { 0 } else { over + 1 };
        if over == 5 {
            return;
        }
    }
    panic!("never over");
}

/// Kills the owner of what `begin` begins at each of its awaits; so many messages are settled then.
async fn kill_at_each_await(
    begin: impl AsyncFn(&Pid<OwnerMsg>, &Arc<AtomicU32>, u32),
    settles: std::ops::RangeInclusive<u64>,
) {
    let node = Node::current().unwrap();
    let drops = Arc::new(AtomicU32::new(0));
    for turns in 0..20 {
        let owner = spawn(Owner(Vec::new()));
        let before = settled(&node);
        begin(&owner, &drops, turns).await;
        for _ in 0..turns {
            wharf::yield_now().await;
        }
        owner.kill();
        assert_eq!(owner.stopped().await, ExitReason::Killed);
        until_left(&node, 0).await;
        assert_eq!(drops.load(Ordering::SeqCst), turns + 1);
        let settled = settled(&node) - before;
        assert!(settles.contains(&settled), "{settled}");
    }
}

#[test]
fn a_task_cancelled_at_any_await_brings_its_message_or_was_cancelled_and_never_both() {
    for piped in [false, true] {
        wharf::block_on(cancel_at_each_await(
            || spawn(Owner(Vec::new())),
            async |owner, drops| begin(owner, piped, drops).await,
            |cancelled, got, settled| {
                assert_eq!(got, if cancelled { vec![] } else { vec![7] });
                assert_eq!(settled, 2 + u64::from(!cancelled));
            },
        ));
    }
}

#[test]
fn a_task_whose_owner_ends_at_any_await_is_dropped_once_and_every_message_is_accounted_for() {
    wharf::block_on(kill_at_each_await(
        async |owner, drops, turns| _ = begin(owner, turns % 2 == 0, drops).await,
        // The order to begin, and what the task sent if it got so far.
        1..=2,
    ));
}

/// Takes its time over each message.
struct Slow(u64);

#[wharf::actor]
impl Slow {
    #[one_way]
    async fn note(&mut self) {
        for _ in 0..3 {
            wharf::yield_now().await;
        }
        self.0 += 1;
    }

    fn total(&self) -> u64 {
        self.0
    }
}

/// One whose mailbox has room for one message; gives how many it has been sent.
fn full(slow: &Pid<SlowMsg>) -> u64 {
    let mut sent = 0;
    while slow.note().try_send().is_ok() {
        sent += 1;
        assert!(sent < 1_000, "it is faster than we are");
    }
    sent
}

#[test]
fn a_waiting_send_dropped_at_any_await_was_delivered_unless_it_can_be_taken_back() {
    wharf::block_on(async {
        let slow = Spawn::new().capacity(Capacity::Bounded(1)).spawn(Slow(0));
        let mut accepted = 0;
        at_each_await(async |polls| {
            accepted += full(&slow);
            let mut ready = false;
            {
                let mut send = pin!(slow.note());
                for _ in 0..polls {
                    let polled = poll_fn(|cx| Poll::Ready(send.as_mut().poll(cx))).await;
                    if let Poll::Ready(sent) = polled {
                        sent.unwrap();
                        ready = true;
                        break;
                    }
                    wharf::yield_now().await;
                }
                if ready || send.as_mut().take_back().is_none() {
                    accepted += 1;
                }
            }
            assert_eq!(slow.total().await, Ok(accepted));
            ready
        })
        .await;
        // And one that is dropped without a question is handled once or not at all.
        at_each_await(async |polls| {
            accepted += full(&slow);
            let ready = poll_times(slow.note(), polls).await.is_some();
            let total = slow.total().await.unwrap();
            assert!(total - accepted <= u64::from(polls > 0) && (!ready || total == accepted + 1));
            accepted = total;
            ready
        })
        .await;
    });
}

#[test]
fn a_select_dropped_at_any_await_loses_no_message_and_keeps_no_room() {
    wharf::block_on(async {
        let mut mailbox = Node::current().unwrap().guest::<u64>();
        for polls in 0..20 {
            let pid = mailbox.pid().clone();
            let sender = spawn_fn(async move |_: Mailbox<()>| {
                wharf::yield_now().await;
                pid.send(7).await.unwrap();
            });
            let select = async {
                wharf::select! {
                    Some(n) = mailbox.receive() => n,
                    () = std::future::pending() => 0,
                }
            };
            let taken = poll_times(select, polls).await;
            sender.stopped().await;
            assert_eq!(mailbox.try_receive().or(taken), Some(7));
            assert_eq!(mailbox.try_receive(), None);
        }
        let slow = Spawn::new().capacity(Capacity::Bounded(1)).spawn(Slow(0));
        at_each_await(async |polls| {
            full(&slow);
            let select = async {
                wharf::select! {
                    permit = slow.reserve() => drop(permit.unwrap()),
                    () = std::future::pending() => (),
                }
            };
            let ready = poll_times(select, polls).await.is_some();
            // The room of a reservation that was granted to nobody is there for others.
            slow.total().await.unwrap();
            slow.note().await.unwrap();
            ready
        })
        .await;
    });
}

#[test]
fn a_message_given_to_a_sink_stays_there_when_the_send_is_dropped_at_any_await() {
    wharf::block_on(async {
        let slow = Spawn::new().capacity(Capacity::Bounded(1)).spawn(Slow(0));
        let mut accepted = 0;
        at_each_await(async |polls| {
            accepted += full(&slow);
            let mut sink = wharf::sink(&slow);
            let ready = poll_times(sink.send(SlowMsg::Note {}), polls).await.is_some();
            accepted += u64::from(polls > 0);
            sink.flush().await.unwrap();
            assert_eq!(slow.total().await, Ok(accepted));
            ready
        })
        .await;
        // Behind one that waits the next is not taken; it goes with its send, and the first does not.
        for polls in 0..3 {
            accepted += full(&slow);
            let mut sink = wharf::sink(&slow);
            sink.feed(SlowMsg::Note {}).await.unwrap();
            let first = poll_fn(|cx| Poll::Ready(sink.poll_ready_unpin(cx))).await.is_ready();
            let taken = first || poll_times(sink.feed(SlowMsg::Note {}), polls).await.is_some();
            sink.flush().await.unwrap();
            accepted += 1 + u64::from(taken && !first);
            assert_eq!(slow.total().await, Ok(accepted));
        }
    });
}

#[test]
fn a_sink_dropped_at_any_await_has_delivered_its_last_message_once_or_not_at_all() {
    wharf::block_on(async {
        let slow = Spawn::new().capacity(Capacity::Bounded(1)).spawn(Slow(0));
        let mut accepted = 0;
        at_each_await(async |polls| {
            accepted += full(&slow);
            let send = async {
                let mut sink = wharf::sink(&slow);
                sink.send(SlowMsg::Note {}).await.unwrap();
            };
            let ready = poll_times(send, polls).await.is_some();
            let total = slow.total().await.unwrap();
            assert!(total - accepted <= u64::from(polls > 0) && (!ready || total == accepted + 1));
            accepted = total;
            ready
        })
        .await;
    });
}

/// From 1 to 5, each after a wait.
fn numbers(counted: Counted) -> impl Stream<Item = u32> + Send {
    stream::unfold((1, counted), async |(n, counted)| {
        wharf::yield_now().await;
        (n <= 5).then_some((n, (n + 1, counted)))
    })
}

/// Has the owner attach a stream, with 0 at its end.
async fn attach(owner: &Pid<OwnerMsg>, drops: &Arc<AtomicU32>) -> Task {
    let counted = Counted(Arc::clone(drops));
    let begin: Box<Begin> =
        Box::new(move |cx| cx.attach_stream_to_end(numbers(counted), OwnerMsg::Got, || OwnerMsg::Got(0)));
    owner.ask(|reply| OwnerMsg::Begin(begin, reply)).await.unwrap()
}

#[test]
fn an_attached_stream_cancelled_at_any_await_has_brought_its_first_items_and_brings_no_more() {
    for capacity in [Capacity::Unbounded, Capacity::Bounded(1), Capacity::Zero] {
        wharf::block_on(cancel_at_each_await(
            || Spawn::new().capacity(capacity).spawn(Owner(Vec::new())),
            attach,
            |cancelled, got, _| {
                assert!([1, 2, 3, 4, 5, 0].starts_with(got), "{got:?}");
                assert_eq!(cancelled, !got.contains(&0));
            },
        ));
    }
}

#[test]
fn an_attached_stream_whose_owner_ends_at_any_await_is_dropped_once_with_all_that_is_left_in_it() {
    wharf::block_on(kill_at_each_await(
        async |owner, drops, _| _ = attach(owner, drops).await,
        // The order to attach it, and what it had brought.
        1..=7,
    ));
}

#[test]
fn an_ask_in_a_select_dropped_at_any_await_is_handled_once_and_its_answer_goes_nowhere() {
    wharf::block_on(async {
        let tally = spawn(Tally(0));
        let mut expected = 0;
        at_each_await(async |polls| {
            let select = async {
                wharf::select! {
                    total = tally.add(1) => assert_eq!(total, Ok(expected + 1)),
                    () = std::future::pending() => {}
                }
            };
            let ready = poll_times(select, polls).await.is_some();
            expected += u64::from(polls > 0);
            assert_eq!(tally.total().await, Ok(expected));
            ready
        })
        .await;
        // And when another branch is taken first.
        let mut answered = false;
        for turns in 0..POLLS {
            let others = async {
                for _ in 0..turns {
                    wharf::yield_now().await;
                }
            };
            expected += 1;
            wharf::select! {
                biased;
                total = tally.add(1) => {
                    assert_eq!(total, Ok(expected));
                    answered = true;
                }
                () = others => {}
            }
            assert_eq!(tally.total().await, Ok(expected));
            if answered {
                return;
            }
        }
        panic!("never answered");
    });
}

fn echo(id: String) -> ChildSpec {
    ChildSpec::process(id, async |mut mailbox: Mailbox<Reply<()>>| {
        while let Some(reply) = mailbox.receive().await {
            let _ = reply.send(());
        }
    })
}

#[test]
fn a_call_of_a_supervisor_dropped_at_any_await_is_carried_out_if_it_was_polled() {
    wharf::block_on(async {
        let supervisor = Supervisor::new().intensity(1_000_000, std::time::Duration::MAX).spawn();
        let child = |id: &str| supervisor.child::<Reply<()>>(id);
        at_each_await(async |polls| {
            let id = format!("start {polls}");
            let ready = poll_times(supervisor.start_child(echo(id.clone())), polls).await.is_some();
            assert_eq!(child(&id).pid().await.is_ok(), polls > 0);
            ready
        })
        .await;
        at_each_await(async |polls| {
            let id = format!("terminate {polls}");
            supervisor.start_child(echo(id.clone())).await.unwrap();
            let ready = poll_times(supervisor.terminate_child(id.as_str()), polls).await.is_some();
            assert_eq!(child(&id).pid().await.is_err(), polls > 0);
            ready
        })
        .await;
        at_each_await(async |polls| {
            let id = format!("restart {polls}");
            supervisor.start_child(echo(id.clone())).await.unwrap();
            supervisor.terminate_child(id.as_str()).await.unwrap();
            let ready = poll_times(supervisor.restart_child(id.as_str()), polls).await.is_some();
            assert_eq!(child(&id).pid().await.is_ok(), polls > 0);
            ready
        })
        .await;
        at_each_await(async |polls| {
            let id = format!("delete {polls}");
            supervisor.start_child(echo(id.clone())).await.unwrap();
            supervisor.terminate_child(id.as_str()).await.unwrap();
            let ready = poll_times(supervisor.delete_child(id.as_str()), polls).await.is_some();
            let there = supervisor.which_children().await.unwrap().iter().any(|child| *child.id == *id);
            assert_eq!(there, polls == 0);
            ready
        })
        .await;
        supervisor.start_child(echo("waited for".to_owned())).await.unwrap();
        let waited = child("waited for");
        at_each_await(async |polls| {
            let old = waited.pid().await.unwrap();
            old.kill();
            let restarted = poll_times(waited.restarted(&old), polls).await;
            let current = waited.restarted(&old).await.unwrap();
            assert!(restarted.as_ref().is_none_or(|pid| *pid.as_ref().unwrap() == current));
            assert_eq!(current.ask(|reply| reply).await, Ok(()));
            restarted.is_some()
        })
        .await;
    });
}

#[test]
fn a_wait_for_an_end_dropped_at_any_await_loses_nothing() {
    wharf::block_on(async {
        for polls in 0..20 {
            let actor = spawn_fn(async |_: Mailbox<()>| {
                wharf::yield_now().await;
                ExitReason::custom("done")
            });
            let told = poll_times(actor.stopped(), polls).await;
            assert!(told.is_none_or(|reason| reason == ExitReason::custom("done")));
            assert_eq!(actor.stopped().await, ExitReason::custom("done"));
        }
    });
}

/// Puts odd numbers aside, and takes its time over even ones.
struct Stashing;

impl Actor for Stashing {
    type Msg = u32;

    async fn handle(&mut self, n: u32, cx: &mut Context<u32>) -> Result<(), ExitReason> {
        if !n.is_multiple_of(2) {
            return Ok(cx.stash(n)?);
        }
        for _ in 0..3 {
            wharf::yield_now().await;
        }
        cx.unstash_all();
        Ok(())
    }
}

#[test]
fn an_actor_cut_off_at_any_await_buries_what_it_has_put_aside_and_what_waits() {
    wharf::block_on(async {
        let node = Node::current().unwrap();
        for turns in 0..20 {
            let actor = spawn(Stashing);
            let before = settled(&node);
            let dead = node.stats().all_dead();
            for n in [1, 3, 4, 5, 6] {
                actor.send(n).await.unwrap();
            }
            for _ in 0..turns {
                wharf::yield_now().await;
            }
            actor.exit(ExitReason::custom("enough"));
            assert_eq!(actor.stopped().await, ExitReason::custom("enough"));
            assert_eq!(settled(&node) - before, 5);
            // The odd ones are put aside again and again: nobody handles them.
            assert!(node.stats().all_dead() - dead >= 3);
        }
    });
}
