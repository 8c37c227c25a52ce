//! Formats of results by extension, and every check of a path before work starts.
//!
//! Never writes a row.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use tempfile::TempPath;

use super::{
    column::{Cell, Column},
    csv::Csv,
    encoder::{Chunk, Encoder, append_all},
    error::ResultsError,
    file::{FilePaths, FileSink, Held},
    journal::Journal,
    jsonl::JsonLines,
    leftover::{self, Names},
    parquet::Parquet,
    rows::{Rows, push},
    sink::Sink,
};

const EXTENSIONS: &str = ".parquet (or .pq), .csv, .tsv or .jsonl (or .ndjson)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResultsFormat {
    Parquet,
    Csv,
    Tsv,
    JsonLines,
}

/// Starts a file of `columns` at `path`, in the format that the extension names.
///
/// Parquet (`.parquet`, `.pq`) has typed nullable columns in row groups of 65,536 rows, compressed with zstd. CSV
/// (`.csv`) and TSV (`.tsv`) have a line of names; a null is an empty field, and so is an empty text. JSON lines
/// (`.jsonl`, `.ndjson`) hold one object for each row. Numbers read back to the same bits from all of them, and equal
/// rows make equal bytes. A moment is a timestamp in UTC in Parquet, and text in the others.
///
/// Until [`Sink::finish`], nothing is at `path` that was not there before.
///
/// # Errors
///
/// Returns an error if the extension names no format; if `path` is a directory, anything else that is no regular file,
/// or a file that is read-only; if its directory does not exist or takes no files; or if two columns have one name.
pub fn create(path: &Path, columns: &[Column]) -> Result<Box<dyn Sink>, ResultsError> {
    create_with(path, columns, &[])
}

/// As [`create`]; the file keeps `metadata`, names and texts that say where its rows come from, if its format can.
///
/// Parquet keeps them in its footer, where [`metadata`](super::metadata) finds them and other readers do, too; the
/// other formats have no place for them. Names that begin with `host.results.` are the file's own.
///
/// # Errors
///
/// Returns an error as [`create`] does.
pub fn create_with(
    path: &Path,
    columns: &[Column],
    metadata: &[(String, String)],
) -> Result<Box<dyn Sink>, ResultsError> {
    check_present(path)?;
    let format = ResultsFormat::of(path)?;
    check_names(path, columns)?;
    let (file, place) = partial(path)?;
    let failed = |source| ResultsError::Write { path: path.to_owned(), rows: 0, partial: None, rest: None, source };
    let encoder = format.encoder(columns, metadata).map_err(failed)?;
    let held = if encoder.holds_rows() { Some(held(&place, columns).map_err(failed)?) } else { None };
    Ok(Box::new(FileSink::start(place, columns, encoder, file, held)?))
}

/// Checks all that [`create`] checks, and leaves nothing behind: not even what killed runs have left beside the file is touched.
///
/// # Errors
///
/// Returns an error as [`create`] does.
pub fn check(path: &Path, columns: &[Column]) -> Result<(), ResultsError> {
    check_present(path)?;
    ResultsFormat::of(path)?;
    check_names(path, columns)?;
    // It is removed at once.
    make(&Names::of(&leftover::target(path))).map(drop).map_err(|source| not_made(path, source))
}

/// The bytes of a file of `rows` at `path`, which is not touched, as [`create_with`] would write it: those of the rows, and of
/// what stands around them.
pub(super) fn bytes_of(
    path: &Path,
    columns: &[Column],
    metadata: &[(String, String)],
    rows: &[Vec<Cell<'_>>],
) -> Result<(u64, u64), ResultsError> {
    let failed = |source| ResultsError::Encode { path: path.to_owned(), source };
    let mut encoder = ResultsFormat::of(path)?.encoder(columns, metadata).map_err(failed)?;
    let (format, mut chunk, mut block) = (encoder.format(), Chunk::default(), Rows::default());
    encoder.start(&mut chunk).map_err(failed)?;
    let (head, mut body) = (chunk.bytes.len(), 0);
    chunk.clear();
    for row in rows {
        push(&*format, &mut block, row).map_err(failed)?;
    }
    let mut take = |chunk: &mut Chunk| body += std::mem::take(&mut chunk.bytes).len();
    append_all(&mut *encoder, &mut block, &mut chunk, &mut take).map_err(failed)?;
    encoder.end(&mut chunk).map_err(failed)?;
    take(&mut chunk);
    Ok((body as u64, (head + chunk.tail.len()) as u64))
}

/// Makes the journal of a partial file.
fn held(place: &FilePaths, columns: &[Column]) -> io::Result<Held<File>> {
    let path = Names::of(&place.target).journal(&place.partial).ok_or(ErrorKind::InvalidFilename)?;
    let file = File::create_new(&path)?;
    Ok(Held { path: TempPath::try_from_path(path)?, journal: Journal::new(file, columns) })
}

impl ResultsFormat {
    fn of(path: &Path) -> Result<Self, ResultsError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("parquet" | "pq") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("tsv") => Ok(Self::Tsv),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => Err(ResultsError::UnknownFormat { path: path.to_owned(), known: EXTENSIONS }),
        }
    }

    fn encoder(self, columns: &[Column], metadata: &[(String, String)]) -> io::Result<Box<dyn Encoder>> {
        Ok(match self {
            Self::Parquet => Box::new(Parquet::new(columns, metadata)?),
            Self::Csv => Box::new(Csv::new(columns, b',')),
            Self::Tsv => Box::new(Csv::new(columns, b'\t')),
            Self::JsonLines => Box::new(JsonLines::new(columns)?),
        })
    }
}

/// Checks that what is at `path`, if anything, may be replaced.
pub(super) fn check_present(path: &Path) -> Result<(), ResultsError> {
    // What cannot be looked at is found when the partial file is made.
    let Ok(present) = fs::metadata(path) else {
        return Ok(());
    };
    let path = path.to_owned();
    if present.is_dir() {
        Err(ResultsError::Directory { path })
    } else if !present.is_file() {
        Err(ResultsError::NotAFile { path })
    } else if present.permissions().readonly() {
        Err(ResultsError::ReadOnly { path })
    } else {
        Ok(())
    }
}

fn check_names(path: &Path, columns: &[Column]) -> Result<(), ResultsError> {
    if columns.is_empty() {
        return Err(ResultsError::NoColumns { path: path.to_owned() });
    }
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|other| other.name == column.name) {
            return Err(ResultsError::SameName { path: path.to_owned(), name: column.name.clone() });
        }
    }
    Ok(())
}

/// Makes the partial file for `path`, in the directory of the final one, since a rename cannot leave its file system. Takes
/// care first of what runs that were killed have left there.
pub(super) fn partial(path: &Path) -> Result<(File, FilePaths), ResultsError> {
    let target = leftover::target(path);
    let names = Names::of(&target);
    let leftovers = leftover::recover(&target);
    let (file, partial) = make(&names).map_err(|source| not_made(path, source))?;
    Ok((file, FilePaths { path: path.to_owned(), target, partial, leftovers }))
}

/// Why no file can be made beside `path`.
fn not_made(path: &Path, source: io::Error) -> ResultsError {
    let (path, directory) = (path.to_owned(), Names::of(&leftover::target(path)).folder().to_owned());
    match source.kind() {
        ErrorKind::NotFound => ResultsError::NoDirectory { path, directory },
        _ => ResultsError::Create { path, directory, source },
    }
}

/// Makes a file that no other process takes for a leftover, as long as this one lives.
fn make(names: &Names) -> io::Result<(File, TempPath)> {
    let prefix = names.prefix();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(names.suffix());
    // As for any other file, the umask decides who may read it.
    builder.permissions(fs::Permissions::from_mode(0o666));
    // Another process can have taken the first one for a leftover, hardly the next.
    for _ in 0..100 {
        let (file, path) = builder.tempfile_in(names.folder())?.into_parts();
        if leftover::lock(&file, &path) {
            return Ok((file, path));
        }
    }
    Err(io::Error::other("each file that is made there is gone at once"))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use ::csv::ReaderBuilder;
    use ::parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::Field,
    };
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::results::{Rows, csv_text};
    use crate::{
        model::format_date_time,
        results::column::{Cell, Kind},
    };

    const NAMES: [&str; 6] = ["r.parquet", "r.PQ", "r.csv", "r.tsv", "r.jsonl", "r.ndjson"];

    fn columns() -> Vec<Column> {
        let columns = [
            ("flag", Kind::Boolean),
            ("n", Kind::Integer),
            ("x", Kind::Number),
            ("a text", Kind::Text),
            ("at", Kind::Time),
        ];
        columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
    }

    fn write(path: &Path, rows: &[Vec<Cell<'_>>]) {
        let mut sink = create(path, &columns()).unwrap();
        for row in rows {
            sink.write(row).unwrap();
        }
        sink.finish().unwrap();
    }

    fn read(path: &Path) -> Vec<Vec<Cell<'static>>> {
        match path.extension().unwrap().to_str().unwrap() {
            "parquet" | "PQ" => read_parquet(path),
            "csv" => read_csv(path, b','),
            "tsv" => read_csv(path, b'\t'),
            _ => read_json(path),
        }
    }

    fn read_parquet(path: &Path) -> Vec<Vec<Cell<'static>>> {
        let columns = columns();
        let is_time = |name: &String| columns.iter().any(|column| column.name == *name && column.kind == Kind::Time);
        let cell = |(name, field): (&String, &Field)| match field {
            Field::Null => Cell::Null,
            Field::Bool(value) => Cell::from(*value),
            Field::Long(value) if is_time(name) => at(*value),
            Field::Long(value) => Cell::from(*value),
            Field::Double(value) => Cell::from(*value),
            Field::Str(value) => Cell::from(value.clone()),
            other => panic!("no column is of this type: {other:?}"),
        };
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().get_column_iter().map(cell).collect()).collect()
    }

    fn at(nanos: i64) -> Cell<'static> {
        Cell::Time(nanos, format_date_time(nanos).into())
    }

    fn moment(text: &str) -> Cell<'static> {
        at(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond() as i64)
    }

    fn read_csv(path: &Path, delimiter: u8) -> Vec<Vec<Cell<'static>>> {
        let cell = |(column, text): (&Column, &str)| match column.kind {
            _ if text.is_empty() => Cell::Null,
            Kind::Boolean => Cell::from(text.parse::<bool>().unwrap()),
            Kind::Integer => Cell::from(text.parse::<i64>().unwrap()),
            Kind::Number => Cell::from(text.parse::<f64>().unwrap()),
            Kind::Text => Cell::from(csv_text(text).to_owned()),
            Kind::Time => moment(text),
        };
        let mut reader = ReaderBuilder::new().delimiter(delimiter).from_path(path).unwrap();
        assert!(reader.headers().unwrap().iter().eq(columns().iter().map(|column| column.name.as_str())));
        reader.records().map(|row| columns().iter().zip(&row.unwrap()).map(cell).collect()).collect()
    }

    fn read_json(path: &Path) -> Vec<Vec<Cell<'static>>> {
        let cell = |(column, value): (&Column, serde_json::Value)| match value {
            serde_json::Value::Null => Cell::Null,
            serde_json::Value::Bool(value) => Cell::from(value),
            serde_json::Value::Number(value) => value.as_i64().map_or_else(|| value.as_f64().into(), Cell::from),
            serde_json::Value::String(value) if column.kind == Kind::Number => Cell::Number(value.parse().unwrap()),
            serde_json::Value::String(value) if column.kind == Kind::Time => moment(&value),
            serde_json::Value::String(value) => Cell::from(value),
            other => panic!("no cell is of this type: {other:?}"),
        };
        let text = fs::read_to_string(path).unwrap();
        let objects = text.lines().map(|line| serde_json::from_str::<serde_json::Map<_, _>>(line).unwrap());
        objects
            .map(|object| {
                assert!(object.keys().eq(columns().iter().map(|column| &column.name)));
                columns().iter().zip(object).map(|(column, (_, value))| cell((column, value))).collect()
            })
            .collect()
    }

    /// Whether two cells are the same to the last bit, which `==` does not say of zeros.
    fn same(one: &Cell<'_>, other: &Cell<'_>) -> bool {
        match (one, other) {
            (Cell::Number(one), Cell::Number(other)) => one.to_bits() == other.to_bits(),
            _ => one == other,
        }
    }

    fn check_round_trip(rows: &[Vec<Cell<'_>>]) {
        let folder = TempDir::new().unwrap();
        for name in NAMES {
            let path = folder.path().join(name);
            write(&path, rows);
            let found = read(&path);
            assert_eq!(found.len(), rows.len(), "{name}");
            for (found, row) in found.iter().zip(rows) {
                let separated = name.ends_with("sv");
                let blank = Cell::Text(Cow::Borrowed(""));
                let expected = row.iter().map(|cell| if separated && *cell == blank { &Cell::Null } else { cell });
                assert!(
                    found.iter().zip(expected).all(|(one, other)| same(one, other)),
                    "{name}: {found:?} of {row:?}"
                );
            }
            let again = folder.path().join(format!("again-{name}"));
            write(&again, rows);
            assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap(), "{name}");
        }
    }

    fn cell_of(kind: Kind) -> BoxedStrategy<Cell<'static>> {
        let some = match kind {
            Kind::Boolean => any::<bool>().prop_map(Cell::from).boxed(),
            Kind::Integer => any::<i64>().prop_map(Cell::from).boxed(),
            Kind::Number => any::<f64>().prop_filter("a number", |value| !value.is_nan()).prop_map(Cell::from).boxed(),
            Kind::Text => any::<String>().prop_map(Cell::from).boxed(),
            Kind::Time => any::<i64>().prop_map(at).boxed(),
        };
        prop_oneof![1 => Just(Cell::Null), 4 => some].boxed()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn random_rows_read_back_to_the_same_bits_and_are_written_to_the_same_bytes(
            rows in prop::collection::vec(
                columns().into_iter().map(|column| cell_of(column.kind)).collect::<Vec<_>>(), 0..12,
            ),
        ) {
            check_round_trip(&rows);
        }
    }

    #[test]
    fn the_edges_of_every_kind_read_back() {
        let numbers = [0.0, -0.0, 5.0, 0.1 + 0.2, 1e-7, 1e16, 1e300, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN];
        let endless = [f64::INFINITY, f64::NEG_INFINITY];
        let numbers = numbers.into_iter().chain(endless);
        let mut rows: Vec<_> =
            numbers.map(|x| vec![Cell::Null, Cell::Null, x.into(), Cell::Null, Cell::Null]).collect();
        let integers = [0, i64::MIN, i64::MAX, (1 << 53) + 1];
        rows.extend(integers.map(|n| vec![true.into(), n.into(), Cell::Null, Cell::Null, at(n)]));
        let texts = [
            "",
            "a,b",
            "a\tb",
            "say \"no\"",
            "two\nlines",
            "old\r\nlines\r",
            "\0\x1b[2J\x7f",
            "1e5",
            "null",
            " ",
            "日本",
        ];
        rows.extend(texts.map(|text| vec![Cell::Null, Cell::Null, Cell::Null, text.into(), Cell::Null]));
        check_round_trip(&rows);
        check_round_trip(&[]);
    }

    #[test]
    fn many_rows_read_back_over_all_row_groups() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("r.parquet");
        let rows: Vec<Vec<Cell<'_>>> = (0..140_001)
            .map(|n: i64| {
                let texts = format!("sweep-{n}");
                vec![(n % 3 == 0).into(), n.into(), (n as f64).sqrt().into(), texts.into(), at(n)]
            })
            .collect();
        write(&path, &rows);
        assert!(read(&path) == rows);
    }

    fn check_text(name: &str, expected: &str) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        write(
            &path,
            &[
                vec![true.into(), 1.into(), 5.0.into(), "1,5".into(), at(0)],
                vec![Cell::Null, Cell::Null, f64::INFINITY.into(), Cell::Null, Cell::Null],
                vec![false.into(), (-1).into(), 1e-7.into(), "tab\tand \"quote\"".into(), Cell::Null],
            ],
        );
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn text_formats_look_as_documented() {
        check_text(
            "r.csv",
            concat!(
                "flag,n,x,a text,at\ntrue,1,5.0,\"1,5\",1970-01-01T00:00:00Z\n,,inf,,\n",
                "false,-1,1e-7,\"tab\tand \"\"quote\"\"\",\n",
            ),
        );
        check_text(
            "r.tsv",
            concat!(
                "flag\tn\tx\ta text\tat\ntrue\t1\t5.0\t1,5\t1970-01-01T00:00:00Z\n\t\tinf\t\t\n",
                "false\t-1\t1e-7\t\"tab\tand \"\"quote\"\"\"\t\n",
            ),
        );
        check_text(
            "r.jsonl",
            concat!(
                "{\"flag\":true,\"n\":1,\"x\":5.0,\"a text\":\"1,5\",\"at\":\"1970-01-01T00:00:00Z\"}\n",
                "{\"flag\":null,\"n\":null,\"x\":\"inf\",\"a text\":null,\"at\":null}\n",
                "{\"flag\":false,\"n\":-1,\"x\":1e-7,\"a text\":\"tab\\tand \\\"quote\\\"\",\"at\":null}\n",
            ),
        );
    }

    /// Checks that nothing can be created at `path`, and that nothing is left in `folder`.
    fn check_refused(folder: &TempDir, path: &Path, expected: &str) {
        let before = fs::read_dir(folder).unwrap().count();
        let error = create(path, &columns()).unwrap_err().to_string();
        assert_eq!(error.replace(&*folder.path().to_string_lossy(), "DIR"), expected);
        assert_eq!(fs::read_dir(folder).unwrap().count(), before);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_found_at_once() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let known = ".parquet (or .pq), .csv, .tsv or .jsonl (or .ndjson)";
        for name in ["results", "results.xlsx", ".csv"] {
            let expected =
                format!("`DIR/{name}` has no extension that names a format; give a name that ends in {known}");
            check_refused(&folder, &at(name), &expected);
        }
        let expected = "`DIR` is a directory; give a file in it, such as `DIR/results.parquet`";
        check_refused(&folder, folder.path(), expected);
        let expected = "`DIR/none/r.csv` cannot be written: there is no directory `DIR/none`; make it, or give \
                        another path";
        check_refused(&folder, &at("none/r.csv"), expected);
        fs::write(at("file"), "").unwrap();
        let expected = "`DIR/file/r.csv` cannot be written: no file can be made in `DIR/file`; give a path in a \
                        directory that takes files";
        check_refused(&folder, &at("file/r.csv"), expected);
    }

    #[test]
    fn what_is_protected_or_no_file_is_not_replaced() {
        use std::os::unix::{fs::PermissionsExt as _, net::UnixListener};

        let folder = TempDir::new().unwrap();
        let path = folder.path().join("r.csv");
        fs::write(&path, "precious").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let expected = "`DIR/r.csv` is read-only; make it writable if it is to be replaced, or give another path";
        check_refused(&folder, &path, expected);
        let socket = folder.path().join("socket.csv");
        let _listener = UnixListener::bind(&socket).unwrap();
        let expected = "`DIR/socket.csv` is not a regular file, so results cannot take its place; give another path";
        check_refused(&folder, &socket, expected);
    }

    #[test]
    fn a_directory_that_takes_no_files_is_found_at_once() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = TempDir::new().unwrap();
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
        if File::create(closed.join("probe")).is_ok() {
            // The superuser may write everywhere, so there is nothing to see.
            return;
        }
        let expected = "`DIR/closed/r.csv` cannot be written: no file can be made in `DIR/closed`; give a path in a \
                        directory that takes files";
        check_refused(&folder, &closed.join("r.csv"), expected);
    }

    #[test]
    fn columns_have_names_of_their_own() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("r.csv");
        let twice = [Column::new("trades", Kind::Integer), Column::new("trades", Kind::Integer)];
        assert!(matches!(create(&path, &twice), Err(ResultsError::SameName { name, .. }) if name == "trades"));
        assert!(matches!(create(&path, &[]), Err(ResultsError::NoColumns { .. })));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let folder = TempDir::new().unwrap();
        for name in NAMES {
            let path = folder.path().join(name);
            fs::write(&path, "old").unwrap();
            let mut sink = create(&path, &columns()).unwrap();
            sink.write(&[true.into(), 1.into(), 0.5.into(), "text".into(), at(1)]).unwrap();
            assert_eq!(sink.partial().extension(), path.extension());
            assert_eq!(fs::read(&path).unwrap(), b"old");
            sink.finish().unwrap();
            assert_eq!(read(&path).len(), 1);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), NAMES.len());
    }

    #[test]
    fn a_link_stays_one_and_the_umask_decides_who_may_read() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("plain.csv"), "").unwrap();
        symlink("plain.csv", at("link.csv")).unwrap();
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode();
        let plain = mode("plain.csv");
        write(&at("link.csv"), &[]);
        assert!(fs::symlink_metadata(at("link.csv")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(at("plain.csv")).unwrap(), "flag,n,x,a text,at\n");
        assert_eq!(mode("plain.csv"), plain);
    }

    /// Prints the microseconds a row of each part of writing all metrics.
    #[test]
    #[ignore = "measures, and checks nothing"]
    #[expect(clippy::print_stderr, reason = "its numbers are for whoever runs it")]
    fn measure_the_parts_of_writing() {
        use std::time::{Duration, Instant};

        use crate::{
            metrics::Metrics,
            results::{Records, parquet::GROUP_ROWS},
            task::ParallelResult,
        };

        const ROWS: usize = 200_000;
        const BLOCK: usize = 100;
        let records = Records::typed::<Metrics>(&[], None, |_| true);
        let hash = "0123456789abcdef".repeat(4);
        let mut result = ParallelResult::new(0, Ok(Metrics::default()));
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / ROWS as f64;
        for name in ["r.parquet", "r.csv", "r.jsonl"] {
            let folder = TempDir::new().unwrap();
            let mut sink = create(&folder.path().join(name), records.columns()).unwrap();
            let mut single = create(&folder.path().join(format!("single-{name}")), records.columns()).unwrap();
            let encoder = sink.encoder();
            let [mut push, mut append, mut ends, mut help, mut write] = [Duration::ZERO; 5];
            for block in 0..ROWS / BLOCK {
                let mut rows = Rows::default();
                for n in 0..BLOCK {
                    result.task_id = format!("task-{}", block * BLOCK + n);
                    if let Some(metrics) = &mut result.result {
                        metrics.sharpe = Some(((block * BLOCK + n) as f64).sqrt());
                    }
                    let row = records.row(&result, Some(&hash));
                    let start = Instant::now();
                    encoder.push(&mut rows, &row).unwrap();
                    push += start.elapsed();
                    let start = Instant::now();
                    single.write(&row).unwrap();
                    write += start.elapsed();
                }
                let start = Instant::now();
                sink.append(rows).unwrap();
                // The append that ends a row group encodes what nobody else does.
                let ended = (block + 1) * BLOCK / GROUP_ROWS > block * BLOCK / GROUP_ROWS;
                *(if ended { &mut ends } else { &mut append }) += start.elapsed();
                let start = Instant::now();
                // As many workers as keep up.
                (0..8).for_each(|_| encoder.help());
                help += start.elapsed();
            }
            let start = Instant::now();
            sink.finish().unwrap();
            let finish = start.elapsed();
            eprintln!(
                "{name}: push {:.2}, help {:.2}, append {:.2}, ends of groups {:.2}, finish {:.2}; one by one {:.2}; {} columns",
                micros(push),
                micros(help),
                micros(append),
                micros(ends),
                micros(finish),
                micros(write),
                records.columns().len(),
            );
        }
    }
}
