//! CSV reader: the rows of a delimited text.
//!
//! Never allocates for a cell that is well; never reads what no column name asks for.

use std::{
    borrow::Cow,
    cell::Cell,
    io::{self, Read},
    path::Path,
};

use indexmap::IndexSet;

use crate::data::{
    columns::{Columns, TimeColumn},
    dates::{
        clock::{Clock, Stamps, is_calendar},
        texts::TimeTexts,
    },
    description::{Delimiter, FileDescription},
    error::{DataError, Location, counted, excerpt},
    numbers::{Evidence, Marks, is_marked, is_nothing},
    options::LoadOptions,
    raw_prices::{DATABENTO_DIGITS, DATABENTO_NOTE, is_databento},
    rows::{Bar, Row},
    several::{OtherColumn, Others},
    sheet::Sheet,
    sources::source::LONGEST_LINE,
    stretch::Stretch,
    text::{
        layout::{self, Layout},
        quick::{QuickRow, QuickRows},
        records::{Lines, Record, is_plain},
    },
    zones::Timezone,
};

/// The most bytes of a row with the comments before it: 64 MiB. A quote that is not closed makes a row of all that follows.
const LONGEST_ROW: usize = 64 << 20;

/// Adds every row of `bytes` to `sheet`. `stem` names the instrument where no column does.
pub(crate) fn read(
    path: &Path,
    bytes: &[u8],
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    let text = Text::new(path, bytes, options)?;
    let read = read_text(path, &text, stem, options, sheet);
    text.whole(read)
}

fn read_text(
    path: &Path,
    text: &Text<'_>,
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    let tables = text.tables(options)?;
    let (wanted, others): (Vec<&Table>, _) = tables.iter().partition(|table| match &table.instrument {
        Some(instrument) => options.wants(instrument),
        None => table.columns.symbol.is_some() || sheet.is_wanted,
    });
    let names = others.into_iter().map(|table| table.instrument.clone().unwrap_or_else(|| stem.to_owned()));
    sheet.skipped.extend(names);
    let Some(first) = wanted.first() else { return Ok(()) };
    text.layout.notes.iter().chain(&first.columns.notes).for_each(|note| sheet.note(note.clone()));
    sheet.unread.extend(wanted.iter().flat_map(|table| table.columns.unread.iter().cloned()));
    if first.is_raw {
        sheet.note(DATABENTO_NOTE.to_owned());
    }
    sheet.is_named |= first.columns.symbol.is_some() || first.instrument.is_some();
    sheet.has_volume = first.columns.volume.is_some();
    let (clock, note) = text.clock(&first.columns, stem, options)?;
    note.into_iter().for_each(|note| sheet.note(note));
    let mut marks = options.read.decimal.map(|decimal| Marks { decimal });
    let mut read = text.read_rows(&wanted, stem, options, (clock, marks), sheet);
    if let Err(cell) = read {
        let settled = text.settle_marks(&wanted)?;
        if settled.read(&cell, true).is_some() {
            let cell = excerpt(&cell);
            sheet.note(format!("has numbers like `{cell}`, read with the decimal mark `{}`", settled.decimal));
        }
        sheet.clear();
        marks = Some(settled);
        let (clock, _) = text.clock(&first.columns, stem, options)?;
        read = text.read_rows(&wanted, stem, options, (clock, marks), sheet);
    }
    // With marks, no cell asks for them.
    let Ok(clock) = read else { return Ok(()) };
    sheet.stamps = clock.stamps();
    sheet.zone = clock.zone().cloned();
    settle_zone(path, &first.columns, options, sheet)?;
    sheet.description = FileDescription { date_format: clock.pattern(), ..text.description(first, marks) };
    match clock.doubt() {
        Some(problem) => Err(DataError::Times { path: path.to_owned(), problem }),
        None => Ok(()),
    }
}

/// Takes the zone that the name of the column of times has, unless times have zones of their own, or one is given.
fn settle_zone(path: &Path, columns: &Columns, options: &LoadOptions, sheet: &mut Sheet) -> Result<(), DataError> {
    let name = columns.zone.as_deref().filter(|_| sheet.stamps == Stamps::Local && options.timezone.is_none());
    let Some(name) = name else { return Ok(()) };
    if let Some(zone) = zone_of(name) {
        sheet.note(format!("has times of {zone}, as the name of their column says (`--timezone` says another)"));
        sheet.zone = Some(zone);
    } else if is_abbreviation(name) {
        let problem = format!(
            "the column of times is of the zone `{}`, which may be several; say which (`--timezone America/New_York`)",
            excerpt(name)
        );
        return Err(DataError::Times { path: path.to_owned(), problem });
    } else {
        let name = excerpt(name);
        sheet.note(format!(
            "has times of `{name}` in the name of their column, taken as UTC (`--timezone` says another)"
        ));
    }
    Ok(())
}

/// The zone in the name of a column: a name of one, or a distance from UTC. Abbreviations of a clock that may be set forward
/// in summer tell no zone.
fn zone_of(name: &str) -> Option<Timezone> {
    let name = name.trim();
    let upper = name.to_uppercase();
    let distance = ["UTC", "GMT"].into_iter().find_map(|prefix| upper.strip_prefix(prefix)).unwrap_or(&upper).trim();
    if distance.is_empty() {
        return "UTC".parse().ok();
    }
    if let Some(digits) = distance.strip_prefix(['+', '-']) {
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "00"));
        return format!("{}{hours:0>2}:{minutes}", &distance[..1]).parse().ok();
    }
    let zone: Timezone = name.replace(' ', "_").parse().ok()?;
    // Those with a summer of their own are the names of zones.
    (!is_abbreviation(name) || zone.abbreviations().len() > 1).then_some(zone)
}

fn is_abbreviation(name: &str) -> bool {
    (2..=5).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Reads the times and the columns that bars are not made of.
pub(crate) fn others(path: &Path, bytes: &[u8], options: &LoadOptions) -> Result<Others, DataError> {
    let text = Text::new(path, bytes, options)?;
    let found = others_of(&text, options);
    text.whole(found)
}

fn others_of(text: &Text<'_>, options: &LoadOptions) -> Result<Others, DataError> {
    let tables = text.tables(options)?;
    let mut found = Others::default();
    let Some(Table { columns, instrument: None, .. }) = tables.first() else { return Ok(found) };
    let names = &text.layout.names;
    let used: Vec<usize> = columns.all().collect();
    let unused: Vec<usize> = (0..names.len()).filter(|at| !used.contains(at)).collect();
    found.columns.extend(unused.iter().map(|at| OtherColumn::new(names[*at].trim())));
    let (clock, _) = text.clock(columns, "", options)?;
    let mut cells = Cells { columns, names, stem: "", clock, marks: None, is_raw: false, marked: None };
    let (mut rows, mut record) = (text.rows(), Record::default());
    while rows.next(&mut record).is_some() {
        if record.len() == names.len()
            && let Ok(time) = cells.time(&record)
        {
            found.times.push(time);
            found.columns.iter_mut().zip(&unused).for_each(|(column, at)| column.push(record.cell(*at)));
        }
    }
    Ok(found)
}

/// A text with its layout.
struct Text<'a> {
    path: &'a Path,
    layout: Layout,
    /// The rows, without what stands before them.
    body: Cow<'a, str>,
    delimiter: u8,
    /// Whether its rows are lines.
    is_plain: bool,
    /// The line of a row that is too long to be read.
    long_row: Cell<Option<u64>>,
}

/// The columns of an instrument that the header names, or of the instruments of all rows.
struct Table {
    instrument: Option<String>,
    columns: Columns,
    /// Whether prices are whole numbers of Databento's unit.
    is_raw: bool,
}

impl<'a> Text<'a> {
    fn new(path: &'a Path, bytes: &'a [u8], options: &LoadOptions) -> Result<Self, DataError> {
        let text = decode(path, bytes)?;
        if text.trim().is_empty() {
            return Err(DataError::Empty { path: path.to_owned(), lack: "is empty" });
        }
        if let Some(line) = long_line(text.as_bytes()) {
            return Err(long(path, line, LONGEST_LINE));
        }
        let layout = layout::find(path, text, &options.read)?;
        let body = &text[layout.start..];
        let (body, delimiter) = match layout.delimiter {
            Delimiter::Char(byte) => (Cow::Borrowed(body), byte),
            Delimiter::Blanks => (Cow::Owned(with_tabs(body)), b'\t'),
        };
        let is_plain = !layout.has_comments && is_plain(&body, delimiter);
        Ok(Self { path, layout, body, delimiter, is_plain, long_row: Cell::new(None) })
    }

    fn rows(&self) -> Rows<'_> {
        Rows::new(self)
    }

    /// What was `read` of the text, unless a row is too long, behind which nothing was.
    fn whole<T>(&self, read: Result<T, DataError>) -> Result<T, DataError> {
        self.long_row.get().map_or(read, |line| Err(long(self.path, line, LONGEST_ROW)))
    }

    /// The columns, found by name. A first column without a name is an index, which serves as the time if it holds one.
    fn tables(&self, options: &LoadOptions) -> Result<Vec<Table>, DataError> {
        let names = &self.layout.names;
        let (mut rows, mut first) = (self.rows(), Record::default());
        rows.next(&mut first);
        let key = names.first().map_or("", |name| name.trim());
        let unnamed = key.is_empty() || key.eq_ignore_ascii_case("index") || key.eq_ignore_ascii_case("unnamed: 0");
        let index = (unnamed && is_calendar(first.cell(0))).then_some(0);
        let sample = |time: TimeColumn| read_time(&mut Clock::default(), time, &first).ok();
        if let Some(instruments) = &self.layout.instruments {
            let pairs: Vec<_> = names.iter().cloned().zip(instruments.iter().cloned()).collect();
            let table = |(instrument, columns)| Table { instrument: Some(instrument), columns, is_raw: false };
            return Ok(Columns::find_wide(self.path, &pairs, options, index, &sample)?
                .into_iter()
                .map(table)
                .collect());
        }
        let columns = Columns::find(self.path, names, options, index, &sample)?;
        let is_raw = is_databento(names) && self.are_whole(&columns);
        Ok(vec![Table { instrument: None, columns, is_raw }])
    }

    /// Whether the prices of the first rows have no fraction.
    fn are_whole(&self, columns: &Columns) -> bool {
        const LOOKED_AT: usize = 1000;
        let (mut rows, mut record) = (self.rows(), Record::default());
        let is_whole = |text: &str| text.parse::<i64>().is_ok();
        (0..LOOKED_AT)
            .map_while(|_| rows.next(&mut record).map(|_| columns.prices().map(|at| is_whole(record.cell(at)))))
            .all(|prices| prices.into_iter().all(|is_whole| is_whole))
    }

    /// The clock for the times, and a remark on their form.
    fn clock(
        &self,
        columns: &Columns,
        stem: &str,
        options: &LoadOptions,
    ) -> Result<(Clock, Option<String>), DataError> {
        let names: Vec<&str> = columns.times().map(|at| self.layout.names[at].trim()).collect();
        let empty = || TimeTexts::of_column(&names.join(" "));
        let push = |texts: &mut TimeTexts, line: u64, record: &Record<'_>| {
            let place = Location::Line(line);
            match columns.time {
                TimeColumn::One(at) => texts.push(place, record.cell(at)),
                TimeColumn::Pair(date, time) => texts.push_pair(place, record.cell(date), record.cell(time)),
            }
        };
        let (mut begins, mut first) = (empty(), Record::default());
        let line = self.rows().next(&mut first).unwrap_or_default();
        push(&mut begins, line, &first);
        let all = || {
            let (mut texts, mut rows, mut record) = (empty(), self.rows(), Record::default());
            while let Some(line) = rows.next(&mut record) {
                push(&mut texts, line, &record);
            }
            texts
        };
        let named = columns.zone.as_deref().and_then(zone_of);
        let zone = options.timezone_of(stem).or(named.as_ref());
        Clock::of_file(begins.first(), options.read.date_format.as_deref(), zone, all)
            .map_err(|problem| DataError::Times { path: self.path.to_owned(), problem })
    }

    /// Adds the rows to `sheet`, and returns the clock that has read their times.
    ///
    /// # Errors
    ///
    /// Without `marks`, returns the first number that cannot be read without.
    fn read_rows(
        &self,
        tables: &[&Table],
        stem: &str,
        options: &LoadOptions,
        (clock, marks): (Clock, Option<Marks>),
        sheet: &mut Sheet,
    ) -> Result<Clock, String> {
        let Some(first) = tables.first() else { return Ok(clock) };
        let names = &self.layout.names;
        let is_raw = first.is_raw;
        let mut cells = Cells { columns: &first.columns, names, stem, clock, marks, is_raw, marked: None };
        let mut wanted = Wanted::new(options);
        let (mut rows, mut record) = (self.rows(), Record::default());
        let is_usual = first.instrument.is_none() && marks.is_none() && !is_raw;
        let quick = QuickRows::of(&first.columns, names.len(), self.delimiter).filter(|_| is_usual);
        if first.instrument.is_none() && first.columns.symbol.is_none() {
            sheet.expected = self.expected();
        }
        let mut stretch = Lined::new(stem, quick.as_ref().is_some_and(|quick| quick.has_volume));
        loop {
            if let Some((number, row)) = quick.as_ref().and_then(|quick| rows.next_quick(quick)) {
                stretch.take(number, &row, &mut cells.clock, sheet);
                continue;
            }
            stretch.hand_over(sheet);
            let Some(number) = rows.next(&mut record) else { break };
            let place = Location::Line(number);
            if first.instrument.is_some() {
                for table in tables {
                    cells.columns = &table.columns;
                    cells.stem = table.instrument.as_deref().unwrap_or_default();
                    if record.len() != names.len() || !cells.is_blank(&record) {
                        sheet.push(cells.row(&record, place));
                    }
                }
            } else if wanted.takes(&cells, &record) {
                sheet.push(cells.row(&record, place));
            }
            if let Some(marked) = cells.marked.take().filter(|_| marks.is_none()) {
                return Err(marked);
            }
        }
        sheet.skipped.extend(wanted.skipped);
        Ok(cells.clock)
    }

    /// About how many rows there are, by the lines that the text begins with.
    fn expected(&self) -> usize {
        const LOOKED_AT: usize = 64 << 10;
        let start = &self.body.as_bytes()[..self.body.len().min(LOOKED_AT)];
        let lines = memchr::memchr_iter(b'\n', start).count();
        // Later lines may be somewhat shorter.
        let share = self.body.len() as f64 / start.len().max(1) as f64;
        (lines as f64 * share * 1.02) as usize
    }

    /// The marks that all numbers of the text agree on.
    fn settle_marks(&self, tables: &[&Table]) -> Result<Marks, DataError> {
        let mut evidence = Evidence::default();
        let (mut rows, mut record) = (self.rows(), Record::default());
        while rows.next(&mut record).is_some() {
            for table in tables {
                table.columns.numbers().for_each(|at| evidence.see(record.cell(at)));
            }
        }
        evidence.settle().map_err(|problem| DataError::Numbers { path: self.path.to_owned(), problem })
    }

    /// What was recognised, so that the text is read the same way when it is said.
    fn description(&self, table: &Table, marks: Option<Marks>) -> FileDescription {
        let layout = &self.layout;
        let mut found = FileDescription {
            delimiter: Some(layout.delimiter),
            skip: Some(layout.skip),
            header: Some(layout.header),
            decimal: marks.map(|marks| marks.decimal),
            ..FileDescription::default()
        };
        if table.instrument.is_some() {
            return found;
        }
        let name = |at: usize| {
            let name = layout.names[at].trim();
            let is_only = !name.is_empty() && layout.names.iter().filter(|other| other.trim() == name).count() == 1;
            Some(if layout.header > 0 && is_only { name.to_owned() } else { (at + 1).to_string() })
        };
        for (field, at) in table.columns.fields() {
            *found.column_mut(field) = name(at);
        }
        found
    }
}

/// Quick rows in lines that follow each other, on their way to the sheet.
struct Lined<'a> {
    symbol: &'a str,
    first: u64,
    time: Vec<i64>,
    /// Open, high, low, close and volume.
    columns: [Vec<f64>; 5],
    has_volume: bool,
}

impl<'a> Lined<'a> {
    /// The most rows that wait, so that they stay in the processor's cache.
    const MOST: usize = 2048;

    fn new(symbol: &'a str, has_volume: bool) -> Self {
        Self { symbol, first: 0, time: Vec::new(), columns: <[Vec<f64>; 5]>::default(), has_volume }
    }

    /// Takes a row with its line.
    #[inline]
    fn take(&mut self, line: u64, row: &QuickRow<'_>, clock: &mut Clock, sheet: &mut Sheet) {
        let time = clock.read(row.time);
        let (Ok(time), 0) = (&time, clock.offset()) else {
            return self.take_alone(line, row, time, clock.offset(), sheet);
        };
        if self.first + self.time.len() as u64 != line || self.time.len() == Self::MOST {
            self.hand_over(sheet);
            self.first = line;
        }
        self.time.push(*time);
        self.columns.iter_mut().zip(row.numbers).for_each(|(column, number)| column.push(number));
    }

    /// Hands a row over that has an offset, or no time.
    #[cold]
    fn take_alone(&mut self, line: u64, row: &QuickRow<'_>, time: Result<i64, String>, offset: i32, sheet: &mut Sheet) {
        self.hand_over(sheet);
        let [open, high, low, close, volume] = row.numbers;
        let (time, faults) = time.map_or_else(|fault| (0, vec![fault]), |time| (time, Vec::new()));
        sheet.push(Row {
            symbol: Some(self.symbol),
            place: Location::Line(line),
            bar: Bar { time, open, high, low, close, volume },
            adjusted: None,
            ticks: None,
            lacks_volume: false,
            offset,
            faults,
        });
    }

    /// Hands over what waits.
    fn hand_over(&mut self, sheet: &mut Sheet) {
        if self.time.is_empty() {
            return;
        }
        let [open, high, low, close, volume] = &self.columns;
        let volume = self.has_volume.then_some(volume.as_slice());
        let first = Location::Line(self.first);
        let mut rows = Stretch { first, time: &self.time, open, high, low, close, volume };
        loop {
            rows = sheet.take(self.symbol, &rows);
            let Some(row) = rows.row(self.symbol) else { break };
            sheet.push(row);
            rows = rows.rest();
        }
        self.time.clear();
        self.columns.iter_mut().for_each(Vec::clear);
    }
}

/// A text whose cells blanks separate, with a tab for the blanks between two cells.
fn with_tabs(text: &str) -> String {
    let lines = text.split_inclusive(['\n', '\r']).map(|line| {
        let end = &line[line.trim_end_matches(['\n', '\r']).len()..];
        line.split_whitespace().collect::<Vec<_>>().join("\t") + end
    });
    lines.collect()
}

/// The instruments to read, where a column names them.
struct Wanted<'a> {
    options: &'a LoadOptions,
    skipped: IndexSet<String>,
    /// The instrument of the row before, and whether it is wanted.
    last: (String, bool),
}

impl<'a> Wanted<'a> {
    fn new(options: &'a LoadOptions) -> Self {
        Self { options, skipped: IndexSet::new(), last: (String::new(), true) }
    }

    /// Whether to read the row; one that is too broken to tell its instrument is read.
    fn takes(&mut self, cells: &Cells<'_>, record: &Record<'_>) -> bool {
        if self.options.symbols.is_empty() || record.len() != cells.names.len() {
            return true;
        }
        let symbol = cells.symbol(record);
        if symbol != self.last.0 {
            // The set is quicker than a long list of what is wanted.
            let is_wanted =
                !self.skipped.contains(symbol) && (self.options.wants(symbol) || cells.columns.symbol.is_none());
            self.last = (symbol.to_owned(), is_wanted);
            if !is_wanted {
                self.skipped.insert(symbol.to_owned());
            }
        }
        self.last.1
    }
}

fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        DataError::NotUtf8 { path: path.to_owned(), line }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn long(path: &Path, line: u64, limit: usize) -> DataError {
    DataError::LongLine { path: path.to_owned(), line, limit }
}

/// The first line of `text` that is too long, counted from 1. Looks at a few bytes of a text without one.
pub(crate) fn long_line(text: &[u8]) -> Option<u64> {
    let newline = if text.contains(&b'\n') { b'\n' } else { b'\r' };
    let mut start = 0;
    while text.len() - start > LONGEST_LINE {
        match text[start..=start + LONGEST_LINE].iter().rposition(|byte| *byte == newline) {
            Some(length) => start += length + 1,
            None => return Some(1 + text[..start].iter().filter(|byte| **byte == newline).count() as u64),
        }
    }
    None
}

/// A text that is read row by row: a row that goes on and on, for want of a quote, is left.
struct Feed<'a> {
    rest: &'a [u8],
    /// How many bytes the row may still take.
    left: usize,
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.rest.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = buffer.len().min(self.left);
        let read = self.rest.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// The records of a text with their line numbers.
struct Rows<'a> {
    /// The lines, where the rows are lines.
    lines: Option<Lines<'a>>,
    text: &'a [u8],
    reader: csv::Reader<Feed<'a>>,
    long_row: &'a Cell<Option<u64>>,
    newline: u8,
    /// The line of the first byte.
    first: u64,
    line: u64,
    counted: usize,
    has_comments: bool,
}

impl<'a> Rows<'a> {
    fn new(text: &'a Text<'_>) -> Self {
        let Text { layout: Layout { lines, has_comments, .. }, body, delimiter, is_plain, long_row, .. } = text;
        let plain = is_plain.then(|| Lines::new(body, *delimiter));
        let (lines, has_comments, delimiter, bytes) = (*lines, *has_comments, *delimiter, body.as_bytes());
        let comment = has_comments.then_some(b'#');
        let mut builder = csv::ReaderBuilder::new();
        let reader = builder.has_headers(false).flexible(true).delimiter(delimiter).comment(comment);
        let reader = reader.from_reader(Feed { rest: bytes, left: 0 });
        let newline = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
        let first = 1 + lines;
        Self { lines: plain, text: bytes, reader, long_row, newline, first, line: first, counted: 0, has_comments }
    }

    /// Reads the next row and returns its line, if it is a line of plain numbers.
    #[inline]
    fn next_quick(&mut self, rows: &QuickRows) -> Option<(u64, QuickRow<'a>)> {
        let (before, row) = self.lines.as_mut()?.next_quick(rows)?;
        Some((self.first + before, row))
    }

    /// Reads the next record and returns its line.
    ///
    /// The reader's own count is of where the record before ended, which empty lines and CRLF take elsewhere.
    fn next(&mut self, record: &mut Record<'a>) -> Option<u64> {
        if let Some(lines) = &mut self.lines {
            return lines.next(record).map(|before| self.first + before);
        }
        let from = usize::try_from(self.reader.position().byte()).ok()?;
        self.reader.get_mut().left = LONGEST_ROW;
        // The reader fails on invalid UTF-8, which the text is not, and where a row is too long.
        let is_row = self.reader.read_record(&mut record.written);
        if is_row.is_err() {
            let before = self.text[..from].iter().filter(|byte| **byte == self.newline).count();
            self.long_row.set(Some(self.first + before as u64));
        }
        if !is_row.ok()? {
            return None;
        }
        let start = self.start(from);
        let newlines = self.text[self.counted..start].iter().filter(|byte| **byte == self.newline).count();
        self.line += newlines as u64;
        self.counted = start;
        Some(self.line)
    }

    /// Where a record begins that was read from `from` on: behind line ends and comments.
    fn start(&self, mut from: usize) -> usize {
        loop {
            from += self.text[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if !self.has_comments || self.text.get(from) != Some(&b'#') {
                return from;
            }
            from += self.text[from..].iter().take_while(|byte| **byte != self.newline).count();
        }
    }
}

/// Makes rows of records.
struct Cells<'a> {
    columns: &'a Columns,
    names: &'a [String],
    stem: &'a str,
    clock: Clock,
    /// How numbers are written, where they are not plain.
    marks: Option<Marks>,
    /// Whether prices are whole numbers of Databento's unit.
    is_raw: bool,
    /// A number that cannot be read without marks.
    marked: Option<String>,
}

impl<'a> Cells<'a> {
    fn row<'r>(&mut self, record: &'r Record<'_>, place: Location) -> Row<'r>
    where
        'a: 'r,
    {
        let mut faults = Vec::new();
        if record.len() != self.names.len() {
            let cells = counted(record.len() as u64, "cell");
            faults.push(format!("the row has {cells}, the header {}", self.names.len()));
            return Row {
                symbol: None,
                place,
                bar: NOT_READ,
                adjusted: None,
                ticks: None,
                lacks_volume: false,
                offset: 0,
                faults,
            };
        }
        let columns = self.columns;
        let time = self.time(record).unwrap_or_else(|fault| {
            faults.push(fault);
            0
        });
        let volume = columns.volume.map(|at| (at, record.cell(at)));
        let lacks_volume = volume.is_some_and(|(_, text)| is_nothing(text));
        let [open, high, low, close] = match columns.open == columns.close {
            // One price is all four, and at fault once.
            true => [self.number(record, columns.close, false, &mut faults); 4],
            false => columns.prices().map(|at| self.number(record, at, false, &mut faults)),
        };
        let bar = Bar {
            time,
            open,
            high,
            low,
            close,
            volume: match volume {
                Some((at, text)) if !lacks_volume => self.number_in(text, at, true, &mut faults),
                _ => 0.0,
            },
        };
        let adjusted = columns.adjusted.map(|at| self.number(record, at, false, &mut faults));
        // Whether it is used is known at the end only.
        let ticks = columns.ticks.map(|at| self.value(record.cell(at), true).unwrap_or(f64::NAN));
        let (symbol, offset) = (Some(self.symbol(record)), self.clock.offset());
        Row { symbol, place, bar, adjusted, ticks, lacks_volume, offset, faults }
    }

    fn symbol<'r>(&self, record: &'r Record<'_>) -> &'r str
    where
        'a: 'r,
    {
        self.columns.symbol.map_or(self.stem, |at| record.cell(at))
    }

    /// Whether the row has nothing of the instrument, as a table has where another instrument trades alone.
    fn is_blank(&self, record: &Record<'_>) -> bool {
        let columns = self.columns;
        [columns.open, columns.high, columns.low, columns.close].into_iter().all(|at| is_nothing(record.cell(at)))
    }

    fn time(&mut self, record: &Record<'_>) -> Result<i64, String> {
        read_time(&mut self.clock, self.columns.time, record)
    }

    /// The number that a cell has, in the marks of the text.
    fn value(&self, text: &str, units: bool) -> Option<f64> {
        match self.marks {
            // The number nearest to the decimal, which a quotient need not be.
            _ if self.is_raw && !units => format!("{text}e-{DATABENTO_DIGITS}").parse().ok(),
            Some(marks @ Marks { decimal: ',' }) => marks.read(text, units),
            Some(marks) => text.parse().ok().or_else(|| marks.read(text, units)),
            None => text.parse().ok(),
        }
    }

    fn number(&mut self, record: &Record<'_>, at: usize, units: bool, faults: &mut Vec<String>) -> f64 {
        self.number_in(record.cell(at), at, units, faults)
    }

    /// The number that the cell `text` of column `at` has.
    #[inline]
    fn number_in(&mut self, text: &str, at: usize, units: bool, faults: &mut Vec<String>) -> f64 {
        // Most numbers are plain, and well.
        if self.marks.is_none()
            && !self.is_raw
            && let Ok(value) = text.parse::<f64>()
            && value.is_finite()
        {
            return value;
        }
        self.other_number(text, at, units, faults)
    }

    #[inline(never)]
    fn other_number(&mut self, text: &str, at: usize, units: bool, faults: &mut Vec<String>) -> f64 {
        let value = self.value(text, units);
        if let Some(value) = value
            && value.is_finite()
        {
            return value;
        }
        if self.marks.is_none() && value.is_none() && is_marked(text) {
            self.marked = Some(text.to_owned());
        }
        let fault = match (value, self.marks) {
            (Some(_), _) => "which is not finite".to_owned(),
            (None, Some(Marks { decimal })) if is_marked(text) => {
                format!("which is not a number with the decimal mark `{decimal}`")
            }
            (None, _) => "which is not a number".to_owned(),
        };
        let name = self.names[at].trim();
        faults.push(match text {
            "" => format!("`{name}` is empty"),
            _ => format!("`{name}` is `{}`, {fault}", excerpt(text)),
        });
        f64::NAN
    }
}

fn read_time(clock: &mut Clock, columns: TimeColumn, record: &Record<'_>) -> Result<i64, String> {
    match columns {
        TimeColumn::One(at) => clock.read(record.cell(at)),
        TimeColumn::Pair(date, time) => clock.read_pair(record.cell(date), record.cell(time)),
    }
}

/// The values of a row of which no cell was read.
const NOT_READ: Bar = Bar { time: 0, open: f64::NAN, high: f64::NAN, low: f64::NAN, close: f64::NAN, volume: f64::NAN };
