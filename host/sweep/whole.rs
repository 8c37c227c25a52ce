//! Whole numbers of requests, which may be written as `5` or `5.0`: JSON Schema calls both integers. Those of a query are texts.
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
    Whole::<false>::deserialize(deserializer)?.narrowed()
}

/// Reads a whole number, or `null`.
pub(super) fn optional<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<Whole<false>>::deserialize(deserializer)?.map(Whole::narrowed).transpose()
}

/// Reads a whole number, which a query writes as a text.
pub(crate) fn queried<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    Whole::<true>::deserialize(deserializer)?.narrowed()
}

/// Reads a whole number, which a query writes as a text or leaves out, or `null`.
pub(crate) fn queried_optional<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Whole<true>>::deserialize(deserializer)?.map(Whole::narrowed).transpose()
}

/// A whole number, perhaps written as a text.
struct Whole<const TEXT: bool>(u64);

impl<const TEXT: bool> Whole<TEXT> {
    fn narrowed<T: TryFrom<u64>, E: Error>(self) -> Result<T, E> {
        T::try_from(self.0).map_err(|_| E::invalid_value(Unexpected::Unsigned(self.0), &"a smaller number"))
    }
}

impl<'de, const TEXT: bool> Deserialize<'de> for Whole<TEXT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor::<TEXT>).map(Self)
    }
}

struct WholeVisitor<const TEXT: bool>;

impl<const TEXT: bool> Visitor<'_> for WholeVisitor<TEXT> {
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
        whole(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        let typed = || text.parse().ok().or_else(|| whole(text.parse().ok()?));
        let number = if TEXT { typed() } else { None };
        number.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..TOO_LARGE).contains(&number)).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde::de::{IntoDeserializer as _, value};

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
    fn a_query_writes_whole_numbers_as_texts() {
        let read = |text: &str| queried::<value::StrDeserializer<'_, value::Error>, u64>(text.into_deserializer());
        assert_eq!(["5", "5.0", "1e3", "18446744073709551615"].map(|text| read(text).unwrap()), [5, 5, 1000, u64::MAX]);
        for text in ["", "1.5", "-1", "five", "1e300", "nan", "inf", "0x5"] {
            let error = read(text).unwrap_err().to_string();
            assert_eq!(error, format!("invalid value: string {text:?}, expected a whole number of 0 or more"));
        }
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
