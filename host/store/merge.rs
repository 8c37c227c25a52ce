//! Small segments become one: a book that is used every day does not become a thousand files.
//!
//! Never removes a segment before the one that has its rows is complete under its name. A process that is killed in between
//! leaves rows twice, which is harmless: rows of one key are alike.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    book::{Current, SEGMENT_ROWS, segments},
    error::StoreError,
    key::CellKey,
    schema::KEY,
};
use crate::results::{Cell, Column, ResultsFile, Rows};

/// Small segments that may be there.
const MANY: usize = 16;

/// Rows from which on a segment is not a small one.
const LARGE: u64 = SEGMENT_ROWS / 4;

/// Who merges the segments of a book holds a lock on this file.
const LOCK: &str = "merge.lock";

/// Merges the small segments in `folder` if there are many with the same columns, unless another process does.
pub(super) fn merge_small(folder: &Path) -> Result<(), StoreError> {
    let paths = segments(folder)?;
    if paths.len() < MANY {
        return Ok(());
    }
    let lock = folder.join(LOCK);
    let file = File::create(&lock).map_err(StoreError::io("make", &lock))?;
    if file.try_lock().is_err() {
        return Ok(());
    }
    let mut alike: HashMap<Vec<(String, &str)>, Vec<(PathBuf, ResultsFile)>> = HashMap::new();
    for path in segments(folder)? {
        // What is damaged is found when the book is opened next.
        let Ok(segment) = ResultsFile::open(&path) else { continue };
        if segment.rows() < LARGE {
            let columns = segment.columns().iter().map(|column| (column.name.clone(), column.kind.as_str()));
            alike.entry(columns.collect()).or_default().push((path, segment));
        }
    }
    alike.into_values().filter(|segments| segments.len() >= MANY).try_for_each(|segments| merge(folder, &segments))
}

fn merge(folder: &Path, segments: &[(PathBuf, ResultsFile)]) -> Result<(), StoreError> {
    let Some((_, first)) = segments.first() else { return Ok(()) };
    let place = |name: &str| first.columns().iter().position(|column: &Column| column.name == name);
    let [Some(high), Some(low)] = KEY.map(place) else { return Ok(()) };
    let merged = Current::start(folder, first.columns())?;
    let mut there = HashSet::new();
    for (_, segment) in segments {
        for batch in segment.batches(None)? {
            let (batch, mut rows) = (batch?, Rows::default());
            for row in batch.rows() {
                if let (Cell::Integer(high), Cell::Integer(low)) = (&row[high], &row[low])
                    && there.insert(CellKey::of_halves(*high, *low))
                {
                    merged.encoder().push(&mut rows, &row)?;
                }
            }
            merged.append(rows);
        }
    }
    let Some(written) = merged.seal(folder)? else { return Ok(()) };
    for (path, _) in segments.iter().filter(|(path, _)| *path != written) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
