//! What one thread can see of a reply cell; what two can is in the models.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

use super::*;

fn poll<T>(answer: &mut Answer<T>) -> Poll<Result<T, Unanswered>> {
    answer.poll(&mut Context::from_waker(Waker::noop()))
}

struct Silent;

impl Wake for Silent {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_reply_is_one_word_and_leaves_a_message_its_null() {
    #[allow(dead_code, reason = "only its size counts")]
    enum Message {
        Add(u64, Reply<u64>),
        Total(Reply<u64>),
    }
    assert_eq!(size_of::<Reply<[u64; 9]>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Reply<u64>>>(), size_of::<usize>());
    assert_eq!(size_of::<Message>(), 16);
    assert_eq!(size_of::<Answer<[u64; 9]>>(), size_of::<usize>());
    assert!(size_of::<Slot<u64>>() <= 64, "a cell takes one cache line");
}

#[test]
fn both_sides_are_send_and_sync_exactly_when_the_value_may_be_sent() {
    trait Probe<Case> {
        fn found() {}
    }
    impl<T> Probe<()> for T {}
    struct IsSend;
    impl<T: Send> Probe<IsSend> for T {}
    struct IsSync;
    impl<T: Sync> Probe<IsSync> for T {}
    fn both<T: Send + Sync + Unpin>() {}
    both::<Reply<Cell<u8>>>();
    both::<Answer<Cell<u8>>>();
    // One `Probe` each, or these would be ambiguous.
    <Reply<Rc<u8>>>::found();
    <Answer<Rc<u8>>>::found();
}

#[test]
fn an_answer_arrives_before_and_after_the_wait_began() {
    let (reply, mut answer) = pair();
    assert!(reply.is_wanted());
    assert!(answer.try_take().is_none());
    reply.send(7).unwrap();
    assert!(matches!(poll(&mut answer), Poll::Ready(Ok(7))));
    let (reply, mut answer) = pair();
    assert!(poll(&mut answer).is_pending());
    assert!(poll(&mut answer).is_pending());
    assert!(reply.is_wanted());
    reply.send(8).unwrap();
    assert!(matches!(answer.try_take(), Some(Ok(8))));
}

#[test]
fn an_outcome_is_given_once() {
    let (reply, mut answer) = pair();
    reply.send(1).unwrap();
    assert!(poll(&mut answer).is_ready());
    assert!(poll(&mut answer).is_pending());
    assert!(answer.try_take().is_none());
}

#[test]
fn a_dropped_reply_says_so() {
    let (reply, mut answer) = pair::<u8>();
    drop(reply);
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(Unanswered::NoReply))));
    let (reply, mut answer) = pair::<u8>();
    assert!(poll(&mut answer).is_pending());
    drop(reply);
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(Unanswered::NoReply))));
}

/// A reply whose holder's death is not explained yet.
fn orphan<T>(reply: Reply<T>) -> Orphan {
    Orphan { cell: ManuallyDrop::new(reply).cell, close: close::<T> }
}

#[test]
fn an_orphan_keeps_the_asker_waiting_until_the_reason_is_known() {
    let (reply, mut answer) = pair::<u8>();
    let kept = orphan(reply);
    assert!(poll(&mut answer).is_pending());
    kept.close(Unanswered::Down(ExitReason::Killed));
    let Poll::Ready(Err(Unanswered::Down(reason))) = poll(&mut answer) else { panic!("not told why") };
    assert_eq!(reason, ExitReason::Killed);
    let (reply, mut answer) = pair::<u8>();
    drop(orphan(reply));
    assert!(matches!(poll(&mut answer), Poll::Ready(Err(Unanswered::NoReply))));
}

#[test]
fn a_late_value_comes_back_and_an_unread_one_is_dropped_once() {
    let value = Rc::new(());
    let (reply, mut answer) = pair();
    assert!(poll(&mut answer).is_pending());
    drop(answer);
    assert!(!reply.is_wanted());
    let back = reply.send(Rc::clone(&value)).unwrap_err();
    assert_eq!(Rc::strong_count(&value), 2);
    drop(back);
    let (reply, answer) = pair();
    reply.send(Rc::clone(&value)).unwrap();
    drop(answer);
    assert_eq!(Rc::strong_count(&value), 1);
    assert!(Reply::none().send(Rc::clone(&value)).is_err());
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn a_waker_is_cloned_only_to_wait_and_kept_until_another_comes() {
    let [first, second] = [Arc::new(Silent), Arc::new(Silent)];
    let [one, two] = [Waker::from(Arc::clone(&first)), Waker::from(Arc::clone(&second))];
    let counts = || [Arc::strong_count(&first) - 2, Arc::strong_count(&second) - 2];
    let (reply, mut answer) = pair();
    for (waker, held) in [(&one, [1, 0]), (&one, [1, 0]), (&two, [0, 1])] {
        assert!(answer.poll(&mut Context::from_waker(waker)).is_pending());
        assert_eq!(counts(), held);
    }
    reply.send(1).unwrap();
    assert_eq!(counts(), [0, 0]);
    assert!(answer.poll(&mut Context::from_waker(&one)).is_ready());
    let (_reply, mut answer) = pair::<u8>();
    assert!(answer.poll(&mut Context::from_waker(&one)).is_pending());
    drop(answer);
    assert_eq!(counts(), [0, 0]);
}

struct Bomb(Rc<Cell<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        panic!("boom");
    }
}

#[test]
fn a_value_whose_drop_panics_is_dropped_once() {
    let drops = Rc::new(Cell::new(0));
    let (reply, answer) = pair();
    assert!(reply.send(Bomb(Rc::clone(&drops))).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(answer))).is_err());
    assert_eq!((drops.get(), Rc::strong_count(&drops)), (1, 1));
}

#[test]
fn a_waker_whose_clone_panics_leaves_the_cell_usable() {
    static BOMB: RawWakerVTable = RawWakerVTable::new(|_| panic!("boom"), |_| {}, |_| {}, |_| {});
    // SAFETY: the functions do nothing with the pointer.
    let bomb = unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &BOMB)) };
    let (reply, mut answer) = pair();
    let poll_bomb = |answer: &mut Answer<u8>| {
        catch_unwind(AssertUnwindSafe(|| answer.poll(&mut Context::from_waker(&bomb)))).is_err()
    };
    assert!(poll_bomb(&mut answer));
    assert!(poll(&mut answer).is_pending());
    assert!(poll_bomb(&mut answer));
    reply.send(4).unwrap();
    assert!(matches!(poll(&mut answer), Poll::Ready(Ok(4))));
}
