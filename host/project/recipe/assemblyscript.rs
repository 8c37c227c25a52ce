//! AssemblyScript: its own compiler, with a transform of the SDK's that names the exports.

use super::{BuildJob, Compiled, Recipe, files};
use crate::project::{
    error::BuildError,
    tool::{Probe, Tool},
};

const ASC: Tool = Tool {
    name: "asc",
    purpose: "it compiles AssemblyScript",
    probe: Probe::Program { calls: &[&["asc"]], version: &["--version"], least: &[0, 28] },
    install: "npm install assemblyscript@0.28.20",
};

pub(super) const RECIPE: Recipe = Recipe {
    template: files!(
        "assemblyscript/template",
        [
            "README.md",
            "asconfig.json",
            "gitignore",
            "package.json",
            "strategy.events.ts",
            "strategy.ts",
            "tsconfig.json"
        ]
    ),
    sdk: files!(
        "assemblyscript",
        [
            "abi.ts",
            "backtest.ts",
            "boundary.ts",
            "broker.ts",
            "description.ts",
            "events.ts",
            "exports/events.ts",
            "exports/memory.ts",
            "exports/metadata.ts",
            "exports/signals.ts",
            "failure.ts",
            "indicators.ts",
            "log.ts",
            "memory.ts",
            "metadata.ts",
            "order.ts",
            "params.ts",
            "runtime.ts",
            "series.ts",
            "signals.ts",
            "targets.ts",
            "transform.mjs",
            "window.ts",
        ]
    ),
    tools: &[ASC],
    compile,
};

/// Everything but the transform is in the project's `asconfig.json`, where the compiler loses the `./` of a path.
fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&ASC)?;
    command.args(["--transform", "./sdk/transform.mjs"]);
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
