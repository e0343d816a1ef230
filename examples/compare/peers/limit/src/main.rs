//! What the machine allows: the cost of the parts a message hop is made of.
//! `limit [all | NAME]` prints one JSON line per part.

use crossbeam_queue::{ArrayQueue, SegQueue};
use std::collections::VecDeque;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

fn report(name: &str, n: u64, f: impl FnOnce() -> u64) {
    let t = Instant::now();
    let check = f();
    let secs = t.elapsed().as_secs_f64();
    assert_eq!(check, n, "{name}");
    println!(
        "{{\"fw\":\"limit\",\"workload\":\"{name}\",\"n\":{n},\"secs\":{secs:.6},\"per_op_ns\":{:.3},\"extra\":{{}}}}",
        secs * 1e9 / n as f64
    );
}

#[allow(dead_code)]
enum Msg {
    Add(u64),
    Set(u64),
    Get(usize),
}

type Call = Box<dyn FnOnce(&mut u64)>;

/// (a) push + pop of one message on a VecDeque in the same thread.
fn deque_closure(n: u64) -> u64 {
    let mut q: VecDeque<Call> = VecDeque::with_capacity(64);
    let mut acc = 0;
    for i in 0..n {
        let v = black_box(i);
        q.push_back(Box::new(move |a| *a += (v == i) as u64));
        (black_box(&mut q).pop_front().unwrap())(&mut acc);
    }
    acc
}

fn deque_enum(n: u64) -> u64 {
    let mut q: VecDeque<Msg> = VecDeque::with_capacity(64);
    let mut acc = 0;
    for i in 0..n {
        q.push_back(Msg::Add(black_box(i)));
        match black_box(&mut q).pop_front().unwrap() {
            Msg::Add(v) => acc += (v == i) as u64,
            Msg::Set(v) => acc = v,
            Msg::Get(_) => {}
        }
    }
    acc
}

/// (b) two threads hand a cache line back and forth, spinning; one op = one
/// way.
fn line_pingpong(n: u64) -> u64 {
    #[repr(align(128))]
    struct Line(AtomicU64);
    let line = Arc::new(Line(AtomicU64::new(0)));
    let other = line.clone();
    let h = std::thread::spawn(move || {
        let mut i = 1;
        while i < n {
            while other.0.load(Acquire) != i {
                spin_loop();
            }
            other.0.store(i + 1, Release);
            i += 2;
        }
    });
    let mut i = 0;
    while i < n {
        while line.0.load(Acquire) != i {
            spin_loop();
        }
        line.0.store(i + 1, Release);
        i += 2;
    }
    h.join().unwrap();
    line.0.load(Acquire)
}

/// The same hand-over with two threads that sleep and wake each other.
fn park_pingpong(n: u64) -> u64 {
    let shared = Arc::new((Mutex::new(0u64), Condvar::new()));
    let run = move |s: Arc<(Mutex<u64>, Condvar)>, mine: u64| {
        let mut g = s.0.lock().unwrap();
        loop {
            if *g >= n {
                s.1.notify_one();
                return;
            }
            if *g % 2 == mine {
                *g += 1;
                s.1.notify_one();
            } else {
                g = s.1.wait(g).unwrap();
            }
        }
    };
    let s2 = shared.clone();
    let h = std::thread::spawn(move || run(s2, 1));
    run(shared.clone(), 0);
    h.join().unwrap();
    let v = *shared.0.lock().unwrap();
    v
}

/// (c) two actors with VecDeque mailboxes, a run queue, one thread, a countdown
/// token: the floor of a message hop. `enum` dispatches on an enum message with
/// a concrete actor type.
fn hop_enum(n: u64) -> u64 {
    struct Actor {
        mailbox: VecDeque<Msg>,
        peer: usize,
        got: u64,
        scheduled: bool,
    }
    let mut actors: Vec<Actor> = (0..2)
        .map(|i| Actor {
            mailbox: VecDeque::new(),
            peer: 1 - i,
            got: 0,
            scheduled: false,
        })
        .collect();
    let mut runq: VecDeque<usize> = VecDeque::new();
    fn send(actors: &mut [Actor], runq: &mut VecDeque<usize>, to: usize, m: Msg) {
        let a = &mut actors[to];
        a.mailbox.push_back(m);
        if !a.scheduled {
            a.scheduled = true;
            runq.push_back(to);
        }
    }
    send(&mut actors, &mut runq, 0, Msg::Add(n - 1));
    while let Some(me) = runq.pop_front() {
        let mut budget = 64;
        while budget > 0 {
            budget -= 1;
            let Some(m) = actors[me].mailbox.pop_front() else {
                break;
            };
            match m {
                Msg::Add(v) => {
                    actors[me].got += 1;
                    if v > 0 {
                        let to = black_box(actors[me].peer);
                        send(&mut actors, &mut runq, to, Msg::Add(v - 1));
                    }
                }
                Msg::Set(v) => actors[me].got = v,
                Msg::Get(_) => {}
            }
        }
        if actors[me].mailbox.is_empty() {
            actors[me].scheduled = false;
        } else {
            runq.push_back(me);
        }
    }
    actors[0].got + actors[1].got
}

/// The same with type-erased actors and boxed messages, reference-counted
/// handles and interior mutability: the floor of an open, dynamically typed
/// single-threaded actor runtime.
fn hop_boxed(n: u64) -> u64 {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    type Envelope = Box<dyn FnOnce(&mut dyn std::any::Any, &Ctx)>;
    struct Slot {
        mailbox: RefCell<VecDeque<Envelope>>,
        state: RefCell<Box<dyn std::any::Any>>,
        scheduled: Cell<bool>,
    }
    struct Ctx {
        runq: RefCell<VecDeque<Rc<Slot>>>,
    }
    struct Hop {
        peer: Option<Rc<Slot>>,
        got: u64,
    }
    fn send(to: &Rc<Slot>, ctx: &Ctx, v: u64) {
        to.mailbox.borrow_mut().push_back(Box::new(move |a, ctx| {
            let h = a.downcast_mut::<Hop>().unwrap();
            h.got += 1;
            if v > 0 {
                send(h.peer.as_ref().unwrap(), ctx, v - 1);
            }
        }));
        if !to.scheduled.replace(true) {
            ctx.runq.borrow_mut().push_back(to.clone());
        }
    }
    let ctx = Ctx {
        runq: RefCell::default(),
    };
    let slot = || {
        Rc::new(Slot {
            mailbox: RefCell::default(),
            state: RefCell::new(Box::new(Hop { peer: None, got: 0 })),
            scheduled: Cell::new(false),
        })
    };
    let (a, b) = (slot(), slot());
    let set = |x: &Rc<Slot>, y: &Rc<Slot>| {
        x.state.borrow_mut().downcast_mut::<Hop>().unwrap().peer = Some(y.clone());
    };
    set(&a, &b);
    set(&b, &a);
    send(&a, &ctx, n - 1);
    loop {
        let Some(s) = ctx.runq.borrow_mut().pop_front() else {
            break;
        };
        let mut state = s.state.borrow_mut();
        for _ in 0..64 {
            let Some(m) = s.mailbox.borrow_mut().pop_front() else {
                break;
            };
            m(state.as_mut(), &ctx);
        }
        drop(state);
        if s.mailbox.borrow().is_empty() {
            s.scheduled.set(false);
        } else {
            ctx.runq.borrow_mut().push_back(s);
        }
    }
    let got = |x: &Rc<Slot>| x.state.borrow_mut().downcast_mut::<Hop>().unwrap().got;
    got(&a) + got(&b)
}

/// (d) push + pop on the concurrent queues, uncontended.
fn segqueue(n: u64) -> u64 {
    let q = SegQueue::new();
    let mut acc = 0;
    for i in 0..n {
        q.push(black_box(i));
        acc += (q.pop().unwrap() == i) as u64;
    }
    acc
}

fn arrayqueue(n: u64) -> u64 {
    let q = ArrayQueue::new(1024);
    let mut acc = 0;
    for i in 0..n {
        q.push(black_box(i)).unwrap();
        acc += (q.pop().unwrap() == i) as u64;
    }
    acc
}

fn mutex_deque(n: u64) -> u64 {
    let q = Mutex::new(VecDeque::with_capacity(64));
    let mut acc = 0;
    for i in 0..n {
        black_box(&q).lock().unwrap().push_back(black_box(i));
        acc += (black_box(&q).lock().unwrap().pop_front().unwrap() == i) as u64;
    }
    acc
}

/// One uncontended atomic read-modify-write.
fn atomic_rmw(n: u64) -> u64 {
    let a = AtomicU64::new(0);
    for _ in 0..n {
        black_box(&a).fetch_add(1, AcqRel);
    }
    a.load(Relaxed)
}

/// A clone and drop of an Arc: two atomic operations.
fn arc_clone_drop(n: u64) -> u64 {
    let a = Arc::new(1u64);
    let mut acc = 0;
    for _ in 0..n {
        let b = black_box(&a).clone();
        acc += *black_box(b);
    }
    acc
}

/// (e) malloc + free of 64 bytes through the Rust global allocator.
fn malloc64(n: u64) -> u64 {
    let mut acc = 0;
    for _ in 0..n {
        let b = black_box(Box::new([1u64; 8]));
        acc += b[0];
    }
    acc
}

/// The same, but one thread allocates and another frees, in batches of 1024.
fn malloc64_remote(n: u64) -> u64 {
    let (tx, rx) = std::sync::mpsc::sync_channel::<Vec<Box<[u64; 8]>>>(4);
    let h = std::thread::spawn(move || rx.into_iter().flatten().map(|b| b[0]).sum::<u64>());
    let mut left = n;
    while left > 0 {
        let k = left.min(1024);
        tx.send((0..k).map(|_| black_box(Box::new([1u64; 8]))).collect())
            .unwrap();
        left -= k;
    }
    drop(tx);
    h.join().unwrap()
}

fn main() {
    type Part = (&'static str, u64, fn(u64) -> u64);
    let parts: &[Part] = &[
        ("deque_closure", 20_000_000, deque_closure),
        ("deque_enum", 100_000_000, deque_enum),
        ("line_pingpong", 4_000_000, line_pingpong),
        ("park_pingpong", 100_000, park_pingpong),
        ("hop_enum", 50_000_000, hop_enum),
        ("hop_boxed", 20_000_000, hop_boxed),
        ("segqueue", 50_000_000, segqueue),
        ("arrayqueue", 50_000_000, arrayqueue),
        ("mutex_deque", 50_000_000, mutex_deque),
        ("atomic_rmw", 100_000_000, atomic_rmw),
        ("arc_clone_drop", 50_000_000, arc_clone_drop),
        ("malloc64", 50_000_000, malloc64),
        ("malloc64_remote", 10_000_000, malloc64_remote),
    ];
    let which = std::env::args().nth(1).unwrap_or_else(|| "all".into());
    for (name, n, f) in parts {
        if which == "all" || which == *name {
            report(name, *n, || f(*n));
        }
    }
}
