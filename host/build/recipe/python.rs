//! Python: componentize-py, which puts CPython and the modules into a component.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    tool::{Probe, Tool},
};

const COMPONENTIZE_PY: Tool = Tool {
    name: "componentize-py",
    purpose: "it makes a component of Python",
    probe: Probe::Program { calls: &[&["componentize-py"]], version: &["--version"], least: &[0, 25] },
    install: "pip install componentize-py==0.25.1",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[COMPONENTIZE_PY], compile };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let wit = job.write_contract()?;
    let component = job.scratch().join("plugin.wasm");
    let mut command = job.command(&COMPONENTIZE_PY)?;
    command.arg("-d").arg(&wit).args(["-w", "plugin", "componentize", "--stub-wasi", "strategy", "-o"]).arg(&component);
    job.make(&mut command, &component)?;
    Ok(Compiled::Component(component))
}
