//! Parameters: what a plugin declares, and what a task gives.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::text::quoted;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Value {
    /// The name of the value's type, as error messages use it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::Text(_) => "text",
        }
    }

    /// The value as a real number, where it is an integer or a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Boolean(_) | Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value}"),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// The parameters of one task, by name, in the order of the plugin's declaration.
pub type Params = IndexMap<String, Value>;

/// One parameter that a plugin declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// The name in grids and result columns.
    pub name: String,
    /// One line for the user: meaning and unit.
    pub doc: String,
    /// The value where a grid leaves the parameter out; its type is the parameter's.
    pub default: Value,
    /// The lowest value allowed.
    pub minimum: Option<f64>,
    /// The highest value allowed.
    pub maximum: Option<f64>,
    /// All values allowed, where they are a list; empty means any.
    pub choices: Vec<Value>,
}

/// How to read what `task.run` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// A JSON value in UTF-8.
    Json,
    /// Bytes that the host passes on unread.
    Binary,
}

/// A plugin in its own words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// A short name, for example `momentum`.
    pub name: String,
    /// The version of the plugin.
    pub version: String,
    /// One sentence for the user.
    pub summary: String,
    /// Every parameter, in the order in which tables show them.
    pub parameters: Vec<ParamSpec>,
    /// How to read the answers of a custom task.
    pub output: Encoding,
}

/// Why a plugin does not take a parameter.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// The plugin declares no parameter of this name.
    #[error("`{plugin}` has no parameter `{name}`; it has {known}")]
    Unknown {
        /// The plugin's name.
        plugin: String,
        /// The name given.
        name: String,
        /// The declared names.
        known: String,
    },
    /// The value is of another type than the parameter.
    #[error("parameter `{name}` takes {article} {expected}, not the {found} `{value}`{}", axis_hint(.value))]
    WrongType {
        /// The parameter's name.
        name: String,
        /// `a` or `an`.
        article: &'static str,
        /// The parameter's type.
        expected: &'static str,
        /// The value's type.
        found: &'static str,
        /// The value given.
        value: Value,
    },
    /// The value lies outside the declared bounds.
    #[error("parameter `{name}` takes values {bounds}, not {value}")]
    OutOfBounds {
        /// The parameter's name.
        name: String,
        /// The bounds in words.
        bounds: String,
        /// The value given.
        value: Value,
    },
    /// The value is not among the declared choices.
    #[error("parameter `{name}` takes one of {choices}, not `{value}`")]
    NotAChoice {
        /// The parameter's name.
        name: String,
        /// The declared choices.
        choices: String,
        /// The value given.
        value: Value,
    },
}

/// How an axis is written, for a text that looks like one of another notation: `5-50`, `5:50:5`, `range(5, 50)`.
fn axis_hint(value: &Value) -> &'static str {
    let is_axis = |text: &str| {
        let begins = text.starts_with("range(") || text.starts_with(|first: char| first.is_ascii_digit());
        begins && text.contains(['-', ':', '(']) && text.chars().any(|c| c.is_ascii_digit())
    };
    match value {
        Value::Text(text) if is_axis(text) => "; the axis of a sweep is written `5..50:5` or `5,10,20`",
        _ => "",
    }
}

impl ParamSpec {
    /// Returns `value` in the parameter's type: a whole number stands for an integer and the reverse.
    ///
    /// # Errors
    ///
    /// Returns an error if the value has another type, or lies outside the declared bounds or choices.
    pub fn accept(&self, value: &Value) -> Result<Value, ParamError> {
        let value = self.convert(value).ok_or_else(|| ParamError::WrongType {
            name: self.name.clone(),
            article: if matches!(self.default, Value::Integer(_)) { "an" } else { "a" },
            expected: self.default.type_name(),
            found: value.type_name(),
            value: value.clone(),
        })?;
        let number = value.as_f64();
        let below = number.zip(self.minimum).is_some_and(|(value, minimum)| value < minimum);
        let above = number.zip(self.maximum).is_some_and(|(value, maximum)| value > maximum);
        if below || above {
            return Err(ParamError::OutOfBounds { name: self.name.clone(), bounds: self.bounds(), value });
        }
        if !self.choices.is_empty() && !self.choices.contains(&value) {
            let choices = quoted(self.choices.iter());
            return Err(ParamError::NotAChoice { name: self.name.clone(), choices, value });
        }
        Ok(value)
    }

    /// The declared bounds in words: `from 1 to 10`, `from 1 on`, `up to 10`, or nothing.
    pub fn bounds(&self) -> String {
        match (self.minimum, self.maximum) {
            (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
            (Some(minimum), None) => format!("from {minimum} on"),
            (None, Some(maximum)) => format!("up to {maximum}"),
            (None, None) => String::new(),
        }
    }

    fn convert(&self, value: &Value) -> Option<Value> {
        /// Beyond 2^53, a real number no longer names one integer.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match (&self.default, value) {
            (Value::Number(_), Value::Integer(whole)) => Some(Value::Number(*whole as f64)),
            (Value::Integer(_), Value::Number(real)) if real.fract() == 0.0 && real.abs() <= EXACT => {
                Some(Value::Integer(*real as i64))
            }
            (Value::Number(_), Value::Number(real)) if !real.is_finite() => None,
            (default, value) if default.type_name() == value.type_name() => Some(value.clone()),
            _ => None,
        }
    }
}

impl Description {
    /// Returns the declaration of parameter `name`.
    ///
    /// # Errors
    ///
    /// Returns an error that lists what the plugin has, if it declares no such parameter.
    pub fn parameter(&self, name: &str) -> Result<&ParamSpec, ParamError> {
        self.parameters.iter().find(|spec| spec.name == name).ok_or_else(|| ParamError::Unknown {
            plugin: self.name.clone(),
            name: name.to_owned(),
            known: match self.parameters.as_slice() {
                [] => "none".to_owned(),
                parameters => quoted(parameters.iter().map(|spec| &spec.name)),
            },
        })
    }

    /// Returns every declared parameter in the declared order: as `given`, else its default.
    ///
    /// # Errors
    ///
    /// Returns an error if a given name is not declared, or its value is not accepted.
    pub fn resolve(&self, given: &Params) -> Result<Params, ParamError> {
        for name in given.keys() {
            self.parameter(name)?;
        }
        self.parameters
            .iter()
            .map(|spec| {
                let value = given.get(&spec.name).map_or_else(|| Ok(spec.default.clone()), |v| spec.accept(v))?;
                Ok((spec.name.clone(), value))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> ParamSpec {
        ParamSpec {
            name: "window".into(),
            doc: "bars".into(),
            default: Value::Integer(20),
            minimum: Some(1.0),
            maximum: Some(500.0),
            choices: vec![],
        }
    }

    fn description() -> Description {
        let mode = ParamSpec {
            name: "mode".into(),
            doc: String::new(),
            default: Value::Text("long".into()),
            minimum: None,
            maximum: None,
            choices: vec![Value::Text("long".into()), Value::Text("both".into())],
        };
        Description {
            name: "momentum".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            parameters: vec![window(), mode],
            output: Encoding::Json,
        }
    }

    #[test]
    fn a_whole_number_serves_as_an_integer_and_no_other() {
        assert_eq!(window().accept(&Value::Number(5.0)), Ok(Value::Integer(5)));
        let error = window().accept(&Value::Number(5.5)).unwrap_err();
        assert_eq!(error.to_string(), "parameter `window` takes an integer, not the number `5.5`");
    }

    #[test]
    fn bounds_and_choices_are_kept() {
        let error = window().accept(&Value::Integer(0)).unwrap_err();
        assert_eq!(error.to_string(), "parameter `window` takes values from 1 to 500, not 0");
        let given = Params::from([("mode".into(), Value::Text("short".into()))]);
        let error = description().resolve(&given).unwrap_err();
        assert_eq!(error.to_string(), "parameter `mode` takes one of `long`, `both`, not `short`");
    }

    #[test]
    fn what_is_left_out_takes_its_default_in_the_declared_order() {
        let given = Params::from([("mode".into(), Value::Text("both".into()))]);
        let resolved = description().resolve(&given).unwrap();
        let names: Vec<_> = resolved.keys().collect();
        assert_eq!(names, ["window", "mode"]);
        assert_eq!(resolved["window"], Value::Integer(20));
    }

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let given = Params::from([("windw".into(), Value::Integer(5))]);
        let error = description().resolve(&given).unwrap_err();
        assert_eq!(error.to_string(), "`momentum` has no parameter `windw`; it has `window`, `mode`");
    }
}
