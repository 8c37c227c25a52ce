//! A file of lines that is complete or absent under its final name.
//!
//! Never knows what a line says.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use super::{error::ResultsError, file::FilePaths, format};

/// Takes the bytes of lines into a partial file beside the final one. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct LineFile {
    place: FilePaths,
    out: BufWriter<File>,
    /// Line ends so far.
    lines: u64,
}

impl LineFile {
    /// Makes the partial file for `path`.
    ///
    /// # Errors
    ///
    /// Returns an error if `path` is a directory, anything else that is no regular file, or a file that is read-only; or
    /// if its directory does not exist or takes no files.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        format::check_present(path)?;
        let (file, place) = format::partial(path)?;
        Ok(Self { place, out: BufWriter::new(file), lines: 0 })
    }

    /// Completes the file and gives it its final name. A file that had the name is replaced. Returns the number of lines.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be completed; nothing is left of it then.
    pub fn finish(mut self) -> Result<u64, ResultsError> {
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        match synced.and_then(|()| fs::rename(&self.place.partial, &self.place.target)) {
            Ok(()) => {
                // What has its final name is no partial file any more.
                self.place.partial.disable_cleanup(true);
                Ok(self.lines)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Gives the file up, since writing to it gave the error `source`.
    pub fn fail(self, source: io::Error) -> ResultsError {
        ResultsError::Write { path: self.place.path, rows: 0, partial: None, rest: None, source }
    }
}

impl Write for LineFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.lines += bytes[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_complete_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.jsonl");
        let mut dropped = LineFile::create(&path).unwrap();
        dropped.write_all(b"{}\n").unwrap();
        drop(dropped);
        let failed = LineFile::create(&path).unwrap().fail(io::ErrorKind::StorageFull.into());
        assert!(matches!(failed, ResultsError::Write { .. }));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        let mut file = LineFile::create(&path).unwrap();
        file.write_all(b"{}\n").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
