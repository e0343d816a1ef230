//! What is measured, from actors of the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use net_common::{HUGE, LARGE, MANY, PAYLOAD, report_rate, report_times, round_trips};
use tokio::sync::oneshot;
use wharf::net::Net;
use wharf::prelude::*;

use crate::actors::{BulkCalls, BulkMsg, SinkCalls, SinkMsg, numbered};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn payload() -> Vec<u8> {
    vec![7; PAYLOAD]
}

pub(crate) async fn run(net: &Net, workload: &str, n: u64) -> Outcome {
    match workload {
        "ask" => {
            let sink = net.lookup("sink@server").await?;
            report_times(workload, in_actor(net, async move || echoes(&sink, n).await).await?);
        }
        "ask64" => ask64(net, n).await?,
        "send" => {
            let sink: Pid<SinkMsg> = net.lookup("sink@server").await?;
            let started = Instant::now();
            in_actor(net, async move || puts(&sink, n).await).await?;
            report_rate(workload, n, PAYLOAD, started.elapsed());
        }
        "pairs" => pairs(net, n).await?,
        "large" => {
            let bulk: Pid<BulkMsg> = net.lookup("bulk@server").await?;
            let started = Instant::now();
            in_actor(net, async move || {
                for _ in 0..n {
                    bulk.pour(vec![7; LARGE]).await.expect("a server");
                }
                assert_eq!(bulk.poured().await, Ok(n * LARGE as u64));
            })
            .await?;
            report_rate(workload, n, LARGE, started.elapsed());
        }
        "ask_beside" => ask_beside(net, n).await?,
        "spawn" => {
            let net_too = net.clone();
            let each = in_actor(net, async move || {
                round_trips(n, async || {
                    let sink: Pid<SinkMsg> =
                        net_too.spawn_on("server", "new sink", ()).await.expect("a server");
                    sink.stop();
                    let reason = sink.stopped().await;
                    // It may have ended before this node asked to be told.
                    let told = matches!(reason, ExitReason::Normal | ExitReason::NoProc);
                    assert!(told, "{reason:?}");
                })
                .await
            });
            report_times(workload, each.await?);
        }
        _ => net_common::skip(workload),
    }
    Ok(())
}

/// Runs a measurement as an actor of the client, from now on.
fn in_actor<T: Send + 'static, F, M>(
    net: &Net,
    measure: M,
) -> impl Future<Output = Outcome<T>> + Send + use<T, F, M>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (done, measured) = oneshot::channel();
    net.node().spawn_fn(async move |_: Mailbox<()>| {
        // Whoever waits for it is still there.
        _ = done.send(measure().await);
    });
    async move { Ok(measured.await?) }
}

async fn echoes(sink: &Pid<SinkMsg>, n: u64) -> Vec<u64> {
    round_trips(n, async || {
        let answer = sink.echo(payload()).await.expect("a server");
        assert_eq!(answer.len(), PAYLOAD);
    })
    .await
}

async fn puts(sink: &Pid<SinkMsg>, n: u64) {
    for _ in 0..n {
        sink.put(payload()).await.expect("a server");
    }
    // It comes after all of them.
    assert_eq!(sink.count().await, Ok(n));
}

async fn ask64(net: &Net, n: u64) -> Outcome {
    let sink: Pid<SinkMsg> = net.lookup("sink@server").await?;
    let each = n / MANY as u64;
    let started = Instant::now();
    let askers: Vec<_> = (0..MANY)
        .map(|_| {
            let sink = sink.clone();
            in_actor(net, async move || {
                for _ in 0..each {
                    sink.echo(payload()).await.expect("a server");
                }
            })
        })
        .collect();
    for asker in askers {
        asker.await?;
    }
    report_rate("ask64", each * MANY as u64, PAYLOAD, started.elapsed());
    Ok(())
}

async fn pairs(net: &Net, n: u64) -> Outcome {
    let mut sinks: Vec<Pid<SinkMsg>> = Vec::new();
    for pair in 0..MANY {
        sinks.push(net.lookup(&format!("{}@server", numbered(pair))).await?);
    }
    let each = n / MANY as u64;
    let started = Instant::now();
    let senders: Vec<_> =
        sinks.into_iter().map(|sink| in_actor(net, async move || puts(&sink, each).await)).collect();
    for sender in senders {
        sender.await?;
    }
    report_rate("pairs", each * MANY as u64, PAYLOAD, started.elapsed());
    Ok(())
}

async fn ask_beside(net: &Net, n: u64) -> Outcome {
    let sink = net.lookup("sink@server").await?;
    let bulk: Pid<BulkMsg> = net.lookup("bulk@server").await?;
    let over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&over);
    let stream = in_actor(net, async move || {
        // Relaxed: one message more or less.
        while !stop.load(Ordering::Relaxed) {
            bulk.pour(vec![7; HUGE]).await.expect("a server");
        }
    });
    let each = in_actor(net, async move || echoes(&sink, n).await);
    report_times("ask_beside", each.await?);
    over.store(true, Ordering::Relaxed);
    stream.await
}
