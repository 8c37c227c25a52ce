//! Checksums of a results file in Parquet: one for each column of each row group, and one for the footer that holds them.
//!
//! Never decodes a page. The pages of Parquet have no checksum of their own here, so that a bit that a disk has changed would
//! be another number. A checksum is a CRC-32, which finds each change of up to 32 bits in a row, and misses one of four
//! billion others.

use std::{
    fs::File,
    io::{self, Read},
};

use ::parquet::{file::metadata::KeyValue, file::reader::ChunkReader as _};

/// The key of the checksums of all columns: those of the first row group in the order of the columns, then those of the next.
pub(super) const COLUMNS_KEY: &str = "host.results.checksums";

/// The key of the checksum of the footer.
pub(super) const FOOTER_KEY: &str = "host.results.footer";

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 8;

/// The digits of the footer's checksum while it is computed.
const NONE_YET: &str = "00000000";

/// What a Parquet file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";

/// Bytes behind the footer: its length, and the end of the file.
const END: u64 = 8;

/// Bytes that are read at a time.
const STEP: usize = 64 << 10;

/// The checksum of `bytes`.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// What a footer says of the `checksums` of its columns, and a place for its own.
pub(super) fn pairs(checksums: &[u32]) -> [KeyValue; 2] {
    let digits: String = checksums.iter().map(|checksum| format!("{checksum:08x}")).collect();
    [KeyValue::new(COLUMNS_KEY.to_owned(), digits), KeyValue::new(FOOTER_KEY.to_owned(), NONE_YET.to_owned())]
}

/// Puts the checksum of a footer, up to the end of the file, in its place there.
pub(super) fn seal(footer: &mut [u8]) -> io::Result<()> {
    let at = place(footer).ok_or_else(|| io::Error::other("the footer has no place for its checksum"))?;
    let sealed = format!("{:08x}", checksum(footer));
    footer[at..at + DIGITS].copy_from_slice(sealed.as_bytes());
    Ok(())
}

/// Where the digits of the footer's own checksum are.
fn place(footer: &[u8]) -> Option<usize> {
    // As Thrift's compact protocol writes the value of a pair behind its key: a text in the second field, and its length.
    let mark = [FOOTER_KEY.as_bytes(), &[0x18, DIGITS as u8]].concat();
    let at = footer.windows(mark.len()).rposition(|bytes| bytes == mark)? + mark.len();
    (at + DIGITS <= footer.len()).then_some(at)
}

/// What the checksum of a file's footer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    /// The footer is as it was written.
    Whole,
    /// It was changed.
    Broken,
    /// There is none: another program wrote the file, or an older version of this one.
    Missing,
}

impl Seal {
    /// Looks at the footer of `file`, and at how the file begins.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let Some(start) = length.checked_sub(END) else { return Ok(Self::Missing) };
        let end = bytes(file, start, END)?;
        let footer = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
        let Some(start) = start.checked_sub(footer) else { return Ok(Self::Missing) };
        let mut footer = bytes(file, start, footer + END)?;
        let Some(at) = place(&footer) else { return Ok(Self::Missing) };
        let found = footer[at..at + DIGITS].to_vec();
        footer[at..at + DIGITS].copy_from_slice(NONE_YET.as_bytes());
        let is_whole = found == format!("{:08x}", checksum(&footer)).as_bytes() && bytes(file, 0, 4)? == MAGIC;
        Ok(if is_whole { Self::Whole } else { Self::Broken })
    }
}

/// `count` bytes of `file` from `start` on.
fn bytes(file: &File, start: u64, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.get_read(start).map_err(io::Error::other)?.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The checksums that a footer has of its columns.
#[derive(Debug)]
pub(super) struct Checksums(Vec<u32>);

impl Checksums {
    /// Reads those of `pairs`, of which there must be `count`.
    pub(super) fn read(pairs: &[KeyValue], count: usize) -> Option<Self> {
        let digits = pairs.iter().find(|pair| pair.key == COLUMNS_KEY)?.value.as_ref()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let read = |digits: &[u8]| u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
        let all = digits.as_bytes().chunks(DIGITS).map(read).collect::<Option<Vec<_>>>()?;
        (all.len() == count && digits.len() == count * DIGITS).then_some(Self(all))
    }

    /// Whether column `number`, counted over all row groups, is as it was written; its bytes are `range` of `file`, a start and
    /// a length.
    pub(super) fn fits(&self, number: usize, file: &File, (start, length): (u64, u64)) -> io::Result<bool> {
        let mut read = file.get_read(start).map_err(io::Error::other)?.take(length);
        let (mut hasher, mut buffer) = (crc32fast::Hasher::new(), vec![0; STEP]);
        loop {
            match read.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        Ok(read.limit() == 0 && self.0.get(number) == Some(&hasher.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_is_sealed_once_and_says_so() {
        let mut footer = [b"..".as_slice(), FOOTER_KEY.as_bytes(), b"\x18\x08", NONE_YET.as_bytes(), b"end"].concat();
        let expected = checksum(&footer);
        seal(&mut footer).unwrap();
        assert_eq!(&footer[place(&footer).unwrap()..][..DIGITS], format!("{expected:08x}").as_bytes());
        assert!(seal(&mut b"another".to_vec()).is_err());
    }

    #[test]
    fn only_the_right_number_of_checksums_is_read() {
        let pair = |value: &str| [KeyValue::new(COLUMNS_KEY.to_owned(), value.to_owned())];
        assert_eq!(Checksums::read(&pairs(&[1, u32::MAX]), 2).unwrap().0, [1, u32::MAX]);
        assert_eq!(Checksums::read(&pairs(&[]), 0).unwrap().0, [0; 0]);
        for (text, count) in [("0000000", 1), ("00000000", 2), ("0000000g", 1), ("+0000000", 2), ("é0000000", 1)] {
            assert!(Checksums::read(&pair(text), count).is_none(), "{text}");
        }
        assert!(Checksums::read(&[], 0).is_none());
    }
}
