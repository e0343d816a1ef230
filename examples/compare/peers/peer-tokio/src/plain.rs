//! What surrounds messages, on plain tokio: wake-up from outside, sockets and timers under load, a
//! hog, semaphores. The yardstick of the workloads of these names on wharf.
use common::probe::{self, AWAITERS, BUSY_PAIRS, HOG, NAP, PERMITS};
use common::{done, now, rt, Report};
use std::sync::Arc;
use tokio::sync::{mpsc, Semaphore};

pub fn run(w: &str, n: u64) -> Option<Report> {
    match w {
        "wakeup" | "echo" | "timer_lag" | "hog" | "hog_timer" | "coop" => {}
        _ => return None,
    }
    let rt = rt();
    let _g = rt.enter();
    let (done, wait) = done();
    match w {
        "wakeup" => {
            let (tx, mut rx) = mpsc::channel::<u64>(common::BOUND);
            tokio::spawn(async move {
                while let Some(v) = rx.recv().await {
                    done.signal(v + 1);
                }
            });
            let t = now();
            for i in 0..n {
                tx.try_send(i).unwrap();
                wait.expect(i + 1);
            }
            Report::new(n, t.elapsed())
        }
        "echo" => {
            busy_pairs();
            let listener = rt
                .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
                .unwrap();
            let at = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                probe::echo(stream).await;
            });
            probe::latencies(probe::echo_client(at, n), 0.5)
        }
        "timer_lag" => {
            busy_pairs();
            let naps = tokio::spawn(naps(n));
            probe::latencies(rt.block_on(naps).unwrap(), 0.99)
        }
        "hog" => {
            let hog = hog();
            let (tx, mut rx) = mpsc::channel::<u64>(common::BOUND);
            tokio::spawn(async move {
                while let Some(v) = rx.recv().await {
                    done.signal(v);
                }
            });
            let probe = || {
                tx.try_send(1).unwrap();
                wait.expect(1);
            };
            probe();
            probe::latencies(
                probe::beside_a_hog(n, || hog.try_send(()).unwrap(), probe),
                0.9,
            )
        }
        "hog_timer" => {
            let hog = hog();
            let lag = tokio::spawn(naps(n * 25));
            let hogs = std::thread::spawn(move || {
                probe::beside_a_hog(n, || hog.try_send(()).unwrap(), || {});
            });
            let lag = rt.block_on(lag).unwrap();
            hogs.join().unwrap();
            probe::latencies(lag, 0.99)
        }
        "coop" => {
            let each = n / AWAITERS;
            let permits = Arc::new(Semaphore::new(PERMITS));
            let t = now();
            for _ in 0..AWAITERS {
                let (permits, done) = (permits.clone(), done.clone());
                tokio::spawn(async move {
                    for _ in 0..each {
                        drop(permits.acquire().await.unwrap());
                    }
                    done.signal(each);
                });
            }
            for _ in 0..AWAITERS {
                wait.expect(each);
            }
            Report::new(each * AWAITERS, t.elapsed())
        }
        _ => None,
    }
}

/// How much longer than asked for each of `n` naps takes.
async fn naps(n: u64) -> Vec<u64> {
    let mut lags = Vec::with_capacity(n as usize);
    for _ in 0..n {
        let begin = now();
        tokio::time::sleep(NAP).await;
        lags.push(probe::nanos(begin.elapsed().saturating_sub(NAP)));
    }
    lags
}

fn hog() -> mpsc::Sender<()> {
    let (tx, mut rx) = mpsc::channel(common::BOUND);
    tokio::spawn(async move {
        while let Some(()) = rx.recv().await {
            probe::spin(HOG);
        }
    });
    tx
}

/// Pairs that pass a token back and forth for ever.
fn busy_pairs() {
    for _ in 0..BUSY_PAIRS {
        let (atx, arx) = mpsc::channel::<u64>(common::BOUND);
        let (btx, brx) = mpsc::channel::<u64>(common::BOUND);
        atx.try_send(0).unwrap();
        for (mut rx, peer) in [(arx, btx), (brx, atx)] {
            tokio::spawn(async move {
                while let Some(v) = rx.recv().await {
                    if peer.send(v + 1).await.is_err() {
                        return;
                    }
                }
            });
        }
    }
}
