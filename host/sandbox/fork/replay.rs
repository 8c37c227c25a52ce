//! Lines of a failure: a failed task is run once more without a meter, whose code does not fit its debug information.
//!
//! Never changes the class of a failure. Guests are deterministic, so that the task fails in the same way under the limit
//! of time alone.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use crate::{
    sandbox::{
        engine::MachineKind, guest::Template, interface::PluginInterface, memory::InitialMemory, plugin::Plugin,
    },
    task::{ErrorKind, TaskError},
};

/// Different failures of one plugin that are run again; the others keep the names of their functions only.
const REPLAYS: usize = 32;

/// The failures whose lines have been looked for, each with what was found.
pub(super) struct Replay<I: PluginInterface> {
    template: OnceLock<Option<Template<I>>>,
    found: Mutex<HashMap<TaskError, Option<TaskError>>>,
}

impl<I: PluginInterface> Default for Replay<I> {
    fn default() -> Self {
        Self { template: OnceLock::new(), found: Mutex::default() }
    }
}

impl<I: PluginInterface> Replay<I> {
    /// Returns `error`, which a task of a metered `plugin` gave, with the lines of its frames where they can be found.
    /// `again` prepares an instance of a template, and returns how the same task fails in it.
    pub(super) fn explain(
        &self,
        plugin: &Plugin,
        error: TaskError,
        again: impl FnOnce(&Template<I>) -> Option<TaskError>,
    ) -> TaskError {
        let has_frames = matches!(error.kind, ErrorKind::Panic | ErrorKind::Trap | ErrorKind::OutOfMemory);
        if !has_frames || !plugin.has_lines() {
            return error;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(&error) {
            return known.clone().unwrap_or(error);
        }
        if found.len() >= REPLAYS {
            return error;
        }
        let template = self.template.get_or_init(|| unmetered(plugin)).as_ref();
        let explained = template.and_then(again).filter(|explained| explained.kind == error.kind);
        found.insert(error.clone(), explained.clone());
        explained.unwrap_or(error)
    }
}

fn unmetered<I: PluginInterface>(plugin: &Plugin) -> Option<Template<I>> {
    let code = plugin.code(MachineKind::Replay).ok()?;
    let initial = (InitialMemory::Fresh(code.content()), plugin.instance_bytes());
    Template::new(plugin.sandbox(), MachineKind::Replay, code.component(), initial).ok()
}
