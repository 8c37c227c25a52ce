//! Four numbers side by side: in portable Rust, and once more for AVX2 with the same bits.
//!
//! The order of additions is fixed by the lanes, nothing is fused, and every operation is rounded as IEEE 754 has it, so
//! that the processor decides the speed and nothing else. A loop is written once, over [`Lanes`], and compiled for each.
//! Plain Rust that is compiled for AVX2 comes out as slow as without, since the compiler interleaves the sums. Never knows
//! what the numbers mean.

use std::ops::{Add, Div, Mul, Sub};

/// Numbers that are worked on side by side.
pub(super) const LANES: usize = 4;

/// A number, or several side by side, with the operations that IEEE 754 fixes.
pub(super) trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The same number in every lane.
    fn each(number: f64) -> Self;
    /// A positive normal number as `2^k m`, with `m` between the roots of 1/2 and of 2: `k` and `m - 1`.
    fn split(self) -> (Self, Self);
}

/// [`LANES`] numbers side by side.
///
/// Implementations are `#[inline(always)]`, and so is every function that is written over them, so that all of it is compiled for
/// the processor that they are for: what stays out of line costs ten times as much. Closures cannot be told so, and
/// have no more than a line of lanes in them.
pub(super) trait Lanes: Real {
    fn load(numbers: &[f64; LANES]) -> Self;
    fn store(self) -> [f64; LANES];
    /// The lesser in each lane, as [`below`] has it.
    fn below(self, other: Self) -> Self;
    /// The greater in each lane, as [`above`] has it.
    fn above(self, other: Self) -> Self;
    /// The lanes in which `test` is greater than `bound`; 0 in the others, also where `test` is NaN.
    fn where_above(self, test: Self, bound: Self) -> Self;
    /// A bit for each lane that lies between two bounds or on one of them, the first lowest.
    fn between(self, low: Self, high: Self) -> usize;
    /// Writes the lanes that have a bit in `lanes` to the front of `list`, in their order, and anything behind them. Without a
    /// branch: none is foreseeable.
    fn keep(self, lanes: usize, list: &mut [f64; LANES]);

    /// The numbers from 0 on.
    #[inline(always)]
    fn places() -> Self {
        Self::load(&[0.0, 1.0, 2.0, 3.0])
    }
}

/// The sum of all lanes.
#[inline(always)]
pub(super) fn total(lanes: [f64; LANES]) -> f64 {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// The lesser of two numbers, as the processor's instruction has it.
#[inline(always)]
pub(super) fn below(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The greater of two numbers, likewise.
#[inline(always)]
pub(super) fn above(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// A loop that is written over lanes.
pub(super) trait Work {
    /// What it finds.
    type Found;
    /// Runs it. Implementations are `#[inline(always)]`.
    fn on<L: Lanes>(self) -> Self::Found;
}

/// The lanes that work is done with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// The best that the processor has.
    #[default]
    Fastest,
    /// Those that every processor has.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare the lanes of the processor with these"))]
    Portable,
}

impl Kind {
    /// Works with lanes of this kind.
    pub(super) fn run<W: Work>(self, work: W) -> W::Found {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Fastest
            && std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has both, as was asked just now.
            #[expect(unsafe_code, reason = "instructions of AVX2 may run only where there is AVX2")]
            return unsafe { avx2::run(work) };
        }
        work.on::<Portable>()
    }
}

/// The bits of the root of 1/2, cut to half their length.
const ROOT_OF_HALF: u64 = 0x3fe6_a09e << 32;
/// The bits of 1.
const ONE: u64 = 0x3ff0_0000 << 32;
/// 2^52: the bits of a number below it, under the exponent of this one, are that number more.
const WHOLE: f64 = 4_503_599_627_370_496.0;
/// The bias of an exponent.
const BIAS: f64 = 1023.0;

impl Real for f64 {
    #[inline(always)]
    fn each(number: f64) -> Self {
        number
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let bits = self.to_bits() + (ONE - ROOT_OF_HALF);
        let exponent = Self::from_bits(bits >> 52 | WHOLE.to_bits()) - (WHOLE + BIAS);
        (exponent, Self::from_bits((bits & (u64::MAX >> 12)) + ROOT_OF_HALF) - 1.0)
    }
}

/// Lanes as an array.
#[derive(Debug, Clone, Copy)]
struct Portable([f64; LANES]);

impl Portable {
    #[inline(always)]
    fn with(self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|lane| operation(self.0[lane], other.0[lane])))
    }
}

macro_rules! operators {
    ($lanes:ident: $($name:ident $method:ident $operation:expr;)+) => {
        $(impl $name for $lanes {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let operation = $operation;
                operation(self, other)
            }
        })+
    };
}

operators! {
    Portable:
    Add add |a: Self, b| a.with(b, |a, b| a + b);
    Sub sub |a: Self, b| a.with(b, |a, b| a - b);
    Mul mul |a: Self, b| a.with(b, |a, b| a * b);
    Div div |a: Self, b| a.with(b, |a, b| a / b);
}

impl Real for Portable {
    #[inline(always)]
    fn each(number: f64) -> Self {
        Self([number; LANES])
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let parts = self.0.map(Real::split);
        (Self(parts.map(|(exponent, _)| exponent)), Self(parts.map(|(_, rest)| rest)))
    }
}

impl Lanes for Portable {
    #[inline(always)]
    fn load(numbers: &[f64; LANES]) -> Self {
        Self(*numbers)
    }

    #[inline(always)]
    fn store(self) -> [f64; LANES] {
        self.0
    }

    #[inline(always)]
    fn below(self, other: Self) -> Self {
        self.with(other, below)
    }

    #[inline(always)]
    fn above(self, other: Self) -> Self {
        self.with(other, above)
    }

    #[inline(always)]
    fn where_above(self, test: Self, bound: Self) -> Self {
        Self(std::array::from_fn(|lane| if test.0[lane] > bound.0[lane] { self.0[lane] } else { 0.0 }))
    }

    #[inline(always)]
    fn between(self, low: Self, high: Self) -> usize {
        let is_between = |lane: usize| (self.0[lane] >= low.0[lane]) & (self.0[lane] <= high.0[lane]);
        (0..LANES).fold(0, |bits, lane| bits | usize::from(is_between(lane)) << lane)
    }

    #[inline(always)]
    fn keep(self, lanes: usize, list: &mut [f64; LANES]) {
        let mut kept = 0;
        for (lane, &number) in self.0.iter().enumerate() {
            list[kept % LANES] = number;
            kept += lanes >> lane & 1;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    //! Lanes as a register of AVX2.
    #![expect(unsafe_code, reason = "instructions of AVX2 may run only where there is AVX2")]

    use std::arch::x86_64::{
        __m256d, _CMP_GE_OQ, _CMP_GT_OQ, _CMP_LE_OQ, _mm256_add_epi64, _mm256_add_pd, _mm256_and_pd, _mm256_and_si256,
        _mm256_castpd_ps, _mm256_castpd_si256, _mm256_castps_pd, _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_div_pd,
        _mm256_loadu_pd, _mm256_loadu_si256, _mm256_max_pd, _mm256_min_pd, _mm256_movemask_pd, _mm256_mul_pd,
        _mm256_or_pd, _mm256_permutevar8x32_ps, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_srli_epi64,
        _mm256_storeu_pd, _mm256_sub_pd,
    };

    use super::{Add, BIAS, Div, LANES, Lanes, Mul, ONE, ROOT_OF_HALF, Real, Sub, WHOLE, Work};

    /// There are such lanes only where there is AVX2: they are named by [`run`] alone.
    #[derive(Clone, Copy)]
    struct Avx2(__m256d);

    #[target_feature(enable = "avx2,popcnt")]
    pub(super) fn run<W: Work>(work: W) -> W::Found {
        work.on::<Avx2>()
    }

    /// Calls instructions of AVX2.
    macro_rules! avx2 {
        ($call:expr) => {
            // SAFETY: `run` is the only one that names these lanes, and it runs only where there is AVX2. What is read or
            // written through a pointer is an array of the length of all lanes, which need not be aligned.
            unsafe { $call }
        };
    }

    operators! {
        Avx2:
        Add add |a: Self, b: Self| Self(avx2!(_mm256_add_pd(a.0, b.0)));
        Sub sub |a: Self, b: Self| Self(avx2!(_mm256_sub_pd(a.0, b.0)));
        Mul mul |a: Self, b: Self| Self(avx2!(_mm256_mul_pd(a.0, b.0)));
        Div div |a: Self, b: Self| Self(avx2!(_mm256_div_pd(a.0, b.0)));
    }

    impl Real for Avx2 {
        #[inline(always)]
        fn each(number: f64) -> Self {
            Self(avx2!(_mm256_set1_pd(number)))
        }

        #[inline(always)]
        fn split(self) -> (Self, Self) {
            let each = |bits: u64| avx2!(_mm256_set1_epi64x(bits as i64));
            let bits = avx2!(_mm256_add_epi64(_mm256_castpd_si256(self.0), each(ONE - ROOT_OF_HALF)));
            let exponent =
                Self(avx2!(_mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64::<52>(bits)), Self::each(WHOLE).0)));
            let part = avx2!(_mm256_and_si256(bits, each(u64::MAX >> 12)));
            let part = Self(avx2!(_mm256_castsi256_pd(_mm256_add_epi64(part, each(ROOT_OF_HALF)))));
            (exponent - Self::each(WHOLE + BIAS), part - Self::each(1.0))
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn load(numbers: &[f64; LANES]) -> Self {
            Self(avx2!(_mm256_loadu_pd(numbers.as_ptr())))
        }

        #[inline(always)]
        fn store(self) -> [f64; LANES] {
            let mut numbers = [0.0; LANES];
            avx2!(_mm256_storeu_pd(numbers.as_mut_ptr(), self.0));
            numbers
        }

        #[inline(always)]
        fn below(self, other: Self) -> Self {
            Self(avx2!(_mm256_min_pd(self.0, other.0)))
        }

        #[inline(always)]
        fn above(self, other: Self) -> Self {
            Self(avx2!(_mm256_max_pd(self.0, other.0)))
        }

        #[inline(always)]
        fn where_above(self, test: Self, bound: Self) -> Self {
            Self(avx2!(_mm256_and_pd(self.0, _mm256_cmp_pd::<_CMP_GT_OQ>(test.0, bound.0))))
        }

        #[inline(always)]
        fn between(self, low: Self, high: Self) -> usize {
            let is_above = avx2!(_mm256_cmp_pd::<_CMP_GE_OQ>(self.0, low.0));
            let is_below = avx2!(_mm256_cmp_pd::<_CMP_LE_OQ>(self.0, high.0));
            avx2!(_mm256_movemask_pd(_mm256_and_pd(is_above, is_below))) as usize
        }

        #[inline(always)]
        fn keep(self, lanes: usize, list: &mut [f64; LANES]) {
            let halves = avx2!(_mm256_loadu_si256(PACKED[lanes % PACKED.len()].as_ptr().cast()));
            let packed = avx2!(_mm256_permutevar8x32_ps(_mm256_castpd_ps(self.0), halves));
            *list = Self(avx2!(_mm256_castps_pd(packed))).store();
        }
    }

    /// For each choice of lanes, the halves of a register in their new order.
    const PACKED: [[i32; 2 * LANES]; 1 << LANES] = {
        let mut table = [[0; 2 * LANES]; 1 << LANES];
        let mut lanes = 0;
        while lanes < table.len() {
            let (mut lane, mut count) = (0, 0);
            while lane < LANES {
                if lanes >> lane & 1 == 1 {
                    table[lanes][2 * count] = 2 * lane as i32;
                    table[lanes][2 * count + 1] = 2 * lane as i32 + 1;
                    count += 1;
                }
                lane += 1;
            }
            lanes += 1;
        }
        table
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every operation, as bits.
    struct Operations([f64; LANES], [f64; LANES]);

    impl Work for Operations {
        type Found = Vec<[u64; LANES]>;

        #[inline(always)]
        fn on<L: Lanes>(self) -> Vec<[u64; LANES]> {
            let (a, b) = (L::load(&self.0), L::load(&self.1));
            let (exponent, rest) =
                L::load(&self.0.map(|number| number.abs().clamp(f64::MIN_POSITIVE, f64::MAX))).split();
            let over = a.where_above(b, L::each(0.5));
            let results = [a + b, a - b, a * b, a / b, a.below(b), a.above(b), over, exponent, rest, L::places()];
            let mut found: Vec<_> = results.iter().map(|lanes| lanes.store().map(f64::to_bits)).collect();
            let between = a.between(b, L::each(1.0));
            let mut packed = [0.0; LANES];
            a.keep(between, &mut packed);
            let kept = between.count_ones() as usize;
            found.push(std::array::from_fn(|lane| if lane < kept { packed[lane].to_bits() } else { 0 }));
            found.push([between as u64; LANES]);
            found
        }
    }

    fn numbers() -> impl Strategy<Value = [f64; LANES]> {
        const SPECIAL: &[f64] = &[0.0, -0.0, 1.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NEG_INFINITY];
        prop::array::uniform4(prop_oneof![-3.0..3.0f64, prop::sample::select(SPECIAL), any::<f64>()])
            .prop_map(|numbers| numbers.map(|number| if number.is_nan() { 2.0 } else { number }))
    }

    proptest! {
        #[test]
        fn lanes_of_every_kind_have_the_bits_of_single_numbers(a in numbers(), b in numbers()) {
            let [portable, fastest] = [Kind::Portable, Kind::Fastest].map(|kind| kind.run(Operations(a, b)));
            // Infinity less infinity is NaN, whose sign the standard leaves open.
            let alike = |one: u64, other: u64| {
                one == other || f64::from_bits(one).is_nan() && f64::from_bits(other).is_nan()
            };
            for (one, other) in portable.iter().flatten().zip(fastest.iter().flatten()) {
                prop_assert!(alike(*one, *other), "{portable:x?} {fastest:x?}");
            }
            for lane in 0..LANES {
                let (a, b) = (a[lane], b[lane]);
                let over = if b > 0.5 { a } else { 0.0 };
                let single = [a + b, a - b, a * b, a / b, below(a, b), above(a, b), over];
                for (row, expected) in portable.iter().zip(single) {
                    prop_assert!(alike(row[lane], expected.to_bits()), "{a} {b}: {portable:x?}");
                }
            }
            let chosen: Vec<_> = a.iter().zip(&b).filter(|(a, b)| a >= b && **a <= 1.0).map(|(a, _)| a.to_bits()).collect();
            prop_assert_eq!(&portable[portable.len() - 2][..chosen.len()], &chosen[..]);
        }
    }
}
