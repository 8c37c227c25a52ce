//! Random draws that a seed and a name decide.
//!
//! Never asks the host for randomness: the same seed and name draw the same for ever.

/// A SplitMix64 generator (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Starts from `seed`, mixed with the 64-bit FNV-1a hash of `name`.
    pub(crate) fn new(seed: i64, name: &str) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let hash = name.bytes().fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        // The seed goes through the generator once, so that seeds and names that differ alike do not cancel out.
        Self(Self(seed as u64).next() ^ hash)
    }

    /// A number from 0 to `limit - 1`, all but equally likely: off by less than `limit / 2^64`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        let mut draw = Draw(1_234_567);
        let drawn = [draw.next(), draw.next(), draw.next()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_lie_below_the_limit_and_reach_each_value() {
        let mut draw = Draw::new(1, "a");
        let mut seen = [0; 5];
        (0..5000).for_each(|_| seen[draw.below(5)] += 1);
        assert!(seen.iter().all(|&count| (900..1100).contains(&count)), "{seen:?}");
    }
}
