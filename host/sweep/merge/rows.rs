//! The rows of several files in the order of their cells.
//!
//! Never holds more than a batch of rows of each file.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    error::{Contradiction, MergeError},
    part_file::PartFile,
};
use crate::results::{Batch, Batches, CELL, Cell, Column, ResultsFile, TIMINGS};

/// The place of a row: its cell, whether its file is a leftover, and which file it is.
type Place = Reverse<(u64, bool, usize)>;

/// The rows of some files, in the order of their cells.
///
/// Of a cell that a file and a leftover have, there is one row: that of the file. Both must say the same.
#[derive(Debug)]
pub(crate) struct MergedRows<'a> {
    cursors: Vec<Cursor<'a>>,
    heap: BinaryHeap<Place>,
    /// The file whose row was taken last, and is to move on.
    taken: Option<usize>,
}

/// A place in a file.
#[derive(Debug)]
struct Cursor<'a> {
    part: &'a PartFile,
    batches: Batches,
    /// The place of the column of cells in the batches.
    cell: usize,
    batch: Option<Batch>,
    row: usize,
    last: Option<u64>,
}

impl<'a> MergedRows<'a> {
    /// All columns of the rows of `parts`, which have these.
    pub(super) fn new(parts: impl Iterator<Item = &'a PartFile>, columns: &[Column]) -> Result<Self, MergeError> {
        Self::start(parts.map(|part| {
            let file = ResultsFile::open(&part.path)?;
            let cell = columns.iter().position(|column| column.name == CELL);
            match cell.filter(|_| file.columns() == columns) {
                Some(cell) => Ok(Cursor::new(part, file.batches(None)?, cell)),
                None => Err(MergeError::Changed),
            }
        }))
    }

    /// The cells of the rows of `parts`, and nothing else of them.
    pub(super) fn cells(parts: impl Iterator<Item = &'a PartFile>) -> Result<Self, MergeError> {
        let name = [CELL.to_owned()];
        Self::start(parts.map(|part| Ok(Cursor::new(part, ResultsFile::open(&part.path)?.batches(Some(&name))?, 0))))
    }

    fn start(cursors: impl Iterator<Item = Result<Cursor<'a>, MergeError>>) -> Result<Self, MergeError> {
        let cursors = cursors.collect::<Result<Vec<_>, _>>()?;
        let mut rows = Self { heap: BinaryHeap::with_capacity(cursors.len()), cursors, taken: None };
        (0..rows.cursors.len()).try_for_each(|file| rows.advance(file))?;
        Ok(rows)
    }

    /// Moves a file on to its next row.
    fn advance(&mut self, file: usize) -> Result<(), MergeError> {
        let cursor = &mut self.cursors[file];
        if let Some(cell) = cursor.next()? {
            self.heap.push(Reverse((cell, cursor.part.is_leftover, file)));
        }
        Ok(())
    }

    /// The next cell and its file.
    pub(super) fn next_cell(&mut self) -> Result<Option<(u64, &'a PartFile)>, MergeError> {
        if let Some(file) = self.taken.take() {
            self.advance(file)?;
        }
        let Some(Reverse((cell, _, file))) = self.heap.pop() else { return Ok(None) };
        while let Some(Reverse((other_cell, is_leftover, other))) = self.heap.peek().copied()
            && other_cell == cell
        {
            self.compare(cell, file, other, is_leftover)?;
            self.heap.pop();
            self.advance(other)?;
        }
        self.taken = Some(file);
        Ok(Some((cell, self.cursors[file].part)))
    }

    /// The next row, a cell for each column.
    pub(crate) fn next_row(&mut self) -> Result<Option<Vec<Cell<'_>>>, MergeError> {
        Ok(self.next_cell()?.and_then(|_| self.cursors[self.taken?].current()))
    }

    /// Refuses a cell of two files, unless one of them is a leftover that says the same.
    fn compare(&self, cell: u64, first: usize, other: usize, is_leftover: bool) -> Result<(), MergeError> {
        let (first, other) = (&self.cursors[first], &self.cursors[other]);
        let (path, other_path, shard) = (first.part.path.clone(), other.part.path.clone(), first.part.shard);
        if !is_leftover {
            return Err(MergeError::Doubled { first: path, other: other_path, shard, cell });
        }
        let columns = first.batches.columns();
        let is_timing = |column: &Column| TIMINGS.iter().any(|(name, _)| column.name == *name);
        let (row, other_row) = (first.current().unwrap_or_default(), other.current().unwrap_or_default());
        let differing = columns.iter().zip(row.iter().zip(&other_row));
        match differing.filter(|(column, _)| !is_timing(column)).find(|(_, (one, other))| one != other) {
            None => Ok(()),
            Some((column, (value, other_value))) => Err(MergeError::Contradiction(Box::new(Contradiction {
                first: path,
                other: other_path,
                shard,
                cell,
                column: column.name.clone(),
                first_value: value.to_string(),
                other_value: other_value.to_string(),
            }))),
        }
    }
}

impl<'a> Cursor<'a> {
    fn new(part: &'a PartFile, batches: Batches, cell: usize) -> Self {
        Self { part, batches, cell, batch: None, row: 0, last: None }
    }

    /// Moves on, and returns the cell of the next row.
    fn next(&mut self) -> Result<Option<u64>, MergeError> {
        self.row += 1;
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.count()) {
            self.row = 0;
            self.batch = self.batches.next().transpose()?;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
        let cell = self.batch.as_ref().map(|batch| batch.cell(self.cell, self.row));
        let Some(Cell::Integer(cell)) = cell else { return Err(self.part.damaged("a row has no cell")) };
        let cell = u64::try_from(cell).map_err(|_| self.part.damaged(format!("a row has cell {cell}")))?;
        if let Some(last) = self.last.replace(cell).filter(|last| *last >= cell) {
            return Err(self.part.damaged(format!("cell {cell} comes after cell {last}")));
        }
        Ok(Some(cell))
    }

    fn current(&self) -> Option<Vec<Cell<'_>>> {
        self.batch.as_ref().map(|batch| batch.row(self.row))
    }
}
