//! Random numbers for tests: each follows from a seed and a place.
//!
//! Never the same for two places of one seed, but by chance; always the same for one.

/// A number that follows from `seed` and `at`.
pub(crate) fn random(seed: u64, at: u64) -> u64 {
    let mut bits = (seed ^ at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 32)
}

/// A number from 0 to 1.
pub(crate) fn share(seed: u64, at: u64) -> f64 {
    (random(seed, at) % 10_001) as f64 / 10_000.0
}

/// True for one place in so `many`.
pub(crate) fn one_in(many: u64, seed: u64, at: u64) -> bool {
    random(seed, at).is_multiple_of(many)
}
