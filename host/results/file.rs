//! Results file: complete or absent under its final name.
//!
//! Never knows a format: an encoder makes the bytes.
//!
//! Rows go into a partial file beside the final one, `.results.partial-x1y2z3.csv` for `results.csv`, from the first
//! on. Finishing renames it. Rows once written outlive whatever goes wrong later: a full disk, an error while
//! finishing, a caller that panics, a process that is killed.

use std::{
    fmt::Debug,
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    mem,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder},
    sink::{ResultsError, Sink},
};

/// What keeps the bytes: a file, or in tests one on a disk that is full.
pub(super) trait Store: Write + Seek + Debug + Send {
    /// Cuts the file off at `length` bytes.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Returns once the bytes are on the disk.
    fn sync(&self) -> io::Result<()>;
}

impl Store for File {
    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// The names of a file of results.
#[derive(Debug)]
pub(super) struct FilePaths {
    /// As the user gave it, for messages.
    pub(super) path: PathBuf,
    /// Where the file goes; another than `path` where that is a link.
    pub(super) target: PathBuf,
    /// Where the rows go first.
    pub(super) partial: TempPath,
}

/// The one sink there is: an encoder's bytes in a store.
#[derive(Debug)]
pub(super) struct FileSink<S: Store> {
    place: FilePaths,
    columns: Vec<Column>,
    encoder: Box<dyn Encoder>,
    store: S,
    chunk: Chunk,
    /// The end of the format that follows the first `length` bytes.
    tail: Vec<u8>,
    /// Bytes that stay.
    length: u64,
    /// Rows in them.
    rows: u64,
    /// Whether a row was taken, into the file or into the encoder.
    taken: bool,
    /// Whether neither an error nor the end has come.
    open: bool,
}

impl<S: Store> FileSink<S> {
    /// Makes a sink and writes what comes before the first row.
    pub(super) fn start(
        place: FilePaths,
        columns: &[Column],
        encoder: Box<dyn Encoder>,
        store: S,
    ) -> Result<Self, ResultsError> {
        let mut sink = Self {
            place,
            columns: columns.to_vec(),
            encoder,
            store,
            chunk: Chunk::default(),
            tail: vec![],
            length: 0,
            rows: 0,
            taken: false,
            open: true,
        };
        sink.encoder.start(&mut sink.chunk).and_then(|()| sink.append()).map_err(|error| sink.fail(error))?;
        Ok(sink)
    }

    /// Moves the chunk into the file.
    fn append(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let before = self.length + self.tail.len() as u64;
        if !self.tail.is_empty() {
            self.store.seek(SeekFrom::Start(self.length))?;
        }
        self.store.write_all(&self.chunk.bytes)?;
        self.store.write_all(&self.chunk.tail)?;
        let length = self.length + self.chunk.bytes.len() as u64;
        let after = length + self.chunk.tail.len() as u64;
        if after < before {
            self.store.cut(after)?;
        }
        self.length = length;
        self.rows += self.chunk.rows;
        mem::swap(&mut self.tail, &mut self.chunk.tail);
        self.chunk.clear();
        Ok(())
    }

    /// Writes all that the encoder still holds.
    fn close(&mut self) -> io::Result<()> {
        self.chunk.clear();
        self.encoder.end(&mut self.chunk)?;
        self.append()
    }

    /// Keeps what is whole and says so.
    fn fail(&mut self, source: io::Error) -> ResultsError {
        self.open = false;
        // Without its tail, a format that has one cannot be read. Without the cut, a line of text is torn at the end of
        // the file, after the rows that the error counts.
        let whole = self.restore().is_ok() || self.tail.is_empty();
        let rows = if whole { self.rows } else { 0 };
        let partial = (rows > 0).then(|| self.keep());
        ResultsError::Write { path: self.place.path.clone(), rows, partial, source }
    }

    /// Takes back what was written of the chunk that failed.
    fn restore(&mut self) -> io::Result<()> {
        self.store.cut(self.length)?;
        self.store.seek(SeekFrom::Start(self.length))?;
        self.store.write_all(&self.tail)
    }

    /// Sees to it that the partial file stays.
    fn keep(&mut self) -> PathBuf {
        self.place.partial.disable_cleanup(true);
        self.place.partial.to_path_buf()
    }

    fn check_open(&self) -> Result<(), ResultsError> {
        if self.open { Ok(()) } else { Err(ResultsError::Closed { path: self.place.path.clone() }) }
    }

    fn check(&self, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        let (expected, found) = (self.columns.len(), row.len());
        if expected != found {
            return Err(ResultsError::Width { path: self.place.path.clone(), expected, found });
        }
        for (column, cell) in self.columns.iter().zip(row) {
            debug_assert!(
                !matches!(cell, Cell::Number(value) if value.is_nan()),
                "column `{}` got {cell:?}, but what is undefined is null",
                column.name
            );
            if let Some(kind) = cell.kind().filter(|kind| *kind != column.kind) {
                return Err(ResultsError::WrongKind {
                    path: self.place.path.clone(),
                    name: column.name.clone(),
                    expected: column.kind.as_str(),
                    found: kind.as_str(),
                    value: cell.to_string(),
                });
            }
        }
        Ok(())
    }
}

impl<S: Store> Sink for FileSink<S> {
    fn write(&mut self, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        self.check_open()?;
        self.check(row)?;
        self.taken = true;
        self.encoder.row(row, &mut self.chunk).and_then(|()| self.append()).map_err(|error| self.fail(error))
    }

    fn checkpoint(&mut self) -> Result<(), ResultsError> {
        self.check_open()?;
        self.chunk.clear();
        let encoded = self.encoder.checkpoint(&mut self.chunk);
        encoded.and_then(|()| self.append()).and_then(|()| self.store.sync()).map_err(|error| self.fail(error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), ResultsError> {
        self.check_open()?;
        self.close().and_then(|()| self.store.sync()).map_err(|error| self.fail(error))?;
        self.open = false;
        let partial = self.keep();
        // The directory is not synchronised: a crash of the machine may leave the old name, but never half a file.
        fs::rename(&partial, &self.place.target).map_err(|source| ResultsError::Rename {
            path: self.place.path.clone(),
            rows: self.rows,
            partial,
            source,
        })
    }

    fn partial(&self) -> &Path {
        &self.place.partial
    }
}

impl<S: Store> Drop for FileSink<S> {
    fn drop(&mut self) {
        if !self.open || !self.taken {
            return;
        }
        match self.close() {
            Ok(()) => _ = self.keep(),
            // Nobody is left to be told; what is whole is kept all the same.
            Err(error) => _ = self.fail(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs::OpenOptions};

    use ::parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };
    use tempfile::TempDir;

    use super::*;
    use crate::results::{column::Kind, csv::Csv, parquet::Parquet};

    /// A file on a disk that takes `room` bytes of it.
    #[derive(Debug)]
    struct Full {
        file: File,
        room: u64,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let left = self.room.saturating_sub(self.file.stream_position()?) as usize;
            if left == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.file.write(&bytes[..bytes.len().min(left)])
        }

        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    impl Store for Full {
        fn cut(&self, length: u64) -> io::Result<()> {
            self.file.set_len(length)
        }

        fn sync(&self) -> io::Result<()> {
            self.file.sync_all()
        }
    }

    fn columns() -> [Column; 2] {
        [Column::new("n", Kind::Integer), Column::new("half", Kind::Number)]
    }

    fn row(n: i64) -> [Cell<'static>; 2] {
        [n.into(), (n as f64 / 2.0).into()]
    }

    fn start(
        folder: &TempDir,
        encoder: impl Encoder + 'static,
        room: u64,
    ) -> Result<Box<FileSink<Full>>, ResultsError> {
        let target = folder.path().join("results");
        let partial = tempfile::Builder::new().prefix(".partial-").tempfile_in(folder).unwrap().into_temp_path();
        let file = OpenOptions::new().write(true).open(&partial).unwrap();
        let place = FilePaths { path: target.clone(), target, partial };
        FileSink::start(place, &columns(), Box::new(encoder), Full { file, room }).map(Box::new)
    }

    fn csv(folder: &TempDir, room: u64) -> Result<Box<FileSink<Full>>, ResultsError> {
        start(folder, Csv::new(&columns(), b','), room)
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Writes rows until the disk is full, and returns how many were taken and what the error says.
    fn fill(sink: &mut FileSink<Full>) -> (i64, ResultsError) {
        (0..).find_map(|n| sink.write(&row(n)).err().map(|error| (n, error))).unwrap()
    }

    fn kept(error: &ResultsError) -> (u64, Option<&Path>) {
        match error {
            ResultsError::Write { rows, partial, .. } => (*rows, partial.as_deref()),
            other => panic!("not an error of writing: {other:?}"),
        }
    }

    #[test]
    fn every_row_is_in_the_partial_file_at_once_and_under_the_final_name_at_the_end() {
        let folder = TempDir::new().unwrap();
        let mut sink = csv(&folder, u64::MAX).unwrap();
        sink.write(&row(1)).unwrap();
        assert_eq!(fs::read_to_string(sink.partial()).unwrap(), "n,half\n1,0.5\n");
        assert!(!folder.path().join("results").exists());
        sink.write(&row(2)).unwrap();
        sink.finish().unwrap();
        assert_eq!(names(&folder), ["results"]);
        assert_eq!(fs::read_to_string(folder.path().join("results")).unwrap(), "n,half\n1,0.5\n2,1.0\n");
    }

    #[test]
    fn a_full_disk_keeps_every_whole_line() {
        let whole = "n,half\n0,0.0\n1,0.5\n2,1.0\n";
        for room in whole.len()..whole.len() + 6 {
            let folder = TempDir::new().unwrap();
            let mut sink = csv(&folder, room as u64).unwrap();
            let (taken, error) = fill(&mut sink);
            let (rows, partial) = kept(&error);
            assert_eq!((taken, rows), (3, 3), "{room}");
            assert!(matches!(sink.write(&row(4)), Err(ResultsError::Closed { .. })));
            assert!(matches!(sink.finish(), Err(ResultsError::Closed { .. })));
            assert_eq!(fs::read_to_string(partial.unwrap()).unwrap(), whole, "{room}");
            let text = error.to_string();
            assert!(text.contains(&format!("its first 3 rows are kept in `{}`", partial.unwrap().display())), "{text}");
            assert!(error.source().unwrap().to_string().contains("storage"), "{:?}", error.source());
        }
    }

    #[test]
    fn a_disk_that_takes_no_row_leaves_no_file() {
        let folder = TempDir::new().unwrap();
        assert_eq!(kept(&csv(&folder, 3).unwrap_err()), (0, None));
        let mut sink = csv(&folder, 9).unwrap();
        let (_, error) = fill(&mut sink);
        assert_eq!(kept(&error), (0, None));
        assert!(error.to_string().ends_with("no row could be kept; make room, or give another path, and start again"));
        drop(sink);
        assert_eq!(names(&folder), [""; 0]);
    }

    /// Writes Parquet with three row groups, the last of them short, into `room` bytes.
    fn parquet(folder: &TempDir, room: u64) -> Result<(), ResultsError> {
        let mut sink = start(folder, Parquet::new(&columns(), &[]).unwrap(), room)?;
        (0..150_000).try_for_each(|n| sink.write(&row(n)))?;
        sink.finish()
    }

    #[test]
    fn a_full_disk_keeps_every_whole_row_group_readable() {
        let folder = TempDir::new().unwrap();
        parquet(&folder, u64::MAX).unwrap();
        let whole = fs::read(folder.path().join("results")).unwrap();
        let reader = SerializedFileReader::new(File::open(folder.path().join("results")).unwrap()).unwrap();
        let starts: Vec<_> =
            reader.metadata().row_groups().iter().map(|group| group.column(0).byte_range().0).collect();
        // Into the second group, into its footer, into the third group and into the last footer.
        let rooms = [starts[1] + 2_000, starts[2] + 3, starts[2] + 2_000, whole.len() as u64 - 1];
        for (room, expected) in rooms.into_iter().zip([65_536, 65_536, 131_072, 131_072]) {
            let error = parquet(&folder, room).unwrap_err();
            let (rows, partial) = kept(&error);
            assert_eq!(rows, expected, "{room}");
            let file = File::open(partial.unwrap()).unwrap();
            let reader = SerializedFileReader::new(file).unwrap();
            assert_eq!(reader.metadata().file_metadata().num_rows() as u64, expected);
            for (n, found) in reader.get_row_iter(None).unwrap().enumerate() {
                let found = found.unwrap();
                let found = (found.get_long(0).unwrap(), found.get_double(1).unwrap());
                assert_eq!(found, (n as i64, n as f64 / 2.0), "{room}");
            }
        }
        assert_eq!(fs::read(folder.path().join("results")).unwrap(), whole);
    }

    #[test]
    fn parquet_that_a_killed_process_leaves_holds_every_whole_row_group() {
        let folder = TempDir::new().unwrap();
        let mut sink = start(&folder, Parquet::new(&columns(), &[]).unwrap(), u64::MAX).unwrap();
        for n in 0..70_000 {
            if [0, 65_535, 65_536].contains(&n) {
                let reader = SerializedFileReader::new(File::open(sink.partial()).unwrap()).unwrap();
                assert_eq!(reader.metadata().file_metadata().num_rows(), if n < 65_536 { 0 } else { 65_536 });
            }
            sink.write(&row(n)).unwrap();
        }
    }

    #[test]
    fn a_checkpoint_puts_every_row_where_it_outlives_the_process() {
        let folder = TempDir::new().unwrap();
        let mut sink = start(&folder, Parquet::new(&columns(), &[]).unwrap(), u64::MAX).unwrap();
        sink.checkpoint().unwrap();
        for n in 0..100 {
            sink.write(&row(n)).unwrap();
            if n % 40 == 0 {
                (0..2).for_each(|_| sink.checkpoint().unwrap());
                let reader = SerializedFileReader::new(File::open(sink.partial()).unwrap()).unwrap();
                assert_eq!(reader.metadata().file_metadata().num_rows(), n + 1);
            }
        }
        sink.finish().unwrap();
        let reader = SerializedFileReader::new(File::open(folder.path().join("results")).unwrap()).unwrap();
        let sizes: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(sizes, [1, 40, 40, 19]);
        let found = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().get_long(0).unwrap());
        assert!(found.eq(0..100));
    }

    #[test]
    fn a_sink_dropped_unfinished_keeps_its_rows_and_nothing_else() {
        let folder = TempDir::new().unwrap();
        drop(csv(&folder, u64::MAX).unwrap());
        assert_eq!(names(&folder), [""; 0]);
        let mut sink = start(&folder, Parquet::new(&columns(), &[]).unwrap(), u64::MAX).unwrap();
        sink.write(&row(1)).unwrap();
        let partial = sink.partial().to_owned();
        drop(sink);
        let reader = SerializedFileReader::new(File::open(partial).unwrap()).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 1);
        assert_eq!(names(&folder).len(), 1);
    }

    #[test]
    fn a_final_name_that_is_lost_meanwhile_costs_no_row() {
        let folder = TempDir::new().unwrap();
        let mut sink = csv(&folder, u64::MAX).unwrap();
        sink.write(&row(1)).unwrap();
        fs::create_dir(folder.path().join("results")).unwrap();
        let Err(ResultsError::Rename { rows: 1, partial, .. }) = sink.finish() else {
            panic!("a directory cannot be replaced by a file");
        };
        assert_eq!(fs::read_to_string(partial).unwrap(), "n,half\n1,0.5\n");
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused_and_the_next_is_taken() {
        let folder = TempDir::new().unwrap();
        let mut sink = csv(&folder, u64::MAX).unwrap();
        let error = sink.write(&[Cell::Null]).unwrap_err();
        assert!(error.to_string().ends_with("has 1 cells, but there are 2 columns; give one cell for each"), "{error}");
        let error = sink.write(&[Cell::Null, Cell::from(3)]).unwrap_err();
        assert!(error.to_string().ends_with("takes number cells, not the integer `3`"), "{error}");
        sink.write(&row(1)).unwrap();
        sink.finish().unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("results")).unwrap(), "n,half\n1,0.5\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_device_that_is_full_is_an_error_of_writing() {
        let folder = TempDir::new().unwrap();
        let mut sink = csv(&folder, u64::MAX).unwrap();
        sink.store.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = sink.write(&row(1)).unwrap_err();
        assert_eq!(kept(&error), (0, None));
        assert!(error.source().unwrap().to_string().contains("No space left"), "{:?}", error.source());
    }
}
