//! `host build`: compiles a folder of sources into a component, and tries it.
//!
//! Never overwrites the last good component with one that looks ahead.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Error, Result};
use serde_json::json;

use super::{
    Context, Exit,
    args::{BuildArgs, OutputFormat},
    inputs,
    trial::{Trial, Verdict},
};
use crate::{
    data::Dataset,
    file::write_whole,
    project::{self, Built},
};

/// The outcome of a build.
pub(super) struct Made {
    pub(super) built: Built,
    /// The path of the component.
    pub(super) path: PathBuf,
    pub(super) trial: Tried,
}

/// The verdict of the trial, which decides whether the component is written.
pub(super) enum Tried {
    /// No fault was found, or the trial was skipped: it is written.
    Good,
    /// The trial could not run: it is written.
    Untried(Error),
    /// It has a fault, which is shown: the component before it stays.
    Caught,
}

pub(super) fn run(args: &BuildArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let started = Instant::now();
    let built = compile(&args.folder, context)?;
    let trial = match args.no_trial {
        true => None,
        false => Some(Trial::new(&built, data(args, context)?, inputs::cache(context), context)?),
    };
    let made = write(built, args.out.as_deref(), trial, context)?;
    let path = made.path.display();
    if !matches!(made.trial, Tried::Caught) {
        report(args.output.format, &made.path, &made.built, started.elapsed(), context)?;
    }
    match made.trial {
        Tried::Good => Ok(Exit::Success),
        Tried::Untried(error) => {
            let bars = if args.data.files.is_empty() { "bundled bars" } else { "these bars" };
            context.reporter.error(&error.context(format!("the component is written, but its trial on {bars} failed")));
            context.reporter.note("`--data FILE` tries it on other bars, and `--no-trial` skips the trial");
            Ok(Exit::NoneSucceeded)
        }
        Tried::Caught => {
            context.reporter.note(format!("`{path}` is not written"));
            Ok(Exit::Caught)
        }
    }
}

/// The bars of the trial, if some are given.
fn data(args: &BuildArgs, context: &mut Context<'_>) -> Result<Option<Dataset>> {
    if args.data.files.is_empty() {
        return Ok(None);
    }
    Ok(Some(inputs::dataset(&args.data, context)?.0))
}

/// Compiles the sources in `folder`, and notes the commands that it runs.
pub(super) fn compile(folder: &Path, context: &mut Context<'_>) -> Result<Built> {
    Ok(project::build(folder, &mut |text| context.reporter.lines(text))?)
}

/// Tries the component, and writes it to `out` or its default path, unless the trial finds a fault.
pub(super) fn write(built: Built, out: Option<&Path>, trial: Option<Trial>, context: &mut Context<'_>) -> Result<Made> {
    let path = out.unwrap_or(&built.path).to_owned();
    let trial = match trial.map(|trial| trial.run(context)).transpose()? {
        None | Some(Verdict::Passed) => Tried::Good,
        Some(Verdict::Untried(error)) => Tried::Untried(error),
        Some(Verdict::Caught) => Tried::Caught,
    };
    if !matches!(trial, Tried::Caught) {
        write_whole(&path, &built.bytes).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    Ok(Made { built, path, trial })
}

fn report(format: OutputFormat, path: &Path, built: &Built, time: Duration, context: &mut Context<'_>) -> Result<()> {
    match format {
        OutputFormat::Table => {
            context.reporter.wrote(path, format!("{} bytes, {:.1} s", built.bytes.len(), time.as_secs_f64()));
            Ok(())
        }
        OutputFormat::Json => {
            context.json(json!({ "path": path, "size": built.bytes.len(), "seconds": time.as_secs_f64() }))
        }
    }
}
