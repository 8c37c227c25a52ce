//! Zig: its own compiler, without any system.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    tool::{Probe, Tool},
};

const ZIG: Tool = Tool {
    name: "zig",
    purpose: "it compiles Zig",
    probe: Probe::Program {
        calls: &[&["zig"], &["python-zig"], &["python3", "-m", "ziglang"]],
        version: &["version"],
        least: &[0, 17],
    },
    install: "pip install ziglang==0.17.1",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[ZIG], compile };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&ZIG)?;
    command.args([
        "build-exe",
        "sdk/backtest.zig",
        "-target",
        "wasm32-freestanding",
        "-O",
        "ReleaseFast",
        "-fno-entry",
    ]);
    command.arg("-rdynamic").arg(super::flag("-femit-bin=", &core));
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
