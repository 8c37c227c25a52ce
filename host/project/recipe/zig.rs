//! Zig: its own compiler, without any system.

use super::{BuildJob, Compiled, Recipe, files};
use crate::project::{
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

pub(super) const RECIPE: Recipe = Recipe {
    template: files!("zig/template", ["README.md", "gitignore", "strategy.events.zig", "strategy.zig"]),
    sdk: files!(
        "zig",
        [
            "abi.zig",
            "backtest.zig",
            "broker.zig",
            "description.zig",
            "events.zig",
            "exports.zig",
            "failure.zig",
            "host.zig",
            "indicators.zig",
            "indicators/smooth.zig",
            "indicators/window.zig",
            "memory.zig",
            "metadata.zig",
            "order.zig",
            "params.zig",
            "series.zig",
            "signals.zig",
            "targets.zig",
        ]
    ),
    tools: &[ZIG],
    compile,
};

/// The stack is as large as the host lets calls go; it lies below all else, so that one that overflows traps.
const STACK: &str = "1048576";

/// With safety checks, which cost a strategy's loop some 5 %, and debug information, which names the lines of a failure.
fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&ZIG)?;
    command
        .args(["build-exe", "strategy.zig", "--name", "core", "-target", "wasm32-freestanding", "-O", "ReleaseSafe"])
        .args(["-fno-entry", "-rdynamic", "-fno-strip", "--stack", STACK, "--cache-dir", "build/zig"])
        .arg(super::flag("-femit-bin=", &core));
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
