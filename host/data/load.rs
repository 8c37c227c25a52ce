//! Loading of data files: picks the reader for each, and gathers the series of all.
//!
//! Never looks at a value; the readers and the checks do.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};

use super::{
    description::FileDescription,
    error::DataError,
    findings::Findings,
    join::join,
    options::LoadOptions,
    rows::Rows,
    several::{self, is_disordered},
    sheet::{Part, Sheet},
    sources::{
        source::{self, FileFormat, Remarks, Source, Table, is_pipe, sources},
        stems::symbol_of,
    },
    tables::{
        arrow_file,
        frame::{self, Frame},
        parquet_file,
    },
    text::csv_file,
};
use crate::model::{Series, nearest};

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadFile {
    /// Where it is.
    pub path: PathBuf,
    /// How results call it: by its path below the folder that was named, else by its name. A pipe is `-`.
    pub name: String,
    /// How it is written: what was said of it, and what was recognised. In [`LoadOptions::files`] under its name, it reads the
    /// file the same way again.
    pub description: FileDescription,
    /// The names of its columns that are not read, and of which no notice tells.
    pub unread: Vec<String>,
}

/// What files have.
pub(super) struct Read {
    /// The series in the order of their first rows.
    pub(super) series: Vec<Series>,
    /// What the user should know about them.
    pub(super) notices: Vec<String>,
    /// The files in their order.
    pub(super) files: Vec<ReadFile>,
    /// Whether the bars of each instrument are in the order of their rows.
    pub(super) is_in_order: bool,
}

/// How files are written, by their paths as messages have them.
type Files = IndexMap<String, FileDescription>;

/// Reads all files that `paths` stand for.
pub(super) fn load(paths: &[PathBuf], options: &LoadOptions) -> Result<Read, DataError> {
    let mut findings = Findings::default();
    let (mut parts, mut notices, mut files) = (Vec::new(), Vec::new(), Files::new());
    let (mut passed, mut remarks, mut recognised) = (Passed::default(), Remarks::default(), Vec::new());
    let mut read = Vec::new();
    for (source, name) in labelled(sources(paths, &mut recognised)?) {
        let known = known(&source, &name, options, &mut notices)?;
        let table = source.read(&options.read.clone().over(known.clone()), &mut remarks)?;
        let own = own_options(known.over(kept_in(&table)?), options);
        let file = table.path.display().to_string();
        let base = &table.base.clone();
        let mut sheet = read_table(&table, &own)?;
        let recognised = FileDescription { encoding: table.encoding.clone(), ..std::mem::take(&mut sheet.description) };
        let description = described(recognised, &own);
        files.insert(file.clone(), description.clone());
        let unread = std::mem::take(&mut sheet.unread).into_iter().collect();
        read.push(ReadFile { path: source.path.clone(), name, description, unread });
        passed.symbols.extend(std::mem::take(&mut sheet.skipped));
        // The content goes before the bars are put in order, which takes memory of its own.
        let kept = (sheet.is_partial && is_pipe(&source.path)).then_some(table);
        if sheet.is_partial {
            passed.tables.push((source, kept));
        }
        parts.extend(sheet.finish(&file, base, &own, &mut findings, &mut notices)?);
    }
    recognised.extend(remarks.into_notices());
    notices.splice(0..0, recognised);
    findings.into_result()?;
    let (series, is_in_order) = gathered(parts, (&files, passed), options, &mut notices)?;
    Ok(Read { series, notices: super::notices::folded(notices), files: read, is_in_order })
}

/// Reads frames, each under its own name.
pub(super) fn load_frames(frames: &[Frame], options: &LoadOptions) -> Result<Read, DataError> {
    let (mut findings, mut passed) = (Findings::default(), Passed::default());
    let (mut parts, mut notices, mut files, mut read) = (Vec::new(), Vec::new(), Files::new(), Vec::new());
    for frame in frames {
        let name = frame.name();
        let own = own_options(options.files.get(name).cloned().unwrap_or_default(), options);
        let mut sheet = read_frame(frame, &own)?;
        let description = described(std::mem::take(&mut sheet.description), &own);
        files.insert(name.to_owned(), description.clone());
        let unread = std::mem::take(&mut sheet.unread).into_iter().collect();
        read.push(ReadFile { path: PathBuf::from(name), name: name.to_owned(), description, unread });
        passed.symbols.extend(std::mem::take(&mut sheet.skipped));
        parts.extend(sheet.finish(name, name, &own, &mut findings, &mut notices)?);
    }
    findings.into_result()?;
    let (series, is_in_order) = gathered(parts, (&files, passed), options, &mut notices)?;
    Ok(Read { series, notices: super::notices::folded(notices), files: read, is_in_order })
}

/// Reads the rows of a frame.
fn read_frame(frame: &Frame, options: &LoadOptions) -> Result<Sheet, DataError> {
    let name = frame.name();
    let mut sheet = Sheet::new(options, options.wants(name));
    sheet.is_named = frame.is_named();
    frame::read(frame, options, &mut sheet)?;
    if sheet.read() == 0 && sheet.skipped.is_empty() {
        return Err(DataError::Empty { path: PathBuf::from(name), lack: "has no rows" });
    }
    if is_disordered(&sheet) {
        let others = frame::others(frame, options)?;
        several::find(Path::new(name), &sheet, &others).map_or(Ok(()), Err)?;
    }
    Ok(sheet)
}

/// The instruments of all tables: joined, those that are asked for, complete; and whether the bars of each are in the order of
/// their rows.
fn gathered(
    parts: Vec<Part>,
    (files, passed): (&Files, Passed),
    options: &LoadOptions,
    notices: &mut Vec<String>,
) -> Result<(Vec<Series>, bool), DataError> {
    let mut found = join(parts, notices)?;
    select(&mut found, options, passed)?;
    if found.is_empty() {
        return Err(DataError::Nothing);
    }
    found.iter_mut().for_each(|rows| complete(rows, options, files, notices));
    notices.extend(strangers(&found, options));
    notices.extend(super::notices::notices(&found));
    let is_in_order = found.iter().all(|rows| rows.places.is_sorted());
    Ok((found.into_iter().map(|rows| rows.series).collect(), is_in_order))
}

/// The sources with their names in results, which are all different.
fn labelled(sources: Vec<Source>) -> Vec<(Source, String)> {
    let mut counts = IndexMap::<String, usize>::new();
    sources.iter().for_each(|source| *counts.entry(source.label()).or_default() += 1);
    let name = |source: &Source| match source.label() {
        label if counts[&label] == 1 => label,
        _ => source.path.display().to_string(),
    };
    let names: Vec<String> = sources.iter().map(name).collect();
    sources.into_iter().zip(names).collect()
}

/// What is known of a source: as it was read before, or as the description beside it says.
fn known(
    source: &Source,
    name: &str,
    options: &LoadOptions,
    notices: &mut Vec<String>,
) -> Result<FileDescription, DataError> {
    let beside = || if is_pipe(&source.path) { Ok(None) } else { FileDescription::read_beside(&source.path) };
    let Some(known) = options.files.get(name) else { return Ok(beside()?.unwrap_or_default()) };
    // What cannot be read is not used either.
    if beside().is_ok_and(|beside| beside.is_some_and(|beside| beside.clone().over(known.clone()) != *known)) {
        let place = FileDescription::path_beside(&source.path);
        notices.push(format!(
            "`{}` is read as the request says; `{}` says something else, and is not used",
            source.path.display(),
            place.display()
        ));
    }
    Ok(known.clone())
}

/// What a table says of itself, as `host data convert` writes it.
fn kept_in(table: &Table) -> Result<FileDescription, DataError> {
    let text = match table.format {
        FileFormat::Parquet => parquet_file::metadata(&table.path, table.bytes.clone(), FileDescription::KEY)?,
        FileFormat::Text | FileFormat::Arrow => None,
    };
    let refused = |error: toml::de::Error| DataError::Description {
        path: table.path.clone(),
        problem: error.to_string().trim_end().to_owned(),
    };
    text.map_or_else(|| Ok(FileDescription::default()), |text| toml::from_str(&text).map_err(refused))
}

/// The options for one file: those for all, completed by what is known of it.
fn own_options(known: FileDescription, options: &LoadOptions) -> LoadOptions {
    let read = options.read.clone().over(known);
    LoadOptions {
        timezone: options.timezone.clone().or_else(|| read.timezone.clone()),
        session: options.session.or(read.session),
        bar_time: options.bar_time.or(read.bar_time),
        sort: options.sort || read.sort,
        drop_bad: options.drop_bad || read.drop_bad,
        adjusted: options.adjusted || read.adjusted,
        negative_prices: options.negative_prices || read.negative_prices,
        read,
        ..options.clone()
    }
}

/// How a file was read: as it was recognised, and as it was said.
fn described(recognised: FileDescription, own: &LoadOptions) -> FileDescription {
    FileDescription {
        timezone: own.timezone.clone(),
        session: own.session,
        bar_time: own.bar_time,
        sort: own.sort,
        drop_bad: own.drop_bad,
        adjusted: own.adjusted,
        negative_prices: own.negative_prices,
        ..recognised
    }
}

/// What was passed over, since it was not asked for.
#[derive(Default)]
struct Passed {
    symbols: IndexSet<String>,
    /// Sources with more instruments than are known; of pipes, what they had.
    tables: Vec<(Source, Option<Table>)>,
}

/// Leaves the instruments that are asked for, all of which must be there.
fn select(found: &mut Vec<Rows>, options: &LoadOptions, mut passed: Passed) -> Result<(), DataError> {
    if options.symbols.is_empty() {
        return Ok(());
    }
    passed.symbols.extend(found.iter().map(|rows| rows.series.symbol.clone()));
    found.retain(|rows| options.wants(&rows.series.symbol));
    let is_there = |wanted: &&String| found.iter().any(|rows| rows.series.symbol == **wanted);
    let Some(unknown) = options.symbols.iter().find(|wanted| !is_there(wanted)) else { return Ok(()) };
    for (source, kept) in passed.tables {
        let Table { path, bytes, format, .. } =
            kept.map_or_else(|| source.read(&options.read, &mut Remarks::default()), Ok)?;
        passed.symbols.extend(match format {
            FileFormat::Arrow => arrow_file::symbols(&path, bytes, options)?,
            FileFormat::Text | FileFormat::Parquet => parquet_file::symbols(&path, bytes, options)?,
        });
    }
    let problem = nearest::unknown("symbol", unknown, passed.symbols.iter().map(String::as_str));
    Err(DataError::UnknownSymbol { problem })
}

/// Completes the series of an instrument: its volume, its terms, and what its times say.
fn complete(rows: &mut Rows, options: &LoadOptions, files: &Files, notices: &mut Vec<String>) {
    // Of a file in an archive, the path of the archive is known.
    let place = |source: &String| Path::new(source).ancestors().find_map(|path| files.get(&path.display().to_string()));
    let file = rows.sources.first().and_then(place);
    let ticks = std::mem::take(&mut rows.ticks);
    let is_zero = !ticks.is_empty() && rows.series.volume.iter().all(|volume| *volume == 0.0);
    let is_whole = ticks.iter().all(|ticks| ticks.is_finite() && *ticks >= 0.0);
    if is_zero && is_whole && ticks.iter().any(|ticks| *ticks > 0.0) {
        notices.push(format!("every volume of `{}` is zero: the number of ticks is taken instead", rows.series.symbol));
        rows.series.volume = ticks;
    }
    let Series { symbol, time, schedule, contract, .. } = &mut rows.series;
    let terms = options.instruments.get(symbol).cloned().unwrap_or_default();
    schedule.session = terms.session.or(options.session).or_else(|| file?.session);
    schedule.bar_time = terms.bar_time.or(options.bar_time).or_else(|| file?.bar_time).unwrap_or_default();
    *contract = terms.contract;
    schedule.complete(time);
}

/// Terms of instruments that the data does not have.
fn strangers(found: &[Rows], options: &LoadOptions) -> Vec<String> {
    let names = || found.iter().map(|rows| rows.series.symbol.as_str());
    let unknown = options.instruments.keys().filter(|symbol| names().all(|name| name != symbol.as_str()));
    let notice = |symbol: &String| match nearest::find(symbol, names()) {
        Some(near) => {
            format!("the instruments file has `{symbol}`, which the data does not have; did you mean `{near}`?")
        }
        None => format!("the instruments file has `{symbol}`, which the data does not have"),
    };
    unknown.map(notice).collect()
}

/// Reads the rows of a table.
fn read_table(table: &Table, options: &LoadOptions) -> Result<Sheet, DataError> {
    let Table { path, name, base, format, bytes, .. } = table;
    let column = options.read.symbol.as_deref();
    let is_named = symbol_of(path, column).is_some();
    let is_wanted = options.wants(name) || options.wants(base);
    let mut sheet = Sheet::new(options, is_wanted);
    sheet.is_named = is_named;
    // The column is that of the folders, which the files do not have.
    let mut own = options.clone();
    own.read.symbol = None;
    let options = if is_named && column.is_some() { &own } else { options };
    read_sheet(table, name, options, &mut sheet)?;
    if is_disordered(&sheet) {
        let others = match format {
            FileFormat::Text => csv_file::others(path, bytes, options)?,
            FileFormat::Parquet => parquet_file::others(path, bytes.clone(), options)?,
            FileFormat::Arrow => arrow_file::others(path, bytes.clone(), options)?,
        };
        several::find(path, &sheet, &others).map_or(Ok(()), Err)?;
    }
    Ok(sheet)
}

/// Adds the rows of a table to `sheet`.
fn read_sheet(table: &Table, stem: &str, options: &LoadOptions, sheet: &mut Sheet) -> Result<(), DataError> {
    let Table { path, format, bytes, .. } = table;
    match format {
        FileFormat::Text => csv_file::read(path, bytes, stem, options, sheet)?,
        FileFormat::Parquet => parquet_file::read(path, bytes.clone(), stem, options, sheet)?,
        FileFormat::Arrow => arrow_file::read(path, bytes.clone(), stem, options, sheet)?,
    }
    if sheet.read() == 0 && sheet.skipped.is_empty() && !sheet.is_partial {
        return Err(DataError::Empty { path: path.clone(), lack: "has no rows" });
    }
    Ok(())
}

/// Returns the series of one file that is known to be good.
pub(super) fn load_good(name: &str, content: &'static [u8], stem: &str) -> Result<Vec<Series>, DataError> {
    let options = LoadOptions::default();
    let mut sheet = Sheet::new(&options, true);
    let table = source::table(Path::new(name), Bytes::from_static(content), &options.read, &mut Remarks::default())?;
    read_sheet(&table, stem, &options, &mut sheet)?;
    let (mut findings, mut notices) = (Findings::default(), Vec::new());
    let parts = sheet.finish(name, stem, &options, &mut findings, &mut notices)?;
    findings.into_result()?;
    let mut found = join(parts, &mut notices)?;
    found.iter_mut().for_each(|rows| complete(rows, &options, &Files::new(), &mut notices));
    Ok(found.into_iter().map(|rows| rows.series).collect())
}
