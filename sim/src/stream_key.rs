//! The name of a stream, and the generators that it opens.

use rand::SeedableRng;

/// The generator behind every draw: portable, and `rand` promises that its output stays the same.
pub type Rng = rand::rngs::Xoshiro256PlusPlus;

/// The name of one stream, from which generators are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamKey {
    pub(crate) high: u64,
    pub(crate) low: u64,
}

impl StreamKey {
    /// The stream's generator, at its start.
    pub fn rng(&self) -> Rng {
        self.at(0, 0)
    }

    /// The generator of one position of the stream, such as (level, index) of a cell, or (tick, 0).
    pub fn at(&self, major: u64, minor: u64) -> Rng {
        let a = mix(self.low ^ mix(major.wrapping_add(0x9E37_79B9_7F4A_7C15)));
        let b = mix(self.high ^ mix(minor.wrapping_add(a)));
        let words = [
            a ^ b.rotate_left(17),
            b,
            mix(a ^ b),
            mix(b.wrapping_add(self.high)),
        ];
        let mut seed = [0u8; 32];
        for (bytes, word) in seed.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Rng::from_seed(seed)
    }

    /// The key of a sub-stream, for an entity inside this one's entity.
    pub const fn child(&self, number: u64) -> StreamKey {
        let low = mix(self.low ^ mix(number ^ 0xA076_1D64_78BD_642F));
        StreamKey {
            high: mix(self.high ^ low),
            low,
        }
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood, 2014): a bijection in which every input bit
/// reaches every output bit.
pub(crate) const fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
