//! Checks of what a plugin says about itself: sizes, names, choices, defaults.
//!
//! Never replaces control characters: whoever prints a text does.

use std::collections::HashSet;

use super::check::PluginError;
use crate::model::{Description, ParamSpec, Value};

/// The most that a description may have of something. All of it is printed, kept in results and sent to browsers.
struct Limit {
    what: &'static str,
    most: usize,
    unit: &'static str,
}

const NAME: Limit = Limit { what: "name", most: 64, unit: " bytes" };
const VERSION: Limit = Limit { what: "version", most: 256, unit: " bytes" };
const SUMMARY: Limit = Limit { what: "summary", most: 4 << 10, unit: " bytes" };
const PARAMETERS: Limit = Limit { what: "list of parameters", most: 1_000, unit: "" };
const DOC: Limit = Limit { what: "description", most: 4 << 10, unit: " bytes" };
const CHOICES: Limit = Limit { what: "list of choices", most: 1_000, unit: "" };
const TEXT: Limit = Limit { what: "default or choice", most: 4 << 10, unit: " bytes" };
const TOTAL: Limit = Limit { what: "description as a whole", most: 1 << 20, unit: " bytes of text" };

/// The most bytes that a description may be in the guest's memory, texts and lists together.
pub(super) const LARGEST: usize = 4 << 20;

/// Checks the `description` that the plugin `name` gives of itself.
pub(super) fn check_description(name: &str, description: &Description) -> Result<(), PluginError> {
    let wrong = |problem: String| PluginError::BadDescription { name: name.to_owned(), problem };
    check_sizes(description).map_err(wrong)?;
    check_names(description).map_err(wrong)?;
    for spec in &description.parameters {
        if spec.choices.iter().any(|choice| choice.type_name() != spec.default.type_name()) {
            return Err(wrong(format!("a choice of parameter `{}` is of another type than its default", spec.name)));
        }
        let choices = spec.choices.iter().filter_map(Value::as_f64);
        if choices.chain(spec.minimum).chain(spec.maximum).any(f64::is_nan) {
            return Err(wrong(format!("a bound or a choice of parameter `{}` is not a number", spec.name)));
        }
        spec.accept(&spec.default).map_err(|source| PluginError::BadDefault { name: name.to_owned(), source })?;
    }
    Ok(())
}

fn check_names(description: &Description) -> Result<(), String> {
    if !is_name(&description.name.replace('-', "_")) {
        return Err(format!(
            "the name `{}` is not made of letters, digits, `-` and `_`",
            description.name.escape_debug()
        ));
    }
    let mut seen = HashSet::new();
    for spec in &description.parameters {
        if !is_name(&spec.name) {
            return Err(format!(
                "parameter `{}` is not a letter, then letters, digits and `_`",
                spec.name.escape_debug()
            ));
        }
        if !seen.insert(&spec.name) {
            return Err(format!("parameter `{}` is declared twice", spec.name));
        }
    }
    Ok(())
}

/// A letter, then letters, digits and `_`, at most 64 in all.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_sizes(description: &Description) -> Result<(), String> {
    let mut total = 0;
    for (limit, text) in [(NAME, &description.name), (VERSION, &description.version), (SUMMARY, &description.summary)] {
        limit.check(text.len(), "its")?;
        total += text.len();
    }
    PARAMETERS.check(description.parameters.len(), "its")?;
    for (number, spec) in (1..).zip(&description.parameters) {
        total += parameter_size(number, spec)?;
    }
    TOTAL.check(total, "its")
}

/// The bytes of all texts of a parameter, if each of them is within its limit.
fn parameter_size(number: usize, spec: &ParamSpec) -> Result<usize, String> {
    let whose = format!("parameter {number}'s");
    NAME.check(spec.name.len(), &whose)?;
    DOC.check(spec.doc.len(), &whose)?;
    CHOICES.check(spec.choices.len(), &whose)?;
    let mut total = spec.name.len() + spec.doc.len();
    for value in spec.choices.iter().chain([&spec.default]) {
        if let Value::Text(text) = value {
            TEXT.check(text.len(), &whose)?;
            total += text.len();
        }
    }
    Ok(total)
}

impl Limit {
    fn check(&self, size: usize, whose: &str) -> Result<(), String> {
        let Self { what, most, unit } = self;
        if size <= *most {
            return Ok(());
        }
        Err(format!("{whose} {what} has {size}{unit}; the limit is {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Encoding;

    fn description(parameters: Vec<ParamSpec>) -> Description {
        let text = |text: &str| text.to_owned();
        Description { name: text("x"), version: text("1"), summary: text(""), parameters, output: Encoding::Json }
    }

    fn parameter(name: &str, default: Value) -> ParamSpec {
        let doc = String::new();
        ParamSpec { name: name.to_owned(), doc, default, minimum: None, maximum: None, choices: Vec::new() }
    }

    /// A description with one parameter, changed by `change`.
    fn problem(change: impl FnOnce(&mut Description)) -> Option<String> {
        let mut description = description(vec![parameter("p", Value::Text("a".to_owned()))]);
        change(&mut description);
        check_description("x.wasm", &description).err().map(|error| error.to_string())
    }

    #[test]
    fn each_text_and_list_is_fine_up_to_its_limit_and_refused_beyond() {
        type Change = fn(&mut Description, usize);
        let table: [(Limit, &str, Change); 8] = [
            (NAME, "its", |it, size| it.name = "n".repeat(size)),
            (VERSION, "its", |it, size| it.version = "v".repeat(size)),
            (SUMMARY, "its", |it, size| it.summary = "s".repeat(size)),
            (NAME, "parameter 1's", |it, size| it.parameters[0].name = "n".repeat(size)),
            (DOC, "parameter 1's", |it, size| it.parameters[0].doc = "d".repeat(size)),
            (TEXT, "parameter 1's", |it, size| it.parameters[0].default = Value::Text("t".repeat(size))),
            (PARAMETERS, "its", |it, size| {
                it.parameters = (0..size).map(|at| parameter(&format!("p{at}"), Value::Integer(0))).collect();
            }),
            (CHOICES, "parameter 1's", |it, size| {
                it.parameters[0].choices = (0..size).map(|at| Value::Text(format!("{at}"))).collect();
                it.parameters[0].default = Value::Text("0".to_owned());
            }),
        ];
        for (limit, whose, change) in table {
            assert_eq!(problem(|it| change(it, limit.most)), None, "{}", limit.what);
            let found = problem(|it| change(it, limit.most + 1)).unwrap();
            let expected = format!(
                "plugin `x.wasm` describes itself wrongly: {whose} {} has {}{}; the limit is {}",
                limit.what,
                limit.most + 1,
                limit.unit,
                limit.most
            );
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn many_texts_within_their_limits_are_too_much_together() {
        let found = problem(|it| {
            let long = |at| ParamSpec { doc: "d".repeat(4_000), ..parameter(&format!("p{at}"), Value::Integer(0)) };
            it.parameters = (0..300).map(long).collect();
        });
        assert!(found.is_some_and(|text| text.contains("its description as a whole has 120")), "{:?}", problem(|_| ()));
    }

    #[test]
    fn a_choice_that_is_too_long_is_refused() {
        let found = problem(|it| it.parameters[0].choices = vec![Value::Text("c".repeat(5_000))]);
        assert!(found.unwrap().contains("parameter 1's default or choice has 5000 bytes; the limit is 4096"));
    }
}
