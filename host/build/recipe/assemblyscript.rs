//! AssemblyScript: its own compiler.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    tool::{Probe, Tool},
};

const ASC: Tool = Tool {
    name: "asc",
    purpose: "it compiles AssemblyScript",
    probe: Probe::Program { calls: &[&["asc"]], version: &["--version"], least: &[0, 28] },
    install: "npm install assemblyscript@0.28.20",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[ASC], compile };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&ASC)?;
    command.args(["sdk/plugin.ts", "-O3", "--noAssert", "--runtime", "incremental", "-o"]).arg(&core);
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
