//! Finds plugins by what was typed: the name of one that is part of this program, or the path of a file.
//!
//! Never keeps them.

use std::path::Path;

use crate::sandbox::{Plugin, PluginError, Sandbox};

/// The strategies that are part of this program, by name.
pub const STRATEGIES: [&str; 4] = ["momentum", "sma_cross", "mean_reversion", "breakout"];

/// The strategies that work with orders only and are part of this program, by name.
pub const EVENTS: [&str; 2] = ["rotation", "bracket"];

/// The custom task that is part of this program.
pub const TASK: &str = "bootstrap";

/// The grid that comes with the bundled `momentum`, as JSON.
pub const MOMENTUM_GRID: &str = include_str!("../plugins/momentum/grid.json");

/// Whether `name` is that of a plugin that is part of this program.
pub fn is_bundled(name: &str) -> bool {
    bundled(name).is_some()
}

/// Loads the bundled plugin `name`, or the one in the file `name`.
///
/// # Errors
///
/// Returns an error if there is no such file, or it is no plugin; see [`PluginError`].
pub fn load(sandbox: &Sandbox, name: &str) -> Result<Plugin, PluginError> {
    match bundled(name) {
        Some(bytes) => Plugin::from_bytes(sandbox, name, bytes.to_vec()),
        None if !Path::new(name).exists() => {
            let bundled = [STRATEGIES.as_slice(), &EVENTS, &[TASK]].concat().join(", ");
            Err(PluginError::NoSuch { name: name.to_owned(), bundled })
        }
        None => Plugin::load(sandbox, Path::new(name)),
    }
}

/// The bytes of the plugin `name`, if it is part of this program.
fn bundled(name: &str) -> Option<&'static [u8]> {
    match name {
        "momentum" => Some(include_bytes!("../plugins/momentum/momentum.wasm")),
        "sma_cross" => Some(include_bytes!("../plugins/sma_cross/sma_cross.wasm")),
        "mean_reversion" => Some(include_bytes!("../plugins/mean_reversion/mean_reversion.wasm")),
        "breakout" => Some(include_bytes!("../plugins/breakout/breakout.wasm")),
        "rotation" => Some(include_bytes!("../plugins/rotation/rotation.wasm")),
        "bracket" => Some(include_bytes!("../plugins/bracket/bracket.wasm")),
        TASK => Some(include_bytes!("../plugins/bootstrap/bootstrap.wasm")),
        _ => None,
    }
}
