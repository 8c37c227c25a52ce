//! C++: clang with the C++ library of WASI, which is answered from within.

use super::{
    BuildJob, Compiled, File, Recipe,
    c::{self, FLAGS, LINKER, RUNTIME, SDK as C, found, own_sources, sdk_sources},
    files,
};
use crate::project::{
    error::BuildError,
    tool::{Probe, Tool},
};

const INSTALL: &str =
    "apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32";

const CLANGXX: Tool = Tool {
    name: "clang++",
    purpose: "it compiles C++",
    probe: Probe::Program { calls: &[&["clang++"]], version: &["--version"], least: &[14] },
    install: INSTALL,
};

const LIBRARY: Tool = Tool {
    name: "libc++",
    purpose: "it is the C++ library for WebAssembly",
    probe: Probe::Other(library),
    install: INSTALL,
};

/// What the SDK for C++ has beyond that for C.
const OWN: &[File] = files!("cpp", ["backtest.cpp", "backtest.hpp", "indicators.hpp"]);

/// Both of them.
const SDK: [File; OWN.len() + C.len()] = {
    let mut all = [OWN[0]; OWN.len() + C.len()];
    let mut index = 1;
    while index < all.len() {
        all[index] = if index < OWN.len() { OWN[index] } else { C[index - OWN.len()] };
        index += 1;
    }
    all
};

pub(super) const RECIPE: Recipe = Recipe {
    template: files!("cpp/template", ["README.md", "gitignore", "strategy.cpp", "strategy.events.cpp"]),
    sdk: &SDK,
    tools: &[CLANGXX, LINKER, c::LIBRARY, RUNTIME, LIBRARY],
    compile,
};

fn library() -> Result<String, String> {
    found("-print-file-name=libc++abi.a")
}

/// The SDK's files in C are C++, too. Nothing runs in threads, so that nothing is guarded against them.
fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&CLANGXX)?;
    command.args(["-std=gnu++20", "-stdlib=libc++", "-fno-exceptions", "-fno-threadsafe-statics"]).args(FLAGS);
    command.args(["-x", "c++"]).args(own_sources(job, "cpp")?).arg("sdk/backtest.cpp").args(sdk_sources());
    job.make(command.arg("-o").arg(&core), &core)?;
    Ok(Compiled::Core(core))
}
