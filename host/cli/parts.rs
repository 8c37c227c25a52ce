//! The files of shards as typed: files, patterns of files, folders.
//!
//! Never opens one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{Context, shard::is_parquet};

/// The files that `typed` stands for, in the order in which they are typed, those of a pattern or a folder by their names. The
/// file to write, `out`, is not among those of a pattern or a folder, which a note says.
pub(super) fn expanded(typed: &[PathBuf], out: &Path, context: &mut Context<'_>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in typed {
        let found = if path.is_dir() {
            in_folder(path)?
        } else if is_pattern(path) {
            matches(path)?
        } else {
            files.push(path.clone());
            continue;
        };
        let is_out =
            |file: &PathBuf| file.canonicalize().is_ok_and(|file| out.canonicalize().is_ok_and(|out| file == out));
        let (written, mut found): (Vec<_>, Vec<_>) = found.into_iter().partition(is_out);
        if !written.is_empty() {
            context.reporter.note(format!("note: `{}` is the file to write, and not one to merge", out.display()));
        }
        if found.is_empty() {
            bail!("`{}` contains only the file to write; give the files of the shards", path.display());
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Whether a path is a pattern, and not the name of a file.
fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[']) && path.symlink_metadata().is_err()
}

/// The Parquet files of a folder, not of those in it.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().with_context(|| format!("folder `{}` cannot be read", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("folder `{}` cannot be read", folder.display()))?;
        let path = entry.path();
        // Those of runs that are not over are hidden.
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        files.extend((!is_hidden && is_parquet(&path) && path.is_file()).then_some(path));
    }
    if files.is_empty() {
        bail!(
            "folder `{}` contains no `.parquet` file; give the files of `host sweep --shard --out`",
            folder.display()
        );
    }
    Ok(files)
}

/// The files that match a pattern, as a shell would find them.
fn matches(pattern: &Path) -> Result<Vec<PathBuf>> {
    let text = pattern.to_str().with_context(|| format!("`{}` is not UTF-8; name the files", pattern.display()))?;
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let found = glob::glob_with(text, options).with_context(|| format!("`{text}` is not a pattern of files"))?;
    let files =
        found.collect::<Result<Vec<_>, _>>().with_context(|| format!("the files of `{text}` cannot be found"))?;
    let files: Vec<_> = files.into_iter().filter(|file| file.is_file()).collect();
    if files.is_empty() {
        bail!("no file matches `{text}`; give the files of `host sweep --shard --out`");
    }
    Ok(files)
}
