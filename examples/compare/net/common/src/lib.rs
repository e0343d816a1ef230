//! What the programs of this folder share: the command line, the sizes, and the line that a client prints.
//!
//! `PROGRAM server ADDRESS` says `ready` when it can be called, and ends when its standard input does, so
//! that none is left over whatever becomes of the script. `PROGRAM client ADDRESS WORKLOAD N` measures once
//! and prints one line of JSON.

use std::future::Future;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// Bytes of a message, where a workload says nothing else.
pub const PAYLOAD: usize = 64;
/// Bytes of a message of `large`.
pub const LARGE: usize = 64 * 1024;
/// Bytes of a message of the stream that goes on beside `ask_beside`.
pub const HUGE: usize = 1_000_000;
/// Askers of `ask64`, and pairs of `pairs`.
pub const MANY: usize = 64;

/// What a program is to do.
pub enum Role {
    Server,
    Client { workload: String, n: u64 },
}

pub struct Args {
    pub role: Role,
    pub address: String,
}

/// The command line; says how it goes if it is wrong.
pub fn args() -> Args {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", address] => Args { role: Role::Server, address: address.into() },
        ["client", address, workload, n] => {
            let n = n.replace('_', "").parse().expect("N is a number");
            Args { role: Role::Client { workload: workload.into(), n }, address: address.into() }
        }
        _ => {
            eprintln!("PROGRAM server ADDRESS | client ADDRESS WORKLOAD N");
            std::process::exit(2);
        }
    }
}

/// Runs on two workers, in a task: whoever asks from the thread that blocks on the runtime pays for a thread
/// that wakes another.
pub fn run<F: Future<Output = ()> + Send + 'static>(main: impl FnOnce() -> F) {
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let done = {
        let _inside = tokio.enter();
        tokio.spawn(main())
    };
    tokio.block_on(done).expect("a panic was reported");
    std::process::exit(0);
}

/// The server can be called. It ends with its standard input.
pub fn ready() {
    println!("ready");
    std::io::stdout().flush().expect("the script reads it");
    std::thread::spawn(|| {
        let mut sink = [0; 64];
        while std::io::stdin().read(&mut sink).is_ok_and(|count| count > 0) {}
        std::process::exit(0);
    });
}

/// Round trips, one after the other: warms up first, then notes how long each of `n` takes.
pub async fn round_trips<F: Future<Output = ()>>(n: u64, mut ask: impl FnMut() -> F) -> Vec<u64> {
    for _ in 0..n / 10 {
        ask().await;
    }
    let mut each = Vec::with_capacity(n as usize);
    for _ in 0..n {
        let started = Instant::now();
        ask().await;
        each.push(started.elapsed().as_nanos() as u64);
    }
    each
}

/// Prints the middle and the worst of what was measured.
pub fn report_times(workload: &str, mut each: Vec<u64>) {
    each.sort_unstable();
    let at = |part: usize| each[(each.len() * part / 1000).min(each.len() - 1)] as f64 / 1e3;
    println!(
        r#"{{"workload":"{workload}","n":{},"p50_us":{:.2},"p99_us":{:.2},"p999_us":{:.2}}}"#,
        each.len(),
        at(500),
        at(990),
        at(999)
    );
}

/// Prints how many there were in a second, and how many bytes.
pub fn report_rate(workload: &str, n: u64, bytes: usize, took: Duration) {
    let rate = n as f64 / took.as_secs_f64();
    println!(
        r#"{{"workload":"{workload}","n":{n},"per_s":{rate:.0},"mb_s":{:.1}}}"#,
        rate * bytes as f64 / 1e6
    );
}

/// Prints how many there were in a second, if all `n` arrived; and else that some never did.
pub fn report_arrived(workload: &str, n: u64, bytes: usize, took: Duration, arrived: u64) {
    if arrived == n {
        report_rate(workload, n, bytes, took);
    } else {
        println!(r#"{{"workload":"{workload}","error":"{arrived} of {n} arrived"}}"#);
    }
}

/// [`MANY`] tasks at once, and what each ends with.
pub async fn many<F>(task: impl FnMut(usize) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = (0..MANY).map(task).map(tokio::spawn).collect();
    let mut ends = Vec::with_capacity(MANY);
    for task in tasks {
        ends.push(task.await.expect("no panic"));
    }
    ends
}

/// The peer has no such workload.
pub fn skip(workload: &str) {
    println!(r#"{{"workload":"{workload}","skip":true}}"#);
}
