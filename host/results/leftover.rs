//! Leftovers: what runs that were killed have left beside a results file, made whole and given names that people see.
//!
//! Never touches the files of a run that is alive: each holds a lock on its partial file for as long as it lives. Never
//! deletes a row.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    path::{self, Path, PathBuf},
};

use tempfile::TempPath;

use super::{
    encoder::{Chunk, Encoder as _, append_all},
    journal::{self, Entries},
    parquet::Parquet,
    read::ResultsFile,
    rows::{self, Rows},
};

/// What a run that was killed has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The file that has its rows now.
    pub path: PathBuf,
    /// The number of rows; `None` if the file is damaged and cannot be read.
    pub rows: Option<u64>,
}

/// The names of the files beside a results file while it is written.
pub(super) struct Names {
    folder: PathBuf,
    stem: OsString,
    extension: OsString,
}

/// Letters and digits that make a name unique.
const UNIQUE: usize = 6;

/// Behind them, in the name of a file that was a journal.
const REST: &str = "-rest";

impl Names {
    /// Those beside the file `target`.
    pub(super) fn of(target: &Path) -> Self {
        let mut extension = OsString::from(".");
        extension.push(target.extension().unwrap_or_default());
        let (folder, stem) = (target.parent().unwrap_or(target), target.file_stem().unwrap_or_default());
        Self { folder: folder.to_owned(), stem: stem.to_owned(), extension }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the name of a partial file has before what makes it unique.
    pub(super) fn prefix(&self) -> OsString {
        self.with("", ".partial-")
    }

    pub(super) fn suffix(&self) -> &OsStr {
        &self.extension
    }

    /// The journal of the partial file `partial`.
    pub(super) fn journal(&self, partial: &Path) -> Option<PathBuf> {
        self.beside(partial, ".rows-", "")
    }

    /// The results file that is made of the journal of `partial`.
    pub(super) fn rest(&self, partial: &Path) -> Option<PathBuf> {
        self.beside(partial, ".partial-", REST)
    }

    fn beside(&self, partial: &Path, middle: &str, after: &str) -> Option<PathBuf> {
        let unique = self.unique(partial.file_name()?)?;
        let mut name = self.with("", middle);
        name.push(unique);
        name.push(after);
        name.push(&self.extension);
        Some(self.folder.join(name))
    }

    /// What makes the name of a partial file unique; `None` if it is not one.
    fn unique<'n>(&self, name: &'n OsStr) -> Option<&'n str> {
        let (prefix, suffix) = (self.prefix(), &self.extension);
        let inner = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes())?;
        let inner = str::from_utf8(inner.strip_suffix(suffix.as_encoded_bytes())?).ok()?;
        let unique = inner.strip_suffix(REST).unwrap_or(inner);
        (unique.len() == UNIQUE && unique.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(inner)
    }

    /// `.STEM` and `middle`, behind `before`.
    fn with(&self, before: &str, middle: &str) -> OsString {
        let mut name = OsString::from(before);
        name.push(".");
        name.push(&self.stem);
        name.push(middle);
        name
    }

    /// Gives `file` the next free name that people see: `results.partial-1.csv`.
    fn show(&self, file: &Path) -> io::Result<PathBuf> {
        let mut file = TempPath::try_from_path(file)?;
        for number in 1_u32.. {
            let mut name = self.stem.clone();
            name.push(format!(".partial-{number}"));
            name.push(&self.extension);
            let path = self.folder.join(name);
            match file.persist_noclobber(&path) {
                Ok(()) => return Ok(path),
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => file = failed.path,
                Err(mut failed) => {
                    failed.path.disable_cleanup(true);
                    return Err(failed.error);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// The file that results for `path` become. A link stays one, and its file is replaced.
pub(super) fn target(path: &Path) -> PathBuf {
    fs::canonicalize(path).or_else(|_| path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Locks a partial file that this process has just made. False if it is gone by then: another process that was starting took
/// it for a leftover.
pub(super) fn lock(file: &File, path: &Path) -> bool {
    // Where the file system has no locks, no other process can take one either.
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && path.exists()
}

/// Makes whole what runs that were killed have left beside the results file `path`, and gives it names that people see. A new
/// file of that name does so by itself ([`create`](super::create)). What cannot be read or renamed stays as it is.
///
/// The rows of one run come in order, and those of Parquet in two files at most.
pub fn recover(path: &Path) -> Vec<Leftover> {
    let names = &Names::of(&target(path));
    let Ok(entries) = fs::read_dir(names.folder()) else { return Vec::new() };
    let names_there = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut partials: Vec<_> = names_there.filter(|name| names.unique(name).is_some()).collect();
    // Files that belong together stay so.
    partials.sort();
    partials.iter().flat_map(|name| recover_one(names, &names.folder().join(name)).unwrap_or_default()).collect()
}

fn recover_one(names: &Names, partial: &Path) -> io::Result<Vec<Leftover>> {
    let file = OpenOptions::new().read(true).write(true).open(partial)?;
    if file.try_lock().is_err() {
        return Ok(Vec::new());
    }
    let is_one_of = |known: &[&str]| known.iter().any(|known| names.extension.eq_ignore_ascii_case(known));
    let (rows, rest) = if is_one_of(&[".parquet", ".pq"]) {
        mend_parquet(names, partial, &file)?
    } else {
        (Some(mend_text(&file, is_one_of(&[".csv", ".tsv"]))?), None)
    };
    let mut found = Vec::new();
    if rows == Some(0) {
        fs::remove_file(partial)?;
    } else {
        found.push(Leftover { path: names.show(partial)?, rows });
    }
    found.extend(
        rest.map(|(path, rows)| Ok::<_, io::Error>(Leftover { path: names.show(&path)?, rows: Some(rows) }))
            .transpose()?,
    );
    Ok(found)
}

/// The rows of a Parquet file, if they can be told, and the file and the number of those that it had not taken yet.
type Mended = (Option<u64>, Option<(PathBuf, u64)>);

/// Makes a Parquet file whole. Returns its rows, and the file of those that it had not taken yet.
fn mend_parquet(names: &Names, partial: &Path, file: &File) -> io::Result<Mended> {
    let journal = names.journal(partial).filter(|path| path.exists());
    let entries = journal.as_deref().map(journal::read).transpose()?.flatten();
    if let Some(entries) = &entries
        && ResultsFile::open(partial).is_err()
    {
        restore(file, entries)?;
    }
    let Ok(mended) = ResultsFile::open(partial) else { return Ok((None, None)) };
    let rest = match entries {
        // Else the file has the rows already, and was finished when its process ended.
        Some(entries) if mended.rows() <= entries.before.rows && !entries.rows.is_empty() => {
            let rest = names.rest(partial).ok_or(io::ErrorKind::InvalidFilename)?;
            crate::file::write_whole(&rest, &rest_of(&mended, &entries)?)?;
            Some((rest, entries.rows.len() as u64))
        }
        _ => None,
    };
    if let Some(journal) = journal {
        fs::remove_file(journal)?;
    }
    Ok((Some(mended.rows()), rest))
}

/// Takes back what was written over the end of the file.
fn restore(mut file: &File, entries: &Entries) -> io::Result<()> {
    file.set_len(entries.before.length)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(&entries.before.tail)?;
    file.sync_all()
}

/// The bytes of a results file with the rows of the journal at `journal`, and their number; `partial` is the file that they
/// were meant for.
pub(super) fn rest(partial: &Path, journal: &Path) -> io::Result<(Vec<u8>, u64)> {
    let file = ResultsFile::open(partial).map_err(io::Error::other)?;
    let entries = journal::read(journal)?.ok_or(io::ErrorKind::InvalidData)?;
    Ok((rest_of(&file, &entries)?, entries.rows.len() as u64))
}

fn rest_of(file: &ResultsFile, entries: &Entries) -> io::Result<Vec<u8>> {
    let (mut encoder, mut chunk) = (Parquet::new(file.columns(), file.metadata())?, Chunk::default());
    let mut bytes = Vec::new();
    encoder.start(&mut chunk)?;
    bytes.append(&mut chunk.bytes);
    let format = encoder.format();
    let mut rows = Rows::default();
    for row in entries.rows.iter().filter(|row| row.len() == file.columns().len()) {
        rows::push(&*format, &mut rows, row)?;
    }
    append_all(&mut encoder, &mut rows, &mut chunk, |chunk| bytes.append(&mut chunk.bytes))?;
    encoder.end(&mut chunk)?;
    bytes.append(&mut chunk.bytes);
    bytes.append(&mut chunk.tail);
    Ok(bytes)
}

/// Cuts a line off that is not whole, and returns the number of rows. A line that `has_names` and quotes ends outside of
/// them, and the first one is no row.
fn mend_text(mut file: &File, has_names: bool) -> io::Result<u64> {
    let (mut reader, mut line) = (BufReader::new(file), Vec::new());
    let (mut end, mut at, mut lines, mut is_quoted) = (0, 0, 0_u64, false);
    while reader.read_until(b'\n', &mut line)? > 0 {
        at += line.len() as u64;
        is_quoted ^= has_names && line.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        if line.ends_with(b"\n") && !is_quoted {
            (end, lines) = (at, lines + 1);
        }
        line.clear();
    }
    file.set_len(end)?;
    file.seek(SeekFrom::End(0))?;
    Ok(lines.saturating_sub(u64::from(has_names)))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use tempfile::TempDir;

    use super::*;
    use crate::results::{Batch, Cell, Column, Kind, Sink, create};

    const EXTENSIONS: [&str; 6] = ["csv", "tsv", "jsonl", "ndjson", "parquet", "PQ"];

    /// More rows than a row group of Parquet has.
    const MANY: i64 = 65_536 + 7;

    fn columns() -> [Column; 2] {
        [Column::new("n", Kind::Integer), Column::new("text", Kind::Text)]
    }

    fn row(n: i64) -> [Cell<'static>; 2] {
        [n.into(), format!("\"{n}\",\n{{").into()]
    }

    fn write(sink: &mut dyn Sink, rows: Range<i64>) {
        rows.for_each(|n| sink.write(&row(n)).unwrap());
    }

    /// The numbers in the file at `path`, whose texts fit them.
    fn read(path: &Path) -> Vec<i64> {
        let extension = path.extension().unwrap().to_str().unwrap();
        let number = |n: &str, text: &str| {
            let n = n.parse().unwrap();
            assert_eq!(text, row(n)[1].to_string());
            n
        };
        match extension {
            "csv" | "tsv" => {
                let delimiter = if extension == "csv" { b',' } else { b'\t' };
                let mut reader = ::csv::ReaderBuilder::new().delimiter(delimiter).from_path(path).unwrap();
                reader.records().map(Result::unwrap).map(|record| number(&record[0], &record[1])).collect()
            }
            "jsonl" | "ndjson" => {
                let lines = fs::read_to_string(path).unwrap();
                let values = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
                values.map(|value| number(&value["n"].to_string(), value["text"].as_str().unwrap())).collect()
            }
            _ => {
                let batches = ResultsFile::open(path).unwrap().batches(None).unwrap().map(Result::unwrap);
                let rows =
                    |batch: &Batch| batch.rows().map(|row| number(&row[0].to_string(), &row[1].to_string())).collect();
                batches.flat_map(|batch| -> Vec<_> { rows(&batch) }).collect()
            }
        }
    }

    /// What is left in a folder of its own when a run is killed that has written `rows`: its files as they are then.
    fn killed(name: &str, rows: i64) -> TempDir {
        let (folder, left) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut sink = create(&folder.path().join(name), &columns()).unwrap();
        write(&mut *sink, 0..rows);
        copy(&folder, &left);
        left
    }

    fn copy(from: &TempDir, to: &TempDir) {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Starts and finishes a run with no rows, and returns what it has found: all rows in order, and in how many files.
    fn next_run(folder: &TempDir, name: &str) -> (Vec<i64>, usize) {
        let sink = create(&folder.path().join(name), &columns()).unwrap();
        let found = sink.leftovers().to_vec();
        drop(sink);
        let counts = found.iter().map(|leftover| leftover.rows);
        let rows: Vec<_> = found.iter().map(|leftover| read(&leftover.path)).collect();
        assert!(counts.eq(rows.iter().map(|rows| Some(rows.len() as u64))), "{found:?}");
        assert_eq!(names(folder).len(), found.len(), "nothing else is left: {:?}", names(folder));
        (rows.concat(), found.len())
    }

    #[test]
    fn no_row_of_a_killed_run_is_lost_in_any_format() {
        for extension in EXTENSIONS {
            let name = format!("my.results.{extension}");
            let many: &[i64] = if extension == "parquet" { &[MANY - 7, MANY] } else { &[1000] };
            for &rows in [0, 1, 100].iter().chain(many) {
                let folder = killed(&name, rows);
                let (found, files) = next_run(&folder, &name);
                assert!(found.into_iter().eq(0..rows), "{extension}: {rows}");
                let expected = if rows == MANY { 2 } else { rows.min(1) };
                assert_eq!(files as i64, expected, "{extension}: {rows}");
                assert!(names(&folder).iter().all(|name| name.starts_with("my.results.partial-")), "{extension}");
                // They are nobody's leftovers any more.
                assert_eq!(create(&folder.path().join(&name), &columns()).unwrap().leftovers(), []);
            }
        }
    }

    #[test]
    fn a_line_that_is_torn_costs_none_before_it() {
        for extension in ["csv", "tsv", "jsonl"] {
            let name = format!("r.{extension}");
            let length = fs::metadata(partial_in(&killed(&name, 5))).unwrap().len();
            for cut in 0..length {
                let folder = killed(&name, 5);
                OpenOptions::new().write(true).open(partial_in(&folder)).unwrap().set_len(cut).unwrap();
                let (found, _) = next_run(&folder, &name);
                assert!(found.len() <= 4 && found.iter().copied().eq(0..found.len() as i64), "{extension}: {cut}");
                assert!(cut < length - 1 || found.len() == 4, "{extension}: {cut}");
            }
        }
    }

    /// The only partial file of a folder.
    fn partial_in(folder: &TempDir) -> PathBuf {
        let name = names(folder).into_iter().find(|name| name.contains(".partial-")).unwrap();
        folder.path().join(name)
    }

    #[test]
    fn a_row_group_that_is_torn_costs_no_row() {
        // As it is before the second row group is written, and after it.
        let (before, after) = (killed("r.parquet", 2 * 65_536 - 1), killed("r.parquet", 2 * 65_536));
        let journal =
            |folder: &TempDir| Names::of(&folder.path().join("r.parquet")).journal(&partial_in(folder)).unwrap();
        let whole = fs::read(partial_in(&after)).unwrap();
        let first = journal::read(&journal(&before)).unwrap().unwrap().before.length as usize;
        for cut in [first, first + 1, first + 2000, whole.len() - 9, whole.len() - 1] {
            let folder = TempDir::new().unwrap();
            copy(&before, &folder);
            fs::write(partial_in(&folder), &whole[..cut]).unwrap();
            let (found, files) = next_run(&folder, "r.parquet");
            assert!(found.into_iter().eq(0..2 * 65_536 - 1), "{cut}");
            assert_eq!(files, 2, "{cut}");
        }
        // Finished, and killed before the journal begins anew.
        fs::write(partial_in(&before), &whole).unwrap();
        assert!(next_run(&before, "r.parquet").0.into_iter().eq(0..2 * 65_536));
    }

    #[test]
    fn a_file_that_cannot_be_mended_is_shown_and_told() {
        let folder = killed("r.parquet", 3);
        let partial = partial_in(&folder);
        fs::remove_file(Names::of(&folder.path().join("r.parquet")).journal(&partial).unwrap()).unwrap();
        fs::write(&partial, "PAR1 torn").unwrap();
        let sink = create(&folder.path().join("r.parquet"), &columns()).unwrap();
        let path = folder.path().canonicalize().unwrap().join("r.partial-1.parquet");
        assert_eq!(sink.leftovers(), [Leftover { path: path.clone(), rows: None }]);
        assert_eq!(fs::read(path).unwrap(), b"PAR1 torn");
    }

    #[test]
    fn a_run_that_is_alive_is_left_alone() {
        for extension in EXTENSIONS {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join(format!("r.{extension}"));
            let mut one = create(&path, &columns()).unwrap();
            write(&mut *one, 0..10);
            let mut other = create(&path, &columns()).unwrap();
            assert_eq!(other.leftovers(), [], "{extension}");
            write(&mut *other, 0..20);
            one.finish().unwrap();
            assert_eq!(read(&path).len(), 10, "{extension}");
            other.finish().unwrap();
            assert_eq!(read(&path).len(), 20, "{extension}");
            assert_eq!(names(&folder).len(), 1, "{extension}");
        }
    }

    #[test]
    fn files_with_other_names_are_left_alone() {
        let folder = TempDir::new().unwrap();
        let others = [
            ".r.partial-abc123.tsv",
            ".r.partial-abc12.csv",
            ".r.partial-abc1234.csv",
            ".r.partial-abc_23.csv",
            ".r.partial-x.partial-abc123.csv",
            ".s.partial-abc123.csv",
            "r.partial-abc123.csv",
            ".r.rows-abc123.csv",
            "r.partial-1.csv",
        ];
        others.iter().for_each(|name| fs::write(folder.path().join(name), "n,text\n1,x\n").unwrap());
        fs::write(folder.path().join(".r.partial-abc123.csv"), "n,text\n1,x\n2,").unwrap();
        let sink = create(&folder.path().join("r.csv"), &columns()).unwrap();
        let path = folder.path().canonicalize().unwrap().join("r.partial-2.csv");
        assert_eq!(sink.leftovers(), [Leftover { path: path.clone(), rows: Some(1) }]);
        assert_eq!(fs::read_to_string(path).unwrap(), "n,text\n1,x\n");
        drop(sink);
        let mut expected: Vec<_> = others.iter().map(|name| (*name).to_owned()).collect();
        expected.push("r.partial-2.csv".to_owned());
        expected.sort();
        assert_eq!(names(&folder), expected);
    }
}
