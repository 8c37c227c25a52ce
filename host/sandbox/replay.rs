//! Finds the lines of a failure.
//!
//! The meter moves code, so that what a compiler wrote about lines no longer fits. A task that failed is therefore run once
//! more without a meter, under the limit of time alone: guests are deterministic, so it fails in the same way. Never
//! changes the class of a failure.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use super::{
    engine::Place,
    guest::{Guest, Template},
    limits::Allowance,
    memory::Kind,
    prepared::Prepared,
};
use crate::task::{ErrorKind, TaskError};

/// Different failures of one plugin that are run again; the others keep the names of their functions only.
const REPLAYS: usize = 32;

/// What has been found so far.
#[derive(Default)]
pub(super) struct Replay {
    template: OnceLock<Option<Template>>,
    found: Mutex<HashMap<TaskError, Option<TaskError>>>,
}

impl Replay {
    /// Returns `error`, which the task `again` gave in a fork of `prepared`, with the lines of its frames where they can be
    /// found.
    pub(super) fn explain(
        &self,
        prepared: &Prepared,
        error: TaskError,
        again: &mut dyn FnMut(&mut Guest, &Allowance) -> Result<(), TaskError>,
    ) -> TaskError {
        let has_frames = matches!(error.kind, ErrorKind::Panic | ErrorKind::Trap | ErrorKind::OutOfMemory);
        if !has_frames || prepared.budget().is_none() || !prepared.plugin().has_lines() {
            return error;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(&error) {
            return known.clone().unwrap_or(error);
        }
        if found.len() >= REPLAYS {
            return error;
        }
        let explained = self.run(prepared, again).filter(|explained| explained.kind == error.kind);
        found.insert(error.clone(), explained.clone());
        explained.unwrap_or(error)
    }

    /// Prepares an instance without a meter, and runs the task in it.
    fn run(
        &self,
        prepared: &Prepared,
        again: &mut dyn FnMut(&mut Guest, &Allowance) -> Result<(), TaskError>,
    ) -> Option<TaskError> {
        let template = self.template.get_or_init(|| template(prepared)).as_ref()?;
        let mut guest = prepared.prepare_in(template).ok()?;
        guest.take_log();
        again(&mut guest, &prepared.allowance()).err()
    }
}

fn template(prepared: &Prepared) -> Option<Template> {
    let plugin = prepared.plugin();
    let code = plugin.code(Place::Replay).ok()?;
    Template::new(plugin.sandbox(), Place::Replay, code.component(), prepared.interface(), Kind::Plain).ok()
}
