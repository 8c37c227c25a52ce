//! Precompiled forks: instances of a component that is compiled with what `prepare` has left.
//!
//! Never needs memory that the host owns: wasmtime's pool shares the memory of such a component.

use std::sync::Arc;

use wasmtime::component::Component;

use super::{Forking, Obstacle, Prepared};
use crate::{
    model::Series,
    sandbox::{
        capture::Captured,
        engine::MachineKind,
        guest::{Guest, Template},
        interface::PluginInterface,
        memory::InitialMemory,
        plugin::Plugin,
    },
};

/// The machine on which `prepare` and the forks run.
const MACHINE: MachineKind = MachineKind::Pool;

/// Prepares `plugin`, compiles what it has become, and forks by instances of that.
pub(super) fn prepare<I: PluginInterface>(plugin: &Plugin, data: &Arc<[Series]>) -> Result<Prepared<I>, Obstacle> {
    let (mut prepared, component) = Prepared::unprepared(plugin, data, MACHINE, InitialMemory::Fresh)?;
    let mut guest = prepared.prepare_guest()?;
    let template = snapshot(&prepared, &component, &mut guest)?;
    // Wizer reads memory by growing it, which a guest can see: another one is asked the first question.
    let mut guest = prepared.prepare_in(&prepared.template)?;
    guest.take_log();
    prepared.forking_by(template, Forking::Precompiled, &mut guest)
}

/// Compiles what `guest`, an instance of `component`, has become into a component that starts from there.
fn snapshot<I: PluginInterface>(
    prepared: &Prepared<I>,
    component: &Component,
    guest: &mut Guest<I>,
) -> Result<Template<I>, Obstacle> {
    let (store, instance) = guest.look();
    let state = Captured::read(component, store, instance)
        .map_err(|error| format!("its state cannot be read: {}", error.root_cause()))?;
    let snapshot = prepared.plugin.snapshot(MACHINE, &state).map_err(|error| match error.is_chance() {
        true => Obstacle::from(error),
        false => Obstacle::NotPossible(format!("its state does not compile: {error}")),
    })?;
    Ok(prepared.linked(&snapshot, InitialMemory::Fresh(None))?)
}
