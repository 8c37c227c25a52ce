//! Layout of a text: what separates cells, what stands before the header, and the names of columns.
//!
//! Looks at the first lines only; never reads a value.

use std::{collections::HashSet, path::Path};

use crate::data::{
    description::{Delimiter, FileDescription},
    error::{DataError, counted, excerpt},
    fields::{Field, normal},
    text::shapes,
};

/// Lines in which the header is looked for, and by which a delimiter is judged.
const LINES: usize = 100;

/// How a text is laid out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    pub(crate) delimiter: Delimiter,
    /// Where the rows begin, in bytes, and the number of lines before.
    pub(crate) start: usize,
    pub(crate) lines: u64,
    /// Lines before the header, and lines of it.
    pub(crate) skip: u64,
    pub(crate) header: u8,
    pub(crate) names: Vec<String>,
    /// The instrument of each column, where the header has one; empty for a column that belongs to all.
    pub(crate) instruments: Option<Vec<String>>,
    /// Whether lines that begin with `#` are comments.
    pub(crate) has_comments: bool,
    /// What the user should know; each continues the name of the file.
    pub(crate) notes: Vec<String>,
}

/// A line of a text with its place.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    /// Where the line after it begins.
    end: usize,
}

/// The bytes after which no further line is looked at: those of a wide table are long.
const LOOKED_AT: usize = 8 << 20;

/// Finds how `text` is laid out, as far as `described` does not say it.
pub(crate) fn find(path: &Path, text: &str, described: &FileDescription) -> Result<Layout, DataError> {
    let lines = first_lines(text);
    let told = lines.first().and_then(|line| told_delimiter(line.text));
    let skip =
        described.skip.map_or(0, |skip| usize::try_from(skip).unwrap_or(usize::MAX)).max(usize::from(told.is_some()));
    if skip > 0 && lines.len() <= skip {
        let more = text.len() > lines.last().map_or(0, |line| line.end);
        let lack =
            if more { "has no header in its first 100 lines" } else { "has no line behind those that are skipped" };
        return Err(DataError::Empty { path: path.to_owned(), lack });
    }
    let seen = &lines[skip.min(lines.len())..];
    let delimiter = described.delimiter.or(told).unwrap_or_else(|| guess_delimiter(seen));
    let table = Table::new(seen, delimiter);
    let mut layout = match described.header {
        Some(0) => table.without_header(path, table.first_row(), described, true)?,
        Some(count) => {
            let at = table.header(described).unwrap_or_else(|| table.first_filled());
            table.with_header(at, usize::from(count))
        }
        None => match table.header(described) {
            Some(at) => table.with_levels(at),
            None => table.without_known_header(path, described)?,
        },
    };
    layout.skip += skip as u64;
    layout.lines += skip as u64;
    if layout.lines == skip as u64 && skip > 0 {
        layout.start = lines[skip - 1].end;
    }
    layout.note_skipped(described, told.is_some());
    Ok(layout)
}

impl Layout {
    fn note_skipped(&mut self, described: &FileDescription, is_told: bool) {
        let silent = described.skip.unwrap_or(0).max(u64::from(is_told));
        if self.skip > silent {
            let lines = counted(self.skip - silent, "line");
            let before = if self.header > 0 { "the header" } else { "the first bar" };
            self.notes.insert(0, format!("is read from {before} on, behind {lines}"));
        }
        if self.has_comments {
            self.notes.push("has comments, lines that begin with `#`, which are not read".to_owned());
        }
    }
}

/// The delimiter that spreadsheets write into a first line `sep=;`.
fn told_delimiter(line: &str) -> Option<Delimiter> {
    let line = line.trim_start_matches('\u{feff}').trim_matches('"');
    let (name, value) = line.split_at_checked(4)?;
    name.eq_ignore_ascii_case("sep=").then(|| value.parse().ok())?
}

/// The first lines of `text`, with their line ends taken off.
fn first_lines(text: &str) -> Vec<Line<'_>> {
    let newline = if text.as_bytes().contains(&b'\n') { '\n' } else { '\r' };
    let mut lines = Vec::new();
    let mut start = 0;
    while start < text.len() && start < LOOKED_AT && lines.len() < LINES {
        let end = text[start..].find(newline).map_or(text.len(), |length| start + length + 1);
        lines.push(Line { text: text[start..end].trim_end_matches(['\r', '\n']), end });
        start = end;
    }
    lines
}

/// The delimiter that cuts most lines into equally many cells. The comma comes last, since it may stand in numbers.
fn guess_delimiter(lines: &[Line<'_>]) -> Delimiter {
    const CANDIDATES: [u8; 4] = [b'\t', b';', b'|', b','];
    let filled: Vec<&str> = lines.iter().map(|line| line.text).filter(|line| is_row(line)).collect();
    let fits = |delimiter: &Delimiter| {
        let mut counts: Vec<usize> = filled.iter().map(|line| split(line, *delimiter).len()).collect();
        counts.sort_unstable();
        let most = counts.chunk_by(|one, other| one == other).max_by_key(|run| run.len());
        most.filter(|run| run[0] > 1 && 2 * run.len() > filled.len()).map(|run| run[0])
    };
    let found = CANDIDATES.into_iter().map(Delimiter::Char).find(|delimiter| fits(delimiter).is_some());
    let blanks = || fits(&Delimiter::Blanks).filter(|cells| *cells > 3).map(|_| Delimiter::Blanks);
    found.or_else(blanks).unwrap_or(Delimiter::Char(b','))
}

/// Whether a line may be a row: it is no comment, and there is something in it.
fn is_row(line: &str) -> bool {
    !line.trim().is_empty() && !is_comment(line)
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', '%']) || line.trim_start().starts_with("//")
}

/// The cells of a line, without the blanks around them.
pub(crate) fn split(line: &str, delimiter: Delimiter) -> Vec<String> {
    let Delimiter::Char(byte) = delimiter else {
        return line.split_whitespace().map(|cell| cell.trim_matches('"').to_owned()).collect();
    };
    if !line.contains('"') {
        return line.split(char::from(byte)).map(|cell| cell.trim().to_owned()).collect();
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).delimiter(byte).flexible(true).from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    // A text that is in memory and valid cannot fail.
    match reader.read_record(&mut record) {
        Ok(true) => record.iter().map(|cell| cell.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Whether cells are those of a bar: half of them are dates and numbers.
pub(crate) fn is_data(cells: &[String]) -> bool {
    let filled = || cells.iter().filter(|cell| !cell.is_empty());
    let values = filled().filter(|cell| is_value(cell)).count();
    values > 0 && 2 * values >= filled().count()
}

/// Whether a cell is a date or a number, and not a name: digits are a good part of it, and it does not begin like `1. open`.
fn is_value(cell: &str) -> bool {
    const WORDS: [&str; 19] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon", "tue", "wed", "thu",
        "fri", "sat", "sun",
    ];
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    let begins_as_date = || cell.get(..3).is_some_and(|start| WORDS.contains(&start.to_lowercase().as_str()));
    // 7203.T is a ticker, and 5d a name.
    let is_ticker =
        || cell.rsplit_once('.').is_some_and(|(_, end)| end.chars().all(char::is_alphabetic) && !end.is_empty());
    let is_dated = || digits > 2 && digits >= letters && !is_ticker();
    digits > 0 && (letters == 0 || is_dated()) && (!cell.starts_with(char::is_alphabetic) || begins_as_date())
}

/// The first lines of a text as a table.
struct Table<'a> {
    lines: &'a [Line<'a>],
    cells: Vec<Vec<String>>,
    delimiter: Delimiter,
}

impl<'a> Table<'a> {
    fn new(lines: &'a [Line<'a>], delimiter: Delimiter) -> Self {
        let cells = lines.iter().map(|line| split(line.text, delimiter)).collect();
        Self { lines, cells, delimiter }
    }

    fn first_filled(&self) -> usize {
        self.lines.iter().position(|line| is_row(line.text)).unwrap_or_default()
    }

    /// The first line that has a bar: one that is as wide as most of those with values.
    fn first_row(&self) -> usize {
        let is_bar =
            |at: &usize| is_row(self.lines[*at].text) && self.cells[*at].len() > 1 && is_data(&self.cells[*at]);
        let mut widths: Vec<usize> = (0..self.lines.len()).filter(is_bar).map(|at| self.cells[at].len()).collect();
        widths.sort_unstable();
        let width = widths.chunk_by(|one, other| one == other).max_by_key(|run| run.len()).map_or(0, |run| run[0]);
        let mut rows = (0..self.lines.len()).filter(is_bar);
        rows.find(|at| self.cells[*at].len() == width).unwrap_or_else(|| self.first_filled())
    }

    /// The line of the header: the first one with names that are known, before the first bar. A comment may be one.
    fn header(&self, described: &FileDescription) -> Option<usize> {
        let row = self.first_row();
        let is_header = |at: &usize| is_header(&self.names(*at), described);
        (0..=row.min(self.lines.len().saturating_sub(1))).find(is_header)
    }

    /// The cells of a line; of a comment, those behind its mark.
    fn names(&self, at: usize) -> Vec<String> {
        let line = self.lines[at].text;
        match is_comment(line) {
            true => split(line.trim_start().trim_start_matches(['#', '%', '/']).trim_start(), self.delimiter),
            false => self.cells[at].clone(),
        }
    }

    /// The layout with a header of `count` lines from line `at` on.
    fn with_header(&self, at: usize, count: usize) -> Layout {
        match count {
            1 => self.layout(at, 1, self.names(at), None),
            _ => {
                let mut layout = self.with_levels(at);
                if usize::from(layout.header) != count {
                    layout = self.layout(at, count, self.names(at), None);
                }
                let is_bar = |line: &usize| self.cells[*line].len() > 1 && is_data(&self.cells[*line]);
                let end = self.lines.len().min(at + count);
                if let Some(line) = (at + 1..end).find(is_bar) {
                    let line = excerpt(self.lines[line].text);
                    layout.notes.push(format!("loses a line that looks like a bar to its header (`header`): `{line}`"));
                }
                layout
            }
        }
    }

    /// The layout with a header at line `at`, and with the lines of instruments and of the index beside it.
    fn with_levels(&self, at: usize) -> Layout {
        let names = self.names(at);
        let is_level = |line: usize| self.is_level(line, &names);
        let is_one = |line: usize| self.cells[line][1..].windows(2).all(|pair| pair[0] == pair[1]);
        let above = at.checked_sub(1).filter(|line| is_level(*line) && (has_repeats(&names) || is_one(*line)));
        let below = Some(at + 1).filter(|line| above.is_none() && is_level(*line));
        let first = above.unwrap_or(at);
        let last = below.unwrap_or(at);
        let index = Some(last + 1).filter(|line| self.is_index(*line, names.len()));
        let count = index.unwrap_or(last) + 1 - first;
        let mut names = names;
        if let Some(line) = index {
            names[0].clone_from(&self.cells[line][0]);
        } else if above.or(below).is_some() && Field::Time.known().iter().all(|known| *known != normal(&names[0])) {
            "Date".clone_into(&mut names[0]);
        }
        let instruments = above.or(below).map(|line| {
            let mut instruments = self.cells[line].clone();
            instruments[0].clear();
            instruments
        });
        self.layout(first, count, names, instruments)
    }

    /// Whether a line has the instruments of columns called `names`.
    fn is_level(&self, line: usize, names: &[String]) -> bool {
        const TITLES: [&str; 7] = ["", "ticker", "tickers", "symbol", "symbols", "instrument", "asset"];
        let Some(cells) = self.cells.get(line).filter(|cells| cells.len() == names.len() && cells.len() > 1) else {
            return false;
        };
        let is_titled = TITLES.contains(&cells[0].to_lowercase().as_str());
        if !is_titled || is_data(cells) || is_header(cells, &FileDescription::default()) {
            return false;
        }
        // Each instrument has a column of closes, or of a name that is like one.
        let has_close = |instrument: &String| {
            let own = cells.iter().zip(names).filter(|(other, _)| *other == instrument);
            own.into_iter().any(|(_, name)| is_field(Field::Close, name) || is_field(Field::Adjusted, name))
        };
        cells[1..].iter().all(|cell| !cell.is_empty()) && cells[1..].iter().all(has_close)
    }

    /// Whether a line names the index alone, as pandas writes it below columns of several levels.
    fn is_index(&self, line: usize, columns: usize) -> bool {
        let Some([first, others @ ..]) = self.cells.get(line).map(Vec::as_slice) else { return false };
        !first.is_empty() && !is_value(first) && others.len() < columns && others.iter().all(String::is_empty)
    }

    /// The layout where no line has known names: the line before the first bar may be a header all the same.
    fn without_known_header(&self, path: &Path, described: &FileDescription) -> Result<Layout, DataError> {
        let row = self.first_row();
        let width = self.cells.get(row).map_or(0, Vec::len);
        let is_name = |at: &usize| is_row(self.lines[*at].text) && self.cells[*at].len() == width;
        let before = (0..row).rev().find(|at| is_row(self.lines[*at].text)).filter(is_name);
        let is_bar = self.cells.get(row).is_some_and(|cells| is_data(cells) && cells.len() > 1);
        match before {
            Some(at) => Ok(self.layout(at, 1, self.names(at), None)),
            None if is_bar => self.without_header(path, row, described, false),
            None => Ok(self.layout(self.first_filled(), 1, self.names(self.first_filled()), None)),
        }
    }

    /// The layout without a header, whose rows begin at line `row`.
    fn without_header(
        &self,
        path: &Path,
        row: usize,
        described: &FileDescription,
        is_told: bool,
    ) -> Result<Layout, DataError> {
        let is_bar = |at: &usize| is_row(self.lines[*at].text) && is_data(&self.cells[*at]);
        let rows: Vec<&[String]> = (row..self.lines.len()).filter(is_bar).map(|at| self.cells[at].as_slice()).collect();
        let names = shapes::names(path, &rows, described)?;
        let mut layout = self.layout(row, 0, names, None);
        if !is_told || !describes_columns(described) {
            let names: Vec<_> = layout.names.iter().map(|name| excerpt(name)).collect();
            let names = names.join(", ");
            layout
                .notes
                .push(format!("has no header: its columns are taken as {names} (`--read close=5` says another)"));
        }
        Ok(layout)
    }

    fn layout(&self, at: usize, header: usize, mut names: Vec<String>, instruments: Option<Vec<String>>) -> Layout {
        let first = at + header;
        let width = |line: &usize| {
            let is_bar = is_row(self.lines[*line].text) && is_data(&self.cells[*line]);
            is_bar.then_some(&self.cells[*line])
        };
        let rows: Vec<&Vec<String>> = (first..self.lines.len()).filter_map(|line| width(&line)).collect();
        // A delimiter at the end of every row, or at that of the header, makes no column.
        let is_longer = |row: &&Vec<String>| row.len() == names.len() + 1 && row.last().is_some_and(String::is_empty);
        if !rows.is_empty() && rows.iter().all(is_longer) {
            names.push(String::new());
        } else if !rows.is_empty()
            && names.last().is_some_and(String::is_empty)
            && rows.iter().all(|row| row.len() + 1 == names.len())
        {
            names.pop();
        }
        // A symbol may begin with the mark of comments.
        let is_bar = |line: usize| self.cells[line].len() == names.len() && is_data(&self.cells[line]);
        let has_comments =
            (first..self.lines.len()).any(|line| self.lines[line].text.starts_with('#') && !is_bar(line));
        Layout {
            delimiter: self.delimiter,
            start: first.checked_sub(1).and_then(|line| self.lines.get(line)).map_or(0, |line| line.end),
            lines: first as u64,
            skip: at as u64,
            header: u8::try_from(header).unwrap_or(u8::MAX),
            names,
            instruments,
            has_comments,
            notes: Vec::new(),
        }
    }
}

fn describes_columns(described: &FileDescription) -> bool {
    described.time.is_some() && described.close.is_some()
}

fn has_repeats(names: &[String]) -> bool {
    let mut seen = HashSet::new();
    names.iter().skip(1).any(|name| !seen.insert(name))
}

fn is_field(field: Field, name: &str) -> bool {
    let key = normal(name);
    field.known().contains(&key.as_str()) || field.is_likely(&key)
}

/// Whether names are those of a header: a close is there, or three other fields, or a name that is described.
fn is_header(names: &[String], described: &FileDescription) -> bool {
    if names.len() < 2 {
        return false;
    }
    let has = |field: Field| names.iter().any(|name| is_field(field, name));
    let fields = [Field::Time, Field::Open, Field::High, Field::Low, Field::Volume];
    let known = fields.into_iter().filter(|field| has(*field)).count();
    let is_told = Field::ALL.into_iter().filter_map(|field| described.column(field)).any(|told| {
        let is_number = told.parse::<usize>().is_ok();
        !is_number && names.iter().any(|name| name == told || normal(name) == normal(told))
    });
    has(Field::Close) && known > 0 || known > 2 || is_told
}
