//! The save queue: messages that a selective receive has skipped, oldest first; and the stash:
//! messages that the actor put aside.
//!
//! Both gave their credits back when they left the queue, so both need a limit of their own.

use std::collections::VecDeque;

/// A message and its sender's code.
#[derive(Debug)]
pub struct Saved<M> {
    /// The message.
    pub message: M,
    /// The sender's code; 0 when it was no actor.
    pub sender: u64,
}

/// Skipped messages, how far the search under way has got among them, and the stash.
#[derive(Debug)]
pub struct SaveQueue<M> {
    messages: VecDeque<Saved<M>>,
    searched: usize,
    stash: VecDeque<Saved<M>>,
}

impl<M> SaveQueue<M> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { messages: VecDeque::new(), searched: 0, stash: VecDeque::new() }
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

    /// Puts a message before all others.
    pub fn push_front(&mut self, message: M, sender: u64) {
        self.searched = 0;
        self.messages.push_front(Saved { message, sender });
    }

    /// Puts a message aside.
    pub fn stash(&mut self, message: M, sender: u64) {
        self.stash.push_back(Saved { message, sender });
    }

    /// How many messages were put aside.
    pub fn stashed(&self) -> usize {
        self.stash.len()
    }

    /// Puts what was put aside before all others, in its old order; says how many.
    pub fn unstash(&mut self) -> usize {
        let count = self.stash.len();
        self.searched = 0;
        while let Some(saved) = self.stash.pop_back() {
            self.messages.push_front(saved);
        }
        count
    }

    /// Takes anything, until nothing is left.
    pub fn drain(&mut self) -> Option<Saved<M>> {
        self.messages.pop_front().or_else(|| self.stash.pop_front())
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

    #[test]
    fn what_was_stashed_comes_back_before_the_rest_and_in_its_order() {
        let mut save = SaveQueue::new();
        save.push(7, 0);
        for n in [1, 2, 3] {
            save.stash(n, 0);
        }
        assert_eq!((save.len(), save.stashed()), (1, 3));
        assert_eq!(save.unstash(), 3);
        save.push_front(0, 0);
        save.stash(9, 0);
        let all: Vec<i32> = std::iter::from_fn(|| save.drain()).map(|s| s.message).collect();
        assert_eq!(all, [0, 1, 2, 3, 7, 9]);
    }
}
