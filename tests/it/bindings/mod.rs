//! Low-level bindings: the committed ones are what the contract says.
//!
//! Never asks a compiler. A language without a generator has a file beside [`model`], with a function that writes its bindings
//! as text, and a line in [`BINDINGS`]; Rust's come from wit-bindgen.
//! `UPDATE_BINDINGS=1 cargo test --test it bindings` writes all of them anew.

mod assemblyscript;
mod c;
mod go;
mod model;
mod rust;
mod zig;

use std::fs;

use model::Contract;

/// Writes the bindings of a language.
type Backend = fn(&Contract) -> String;

/// Where the bindings of each language lie, and what writes them.
const BINDINGS: [(&str, Backend); 5] = [
    ("plugins/sdk/assemblyscript/abi.ts", assemblyscript::bindings),
    ("plugins/sdk/c/abi.h", c::bindings),
    ("plugins/sdk/go/internal/abi/imports_wasm.go", go::functions),
    ("plugins/sdk/go/internal/abi/types.go", go::types),
    ("plugins/sdk/zig/abi.zig", zig::bindings),
];

#[test]
fn the_committed_bindings_are_what_the_contract_says() {
    let contract = Contract::read();
    for (path, bindings) in BINDINGS {
        check_committed(path, bindings(&contract).as_bytes());
    }
}

#[test]
fn the_committed_bindings_for_rust_are_what_their_generator_makes_of_the_contract() {
    for (world, items) in rust::WORLDS {
        check_committed(&format!("plugins/sdk/rust/src/bindings/{world}.rs"), rust::bindings(world, items).as_bytes());
    }
}

/// Fails unless the file at `path` has the bytes `expected`; with `UPDATE_BINDINGS` set, writes them.
pub(crate) fn check_committed(path: &str, expected: &[u8]) {
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(path, expected).unwrap();
    }
    let committed = fs::read(path).unwrap_or_default();
    assert!(committed == expected, "`{path}` is not what is generated now; run this test with UPDATE_BINDINGS=1");
}
