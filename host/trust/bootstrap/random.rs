//! Seeded random numbers: splitmix64, a stream of its own for each draw.
//!
//! Knows nothing of what is drawn.

use super::gram::splitmix64;

/// The odd number that is nearest to 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers that its seed and its number fix.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// Stream `number` of `seed`. Its start is mixed, so that streams are not one stream, shifted.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        Self(mix(mix(seed).wrapping_add(GOLDEN.wrapping_mul(number.wrapping_add(1)))))
    }

    fn next(&mut self) -> u64 {
        splitmix64(&mut self.0)
    }

    /// A number in 0..`below`, each equally likely; `below` is above 0. Source: Lemire, Fast random integer generation in an
    /// interval, ACM TOMACS 2019.
    pub(crate) fn index(&mut self, below: u32) -> u32 {
        let below = u64::from(below);
        // The lowest products would come once more often than the others.
        let uneven = below.wrapping_neg() % below;
        loop {
            let product = u128::from(self.next()) * u128::from(below);
            if product as u64 >= uneven {
                return (product >> 64) as u32;
            }
        }
    }

    /// A number in (0, 1], a multiple of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Puts `values` into a random order, each equally likely (Fisher and Yates; Durstenfeld 1964). At most 2^32 values.
    pub(crate) fn shuffle<V>(&mut self, values: &mut [V]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.index(last as u32 + 1) as usize);
        }
    }
}

/// What the generator makes of a state.
fn mix(bits: u64) -> u64 {
    splitmix64(&mut bits.wrapping_sub(GOLDEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference implementation in C (Vigna, splitmix64.c) with the state 1234567.
    #[test]
    fn numbers_are_those_of_the_reference() {
        let mut stream = Stream(1_234_567);
        assert_eq!([stream.next(), stream.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn indexes_are_equally_likely() {
        let mut counts = [0_i32; 7];
        let mut stream = Stream::of(3, 0);
        (0..70_000).for_each(|_| counts[stream.index(7) as usize] += 1);
        // Five standard errors of a count.
        assert!(counts.iter().all(|count| (count - 10_000).abs() < 463), "{counts:?}");
    }

    #[test]
    fn a_shuffle_reaches_every_order_equally() {
        let mut counts = std::collections::BTreeMap::new();
        for number in 0..24_000 {
            let mut values = [0, 1, 2, 3];
            Stream::of(5, number).shuffle(&mut values);
            *counts.entry(values).or_insert(0_i32) += 1;
        }
        assert!(counts.len() == 24 && counts.values().all(|count| (count - 1_000).abs() < 155), "{counts:?}");
    }
}
