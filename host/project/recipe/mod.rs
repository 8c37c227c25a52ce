//! Recipes: what each language needs, and the commands that compile it, in one file for each language.
//!
//! Never checks what comes out; that is the same for all.

mod assemblyscript;
mod c;
mod cpp;
mod go;
mod javascript;
mod python;
mod rust;
mod zig;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use super::{
    contract,
    error::BuildError,
    language::Language,
    manifest::Project,
    tool::{FoundTool, Tool},
};

/// From how many seconds on a program's time is told.
const SHOWN: f64 = 1.0;

/// A file that is part of this program: its path below a folder, and its text.
pub(super) type File = (&'static str, &'static str);

/// The files of a folder in `plugins/sdk`.
macro_rules! files {
    ($folder:literal, [$($path:literal),* $(,)?]) => {
        &[$(($path, include_str!(concat!("../../../plugins/sdk/", $folder, "/", $path)))),*]
    };
}
use files;

/// How a language is built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    /// The files of a new project; `strategy.events.EXT` stands in for `strategy.EXT` where it is to work with orders.
    pub(super) template: &'static [File],
    /// The files of its folder `sdk`.
    pub(super) sdk: &'static [File],
    /// What must be on the machine.
    pub(super) tools: &'static [Tool],
    /// Compiles a project.
    pub(super) compile: fn(&mut BuildJob<'_>) -> Result<Compiled, BuildError>,
}

/// What a compiler has written.
#[derive(Debug)]
pub(super) enum Compiled {
    /// A core module, which is to be packed.
    Core(PathBuf),
    /// A component.
    Component(PathBuf),
}

/// Returns the recipe of a language.
pub(super) fn recipe(language: Language) -> Recipe {
    match language {
        Language::Rust => rust::RECIPE,
        Language::Python => python::RECIPE,
        Language::JavaScript => javascript::RECIPE,
        Language::TypeScript => javascript::TYPESCRIPT,
        Language::C => c::RECIPE,
        Language::Cpp => cpp::RECIPE,
        Language::Zig => zig::RECIPE,
        Language::Go => go::RECIPE,
        Language::AssemblyScript => assemblyscript::RECIPE,
    }
}

/// The build of one project.
pub(super) struct BuildJob<'a> {
    pub(super) project: &'a Project,
    /// Hears of every command before it is run, and what it printed.
    pub(super) listener: &'a mut dyn FnMut(&str),
}

impl BuildJob<'_> {
    /// The folder for what is made on the way; it exists.
    pub(super) fn scratch(&self) -> PathBuf {
        self.project.scratch()
    }

    /// Finds a tool.
    pub(super) fn find(&self, tool: &Tool) -> Result<FoundTool, BuildError> {
        tool.find(&self.project.folder)
    }

    /// Returns a command that calls `tool` in the project's folder.
    pub(super) fn command(&self, tool: &Tool) -> Result<Command, BuildError> {
        let found = self.find(tool)?;
        let (program, arguments) = found
            .command
            .split_first()
            .ok_or_else(|| BuildError::Refused(format!("`{}` is not a program and cannot be called", tool.name)))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.project.folder);
        Ok(command)
    }

    /// Runs `command`, and returns all that it printed.
    ///
    /// # Errors
    ///
    /// Returns an error, with all that the command printed, if it cannot be run or fails.
    pub(super) fn run(&mut self, command: &mut Command) -> Result<String, BuildError> {
        let line = line(command);
        (self.listener)(&format!("+ {line}"));
        let began = Instant::now();
        let output = command.output().map_err(|source| BuildError::Io {
            action: "run",
            path: command.get_program().into(),
            source,
        })?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim_end().to_owned();
        if !output.status.success() {
            return Err(BuildError::Failed { command: line, status: output.status.to_string(), output: said });
        }
        let seconds = began.elapsed().as_secs_f64();
        if seconds >= SHOWN {
            let program = Path::new(command.get_program()).file_name().unwrap_or_default();
            (self.listener)(&format!("{}: {seconds:.1} s", program.display()));
        }
        // Warnings of what was built all the same.
        if !said.is_empty() {
            (self.listener)(&said);
        }
        Ok(said)
    }

    /// Runs `command`, which is to write `file`.
    ///
    /// # Errors
    ///
    /// As [`Self::run`], or if there is no such file afterwards.
    pub(super) fn make(&mut self, command: &mut Command, file: &Path) -> Result<(), BuildError> {
        remove(file)?;
        let output = self.run(command)?;
        if !file.is_file() {
            return Err(BuildError::NoOutput { command: line(command), path: file.to_owned(), output });
        }
        Ok(())
    }

    /// Writes the contract, with a world `plugin` that exports what the project exports, and returns its folder.
    pub(super) fn write_contract(&self) -> Result<PathBuf, BuildError> {
        let folder = self.scratch().join("wit");
        create(&folder)?;
        for (name, text) in contract::FILES {
            write(&folder.join(name), text)?;
        }
        write(&folder.join("plugin.wit"), contract::world(&self.project.interfaces))?;
        Ok(folder)
    }
}

/// The command line of `command`, as it is shown.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Creates a folder and those above it.
pub(super) fn create(folder: &Path) -> Result<(), BuildError> {
    std::fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))
}

/// Writes a file.
pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), BuildError> {
    std::fs::write(path, content).map_err(|source| unwritable(path, source))
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> Result<(), BuildError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(unwritable(path, source)),
        _ => Ok(()),
    }
}

fn unwritable(path: &Path, source: std::io::Error) -> BuildError {
    BuildError::Io { action: "written", path: path.to_owned(), source }
}

/// `--flag=VALUE` where the value is a path.
pub(super) fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(path);
    flag
}
