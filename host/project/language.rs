//! The languages of strategies, and their names.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// A language that `host new` and `host build` know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum Language {
    Rust,
    Python,
    JavaScript,
    TypeScript,
    C,
    Cpp,
    Zig,
    Go,
    AssemblyScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rust,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
        Self::C,
        Self::Cpp,
        Self::Zig,
        Self::Go,
        Self::AssemblyScript,
    ];

    /// The name in commands and files: `python`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Zig => "zig",
            Self::Go => "go",
            Self::AssemblyScript => "assemblyscript",
        }
    }

    /// Whether a project says which interfaces its component exports, since nothing in its compiled code does.
    pub(super) fn declares_interfaces(self) -> bool {
        matches!(self, Self::Python | Self::JavaScript | Self::TypeScript)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no language has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown language `{given}`; known: {}", Language::ALL.map(Language::name).join(", "))]
pub struct UnknownLanguage {
    /// What was given.
    pub given: String,
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads a name or one of its usual short forms: `py`, `js`, `ts`, `c++`, `as`, `rs`, `golang`.
    fn from_str(given: &str) -> Result<Self, UnknownLanguage> {
        let name = match given.to_ascii_lowercase().as_str() {
            "rs" => "rust".to_owned(),
            "py" => "python".to_owned(),
            "js" => "javascript".to_owned(),
            "ts" => "typescript".to_owned(),
            "c++" | "cxx" => "cpp".to_owned(),
            "golang" => "go".to_owned(),
            "as" => "assemblyscript".to_owned(),
            name => name.to_owned(),
        };
        let known = Self::ALL.into_iter().find(|language| language.name() == name);
        known.ok_or_else(|| UnknownLanguage { given: given.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_read_by_its_name_and_by_its_short_forms() {
        for language in Language::ALL {
            assert_eq!(language.name().parse(), Ok(language));
            assert_eq!(language.name().to_uppercase().parse(), Ok(language));
        }
        assert_eq!("c++".parse(), Ok(Language::Cpp));
        assert_eq!("ts".parse(), Ok(Language::TypeScript));
        let error = "cobol".parse::<Language>().unwrap_err().to_string();
        assert!(error.starts_with("unknown language `cobol`; known: rust, python,"), "{error}");
    }
}
