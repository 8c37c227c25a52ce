//! A file that is read at places that each read names, so that threads which read it do not disturb each other.
//!
//! Never moves a cursor: the readers of the Parquet library share that of a file.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    sync::Arc,
};

use ::parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};
use bytes::Bytes;

/// A file of Parquet.
#[derive(Debug, Clone)]
pub(super) struct Positioned(Arc<File>);

/// The bytes of a file from some place on.
#[derive(Debug)]
pub(super) struct From {
    file: Arc<File>,
    at: u64,
}

impl Positioned {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(file))
    }
}

impl Length for Positioned {
    fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }
}

impl ChunkReader for Positioned {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(From { file: Arc::clone(&self.0), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // Where a damaged footer asks for more than there is, memory is not taken for it.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF("the file ends before".to_owned()));
        }
        let mut bytes = vec![0; length];
        From { file: Arc::clone(&self.0), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Read for From {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, to, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, at)
}

#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, at)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn readers_of_one_file_are_where_they_were_put() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let file = Positioned::new(file);
        let (mut one, mut other) = (file.get_read(2).unwrap(), file.get_read(6).unwrap());
        let mut text = String::new();
        let mut two = [0; 2];
        one.read_exact(&mut two).unwrap();
        other.read_to_string(&mut text).unwrap();
        assert_eq!((&two, text.as_str()), (b"23", "6789"));
        assert_eq!(&file.get_bytes(3, 4).unwrap()[..], b"3456");
        assert!(file.get_bytes(8, 3).is_err() && file.get_bytes(u64::MAX, 2).is_err());
    }
}
