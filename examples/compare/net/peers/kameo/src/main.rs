//! `net-kameo`: kameo's remote actors between two processes, over TCP with noise and yamux, or over QUIC
//! when the address is `quic:PORT`.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kameo::prelude::*;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, noise, tcp, yamux};
use net_common::{MANY, PAYLOAD, Role, many, report_arrived, report_rate, report_times, round_trips};
use serde::{Deserialize, Serialize};

#[derive(Actor, RemoteActor)]
pub struct Sink {
    count: u64,
}

#[derive(Serialize, Deserialize)]
pub struct Put(Vec<u8>);

#[derive(Serialize, Deserialize)]
pub struct Echo(Vec<u8>);

#[derive(Serialize, Deserialize)]
pub struct Count;

#[remote_message]
impl Message<Put> for Sink {
    type Reply = ();

    async fn handle(&mut self, msg: Put, _: &mut Context<Self, ()>) {
        assert_eq!(msg.0.len(), PAYLOAD);
        self.count += 1;
    }
}

#[remote_message]
impl Message<Echo> for Sink {
    type Reply = Vec<u8>;

    async fn handle(&mut self, msg: Echo, _: &mut Context<Self, Vec<u8>>) -> Vec<u8> {
        msg.0
    }
}

#[remote_message]
impl Message<Count> for Sink {
    type Reply = u64;

    async fn handle(&mut self, _: Count, _: &mut Context<Self, u64>) -> u64 {
        self.count
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kameo: remote::Behaviour,
}

/// Begins to carry messages, at `listen` and to `dial`.
fn join(listen: Option<Multiaddr>, dial: Option<Multiaddr>) {
    let mut swarm = libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .expect("tcp")
        .with_quic()
        .with_behaviour(|keys| {
            let config = remote::messaging::Config::default()
                .with_request_timeout(Duration::from_secs(30))
                .with_max_concurrent_streams(256);
            Behaviour { kameo: remote::Behaviour::new(keys.public().to_peer_id(), config) }
        })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(300)))
        .build();
    swarm.behaviour().kameo.init_global();
    let is_server = dial.is_none();
    if let Some(address) = listen {
        swarm.listen_on(address).expect("a free address");
    }
    if let Some(address) = dial {
        swarm.dial(address).expect("a server");
    }
    tokio::spawn(async move {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => {
                    swarm.add_peer_address(peer_id, endpoint.get_remote_address().clone());
                }
                SwarmEvent::NewListenAddr { .. } if is_server => net_common::ready(),
                _ => {}
            }
        }
    });
}

fn address(text: &str) -> Multiaddr {
    let text = match text.strip_prefix("quic:") {
        Some(port) => format!("/ip4/127.0.0.1/udp/{port}/quic-v1"),
        None => format!("/ip4/127.0.0.1/tcp/{text}"),
    };
    text.parse().expect("a port")
}

async fn serve(at: String) {
    join(Some(address(&at)), None);
    let sink = Sink::spawn(Sink { count: 0 });
    // It is registered with the client, once there is one.
    while sink.register("sink").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::future::pending().await
}

async fn find() -> RemoteActorRef<Sink> {
    loop {
        if let Ok(Some(far)) = RemoteActorRef::<Sink>::lookup("sink").await {
            return far;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn echo(far: &RemoteActorRef<Sink>) {
    let answer = far.ask(&Echo(vec![7; PAYLOAD])).await.expect("a server");
    assert_eq!(answer.len(), PAYLOAD);
}

/// Sends without waiting for anything; gives how many came, and when the last had.
async fn put(far: &RemoteActorRef<Sink>, n: u64) -> (u64, Instant) {
    let each = n / MANY as u64;
    many(|_| {
        let far = far.clone();
        async move {
            for _ in 0..each {
                // What it says here, and what comes, are compared at the end.
                _ = far.tell(&Put(vec![7; PAYLOAD])).send();
            }
        }
    })
    .await;
    let mut last = (0, Instant::now());
    while last.0 < each * MANY as u64 && last.1.elapsed() < Duration::from_secs(5) {
        match far.ask(&Count).await {
            Ok(count) if count != last.0 => last = (count, Instant::now()),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    last
}

async fn measure(at: String, workload: String, n: u64) {
    let own = if at.starts_with("quic:") { "quic:0" } else { "0" };
    join(Some(address(own)), Some(address(&at)));
    let far = find().await;
    let each = n / MANY as u64;
    match workload.as_str() {
        "ask" => report_times(&workload, round_trips(n, || echo(&far)).await),
        "ask64" => {
            let started = Instant::now();
            many(|_| {
                let far = far.clone();
                async move {
                    for _ in 0..each {
                        echo(&far).await;
                    }
                }
            })
            .await;
            report_rate(&workload, each * MANY as u64, PAYLOAD, started.elapsed());
        }
        "send" => {
            let started = Instant::now();
            let (arrived, last) = put(&far, n).await;
            report_arrived(&workload, each * MANY as u64, PAYLOAD, last - started, arrived);
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
