//! Waiting for a future on a plain thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::scheduler::Seat;

/// Wakes a thread out of its park.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` on this thread until it is ready, parking in between.
///
/// # Panics
/// Where it would have to park in a turn of an explored node, whose actors all run on this thread.
#[track_caller]
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        let explored = Seat::with(|seat| seat.is_some_and(|seat| seat.node().core.is_some()));
        assert!(
            !explored,
            "a blocking call would wait for ever: all actors run on this thread; await instead"
        );
        thread::park();
    }
}
