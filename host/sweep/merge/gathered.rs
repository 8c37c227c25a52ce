//! Many files gathered in few: so many as can be read at the same time in little memory.
//!
//! Never keeps a file of its own longer than it is needed, and never changes a row.

use std::path::Path;

use tempfile::TempPath;

use super::{error::MergeError, part_file::PartFile, rows::MergedRows};
use crate::results::{self, Column, Rows};

/// The most files that are read at a time: a file takes some 10 MB then.
const MOST: usize = 16;

/// Rows that are written at a time.
const BATCH: usize = 1_024;

/// Files that can be read at the same time.
#[derive(Debug)]
pub(crate) struct Gathered {
    parts: Vec<PartFile>,
    columns: Vec<Column>,
    /// Those that were made for it, and go with it.
    _made: Vec<TempPath>,
}

impl Gathered {
    /// Gathers `parts`, which are sorted by their shards, in files in `folder` if they are many. `None` once `is_stopped` says
    /// so.
    pub(super) fn new(
        mut parts: Vec<PartFile>,
        columns: &[Column],
        folder: &Path,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, MergeError> {
        let mut made = Vec::new();
        while parts.len() > MOST {
            let groups = groups(&parts);
            // One shard has more files than can be read at a time; they are few and small.
            if groups.len() == parts.len() || groups.len() == 1 {
                break;
            }
            let (mut fewer, mut files) = (Vec::new(), Vec::new());
            for group in groups {
                let Some(file) = gather(group, columns, folder, is_stopped)? else { return Ok(None) };
                fewer.push(PartFile { path: file.to_path_buf(), shard: group[0].shard, is_leftover: false });
                files.push(file);
            }
            // The files of the level before are no longer needed.
            (parts, made) = (fewer, files);
        }
        Ok(Some(Self { parts, columns: columns.to_vec(), _made: made }))
    }

    /// All rows, in the order of their cells.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read.
    pub(crate) fn rows(&self) -> Result<MergedRows<'_>, MergeError> {
        MergedRows::new(self.parts.iter(), &self.columns)
    }
}

/// Groups of at most [`MOST`] files, where no shard is divided: a file is compared with what a killed run has left of it.
fn groups(parts: &[PartFile]) -> Vec<&[PartFile]> {
    let (mut groups, mut start, mut end) = (Vec::new(), 0, 0);
    for shard in parts.chunk_by(|one, next| one.shard == next.shard) {
        if end > start && end - start + shard.len() > MOST {
            groups.push(&parts[start..end]);
            start = end;
        }
        end += shard.len();
    }
    groups.push(&parts[start..]);
    groups
}

/// Writes the rows of `parts` to a file in `folder`.
fn gather(
    parts: &[PartFile],
    columns: &[Column],
    folder: &Path,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<TempPath>, MergeError> {
    let made = tempfile::Builder::new().prefix(".host-merge-").suffix(".parquet").tempfile_in(folder);
    let path = made.map_err(|source| MergeError::Gather { folder: folder.to_owned(), source })?.into_temp_path();
    let mut sink = results::create_with(&path, columns, &[])?;
    let (encoder, partial) = (sink.encoder(), sink.partial().to_owned());
    let mut merged = MergedRows::new(parts.iter(), columns)?;
    let mut rows = Rows::default();
    let mut fill = || loop {
        let Some(row) = merged.next_row()? else { return Ok(true) };
        encoder.push(&mut rows, &row)?;
        if rows.len() == BATCH {
            sink.append(std::mem::take(&mut rows))?;
            encoder.help();
            if is_stopped() {
                return Ok(false);
            }
        }
    };
    let filled: Result<bool, MergeError> = fill();
    if !matches!(filled, Ok(true)) {
        drop(sink);
        // All rows are in the files of the shards.
        let _ = std::fs::remove_file(partial);
        return filled.map(|_| None);
    }
    sink.append(rows)?;
    sink.finish()?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::grid::Shard;

    #[test]
    fn groups_are_of_few_files_and_divide_no_shard() {
        let part = |number, is_leftover| PartFile {
            path: format!("{number}").into(),
            shard: Shard::new(number, 100).unwrap(),
            is_leftover,
        };
        for leftovers in [0, 1, 3, 20] {
            let files = |number| (0..=leftovers).map(move |file| part(number, file > 0));
            let parts: Vec<_> = (1..=100).flat_map(files).collect();
            let groups = groups(&parts);
            assert_eq!(groups.iter().map(|group| group.len()).sum::<usize>(), parts.len());
            for pair in groups.windows(2) {
                assert_ne!(pair[0].last().unwrap().shard, pair[1][0].shard);
            }
            assert!(groups.iter().all(|group| group.len() <= MOST.max(leftovers + 1)));
        }
    }
}
