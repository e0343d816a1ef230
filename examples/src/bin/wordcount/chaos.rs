//! Decides where workers panic on purpose.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::chunk::{Chunk, Extent};

/// One attempt in so many panics.
const RARITY: u64 = 16;

/// From this attempt on a chunk is left in peace, so that the count always ends.
const SPARED_FROM: u32 = 3;

/// Panics drawn from a seed: the same chunks strike for the same seed, whoever counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chaos {
    seed: u64,
}

impl Chaos {
    /// Draws from `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A seed that nobody chose.
    pub(crate) fn random_seed() -> u64 {
        RandomState::new().hash_one(0)
    }

    /// How much of `chunk` a worker counts before it panics; `None` if it lives. The first attempt
    /// at the very first chunk always panics, so there is a panic wherever there is a chunk.
    pub(crate) fn strike(self, chunk: &Chunk) -> Option<Chunk> {
        let draw = self.draw(chunk);
        let is_first = chunk.number == 0 && chunk.attempt == 0;
        let strikes = is_first || (chunk.attempt < SPARED_FROM && draw.is_multiple_of(RARITY));
        strikes.then(|| first_part(chunk, draw / RARITY))
    }

    fn draw(self, chunk: &Chunk) -> u64 {
        mix(mix(mix(self.seed) ^ chunk.number) ^ u64::from(chunk.attempt))
    }
}

/// Some of the chunk's pieces, of the last one only half.
fn first_part(chunk: &Chunk, draw: u64) -> Chunk {
    let mut part = chunk.clone();
    let keep = draw % (part.pieces.len() as u64).max(1);
    part.pieces.truncate(usize::try_from(keep).unwrap_or(0) + 1);
    if let Some(last) = part.pieces.last_mut() {
        let offset = match last.extent {
            Extent::Whole => 0,
            Extent::Part { offset, .. } => offset,
        };
        last.extent = Extent::Part { offset, len: last.planned_bytes() / 2 };
    }
    part
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
pub(crate) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::chunk::{Piece, Source};

    fn chunk(number: u64, attempt: u32, sizes: &[u64]) -> Chunk {
        let piece = |size: &u64| {
            let source = Arc::new(Source { number: 0, path: PathBuf::new(), size: *size });
            Piece { source, extent: Extent::Whole }
        };
        Chunk { number, attempt, pieces: sizes.iter().map(piece).collect() }
    }

    #[test]
    fn the_first_chunk_strikes_whatever_the_seed() {
        for seed in 0..100 {
            assert!(Chaos::new(seed).strike(&chunk(0, 0, &[10])).is_some());
        }
    }

    #[test]
    fn the_third_retry_is_spared_whatever_the_seed() {
        for seed in 0..1000 {
            assert_eq!(Chaos::new(seed).strike(&chunk(seed % 3, 3, &[10])), None);
        }
    }

    #[test]
    fn some_chunks_strike_and_most_do_not_and_a_seed_decides_which() {
        let strikes = |seed| -> Vec<u64> {
            (1..1000).filter(|n| Chaos::new(seed).strike(&chunk(*n, 0, &[10])).is_some()).collect()
        };
        assert!((20..200).contains(&strikes(1).len()));
        assert_eq!(strikes(1), strikes(1));
        assert_ne!(strikes(1), strikes(2));
    }

    #[test]
    fn a_worker_that_is_struck_has_done_some_of_its_chunk_but_not_all() {
        for seed in 0..100 {
            let whole = chunk(0, 0, &[100, 100, 100]);
            let part = Chaos::new(seed).strike(&whole).unwrap();
            assert!(part.planned_bytes() > 0 && part.planned_bytes() < whole.planned_bytes());
        }
    }
}
