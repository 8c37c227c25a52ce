//! The names of methods, as they are written.
//!
//! Never knows what a method does.

use std::{fmt, str::FromStr};

use super::Method;

/// The names of the methods.
const METHODS: [(&str, Method); 5] = [
    ("random", Method::Random),
    ("sobol", Method::Sobol),
    ("halving", Method::Halving),
    ("evolution", Method::Evolution),
    ("nsga2", Method::Nsga2),
];

impl Method {
    /// Its name: `random`, `sobol`, `halving`, `evolution` or `nsga2`.
    pub fn as_str(self) -> &'static str {
        METHODS.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = METHODS.iter().find(|(name, _)| *name == text).map(|(_, method)| *method);
        found.ok_or_else(|| {
            let known: Vec<_> = METHODS.iter().map(|(name, _)| *name).collect();
            format!("`{text}` is not a method; give one of {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names() {
        assert!(METHODS.iter().all(|(name, method)| method.as_str() == *name && name.parse() == Ok(*method)));
        assert!("tpe".parse::<Method>().unwrap_err().contains("sobol"));
    }
}
