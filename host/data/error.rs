//! Errors of loading data: what is wrong, where, and the way out.
//!
//! Never decides what is an error; the readers and the checks do.

use std::{fmt, io, path::PathBuf};

use crate::model::{Timeframe, is_harmless};

/// Where in its source a bar stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A line of a text file, counted from 1 with the header.
    Line(u64),
    /// A row of a Parquet or Arrow file, counted from 1.
    Row(u64),
    /// A bar of a series in memory, counted from 0.
    Bar(u64),
}

impl Location {
    /// The place `count` places behind this one.
    pub(super) fn after(self, count: u64) -> Self {
        match self {
            Self::Line(number) => Self::Line(number + count),
            Self::Row(number) => Self::Row(number + count),
            Self::Bar(number) => Self::Bar(number + count),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Row(number) => write!(f, "row {number}"),
            Self::Bar(number) => write!(f, "bar {number}"),
        }
    }
}

/// One thing that is wrong with one bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named, or the symbol of a series in memory.
    pub file: String,
    /// Where in the file.
    pub line: Location,
    /// What is wrong, with the value.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}: {}", self.file, self.line, self.text)
    }
}

/// Why there are no longer bars.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResampleError {
    /// The bars last longer.
    #[error(
        "`{symbol}` has {own}, of which no bars of `{timeframe}` can be made; give a longer `--timeframe`, or none"
    )]
    NotFiner {
        /// The instrument.
        symbol: String,
        /// How long its bars last.
        own: String,
        /// What was asked for.
        timeframe: Timeframe,
    },
    /// It is unknown how long the bars last.
    #[error(
        "how long the bars of `{symbol}` last cannot be told from their times; leave `--timeframe` out, or give a file with more bars"
    )]
    NoInterval {
        /// The instrument.
        symbol: String,
    },
    /// All bars lie outside of the session.
    #[error("no bar of `{symbol}` begins within its session {session}; check `--session` and `--timezone`")]
    NoSession {
        /// The instrument.
        symbol: String,
        /// Its session.
        session: String,
    },
}

/// Why there is no data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Bars of the timeframe cannot be made.
    #[error(transparent)]
    Resample(#[from] ResampleError),
    /// No file or series was given.
    #[error("no data is given; name at least one CSV or Parquet file")]
    Nothing,
    /// The file does not exist.
    #[error("no data file `{path}`; check the path")]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder has no data files.
    #[error(
        "folder `{path}` has no data files{but}; CSV, Parquet and Arrow files are read, also packed with gzip, zstd or zip"
    )]
    NoFiles {
        /// The path as given.
        path: PathBuf,
        /// What it has instead, after a comma; else empty.
        but: String,
    },
    /// A pattern stands for no file.
    #[error("`{pattern}` {why}; check the pattern: `*` stands for any name, `**` for any folders")]
    NoMatch {
        /// The pattern as given.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// A pipe is read twice, or what is no file is named as one.
    #[error("`{path}` {problem}")]
    Pipe {
        /// The path as given.
        path: PathBuf,
        /// What is wrong, and the way out.
        problem: &'static str,
    },
    /// A packed file is damaged, or its end is missing.
    #[error(
        "`{path}` is damaged or cut off: {packing} ends after {unpacked} unpacked bytes (line {}): {problem}; copy or download it \
             again",
        .lines + 1
    )]
    Damaged {
        /// The path as given.
        path: PathBuf,
        /// How it is packed.
        packing: &'static str,
        /// How many bytes could be unpacked.
        unpacked: u64,
        /// How many line ends they have.
        lines: u64,
        /// What is wrong.
        problem: String,
    },
    /// A packed file or a pipe has more content than is taken into memory.
    #[error(
        "`{path}` has more than {} MiB of content, which is as much as a file of its size may hold: if it is not made to fill the \
             memory, unpack it, and name the unpacked file",
        .limit >> 20
    )]
    TooLarge {
        /// The path as given.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is longer than what is read of one.
    #[error(
        "`{path}` has more than {} MiB, the most that is read of one file; split it by months or instruments, and name the \
             folder with the parts",
        .limit >> 20
    )]
    TooLong {
        /// The path as given.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A line or a row of a text is longer than any of bars.
    #[error(
        "`{path}` line {line}: a row of more than {} MiB, which no row of bars has; check that the file is a text of bars, and \
             that no line end or closing quote is missing",
        .limit >> 20
    )]
    LongLine {
        /// The path as given.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A file of typed columns has far more rows than bars of its size can be.
    #[error(
        "`{path}` has {rows} rows of {instruments} instruments in {size} bytes: read, they take {} MiB, and at most {} MiB are \
             taken for a file of this size; if it is not made to fill the memory, write the bars as CSV, or in several files",
        .bytes >> 20,
        .limit >> 20
    )]
    TooManyRows {
        /// The path as given.
        path: PathBuf,
        /// The rows that it says it has.
        rows: u64,
        /// The instruments to which each row belongs.
        instruments: usize,
        /// Its length in bytes.
        size: usize,
        /// What its bars would take, in bytes.
        bytes: u64,
        /// The most that they may take, in bytes.
        limit: u64,
    },
    /// The file cannot be read.
    #[error("cannot read the data file `{path}`")]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file has no content, or none but a header.
    #[error("`{path}` {lack}; a data file has a header and one row for each bar")]
    Empty {
        /// The path as given.
        path: PathBuf,
        /// What the file lacks.
        lack: &'static str,
    },
    /// The file is not what its name says, or is in a format that is not read.
    #[error("`{path}` {found}; {remedy}")]
    Format {
        /// The path as given.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A text file is not UTF-8.
    #[error(
        "`{path}` is not UTF-8: line {line} has an invalid byte; save it as UTF-8, or say its encoding (`--read encoding=gbk`)"
    )]
    NotUtf8 {
        /// The path as given.
        path: PathBuf,
        /// The first line with such a byte, counted from 1.
        line: u64,
    },
    /// A file of typed columns is damaged, or uses a feature that is not read.
    #[error("cannot read `{path}` as {format}")]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What its first bytes say that it is.
        format: &'static str,
        /// What the reader says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A text has no header, and its rows do not tell what their columns are.
    #[error(
        "`{path}` has no header (its first row is `{row}`), and {why}; say the number of each column (`--read time=N`, and \
             so `open`, `high`, `low`, `close`, `volume`)"
    )]
    NoHeader {
        /// The path as given.
        path: PathBuf,
        /// The first row.
        row: String,
        /// Why the columns are not known.
        why: String,
    },
    /// A column is missing.
    #[error(
        "`{path}` has no column `{column}` (or {aliases}); it has {found}; say which one it is (`--read {option}=NAME`)"
    )]
    MissingColumn {
        /// The path as given.
        path: PathBuf,
        /// What the column would be called.
        column: &'static str,
        /// What else it might be called.
        aliases: String,
        /// The columns that the file has.
        found: String,
        /// The option of `--read` that names the column.
        option: &'static str,
    },
    /// A column that is asked for is missing.
    #[error("`{path}` has no column `{column}` (`--read {option}={column}`); it has {found}")]
    NoColumn {
        /// The path as given.
        path: PathBuf,
        /// The name of the column, or its number.
        column: String,
        /// The option of `--read` that asks for it.
        option: &'static str,
        /// The columns that the file has.
        found: String,
    },
    /// Two columns answer to the same name.
    #[error("`{path}` has two columns for `{column}`: {found}; say which (`--read {example}`)")]
    AmbiguousColumn {
        /// The path as given.
        path: PathBuf,
        /// What both are taken for.
        column: &'static str,
        /// Both, with their numbers.
        found: String,
        /// What `--read` takes to pick the first.
        example: String,
    },
    /// A column of a Parquet or Arrow file is of a type that does not fit.
    #[error("column `{column}` of `{path}` is of type {found}; it must be {expected}")]
    ColumnType {
        /// The path as given.
        path: PathBuf,
        /// The column's name in the file.
        column: String,
        /// The type in the file.
        found: String,
        /// The types that are read.
        expected: &'static str,
    },
    /// Two sources give bars of one instrument.
    #[error("both `{first}` and `{second}` have bars of `{symbol}`; give each instrument once")]
    DuplicateSymbol {
        /// The instrument.
        symbol: String,
        /// The source that was given first.
        first: String,
        /// The source that was given later.
        second: String,
    },
    /// A series in memory has no name.
    #[error("series {index} (counted from 0) has no symbol; name it")]
    NoSymbol {
        /// The place of the series.
        index: usize,
    },
    /// The columns of a series in memory differ in length.
    #[error("the columns of `{symbol}` differ in length: {lengths}; give each bar a value in every column")]
    Ragged {
        /// The instrument.
        symbol: String,
        /// The length of every column.
        lengths: String,
    },
    /// An instrument has no bar, or none that is left.
    #[error("`{symbol}` has no bars{why}")]
    NoBars {
        /// The instrument, or the file.
        symbol: String,
        /// Why not, after a colon; else empty.
        why: String,
    },
    /// Some bars are wrong.
    #[error("{}", listed(.problems, *.count, .remedy))]
    Problems {
        /// The first problems in the order of the files, at most [`PROBLEMS_SHOWN`].
        problems: Vec<Problem>,
        /// How many problems there are.
        count: u64,
        /// The ways out, one a line.
        remedy: String,
    },
    /// The times of a file could all be other ones.
    #[error("`{path}`: {problem}")]
    Times {
        /// The path as given.
        path: PathBuf,
        /// What they could be, and the way out.
        problem: String,
    },
    /// The numbers of a file could all be other ones.
    #[error("`{path}`: {problem}")]
    Numbers {
        /// The path as given.
        path: PathBuf,
        /// What they could be, and the way out.
        problem: String,
    },
    /// The description of a file cannot be used.
    #[error("`{path}`, which describes how a data file is written, cannot be used: {problem}")]
    Description {
        /// The path of the description.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file has bars of several instruments, and nothing tells which is whose.
    #[error("`{path}` looks like several instruments: {sign}; {remedy}")]
    SeveralInstruments {
        /// The path as given.
        path: PathBuf,
        /// What says so.
        sign: String,
        /// What to do about it.
        remedy: String,
    },
    /// Two files have different bars of one instrument at one time.
    #[error(
        "{first} and {second} have different bars of `{symbol}` at {time}{more}; take one of the files out, or \
             correct the bars"
    )]
    Conflict {
        /// The instrument.
        symbol: String,
        /// The time stamp.
        time: String,
        /// The file and the place of the first bar.
        first: String,
        /// The file and the place of the second bar.
        second: String,
        /// How many more there are; else empty.
        more: String,
    },
    /// Files of one instrument have times that cannot be compared.
    #[error(
        "`{first}` and `{second}` both have bars of `{symbol}`, but only one of them has times with a zone; say the \
             zone of the other (`--timezone America/New_York`)"
    )]
    MixedZones {
        /// The instrument.
        symbol: String,
        /// A file.
        first: String,
        /// Another file.
        second: String,
    },
    /// An instrument is asked for that the data does not have.
    #[error("{problem}")]
    UnknownSymbol {
        /// What is asked for, and what there is.
        problem: String,
    },
}

/// How many problems an error lists.
pub const PROBLEMS_SHOWN: usize = 20;

fn listed(problems: &[Problem], count: u64, remedy: &str) -> String {
    let mut lines = vec![format!("the data has {}", counted(count, "problem"))];
    lines.extend(problems.iter().map(|problem| format!("  {problem}")));
    let more = count - problems.len() as u64;
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.push(remedy.to_owned());
    lines.join("\n")
}

/// `1 row`, `2 rows`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Names of files in backticks, the first and the last one of many.
pub(super) fn listed_files<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 4;
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [first, .., last] if names.len() > SHOWN => format!("{first} to {last} ({} files)", names.len()),
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        _ => names.join(""),
    }
}

/// A text of a file as a message can quote it: on one line, and short.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    let escape = |c: char| if is_harmless(c) { c.to_string() } else { c.escape_default().to_string() };
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(SHOWN).map(escape).collect();
    if chars.next().is_some() { start + "..." } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_quotes_is_short_and_on_one_line() {
        assert_eq!(excerpt("1.5 é"), "1.5 é");
        assert_eq!(excerpt("a\n\u{1b}[31m"), "a\\n\\u{1b}[31m");
        assert_eq!(excerpt("a\u{9b}\u{202e}\u{200b}"), "a\\u{9b}\\u{202e}\\u{200b}");
        assert_eq!(excerpt(&"x".repeat(41)), "x".repeat(40) + "...");
    }

    #[test]
    fn an_error_lists_what_it_has_and_counts_the_rest() {
        let problem = Problem { file: "a.csv".into(), line: Location::Line(7), text: "`Open` is empty".into() };
        let remedy = "sort the rows by time (`--sort`)";
        let text = |count| {
            DataError::Problems { problems: vec![problem.clone()], count, remedy: remedy.to_owned() }.to_string()
        };
        assert_eq!(text(1), format!("the data has 1 problem\n  `a.csv` line 7: `Open` is empty\n{remedy}"));
        assert_eq!(
            text(9),
            format!("the data has 9 problems\n  `a.csv` line 7: `Open` is empty\n  and 8 more\n{remedy}")
        );
    }
}
