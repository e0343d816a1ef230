//! Messages of many sizes, in each style of receiving, through several blocks of the queue: what comes
//! out is what was put in.
//!
//! Regression: in optimised builds a process that received in a loop read the last message of a block
//! from a dead place on the stack, if the message did not fit into registers. Reads are optimised for
//! each message type and each way to receive, so all of them are here. `.ci/soak` runs these tests in
//! release mode.

use std::sync::Arc;

use futures::StreamExt;
use wharf::MailboxExt;
use wharf::prelude::*;

/// Blocks of the queue have 31 messages.
const COUNT: u64 = 200;

/// A message that shows whether it is whole.
trait Sample: Send + 'static {
    fn make(number: u64, alive: &Arc<()>) -> Self;

    /// Its number, if all of it belongs to that.
    fn number(self) -> u64;
}

fn word(number: u64, at: usize) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7) ^ at as u64
}

fn words<const N: usize>(number: u64) -> [u64; N] {
    let mut words = std::array::from_fn(|at| word(number, at));
    words[0] = number;
    words
}

fn number_of<const N: usize>(words: [u64; N]) -> u64 {
    let number = words[0];
    for (at, found) in words.into_iter().enumerate().skip(1) {
        assert_eq!(found, word(number, at), "word {at} of {N} of message {number}");
    }
    number
}

impl<const N: usize> Sample for [u64; N] {
    fn make(number: u64, _: &Arc<()>) -> Self {
        words(number)
    }

    fn number(self) -> u64 {
        number_of(self)
    }
}

/// One that is to be dropped once.
enum Owning<const N: usize> {
    Even { words: [u64; N], alive: Arc<()> },
    Odd { alive: Arc<()>, number: Box<u64> },
}

impl<const N: usize> Sample for Owning<N> {
    fn make(number: u64, alive: &Arc<()>) -> Self {
        let alive = Arc::clone(alive);
        if number.is_multiple_of(2) {
            Self::Even { words: words(number), alive }
        } else {
            Self::Odd { alive, number: Box::new(number) }
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Even { words, alive } => {
                drop(alive);
                number_of(words)
            }
            Self::Odd { alive, number } => {
                drop(alive);
                *number
            }
        }
    }
}

/// Has an actor that `start` makes receive all messages; now it waits for them, now they for it.
async fn receives_all<S: Sample>(start: impl FnOnce(Spawn) -> Pid<S>) {
    let alive = Arc::new(());
    let receiver = start(Spawn::new().capacity(Capacity::Unbounded));
    for number in 0..COUNT {
        receiver.send(S::make(number, &alive)).await.unwrap();
        if number > COUNT / 2 && number.is_multiple_of(16) {
            wharf::yield_now().await;
        }
    }
    assert_eq!(receiver.stopped().await, ExitReason::Normal);
    assert_eq!(Arc::strong_count(&alive), 1, "each is dropped once");
}

async fn in_a_loop<S: Sample>() {
    receives_all::<S>(|spawn| {
        spawn.spawn_fn(async |mut mailbox: Mailbox<S>| {
            let mut expected = 0;
            loop {
                let Some(message) = mailbox.receive().await else { break };
                assert_eq!(message.number(), expected);
                expected += 1;
                if expected == COUNT {
                    break;
                }
            }
        })
    })
    .await;
}

async fn in_a_select<S: Sample>() {
    receives_all::<S>(|spawn| {
        spawn.spawn_fn(async |mut mailbox: Mailbox<S>| {
            let mut expected = 0;
            while expected < COUNT {
                wharf::select! {
                    Some(message) = mailbox.receive() => assert_eq!(message.number(), expected),
                    () = std::future::pending() => {}
                }
                expected += 1;
            }
        })
    })
    .await;
}

async fn as_a_stream<S: Sample>() {
    receives_all::<S>(|spawn| {
        spawn.spawn_fn(async |mut mailbox: Mailbox<S>| {
            let all: Vec<u64> =
                mailbox.messages().map(S::number).take(usize::try_from(COUNT).unwrap()).collect().await;
            assert!(all.into_iter().eq(0..COUNT));
        })
    })
    .await;
}

async fn without_waiting<S: Sample>() {
    receives_all::<S>(|spawn| {
        spawn.spawn_fn(async |mut mailbox: Mailbox<S>| {
            let mut expected = 0;
            while expected < COUNT {
                while let Some(message) = mailbox.try_receive() {
                    assert_eq!(message.number(), expected);
                    expected += 1;
                }
                wharf::yield_now().await;
            }
        })
    })
    .await;
}

/// Counts what it handles, and puts aside what its turn has not come for.
struct Handling {
    expected: u64,
    seen: u64,
    stashes: bool,
}

/// So that one type of actor does for all messages.
struct Handler<S>(Handling, std::marker::PhantomData<fn(S)>);

impl<S: Sample> Actor for Handler<S> {
    type Msg = S;

    async fn handle(&mut self, message: S, cx: &mut Context<S>) -> Result<(), ExitReason> {
        let Handling { expected, seen, stashes } = &mut self.0;
        *seen += 1;
        if *stashes && *seen <= COUNT {
            cx.stash(message)?;
            if *seen == COUNT {
                cx.unstash_all();
            }
            return Ok(());
        }
        assert_eq!(message.number(), *expected);
        *expected += 1;
        if *expected == COUNT {
            cx.stop();
        }
        Ok(())
    }
}

async fn by_an_actor<S: Sample>() {
    receives_all::<S>(|spawn| {
        let handling = Handling { expected: 0, seen: 0, stashes: false };
        spawn.spawn(Handler::<S>(handling, std::marker::PhantomData))
    })
    .await;
}

async fn from_the_stash<S: Sample>() {
    receives_all::<S>(|spawn| {
        let handling = Handling { expected: 0, seen: 0, stashes: true };
        spawn.spawn(Handler::<S>(handling, std::marker::PhantomData))
    })
    .await;
}

/// Each style with messages of a few sizes.
macro_rules! of_some_sizes {
    ($style:ident) => {
        wharf::block_on(async {
            $style::<[u64; 1]>().await;
            $style::<[u64; 3]>().await;
            $style::<[u64; 6]>().await;
            $style::<[u64; 16]>().await;
            $style::<Owning<2>>().await;
            $style::<Owning<7>>().await;
        })
    };
}

#[test]
fn messages_of_all_sizes_are_whole_in_a_loop() {
    macro_rules! of_all_sizes {
        ($($size:literal)*) => { $(
            in_a_loop::<[u64; $size]>().await;
            in_a_loop::<Owning<$size>>().await;
        )* };
    }
    wharf::block_on(async {
        of_all_sizes!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
    });
}

#[test]
fn messages_of_many_sizes_are_whole_in_a_select() {
    of_some_sizes!(in_a_select);
}

#[test]
fn messages_of_many_sizes_are_whole_as_a_stream() {
    of_some_sizes!(as_a_stream);
}

#[test]
fn messages_of_many_sizes_are_whole_without_waiting() {
    of_some_sizes!(without_waiting);
}

#[test]
fn messages_of_many_sizes_are_whole_in_an_actor() {
    of_some_sizes!(by_an_actor);
}

#[test]
fn messages_of_many_sizes_are_whole_from_the_stash() {
    of_some_sizes!(from_the_stash);
}
