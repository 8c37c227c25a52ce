//! Samples: the parameter combinations that an audit asks a strategy with.
//!
//! Never asks it.

use super::{Options, seeded::Random};
use crate::model::{Description, ParamError, ParamSpec, Params, Value};

/// The most combinations that differ from the given ones in a single parameter.
const SINGLE: usize = 32;

/// How many combinations are drawn for each that is wanted: many are refused, where one parameter has to be below another.
const SPARE: usize = 4;

/// Combinations to ask with.
pub(super) struct Sets {
    /// The defaults, those given, and those with another choice of one parameter; each once.
    pub(super) fixed: Vec<Params>,
    /// Those drawn at random, more than are wanted, none of them in `fixed`.
    pub(super) drawn: Vec<Params>,
}

/// Chooses combinations. All but the defaults have the `given` values.
pub(super) fn sets(description: &Description, given: &Params, options: &Options) -> Result<Sets, ParamError> {
    let base = description.resolve(given)?;
    let free: Vec<_> = description.parameters.iter().filter(|spec| !given.contains_key(&spec.name)).collect();
    let with = |spec: &ParamSpec, value: Value| {
        let mut params = base.clone();
        params.insert(spec.name.clone(), value);
        params
    };
    let single = free.iter().flat_map(|spec| choices(spec).into_iter().map(|value| with(spec, value)));
    let mut random = Random::new(options.seed, &[SAMPLES]);
    let drawn = (0..options.samples.saturating_mul(SPARE)).map(|_| {
        let mut params = base.clone();
        params.extend(free.iter().map(|spec| (spec.name.clone(), draw(spec, &mut random))));
        params
    });
    let mut fixed = vec![description.resolve(&Params::new())?];
    for params in std::iter::once(base.clone()).chain(single.take(SINGLE)) {
        if !fixed.contains(&params) {
            fixed.push(params);
        }
    }
    let mut sets = Sets { fixed, drawn: Vec::new() };
    for params in drawn {
        if !sets.fixed.contains(&params) && !sets.drawn.contains(&params) {
            sets.drawn.push(params);
        }
    }
    Ok(sets)
}

/// Tells these draws from those of futures.
const SAMPLES: u64 = u64::MAX;

/// All values of a parameter that has a list of them.
fn choices(spec: &ParamSpec) -> Vec<Value> {
    match &spec.default {
        _ if !spec.choices.is_empty() => spec.choices.clone(),
        Value::Boolean(_) => vec![Value::Boolean(false), Value::Boolean(true)],
        _ => Vec::new(),
    }
}

/// A value that the parameter allows.
fn draw(spec: &ParamSpec, random: &mut Random) -> Value {
    let choices = choices(spec);
    if !choices.is_empty() {
        return random.one_of(&choices).clone();
    }
    let Some(default) = spec.default.as_f64() else { return spec.default.clone() };
    let number = between(spec, default, random);
    let value = if matches!(spec.default, Value::Integer(_)) { number.round() } else { short(number) };
    spec.accept(&Value::Number(value)).unwrap_or_else(|_| spec.default.clone())
}

/// A number within the bounds: one of them at times, else near the default, else anywhere.
fn between(spec: &ParamSpec, default: f64, random: &mut Random) -> f64 {
    let near = default.abs().max(1.0);
    let low = spec.minimum.unwrap_or(default - 4.0 * near);
    let high = spec.maximum.unwrap_or(default + 4.0 * near);
    match random.below(8) {
        0 => low,
        1 => high,
        // Bounds are often far wider than what is of use, such as 1 to 5,000 bars.
        2..=5 => (low + (default - low) * 2.0 * random.fraction()).min(high),
        _ => low + (high - low) * random.fraction(),
    }
}

/// The number to three digits, for people to read and to type.
fn short(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Encoding;

    fn spec(name: &str, default: Value, bounds: Option<(f64, f64)>, choices: &[&str]) -> ParamSpec {
        ParamSpec {
            name: name.into(),
            doc: String::new(),
            default,
            minimum: bounds.map(|bounds| bounds.0),
            maximum: bounds.map(|bounds| bounds.1),
            choices: choices.iter().map(|choice| Value::from(*choice)).collect(),
        }
    }

    fn description() -> Description {
        Description {
            name: "any".into(),
            version: String::new(),
            summary: String::new(),
            parameters: vec![
                spec("window", Value::Integer(20), Some((1.0, 5000.0)), &[]),
                spec("threshold", Value::Number(0.0), None, &[]),
                spec("short", Value::Boolean(false), None, &[]),
                spec("mode", Value::from("a"), None, &["a", "b", "c"]),
                spec("note", Value::from("free"), None, &[]),
            ],
            output: Encoding::Json,
        }
    }

    #[test]
    fn every_choice_is_taken_once_and_every_draw_is_allowed() {
        let options = Options { samples: 200, ..Options::default() };
        let Sets { fixed, drawn } = sets(&description(), &Params::new(), &options).unwrap();
        let singles: Vec<_> =
            fixed[1..].iter().map(|set| (set["short"].to_string(), set["mode"].to_string())).collect();
        let expected = [("true", "a"), ("false", "b"), ("false", "c")];
        assert_eq!(singles, expected.map(|(short, mode)| (short.to_owned(), mode.to_owned())));
        assert!(drawn.len() > 700);
        assert!(drawn.iter().all(|set| description().resolve(set).as_ref() == Ok(set)));
        let windows = |limit| drawn.iter().filter(|set| set["window"].as_f64().unwrap() <= limit).count();
        assert!(windows(40.0) > 320 && windows(1.0) > 40 && windows(4999.0) < drawn.len());
    }

    #[test]
    fn what_is_given_stays_in_all_but_the_defaults() {
        let given = Params::from([("mode".to_owned(), Value::from("b"))]);
        let Sets { fixed, drawn } = sets(&description(), &given, &Options::default()).unwrap();
        assert_eq!(fixed[0]["mode"], Value::from("a"));
        assert!(fixed[1..].iter().chain(&drawn).all(|set| set["mode"] == Value::from("b")));
    }

    #[test]
    fn a_seed_gives_the_same_combinations() {
        let drawn = |seed| sets(&description(), &Params::new(), &Options { seed, ..Options::default() }).unwrap().drawn;
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
    }
}
