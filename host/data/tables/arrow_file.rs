//! Arrow reader: the columns of an Arrow file (Feather) or an Arrow stream as a table.
//!
//! Never knows what a column is for; never unpacks a column that is not needed.
//!
//! The format is small, and Arrow's own crates would take longer to compile than all else that reads data. A file is a row of
//! messages, each a flatbuffer and a body of buffers, between a mark and a footer that says where they are; a stream is the
//! messages alone. How they are laid out is in Arrow's `Message.fbs` and `File.fbs`, and in its document on the columnar format.

use std::{collections::HashSet, io::Read as _, ops::Range, path::Path};

use bytes::Bytes;

use crate::data::{
    error::DataError,
    options::LoadOptions,
    several::Others,
    sheet::Sheet,
    tables::{
        arrow_types::{ArrowField, Entry, Storage},
        arrow_values::Column,
        flatbuffer::Table as Flat,
        table::{self, Part, Table, damaged, guarded},
        types::Field,
        values::{Damage, Values},
    },
};

/// The first and the last bytes of a file.
const MARK: &[u8] = b"ARROW1";

/// The first bytes of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Adds every row of `bytes` to `sheet`. `stem` names the instrument where no column does.
pub(crate) fn read(
    path: &Path,
    bytes: Bytes,
    stem: &str,
    options: &LoadOptions,
    sheet: &mut Sheet,
) -> Result<(), DataError> {
    guarded::<ArrowTable, _>(path, || table::read(path, &ArrowTable::open(path, bytes)?, stem, options, sheet))
}

/// The names of all instruments, for a message.
pub(crate) fn symbols(path: &Path, bytes: Bytes, options: &LoadOptions) -> Result<Vec<String>, DataError> {
    guarded::<ArrowTable, _>(path, || table::symbols(path, &ArrowTable::open(path, bytes)?, options))
}

/// Reads the times and the columns that bars are not made of.
pub(crate) fn others(path: &Path, bytes: Bytes, options: &LoadOptions) -> Result<Others, DataError> {
    guarded::<ArrowTable, _>(path, || table::others(path, &ArrowTable::open(path, bytes)?, options))
}

/// An Arrow file or stream.
struct ArrowTable {
    bytes: Bytes,
    fields: Vec<ArrowField>,
    metadata: Vec<(String, String)>,
    batches: Vec<Batch>,
    dictionaries: Vec<Dictionary>,
    /// Whether a stream stops without saying that it ends.
    is_open: bool,
}

/// Some rows of all columns.
struct Batch {
    rows: usize,
    /// The number of rows of each column, nested ones too.
    nodes: Vec<i64>,
    /// Where in the body each buffer is: its start and its length.
    buffers: Vec<(i64, i64)>,
    /// How many buffers each column of views has.
    views: Vec<i64>,
    codec: Option<Codec>,
    body: Range<usize>,
    /// Whether it is written by the rules before version 5.
    is_old: bool,
}

/// Values that numbers in columns stand for.
struct Dictionary {
    id: i64,
    /// Whether they go on behind those that are there, and do not replace them.
    is_delta: bool,
    values: Batch,
    /// How many batches of rows stand before.
    before: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Lz4,
    Zstd,
}

fn broken() -> Damage {
    Damage::new("the file is damaged; write or download it again")
}

fn truncated() -> Damage {
    Damage::new("the file is cut off; write or download it again")
}

/// A place or a length in a file.
fn place(value: i64) -> Result<usize, Damage> {
    usize::try_from(value).map_err(|_| broken())
}

impl ArrowTable {
    fn open(path: &Path, bytes: Bytes) -> Result<Self, DataError> {
        let found = if bytes.starts_with(MARK) { Self::of_file(bytes) } else { Self::of_stream(bytes) };
        found.map_err(|damage| damaged::<Self>(path, damage))
    }

    fn of_schema(bytes: Bytes, schema: &Flat<'_>) -> Result<Self, Damage> {
        let text = |pair: &Flat<'_>| Some((pair.text(0)?, pair.text(1)?));
        let metadata = schema.tables(2).unwrap_or_default().iter().filter_map(text).collect();
        let fields = ArrowField::all(schema)?;
        Ok(Self { bytes, fields, metadata, batches: Vec::new(), dictionaries: Vec::new(), is_open: false })
    }

    fn of_file(bytes: Bytes) -> Result<Self, Damage> {
        // Behind the footer stand its length and the mark.
        let inner = bytes.strip_suffix(MARK).filter(|inner| inner.len() > MARK.len()).ok_or_else(truncated)?;
        let (inner, length) = inner.split_last_chunk::<4>().ok_or_else(truncated)?;
        let start = inner.len().checked_sub(place(i32::from_le_bytes(*length).into())?).ok_or_else(broken)?;
        let footer = Flat::root(&inner[start..]).ok_or_else(broken)?;
        let mut table = Self::of_schema(bytes.clone(), &footer.table(1).ok_or_else(broken)?)?;
        for list in [2, 3] {
            // A list that is not written is empty.
            for block in footer.structures(list, 24).into_iter().flatten() {
                let long = |at: usize| i64::from_le_bytes(std::array::from_fn(|byte| block[at + byte]));
                let (start, body) = (place(long(0))?, place(long(16))?);
                let metadata = place(i64::from(i32::from_le_bytes(std::array::from_fn(|byte| block[8 + byte]))))?;
                let end = start.checked_add(metadata).ok_or_else(broken)?;
                let message = bytes.get(start..end).ok_or_else(broken)?;
                let prefix = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
                let message = message.get(prefix..).and_then(Flat::root).ok_or_else(broken)?;
                table.add(&message, end..end.checked_add(body).ok_or_else(broken)?)?;
            }
        }
        // The footer has the places of all dictionaries, wherever they stand, so that none can replace another.
        let mut known = HashSet::new();
        for dictionary in &mut table.dictionaries {
            dictionary.before = 0;
            if !dictionary.is_delta && !known.insert(dictionary.id) {
                return Err(Damage::new("it has two dictionaries for one column; write it as a stream, or as Parquet"));
            }
        }
        Ok(table)
    }

    fn of_stream(bytes: Bytes) -> Result<Self, Damage> {
        let mut table: Option<Self> = None;
        let mut at = 0;
        let is_open = loop {
            let rest = &bytes[at..];
            if rest.is_empty() {
                break true;
            }
            let prefix = rest.first_chunk::<8>().ok_or_else(truncated)?;
            if prefix[..4] != CONTINUATION {
                return Err(broken());
            }
            let length = place(i32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]).into())?;
            if length == 0 {
                break false;
            }
            let message = rest.get(8..).and_then(|rest| rest.get(..length)).ok_or_else(truncated)?;
            let message = Flat::root(message).ok_or_else(broken)?;
            let start = at + 8 + length;
            let end = start.checked_add(place(message.long(3).unwrap_or_default())?);
            let end = end.filter(|end| *end <= bytes.len()).ok_or_else(truncated)?;
            match &mut table {
                None if message.byte(1) == Some(SCHEMA) => {
                    table = Some(Self::of_schema(bytes.clone(), &message.table(2).ok_or_else(broken)?)?);
                }
                None => return Err(broken()),
                Some(table) => table.add(&message, start..end)?,
            }
            at = end;
        };
        Ok(Self { is_open, ..table.ok_or_else(truncated)? })
    }

    /// Adds what a message has, whose body is at `body`.
    fn add(&mut self, message: &Flat<'_>, body: Range<usize>) -> Result<(), Damage> {
        const VERSION_5: i16 = 4;
        if body.end > self.bytes.len() {
            return Err(truncated());
        }
        let is_old = message.short(0).unwrap_or_default() < VERSION_5;
        let header = message.table(2).ok_or_else(broken)?;
        match message.byte(1) {
            Some(RECORD_BATCH) => self.batches.push(Batch::of(&header, body, is_old)?),
            Some(DICTIONARY_BATCH) => {
                let values = Batch::of(&header.table(1).ok_or_else(broken)?, body, is_old)?;
                let (id, is_delta) = (header.long(0).unwrap_or_default(), header.byte(2).is_some_and(|flag| flag != 0));
                self.dictionaries.push(Dictionary { id, is_delta, values, before: self.batches.len() });
            }
            _ => return Err(broken()),
        }
        Ok(())
    }

    /// Where the entries of a column stand in a batch.
    fn entry(&self, batch: &Batch, at: usize) -> Result<Entry, Damage> {
        let mut entry = Entry::default();
        for field in &self.fields[..at] {
            let next = field.behind(entry, batch.is_old);
            let views = batch.views.get(entry.view..next.view).ok_or_else(broken)?;
            entry = Entry { buffer: next.buffer + place(views.iter().sum())?, ..next };
        }
        Ok(entry)
    }

    /// The buffers of a column of a batch; `rows` is how many it must have.
    fn column(&self, batch: &Batch, field: &ArrowField, entry: Entry, is_dictionary: bool) -> Result<Column, Damage> {
        if batch.nodes.get(entry.node).copied().map(place).transpose()? != Some(batch.rows) {
            return Err(broken());
        }
        let dictionary = field.dictionary.filter(|_| !is_dictionary);
        let more = match field.storage {
            _ if dictionary.is_some() => 1,
            Storage::Fixed(_) => 1,
            Storage::Bytes { .. } => 2,
            Storage::Views => {
                1_usize.checked_add(place(*batch.views.get(entry.view).ok_or_else(broken)?)?).ok_or_else(broken)?
            }
            Storage::Nested(_) => return Err(broken()),
        };
        let places = entry.buffer..entry.buffer.checked_add(1 + more).ok_or_else(broken)?;
        let buffers = batch.buffers.get(places).ok_or_else(broken)?;
        let mut buffers =
            buffers.iter().map(|buffer| batch.buffer(&self.bytes, *buffer)).collect::<Result<Vec<_>, _>>()?;
        Ok(Column { storage: field.storage, valid: buffers.remove(0), buffers, dictionary: None })
    }

    /// The values of the dictionary of a column, as they are for a batch.
    fn dictionary(&self, id: i64, field: &ArrowField, kind: &Field, batch: usize) -> Result<Vec<Values>, Damage> {
        let of_id = || self.dictionaries.iter().filter(|dictionary| dictionary.id == id);
        let known: Vec<&Dictionary> = of_id().filter(|dictionary| dictionary.before <= batch).collect();
        let first = known.iter().rposition(|dictionary| !dictionary.is_delta).unwrap_or_default();
        let values = |dictionary: &&Dictionary| {
            let column = self.column(&dictionary.values, field, Entry::default(), true)?;
            column.values(kind.kind.meaning, 0, dictionary.values.rows)
        };
        let found: Vec<Values> = known.iter().skip(first).map(values).collect::<Result<_, Damage>>()?;
        if found.is_empty() { Err(Damage::new("a column has no dictionary")) } else { Ok(found) }
    }
}

const SCHEMA: u8 = 1;
const DICTIONARY_BATCH: u8 = 2;
const RECORD_BATCH: u8 = 3;

impl Batch {
    fn of(header: &Flat<'_>, body: Range<usize>, is_old: bool) -> Result<Self, Damage> {
        let long = |bytes: &[u8], at: usize| i64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        let nodes = header.structures(1, 16).into_iter().flatten().map(|node| long(node, 0)).collect();
        let buffers = header.structures(2, 16).into_iter().flatten();
        let buffers = buffers.map(|buffer| (long(buffer, 0), long(buffer, 8))).collect();
        let views: Vec<i64> = header.structures(4, 8).into_iter().flatten().map(|count| long(count, 0)).collect();
        if views.iter().any(|count| !(0..=1 << 31).contains(count)) {
            return Err(broken());
        }
        let codec = match header.table(3).map(|compression| compression.byte(0).unwrap_or_default()) {
            None => None,
            Some(0) => Some(Codec::Lz4),
            Some(1) => Some(Codec::Zstd),
            Some(_) => return Err(Damage::new("it is compressed in a way that is not known; write it with zstd")),
        };
        Ok(Self { rows: place(header.long(0).unwrap_or_default())?, nodes, buffers, views, codec, body, is_old })
    }

    /// A buffer of the body, unpacked.
    fn buffer(&self, bytes: &Bytes, (start, length): (i64, i64)) -> Result<Bytes, Damage> {
        let start = self.body.start.checked_add(place(start)?).ok_or_else(broken)?;
        let end = start.checked_add(place(length)?).filter(|end| *end <= self.body.end).ok_or_else(broken)?;
        let stored = bytes.slice(start.min(end)..end);
        let Some(codec) = self.codec.filter(|_| !stored.is_empty()) else { return Ok(stored) };
        let size = stored.first_chunk::<8>().map(|size| i64::from_le_bytes(*size)).ok_or_else(broken)?;
        let packed = stored.slice(8..);
        // A buffer that packing would not make smaller is left as it is.
        if size == -1 { Ok(packed) } else { unpacked(codec, &packed, place(size)?).map(Bytes::from) }
    }
}

/// The bytes of one buffer at most, which are those of 128 million numbers.
const MOST: usize = 1 << 30;

/// Unpacks a buffer of `size` bytes.
fn unpacked(codec: Codec, packed: &[u8], size: usize) -> Result<Vec<u8>, Damage> {
    if size > MOST {
        let text =
            format!("a column of a batch unpacks to {size} bytes, more than {MOST}; write it in smaller batches");
        return Err(Damage::new(text));
    }
    let mut found = Vec::new();
    // One byte more tells that there are too many.
    let most = size as u64 + 1;
    let read = match codec {
        Codec::Lz4 => lz4_flex::frame::FrameDecoder::new(packed).take(most).read_to_end(&mut found),
        Codec::Zstd => {
            zstd::Decoder::with_buffer(packed).and_then(|decoder| decoder.take(most).read_to_end(&mut found))
        }
    };
    if read.is_ok_and(|read| read == size) { Ok(found) } else { Err(broken()) }
}

impl Table for ArrowTable {
    type Part<'a> = Open<'a>;

    const FORMAT: &'static str = "Arrow";

    fn fields(&self) -> Result<Vec<Field>, Damage> {
        Ok(self.fields.iter().map(|field| field.field.clone()).collect())
    }

    fn metadata(&self, key: &str) -> Option<String> {
        self.metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn notes(&self) -> Vec<String> {
        let note = "is a stream without a mark at its end: it may be cut off".to_owned();
        if self.is_open { vec![note] } else { Vec::new() }
    }

    fn parts(&self) -> usize {
        self.batches.len()
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn rows(&self, part: usize) -> Result<usize, Damage> {
        Ok(self.batches[part].rows)
    }

    /// Arrow keeps no statistics.
    fn lacks(&self, _part: usize, _leaf: usize, _symbols: &[String]) -> bool {
        false
    }

    fn open<'a>(&'a self, part: usize, fields: &'a [Field], columns: &[usize]) -> Result<Open<'a>, Damage> {
        let batch = &self.batches[part];
        let open = |at: &usize| {
            let field = &self.fields[*at];
            let mut column = self.column(batch, field, self.entry(batch, *at)?, false)?;
            if let Some((id, width)) = field.dictionary {
                column.dictionary = Some((self.dictionary(id, field, &fields[*at], part)?, width));
            }
            Ok(OpenColumn { at: *at, column, next: 0 })
        };
        Ok(Open { fields, columns: columns.iter().map(open).collect::<Result<_, Damage>>()? })
    }
}

/// The columns of a batch that are being read.
struct Open<'a> {
    fields: &'a [Field],
    columns: Vec<OpenColumn>,
}

struct OpenColumn {
    /// The place of the field.
    at: usize,
    column: Column,
    /// The next row.
    next: usize,
}

impl Open<'_> {
    fn column(&mut self, at: usize) -> Result<&mut OpenColumn, Damage> {
        self.columns.iter_mut().find(|column| column.at == at).ok_or_else(|| Damage::new("a column is not open"))
    }
}

impl Part for Open<'_> {
    fn values(&mut self, at: usize, rows: usize) -> Result<Values, Damage> {
        let meaning = self.fields[at].kind.meaning;
        let column = self.column(at)?;
        column.next += rows;
        column.column.values(meaning, column.next - rows, rows)
    }

    fn skip(&mut self, at: usize, rows: usize) -> Result<(), Damage> {
        self.column(at)?.next += rows;
        Ok(())
    }

    /// Every column has as many rows as its batch.
    fn end(&mut self) -> Result<(), Damage> {
        Ok(())
    }
}
