//! Whole numbers of requests, which may be written as `5` or `5.0`: JSON Schema calls both integers.
//!
//! Never rounds.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// The first whole number that its neighbour cannot be told from in a double.
const TOO_LARGE: f64 = 9_007_199_254_740_992.0;

/// Reads a whole number.
pub(super) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    narrowed(deserializer.deserialize_any(Whole)?)
}

/// Reads a whole number, or `null`.
pub(super) fn optional<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Number(u64);
    impl<'de> Deserialize<'de> for Number {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Whole).map(Self)
        }
    }
    Option::<Number>::deserialize(deserializer)?.map(|Number(number)| narrowed(number)).transpose()
}

fn narrowed<T: TryFrom<u64>, E: Error>(number: u64) -> Result<T, E> {
    T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &"a smaller number"))
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 0 or more")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        let is_whole = number.fract() == 0.0 && (0.0..TOO_LARGE).contains(&number);
        if is_whole { Ok(number as u64) } else { Err(E::invalid_value(Unexpected::Float(number), &self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Asked {
        #[serde(deserialize_with = "deserialize")]
        top: usize,
        #[serde(default, deserialize_with = "optional")]
        sample: Option<u64>,
    }

    fn read(text: &str) -> Result<(usize, Option<u64>), String> {
        let asked = serde_json::from_str::<Asked>(text);
        asked.map(|asked| (asked.top, asked.sample)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_number_may_have_a_point() {
        assert_eq!(read(r#"{"top": 5}"#), Ok((5, None)));
        assert_eq!(read(r#"{"top": 14465983.0, "sample": 18446744073709551615}"#), Ok((14_465_983, Some(u64::MAX))));
        assert_eq!(read(r#"{"top": 1e3, "sample": null}"#), Ok((1000, None)));
        assert_eq!(read(r#"{"top": 0, "sample": 0.0}"#), Ok((0, Some(0))));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for text in ["1.5", "-1", "-1.0", "1e300", "\"5\"", "true", "null", "[]", "9007199254740993.0"] {
            let error = read(&format!(r#"{{"top": {text}}}"#)).unwrap_err();
            assert!(error.contains("expected a whole number of 0 or more"), "{text}: {error}");
            let error = text != "null" && read(&format!(r#"{{"top": 1, "sample": {text}}}"#)).is_ok();
            assert!(!error, "{text}");
        }
    }
}
