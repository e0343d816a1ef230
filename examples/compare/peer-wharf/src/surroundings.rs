//! What surrounds messages: wake-up from outside, sockets and timers under load, a hog, semaphores.
use crate::{Bench, hop};
use common::probe::{self, AWAITERS, BUSY_PAIRS, HOG, NAP, PERMITS};
use common::{Done, Report};
use std::sync::Arc;
use tokio::sync::Semaphore;
use wharf::prelude::*;

pub(crate) fn wakeup(bench: &Bench, n: u64) -> Option<Report> {
    let answerer = bench.node.spawn(Answerer { done: bench.done.clone() });
    let started = common::now();
    for i in 0..n {
        answerer.try_send(i).expect("an empty mailbox");
        bench.wait.expect(i + 1);
    }
    Report::new(n, started.elapsed())
}

pub(crate) fn echo(bench: &Bench, n: u64) -> Option<Report> {
    busy_pairs(bench);
    let listener = bench.tokio.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let at = listener.local_addr().expect("a bound socket");
    bench.node.spawn_fn(async move |_: Mailbox<()>| {
        let (stream, _) = listener.accept().await.expect("a client");
        probe::echo(stream).await;
    });
    probe::latencies(probe::echo_client(at, n), 0.5)
}

pub(crate) fn timer_lag(bench: &Bench, n: u64) -> Option<Report> {
    busy_pairs(bench);
    probe::latencies(naps(bench, n)(), 0.99)
}

pub(crate) fn hog(bench: &Bench, n: u64) -> Option<Report> {
    let hog = bench.node.spawn(Hog);
    let answerer = bench.node.spawn(Answerer { done: bench.done.clone() });
    let probe = || {
        answerer.try_send(1).expect("an empty mailbox");
        bench.wait.expect(2);
    };
    probe();
    probe::latencies(probe::beside_a_hog(n, || hog.try_send(()).expect("an empty mailbox"), probe), 0.9)
}

pub(crate) fn hog_timer(bench: &Bench, n: u64) -> Option<Report> {
    let hog = bench.node.spawn(Hog);
    let lags = naps(bench, n * 25);
    let hogs = std::thread::spawn(move || {
        probe::beside_a_hog(n, || hog.try_send(()).expect("an empty mailbox"), || {});
    });
    let lags = lags();
    hogs.join().expect("it ends");
    probe::latencies(lags, 0.99)
}

pub(crate) fn coop(bench: &Bench, n: u64) -> Option<Report> {
    let each = n / AWAITERS;
    let permits = Arc::new(Semaphore::new(PERMITS));
    let actors: Vec<_> = (0..AWAITERS)
        .map(|_| bench.node.spawn(Awaiter { permits: permits.clone(), each, done: bench.done.clone() }))
        .collect();
    let started = common::now();
    for actor in &actors {
        actor.try_send(()).expect("an empty mailbox");
    }
    for _ in &actors {
        bench.wait.expect(each);
    }
    Report::new(each * AWAITERS, started.elapsed())
}

/// Pairs that pass a token back and forth for as long as the process runs.
fn busy_pairs(bench: &Bench) {
    for _ in 0..BUSY_PAIRS {
        hop::cycle(bench, 2, Capacity::DEFAULT).try_send(hop::HopMsg::Token(u64::MAX)).expect("room");
    }
}

/// Begins `n` naps in an actor. What it gives waits for them: how much longer than asked for each
/// took.
fn naps(bench: &Bench, n: u64) -> impl FnOnce() -> Vec<u64> {
    let (tell, told) = std::sync::mpsc::channel();
    bench.node.spawn_fn(async move |_: Mailbox<()>| {
        let mut lags = Vec::with_capacity(n as usize);
        for _ in 0..n {
            let begin = common::now();
            wharf::sleep(NAP).await;
            lags.push(probe::nanos(begin.elapsed().saturating_sub(NAP)));
        }
        let _ = tell.send(lags);
    });
    move || told.recv().expect("the naps end")
}

struct Answerer {
    done: Done,
}

impl Actor for Answerer {
    type Msg = u64;

    async fn handle(&mut self, msg: u64, _cx: &mut Context<u64>) -> Result<(), ExitReason> {
        self.done.signal(msg + 1);
        Ok(())
    }
}

struct Hog;

impl Actor for Hog {
    type Msg = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Result<(), ExitReason> {
        probe::spin(HOG);
        Ok(())
    }
}

struct Awaiter {
    permits: Arc<Semaphore>,
    each: u64,
    done: Done,
}

impl Actor for Awaiter {
    type Msg = ();

    async fn handle(&mut self, (): (), _cx: &mut Context<()>) -> Result<(), ExitReason> {
        for _ in 0..self.each {
            drop(self.permits.acquire().await?);
        }
        self.done.signal(self.each);
        Ok(())
    }
}
