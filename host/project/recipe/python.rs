//! Python: componentize-py, which puts CPython and the modules into a component.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{BuildJob, Compiled, Recipe, create, files, write};
use crate::project::{
    error::BuildError,
    tool::{Probe, Tool},
};

const COMPONENTIZE_PY: Tool = Tool {
    name: "componentize-py",
    purpose: "it makes a component of Python",
    probe: Probe::Program { calls: &[&["componentize-py"]], version: &["--version"], least: &[0, 25] },
    install: "pip install componentize-py==0.25.1",
};

/// Python imports a module of this name at its start, here that of componentize-py.
const AT_START: (&str, &str) = ("sitecustomize.py", include_str!("../../../plugins/sdk/python/build/sitecustomize.py"));

/// Packages with native code that people would import, those with others inside first.
const NATIVE: [&str; 14] = [
    "pandas",
    "polars",
    "scipy",
    "sklearn",
    "statsmodels",
    "numba",
    "talib",
    "pyarrow",
    "matplotlib",
    "torch",
    "tensorflow",
    "jax",
    "cython",
    "numpy",
];

pub(super) const RECIPE: Recipe = Recipe {
    template: files!("python/template", ["README.md", "gitignore", "strategy.events.py", "strategy.py"]),
    sdk: files!(
        "python",
        [
            "backtest/__init__.py",
            "backtest/broker.py",
            "backtest/component.py",
            "backtest/description.py",
            "backtest/errors.py",
            "backtest/indicators/__init__.py",
            "backtest/indicators/averages.py",
            "backtest/indicators/bands.py",
            "backtest/indicators/channels.py",
            "backtest/indicators/columns.py",
            "backtest/indicators/convergence.py",
            "backtest/indicators/crossing.py",
            "backtest/indicators/deviations.py",
            "backtest/indicators/direction.py",
            "backtest/indicators/ranges.py",
            "backtest/indicators/strength.py",
            "backtest/indicators/windows.py",
            "backtest/inert.py",
            "backtest/log.py",
            "backtest/output.py",
            "backtest/params.py",
            "backtest/py.typed",
            "backtest/strategy.py",
            "backtest/targets.py",
            "backtest/testing.py",
            "backtest/trace.py",
        ]
    ),
    tools: &[COMPONENTIZE_PY],
    compile,
};

fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let wit = job.write_contract()?;
    let at_start = job.scratch().join("start");
    create(&at_start)?;
    write(&at_start.join(AT_START.0), AT_START.1)?;
    let component = job.scratch().join("plugin.wasm");
    let mut command = job.command(&COMPONENTIZE_PY)?;
    command.arg("-d").arg(&wit).args(["-w", "plugin", "componentize", "--stub-wasi"]);
    command.args(["-p", ".", "-p", "sdk", "backtest.component", "-o"]).arg(&component);
    command.env("PYTHONPATH", python_path(at_start)?);
    // The traceback is Python's; the tool's own would hide it.
    command.env("RUST_BACKTRACE", "0");
    job.make(&mut command, &component).map_err(told)?;
    Ok(Compiled::Component(component))
}

/// A failure to import native code in one line; any other error as it is.
fn told(error: BuildError) -> BuildError {
    match &error {
        BuildError::Failed { output, .. } => native_import(output).map_or(error, BuildError::Refused),
        _ => error,
    }
}

/// What to say where `output` ends in the import of a package that is known to be native.
fn native_import(output: &str) -> Option<String> {
    let fails = |name: &&&str| {
        let starts =
            [format!("No module named '{name}"), format!("Error importing {name}"), format!("/{name}/__init__.py\"")];
        starts.iter().any(|start| output.contains(start.as_str()))
    };
    let name = NATIVE.iter().find(fails)?;
    // The project is mounted at `/0`.
    let place = output.lines().rev().find_map(|line| line.trim().strip_prefix("File \"/0/"));
    let place = place.and_then(|place| place.split_once("\", line ")).map_or_else(String::new, |(file, line)| {
        let number: String = line.chars().take_while(char::is_ascii_digit).collect();
        format!("`{file}` line {number}: ")
    });
    Some(format!("{place}`{name}` has native code; a strategy in Python can import pure Python only"))
}

/// `$PYTHONPATH` with `first` in front of what it has.
fn python_path(first: PathBuf) -> Result<OsString, BuildError> {
    let given = env::var_os("PYTHONPATH").unwrap_or_default();
    let given = env::split_paths(&given).filter(|path| path != Path::new("")).collect::<Vec<_>>();
    env::join_paths(std::iter::once(first).chain(given))
        .map_err(|error| BuildError::Refused(format!("the project's folder cannot be in $PYTHONPATH: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_of_native_code_is_told_in_one_line() {
        let missing = "Traceback (most recent call last):\n  File \"/1/backtest/component.py\", line 50, in <module>\n  \
                       File \"/0/strategy.py\", line 2, in <module>\n    import numpy as np\n\
                       ModuleNotFoundError: No module named 'numpy'";
        let told = native_import(missing).unwrap();
        let expected =
            "`strategy.py` line 2: `numpy` has native code; a strategy in Python can import pure Python only";
        assert_eq!(told, expected);
        let there = "File \"/2/pandas/__init__.py\", line 19\nImportError: Unable to import required dependencies: Error importing numpy";
        assert_eq!(native_import(there).unwrap().split('`').nth(1), Some("pandas"));
        assert_eq!(native_import("ModuleNotFoundError: No module named 'requests'"), None);
        assert_eq!(native_import("NameError: name 'numpy' is not defined"), None);
    }
}
