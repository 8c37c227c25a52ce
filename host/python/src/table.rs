//! A table of Python's as a results file: Parquet, CSV or JSON lines, complete or absent.
//!
//! Never guesses a column's type: the caller says it.

use std::{borrow::Cow, path::PathBuf};

use host::results::{self, Cell, Column, Kind, Sink};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyIterator, PyTuple},
};

use crate::errors::{Class, OrFailure as _};

/// Looks whether a file can be written at `path`, before what is to be written is computed.
#[pyfunction]
pub(crate) fn check_table(path: PathBuf) -> PyResult<()> {
    Ok(results::check(&path, &[Column::new("index", Kind::Integer)]).or_failure(Class::Settings)?)
}

/// Writes `rows`, tuples of cells, to `path`; returns their number. `columns` are names with `boolean`, `integer`, `number` or
/// `text`; a cell may be `None`, and a number that is not one becomes that.
#[pyfunction]
pub(crate) fn write_table(
    path: PathBuf,
    columns: Vec<(String, String)>,
    rows: &Bound<'_, PyIterator>,
) -> PyResult<u64> {
    let columns = columns.into_iter().map(|(name, kind)| Ok(Column::new(name, kind_of(&kind)?)));
    let columns: Vec<Column> = columns.collect::<PyResult<_>>()?;
    let mut sink = results::create(&path, &columns).or_failure(Class::Settings)?;
    match write(&mut *sink, &columns, rows) {
        Ok(count) => {
            sink.finish().or_failure(Class::Host)?;
            Ok(count)
        }
        Err(error) => {
            sink.discard();
            Err(error)
        }
    }
}

fn write(sink: &mut dyn Sink, columns: &[Column], rows: &Bound<'_, PyIterator>) -> PyResult<u64> {
    let mut count = 0;
    for row in rows {
        let row = row?.cast_into::<PyTuple>()?;
        let cells = columns.iter().enumerate().map(|(place, column)| cell(&row.get_item(place)?, column.kind));
        sink.write(&cells.collect::<PyResult<Vec<_>>>()?).or_failure(Class::Host)?;
        count += 1;
    }
    Ok(count)
}

fn cell(value: &Bound<'_, PyAny>, kind: Kind) -> PyResult<Cell<'static>> {
    if value.is_none() {
        return Ok(Cell::Null);
    }
    Ok(match kind {
        Kind::Boolean => Cell::Boolean(value.extract()?),
        Kind::Integer => Cell::Integer(value.extract()?),
        Kind::Number => match value.extract::<f64>()? {
            number if number.is_nan() => Cell::Null,
            number => Cell::Number(number),
        },
        Kind::Text | Kind::Time => Cell::Text(Cow::Owned(value.extract()?)),
    })
}

fn kind_of(name: &str) -> PyResult<Kind> {
    [Kind::Boolean, Kind::Integer, Kind::Number, Kind::Text]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| PyValueError::new_err(format!("unknown kind `{name}`; known: boolean, integer, number, text")))
}
