//! Copy-on-write forks: instances of the hollow plugin, whose memory is a private view of what `prepare` has left.
//!
//! Never compiles anything for the data: the hollow plugin depends on the values of globals only.

use std::sync::Arc;

use wasmtime::component::Component;

use super::{Forking, Obstacle, Prepared};
use crate::{
    model::Series,
    sandbox::{
        capture::Globals,
        check::Interface,
        engine::MachineKind,
        guest::{Guest, Template},
        interface::PluginInterface,
        memory::InitialMemory,
        plugin::Plugin,
    },
};

/// Prepares `plugin` in recorded memory, and forks by private views of it.
pub(super) fn prepare<I: PluginInterface>(plugin: &Plugin, data: &Arc<[Series]>) -> Result<Prepared<I>, Obstacle> {
    let (mut prepared, component) =
        Prepared::unprepared(plugin, data, MachineKind::HostMemory, InitialMemory::Recorded)?;
    let mut guest = prepared.prepare_guest()?;
    let template = freeze(&prepared, &component, &mut guest)?;
    prepared.forking_by(template, Forking::CopyOnWrite, &mut guest)
}

/// Makes an image of the memory of `guest`, an instance of `component`, and links what is run on it.
fn freeze<I: PluginInterface>(
    prepared: &Prepared<I>,
    component: &Component,
    guest: &mut Guest<I>,
) -> Result<Template<I>, Obstacle> {
    let recording = match guest.recorded() {
        [only] => Arc::clone(only),
        several => return Err(format!("it has {} memories", several.len()).into()),
    };
    let globals = globals(component, guest)?;
    let drives = I::INTERFACE == Interface::Events;
    let hollow = match serves_as_it_is(prepared, component, &globals)? {
        true => component.clone(),
        false => prepared.plugin.hollow(&globals, recording.minimum(), drives)?,
    };
    let image = recording.freeze().map_err(|error| format!("its memory cannot be captured: {error}"))?;
    Ok(prepared.linked(&hollow, InitialMemory::CopyOnWrite(Arc::new(image), None))?)
}

/// Whether `component`, of which the plugin's instances are, can be what forks are instances of: it writes no data by itself, its
/// globals begin as `prepare` has left them, and it has a driver where one is of use.
fn serves_as_it_is<I: PluginInterface>(
    prepared: &Prepared<I>,
    component: &Component,
    after: &Globals,
) -> Result<bool, Obstacle> {
    let InitialMemory::Recorded(Some(_)) = prepared.template.initial_memory() else { return Ok(false) };
    if I::INTERFACE == Interface::Events && prepared.plugin.exports(Interface::Signals) {
        return Ok(false);
    }
    let mut fresh = prepared.template.instantiate(prepared.memory_limit(), &prepared.allowance())?;
    Ok(globals(component, &mut fresh)? == *after)
}

fn globals<I: PluginInterface>(component: &Component, guest: &mut Guest<I>) -> Result<Globals, Obstacle> {
    let (store, instance) = guest.look();
    Ok(Globals::read(component, store, instance).map_err(|error| format!("{error:#}"))?)
}
