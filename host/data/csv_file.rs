//! CSV reader: the rows of a delimited text file.
//!
//! Never allocates for a cell that is well; never reads what no column name asks for.

use std::path::Path;

use csv::StringRecord;
use indexmap::IndexSet;

use super::{
    columns::{Columns, TimeColumn},
    error::{DataError, Location, excerpt},
    options::LoadOptions,
    rows::{Bar, Row},
    several::{OtherColumn, Others},
    sheet::Sheet,
    times::{Clock, is_calendar},
};

/// Adds every row of `bytes` to `sheet`. `stem` names the instrument where no column does.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    let text = decode(path, bytes)?;
    let mut rows = Rows::new(text);
    let mut header = StringRecord::new();
    if rows.next(&mut header).is_none() {
        return Err(DataError::Empty { path: path.to_owned(), lack: "is empty" });
    }
    let mut record = StringRecord::new();
    let mut line = rows.next(&mut record);
    let index = line.and_then(|_| index_column(&header, &record));
    let names: Vec<&str> = header.iter().collect();
    let columns = Columns::find(path, &names, options, index)?;
    if columns.symbol.is_none() && !sheet.is_wanted {
        sheet.skipped.insert(stem.to_owned());
        return Ok(());
    }
    columns.notes.iter().for_each(|text| sheet.note(text.clone()));
    sheet.is_named |= columns.symbol.is_some();
    sheet.has_volume = columns.volume.is_some();
    let mut cells = Cells { columns: &columns, names: &names, stem, clock: Clock::default() };
    let mut wanted = Wanted::new(options);
    while let Some(number) = line {
        if wanted.takes(&cells, &record) {
            sheet.push(cells.row(&record, Location::Line(number)));
        }
        line = rows.next(&mut record);
    }
    sheet.skipped.extend(wanted.skipped);
    sheet.stamps = cells.clock.stamps();
    match cells.clock.doubt() {
        Some(problem) => Err(DataError::Times { path: path.to_owned(), problem }),
        None => Ok(()),
    }
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
    fn takes(&mut self, cells: &Cells<'_>, record: &StringRecord) -> bool {
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

/// Reads the times and the columns that bars are not made of.
pub(super) fn others(path: &Path, bytes: &[u8], options: &LoadOptions) -> Result<Others, DataError> {
    let mut rows = Rows::new(decode(path, bytes)?);
    let (mut header, mut record) = (StringRecord::new(), StringRecord::new());
    rows.next(&mut header);
    let mut line = rows.next(&mut record);
    let names: Vec<&str> = header.iter().collect();
    let columns = Columns::find(path, &names, options, line.and_then(|_| index_column(&header, &record)))?;
    let used: Vec<usize> = columns.all().collect();
    let unused: Vec<usize> = (0..names.len()).filter(|at| !used.contains(at)).collect();
    let mut found = Others::default();
    found.columns.extend(unused.iter().map(|at| OtherColumn::new(names[*at].trim())));
    let mut cells = Cells { columns: &columns, names: &names, stem: "", clock: Clock::default() };
    while line.is_some() {
        if record.len() == names.len()
            && let Ok(time) = cells.time(&record)
        {
            found.times.push(time);
            found.columns.iter_mut().zip(&unused).for_each(|(column, at)| column.push(cell(&record, *at)));
        }
        line = rows.next(&mut record);
    }
    Ok(found)
}

fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
        DataError::NotUtf8 { path: path.to_owned(), line }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A first column without a name is an index, as pandas writes it; it serves as the time if it holds one.
fn index_column(header: &StringRecord, first: &StringRecord) -> Option<usize> {
    let name = header.get(0)?.trim();
    let unnamed = name.is_empty() || name.eq_ignore_ascii_case("index") || name.eq_ignore_ascii_case("unnamed: 0");
    (unnamed && is_calendar(first.get(0)?.trim())).then_some(0)
}

/// The records of a text with their line numbers.
struct Rows<'a> {
    text: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    newline: u8,
    line: u64,
    counted: usize,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(text)).from_reader(bytes);
        let newline = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
        Self { text: bytes, reader, newline, line: 1, counted: 0 }
    }

    /// Reads the next record and returns its line.
    ///
    /// The reader's own count is of where the record before ended, which empty lines and CRLF take elsewhere.
    fn next(&mut self, record: &mut StringRecord) -> Option<u64> {
        let from = usize::try_from(self.reader.position().byte()).ok()?;
        // The reader fails on input errors and invalid UTF-8 only; the text is in memory and valid.
        if !self.reader.read_record(record).ok()? {
            return None;
        }
        let skipped = self.text.get(from..)?.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let start = from + skipped;
        let newlines = self.text[self.counted..start].iter().filter(|byte| **byte == self.newline).count();
        self.line += newlines as u64;
        self.counted = start;
        Some(self.line)
    }
}

/// What separates the cells of the first line: the most frequent of comma, semicolon and tab.
fn delimiter(text: &str) -> u8 {
    let first = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let count = |wanted: u8| first.bytes().filter(|byte| *byte == wanted).count();
    // The last of equals wins, so the comma stands last.
    b"\t;,".iter().copied().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// Makes rows of records.
struct Cells<'a> {
    columns: &'a Columns,
    names: &'a [&'a str],
    stem: &'a str,
    clock: Clock,
}

impl<'a> Cells<'a> {
    fn row<'r>(&mut self, record: &'r StringRecord, place: Location) -> Row<'r>
    where
        'a: 'r,
    {
        let mut faults = Vec::new();
        if record.len() != self.names.len() {
            faults.push(format!("the row has {} cells, the header {}", record.len(), self.names.len()));
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
        let mut number = |at| self.number(record, at, &mut faults);
        let bar = Bar {
            time,
            open: number(columns.open),
            high: number(columns.high),
            low: number(columns.low),
            close: number(columns.close),
            volume: columns.volume.map_or(0.0, &mut number),
        };
        let adjusted = columns.adjusted.map(number);
        // Whether it is used is known at the end only.
        let ticks = columns.ticks.map(|at| cell(record, at).parse().unwrap_or(f64::NAN));
        Row {
            symbol: Some(self.symbol(record)),
            place,
            bar,
            adjusted,
            ticks,
            lacks_volume: false,
            offset: self.clock.offset(),
            faults,
        }
    }

    fn symbol<'r>(&self, record: &'r StringRecord) -> &'r str
    where
        'a: 'r,
    {
        self.columns.symbol.map_or(self.stem, |at| cell(record, at))
    }

    fn time(&mut self, record: &StringRecord) -> Result<i64, String> {
        match self.columns.time {
            TimeColumn::One(at) => self.clock.read(cell(record, at)),
            TimeColumn::Pair(date, time) => self.clock.read_pair(cell(record, date), cell(record, time)),
        }
    }

    fn number(&self, record: &StringRecord, at: usize, faults: &mut Vec<String>) -> f64 {
        let text = cell(record, at);
        let number = text.parse::<f64>();
        if let Ok(value) = number
            && value.is_finite()
        {
            return value;
        }
        let fault = match number {
            Ok(_) => "which is not finite",
            Err(_) if text.contains(',') => "which has a comma; write numbers with a decimal point and no other mark",
            Err(_) => "which is not a number",
        };
        let name = self.names[at].trim();
        faults.push(match text {
            "" => format!("`{name}` is empty"),
            _ => format!("`{name}` is `{}`, {fault}", excerpt(text)),
        });
        f64::NAN
    }
}

/// The values of a row of which no cell was read.
const NOT_READ: Bar = Bar { time: 0, open: f64::NAN, high: f64::NAN, low: f64::NAN, close: f64::NAN, volume: f64::NAN };

/// A cell without the blanks around it; of a row that is too short, nothing.
fn cell(record: &StringRecord, at: usize) -> &str {
    record.get(at).unwrap_or_default().trim()
}
