//! Templates: folders for new strategies, with the SDK of a language and the contract.
//!
//! Never overwrites anything.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    contract,
    language::Language,
    manifest::{MANIFEST, check_name},
    recipe::{File, recipe},
};
use crate::sandbox::Interface;

/// What the templates call the strategy.
const PLACEHOLDER: &str = "my_strategy";

/// Scripts that are the same for all languages.
const SCRIPTS: [File; 2] = [
    ("build.sh", include_str!("../../plugins/sdk/common/build.sh")),
    ("test.sh", include_str!("../../plugins/sdk/common/test.sh")),
];

/// Why a new project is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The folder's name cannot name a strategy.
    #[error("{0}")]
    Name(String),
    /// The folder holds something already.
    #[error("`{}` is there already and is not an empty folder; choose another, or remove it", .0.display())]
    Taken(PathBuf),
    /// A file cannot be written.
    #[error("`{}` cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Makes the folder `folder` with a strategy in `language` that is written against `interface`, and returns the strategy's
/// name: that of the folder in small letters, with `_` for what no name may have.
///
/// # Errors
///
/// Returns an error if the folder's name does not start with a letter, or the folder holds something, or cannot be written.
pub fn create(folder: &Path, language: Language, interface: Interface) -> Result<String, TemplateError> {
    let name = strategy_name(folder)?;
    if taken(folder) {
        return Err(TemplateError::Taken(folder.to_owned()));
    }
    for (path, text) in files(language, interface, &name) {
        write(&folder.join(&path), &text)?;
    }
    Ok(name)
}

/// Every file of a new project: its path there, and its text.
fn files(language: Language, interface: Interface, name: &str) -> Vec<(String, String)> {
    let recipe = recipe(language);
    let named = |path: String, text: &str| (path, text.replace(PLACEHOLDER, name));
    let mut files = vec![(MANIFEST.to_owned(), manifest(language, interface, name))];
    for (path, text) in recipe.template {
        files.extend(place(path, interface).map(|path| named(path, text)));
    }
    files.extend(SCRIPTS.iter().map(|(path, text)| named((*path).to_owned(), text)));
    files.extend(recipe.sdk.iter().map(|(path, text)| (format!("sdk/{path}"), (*text).to_owned())));
    files.extend(contract::FILES.iter().map(|(path, text)| (format!("sdk/wit/{path}"), (*text).to_owned())));
    files
}

/// Where a file of a template belongs in a project; nowhere, if it is the strategy of the other interface.
fn place(path: &str, interface: Interface) -> Option<String> {
    let is_strategy = path.starts_with("strategy.");
    let is_events = path.starts_with("strategy.events.");
    if is_strategy && is_events != (interface == Interface::Events) {
        return None;
    }
    Some(match path {
        // A file of this name would hide the others from git.
        "gitignore" => ".gitignore".to_owned(),
        path => path.replacen(".events.", ".", 1),
    })
}

fn manifest(language: Language, interface: Interface, name: &str) -> String {
    let text = format!("language = \"{language}\"\n# The component is {name}.wasm.\nname = \"{name}\"\n");
    if !language.declares_interfaces() {
        return text;
    }
    let exported = if interface == Interface::Events { "events" } else { "signals" };
    format!("{text}# What the strategy exports: \"signals\", \"events\" or both.\ninterfaces = [\"{exported}\"]\n")
}

fn strategy_name(folder: &Path) -> Result<String, TemplateError> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(allowed).collect();
    check_name(&name).map_err(TemplateError::Name)?;
    Ok(name)
}

/// Whether there is anything that a new project would be mixed with.
fn taken(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn write(path: &Path, text: &str) -> Result<(), TemplateError> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.and_then(|()| make_runnable(path)).map_err(|source| TemplateError::Write { path: path.to_owned(), source })
}

/// Scripts can be called by their names.
fn make_runnable(path: &Path) -> io::Result<()> {
    if path.extension().is_none_or(|extension| extension != "sh") {
        return Ok(());
    }
    let mut permissions = fs::metadata(path)?.permissions();
    // Whoever may read it may run it.
    permissions.set_mode(permissions.mode() | (permissions.mode() & 0o444) >> 2);
    fs::set_permissions(path, permissions)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_new_project_has_the_strategy_of_its_interface_under_its_own_name() {
        for language in Language::ALL {
            for interface in [Interface::Signals, Interface::Events] {
                let files = files(language, interface, "golden_cross");
                let strategies: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("strategy.")).collect();
                assert_eq!(strategies.len(), 2, "{language}: the manifest and the source");
                assert!(files.iter().all(|(path, _)| !path.contains("events.") || path.starts_with("sdk/")));
                assert!(files.iter().all(|(path, text)| path.starts_with("sdk/") || !text.contains(PLACEHOLDER)));
                assert!(files.iter().any(|(path, _)| path == "README.md"), "{language}");
                let paths: BTreeSet<_> = files.iter().map(|(path, _)| path).collect();
                assert_eq!(paths.len(), files.len(), "{language}: no path twice");
            }
        }
    }

    #[test]
    fn every_file_of_an_sdk_is_part_of_the_program() {
        let sdks = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/sdk");
        for language in Language::ALL {
            let root = sdks.join(language.name());
            let recipe = recipe(language);
            let mut listed: BTreeSet<_> = recipe.template.iter().map(|(path, _)| format!("template/{path}")).collect();
            listed.extend(recipe.sdk.iter().map(|(path, _)| (*path).to_owned()));
            for path in sources(&root, &root) {
                assert!(listed.contains(&path), "{language}: `{path}` is not in the recipe");
            }
        }
    }

    /// The files below `folder`, but for those that no project gets.
    fn sources(root: &Path, folder: &Path) -> Vec<String> {
        const LEFT: [&str; 7] = ["README.md", "target", "node_modules", "__pycache__", "wit", "build", "tests"];
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let left = folder == root && (LEFT.contains(&name) || name.starts_with("conformance."));
            if left || name == "__pycache__" || name.ends_with("_test.go") {
                continue;
            }
            if path.is_dir() {
                found.extend(sources(root, &path));
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
        found
    }

    #[test]
    fn a_folder_gives_its_name_and_nothing_is_overwritten() {
        let name = |folder: &str| strategy_name(Path::new(folder)).map_err(|error| error.to_string());
        assert_eq!(name("/a/My-Strategy 2"), Ok("my_strategy_2".to_owned()));
        assert!(name("/a/2fast").unwrap_err().contains("small letter"));
        assert!(name("/").is_err());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), "").unwrap();
        let new = folder.path().join("mine");
        assert_eq!(create(&new, Language::Rust, Interface::Signals).unwrap(), "mine");
        let again = create(&new, Language::Rust, Interface::Signals).unwrap_err().to_string();
        assert!(again.contains("is there already"), "{again}");
    }
}
