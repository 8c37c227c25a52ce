//! Support for the tests of all promises: the program, files, guests, sandboxes, data. No test is in here.

pub(crate) mod guest;

mod files;
mod program;
mod sandbox;

pub(crate) use self::{
    files::{Folder, component, component_path, rows_of},
    program::{Run, check_refused, host},
    sandbox::{OK, sandbox, ten_bars},
};
