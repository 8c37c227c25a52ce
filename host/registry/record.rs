//! Records: what is remembered of each name, as it is written to disk.
//!
//! Never reads or writes a file.

use std::{collections::BTreeMap, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// What is remembered, in the order of the names.
pub(super) type Records = BTreeMap<String, Record>;

/// What is remembered of one name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) generation: u64,
    pub(super) current: Option<Digest>,
    pub(super) previous: Option<Digest>,
    pub(super) rolled_back: Vec<RolledBack>,
}

/// A build that was taken out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RolledBack {
    pub(super) hash: Digest,
    pub(super) reason: String,
    pub(super) at: SystemTime,
}
