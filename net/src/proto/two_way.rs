//! A map from pairs to values that can be emptied from either side without a search.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::{FarId, NearId};

/// The least and the greatest of a type, to bound a range.
pub(crate) trait Ends: Copy + Ord {
    const LEAST: Self;
    const GREATEST: Self;
}

impl Ends for NearId {
    const LEAST: Self = Self { slot: 0, generation: 0 };
    const GREATEST: Self = Self { slot: u32::MAX, generation: u32::MAX };
}

impl Ends for FarId {
    const LEAST: Self = Self { slot: 0, generation: 0 };
    const GREATEST: Self = Self { slot: u32::MAX, generation: u32::MAX };
}

/// Values by a near actor, a far actor, and a number that tells several of them apart.
#[derive(Debug)]
pub(crate) struct TwoWay<V> {
    values: BTreeMap<(NearId, FarId, u64), V>,
    from_far: BTreeSet<(FarId, NearId, u64)>,
}

impl<V> TwoWay<V> {
    pub(crate) const fn new() -> Self {
        Self { values: BTreeMap::new(), from_far: BTreeSet::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn get(&self, near: NearId, far: FarId, number: u64) -> Option<&V> {
        self.values.get(&(near, far, number))
    }

    pub(crate) fn get_mut(&mut self, near: NearId, far: FarId, number: u64) -> Option<&mut V> {
        self.values.get_mut(&(near, far, number))
    }

    pub(crate) fn insert(&mut self, near: NearId, far: FarId, number: u64, value: V) -> Option<V> {
        self.from_far.insert((far, near, number));
        self.values.insert((near, far, number), value)
    }

    pub(crate) fn remove(&mut self, near: NearId, far: FarId, number: u64) -> Option<V> {
        self.from_far.remove(&(far, near, number));
        self.values.remove(&(near, far, number))
    }

    /// Takes out all that has to do with one actor of this node.
    pub(crate) fn take_near(&mut self, near: NearId) -> Vec<(NearId, FarId, u64, V)> {
        let range = (near, FarId::LEAST, 0)..=(near, FarId::GREATEST, u64::MAX);
        let keys: Vec<_> = self.values.range(range).map(|(key, _)| *key).collect();
        self.take(keys)
    }

    /// Takes out all that has to do with one actor of the peer's.
    pub(crate) fn take_far(&mut self, far: FarId) -> Vec<(NearId, FarId, u64, V)> {
        let range = (far, NearId::LEAST, 0)..=(far, NearId::GREATEST, u64::MAX);
        let keys: Vec<_> = self.from_far.range(range).map(|&(far, near, n)| (near, far, n)).collect();
        self.take(keys)
    }

    /// Takes everything out.
    pub(crate) fn take_all(&mut self) -> Vec<(NearId, FarId, u64, V)> {
        self.from_far.clear();
        let values = std::mem::take(&mut self.values);
        values.into_iter().map(|((near, far, number), value)| (near, far, number, value)).collect()
    }

    fn take(&mut self, keys: Vec<(NearId, FarId, u64)>) -> Vec<(NearId, FarId, u64, V)> {
        keys.into_iter()
            .filter_map(|(near, far, number)| {
                self.remove(near, far, number).map(|value| (near, far, number, value))
            })
            .collect()
    }
}
