//! The profile of a process: what it does once it is confined.
//!
//! Never says how it is kept to that.

/// What a process does once it is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// It makes code of plugins and runs none of it: memory cannot be made executable.
    Compiler,
    /// It loads code of plugins and runs it.
    Worker,
}
