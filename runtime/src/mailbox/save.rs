//! The save queue: messages that a selective receive has skipped, oldest first.
//!
//! A skipped message gave its credit back when it left the queue, so the save queue needs a limit
//! of its own.

use std::collections::VecDeque;

/// A message and its sender's code.
#[derive(Debug)]
pub struct Saved<M> {
    /// The message.
    pub message: M,
    /// The sender's code; 0 when it was no actor.
    pub sender: u64,
}

/// Skipped messages, and how far the search under way has got among them.
#[derive(Debug)]
pub struct SaveQueue<M> {
    messages: VecDeque<Saved<M>>,
    searched: usize,
}

impl<M> SaveQueue<M> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { messages: VecDeque::new(), searched: 0 }
    }

    /// How many messages wait here.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Saves a message that was just skipped by the search under way.
    pub fn push(&mut self, message: M, sender: u64) {
        if self.searched == self.messages.len() {
            self.searched += 1;
        }
        self.messages.push_back(Saved { message, sender });
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Saved<M>> {
        self.searched = 0;
        self.messages.pop_front()
    }

    /// Begins a search from the oldest on.
    pub fn restart(&mut self) {
        self.searched = 0;
    }

    /// Takes the first message, among those the search has not seen, that `wanted` accepts.
    pub fn find(&mut self, mut wanted: impl FnMut(&M, u64) -> bool) -> Option<Saved<M>> {
        while let Some(saved) = self.messages.get(self.searched) {
            if wanted(&saved.message, saved.sender) {
                let found = self.messages.remove(self.searched);
                self.searched = 0;
                return found;
            }
            self.searched += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_sees_each_message_once_and_keeps_the_order_of_the_rest() {
        let mut save = SaveQueue::new();
        for n in [1, 2, 3, 4] {
            save.push(n, 0);
        }
        save.restart();
        let mut looked = Vec::new();
        assert!(
            save.find(|m, _| {
                looked.push(*m);
                *m > 9
            })
            .is_none()
        );
        save.push(10, 0);
        assert!(
            save.find(|m, _| {
                looked.push(*m);
                *m > 10
            })
            .is_none()
        );
        assert_eq!(looked, [1, 2, 3, 4]);
        save.restart();
        assert_eq!(save.find(|m, _| *m == 3).unwrap().message, 3);
        let rest: Vec<i32> = std::iter::from_fn(|| save.pop()).map(|s| s.message).collect();
        assert_eq!(rest, [1, 2, 4, 10]);
    }
}
