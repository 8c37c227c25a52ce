//! Files of a test: a temporary folder, the rows of a results file, committed components.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder of the test's own, gone when it is dropped.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

/// The rows of a CSV file without the columns that depend on the clock or the worker.
pub(crate) fn rows_of(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let timed = |name: &str| ["execution_time", "worker_id", "cached"].contains(&name);
    let kept: Vec<_> = reader.headers().unwrap().iter().map(|name| !timed(name)).collect();
    let row = |record: csv::StringRecord| {
        record.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell.to_owned()).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// The committed component of a bundled plugin (`plugins/`) or of a fixture (`tests/plugins/`).
pub(crate) fn component(name: &str) -> Vec<u8> {
    fs::read(component_path(name)).unwrap()
}

/// Where the component lies.
pub(crate) fn component_path(name: &str) -> String {
    let paths = ["plugins", "tests/plugins"].map(|folder| format!("{folder}/{name}/{name}.wasm"));
    paths
        .into_iter()
        .find(|path| Path::new(path).is_file())
        .unwrap_or_else(|| panic!("no component `{name}` is committed"))
}
