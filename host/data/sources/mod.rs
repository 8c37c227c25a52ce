//! Sources: what was named on the command line → the contents of tables, unpacked and decoded.
//!
//! Never looks at a value.

pub(super) mod content;
pub(super) mod encoding;
pub(super) mod folders;
pub(super) mod source;
pub(super) mod stems;
pub(super) mod unpack;
