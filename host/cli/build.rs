//! `host build`: a folder of sources becomes a component that was tried.
//!
//! Never overwrites the last good component with one that looks ahead.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    Context, Exit,
    args::{BuildArgs, Format},
    trial::{Trial, Verdict},
};
use crate::{
    build::{self, Built},
    file::write_whole,
};

pub(super) fn run(args: &BuildArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.talk.set_quiet(args.output.quiet);
    let started = Instant::now();
    let built = build::build(&args.folder, &mut |text| context.talk.note(text))?;
    let path = args.out.as_deref().unwrap_or(&built.path);
    let verdict = match args.no_trial {
        true => None,
        false => Some(Trial::new(&built, context)?.run(context)?),
    };
    if !matches!(verdict, Some(Verdict::Caught)) {
        write_whole(path, &built.bytes).with_context(|| format!("`{}` cannot be written", path.display()))?;
        report(args.output.format, path, &built, started.elapsed(), context)?;
    }
    match verdict {
        None | Some(Verdict::Passed) => Ok(Exit::Success),
        Some(Verdict::Untried(error)) => {
            context.talk.error(&error.context("the component is written, but its trial on bundled bars failed"));
            context.talk.note("`host build --no-trial` leaves the trial out, if other data is needed");
            Ok(Exit::NoneSucceeded)
        }
        Some(Verdict::Caught) => {
            context.talk.note(format!("`{}` is not written", path.display()));
            Ok(Exit::Caught)
        }
    }
}

fn report(format: Format, path: &Path, built: &Built, time: Duration, context: &mut Context<'_>) -> Result<()> {
    match format {
        Format::Table => {
            context.talk.note(format!("{}: {} bytes, {:.1} s", path.display(), built.bytes.len(), time.as_secs_f64()));
            Ok(())
        }
        Format::Json => context.json(json!({ "path": path, "size": built.bytes.len(), "seconds": time.as_secs_f64() })),
    }
}
