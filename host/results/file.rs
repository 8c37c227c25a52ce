//! Results file: complete or absent under its final name.
//!
//! Never knows a format: an encoder makes the bytes.
//!
//! Rows go into a partial file beside the final one, `.results.partial-x1y2z3.csv` for `results.csv`, from the first
//! on. Finishing renames it. Rows that the encoder holds back are in a journal meanwhile, `.results.rows-x1y2z3.parquet`.
//! So rows once written outlive whatever goes wrong later: a full disk, an error while finishing, a caller that panics, a
//! process that is killed.

use std::{
    fs, io,
    io::SeekFrom,
    mem,
    ops::Range,
    path::{Path, PathBuf},
};

use tempfile::TempPath;

use super::{
    column::{Cell, Column},
    encoder::{Chunk, Encoder},
    error::ResultsError,
    journal::{self, Journal},
    leftover::{self, Leftover, Names},
    rows::{RowEncoder, Rows},
    sink::Sink,
    store::Store,
};

/// The names of a file of results.
#[derive(Debug)]
pub(super) struct FilePaths {
    /// As the user gave it, for messages.
    pub(super) path: PathBuf,
    /// Where the file goes; another than `path` where that is a link.
    pub(super) target: PathBuf,
    /// Where the rows go first.
    pub(super) partial: TempPath,
    /// What killed runs had left beside it.
    pub(super) leftovers: Vec<Leftover>,
}

/// The rows that an encoder holds back, beside the partial file.
#[derive(Debug)]
pub(super) struct Held<S> {
    pub(super) path: TempPath,
    pub(super) journal: Journal<S>,
}

/// The one sink there is: an encoder's bytes in a store.
#[derive(Debug)]
pub(super) struct FileSink<S: Store> {
    place: FilePaths,
    rows_of: RowEncoder,
    /// The row that was written last, for its memory.
    one: Rows,
    encoder: Box<dyn Encoder>,
    store: S,
    /// `None` where the encoder holds nothing back.
    held: Option<Held<S>>,
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
        held: Option<Held<S>>,
    ) -> Result<Self, ResultsError> {
        let mut sink = Self {
            rows_of: RowEncoder::new(place.path.clone(), columns, encoder.format()),
            place,
            one: Rows::default(),
            encoder,
            store,
            held,
            chunk: Chunk::default(),
            tail: vec![],
            length: 0,
            rows: 0,
            taken: false,
            open: true,
        };
        let started = sink.encoder.start(&mut sink.chunk);
        started.and_then(|()| sink.write_chunk()).and_then(|()| sink.restart()).map_err(|error| sink.fail(error))?;
        Ok(sink)
    }

    /// Moves the chunk into the file, and forgets the rows of the journal then.
    fn move_on(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.write_chunk()?;
        self.restart()
    }

    /// Begins the journal anew: the file has all rows.
    fn restart(&mut self) -> io::Result<()> {
        self.held.as_mut().map_or(Ok(()), |held| held.journal.restart(self.length, self.rows, &self.tail))
    }

    /// Moves the chunk into the file. Where the disk takes only a part of it, the rows that are whole count.
    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let before = self.length + self.tail.len() as u64;
        if !self.tail.is_empty() {
            self.store.seek(SeekFrom::Start(self.length))?;
        }
        if let Err((written, error)) = journal::write_counted(&mut self.store, &self.chunk.bytes) {
            let (rows, length) = journal::whole(self.chunk.ends.iter().copied(), written);
            self.rows += rows as u64;
            self.length += length as u64;
            return Err(error);
        }
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
        self.write_chunk()
    }

    /// Keeps what is whole and says so.
    fn fail(&mut self, source: io::Error) -> ResultsError {
        self.open = false;
        // Without its tail, a format that has one cannot be read. Without the cut, a line of text is torn at the end of
        // the file, after the rows that the error counts.
        let whole = self.restore().is_ok() || self.tail.is_empty();
        let (more, rest) = match self.rest(whole) {
            Some((more, rest)) => (more, Some(rest)),
            None => (0, None),
        };
        // What is not whole can be mended with the journal.
        let rows = if whole || rest.is_some() { self.rows } else { 0 };
        let mut kept = (rows > 0).then(|| self.keep()).into_iter().chain(rest);
        let (partial, rest) = (kept.next(), kept.next());
        ResultsError::Write { path: self.place.path.clone(), rows: rows + more, partial, rest, source }
    }

    /// Makes a file of the rows that are in the journal only, in its place. Returns their number and the file. Where that
    /// cannot be, or the partial file is not `whole`, the journal stays.
    fn rest(&mut self, whole: bool) -> Option<(u64, PathBuf)> {
        let mut held = self.held.take()?;
        let rows = held.journal.rows();
        if rows == 0 && whole {
            return None;
        }
        held.path.disable_cleanup(true);
        let partial = &self.place.partial;
        let made = if whole { leftover::rest(partial, &held.path).ok() } else { None };
        let renamed = made.and_then(|(bytes, _)| {
            let path = Names::of(&self.place.target).rest(partial)?;
            held.journal.become_file(&bytes).and_then(|()| fs::rename(&held.path, &path)).ok().map(|()| path)
        });
        if renamed.is_none() {
            // The journal means nothing without it.
            self.keep();
        }
        Some((rows, renamed.unwrap_or_else(|| held.path.to_path_buf())))
    }

    /// Fails where the journal takes no more rows. Those before are written as a last, short group, if there is room for it.
    fn fail_held(&mut self, source: io::Error) -> ResultsError {
        if self.close().is_err() {
            return self.fail(source);
        }
        self.open = false;
        self.held = None;
        let partial = (self.rows > 0).then(|| self.keep());
        ResultsError::Write { path: self.place.path.clone(), rows: self.rows, partial, rest: None, source }
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

    /// Adds the rows of a block, group by group.
    fn add(&mut self, rows: &mut Rows) -> Result<(), ResultsError> {
        let (mut start, count) = (0, rows.len());
        while start < count {
            let range = start..start + self.encoder.fits(rows, start);
            start = range.end;
            self.hold(rows, range.clone())?;
            self.taken = true;
            let taken = self.encoder.append(rows, range, &mut self.chunk);
            taken.and_then(|()| self.move_on()).map_err(|error| self.fail(error))?;
        }
        Ok(())
    }

    /// Puts rows into the journal before the encoder holds them back.
    fn hold(&mut self, rows: &mut Rows, range: Range<usize>) -> Result<(), ResultsError> {
        let Some(held) = &mut self.held else { return Ok(()) };
        let span = rows.span(&range);
        let ends = rows.ends[range.clone()].iter().map(|end| end - span.start);
        let Err((whole, error)) = held.journal.append(&rows.bytes[span.clone()], ends) else { return Ok(()) };
        if whole > 0 {
            self.taken = true;
            let taken = self.encoder.append(rows, range.start..range.start + whole, &mut self.chunk);
            taken.map_err(|error| self.fail(error))?;
        }
        Err(self.fail_held(error))
    }
}

impl<S: Store> Sink for FileSink<S> {
    fn encoder(&self) -> RowEncoder {
        self.rows_of.clone()
    }

    fn append(&mut self, mut rows: Rows) -> Result<(), ResultsError> {
        self.check_open()?;
        self.rows_of.check_own(&rows)?;
        self.add(&mut rows)?;
        self.rows_of.recycle(rows);
        Ok(())
    }

    fn write(&mut self, row: &[Cell<'_>]) -> Result<(), ResultsError> {
        self.check_open()?;
        let mut one = mem::take(&mut self.one);
        one.clear();
        let added = self.rows_of.push(&mut one, row).and_then(|()| self.add(&mut one));
        self.one = one;
        added
    }

    fn checkpoint(&mut self) -> Result<(), ResultsError> {
        self.check_open()?;
        self.chunk.clear();
        let encoded = self.encoder.checkpoint(&mut self.chunk);
        encoded.and_then(|()| self.move_on()).and_then(|()| self.store.sync()).map_err(|error| self.fail(error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), ResultsError> {
        self.check_open()?;
        self.close().and_then(|()| self.store.sync()).map_err(|error| self.fail(error))?;
        self.open = false;
        let partial = self.keep();
        // Before it has its name: a journal without a partial file would be nobody's.
        self.held = None;
        // The directory is not synchronised: a crash of the machine may leave the old name, but never half a file.
        fs::rename(&partial, &self.place.target).map_err(|source| ResultsError::Rename {
            path: self.place.path.clone(),
            rows: self.rows,
            partial,
            source,
        })
    }

    fn discard(mut self: Box<Self>) {
        // The names of the partial file and of the journal take these with them.
        self.open = false;
    }

    fn partial(&self) -> &Path {
        &self.place.partial
    }

    fn leftovers(&self) -> &[Leftover] {
        &self.place.leftovers
    }
}

impl<S: Store> Drop for FileSink<S> {
    fn drop(&mut self) {
        if !self.open || !self.taken {
            return;
        }
        match self.close() {
            Ok(()) => {
                self.held = None;
                self.keep();
            }
            // Nobody is left to be told; what is whole is kept all the same.
            Err(error) => _ = self.fail(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        error::Error as _,
        fs::{File, OpenOptions},
        io::{Seek, Write},
        sync::{Arc, Mutex},
    };

    use ::parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::RowAccessor,
    };
    use tempfile::TempDir;

    use super::*;
    use crate::results::{column::Kind, csv::Csv, jsonl::JsonLines, parquet::Parquet};

    /// A file on a disk that may be full.
    #[derive(Debug)]
    struct Full {
        file: File,
        disk: Arc<Mutex<u64>>,
    }

    impl Full {
        fn make(path: &Path, disk: &Arc<Mutex<u64>>) -> Self {
            let file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
            Self { file, disk: Arc::clone(disk) }
        }

        fn length(&self) -> u64 {
            self.file.metadata().unwrap().len()
        }
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut room = self.disk.lock().unwrap();
            // What is written over takes no room.
            let there = self.length().saturating_sub(self.file.stream_position()?);
            let fits = bytes.len().min((there + *room) as usize);
            if fits == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *room -= (fits as u64).saturating_sub(there);
            self.file.write_all(&bytes[..fits])?;
            Ok(fits)
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
            *self.disk.lock().unwrap() += self.length().saturating_sub(length);
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
        start_of(folder, &columns(), Box::new(encoder), room)
    }

    fn start_of(
        folder: &TempDir,
        columns: &[Column],
        encoder: Box<dyn Encoder>,
        room: u64,
    ) -> Result<Box<FileSink<Full>>, ResultsError> {
        let target = folder.path().join("results");
        let partial = tempfile::Builder::new().prefix(".results.partial-").suffix(".").tempfile_in(folder).unwrap();
        let (partial, disk) = (partial.into_temp_path(), Arc::new(Mutex::new(room)));
        let file = Full::make(&partial, &disk);
        let held = encoder.holds_rows().then(|| {
            let path = Names::of(&target).journal(&partial).unwrap();
            let journal = Journal::new(Full::make(&path, &disk), columns);
            Held { path: TempPath::try_from_path(path).unwrap(), journal }
        });
        let place = FilePaths { path: target.clone(), target, partial, leftovers: vec![] };
        FileSink::start(place, columns, encoder, file, held).map(Box::new)
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

    /// Writes rows of Parquet into `room` bytes until they are full, and returns how many rows were taken, with the error.
    fn fill_parquet(folder: &TempDir, room: u64) -> (i64, ResultsError) {
        match start(folder, Parquet::new(&columns(), &[]).unwrap(), room) {
            Ok(mut sink) => fill(&mut sink),
            Err(error) => (0, error),
        }
    }

    /// The whole numbers in Parquet files, one after the other.
    fn numbers<'p>(files: impl IntoIterator<Item = &'p PathBuf>) -> Vec<i64> {
        let rows = |path| {
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
            rows.map(|row| {
                assert_eq!(row.get_double(1).unwrap(), row.get_long(0).unwrap() as f64 / 2.0);
                row.get_long(0).unwrap()
            })
            .collect::<Vec<_>>()
        };
        files.into_iter().flat_map(rows).collect()
    }

    #[test]
    fn a_full_disk_keeps_every_row_of_parquet_readable() {
        // A row of the journal has 23 bytes, a row group about 9 for each row.
        let row_group = 65_536 * 9;
        let rooms =
            [8_000, 20_000, 300_000, 1_000_000, 1_510_000, 1_800_000, 1_900_000, 2_000_000, 2_500_000, 3_000_000];
        let (mut in_two, mut beyond_one) = (0, 0);
        for room in rooms {
            let folder = TempDir::new().unwrap();
            let (taken, error) = fill_parquet(&folder, room);
            let ResultsError::Write { rows, partial, rest, .. } = &error else { panic!("{error:?}") };
            // The one that finds the disk full can be kept too: it is the last of its row group.
            assert!([taken, taken + 1].contains(&(*rows as i64)), "{room}: {taken}, {error}");
            assert!(numbers(partial.iter().chain(rest)).into_iter().eq(0..*rows as i64), "{room}: {error}");
            assert_eq!(names(&folder).len(), partial.iter().chain(rest).count(), "{room}: {:?}", names(&folder));
            in_two += i32::from(rest.is_some());
            beyond_one += i32::from(*rows > 65_536);
        }
        assert!(in_two > 0 && beyond_one > 0, "{row_group} bytes a group: {in_two}, {beyond_one}");
    }

    #[test]
    fn a_full_disk_costs_no_row_wherever_it_fills_up() {
        for room in (0..12_000).step_by(29) {
            let folder = TempDir::new().unwrap();
            let (taken, error) = fill_parquet(&folder, room);
            let ResultsError::Write { rows, partial, rest, .. } = &error else { panic!("{error:?}") };
            assert_eq!(*rows as i64, taken, "{room}: {error}");
            assert_eq!(numbers(partial.iter().chain(rest)).len() as i64, taken, "{room}: {error}");
        }
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
        *sink.store.disk.lock().unwrap() = 1 << 20;
        let error = sink.write(&row(1)).unwrap_err();
        assert_eq!(kept(&error), (0, None));
        assert!(error.source().unwrap().to_string().contains("No space left"), "{:?}", error.source());
    }

    fn block(sink: &dyn Sink, rows: Range<i64>) -> Rows {
        let (encoder, mut block) = (sink.encoder(), Rows::default());
        rows.for_each(|n| encoder.push(&mut block, &row(n)).unwrap());
        block
    }

    /// Adds blocks of `size` rows until the disk is full, and returns what the error says.
    fn fill_in_blocks(sink: &mut FileSink<Full>, size: i64) -> ResultsError {
        let add = |start| {
            let block = block(sink, start..start + size);
            sink.append(block).err()
        };
        (0..).step_by(size as usize).find_map(add).unwrap()
    }

    #[test]
    fn a_full_disk_keeps_every_whole_line_of_a_block() {
        for room in 0..200 {
            let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
            let (Ok(mut single), Ok(mut blocks)) = (csv(&one, room), csv(&other, room)) else { continue };
            let (expected, found) = (fill(&mut single).1, fill_in_blocks(&mut blocks, 7));
            assert_eq!(kept(&found).0, kept(&expected).0, "{room}");
            let text = |error: &ResultsError| kept(error).1.map(|path| fs::read_to_string(path).unwrap());
            assert_eq!(text(&found), text(&expected), "{room}");
        }
    }

    #[test]
    fn a_full_disk_keeps_every_row_of_a_block_of_parquet() {
        for (room, size) in (0..12_000).step_by(61).zip([1, 2, 7, 100, 1000].into_iter().cycle()) {
            let parquet = |folder| start(folder, Parquet::with_group_rows(&columns(), 150).unwrap(), room);
            let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
            let (Ok(mut single), Ok(mut blocks)) = (parquet(&one), parquet(&other)) else { continue };
            let (expected, found) = (fill(&mut single).1, fill_in_blocks(&mut blocks, size));
            drop((single, blocks));
            assert_eq!(kept(&found).0, kept(&expected).0, "{room}: {size}");
            let ResultsError::Write { rows, partial, rest, .. } = &found else { panic!("{found:?}") };
            assert!(numbers(partial.iter().chain(rest)).into_iter().eq(0..*rows as i64), "{room}: {size}: {found}");
            assert_eq!(names(&other).len(), partial.iter().chain(rest).count(), "{room}: {size}");
        }
    }

    fn all_kinds() -> Vec<Column> {
        let kinds = [Kind::Integer, Kind::Number, Kind::Text, Kind::Boolean, Kind::Time, Kind::Text];
        kinds.into_iter().enumerate().map(|(at, kind)| Column::new(format!("column {at}"), kind)).collect()
    }

    fn row_of_all_kinds(n: i64) -> Vec<Cell<'static>> {
        let text = if n % 997 == 3 { "long, \"and quoted\"\n".repeat(500) } else { format!("task {n}") };
        let row = [
            Cell::Integer(n),
            Cell::Number((n as f64).sqrt()),
            text.into(),
            (n % 3 == 0).into(),
            Cell::Time(n, format!("moment {n}").into()),
            "the same hash".into(),
        ];
        row.into_iter()
            .enumerate()
            .map(|(at, cell)| if (n + at as i64) % 11 == 5 { Cell::Null } else { cell })
            .collect()
    }

    /// The bytes of a file of `rows`, with a checkpoint before the row `checkpoint`, which `write` puts into a sink.
    fn written(encoder: Box<dyn Encoder>, write: impl FnOnce(&mut FileSink<Full>)) -> Vec<u8> {
        let folder = TempDir::new().unwrap();
        let mut sink = start_of(&folder, &all_kinds(), encoder, u64::MAX).unwrap();
        write(&mut sink);
        sink.finish().unwrap();
        assert_eq!(names(&folder), ["results"]);
        fs::read(folder.path().join("results")).unwrap()
    }

    /// Writes blocks that end at `ends`, each made on one of three threads, which help.
    fn write_blocks(sink: &mut FileSink<Full>, ends: &[i64], checkpoint: i64) {
        let starts: Vec<_> = std::iter::once(0).chain(ends.iter().copied()).collect();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let (encoder, starts, sender) = (sink.encoder(), &starts, sender.clone());
                scope.spawn(move || {
                    for (at, pair) in starts.windows(2).enumerate().skip(worker).step_by(3) {
                        let mut block = Rows::default();
                        (pair[0]..pair[1]).for_each(|n| encoder.push(&mut block, &row_of_all_kinds(n)).unwrap());
                        sender.send((at, block)).unwrap();
                        encoder.help();
                    }
                });
            }
            drop(sender);
            let (mut early, mut next) = (std::collections::BTreeMap::new(), 0);
            for (at, block) in receiver {
                early.insert(at, block);
                while let Some(block) = early.remove(&next) {
                    if starts[next] == checkpoint {
                        sink.checkpoint().unwrap();
                    }
                    sink.append(block).unwrap();
                    next += 1;
                }
            }
            assert_eq!(next, ends.len());
        });
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
        #[test]
        fn blocks_of_any_sizes_from_many_threads_make_the_same_bytes(
            sizes in proptest::collection::vec(proptest::prop_oneof![1..9_i64, 60..70_i64, 200..4000_i64], 0..20),
            at in 0..20_usize,
        ) {
            let ends: Vec<_> = sizes.iter().scan(0, |end, size| { *end += size; Some(*end) }).collect();
            let (rows, checkpoint) = (ends.last().copied().unwrap_or(0), ends.get(at).copied().unwrap_or(-1));
            let encoders: [fn() -> Box<dyn Encoder>; 4] = [
                || Box::new(Csv::new(&all_kinds(), b',')),
                || Box::new(JsonLines::new(&all_kinds()).unwrap()),
                || Box::new(Parquet::new(&all_kinds(), &[]).unwrap()),
                || Box::new(Parquet::with_group_rows(&all_kinds(), 2500).unwrap()),
            ];
            for encoder in encoders {
                let expected = written(encoder(), |sink| for n in 0..rows {
                    if n == checkpoint {
                        sink.checkpoint().unwrap();
                    }
                    sink.write(&row_of_all_kinds(n)).unwrap();
                });
                let found = written(encoder(), |sink| write_blocks(sink, &ends, checkpoint));
                assert!(found == expected, "{ends:?}");
            }
        }
    }
}
