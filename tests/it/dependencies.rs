//! Dependencies: every licence is in `deny.toml`, every crate from crates.io, and what it bans twice is there once.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value as Json;
use toml::Table;

/// The only registry.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn deny() -> Table {
    fs::read_to_string("deny.toml").unwrap().parse().unwrap()
}

/// The packages of `Cargo.lock`.
fn locked() -> Vec<Table> {
    let lock: Table = fs::read_to_string("Cargo.lock").unwrap().parse().unwrap();
    lock["package"].as_array().unwrap().iter().map(|package| package.as_table().unwrap().clone()).collect()
}

#[test]
fn every_licence_is_allowed() {
    let deny = deny();
    let allowed: BTreeSet<_> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let refused: Vec<_> = packages().into_iter().filter(|(_, licence)| !is_allowed(licence, &allowed)).collect();
    assert!(refused.is_empty(), "licences that `deny.toml` does not allow: {refused:?}");
}

#[test]
fn every_crate_comes_from_crates_io() {
    let foreign: Vec<_> = locked()
        .into_iter()
        .filter(|package| package.get("source").is_some_and(|source| source.as_str() != Some(CRATES_IO)))
        .map(|package| package["name"].to_string())
        .collect();
    assert!(foreign.is_empty(), "not from crates.io: {foreign:?}");
}

#[test]
fn what_must_be_there_once_is() {
    let (deny, locked) = (deny(), locked());
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        assert_eq!(ban["deny-multiple-versions"].as_bool(), Some(true), "this test knows no other ban: {ban}");
        let versions: Vec<_> = locked
            .iter()
            .filter(|package| package["name"] == ban["crate"])
            .map(|package| &package["version"])
            .collect();
        assert_eq!(versions.len(), 1, "{}: {versions:?}", ban["crate"]);
    }
}

/// Name and licence of every package that is compiled on this platform, as far as cargo has downloaded it: it has
/// downloaded what this test was built with.
fn packages() -> Vec<(String, String)> {
    let platform = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap();
    let platform = String::from_utf8(platform.stdout).unwrap();
    let arguments =
        ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", platform.trim()];
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let compiled: BTreeSet<_> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str()).collect();
    let compiled = |package: &&Json| compiled.contains(&package["id"].as_str());
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter().filter(compiled);
    packages.map(|package| (text(&package["name"]), text(&package["license"]))).collect()
}

/// Whether `licence`, an SPDX expression, leaves a choice of which everything is allowed. `AND` binds closer than `OR`.
fn is_allowed(licence: &str, allowed: &BTreeSet<&str>) -> bool {
    let licence = licence.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = licence.split_whitespace().collect();
    let mut rest = words.as_slice();
    let is_allowed = either(&mut rest, allowed);
    is_allowed && rest.is_empty()
}

fn either(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut is_allowed = both(words, allowed);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        is_allowed |= both(words, allowed);
    }
    is_allowed
}

fn both(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    let mut is_allowed = one(words, allowed);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        is_allowed &= one(words, allowed);
    }
    is_allowed
}

fn one(words: &mut &[&str], allowed: &BTreeSet<&str>) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let is_allowed = either(words, allowed);
            let is_closed = words.first() == Some(&")");
            *words = &words[usize::from(is_closed)..];
            is_allowed && is_closed
        }
        [name, "WITH", exception, rest @ ..] => {
            *words = rest;
            allowed.contains(format!("{name} WITH {exception}").as_str())
        }
        [name, rest @ ..] => {
            *words = rest;
            allowed.contains(name)
        }
        [] => false,
    }
}

#[test]
fn an_expression_is_allowed_if_one_of_its_choices_is() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for licence in
        ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(is_allowed(licence, &allowed), "{licence}");
    }
    for licence in ["", "GPL-3.0", "GPL-3.0 AND MIT", "(GPL-3.0 OR MIT) AND Zlib", "Apache-2.0", "(MIT", "MIT ISC"] {
        assert!(!is_allowed(licence, &allowed), "{licence}");
    }
}
