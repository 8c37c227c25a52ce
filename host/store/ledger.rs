//! The ledger: each run that used the store, when it began and how it ended, a line for each.
//!
//! Never removes a line, and never knows what a run is beyond the facts that it is given.
//!
//! ```text
//! {"run": "0123456789ab", "began": {...}, "check": "01234567"}
//! {"run": "0123456789ab", "ended": {...}, "check": "01234567"}
//! ```
//!
//! A run without a second line is running, or was killed.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    error::StoreError,
    folder::locked,
    log::unique,
    root::Store,
    seal::{sealed, unsealed},
};

/// Bytes of a line at most.
const LINE: usize = 1 << 20;

/// Digits of the name of a run.
const NAME: usize = 12;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// Its name: 12 hexadecimal digits.
    pub run: String,
    /// What was said when it began.
    pub began: Value,
    /// What was said when it ended.
    pub ended: Option<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    run: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Value>,
}

impl Store {
    /// Notes that a run begins, with `facts`, and returns its name; `None` if they are too long for a line.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be written.
    pub(crate) fn begin_run(&self, facts: Value) -> Result<Option<String>, StoreError> {
        let run = unique()[..NAME].to_owned();
        let line = Line { run: run.clone(), began: Some(facts), ended: None };
        Ok(self.append(&line)?.then_some(run))
    }

    /// Notes that `run` has ended, with `facts`.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be written.
    pub(crate) fn end_run(&self, run: &str, facts: Value) -> Result<(), StoreError> {
        self.append(&Line { run: run.to_owned(), began: None, ended: Some(facts) }).map(|_| ())
    }

    /// Returns false if the line is too long, and was not written.
    fn append(&self, line: &Line) -> Result<bool, StoreError> {
        let path = self.ledger();
        let line = serde_json::to_string(line).map_err(|error| StoreError::Encode(error.to_string()))?;
        let mut text = sealed(&line).into_bytes();
        if text.len() > LINE {
            return Ok(false);
        }
        let mut append = || -> io::Result<()> {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            if is_torn(&mut file)? {
                text.insert(0, b'\n');
            }
            file.write_all(&text)
        };
        let _lock = locked(&self.root().join("runs.lock"))?;
        append().map_err(StoreError::io("write", &path))?;
        Ok(true)
    }

    /// The runs, in the order in which they began, and the number of lines that cannot be read.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn runs(&self) -> Result<(Vec<LedgerEntry>, u64), StoreError> {
        let path = self.ledger();
        let (mut runs, mut places, mut bad) = (Vec::<LedgerEntry>::new(), HashMap::new(), 0);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((runs, bad)),
            file => file.map_err(StoreError::io("read", &path))?,
        };
        let mut reader = BufReader::new(file);
        loop {
            let mut text = Vec::new();
            let read = (&mut reader).take(2 * LINE as u64).read_until(b'\n', &mut text);
            if read.map_err(StoreError::io("read", &path))? == 0 {
                return Ok((runs, bad));
            }
            let line = std::str::from_utf8(&text).ok().and_then(unsealed).map(serde_json::from_value);
            match line.unwrap_or_else(|| Err(serde::de::Error::custom("damaged"))) {
                Ok(Line { run, began: Some(began), ended }) => {
                    places.insert(run.clone(), runs.len());
                    runs.push(LedgerEntry { run, began, ended });
                }
                Ok(Line { run, began: None, ended: Some(ended) }) => match places.get(&run) {
                    Some(place) => runs[*place].ended = Some(ended),
                    None => bad += 1,
                },
                _ if text.iter().all(u8::is_ascii_whitespace) => {}
                _ => bad += 1,
            }
        }
    }

    fn ledger(&self) -> PathBuf {
        self.root().join("runs.jsonl")
    }
}

/// Whether the file ends within a line, since its writer was killed.
fn is_torn(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn runs_are_listed_with_how_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.runs().unwrap(), (vec![], 0));
        let first = store.begin_run(json!({"n": 1})).unwrap().unwrap();
        let second = store.begin_run(json!({"n": 2})).unwrap().unwrap();
        store.end_run(&first, json!({"ok": true})).unwrap();
        let (runs, bad) = store.runs().unwrap();
        assert_eq!(runs[0], LedgerEntry { run: first, began: json!({"n": 1}), ended: Some(json!({"ok": true})) });
        assert_eq!(runs[1], LedgerEntry { run: second, began: json!({"n": 2}), ended: None });
        assert_eq!((runs.len(), bad), (2, 0));
    }

    #[test]
    fn what_a_killed_writer_has_left_costs_no_other_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(json!(1)).unwrap();
        let whole = fs::read(store.ledger()).unwrap();
        for cut in 1..whole.len() {
            let mut flipped = whole.clone();
            flipped[cut - 1] ^= 1;
            fs::write(store.ledger(), &flipped).unwrap();
            assert_eq!(store.runs().unwrap(), (vec![], 1), "byte {}", cut - 1);
            fs::write(store.ledger(), &whole[..cut]).unwrap();
            let run = store.begin_run(json!(2)).unwrap().unwrap();
            let (runs, bad) = store.runs().unwrap();
            assert_eq!(runs.last().map(|last| &last.run), Some(&run));
            // A line without its end alone is whole.
            assert_eq!((runs.len() as u64, bad), if cut == whole.len() - 1 { (2, 0) } else { (1, 1) });
        }
    }

    #[test]
    fn facts_without_an_end_are_not_noted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.begin_run(json!("x".repeat(LINE))).unwrap(), None);
        assert_eq!(store.runs().unwrap(), (vec![], 0));
    }

    #[test]
    fn several_writers_lose_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..50 {
                        let run = store.begin_run(json!(n)).unwrap().unwrap();
                        store.end_run(&run, json!(n)).unwrap();
                    }
                });
            }
        });
        let (runs, bad) = store.runs().unwrap();
        assert_eq!((runs.len(), bad, runs.iter().filter(|run| run.ended.is_some()).count()), (400, 0, 400));
    }
}
