//! A map in the order of its keys that stays small while it is short.
//!
//! Most actors have one or two relations, a few have a hundred thousand. A leaf of a `BTreeMap` has
//! room for eleven entries from the first on; a sorted vector of one entry costs that entry.

use std::collections::BTreeMap;

/// Longest vector: moving this many entries is still cheap.
const SHORT: usize = 8;

#[derive(Clone, Debug)]
pub(super) enum Table<K, V> {
    /// Sorted by key.
    Short(Vec<(K, V)>),
    /// Never empty.
    Long(BTreeMap<K, V>),
}

impl<K: Ord, V> Table<K, V> {
    pub(super) const fn new() -> Self {
        Self::Short(Vec::new())
    }

    /// Puts `value` in the place of what `key` led to.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self {
            Self::Short(entries) => match entries.binary_search_by(|entry| entry.0.cmp(&key)) {
                Ok(at) => entries[at].1 = value,
                Err(at) if entries.len() < SHORT => {
                    if entries.is_empty() {
                        entries.reserve_exact(1);
                    }
                    entries.insert(at, (key, value));
                }
                Err(_) => {
                    let mut entries: BTreeMap<K, V> = entries.drain(..).collect();
                    entries.insert(key, value);
                    *self = Self::Long(entries);
                }
            },
            Self::Long(entries) => {
                entries.insert(key, value);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Short(entries) => {
                let at = entries.binary_search_by(|entry| entry.0.cmp(key)).ok()?;
                Some(entries.remove(at).1)
            }
            Self::Long(entries) => {
                let value = entries.remove(key);
                self.shorten();
                value
            }
        }
    }

    pub(super) fn remove_first(&mut self) -> Option<(K, V)> {
        match self {
            Self::Short(entries) => (!entries.is_empty()).then(|| entries.remove(0)),
            Self::Long(entries) => {
                let first = entries.pop_first();
                self.shorten();
                first
            }
        }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Short(entries) => {
                let at = entries.binary_search_by(|entry| entry.0.cmp(key)).ok()?;
                Some(&mut entries[at].1)
            }
            Self::Long(entries) => entries.get_mut(key),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::Short(entries) => {
                let at = entries.binary_search_by(|entry| entry.0.cmp(key)).ok()?;
                Some(&entries[at].1)
            }
            Self::Long(entries) => entries.get(key),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::Short(entries) if entries.is_empty())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (short, long) = match self {
            Self::Short(entries) => (entries.as_slice(), None),
            Self::Long(entries) => (&[][..], Some(entries)),
        };
        short.iter().map(|(key, value)| (key, value)).chain(long.into_iter().flatten())
    }

    /// Only an empty map shortens: one whose length swings round `SHORT` would be rebuilt for ever.
    fn shorten(&mut self) {
        if matches!(self, Self::Long(entries) if entries.is_empty()) {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_entry_takes_room_for_one_entry() {
        let mut table = Table::new();
        table.insert(1, 'a');
        assert!(matches!(&table, Table::Short(entries) if entries.capacity() == 1));
    }

    #[test]
    fn a_long_table_that_was_emptied_is_empty_and_short_again() {
        let long = || {
            let mut table = Table::new();
            (0..=SHORT).for_each(|key| table.insert(key, key));
            assert!(matches!(table, Table::Long(_)));
            table
        };
        let (mut by_key, mut by_order) = (long(), long());
        for key in 0..=SHORT {
            assert!(!by_key.is_empty() && !by_order.is_empty());
            assert_eq!(by_key.remove(&key), Some(key));
            assert_eq!(by_order.remove_first(), Some((key, key)));
        }
        for table in [by_key, by_order] {
            assert!(table.is_empty() && matches!(table, Table::Short(_)));
        }
    }

    proptest! {
        #[test]
        fn it_does_what_a_btree_map_does(steps in prop::collection::vec((0..3_u8, 0..24_u8), 0..200)) {
            let (mut table, mut model) = (Table::new(), BTreeMap::new());
            for (time, (step, key)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        table.insert(key, time);
                        model.insert(key, time);
                    }
                    1 => prop_assert_eq!(table.remove(&key), model.remove(&key)),
                    _ if key == 0 => prop_assert_eq!(table.remove_first(), model.pop_first()),
                    _ => prop_assert_eq!(table.get_mut(&key), model.get_mut(&key)),
                }
                prop_assert_eq!(table.get(&key), model.get(&key));
                prop_assert_eq!(table.is_empty(), model.is_empty());
                prop_assert!(table.iter().eq(model.iter()));
            }
        }
    }
}
