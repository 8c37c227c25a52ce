//! `host pack`: packs a core module into a component.
//!
//! Never runs it.

use std::fs;

use anyhow::{Context as _, Result};

use super::{Context, Exit, args::PackArgs, inputs};
use crate::{file::write_whole, project};

pub(super) fn run(args: &PackArgs, context: &mut Context<'_>) -> Result<Exit> {
    inputs::check_outputs([&args.out], [&args.core])?;
    let core = fs::read(&args.core).with_context(|| format!("`{}` cannot be read", args.core.display()))?;
    let component = project::pack(&args.out.display().to_string(), &core)
        .with_context(|| format!("`{}` cannot be packed", args.core.display()))?;
    write_whole(&args.out, &component).with_context(|| format!("`{}` cannot be written", args.out.display()))?;
    context.reporter.note(format!("{}: {} bytes", args.out.display(), component.len()));
    Ok(Exit::Success)
}
