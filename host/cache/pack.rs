//! Packs: thousands of small values, each found by a hash, in the payload of one entry.
//!
//! Never touches a file, and proves nothing by itself: the entry that holds a pack is authenticated as a whole.
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | the number of values, little endian as all numbers |
//! | 40 for each value | its hash, and where it ends among the values; in ascending order of the hashes |
//! | the rest | the values, in the same order |

use std::{collections::BTreeMap, ops::Range};

/// The hash that a value of a pack is found by. It has to name everything that the value was made of.
pub type PackKey = [u8; 32];

/// The length of the number of values, in bytes.
const COUNT: usize = size_of::<u64>();

/// The length of a value's row in the index, in bytes.
const ROW: usize = size_of::<PackKey>() + size_of::<u64>();

/// The values of one pack, in memory.
#[derive(Debug)]
pub struct Pack {
    bytes: Vec<u8>,
    len: usize,
}

impl Default for Pack {
    /// A pack of no values.
    fn default() -> Self {
        Self { bytes: vec![0; COUNT], len: 0 }
    }
}

impl Pack {
    /// The bytes that [`Pack::read`] has read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads what [`Pack::write`] has written; `None` if it is anything else.
    pub fn read(bytes: Vec<u8>) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        let len = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        let (index, values) = rest.split_at_checked(len.checked_mul(ROW)?)?;
        let rows = || index.chunks_exact(ROW).map(row);
        let is_sorted = rows().is_sorted_by(|(one, ends), (next, next_ends)| one < next && ends <= next_ends);
        let ends = rows().next_back().map_or(0, |(_, end)| end);
        (is_sorted && ends == values.len() as u64).then_some(Self { bytes, len })
    }

    /// Writes a pack of `values`.
    pub fn write(values: &BTreeMap<PackKey, &[u8]>) -> Vec<u8> {
        let content: usize = values.values().map(|value| value.len()).sum();
        let mut bytes = Vec::with_capacity(COUNT + values.len() * ROW + content);
        bytes.extend((values.len() as u64).to_le_bytes());
        let mut end = 0;
        for (key, value) in values {
            end += value.len() as u64;
            bytes.extend(key);
            bytes.extend(end.to_le_bytes());
        }
        values.values().for_each(|value| bytes.extend_from_slice(value));
        bytes
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the position of the value that `key` names, if there is one.
    pub fn position(&self, key: &PackKey) -> Option<usize> {
        let (mut from, mut to) = (0, self.len);
        while from < to {
            let middle = from + (to - from) / 2;
            let (found, _) = self.row(middle);
            match found.cmp(key) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// Returns the value at `position`.
    ///
    /// # Panics
    ///
    /// If there are no more than `position` values.
    pub fn value(&self, position: usize) -> &[u8] {
        &self.bytes[self.place(position)]
    }

    /// All values with their keys, in the order of their positions.
    pub fn iter(&self) -> impl Iterator<Item = (PackKey, &[u8])> {
        (0..self.len).map(|position| (*self.row(position).0, self.value(position)))
    }

    fn row(&self, position: usize) -> (&PackKey, u64) {
        row(&self.bytes[COUNT..][position * ROW..][..ROW])
    }

    fn place(&self, position: usize) -> Range<usize> {
        let values = COUNT + self.len * ROW;
        let end = |position| values + self.row(position).1 as usize;
        position.checked_sub(1).map_or(values, end)..end(position)
    }
}

fn row(bytes: &[u8]) -> (&PackKey, u64) {
    let (key, end) = bytes.split_first_chunk().expect("a row begins with its key");
    (key, u64::from_le_bytes(end.try_into().expect("a row ends with a number")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(values: &BTreeMap<PackKey, Vec<u8>>) -> Vec<u8> {
        Pack::write(&values.iter().map(|(key, value)| (*key, &value[..])).collect())
    }

    fn three() -> Vec<u8> {
        written(&BTreeMap::from([([1; 32], vec![7; 3]), ([2; 32], vec![]), ([9; 32], vec![8; 2])]))
    }

    proptest! {
        #[test]
        fn what_is_written_is_found(
            values in prop::collection::btree_map(any::<PackKey>(), prop::collection::vec(any::<u8>(), 0..9), 0..40),
            other in any::<PackKey>(),
        ) {
            let pack = Pack::read(written(&values)).unwrap();
            prop_assert_eq!((pack.len(), pack.is_empty()), (values.len(), values.is_empty()));
            for (key, value) in &values {
                prop_assert_eq!(pack.position(key).map(|position| pack.value(position)), Some(&value[..]));
            }
            prop_assert_eq!(pack.position(&other).is_some(), values.contains_key(&other));
            prop_assert!(pack.iter().eq(values.iter().map(|(key, value)| (*key, &value[..]))));
        }

        #[test]
        fn no_bytes_make_a_pack_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), len in 0..9_u64) {
            bytes.splice(..bytes.len().min(COUNT), len.to_le_bytes());
            if let Some(pack) = Pack::read(bytes) {
                prop_assert_eq!(pack.iter().count(), pack.len());
            }
        }
    }

    #[test]
    fn what_is_cut_off_too_long_or_out_of_order_is_no_pack() {
        let whole = three();
        assert!(Pack::read(whole.clone()).is_some());
        for len in 0..whole.len() {
            assert!(Pack::read(whole[..len].to_vec()).is_none(), "{len} bytes");
        }
        let mut long = whole.clone();
        long.push(0);
        assert!(Pack::read(long).is_none());
        for (at, byte) in [(COUNT, 3), (COUNT + 32, 4), (0, 255), (7, 255), (COUNT + ROW + 32, 0)] {
            let mut wrong = whole.clone();
            wrong[at] = byte;
            assert!(Pack::read(wrong).is_none(), "byte {at}");
        }
    }

    #[test]
    fn an_empty_pack_has_nothing() {
        assert_eq!(Pack::default().position(&[0; 32]), None);
        assert!(Pack::read(Pack::write(&BTreeMap::new())).unwrap().is_empty());
    }
}
