//! The manifest: a strategy's folder, and what its `strategy.toml` says.
//!
//! Never builds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{error::BuildError, language::Language};
use crate::{
    file::{SETTINGS, read_text_at_most},
    sandbox::Interface,
};

/// The file that makes a folder a project.
pub(super) const MANIFEST: &str = "strategy.toml";

/// A folder that holds a strategy.
#[derive(Debug, Clone)]
pub(super) struct Project {
    /// The folder, as an absolute path.
    pub(super) folder: PathBuf,
    pub(super) language: Language,
    /// The component's name: letters, digits and `_`.
    pub(super) name: String,
    /// What the component exports, for languages whose code does not say it.
    pub(super) interfaces: Vec<Interface>,
    /// The engine that runs JavaScript.
    pub(super) engine: Engine,
}

/// An engine of JavaScript that becomes part of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    /// 12 MB.
    #[default]
    SpiderMonkey,
    /// 2 MB, slow, and without a budget.
    QuickJs,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    language: Language,
    name: String,
    #[serde(default = "signals")]
    interfaces: Vec<Exported>,
    engine: Option<Engine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Exported {
    Signals,
    Events,
}

fn signals() -> Vec<Exported> {
    vec![Exported::Signals]
}

impl Project {
    /// Reads the project in `folder`.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder has no manifest, or one that makes no sense.
    pub(super) fn read(folder: &Path) -> Result<Self, BuildError> {
        let unreadable = |path: &Path, source| BuildError::Io { action: "read", path: path.to_owned(), source };
        let folder = fs::canonicalize(folder).map_err(|source| unreadable(folder, source))?;
        let path = folder.join(MANIFEST);
        if !path.exists() {
            return Err(BuildError::NoProject(folder));
        }
        let text = read_text_at_most(&path, SETTINGS).map_err(|source| unreadable(&path, source))?;
        Self::parse(folder, &text).map_err(|problem| BuildError::Manifest { path, problem })
    }

    fn parse(folder: PathBuf, text: &str) -> Result<Self, String> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        check_name(&manifest.name)?;
        let javascript = matches!(manifest.language, Language::JavaScript | Language::TypeScript);
        if manifest.engine.is_some() && !javascript {
            return Err(format!("`engine` is for JavaScript and TypeScript; in {} leave it out", manifest.language));
        }
        if manifest.interfaces.is_empty() {
            return Err("`interfaces` is empty; give \"signals\", \"events\" or both".to_owned());
        }
        let mut interfaces: Vec<Interface> = Vec::new();
        for exported in manifest.interfaces {
            let interface = match exported {
                Exported::Signals => Interface::Signals,
                Exported::Events => Interface::Events,
            };
            if interfaces.contains(&interface) {
                return Err(format!("`interfaces` names {exported:?} twice").to_lowercase());
            }
            interfaces.push(interface);
        }
        let engine = manifest.engine.unwrap_or_default();
        Ok(Self { folder, language: manifest.language, name: manifest.name, interfaces, engine })
    }

    /// The folder for everything that is made on the way.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("build")
    }
}

/// Checks that `name` can name a strategy in every language.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    const TAKEN: [&str; 4] = ["backtest", "sdk", "strategy", "plugin"];
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !starts_well || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(format!(
            "`{name}` cannot name a strategy: it takes a small letter, then small letters, digits and `_`"
        ));
    }
    if TAKEN.contains(&name) {
        return Err(format!("`{name}` is what the SDK or one of its files is called; choose another name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Project, String> {
        Project::parse(PathBuf::from("/p"), text)
    }

    #[test]
    fn a_manifest_says_language_name_and_interfaces() {
        let project = parse("language = \"python\"\nname = \"a_b\"\ninterfaces = [\"events\", \"signals\"]").unwrap();
        assert_eq!((project.language, project.name.as_str()), (Language::Python, "a_b"));
        assert_eq!(project.interfaces, [Interface::Events, Interface::Signals]);
        assert_eq!(parse("language = \"c\"\nname = \"x\"").unwrap().interfaces, [Interface::Signals]);
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        let problem = |text: &str| parse(text).unwrap_err();
        assert!(
            problem("language = \"cobol\"\nname = \"x\"").contains("line 1"),
            "{}",
            problem("language = \"cobol\"")
        );
        assert!(problem("language = \"c\"").contains("missing field `name`"));
        assert!(problem("language = \"c\"\nname = \"x\"\nnmae = 1").contains("unknown field `nmae`"));
        assert!(problem("language = \"c\"\nname = \"My Strategy\"").contains("small letters, digits and `_`"));
        assert!(problem("language = \"c\"\nname = \"strategy\"").contains("choose another name"));
        assert!(problem("language = \"c\"\nname = \"x\"\nengine = \"quickjs\"").contains("leave it out"));
        let twice = "language = \"c\"\nname = \"x\"\ninterfaces = [\"events\", \"events\"]";
        assert_eq!(problem(twice), "`interfaces` names events twice");
    }
}
