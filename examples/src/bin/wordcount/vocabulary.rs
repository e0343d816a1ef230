//! Numbers words: each distinct word is stored once and named by a small id.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

/// A set of words with ids 0, 1, 2, ... in order of first sight.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
    words: Words,
}

impl Vocabulary {
    /// The id of `word`, which is added when it is new.
    ///
    /// # Panics
    ///
    /// With the 2^32nd distinct word.
    pub(crate) fn intern(&mut self, word: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(word);
        if let Some(id) = self.ids.find(hash, |&id| self.words.get(id) == word) {
            return *id;
        }
        let id = self.words.push(word);
        self.ids.insert_unique(hash, id, |&id| self.hasher.hash_one(self.words.get(id)));
        id
    }

    /// All words in the order of their ids.
    pub(crate) fn words(&self) -> &Words {
        &self.words
    }
}

/// A sequence of words in two allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub(crate) struct Words {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// Where each word ends in `bytes`, which is where the next begins.
    ends: Vec<usize>,
}

/// `Words` as they come from another node, which may have made them up.
#[derive(Deserialize)]
struct Unchecked {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl TryFrom<Unchecked> for Words {
    type Error = &'static str;

    fn try_from(Unchecked { bytes, ends }: Unchecked) -> Result<Self, &'static str> {
        if ends.is_sorted() && ends.last().map_or(bytes.is_empty(), |end| *end == bytes.len()) {
            Ok(Self { bytes, ends })
        } else {
            Err("these words do not end where they should")
        }
    }
}

impl Words {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many letters they have together.
    pub(crate) fn letters(&self) -> usize {
        self.bytes.len()
    }

    /// Adds `word`, whose index is returned.
    fn push(&mut self, word: &[u8]) -> u32 {
        let id = u32::try_from(self.ends.len()).expect("there are fewer than 2^32 distinct words");
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
        id
    }

    /// The word of that id.
    fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        &self.bytes[self.start(id)..self.ends[id]]
    }

    /// All words from index `from` on, as a sequence of their own.
    pub(crate) fn since(&self, from: usize) -> Self {
        let start = self.start(from);
        Self {
            bytes: self.bytes[start..].to_vec(),
            ends: self.ends[from..].iter().map(|end| end - start).collect(),
        }
    }

    /// The words in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.iter().scan(0, |start, &end| Some(&self.bytes[std::mem::replace(start, end)..end]))
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_id_and_ids_count_up() {
        let mut vocabulary = Vocabulary::default();
        let ids: Vec<_> =
            ["the", "cat", "the", "", "cats"].map(|word| vocabulary.intern(word.as_bytes())).into();
        assert_eq!(ids, [0, 1, 0, 2, 3]);
        assert_eq!(vocabulary.words().iter().collect::<Vec<_>>(), [&b"the"[..], b"cat", b"", b"cats"]);
    }

    #[test]
    fn many_words_survive_growth() {
        let mut vocabulary = Vocabulary::default();
        for n in 0..5_000 {
            assert_eq!(vocabulary.intern(format!("w{n}").as_bytes()), n);
        }
        for n in 0..5_000 {
            assert_eq!(vocabulary.intern(format!("w{n}").as_bytes()), n);
        }
        assert_eq!(vocabulary.words().len(), 5_000);
    }

    #[test]
    fn a_tail_of_the_words_stands_on_its_own() {
        let mut vocabulary = Vocabulary::default();
        for word in ["a", "bc", "def"] {
            vocabulary.intern(word.as_bytes());
        }
        let tail = |from| vocabulary.words().since(from).iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(tail(0), [&b"a"[..], b"bc", b"def"]);
        assert_eq!(tail(1), [&b"bc"[..], b"def"]);
        assert_eq!(tail(3), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn words_come_back_from_their_bytes_and_made_up_ones_are_refused() {
        let mut vocabulary = Vocabulary::default();
        for word in ["a", "", "bc"] {
            vocabulary.intern(word.as_bytes());
        }
        let bytes = postcard::to_allocvec(vocabulary.words()).unwrap();
        assert_eq!(&postcard::from_bytes::<Words>(&bytes).unwrap(), vocabulary.words());
        for ends in [vec![], vec![2], vec![4], vec![2, 1, 3]] {
            let made_up = (serde_bytes::Bytes::new(b"abc"), ends);
            let bytes = postcard::to_allocvec(&made_up).unwrap();
            assert!(postcard::from_bytes::<Words>(&bytes).is_err(), "{made_up:?}");
        }
    }
}
