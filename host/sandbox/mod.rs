//! Runs strategies that nobody trusts: everything about wasmtime is behind this door.
//!
//! Never knows a broker's rules, a metric or a sweep; no type of wasmtime leaves it. A [`Sandbox`] is the engine with
//! its limits, a [`Plugin`] is one checked and compiled component, and [`Prepared`] is a plugin that has seen the data:
//! every task runs in a fork of it and cannot tell what ran before. A [`Session`] is one that hears of bars one by one.

mod bindings;
mod capture;
mod check;
mod compile;
mod engine;
mod failure;
mod functions;
mod guest;
mod limits;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(not(target_os = "linux"))]
#[path = "no_memory.rs"]
mod memory;
mod meter;
mod orders;
mod plugin;
mod prepared;
mod rehearsal;
mod replay;
mod session;

pub(crate) use check::check;
pub use check::{Interface, PluginError};
pub use engine::{Options, Route, Sandbox, SandboxError};
pub use limits::{Budget, Limits};
pub use plugin::{Plugin, metered};
pub use prepared::{Answer, Forking, Prepared, Seat};
pub use session::Session;
