//! The queue alone, on one thread, against a model that is a `VecDeque` and a list of who waits.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Wake, Waker};

use proptest::prelude::*;

use super::block::Block;
use super::*;
use crate::primitive::AtomicU32;

/// How often each message was dropped, by its number.
type Ledger = Rc<RefCell<Vec<u32>>>;

/// Counts its drop.
struct Guard {
    number: u32,
    ledger: Ledger,
}

impl Guard {
    fn new(ledger: &Ledger) -> Self {
        let mut drops = ledger.borrow_mut();
        drops.push(0);
        Self { number: u32::try_from(drops.len() - 1).unwrap(), ledger: Rc::clone(ledger) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.ledger.borrow_mut()[self.number as usize] += 1;
    }
}

/// A message of some size. `number` is what the model compares.
trait Payload {
    fn new(ledger: &Ledger) -> Self;
    fn number(&self) -> u32;
    /// What `number` gives for the message that was made with this number.
    fn seen(number: u32) -> u32 {
        number
    }
}

impl Payload for u8 {
    fn new(ledger: &Ledger) -> Self {
        let guard = Guard::new(ledger);
        guard.number.to_le_bytes()[0]
    }

    fn number(&self) -> u32 {
        u32::from(*self)
    }

    fn seen(number: u32) -> u32 {
        number & 0xFF
    }
}

/// 24 bytes, some of them behind a box.
enum Boxed {
    Near(Guard),
    Far(Box<Guard>, u64),
}

impl Payload for Boxed {
    fn new(ledger: &Ledger) -> Self {
        let guard = Guard::new(ledger);
        if guard.number.is_multiple_of(2) { Self::Near(guard) } else { Self::Far(Box::new(guard), 7) }
    }

    fn number(&self) -> u32 {
        match self {
            Self::Near(guard) => guard.number,
            Self::Far(guard, seven) => {
                assert_eq!(*seven, 7);
                guard.number
            }
        }
    }
}

/// Filled to its last byte with what its number says.
struct Wide<const BYTES: usize> {
    guard: Guard,
    fill: [u8; BYTES],
}

impl<const BYTES: usize> Payload for Wide<BYTES> {
    fn new(ledger: &Ledger) -> Self {
        let guard = Guard::new(ledger);
        let fill = [guard.number.to_le_bytes()[0]; BYTES];
        Self { guard, fill }
    }

    fn number(&self) -> u32 {
        assert!(self.fill.iter().all(|byte| *byte == self.fill[0]), "a message was torn");
        assert_eq!(self.fill[0], self.guard.number.to_le_bytes()[0]);
        self.guard.number
    }
}

type Bytes200 = Wide<184>;
type Bytes400 = Wide<384>;
type Bytes2048 = Wide<2032>;

const _: () = {
    assert!(size_of::<Boxed>() == 24);
    assert!(size_of::<Bytes200>() == 200);
    assert!(size_of::<Bytes400>() == 400);
    assert!(size_of::<Bytes2048>() == 2048);
    assert!(Block::<u8>::SLOTS == 31);
    assert!(Block::<Boxed>::SLOTS == 31);
    assert!(Block::<Bytes200>::SLOTS == 7);
    assert!(Block::<Bytes400>::SLOTS == 3);
    assert!(Block::<Bytes2048>::SLOTS == 1);
};

/// Counts wakes.
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Relaxed: one thread.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    TryPush,
    PushPlace,
    PushIdle,
    PushBatch(usize),
    Reserve,
    PushReserved,
    Unreserve,
    WaitToSend,
    WaitForCredit,
    Refresh(usize),
    Withdraw(usize),
    Take,
    TakeWaiting { calm: bool },
    Settle,
    ParkForMessages { release: bool },
    ParkForWake,
    Wake,
    BeginTurn,
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => Just(Op::TryPush),
        2 => Just(Op::PushPlace),
        2 => Just(Op::PushIdle),
        2 => (0..40_usize).prop_map(Op::PushBatch),
        2 => Just(Op::Reserve),
        2 => Just(Op::PushReserved),
        1 => Just(Op::Unreserve),
        4 => Just(Op::WaitToSend),
        2 => Just(Op::WaitForCredit),
        1 => (0..8_usize).prop_map(Op::Refresh),
        2 => (0..8_usize).prop_map(Op::Withdraw),
        12 => Just(Op::Take),
        3 => any::<bool>().prop_map(|calm| Op::TakeWaiting { calm }),
        1 => Just(Op::Settle),
        4 => any::<bool>().prop_map(|release| Op::ParkForMessages { release }),
        1 => Just(Op::ParkForWake),
        2 => Just(Op::Wake),
        2 => Just(Op::BeginTurn),
    ]
}

/// Most runs end with the queue closed, a few operations before the last.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    (prop::collection::vec(op(), 0..160), prop::collection::vec(op(), 0..8), any::<bool>()).prop_map(
        |(mut ops, after, close)| {
            if close {
                ops.push(Op::Close);
                ops.extend(after);
            }
            ops
        },
    )
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parking {
    ForMessages,
    ForWake,
}

/// Someone who waits, or waited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Waiter {
    number: Option<u32>,
    sender: u64,
    fate: Fate,
}

/// What the queue is said to be.
struct Model {
    capacity: Capacity,
    /// Number, sender, whether it holds a credit.
    queue: VecDeque<(u32, u64, bool)>,
    /// Indices into `waiters`, first come first served.
    waiting: VecDeque<usize>,
    waiters: Vec<Waiter>,
    /// Credits held by permits and by grants not yet picked up.
    reserved: u32,
    owed: u32,
    parked: Option<Parking>,
    woken: bool,
    closed: bool,
}

impl Model {
    fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            queue: VecDeque::new(),
            waiting: VecDeque::new(),
            waiters: Vec::new(),
            reserved: 0,
            owed: 0,
            parked: None,
            woken: false,
            closed: false,
        }
    }

    fn counts(&self) -> bool {
        matches!(self.capacity, Capacity::Bounded(_))
    }

    /// Messages there is room for.
    fn room(&self) -> usize {
        if self.closed {
            return 0;
        }
        match self.capacity {
            Capacity::Zero => 0,
            Capacity::Unbounded => usize::MAX,
            Capacity::Bounded(limit) => {
                let queued = self.queue.iter().filter(|(_, _, credit)| *credit).count();
                limit as usize - queued - self.owed as usize - self.reserved as usize
            }
        }
    }

    fn push(&mut self, number: u32, sender: u64, credit: bool) -> Duty {
        self.queue.push_back((number, sender, credit));
        if self.parked == Some(Parking::ForMessages) {
            self.parked = None;
            return Duty::Schedule;
        }
        Duty::None
    }

    /// Credits come back: those who wait have them first.
    fn give(&mut self, count: u32) -> Duty {
        let mut duty = Duty::None;
        for _ in 0..count {
            if self.closed {
                break;
            }
            let Some(index) = self.waiting.pop_front() else { break };
            let waiter = self.waiters[index];
            if let Some(number) = waiter.number {
                if self.push(number, waiter.sender, true) == Duty::Schedule {
                    duty = Duty::Schedule;
                }
                self.waiters[index].fate = Fate::Sent;
            } else {
                self.reserved += 1;
                self.waiters[index].fate = Fate::Granted;
            }
        }
        duty
    }

    fn settle(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        assert_eq!(self.give(owed), Duty::None);
    }

    fn park(&mut self) -> Parked {
        let owes = self.owed != 0 || self.capacity == Capacity::Zero;
        if self.woken || !self.queue.is_empty() || (owes && !self.waiting.is_empty()) {
            return Parked::No;
        }
        self.owed = 0;
        self.parked = Some(Parking::ForMessages);
        Parked::Yes
    }

    fn take(&mut self) -> Option<(u32, u64)> {
        let (number, sender, credit) = self.queue.pop_front()?;
        self.owed += u32::from(credit);
        let threshold = self.capacity.limit().map_or(u32::MAX, |limit| (limit / 2).max(1));
        if self.owed >= threshold && !self.closed {
            self.settle();
        }
        Some((number, sender))
    }
}

/// A node that was enqueued, and the waker it has.
type Place<M> = (NonNull<Node<M>>, Arc<Bell>);

/// The queue beside its model.
struct Pair<M> {
    queue: Queue<M>,
    model: Model,
    ledger: Ledger,
    /// One for each of the model's waiters; `None` once it has left.
    nodes: Vec<Option<Place<M>>>,
    /// Credits taken with `try_reserve`, or picked up from a grant.
    permits: u32,
}

impl<M: Payload> Pair<M> {
    fn new(capacity: Capacity) -> Self {
        Self {
            queue: Queue::new(capacity),
            model: Model::new(capacity),
            ledger: Ledger::default(),
            nodes: Vec::new(),
            permits: 0,
        }
    }

    /// A message, its number, and a sender made of it.
    fn make(&self) -> (M, u32, u64) {
        let message = M::new(&self.ledger);
        let number = u32::try_from(self.ledger.borrow().len() - 1).unwrap();
        (message, number, u64::from(number % 5) << 2)
    }

    fn pushed(&mut self, result: Result<Duty, M>, number: u32, sender: u64, credit: bool, admitted: bool) {
        match result {
            Ok(duty) => {
                assert!(admitted, "pushed where there was no room");
                assert_eq!(duty, self.model.push(number, sender, credit));
            }
            Err(message) => {
                assert!(!admitted, "refused although there was room");
                assert_eq!(message.number(), M::seen(number), "another message came back");
            }
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::TryPush => {
                let (message, number, sender) = self.make();
                let admitted = self.model.room() > 0;
                let result = self.queue.try_push(message, sender);
                self.pushed(result, number, sender, self.model.counts(), admitted);
            }
            Op::PushPlace => {
                let (message, number, sender) = self.make();
                let admitted = !self.model.closed;
                let result = self.queue.push_place(message, sender);
                self.pushed(result, number, sender, false, admitted);
            }
            Op::PushIdle => {
                let (message, number, sender) = self.make();
                let idle = self.model.parked == Some(Parking::ForMessages);
                let admitted = idle && self.model.waiting.is_empty() && !self.model.closed;
                let result = self.queue.try_push_idle(message, sender);
                self.pushed(result, number, sender, false, admitted);
            }
            Op::PushBatch(count) => self.push_batch(count),
            Op::Reserve => {
                let reserved = self.queue.try_reserve();
                assert_eq!(reserved, self.model.room() > 0);
                if reserved && self.model.counts() {
                    self.permits += 1;
                    self.model.reserved += 1;
                }
            }
            Op::PushReserved if self.permits > 0 => {
                self.permits -= 1;
                self.model.reserved -= 1;
                let (message, number, sender) = self.make();
                let admitted = !self.model.closed;
                let result = self.queue.push_reserved(message, sender);
                self.pushed(result, number, sender, true, admitted);
            }
            Op::Unreserve if self.permits > 0 => {
                self.permits -= 1;
                self.model.reserved -= 1;
                let duty = self.queue.unreserve();
                assert_eq!(duty, self.model.give(1));
            }
            Op::WaitToSend => {
                let (message, number, sender) = self.make();
                self.enqueue(Node::with_message(message, sender), Some(number), sender);
            }
            Op::WaitForCredit if self.model.counts() => self.enqueue(Node::for_credit(), None, 0),
            Op::Refresh(nth) => self.refresh(nth),
            Op::Withdraw(nth) => self.withdraw(nth),
            Op::Wake => {
                let duty = self.queue.wake();
                let parked = self.model.parked.take().is_some();
                self.model.woken = !parked;
                assert_eq!(duty, if parked { Duty::Schedule } else { Duty::None });
            }
            // The rest is for the token's holder.
            _ if self.model.parked.is_none() => self.step_with_token(op),
            _ => {}
        }
        self.check();
    }

    fn push_batch(&mut self, count: usize) {
        let made: Vec<(M, u32, u64)> = (0..count).map(|_| self.make()).collect();
        let numbers: Vec<u32> = made.iter().map(|(_, number, _)| *number).collect();
        let accepted = self.model.room().min(count);
        let mut messages = made.into_iter().map(|(message, _, _)| message);
        let mut staged = Staged::new();
        let mut duty = Duty::None;
        while staged.is_empty() {
            staged.fill(&mut messages);
            if staged.is_empty() {
                break;
            }
            if self.queue.try_push_all(&mut staged, 4) == Duty::Schedule {
                duty = Duty::Schedule;
            }
        }
        let mut expected = Duty::None;
        for number in &numbers[..accepted] {
            if self.model.push(*number, 4, self.model.counts()) == Duty::Schedule {
                expected = Duty::Schedule;
            }
        }
        assert_eq!(duty, expected);
        let rest: Vec<u32> = std::iter::from_fn(|| staged.pop()).chain(messages).map(|message| message.number()).collect();
        let left: Vec<u32> = numbers[accepted..].iter().map(|number| M::seen(*number)).collect();
        assert_eq!(rest, left);
    }

    fn enqueue(&mut self, node: Node<M>, number: Option<u32>, sender: u64) {
        let node = NonNull::from(Box::leak(Box::new(node)));
        let bell = Arc::new(Bell(AtomicU32::new(0)));
        // SAFETY: not linked; it stays where it is until `forget` frees it.
        let enqueued = unsafe { self.queue.enqueue(node, &Waker::from(Arc::clone(&bell))) };
        let idle = self.model.parked == Some(Parking::ForMessages);
        let room = match self.model.capacity {
            Capacity::Zero => idle && self.model.waiting.is_empty(),
            _ => self.model.room() > 0,
        };
        let expected = if self.model.closed {
            Enqueued::Closed
        } else if room {
            Enqueued::Room
        } else {
            Enqueued::Waiting
        };
        assert_eq!(enqueued, expected);
        if enqueued == Enqueued::Waiting {
            self.model.waiting.push_back(self.model.waiters.len());
            self.model.waiters.push(Waiter { number, sender, fate: Fate::Waiting });
            self.nodes.push(Some((node, bell)));
        } else {
            // SAFETY: not linked, and a node that was to send still has its message.
            unsafe { Self::forget(node, number) };
        }
    }

    /// # Safety
    /// The node came from `enqueue` and is not linked; its message is there exactly if `number` is.
    unsafe fn forget(node: NonNull<Node<M>>, number: Option<u32>) {
        // SAFETY: by contract.
        let node = unsafe { Box::from_raw(node.as_ptr()) };
        if let Some(number) = number {
            // SAFETY: by contract.
            let message = unsafe { node.take_message() };
            assert_eq!(message.number(), M::seen(number));
        }
    }

    fn present(&self, nth: usize) -> Option<usize> {
        let present: Vec<usize> =
            (0..self.nodes.len()).filter(|index| self.nodes[*index].is_some()).collect();
        (!present.is_empty()).then(|| present[nth % present.len()])
    }

    fn refresh(&mut self, nth: usize) {
        let Some(index) = self.present(nth) else { return };
        let Some((node, bell)) = &mut self.nodes[index] else { return };
        // A waiting node gets a bell of its own; the old one must stay silent then.
        let fresh = Arc::new(Bell(AtomicU32::new(0)));
        // SAFETY: enqueued.
        let fate = unsafe { self.queue.refresh(*node, &Waker::from(Arc::clone(&fresh))) };
        assert_eq!(fate, self.model.waiters[index].fate);
        if fate == Fate::Waiting {
            assert_eq!(Arc::strong_count(bell), 1, "the old waker was dropped");
            *bell = fresh;
        }
    }

    fn withdraw(&mut self, nth: usize) {
        let Some(index) = self.present(nth) else { return };
        let Some((node, _)) = self.nodes[index].take() else { return };
        // SAFETY: enqueued.
        let withdrawn = unsafe { self.queue.withdraw(node) };
        let waiter = self.model.waiters[index];
        let expected = match waiter.fate {
            Fate::Waiting | Fate::Closed => {
                self.model.waiting.retain(|other| *other != index);
                Withdrawn::Ours
            }
            Fate::Sent => Withdrawn::Sent,
            Fate::Granted => {
                self.model.reserved -= 1;
                Withdrawn::GaveOn(self.model.give(1))
            }
        };
        assert_eq!(withdrawn, expected);
        let ours = if withdrawn == Withdrawn::Ours { waiter.number } else { None };
        // SAFETY: withdrawn, so not linked; the message is there if it is ours.
        unsafe { Self::forget(node, ours) };
    }

    fn step_with_token(&mut self, op: Op) {
        match op {
            Op::Take => self.take(),
            Op::TakeWaiting { calm } => self.take_waiting(calm),
            Op::Settle => {
                // SAFETY: nothing is parked, so the token is ours.
                unsafe { self.queue.settle() };
                self.model.settle();
            }
            Op::ParkForMessages { release } if !self.model.closed => {
                // SAFETY: as above.
                let parked = unsafe { self.queue.park_for_messages(release) };
                assert_eq!(parked, self.model.park());
            }
            Op::ParkForWake if !self.model.closed => {
                // SAFETY: as above.
                let parked = unsafe { self.queue.park_for_wake() };
                self.model.settle();
                assert_eq!(parked, if self.model.woken { Parked::No } else { Parked::Yes });
                if parked == Parked::Yes {
                    self.model.parked = Some(Parking::ForWake);
                }
            }
            Op::BeginTurn => {
                // SAFETY: as above.
                unsafe { self.queue.begin_turn() };
                self.model.woken = false;
            }
            Op::Close => self.close(),
            _ => {}
        }
    }

    fn take(&mut self) {
        // SAFETY: nothing is parked, so the token is ours.
        let front = unsafe { self.queue.front() };
        let seen = front.as_ref().map(|front| (front.message().number(), front.sender()));
        // SAFETY: as above; the front is new.
        let taken = front.map(|front| unsafe { self.queue.take_any(front) });
        let expected = self.model.take().map(|(number, sender)| (M::seen(number), sender));
        assert_eq!(seen, expected);
        assert_eq!(taken.map(|message| message.number()), expected.map(|(number, _)| number));
    }

    fn take_waiting(&mut self, calm: bool) {
        // SAFETY: nothing is parked, so the token is ours.
        let taken = unsafe { self.queue.take_waiting(|| calm) };
        let may = self.model.capacity == Capacity::Zero && calm && self.model.queue.is_empty();
        let expected = if may { self.model.waiting.pop_front() } else { None };
        assert_eq!(taken.is_some(), expected.is_some());
        if let (Some(taken), Some(index)) = (taken, expected) {
            let waiter = &mut self.model.waiters[index];
            waiter.fate = Fate::Sent;
            assert_eq!(Some(taken.message.number()), waiter.number.map(M::seen));
            assert_eq!(taken.sender, waiter.sender);
            taken.waker.expect("a waiting sender left its waker").wake();
        }
    }

    /// Closes, drains, and sends the waiting home: what the end of an actor does.
    fn close(&mut self) {
        // SAFETY: the token is ours, and stays so: a closed queue is not parked here.
        unsafe { self.queue.close() };
        self.model.closed = true;
        loop {
            // SAFETY: as above.
            match unsafe { self.queue.drain() } {
                Drained::Message(message, sender) => {
                    let (number, from, _) = self.model.queue.pop_front().expect("more than there was");
                    assert_eq!((message.number(), sender), (M::seen(number), from));
                }
                Drained::Empty => break,
                Drained::Busy => panic!("nobody else is here"),
            }
        }
        assert!(self.model.queue.is_empty(), "a message was lost");
        // SAFETY: closed.
        unsafe { self.queue.close_waiters() };
        for index in self.model.waiting.drain(..) {
            self.model.waiters[index].fate = Fate::Closed;
        }
    }

    /// What must hold after every step.
    fn check(&self) {
        for (waiter, node) in self.model.waiters.iter().zip(&self.nodes) {
            let Some((node, bell)) = node else { continue };
            // SAFETY: not forgotten.
            let fate = unsafe { node.as_ref() }.fate();
            assert_eq!(fate, waiter.fate);
            let rung = bell.0.load(Ordering::Relaxed);
            assert_eq!(rung, u32::from(fate != Fate::Waiting), "woken once, when its wait was over");
        }
        assert_eq!(self.queue.is_closed(), self.model.closed);
        assert!(self.model.waiting.is_empty() || !self.queue.try_reserve(), "nobody barges");
        if self.model.parked.is_none() {
            // SAFETY: nothing is parked, so the token is ours.
            let (len, empty) = unsafe { (self.queue.len(), self.queue.is_empty()) };
            assert_eq!(len, self.model.queue.len() as u64);
            assert_eq!(empty, self.model.queue.is_empty());
        }
    }

    /// Everybody leaves, the queue goes: every message must have been dropped once by then.
    fn finish(mut self) {
        while let Some(index) = self.present(0) {
            self.withdraw(index);
            self.check();
        }
        for _ in 0..std::mem::take(&mut self.permits) {
            self.model.reserved -= 1;
            let duty = self.queue.unreserve();
            assert_eq!(duty, self.model.give(1));
        }
        assert_eq!(self.model.reserved, 0);
        drop(self.queue);
        assert!(self.ledger.borrow().iter().all(|drops| *drops == 1), "{:?}", self.ledger.borrow());
    }
}

fn behaves<M: Payload>(capacity: Capacity, ops: &[Op]) {
    let mut pair = Pair::<M>::new(capacity);
    for op in ops {
        pair.step(*op);
    }
    pair.finish();
}

fn capacity() -> impl Strategy<Value = Capacity> {
    prop_oneof![
        Just(Capacity::Zero),
        Just(Capacity::Bounded(1)),
        Just(Capacity::Bounded(2)),
        Just(Capacity::Bounded(7)),
        Just(Capacity::Unbounded),
    ]
}

proptest! {
    #[test]
    fn blocks_of_31_slots_behave_as_the_model(capacity in capacity(), ops in ops()) {
        behaves::<u8>(capacity, &ops);
        behaves::<Boxed>(capacity, &ops);
    }

    #[test]
    fn blocks_of_7_slots_behave_as_the_model(capacity in capacity(), ops in ops()) {
        behaves::<Bytes200>(capacity, &ops);
    }

    #[test]
    fn blocks_of_3_slots_behave_as_the_model(capacity in capacity(), ops in ops()) {
        behaves::<Bytes400>(capacity, &ops);
    }

    #[test]
    fn blocks_of_1_slot_behave_as_the_model(capacity in capacity(), ops in ops()) {
        behaves::<Bytes2048>(capacity, &ops);
    }
}

#[test]
fn a_bounded_queue_of_zero_is_one_that_hands_over() {
    assert_eq!(Queue::<u8>::new(Capacity::Bounded(0)).capacity(), Capacity::Zero);
    assert_eq!(Queue::<u8>::new(Capacity::Bounded(u32::MAX)).capacity(), Capacity::Bounded(MAX_CAPACITY));
}

#[test]
fn a_gated_queue_admits_only_what_is_put_in_its_place() {
    let queue = Queue::new(Capacity::Bounded(3));
    assert_eq!(queue.try_push(1, 0), Ok(Duty::None));
    let gated = Queue::gated(Capacity::Bounded(3));
    assert_eq!(gated.try_push(1, 0), Err(1));
    assert_eq!(gated.push_place(2, 0), Ok(Duty::None));
    // SAFETY: never parked, so the token is ours.
    assert_eq!(unsafe { gated.len() }, 1);
}

#[test]
fn more_waiters_than_one_round_wakes_are_all_told_of_the_end() {
    let queue = Queue::<u8>::new(Capacity::Bounded(1));
    assert_eq!(queue.try_push(0, 0), Ok(Duty::None));
    let bell = Arc::new(Bell(AtomicU32::new(0)));
    let mut nodes: Vec<Box<Node<u8>>> = (1..=100).map(|n| Box::new(Node::with_message(n, 0))).collect();
    for node in &mut nodes {
        // SAFETY: boxed, and kept until the queue has let go of it.
        let enqueued = unsafe { queue.enqueue(NonNull::from(&mut **node), &Waker::from(Arc::clone(&bell))) };
        assert_eq!(enqueued, Enqueued::Waiting);
    }
    // SAFETY: never parked, so the token is ours.
    unsafe { queue.close() };
    // SAFETY: closed.
    unsafe { queue.close_waiters() };
    assert!(nodes.iter().all(|node| node.fate() == Fate::Closed));
    assert_eq!(bell.0.load(Ordering::Relaxed), 100);
}
