//! C++: clang with the C++ library of WASI, which is answered from within.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    tool::{Probe, Tool},
};

const CLANGXX: Tool = Tool {
    name: "clang++",
    purpose: "it compiles C++",
    probe: Probe::Program { calls: &[&["clang++"]], version: &["--version"], least: &[14] },
    install: "apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[CLANGXX], compile };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&CLANGXX)?;
    command.args(["--target=wasm32-wasi", "-std=c++20", "-stdlib=libc++", "-fno-exceptions", "-O3", "-flto"]);
    command
        .args(["-gline-tables-only", "-mexec-model=reactor", "-I.", "strategy.cpp", "sdk/backtest.cpp", "-o"])
        .arg(&core);
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
