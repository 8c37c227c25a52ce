//! `host pack`: a core module becomes a component.
//!
//! Never runs it.

use std::{fs, io::Write, path::Path};

use anyhow::{Context as _, Result};

use super::{Context, Exit, args::PackArgs, inputs};
use crate::sandbox;

pub(super) fn run(args: &PackArgs, context: &mut Context<'_>) -> Result<Exit> {
    inputs::check_outputs([&args.out], [&args.core])?;
    let core = fs::read(&args.core).with_context(|| format!("`{}` cannot be read", args.core.display()))?;
    let component = sandbox::pack(&args.out.display().to_string(), &core)
        .with_context(|| format!("`{}` cannot be packed", args.core.display()))?;
    write(&args.out, &component).with_context(|| format!("`{}` cannot be written", args.out.display()))?;
    context.talk.note(format!("{}: {} bytes", args.out.display(), component.len()));
    Ok(Exit::Success)
}

/// Writes a file that is complete or absent.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any other file, the umask decides who may read it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
