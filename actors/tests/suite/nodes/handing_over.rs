//! Capacity 0 on another node: a send is over when the message has been handed over.

use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::mpsc;
use wharf::{AskError, Capacity, ExitReason, Mailbox, Pid, SendError, Spawn};

use super::common::{Msg, Two, run};

/// An actor that holds nothing, and receives once for each permit; it tells what it was sent.
struct Gated {
    near: Pid<Msg>,
    far: Pid<Msg>,
    permits: mpsc::UnboundedSender<()>,
    got: mpsc::UnboundedReceiver<u64>,
}

async fn gated(two: &Two) -> Gated {
    let (permits, mut permit) = mpsc::unbounded_channel();
    let (tell, got) = mpsc::unbounded_channel();
    let body = async move |mut mailbox: Mailbox<Msg>| {
        while permit.recv().await.is_some() {
            match mailbox.receive().await {
                Some(Msg::Add(n)) => tell.send(n).unwrap(),
                Some(Msg::Total(reply)) => _ = reply.send(7),
                _ => return,
            }
        }
    };
    let near = Spawn::on(two.right.node()).capacity(Capacity::Zero).spawn_fn(body);
    two.right.export("gated", &near).unwrap();
    let far = two.left.lookup("gated@right").await.unwrap();
    Gated { near, far, permits, got }
}

/// Lets the connection carry what is to be carried: after this, what was to happen has happened, or waits for
/// something else.
async fn give_way(two: &Two) {
    for _ in 0..20 {
        let other = two.left.lookup::<Msg>("adder@right").await.unwrap();
        assert_eq!(other.ask(Msg::Total).await, Ok(0));
    }
}

/// Brings a send so far that its message is on its way, and waits to be handed over.
async fn begin<F: Future>(two: &Two, mut send: Pin<&mut F>) {
    for _ in 0..3 {
        assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        give_way(two).await;
    }
}

async fn connected() -> Two {
    let (two, _, _) = Two::with_adder().await;
    two
}

#[test]
fn a_send_is_over_when_the_message_has_been_handed_over_near_and_far() {
    run(async {
        let two = connected().await;
        let mut gated = gated(&two).await;
        for pid in [gated.near.clone(), gated.far.clone()] {
            let mut send = pin!(pid.send(Msg::Add(1)));
            begin(&two, send.as_mut()).await;
            gated.permits.send(()).unwrap();
            assert!(send.await.is_ok());
            assert_eq!(gated.got.recv().await, Some(1));
        }
        drop(gated.permits);
        two.stop().await;
    });
}

#[test]
fn who_waits_to_hand_over_comes_in_order_far_as_near() {
    run(async {
        let two = connected().await;
        let mut gated = gated(&two).await;
        for pid in [gated.near.clone(), gated.far.clone()] {
            let sends = (0..5).map(|n| pid.send(Msg::Add(n)));
            let sends = sends.map(|send| async { send.await.unwrap() });
            let sent = futures::future::join_all(sends);
            let received = async {
                for n in 0..5 {
                    gated.permits.send(()).unwrap();
                    assert_eq!(gated.got.recv().await, Some(n));
                }
            };
            tokio::join!(sent, received);
        }
        drop(gated.permits);
        two.stop().await;
    });
}

#[test]
fn what_can_not_be_handed_over_at_once_is_refused_to_who_does_not_wait() {
    run(async {
        let two = connected().await;
        let gated = gated(&two).await;
        for pid in [&gated.near, &gated.far] {
            let refused = pid.try_send(Msg::Add(1));
            assert!(matches!(refused, Err(SendError::Full { .. })), "{refused:?}");
        }
        give_way(&two).await;
        // What it is has been told meanwhile, and nobody is known to wait there.
        let refused = gated.far.try_send(Msg::Add(1));
        assert!(matches!(refused, Err(SendError::Full { limit: 0, .. })), "{refused:?}");
        drop(gated.permits);
        two.stop().await;
    });
}

#[test]
fn an_ask_is_handed_over_and_answered() {
    run(async {
        let two = connected().await;
        let gated = gated(&two).await;
        for pid in [&gated.near, &gated.far] {
            gated.permits.send(()).unwrap();
            assert_eq!(pid.ask(Msg::Total).await, Ok(7));
        }
        drop(gated.permits);
        two.stop().await;
    });
}

#[test]
fn one_that_was_on_its_way_when_its_receiver_ended_or_the_time_was_over_is_unknown() {
    run(async {
        let two = connected().await;
        let gated = gated(&two).await;
        let late = gated.far.send_timeout(Msg::Add(1), Duration::from_millis(20)).await;
        // It had left, or not even that.
        assert!(matches!(late, Err(SendError::Unknown { .. } | SendError::Timeout { .. })), "{late:?}");
        let mut send = pin!(gated.far.send(Msg::Add(2)));
        begin(&two, send.as_mut()).await;
        let mut ask = pin!(gated.far.ask(Msg::Total));
        begin(&two, ask.as_mut()).await;
        gated.near.kill();
        let lost = send.await;
        assert!(matches!(lost, Err(SendError::Lost { .. })), "{lost:?}");
        assert_eq!(ask.await, Err(AskError::Down(ExitReason::NoProc)));
        drop(gated.permits);
        two.stop().await;
    });
}

#[test]
fn one_that_was_given_up_lets_the_next_go() {
    run(async {
        let two = connected().await;
        let mut gated = gated(&two).await;
        {
            let mut send = pin!(gated.far.send(Msg::Add(1)));
            begin(&two, send.as_mut()).await;
            // On its way: it can't be taken back.
            assert!(send.as_mut().take_back().is_none());
        }
        let next = gated.far.send(Msg::Add(2));
        let received = async {
            for n in [1, 2] {
                gated.permits.send(()).unwrap();
                assert_eq!(gated.got.recv().await, Some(n));
            }
        };
        let (next, ()) = tokio::join!(next, received);
        assert!(next.is_ok());
        drop(gated.permits);
        two.stop().await;
    });
}

#[test]
fn a_cut_ends_the_wait_until_it_is_handed_over() {
    run(async {
        let two = connected().await;
        let gated = gated(&two).await;
        let mut send = pin!(gated.far.send(Msg::Add(1)));
        begin(&two, send.as_mut()).await;
        two.right.stop().await;
        let lost = send.await;
        assert!(matches!(lost, Err(SendError::Unknown { .. })), "{lost:?}");
        drop(gated.permits);
        two.stop().await;
    });
}
