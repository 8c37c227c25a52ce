//! Eight bars at a time.
//!
//! Knows sums and bits only, nothing of positions.

/// Bars in a block.
pub(crate) const BARS: usize = 8;

/// A value for each bar of a block.
pub(crate) type Block = [f64; BARS];

/// Returns a bit for each bar, the lowest for the first: whether the average of its first window is above that of its
/// second one.
///
/// The closes up to the end of both windows have the sum `end`, those before a window `starts`; `weights` is one divided
/// by the length of each.
#[cfg(target_arch = "wasm32")]
#[target_feature(enable = "simd128")]
#[inline]
pub(crate) fn above(end: &Block, starts: [&Block; 2], weights: [f64; 2]) -> u8 {
    use core::arch::wasm32::{f64x2, f64x2_gt, f64x2_mul, f64x2_splat, f64x2_sub, i32x4_bitmask, i32x4_shuffle};

    let pair = |from: usize| {
        let load = |block: &Block| f64x2(block[from], block[from + 1]);
        let average =
            |window: usize| f64x2_mul(f64x2_sub(load(end), load(starts[window])), f64x2_splat(weights[window]));
        f64x2_gt(average(0), average(1))
    };
    // The upper half of each 64-bit answer, so that one instruction takes the signs of four bars.
    let four = |from: usize| i32x4_bitmask(i32x4_shuffle::<1, 3, 5, 7>(pair(from), pair(from + 2)));
    four(0) | four(4) << 4
}

/// The same in plain arithmetic, bit for bit, where there are no such instructions: for the tests.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn above(end: &Block, starts: [&Block; 2], weights: [f64; 2]) -> u8 {
    let average = |window: usize, bar: usize| (end[bar] - starts[window][bar]) * weights[window];
    (0..BARS).map(|bar| u8::from(average(0, bar) > average(1, bar)) << bar).sum()
}
