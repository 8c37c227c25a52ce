//! Grids in JSON and TOML, bound to a plugin that has a parameter of each type.

use host::{
    model::{Description, Encoding, ParamSpec, Params, Value},
    sweep::grid::{Grid, GridDocument, Plan},
};

use super::message;

/// What grids are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "\"fast\"", "\"slow\"", "\"threshold\"", "\"mode\"", "\"on\"", "\"parameters\"", "\"zip\"", "\"constraints\"",
    "\"require\"", "\"objective\"", "\"direction\"", "\"sample\"", "\"seed\"", "\"from\"", "\"to\"", "\"step\"", "\"n\"",
    "\"scale\"", "\"log\"", "\"max\"", "fast < slow", " and ", " or ", "not ", "(", ")", " % ", " / ", " * ", " - ", " == ",
    "trades >= 30", "sharpe", "\"long\"", "true", "false", "null", "[", "]", "{", "}", ":", ",", "1e308", "1e-308",
    "9223372036854775807", "-9223372036854775808", "0.1", "18446744073709551615", "in", "..", "\\u0000", "\\ud800",
];

/// The most combinations that are computed one by one.
const COUNTED: u64 = 2000;

/// Reads the input as a grid, binds it, and computes combinations.
pub(super) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for read in [Grid::from_json(text), Grid::from_toml(text)] {
        match read {
            Ok(grid) => check_grid(&grid),
            Err(error) => message::check(&error),
        }
    }
    check_document(text);
}

/// A document that can be read is written as something that reads the same.
fn check_document(text: &str) {
    let Ok(document) = serde_json::from_str::<GridDocument>(text) else { return };
    let written = serde_json::to_string(&document).expect("a document can be written");
    let again: GridDocument = serde_json::from_str(&written).expect("what is written can be read");
    assert_eq!(again, document, "a document is written as it was read");
    assert_eq!(document.grid().is_ok(), again.grid().is_ok());
}

fn check_grid(grid: &Grid) {
    let plugin = plugin();
    match grid.bind(&plugin) {
        Ok(plan) => check_plan(&plan, &plugin),
        Err(error) => message::check(&error),
    }
}

/// Every combination has the plugin's parameters, each with a value that the plugin allows.
pub(super) fn check_plan(plan: &Plan, plugin: &Description) {
    let mut seen = 0;
    for (index, params) in plan.cursor().take(COUNTED as usize) {
        seen += 1;
        assert_eq!(plan.params(index).as_ref(), Some(&params), "a combination is computed from its number");
        assert!(plugin.resolve(&params).is_ok_and(|resolved| same(&resolved, &params)), "{params:?}");
        assert!(!plan.task_id(&params).is_empty() || params.is_empty());
    }
    match plan.count().exact() {
        Some(count) if count <= COUNTED => assert_eq!(seen, count, "as many combinations as were counted"),
        _ => {}
    }
}

fn same(one: &Params, other: &Params) -> bool {
    one.iter().eq(other.iter())
}

/// A plugin with a parameter of each type.
pub(super) fn plugin() -> Description {
    let spec = |name: &str, default: Value, choices: Vec<Value>| ParamSpec {
        name: name.to_owned(),
        doc: String::new(),
        default,
        minimum: None,
        maximum: None,
        choices,
    };
    let window = |name: &str, default: i64| ParamSpec {
        minimum: Some(1.0),
        maximum: Some(5000.0),
        ..spec(name, default.into(), vec![])
    };
    Description {
        name: "cross".to_owned(),
        version: "1.0.0".to_owned(),
        summary: String::new(),
        parameters: vec![
            window("fast", 10),
            window("slow", 30),
            spec("threshold", 0.5.into(), vec![]),
            spec("mode", "both".into(), ["both", "long", "short"].map(Value::from).to_vec()),
            spec("on", true.into(), vec![]),
        ],
        output: Encoding::Json,
    }
}
