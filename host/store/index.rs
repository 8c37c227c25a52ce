//! The index of a book: where the row of each cell is, found by its key.
//!
//! Never reads a file. It takes 28 bytes a cell.

use super::key::CellKey;

/// Where a row is: the number of its block, and its own in there.
pub(super) type Place = (u32, u32);

/// Sorted keys, their places, and where the keys with each prefix begin.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: Vec<CellKey>,
    places: Vec<Place>,
    starts: Vec<u32>,
    bits: u32,
}

impl Index {
    /// The index of `cells`. Of equal keys one stays: their rows are alike.
    pub(super) fn new(mut cells: Vec<(CellKey, Place)>) -> Self {
        cells.sort_unstable();
        cells.dedup_by_key(|(key, _)| *key);
        // Keys are evenly distributed, so that each prefix has a few.
        let bits = cells.len().checked_ilog2().unwrap_or(0).saturating_sub(2).min(24);
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for prefix in 0..=1_usize << bits {
            starts.push(cells.partition_point(|(key, _)| key.prefix(bits) < prefix) as u32);
        }
        let (keys, places) = cells.into_iter().unzip();
        Self { keys, places, starts, bits }
    }

    /// The number of cells.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Where the row of the cell is.
    pub(super) fn find(&self, key: CellKey) -> Option<Place> {
        let prefix = key.prefix(self.bits);
        let range = *self.starts.get(prefix)? as usize..*self.starts.get(prefix + 1)? as usize;
        let at = self.keys[range.clone()].binary_search(&key).ok()?;
        Some(self.places[range.start + at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Params;

    fn key(n: i64) -> CellKey {
        CellKey::of(&Params::from([("n".to_owned(), n.into())]))
    }

    #[test]
    fn each_key_is_found_and_no_other() {
        for count in [0, 1, 2, 7, 8, 9, 1000, 5000] {
            let cells = (0..count).map(|n| (key(n), (n as u32 % 3, n as u32)));
            let index = Index::new(cells.clone().chain(cells).collect());
            assert_eq!(index.len(), count as usize);
            for n in 0..count {
                assert_eq!(index.find(key(n)), Some((n as u32 % 3, n as u32)), "{n} of {count}");
            }
            assert!((count..count + 100).all(|n| index.find(key(n)).is_none()));
        }
    }
}
