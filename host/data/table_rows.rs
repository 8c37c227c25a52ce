//! Rows of a table: the values of its columns → bars.
//!
//! Never reads a file; never takes a null for a price.

use super::{
    columns::{Columns, TimeColumn},
    error::{Location, excerpt},
    rows::{Bar, Row},
    table_types::{DAY, Field, Meaning},
    table_values::{Texts, Values},
    times::{Clock, TimeTexts},
};
use crate::model::format_time;

/// Some rows of a table: the values of the columns that bars are made of, by the place of the column.
pub(super) struct Batch<'a> {
    pub(super) fields: &'a [Field],
    pub(super) values: Vec<Option<Values>>,
    /// The names of the instruments, where a column has them.
    pub(super) names: Option<Texts>,
    /// The rows before the first one.
    pub(super) before: u64,
}

/// A time as far as it could be read, and the seconds east of UTC that it is written with.
pub(super) type Time = (Result<i64, String>, i32);

impl Batch<'_> {
    /// Reads the times of some rows.
    pub(super) fn times(&self, column: TimeColumn, rows: &[usize], clock: &mut Clock) -> Vec<Time> {
        let mut read = |row: &usize| {
            let time = self.time(column, *row, clock);
            (time, clock.offset())
        };
        rows.iter().map(&mut read).collect()
    }

    /// Reads the time of a row.
    pub(super) fn time(&self, column: TimeColumn, row: usize, clock: &mut Clock) -> Result<i64, String> {
        let (date, time) = match column {
            TimeColumn::One(at) => return self.stamp(at, row, clock),
            TimeColumn::Pair(date, time) => (date, time),
        };
        match (self.text(date, row), self.text(time, row)) {
            (Some(date), Some(time)) => clock.read_pair(date.trim(), time.trim()),
            (None, Some(time)) => {
                let date = format_time(self.stamp(date, row, clock)?);
                clock.read_pair(&date, time.trim())
            }
            (_, None) => {
                let (date, time) = (self.stamp(date, row, clock)?, self.stamp(time, row, clock)?);
                if date % DAY != 0 {
                    let date = format_time(date);
                    return Err(format!("the date has a time of day, {date}, beside the column of times"));
                }
                date.checked_add(time).ok_or_else(out_of_range)
            }
        }
    }

    /// Adds the time of a row as it is written, where it is a text or a number.
    pub(super) fn collect(&self, column: TimeColumn, row: usize, texts: &mut TimeTexts) {
        let written = |at: usize| match &self.values[at] {
            Some(Values::Texts(texts)) => texts.get(row).unwrap_or_default().trim().to_owned(),
            Some(Values::Wholes(values)) => values.get(row).map_or_else(String::new, ToString::to_string),
            _ => String::new(),
        };
        match column {
            TimeColumn::One(at) => texts.push(self.place(row), &written(at)),
            TimeColumn::Pair(date, time) => texts.push_pair(self.place(row), &written(date), &written(time)),
        }
    }

    fn place(&self, row: usize) -> Location {
        Location::Row(self.before + row as u64 + 1)
    }

    fn text(&self, at: usize, row: usize) -> Option<&str> {
        match &self.values[at] {
            Some(Values::Texts(texts)) => texts.get(row),
            _ => None,
        }
    }

    /// Reads a time from one column.
    fn stamp(&self, at: usize, row: usize, clock: &mut Clock) -> Result<i64, String> {
        let null = || "the time is null".to_owned();
        let values = self.values[at].as_ref().ok_or_else(null)?;
        match values {
            Values::Texts(texts) => clock.read(texts.get(row).ok_or_else(null)?.trim()),
            Values::Wholes(values) => {
                let value = *values.get(row).ok_or_else(null)?;
                match self.fields[at].kind.meaning {
                    Meaning::Stamp(unit) | Meaning::TimeOfDay(unit) => value.checked_mul(unit).ok_or_else(out_of_range),
                    Meaning::Period(frequency) => frequency.start(value).ok_or_else(out_of_range),
                    _ => clock.read_epoch(value),
                }
            }
            Values::Wide(values) => {
                let value = i64::try_from(*values.get(row).ok_or_else(null)?).map_err(|_| out_of_range())?;
                if self.fields[at].kind.meaning.is_stamp() { Ok(value) } else { clock.read_epoch(value) }
            }
            Values::Floats(values) => match *values.get(row).ok_or_else(null)? {
                // The shortest digits that mean this number are those that were meant.
                value if value.is_finite() => clock.read(&value.to_string()),
                value if value.is_nan() => Err(null()),
                _ => Err(out_of_range()),
            },
        }
    }

    /// The bar in a row. `symbol` names the instrument where no column does.
    pub(super) fn row<'r>(&'r self, columns: &Columns, row: usize, time: Time, symbol: &'r str) -> Row<'r> {
        let (mut faults, (time, offset)) = (Vec::new(), time);
        let time = time.unwrap_or_else(|fault| {
            faults.push(fault);
            0
        });
        let [open, high, low, close] = columns.prices().map(|at| self.number(at, row, &mut faults));
        let volume = columns.volume.map_or(Ok(0.0), |at| self.volume(at, row, &mut faults));
        let adjusted = columns.adjusted.map(|at| self.number(at, row, &mut faults));
        let bar = Bar { time, open, high, low, close, volume: volume.unwrap_or_default() };
        Row {
            symbol: Some(self.names.as_ref().map_or(symbol, |names| names.get(row).unwrap_or_default().trim())),
            place: self.place(row),
            bar,
            adjusted,
            // Whether it is used is known at the end only.
            ticks: columns.ticks.map(|at| self.volume(at, row, &mut Vec::new()).unwrap_or(f64::NAN)),
            lacks_volume: volume.is_err(),
            offset,
            faults,
        }
    }

    /// Whether a row has neither a price nor a volume.
    pub(super) fn is_blank(&self, columns: &Columns, row: usize) -> bool {
        let lacks = |at: usize| self.is_missing(at, row);
        columns.prices().into_iter().all(lacks)
            && columns
                .volume
                .is_none_or(|at| lacks(at) || self.values[at].as_ref().and_then(|v| v.number(row)) == Some(0.0))
    }

    /// Whether a number is missing: null, not a number, or a text that says so.
    fn is_missing(&self, at: usize, row: usize) -> bool {
        match &self.values[at] {
            Some(Values::Texts(texts)) => texts.get(row).is_none_or(|text| MISSING.contains(&text.trim())),
            Some(values) => values.number(row).is_none_or(f64::is_nan),
            None => true,
        }
    }

    fn number(&self, at: usize, row: usize, faults: &mut Vec<String>) -> f64 {
        let Some(values) = &self.values[at] else { return f64::NAN };
        let value = match values {
            Values::Texts(texts) => {
                let Some(text) = texts.get(row) else { return self.fault(at, "is null", faults) };
                match number(text.trim()) {
                    Ok(value) => return value,
                    Err(fault) => return self.fault(at, &fault, faults),
                }
            }
            values => values.number(row),
        };
        match value {
            Some(value) if value.is_finite() => value,
            Some(value) => self.fault(at, &format!("is {value}, which is not finite"), faults),
            None => self.fault(at, "is null", faults),
        }
    }

    /// The volume of a row; an error where there is none, which is no fault.
    fn volume(&self, at: usize, row: usize, faults: &mut Vec<String>) -> Result<f64, ()> {
        if self.is_missing(at, row) { Err(()) } else { Ok(self.number(at, row, faults)) }
    }

    fn fault(&self, at: usize, what: &str, faults: &mut Vec<String>) -> f64 {
        faults.push(format!("`{}` {what}", self.fields[at].name));
        f64::NAN
    }
}

/// Texts of a volume that say that there is none.
const MISSING: [&str; 8] = ["", "-", "NaN", "nan", "null", "None", "NA", "N/A"];

/// The number that a text writes, or what is wrong with it.
fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>();
    let fault = match number {
        Ok(value) if value.is_finite() => return Ok(value),
        Ok(_) => "which is not finite",
        Err(_) if text.is_empty() => return Err("is empty".to_owned()),
        Err(_) if text.contains(',') => "which has a comma; write numbers with a decimal point and no other mark",
        Err(_) => "which is not a number",
    };
    Err(format!("is `{}`, {fault}", excerpt(text)))
}

fn out_of_range() -> String {
    "the time is out of range; times lie between 1677-09-21 and 2262-04-11".to_owned()
}
