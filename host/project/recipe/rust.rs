//! Rust: cargo, for `wasm32-unknown-unknown`.

use std::process::Command;

use super::{BuildJob, Compiled, Recipe, files};
use crate::project::{
    error::BuildError,
    tool::{Probe, Tool},
};

const CARGO: Tool = Tool {
    name: "cargo",
    purpose: "it compiles Rust",
    probe: Probe::Program { calls: &[&["cargo"]], version: &["--version"], least: &[1, 95] },
    install: "apt-get install rustup && rustup default stable",
};

const TARGET: &str = "wasm32-unknown-unknown";

const LIBRARY: Tool = Tool {
    name: "the target wasm32-unknown-unknown",
    purpose: "it is Rust's library for WebAssembly",
    probe: Probe::Other(library),
    install: "rustup target add wasm32-unknown-unknown",
};

pub(super) const RECIPE: Recipe = Recipe {
    template: files!("rust/template", ["Cargo.toml", "README.md", "gitignore", "strategy.events.rs", "strategy.rs"]),
    sdk: files!(
        "rust",
        [
            "Cargo.toml",
            "README.md",
            "src/bindings.rs",
            "src/bindings/described.rs",
            "src/bindings/events.rs",
            "src/bindings/runtime.rs",
            "src/bindings/signals.rs",
            "src/bindings/task.rs",
            "src/broker.rs",
            "src/describe.rs",
            "src/error.rs",
            "src/events.rs",
            "src/export.rs",
            "src/indicators.rs",
            "src/indicators/average.rs",
            "src/indicators/bands.rs",
            "src/indicators/channel.rs",
            "src/indicators/convergence.rs",
            "src/indicators/crossing.rs",
            "src/indicators/deviation.rs",
            "src/indicators/direction.rs",
            "src/indicators/range.rs",
            "src/indicators/strength.rs",
            "src/indicators/window.rs",
            "src/lib.rs",
            "src/log.rs",
            "src/order.rs",
            "src/panic.rs",
            "src/params.rs",
            "src/strategy.rs",
            "src/targets.rs",
            "src/task.rs",
            "src/testing.rs",
            "src/testing/play.rs",
        ]
    ),
    tools: &[CARGO, LIBRARY],
    compile,
};

/// Where rustc has its library for the target.
fn library() -> Result<String, String> {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = output.map_err(|error| format!("`rustc` cannot be run: {error}"))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && std::path::Path::new(&folder).is_dir() {
        Ok("installed".to_owned())
    } else {
        Err(format!("there is no `{folder}`"))
    }
}

fn compile(job: &mut BuildJob<'_>) -> Result<Compiled, BuildError> {
    job.find(&LIBRARY)?;
    // Of its own, whatever $CARGO_TARGET_DIR says: another project's package of the same name would be taken for this one.
    let target = job.scratch().join("target");
    let core = target.join(TARGET).join("release").join(format!("{}.wasm", job.project.name));
    let mut cargo = job.command(&CARGO)?;
    cargo.args(["build", "--release", "--lib", "--quiet", "--target", TARGET]).env("CARGO_TARGET_DIR", &target);
    // Cargo keeps what is still good, so that the file need not be written anew.
    let output = job.run(&mut cargo)?;
    if !core.is_file() {
        return Err(BuildError::Refused(format!(
            "cargo wrote no `{}`; the package's name in Cargo.toml must be the name in strategy.toml, and its library a \
             `cdylib`{}{output}",
            core.display(),
            if output.is_empty() { "" } else { ". It said:\n\n" },
        )));
    }
    Ok(Compiled::Core(core))
}
