//! Build errors: everything that can fail between a folder of sources and a component.

use std::{io, path::PathBuf};

use super::pack::PackError;
use crate::sandbox::PluginError;

/// Why a strategy was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder is not a project.
    #[error(
        "there is no `strategy.toml` in `{}`; `host new my_strategy --lang python` makes a folder that has one", .0.display()
    )]
    NoProject(PathBuf),
    /// The project does not say what is needed.
    #[error("`{}`: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A program that the language needs is missing.
    #[error("`{tool}` is not found ({searched}); {purpose}. Install it with: {install}")]
    Missing {
        /// What it is called.
        tool: &'static str,
        /// Where it was looked for.
        searched: String,
        /// What it is for.
        purpose: &'static str,
        /// How to get it.
        install: &'static str,
    },
    /// A program is there, and does not work.
    #[error(
        "`{tool}` is there, but `{command}` failed ({status}); it said:\n\n{output}\n\nInstall it anew with: {install}"
    )]
    Broken {
        /// What it is called.
        tool: &'static str,
        /// The command line that asks for its version.
        command: String,
        /// How it ended, or why it cannot be run.
        status: String,
        /// All that it printed.
        output: String,
        /// How to get it.
        install: &'static str,
    },
    /// A program is too old.
    #[error("`{tool}` is version {found}, and {least} or later is needed; install it with: {install}")]
    TooOld {
        /// What it is called.
        tool: &'static str,
        /// The version found.
        found: String,
        /// The least version that will do.
        least: String,
        /// How to get it.
        install: &'static str,
    },
    /// A compiler refuses the sources.
    #[error("`{command}` failed ({status}); it said:\n\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// All that it printed.
        output: String,
    },
    /// A compiler ended well and left nothing.
    #[error("`{command}` ended well, but wrote no `{}`; it said:\n\n{output}", path.display())]
    NoOutput {
        /// The command line.
        command: String,
        /// The file that should be there.
        path: PathBuf,
        /// All that it printed.
        output: String,
    },
    /// Something of the project cannot be built, for a reason of its own.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be read or written.
    #[error("`{}` cannot be {action}", path.display())]
    Io {
        /// What was tried: `read` or `written`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The module does not become a component.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The host does not run the component.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}
