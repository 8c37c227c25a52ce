//! Guests written as core WebAssembly text, so that no compiler for WebAssembly is needed to be hostile.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A `signals` plugin named `hostile` without parameters, whose functions have the bodies given.
///
/// Both bodies leave the address of their answer on the stack; at 128 lies `ok`, with no targets. `$log` takes a level,
/// an address and a length; at 256 lies the text of a panic, 36 bytes long. Memory from 4096 to 65536 is free.
pub(crate) fn guest(prepare: &str, evaluate: &str) -> Vec<u8> {
    with_functions(prepare, evaluate, "")
}

/// The same, with further functions, globals or tables beside them.
pub(crate) fn with_functions(prepare: &str, evaluate: &str, more: &str) -> Vec<u8> {
    component(wat::parse_str(text(prepare, evaluate, more)).expect("the text of a test's guest is valid"))
}

fn text(prepare: &str, evaluate: &str, more: &str) -> String {
    format!(
        r#"(module
            (import "backtest:strategy/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 64)
            (global $free (mut i32) (i32.const 65536))
            (data (i32.const 16) "hostile")
            (data (i32.const 32) "0.1.0")
            (data (i32.const 64) "\10\00\00\00\07\00\00\00\20\00\00\00\05\00\00\00\10\00\00\00")
            (data (i32.const 256) "panicked at lib.rs:1:2: out of luck!")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func (export "backtest:strategy/metadata@0.1.0#describe") (result i32) (i32.const 64))
            (func (export "backtest:strategy/signals@0.1.0#prepare") (param i32 i32) (result i32) {prepare})
            (func $evaluate (export "backtest:strategy/signals@0.1.0#evaluate") (param i32 i32) (result i32) {evaluate})
            {more})"#
    )
}

fn component(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir("wit/v0.1").expect("the contract is valid");
    let world = resolve.select_world(&[package], Some("strategy")).expect("the contract has the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module can be marked");
    let mut encoder = ComponentEncoder::default().module(&module).expect("the module fits the contract");
    encoder.encode().expect("the module can be packed")
}
