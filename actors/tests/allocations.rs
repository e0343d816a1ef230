//! Messages cost no allocation: what sends, asks and waiting senders need comes from the threads'
//! pools. And what the dead leave behind is small.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use wharf::Spawn;
use wharf::prelude::*;

/// Counts what this thread takes from the system. Each test has one thread: between threads the
/// memory of messages moves from pool to pool.
struct Counting;

/// Smaller ones don't count: a worker makes one of a few bytes each time it yields to tokio, so their
/// number depends on how fast the machine is. What is pooled is larger, and so is any message here.
const LEAST: usize = 16;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn taken() -> u64 {
    TAKEN.get()
}

// SAFETY: all is passed on to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LEAST {
            TAKEN.set(TAKEN.get() + 1);
        }
        HELD.set(HELD.get().wrapping_add_unsigned(layout.size()));
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub_unsigned(layout.size()));
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `test` as a guest of a node on this thread. Time stands still, so that no deadline of an ask comes so
/// near that it takes memory, however slow the machine is.
fn alone(test: impl AsyncFnOnce()) {
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        let node = Node::builder().start().unwrap();
        node.run(test()).await;
        node.stop().await;
    });
}

const MESSAGES: u64 = 20_000;

/// Asserts that `exchange`, which is about so many messages, takes nothing from the system once it
/// has run. A few are left over: lists that grow, and deadlines of asks that outlast a worker's work.
/// One for each block of messages would be 645.
async fn assert_takes_nothing(what: &str, exchange: impl AsyncFn()) {
    exchange().await;
    exchange().await;
    let before = taken();
    exchange().await;
    let taken = taken() - before;
    assert!(taken <= MESSAGES / 200, "{what}: {taken} allocations for {MESSAGES} messages");
}

struct Counter(u64);

#[wharf::actor]
impl Counter {
    async fn add(&mut self, by: u64) -> Result<u64, String> {
        self.0 += by;
        Ok(self.0)
    }

    #[one_way]
    async fn reset(&mut self, to: u64) {
        self.0 = to;
    }
}

#[test]
fn a_message_through_a_stub_costs_no_allocation() {
    alone(async || {
        let counter = spawn(Counter(0));
        assert_takes_nothing("stubs", async || {
            for n in 0..MESSAGES / 4 {
                counter.reset(n).await.unwrap();
                counter.add(1).send().await.unwrap();
                counter.add(1).try_send().unwrap();
                assert_eq!(counter.add(1).await, Ok(Ok(n + 3)));
            }
        })
        .await;
    });
}

enum Msg {
    Note(u64),
    Sum(Reply<u64>),
}

/// Sums the notes since it was last asked.
fn sink(capacity: Capacity) -> Pid<Msg> {
    Spawn::new().capacity(capacity).spawn_fn(async |mut mailbox: Mailbox<Msg>| {
        let mut sum = 0;
        while let Some(msg) = mailbox.receive().await {
            match msg {
                Msg::Note(n) => sum += n,
                Msg::Sum(reply) => drop(reply.send(std::mem::take(&mut sum))),
            }
        }
    })
}

const CAPACITIES: [Capacity; 4] =
    [Capacity::DEFAULT, Capacity::Unbounded, Capacity::Bounded(1), Capacity::Zero];

/// Messages between two looks: no more than the pools keep the blocks of. A longer backlog takes a
/// block from the system for each 31 messages.
const ROUND: u64 = 1_000;

/// The sum of 0..n.
const fn sum(n: u64) -> u64 {
    n * (n - 1) / 2
}

#[test]
fn a_send_costs_no_allocation_whatever_the_capacity() {
    alone(async || {
        for capacity in CAPACITIES {
            let sink = sink(capacity);
            assert_takes_nothing(&format!("send, {capacity:?}"), async || {
                for _ in 0..MESSAGES / ROUND {
                    for n in 0..ROUND {
                        sink.send(Msg::Note(n)).await.unwrap();
                    }
                    assert_eq!(sink.ask(Msg::Sum).await, Ok(sum(ROUND)));
                }
            })
            .await;
        }
    });
}

#[test]
fn an_ask_costs_no_allocation_whatever_the_capacity() {
    alone(async || {
        for capacity in CAPACITIES {
            let sink = sink(capacity);
            assert_takes_nothing(&format!("ask, {capacity:?}"), async || {
                for n in 0..MESSAGES / 2 {
                    sink.send(Msg::Note(n)).await.unwrap();
                    assert_eq!(sink.ask(Msg::Sum).await, Ok(n));
                }
            })
            .await;
        }
    });
}

/// An actor that sends a fourth of a round to `sink` whenever it is asked to.
fn sender(sink: &Pid<Msg>) -> Pid<Reply<()>> {
    let sink = sink.clone();
    spawn_fn(async move |mut mailbox: Mailbox<Reply<()>>| {
        while let Some(reply) = mailbox.receive().await {
            for n in 0..ROUND / 4 {
                sink.send(Msg::Note(n)).await.unwrap();
            }
            let _ = reply.send(());
        }
    })
}

#[test]
fn senders_that_wait_for_room_cost_no_allocation() {
    alone(async || {
        for capacity in CAPACITIES {
            let sink = sink(capacity);
            let [a, b, c, d] = [(); 4].map(|()| sender(&sink));
            assert_takes_nothing(&format!("four senders, {capacity:?}"), async || {
                for _ in 0..MESSAGES / ROUND {
                    let done = tokio::join!(a.ask(|r| r), b.ask(|r| r), c.ask(|r| r), d.ask(|r| r));
                    assert_eq!(done, (Ok(()), Ok(()), Ok(()), Ok(())));
                    assert_eq!(sink.ask(Msg::Sum).await, Ok(4 * sum(ROUND / 4)));
                }
            })
            .await;
        }
    });
}

#[test]
fn a_batch_costs_no_allocation_a_message() {
    alone(async || {
        for capacity in CAPACITIES {
            let sink = sink(capacity);
            assert_takes_nothing(&format!("send_all, {capacity:?}"), async || {
                for _ in 0..MESSAGES / ROUND {
                    // A range of `u64` doesn't know its length.
                    sink.send_all((0..ROUND as u32).map(|n| Msg::Note(n.into()))).await.unwrap();
                    assert_eq!(sink.ask(Msg::Sum).await, Ok(sum(ROUND)));
                }
            })
            .await;
        }
    });
}

/// An actor with 20 KiB of state.
struct Large([u64; 2_560]);

impl Actor for Large {
    type Msg = Reply<u64>;

    async fn handle(&mut self, reply: Reply<u64>, cx: &mut Context<Reply<u64>>) -> Result<(), ExitReason> {
        let _ = reply.send(self.0.iter().sum());
        cx.stop();
        Ok(())
    }
}

/// An actor that has come and gone.
async fn stale() -> Pid<Reply<u64>> {
    let pid = spawn(Large([1; 2_560]));
    assert_eq!(pid.ask(|reply| reply).await, Ok(2_560));
    pid.any().stopped().await;
    pid
}

#[test]
fn a_stale_pid_of_a_large_actor_keeps_little() {
    const GONE: usize = 1_000;
    alone(async || {
        let mut pids = Vec::with_capacity(GONE);
        for _ in 0..10 {
            stale().await;
        }
        let before = HELD.get();
        for _ in 0..GONE {
            pids.push(stale().await);
        }
        let each = (HELD.get() - before) / GONE.cast_signed();
        assert!(pids.iter().all(|pid| !pid.is_alive()));
        assert!(each < 512, "a stale pid keeps {each} bytes");
    });
}
