//! Files, folders and pipes of bars, in CSV, Parquet or Arrow → one validated [`Dataset`] with a fingerprint.
//!
//! Never guesses what a cell means without a word, never repairs a value, and is never called while tasks run.
//!
//! # What is read
//!
//! A path names a file, a folder, or by `*`, `?` and `**` the files that a pattern matches; `-` is the standard input. Of a
//! folder, all tables in it and below are read, in the order of their paths; hidden files, and notes and programs beside the
//! data, are not. A pipe is read once.
//!
//! The content tells the format, not the extension: Parquet, a file or stream of Arrow IPC (Feather), else a text in UTF-8,
//! UTF-16 or Windows-1252 whose cells are separated by commas, semicolons, tabs, pipes or blanks. It may be packed with gzip or zstd, or in a zip archive of one file with bars. A
//! packed file is read whole or refused; it may hold 200 times its size or 256 MiB, whichever is more, and 16 GiB at most.
//! Other formats are refused by their names, with the way out.
//!
//! A text may have lines before its header, comments, `sep=;`, a header of two levels with instruments, or none: then its
//! columns are the time, open, high, low, close and volume, if the prices are bars in this order. Numbers may have a decimal
//! comma, groups of three digits and a currency, and volumes a unit (`1.71M`), if all numbers of the file agree.
//!
//! What was recognised is told, and is the [`FileDescription`] of the file. A description beside a file (`spy.csv.toml` beside
//! `spy.csv`) says how to read it, and [`LoadOptions::read`] says it of all files. What fits two readings is refused with both.
//!
//! Columns are found by name. Case, blanks and punctuation in names do not count, so `Adj Close`, `adj_close` and `<ADJCLOSE>`
//! are one name. Other columns are ignored. Names that may mean something else (`Last`, `Settle`, `Price`, those of other
//! languages) are taken only where no other is there, and that is told.
//!
//! | column | names |
//! |---|---|
//! | time | `Date`, `Datetime`, `Timestamp`, `Time`, `Open time`, `ts`, `t`, and those of vendors (`window_start`, `ts_event`, `Gmt time`); `Date` and `Time` together; the index that pandas writes. Of several columns with the same times, the first |
//! | prices | `Open`, `High`, `Low`, `Close`, each also by its first letter or with `Price` behind; a close alone is all four |
//! | adjusted close | `Adj Close`, `Adjusted Close`; only with [`LoadOptions::adjusted`] |
//! | volume | `Volume`, `Vol`, `v`, `Volume BTC`; zero where there is none, or where a cell is empty |
//! | number of ticks | `TickVol`, `Tick Volume`; the volume where there is no other one, or the other is zero everywhere |
//! | instrument | `Symbol`, `Ticker`, `Instrument`, `Asset`, or [`FileDescription::symbol`]; where there is none, a folder `symbol=NAME`, else the file's name without extensions; its folder, where it is only called as the part of a table (`part-0`); `data` of a pipe |
//!
//! # Times
//!
//! ISO 8601 dates and date-times, with a blank or `T` between, with fractions and with `Z` or an offset. **A time
//! without zone is taken as UTC**, or as of [`LoadOptions::timezone`]. Eight digits that are a date (`20240131`) are one. Any
//! other number is an epoch in the unit of its magnitude: seconds below 1e11, milliseconds below 1e14, microseconds below
//! 1e17, else nanoseconds. Numbers below 1e8 are no epochs: they look like years, dates of Excel or numbers of bars, and are
//! refused, but in a file that begins before 1967 and runs through 1970. A file has times of one form, with a zone or without.
//!
//! A file that begins with any other time settles its form by all of its times: day, month and year in any order, of two or four
//! digits, with names of months and weekdays, `AM` and `PM`, `24:00`, without marks (`20240131093000`), as a month or a quarter
//! alone. Years of two digits are those from 1970 to 2069. What fits two forms that give different times is refused with both,
//! unless the times are in order in one of them only; `01/31/2024` tells the order of day and month, `01/02/2024` does not. The
//! name of a zone behind a time (`US/Eastern`, `[America/New_York]`) says where it is local; abbreviations (`EST`) need
//! [`LoadOptions::timezone`], as they do not say whether a clock is set forward in summer.
//!
//! Days are those of the zone that is given, else of the one that the file writes: offsets, or the zone of a Parquet column.
//! Times that are midnights of it, as good as a day apart, become dates: midnights in UTC. Local times in an hour that comes
//! twice are told by the order of the rows, and refused where it does not tell them; those in an hour that does not exist count
//! from the change of the clocks on, unless that is the moment of another row.
//!
//! # What is joined
//!
//! Files of one symbol, and files whose names differ by a date or the number of a part only, are one instrument. Equal bars at
//! one time are one, different ones an error. Files are not joined by their names if they have different bars at the same
//! times, nor if bars are not of the days that a name says: of contracts (`ES_202403`) and downloads. Names that differ by a
//! number alone count only if one file goes on where the other ends.
//!
//! # Longer bars
//!
//! With [`LoadOptions::timeframe`] the bars that are read become longer ones, and stay as their finer bars. A bar belongs to the
//! longer one in which it begins: hours are counted from midnight of the zone or, with a session, from its opening; days are those of
//! zone and session; weeks begin on Mondays.
//!
//! # What is checked
//!
//! Every cell that is needed is there and is a finite number or a time; prices are above zero, or
//! [`LoadOptions::negative_prices`] is set; no high is below its low; no volume is below zero; times are strictly increasing.
//! Whatever violates this is listed with its place. A file whose times come again, once for each value of some column,
//! has several instruments, and is refused with the name of that column.
//!
//! [`Loaded::notices`] has what is kept and may be wrong: an open or close outside low to high, gaps, splits that prices are not
//! adjusted for, spikes, volumes that are all zero, instruments that share no time stamp, bars of different lengths.

mod columns;
mod dates;
mod description;
mod detail;
mod error;
mod fields;
mod findings;
mod fingerprint;
mod gaps;
mod instruments;
mod join;
mod load;
mod moves;
mod notices;
mod numbers;
mod options;
mod order;
mod placement;
mod raw_prices;
mod resample;
mod rows;
mod several;
mod sheet;
mod sources;
mod stretch;
mod tables;
mod text;
mod zones;

use std::{path::PathBuf, sync::Arc};

pub use description::{Delimiter, FileDescription};
pub use detail::DetailError;
pub use error::{DataError, Location, PROBLEMS_SHOWN, Problem, ResampleError};
pub use instruments::{InstrumentTerms, InstrumentsError, read_instruments};
pub use load::ReadFile;
pub use options::LoadOptions;
pub use sources::source::{files_of, is_pipe, name_of_file};
pub use tables::frame::{Frame, FrameColumn, FrameField};
pub use tables::table::catches_panics;
pub use zones::Timezone;

use crate::model::{
    Digest, Series, Timeframe,
    wire::{self, WireSeries},
};
use findings::Findings;
use sheet::check_series;

/// Bars of one or more instruments that have passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    series: Arc<[Series]>,
    fingerprint: Digest,
}

/// What [`Dataset::load`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The bars.
    pub dataset: Dataset,
    /// What was sorted, dropped or assumed, one line each, for the user to read.
    pub notices: Vec<String>,
    /// The files that were read, in their order: folders and patterns are replaced by the files in them. Empty for the bundled
    /// data.
    pub files: Vec<ReadFile>,
    /// Whether the bars of each instrument are in the order of their rows. They are not where rows come newest first, or were
    /// sorted.
    pub is_in_order: bool,
}

impl Dataset {
    /// Makes a data set of series in memory.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no series, or a series has no name, the name of another, no bars, or columns of
    /// different lengths; else one that lists the bars that fail the checks of [this module](self).
    ///
    /// # Examples
    ///
    /// ```
    /// use host::{data::Dataset, model::Series};
    ///
    /// let day = 86_400_000_000_000;
    /// let series = Series {
    ///     symbol: "ACME".into(),
    ///     time: vec![0, day],
    ///     open: vec![10.0, 10.5],
    ///     high: vec![11.0, 12.0],
    ///     low: vec![9.5, 10.0],
    ///     close: vec![10.5, 11.5],
    ///     volume: vec![1000.0, 0.0],
    ///     ..Series::default()
    /// };
    /// let data = Dataset::new(vec![series])?;
    /// assert_eq!(data.bars(), 2);
    /// # Ok::<(), host::data::DataError>(())
    /// ```
    pub fn new(series: Vec<Series>) -> Result<Self, DataError> {
        Self::of(series, false)
    }

    /// As [`Dataset::new`], of series whose prices may be zero or negative.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Dataset::new`], but those of prices of zero and below.
    pub fn with_negative_prices(series: Vec<Series>) -> Result<Self, DataError> {
        Self::of(series, true)
    }

    fn of(mut series: Vec<Series>, negative_prices: bool) -> Result<Self, DataError> {
        check_shape(&series)?;
        let mut findings = Findings::default();
        for one in &mut series {
            check_series(one, negative_prices, &mut findings);
            // Adding zero turns -0 into 0, so that equal data has equal bits.
            one.volume.iter_mut().for_each(|volume| *volume += 0.0);
            one.schedule.complete(&mut one.time);
        }
        findings.into_result()?;
        Ok(Self::checked(series))
    }

    /// Reads files. Several files, or several symbols in one file, are several instruments, in the order in which they
    /// first appear. Files of one symbol, or whose names differ by a date only, are one instrument.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read, lacks a column or is not what its extension says, if two files
    /// have different bars of one instrument at one time, or if a file seems to have several instruments that nothing
    /// names; else one that lists the rows that fail the checks of [this module](self).
    pub fn load(paths: &[PathBuf], options: &LoadOptions) -> Result<Loaded, DataError> {
        let read = load::load(paths, options)?;
        Self::loaded(read, options.timeframe)
    }

    /// Reads frames: tables in memory, by the rules of [`Dataset::load`]. Several frames, or several symbols in one, are several
    /// instruments. Rows are counted from 1 in messages, as in files.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Dataset::load`] that are not those of reading a file.
    pub fn of_frames(frames: &[Frame], options: &LoadOptions) -> Result<Loaded, DataError> {
        let read = load::load_frames(frames, options)?;
        Self::loaded(read, options.timeframe)
    }

    /// Returns the bundled data: 7,983 daily bars of MSFT, 1986-03-13 to 2017-11-10, adjusted for splits and dividends.
    ///
    /// # Errors
    ///
    /// Returns an error only if the program was built with a damaged file.
    ///
    /// # Examples
    ///
    /// ```
    /// let data = host::data::Dataset::bundled()?;
    /// assert_eq!((data.series()[0].symbol.as_str(), data.bars()), ("MSFT", 7983));
    /// # Ok::<(), host::data::DataError>(())
    /// ```
    pub fn bundled() -> Result<Self, DataError> {
        const CONTENT: &[u8] = include_bytes!("../../examples/data/msft.parquet");
        load::load_good("msft.parquet", CONTENT, "MSFT").map(Self::checked)
    }

    /// The bars and all that is known of them as bytes, for another process of this program.
    ///
    /// # Panics
    ///
    /// Panics only if the memory is not enough for them.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::data::Dataset;
    ///
    /// let data = Dataset::bundled()?;
    /// assert_eq!(Dataset::from_bytes(&data.to_bytes()), Some(data));
    /// # Ok::<(), host::data::DataError>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let forms: Vec<WireSeries> = self.series.iter().map(WireSeries::from).collect();
        // Forms are plain values, which can always be written.
        let forms = postcard::to_allocvec(&forms).unwrap_or_default();
        let mut bytes = (forms.len() as u64).to_le_bytes().to_vec();
        bytes.extend(forms);
        bytes.extend(wire::columns(&self.series));
        bytes
    }

    /// The data set whose [bytes](Self::to_bytes) these are; `None` if they do not fit. Whoever hands over bytes that this program
    /// has not written answers for the bars: they are not checked again.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (forms, columns) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let series = wire::series(postcard::from_bytes(forms).ok()?, columns)?;
        let is_whole = !series.is_empty() && series.iter().all(|one| !one.is_empty());
        is_whole.then(|| Self::checked(series))
    }

    fn loaded(read: load::Read, timeframe: Option<Timeframe>) -> Result<Loaded, DataError> {
        let load::Read { series, mut notices, files, is_in_order } = read;
        let Some(timeframe) = timeframe else {
            return Ok(Loaded { dataset: Self::checked(series), notices, files, is_in_order });
        };
        let (dataset, made) = Self::resampled(&series, timeframe)?;
        notices.extend(made);
        Ok(Loaded { dataset, notices, files, is_in_order })
    }

    fn resampled(series: &[Series], timeframe: Timeframe) -> Result<(Self, Vec<String>), ResampleError> {
        let mut notices = Vec::new();
        let longer = |series| {
            let (longer, notice) = resample::resample(series, timeframe)?;
            notices.extend(notice);
            Ok(longer)
        };
        let series = series.iter().map(longer).collect::<Result<_, _>>()?;
        Ok((Self::checked(series), notices))
    }

    fn checked(series: Vec<Series>) -> Self {
        let fingerprint = fingerprint::fingerprint(&series);
        Self { series: series.into(), fingerprint }
    }

    /// The series, one for each instrument; there is at least one, and each has at least one bar.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The same bars, for owners that outlive the data set.
    pub fn shared(&self) -> Arc<[Series]> {
        Arc::clone(&self.series)
    }

    /// The hash of the content: the same for the same bars, from whatever files they came.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The bars of instrument `at` alone, as a data set of its own.
    ///
    /// # Panics
    ///
    /// Panics if there is no such instrument.
    #[must_use]
    pub fn only(&self, at: usize) -> Self {
        Self::checked(vec![self.series[at].clone()])
    }

    /// The first bars of each instrument, as many as `counts` says, as a data set of its own.
    ///
    /// # Panics
    ///
    /// Panics if `counts` is not one number for each instrument, between 1 and the number of its bars.
    #[must_use]
    pub fn first(&self, counts: &[usize]) -> Self {
        assert_eq!(counts.len(), self.series.len(), "a count for each instrument");
        assert!(counts.iter().all(|bars| *bars > 0), "no instrument is left without bars");
        Self::checked(self.series.iter().zip(counts).map(|(one, bars)| one.first(*bars)).collect())
    }

    /// The bars with finer ones, such as their minutes, by which orders trade within a bar. Finer bars belong to the instrument of
    /// their symbol; a single instrument has those of a single one, whatever they are called. Returns also what may be wrong with
    /// them, one line each.
    ///
    /// # Errors
    ///
    /// Returns an error if they are of no instrument, do not last shorter, lie in no bar, or are of other prices or times: in some bar
    /// all of them are above its high, or below its low, or most bars have extremes that are not those of their finer bars.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::{data::Dataset, model::Series};
    ///
    /// let (hour, prices) = (3_600_000_000_000, |price| vec![price; 48]);
    /// let hours = Series {
    ///     symbol: "ACME".into(),
    ///     time: (0..48).map(|at| at * hour).collect(),
    ///     open: prices(10.0),
    ///     high: prices(11.0),
    ///     low: prices(9.0),
    ///     close: prices(10.0),
    ///     volume: prices(100.0),
    ///     ..Series::default()
    /// };
    /// let days = Series { time: vec![0, 24 * hour], ..hours.part(0..2) };
    /// let (data, notices) = Dataset::new(vec![days])?.with_detail(&Dataset::new(vec![hours])?)?;
    /// assert_eq!(data.series()[0].detail_of(1), 24..48);
    /// assert!(notices.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_detail(&self, detail: &Self) -> Result<(Self, Vec<String>), DetailError> {
        let (series, notices) = detail::attach(&self.series, &detail.series)?;
        Ok((Self::checked(series), notices))
    }

    /// Bars of this length, made of these, which stay as their finer bars; those that last as long already stay as they are. Returns
    /// also what to tell of them, one line each. The rules are those of [longer bars](self#longer-bars).
    ///
    /// # Errors
    ///
    /// Returns an error if bars last longer, if it is unknown how long they last, or if none begins within its session.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::{data::Dataset, model::Timeframe};
    ///
    /// let (weeks, _) = Dataset::bundled()?.with_timeframe(Timeframe::Week)?;
    /// let week = &weeks.series()[0];
    /// assert_eq!((week.len(), week.detail_of(0).len()), (1653, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_timeframe(&self, timeframe: Timeframe) -> Result<(Self, Vec<String>), ResampleError> {
        Self::resampled(&self.series, timeframe)
    }

    /// The bars without finer ones.
    #[must_use]
    pub fn without_detail(&self) -> Self {
        match self.series.iter().any(|one| one.detail.is_some()) {
            true => Self::checked(self.series.iter().map(|one| Series { detail: None, ..one.clone() }).collect()),
            false => self.clone(),
        }
    }

    /// The [fingerprint](Self::fingerprint) that instrument `at` [alone](Self::only) has.
    ///
    /// # Panics
    ///
    /// Panics if there is no such instrument.
    pub fn fingerprint_of(&self, at: usize) -> Digest {
        fingerprint::fingerprint(std::slice::from_ref(&self.series[at]))
    }

    /// One line on what the data has: instruments, bars and how long they last, the first and the last time, and what
    /// times say.
    ///
    /// # Examples
    ///
    /// ```
    /// let data = host::data::Dataset::bundled()?;
    /// assert_eq!(data.summary(), "`MSFT`, 7983 daily bars, 1986-03-13 to 2017-11-10, dates");
    /// # Ok::<(), host::data::DataError>(())
    /// ```
    pub fn summary(&self) -> String {
        notices::summary(&self.series)
    }

    /// The number of bars of all instruments.
    pub fn bars(&self) -> usize {
        self.series.iter().map(Series::len).sum()
    }
}

fn check_shape(series: &[Series]) -> Result<(), DataError> {
    if series.is_empty() {
        return Err(DataError::Nothing);
    }
    for (index, one) in series.iter().enumerate() {
        if one.symbol.is_empty() {
            return Err(DataError::NoSymbol { index });
        }
        if let Some(first) = series[..index].iter().position(|other| other.symbol == one.symbol) {
            let source = |index| format!("series {index}");
            let (symbol, first, second) = (one.symbol.clone(), source(first), source(index));
            return Err(DataError::DuplicateSymbol { symbol, first, second });
        }
        check_lengths(one)?;
    }
    Ok(())
}

fn check_lengths(series: &Series) -> Result<(), DataError> {
    let Series { symbol, time, open, high, low, close, volume, schedule: _, contract: _, detail: _ } = series;
    let lengths = [time.len(), open.len(), high.len(), low.len(), close.len(), volume.len()];
    if lengths.iter().any(|length| *length != time.len()) {
        let names = ["time", "open", "high", "low", "close", "volume"];
        let lengths: Vec<_> = names.iter().zip(lengths).map(|(name, length)| format!("{name} {length}")).collect();
        return Err(DataError::Ragged { symbol: symbol.clone(), lengths: lengths.join(", ") });
    }
    if series.is_empty() {
        return Err(DataError::NoBars { symbol: symbol.clone(), why: "; give it some, or leave it out".to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
