//! Seeded random numbers: SplitMix64, a stream of its own for each use.
//!
//! Never knows what is drawn.

/// The odd number that is nearest to 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers that its seed and its number fix.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    /// Stream `number` of `seed`. Its start is mixed, so that streams are not one stream, shifted.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        Self::nested(seed, [number])
    }

    /// The stream at the end of a path of numbers below `seed`, such as copy, series and bar. Its start is mixed at each of them,
    /// so that the order of the numbers counts.
    pub(crate) fn nested<const N: usize>(seed: u64, numbers: [u64; N]) -> Self {
        let below = |start: u64, number: u64| mix(start.wrapping_add(GOLDEN.wrapping_mul(number.wrapping_add(1))));
        Self(numbers.into_iter().fold(mix(seed), below))
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        splitmix64(&mut self.0)
    }

    /// A number in 0..`below`, each equally likely; `below` is above 0. Source: Lemire, Fast random integer generation in an
    /// interval, ACM TOMACS 2019.
    pub(crate) fn index(&mut self, below: u64) -> u64 {
        // The lowest products would come once more often than the others.
        let uneven = below.wrapping_neg() % below;
        loop {
            let product = u128::from(self.next()) * u128::from(below);
            if product as u64 >= uneven {
                return (product >> 64) as u64;
            }
        }
    }

    /// The place of one of `length` values, each equally likely; `length` is above 0.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        // Below a length that was a `usize`.
        self.index(length as u64) as usize
    }

    /// A number in (0, 1], a multiple of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Whether something with this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// Puts `values` into a random order, each equally likely (Fisher and Yates; Durstenfeld 1964).
    pub(crate) fn shuffle<V>(&mut self, values: &mut [V]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.place(last + 1));
        }
    }
}

/// Returns the next of a sequence of random numbers: SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
/// generators", OOPSLA).
pub(crate) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GOLDEN);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What the generator makes of a state.
pub(crate) fn mix(bits: u64) -> u64 {
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
    fn a_path_of_one_number_is_the_stream_of_that_number() {
        assert_eq!(Stream::nested(7, [9]).next(), Stream::of(7, 9).next());
        assert_ne!(Stream::nested(7, [9, 1]).next(), Stream::nested(7, [1, 9]).next());
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
