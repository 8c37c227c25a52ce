//! Rows on standard output: what `--out -`, `--trades -` and `--format csv` write there, and nothing beside it.
//!
//! Never sends half a file: rows are kept in a temporary one until it is complete.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::{
    output_args::RowsFormat,
    output_path::{FOLDER, NAME},
    screen::Screen,
    terminal::Terminal,
};
use crate::results::{Cell, Column, create};

/// The rows of one command that go to standard output.
pub(super) struct Piped {
    /// Removed with all that is in it at the end.
    _folder: TempDir,
    path: PathBuf,
    /// Whether an option such as `--out -` names the rows. Otherwise they are those of the first table.
    is_named: bool,
}

impl Piped {
    /// What a command is to write to standard output as rows, if it is: by its `format`, and the names and files of its options. Those
    /// that say `-` name a temporary file then. One that is `repeated` cannot.
    pub(super) fn of(
        (format, mut outputs): (RowsFormat, Vec<(&'static str, &mut PathBuf)>),
        is_repeated: bool,
        terminal: Terminal,
    ) -> Result<Option<Self>> {
        outputs.retain(|(_, path)| ["-", "/dev/stdout"].iter().any(|name| path.as_os_str() == *name));
        let names: Vec<_> = outputs.iter().map(|(name, _)| *name).collect();
        let ending = match (format, &names[..]) {
            (RowsFormat::Table | RowsFormat::Json, []) => return Ok(None),
            _ if is_repeated => bail!("`host watch` writes its rows anew on every save; give a file with `--out FILE`"),
            (_, [first, second, ..]) => {
                bail!("`{first} -` and `{second} -` would both go to standard output; write one of them to a file")
            }
            (RowsFormat::Json, [name]) => bail!(
                "`{name} -` writes rows, and `--format json` a report; give `--format csv`, `jsonl` or `parquet` with `{name} -`"
            ),
            (RowsFormat::Table | RowsFormat::Csv, _) => "csv",
            (RowsFormat::Jsonl, _) => "jsonl",
            (RowsFormat::Parquet, _) if terminal.width.is_some() => {
                bail!("Parquet is not for a terminal; send it to a file or a program, like `| duckdb`")
            }
            (RowsFormat::Parquet, _) => "parquet",
        };
        let folder = tempfile::Builder::new().prefix(FOLDER).tempdir();
        let folder = folder.context("no temporary folder can be made for standard output")?;
        let path = folder.path().join(format!("{NAME}.{ending}"));
        outputs.into_iter().for_each(|(_, output)| path.clone_into(output));
        Ok(Some(Self { _folder: folder, path, is_named: !names.is_empty() }))
    }

    /// Takes a table: the first one is what is written, unless an option names other rows.
    pub(super) fn table(&self, columns: &[Column], rows: &[Vec<Cell<'_>>]) -> Result<()> {
        if self.is_named || self.path.exists() {
            return Ok(());
        }
        let mut sink = create(&self.path, columns)?;
        rows.iter().try_for_each(|row| sink.write(row))?;
        Ok(sink.finish()?)
    }

    /// Writes the rows to `out`, if there are any.
    pub(super) fn send(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(()) };
        match terminal.width {
            Some(_) => io::copy(&mut file, &mut Screen::new(out, false))?,
            None => io::copy(&mut file, out)?,
        };
        out.flush()
    }
}
