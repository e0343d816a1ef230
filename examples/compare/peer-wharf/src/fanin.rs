//! `fanin`, `fanin_bounded` and `blob`: four producers, one sink that counts
//! and sums what comes.
use crate::Bench;
use common::{BOUND, Blob, Done, PRODUCERS, Report};
use wharf::Spawn;
use wharf::prelude::*;

pub(crate) fn fanin_unbounded(bench: &Bench, n: u64) -> Option<Report> {
    let expected = common::fanin_sum(n);
    run(bench, n, PRODUCERS, Capacity::Unbounded, |i| i, expected)
}

pub(crate) fn fanin_bounded(bench: &Bench, n: u64) -> Option<Report> {
    // wharf's default, spelled out since the peers' mailbox is this long too.
    const { assert!(BOUND == 1024) };
    let expected = common::fanin_sum(n);
    run(bench, n, PRODUCERS, Capacity::Bounded(1024), |i| i, expected)
}

pub(crate) fn blob(bench: &Bench, n: u64) -> Option<Report> {
    let expected = common::blob_sum(n);
    run(bench, n, PRODUCERS, Capacity::Bounded(1024), common::blob, expected)
}

pub(crate) fn run<M: Marked>(
    bench: &Bench,
    n: u64,
    producers: u64,
    capacity: Capacity,
    make: fn(u64) -> M,
    expected: u64,
) -> Option<Report> {
    let each = n / producers;
    let sink =
        Spawn::on(&bench.node).capacity(capacity).spawn(Sink::<M>::new(each * producers, bench.done.clone()));
    let actors: Vec<_> =
        (0..producers).map(|_| bench.node.spawn(Producer { sink: sink.clone(), each, make })).collect();
    let started = common::now();
    for producer in &actors {
        producer.try_send(()).expect("an empty mailbox");
    }
    bench.wait.expect(expected);
    Report::new(each * producers, started.elapsed())
}

/// A message that adds something to its sink's sum.
pub(crate) trait Marked: Send + 'static {
    fn mark(&self) -> u64;
}

impl Marked for u64 {
    fn mark(&self) -> u64 {
        *self
    }
}

impl Marked for Blob {
    fn mark(&self) -> u64 {
        common::blob_mark(self)
    }
}

/// Sums the marks of `want` messages, then signals the sum.
pub(crate) struct Sink<M> {
    count: u64,
    sum: u64,
    want: u64,
    done: Done,
    messages: std::marker::PhantomData<fn(M)>,
}

impl<M> Sink<M> {
    pub(crate) fn new(want: u64, done: Done) -> Self {
        Self { count: 0, sum: 0, want, done, messages: std::marker::PhantomData }
    }
}

impl<M: Marked> Actor for Sink<M> {
    type Msg = M;

    async fn handle(&mut self, msg: M, _cx: &mut Context<M>) -> Result<(), ExitReason> {
        self.count += 1;
        self.sum += msg.mark();
        if self.count == self.want {
            self.done.signal(self.sum);
        }
        Ok(())
    }
}

struct Producer<M> {
    sink: Pid<M>,
    each: u64,
    make: fn(u64) -> M,
}

impl<M: Marked> Actor for Producer<M> {
    type Msg = ();

    // One message at a time as the peers do, not `send_all`. The sink waits
    // for nobody, so waiting for its room ends.
    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Result<(), ExitReason> {
        for i in 0..self.each {
            self.sink.send((self.make)(i)).await?;
        }
        Ok(())
    }
}
