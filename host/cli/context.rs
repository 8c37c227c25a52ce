//! The context of a command: its two writers, the terminal, Ctrl-C.
//!
//! Never writes by itself.

use std::{cell::Cell, io::Write, sync::Arc};

use super::{interrupt::Interrupt, reporter::Reporter, terminal::Terminal};
use crate::process::Cluster;

/// The writers and the surroundings of a command.
pub(super) struct Context<'a> {
    pub(super) out: &'a mut dyn Write,
    /// True once the reader of `out` has gone.
    pub(super) gone: &'a Cell<bool>,
    pub(super) reporter: Reporter<'a>,
    pub(super) terminal: Terminal,
    pub(super) interrupt: &'a Interrupt,
    /// The cluster that runs the tasks of plugins, instead of this machine.
    pub(super) cluster: Option<Arc<dyn Cluster>>,
}
