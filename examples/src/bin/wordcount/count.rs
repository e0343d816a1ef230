//! Counts the words of bytes, and adds up the counts of several counters.

use serde::{Deserialize, Serialize};

use crate::vocabulary::{Vocabulary, Words};

/// Counts words, in portions that can be handed over one by one.
///
/// Words are numbered by the counter itself, and a portion names a word's letters only the first
/// time that the word occurs; so handing over a chunk's counts costs whoever adds them up one
/// addition for each distinct word of the chunk, and a hash only for words new to this counter.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    vocabulary: Vocabulary,
    /// By id: how often, since the last portion was taken.
    counts: Vec<u64>,
    /// The ids whose count is not zero.
    touched: Vec<u32>,
    /// How many words the portions taken so far have named.
    named: usize,
}

/// The counts since the portion before.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Portion {
    /// The words that no portion of this counter has named before; they have the next ids.
    named: Words,
    /// Id and count, each id once.
    counts: Vec<(u32, u64)>,
}

impl Portion {
    /// How many words were counted.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// About how many bytes it has on its way to another node, and no less than it has.
    pub(crate) fn weight(&self) -> usize {
        const EACH_WORD: usize = 10;
        const EACH_COUNT: usize = 15;
        self.named.letters() + EACH_WORD * self.named.len() + EACH_COUNT * self.counts.len()
    }
}

impl Counter {
    /// Counts the words of `text`, which is turned to lower case on the way.
    pub(crate) fn count(&mut self, text: &mut [u8]) {
        // A pass of its own, so that the compiler turns it into vector instructions.
        for byte in text.iter_mut() {
            *byte = lower(*byte);
        }
        for word in text.split(|byte| *byte == 0).filter(|word| !word.is_empty()) {
            self.add(word);
        }
    }

    fn add(&mut self, word: &[u8]) {
        let id = self.vocabulary.intern(word);
        let index = id as usize;
        if index == self.counts.len() {
            self.counts.push(0);
        }
        if self.counts[index] == 0 {
            self.touched.push(id);
        }
        self.counts[index] += 1;
    }

    /// Hands over what was counted since the last time.
    pub(crate) fn take(&mut self) -> Portion {
        let named = self.vocabulary.words().since(self.named);
        self.named = self.vocabulary.words().len();
        let take = |id| (id, std::mem::take(&mut self.counts[id as usize]));
        Portion { named, counts: self.touched.drain(..).map(take).collect() }
    }
}

/// The ids of one counter in terms of the totals it is added to.
#[derive(Debug, Default)]
pub(crate) struct Translation(Vec<u32>);

impl Translation {
    /// Whether `portion` may be what comes next from the counter: true of all that a counter makes, and
    /// not of everything that a peer might send.
    pub(crate) fn fits(&self, portion: &Portion) -> bool {
        let known = self.0.len() + portion.named.len();
        portion.counts.iter().all(|(id, _)| (*id as usize) < known)
    }
}

/// The sum of what any number of counters counted.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    vocabulary: Vocabulary,
    counts: Vec<u64>,
}

impl Totals {
    /// Adds a portion; `translation` belongs to its counter, and has seen all portions before it.
    ///
    /// # Panics
    ///
    /// If the portion does not fit: one of its counter's was left out or went through another translation.
    pub(crate) fn add(&mut self, portion: Portion, translation: &mut Translation) {
        translation.0.extend(portion.named.iter().map(|word| self.vocabulary.intern(word)));
        self.counts.resize(self.vocabulary.words().len(), 0);
        for (id, count) in portion.counts {
            self.counts[translation.0[id as usize] as usize] += count;
        }
    }

    /// Leaves a portion out that counts what is counted already: the words that it names have their numbers,
    /// and the counter's next portions may mention them.
    pub(crate) fn leave_out(&mut self, portion: Portion, translation: &mut Translation) {
        self.add(Portion { counts: Vec::new(), ..portion }, translation);
    }

    /// How many different words there are.
    pub(crate) fn distinct(&self) -> usize {
        self.counts.iter().filter(|count| **count > 0).count()
    }

    /// The `limit` most frequent words, the most frequent first, equals in the order of their
    /// letters.
    pub(crate) fn top(&self, limit: usize) -> Vec<(String, u64)> {
        let all = self.vocabulary.words().iter().zip(self.counts.iter().copied());
        let mut all: Vec<_> = all.filter(|(_, count)| *count > 0).collect();
        let by_rank = |a: &(&[u8], u64), b: &(&[u8], u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0));
        if limit < all.len() && limit > 0 {
            all.select_nth_unstable_by(limit - 1, by_rank);
        }
        all.truncate(limit);
        all.sort_unstable_by(by_rank);
        all.into_iter().map(|(word, count)| (String::from_utf8_lossy(word).into_owned(), count)).collect()
    }
}

/// Whether `byte` belongs to a word.
pub(crate) const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

/// A letter in lower case; zero for anything else.
const fn lower(byte: u8) -> u8 {
    if is_letter(byte) { byte | 0x20 } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn top(totals: &Totals) -> Vec<(String, u64)> {
        totals.top(usize::MAX)
    }

    fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        expected.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
    }

    #[test]
    fn words_are_runs_of_ascii_letters_in_lower_case() {
        let mut counter = Counter::default();
        counter.count(&mut "The CAT, the cat's_hat9mat na\u{ef}ve\0x\n".to_owned().into_bytes());
        let mut totals = Totals::default();
        totals.add(counter.take(), &mut Translation::default());
        let expected =
            [("cat", 2), ("the", 2), ("hat", 1), ("mat", 1), ("na", 1), ("s", 1), ("ve", 1), ("x", 1)];
        assert_eq!(top(&totals), pairs(&expected));
        assert_eq!(totals.top(1), pairs(&expected[..1]));
        assert_eq!(totals.top(3), pairs(&expected[..3]));
        assert_eq!(totals.top(0), []);
        assert_eq!(totals.distinct(), 8);
    }

    #[test]
    fn every_byte_that_is_no_ascii_letter_ends_a_word() {
        for byte in 0..=u8::MAX {
            let mut counter = Counter::default();
            counter.count(&mut [b'a', byte, b'b']);
            let expected = if byte.is_ascii_alphabetic() { 1 } else { 2 };
            assert_eq!(counter.take().total(), expected, "byte {byte}");
        }
    }

    #[test]
    fn portions_of_several_counters_add_up_to_a_count_in_one_go() {
        let texts = ["a b c", "b c d d", "", "a", "e a", "c zz"];
        let mut counters = [(); 2].map(|()| (Counter::default(), Translation::default()));
        let mut totals = Totals::default();
        let mut expected = BTreeMap::<String, u64>::new();
        for (n, text) in texts.iter().enumerate() {
            let (counter, translation) = &mut counters[n % 2];
            counter.count(&mut text.as_bytes().to_vec());
            let portion = counter.take();
            assert_eq!(portion.total(), text.split_whitespace().count() as u64);
            totals.add(portion, translation);
            for word in text.split_whitespace() {
                *expected.entry(word.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(top(&totals).into_iter().collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn a_portion_names_a_word_once() {
        let mut counter = Counter::default();
        counter.count(&mut b"x y x".to_vec());
        let first = counter.take();
        assert_eq!((first.named.len(), first.counts), (2, vec![(0, 2), (1, 1)]));
        counter.count(&mut b"y z".to_vec());
        let second = counter.take();
        assert_eq!((second.named.len(), second.counts), (1, vec![(1, 1), (2, 1)]));
        assert_eq!(counter.take(), Portion::default());
    }

    #[test]
    fn a_portion_fits_after_those_before_it_and_not_without_them() {
        let mut counter = Counter::default();
        counter.count(&mut b"x y".to_vec());
        let first = counter.take();
        counter.count(&mut b"y z".to_vec());
        let second = counter.take();
        let (mut totals, mut translation) = (Totals::default(), Translation::default());
        assert!(translation.fits(&first) && !translation.fits(&second));
        totals.add(first, &mut translation);
        assert!(translation.fits(&second));
    }

    #[test]
    fn a_portion_that_is_left_out_counts_nothing_and_leaves_those_after_it_in_order() {
        let mut counter = Counter::default();
        counter.count(&mut b"x y y".to_vec());
        let twice = counter.take();
        counter.count(&mut b"y z".to_vec());
        let (mut totals, mut translation) = (Totals::default(), Translation::default());
        totals.leave_out(twice, &mut translation);
        assert_eq!((totals.distinct(), top(&totals)), (0, Vec::new()));
        let last = counter.take();
        assert!(translation.fits(&last));
        totals.add(last, &mut translation);
        assert_eq!((totals.distinct(), top(&totals)), (2, pairs(&[("y", 1), ("z", 1)])));
    }

    #[test]
    fn a_portion_weighs_no_less_than_its_bytes() {
        for text in ["", "a b c", "the the the cat"] {
            let mut counter = Counter::default();
            counter.count(&mut text.repeat(1000).into_bytes());
            let portion = counter.take();
            assert!(postcard::to_allocvec(&portion).unwrap().len() <= portion.weight() + 20);
        }
    }
}
