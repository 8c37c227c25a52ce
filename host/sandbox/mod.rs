//! The sandbox: runs strategies that nobody trusts. Everything about wasmtime is behind this door.
//!
//! Never knows a broker's rules, a metric or a sweep; no type of wasmtime leaves it. A [`Sandbox`] is the engine with
//! its limits, a [`Plugin`] is one checked and compiled component, and [`Prepared`] is a plugin that has seen the data:
//! every task runs in a fork of it and cannot tell what ran before. A [`Session`] is a strategy that hears of bars one by one.
//! `README.md` beside this file is the design note: forks, meter, clock, memory limits, and why they are sound.

mod bindings;
mod cancel;
mod capture;
mod check;
mod compile;
mod compile_process;
mod compiler;
#[cfg(feature = "cli")]
mod cut_short;
mod description;
mod detach;
mod driver;
mod engine;
mod failure;
mod fork;
mod functions;
mod guest;
mod interface;
mod job;
mod limits;
mod memory;
mod meter;
mod orders;
mod plugin;
mod python;
mod rehearsal;
mod session;
mod shape;
mod transfer;

/// What to do where the system has no room for a thread.
pub(crate) use crate::process::way_out;
pub use cancel::Cancel;
#[cfg(feature = "project")]
pub(crate) use check::check;
pub use check::{Interface, PluginError};
pub(crate) use compile_process::{rewrite_messages, serve as serve_compilation};
#[cfg(feature = "cli")]
pub(crate) use cut_short::is_cut_short;
pub(crate) use driver::Tape;
pub(crate) use engine::open_for_guests;
pub use engine::{Backend, ENGINE, Options, Sandbox, SandboxError};
pub use fork::{ForkMethod, ForkSlot, Forking, Prepared};
pub use interface::{Events, PluginInterface, Signals, Task};
pub(crate) use job::{CompileError, Compiled, Reply as CompileReply, Request as CompileRequest, Supervisor};
pub use limits::{Budget, Limits};
pub(crate) use memory::open_for_forks;
pub use plugin::{Plugin, metered};
pub use session::Session;
pub(crate) use transfer::{PluginParts, SharedFork};
