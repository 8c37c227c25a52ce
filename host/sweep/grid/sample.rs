//! The random sample: a seeded permutation of all combinations, whose first ones are a sample without repetition.
//!
//! Never holds the permutation: each position is computed, whatever the number of combinations.

/// Rounds of the network. Four suffice for a permutation that looks random; small numbers gain from more.
const ROUNDS: u64 = 8;

/// A pseudo-random permutation of the numbers below a limit.
///
/// A Feistel network over the smallest even number of bits that holds the limit; results beyond the limit are sent
/// through again until one is below it ("cycle walking": Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
/// 2002), at most four times on average.
#[derive(Debug, Clone)]
pub(super) struct Permutation {
    limit: u64,
    /// Bits of a half.
    half: u32,
    keys: [u64; ROUNDS as usize],
}

impl Permutation {
    /// Returns the permutation of the numbers below `limit` that `seed` selects.
    pub(super) fn new(limit: u64, seed: u64) -> Self {
        let bits = 64 - limit.saturating_sub(1).leading_zeros();
        let mut keys = [0; ROUNDS as usize];
        for (round, key) in (1..).zip(&mut keys) {
            *key = mix(mix(seed).wrapping_add(mix(round)));
        }
        Self { limit, half: bits.div_ceil(2).max(1), keys }
    }

    /// Returns the number at `place`, which is below the limit.
    pub(super) fn at(&self, place: u64) -> u64 {
        let mut value = place;
        loop {
            value = self.shuffle(value);
            if value < self.limit {
                return value;
            }
        }
    }

    fn shuffle(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half | right
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_below_the_limit_comes_once() {
        for limit in [1, 2, 3, 5, 16, 17, 1000, 4097] {
            for seed in [0, 1, u64::MAX] {
                let order = Permutation::new(limit, seed);
                let seen: BTreeSet<_> = (0..limit).map(|place| order.at(place)).collect();
                assert!(seen.into_iter().eq(0..limit), "{limit} {seed}");
            }
        }
    }

    #[test]
    fn the_largest_limit_has_an_order_too() {
        let order = Permutation::new(u64::MAX, 7);
        let seen: BTreeSet<_> = (0..1000).map(|place| order.at(place)).collect();
        assert_eq!(seen.len(), 1000);
    }

    #[test]
    fn a_seed_gives_the_same_order_on_every_machine() {
        let order = Permutation::new(1_000_000_000_000, 0);
        assert_eq!([order.at(0), order.at(1), order.at(2)], [231_805_845_091, 209_523_528_542, 720_019_299_449]);
    }

    #[test]
    fn first_places_spread_evenly() {
        let mut counts = [0u32; 6];
        for seed in 0..60_000 {
            counts[Permutation::new(6, seed).at(0) as usize] += 1;
        }
        // 10,000 each are expected, with a standard deviation of 91.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
    }
}
