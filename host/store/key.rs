//! The key of a cell within its book: a hash of its parameters.

use crate::model::{Canonical, Digest, Params};

/// The first 16 bytes of the hash of a cell's parameters, defaults included: one of 2^64 cells meets another by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellKey(u128);

/// Bytes that the parameters of most strategies take in canonical form.
const LENGTH: usize = 256;

impl CellKey {
    pub(super) fn of(params: &Params) -> Self {
        let digest = Digest::of(Canonical::with_room(LENGTH).params(params).as_bytes());
        Self(u128::from_be_bytes(digest.first()))
    }

    /// The key of the same cell among those of several plugins, shortened.
    pub(super) fn mixed_with(self, plugin: Digest) -> u64 {
        ((self.0 ^ u128::from_be_bytes(plugin.first())) >> 64) as u64
    }

    pub(super) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub(super) fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The first bits, as many as `bits`, as a place.
    pub(super) fn prefix(self, bits: u32) -> usize {
        if bits == 0 { 0 } else { (self.0 >> (128 - bits)) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_bytes() {
        let key = |a: i64| CellKey::of(&Params::from([("a".to_owned(), a.into())]));
        for key in [key(1), key(2), CellKey(0), CellKey(u128::MAX), CellKey(1 << 63)] {
            assert_eq!(CellKey::of_bytes(key.bytes()), key);
        }
        assert_ne!(key(1), key(2));
        assert_eq!((CellKey(u128::MAX).prefix(3), CellKey(u128::MAX).prefix(0)), (7, 0));
    }
}
