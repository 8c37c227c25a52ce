//! Runs a plugin natively, for its unit tests.
//!
//! Never isolates: a panic is the test's panic. Bounds and choices are the host's to check, so they are not checked here.

#[cfg(not(target_arch = "wasm32"))]
mod play;

#[cfg(not(target_arch = "wasm32"))]
pub use play::{Play, bars, play, targets};

use crate::{
    Description, Error, Param, Series, Strategy, Task, Value,
    export::{Prepared, PreparedTask},
};

/// One target as (bar, instrument, exposure).
pub type Target = (u32, u32, f64);

/// Daily bars of `symbol` from the Unix epoch on that open, peak and close at `close`, with a volume of 1.
pub fn series(symbol: &str, close: &[f64]) -> Series {
    const DAY: i64 = 86_400_000_000_000;
    Series {
        symbol: symbol.to_owned(),
        time: (0..).map(|day| day * DAY).take(close.len()).collect(),
        open: close.to_vec(),
        high: close.to_vec(),
        low: close.to_vec(),
        close: close.to_vec(),
        volume: vec![1.0; close.len()],
    }
}

/// Evaluates one combination of strategy `S` on `data`. What `given` leaves out takes its default.
///
/// # Errors
///
/// Passes on the strategy's error.
///
/// # Panics
///
/// Panics if `given` names a parameter that the strategy does not declare.
pub fn evaluate<S: Strategy>(data: Vec<Series>, given: &[(&str, Value)]) -> Result<Vec<Target>, Error> {
    let answer = Prepared::<S>::new(data)?.evaluate(resolve(&S::describe(), given))?;
    let entries = answer.at.into_iter().zip(answer.instrument).zip(answer.exposure);
    Ok(entries.map(|((at, instrument), exposure)| (at, instrument, exposure)).collect())
}

/// Runs one task of plugin `T` on `data`. What `given` leaves out takes its default.
///
/// # Errors
///
/// Passes on the plugin's error.
///
/// # Panics
///
/// Panics if `given` names a parameter that the plugin does not declare.
pub fn run<T: Task>(data: Vec<Series>, task_id: &str, given: &[(&str, Value)]) -> Result<Vec<u8>, Error> {
    PreparedTask::<T>::new(data)?.run(task_id, resolve(&T::describe(), given))
}

fn resolve(description: &Description, given: &[(&str, Value)]) -> Vec<Param> {
    for (name, _) in given {
        let declared = description.parameters.iter().any(|parameter| parameter.name == *name);
        assert!(declared, "`{}` declares no parameter `{name}`", description.name);
    }
    let value = |name: &str| given.iter().find(|(given, _)| *given == name).map(|(_, value)| value.clone());
    let resolved = description.parameters.iter().map(|parameter| Param {
        name: parameter.name.clone(),
        value: value(&parameter.name).unwrap_or_else(|| parameter.default.clone()),
    });
    resolved.collect()
}
