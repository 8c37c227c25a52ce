//! The sources of a strategy: the files that a build is made from.
//!
//! Never counts a file that a build writes, since each build would then cause the next.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crossbeam_channel::Receiver;

use crate::{
    model::Digest,
    watcher::{Change, Watcher},
};

/// Names of folders and files that builds write, or that hold other packages.
const MADE: [&str; 4] = ["build", "target", "node_modules", "__pycache__"];

/// Lock files: builds write the versions of packages into them. A change counts, unless the build itself made it.
const LOCKS: [&str; 5] = ["Cargo.lock", "package-lock.json", "pnpm-lock.yaml", "uv.lock", "go.sum"];

/// Above this many bytes, a file is compared by its times, not by its content.
const LARGE: u64 = 8 << 20;

/// A folder of sources.
#[derive(Debug)]
pub(super) struct Sources {
    folder: PathBuf,
    /// Files in it that are not sources.
    apart: Arc<[PathBuf]>,
}

impl Sources {
    /// The sources in `folder`, without the files `apart`: those that are written there, or are watched by themselves.
    pub(super) fn new<'a>(folder: &Path, apart: impl Iterator<Item = &'a Path>) -> Self {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let inside = |path: &Path| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let below = parent.canonicalize().ok()?.strip_prefix(&real).ok()?.join(path.file_name()?);
            Some(folder.join(below))
        };
        Self { folder: folder.to_owned(), apart: apart.filter_map(inside).collect() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn watch(&self) -> io::Result<(Watcher, Receiver<Change>)> {
        let (folder, apart) = (self.folder.clone(), Arc::clone(&self.apart));
        Watcher::tree(&self.folder, move |path| is_apart(&folder, &apart, path))
    }

    /// The current state of the sources.
    pub(super) fn state(&self) -> SourceState {
        let (mut written, mut locks) = (Vec::new(), Vec::new());
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            // An unreadable folder counts as empty; the compiler reports the reason.
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
            paths.retain(|path| !is_apart(&self.folder, &self.apart, path));
            paths.sort();
            for path in paths {
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else if let Ok(content) = content(&path) {
                    let text = if is_lock(&path) { &mut locks } else { &mut written };
                    text.extend(path.as_os_str().as_encoded_bytes());
                    text.extend(format!("\0{content}\n").as_bytes());
                }
            }
        }
        SourceState { written: Digest::of(&written), locks: Digest::of(&locks) }
    }
}

/// Returns true for a lock file.
pub(super) fn is_lock(path: &Path) -> bool {
    LOCKS.iter().any(|lock| path.ends_with(lock))
}

/// A state of the sources, to compare with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceState {
    written: Digest,
    locks: Digest,
}

impl SourceState {
    /// The state after a build: the sources as it began, and the locks as they are `after` it.
    pub(super) fn built(self, after: Self) -> Self {
        Self { locks: after.locks, ..self }
    }
}

/// The identity of a file's content.
fn content(path: &Path) -> io::Result<Digest> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() && metadata.len() <= LARGE {
        return fs::read(path).map(|bytes| Digest::of(&bytes));
    }
    Ok(Digest::of(format!("{} {:?}", metadata.len(), metadata.modified().ok()).as_bytes()))
}

/// Returns true if a path below `folder` is not a source: builds' files, hidden files, editors' copies, components, and the
/// files `apart`.
fn is_apart(folder: &Path, apart: &[PathBuf], path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_component = path.parent() == Some(folder) && path.extension().is_some_and(|extension| extension == "wasm");
    MADE.contains(&name.as_ref())
        || name.starts_with('.')
        || name.ends_with('~')
        || is_component
        || apart.iter().any(|one| one == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_makes_is_not_a_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("src/target")).unwrap();
        fs::create_dir_all(path("build")).unwrap();
        fs::write(path("src/lib.rs"), "one").unwrap();
        let (out, elsewhere) = (path("results.csv"), PathBuf::from("/elsewhere/results.csv"));
        let sources = Sources::new(folder.path(), [out.as_path(), &elsewhere].into_iter());
        let before = sources.state();
        for name in ["mine.wasm", "results.csv", ".hidden", "src/lib.rs~", "src/target/x", "build/core.wasm"] {
            fs::write(path(name), "made").unwrap();
            assert_eq!(sources.state(), before, "{name}");
        }
        for name in ["src/lib.rs", "src/engine.wasm", "strategy.toml"] {
            let before = sources.state();
            fs::write(path(name), "another").unwrap();
            assert_ne!(sources.state(), before, "{name}");
        }
        let before = sources.state();
        fs::write(path("Cargo.lock"), "a version").unwrap();
        assert_ne!(sources.state(), before);
        assert_eq!(before.built(sources.state()), sources.state());
        fs::write(path("src/lib.rs"), "saved while it was built").unwrap();
        assert_ne!(before.built(sources.state()), sources.state());
    }
}
