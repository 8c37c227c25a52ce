//! The state folder: saves every sweep with its results, and reads them after a restart.
//!
//! Never touches a file outside of its folder, and never removes a sweep unasked.
//!
//! ```text
//! lock                         held by the server that uses the folder
//! state.json                   {"format":1,"next":8}: the number of the next sweep
//! sweeps/7/sweep.json          {"format":2,"sweep":{...}}: the sweep as of its last change of state, or of the last minute
//! sweeps/7/label.json          {"format":1,"label":{...}}: its name and a comment, if it has some
//! sweeps/7/results.parquet     its results, once it has ended
//! ```

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

use super::api::{Label, Sweep, SweepState};
use crate::{
    file::{remove_partial, write_whole},
    results::{Batch, Cell, ReadError, ResultsFile, create_with, recover},
    sweep::with_causes,
};

/// The version of the folder's files. Besides it, only [`BEFORE`] is read.
const FORMAT: u32 = 2;

/// The version before, in which a sweep had a grid and typed axes in place of a request.
const BEFORE: u32 = 1;

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder or a file in it cannot be used.
    #[error("`{}` cannot be used; free space or correct its permissions, or give another folder", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Another server uses the folder.
    #[error("`{}` is in use by another server; give each its own `--state`", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is another version's, or damaged.
    #[error("`{}` is not the state of a server of format {FORMAT}; move the folder away, or give another one", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The problem.
        #[source]
        source: serde_json::Error,
    },
}

/// The folder, held for as long as this lives.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    next: AtomicU64,
    /// Unlocked when the process ends, however it does.
    _lock: File,
}

/// The contents of the folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// All sweeps; each has ended.
    pub(super) sweeps: Vec<Sweep>,
    /// Notices about unusable entries, one line each.
    pub(super) notices: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StateFile {
    format: u32,
    next: u64,
}

/// The version of the files of labels.
const LABEL_FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct LabelFile {
    format: u32,
    label: Label,
}

#[derive(Debug, Serialize, Deserialize)]
struct SweepFile<S> {
    format: u32,
    sweep: S,
}

impl Store {
    /// Locks the folder, which it creates if it does not exist, and reads its contents.
    pub(super) fn open(folder: &Path) -> Result<(Self, Found), StoreError> {
        let sweeps = folder.join("sweeps");
        fs::create_dir_all(&sweeps).map_err(in_file(&sweeps))?;
        let lock = lock(folder)?;
        let next = read_state(&folder.join("state.json"))?.unwrap_or(1);
        let store = Self { folder: folder.to_owned(), next: AtomicU64::new(next), _lock: lock };
        remove_partial(folder).map_err(in_file(folder))?;
        let found = store.read_all(&sweeps)?;
        store.save_state()?;
        Ok((store, found))
    }

    /// Reads every sweep, and settles those that a server left unfinished. One that cannot be used does not keep the others
    /// from being read.
    fn read_all(&self, sweeps: &Path) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for entry in fs::read_dir(sweeps).map_err(in_file(sweeps))? {
            let folder = entry.map_err(in_file(sweeps))?.path();
            let name = folder.file_name().and_then(|name| name.to_str());
            let Some(id) = name.and_then(|name| name.parse::<u64>().ok()).filter(|id| *id > 0) else {
                continue;
            };
            self.next.fetch_max(id + 1, Ordering::Relaxed);
            match self.read_one(id, &folder) {
                Ok(sweep) => found.sweeps.extend(sweep),
                Err(notice) => found.notices.push(notice),
            }
        }
        found.sweeps.sort_by_key(|sweep| sweep.id);
        Ok(found)
    }

    /// Reads and settles sweep `id`; an error in words if it cannot be used.
    fn read_one(&self, id: u64, folder: &Path) -> Result<Option<Sweep>, String> {
        let file = folder.join("sweep.json");
        match self.read_labelled(id) {
            Ok(Some(sweep)) if sweep.id == id => {
                let settled = self.settled(sweep).and_then(|sweep| self.tidy(&sweep).map(|()| sweep));
                settled.map(Some).map_err(|error| format!("sweep {id} is left alone: {}", with_causes(&error)))
            }
            Ok(Some(_)) => Err(format!("`{}` is of another sweep; it is left alone", file.display())),
            // The process ended while it was being created or removed.
            Ok(None) => match fs::remove_dir_all(folder) {
                Ok(()) => Ok(None),
                Err(error) => Err(format!("`{}` cannot be removed: {error}", folder.display())),
            },
            Err(error) => Err(format!("`{}` is left alone: {error}", file.display())),
        }
    }

    /// Removes what a killed server has left half written beside a sweep that has ended. Whole rows without a final name
    /// become its results first.
    fn tidy(&self, sweep: &Sweep) -> Result<(), StoreError> {
        let folder = self.folder_of(sweep.id);
        self.adopt(sweep.id)?;
        for path in partial_results(&folder)? {
            fs::remove_file(&path).map_err(in_file(&path))?;
        }
        remove_partial(&folder).map_err(in_file(&folder)).map(drop)
    }

    /// Marks a sweep as interrupted if it was queued or running, and keeps its whole results.
    fn settled(&self, mut sweep: Sweep) -> Result<Sweep, StoreError> {
        if sweep.state.has_ended() {
            return Ok(sweep);
        }
        let kept = self.adopt(sweep.id)?;
        let what = match (sweep.state, kept) {
            (SweepState::Queued, _) => "while the sweep waited".to_owned(),
            (_, None) => "while the sweep ran, before its first results were on the disk".to_owned(),
            (_, Some((rows, _))) if rows == sweep.done => format!("while the sweep ran; {rows} results are kept"),
            (_, Some((rows, _))) if sweep.done == 0 => {
                format!("while the sweep ran; {rows} results are kept, without a ranking")
            }
            (_, Some((rows, _))) => {
                format!("while the sweep ran; {rows} results are kept, and the ranking of the first {}", sweep.done)
            }
        };
        (sweep.done, sweep.failed) = kept.unwrap_or((0, 0));
        sweep.error = Some(format!("the server ended {what}"));
        sweep.state = SweepState::Interrupted;
        self.save(&sweep)?;
        Ok(sweep)
    }

    /// The number of a new sweep.
    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn folder_of(&self, id: u64) -> PathBuf {
        self.folder.join("sweeps").join(id.to_string())
    }

    /// The folder of the registry's memory.
    pub(super) fn registry(&self) -> PathBuf {
        self.folder.join("registry")
    }

    /// Where the results of sweep `id` are, once there are any.
    pub(super) fn results(&self, id: u64) -> PathBuf {
        self.folder_of(id).join("results.parquet")
    }

    /// Where the returns of sweep `id` are, once there are any.
    pub(super) fn returns(&self, id: u64) -> PathBuf {
        self.folder_of(id).join("returns.arrow")
    }

    /// Reads sweep `id`, which was saved.
    pub(super) fn read(&self, id: u64) -> Result<Sweep, StoreError> {
        let file = self.folder_of(id).join("sweep.json");
        let missing = || io::Error::from(ErrorKind::NotFound);
        self.read_labelled(id).and_then(|sweep| sweep.ok_or_else(missing)).map_err(in_file(&file))
    }

    /// Reads sweep `id`, if it is there, with its label, which has a file of its own: it changes at other times than the sweep.
    fn read_labelled(&self, id: u64) -> io::Result<Option<Sweep>> {
        let folder = self.folder_of(id);
        let Some(mut sweep) = read_sweep(&folder.join("sweep.json"))? else { return Ok(None) };
        sweep.set_label(read_label(&folder.join("label.json"))?);
        Ok(Some(sweep))
    }

    /// Saves what people call sweep `id`.
    pub(super) fn save_label(&self, id: u64, label: &Label) -> Result<(), StoreError> {
        let file = self.folder_of(id).join("label.json");
        write_json(&file, &LabelFile { format: LABEL_FORMAT, label: label.clone() })
    }

    /// Saves `sweep` over its earlier state, and creates its folder if it does not exist.
    pub(super) fn save(&self, sweep: &Sweep) -> Result<(), StoreError> {
        let folder = self.folder_of(sweep.id);
        fs::create_dir_all(&folder).map_err(in_file(&folder))?;
        write_json(&folder.join("sweep.json"), &SweepFile { format: FORMAT, sweep })
    }

    /// Deletes sweep `id` and its results.
    pub(super) fn remove(&self, id: u64) -> Result<(), StoreError> {
        // Saves the next number first, so that this one is never given again.
        self.save_state()?;
        let folder = self.folder_of(id);
        let file = folder.join("sweep.json");
        // Removes this file first: if the process ends in between, the next start removes a folder without it.
        for gone in [fs::remove_file(&file), fs::remove_dir_all(&folder)] {
            gone.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
                .map_err(in_file(&folder))?;
        }
        Ok(())
    }

    /// Turns what a killed server has left of the results of sweep `id` into its results, if there are whole rows. Returns the
    /// number of rows, and of failed ones.
    pub(super) fn adopt(&self, id: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let results = self.results(id);
        if let Ok(counts) = count(&results) {
            return Ok(Some(counts));
        }
        // The first has the groups of rows that were written, the second the rows that came after them.
        let parts = recover(&results);
        let with_rows = parts.iter().filter(|part| part.rows.is_some_and(|rows| rows > 0));
        match &with_rows.map(|part| part.path.as_path()).collect::<Vec<_>>()[..] {
            [] => {}
            [one] => fs::rename(one, &results).map_err(in_file(&results))?,
            several => join(several, &results).map_err(|error| in_file(&results)(io::Error::other(error)))?,
        }
        // What is joined now, or cannot be read.
        for part in parts.iter().filter(|part| part.path.exists()) {
            fs::remove_file(&part.path).map_err(in_file(&part.path))?;
        }
        Ok(count(&results).ok())
    }

    /// Writes where sweeps are saved, to find out whether that is possible.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        let probe = self.folder.join("sweeps/probe");
        write_json(&probe, &())?;
        fs::remove_file(&probe).map_err(in_file(&probe))?;
        self.save_state()
    }

    fn save_state(&self) -> Result<(), StoreError> {
        let state = StateFile { format: FORMAT, next: self.next.load(Ordering::Relaxed) };
        write_json(&self.folder.join("state.json"), &state)
    }
}

/// Writes the rows of `parts`, one after the other, to `results`.
fn join(parts: &[&Path], results: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Some(first) = parts.first() else { return Ok(()) };
    let first = ResultsFile::open(first)?;
    let mut sink = create_with(results, first.columns(), first.metadata())?;
    for part in parts {
        for batch in ResultsFile::open(part)?.batches(None)? {
            for row in batch?.rows() {
                sink.write(&row)?;
            }
        }
    }
    Ok(sink.finish()?)
}

/// The files of results in `folder` that have no final name.
fn partial_results(folder: &Path) -> Result<impl Iterator<Item = PathBuf>, StoreError> {
    let entries: io::Result<Vec<_>> = fs::read_dir(folder).map_err(in_file(folder))?.collect();
    let is_partial = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        [".results.partial-", ".results.rows-"].iter().any(|begin| name.to_string_lossy().starts_with(begin))
    };
    let entries = entries.map_err(in_file(folder))?.into_iter();
    Ok(entries.filter(is_partial).map(|entry| entry.path()))
}

fn in_file(path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<'_> {
    |source| StoreError::Io { path: path.to_owned(), source }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(in_file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::Io { path, source }),
    }
}

/// The number of the next sweep; `None` in a new folder.
fn read_state(path: &Path) -> Result<Option<u64>, StoreError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(in_file(path)(error)),
    };
    let state = serde_json::from_slice::<StateFile>(&text).and_then(|state| check_format(state.format).map(|()| state));
    state.map(|state| Some(state.next)).map_err(|source| StoreError::Foreign { path: path.to_owned(), source })
}

fn read_sweep(path: &Path) -> io::Result<Option<Sweep>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let SweepFile { format, sweep } = serde_json::from_slice::<SweepFile<serde_json::Value>>(&text)?;
    check_format(format)?;
    let sweep = if format == BEFORE { with_request(sweep) } else { sweep };
    Ok(Some(serde_json::from_value(sweep)?))
}

/// The label in a file; none where there is no file.
fn read_label(path: &Path) -> io::Result<Label> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Label::default()),
        Err(error) => return Err(error),
    };
    let LabelFile { format, label } = serde_json::from_slice(&text)?;
    match format {
        LABEL_FORMAT => Ok(label),
        other => Err(io::Error::other(format!("the format of `{}` is {other}", path.display()))),
    }
}

/// Converts a sweep of the format before: its grid and typed axes become a request.
fn with_request(mut sweep: serde_json::Value) -> serde_json::Value {
    let sent = sweep["grid"].take();
    sweep["request"] = serde_json::json!({
        "plugin": sweep["plugin"],
        "data": sweep["data"],
        "grid": sent["grid"],
        "params": sent["params"],
        "objective": sweep["objective"],
        "direction": sweep["better"],
    });
    sweep
}

fn check_format(format: u32) -> Result<(), serde_json::Error> {
    if [BEFORE, FORMAT].contains(&format) {
        Ok(())
    } else {
        Err(serde::de::Error::custom(format!("its format is {format}")))
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_vec(value).map_err(io::Error::from);
    text.and_then(|text| write_whole(path, &text)).map_err(in_file(path))
}

/// The number of rows of a results file, and of failed ones.
fn count(path: &Path) -> Result<(u64, u64), ReadError> {
    let failed = |batch: Batch| batch.rows().filter(|row| row.first() == Some(&Cell::Boolean(false))).count() as u64;
    let mut batches = ResultsFile::open(path)?.batches(Some(&["success".to_owned()]))?;
    let rows = ResultsFile::open(path)?.rows();
    Ok((rows, batches.try_fold(0, |sum, batch| Ok::<_, ReadError>(sum + failed(batch?)))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Column, Kind, create};

    fn sweep(id: u64, state: SweepState) -> Sweep {
        let text = serde_json::json!({
            "id": id, "plugin": "p", "plugin_hash": "", "generation": 1, "data": "d", "data_hash": "", "objective": "sharpe",
            "better": "higher", "axes": [], "state": state, "submitted_at": "", "started_at": null, "ended_at": null,
            "total": 9, "done": 2, "failed": 0, "seconds": null, "best": null, "ranking": [], "failures": [], "notes": {},
            "error": null, "request": { "plugin": "p", "data": "d" },
        });
        serde_json::from_str(&text.to_string()).unwrap()
    }

    fn open(folder: &Path) -> (Store, Found) {
        Store::open(folder).unwrap()
    }

    /// Leaves rows as a process does that is killed: under a name that is not the final one.
    fn leave_rows(path: &Path, success: &[bool]) {
        let columns = [Column::new("success", Kind::Boolean)];
        let mut sink = create(path, &columns).unwrap();
        success.iter().for_each(|success| sink.write(&[Cell::from(*success)]).unwrap());
        // A sink that is dropped keeps its rows.
    }

    #[test]
    fn what_was_whole_is_kept_of_a_sweep_that_was_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = open(folder.path());
        for (id, state) in
            [(1, SweepState::Queued), (2, SweepState::Running), (3, SweepState::Running), (4, SweepState::Running)]
        {
            store.save(&sweep(id, state)).unwrap();
        }
        leave_rows(&store.results(3), &[true, false, true]);
        leave_rows(&store.results(4), &[true, true]);
        fs::write(store.folder_of(2).join(".results.partial-x.parquet"), "torn").unwrap();
        drop(store);
        let (store, found) = open(folder.path());
        let check = |id: u64, done: u64, failed: u64, words: &str| {
            let sweep = &found.sweeps[id as usize - 1];
            assert_eq!((sweep.id, sweep.state, sweep.done, sweep.failed), (id, SweepState::Interrupted, done, failed));
            assert!(sweep.error.as_ref().unwrap().ends_with(words), "{:?}", sweep.error);
            assert_eq!(count(&store.results(id)).ok(), (done > 0).then_some((done, failed)));
        };
        check(1, 0, 0, "while the sweep waited");
        check(2, 0, 0, "before its first results were on the disk");
        check(3, 3, 1, "3 results are kept, and the ranking of the first 2");
        check(4, 2, 0, "2 results are kept");
        assert_eq!(fs::read_dir(store.folder_of(2)).unwrap().count(), 1, "what is torn goes");
        drop(store);
        assert_eq!(open(folder.path()).1.sweeps[2].error, found.sweeps[2].error);
    }

    #[test]
    fn what_a_killed_server_left_half_written_is_removed_or_becomes_results() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = open(folder.path());
        (1..=2).for_each(|id| store.save(&sweep(id, SweepState::Failed)).unwrap());
        leave_rows(&store.results(1), &[true, false]);
        let litter = [
            folder.path().join(".tmpAbC123"),
            store.folder_of(1).join(".host-x1.partial"),
            store.folder_of(2).join(".results.partial-x.parquet"),
        ];
        litter.iter().for_each(|path| fs::write(path, "half").unwrap());
        drop(store);
        let (store, found) = open(folder.path());
        assert_eq!((found.sweeps.len(), found.notices.len()), (2, 0), "{:?}", found.notices);
        assert_eq!(count(&store.results(1)).unwrap(), (2, 1));
        let names = |id| fs::read_dir(store.folder_of(id)).unwrap().count();
        assert_eq!((names(1), names(2)), (2, 1));
        assert!(litter.iter().all(|path| !path.exists()));
    }

    #[test]
    fn a_sweep_that_cannot_be_settled_does_not_keep_the_others_from_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = open(folder.path());
        (1..=2).for_each(|id| store.save(&sweep(id, SweepState::Running)).unwrap());
        // A folder has the name of a partial file.
        fs::create_dir(store.folder_of(1).join(".results.partial-x.parquet")).unwrap();
        drop(store);
        let (_store, found) = open(folder.path());
        assert_eq!(found.sweeps.iter().map(|sweep| sweep.id).collect::<Vec<_>>(), [2]);
        assert!(found.notices[0].starts_with("sweep 1 is left alone: "), "{:?}", found.notices);
    }

    #[test]
    fn no_number_comes_twice_and_what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = open(folder.path());
        let ids: Vec<_> = (0..3).map(|_| store.next_id()).collect();
        ids.iter().for_each(|id| store.save(&sweep(*id, SweepState::Finished)).unwrap());
        store.remove(3).unwrap();
        store.remove(3).unwrap();
        let sweeps = folder.path().join("sweeps");
        fs::write(sweeps.join("2/sweep.json"), r#"{"format": 3, "sweep": {}}"#).unwrap();
        fs::create_dir_all(sweeps.join("notes")).unwrap();
        fs::create_dir_all(sweeps.join("7")).unwrap();
        drop(store);
        let (store, found) = open(folder.path());
        assert_eq!(found.sweeps.iter().map(|sweep| sweep.id).collect::<Vec<_>>(), [1]);
        assert_eq!(found.notices.len(), 1, "{:?}", found.notices);
        assert!(found.notices[0].contains("2/sweep.json` is left alone: "), "{}", found.notices[0]);
        assert!(sweeps.join("2").exists() && sweeps.join("notes").exists() && !sweeps.join("7").exists());
        assert_eq!(store.next_id(), 8);
    }

    #[test]
    fn a_sweep_of_the_format_before_has_its_request() {
        let folder = tempfile::tempdir().unwrap();
        let mut before = serde_json::to_value(sweep(1, SweepState::Finished)).unwrap();
        before.as_object_mut().unwrap().remove("request");
        before["grid"] = serde_json::json!({ "grid": { "a": [1, 2] }, "params": ["b=1..3"] });
        fs::create_dir_all(folder.path().join("sweeps/1")).unwrap();
        let file = serde_json::json!({ "format": 1, "sweep": before });
        fs::write(folder.path().join("sweeps/1/sweep.json"), file.to_string()).unwrap();
        fs::write(folder.path().join("state.json"), r#"{"format": 1, "next": 2}"#).unwrap();
        let (store, found) = open(folder.path());
        let request = &found.sweeps[0].request;
        assert_eq!((request.plugin.as_str(), request.params.as_slice()), ("p", ["b=1..3".to_owned()].as_slice()));
        assert_eq!(request.grid.as_ref().unwrap().grid().unwrap().axes().collect::<Vec<_>>(), ["a"]);
        assert_eq!(store.next_id(), 2);
    }

    #[test]
    fn a_folder_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state.json"), r#"{"format": 3, "next": 1}"#).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::Foreign { .. })));
        let file = folder.path().join("state.json");
        assert!(matches!(Store::open(&file), Err(StoreError::Io { .. })));
    }
}
