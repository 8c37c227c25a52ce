//! Typed cells of one column: what a row that becomes Parquet is taken apart into.
//!
//! Never encodes them.

use std::ops::Range;

use super::column::{Cell, Kind};

/// Cells of one column: a level for each row, and a value for each that is not null.
#[derive(Debug)]
pub(super) struct Cells {
    /// 1 where the row has a value, 0 where it is null.
    pub(super) levels: Vec<i16>,
    pub(super) values: Values,
}

/// The values of cells that are not null.
#[derive(Debug)]
pub(super) enum Values {
    Boolean(Vec<bool>),
    Integer(Vec<i64>),
    Number(Vec<f64>),
    Text(Texts),
}

/// Texts in one buffer. Equal neighbours share their bytes: the hashes of plugin and data are the same in row after row.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) bytes: Vec<u8>,
    pub(super) spans: Vec<Range<usize>>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        if let Some(last) = self.spans.last()
            && self.bytes[last.clone()] == *text
        {
            self.spans.push(last.clone());
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.spans.push(start..self.bytes.len());
    }

    /// Adds the texts `range` of `other`, with what their neighbours share.
    pub(super) fn extend(&mut self, other: &Self, range: Range<usize>) {
        let spans = &other.spans[range];
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return };
        let (from, to) = (first.start, self.bytes.len());
        self.bytes.extend_from_slice(&other.bytes[from..last.end]);
        self.spans.extend(spans.iter().map(|span| span.start - from + to..span.end - from + to));
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }
}

impl Cells {
    /// No cells of a column of `kind`.
    pub(super) fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Boolean => Values::Boolean(Vec::new()),
            Kind::Integer | Kind::Time => Values::Integer(Vec::new()),
            Kind::Number => Values::Number(Vec::new()),
            Kind::Text => Values::Text(Texts::default()),
        };
        Self { levels: Vec::new(), values }
    }

    /// No cells of the kind that these have.
    pub(super) fn none_alike(&self) -> Self {
        let values = match self.values {
            Values::Boolean(_) => Values::Boolean(Vec::new()),
            Values::Integer(_) => Values::Integer(Vec::new()),
            Values::Number(_) => Values::Number(Vec::new()),
            Values::Text(_) => Values::Text(Texts::default()),
        };
        Self { levels: Vec::new(), values }
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.levels.len()
    }

    /// Bytes of text.
    pub(super) fn text(&self) -> usize {
        if let Values::Text(texts) = &self.values { texts.bytes.len() } else { 0 }
    }

    /// Adds a cell, which is of the column's kind or null.
    pub(super) fn push(&mut self, cell: &Cell<'_>) {
        match (&mut self.values, cell) {
            (Values::Boolean(values), Cell::Boolean(value)) => values.push(*value),
            (Values::Integer(values), Cell::Integer(value) | Cell::Time(value, _)) => values.push(*value),
            (Values::Number(values), Cell::Number(value)) if !value.is_nan() => values.push(*value),
            (Values::Text(texts), Cell::Text(value)) => texts.push(value.as_bytes()),
            // The kinds have been checked, so that what is left is null or NaN.
            _ => return self.levels.push(0),
        }
        self.levels.push(1);
    }

    /// Adds the rows `range` of `other`, which is of the same kind.
    pub(super) fn extend(&mut self, other: &Self, range: Range<usize>) {
        let values = other.values_of(range.clone());
        self.levels.extend_from_slice(&other.levels[range]);
        match (&mut self.values, &other.values) {
            (Values::Boolean(own), Values::Boolean(more)) => own.extend_from_slice(&more[values]),
            (Values::Integer(own), Values::Integer(more)) => own.extend_from_slice(&more[values]),
            (Values::Number(own), Values::Number(more)) => own.extend_from_slice(&more[values]),
            (Values::Text(own), Values::Text(more)) => {
                more.spans[values].iter().for_each(|span| own.push(&more.bytes[span.clone()]));
            }
            _ => unreachable!("cells of one column are of one kind"),
        }
    }

    /// The places of the values of the rows `range`.
    pub(super) fn values_of(&self, range: Range<usize>) -> Range<usize> {
        let count = |levels: &[i16]| levels.iter().filter(|level| **level == 1).count();
        let start = count(&self.levels[..range.start]);
        start..start + count(&self.levels[range])
    }

    /// Bytes of memory that it has, used or not.
    pub(super) fn memory(&self) -> usize {
        let values = match &self.values {
            Values::Boolean(values) => values.capacity(),
            Values::Integer(values) => values.capacity() * size_of::<i64>(),
            Values::Number(values) => values.capacity() * size_of::<f64>(),
            Values::Text(texts) => texts.bytes.capacity() + texts.spans.capacity() * size_of::<Range<usize>>(),
        };
        self.levels.capacity() * size_of::<i16>() + values
    }

    /// Makes the column empty, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.levels.clear();
        match &mut self.values {
            Values::Boolean(values) => values.clear(),
            Values::Integer(values) => values.clear(),
            Values::Number(values) => values.clear(),
            Values::Text(texts) => texts.clear(),
        }
    }
}
