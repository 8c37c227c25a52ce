//! Rows of a table: the values of its columns → bars.
//!
//! Never reads a file; never takes a null for a price.

use crate::data::{
    columns::{Columns, TimeColumn},
    dates::{clock::Clock, texts::TimeTexts},
    error::{Location, excerpt},
    numbers::{Marks, is_marked, is_nothing},
    rows::{Bar, Row},
    stretch::Stretch,
    tables::{
        types::{DAY, Field, Meaning},
        values::{Texts, Values},
    },
};
use crate::model::format_time;

/// Some rows of a table: the values of the columns that bars are made of, by the place of the column.
pub(crate) struct Batch<'a> {
    pub(crate) fields: &'a [Field],
    pub(crate) values: Vec<Option<Values>>,
    /// The names of the instruments, where a column has them.
    pub(crate) names: Option<Texts>,
    /// The rows before the first one.
    pub(crate) before: u64,
    pub(crate) written: Written,
}

/// How the texts and the numbers of a table are written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// The digits of times of day that are whole numbers, where there are some.
    pub(crate) digits: Option<Digits>,
    /// The marks of numbers that are texts, where they have some.
    pub(crate) marks: Option<Marks>,
}

impl Written {
    /// The number that a text writes, or what is wrong with it. A volume may have a unit behind it.
    fn number(self, text: &str, is_volume: bool) -> Result<f64, String> {
        let value = match self.marks {
            Some(marks @ Marks { decimal: ',' }) => marks.read(text, is_volume),
            Some(marks) => text.parse().ok().or_else(|| marks.read(text, is_volume)),
            None => text.parse().ok(),
        };
        let fault = match (value, self.marks) {
            (Some(value), _) if value.is_finite() => return Ok(value),
            (Some(_), _) => "which is not finite".to_owned(),
            (None, _) if text.is_empty() => return Err("is empty".to_owned()),
            (None, Some(Marks { decimal })) if is_marked(text) => {
                format!("which is not a number with the decimal mark `{decimal}`")
            }
            (None, _) => "which is not a number".to_owned(),
        };
        Err(format!("is `{}`, {fault}", excerpt(text)))
    }
}

/// How times of day are written as whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digits {
    /// Hours and minutes: 930.
    Four,
    /// Hours, minutes and seconds: 93000.
    Six,
}

impl Digits {
    /// The digits of times of day of which `most` is the greatest; nothing if that is none.
    pub(crate) fn of(most: i128) -> Option<Self> {
        match most {
            0..=2359 => Some(Self::Four),
            2360..=235_959 => Some(Self::Six),
            _ => None,
        }
    }

    /// How messages call them.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Four => "HHMM",
            Self::Six => "HHMMSS",
        }
    }

    /// The nanoseconds of a time of day.
    fn read(self, value: i128) -> Result<i64, String> {
        let refused = || format!("time of day `{value}` is not one ({})", self.name());
        let value = i64::try_from(value).map_err(|_| refused())?;
        let (hours, minutes, seconds) = match self {
            Self::Four => (value / 100, value % 100, 0),
            Self::Six => (value / 10_000, value / 100 % 100, value % 100),
        };
        let is_time = (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..60).contains(&seconds);
        is_time.then(|| (hours * 3600 + minutes * 60 + seconds) * 1_000_000_000).ok_or_else(refused)
    }
}

/// Where values are that are not as a file has them.
#[derive(Debug, Default)]
pub(crate) struct Room {
    times: Vec<i64>,
    volumes: Vec<f64>,
}

/// A time as far as it could be read, and the seconds east of UTC that it is written with.
pub(crate) type Time = (Result<i64, String>, i32);

impl Batch<'_> {
    /// Reads the times of some rows.
    pub(crate) fn times(&self, column: TimeColumn, rows: &[usize], clock: &mut Clock) -> Vec<Time> {
        rows.iter().map(|row| self.written_time(column, *row, clock)).collect()
    }

    /// Reads the time of a row, and the offset that it is written with.
    pub(crate) fn written_time(&self, column: TimeColumn, row: usize, clock: &mut Clock) -> Time {
        let time = self.time(column, row, clock);
        (time, clock.offset())
    }

    /// Reads the time of a row.
    pub(crate) fn time(&self, column: TimeColumn, row: usize, clock: &mut Clock) -> Result<i64, String> {
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
                let (date, time) = (self.stamp(date, row, clock)?, self.time_of_day(time, row, clock)?);
                if date % DAY != 0 {
                    let date = format_time(date);
                    return Err(format!("the date has a time of day, {date}, beside the column of times"));
                }
                date.checked_add(time).ok_or_else(out_of_range)
            }
        }
    }

    fn time_of_day(&self, at: usize, row: usize, clock: &mut Clock) -> Result<i64, String> {
        let Some(digits) = self.written.digits else { return self.stamp(at, row, clock) };
        let value = self.values[at].as_ref().and_then(|values| values.whole(row));
        digits.read(value.ok_or("the time is null")?)
    }

    /// Adds the time of a row as it is written, where it is a text or a number.
    pub(crate) fn collect(&self, column: TimeColumn, row: usize, texts: &mut TimeTexts) {
        let written = |at: usize| match &self.values[at] {
            Some(Values::Texts(texts)) => texts.get(row).unwrap_or_default().trim().to_owned(),
            Some(values) => values.whole(row).map_or_else(String::new, |value| value.to_string()),
            None => String::new(),
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

    /// The bars of all rows, if each is made of a time stamp, numbers and nothing else; `room` is where what is converted goes.
    pub(crate) fn stretch<'r>(&'r self, columns: &Columns, room: &'r mut Room) -> Option<Stretch<'r>> {
        let TimeColumn::One(time) = columns.time else { return None };
        let Meaning::Stamp(unit) = self.fields[time].kind.meaning else { return None };
        let Some(Values::Wholes(stamps)) = &self.values[time] else { return None };
        if self.names.is_some() || columns.adjusted.is_some() || columns.ticks.is_some() {
            return None;
        }
        let Room { times, volumes } = room;
        times.clear();
        for stamp in stamps.all()? {
            times.push(stamp.checked_mul(unit)?);
        }
        let volume = match columns.volume {
            Some(at) => Some(self.values[at].as_ref()?.numbers(volumes)?),
            None => None,
        };
        let floats = |at: usize| self.values[at].as_ref()?.floats();
        Some(Stretch {
            first: self.place(0),
            time: times,
            open: floats(columns.open)?,
            high: floats(columns.high)?,
            low: floats(columns.low)?,
            close: floats(columns.close)?,
            volume,
        })
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
    pub(crate) fn row<'r>(&'r self, columns: &Columns, row: usize, time: Time, symbol: &'r str) -> Row<'r> {
        let (mut faults, (time, offset)) = (Vec::new(), time);
        let time = time.unwrap_or_else(|fault| {
            faults.push(fault);
            0
        });
        let mut price = |at| self.number(at, row, false, &mut faults);
        let (open, high, low, close) =
            (price(columns.open), price(columns.high), price(columns.low), price(columns.close));
        let volume = columns.volume.map_or(Ok(0.0), |at| self.volume(at, row, &mut faults));
        let adjusted = columns.adjusted.map(|at| self.number(at, row, false, &mut faults));
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
    pub(crate) fn is_blank(&self, columns: &Columns, row: usize) -> bool {
        let lacks = |at: usize| self.is_missing(at, row);
        columns.prices().into_iter().all(lacks)
            && columns
                .volume
                .is_none_or(|at| lacks(at) || self.values[at].as_ref().and_then(|v| v.number(row)) == Some(0.0))
    }

    /// Whether a number is missing: null, not a number, or a text that says so.
    fn is_missing(&self, at: usize, row: usize) -> bool {
        match &self.values[at] {
            Some(Values::Texts(texts)) => texts.get(row).is_none_or(|text| is_nothing(text.trim())),
            Some(values) => values.number(row).is_none_or(f64::is_nan),
            None => true,
        }
    }

    #[inline]
    fn number(&self, at: usize, row: usize, is_volume: bool, faults: &mut Vec<String>) -> f64 {
        // Most numbers are floats, and well.
        if let Some(Values::Floats(values)) = &self.values[at]
            && let Some(value) = values.get(row)
            && value.is_finite()
        {
            return *value;
        }
        self.other_number(at, row, is_volume, faults)
    }

    fn other_number(&self, at: usize, row: usize, is_volume: bool, faults: &mut Vec<String>) -> f64 {
        let Some(values) = &self.values[at] else { return f64::NAN };
        match values {
            Values::Texts(texts) => match texts.get(row).map(|text| self.written.number(text.trim(), is_volume)) {
                Some(Ok(value)) => value,
                Some(Err(fault)) => self.fault(at, &fault, faults),
                None => self.fault(at, "is null", faults),
            },
            values => match values.number(row) {
                Some(value) if value.is_finite() => value,
                Some(value) => self.fault(at, &format!("is {value}, which is not finite"), faults),
                None => self.fault(at, "is null", faults),
            },
        }
    }

    /// The volume of a row; an error where there is none, which is no fault.
    fn volume(&self, at: usize, row: usize, faults: &mut Vec<String>) -> Result<f64, ()> {
        match self.values[at].as_ref().and_then(|values| values.number(row)).filter(|value| value.is_finite()) {
            Some(value) => Ok(value),
            None if self.is_missing(at, row) => Err(()),
            None => Ok(self.number(at, row, true, faults)),
        }
    }

    fn fault(&self, at: usize, what: &str, faults: &mut Vec<String>) -> f64 {
        faults.push(format!("`{}` {what}", self.fields[at].name));
        f64::NAN
    }
}

fn out_of_range() -> String {
    "the time is out of range; times lie between 1677-09-21 and 2262-04-11".to_owned()
}
