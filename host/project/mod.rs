//! Projects: from a folder of sources to a component, in nine languages.
//!
//! Never runs a strategy on anything but a short trial. A project is a folder with a `strategy.toml`; each language has a
//! recipe, which calls the language's own compiler; what comes after is the same for all: a core module is packed, the
//! component is checked, and it is tried on a few bars.

mod contract;
mod error;
mod language;
mod manifest;
mod pack;
mod recipe;
mod template;
mod tool;

use std::path::{Path, PathBuf};

pub use self::{
    error::BuildError,
    language::{Language, UnknownLanguage},
    pack::{PackError, pack},
    template::{TemplateError, create as create_project},
};
use self::{
    manifest::Project,
    recipe::{BuildJob, Compiled, create, recipe},
};
use crate::sandbox::check;

/// A component that was built and checked, and is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Where it belongs: `NAME.wasm` in the project's folder.
    pub path: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
}

/// Compiles the project in `folder`; `listener` hears of every command line before it is run, and what it
/// printed.
///
/// # Errors
///
/// Returns an error if the folder is not a project, a program is missing, a compiler refuses the sources, or what comes out is
/// no plugin.
pub fn build(folder: &Path, listener: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let project = Project::read(folder)?;
    create(&project.scratch())?;
    let path = project.folder.join(format!("{}.wasm", project.name));
    let name = path.display().to_string();
    let recipe = recipe(project.language);
    // All that is missing is told before a minute is spent on what is there.
    for tool in recipe.tools {
        tool.find(&project.folder)?;
    }
    let compiled = (recipe.compile)(&mut BuildJob { project: &project, listener })?;
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| BuildError::Io { action: "read", path: path.to_owned(), source })
    };
    let bytes = match compiled {
        Compiled::Core(core) => pack(&name, &read(&core)?)?,
        Compiled::Component(component) => {
            let bytes = read(&component)?;
            check(&name, &bytes)?;
            bytes
        }
    };
    Ok(Built { path, bytes })
}

/// Something that a language needs, and whether it is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What it is called.
    pub tool: &'static str,
    /// Its version or place, or why it will not do.
    pub state: Result<String, String>,
    /// The command that installs it.
    pub install: &'static str,
}

/// Looks for everything that `language` needs, as a project in `folder` would.
pub fn needs(language: Language, folder: &Path) -> Vec<Need> {
    let need = |tool: &tool::Tool| Need {
        tool: tool.name,
        state: tool.find(folder).map(|found| found.version).map_err(|error| match error {
            BuildError::TooOld { found, least, .. } => format!("{found}, needs {least}"),
            BuildError::Broken { .. } => "broken".to_owned(),
            _ => "missing".to_owned(),
        }),
        install: tool.install,
    };
    recipe(language).tools.iter().map(need).collect()
}
