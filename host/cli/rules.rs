//! `host rules`: lists the rules that engines disagree about, and every key of an account file.
//!
//! Never runs anything.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Context, Exit,
    args::{OutputFormat, RulesArgs},
};
use crate::{
    backtest::{self, AccountSpec},
    broker::{Choice, FillAt, Profile, Rule, SettingInfo, Settings, SettingsSpec},
    results::{Cell, Column, Kind},
};

pub(super) fn run(args: &RulesArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    match args.output.format {
        OutputFormat::Table => show(context)?,
        OutputFormat::Json => context.json(json!({
            "rules": Rule::ALL.iter().map(rule_json).collect::<Value>(),
            "settings": settings_json(),
            "profiles": Profile::ALL.iter().map(|profile| (profile.to_string(), profile_json(*profile))).collect::<Value>(),
        }))?,
    }
    Ok(Exit::Success)
}

fn show(context: &mut Context<'_>) -> Result<()> {
    writeln!(context.out, "rules: `--rule NAME=CHOICE`, or the table `rules` of an account file")?;
    let columns = ["rule", "choice", "chosen by", "meaning"].map(|name| Column::new(name, Kind::Text));
    let rows: Vec<_> = Rule::ALL.iter().enumerate().flat_map(|(at, rule)| rule_rows(at, rule)).collect();
    context.table(&columns, &rows)?;
    writeln!(context.out, "\nkeys of an account file (`--account FILE`, TOML or JSON)")?;
    let columns = ["key", "default", "set by a profile", "meaning"].map(|name| Column::new(name, Kind::Text));
    context.table(&columns, &setting_rows())
}

/// The rule's own row, and one for each choice.
fn rule_rows(at: usize, rule: &'static Rule) -> Vec<Vec<Cell<'static>>> {
    let title = vec![Cell::from(rule.name), Cell::from(""), Cell::from(""), Cell::from(rule.meaning)];
    let choice = |choice: &'static Choice| {
        let chosen = chosen_by(at, rule, choice.name);
        vec![Cell::from(""), Cell::from(choice.name), Cell::from(chosen), Cell::from(choice.meaning)]
    };
    std::iter::once(title).chain(rule.choices.iter().map(choice)).collect()
}

/// The origins of a choice: the default, and the profiles that choose otherwise.
fn chosen_by(at: usize, rule: &Rule, choice: &str) -> String {
    let is_default = rule.default_choice() == choice;
    let mut by: Vec<_> = is_default.then(|| "default".to_owned()).into_iter().collect();
    for profile in Profile::ALL {
        let [at_open, at_close] = FILLS.map(|fill| under(profile, fill).rules.choices()[at] == choice);
        match (at_open, at_close) {
            (true, true) if !is_default => by.push(profile.to_string()),
            (true, false) if !is_default => by.push(format!("{profile} with fill {}", FILLS[0])),
            (false, true) if !is_default => by.push(format!("{profile} with fill {}", FILLS[1])),
            _ => {}
        }
    }
    by.join(", ")
}

/// The fill prices, on which the rules of a profile may depend.
const FILLS: [FillAt; 2] = [FillAt::NextOpen, FillAt::Close];

fn under(profile: Profile, fill: FillAt) -> Settings {
    profile.apply(Settings { fill, ..Settings::default() })
}

fn setting_rows() -> Vec<Vec<Cell<'static>>> {
    let defaults = defaults();
    let row = |info: &SettingInfo| {
        let default = defaults.get(info.name).map(written).unwrap_or_default();
        let set: Vec<_> = Profile::ALL.iter().filter_map(|profile| set_by(*profile, info.name)).collect();
        vec![Cell::from(info.name), Cell::from(default), Cell::from(set.join(", ")), Cell::from(info.meaning)]
    };
    AccountSpec::OWN.iter().chain(SettingsSpec::ALL).map(row).collect()
}

/// The value that `profile` sets for a key other than a rule, if it does.
fn set_by(profile: Profile, key: &str) -> Option<String> {
    changed(profile, FILLS[0]).get(key).map(|value| format!("{profile}: {}", written(value)))
}

/// A value as an account file has it; empty if it is not set.
fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}

fn rule_json(rule: &Rule) -> Value {
    let choices = rule.choices.iter().map(|choice| json!({ "name": choice.name, "meaning": choice.meaning }));
    json!({
        "name": rule.name,
        "meaning": rule.meaning,
        "default": rule.default_choice(),
        "choices": choices.collect::<Value>(),
    })
}

fn settings_json() -> Value {
    let defaults = defaults();
    let setting =
        |info: &SettingInfo| json!({ "name": info.name, "meaning": info.meaning, "default": defaults.get(info.name) });
    AccountSpec::OWN.iter().chain(SettingsSpec::ALL).map(setting).collect()
}

/// The keys with a default, and their values.
fn defaults() -> Map<String, Value> {
    members(&AccountSpec::from(backtest::Settings::default()))
}

/// The settings of the profile, for each fill price.
fn profile_json(profile: Profile) -> Value {
    FILLS.iter().map(|fill| (fill.to_string(), Value::Object(changed(profile, *fill)))).collect()
}

/// The settings, and among `rules` the rules, that `profile` changes.
fn changed(profile: Profile, fill: FillAt) -> Map<String, Value> {
    let plain = Settings { fill, ..Settings::default() };
    let mut changed = differences(&members(&plain), members(&under(profile, fill)));
    if let Some(Value::Object(rules)) = changed.remove("rules") {
        changed.insert("rules".to_owned(), Value::Object(differences(&members(&plain.rules), rules)));
    }
    changed
}

fn differences(before: &Map<String, Value>, after: Map<String, Value>) -> Map<String, Value> {
    after.into_iter().filter(|(key, value)| before.get(key) != Some(value)).collect()
}

/// Settings by their keys.
fn members(settings: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        other => unreachable!("settings are a table of plain values, and not {other:?}"),
    }
}
