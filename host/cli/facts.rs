//! Facts in JSON as lines for people: a name and a value each.
//!
//! Never prints.

use serde_json::Value;

/// Adds the members of `value` to `found`, those of inner objects under `OUTER.INNER`.
pub(super) fn flatten(name: &str, value: Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (inner, value) in members {
                let name = if name.is_empty() { inner } else { format!("{name}.{inner}") };
                flatten(&name, value, found);
            }
        }
        value => found.push((name.to_owned(), value)),
    }
}

/// A value without quotes around a text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
