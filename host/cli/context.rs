//! The context of a command: its two writers, the terminal, Ctrl-C.

use std::{cell::Cell, io::Write};

use super::{interrupt::Interrupt, reporter::Reporter, terminal::Terminal};

/// Where a command writes, and what it knows of its surroundings.
pub(super) struct Context<'a> {
    pub(super) out: &'a mut dyn Write,
    /// Whether nobody reads what is written to `out` any more.
    pub(super) gone: &'a Cell<bool>,
    pub(super) reporter: Reporter<'a>,
    pub(super) terminal: Terminal,
    pub(super) interrupt: &'a Interrupt,
}
