//! Files that a generator writes are committed as it writes them.
//!
//! `UPDATE_BINDINGS=1 cargo test --test it` writes them anew.

use std::fs;

/// Fails unless the file at `path` has the bytes `expected`; with `UPDATE_BINDINGS` set, writes them.
pub(crate) fn check_committed(path: &str, expected: &[u8]) {
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(path, expected).unwrap();
    }
    let committed = fs::read(path).unwrap_or_default();
    assert!(committed == expected, "`{path}` is not what is generated now; run this test with UPDATE_BINDINGS=1");
}
