//! The schemas that no type derives: the parts of a request that read themselves (grid, account, period, limits), a listed sweep.
//!
//! Never checks a request.

use serde_json::{Map, Value, json};

use super::api::LONG;
use crate::{
    backtest::{AccountSpec, ExitKind},
    broker::{Profile, Rule, Settings, SettingsSpec},
};

/// Adds the schemas to `schemas`, and makes the request and the list of sweeps lead to them.
pub(super) fn add(schemas: &mut Value) {
    schemas["ListedSweep"] = listed(&schemas["Sweep"]);
    schemas["Sweeps"]["properties"]["sweeps"]["items"] = json!({"$ref": "#/components/schemas/ListedSweep"});
    for (name, schema) in [
        ("Grid", grid()),
        ("Axis", axis()),
        ("Exits", exits()),
        ("Account", account()),
        ("Period", period()),
        ("Limits", limits()),
    ] {
        schemas[name] = schema;
    }
    let request = &mut schemas["SweepRequest"]["properties"];
    for (member, schema) in [
        ("grid", json!({"oneOf": [{"$ref": "#/components/schemas/Grid"}, {"type": "null"}]})),
        ("exits", json!({"$ref": "#/components/schemas/Exits"})),
        ("account", json!({"$ref": "#/components/schemas/Account"})),
        ("period", json!({"$ref": "#/components/schemas/Period"})),
        ("limits", json!({"$ref": "#/components/schemas/Limits"})),
        (
            "metrics",
            json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
        ),
        ("split", json!({"oneOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]})),
        ("direction", direction()),
    ] {
        let description = request[member]["description"].take();
        request[member] = schema;
        request[member]["description"] = description;
    }
}

/// The schema of a sweep in a list, where its long members are left out.
fn listed(sweep: &Value) -> Value {
    let mut listed = sweep.clone();
    listed["description"] = "A sweep in a list.".into();
    let members = listed["properties"].as_object_mut();
    members.into_iter().for_each(|members| members.retain(|name, _| !LONG.contains(&name.as_str())));
    let required = listed["required"].as_array_mut();
    required.into_iter().for_each(|required| required.retain(|name| !LONG.iter().any(|long| name == long)));
    listed
}

fn direction() -> Value {
    one_of(["higher", "lower", "max", "min"])
}

fn grid() -> Value {
    let axis = json!({"$ref": "#/components/schemas/Axis"});
    let texts = json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
    json!({
        "type": "object",
        "description": "The contents of a grid file. A member with another name than these is the axis of a parameter, unless \
                        `parameters` has the axes.",
        "properties": {
            "parameters": {"type": "object", "additionalProperties": axis, "description": "The axes by the names of parameters."},
            "exits": {"$ref": "#/components/schemas/Exits"},
            "zip": {"type": "array", "items": texts, "description": "Groups of axes that move together."},
            "constraints": texts,
            "require": texts,
            "objective": {"type": "string"},
            "direction": {"type": "string", "enum": ["max", "min", "higher", "lower"]},
            "sample": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
            "seed": {"type": "integer", "minimum": 0, "maximum": i64::MAX},
        },
        "additionalProperties": axis,
    })
}

fn axis() -> Value {
    let value = json!({"type": ["number", "string", "boolean"]});
    let end = json!({"type": ["number", "string"]});
    json!({
        "description": "The values of a parameter: one, a list, or a range of numbers.",
        "anyOf": [value, {"type": "array", "items": value, "minItems": 1}, {
            "type": "object",
            "properties": {
                "from": end, "to": end, "step": end,
                "n": {"type": ["integer", "string"], "minimum": 1, "description": "The number of points, instead of a step."},
                "scale": {"type": "string", "enum": ["linear", "log"]},
            },
            "required": ["from", "to"],
            "additionalProperties": false,
        }],
    })
}

/// The schema of exits, each of which has an axis.
fn exits() -> Value {
    let axes: Map<_, _> = ExitKind::ALL
        .map(|kind| (kind.name().to_owned(), json!({"$ref": "#/components/schemas/Axis"})))
        .into_iter()
        .collect();
    json!({"type": "object", "properties": axes, "additionalProperties": false})
}

/// The schema of an account: the types of its members are those of the default settings.
fn account() -> Value {
    let defaults = serde_json::to_value(SettingsSpec::from(Settings::default())).unwrap_or_default();
    let of = |name: &str| match &defaults[name] {
        Value::Bool(_) => json!({"type": ["boolean", "null"]}),
        Value::String(_) => json!({"type": ["string", "null"]}),
        Value::Number(count) if count.is_u64() => json!({"type": ["integer", "null"], "minimum": 0}),
        // Numbers, and those that are not set by default.
        _ => json!({"type": ["number", "null"]}),
    };
    let own = |name: &str| match name {
        "profile" => one_of(Profile::ALL.map(|profile| profile.to_string())),
        "mode" => one_of(["signals", "events"]),
        "freq" => json!({"type": ["string", "null"]}),
        _ => json!({"type": ["number", "null"]}),
    };
    let own = AccountSpec::OWN.iter().map(|info| (info, own(info.name)));
    let all = own.chain(SettingsSpec::ALL.iter().map(|info| (info, of(info.name))));
    let mut members: Map<_, _> = all
        .map(|(info, mut schema)| {
            schema["description"] = info.meaning.into();
            (info.name.to_owned(), schema)
        })
        .collect();
    members.insert("rules".to_owned(), rules());
    json!({"type": "object", "properties": members, "additionalProperties": false})
}

/// One of these words, or null.
fn one_of(words: impl IntoIterator<Item = impl Into<Value>>) -> Value {
    let words: Vec<_> = words.into_iter().map(Into::into).chain([Value::Null]).collect();
    json!({"type": ["string", "null"], "enum": words})
}

fn rules() -> Value {
    let of = |rule: &Rule| {
        let mut schema = one_of(rule.choices.iter().map(|choice| choice.name));
        schema["description"] = rule.meaning.into();
        (rule.name.to_owned(), schema)
    };
    let rules: Map<_, _> = Rule::ALL.iter().map(of).collect();
    json!({"type": ["object", "null"], "properties": rules, "additionalProperties": false})
}

fn period() -> Value {
    let time = |what: &str| {
        let text = format!("{what}: a date (2024-01-31), or a date and a time (2024-01-31T09:30)");
        json!({"type": ["string", "null"], "description": text})
    };
    json!({
        "type": "object",
        "properties": {"from": time("The first day or time"), "to": time("The last day, or the end")},
        "additionalProperties": false,
    })
}

fn limits() -> Value {
    json!({
        "type": "object",
        "properties": {
            "budget": {"type": ["string", "number", "null"], "description": "Compute units: `auto`, a number, or `none`"},
            "timeout": {"type": ["number", "null"], "description": "Seconds"},
            "memory": {"type": ["integer", "null"], "minimum": 0, "description": "MiB"},
            "tasks_per_fork": {"type": ["integer", "null"], "minimum": 0, "description": "Tasks that one fork serves"},
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_as_its_schema_says() {
        let schema = account();
        let members = schema["properties"].as_object().unwrap();
        assert_eq!(members.len(), AccountSpec::OWN.len() + SettingsSpec::ALL.len() + 1);
        let samples = [("number", "1.5"), ("integer", "1.0"), ("boolean", "true"), ("object", "{}")];
        for (name, schema) in members {
            let fits = |kind: &str| schema["type"][0] == kind;
            for (kind, sample) in samples {
                let read = AccountSpec::from_json(&format!("{{\"{name}\": {sample}}}"));
                let is_read = read.is_ok();
                // A whole number is a number, too.
                let expected = fits(kind) || kind == "integer" && fits("number");
                assert_eq!(is_read, expected, "`{name}` is {sample}: {read:?}");
            }
            let words = schema["enum"].as_array().into_iter().flatten().filter(|word| word.is_string());
            for word in words {
                AccountSpec::from_json(&format!("{{\"{name}\": {word}}}")).unwrap();
            }
        }
        for (name, rule) in members["rules"]["properties"].as_object().unwrap() {
            for choice in rule["enum"].as_array().unwrap() {
                AccountSpec::from_json(&format!("{{\"rules\": {{\"{name}\": {choice}}}}}")).unwrap();
            }
        }
    }
}
