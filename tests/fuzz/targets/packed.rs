//! Packed files: what is packed reads as what is in it, and what is damaged is refused.
//!
//! An input that begins as gzip, zstd or zip is read as it is. Any other is packed three ways, and read each time.

use std::io::{Cursor, Write as _};

use host::data::{Dataset, LoadOptions};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{bars, replaced};

/// What packed files begin with.
const MAGIC: [&[u8]; 3] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd], b"PK"];

/// Reads the input packed.
pub(super) fn run(input: &[u8]) {
    if MAGIC.iter().any(|magic| input.starts_with(magic)) {
        return bars::check("bars.packed", input);
    }
    let plain = outcome("bars.csv", input);
    for (name, packed) in [("bars.csv.gz", gzip(input)), ("bars.csv.zst", zstd(input)), ("bars.zip", zip(input))] {
        let packed = outcome(name, &packed);
        assert_eq!(packed.is_ok(), plain.is_ok(), "{name} is read as its content: {packed:?}, {plain:?}");
        assert!(packed.is_err() || packed == plain, "{name} has other bars than its content");
    }
}

/// The fingerprint of the bars, or why there are none.
fn outcome(name: &str, content: &[u8]) -> Result<String, String> {
    let loaded = bars::check_load(&replaced::file(name, content), &LoadOptions::default());
    loaded.map(|loaded| prices(&loaded.dataset)).map_err(|error| error.to_string())
}

/// The bars without their name, which is the file's.
fn prices(dataset: &Dataset) -> String {
    let bars = |one: &host::model::Series| format!("{:?} {:?} {:?}", one.time, one.close, one.volume);
    dataset.series().iter().map(bars).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).and_then(|()| encoder.finish()).expect("a vector takes everything")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(content, 1).expect("a vector takes everything")
}

fn zip(content: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let written = writer.start_file("bars.csv", SimpleFileOptions::default());
    written.expect("a vector takes everything");
    writer.write_all(content).expect("a vector takes everything");
    writer.finish().expect("a vector takes everything").into_inner()
}
