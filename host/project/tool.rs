//! Tools: finds the compilers that languages need, and checks their versions.
//!
//! Never installs anything.

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use super::error::BuildError;

/// Something that a language needs on the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    /// What it is called.
    pub(super) name: &'static str,
    /// What it is for, as a clause: `it compiles C`.
    pub(super) purpose: &'static str,
    pub(super) probe: Probe,
    /// The command that installs it.
    pub(super) install: &'static str,
}

/// How to see whether something is there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Probe {
    /// A program, by the first of its command lines that runs.
    Program {
        /// Ways to call it.
        calls: &'static [&'static [&'static str]],
        /// The arguments that make it print its version.
        version: &'static [&'static str],
        /// The least version that will do; nothing where any will.
        least: &'static [u32],
    },
    /// A file or anything else; answers where it is, or where it should be.
    Other(fn() -> Result<String, String>),
}

/// A tool that is there.
#[derive(Debug, Clone)]
pub(super) struct FoundTool {
    /// The command line that calls it; empty where it is not a program.
    pub(super) command: Vec<OsString>,
    /// Its version, or its place.
    pub(super) version: String,
}

impl Tool {
    /// Finds the tool for a project in `folder`: in the `node_modules/.bin` and `.venv/bin` of the folder and of those above
    /// it, then in `$PATH`.
    ///
    /// # Errors
    ///
    /// Returns an error if it is missing or too old.
    pub(super) fn find(&self, folder: &Path) -> Result<FoundTool, BuildError> {
        let missing = |searched: String| BuildError::Missing {
            tool: self.name,
            searched,
            purpose: self.purpose,
            install: self.install,
        };
        match self.probe {
            Probe::Other(look) => look().map(|version| FoundTool { command: Vec::new(), version }).map_err(missing),
            Probe::Program { calls, version, least } => {
                let mut broken = None;
                let found = calls.iter().find_map(|call| {
                    let tried = try_call(folder, call, version)?;
                    tried.map_err(|error| broken = broken.take().or(Some(error))).ok()
                });
                let found = found
                    .ok_or_else(|| broken.map_or_else(|| missing(searched(calls)), |broken| self.broken(broken)))?;
                if Version::of(&found.version) < Version(least.to_vec()) {
                    return Err(BuildError::TooOld {
                        tool: self.name,
                        found: found.version,
                        least: Version(least.to_vec()).to_string(),
                        install: self.install,
                    });
                }
                Ok(found)
            }
        }
    }

    fn broken(&self, Broken { command, status, output }: Broken) -> BuildError {
        BuildError::Broken { tool: self.name, command, status, output, install: self.install }
    }
}

/// A program that is there, and does not work.
struct Broken {
    command: String,
    status: String,
    output: String,
}

fn searched(calls: &[&[&str]]) -> String {
    let calls: Vec<_> = calls.iter().map(|call| format!("`{}`", call.join(" "))).collect();
    format!("tried {} in `node_modules/.bin`, `.venv/bin` and $PATH", calls.join(" and "))
}

/// Runs `call` for its version; nothing if there is no such program.
fn try_call(folder: &Path, call: &[&str], version: &[&str]) -> Option<Result<FoundTool, Broken>> {
    let (program, arguments) = call.split_first()?;
    let program = locate(folder, program)?;
    let broken = |status: String, output: String| {
        let words = std::iter::once(program.display().to_string());
        let words = words.chain(arguments.iter().chain(version).map(ToString::to_string)).collect::<Vec<_>>();
        Some(Err(Broken { command: words.join(" "), status, output }))
    };
    let output = match Command::new(&program).args(arguments).args(version).current_dir(folder).output() {
        Ok(output) => output,
        Err(error) => return broken("it cannot be run".to_owned(), error.to_string()),
    };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        // Of `python3 -m ziglang`, Python is there in any case.
        if !arguments.is_empty() {
            return None;
        }
        return broken(output.status.to_string(), text.trim().to_owned());
    }
    let mut command = vec![program.clone().into_os_string()];
    command.extend(arguments.iter().map(OsString::from));
    Some(Ok(FoundTool { command, version: first_version(&text) }))
}

/// The file of a program.
fn locate(folder: &Path, program: &str) -> Option<PathBuf> {
    let near = folder.ancestors().flat_map(|at| [at.join("node_modules/.bin"), at.join(".venv/bin")]);
    let path = env::var_os("PATH").unwrap_or_default();
    near.chain(env::split_paths(&path)).map(|at| at.join(program)).find(|file| file.is_file())
}

/// The first word of `text` that has numbers with a point between, without what is around them.
fn first_version(text: &str) -> String {
    let numbers = |word: &str| -> String {
        let start = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
        let number: String = word[start..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        number.trim_end_matches('.').to_owned()
    };
    text.split_whitespace().map(numbers).find(|number| number.contains('.')).unwrap_or_default()
}

/// Numbers that are compared one after the other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(Vec<u32>);

impl Version {
    fn of(text: &str) -> Self {
        Self(text.split('.').map_while(|part| part.parse().ok()).collect())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        assert_eq!(first_version("Debian clang version 14.0.6\nTarget: x86_64"), "14.0.6");
        assert_eq!(first_version("go version go1.27.3 linux/amd64"), "1.27.3");
        assert_eq!(first_version("rustc 1.95.0 (59807616e 2026-04-14)"), "1.95.0");
        assert_eq!(first_version("v20.20.2"), "20.20.2");
        assert_eq!(first_version("no number"), "");
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(Version::of("1.9.3") < Version::of("1.10"));
        assert!(Version::of("14.0.6") >= Version(vec![14]));
        assert!(Version::of("") < Version(vec![1]));
        assert!(Version::of("") >= Version(vec![]));
    }

    #[test]
    fn a_tool_that_is_missing_or_too_old_is_told_with_the_way_out() {
        let tool = |call: &'static [&'static [&'static str]], least: &'static [u32]| Tool {
            name: "frob",
            purpose: "it compiles Frob",
            probe: Probe::Program { calls: call, version: &["--version"], least },
            install: "pip install frob",
        };
        let error = tool(&[&["no-such-program"]], &[]).find(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("tried `no-such-program` in"), "{error}");
        assert!(error.ends_with("it compiles Frob. Install it with: pip install frob"), "{error}");
        let error = tool(&[&["no-such-program"], &["rustc"]], &[1000]).find(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("and 1000 or later is needed"), "{error}");
        tool(&[&["rustc"]], &[1, 60]).find(Path::new("/")).unwrap();
    }

    #[test]
    fn a_tool_that_is_there_and_broken_says_so_in_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join(".venv/bin");
        fs::create_dir_all(&bin).unwrap();
        let broken = bin.join("frob");
        fs::write(&broken, "#!/bin/sh\necho 'Cannot find package `frob-core`' >&2\nexit 3\n").unwrap();
        fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
        let tool = |calls: &'static [&'static [&'static str]]| Tool {
            name: "frob",
            purpose: "it compiles Frob",
            probe: Probe::Program { calls, version: &["--version"], least: &[] },
            install: "pip install frob",
        };
        let error = tool(&[&["frob"], &["no-such-program"]]).find(folder.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("`frob` is there, but `") && error.contains("frob --version` failed (exit status: 3"),
            "{error}"
        );
        assert!(
            error.contains("Cannot find package `frob-core`") && error.ends_with("anew with: pip install frob"),
            "{error}"
        );
        tool(&[&["frob"], &["rustc"]]).find(folder.path()).unwrap();
    }
}
