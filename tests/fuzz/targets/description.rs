//! Descriptions of files in TOML, beside a file of bars; and the terms of instruments.

use std::fs;

use host::data::{FileDescription, LoadOptions, read_instruments};

use super::{bars, message, replaced};

/// What descriptions are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "encoding", "delimiter", "skip", "header", "decimal", "date-format", "time", "time-of-day", "open", "high", "low", "close",
    "adj-close", "volume", "symbol", "timezone", "session", "bar-time", "sort", "drop-bad", "adjusted", "negative-prices", " = ",
    "\n", "'", "'gbk'", "'utf-16'", "'%Y-%m-%d'", "'%d.%m.%Y %H:%M'", "'excel'", "'%s'", "%j", "%U", "%z", "%Q", "%p", "%", "'Close'",
    "'5'", "'America/New_York'", "'09:30-16:00'", "'17:00-16:00'", "'end'", "','", "';'", "true", "255", "[\"ES\"]",
    "lot", "tick", "multiplier", "18446744073709551615", "nan",
];

/// Bars that many descriptions fit.
const BARS: &str = "Date;Open;High;Low;Close;Volume\n31.01.2024;1,5;2,5;1,25;2;10\n01.02.2024;2;3;1,5;2,5;20\n";

/// Reads the input as a description of a file, and the file; then as terms of instruments.
pub(super) fn run(input: &[u8]) {
    let path = replaced::file("described.csv", BARS.as_bytes());
    fs::write(FileDescription::path_beside(&path), input).expect("a temporary file can be written");
    match FileDescription::read_beside(&path) {
        Ok(description) => check_written(&description.expect("there is a file")),
        Err(error) => message::check(&error),
    }
    drop(bars::check_load(&path, &LoadOptions::default()));
    check_typed(input);
    if let Err(error) = read_instruments(&FileDescription::path_beside(&path)) {
        message::check(&error);
    }
}

/// A description is written as something that reads the same.
fn check_written(description: &FileDescription) {
    let beside = replaced::file("again.csv.toml", description.to_toml().as_bytes());
    let again = FileDescription::read_beside(&beside.with_extension("")).expect("what is written can be read");
    assert_eq!(again.as_ref(), Some(description));
}

/// The lines as `--read NAME=VALUE`.
fn check_typed(input: &[u8]) {
    let mut description = FileDescription::default();
    for line in String::from_utf8_lossy(input).lines() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if let Err(problem) = description.set(name.trim(), value.trim().trim_matches('\'')) {
            message::check_text(&problem);
        }
    }
    check_written(&description);
}
