//! The journal of a results file: the rows that its encoder still holds back, so that they outlive a full disk and a killed
//! process.
//!
//! Never knows a format of results. It is a list of frames, each its length, its kind and its bytes. The first says how the
//! results file was before these rows: its length and the end of its format, which the next row group overwrites. Each
//! other is a row. What a killed process leaves torn is the last frame at most; a machine that stops may leave anything, which a
//! checksum in each row tells.

use std::{
    fs,
    io::{self, SeekFrom},
    mem,
    path::Path,
};

use super::{
    column::{Cell, Column},
    store::Store,
};

/// Writes a journal.
#[derive(Debug)]
pub(super) struct Journal<S> {
    store: S,
    /// Bytes of whole frames.
    length: u64,
    /// Rows in them.
    rows: u64,
    /// Bytes that a file made of this journal needs beside its rows.
    spare: usize,
    frame: Vec<u8>,
}

/// How the results file was before the rows of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    /// Bytes that stay.
    pub(super) length: u64,
    /// Rows in them.
    pub(super) rows: u64,
    /// The end of the format that follows them.
    pub(super) tail: Vec<u8>,
}

/// What a journal holds.
pub(super) struct Entries {
    pub(super) before: Before,
    pub(super) rows: Vec<Vec<Cell<'static>>>,
}

/// A number of 4 bytes for the length of what follows it, and one for the kind.
const HEAD: usize = 5;
const BEFORE: u8 = 0;
const ROW: u8 = 1;

/// Bytes at the end of a row for the checksum of those before.
const CHECK: usize = 4;

impl<S: Store> Journal<S> {
    /// A journal in `store`, which is empty, of rows of `columns`.
    pub(super) fn new(store: S, columns: &[Column]) -> Self {
        // What Parquet says about a column: the heads of two pages, its dictionary, its bounds.
        let spare = columns.iter().map(|column| 512 + column.name.len()).sum::<usize>() + 4096;
        Self { store, length: 0, rows: 0, spare, frame: Vec::new() }
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Forgets all rows: the results file has them, and is as `length`, `rows` and `tail` say.
    pub(super) fn restart(&mut self, length: u64, rows: u64, tail: &[u8]) -> io::Result<()> {
        self.cut(0)?;
        self.rows = 0;
        self.frame.clear();
        self.frame.extend([0, 0, 0, 0, BEFORE]);
        self.frame.extend(length.to_le_bytes());
        self.frame.extend(rows.to_le_bytes());
        self.frame.extend(u32::try_from(tail.len()).map_err(io::Error::other)?.to_le_bytes());
        self.frame.extend(tail);
        // So that the room for a file of these rows is there when nobody else's is.
        self.frame.resize(self.frame.len() + self.spare, 0);
        self.append_frame()
    }

    /// Adds rows: the frames that [`put_row`] has made, in one go. Where the disk takes only a part of them, the whole ones in
    /// it stay, and their number comes with the error.
    pub(super) fn append(
        &mut self,
        frames: &[u8],
        ends: impl Iterator<Item = usize>,
    ) -> Result<(), (usize, io::Error)> {
        match write_counted(&mut self.store, frames) {
            Ok(()) => {
                self.length += frames.len() as u64;
                self.rows += ends.count() as u64;
                Ok(())
            }
            Err((written, error)) => {
                let (rows, length) = whole(ends, written);
                self.rows += rows as u64;
                match self.cut(self.length + length as u64) {
                    Ok(()) => Err((rows, error)),
                    Err(worse) => Err((rows, worse)),
                }
            }
        }
    }

    /// Puts `bytes` into the place of all frames. They take no more room than the frames did, if they are not more.
    pub(super) fn become_file(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.store.seek(SeekFrom::Start(0))?;
        self.store.write_all(bytes)?;
        self.store.cut(bytes.len() as u64)?;
        self.store.sync()
    }

    /// Writes the frame. One that does not fit leaves nothing.
    fn append_frame(&mut self) -> io::Result<()> {
        end_frame(&mut self.frame, 0)?;
        if let Err(error) = self.store.write_all(&self.frame) {
            self.cut(self.length)?;
            return Err(error);
        }
        self.length += self.frame.len() as u64;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.store.cut(length)?;
        self.store.seek(SeekFrom::Start(length))?;
        self.length = length;
        Ok(())
    }
}

/// Writes all `bytes`, or says how many it has written.
pub(super) fn write_counted(to: &mut impl io::Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// How many rows are whole in the first `written` bytes, and where the last of them ends.
pub(super) fn whole(ends: impl Iterator<Item = usize>, written: usize) -> (usize, usize) {
    ends.take_while(|end| *end <= written).fold((0, 0), |(rows, _), end| (rows + 1, end))
}

/// Adds the frame of a row to `bytes`.
///
/// # Errors
///
/// Returns an error if a text or the row has 4 GiB or more.
pub(super) fn put_row(row: &[Cell<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    bytes.extend([0, 0, 0, 0, ROW]);
    row.iter().try_for_each(|cell| put(cell, bytes))?;
    let check = crc32fast::hash(&bytes[start + HEAD..]);
    bytes.extend(check.to_le_bytes());
    end_frame(bytes, start)
}

/// Says at the head of the frame that begins at `start` how long it is.
fn end_frame(bytes: &mut [u8], start: usize) -> io::Result<()> {
    let length = u32::try_from(bytes.len() - start - HEAD).map_err(io::Error::other)?;
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn put(cell: &Cell<'_>, frame: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Null => frame.push(0),
        Cell::Boolean(value) => frame.push(1 + u8::from(*value)),
        Cell::Integer(value) => put_bytes(3, &value.to_le_bytes(), frame),
        Cell::Number(value) => put_bytes(4, &value.to_le_bytes(), frame),
        Cell::Text(text) => put_text(5, text, frame)?,
        Cell::Time(at, text) => {
            put_bytes(6, &at.to_le_bytes(), frame);
            put_text(5, text, frame)?;
        }
    }
    Ok(())
}

fn put_bytes(kind: u8, bytes: &[u8], frame: &mut Vec<u8>) {
    frame.push(kind);
    frame.extend(bytes);
}

fn put_text(kind: u8, text: &str, frame: &mut Vec<u8>) -> io::Result<()> {
    put_bytes(kind, &u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes(), frame);
    frame.extend(text.as_bytes());
    Ok(())
}

/// Reads the journal at `path`: `None` if it does not even say what was before it.
pub(super) fn read(path: &Path) -> io::Result<Option<Entries>> {
    let bytes = fs::read(path)?;
    let mut rest = bytes.as_slice();
    let Some(before) = frame(&mut rest).and_then(|(kind, bytes)| (kind == BEFORE).then(|| before(bytes)).flatten())
    else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    while let Some((ROW, bytes)) = frame(&mut rest) {
        let Some(row) = row(bytes) else { break };
        rows.push(row);
    }
    Ok(Some(Entries { before, rows }))
}

/// Takes a whole frame off `rest`.
fn frame<'b>(rest: &mut &'b [u8]) -> Option<(u8, &'b [u8])> {
    let mut after = *rest;
    let length = u32::from_le_bytes(take(&mut after)?);
    let [kind] = take(&mut after)?;
    let (bytes, after) = after.split_at_checked(length as usize)?;
    *rest = after;
    Some((kind, bytes))
}

fn before(mut bytes: &[u8]) -> Option<Before> {
    let length = u64::from_le_bytes(take(&mut bytes)?);
    let rows = u64::from_le_bytes(take(&mut bytes)?);
    let tail = u32::from_le_bytes(take(&mut bytes)?);
    Some(Before { length, rows, tail: bytes.get(..tail as usize)?.to_vec() })
}

fn row(bytes: &[u8]) -> Option<Vec<Cell<'static>>> {
    let (mut bytes, check) = bytes.split_last_chunk::<CHECK>()?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*check) {
        return None;
    }
    let mut cells = Vec::new();
    while !bytes.is_empty() {
        cells.push(cell(&mut bytes)?);
    }
    Some(cells)
}

fn cell(bytes: &mut &[u8]) -> Option<Cell<'static>> {
    let [kind] = take(bytes)?;
    Some(match kind {
        0 => Cell::Null,
        1 | 2 => Cell::Boolean(kind == 2),
        3 => Cell::Integer(i64::from_le_bytes(take(bytes)?)),
        4 => Cell::Number(f64::from_le_bytes(take(bytes)?)),
        5 => Cell::Text(text(bytes)?.into()),
        6 => {
            let at = i64::from_le_bytes(take(bytes)?);
            let [5] = take(bytes)? else { return None };
            Cell::Time(at, text(bytes)?.into())
        }
        _ => return None,
    })
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = u32::from_le_bytes(take(bytes)?);
    let (text, rest) = mem::take(bytes).split_at_checked(length as usize)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;
    use crate::results::column::Kind;

    fn rows() -> Vec<Vec<Cell<'static>>> {
        let times = [i64::MIN, 0, i64::MAX].map(|at| Cell::Time(at, "2024-01-02".into()));
        let numbers = [0.0, -0.0, f64::INFINITY, 5e-324, 0.1].map(Cell::Number);
        let others = [Cell::Null, true.into(), false.into(), i64::MIN.into(), "".into(), "a\n\"ü\0".into()];
        vec![times.to_vec(), numbers.to_vec(), others.to_vec(), vec![]]
    }

    fn append(journal: &mut Journal<fs::File>, rows: &[Vec<Cell<'_>>]) {
        let (mut frames, mut ends) = (Vec::new(), Vec::new());
        for row in rows {
            put_row(row, &mut frames).unwrap();
            ends.push(frames.len());
        }
        journal.append(&frames, ends.into_iter()).unwrap();
    }

    #[test]
    fn rows_read_back_and_a_torn_one_costs_none_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let open = || OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
        let mut journal = Journal::new(open(), &[Column::new("n", Kind::Integer)]);
        journal.restart(9, 1, b"old tail").unwrap();
        append(&mut journal, &[vec![Cell::Null]]);
        journal.restart(1000, 65_536, b"tail").unwrap();
        let head = fs::metadata(&path).unwrap().len() as usize;
        let mut ends = vec![head];
        for row in rows() {
            append(&mut journal, &[row]);
            ends.push(fs::metadata(&path).unwrap().len() as usize);
        }
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let found = read(&path).unwrap();
            assert_eq!(found.is_some(), length >= head, "{length}");
            let Some(found) = found else { continue };
            assert_eq!(found.before, Before { length: 1000, rows: 65_536, tail: b"tail".to_vec() });
            let expected = ends.iter().filter(|end| **end <= length).count() - 1;
            assert_eq!(format!("{:?}", found.rows), format!("{:?}", &rows()[..expected]), "{length}");
        }
    }

    #[test]
    fn a_row_that_is_not_as_it_was_written_ends_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::new(fs::File::create(&path).unwrap(), &[Column::new("n", Kind::Integer)]);
        journal.restart(1000, 65_536, b"tail").unwrap();
        append(&mut journal, &rows());
        let whole = fs::read(&path).unwrap();
        let mut first = Vec::new();
        put_row(&rows()[0], &mut first).unwrap();
        let start = whole.windows(first.len()).position(|window| window == first).unwrap();
        for at in start + HEAD..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let found = read(&path).unwrap().unwrap().rows;
            assert!(found.len() < rows().len(), "{at}");
            assert_eq!(format!("{found:?}"), format!("{:?}", &rows()[..found.len()]), "{at}");
        }
    }

    #[test]
    fn bytes_that_are_no_journal_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        for bytes in [&b"PAR1"[..], &[0xff; 64], &[0; 64], &[1, 0, 0, 0, 1, 9], &[24, 0, 0, 0, 0]] {
            fs::write(&path, bytes).unwrap();
            assert!(read(&path).unwrap().is_none(), "{bytes:?}");
        }
    }
}
