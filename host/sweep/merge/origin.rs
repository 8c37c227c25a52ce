//! What files say of where their rows come from, compared in words.
//!
//! Never opens a file.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::{super::provenance::Provenance, error::MergeError, part_file::Opened};

/// What must be the same in all files. The rest of a provenance says how the same numbers were asked for.
const DECIDING: [&str; 9] =
    ["plugin_hash", "data_hash", "benchmark", "results_version", "symbols", "parameters", "plan", "cells", "identity"];

/// What follows from others, and is told only where nothing else is.
const FOLLOWING: [&str; 4] = ["plan", "cells", "identity", "parameters"];

/// The most characters of a value that is shown.
const SHOWN: usize = 80;

/// The most differences that are shown.
const MOST: usize = 12;

/// A fact of a provenance by its path: `request.account.commission_bps`.
type Facts = IndexMap<String, Value>;

/// Refuses files that are not of one sweep. Returns in words what differs without changing a number.
pub(super) fn check(files: &[Opened]) -> Result<Vec<String>, MergeError> {
    let facts: Vec<_> = files.iter().map(|file| facts_of(&file.provenance)).collect();
    let names: IndexMap<&str, ()> =
        facts.iter().flat_map(|facts| facts.keys().map(|name| (name.as_str(), ()))).collect();
    let differs = |name: &str| facts.iter().any(|other| other.get(name) != facts[0].get(name));
    let differing: Vec<_> = names.into_keys().filter(|name| differs(name)).collect();
    let decides = |name: &&str| DECIDING.iter().any(|deciding| is_part(name, deciding));
    let follows = |name: &&str| FOLLOWING.iter().any(|following| is_part(name, following));
    let in_words = |name: &&str| words(name, files, &facts);
    if !differing.iter().any(decides) {
        return Ok(differing.iter().map(in_words).collect());
    }
    let (following, others): (Vec<_>, Vec<_>) = differing.into_iter().partition(|name| follows(name));
    let shown = if others.is_empty() { following } else { others };
    let mut differences: Vec<_> = shown.iter().take(MOST).map(in_words).collect();
    differences.extend(shown.len().checked_sub(MOST + 1).map(|more| format!("and {} more", more + 1)));
    Err(MergeError::Differ { differences })
}

fn is_part(name: &str, whole: &str) -> bool {
    name.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// All that a provenance says but the shard.
fn facts_of(provenance: &Provenance) -> Facts {
    let mut facts = Facts::new();
    // Plain values under text keys always become JSON.
    let all = serde_json::to_value(provenance.clone().of_shard(None)).unwrap_or_default();
    gather(&mut facts, String::new(), all);
    facts
}

fn gather(facts: &mut Facts, path: String, value: Value) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(members) if path != "request.grid" => {
            members.into_iter().for_each(|(name, value)| gather(facts, below(&name), value));
        }
        value => _ = facts.insert(path, value),
    }
}

/// Which files say what: `account.commission_bps` is 5.0 in `a.parquet`, 7.0 in `b.parquet` and 3 more.
fn words(name: &str, files: &[Opened], facts: &[Facts]) -> String {
    let mut values: IndexMap<String, Vec<&Path>> = IndexMap::new();
    for (file, facts) in files.iter().zip(facts) {
        values.entry(shown(facts.get(name))).or_default().push(&file.part.path);
    }
    let values = values.iter().map(|(value, paths)| {
        let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
        format!("{value} in `{}`{more}", paths[0].display())
    });
    format!("`{}` is {}", name.strip_prefix("request.").unwrap_or(name), values.collect::<Vec<_>>().join(", "))
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "not given".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    crate::model::shortened(&text, SHOWN).into_owned()
}
