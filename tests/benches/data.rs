//! The bars that everything runs on: made once by `data.py`, kept under `target/bench-data`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use host::model::{Digest, Series};
use parquet::{
    data_type::{DoubleType, Int64Type},
    file::writer::SerializedFileWriter,
    schema::parser::parse_message_type,
};

/// Sizes in bars, and the hash of each file as the published figures have it.
const FILES: [(usize, &str); 3] = [
    (10_000, "9d74e2a1b0c9283f3837f8b4713a73e1922892d650beb69ce1213d5b9da2478a"),
    (100_000, "f60f7dd34f71646d10f6a872536fe64e4f4e2fd9b982d59ea49fdf1af9dd5b10"),
    (1_000_000, "4e36b0bcf6217662bf57e285a58014365462697a4e5c81933493efd8939ebc8c"),
];

/// 2020-01-01, in nanoseconds since the Unix epoch.
const START: i64 = 1_577_836_800_000_000_000;

/// A minute in nanoseconds.
const MINUTE: i64 = 60_000_000_000;

const SCHEMA: &str = "message bars {
    required int64 time (TIMESTAMP(NANOS,true));
    required double open;
    required double high;
    required double low;
    required double close;
    required double volume;
}";

const COLUMNS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// One-minute bars of a random walk.
#[derive(Debug)]
pub(crate) struct Bars {
    bars: usize,
    /// Column after column.
    values: Vec<f64>,
}

impl Bars {
    /// Reads `bars` bars; makes the file if there is none.
    pub(crate) fn load(bars: usize) -> Result<Self> {
        let path = folder()?.join(format!("{bars}.f64"));
        if !path.exists() {
            make(bars, &path)?;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        check(bars, &path, &bytes)?;
        let (values, _) = bytes.as_chunks();
        Ok(Self { bars, values: values.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect() })
    }

    /// Opening prices.
    pub(crate) fn open(&self) -> &[f64] {
        self.column(0)
    }

    /// Closing prices.
    pub(crate) fn close(&self) -> &[f64] {
        self.column(3)
    }

    /// The bars as the library takes them.
    pub(crate) fn series(&self) -> Series {
        let column = |index| self.column(index).to_vec();
        Series {
            symbol: "WALK".into(),
            time: self.times().collect(),
            open: column(0),
            high: column(1),
            low: column(2),
            close: column(3),
            volume: column(4),
            ..Series::default()
        }
    }

    /// Writes the bars as the command takes them, and returns the file.
    pub(crate) fn parquet(&self) -> Result<PathBuf> {
        let path = folder()?.join(format!("{}.parquet", self.bars));
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let mut writer = SerializedFileWriter::new(File::create(&path)?, schema, Arc::default())?;
        let mut group = writer.next_row_group()?;
        let mut index = 0;
        while let Some(mut column) = group.next_column()? {
            match index {
                0 => column.typed::<Int64Type>().write_batch(&self.times().collect::<Vec<_>>(), None, None)?,
                _ => column.typed::<DoubleType>().write_batch(self.column(index - 1), None, None)?,
            };
            column.close()?;
            index += 1;
        }
        group.close()?;
        writer.close()?;
        Ok(path)
    }

    fn column(&self, index: usize) -> &[f64] {
        &self.values[index * self.bars..][..self.bars]
    }

    fn times(&self) -> impl Iterator<Item = i64> {
        (START..).step_by(MINUTE as usize).take(self.bars)
    }
}

fn folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-data");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    Ok(folder)
}

/// Makes the file, complete or not at all.
fn make(bars: usize, path: &Path) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benches/data.py");
    let part = path.with_extension("part");
    let made = Command::new("python3").arg(script).arg(bars.to_string()).arg(&part).status();
    let made = made.context("cannot run `python3`, which makes the data; install it, and numpy for it")?;
    ensure!(made.success(), "`python3 {script}` makes no data; what it misses stands above");
    Ok(fs::rename(part, path)?)
}

/// Refuses a file of another size. Other bits are mentioned only: numpy's exponential is not the same to the last bit on
/// every processor, and the figures that are checked before anything is measured do not depend on it.
fn check(bars: usize, path: &Path, bytes: &[u8]) -> Result<()> {
    let Some((_, expected)) = FILES.iter().find(|(known, _)| *known == bars) else {
        bail!("there are no data of {bars} bars; there are those of 10000, 100000 and 1000000");
    };
    let (path, length, full) = (path.display(), bytes.len(), bars * COLUMNS.len() * 8);
    ensure!(length == full, "`{path}` has {length} bytes, not {full}; remove it, and it is made again");
    let found = Digest::of(bytes).to_string();
    if found != *expected {
        eprintln!("note: `{path}` has the hash {found}, not {expected}: another numpy or processor made it");
    }
    Ok(())
}
