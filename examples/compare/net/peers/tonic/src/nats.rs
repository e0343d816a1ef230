//! `net-nats`: NATS. Server and client are both clients of a `nats-server`, whose port is the address: each
//! message makes two hops.

use std::time::Instant;

use async_nats::Client;
use bytes::Bytes;
use futures::StreamExt;
use net_common::{
    HUGE, LARGE, MANY, PAYLOAD, Role, many, report_arrived, report_times, round_trips,
};

fn payload(bytes: usize) -> Bytes {
    vec![7; bytes].into()
}

async fn join(address: &str) -> Client {
    async_nats::connect(format!("127.0.0.1:{address}")).await.expect("a broker")
}

/// Counts what comes; a message that wants a reply is told how many those are.
async fn sink(client: Client, subject: String) {
    let mut messages = client.subscribe(subject).await.expect("a broker");
    tokio::spawn(async move {
        let mut count = 0_u64;
        while let Some(message) = messages.next().await {
            if let Some(reply) = message.reply {
                client.publish(reply, count.to_string().into()).await.expect("a broker");
            } else {
                assert!([PAYLOAD, LARGE, HUGE].contains(&message.payload.len()));
                count += 1;
            }
        }
    });
}

async fn serve(address: String) {
    let client = join(&address).await;
    let mut echoes = client.subscribe("echo").await.expect("a broker");
    for pair in 0..MANY {
        sink(client.clone(), format!("sink{pair}")).await;
    }
    client.flush().await.expect("a broker");
    net_common::ready();
    while let Some(message) = echoes.next().await {
        if let Some(reply) = message.reply {
            client.publish(reply, message.payload).await.expect("a broker");
        }
    }
}

async fn echo(client: &Client) {
    let answer = client.request("echo", payload(PAYLOAD)).await.expect("a server");
    assert_eq!(answer.payload.len(), PAYLOAD);
}

/// Gives how many have come. What the broker drops on the way never does.
async fn put(client: &Client, pair: usize, n: u64, bytes: usize) -> u64 {
    let subject = format!("sink{pair}");
    for _ in 0..n {
        client.publish(subject.clone(), payload(bytes)).await.expect("a broker");
    }
    let count = client.request(subject, Bytes::new()).await.expect("a server");
    std::str::from_utf8(&count.payload).expect("digits").parse().expect("a number")
}

async fn measure(address: String, workload: String, n: u64) {
    let client = join(&address).await;
    let each = n / MANY as u64;
    let started = Instant::now();
    match workload.as_str() {
        "ask" => report_times(&workload, round_trips(n, || echo(&client)).await),
        "ask64" | "pairs" => {
            let asks = workload == "ask64";
            let arrived = many(|pair| {
                let client = client.clone();
                async move {
                    if !asks {
                        return put(&client, pair, each, PAYLOAD).await;
                    }
                    for _ in 0..each {
                        echo(&client).await;
                    }
                    each
                }
            });
            let arrived = arrived.await.iter().sum();
            report_arrived(&workload, each * MANY as u64, PAYLOAD, started.elapsed(), arrived);
        }
        "send" | "large" => {
            let bytes = if workload == "send" { PAYLOAD } else { LARGE };
            let arrived = put(&client, 0, n, bytes).await;
            report_arrived(&workload, n, bytes, started.elapsed(), arrived);
        }
        "ask_beside" => {
            let other = client.clone();
            let stream = tokio::spawn(async move {
                loop {
                    put(&other, 0, 4, HUGE).await;
                }
            });
            report_times(&workload, round_trips(n, || echo(&client)).await);
            stream.abort();
        }
        _ => net_common::skip(&workload),
    }
}

fn main() {
    let args = net_common::args();
    match args.role {
        Role::Server => net_common::run(|| serve(args.address)),
        Role::Client { workload, n } => net_common::run(|| measure(args.address, workload, n)),
    }
}
