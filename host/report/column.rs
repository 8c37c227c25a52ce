//! Columns of a report: numbers as base64 of gzip of little-endian bytes, which browsers unpack.
//!
//! Never has a number that a browser would show otherwise: prices with too many digits stay floating-point.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, GzBuilder};
use serde::Serialize;

/// The most decimals of prices that are kept as whole numbers.
const DECIMALS: u32 = 6;

/// The largest whole number of a price: a difference of two such numbers has 32 bits.
const LARGEST: f64 = (1 << 30) as f64;

/// A column that is packed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Packed {
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
    /// Whether each number is the difference to the one before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    delta: bool,
    /// What numbers are divided by.
    #[serde(skip_serializing_if = "is_one")]
    scale: u32,
}

fn is_one(scale: &u32) -> bool {
    *scale == 1
}

impl Packed {
    fn new(kind: &'static str, bytes: impl Iterator<Item = u8>, (delta, scale): (bool, u32)) -> Self {
        let bytes: Vec<u8> = bytes.collect();
        let mut packed = GzBuilder::new().write(Vec::new(), Compression::best());
        // Writing to memory does not fail.
        let packed = packed.write_all(&bytes).and_then(|()| packed.finish()).unwrap_or_default();
        Self { kind, data: STANDARD.encode(packed), delta, scale }
    }

    /// Numbers of seven digits; NaN where there is none.
    pub(super) fn singles(values: impl Iterator<Item = f64>) -> Self {
        Self::new("f32", values.flat_map(|value| (value as f32).to_le_bytes()), (false, 1))
    }

    /// Whole numbers that grow, such as times in milliseconds.
    pub(super) fn growing(values: impl Iterator<Item = i64>) -> Self {
        let mut before = 0;
        let differences = values.map(|value| (value - std::mem::replace(&mut before, value)) as f64);
        Self::new("f64", differences.flat_map(f64::to_le_bytes), (true, 1))
    }

    /// Prices: whole numbers where they have few decimals and are all there, else as [`singles`](Self::singles).
    pub(super) fn prices(values: &[f64]) -> Self {
        let scaled = (0..=DECIMALS).map(|decimals| 10_u32.pow(decimals)).find(|scale| {
            let scale = f64::from(*scale);
            values.iter().all(|value| is_whole(value * scale))
        });
        let Some(scale) = scaled else { return Self::singles(values.iter().copied()) };
        let mut before = 0;
        let whole = values.iter().map(|value| (value * f64::from(scale)).round() as i32);
        let differences = whole.map(|value| value - std::mem::replace(&mut before, value));
        Self::new("i32", differences.flat_map(i32::to_le_bytes), (true, scale))
    }

    /// Small whole numbers.
    pub(super) fn places(values: &[u32]) -> Self {
        if values.iter().all(|value| *value <= u32::from(u16::MAX)) {
            return Self::new("u16", values.iter().flat_map(|value| (*value as u16).to_le_bytes()), (false, 1));
        }
        Self::new("i32", values.iter().flat_map(|value| (*value as i32).to_le_bytes()), (false, 1))
    }

    /// Flags: 1 where one is set.
    pub(super) fn flags(values: &[bool]) -> Self {
        Self::new("u8", values.iter().map(|value| u8::from(*value)), (false, 1))
    }
}

/// Whether it is a whole number of a difference's size, but for the rounding of a double.
fn is_whole(value: f64) -> bool {
    value.abs() < LARGEST && (value - value.round()).abs() <= 1e-9 * value.abs().max(1.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn bytes(packed: &Packed) -> Vec<u8> {
        let mut bytes = Vec::new();
        GzDecoder::new(&*STANDARD.decode(&packed.data).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn prices_are_whole_numbers_where_they_can_be() {
        let check = |values: &[f64], kind, scale, expected: &[i32]| {
            let packed = Packed::prices(values);
            assert_eq!((packed.kind, packed.scale, packed.delta), (kind, scale, kind == "i32"), "{values:?}");
            if kind == "i32" {
                assert_eq!(bytes(&packed), expected.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
            }
        };
        check(&[10.0, 12.0, 9.0], "i32", 1, &[10, 2, -3]);
        check(&[0.0703, 0.07, -0.5], "i32", 10_000, &[703, -3, -5700]);
        check(&[1.0 / 3.0], "f32", 1, &[]);
        check(&[1.0, f64::NAN], "f32", 1, &[]);
        check(&[2e9], "f32", 1, &[]);
        check(&[-1.07e9, 1.07e9], "i32", 1, &[-1_070_000_000, 2_140_000_000]);
    }

    #[test]
    fn other_columns_are_little_endian() {
        assert_eq!(bytes(&Packed::singles([1.5, f64::NAN].into_iter()))[..4], 1.5_f32.to_le_bytes());
        let times = Packed::growing([1_000_000_000_000, 1_000_000_060_000].into_iter());
        assert_eq!(bytes(&times), [1e12_f64, 6e4].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
        assert_eq!(bytes(&Packed::places(&[1, 65_535])), [1, 0, 255, 255]);
        assert_eq!((Packed::places(&[65_536]).kind, bytes(&Packed::flags(&[true, false]))), ("i32", vec![1, 0]));
        let json = serde_json::to_string(&Packed::flags(&[])).unwrap();
        assert!(json.starts_with(r#"{"type":"u8","data":"H4sI"#) && !json.contains("delta"), "{json}");
    }
}
