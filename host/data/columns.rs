//! Columns of a data file by name: times, prices, volume, symbol.
//!
//! Never reads a row; never picks one of two columns that both fit.

use std::path::Path;

use super::{
    error::{DataError, excerpt},
    options::LoadOptions,
};
use crate::model;

/// What a column can mean, with the names that say so: lower case, letters and digits only, the preferred one first.
struct Role {
    title: &'static str,
    names: &'static [&'static str],
}

const DATE: Role = Role { title: "Date", names: &["date"] };
const TIME_OF_DAY: Role = Role { title: "Time", names: &["time"] };
const TIME: Role = Role { title: "Date", names: &["date", "datetime", "timestamp", "time", "opentime", "ts", "t"] };
const OPEN: Role = Role { title: "Open", names: &["open", "o", "openprice"] };
const HIGH: Role = Role { title: "High", names: &["high", "h", "highprice"] };
const LOW: Role = Role { title: "Low", names: &["low", "l", "lowprice"] };
const CLOSE: Role = Role { title: "Close", names: &["close", "c", "closeprice"] };
const ADJUSTED: Role = Role { title: "Adj Close", names: &["adjclose", "adjustedclose"] };
const VOLUME: Role = Role { title: "Volume", names: &["volume", "vol", "v"] };
const TICKS: Role = Role { title: "Tick Volume", names: &["tickvol", "tickvolume"] };
const SYMBOL: Role = Role { title: "Symbol", names: &["symbol", "ticker", "instrument", "asset"] };

/// Where a file keeps the times of its bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeColumn {
    /// In one column.
    One(usize),
    /// A date in the first, a time of day in the second.
    Pair(usize, usize),
}

/// The columns of one file, as indices.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) time: TimeColumn,
    pub(super) open: usize,
    pub(super) high: usize,
    pub(super) low: usize,
    pub(super) close: usize,
    /// The adjusted close, where it is asked for.
    pub(super) adjusted: Option<usize>,
    pub(super) volume: Option<usize>,
    /// The number of ticks, where the file has it beside a volume.
    pub(super) ticks: Option<usize>,
    pub(super) symbol: Option<usize>,
    /// The name of an adjusted close that is there and not asked for.
    pub(super) unused: Option<String>,
    /// The name of a number of ticks that is the only volume.
    lonely: Option<String>,
}

impl Columns {
    /// Finds the columns by name; `index` is the column of times where no name says so.
    pub(super) fn find<S: AsRef<str>>(
        path: &Path,
        names: &[S],
        options: &LoadOptions,
        index: Option<usize>,
    ) -> Result<Self, DataError> {
        let finder = Finder {
            path,
            names: names.iter().map(|name| name.as_ref().trim()).collect(),
            keys: names.iter().map(|name| normal(name.as_ref())).collect(),
        };
        let unused = finder.fitting(&ADJUSTED).next().filter(|_| !options.adjusted);
        let (volume, ticks) = (finder.optional(&VOLUME)?, finder.optional(&TICKS)?);
        let is_alone = volume.is_none();
        Ok(Self {
            time: finder.time(index)?,
            open: finder.required(&OPEN)?,
            high: finder.required(&HIGH)?,
            low: finder.required(&LOW)?,
            close: finder.required(&CLOSE)?,
            adjusted: if options.adjusted { Some(finder.required(&ADJUSTED)?) } else { None },
            volume: volume.or(ticks),
            ticks: ticks.filter(|_| !is_alone),
            symbol: finder.symbol(options.symbol_column.as_deref())?,
            unused: unused.map(|at| finder.names[at].to_owned()),
            lonely: ticks.filter(|_| is_alone).map(|at| finder.names[at].to_owned()),
        })
    }

    /// What the user should know about the columns; each continues the name of the file.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let volume = self.volume.is_none().then(|| "has no column `Volume`: every volume is zero".to_owned());
        let unused = self
            .unused
            .as_ref()
            .map(|name| format!("has a column `{}`, which is not used unless asked for (`--adjusted`)", excerpt(name)));
        let lonely = self
            .lonely
            .as_ref()
            .map(|name| format!("has no column `Volume`: the volume is the number of ticks in `{}`", excerpt(name)));
        volume.into_iter().chain(lonely).chain(unused)
    }

    /// Every column that is read.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        let optional = [self.adjusted, self.volume, self.ticks, self.symbol];
        let prices = [self.open, self.high, self.low, self.close];
        self.times().chain(prices).chain(optional.into_iter().flatten())
    }

    /// The columns of the times.
    pub(super) fn times(&self) -> impl Iterator<Item = usize> + use<> {
        let (date, time) = match self.time {
            TimeColumn::One(at) => (at, None),
            TimeColumn::Pair(date, time) => (date, Some(time)),
        };
        [date].into_iter().chain(time)
    }
}

/// Lower case, letters and digits only, without a number in front: `<OPEN>`, `1. open` and `Open` are the same name.
fn normal(name: &str) -> String {
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    letters.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()
}

struct Finder<'a> {
    path: &'a Path,
    names: Vec<&'a str>,
    keys: Vec<String>,
}

impl Finder<'_> {
    fn time(&self, index: Option<usize>) -> Result<TimeColumn, DataError> {
        let fits: Vec<_> = self.fitting(&TIME).collect();
        if let ([_, _], Ok(Some(date)), Ok(Some(time))) =
            (fits.as_slice(), self.optional(&DATE), self.optional(&TIME_OF_DAY))
        {
            return Ok(TimeColumn::Pair(date, time));
        }
        let at = if fits.is_empty() { index } else { self.optional(&TIME)? };
        at.map(TimeColumn::One).ok_or_else(|| self.missing(&TIME))
    }

    /// The column that names the instrument: the one that is given, else one of a known name.
    fn symbol(&self, given: Option<&str>) -> Result<Option<usize>, DataError> {
        let Some(given) = given else { return self.optional(&SYMBOL) };
        let exact = self.names.iter().position(|name| *name == given.trim());
        let found = exact.or_else(|| self.keys.iter().position(|key| *key == normal(given)));
        found.map(Some).ok_or_else(|| DataError::NoSymbolColumn {
            path: self.path.to_owned(),
            column: given.to_owned(),
            found: quoted(self.names.iter().copied()),
        })
    }

    fn required(&self, role: &Role) -> Result<usize, DataError> {
        self.optional(role)?.ok_or_else(|| self.missing(role))
    }

    fn optional(&self, role: &Role) -> Result<Option<usize>, DataError> {
        let mut fits = self.fitting(role);
        let first = fits.next();
        if let (Some(first), Some(second)) = (first, fits.next()) {
            return Err(DataError::AmbiguousColumn {
                path: self.path.to_owned(),
                column: role.title,
                first: self.described(first),
                second: self.described(second),
            });
        }
        Ok(first)
    }

    fn fitting(&self, role: &Role) -> impl Iterator<Item = usize> {
        self.keys.iter().enumerate().filter(|(_, key)| role.names.contains(&key.as_str())).map(|(at, _)| at)
    }

    fn described(&self, at: usize) -> String {
        format!("`{}` (column {})", excerpt(self.names[at]), at + 1)
    }

    fn missing(&self, role: &Role) -> DataError {
        DataError::MissingColumn {
            path: self.path.to_owned(),
            column: role.title,
            aliases: quoted(role.names.iter().copied().filter(|name| !name.eq_ignore_ascii_case(role.title))),
            found: quoted(self.names.iter().copied()),
            hint: self.hint(),
        }
    }

    fn hint(&self) -> &'static str {
        if self.names.iter().any(|name| name.parse::<f64>().is_ok()) {
            "; if its first line is data already, put a header before it"
        } else if self.names.first() == Some(&"Price") && self.keys.iter().any(|key| key == "close") {
            "; if this is the header of several lines that yfinance writes, download with `multi_level_index=False`"
        } else {
            ""
        }
    }
}

/// The names in backticks, and how many more there are than anyone reads.
fn quoted<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let list = model::quoted(names.by_ref().take(SHOWN).map(excerpt));
    match names.count() {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str, adjusted: bool) -> Result<Columns, DataError> {
        let names: Vec<_> = header.split(',').collect();
        Columns::find(Path::new("a.csv"), &names, &LoadOptions { adjusted, ..LoadOptions::default() }, None)
    }

    fn check(header: &str, expected: [usize; 5]) {
        let found = find(header, false).unwrap();
        let TimeColumn::One(time) = found.time else { panic!("{header}: {found:?}") };
        assert_eq!([time, found.open, found.high, found.low, found.close], expected, "{header}");
    }

    fn check_refused(header: &str, adjusted: bool, expected: &str) {
        assert_eq!(find(header, adjusted).unwrap_err().to_string(), expected);
    }

    #[test]
    fn columns_are_found_by_name_in_any_order_case_and_dress() {
        check("Date,Open,High,Low,Close,Volume,OpenInt", [0, 1, 2, 3, 4]);
        check("close,low,HIGH,open,TimeStamp", [4, 3, 2, 1, 0]);
        check("t,o,h,l,c,v", [0, 1, 2, 3, 4]);
        check("open_time,open,high,low,close,volume,close_time", [0, 1, 2, 3, 4]);
        check("<DATETIME>, <OPEN>, <HIGH>, <LOW>, <CLOSE>, <TICKVOL>", [0, 1, 2, 3, 4]);
        check("timestamp,1. open,2. high,3. low,4. close,5. volume", [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_date_beside_a_time_is_a_pair() {
        assert_eq!(find("Date,Time,Open,High,Low,Close", false).unwrap().time, TimeColumn::Pair(0, 1));
        assert_eq!(find("time,date,Open,High,Low,Close", false).unwrap().time, TimeColumn::Pair(1, 0));
    }

    #[test]
    fn two_columns_for_one_role_are_both_named() {
        check_refused(
            "Date,Timestamp,Open,High,Low,Close",
            false,
            "`a.csv` has two columns for `Date`: `Date` (column 1) and `Timestamp` (column 2); remove or rename one",
        );
        check_refused(
            "Date,Open,High,Low,Close,close",
            false,
            "`a.csv` has two columns for `Close`: `Close` (column 5) and `close` (column 6); remove or rename one",
        );
    }

    #[test]
    fn a_missing_column_lists_what_there_is() {
        check_refused(
            "Date,Open,High,Low",
            false,
            "`a.csv` has no column `Close` (or `c`, `closeprice`); it has `Date`, `Open`, `High`, `Low`",
        );
        check_refused(
            "Date,Open,High,Low,Close",
            true,
            "`a.csv` has no column `Adj Close` (or `adjclose`, `adjustedclose`); \
             it has `Date`, `Open`, `High`, `Low`, `Close`",
        );
    }

    #[test]
    fn a_missing_header_and_a_header_of_several_lines_get_a_hint() {
        let error = find("2024-01-02,1,2,1,2", false).unwrap_err().to_string();
        assert!(error.ends_with("put a header before it"), "{error}");
        let error = find("Price,Close,High,Low,Open,Volume", false).unwrap_err().to_string();
        assert!(error.ends_with("`multi_level_index=False`"), "{error}");
    }

    #[test]
    fn a_number_of_ticks_is_a_volume_beside_or_instead_of_one() {
        let found = find("Date,Open,High,Low,Close,TickVol,Vol", false).unwrap();
        assert_eq!((found.volume, found.ticks), (Some(6), Some(5)));
        let found = find("Date,Open,High,Low,Close,TickVol", false).unwrap();
        assert_eq!((found.volume, found.ticks), (Some(5), None));
        let note = "has no column `Volume`: the volume is the number of ticks in `TickVol`";
        assert_eq!(found.notes().collect::<Vec<_>>(), [note]);
    }

    #[test]
    fn the_column_of_symbols_may_be_given() {
        let header = ["Date", "Open", "High", "Low", "Close", "Name", "Symbol"];
        let find = |name: &str| {
            let options = LoadOptions { symbol_column: Some(name.to_owned()), ..LoadOptions::default() };
            Columns::find(Path::new("a.csv"), &header, &options, None).map(|found| found.symbol)
        };
        assert_eq!(find("Name").unwrap(), Some(5));
        assert_eq!(find("name").unwrap(), Some(5));
        assert_eq!(
            find("nam").unwrap_err().to_string(),
            "`a.csv` has no column `nam` (`--symbol-column`); it has `Date`, `Open`, `High`, `Low`, `Close`, `Name`, `Symbol`"
        );
    }

    #[test]
    fn the_adjusted_close_is_used_only_when_asked_for() {
        let found = find("Date,Open,High,Low,Close,Adj Close", false).unwrap();
        assert_eq!((found.close, found.adjusted, found.unused.as_deref()), (4, None, Some("Adj Close")));
        let found = find("Date,Open,High,Low,Close,Adj Close", true).unwrap();
        assert_eq!((found.close, found.adjusted, found.unused), (4, Some(5), None));
    }
}
