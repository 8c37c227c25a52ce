//! What is watched, and how it looks.
//!
//! Never opens a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{self, Path, PathBuf},
    time::SystemTime,
};

/// What a path is not to be looked at for.
pub(super) type Ignore = Box<dyn Fn(&Path) -> bool + Send>;

/// What is watched.
pub(super) enum Target {
    /// These, by their names.
    Files(Vec<PathBuf>),
    /// What lies in a folder.
    Folder(PathBuf),
    /// Everything below a folder.
    Tree(PathBuf, Ignore),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.roots()).finish()
    }
}

impl Target {
    pub(super) fn files(files: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        Ok(Self::Files(files.into_iter().collect()))
    }

    pub(super) fn folder(folder: &Path) -> io::Result<Self> {
        fs::read_dir(folder)?;
        Ok(Self::Folder(folder.to_owned()))
    }

    pub(super) fn tree(folder: &Path, ignore: Ignore) -> io::Result<Self> {
        fs::read_dir(folder)?;
        Ok(Self::Tree(folder.to_owned(), ignore))
    }

    pub(super) fn is_tree(&self) -> bool {
        matches!(self, Self::Tree(..))
    }

    /// The folders in which things happen, as absolute paths.
    pub(super) fn roots(&self) -> BTreeSet<PathBuf> {
        match self {
            Self::Files(files) => {
                let parent = |file: &PathBuf| self.absolute(file).parent().map(Path::to_owned);
                files.iter().filter_map(parent).collect()
            }
            Self::Folder(folder) | Self::Tree(folder, _) => [self.absolute(folder)].into(),
        }
    }

    /// `path` as the system names it in its notices.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }

    /// Every file with what it looks like now; one that is named and not there has no stamp.
    pub(super) fn look(&self) -> BTreeMap<PathBuf, Option<Stamp>> {
        match self {
            Self::Files(files) => files.iter().map(|file| (file.clone(), Stamp::of(file))).collect(),
            Self::Folder(folder) => entries(folder).into_iter().map(|path| (path.clone(), Stamp::of(&path))).collect(),
            Self::Tree(folder, ignore) => {
                let mut found = BTreeMap::new();
                let mut folders = vec![folder.clone()];
                while let Some(folder) = folders.pop() {
                    for path in entries(&folder).into_iter().filter(|path| !ignore(path)) {
                        // A link to a folder may lead back up.
                        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                            folders.push(path);
                        } else {
                            found.insert(path.clone(), Stamp::of(&path));
                        }
                    }
                }
                found
            }
        }
    }
}

/// What lies in a folder; nothing, where it is gone.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

/// Which file or folder a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    device: u64,
    inode: u64,
}

impl Place {
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }

    #[cfg(unix)]
    fn from(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    #[cfg(not(unix))]
    fn from(_: &fs::Metadata) -> Self {
        Self { device: 0, inode: 0 }
    }
}

/// How a file looks without being read. Two that differ in content and have one stamp are rare, but there are some: the
/// clocks of file systems are coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    changed: (i64, i64),
    place: Place,
}

impl Stamp {
    /// The stamp of what `path` leads to.
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }

    pub(super) fn from(metadata: &fs::Metadata) -> Self {
        let place = Place::from(metadata);
        Self { length: metadata.len(), modified: metadata.modified().ok(), changed: changed(metadata), place }
    }
}

/// When the system last wrote anything about the file.
#[cfg(unix)]
fn changed(metadata: &fs::Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &fs::Metadata) -> (i64, i64) {
    (0, 0)
}
