//! Canonical bytes: values under names, spelt so that no two lists of them are spelt alike.
//!
//! Never hashes, and never decides which values belong in a list.

use super::{Params, Value};

/// The whole numbers up to which every one has a real number of its own.
const EXACT: u64 = 1 << 53;

/// Bytes that stand for a list of named values. Equal lists have equal bytes, on every machine; real numbers count by their
/// bits.
///
/// # Examples
///
/// ```
/// use host::model::Canonical;
///
/// let of = |commission: f64| Canonical::default().number("commission", commission).flag("short", true).into_bytes();
/// assert_eq!(of(5.0), of(5.0));
/// assert_ne!(of(0.0), of(-0.0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canonical {
    bytes: Vec<u8>,
}

impl Canonical {
    /// No values yet, with room for `bytes` of them.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.field(name, b"t", value.as_bytes())
    }

    /// Adds a real number.
    #[must_use]
    pub fn number(self, name: &str, value: f64) -> Self {
        self.field(name, b"n", &value.to_bits().to_le_bytes())
    }

    /// Adds a real number that may be missing.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self.field(name, b"0", &[]),
        }
    }

    /// Adds a count.
    #[must_use]
    pub fn count(self, name: &str, value: u64) -> Self {
        self.field(name, b"u", &value.to_le_bytes())
    }

    /// Adds a choice between yes and no.
    #[must_use]
    pub fn flag(self, name: &str, value: bool) -> Self {
        self.field(name, b"b", &[u8::from(value)])
    }

    /// Adds the value of a parameter. A whole number is the same as an integer and as a real number.
    #[must_use]
    pub fn value(self, name: &str, value: &Value) -> Self {
        match value {
            Value::Boolean(value) => self.flag(name, *value),
            Value::Integer(value) if value.unsigned_abs() <= EXACT => self.number(name, *value as f64),
            Value::Integer(value) => self.field(name, b"i", &value.to_le_bytes()),
            Value::Number(value) => self.number(name, *value),
            Value::Text(value) => self.text(name, value),
        }
    }

    /// Adds every parameter, in their order.
    #[must_use]
    pub fn params(self, params: &Params) -> Self {
        params.iter().fold(self, |bytes, (name, value)| bytes.value(name, value))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Each part has its length before it, so that no part can be taken for the start of the next.
    fn field(mut self, name: &str, kind: &[u8; 1], value: &[u8]) -> Self {
        self.bytes.extend((name.len() as u64).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(kind);
        self.bytes.extend((value.len() as u64).to_le_bytes());
        self.bytes.extend(value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt<const N: usize>(values: [(&str, Value); N]) -> Vec<u8> {
        let params: Params = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Canonical::default().params(&params).into_bytes()
    }

    #[test]
    fn no_two_lists_are_spelt_alike() {
        let big = i64::MAX;
        let all = [
            spelt([]),
            spelt([("a", 1.into()), ("b", 2.into())]),
            spelt([("a", 2.into()), ("b", 1.into())]),
            spelt([("ab", 1.into())]),
            spelt([("a", "b1".into())]),
            spelt([("a", "".into()), ("b", "1".into())]),
            spelt([("a", true.into())]),
            spelt([("a", "true".into())]),
            spelt([("a", Value::Number(-0.0))]),
            spelt([("a", 0.into())]),
            spelt([("a", big.into())]),
            spelt([("a", (big - 1).into())]),
            spelt([("a", Value::Number(big as f64))]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(spelt([("a", 5.into())]), spelt([("a", Value::Number(5.0))]));
    }

    #[test]
    fn a_missing_number_is_not_zero_and_a_count_is_not_a_number() {
        let empty = Canonical::default;
        assert_ne!(empty().optional("a", None), empty().optional("a", Some(0.0)));
        assert_ne!(empty().count("a", 0), empty().number("a", 0.0));
    }
}
