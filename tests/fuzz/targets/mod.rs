//! Fuzz targets: functions that give foreign bytes to one door of the program, and panic where it does not hold.
//!
//! Never knows who makes the bytes: `tests/it/fuzz.rs` replays and mutates the corpus from a fixed seed in every test run,
//! and `tests/fuzz/run.sh` lets libFuzzer look for more.

mod account;
mod arrow;
mod bars;
mod cache;
mod component;
mod convert;
mod csv;
mod describe;
mod description;
mod frames;
mod grid;
mod http;
mod message;
mod packed;
mod parquet;
mod replaced;
mod request;
mod trace;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A door of the program that takes foreign bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The name of its folder in `tests/fuzz/corpus`.
    pub(crate) name: &'static str,
    /// Gives it one input; panics if what comes out breaks a promise.
    pub(crate) run: fn(&[u8]),
    /// The number of mutated inputs in a test run.
    pub(crate) rounds: u32,
    /// The most processor time that one input may take, in seconds.
    pub(crate) seconds: f64,
    /// The most memory that one input may hold at once, in MiB.
    pub(crate) mib: usize,
    /// Other files of the project that are inputs, too.
    pub(crate) more: &'static [&'static str],
    /// Texts that mutations insert.
    pub(crate) words: &'static [&'static str],
}

impl Target {
    /// The inputs that it starts from, in the order of their names: the files of its folder in `tests/fuzz/corpus`, then
    /// what else the project has of their kind.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be read.
    pub(crate) fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = Path::new("tests/fuzz/corpus").join(self.name);
        let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = listed.map(|file| file.expect("a folder can be listed").path()).collect();
        paths.sort();
        paths.extend(self.more.iter().map(PathBuf::from));
        paths.iter().map(|path| fs::read(path).expect("a file of the corpus can be read")).collect()
    }
}

/// Plugins of each interface.
const PLUGINS: &[&str] = &[
    "plugins/momentum/momentum.wasm",
    "plugins/bracket/bracket.wasm",
    "plugins/bootstrap/bootstrap.wasm",
    "tests/plugins/faulty/faulty.wasm",
];

/// All targets.
#[rustfmt::skip]
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "account", run: account::run, rounds: 20000, seconds: 1.0, mib: 16, more: &[], words: account::WORDS },
    Target { name: "arrow", run: arrow::run, rounds: 20000, seconds: 1.0, mib: 64, more: &[], words: &[] },
    Target { name: "cache", run: cache::run, rounds: 10000, seconds: 1.0, mib: 16, more: &[], words: &[] },
    Target { name: "component", run: component::run, rounds: 1000, seconds: 5.0, mib: 512, more: PLUGINS, words: &[] },
    Target { name: "convert", run: convert::run, rounds: 5000, seconds: 2.0, mib: 64, more: &[], words: csv::WORDS },
    Target { name: "csv", run: csv::run, rounds: 12000, seconds: 1.0, mib: 64, more: &[], words: csv::WORDS },
    Target { name: "describe", run: describe::run, rounds: 400, seconds: 5.0, mib: 256, more: &[], words: describe::WORDS },
    Target { name: "description", run: description::run, rounds: 10000, seconds: 1.0, mib: 64, more: &[], words: description::WORDS },
    Target { name: "frames", run: frames::run, rounds: 20000, seconds: 1.0, mib: 16, more: &[], words: &[] },
    Target { name: "grid", run: grid::run, rounds: 30000, seconds: 2.0, mib: 64, more: &[], words: grid::WORDS },
    Target { name: "http", run: http::run, rounds: 5000, seconds: 2.0, mib: 256, more: &[], words: http::WORDS },
    Target { name: "packed", run: packed::run, rounds: 6000, seconds: 2.0, mib: 64, more: &[], words: csv::WORDS },
    Target { name: "parquet", run: parquet::run, rounds: 16000, seconds: 1.0, mib: 256, more: &[], words: &[] },
    Target { name: "request", run: request::run, rounds: 30000, seconds: 2.0, mib: 64, more: &[], words: request::WORDS },
    Target { name: "trace", run: trace::run, rounds: 30000, seconds: 1.0, mib: 64, more: &[], words: trace::WORDS },
];
