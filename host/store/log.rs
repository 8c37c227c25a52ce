//! Files of cells: blocks that one process appends, and that any process reads.
//!
//! Never waits for another process, and never changes what is written. Each block has a checksum, so that what a machine that
//! stopped has left half written, or a disk has changed, is told from a block.
//!
//! ```text
//! "host cells 1\n" · frame of the layout · frames of blocks
//! frame: "cell" · length of the bytes: u32 · checksum of length and bytes: u32 · bytes
//! ```
//!
//! The bytes of a block are compressed by zstd where its layout says so.
//!
//! Behind a frame that is damaged, the next one is found by its first four bytes.

use std::{
    cell::RefCell,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use zstd::bulk::Compressor;

use super::{block::Block, error::StoreError, layout::Layout};

/// What a file begins with.
const MAGIC: &[u8] = b"host cells 1\n";

/// What the name of a file ends with.
pub(super) const SUFFIX: &str = ".cells";

/// What a frame begins with.
const MARK: [u8; 4] = *b"cell";

/// Bytes before those of a frame.
const HEAD: usize = 12;

/// Bytes of a frame at most: what says that it has more is damaged.
const MOST_BYTES: usize = 1 << 30;

/// How often what was written is put on the disk, where it outlives a machine that stops.
const SYNC: Duration = Duration::from_secs(1);

/// How hard zstd tries: hardly, since numbers do not get much shorter.
const LEVEL: i32 = 1;

thread_local! {
    /// What compresses blocks of this thread: it has large tables, which are made once.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// The bytes of `content`, compressed.
fn compressed(content: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            None => compressor.insert(Compressor::new(LEVEL)?),
        };
        compressor.compress(content)
    })
}

/// A frame with `content`.
pub(super) fn frame(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEAD + content.len());
    bytes.extend([0; HEAD]);
    bytes.extend(content);
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let check = checksum(length, &bytes[HEAD..]);
    bytes[..4].copy_from_slice(&MARK);
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..HEAD].copy_from_slice(&check.to_le_bytes());
    Ok(bytes)
}

/// The frame of a block, as it is in a file whose layout says whether it `is_compressed`.
pub(super) fn frame_of(block: &[u8], is_compressed: bool) -> io::Result<Vec<u8>> {
    if is_compressed { frame(&compressed(block)?) } else { frame(block) }
}

/// The content of the frame that `bytes` begin with, and what follows it; `None` if they do not begin with one that is whole.
pub(super) fn unframed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    let head = Head::read(*head)?;
    let (content, rest) = rest.split_at_checked(head.length as usize)?;
    head.fits(content).then_some((content, rest))
}

fn checksum(length: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy)]
struct Head {
    length: u32,
    check: u32,
}

impl Head {
    fn read(bytes: [u8; HEAD]) -> Option<Self> {
        let [mark, length, check] = [0, 4, 8].map(|at| std::array::from_fn(|byte| bytes[at + byte]));
        (mark == MARK).then(|| Self { length: u32::from_le_bytes(length), check: u32::from_le_bytes(check) })
    }

    /// Whether `bytes` are as they were written.
    fn fits(self, bytes: &[u8]) -> bool {
        checksum(self.length, bytes) == self.check
    }
}

/// A file that this process appends to.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    compressed: bool,
    state: Mutex<WriterState>,
}

#[derive(Debug)]
struct WriterState {
    file: File,
    /// Bytes of whole frames.
    length: u64,
    synced: Instant,
    failed: bool,
}

impl Writer {
    /// Starts a file in `folder`, locked for as long as this process has it, so that no other takes it for one that is done.
    pub(super) fn start(folder: &Path, layout: &Layout) -> Result<Self, StoreError> {
        let (path, mut file) = Self::make(folder)?;
        let is_compressed = layout.compressed;
        let layout = serde_json::to_vec(layout).map_err(io::Error::other);
        let header = layout.and_then(|layout| Ok([MAGIC, &frame(&layout)?].concat()));
        let started = header.and_then(|header| file.write_all(&header).map(|()| header.len() as u64));
        match started {
            Ok(length) => {
                let state = WriterState { file, length, synced: Instant::now(), failed: false };
                Ok(Self { path, compressed: is_compressed, state: Mutex::new(state) })
            }
            Err(source) => {
                // A file without a header says nothing.
                let _ = std::fs::remove_file(&path);
                Err(StoreError::io("write", path)(source))
            }
        }
    }

    /// Makes a file that nobody else has, and locks it.
    fn make(folder: &Path) -> Result<(PathBuf, File), StoreError> {
        loop {
            let path = folder.join(format!("{}{SUFFIX}", unique()));
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            let file = file.map_err(StoreError::io("make", &path))?;
            // Between the two, another process can have taken it for one that is done, and removes it then. Where the file
            // system has no locks, no other process can take one either.
            if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && path.exists() {
                return Ok((path, file));
            }
        }
    }

    /// Adds a block.
    pub(super) fn append(&self, block: &[u8]) -> Result<(), StoreError> {
        self.append_frame(&frame_of(block, self.compressed).map_err(StoreError::io("write", &self.path))?)
    }

    /// Adds the frame of a block.
    pub(super) fn append_frame(&self, frame: &[u8]) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed {
            return Err(StoreError::Closed { path: self.path.clone() });
        }
        if let Err(source) = state.file.write_all(frame) {
            state.failed = true;
            // So that the file ends with a whole frame; if that fails too, its checksum tells.
            let _ = state.file.set_len(state.length);
            return Err(StoreError::io("write", &self.path)(source));
        }
        state.length += frame.len() as u64;
        if state.synced.elapsed() < SYNC {
            return Ok(());
        }
        state.synced = Instant::now();
        let file = state.file.try_clone();
        // Others write meanwhile.
        drop(state);
        file.and_then(|file| file.sync_data()).map_err(StoreError::io("write", &self.path))
    }

    /// Sees to it that all that was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.file.sync_data().map_err(StoreError::io("write", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A name that no other file has: 16 hexadecimal digits.
pub(super) fn unique() -> String {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Where the system has no random numbers, the process and the time are unlike those of others.
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        bytes = (nanos as u64 ^ u64::from(std::process::id()) << 40).to_le_bytes();
    }
    format!("{:016x}", u64::from_le_bytes(bytes))
}

/// A file that is read.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    layout: Layout,
    /// Where the first block begins.
    start: u64,
}

/// Where a block is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a whole block.
    Whole,
    /// With a part of one: its process was killed, its machine stopped, or it is being written.
    Torn,
    /// A block is not as it was written.
    Damaged,
}

impl Reader {
    /// Opens the file at `path`; `None` if it has no header yet.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut file = File::open(path).map_err(StoreError::io("read", path))?;
        let foreign = |problem: &str| StoreError::Foreign { path: path.to_owned(), problem: problem.to_owned() };
        let mut header = vec![0; MAGIC.len() + HEAD];
        let read = read_most(&mut file, &mut header).map_err(StoreError::io("read", path))?;
        if !header[..read].starts_with(&MAGIC[..read.min(MAGIC.len())]) {
            return Err(foreign("it does not begin as one"));
        }
        if read < header.len() {
            return Ok(None);
        }
        let head = Head::read(std::array::from_fn(|at| header[MAGIC.len() + at]));
        let head = head.ok_or_else(|| foreign("its layout is damaged"))?;
        let mut bytes = vec![0; (head.length as usize).min(1 << 20)];
        let read = read_most(&mut file, &mut bytes).map_err(StoreError::io("read", path))?;
        if read < bytes.len() {
            let at = (MAGIC.len() + HEAD) as u64;
            // Blocks come after a whole layout only.
            let more = mark_after(&file, at).map_err(StoreError::io("read", path))?;
            return if more.is_some() { Err(foreign("its layout is damaged")) } else { Ok(None) };
        }
        if !head.fits(&bytes) {
            return Err(foreign("its layout is damaged"));
        }
        let layout = serde_json::from_slice(&bytes).map_err(|_| foreign("its layout is that of another version"))?;
        let start = (MAGIC.len() + HEAD + bytes.len()) as u64;
        Ok(Some(Self { file, layout, start }))
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where the first block begins.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Reads the blocks from `offset` on, one after the other, and returns how the file ends and where its last block does.
    pub(super) fn read_on(&self, offset: u64, mut take: impl FnMut(Extent, Block)) -> io::Result<(End, u64)> {
        let end = self.file.metadata()?.len();
        let (mut at, mut whole, mut is_damaged) = (offset, offset, false);
        let mut reader = self.at(at);
        while at < end {
            match self.next(&mut reader, end - at)? {
                Some((length, block)) => {
                    is_damaged |= at > whole;
                    take(Extent { offset: at, length }, block);
                    at += HEAD as u64 + u64::from(length);
                    whole = at;
                }
                None => {
                    at = mark_after(&self.file, at + 1)?.unwrap_or(end);
                    reader = self.at(at);
                }
            }
        }
        Ok((
            if is_damaged {
                End::Damaged
            } else if whole < end {
                End::Torn
            } else {
                End::Whole
            },
            whole,
        ))
    }

    fn at(&self, at: u64) -> io::BufReader<At<'_>> {
        io::BufReader::with_capacity(1 << 20, At { file: &self.file, at })
    }

    /// The block that begins where `reader` is, `left` bytes before the end; `None` if there is no whole one.
    fn next(&self, reader: &mut impl io::Read, left: u64) -> io::Result<Option<(u32, Block)>> {
        let mut head = [0; HEAD];
        if read_most(reader, &mut head)? < HEAD {
            return Ok(None);
        }
        let Some(head) = Head::read(head).filter(|head| u64::from(head.length) <= left - HEAD as u64) else {
            return Ok(None);
        };
        let mut bytes = vec![0; head.length as usize];
        if read_most(reader, &mut bytes)? < bytes.len() {
            return Ok(None);
        }
        Ok(if head.fits(&bytes) { self.decoded(bytes).map(|block| (head.length, block)) } else { None })
    }

    fn decoded(&self, mut bytes: Vec<u8>) -> Option<Block> {
        if self.layout.compressed {
            // A block that compresses to a thousandth is none of ours.
            let most = bytes.len().saturating_mul(1000).clamp(1 << 20, MOST_BYTES);
            bytes = zstd::bulk::decompress(&bytes, most).ok()?;
        }
        Block::read(bytes, self.layout.metrics.len())
    }

    /// Reads one block again.
    pub(super) fn block(&self, extent: Extent) -> io::Result<Block> {
        let block =
            self.next(&mut At { file: &self.file, at: extent.offset }, HEAD as u64 + u64::from(extent.length))?;
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "a block is not as it was written");
        block.map(|(_, block)| block).ok_or_else(changed)
    }

    /// Reads the frame of a block, as it is.
    pub(super) fn frame(&self, extent: Extent) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; HEAD + extent.length as usize];
        At { file: &self.file, at: extent.offset }.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Where a frame may begin, from `at` on.
fn mark_after(file: &File, mut at: u64) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = read_most(&mut At { file, at }, &mut bytes)?;
        if let Some(found) = bytes[..read].windows(MARK.len()).position(|window| window == MARK) {
            return Ok(Some(at + found as u64));
        }
        if read < bytes.len() {
            return Ok(None);
        }
        at += (read - MARK.len() + 1) as u64;
    }
}

/// The file at `path`, locked, if no process writes to it any more: as long as it is open, none takes it for its own. Where the
/// file system has no locks, this cannot be told.
pub(super) fn done(path: &Path) -> Option<File> {
    File::open(path).ok().filter(|file| file.try_lock().is_ok())
}

/// The bytes of a file from a place on, without its cursor, which threads share.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl io::Read for At<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(to, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Reads until `to` is full or the file ends.
fn read_most(from: &mut impl io::Read, to: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < to.len() {
        match from.read(&mut to[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
