//! Columns of a data file by name: times, prices, volume, symbol.
//!
//! Never reads a row; never picks one of two columns that both fit.

use std::path::Path;

use indexmap::IndexMap;

use super::{
    description::FileDescription,
    error::{DataError, excerpt},
    fields::{Field, normal, without_zone},
    options::LoadOptions,
};
use crate::model;

/// Where a file keeps the times of its bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeColumn {
    /// In one column.
    One(usize),
    /// A date in the first, a time of day in the second.
    Pair(usize, usize),
}

impl TimeColumn {
    /// The columns.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        let (date, time) = match self {
            Self::One(at) => (at, None),
            Self::Pair(date, time) => (date, Some(time)),
        };
        [date].into_iter().chain(time)
    }

    fn moved(self, places: &[usize]) -> Self {
        match self {
            Self::One(at) => Self::One(places[at]),
            Self::Pair(date, time) => Self::Pair(places[date], places[time]),
        }
    }
}

/// The columns of one file, as indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) time: TimeColumn,
    /// Open, high and low are the column of closes in a file that has closes alone.
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
    /// The zone that the name of the column of times has behind it, as in `Time (EET)`.
    pub(super) zone: Option<String>,
    /// What the user should know about the columns; each continues the name of the file.
    pub(super) notes: Vec<String>,
    /// The names of the other columns, which are not read, and of which no note tells.
    pub(super) unread: Vec<String>,
}

impl Columns {
    /// Finds the columns by name; `index` is the column of times where no name says so, `sample` reads the first time of a
    /// column, which tells whether two columns have the same times.
    pub(super) fn find<S: AsRef<str>>(
        path: &Path,
        names: &[S],
        options: &LoadOptions,
        index: Option<usize>,
        sample: &dyn Fn(TimeColumn) -> Option<i64>,
    ) -> Result<Self, DataError> {
        let names = names.iter().map(|name| name.as_ref().trim()).collect::<Vec<_>>();
        let keys = names.iter().map(|name| normal(name)).collect();
        Finder { path, names, keys, described: &options.read, taken: Vec::new(), notes: Vec::new() }
            .columns(options, index, sample)
    }

    /// The columns of each instrument of a table whose names are pairs of a field and an instrument, as data frames with two
    /// levels of columns have them. A column without an instrument, such as the time, belongs to all.
    pub(super) fn find_wide(
        path: &Path,
        names: &[(String, String)],
        options: &LoadOptions,
        index: Option<usize>,
        sample: &dyn Fn(TimeColumn) -> Option<i64>,
    ) -> Result<Vec<(String, Self)>, DataError> {
        let mut own: IndexMap<&str, Vec<usize>> = IndexMap::new();
        for (at, (_, instrument)) in names.iter().enumerate().filter(|(_, (_, instrument))| !instrument.is_empty()) {
            own.entry(instrument).or_default().push(at);
        }
        let shared: Vec<usize> = (0..names.len()).filter(|at| names[*at].1.is_empty()).collect();
        let of = |(instrument, own): (&str, Vec<usize>)| {
            // The rest of the columns would be looked through for every instrument.
            let places: Vec<usize> = shared.iter().copied().chain(own).collect();
            let names: Vec<&str> = places.iter().map(|at| names[*at].0.as_str()).collect();
            let index = index.and_then(|index| places.iter().position(|at| *at == index));
            let sample = |time: TimeColumn| sample(time.moved(&places));
            let found = Self::find(path, &names, options, index, &sample)?;
            Ok((instrument.to_owned(), found.moved(&places)))
        };
        own.into_iter().map(of).collect()
    }

    /// The same columns of a table where they stand at `places`.
    fn moved(self, places: &[usize]) -> Self {
        let moved = |at: Option<usize>| at.map(|at| places[at]);
        Self {
            time: self.time.moved(places),
            open: places[self.open],
            high: places[self.high],
            low: places[self.low],
            close: places[self.close],
            adjusted: moved(self.adjusted),
            volume: moved(self.volume),
            ticks: moved(self.ticks),
            symbol: moved(self.symbol),
            zone: self.zone,
            notes: self.notes,
            unread: self.unread,
        }
    }

    /// Every column that is read.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        let optional = [self.adjusted, self.volume, self.ticks, self.symbol];
        self.times().chain(self.prices()).chain(optional.into_iter().flatten())
    }

    /// The columns of open, high, low and close.
    pub(super) fn prices(&self) -> [usize; 4] {
        [self.open, self.high, self.low, self.close]
    }

    /// The columns of numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        let optional = [self.adjusted, self.volume];
        [self.open, self.high, self.low, self.close].into_iter().chain(optional.into_iter().flatten())
    }

    /// The fields with their columns, as a description has them. A volume that the number of ticks may replace, and the
    /// closes that are the other prices too, are recognised again.
    pub(super) fn fields(&self) -> impl Iterator<Item = (Field, usize)> {
        let (date, time) = match self.time {
            TimeColumn::One(at) => (at, None),
            TimeColumn::Pair(date, time) => (date, Some(time)),
        };
        let is_alone = self.open == self.close && self.high == self.close;
        let beside = |at: usize| (!is_alone).then_some(at);
        let fields = [
            (Field::Time, Some(date)),
            (Field::TimeOfDay, time),
            (Field::Open, beside(self.open)),
            (Field::High, beside(self.high)),
            (Field::Low, beside(self.low)),
            (Field::Close, Some(self.close)),
            (Field::Adjusted, self.adjusted),
            (Field::Volume, self.volume.filter(|_| self.ticks.is_none())),
            (Field::Symbol, self.symbol),
        ];
        fields.into_iter().filter_map(|(field, at)| Some((field, at?)))
    }

    /// The columns of the times.
    pub(super) fn times(&self) -> impl Iterator<Item = usize> + use<> {
        self.time.places()
    }
}

struct Finder<'a> {
    path: &'a Path,
    names: Vec<&'a str>,
    keys: Vec<String>,
    described: &'a FileDescription,
    /// Columns that only may mean their fields.
    taken: Vec<(Field, usize)>,
    notes: Vec<String>,
}

impl Finder<'_> {
    fn columns(
        mut self,
        options: &LoadOptions,
        index: Option<usize>,
        sample: &dyn Fn(TimeColumn) -> Option<i64>,
    ) -> Result<Columns, DataError> {
        let time = self.time(index, sample)?;
        let close = match self.optional(Field::Close)? {
            Some(close) => close,
            None => self.only_value(time).ok_or_else(|| self.missing(Field::Close))?,
        };
        let [open, high, low] = self.prices_beside(close)?;
        let volume = self.volume()?;
        let ticks = self.optional(Field::Ticks)?;
        let adjusted = if options.adjusted { Some(self.required(Field::Adjusted)?) } else { None };
        let symbol = self.optional(Field::Symbol)?;
        self.note_taken();
        self.note_volume(volume, ticks);
        if let Some(at) = self.keys.iter().position(|key| is_zone(key)) {
            let name = excerpt(self.names[at]);
            self.notes.push(format!("has a column `{name}`, which is not used: say the zone (`--timezone ZONE`)"));
        }
        let unused = self.fitting(Field::Adjusted).next().filter(|_| !options.adjusted);
        if let Some(at) = unused {
            let name = excerpt(self.names[at]);
            self.notes.push(format!("has a column `{name}`, which is not used unless asked for (`--adjusted`)"));
        }
        let beside = ticks.filter(|_| volume.is_some() && self.described.volume.is_none());
        let zone = without_zone(self.names[first_of(time)]).map(|(_, zone)| zone.to_owned());
        let found = Columns {
            time,
            open,
            high,
            low,
            close,
            adjusted,
            volume: volume.or(ticks),
            ticks: beside,
            symbol,
            zone,
            notes: Vec::new(),
            unread: Vec::new(),
        };
        let unread = self.unread(&found);
        Ok(Columns { notes: self.notes, unread, ..found })
    }

    /// The names of the columns that are not among `found`, nor in a note.
    fn unread(&self, found: &Columns) -> Vec<String> {
        let is_told = |at: &usize| is_zone(&self.keys[*at]) || self.fitting(Field::Adjusted).any(|told| told == *at);
        let others = (0..self.names.len()).filter(|at| !found.all().any(|read| read == *at) && !is_told(at));
        others.map(|at| excerpt(self.names[at]).to_owned()).filter(|name| !name.is_empty()).collect()
    }

    /// The only column beside that of the times, which is taken as the close.
    fn only_value(&mut self, time: TimeColumn) -> Option<usize> {
        let TimeColumn::One(time) = time else { return None };
        let mut others = (0..self.names.len()).filter(|at| *at != time && !self.names[*at].is_empty());
        let at = others.next().filter(|_| others.next().is_none())?;
        self.taken.push((Field::Close, at));
        Some(at)
    }

    /// The columns of open, high and low: all three, or the closes where none is there.
    fn prices_beside(&mut self, close: usize) -> Result<[usize; 3], DataError> {
        const OTHERS: [Field; 3] = [Field::Open, Field::High, Field::Low];
        let found = [self.optional(OTHERS[0])?, self.optional(OTHERS[1])?, self.optional(OTHERS[2])?];
        match found {
            [Some(open), Some(high), Some(low)] => Ok([open, high, low]),
            [None, None, None] => {
                let name = excerpt(self.names[close]);
                self.notes.push(format!("has one price, `{name}`: it is the open, the high, the low and the close"));
                Ok([close; 3])
            }
            found => {
                let missing = OTHERS.into_iter().zip(found).find(|(_, found)| found.is_none());
                Err(self.missing(missing.map_or(Field::Open, |(field, _)| field)))
            }
        }
    }

    fn note_taken(&mut self) {
        let [(first, _), ..] = self.taken.as_slice() else { return };
        let taken = |(field, at): &(Field, usize)| format!("`{}` as {}", excerpt(self.names[*at]), field.option());
        let list: Vec<String> = self.taken.iter().map(taken).collect();
        self.notes.push(format!("takes {} (`--read {}=NAME` takes another)", list.join(", "), first.option()));
    }

    fn note_volume(&mut self, volume: Option<usize>, ticks: Option<usize>) {
        match (volume, ticks) {
            (Some(_), _) => {}
            (None, Some(at)) => {
                let name = excerpt(self.names[at]);
                self.notes.push(format!("has no column `Volume`: the volume is the number of ticks in `{name}`"));
            }
            (None, None) => self.notes.push("has no column `Volume`: every volume is zero".to_owned()),
        }
    }

    fn time(
        &mut self,
        index: Option<usize>,
        sample: &dyn Fn(TimeColumn) -> Option<i64>,
    ) -> Result<TimeColumn, DataError> {
        let described = (self.given(Field::Time)?, self.given(Field::TimeOfDay)?);
        match described {
            (Some(date), Some(time)) => return Ok(TimeColumn::Pair(date, time)),
            (Some(at), None) => return Ok(TimeColumn::One(at)),
            (None, Some(time)) => {
                let date = self.times().into_iter().find(|at| *at != time).ok_or_else(|| self.missing(Field::Time))?;
                return Ok(TimeColumn::Pair(date, time));
            }
            (None, None) => {}
        }
        let mut fits = self.times();
        if fits.is_empty() {
            return match (index, self.likely(Field::Time)?) {
                (Some(at), _) | (None, Some(at)) => Ok(TimeColumn::One(at)),
                (None, None) => Err(self.missing(Field::Time)),
            };
        }
        let key = |at: &usize| self.keys[*at].as_str();
        let date = fits.iter().copied().find(|at| matches!(key(at), "date" | "日期" | "datum" | "data" | "fecha"));
        let time = fits.iter().copied().find(|at| key(at) == "time");
        let mut candidates = Vec::new();
        if let (Some(date), Some(time)) = (date, time) {
            fits.retain(|at| *at != date && *at != time);
            candidates.push(TimeColumn::Pair(date, time));
        }
        candidates.extend(fits.into_iter().map(TimeColumn::One));
        self.same_times(&candidates, sample)
    }

    /// The columns whose names say that they are times.
    fn times(&self) -> Vec<usize> {
        let is_time = |name: &str| Field::Time.known().contains(&normal(name).as_str());
        let fits = |at: &usize| {
            let name = self.names[*at];
            is_time(name) || without_zone(name).is_some_and(|(name, _)| is_time(name))
        };
        // Beside `t`, which exchanges have for the beginning of a bar, `T` is its end.
        let has_beginning = self.names.contains(&"t");
        (0..self.names.len()).filter(fits).filter(|at| !(has_beginning && self.names[*at] == "T")).collect()
    }

    /// One of several columns of times, which must have the same times.
    fn same_times(
        &mut self,
        candidates: &[TimeColumn],
        sample: &dyn Fn(TimeColumn) -> Option<i64>,
    ) -> Result<TimeColumn, DataError> {
        let [first, others @ ..] = candidates else { return Err(self.missing(Field::Time)) };
        let Some(second) = others.first() else { return Ok(*first) };
        let samples: Vec<Option<i64>> = candidates.iter().map(|one| sample(*one)).collect();
        let known: Vec<i64> = samples.iter().copied().flatten().collect();
        if known.is_empty() || known.iter().any(|time| *time != known[0]) {
            return Err(self.ambiguous(Field::Time, first_of(*first), first_of(*second)));
        }
        let at = samples.iter().position(Option::is_some).unwrap_or_default();
        let name = |one: TimeColumn| match one {
            TimeColumn::One(at) => format!("`{}`", excerpt(self.names[at])),
            TimeColumn::Pair(date, time) => {
                format!("`{}` and `{}`", excerpt(self.names[date]), excerpt(self.names[time]))
            }
        };
        let note = format!("has several columns of times: {} is taken (`--read time=NAME`)", name(candidates[at]));
        self.notes.push(note);
        Ok(candidates[at])
    }

    /// The column of volumes: of several that are counted in different units, the first.
    fn volume(&mut self) -> Result<Option<usize>, DataError> {
        let units = (0..self.keys.len()).filter(|at| Field::Volume.is_likely(&self.keys[*at])).collect::<Vec<_>>();
        let is_plain = self.given(Field::Volume)?.is_some() || self.fitting(Field::Volume).next().is_some();
        let [first, _, ..] = units.as_slice() else { return self.optional(Field::Volume) };
        if is_plain {
            return self.optional(Field::Volume);
        }
        let name = excerpt(self.names[*first]);
        self.notes.push(format!("has several volumes: `{name}` is taken, the first one (`--read volume=NAME`)"));
        Ok(Some(*first))
    }

    fn required(&mut self, field: Field) -> Result<usize, DataError> {
        self.optional(field)?.ok_or_else(|| self.missing(field))
    }

    fn optional(&mut self, field: Field) -> Result<Option<usize>, DataError> {
        if let Some(at) = self.given(field)? {
            return Ok(Some(at));
        }
        let mut fits = self.fitting(field);
        let (first, second) = (fits.next(), fits.next());
        drop(fits);
        match (first, second) {
            (Some(first), Some(second)) => Err(self.ambiguous(field, first, second)),
            (Some(first), None) => Ok(Some(first)),
            (None, _) => self.likely(field),
        }
    }

    /// The column that only may mean `field`, which is said.
    fn likely(&mut self, field: Field) -> Result<Option<usize>, DataError> {
        let mut fits = (0..self.keys.len()).filter(|at| field.is_likely(&self.keys[*at]));
        match (fits.next(), fits.next()) {
            (Some(first), Some(second)) => Err(self.ambiguous(field, first, second)),
            (None, _) => Ok(None),
            (Some(at), None) => {
                self.taken.push((field, at));
                Ok(Some(at))
            }
        }
    }

    /// The column that is described, by its name or its number.
    fn given(&self, field: Field) -> Result<Option<usize>, DataError> {
        let Some(given) = self.described.column(field) else { return Ok(None) };
        let mut exact = (0..self.names.len()).filter(|at| self.names[*at] == given.trim());
        let found = match (exact.next(), exact.next()) {
            (Some(first), Some(second)) => return Err(self.ambiguous(field, first, second)),
            (Some(at), None) => Some(at),
            (None, _) => self.keys.iter().position(|key| !key.is_empty() && *key == normal(given)),
        };
        let number = || given.trim().parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < self.names.len());
        found.or_else(number).map(Some).ok_or_else(|| DataError::NoColumn {
            path: self.path.to_owned(),
            column: given.to_owned(),
            option: field.option(),
            found: quoted(self.names.iter().copied()),
        })
    }

    fn fitting(&self, field: Field) -> impl Iterator<Item = usize> {
        self.keys.iter().enumerate().filter(move |(_, key)| field.known().contains(&key.as_str())).map(|(at, _)| at)
    }

    fn ambiguous(&self, field: Field, first: usize, second: usize) -> DataError {
        let described = |at: usize| format!("`{}` (column {})", excerpt(self.names[at]), at + 1);
        let number = (first + 1).to_string();
        let by_name = self.names[first] != self.names[second];
        DataError::AmbiguousColumn {
            path: self.path.to_owned(),
            column: field.title(),
            found: format!("{} and {}", described(first), described(second)),
            example: format!("{}={}", field.option(), if by_name { self.names[first] } else { &number }),
        }
    }

    fn missing(&self, field: Field) -> DataError {
        let aliases = field.known().iter().copied().filter(|name| !name.eq_ignore_ascii_case(field.title()));
        DataError::MissingColumn {
            path: self.path.to_owned(),
            column: field.title(),
            aliases: quoted(aliases.take(6)),
            found: quoted(self.names.iter().copied().filter(|name| !name.is_empty())),
            option: field.option(),
        }
    }
}

/// Whether a column of this name says the zone of each row.
fn is_zone(key: &str) -> bool {
    matches!(key, "timezone" | "tz" | "exchangetimezone")
}

fn first_of(time: TimeColumn) -> usize {
    match time {
        TimeColumn::One(at) | TimeColumn::Pair(at, _) => at,
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
        Columns::find(Path::new("a.csv"), &names, &LoadOptions { adjusted, ..LoadOptions::default() }, None, &|_| None)
    }

    fn described(options: &[(&str, &str)]) -> LoadOptions {
        let mut read = FileDescription::default();
        options.iter().try_for_each(|(name, value)| read.set(name, value)).unwrap();
        LoadOptions { read, ..LoadOptions::default() }
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
            "`a.csv` has two columns for `Date`: `Date` (column 1) and `Timestamp` (column 2); say which (`--read time=Date`)",
        );
        check_refused(
            "Date,Open,High,Low,Close,close",
            false,
            "`a.csv` has two columns for `Close`: `Close` (column 5) and `close` (column 6); say which (`--read close=Close`)",
        );
    }

    #[test]
    fn a_missing_column_lists_what_there_is() {
        check_refused(
            "Date,Open,High,Low",
            false,
            "`a.csv` has no column `Close` (or `c`, `closeprice`, `priceclose`); it has `Date`, `Open`, `High`, `Low`; \
             say which one it is (`--read close=NAME`)",
        );
        check_refused(
            "Date,Open,High,Low,Close",
            true,
            "`a.csv` has no column `Adj Close` (or `adjclose`, `adjustedclose`); \
             it has `Date`, `Open`, `High`, `Low`, `Close`; say which one it is (`--read adj-close=NAME`)",
        );
    }

    #[test]
    fn a_number_of_ticks_is_a_volume_beside_or_instead_of_one() {
        let found = find("Date,Open,High,Low,Close,TickVol,Vol", false).unwrap();
        assert_eq!((found.volume, found.ticks), (Some(6), Some(5)));
        let found = find("Date,Open,High,Low,Close,TickVol", false).unwrap();
        assert_eq!((found.volume, found.ticks), (Some(5), None));
        let note = "has no column `Volume`: the volume is the number of ticks in `TickVol`";
        assert_eq!(found.notes, [note]);
    }

    #[test]
    fn the_column_of_symbols_may_be_given() {
        let header = ["Date", "Open", "High", "Low", "Close", "Name", "Symbol"];
        let find = |name: &str| {
            let options = described(&[("symbol", name)]);
            Columns::find(Path::new("a.csv"), &header, &options, None, &|_| None).map(|found| found.symbol)
        };
        assert_eq!(find("Name").unwrap(), Some(5));
        assert_eq!(find("name").unwrap(), Some(5));
        assert_eq!(
            find("nam").unwrap_err().to_string(),
            "`a.csv` has no column `nam` (`--read symbol=nam`); it has `Date`, `Open`, `High`, `Low`, `Close`, `Name`, `Symbol`"
        );
    }

    #[test]
    fn the_adjusted_close_is_used_only_when_asked_for() {
        let found = find("Date,Open,High,Low,Close,Adj Close", false).unwrap();
        assert_eq!((found.close, found.adjusted), (4, None));
        assert_eq!(found.notes.last().map(|note| note.contains("`Adj Close`, which is not used")), Some(true));
        let found = find("Date,Open,High,Low,Close,Adj Close", true).unwrap();
        assert_eq!((found.close, found.adjusted), (4, Some(5)));
        assert!(!found.notes.iter().any(|note| note.contains("Adj Close")));
    }
    #[test]
    fn a_column_may_be_said_by_name_or_by_number() {
        let names = ["Date", "Open", "High", "Low", "Settle", "Last", "Settle"];
        let find =
            |options: &[(&str, &str)]| Columns::find(Path::new("a.csv"), &names, &described(options), None, &|_| None);
        let refused = |options: &[(&str, &str)]| find(options).unwrap_err().to_string();
        assert_eq!(find(&[("close", "Last")]).unwrap().close, 5);
        assert_eq!(find(&[("close", "last")]).unwrap().close, 5);
        assert_eq!(find(&[("close", "7")]).unwrap().close, 6);
        assert!(refused(&[("close", "8")]).contains("has no column `8` (`--read close=8`)"));
        assert!(refused(&[("close", "Settle")]).ends_with("`Settle` (column 7); say which (`--read close=5`)"));
        assert!(refused(&[]).ends_with("`Settle` (column 5) and `Last` (column 6); say which (`--read close=Settle`)"));
    }

    #[test]
    fn a_likely_column_is_taken_where_no_other_is_and_that_is_said() {
        let cases = [
            ("Date,Price,Open,High,Low,Vol.,Change %", 1),
            ("Date,Close/Last,Volume,Open,High,Low", 1),
            ("Date,Open,High,Low,Settle,Volume", 4),
            ("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", 4),
            ("日期,开盘,收盘,最高,最低,成交量", 2),
        ];
        for (header, close) in cases {
            let found = find(header, false).unwrap();
            assert_eq!(found.close, close, "{header}");
            assert!(found.notes.iter().any(|note| note.contains("as close")), "{:?}", found.notes);
        }
        let kept = find("Date,Open,High,Low,Close,Last,Price", false).unwrap();
        assert_eq!((kept.close, kept.notes.len()), (4, 1));
    }

    #[test]
    fn a_close_alone_is_a_bar_and_a_part_of_one_is_not() {
        let found = find("Date,Close", false).unwrap();
        assert_eq!([found.open, found.high, found.low, found.close], [1; 4]);
        assert!(found.notes[0].starts_with("has one price, `Close`"), "{:?}", found.notes);
        assert!(find("Date,Open,Close", false).unwrap_err().to_string().contains("has no column `High`"));
    }

    #[test]
    fn columns_with_the_same_times_are_one_and_others_are_asked_for() {
        let header = ["unix", "date", "open", "high", "low", "close"];
        let find = |times: [Option<i64>; 2]| {
            let sample = |time: TimeColumn| if let TimeColumn::One(at) = time { times[at] } else { None };
            Columns::find(Path::new("a.csv"), &header, &LoadOptions::default(), None, &sample)
        };
        assert_eq!(find([Some(1), Some(1)]).unwrap().time, TimeColumn::One(0));
        assert_eq!(find([None, Some(1)]).unwrap().time, TimeColumn::One(1));
        assert!(find([Some(1), Some(2)]).unwrap_err().to_string().ends_with("say which (`--read time=unix`)"));
        assert!(find([None, None]).is_err());
    }

    #[test]
    fn of_volumes_in_several_units_the_first_is_taken() {
        let found = find("Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price", false).unwrap();
        assert_eq!(found.volume, Some(5));
        assert_eq!(found.notes, ["has several volumes: `Volume_(BTC)` is taken, the first one (`--read volume=NAME`)"]);
    }

    #[test]
    fn columns_of_two_levels_are_instruments() {
        let pairs: Vec<(String, String)> = [("Date", ""), ("Close", "A"), ("Close", "B"), ("Open", "A"), ("Open", "B")]
            .into_iter()
            .chain([("High", "A"), ("Low", "A"), ("High", "B"), ("Low", "B")])
            .map(|(field, instrument)| (field.to_owned(), instrument.to_owned()))
            .collect();
        let found = Columns::find_wide(Path::new("a.csv"), &pairs, &LoadOptions::default(), None, &|_| None).unwrap();
        let prices = |at: usize| [found[at].1.open, found[at].1.high, found[at].1.low, found[at].1.close];
        assert_eq!((found[0].0.as_str(), prices(0)), ("A", [3, 5, 6, 1]));
        assert_eq!((found[1].0.as_str(), prices(1)), ("B", [4, 7, 8, 2]));
    }
}
