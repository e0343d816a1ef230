//! Messages that lead back to their own actor, and methods that call the actor's handler, compile: what
//! the macro insists on does not hang on itself.
use std::cell::Cell;

use wharf::prelude::*;

/// Leads to the messages of an actor by the actor's type.
pub struct Peers<A: Actor>(Vec<Pid<A::Msg>>);

type Myself = Pid<<Counter as Actor>::Msg>;

pub struct Counter(u64);

#[wharf::actor]
impl Counter {
    pub async fn join(&mut self, peers: Peers<Counter>, other: Myself, by: Cell<u64>) -> Peers<Counter> {
        for peer in &peers.0 {
            let _ = peer.add(by.get()).send().await;
        }
        let _ = other.add(by.get()).send().await;
        peers
    }

    pub async fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }

    /// Another of its kind.
    pub async fn split(&mut self) -> Myself {
        self.0 /= 2;
        wharf::spawn(Self(self.0))
    }

    /// Handles another message at once.
    pub async fn add_twice(&mut self, by: u64, cx: &mut Context<CounterMsg>) -> u64 {
        let message = CounterMsg::Add { by, reply: Reply::none() };
        let _ = Box::pin(self.handle(message, cx)).await;
        self.again(by, cx).await;
        self.0
    }

    #[cfg(any())]
    pub async fn left_out(&mut self, by: std::rc::Rc<u64>) {}
}

impl Counter {
    async fn again(&mut self, by: u64, cx: &mut Context<CounterMsg>) {
        let message = CounterMsg::Add { by, reply: Reply::none() };
        let _ = Box::pin(self.handle(message, cx)).await;
    }
}

fn main() {
    wharf::block_on(async {
        let counter = wharf::spawn(Counter(0));
        assert_eq!(counter.add_twice(2).await, Ok(4));
        let other = counter.split().await.unwrap();
        let peers = Peers(vec![counter.clone()]);
        let peers = other.join(peers, counter.clone(), Cell::new(1)).await.unwrap();
        assert_eq!(peers.0[0].add(0).await, Ok(4));
    });
}
