//! C: clang with the C library of WASI, which is answered from within.

use std::{ffi::OsString, path::Path, process::Command};

use super::{BuildJob, Compiled, File, Recipe, files};
use crate::project::{
    error::BuildError,
    tool::{Probe, Tool},
};

const INSTALL: &str = "apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32";

const CLANG: Tool = Tool {
    name: "clang",
    purpose: "it compiles C",
    probe: Probe::Program { calls: &[&["clang"]], version: &["--version"], least: &[14] },
    install: INSTALL,
};

pub(super) const LINKER: Tool =
    Tool { name: "wasm-ld", purpose: "it links WebAssembly", probe: Probe::Other(linker), install: INSTALL };

pub(super) const LIBRARY: Tool = Tool {
    name: "wasi-libc",
    purpose: "it is the C library for WebAssembly",
    probe: Probe::Other(library),
    install: INSTALL,
};

pub(super) const RUNTIME: Tool = Tool {
    name: "libclang-rt",
    purpose: "it has what the compiler takes for granted",
    probe: Probe::Other(runtime),
    install: INSTALL,
};

/// The part of the SDK that C++ has, too.
pub(super) const SDK: &[File] = files!(
    "c",
    [
        "abi.h",
        "backtest.h",
        "description.c",
        "events.c",
        "failure.c",
        "indicators.c",
        "indicators.h",
        "internal.h",
        "log.c",
        "memory.c",
        "params.c",
        "print.c",
        "signals.c",
        "targets.c",
        "text.c",
    ]
);

pub(super) const RECIPE: Recipe = Recipe {
    template: files!("c/template", ["README.md", "gitignore", "strategy.c", "strategy.events.c"]),
    sdk: SDK,
    tools: &[CLANG, LINKER, LIBRARY, RUNTIME],
    compile,
};

fn linker() -> Result<String, String> {
    found("-print-prog-name=wasm-ld")
}

fn library() -> Result<String, String> {
    found("-print-file-name=crt1-reactor.o")
}

fn runtime() -> Result<String, String> {
    found("-print-libgcc-file-name")
}

/// The file that clang finds for an option. Where it finds nothing, clang answers with a name without a file.
pub(super) fn found(option: &str) -> Result<String, String> {
    let output = Command::new("clang").args([TARGET, option]).output();
    let output = output.map_err(|error| format!("`clang` cannot be run: {error}"))?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if Path::new(&answer).is_file() {
        Ok(answer)
    } else {
        Err(format!("`clang {TARGET} {option}` finds only `{answer}`"))
    }
}

const TARGET: &str = "--target=wasm32-wasi";

/// Lines are kept for traps. No path of this machine gets into the file, so that two builds give the same bytes. Without
/// contraction, since clang would round `a * b + c` once where it knows all three, and twice where it does not. The level is
/// for the compiler alone: given to clang, it would have a `wasm-opt` on the `$PATH` rewrite the file and leave its lines wrong.
pub(super) const FLAGS: [&str; 11] = [
    TARGET,
    "-Xclang",
    "-O3",
    "-ffp-contract=off",
    "-flto",
    "-gline-tables-only",
    "-ffile-compilation-dir=.",
    "-mexec-model=reactor",
    "-Wall",
    "-Wextra",
    "-I.",
];

fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&CLANG)?;
    command.arg("-std=gnu11").args(FLAGS).args(own_sources(job, "c")?).args(sdk_sources());
    job.make(command.arg("-o").arg(&core), &core)?;
    Ok(Compiled::Core(core))
}

/// The files of the project's folder whose names end with `.extension`, in the order of their names.
pub(super) fn own_sources(job: &BuildJob<'_>, extension: &str) -> Result<Vec<OsString>, BuildError> {
    let folder = &job.project.folder;
    let unreadable = |source| BuildError::Io { action: "read", path: folder.clone(), source };
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if Path::new(&name).extension().is_some_and(|found| found == extension) {
            sources.push(name);
        }
    }
    sources.sort();
    Ok(sources)
}

pub(super) fn sdk_sources() -> impl Iterator<Item = String> {
    SDK.iter().filter(|(path, _)| path.ends_with(".c")).map(|(path, _)| format!("sdk/{path}"))
}
