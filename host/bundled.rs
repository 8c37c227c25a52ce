//! Bundled plugins: the components that are part of this program, by name.
//!
//! Never keeps a loaded plugin.

use std::path::Path;

use crate::{
    model::nearest,
    sandbox::{Plugin, PluginError, Sandbox},
};

/// The bundled strategies that answer with targets, by name.
pub const STRATEGIES: [&str; 4] = ["momentum", "sma_cross", "mean_reversion", "breakout"];

/// The bundled strategies that work with orders only, by name.
pub const EVENTS: [&str; 2] = ["rotation", "bracket"];

/// The bundled custom task, by name.
pub const TASK: &str = "bootstrap";

/// The grid that comes with the bundled `momentum`, as JSON.
pub const MOMENTUM_GRID: &str = include_str!("../plugins/momentum/grid.json");

/// The names of all bundled plugins.
pub fn all() -> Vec<&'static str> {
    [STRATEGIES.as_slice(), &EVENTS, &[TASK]].concat()
}

/// Whether `name` is that of a plugin that is part of this program.
pub fn is_bundled(name: &str) -> bool {
    bytes(name).is_some()
}

/// Loads the bundled plugin `name`, or the one in the file `name`.
///
/// # Errors
///
/// Returns an error if there is no such file, or it is not a plugin; see [`PluginError`].
pub fn load(sandbox: &Sandbox, name: &str) -> Result<Plugin, PluginError> {
    match bytes(name) {
        Some(bytes) => Plugin::bundled(sandbox, name, bytes),
        None if !Path::new(name).exists() => {
            let bundled = all();
            let near = nearest::find(name, bundled.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let hint = near.unwrap_or_else(|| format!("the bundled ones are {}", bundled.join(", ")));
            Err(PluginError::NoSuch { name: name.to_owned(), hint })
        }
        None => Plugin::load(sandbox, Path::new(name)),
    }
}

/// The component of the bundled plugin `name`, if there is one.
pub fn bytes(name: &str) -> Option<&'static [u8]> {
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
