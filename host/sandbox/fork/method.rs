//! Fork methods: the ways in which a task gets an instance that no other task has touched.
//!
//! Never makes one. There are three, and they give the same answers, logs and units: *copy-on-write*, *precompiled* and
//! *re-prepared*. Each word means the same in types, options and output.

use std::{fmt, str::FromStr};

/// The fork method that a sandbox is asked to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ForkMethod {
    /// The first of the others that the plugin allows.
    #[default]
    Auto,
    /// Forks share the memory of the guest that has prepared until they write to it; nothing is compiled for the data.
    CopyOnWrite,
    /// Forks are instances of a component that was compiled with what `prepare` has left.
    Precompiled,
    /// Each task prepares an instance of its own.
    RePrepared,
}

impl ForkMethod {
    const ALL: [Self; 4] = [Self::Auto, Self::CopyOnWrite, Self::Precompiled, Self::RePrepared];

    /// All methods but [`Auto`](Self::Auto), in the order in which they are tried.
    pub fn each() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|method| *method != Self::Auto)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::CopyOnWrite => "copy-on-write",
            Self::Precompiled => "precompiled",
            Self::RePrepared => "re-prepared",
        }
    }

    /// An older name, which is still understood.
    fn old_name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::CopyOnWrite => "captured",
            Self::Precompiled => "snapshot",
            Self::RePrepared => "fresh",
        }
    }
}

impl FromStr for ForkMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|method| [method.as_str(), method.old_name()].contains(&text));
        found.ok_or_else(|| {
            format!("unknown fork method `{text}`; known: `auto`, `copy-on-write`, `precompiled`, `re-prepared`")
        })
    }
}

impl fmt::Display for ForkMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The way in which each task gets an instance that no other task has touched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forking {
    /// From captured memory, which all tasks share until they write to it.
    CopyOnWrite,
    /// From a component that was compiled with what `prepare` has left, whose memory all tasks share until they write
    /// to it.
    Precompiled,
    /// By running `prepare` again.
    RePrepared {
        /// Why nothing can be shared.
        why: String,
    },
}

impl Forking {
    /// Whether tasks share what `prepare` has left.
    pub fn is_shared(&self) -> bool {
        !matches!(self, Self::RePrepared { .. })
    }
}

impl fmt::Display for Forking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CopyOnWrite => f.write_str("copy-on-write"),
            Self::Precompiled => f.write_str("precompiled"),
            Self::RePrepared { why } => write!(f, "re-prepared: `prepare` runs for each task, since {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_by_their_names_and_by_those_that_they_had() {
        for method in ForkMethod::ALL {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        let old = ["captured", "snapshot", "fresh"].map(|name| name.parse());
        assert_eq!(old, [ForkMethod::CopyOnWrite, ForkMethod::Precompiled, ForkMethod::RePrepared].map(Ok));
        let error = "spoon".parse::<ForkMethod>().unwrap_err();
        assert!(error.contains("`spoon`") && error.contains("`re-prepared`") && !error.contains("captured"), "{error}");
    }
}
