//! Parameter compatibility: what grids written for one build lose with another.
//!
//! Never judges it.

use crate::model::{Description, ParamSpec};

/// What a grid for `before` may rely on and `after` does not have, one line for each.
pub(super) fn lost(before: &Description, after: &Description) -> Vec<String> {
    before
        .parameters
        .iter()
        .flat_map(|old| match after.parameter(&old.name) {
            Ok(new) => narrowed(old, new),
            Err(_) => vec![format!("parameter `{}` is gone", old.name)],
        })
        .collect()
}

fn narrowed(old: &ParamSpec, new: &ParamSpec) -> Vec<String> {
    let name = &old.name;
    let (was, is) = (old.default.type_name(), new.default.type_name());
    if was != is {
        return vec![format!("parameter `{name}` is of type {is}, and was of type {was}")];
    }
    let mut lost = Vec::new();
    if let Some(minimum) = new.minimum.filter(|new| old.minimum.is_none_or(|old| old < *new)) {
        lost.push(format!("parameter `{name}` takes nothing below {minimum}{}", formerly(old.minimum)));
    }
    if let Some(maximum) = new.maximum.filter(|new| old.maximum.is_none_or(|old| old > *new)) {
        lost.push(format!("parameter `{name}` takes nothing above {maximum}{}", formerly(old.maximum)));
    }
    if !new.choices.is_empty() {
        if old.choices.is_empty() {
            lost.push(format!("parameter `{name}` takes only {} choices", new.choices.len()));
        }
        let gone = old.choices.iter().filter(|choice| !new.choices.contains(choice));
        lost.extend(gone.map(|choice| format!("choice `{choice}` of parameter `{name}` is gone")));
    }
    lost
}

fn formerly(bound: Option<f64>) -> String {
    bound.map_or_else(String::new, |bound| format!(" (it was {bound})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Encoding, Value};

    fn number(name: &str, minimum: Option<f64>, maximum: Option<f64>) -> ParamSpec {
        ParamSpec {
            name: name.into(),
            doc: String::new(),
            default: Value::Number(1.0),
            minimum,
            maximum,
            choices: vec![],
        }
    }

    fn choices(names: &[&str]) -> ParamSpec {
        let choices: Vec<_> = names.iter().map(|name| Value::Text((*name).into())).collect();
        let default = choices.first().cloned().unwrap_or(Value::Text(String::new()));
        ParamSpec { default, choices, ..number("side", None, None) }
    }

    fn check(before: ParamSpec, after: &[ParamSpec], expected: &[&str]) {
        let plugin = |parameters: &[ParamSpec]| Description {
            name: "p".into(),
            version: String::new(),
            summary: String::new(),
            parameters: parameters.to_vec(),
            output: Encoding::Json,
        };
        assert_eq!(lost(&plugin(&[before]), &plugin(after)), expected);
    }

    #[test]
    fn what_a_grid_loses_is_named() {
        let old = || number("fast", Some(1.0), Some(9.0));
        check(old(), &[number("quick", None, None)], &["parameter `fast` is gone"]);
        check(old(), &[number("fast", Some(2.0), Some(9.0))], &["parameter `fast` takes nothing below 2 (it was 1)"]);
        check(old(), &[number("fast", None, Some(8.0))], &["parameter `fast` takes nothing above 8 (it was 9)"]);
        check(
            number("fast", None, None),
            &[old()],
            &["parameter `fast` takes nothing below 1", "parameter `fast` takes nothing above 9"],
        );
        let whole = ParamSpec { default: Value::Integer(1), ..old() };
        check(old(), &[whole], &["parameter `fast` is of type integer, and was of type number"]);
        check(choices(&["long", "both"]), &[choices(&["long"])], &["choice `both` of parameter `side` is gone"]);
        check(choices(&[]), &[choices(&["", "a"])], &["parameter `side` takes only 2 choices"]);
    }

    #[test]
    fn what_a_grid_gains_costs_it_nothing() {
        check(
            number("fast", Some(1.0), Some(9.0)),
            &[number("fast", None, Some(10.0)), number("slow", None, None)],
            &[],
        );
        check(choices(&["long"]), &[choices(&["short", "long"])], &[]);
        check(choices(&["long"]), &[choices(&[])], &[]);
    }
}
