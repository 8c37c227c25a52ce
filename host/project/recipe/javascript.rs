//! JavaScript and TypeScript: esbuild joins the modules, and an engine becomes part of the component.

mod engine;
mod places;

use std::{fs, path::Path};

use super::{BuildJob, Compiled, File, Recipe, files, flag, write};
use crate::project::{
    error::BuildError,
    manifest::Engine,
    tool::{Probe, Tool},
};

const NODE: Tool = Tool {
    name: "node",
    purpose: "it runs componentize-js",
    probe: Probe::Program { calls: &[&["node"]], version: &["--version"], least: &[18, 19] },
    install: "apt-get install nodejs npm",
};

const COMPONENTIZE_JS: Tool = Tool {
    name: "componentize-js",
    purpose: "it makes a component of JavaScript",
    probe: Probe::Program { calls: &[&["componentize-js"]], version: &["--version"], least: &[0, 23] },
    install: "npm install @bytecodealliance/componentize-js@0.23.0",
};

const COMPONENTIZE_QJS: Tool = Tool {
    name: "componentize-qjs",
    purpose: "it makes a small component of JavaScript",
    probe: Probe::Program { calls: &[&["componentize-qjs"]], version: &["--help"], least: &[] },
    install: "npm install componentize-qjs@0.4.5",
};

const ESBUILD: Tool = Tool {
    name: "esbuild",
    purpose: "it joins the modules of a strategy",
    probe: Probe::Program { calls: &[&["esbuild"]], version: &["--version"], least: &[0, 25] },
    install: "npm install esbuild@0.28.2",
};

const TSC: Tool = Tool {
    name: "tsc",
    purpose: "it checks the types of TypeScript",
    probe: Probe::Program { calls: &[&["tsc"]], version: &["--version"], least: &[5, 5] },
    install: "npm install typescript@7.0.2",
};

const SDK: &[File] = files!(
    "javascript",
    [
        "backtest.d.ts",
        "backtest.js",
        "broker.js",
        "component.js",
        "description.js",
        "engine.js",
        "environment.js",
        "failure.js",
        "indicators.d.ts",
        "indicators.js",
        "indicators/columns.js",
        "indicators/streams.js",
        "log.js",
        "params.js",
        "show.js",
        "stack.js",
        "targets.js",
    ]
);

pub(super) const RECIPE: Recipe = Recipe {
    template: files!(
        "javascript/template",
        ["README.md", "gitignore", "package.json", "strategy.events.js", "strategy.js"]
    ),
    sdk: SDK,
    tools: &[NODE, ESBUILD, COMPONENTIZE_JS],
    compile,
};

pub(super) const TYPESCRIPT: Recipe = Recipe {
    template: files!(
        "typescript/template",
        ["README.md", "gitignore", "package.json", "strategy.events.ts", "strategy.ts", "tsconfig.json"]
    ),
    sdk: SDK,
    tools: &[NODE, TSC, ESBUILD, COMPONENTIZE_JS],
    compile: compile_typescript,
};

/// esbuild only takes the types away; whether they are right is the compiler's business.
fn compile_typescript(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let mut check = job.command(&TSC)?;
    job.run(check.args(["--project", ".", "--noEmit", "--pretty", "false"]))?;
    compile(job)
}

fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    let (wit, bundle) = (job.write_contract()?, job.scratch().join("bundle.js"));
    bundle_modules(job, &bundle)?;
    let component = job.scratch().join("plugin.wasm");
    match job.project.engine {
        Engine::SpiderMonkey => embed_spidermonkey(job, &wit, &bundle, &component)?,
        Engine::QuickJs => {
            let mut command = job.command(&COMPONENTIZE_QJS)?;
            command.arg("--wit").arg(&wit).args(["--world", "plugin", "--sync", "--stub-wasi"]);
            job.make(command.arg("--js").arg(&bundle).arg("--output").arg(&component), &component)?;
        }
    }
    Ok(Compiled::Component(component))
}

/// Joins the author's modules, the packages that they import and the SDK to one file, which knows the lines of the author's.
fn bundle_modules(job: &mut BuildJob<'_>, bundle: &Path) -> Result<(), BuildError> {
    let mut esbuild = job.command(&ESBUILD)?;
    esbuild
        .args(["sdk/component.js", "--bundle", "--format=esm", "--external:backtest:*", "--charset=utf8"])
        .args(["--sourcemap=external", "--sources-content=false", "--log-level=warning"])
        .arg(flag("--outfile=", bundle));
    job.make(&mut esbuild, bundle)?;
    let map = bundle.with_extension("js.map");
    let places = places::statement(&read(&map)?)
        .map_err(|error| BuildError::Refused(format!("`{}` is not a source map: {error}", map.display())))?;
    // In the first line, since an error may come up before a last one is reached.
    write(bundle, places + &read(bundle)?)
}

fn embed_spidermonkey(job: &mut BuildJob<'_>, wit: &Path, bundle: &Path, component: &Path) -> Result<(), BuildError> {
    // What is a script in `node_modules/.bin` is a link to the package.
    let found = job.find(&COMPONENTIZE_JS)?;
    let script = found.command.first().map(fs::canonicalize);
    let script = script.and_then(Result::ok).filter(|script| script.ends_with("src/cli.js")).ok_or_else(|| {
        BuildError::Refused(format!("`componentize-js` is not where npm puts it; {}", COMPONENTIZE_JS.install))
    })?;
    let engine = job.scratch().join("engine.wasm");
    write_engine(&script.with_file_name("../lib/starlingmonkey_embedding.wasm"), &engine)?;
    let temporary = job.scratch().join("tmp");
    create_anew(&temporary)?;
    let mut command = job.command(&NODE)?;
    command
        // The name of its temporary folder and the time of the build would get into the component.
        .args(["--import", "data:text/javascript,Date.now=()=>0;Math.random=()=>0.5"])
        .env("TMPDIR", temporary)
        .arg(script)
        .arg(bundle)
        .arg("--wit")
        .arg(wit)
        .args(["--world-name", "plugin"])
        .args(["--disable", "stdio", "random", "clocks", "http", "fetch-event"])
        .arg("--engine")
        .arg(engine)
        .arg("--out")
        .arg(component);
    job.make(&mut command, component)
}

fn write_engine(original: &Path, engine: &Path) -> Result<(), BuildError> {
    let bytes = fs::read(original).map_err(|source| unreadable(original, source))?;
    let bytes = engine::without_machine(&bytes)
        .map_err(|error| BuildError::Refused(format!("`{}` is not an engine: {error}", original.display())))?;
    write(engine, bytes)
}

/// Makes `folder` without what a build that was cut may have left there.
fn create_anew(folder: &Path) -> Result<(), BuildError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(BuildError::Io { action: "written", path: folder.to_owned(), source })
        }
        _ => super::create(folder),
    }
}

fn read(path: &Path) -> Result<String, BuildError> {
    fs::read_to_string(path).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: std::io::Error) -> BuildError {
    BuildError::Io { action: "read", path: path.to_owned(), source }
}
