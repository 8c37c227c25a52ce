//! The meter: writes a compute budget into a finished component, whose functions and loops pay and stop when it is used up.
//!
//! Never runs the component, and never says how large a budget is. Budgets are counted, not timed, and so the same on
//! every machine.
//!
//! A small core module at the head of the component holds the counter: 8 bytes, little endian, at address 0 of a memory
//! of its own, the first memory of the component. Every other core module imports it. At the entry of a function and at
//! the head of a loop the counter goes down by an upper bound of the instructions that run before the next such place;
//! below zero the guest traps there. A memory, unlike a global, can be read after any trap and taken away from outside.
//!
//! On the way, results that are not a number are made the same NaN on every machine (`nan.rs`): code that is not metered has
//! the compiler do that, at a higher price.

mod component;
mod module;
mod nan;
mod points;
#[cfg(test)]
mod tests;
mod weights;

use wasm_encoder::reencode;

/// The export `func() -> s64` that returns the units left.
pub(super) const REMAINING: &str = "meter-remaining";

/// The export `func(budget: s64)` that sets the units left.
pub(super) const REFILL: &str = "meter-refill";

/// The size of the counter's memory as an instance gets it, in bytes.
pub(super) const PAGE: usize = 64 << 10;

/// The units that a fresh instance has until the host sets a budget: for its start functions, some seconds of a tight loop.
pub(super) const CEILING: i64 = 1 << 34;

/// The module name under which core modules import the counter.
const NAMESPACE: &str = "__meter";

/// The name of the counter's memory in the module at the head.
const MEMORY: &str = "memory";

/// Why a component cannot be given a budget.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum MeterError {
    /// The bytes are not a component.
    #[error("the file is not a component; make it one with `host pack`")]
    NotComponent,
    /// The bytes are damaged.
    #[error("the component is damaged: {0}; build it again")]
    Damaged(String),
    /// A component in the component has code of its own.
    #[error(
        "a component in the component has a core module of its own, out of reach of the budget; put all core modules \
         into the outermost component"
    )]
    NestedModule,
    /// A core module comes from outside.
    #[error("core module `{0}` is imported, so its code cannot be metered; define it in the component")]
    ImportedModule(String),
    /// A core module is named from elsewhere than its own component.
    #[error(
        "core module {0} is used by an outer alias, out of reach of the budget; instantiate it in the component that \
         defines it"
    )]
    AliasedModule(u32),
    /// A name of the meter is taken.
    #[error("the component uses the name `{0}`, which is the meter's; rename it")]
    Reserved(String),
    /// Something that the rewriter has no words for.
    #[error("the component cannot be metered: {0}; build it without")]
    Unsupported(String),
}

impl From<wasmparser::Error> for MeterError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<reencode::Error<MeterError>> for MeterError {
    fn from(error: reencode::Error<MeterError>) -> Self {
        match error {
            reencode::Error::UserError(error) => error,
            reencode::Error::ParseError(error) => error.into(),
            other => Self::Unsupported(other.to_string()),
        }
    }
}

/// Returns the component `bytes` with one budget for all its core modules, and the exports [`REMAINING`] and [`REFILL`].
///
/// Its other imports and exports stay as they were, and so does what it computes. Debug information is dropped, since code
/// moves; function names stay.
///
/// # Errors
///
/// Returns an error if there is code that would run without paying, or if the bytes are damaged.
pub(super) fn meter(bytes: &[u8]) -> Result<Vec<u8>, MeterError> {
    component::meter(bytes)
}
