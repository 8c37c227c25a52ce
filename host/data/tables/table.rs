//! Tables: files of typed columns, whatever their format, and the bars in them.
//!
//! Never reads columns that it does not need; never knows how a format stores a value.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use indexmap::IndexSet;

use crate::data::{
    columns::{Columns, TimeColumn},
    dates::{
        clock::{Clock, Stamps},
        texts::TimeTexts,
    },
    description::FileDescription,
    error::{DataError, counted, excerpt},
    fields::{Field as Role, normal, without_zone},
    numbers::{Evidence, Marks, is_marked},
    options::LoadOptions,
    raw_prices::{DATABENTO_DIGITS, DATABENTO_NOTE, is_databento},
    several::{OtherColumn, Others},
    sheet::Sheet,
    sources::unpack::Limit,
    tables::{
        rows::{Batch, Digits, Room, Time, Written},
        types::{Field, Meaning, Width},
        values::{Damage, Texts, Values},
        wide,
    },
};

/// Rows that are decoded at a time.
const BATCH: usize = 8192;

/// A file of typed columns, in parts of some rows.
pub(crate) trait Table {
    type Part<'a>: Part
    where
        Self: 'a;

    /// The name of the format.
    const FORMAT: &'static str;

    /// The columns.
    fn fields(&self) -> Result<Vec<Field>, Damage>;

    /// A text that the file keeps under a key.
    fn metadata(&self, key: &str) -> Option<String>;

    /// What the user should know about the file; each continues its name.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The number of parts.
    fn parts(&self) -> usize;

    /// The length of the file in bytes.
    fn size(&self) -> usize;

    /// The number of rows of a part.
    fn rows(&self, part: usize) -> Result<usize, Damage>;

    /// Whether the file says of a part that it has none of `symbols` in a column.
    fn lacks(&self, part: usize, leaf: usize, symbols: &[String]) -> bool;

    /// Opens the columns of a part that are to be read.
    fn open<'a>(&'a self, part: usize, fields: &'a [Field], columns: &[usize]) -> Result<Self::Part<'a>, Damage>;
}

/// The columns of a part that is being read.
pub(crate) trait Part {
    /// Reads the next rows of a column.
    fn values(&mut self, at: usize, rows: usize) -> Result<Values, Damage>;

    /// Passes over the next rows of a column.
    fn skip(&mut self, at: usize, rows: usize) -> Result<(), Damage>;

    /// Fails if a column has rows left.
    fn end(&mut self) -> Result<(), Damage>;
}

/// Adds every row of a table to `sheet`. `stem` names the instrument where nothing in the file does.
pub(crate) fn read<T: Table>(
    path: &Path,
    table: &T,
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    let mut layout = Layout::find(path, table, options)?;
    if layout.is_nameless() && !sheet.is_wanted {
        sheet.skipped.insert(stem.to_owned());
        return Ok(());
    }
    layout.select(options, sheet);
    if layout.instruments.is_empty() {
        return Ok(());
    }
    let rows = check_rows(path, table, layout.instruments.len())?;
    layout.notes.iter().for_each(|text| sheet.note(text.clone()));
    sheet.unread.extend(layout.instruments.iter().flat_map(|one| one.columns.unread.iter().cloned()));
    sheet.is_named |= !layout.is_nameless();
    sheet.has_volume = layout.instruments.iter().any(|instrument| instrument.columns.volume.is_some());
    let (marks, note) = marks(path, table, &layout, options)?;
    layout.written.marks = marks;
    note.into_iter().for_each(|text| sheet.note(text));
    let (mut clock, note) = clock(path, table, &layout, stem, options)?;
    note.into_iter().for_each(|text| sheet.note(text));
    if layout.symbol().is_none() && layout.instruments.len() == 1 {
        sheet.expected = rows;
    }
    let found = read_parts(table, &mut layout, stem, options, &mut clock, sheet);
    found.map_err(|damage| damaged::<T>(path, damage))?;
    layout.note_blanks(sheet);
    settle_stamps(&layout, &clock, sheet);
    sheet.description = layout.description(&clock);
    clock.doubt().map_or(Ok(()), |problem| Err(DataError::Times { path: path.to_owned(), problem }))
}

/// Returns the number of rows; refuses a file whose rows would take far more memory than bars of its size can: columns that repeat a value take no room in
/// it.
fn check_rows<T: Table>(path: &Path, table: &T, instruments: usize) -> Result<usize, DataError> {
    /// Bytes of a bar: its time, four prices and the volume.
    const BAR: u64 = 48;
    let rows = (0..table.parts())
        .map(|part| table.rows(part))
        .try_fold(0, |all: u64, rows| rows.map(|rows| all.saturating_add(rows as u64)));
    let rows = rows.map_err(|damage| damaged::<T>(path, damage))?;
    let (size, limit) = (table.size(), Limit::of(table.size()).bytes());
    let bytes = rows.saturating_mul(instruments as u64).saturating_mul(BAR);
    if bytes > limit {
        return Err(DataError::TooManyRows { path: path.to_owned(), rows, instruments, size, bytes, limit });
    }
    // What is within the limit is within what memory can have.
    Ok(usize::try_from(rows).unwrap_or_default())
}

/// The marks of the numbers of a table that are texts, where they are no plain numbers, and a remark on them.
fn marks<T: Table>(
    path: &Path,
    table: &T,
    layout: &Layout,
    options: &LoadOptions,
) -> Result<(Option<Marks>, Option<String>), DataError> {
    if let Some(decimal) = options.read.decimal {
        return Ok((Some(Marks { decimal }), None));
    }
    let is_text = |at: &usize| matches!(layout.fields[*at].kind.meaning, Meaning::Text | Meaning::Bytes);
    let columns = layout.instruments.iter().flat_map(|instrument| instrument.columns.numbers());
    let columns: Vec<usize> = columns.filter(is_text).collect::<IndexSet<_>>().into_iter().collect();
    if columns.is_empty() {
        return Ok((None, None));
    }
    let (mut evidence, mut marked) = (Evidence::default(), None);
    let read = each_batch(table, &layout.fields, &columns, |open, rows| {
        for at in &columns {
            let texts = open.values(*at, rows)?.into_names();
            for text in (0..rows).filter_map(|row| texts.get(row)).map(str::trim) {
                if marked.is_none() && text.parse::<f64>().is_err() && is_marked(text) {
                    marked = Some(text.to_owned());
                }
                evidence.see(text);
            }
        }
        Ok(true)
    });
    read.map_err(|damage| damaged::<T>(path, damage))?;
    let Some(cell) = marked else { return Ok((None, None)) };
    let marks = evidence.settle().map_err(|problem| DataError::Numbers { path: path.to_owned(), problem })?;
    let note = format!("has numbers like `{}`, read with the decimal mark `{}`", excerpt(&cell), marks.decimal);
    Ok((Some(marks), Some(note)))
}

/// The clock for the times of a table, and a remark on the form that their texts or numbers settle.
fn clock<T: Table>(
    path: &Path,
    table: &T,
    layout: &Layout,
    stem: &str,
    options: &LoadOptions,
) -> Result<(Clock, Option<String>), DataError> {
    let Some(column) = layout.instruments.first().map(|instrument| instrument.columns.time) else {
        return Ok((Clock::default(), None));
    };
    // Times of day that are whole numbers have a form of their own.
    let column = match column {
        TimeColumn::Pair(date, _) if layout.written.digits.is_some() => TimeColumn::One(date),
        column => column,
    };
    let places: Vec<usize> = column.places().collect();
    let is_written = |at: &usize| layout.fields[*at].kind.meaning.is_written();
    if !places.iter().all(is_written) {
        return Ok((Clock::default(), None));
    }
    let names: Vec<&str> = places.iter().map(|at| layout.fields[*at].name.as_str()).collect();
    let empty = || TimeTexts::of_column(&names.join(" "));
    let collect = |most: usize| {
        let mut texts = empty();
        let (mut left, mut before) = (most, 0);
        let read = each_batch(table, &layout.fields, &places, |open, rows| {
            let values = read_columns(open, &layout.fields, &places, None, rows)?;
            let batch = Batch { fields: &layout.fields, values, names: None, before, written: Written::default() };
            let taken = rows.min(left);
            left -= taken;
            before += rows as u64;
            (0..taken).for_each(|row| batch.collect(column, row, &mut texts));
            Ok(left > 0)
        });
        read.map(|()| texts).map_err(|damage| damaged::<T>(path, damage))
    };
    let first = collect(1)?;
    let all = if Clock::needs_form(first.first()) { collect(usize::MAX)? } else { empty() };
    Clock::of_file(first.first(), options.read.date_format.as_deref(), options.timezone_of(stem), || all)
        .map_err(|problem| DataError::Times { path: path.to_owned(), problem })
}

/// A file that cannot be read.
pub(crate) fn damaged<T: Table>(path: &Path, damage: Damage) -> DataError {
    DataError::Unreadable { path: path.to_owned(), format: T::FORMAT, source: damage.into_text().into() }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread reads a file of columns. A panic is then that of a damaged file: it becomes an error, and is not to be
/// told as a panic.
pub fn catches_panics() -> bool {
    GUARDED.get()
}

/// Calls `read`. Libraries panic on some damaged files; what is half read then is never looked at again.
pub(crate) fn guarded<T: Table, R>(path: &Path, read: impl FnOnce() -> Result<R, DataError>) -> Result<R, DataError> {
    let damage = || damaged::<T>(path, Damage::new("the file is damaged; write or download it again"));
    let outer = GUARDED.replace(true);
    let read = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(outer);
    read.unwrap_or_else(|_| Err(damage()))
}

fn read_parts<T: Table>(
    table: &T,
    layout: &mut Layout,
    stem: &str,
    options: &LoadOptions,
    clock: &mut Clock,
    sheet: &mut Sheet,
) -> Result<(), Damage> {
    let columns = layout.all();
    let mut before = 0;
    for part in 0..table.parts() {
        let rows = table.rows(part)?;
        let leaf = layout.symbol().and_then(|at| layout.fields[at].leaf).filter(|_| !options.symbols.is_empty());
        if leaf.is_some_and(|leaf| table.lacks(part, leaf, &options.symbols)) {
            sheet.is_partial = true;
            before += rows as u64;
            continue;
        }
        let mut open = table.open(part, &layout.fields, &columns)?;
        let mut left = rows;
        while left > 0 {
            let rows = left.min(BATCH);
            left -= rows;
            let (names, wanted) = names(&mut open, layout.symbol(), rows, options, sheet)?;
            if wanted.is_empty() {
                let others = columns.iter().filter(|at| Some(**at) != layout.symbol());
                others.copied().try_for_each(|at| open.skip(at, rows))?;
            } else {
                let values = read_columns(&mut open, &layout.fields, &columns, layout.symbol(), rows)?;
                let batch = Batch { fields: &layout.fields, values, names, before, written: layout.written };
                push_rows(&batch, &mut layout.instruments, layout.is_shared, &wanted, stem, clock, sheet);
            }
            before += rows as u64;
        }
        open.end()?;
    }
    Ok(())
}

/// The names of the instruments of the next rows, and the rows of those that are asked for.
fn names(
    open: &mut impl Part,
    symbol: Option<usize>,
    rows: usize,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(Option<Texts>, Vec<usize>), Damage> {
    let Some(at) = symbol else { return Ok((None, (0..rows).collect())) };
    let names = open.values(at, rows)?.into_names();
    let (wanted, skipped) = wanted(&names, rows, options);
    sheet.skipped.extend(skipped);
    Ok((Some(names), wanted))
}

/// The rows of the instruments that are asked for, and the other instruments.
fn wanted(names: &Texts, rows: usize, options: &LoadOptions) -> (Vec<usize>, IndexSet<String>) {
    if options.symbols.is_empty() {
        return ((0..rows).collect(), IndexSet::new());
    }
    let (mut wanted, mut skipped) = (Vec::new(), IndexSet::new());
    let mut last = ("", false);
    for row in 0..rows {
        let name = names.get(row).unwrap_or_default().trim();
        if name != last.0 {
            last = (name, !skipped.contains(name) && options.wants(name));
        }
        if last.1 {
            wanted.push(row);
        } else if skipped.last().is_none_or(|other| other != name) {
            skipped.insert(name.to_owned());
        }
    }
    (wanted, skipped)
}

/// Reads the next rows of columns, but that of the symbols.
fn read_columns(
    open: &mut impl Part,
    fields: &[Field],
    columns: &[usize],
    symbol: Option<usize>,
    rows: usize,
) -> Result<Vec<Option<Values>>, Damage> {
    let mut values: Vec<Option<Values>> = fields.iter().map(|_| None).collect();
    for at in columns.iter().copied().filter(|at| Some(*at) != symbol) {
        let found = open.values(at, rows).map_err(|damage| damage.of_column(&fields[at].name))?;
        values[at] = Some(found);
    }
    Ok(values)
}

fn push_rows(
    batch: &Batch<'_>,
    instruments: &mut [Instrument],
    is_shared: bool,
    wanted: &[usize],
    stem: &str,
    clock: &mut Clock,
    sheet: &mut Sheet,
) {
    let mut room = Room::default();
    if let ([Instrument { symbol, columns, bars, .. }], false, 0) = (&mut *instruments, is_shared, clock.offset())
        && let Some(mut rows) = batch.stretch(columns, &mut room)
        && rows.len() == wanted.len()
    {
        let symbol = symbol.as_deref().unwrap_or(stem);
        *bars += wanted.len() as u64;
        loop {
            rows = sheet.take(symbol, &rows);
            let Some(row) = wanted.len().checked_sub(rows.len()).filter(|_| rows.len() > 0) else { return };
            let time = batch.written_time(columns.time, row, clock);
            sheet.push(batch.row(columns, row, time, symbol));
            rows = rows.rest();
        }
    }
    if let ([Instrument { symbol: None, columns, bars, .. }], false) = (&mut *instruments, is_shared) {
        *bars += wanted.len() as u64;
        return wanted.iter().for_each(|row| {
            let time = batch.written_time(columns.time, *row, clock);
            sheet.push(batch.row(columns, *row, time, stem));
        });
    }
    if let ([Instrument { symbol, columns, bars, .. }], false) = (&mut *instruments, is_shared) {
        let symbol = symbol.as_deref().unwrap_or(stem);
        for row in wanted {
            let time = batch.time(columns.time, *row, clock);
            sheet.push(batch.row(columns, *row, (time, clock.offset()), symbol));
        }
        *bars += wanted.len() as u64;
        return;
    }
    let mut read: Option<(TimeColumn, Vec<Time>)> = None;
    let mut left = instruments.len();
    for Instrument { symbol, columns, blanks, bars } in instruments {
        let times = match read.take() {
            Some((column, times)) if column == columns.time => times,
            _ => batch.times(columns.time, wanted, clock),
        };
        left -= 1;
        // The next instrument most often has the same times.
        read = (left > 0).then(|| (columns.time, times.clone()));
        let symbol = symbol.as_deref().unwrap_or(stem);
        for (row, time) in wanted.iter().zip(times) {
            // Another instrument may have a bar then.
            if is_shared && batch.is_blank(columns, *row) {
                *blanks += 1;
            } else {
                *bars += 1;
                sheet.push(batch.row(columns, *row, time, symbol));
            }
        }
    }
}

/// Says what the times are: as the type of their column says, or their texts.
fn settle_stamps(layout: &Layout, clock: &Clock, sheet: &mut Sheet) {
    let time = layout.instruments.first().map(|instrument| instrument.columns.time);
    sheet.zone = clock.zone().cloned();
    let Some(TimeColumn::One(at)) = time else {
        // Nothing is read by the clock where both are typed.
        sheet.stamps = clock.stamps();
        return;
    };
    let Field { kind, zone, .. } = &layout.fields[at];
    sheet.stamps = match kind.meaning.is_stamp() {
        true if kind.is_local => Stamps::Local,
        true => Stamps::Moments,
        false => clock.stamps(),
    };
    let Some(name) = zone.as_ref().filter(|_| sheet.stamps == Stamps::Moments) else { return };
    match name.parse() {
        Ok(zone) => sheet.zone = Some(zone),
        Err(problem) => {
            sheet.note(format!("has times of a zone that is not known, so days are those of UTC: {problem}"))
        }
    }
}

/// The names of all instruments, for a message.
pub(crate) fn symbols<T: Table>(path: &Path, table: &T, options: &LoadOptions) -> Result<Vec<String>, DataError> {
    let layout = Layout::find(path, table, options)?;
    let Some(at) = layout.symbol() else {
        return Ok(layout.instruments.into_iter().filter_map(|instrument| instrument.symbol).collect());
    };
    let mut found = IndexSet::new();
    let mut add = |names: Texts, rows: usize| {
        (0..rows).filter_map(|row| names.get(row)).for_each(|name| {
            if !found.contains(name) {
                found.insert(name.to_owned());
            }
        });
    };
    let mut read = || {
        each_batch(table, &layout.fields, &[at], |open, rows| {
            add(open.values(at, rows)?.into_names(), rows);
            Ok(true)
        })
    };
    read().map_err(|damage| damaged::<T>(path, damage))?;
    Ok(found.into_iter().collect())
}

/// Reads the times and the columns that bars are not made of.
pub(crate) fn others<T: Table>(path: &Path, table: &T, options: &LoadOptions) -> Result<Others, DataError> {
    let layout = Layout::find(path, table, options)?;
    let [Instrument { symbol: None, columns, .. }] = layout.instruments.as_slice() else {
        return Ok(Others::default());
    };
    let (fields, used) = (&layout.fields, layout.all());
    let is_name = |field: &Field| matches!(field.kind.meaning, Meaning::Text | Meaning::Integer(_));
    let is_unused = |at: &usize| !used.contains(at) && is_name(&fields[*at]) && fields[*at].leaf.is_some();
    let unused: Vec<usize> = (0..fields.len()).filter(is_unused).collect();
    let mut found = Others::default();
    found.columns.extend(unused.iter().map(|at| OtherColumn::new(&fields[*at].name)));
    let (mut clock, _) = clock(path, table, &layout, "", options)?;
    let times: Vec<usize> = columns.times().collect();
    let open: Vec<usize> = unused.iter().chain(&times).copied().collect();
    let read = each_batch(table, fields, &open, |open, rows| {
        let values = read_columns(open, fields, &times, None, rows)?;
        let batch = Batch { fields, values, names: None, before: 0, written: layout.written };
        let texts: Vec<Texts> =
            unused.iter().map(|at| Ok(open.values(*at, rows)?.into_names())).collect::<Result<_, Damage>>()?;
        for row in 0..rows {
            let Ok(time) = batch.time(columns.time, row, &mut clock) else { continue };
            found.times.push(time);
            let texts = texts.iter().map(|texts| texts.get(row).unwrap_or_default());
            found.columns.iter_mut().zip(texts).for_each(|(column, text)| column.push(text));
        }
        Ok(true)
    });
    read.map_err(|damage| damaged::<T>(path, damage))?;
    Ok(found)
}

/// Calls `act` for every batch of rows of some columns, until it says that it has enough.
fn each_batch<'a, T: Table>(
    table: &'a T,
    fields: &'a [Field],
    columns: &[usize],
    mut act: impl FnMut(&mut T::Part<'a>, usize) -> Result<bool, Damage>,
) -> Result<(), Damage> {
    for part in 0..table.parts() {
        let mut left = table.rows(part)?;
        let mut open = table.open(part, fields, columns)?;
        while left > 0 {
            let rows = left.min(BATCH);
            left -= rows;
            if !act(&mut open, rows)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The columns of one instrument, or of all that a column names.
#[derive(Debug)]
struct Instrument {
    /// The instrument, where the columns are its own.
    symbol: Option<String>,
    columns: Columns,
    /// Rows in which it has neither a price nor a volume.
    blanks: u64,
    bars: u64,
}

/// The columns of each instrument, by its name where they are its own, and what the user should know.
type Found = (Vec<(Option<String>, Columns)>, Vec<String>);

/// What the columns of a table are.
#[derive(Debug)]
struct Layout {
    fields: Vec<Field>,
    instruments: Vec<Instrument>,
    /// What the user should know; each continues the name of the file.
    notes: Vec<String>,
    /// Whether several instruments share the rows, in which one or the other may have no bar.
    is_shared: bool,
    written: Written,
}

impl Layout {
    fn find<T: Table>(path: &Path, table: &T, options: &LoadOptions) -> Result<Self, DataError> {
        let fields = table.fields().map_err(|damage| damaged::<T>(path, damage))?;
        let (found, mut notes) = Self::columns(path, table, &fields, options)?;
        let instrument = |(symbol, columns)| Instrument { symbol, columns, blanks: 0, bars: 0 };
        let is_shared = found.len() > 1;
        let time = found.first().map(|(_, columns)| columns.time);
        let digits = time.map_or(Ok(None), |time| digits(table, &fields, time));
        let digits = digits.map_err(|damage| damaged::<T>(path, damage))?;
        if let (Some(digits), Some(TimeColumn::Pair(_, at))) = (digits, time) {
            notes.push(format!(
                "has times of day as whole numbers in `{}`, read as {}",
                excerpt(&fields[at].name),
                digits.name()
            ));
        }
        let instruments = found.into_iter().map(instrument).collect();
        let mut layout =
            Self { instruments, fields, notes: Vec::new(), is_shared, written: Written { digits, marks: None } };
        if layout.scale() {
            notes.push(DATABENTO_NOTE.to_owned());
        }
        Ok(Self { notes, ..layout })
    }

    /// Finds the columns of each instrument, and what the user should know about them.
    fn columns<T: Table>(path: &Path, table: &T, fields: &[Field], options: &LoadOptions) -> Result<Found, DataError> {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let sample = |time: TimeColumn| sample(table, fields, time);
        let index = index_column(table, fields);
        let mut notes = table.notes();
        let pairs = wide::pairs(&names).unwrap_or_default();
        // The names without their instruments.
        let names: Vec<&str> = match pairs.is_empty() {
            true => names,
            false => pairs.iter().map(|(field, _)| field.as_str()).collect(),
        };
        let mut found = if pairs.iter().any(|(_, instrument)| !instrument.is_empty()) {
            let found = Columns::find_wide(path, &pairs, options, index, &sample)?;
            notes.push(wide_note(&found));
            found.into_iter().map(|(symbol, columns)| (Some(symbol), columns)).collect()
        } else {
            vec![(None, Columns::find(path, &names, options, index, &sample)?)]
        };
        let (mut notes_of, is_wide) = (IndexSet::new(), found.iter().any(|(symbol, _)| symbol.is_some()));
        for (_, columns) in &mut found {
            notes_of.extend(std::mem::take(&mut columns.notes));
            columns.symbol = columns.symbol.filter(|_| !is_wide);
            check_types(path, fields, columns)?;
        }
        notes.extend(notes_of);
        let time = found.first().map(|(_, columns)| columns.time);
        notes.extend(time.and_then(|time| index_note(&names, time, index, options)));
        Ok((found, notes))
    }

    /// Takes whole prices of Databento for what they are; whether there are some.
    fn scale(&mut self) -> bool {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        let prices: IndexSet<usize> =
            self.instruments.iter().flat_map(|instrument| instrument.columns.prices()).collect();
        let whole = Meaning::Integer(Width { bits: 64, is_signed: true });
        let is_raw = is_databento(&names) && prices.iter().all(|at| self.fields[*at].kind.meaning == whole);
        if is_raw {
            prices.into_iter().for_each(|at| self.fields[at].kind.meaning = Meaning::Decimal(DATABENTO_DIGITS));
        }
        is_raw
    }

    /// What was recognised, so that the table is read the same way when it is said.
    fn description(&self, clock: &Clock) -> FileDescription {
        let decimal = self.written.marks.map(|marks| marks.decimal);
        let mut found = FileDescription { date_format: clock.pattern(), decimal, ..FileDescription::default() };
        if let [Instrument { symbol: None, columns, .. }] = self.instruments.as_slice() {
            for (field, at) in columns.fields() {
                *found.column_mut(field) = Some(self.fields[at].name.clone()).filter(|name| !name.is_empty());
            }
        }
        found
    }

    /// Whether nothing in the file names an instrument.
    fn is_nameless(&self) -> bool {
        self.symbol().is_none() && self.instruments.iter().all(|instrument| instrument.symbol.is_none())
    }

    /// The column that names the instruments.
    fn symbol(&self) -> Option<usize> {
        self.instruments.first().and_then(|instrument| instrument.columns.symbol)
    }

    /// Every column that is read, once.
    fn all(&self) -> Vec<usize> {
        let all: IndexSet<usize> = self.instruments.iter().flat_map(|instrument| instrument.columns.all()).collect();
        all.into_iter().collect()
    }

    /// Leaves the instruments that are asked for, of those that have columns of their own.
    fn select(&mut self, options: &LoadOptions, sheet: &mut Sheet) {
        self.instruments.retain(|Instrument { symbol, .. }| {
            let Some(other) = symbol.as_ref().filter(|symbol| !options.wants(symbol)) else { return true };
            sheet.skipped.insert(other.clone());
            false
        });
    }

    /// Says which instruments lack prices in rows that others have.
    fn note_blanks(&self, sheet: &mut Sheet) {
        const SHOWN: usize = 10;
        let with_blanks = || self.instruments.iter().filter(|instrument| instrument.blanks > 0);
        let text = |instrument: &Instrument| {
            let name = excerpt(instrument.symbol.as_deref().unwrap_or_default());
            let all = if instrument.bars == 0 { " (all it has)" } else { "" };
            format!("{} of `{name}`{all}", counted(instrument.blanks, "row"))
        };
        let texts: Vec<String> = with_blanks().take(SHOWN).map(text).collect();
        let more = with_blanks().count().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and rows of {more} more") } else { String::new() };
        if !texts.is_empty() {
            sheet.note(format!("leaves out rows in which an instrument has no prices: {}{more}", texts.join(", ")));
        }
    }
}

/// Says that a column is the time whose name does not say so.
fn index_note(names: &[&str], time: TimeColumn, index: Option<usize>, options: &LoadOptions) -> Option<String> {
    let TimeColumn::One(at) = time else { return None };
    let name = names[at];
    let bare = without_zone(name).map_or(name, |(name, _)| name);
    let is_known = Role::Time.known().contains(&normal(bare).as_str());
    let is_silent = index != Some(at) || is_index(name) || is_known || options.read.time.is_some();
    let note = || format!("takes the column `{}` as the time (`--read time=NAME` takes another)", excerpt(name));
    (!is_silent).then(note)
}

fn wide_note(found: &[(String, Columns)]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = found.iter().take(SHOWN).map(|(name, _)| format!("`{}`", excerpt(name))).collect();
    let more = if found.len() > SHOWN { ", ..." } else { "" };
    let instruments = counted(found.len() as u64, "instrument");
    format!("has columns of their own for {instruments}: {}{more}", names.join(", "))
}

/// The first time that a column has.
fn sample<T: Table>(table: &T, fields: &[Field], time: TimeColumn) -> Option<i64> {
    let columns = match time {
        TimeColumn::One(at) => vec![at],
        TimeColumn::Pair(date, time) => vec![date, time],
    };
    if columns.iter().any(|at| fields[*at].leaf.is_none()) {
        return None;
    }
    let rows = (0..table.parts()).find_map(|part| Some((part, table.rows(part).ok().filter(|rows| *rows > 0)?)));
    let (part, rows) = rows?;
    let (mut open, rows) = (table.open(part, fields, &columns).ok()?, rows.min(BATCH));
    let values = read_columns(&mut open, fields, &columns, None, rows).ok()?;
    let written = Written { digits: digits(table, fields, time).ok()?, marks: None };
    let batch = Batch { fields, values, names: None, before: 0, written };
    (0..rows).find_map(|row| batch.time(time, row, &mut Clock::default()).ok())
}

/// The digits of the times of day of a pair of columns, where they are whole numbers.
fn digits<T: Table>(table: &T, fields: &[Field], time: TimeColumn) -> Result<Option<Digits>, Damage> {
    let TimeColumn::Pair(_, at) = time else { return Ok(None) };
    if !fields[at].kind.meaning.is_whole() || fields[at].leaf.is_none() {
        return Ok(None);
    }
    let mut most = 0;
    each_batch(table, fields, &[at], |open, rows| {
        let values = open.values(at, rows)?;
        most = (0..rows).filter_map(|row| values.whole(row)).fold(most, i128::max);
        Ok(true)
    })?;
    let refusal = || {
        let text = format!("column `{}` has {most} as a time of day, which is none (HHMM or HHMMSS)", fields[at].name);
        Damage::new(text)
    };
    Digits::of(most).map(Some).ok_or_else(refusal)
}

/// The column of times where no name says so: the index of a data frame, else the only column of the type of times.
fn index_column<T: Table>(table: &T, fields: &[Field]) -> Option<usize> {
    let named = table.metadata("pandas").map(|text| index_names(&text)).unwrap_or_default();
    let is_time = |at: &usize| {
        let field = &fields[*at];
        match field.kind.meaning {
            meaning if meaning.is_stamp() => true,
            meaning if meaning.is_time() => sample(table, fields, TimeColumn::One(*at)).is_some(),
            _ => false,
        }
    };
    let is_candidate = |at: &usize| is_index(&fields[*at].name) || named.contains(&fields[*at].name);
    if let Some(at) = (0..fields.len()).filter(is_candidate).find(is_time) {
        return Some(at);
    }
    let is_likely = |field: &Field| Role::Time.is_likely(&normal(&field.name));
    let mut stamps = (0..fields.len()).filter(|at| fields[*at].kind.meaning.is_stamp());
    let only = stamps.next().filter(|_| stamps.next().is_none());
    only.filter(|_| !fields.iter().any(is_likely))
}

/// Whether a name is that of an index without a name.
fn is_index(name: &str) -> bool {
    name.is_empty() || name == "index" || name == "Unnamed: 0" || name.starts_with("__index_level_")
}

/// The columns that the metadata of pandas names as the index.
fn index_names(metadata: &str) -> Vec<String> {
    let metadata: serde_json::Value = serde_json::from_str(metadata).unwrap_or_default();
    let columns = metadata.get("index_columns").and_then(serde_json::Value::as_array);
    columns.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn check_types(path: &Path, fields: &[Field], columns: &Columns) -> Result<(), DataError> {
    let check = |at: usize, fits: fn(Meaning) -> bool, expected: &'static str| {
        let field: &Field = &fields[at];
        if fits(field.kind.meaning) && field.leaf.is_some() {
            return Ok(());
        }
        let (column, found) = (field.name.clone(), field.kind.name.clone());
        Err(DataError::ColumnType { path: path.to_owned(), column, found, expected })
    };
    match columns.time {
        TimeColumn::One(at) => check(at, Meaning::is_time, "a date, a timestamp, a text or a number")?,
        TimeColumn::Pair(date, time) => {
            check(date, Meaning::is_date, "a date, a timestamp, a text or a whole number")?;
            check(time, Meaning::is_time_of_day, "a time of day, a text or a whole number")?;
        }
    }
    let numbers = columns.prices().into_iter().chain(columns.adjusted).chain(columns.volume).chain(columns.ticks);
    for at in numbers {
        check(at, Meaning::is_number, "a number or a text")?;
    }
    columns.symbol.map_or(Ok(()), |at| check(at, Meaning::is_name, "a text or a whole number"))
}
