//! `host pack`: packs a core module into a component.
//!
//! Never runs it.

use anyhow::{Context as _, Result};

use super::{Context, Exit, args::PackArgs, inputs};
use crate::{
    file::{read_at_most, write_whole},
    project,
};

/// The most bytes of a core module, which are those of a plugin.
const MOST: u64 = 128 << 20;

pub(super) fn run(args: &PackArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.quiet.quiet);
    inputs::check_outputs([&args.out], [&args.core])?;
    let core = read_at_most(&args.core, MOST).with_context(|| format!("`{}` cannot be read", args.core.display()))?;
    let component = project::pack(&args.out.display().to_string(), &core)
        .with_context(|| format!("`{}` cannot be packed", args.core.display()))?;
    write_whole(&args.out, &component).with_context(|| format!("`{}` cannot be written", args.out.display()))?;
    context.reporter.wrote(&args.out, format!("{} bytes", component.len()));
    Ok(Exit::Success)
}
