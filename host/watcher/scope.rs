//! The scope of a watch: single files, a folder or a tree, and a snapshot of their stamps.
//!
//! Never waits, and never compares two moments.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, fs, io,
    path::{self, Path, PathBuf},
};

use super::Stamp;

/// How far a chain of missing folders is followed upwards to one that exists.
const ANCESTORS: usize = 64;

/// Which files are watched. Paths are kept as they were given, beside what they mean from any working directory.
pub(super) enum WatchScope {
    /// These, as given and absolute.
    Files(Vec<Named>),
    /// Those in a folder.
    Folder(Named),
    /// Those in a folder and below it, but for what is ignored.
    Tree(Named, Ignore),
}

/// What a path is not to be looked at for.
pub(super) type Ignore = Box<dyn Fn(&Path) -> bool + Send>;

/// A path as it was given, and the same from any working directory.
#[derive(Debug, Clone)]
pub(super) struct Named {
    given: PathBuf,
    absolute: PathBuf,
}

impl Named {
    fn new(given: PathBuf) -> io::Result<Self> {
        Ok(Self { absolute: path::absolute(&given)?, given })
    }

    fn join(&self, name: impl AsRef<Path>) -> Self {
        Self { given: self.given.join(&name), absolute: self.absolute.join(name) }
    }
}

impl fmt::Debug for WatchScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(files) => f.debug_tuple("Files").field(files).finish(),
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Self::Tree(folder, _) => f.debug_tuple("Tree").field(folder).finish_non_exhaustive(),
        }
    }
}

/// The watched files at a moment, and where notices about them come from.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// The files that are there, by the paths given.
    pub(super) stamps: BTreeMap<PathBuf, Stamp>,
    /// The folders, by their real paths, that send notices about the files.
    pub(super) folders: BTreeSet<PathBuf>,
    /// By the path that a notice has, the paths given.
    names: HashMap<PathBuf, Vec<PathBuf>>,
    /// Folders of which every entry is watched: by the real path, the path given.
    whole: HashMap<PathBuf, PathBuf>,
}

impl WatchScope {
    pub(super) fn files(paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        Ok(Self::Files(paths.into_iter().map(Named::new).collect::<Result<_, _>>()?))
    }

    pub(super) fn folder(folder: &Path) -> io::Result<Self> {
        Ok(Self::Folder(Named::new(folder.to_owned())?))
    }

    pub(super) fn tree(folder: &Path, ignore: Ignore) -> io::Result<Self> {
        Ok(Self::Tree(Named::new(folder.to_owned())?, ignore))
    }

    /// Looks at all files.
    pub(super) fn look(&self) -> Snapshot {
        let mut look = Snapshot::default();
        match self {
            Self::Files(files) => files.iter().for_each(|file| look.file(file)),
            Self::Folder(folder) => look.whole(folder, &|_| false, &mut Vec::new()),
            Self::Tree(folder, ignore) => {
                let mut below = vec![folder.clone()];
                while let Some(folder) = below.pop() {
                    look.whole(&folder, ignore, &mut below);
                }
            }
        }
        look
    }

    /// Whether nothing is to be told of the file that was given as `path`.
    fn ignores(&self, path: &Path) -> bool {
        matches!(self, Self::Tree(_, ignore) if ignore(path))
    }

    /// The files, by the paths given, that a notice about `path` is about; nothing if it is about none of them.
    pub(super) fn named(&self, look: &Snapshot, path: &Path) -> Vec<PathBuf> {
        if let Some(given) = look.names.get(path) {
            return given.clone();
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
        let given = look.whole.get(folder).map(|given| given.join(name));
        given.into_iter().filter(|given| !self.ignores(given)).collect()
    }
}

impl Snapshot {
    /// Looks at a file, wherever its path leads to.
    fn file(&mut self, file: &Named) {
        let folder = file.absolute.parent().unwrap_or(&file.absolute);
        let (folder, exists) = existing(folder);
        if let (true, Some(name)) = (exists, file.absolute.file_name()) {
            self.names.entry(folder.join(name)).or_default().push(file.given.clone());
        }
        self.folders.insert(folder);
        if let Some(stamp) = Stamp::of(&file.absolute) {
            self.stamps.insert(file.given.clone(), stamp);
        }
        self.target(file);
    }

    /// A link's target sends its notices where it is.
    fn target(&mut self, file: &Named) {
        if !file.absolute.is_symlink() {
            return;
        }
        if let Ok(target) = fs::canonicalize(&file.absolute)
            && let Some(folder) = target.parent()
        {
            self.folders.insert(folder.to_owned());
            self.names.entry(target).or_default().push(file.given.clone());
        }
    }

    /// Looks at all entries of a folder; folders among them go to `below`.
    fn whole(&mut self, folder: &Named, ignore: &dyn Fn(&Path) -> bool, below: &mut Vec<Named>) {
        let (real, exists) = existing(&folder.absolute);
        self.folders.insert(real.clone());
        if !exists {
            return;
        }
        self.whole.insert(real, folder.given.clone());
        // What cannot be listed has no files, until it can.
        for entry in fs::read_dir(&folder.absolute).into_iter().flatten().flatten() {
            let named = folder.join(entry.file_name());
            if ignore(&named.given) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                below.push(named);
                continue;
            }
            self.target(&named);
            if let Some(stamp) = Stamp::of(&named.absolute) {
                self.stamps.insert(named.given, stamp);
            }
        }
    }
}

/// The real path of the folder, or of the nearest one above it that exists; and whether it is the folder itself.
fn existing(folder: &Path) -> (PathBuf, bool) {
    let found = folder.ancestors().take(ANCESTORS).enumerate().find_map(|(up, folder)| {
        let real = fs::canonicalize(folder).ok().filter(|real| real.is_dir());
        real.map(|real| (real, up == 0))
    });
    found.unwrap_or_else(|| (PathBuf::from("/"), false))
}
