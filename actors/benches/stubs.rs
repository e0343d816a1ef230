//! What a stub costs beside the message that one would write by hand. Instructions, not time: run it
//! with `.ci/counts`, which counts them under callgrind.
//!
//! ```text
//! stubs KIND N    KIND: enum-ask, stub-ask, enum-send or stub-send
//! ```

use std::process::ExitCode;

use wharf::prelude::*;

struct ByHand(u64);

enum Msg {
    Add(u64, Reply<u64>),
    Note(u64),
}

impl Actor for ByHand {
    type Msg = Msg;

    async fn handle(&mut self, msg: Msg, _: &mut Context<Msg>) -> Result<(), ExitReason> {
        match msg {
            Msg::Add(by, reply) => {
                self.0 += by;
                let _ = reply.send(self.0);
            }
            Msg::Note(by) => self.0 += by,
        }
        Ok(())
    }
}

struct Marked(u64);

#[wharf::actor]
impl Marked {
    async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }

    #[one_way]
    async fn note(&mut self, by: u64) {
        self.0 += by;
    }
}

async fn run(kind: &str, n: u64) -> Option<wharf::Result<u64>> {
    let by_hand = spawn(ByHand(0));
    let marked = spawn(Marked(0));
    Some(match kind {
        "enum-ask" => {
            asked(async move {
                for _ in 0..n {
                    by_hand.ask(|reply| Msg::Add(1, reply)).await?;
                }
                by_hand.ask(|reply| Msg::Add(0, reply)).await
            })
            .await
        }
        "stub-ask" => {
            asked(async move {
                for _ in 0..n {
                    marked.add(1).await?;
                }
                marked.add(0).await
            })
            .await
        }
        "enum-send" => {
            asked(async move {
                for _ in 0..n {
                    let _ = by_hand.send(Msg::Note(1)).await;
                }
                by_hand.ask(|reply| Msg::Add(0, reply)).await
            })
            .await
        }
        "stub-send" => {
            asked(async move {
                for _ in 0..n {
                    let _ = marked.note(1).await;
                }
                marked.add(0).await
            })
            .await
        }
        _ => return None,
    })
}

/// Runs the asker as an actor beside the one that is asked.
async fn asked(asks: impl Future<Output = Result<u64, AskError>> + Send + 'static) -> wharf::Result<u64> {
    let asker = spawn_fn(async move |mut mailbox: Mailbox<Reply<Result<u64, AskError>>>| {
        if let Some(reply) = mailbox.receive().await {
            let _ = reply.send(asks.await);
        }
    });
    let hour = std::time::Duration::from_secs(3_600);
    Ok(asker.ask(|reply| reply).timeout(hour).await??)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // `cargo bench` and `cargo test --benches` name no kind: there is nothing to count then.
    let [_, kind, n] = &args[..] else { return ExitCode::SUCCESS };
    let Ok(n) = n.parse() else { return ExitCode::FAILURE };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(tokio) = tokio else { return ExitCode::FAILURE };
    tokio.block_on(async {
        let Ok(node) = Node::start() else { return ExitCode::FAILURE };
        let counted = node.run(run(kind, n)).await;
        node.stop().await;
        match counted {
            Some(Ok(sum)) if sum == n => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    })
}
