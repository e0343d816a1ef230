//! Models of batches: `queue/push_all.rs`.

use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::queue::{Capacity, Drained, Duty, Queue, Staged};

/// All interleavings of two threads are too many.
const TWO_THREADS: Model = Model::of_threads(2).preemptions(Some(2));

/// A message so large that a block has three slots, and a run can have several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Wide([u32; 16]);

impl Wide {
    const fn numbered(number: u32) -> Self {
        Self([number; 16])
    }

    fn number(self) -> u32 {
        assert_eq!(self, Self::numbered(self.0[0]), "a message in pieces");
        self.0[0]
    }
}

fn staged(numbers: impl IntoIterator<Item = u32>) -> Staged<Wide> {
    let mut staged = Staged::new();
    staged.fill(&mut numbers.into_iter().map(Wide::numbered));
    staged
}

fn left(mut staged: Staged<Wide>) -> usize {
    std::iter::from_fn(|| staged.pop()).count()
}

/// What the receiver, whose token the caller has, finds now.
fn receive_all(queue: &Queue<Wide>) -> Vec<u32> {
    let mut seen = Vec::new();
    // SAFETY: the caller holds the token.
    while let Some(front) = unsafe { queue.front() } {
        // SAFETY: as above.
        seen.push(unsafe { queue.take_any(front) }.number());
    }
    seen
}

/// A queue whose token the caller holds.
fn queue(room: u32) -> Shared<Queue<Wide>> {
    Shared::new(Queue::new(Capacity::Bounded(room)))
}

fn end(queue: Shared<Queue<Wide>>) {
    // SAFETY: the threads have ended, and the token is the caller's.
    unsafe { queue.close() };
    // SAFETY: as above.
    assert!(matches!(unsafe { queue.drain() }, Drained::Empty), "a message was left");
    // SAFETY: nobody uses it any more.
    unsafe { queue.end() };
}

/// A batch of two and one message of another sender, and room for two of the three.
fn batch_against_a_send(roles: Roles) {
    let queue = queue(2);
    let batch = move || {
        let mut staged = staged([11, 12]);
        assert_eq!(queue.try_push_all(&mut staged, 1 << 2), Duty::None, "the receiver runs");
        left(staged)
    };
    let send = move || queue.try_push(Wide::numbered(21), 2 << 2).is_ok();
    let (left, sent) = roles.side_by_side(batch, send);
    assert_eq!(2 - left + usize::from(sent), 2, "more was accepted than there is room for, or less");
    let seen = receive_all(&queue);
    assert_eq!(seen.len(), 2, "something was lost or doubled: {seen:?}");
    assert_eq!(seen.contains(&21), sent);
    let batch: Vec<u32> = seen.into_iter().filter(|number| number / 10 == 1).collect();
    assert_eq!(batch, Vec::from_iter((11..).take(2 - left)), "the order of the batch is lost");
    end(queue);
}

#[test]
fn a_batch_and_a_sender_share_the_room() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(4).check("batches: room", move || batch_against_a_send(roles));
    }
}

#[test]
#[should_panic(expected = "more was accepted than there is room for")]
fn a_run_that_is_measured_once_is_found() {
    for roles in Roles::BOTH {
        TWO_THREADS.breaks("push all: a run is measured once", move || batch_against_a_send(roles));
    }
}

/// A batch that ends a block, and another sender whose message follows in the next.
fn batch_at_the_edge(roles: Roles) {
    let queue = queue(8);
    let batch = move || {
        let mut staged = staged([11, 12, 13]);
        assert_eq!(queue.try_push_all(&mut staged, 1 << 2), Duty::None, "the receiver runs");
        assert_eq!(left(staged), 0, "there was room");
    };
    let send = move || assert!(queue.try_push(Wide::numbered(21), 2 << 2).is_ok(), "there was room");
    roles.side_by_side(batch, send);
    let seen = receive_all(&queue);
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [11, 12, 13, 21], "something was lost or doubled");
    assert!(seen.iter().filter(|number| **number != 21).is_sorted(), "the order of the batch is lost");
    end(queue);
}

#[test]
fn a_batch_ends_a_block_beside_a_sender() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(4).check("batches: edge", move || batch_at_the_edge(roles));
    }
}

/// A receiver at work while a batch comes.
fn batch_against_the_receiver(roles: Roles) {
    let queue = queue(8);
    let batch = move || {
        let mut staged = staged([11, 12]);
        assert_eq!(queue.try_push_all(&mut staged, 1 << 2), Duty::None, "the receiver runs");
        assert_eq!(left(staged), 0, "there was room");
    };
    let ((), mut seen) = roles.side_by_side(batch, move || receive_all(&queue));
    seen.extend(receive_all(&queue));
    assert_eq!(seen, [11, 12], "something was lost or doubled");
    end(queue);
}

#[test]
fn a_receiver_sees_a_batch() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(4).check("batches: receiver", move || batch_against_the_receiver(roles));
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_mark_that_shows_no_message_is_found() {
    for roles in Roles::BOTH {
        TWO_THREADS.breaks("block: mark is relaxed", move || batch_against_the_receiver(roles));
    }
}
