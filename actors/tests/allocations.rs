//! Stubs cost no allocation a message: what sends and asks need comes from the threads' pools.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use wharf::prelude::*;

/// Counts what is taken from the system.
struct Counting;

static TAKEN: AtomicU64 = AtomicU64::new(0);

// SAFETY: all is passed on to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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

const MESSAGES: u64 = 20_000;

/// Asks and sends, the same number of each.
async fn exchange(counter: &Pid<CounterMsg>) {
    for n in 0..MESSAGES / 4 {
        counter.reset(n).await.unwrap();
        counter.add(1).send().await.unwrap();
        counter.add(1).try_send().unwrap();
        assert_eq!(counter.add(1).await, Ok(Ok(n + 3)));
    }
}

#[test]
fn a_message_through_a_stub_costs_no_allocation() {
    // One thread: between threads the memory of messages moves from pool to pool.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let node = Node::builder().start().unwrap();
        node.run(async {
            let counter = spawn(Counter(0));
            exchange(&counter).await;
            let before = TAKEN.load(Ordering::Relaxed);
            exchange(&counter).await;
            let taken = TAKEN.load(Ordering::Relaxed) - before;
            assert!(taken <= MESSAGES / 1000, "{taken} allocations for {MESSAGES} messages");
        })
        .await;
        node.stop().await;
    });
}
