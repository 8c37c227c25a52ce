//! Confinement in words and fields: what of each layer is in force, and what is missing.
//!
//! Never asks the system.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A layer of confinement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layer {
    /// Limits of resources, kept by the kernel.
    Limits,
    /// Rules of landlock, a module of Linux: no files, no network.
    Landlock,
    /// A filter of system calls: seccomp.
    Seccomp,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Limits => "limits",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        })
    }
}

/// How much of a layer is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InForce {
    /// All of it.
    Fully,
    /// A part: the system offers no more.
    Partly,
    /// Nothing.
    Not,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fully => "in force",
            Self::Partly => "partly in force",
            Self::Not => "not in force",
        })
    }
}

/// What one layer confines a process to. It can be sent to another process in any serde format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Which layer.
    pub(crate) layer: Layer,
    /// How much of it is in force.
    pub(crate) in_force: InForce,
    /// The version of landlock that the kernel has.
    pub(crate) landlock_abi: Option<u32>,
    /// The number of system calls that are allowed, some only with certain arguments.
    pub(crate) calls_allowed: Option<u32>,
    /// The number of system calls that end the process at once. Every other call is refused.
    pub(crate) calls_fatal: Option<u32>,
    /// What is prevented, a few words each.
    pub(crate) prevented: Vec<String>,
    /// What is not prevented, with the reason, a few words each.
    pub(crate) missing: Vec<String>,
}

impl Status {
    /// Nothing is in force, for the reason `why`.
    pub(super) fn none(layer: Layer, why: impl Into<String>) -> Self {
        Self { in_force: InForce::Not, missing: vec![why.into()], ..Self::full(layer, &[]) }
    }

    /// All of the layer is in force.
    pub(super) fn full(layer: Layer, prevented: &[&str]) -> Self {
        Self {
            layer,
            in_force: InForce::Fully,
            landlock_abi: None,
            calls_allowed: None,
            calls_fatal: None,
            prevented: prevented.iter().map(|&words| words.to_owned()).collect(),
            missing: Vec::new(),
        }
    }

    /// The same with what is missing, in force partly if there is any.
    #[must_use]
    pub(super) fn without(mut self, missing: Vec<String>) -> Self {
        if self.in_force == InForce::Fully && !missing.is_empty() {
            self.in_force = InForce::Partly;
        }
        self.missing.extend(missing);
        self
    }
}

/// One line: the layer, how much is in force, what is prevented and what is missing.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.layer, self.in_force)?;
        if let Some(abi) = self.landlock_abi {
            write!(f, ", version {abi}")?;
        }
        if let (Some(allowed), Some(fatal)) = (self.calls_allowed, self.calls_fatal) {
            write!(f, ", {allowed} system calls allowed, {fatal} end the process, all others are refused")?;
        }
        if !self.prevented.is_empty() {
            write!(f, "; prevented: {}", self.prevented.join(", "))?;
        }
        if !self.missing.is_empty() {
            let before = if self.in_force == InForce::Not { ": " } else { "; missing: " };
            write!(f, "{before}{}", self.missing.join(", "))?;
        }
        Ok(())
    }
}
