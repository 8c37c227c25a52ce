//! The contract (WIT) as text, and the worlds made of it.
//!
//! Never changes the contract: a world of a project only says which of its interfaces a plugin exports.

use wit_parser::{Resolve, SourceMap, WorldId};

use crate::sandbox::Interface;

/// The files of the contract: name and text.
pub(super) const FILES: [(&str, &str); 8] = [
    ("broker.wit", include_str!("../../wit/v0.1/broker.wit")),
    ("events.wit", include_str!("../../wit/v0.1/events.wit")),
    ("host.wit", include_str!("../../wit/v0.1/host.wit")),
    ("metadata.wit", include_str!("../../wit/v0.1/metadata.wit")),
    ("signals.wit", include_str!("../../wit/v0.1/signals.wit")),
    ("task.wit", include_str!("../../wit/v0.1/task.wit")),
    ("types.wit", include_str!("../../wit/v0.1/types.wit")),
    ("worlds.wit", include_str!("../../wit/v0.1/worlds.wit")),
];

/// The name of the world of a project.
pub(super) const WORLD: &str = "plugin";

/// What every interface of the contract begins with, in the names of imports and exports.
pub(super) const PACKAGE: &str = "backtest:strategy/";

/// Returns the world, as a file of the contract's package, of a plugin that exports `interfaces`.
pub(super) fn world(interfaces: &[Interface]) -> String {
    let short = |interface: &Interface| {
        let name = interface.name();
        name[PACKAGE.len()..].split('@').next().unwrap_or_default().to_owned()
    };
    let exports: String = interfaces.iter().map(|interface| format!("export {}; ", short(interface))).collect();
    format!("world {WORLD} {{ import host; import broker; export metadata; {exports}}}\n")
}

/// Reads the contract with the world of a plugin that exports `interfaces`.
///
/// # Errors
///
/// Returns an error if the text is not WIT, which would be a fault of this program.
pub(super) fn resolve(interfaces: &[Interface]) -> Result<(Resolve, WorldId), String> {
    let mut sources = SourceMap::new();
    for (name, text) in FILES {
        sources.push_str(name, text);
    }
    sources.push_str("plugin.wit", world(interfaces));
    let group = sources.parse().map_err(|(sources, error)| error.render(&sources))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group).map_err(|error| error.to_string())?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(|error| format!("{error:#}"))?;
    Ok((resolve, world))
}
