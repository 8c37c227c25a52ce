//! C: clang with the C library of WASI, which is answered from within.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    tool::{Probe, Tool},
};

const CLANG: Tool = Tool {
    name: "clang",
    purpose: "it compiles C",
    probe: Probe::Program { calls: &[&["clang"]], version: &["--version"], least: &[14] },
    install: "apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[CLANG], compile };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&CLANG)?;
    command.args(["--target=wasm32-wasi", "-std=c11", "-O3", "-flto", "-gline-tables-only", "-mexec-model=reactor"]);
    command.args(["-I.", "strategy.c", "sdk/backtest.c", "-o"]).arg(&core);
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
