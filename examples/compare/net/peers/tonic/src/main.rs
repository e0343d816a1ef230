//! `net-tonic`: gRPC between two processes. Its `send` is one call whose argument is a stream of messages.

use std::time::Instant;

use net_common::{HUGE, LARGE, MANY, PAYLOAD, Role, many, report_rate, report_times, round_trips};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

mod b {
    tonic::include_proto!("b");
}
use b::sink_client::SinkClient;
use b::sink_server::{Sink, SinkServer};
use b::{Count, Payload};

struct Server;

#[tonic::async_trait]
impl Sink for Server {
    async fn echo(&self, request: Request<Payload>) -> Result<Response<Payload>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn put(&self, request: Request<Streaming<Payload>>) -> Result<Response<Count>, Status> {
        let mut stream = request.into_inner();
        let mut count = 0;
        while let Some(payload) = stream.message().await? {
            assert!([PAYLOAD, LARGE, HUGE].contains(&payload.bytes.len()));
            count += 1;
        }
        Ok(Response::new(Count { count }))
    }
}

async fn serve(port: u16) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
    net_common::ready();
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(SinkServer::new(Server));
    server.serve_with_incoming(incoming).await.expect("a server");
}

fn payload(bytes: usize) -> Payload {
    Payload { bytes: vec![7; bytes] }
}

async fn echo(client: &SinkClient<Channel>) {
    let answer = client.clone().echo(payload(PAYLOAD)).await.expect("a server");
    assert_eq!(answer.into_inner().bytes.len(), PAYLOAD);
}

async fn put(client: &SinkClient<Channel>, n: u64, bytes: usize) {
    let stream = tokio_stream::iter((0..n).map(move |_| payload(bytes)));
    let count = client.clone().put(stream).await.expect("a server");
    assert_eq!(count.into_inner().count, n);
}

async fn measure(port: u16, workload: String, n: u64) {
    let client = SinkClient::connect(format!("http://127.0.0.1:{port}")).await.expect("a server");
    let each = n / MANY as u64;
    let started = Instant::now();
    match workload.as_str() {
        "ask" => report_times(&workload, round_trips(n, || echo(&client)).await),
        "ask64" | "pairs" => {
            let asks = workload == "ask64";
            many(|_| {
                let client = client.clone();
                async move {
                    if !asks {
                        return put(&client, each, PAYLOAD).await;
                    }
                    for _ in 0..each {
                        echo(&client).await;
                    }
                }
            })
            .await;
            report_rate(&workload, each * MANY as u64, PAYLOAD, started.elapsed());
        }
        "send" | "large" => {
            let bytes = if workload == "send" { PAYLOAD } else { LARGE };
            put(&client, n, bytes).await;
            report_rate(&workload, n, bytes, started.elapsed());
        }
        "ask_beside" => {
            let other = client.clone();
            let stream = tokio::spawn(async move { put(&other, u64::MAX, HUGE).await });
            report_times(&workload, round_trips(n, || echo(&client)).await);
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
