//! CONTRIBUTING.md: every path that it names is there.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_path_that_contributors_are_sent_to_exists() {
    let text = fs::read_to_string("CONTRIBUTING.md").unwrap();
    let paths = paths(&text);
    assert!(paths.len() > 30, "the recipes name their files: {paths:?}");
    let gone: Vec<_> = paths.into_iter().filter(|path| !Path::new(path).exists()).collect();
    assert!(gone.is_empty(), "CONTRIBUTING.md names what is not there: {gone:?}");
}

/// The words in backticks and the targets of links that are paths in this repository.
fn paths(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    quoted.chain(linked).flat_map(str::split_whitespace).filter(|word| is_path(word)).collect()
}

fn is_path(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c)) && !word.starts_with('-');
    // `template/` and `tests/` alone are folders of every SDK and room.
    let is_folder = word.contains('/') && !word.ends_with('/');
    is_plain && (is_folder || [".rs", ".sh", ".md", ".toml"].iter().any(|end| word.ends_with(end)))
}

#[test]
fn a_path_is_told_from_other_code() {
    let text = "`host/cli/mod.rs`, `run(args, context)`, `*.wasm`, [a](README.md), `plugins/build.sh --check`, `template/`, `mod tests`";
    assert_eq!(Vec::from_iter(paths(text)), ["README.md", "host/cli/mod.rs", "plugins/build.sh"]);
}
