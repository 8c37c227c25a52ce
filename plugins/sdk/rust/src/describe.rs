//! How a plugin declares itself and its parameters, line by line.
//!
//! Never checks a value: the host does that, by what is declared here.

use crate::{Description, Encoding, Parameter, Value};

impl Description {
    /// A plugin by its name, its version and one sentence for the user, without parameters and with answers in JSON.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            parameters: Vec::new(),
            output: Encoding::Json,
        }
    }

    /// Says that the answers of a task are bytes which the host passes on unread.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.output = Encoding::Binary;
        self
    }

    /// Declares a parameter that is true or false.
    #[must_use]
    pub fn boolean(self, name: &str, doc: &str, default: bool) -> Self {
        self.parameter(name, doc, Value::Boolean(default))
    }

    /// Declares a parameter that is a whole number.
    #[must_use]
    pub fn integer(self, name: &str, doc: &str, default: i64) -> Self {
        self.parameter(name, doc, Value::Integer(default))
    }

    /// Declares a parameter that is a real number.
    #[must_use]
    pub fn number(self, name: &str, doc: &str, default: f64) -> Self {
        self.parameter(name, doc, Value::Number(default))
    }

    /// Declares a parameter that is a text.
    #[must_use]
    pub fn text(self, name: &str, doc: &str, default: &str) -> Self {
        self.parameter(name, doc, Value::Text(default.to_owned()))
    }

    /// Bounds the parameter declared last: `minimum` and `maximum` are both allowed.
    ///
    /// # Panics
    ///
    /// Panics if no parameter is declared yet.
    #[must_use]
    pub fn range(self, minimum: impl Into<f64>, maximum: impl Into<f64>) -> Self {
        self.at_least(minimum).at_most(maximum)
    }

    /// Bounds the parameter declared last from below: `minimum` is allowed.
    ///
    /// # Panics
    ///
    /// Panics if no parameter is declared yet.
    #[must_use]
    pub fn at_least(mut self, minimum: impl Into<f64>) -> Self {
        self.last().minimum = Some(minimum.into());
        self
    }

    /// Bounds the parameter declared last from above: `maximum` is allowed.
    ///
    /// # Panics
    ///
    /// Panics if no parameter is declared yet.
    #[must_use]
    pub fn at_most(mut self, maximum: impl Into<f64>) -> Self {
        self.last().maximum = Some(maximum.into());
        self
    }

    /// Lists all that the parameter declared last may be.
    ///
    /// # Panics
    ///
    /// Panics if no parameter is declared yet.
    #[must_use]
    pub fn one_of<V: Into<Value>>(mut self, choices: impl IntoIterator<Item = V>) -> Self {
        self.last().choices = choices.into_iter().map(Into::into).collect();
        self
    }

    fn parameter(mut self, name: &str, doc: &str, default: Value) -> Self {
        self.parameters.push(Parameter {
            name: name.to_owned(),
            doc: doc.to_owned(),
            default,
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        });
        self
    }

    fn last(&mut self) -> &mut Parameter {
        self.parameters.last_mut().expect("bounds and choices belong to the parameter declared before them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_choices_belong_to_the_parameter_before_them() {
        let description = Description::new("p", "1.0.0", "A plugin.")
            .integer("window", "bars", 20)
            .range(1, 500)
            .number("level", "percent", 0.5)
            .at_least(0.0)
            .text("side", "which", "long")
            .one_of(["long", "both"])
            .boolean("fast", "speed", true);
        let [window, level, side, fast] = description.parameters.as_slice() else {
            panic!("four parameters are declared");
        };
        assert_eq!((window.minimum, window.maximum), (Some(1.0), Some(500.0)));
        assert_eq!((level.minimum, level.maximum), (Some(0.0), None));
        assert_eq!(side.choices, [Value::from("long"), Value::from("both")]);
        assert_eq!((&fast.default, fast.minimum), (&Value::Boolean(true), None));
    }
}
