//! Sheets: the bars of one file by instrument, checked, put in order and placed in time.
//!
//! Never reads a file, never corrects a bar; sorts and drops only what it was told to.

use indexmap::{IndexMap, IndexSet};

use super::{
    dates::clock::{Stamps, is_other_form},
    description::FileDescription,
    error::{DataError, Location, counted},
    findings::{Findings, Log, Logs},
    options::LoadOptions,
    order::settle_order,
    placement::{Placement, settle_zone},
    rows::{Bar, Row, Rows},
    stretch::Stretch,
    zones::Timezone,
};
use crate::model::Series;

/// The bars of one instrument in one file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Whether a column or a folder names the instrument; else the name of the file does.
    pub(super) is_named: bool,
    pub(super) rows: Rows,
    /// What its times are.
    pub(super) placement: Placement,
}

/// All bars of one file.
#[derive(Debug)]
pub(super) struct Sheet {
    instruments: IndexMap<String, Rows>,
    last: usize,
    logs: Logs,
    outside: Log,
    /// Bars without a volume in a file that has volumes.
    without_volume: Log,
    read: u64,
    /// About how many rows there will be, where they are of one instrument.
    pub(super) expected: usize,
    notices: Vec<String>,
    /// The names of columns that are not read.
    pub(super) unread: IndexSet<String>,
    negative_prices: bool,
    /// Instruments that were not asked for.
    pub(super) skipped: IndexSet<String>,
    /// Whether more instruments than in `skipped` were passed over.
    pub(super) is_partial: bool,
    /// Whether the instrument that the name of the file names is asked for.
    pub(super) is_wanted: bool,
    /// Whether a column or a folder names the instruments.
    pub(super) is_named: bool,
    /// Whether there is a column of volumes.
    pub(super) has_volume: bool,
    /// What the times are.
    pub(super) stamps: Stamps,
    /// The zone that the file names.
    pub(super) zone: Option<Timezone>,
    /// How the file is written, as far as it was recognised.
    pub(super) description: FileDescription,
}

impl Sheet {
    /// No bars yet.
    pub(super) fn new(options: &LoadOptions, is_wanted: bool) -> Self {
        Self {
            instruments: IndexMap::new(),
            last: 0,
            logs: Logs::default(),
            outside: Log::default(),
            without_volume: Log::default(),
            read: 0,
            expected: 0,
            notices: Vec::new(),
            unread: IndexSet::new(),
            negative_prices: options.negative_prices,
            skipped: IndexSet::new(),
            is_partial: false,
            is_wanted,
            has_volume: true,
            is_named: false,
            stamps: Stamps::Local,
            zone: None,
            description: FileDescription::default(),
        }
    }

    /// Forgets all rows, to read them anew.
    pub(super) fn clear(&mut self) {
        self.instruments.clear();
        self.last = 0;
        self.read = 0;
        self.logs = Logs::default();
        self.outside = Log::default();
        self.without_volume = Log::default();
    }

    /// Keeps a remark on the whole file for the user; it continues the file's name.
    pub(super) fn note(&mut self, text: String) {
        self.notices.push(text);
    }

    /// Takes one row, unless its values are bad.
    pub(super) fn push(&mut self, mut row: Row<'_>) {
        self.read += 1;
        if let Some(symbol) = row.symbol.filter(|symbol| !symbol.is_empty()) {
            self.seek(symbol);
        }
        let raw = row.bar;
        row.settle(self.negative_prices);
        match self.instruments.get_index_mut(self.last) {
            Some((_, rows)) if row.faults.is_empty() => rows.push(&row),
            _ => {
                // A time in another form is that of a bar which is not to be lost.
                let is_other_form = row.faults.iter().all(|fault| is_other_form(fault));
                let log = match self.is_negative(&row) {
                    true => &mut self.logs.negative,
                    false if is_other_form && row.symbol.is_some() => &mut self.logs.forms,
                    false => &mut self.logs.bad,
                };
                return log.add(row.place, || row.faults.join("; "));
            }
        }
        if row.lacks_volume {
            self.without_volume.add(row.place, || "no volume".to_owned());
        }
        if raw.pokes_out() {
            let Bar { open, close, low, high, .. } = raw;
            self.outside.add(row.place, || format!("open {open} and close {close}, {low} to {high}"));
        }
    }

    /// Takes the first rows of `symbol` of which there is nothing to say, at once, and returns the others.
    pub(super) fn take<'a>(&mut self, symbol: &str, rows: &Stretch<'a>) -> Stretch<'a> {
        if symbol.is_empty() || rows.len() == 0 {
            return *rows;
        }
        self.seek(symbol);
        // Offsets are told row by row.
        let known = self.instruments.get_index_mut(self.last).map(|(_, known)| known);
        let Some(known) = known.filter(|known| known.offsets.is_empty()) else { return *rows };
        let (clean, others) = rows.split();
        clean.append_to(known);
        self.read += clean.len() as u64;
        others
    }

    /// Whether a row would be good if prices below zero were.
    fn is_negative(&self, row: &Row<'_>) -> bool {
        !self.negative_prices
            && row.bar.is_negative()
            && row.faults.iter().all(|fault| fault.ends_with("not above zero"))
    }

    /// The number of rows read, bad ones included.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// The rows of each instrument, in the order of the file.
    pub(super) fn instruments(&self) -> impl Iterator<Item = &Rows> {
        self.instruments.values()
    }

    /// Points `last` at `symbol`, which most often is there already.
    fn seek(&mut self, symbol: &str) {
        if self.instruments.get_index(self.last).is_some_and(|(known, _)| known == symbol) {
            return;
        }
        self.last = self.instruments.get_index_of(symbol).unwrap_or_else(|| {
            let series = Series { symbol: symbol.to_owned(), ..Series::default() };
            let mut rows = Rows { series, ..Rows::default() };
            // The room of blocks that grow is touched twice.
            rows.reserve(std::mem::take(&mut self.expected));
            self.instruments.insert_full(symbol.to_owned(), rows).0
        });
    }

    /// Returns the bars of the file named `file`, after sorting and dropping as told; what is wrong goes to `findings`,
    /// what was done to `notices`. `name` is the instrument that an option for it may name, too.
    pub(super) fn finish(
        mut self,
        file: &str,
        name: &str,
        options: &LoadOptions,
        findings: &mut Findings,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Part>, DataError> {
        notices.extend(self.notices.iter().map(|text| format!("`{file}` {text}")));
        let (mut placements, mut newest_first) = (Vec::new(), false);
        for (symbol, rows) in &mut self.instruments {
            let given = options.timezone_of(symbol).or_else(|| options.timezone_of(name));
            // Local times with the name of their zone are in no other one.
            let named = self.zone.as_ref().filter(|_| self.stamps == Stamps::Local);
            let zone = named.or(given).or(self.zone.as_ref()).cloned();
            let unclear = self.logs.unclear.count();
            let (placement, notes) = settle_zone(rows, self.stamps, zone, options.sort, &mut self.logs);
            notices.extend(notes.into_iter().map(|text| format!("`{file}` {text}")));
            // What the order of rows does not tell only seems to repeat a time.
            if self.logs.unclear.count() == unclear {
                newest_first |= settle_order(rows, placement.is_unknown(), options, &mut self.logs);
            }
            placements.push(placement);
        }
        if newest_first {
            notices.push(format!("`{file}` has the newest bar first, and is read from its end"));
        }
        // A short file may be bad by chance.
        const SHORT: u64 = 3;
        self.logs.are_all_bad = self.read >= SHORT && self.logs.bad.count() + self.logs.forms.count() == self.read;
        self.report(file, options, notices)?;
        findings.add(file, self.logs);
        let part = |(mut rows, placement): (Rows, Placement)| {
            rows.sources.push(file.to_owned());
            rows.has_volume = self.has_volume;
            Part { is_named: self.is_named, rows, placement }
        };
        Ok(self.instruments.into_values().zip(placements).map(part).collect())
    }

    /// Says what was sorted, dropped and kept, which is no problem any more.
    fn report(&mut self, file: &str, options: &LoadOptions, notices: &mut Vec<String>) -> Result<(), DataError> {
        let Logs { bad, unsorted, .. } = &mut self.logs;
        if options.sort && unsorted.count() > 0 {
            let bars = counted(unsorted.count(), "bar");
            notices.push(format!("sorted `{file}` by time; older than the bar above: {bars}: {}", unsorted.summary()));
            *unsorted = Log::default();
        }
        if self.outside.count() > 0 {
            let bars = counted(self.outside.count(), "bar");
            let places = self.outside.summary();
            notices.push(format!("`{file}` has {bars} with open or close outside low to high, kept: {places}"));
        }
        if self.without_volume.count() > 0 {
            let bars = counted(self.without_volume.count(), "bar");
            let places = self.without_volume.places();
            notices.push(format!("`{file}` has {bars} without a volume, taken as zero: {places}"));
        }
        if options.drop_bad && bad.count() > 0 {
            if self.logs.negative.count() == 0 {
                self.all_left(file)?;
            }
            let bad = std::mem::take(&mut self.logs.bad);
            let (rows, places) = (counted(self.read, "row"), bad.summary());
            notices.push(format!("dropped {} of {rows} of `{file}`: {places}", bad.count()));
        }
        Ok(())
    }

    /// Returns an error if dropping has left an instrument without bars.
    fn all_left(&self, file: &str) -> Result<(), DataError> {
        let gone = self.instruments.iter().find(|(_, rows)| rows.series.is_empty());
        let symbol = match gone {
            Some((symbol, _)) => symbol,
            None if self.instruments.is_empty() => file,
            None => return Ok(()),
        };
        let why = format!(": all its rows in `{file}` are bad and dropped: {}", self.logs.bad.summary());
        Err(DataError::NoBars { symbol: symbol.to_owned(), why })
    }
}

/// Adds everything that is wrong with a series in memory to `findings`.
pub(super) fn check_series(series: &Series, negative_prices: bool, findings: &mut Findings) {
    let mut logs = Logs::default();
    let time = |at: usize| series.schedule.format(series.time[at]);
    for at in 0..series.len() {
        let place = Location::Bar(at as u64);
        let mut faults = Vec::new();
        let bar = Bar::of(series, at);
        bar.check(negative_prices, &mut faults);
        let is_negative = !negative_prices && bar.is_negative();
        if at > 0 && series.time[at] == series.time[at - 1] {
            faults.push(format!("time {} repeats that of the bar above", time(at)));
        }
        if !faults.is_empty() {
            let log = if is_negative { &mut logs.negative } else { &mut logs.bad };
            log.add(place, || faults.join("; "));
        }
        if at > 0 && series.time[at] < series.time[at - 1] {
            logs.unsorted.add(place, || format!("time {} is before {}, the bar above", time(at), time(at - 1)));
        }
    }
    findings.add(&series.symbol, logs);
}
