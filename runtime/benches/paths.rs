//! The hot paths, one at a time, for counting their instructions: run it with `.ci/counts`, which
//! counts them under callgrind and compares them with `counts.txt` beside this file.
//!
//! ```text
//! paths KIND N    KIND: one of those in `counts.txt`; without one nothing happens
//! ```

use std::process::ExitCode;
use std::time::Duration;

use wharf_runtime::{AskError, Capacity, Mailbox, Node, Pid, Reply, Spawn};

/// Under callgrind the default deadline could pass.
const HOUR: Duration = Duration::from_secs(3_600);

/// Messages of a burst: they fit the default mailbox.
const BURST: usize = 1_000;

/// Counts `n` operations of a path; `None` when there is no such path.
async fn run(node: &Node, kind: &str, n: u64) -> Option<Result<u64, AskError>> {
    Some(match kind {
        "hop-bounded" => hops(node, Capacity::DEFAULT, n).await,
        "hop-unbounded" => hops(node, Capacity::Unbounded, n).await,
        "hop-capacity-1" => hops(node, Capacity::Bounded(1), n).await,
        "hop-rendezvous" => hops(node, Capacity::Zero, n).await,
        "burst-bounded" => bursts(node, Capacity::DEFAULT, false, n).await,
        "burst-unbounded" => bursts(node, Capacity::Unbounded, false, n).await,
        "burst-all" => bursts(node, Capacity::DEFAULT, true, n).await,
        "wait-capacity-1" => bursts(node, Capacity::Bounded(1), false, n).await,
        "ask" => asks(node, n).await,
        "spawn" => spawns(node, n).await,
        _ => return None,
    })
}

enum Hop {
    Meet(Pid<Hop>),
    Begin(u64, Reply<u64>),
    Token(u64),
}

/// A token that two actors pass back and forth `n` times.
async fn hops(node: &Node, capacity: Capacity, n: u64) -> Result<u64, AskError> {
    let [a, b] = [(); 2].map(|()| {
        Spawn::on(node).capacity(capacity).spawn_fn(async move |mut mailbox: Mailbox<Hop>| {
            let (mut other, mut waiting) = (None, None);
            while let Some(hop) = mailbox.receive().await {
                let left = match hop {
                    Hop::Meet(pid) => {
                        other = Some(pid);
                        continue;
                    }
                    Hop::Begin(count, reply) => {
                        waiting = Some(reply);
                        count
                    }
                    Hop::Token(0) => {
                        if let Some(reply) = waiting.take() {
                            let _ = reply.send(n);
                        }
                        continue;
                    }
                    Hop::Token(left) => left - 1,
                };
                if let Some(other) = &other {
                    let _ = other.send(Hop::Token(left)).await;
                }
            }
        })
    });
    let _ = a.send(Hop::Meet(b.clone())).await;
    let _ = b.send(Hop::Meet(a.clone())).await;
    // An odd number comes to its end where it began.
    a.ask(|reply| Hop::Begin(n | 1, reply)).timeout(HOUR).await
}

enum Note {
    Add(u64),
    Count(Reply<u64>),
}

fn counter(node: &Node, capacity: Capacity) -> Pid<Note> {
    Spawn::on(node).capacity(capacity).spawn_fn(async |mut mailbox: Mailbox<Note>| {
        let mut count = 0;
        while let Some(note) = mailbox.receive().await {
            match note {
                Note::Add(by) => count += by,
                Note::Count(reply) => drop(reply.send(count)),
            }
        }
    })
}

/// `n` messages to an actor that is not asked in between; one by one, or `BURST` at once.
async fn bursts(node: &Node, capacity: Capacity, all: bool, n: u64) -> Result<u64, AskError> {
    let counter = counter(node, capacity);
    in_an_actor(node, async move {
        for _ in 0..n / BURST as u64 {
            if all {
                let _ = counter.send_all([(); BURST].map(|()| Note::Add(1))).await;
            } else {
                for _ in 0..BURST {
                    let _ = counter.send(Note::Add(1)).await;
                }
            }
            counter.ask(Note::Count).timeout(HOUR).await?;
        }
        counter.ask(Note::Count).timeout(HOUR).await
    })
    .await
}

/// `n` requests, one after the other.
async fn asks(node: &Node, n: u64) -> Result<u64, AskError> {
    let counter = counter(node, Capacity::DEFAULT);
    in_an_actor(node, async move {
        for _ in 0..n {
            counter.ask(Note::Count).await?;
        }
        Ok(n)
    })
    .await
}

/// `n` actors that are asked once and end.
async fn spawns(node: &Node, n: u64) -> Result<u64, AskError> {
    let on = node.clone();
    in_an_actor(node, async move {
        let mut sum = 0;
        for _ in 0..n {
            let one = on.spawn_fn(async |mut mailbox: Mailbox<Reply<u64>>| {
                if let Some(reply) = mailbox.receive().await {
                    let _ = reply.send(1);
                }
            });
            sum += one.ask(|reply| reply).await?;
        }
        Ok(sum)
    })
    .await
}

/// Runs `work` as an actor's: a guest takes other ways.
async fn in_an_actor(
    node: &Node,
    work: impl Future<Output = Result<u64, AskError>> + Send + 'static,
) -> Result<u64, AskError> {
    let worker = node.spawn_fn(async move |mut mailbox: Mailbox<Reply<Result<u64, AskError>>>| {
        if let Some(reply) = mailbox.receive().await {
            let _ = reply.send(work.await);
        }
    });
    worker.ask(|reply| reply).timeout(HOUR).await?
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // `cargo bench` and `cargo test --benches` name no path: there is nothing to count then.
    let [_, kind, n] = &args[..] else { return ExitCode::SUCCESS };
    let Ok(n) = n.parse() else { return ExitCode::FAILURE };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(tokio) = tokio else { return ExitCode::FAILURE };
    tokio.block_on(async {
        let Ok(node) = Node::start() else { return ExitCode::FAILURE };
        let counted = node.run(run(&node, kind, n)).await;
        node.stop().await;
        match counted {
            Some(Ok(count)) if count == n => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    })
}
