//! Shared parts of the peer benchmarks: workload names and sizes, timing,
//! the completion signal, memory readings and the JSON line every peer prints.

use std::sync::mpsc;
use std::time::{Duration, Instant};

pub mod chan;
pub mod probe;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Workload name and its default N.
pub const WORKLOADS: &[(&str, u64)] = &[
    ("pingpong", 1_000_000),
    ("pingpong_pairs", 2_000_000),
    ("fanin", 5_000_000),
    ("fanin_bounded", 5_000_000),
    ("ask", 500_000),
    ("ask_pipelined", 1_000_000),
    ("ring", 1_000_000),
    ("spawn", 1_000_000),
    ("idle_memory", 1_000_000),
    ("skynet", 1_000_000),
    // N counts pings; the report counts messages, which is twice that.
    ("big", 2_000_000),
    ("blob", 1_000_000),
    // What proofs.py asks for. Parameters follow a colon.
    ("rendezvous", 1_000_000),
    ("pingpong_unbounded", 1_000_000),
    ("producers", 2_000_000),
    ("batch", 2_000_000),
    ("growth", 1_000_000),
    ("idle_cpu", 1_000_000),
    ("stale_pid", 20_000),
    ("wakeup", 20_000),
    ("echo", 5_000),
    ("timer_lag", 1_000),
    ("hog", 50),
    ("hog_timer", 50),
    ("coop", 2_000_000),
];

pub const PAIRS: u64 = 64;
pub const PRODUCERS: u64 = 4;
pub const ASKERS: u64 = 64;
pub const RING: u64 = 1000;
pub const BIG_ACTORS: u64 = 1000;
pub const BOUND: usize = 1024;
/// How many actors the spawn and idle_memory workloads start before yielding.
pub const BATCH: u64 = 1000;

pub type Blob = Box<[u8; 256]>;

pub fn blob(i: u64) -> Blob {
    Box::new([i as u8; 256])
}

/// Checks both ends of a payload and returns its mark.
pub fn blob_mark(b: &Blob) -> u64 {
    assert_eq!(b[0], b[255]);
    b[0] as u64
}

/// Sum of the marks of `n` blobs sent by PRODUCERS, each counting from zero.
pub fn blob_sum(n: u64) -> u64 {
    let each = n / PRODUCERS;
    (0..each).map(|i| i as u8 as u64).sum::<u64>() * PRODUCERS
}

/// Sum of 0..each, once per producer.
pub fn fanin_sum(n: u64) -> u64 {
    let each = n / PRODUCERS;
    each * (each - 1) / 2 * PRODUCERS
}

pub fn skynet_sum(leaves: u64) -> u64 {
    leaves * (leaves - 1) / 2
}

/// Ten to the power `levels` leaves; returns (levels, leaves) for the request.
pub fn skynet_levels(n: u64) -> u32 {
    let mut l = 0;
    let mut size = 1;
    while size < n {
        size *= 10;
        l += 1;
    }
    assert_eq!(size, n, "skynet wants a power of ten");
    l
}

#[derive(Clone)]
pub struct Rng(u64);
impl Rng {
    pub fn new(seed: u64) -> Self {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    /// Uniform enough in 0..n, and cheap.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) * n) >> 32
    }
}

pub struct Report {
    pub n: u64,
    pub secs: f64,
    pub extra: Vec<(&'static str, f64)>,
}

impl Report {
    pub fn new(n: u64, t: Duration) -> Option<Report> {
        Some(Report {
            n,
            secs: t.as_secs_f64(),
            extra: vec![],
        })
    }
    pub fn memory(n: u64, t: Duration, bytes: u64) -> Option<Report> {
        Some(Report {
            n,
            secs: t.as_secs_f64(),
            extra: vec![("bytes_per_actor", bytes as f64 / n as f64)],
        })
    }
}

/// Completion signal from inside the runtime to the measuring thread.
#[derive(Clone)]
pub struct Done(mpsc::Sender<u64>);
pub struct Wait(mpsc::Receiver<u64>);
pub fn done() -> (Done, Wait) {
    let (a, b) = mpsc::channel();
    (Done(a), Wait(b))
}
impl Done {
    pub fn signal(&self, v: u64) {
        let _ = self.0.send(v);
    }
}
impl Wait {
    pub fn one(&self) -> u64 {
        self.0
            .recv_timeout(Duration::from_secs(150))
            .expect("workload did not finish")
    }
    pub fn expect(&self, v: u64) {
        assert_eq!(self.one(), v, "wrong result");
    }
}

/// Resident set size in bytes.
pub fn rss() -> u64 {
    let s = std::fs::read_to_string("/proc/self/statm").unwrap();
    s.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

pub fn peak_rss() -> u64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    let l = s.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    l.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

pub fn now() -> Instant {
    Instant::now()
}

/// The runtime every tokio-based peer uses: two workers.
pub fn rt() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Command line: `WORKLOAD [N]`. `f` returns None for a workload that the
/// framework cannot express.
pub fn bench_main(fw: &str, f: impl Fn(&str, u64) -> Option<Report>) {
    let mut args = std::env::args().skip(1);
    let w = args.next().expect("usage: WORKLOAD [N]");
    let default = WORKLOADS
        .iter()
        .find(|(name, _)| *name == probe::parameters(&w).0)
        .unwrap_or_else(|| panic!("unknown workload {w}"))
        .1;
    let n = args
        .next()
        .map(|s| s.replace('_', "").parse().unwrap())
        .unwrap_or(default);
    match f(&w, n) {
        Some(r) => {
            let mut extra: Vec<String> = r
                .extra
                .iter()
                .map(|(k, v)| format!("\"{k}\":{v:.1}"))
                .collect();
            extra.push(format!("\"peak_rss_mb\":{:.0}", peak_rss() as f64 / 1e6));
            println!(
                "{{\"fw\":\"{fw}\",\"workload\":\"{w}\",\"n\":{},\"secs\":{:.6},\"per_op_ns\":{:.2},\"extra\":{{{}}}}}",
                r.n,
                r.secs,
                r.secs * 1e9 / r.n as f64,
                extra.join(",")
            );
        }
        None => println!("{{\"fw\":\"{fw}\",\"workload\":\"{w}\",\"skip\":true}}"),
    }
    // Teardown of a million actors is not part of any measurement.
    std::process::exit(0);
}
