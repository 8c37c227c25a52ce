//! Cache keys and buckets: the names of entries.
//!
//! Never touches a file.

use std::fmt;

/// Separates these hashes from hashes of the same bytes for another purpose.
const CONTEXT: &str = "host 2026-11-23 cache key v1";

/// A kind of entry and the version of its format: `compiled-v1`. Each format is a bucket of its own, so that no program
/// reads what a newer or older one has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    pub(super) name: &'static str,
    pub(super) format: u32,
}

impl Bucket {
    /// Names a bucket.
    ///
    /// # Panics
    ///
    /// If `name` is empty or has other characters than `a` to `z` and `_`; at compile time, in a constant.
    pub const fn new(name: &'static str, format: u32) -> Self {
        assert!(is_bucket_name(name), "a bucket's name is made of the letters a to z and underscores");
        Self { name, format }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-v{}", self.name, self.format)
    }
}

const fn is_bucket_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() && (bytes[at].is_ascii_lowercase() || bytes[at] == b'_') {
        at += 1;
    }
    at == bytes.len() && at > 0
}

/// Whether `name` is the name of a bucket's directory.
pub(super) fn names_bucket(name: &str) -> bool {
    name.rsplit_once("-v").is_some_and(|(name, format)| {
        is_bucket_name(name) && format.parse::<u32>().is_ok_and(|number| number.to_string() == format)
    })
}

/// The name of an entry: a hash of all inputs of its payload. Shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(blake3::Hash);

impl Key {
    /// Returns the key for these named inputs. Names, order and boundaries count.
    pub fn of(inputs: &[(&str, &[u8])]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        for (name, value) in inputs {
            for part in [name.as_bytes(), value] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        Self(hasher.finalize())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Whether `name` is the name of an entry's file.
pub(super) fn names_key(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_order_and_boundaries_count() {
        let keys = [
            Key::of(&[]),
            Key::of(&[("", b"")]),
            Key::of(&[("a", b"bc")]),
            Key::of(&[("ab", b"c")]),
            Key::of(&[("a", b"b"), ("c", b"")]),
            Key::of(&[("a", b"b"), ("", b"c")]),
            Key::of(&[("", b"c"), ("a", b"b")]),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
            assert!(names_key(&key.to_string()));
        }
        assert_eq!(Key::of(&[("a", b"bc")]), keys[2]);
    }

    #[test]
    fn only_the_names_that_are_given_are_taken_for_ours() {
        assert!(names_bucket(&Bucket::new("compiled_code", 12).to_string()));
        for name in
            ["", "-v1", "compiled", "compiled-v", "compiled-v01", "compiled-v+1", "Compiled-v1", "a-b-v1", "..-v1"]
        {
            assert!(!names_bucket(name), "{name}");
        }
        for name in ["", "secret", &"g".repeat(64), &"A".repeat(64), &"a".repeat(63)] {
            assert!(!names_key(name), "{name}");
        }
    }
}
