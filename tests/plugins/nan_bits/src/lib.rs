//! Decides by the bits of NaN: `make` says how a NaN comes to be, `read` which of its bits decide what is held.
//!
//! Never useful. WebAssembly leaves open which sign and which payload a NaN has that is computed, and processors differ: an
//! x86 divides zero by zero into a negative one, an Arm into a positive one. A strategy that sorts by `f64::total_cmp` sees
//! that. Results have the same bits on every processor only if the host settles those of NaN.

use std::{
    cmp::Ordering,
    hint::black_box,
    ops::{Add, Div, Mul, Sub},
};

use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets, export};

/// How many bars each instrument has, and a zero that the compiler does not know of.
#[derive(Debug)]
pub struct NanBits {
    bars: Vec<usize>,
    zero: f64,
}

const MAKE: [&str; 15] = [
    "zero-by-zero",
    "infinity-less-infinity",
    "zero-times-infinity",
    "root-of-minus-one",
    "payload",
    "payload-and-other",
    "other-and-payload",
    "signalling",
    "negated",
    "least",
    "rounded",
    "single",
    "from-single",
    "lanes",
    "summed",
];

const READ: [&str; 4] = ["sign", "payload", "order", "memory"];

/// A NaN with its sign and a payload of its own.
const PAYLOAD: u64 = 0xfff8_0000_0000_1234;
const OTHER: u64 = 0x7ff8_0000_000a_bcde;
const SIGNALLING: u64 = 0x7ff0_0000_0000_0077;

impl Strategy for NanBits {
    fn describe() -> Description {
        Description::new("nan_bits", env!("CARGO_PKG_VERSION"), "Holds what the bits of a NaN say.")
            .text("make", "how the NaN comes to be", "zero-by-zero")
            .one_of(MAKE)
            .text("read", "which of its bits decide", "sign")
            .one_of(READ)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        let zero = data.first().and_then(|series| series.close.first()).map_or(0.0, |close| close.sub(close));
        Ok(Self { bars: data.iter().map(|series| series.close.len()).collect(), zero: black_box(zero) })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let nan = self.make(params.text("make")?);
        let share = read(nan, params.text("read")?);
        for (instrument, &bars) in self.bars.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for bar in (0..bars).step_by(16) {
                position.hold(bar, if bar.is_multiple_of(32) { share } else { 0.25 });
            }
        }
        Ok(())
    }
}

impl NanBits {
    fn make(&self, how: &str) -> f64 {
        let (zero, one) = (self.zero, 1.0 + self.zero);
        let number = |bits: u64| f64::from_bits(black_box(bits));
        match how {
            "infinity-less-infinity" => (one / zero).sub(one / zero),
            "zero-times-infinity" => zero.mul(one / zero),
            "root-of-minus-one" => (-one).sqrt(),
            "payload" => number(PAYLOAD).mul(one),
            "payload-and-other" => number(PAYLOAD).add(number(OTHER)),
            "other-and-payload" => number(OTHER).add(number(PAYLOAD)),
            "signalling" => number(SIGNALLING).add(one),
            "negated" => -zero.div(zero),
            "least" => least(number(PAYLOAD), one),
            "rounded" => zero.div(zero).floor(),
            "single" => f64::from(black_box(zero as f32) / black_box(zero as f32)),
            "from-single" => f64::from(black_box(number(PAYLOAD) as f32)),
            "lanes" => lanes(zero),
            "summed" => (0..7).fold(number(OTHER), |sum, turn| sum + number(PAYLOAD) * f64::from(turn)),
            _ => zero.div(zero),
        }
    }
}

/// A share between 0 and 1 that these bits of the number decide.
fn read(nan: f64, bits: &str) -> f64 {
    match bits {
        "payload" => (nan.to_bits() % 1021) as f64 / 1021.0,
        "order" => {
            let mut all = [0.5, nan, -1.0, 1.0];
            all.sort_by(f64::total_cmp);
            all.iter().position(|number| number.partial_cmp(number) != Some(Ordering::Equal)).unwrap_or(4) as f64 / 4.0
        }
        "memory" => {
            let bytes = black_box([nan, 1.0]).map(f64::to_le_bytes);
            f64::from(bytes[0][7]) / 255.0
        }
        _ => f64::from(u8::from(nan.is_sign_negative())),
    }
}

#[cfg(target_arch = "wasm32")]
#[target_feature(enable = "simd128")]
fn lanes(zero: f64) -> f64 {
    use std::arch::wasm32::{f64x2_add, f64x2_div, f64x2_extract_lane, f64x2_splat};

    let quotient = f64x2_div(f64x2_splat(zero), f64x2_splat(zero));
    f64x2_extract_lane::<1>(f64x2_add(quotient, f64x2_splat(1.0)))
}

#[cfg(not(target_arch = "wasm32"))]
fn lanes(zero: f64) -> f64 {
    zero.div(zero) + 1.0
}

/// The instruction of the processor, which makes NaN of NaN; that of Rust's library does not.
#[cfg(target_arch = "wasm32")]
#[target_feature(enable = "simd128")]
fn least(one: f64, other: f64) -> f64 {
    use std::arch::wasm32::{f64x2_extract_lane, f64x2_min, f64x2_splat};

    f64x2_extract_lane::<0>(f64x2_min(f64x2_splat(one), f64x2_splat(other)))
}

#[cfg(not(target_arch = "wasm32"))]
fn least(one: f64, _: f64) -> f64 {
    one
}

export!(NanBits);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing;

    use super::*;

    #[test]
    fn every_way_makes_a_nan() {
        let strategy = NanBits { bars: vec![], zero: 0.0 };
        MAKE.iter().for_each(|how| assert!(strategy.make(how).is_nan(), "{how}"));
    }

    #[test]
    fn the_sign_and_the_payload_decide() {
        let number = f64::from_bits(PAYLOAD);
        assert_eq!((read(number, "sign"), read(-number, "sign")), (1.0, 0.0));
        assert_eq!((read(number, "order"), read(-number, "order")), (0.0, 0.75));
        assert_ne!(read(number, "payload"), read(f64::from_bits(OTHER), "payload"));
    }

    #[test]
    fn the_share_is_held_at_every_second_change() {
        let given = [("make", "payload".into()), ("read", "order".into())];
        let answer = testing::evaluate::<NanBits>(vec![testing::series("ACME", &[1.0; 40])], &given);
        assert_eq!(answer, Ok(vec![(16, 0, 0.25), (32, 0, 0.0)]));
    }
}
