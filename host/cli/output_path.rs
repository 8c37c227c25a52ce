//! Paths of outputs: files, and the temporary one that stands for standard output.
//!
//! Never opens one.

use std::path::Path;

/// The names of the temporary folder and file.
pub(super) const FOLDER: &str = "host-piped-";
pub(super) const NAME: &str = "standard-output";

/// Whether a file stands for standard output.
pub(super) fn is_piped(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    path.file_stem().is_some_and(|stem| stem == NAME) && folder.to_string_lossy().starts_with(FOLDER)
}

/// A file that is written, as messages name it.
pub(super) fn shown(path: &Path) -> String {
    if is_piped(path) { "standard output".to_owned() } else { format!("`{}`", path.display()) }
}
