//! Waits inside the combinators of other crates.

use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, future};
use tokio::sync::oneshot;
use wharf::prelude::*;

enum Kind {
    Message(Option<u32>),
    Item(u32),
}

#[test]
fn a_receive_inside_futures_unordered_is_woken() {
    wharf::block_on(async {
        let (tell, told) = oneshot::channel();
        let (feed, fed) = tokio::sync::mpsc::unbounded_channel::<u32>();
        let fed = std::sync::Arc::new(tokio::sync::Mutex::new(fed));
        let pid = spawn_fn(async move |mut mailbox: Mailbox<u32>| {
            let (mut messages, mut items) = (Vec::new(), Vec::new());
            while messages.len() + items.len() < 200 {
                let fed = std::sync::Arc::clone(&fed);
                let mut both = FuturesUnordered::new();
                both.push(async { Kind::Message(mailbox.receive().await) }.boxed());
                both.push(async move { Kind::Item(fed.lock().await.recv().await.unwrap()) }.boxed());
                match both.next().await.unwrap() {
                    Kind::Message(Some(n)) => messages.push(n),
                    Kind::Item(n) => items.push(n),
                    Kind::Message(None) => panic!("stopped"),
                }
            }
            let _ = tell.send((messages, items));
        });
        for n in 0..100 {
            pid.send(n).await.unwrap();
            feed.send(n).unwrap();
        }
        let (messages, items) = told.await.unwrap();
        assert_eq!(messages, Vec::from_iter(0..100));
        assert_eq!(items, messages);
    });
}

#[test]
fn many_asks_at_once_are_all_answered() {
    wharf::block_on(async {
        let pid = spawn_fn(async |mut mailbox: Mailbox<(u32, Reply<u32>)>| {
            while let Some((n, reply)) = mailbox.receive().await {
                let _ = reply.send(n + 1);
            }
        });
        let asker = spawn_fn(async move |mut mailbox: Mailbox<Reply<u32>>| {
            let reply = mailbox.receive().await.unwrap();
            let asks: FuturesUnordered<_> = (0..500).map(|n| pid.ask(move |reply| (n, reply))).collect();
            let unordered: u32 = asks.map(Result::unwrap).collect::<Vec<_>>().await.into_iter().sum();
            let joined = future::join_all((0..500).map(|n| pid.ask(move |reply| (n, reply)))).await;
            assert_eq!(joined.into_iter().map(Result::unwrap).sum::<u32>(), unordered);
            let _ = reply.send(unordered);
        });
        assert_eq!(asker.ask(|reply| reply).await, Ok((1..=500).sum()));
    });
}

#[test]
fn a_panic_caught_by_a_combinator_ends_no_actor() {
    wharf::panic::install();
    wharf::block_on(async {
        let pid = spawn_fn(async |mut mailbox: Mailbox<Reply<u8>>| {
            let lost = mailbox.receive().await;
            let work = std::panic::AssertUnwindSafe(async move {
                let _lost = lost;
                panic!("in a part");
            });
            assert!(work.catch_unwind().await.is_err());
            let reply = mailbox.receive().await.unwrap();
            let _ = reply.send(1);
        });
        assert_eq!(pid.ask(|reply| reply).await, Err(AskError::NoReply));
        assert_eq!(pid.ask(|reply| reply).await, Ok(1));
    });
}
