//! A version: one build of a plugin that serves, or has served.
//!
//! Never changes once it is made: whoever holds it, has it whole.

use std::time::SystemTime;

use crate::{model::Digest, sandbox::Plugin};

/// Bytes, and the rules by which they were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) digest: Digest,
    pub(super) policy: Digest,
}

/// One build of a plugin under a name. What it holds goes with its last user.
#[derive(Debug)]
pub struct Version {
    pub(super) name: String,
    pub(super) generation: u64,
    pub(super) identity: Identity,
    pub(super) plugin: Plugin,
    /// Whether it ran with its defaults when it was tried.
    pub(super) tried: bool,
    pub(super) loaded_at: SystemTime,
}

impl Version {
    /// The name that it serves as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of swaps of this name up to it, counted from 1. It never goes back.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The hash of its bytes.
    pub fn digest(&self) -> Digest {
        self.identity.digest
    }

    /// The plugin, compiled.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// When it began to serve.
    pub fn loaded_at(&self) -> SystemTime {
        self.loaded_at
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Its generation and its hash, for people.
    pub(super) fn label(&self) -> String {
        format!("generation {} ({})", self.generation, self.digest().short())
    }
}
