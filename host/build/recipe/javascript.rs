//! JavaScript and TypeScript: esbuild joins the modules, and an engine becomes part of the component.

use super::{Compiled, Job, Recipe};
use crate::build::{
    error::BuildError,
    project::Engine,
    tool::{Probe, Tool},
};

const COMPONENTIZE_JS: Tool = Tool {
    name: "componentize-js",
    purpose: "it makes a component of JavaScript",
    probe: Probe::Program { calls: &[&["componentize-js"]], version: &["--version"], least: &[] },
    install: "npm install",
};

const COMPONENTIZE_QJS: Tool = Tool {
    name: "componentize-qjs",
    purpose: "it makes a small component of JavaScript",
    probe: Probe::Program { calls: &[&["componentize-qjs"]], version: &["--version"], least: &[] },
    install: "npm install",
};

const ESBUILD: Tool = Tool {
    name: "esbuild",
    purpose: "it joins the modules of a strategy",
    probe: Probe::Program { calls: &[&["esbuild"]], version: &["--version"], least: &[] },
    install: "npm install",
};

pub(super) const RECIPE: Recipe = Recipe { template: &[], sdk: &[], tools: &[COMPONENTIZE_JS, ESBUILD], compile };

pub(super) const TYPESCRIPT: Recipe = Recipe { template: &[], sdk: &[], ..RECIPE };

fn compile(job: &mut Job<'_>) -> Result<Compiled, BuildError> {
    let wit = job.write_contract()?;
    let (bundle, component) = (job.scratch().join("bundle.js"), job.scratch().join("plugin.wasm"));
    let mut esbuild = job.command(&ESBUILD)?;
    esbuild
        .args(["strategy.js", "--bundle", "--format=esm", "--external:backtest:*"])
        .arg(super::flag("--outfile=", &bundle));
    job.make(&mut esbuild, &bundle)?;
    let mut command = match job.project.engine {
        Engine::SpiderMonkey => {
            let mut command = job.command(&COMPONENTIZE_JS)?;
            command.arg(&bundle).arg("-w").arg(&wit).args([
                "-n",
                "plugin",
                "-d",
                "stdio",
                "random",
                "clocks",
                "http",
                "fetch-event",
            ]);
            command
        }
        Engine::QuickJs => {
            let mut command = job.command(&COMPONENTIZE_QJS)?;
            command.arg("-w").arg(&wit).arg("-j").arg(&bundle).args(["--sync", "--stub-wasi"]);
            command
        }
    };
    job.make(command.arg("-o").arg(&component), &component)?;
    Ok(Compiled::Component(component))
}
