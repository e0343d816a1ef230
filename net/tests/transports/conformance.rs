//! What every transport does: the contract of `Transport`, `Listener` and `Duplex`.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use wharf_net::transport::{Address, Duplex, TransportError};

#[cfg(unix)]
use crate::grounds::OverUnix;
use crate::grounds::{Ground, InMem, OverTcp, give_way, listen, pair, run};

/// More than lies in any buffer on the way.
const MUCH: usize = 3 << 20;
/// More than may ever lie in buffers on the way.
const TOO_MUCH: usize = 256 << 20;

/// Bytes in which each place shows.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Reads until the other end has shut down, or has gone in any other way.
async fn read_all(duplex: &mut Duplex) -> Vec<u8> {
    let mut all = Vec::new();
    // An error is an end, too.
    _ = duplex.reader.read_to_end(&mut all).await;
    all
}

async fn say_and_hear(from: &mut Duplex, to: &mut Duplex, word: &[u8]) {
    from.writer.write_all(word).await.unwrap();
    from.writer.flush().await.unwrap();
    let mut heard = vec![0; word.len()];
    to.reader.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, word);
}

async fn both_ways(first: &mut Duplex, second: &mut Duplex) {
    say_and_hear(first, second, b"there").await;
    say_and_hear(second, first, b"back").await;
}

async fn bytes_come_in_order_both_ways_at_once<G: Ground>(ground: G) {
    let (_listener, called, taken) = pair(&ground).await;
    let mut ends = JoinSet::new();
    for (at, mut end) in [called, taken].into_iter().enumerate() {
        let (said, heard) = (pattern(MUCH + at), pattern(MUCH + 1 - at));
        ends.spawn(async move {
            let Duplex { reader, writer, .. } = &mut end;
            let say = async {
                writer.write_all(&said).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let mut all = Vec::new();
            let hear = async { reader.read_to_end(&mut all).await.unwrap() };
            tokio::join!(say, hear);
            assert!(all == heard);
        });
    }
    ends.join_all().await;
}

fn however_they_are_cut_the_bytes_are_the_same<G: Ground>() {
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let cuts = prop::collection::vec(1_usize..40_000, 0..12);
    let outcome = TestRunner::new(config).run(&(cuts, 1_usize..20_000), |(cuts, step)| {
        run(async move {
            let (_listener, mut called, mut taken) = pair(&G::default()).await;
            let all = pattern(cuts.iter().sum());
            let mut rest = &all[..];
            let say = async {
                for cut in cuts {
                    let (part, left) = rest.split_at(cut);
                    called.writer.write_all(part).await.unwrap();
                    called.writer.flush().await.unwrap();
                    rest = left;
                }
                called.writer.shutdown().await.unwrap();
            };
            let mut heard = Vec::new();
            let hear = async {
                let mut part = vec![0; step];
                loop {
                    match taken.reader.read(&mut part).await.unwrap() {
                        0 => break,
                        count => heard.extend_from_slice(&part[..count]),
                    }
                }
            };
            tokio::join!(say, hear);
            assert!(heard == all);
        });
        Ok(())
    });
    outcome.unwrap();
}

async fn a_writer_that_is_shut_down_is_the_end_of_one_direction_alone<G: Ground>(ground: G) {
    let (_listener, mut called, mut taken) = pair(&ground).await;
    called.writer.write_all(b"all").await.unwrap();
    called.writer.shutdown().await.unwrap();
    assert_eq!(read_all(&mut taken).await, b"all");
    let answer = pattern(MUCH);
    let say = async {
        taken.writer.write_all(&answer).await.unwrap();
        taken.writer.shutdown().await.unwrap();
    };
    let ((), heard) = tokio::join!(say, read_all(&mut called));
    assert!(heard == answer);
}

async fn a_writer_that_is_dropped_is_the_end_of_one_direction_alone<G: Ground>(ground: G) {
    let (_listener, called, mut taken) = pair(&ground).await;
    let Duplex { mut reader, writer, .. } = called;
    drop(writer);
    assert_eq!(read_all(&mut taken).await, b"");
    taken.writer.write_all(b"still").await.unwrap();
    drop(taken);
    let mut heard = Vec::new();
    reader.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"still");
}

async fn what_was_written_before_a_shutdown_is_read_though_all_is_dropped<G: Ground>(ground: G) {
    let (_listener, mut called, mut taken) = pair(&ground).await;
    let all = pattern(MUCH);
    let said = all.clone();
    let say = tokio::spawn(async move {
        called.writer.write_all(&said).await.unwrap();
        called.writer.shutdown().await.unwrap();
    });
    let mut heard = Vec::new();
    taken.reader.read_to_end(&mut heard).await.unwrap();
    say.await.unwrap();
    assert!(heard == all);
}

async fn a_connection_that_is_dropped_ends_for_the_other_end<G: Ground>(ground: G) {
    for caller_drops in [true, false] {
        let (_listener, called, taken) = pair(&ground).await;
        let (dropped, mut kept) = if caller_drops { (called, taken) } else { (taken, called) };
        drop(dropped);
        assert_eq!(read_all(&mut kept).await, b"");
        let part = vec![0; 1 << 16];
        let mut written = 0;
        // What it writes is not taken for ever.
        while kept.writer.write_all(&part).await.is_ok() {
            written += part.len();
            assert!(written < TOO_MUCH);
        }
    }
}

async fn where_nobody_listens_a_call_is_refused<G: Ground>(ground: G) {
    let refused = ground.transport().dial(&ground.nobody()).await;
    let Err(TransportError::Refused { address, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(address, ground.nobody());
}

async fn where_one_listens_is_in_use<G: Ground>(ground: G) {
    let (mut listener, at) = listen(&ground).await;
    for _ in 0..3 {
        match ground.transport().listen(&at).await {
            Err(TransportError::InUse { address, .. }) => assert_eq!(address, at),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("two listen at {at}"),
        }
    }
    // The first goes on. Some transports try the address by a call.
    let mut called = ground.transport().dial(&at).await.unwrap();
    called.writer.write_all(b"me").await.unwrap();
    until_said(&mut *listener, b"me", 4).await;
}

/// Takes calls until one says this, then takes up its words.
async fn until_said(listener: &mut dyn wharf_net::transport::Listener, word: &[u8], most: usize) -> Duplex {
    for _ in 0..most {
        let mut taken = listener.accept().await.unwrap();
        let mut heard = vec![0; word.len()];
        if taken.reader.read_exact(&mut heard).await.is_ok() {
            assert_eq!(heard, word);
            return taken;
        }
    }
    panic!("nobody said {word:?}");
}

async fn an_address_is_free_again_once_its_listener_is_dropped<G: Ground>(ground: G) {
    let (mut listener, at) = listen(&ground).await;
    for _ in 0..10 {
        let (called, taken) = tokio::join!(ground.transport().dial(&at), listener.accept());
        let (mut called, mut taken) = (called.unwrap(), taken.unwrap());
        drop(listener);
        let refused = ground.transport().dial(&at).await;
        assert!(matches!(refused, Err(TransportError::Refused { .. })), "{refused:?}");
        listener = ground.transport().listen(&at).await.unwrap();
        assert_eq!(*listener.address(), at);
        // What was taken before lives on.
        both_ways(&mut called, &mut taken).await;
    }
}

async fn calls_that_were_not_taken_end_with_the_listener<G: Ground>(ground: G) {
    let (listener, at) = listen(&ground).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(ground.transport().dial(&at).await.unwrap());
    }
    drop(listener);
    for mut called in waiting {
        assert_eq!(read_all(&mut called).await, b"");
    }
}

async fn two_hundred_calls_at_once_all_arrive<G: Ground>(ground: G) {
    const CALLS: u32 = 200;
    let ground = std::sync::Arc::new(ground);
    let (mut listener, at) = listen(&*ground).await;
    let mut callers = JoinSet::new();
    for number in 0..CALLS {
        let (ground, at) = (std::sync::Arc::clone(&ground), at.clone());
        callers.spawn(async move {
            let mut called = ground.transport().dial(&at).await.unwrap();
            called.writer.write_all(&number.to_le_bytes()).await.unwrap();
            called.writer.flush().await.unwrap();
            called.reader.read_u32_le().await.unwrap()
        });
    }
    let mut echoes = JoinSet::new();
    for _ in 0..CALLS {
        let mut taken = listener.accept().await.unwrap();
        echoes.spawn(async move {
            let number = taken.reader.read_u32_le().await.unwrap();
            taken.writer.write_all(&number.to_le_bytes()).await.unwrap();
            taken.writer.shutdown().await.unwrap();
            number
        });
    }
    for mut numbers in [echoes.join_all().await, callers.join_all().await] {
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..CALLS));
    }
}

async fn who_does_not_read_stalls_only_who_writes_there<G: Ground>(ground: G) {
    let (mut listener, mut called, mut taken) = pair(&ground).await;
    let at = listener.address().clone();
    let part = pattern(1 << 16);
    let (mut written, mut idle) = (0, 0);
    // It counts as stalled when it takes nothing while others run.
    while idle < 2000 {
        match poll_once(called.writer.write(&part[written % part.len()..])) {
            Poll::Ready(count) => (written, idle) = (written + count.unwrap(), 0),
            Poll::Pending => {
                idle += 1;
                give_way().await;
            }
        }
        assert!(written < TOO_MUCH, "{written} bytes lie around");
    }
    let (other, other_taken) = tokio::join!(ground.transport().dial(&at), listener.accept());
    both_ways(&mut other.unwrap(), &mut other_taken.unwrap()).await;
    // The other direction of the same connection does not stall either.
    say_and_hear(&mut taken, &mut called, b"go on").await;

    let finish = async {
        called.writer.shutdown().await.unwrap();
    };
    let mut heard = 0;
    let hear = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = taken.reader.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            let expected = (heard..heard + count).map(|at| part[at % part.len()]);
            assert!(buffer[..count].iter().copied().eq(expected));
            heard += count;
        }
    };
    tokio::join!(finish, hear);
    assert_eq!(heard, written);
}

async fn where_it_says_that_it_listens_it_is_called<G: Ground>(ground: G) {
    let (mut listener, at) = listen(&ground).await;
    let printed: Address = at.to_string().parse().unwrap();
    assert_eq!((&printed, printed.scheme()), (&at, ground.transport().scheme()));
    let (called, taken) = tokio::join!(ground.transport().dial(&printed), listener.accept());
    let (mut called, mut taken) = (called.unwrap(), taken.unwrap());
    both_ways(&mut called, &mut taken).await;
    assert!(!called.remote.is_empty() && !taken.remote.is_empty());
}

async fn an_accept_that_is_given_up_loses_no_call<G: Ground>(ground: G) {
    let (mut listener, at) = listen(&ground).await;
    let mut taken = Vec::new();
    let mut callers = JoinSet::new();
    for number in 0..50_u8 {
        if let Poll::Ready(early) = poll_once(listener.accept()) {
            taken.push(early.unwrap());
        }
        let mut called = ground.transport().dial(&at).await.unwrap();
        if let Poll::Ready(early) = poll_once(listener.accept()) {
            taken.push(early.unwrap());
        }
        callers.spawn(async move {
            called.writer.write_all(&[number]).await.unwrap();
            called.writer.flush().await.unwrap();
            read_all(&mut called).await
        });
    }
    while taken.len() < 50 {
        taken.push(listener.accept().await.unwrap());
    }
    let mut heard = Vec::new();
    for mut taken in taken {
        heard.push(taken.reader.read_u8().await.unwrap());
    }
    heard.sort_unstable();
    assert!(heard.into_iter().eq(0..50));
    callers.join_all().await;
}

async fn a_call_that_is_given_up_harms_no_other<G: Ground>(ground: G) {
    let (mut listener, at) = listen(&ground).await;
    for _ in 0..20 {
        drop(poll_once(ground.transport().dial(&at)));
    }
    let mut called = ground.transport().dial(&at).await.unwrap();
    called.writer.write_all(b"me").await.unwrap();
    called.writer.flush().await.unwrap();
    let mut taken = until_said(&mut *listener, b"me", 21).await;
    both_ways(&mut called, &mut taken).await;
}

async fn a_listen_that_is_given_up_leaves_the_address_free<G: Ground>(ground: G) {
    for _ in 0..5 {
        drop(poll_once(ground.transport().listen(&ground.address())));
        let (listener, at) = listen(&ground).await;
        ground.transport().dial(&at).await.unwrap();
        drop(listener);
    }
}

async fn a_caller_that_has_gone_before_it_is_taken_harms_no_other<G: Ground>(ground: G) {
    let (mut listener, at) = listen(&ground).await;
    for _ in 0..5 {
        let mut gone = ground.transport().dial(&at).await.unwrap();
        gone.writer.write_all(b"unread").await.unwrap();
        drop(gone);
    }
    let mut called = ground.transport().dial(&at).await.unwrap();
    called.writer.write_all(b"myself").await.unwrap();
    called.writer.flush().await.unwrap();
    for _ in 0..6 {
        let mut taken = listener.accept().await.unwrap();
        let mut heard = [0; 6];
        match taken.reader.read_exact(&mut heard).await {
            Ok(_) if &heard == b"myself" => return both_ways(&mut called, &mut taken).await,
            Ok(_) => assert_eq!(&heard, b"unread"),
            Err(error) => assert_ne!(error.kind(), ErrorKind::InvalidInput),
        }
    }
    panic!("it was not taken");
}

/// The suite on one transport.
macro_rules! conformance {
    ($transport:ident, $ground:ident) => {
        mod $transport {
            use super::$ground;

            conformance! { @ $ground:
                bytes_come_in_order_both_ways_at_once,
                a_writer_that_is_shut_down_is_the_end_of_one_direction_alone,
                a_writer_that_is_dropped_is_the_end_of_one_direction_alone,
                what_was_written_before_a_shutdown_is_read_though_all_is_dropped,
                a_connection_that_is_dropped_ends_for_the_other_end,
                where_nobody_listens_a_call_is_refused,
                where_one_listens_is_in_use,
                an_address_is_free_again_once_its_listener_is_dropped,
                calls_that_were_not_taken_end_with_the_listener,
                two_hundred_calls_at_once_all_arrive,
                who_does_not_read_stalls_only_who_writes_there,
                where_it_says_that_it_listens_it_is_called,
                an_accept_that_is_given_up_loses_no_call,
                a_call_that_is_given_up_harms_no_other,
                a_listen_that_is_given_up_leaves_the_address_free,
                a_caller_that_has_gone_before_it_is_taken_harms_no_other,
            }

            #[test]
            fn however_they_are_cut_the_bytes_are_the_same() {
                super::however_they_are_cut_the_bytes_are_the_same::<$ground>();
            }
        }
    };
    (@ $ground:ident: $($test:ident),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                super::run(super::$test($ground::default()));
            }
        )*
    };
}

conformance!(mem, InMem);
conformance!(tcp, OverTcp);
#[cfg(unix)]
conformance!(unix, OverUnix);
