//! The context of a command: its two writers, the terminal, Ctrl-C.
//!
//! Never writes by itself.

use std::{cell::Cell, ffi::OsString, io::Write, path::Path, sync::Arc};

use super::{interrupt::Interrupt, piped::Piped, reporter::Reporter, terminal::Terminal};
use crate::{process::Cluster, report::shell_word};

/// The writers and the surroundings of a command.
pub(super) struct Context<'a> {
    pub(super) out: &'a mut dyn Write,
    /// True once the reader of `out` has gone.
    pub(super) gone: &'a Cell<bool>,
    pub(super) reporter: Reporter<'a>,
    pub(super) terminal: Terminal,
    pub(super) interrupt: &'a Interrupt,
    /// The command line, the program's name first.
    pub(super) args: &'a [OsString],
    /// The cluster that runs the tasks of plugins, instead of this machine.
    pub(super) cluster: Option<Arc<dyn Cluster>>,
    /// The rows that go to standard output, where nothing else is to go then.
    pub(super) piped: Option<Piped>,
}

impl Context<'_> {
    /// The command line as one types it where the files are: paths are names, and the file of a report is left out.
    pub(super) fn typed(&self) -> String {
        let mut words = vec!["host".to_owned()];
        let mut rest = self.args.iter().skip(1).map(|word| word.to_string_lossy());
        while let Some(word) = rest.next() {
            if ["--out", "-o", "--report"].contains(&&*word) {
                rest.next();
            } else if !["--out=", "-o", "--report="].iter().any(|start| word.starts_with(start)) {
                words.push(shell_word(&name_of(&word)));
            }
        }
        words.join(" ")
    }
}

/// A path without its folders.
fn name_of(word: &str) -> String {
    let is_path = word.contains('/') && !word.contains('=');
    let name = is_path.then(|| Path::new(word).file_name()).flatten();
    name.map_or_else(|| word.to_owned(), |name| name.to_string_lossy().into_owned())
}
