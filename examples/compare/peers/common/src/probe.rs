//! What the proofs measure with: latencies, processor time, a TCP client, a hog.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Report;

/// How many pairs keep both workers busy while something else is measured.
pub const BUSY_PAIRS: u64 = 64;
/// How long a hog keeps its thread.
pub const HOG: Duration = Duration::from_millis(20);
/// What the timer probe sleeps.
pub const NAP: Duration = Duration::from_millis(1);
/// Actors, and permits, of the workload about semaphores.
pub const AWAITERS: u64 = 200;
pub const PERMITS: usize = 100;

/// A workload's name without its parameters, which colons set off, and these.
pub fn parameters(w: &str) -> (&str, Vec<&str>) {
    let mut parts = w.split(':');
    (parts.next().unwrap_or(w), parts.collect())
}

/// Capacity and producers of `producers:C:P`; no capacity is unbounded.
pub fn producers(w: &str) -> Option<(Option<u32>, u64)> {
    let ("producers", parameters) = parameters(w) else {
        return None;
    };
    let [capacity, producers] = parameters[..] else {
        panic!("producers:CAPACITY:PRODUCERS");
    };
    let capacity = (capacity != "u").then(|| capacity.parse().expect("a capacity, or u"));
    Some((capacity, producers.parse().expect("a number of producers")))
}

/// Sum of 0..each, once for each of `producers`.
pub fn producers_sum(each: u64, producers: u64) -> u64 {
    each * (each - 1) / 2 * producers
}

/// What `part` of the nanoseconds lie below, in order.
fn below(sorted: &[u64], part: f64) -> f64 {
    let last = sorted.len() - 1;
    sorted[(last as f64 * part) as usize] as f64
}

/// A report whose figure is the given part of the latencies (0.5: the median).
pub fn latencies(mut nanos: Vec<u64>, part: f64) -> Option<Report> {
    nanos.sort_unstable();
    let extra = vec![
        ("samples", nanos.len() as f64),
        ("p50_ns", below(&nanos, 0.5)),
        ("p90_ns", below(&nanos, 0.9)),
        ("p99_ns", below(&nanos, 0.99)),
        ("max_ns", below(&nanos, 1.0)),
    ];
    figure(below(&nanos, part), extra)
}

/// A report of one figure in nanoseconds.
pub fn figure(nanos: f64, extra: Vec<(&'static str, f64)>) -> Option<Report> {
    Some(Report {
        n: 1,
        secs: nanos / 1e9,
        extra,
    })
}

pub fn nanos(of: Duration) -> u64 {
    of.as_nanos() as u64
}

/// Processor time that this process has used, all threads, in nanoseconds.
pub fn cpu_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// Keeps the thread for `time`.
pub fn spin(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Sends `n` messages of 64 bytes to an echo server, one after the other; how long each took.
pub fn echo_client(to: SocketAddr, n: u64) -> Vec<u64> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = [0; 64];
    (0..n)
        .map(|i| {
            let message = [i as u8; 64];
            let begin = Instant::now();
            stream.write_all(&message).unwrap();
            stream.read_exact(&mut answer).unwrap();
            let took = nanos(begin.elapsed());
            assert_eq!(answer, message, "wrong result");
            took
        })
        .collect()
}

/// The server's side of one connection.
pub async fn echo(stream: tokio::net::TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = stream;
    stream.set_nodelay(true).unwrap();
    let mut message = [0; 64];
    while stream.read_exact(&mut message).await.is_ok() {
        stream.write_all(&message).await.unwrap();
    }
}

/// Has a hog run `n` times, and measures `probe` while it does. `hog` is to come back at once.
pub fn beside_a_hog(n: u64, hog: impl Fn(), probe: impl Fn()) -> Vec<u64> {
    (0..n)
        .map(|_| {
            hog();
            // Until the hog has its thread.
            std::thread::sleep(Duration::from_millis(2));
            let begin = Instant::now();
            probe();
            let took = nanos(begin.elapsed());
            // Until it is over, and all is quiet again.
            std::thread::sleep(HOG + Duration::from_millis(5));
            took
        })
        .collect()
}
