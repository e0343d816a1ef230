//! Temporary.
use std::collections::BTreeMap;
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tick(u64);
impl Tick {
    pub const MAX: Self = Self(u64::MAX);
    pub const fn from_millis(m: u64) -> Self { Self(m) }
    pub const fn as_millis(self) -> u64 { self.0 }
}
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key(Tick, u64);
pub struct Wheel<T> { map: BTreeMap<(Tick, u64), T>, next: u64 }
impl<T> Wheel<T> {
    pub fn new(_now: Tick) -> Self { Self { map: BTreeMap::new(), next: 0 } }
    pub fn insert(&mut self, due: Tick, value: T) -> Key { self.next += 1; self.map.insert((due, self.next), value); Key(due, self.next) }
    pub fn remove(&mut self, key: Key) -> Option<T> { self.map.remove(&(key.0, key.1)) }
    pub fn advance(&mut self, now: Tick, fired: &mut impl FnMut(Tick, T)) {
        while let Some(e) = self.map.first_entry() { if e.key().0 > now { break } let k = *e.key(); let v = e.remove(); fired(k.0, v); }
    }
    pub fn next_due(&self) -> Option<Tick> { self.map.keys().next().map(|k| k.0) }
}
