//! The messages that an actor received last, where somebody asked for them.

use std::collections::VecDeque;

use crate::crash::RecentMessage;
use crate::time::Timestamp;

/// The last few, the newest last.
#[derive(Debug)]
pub struct Recent {
    limit: usize,
    messages: VecDeque<(&'static str, Timestamp)>,
}

impl Recent {
    /// Room for so many; none needs none.
    pub fn of(limit: usize) -> Option<Box<Self>> {
        (limit > 0).then(|| Box::new(Self { limit, messages: VecDeque::new() }))
    }

    /// Notes a message.
    pub fn note(&mut self, kind: &'static str, at: Timestamp) {
        if self.messages.len() == self.limit {
            self.messages.pop_front();
        }
        self.messages.push_back((kind, at));
    }

    /// Says what kind the last one was, where that is known better now.
    pub fn name_last(&mut self, name: &'static str) {
        if let Some((kind, _)) = self.messages.back_mut() {
            *kind = name;
        }
    }

    /// How old they are at `now`.
    pub fn messages(&self, now: Timestamp) -> Vec<RecentMessage> {
        let aged =
            |(kind, at): &(&'static str, Timestamp)| RecentMessage { kind, age: now.saturating_since(*at) };
        self.messages.iter().map(aged).collect()
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_with_their_ages() {
        assert!(Recent::of(0).is_none());
        let mut recent = Recent::of(2).unwrap();
        for (at, kind) in [(1, "a"), (2, "b"), (5, "c")] {
            recent.note(kind, Timestamp::from_nanos(at));
        }
        recent.name_last("last");
        let messages = recent.messages(Timestamp::from_nanos(6));
        let seen: Vec<_> = messages.iter().map(|message| (message.kind, message.age.as_nanos())).collect();
        assert_eq!(seen, [("b", 4), ("last", 1)]);
    }
}
