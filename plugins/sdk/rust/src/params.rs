//! The parameters of one task, read by name and type.
//!
//! Never checks bounds: the host has, by what the plugin declared.

use crate::{Error, Param, Value};

/// The parameters of one task: every declared one, within its declared bounds and choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Params(Vec<Param>);

impl Params {
    /// The parameters as the host gave them.
    pub fn new(params: Vec<Param>) -> Self {
        Self(params)
    }

    /// The value of a parameter that is true or false.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin declares no such parameter, or one of another type.
    pub fn boolean(&self, name: &str) -> Result<bool, Error> {
        match self.value(name)? {
            Value::Boolean(value) => Ok(*value),
            other => Err(mismatch(name, "a boolean", other)),
        }
    }

    /// The value of a parameter that is a whole number.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin declares no such parameter, or one of another type.
    pub fn integer(&self, name: &str) -> Result<i64, Error> {
        match self.value(name)? {
            Value::Integer(value) => Ok(*value),
            other => Err(mismatch(name, "an integer", other)),
        }
    }

    /// The value of a parameter that counts something, for example the bars of a window.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin declares no such parameter, or one of another type, or if the value is negative.
    pub fn count(&self, name: &str) -> Result<usize, Error> {
        let value = self.integer(name)?;
        usize::try_from(value)
            .map_err(|_| Error::invalid(format!("`{name}` counts something, so it cannot be {value}")))
    }

    /// The value of a parameter that is a real number.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin declares no such parameter, or one of another type.
    pub fn number(&self, name: &str) -> Result<f64, Error> {
        match self.value(name)? {
            Value::Number(value) => Ok(*value),
            other => Err(mismatch(name, "a number", other)),
        }
    }

    /// The value of a parameter that is a text.
    ///
    /// # Errors
    ///
    /// Returns an error if the plugin declares no such parameter, or one of another type.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.value(name)? {
            Value::Text(value) => Ok(value),
            other => Err(mismatch(name, "a text", other)),
        }
    }

    fn value(&self, name: &str) -> Result<&Value, Error> {
        let param = self.0.iter().find(|param| param.name == name);
        param.map(|param| &param.value).ok_or_else(|| {
            Error::failed(format!("the plugin asks for parameter `{name}`, which its description does not declare"))
        })
    }
}

fn mismatch(name: &str, wanted: &str, found: &Value) -> Error {
    let found = match found {
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Number(_) => "a number",
        Value::Text(_) => "a text",
    };
    Error::failed(format!("the plugin reads parameter `{name}` as {wanted}, but its description declares {found}"))
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        let param = |name: &str, value| Param { name: name.to_owned(), value };
        Params::new(vec![
            param("window", 20.into()),
            param("level", 0.5.into()),
            param("side", "long".into()),
            param("short", true.into()),
            param("offset", (-1).into()),
        ])
    }

    #[test]
    fn each_type_is_read_by_name() {
        let params = params();
        assert_eq!(params.integer("window"), Ok(20));
        assert_eq!(params.count("window"), Ok(20));
        assert_eq!(params.number("level"), Ok(0.5));
        assert_eq!(params.text("side"), Ok("long"));
        assert_eq!(params.boolean("short"), Ok(true));
    }

    #[test]
    fn an_undeclared_name_or_another_type_is_the_plugins_own_failure() {
        let undeclared = "the plugin asks for parameter `windw`, which its description does not declare";
        assert_eq!(params().integer("windw"), Err(Error::failed(undeclared)));
        let mismatch = "the plugin reads parameter `level` as an integer, but its description declares a number";
        assert_eq!(params().count("level"), Err(Error::failed(mismatch)));
    }

    #[test]
    fn a_count_is_never_negative() {
        assert_eq!(params().count("offset"), Err(Error::invalid("`offset` counts something, so it cannot be -1")));
    }
}
