//! `net-ractor`: ractor_cluster between two processes, over TCP. A cast is queued without bound.

use std::time::Instant;

use net_common::{
    HUGE, LARGE, MANY, PAYLOAD, Role, many, report_arrived, report_rate, report_times, round_trips,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, call};
use ractor_cluster::RactorClusterMessage;

struct Sink;

#[derive(RactorClusterMessage)]
enum Msg {
    Put(Vec<u8>),
    #[rpc]
    Echo(Vec<u8>, RpcReplyPort<Vec<u8>>),
    /// How many messages came, and how many bytes.
    #[rpc]
    Count(RpcReplyPort<u64>),
}

#[async_trait::async_trait]
impl Actor for Sink {
    type Msg = Msg;
    type State = u64;
    type Arguments = String;

    async fn pre_start(&self, me: ActorRef<Msg>, group: String) -> Result<u64, ActorProcessingErr> {
        ractor::pg::join(group, vec![me.get_cell()]);
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Msg>, msg: Msg, count: &mut u64) -> Result<(), ActorProcessingErr> {
        match msg {
            Msg::Put(payload) => {
                assert!([PAYLOAD, LARGE, HUGE].contains(&payload.len()));
                *count += 1;
            }
            Msg::Echo(payload, reply) => _ = reply.send(payload),
            Msg::Count(reply) => _ = reply.send(*count),
        }
        Ok(())
    }
}

type Far = ActorRef<Msg>;

async fn node(name: &str, port: u16) -> ActorRef<ractor_cluster::NodeServerMessage> {
    let server =
        ractor_cluster::NodeServer::new(port, "cookie".into(), name.into(), "localhost".into(), None, None);
    Actor::spawn(None, server, ()).await.expect("a node").0
}

async fn serve(port: u16) {
    let _node = node("server", port).await;
    Actor::spawn(None, Sink, "sink".into()).await.expect("an actor");
    Actor::spawn(None, Sink, "bulk".into()).await.expect("an actor");
    for pair in 0..MANY {
        Actor::spawn(None, Sink, format!("sink{pair}")).await.expect("an actor");
    }
    // It listens in a task of its own, and does not say since when.
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::task::yield_now().await;
    }
    net_common::ready();
    std::future::pending().await
}

async fn find(group: &str) -> Far {
    loop {
        let members = ractor::pg::get_members(&group.to_string());
        if let Some(far) = members.into_iter().find(|cell| !cell.get_id().is_local()) {
            return far.into();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn echo(far: &Far) {
    let answer = call!(far, Msg::Echo, vec![7; PAYLOAD]).expect("a server");
    assert_eq!(answer.len(), PAYLOAD);
}

/// Sends `n`, and waits until they have come; gives how many did.
async fn put(far: Far, n: u64, bytes: usize) -> u64 {
    for _ in 0..n {
        far.cast(Msg::Put(vec![7; bytes])).expect("a server");
    }
    let started = Instant::now();
    loop {
        let count = call!(far, Msg::Count).expect("a server");
        if count >= n || started.elapsed().as_secs() > 30 {
            return count;
        }
    }
}

async fn measure(port: u16, workload: String, n: u64) {
    let node = node("client", 0).await;
    ractor_cluster::client_connect(&node, ("localhost", port)).await.expect("a server");
    match workload.as_str() {
        "ask" => {
            let far = find("sink").await;
            report_times(&workload, round_trips(n, || echo(&far)).await);
        }
        "ask64" => {
            let far = find("sink").await;
            let each = n / MANY as u64;
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
        "send" | "large" => {
            let (far, bytes) =
                if workload == "send" { (find("sink").await, PAYLOAD) } else { (find("bulk").await, LARGE) };
            let started = Instant::now();
            let arrived = put(far, n, bytes).await;
            report_arrived(&workload, n, bytes, started.elapsed(), arrived);
        }
        "pairs" => {
            let mut fars = Vec::new();
            for pair in 0..MANY {
                fars.push(find(&format!("sink{pair}")).await);
            }
            let each = n / MANY as u64;
            let started = Instant::now();
            let arrived = many(|pair| put(fars[pair].clone(), each, PAYLOAD)).await.iter().sum();
            report_arrived(&workload, each * MANY as u64, PAYLOAD, started.elapsed(), arrived);
        }
        "ask_beside" => {
            let (far, bulk) = (find("sink").await, find("bulk").await);
            let stream = tokio::spawn(async move {
                // Nothing holds it back but that each has to come before the next but three goes.
                let mut sent = 0;
                loop {
                    for _ in 0..4 {
                        bulk.cast(Msg::Put(vec![7; HUGE])).expect("a server");
                        sent += 1;
                    }
                    while call!(bulk, Msg::Count).expect("a server") < sent {}
                }
            });
            report_times(&workload, round_trips(n, || echo(&far)).await);
            stream.abort();
        }
        _ => net_common::skip(&workload),
    }
}

fn main() {
    let args = net_common::args();
    let port = args.address.parse().expect("a port");
    match args.role {
        Role::Server => net_common::run(move || serve(port)),
        Role::Client { workload, n } => net_common::run(move || measure(port, workload, n)),
    }
}
