//! Guests written as core WebAssembly text, so that no compiler for WebAssembly is needed to be hostile.

use std::fs;

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
    component(&text("", prepare, evaluate, more), "strategy")
}

/// A `signals` plugin with one integer parameter, `n`, which `evaluate` finds at `local 0 + 16`.
pub(crate) fn parameterised(evaluate: &str, default: u64, maximum: Option<f64>) -> Vec<u8> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let mut spec = [0u8; 72];
    // Name, documentation, the default as an integer, no minimum, the maximum, no choices.
    spec[..8].copy_from_slice(&[0, 5, 0, 0, 1, 0, 0, 0]);
    spec[16] = 1;
    spec[24..32].copy_from_slice(&default.to_le_bytes());
    if let Some(maximum) = maximum {
        spec[48] = 1;
        spec[56..64].copy_from_slice(&maximum.to_le_bytes());
    }
    let data = format!(
        r#"(data (i32.const 88) "{}") (data (i32.const 1024) "{}") (data (i32.const 1280) "n")"#,
        bytes(&[0, 4, 0, 0, 1, 0, 0, 0]),
        bytes(&spec)
    );
    with_functions("(i32.const 128)", evaluate, &data)
}

/// Data that gives a guest `text` as its version, its summary, and the documentation, the default and the first choice of its
/// one parameter, `text`. It lies at 2048.
pub(crate) fn saying(text: &str) -> String {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let words = |words: &[u32]| bytes(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
    let (at, length) = (2048, text.len() as u32);
    // Texts are variant 3 of a value. The parameter has its name, documentation, default, no bounds, and two choices.
    let parameter = [1280, 4, at, length, 3, 0, at, length, 0, 0, 0, 0, 0, 0, 0, 0, 1408, 2];
    format!(
        r#"(data (i32.const 72) "{}") (data (i32.const 1024) "{}") (data (i32.const 1280) "textfine")
        (data (i32.const 1408) "{}") (data (i32.const {at}) "{}")"#,
        words(&[at, length, at, length, 1024, 1]),
        words(&parameter),
        words(&[3, 0, at, length, 3, 0, 1284, 4]),
        bytes(text.as_bytes()),
    )
}

/// A plugin of custom tasks named `hostile`, whose `run` has the body given, with `more` beside it.
pub(crate) fn task_guest(run: &str, more: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "backtest:strategy/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            {COMMON}
            (func (export "backtest:strategy/metadata@0.1.0#describe") (result i32) (i32.const 64))
            (func (export "backtest:strategy/task@0.1.0#prepare") (param i32 i32) (result i32) (i32.const 128))
            (func (export "backtest:strategy/task@0.1.0#run") (param i32 i32 i32 i32) (result i32) {run})
            {more})"#
    );
    component(&text, "custom-task")
}

/// A plugin whose `evaluate` calls WASI, as `imports` names it.
pub(crate) fn with_imports(imports: &str, evaluate: &str, more: &str) -> Vec<u8> {
    component(&text(imports, "(i32.const 128)", evaluate, more), "strategy")
}

/// An `events` plugin named `hostile` without parameters: `functions` are those of its exports whose bodies matter, as
/// `(EXPORT, BODY)`; the others return at once.
///
/// `start` leaves the address of its answer on the stack; at 128 lies `ok`. Functions of the broker are `$submit`,
/// `$cancel` and so on, and `$buy` is a market order for one unit of instrument 0, whose number it returns. Other exports
/// can be `$export`, and `more` can be globals and functions beside them. At 256 lies a text, 36 bytes long.
pub(crate) fn events_guest(functions: &[(&str, &str)], more: &str) -> Vec<u8> {
    let body = |export: &str| functions.iter().find(|(name, _)| *name == export).map(|(_, body)| *body);
    let exports: String = EVENTS
        .iter()
        .map(|(name, signature, default)| {
            let body = body(name).unwrap_or(default);
            format!(r#"(func ${name} (export "backtest:strategy/events@0.1.0#{name}") {signature} {body})"#)
        })
        .collect();
    let describe = body("describe").unwrap_or_default();
    component(
        &format!(
            r#"(module
                (import "backtest:strategy/host@0.1.0" "log" (func $log (param i32 i32 i32)))
                (import "backtest:strategy/broker@0.1.0" "submit"
                    (func $submit (param i32 i32 i32 f64 i32 f64 f64 i32 i64 i32) (result i64)))
                (import "backtest:strategy/broker@0.1.0" "bracket" (func $bracket (param i64 f64 f64) (result i64)))
                (import "backtest:strategy/broker@0.1.0" "one-cancels-other" (func $tie (param i64 i64)))
                (import "backtest:strategy/broker@0.1.0" "cancel" (func $cancel (param i64)))
                (import "backtest:strategy/broker@0.1.0" "target" (func $target (param i32 f64)))
                (import "backtest:strategy/broker@0.1.0" "mute" (func $mute (param i32)))
                (import "backtest:strategy/broker@0.1.0" "fail" (func $fail (param i32 i32 i32)))
                {COMMON}
                (func (export "backtest:strategy/metadata@0.1.0#describe") (result i32) {describe} (i32.const 64))
                (func $buy (result i64)
                    (call $submit (i32.const 0) (i32.const 0) (i32.const 0) (f64.const 1) (i32.const 0) (f64.const nan)
                        (f64.const nan) (i32.const 0) (i64.const 0) (i32.const 0)))
                {exports}
                {more})"#
        ),
        "event-strategy",
    )
}

/// The functions of `events`: their names, their signatures, and bodies that do nothing.
const EVENTS: [(&str, &str, &str); 6] = [
    ("start", "(param i32 i32 i32 i32) (result i32)", "(i32.const 128)"),
    ("on-bar", "(param i32 i64 f64 f64 f64 f64 f64 f64 f64)", ""),
    ("on-time", "(param i64 f64)", ""),
    ("on-fill", "(param i64 i32 f64 f64 f64)", ""),
    ("on-reject", "(param i64 i32)", ""),
    ("finish", "", ""),
];

/// What every guest has: memory, constants, and the allocator that the component model asks for.
const COMMON: &str = r#"
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
        (local.get $at))"#;

fn text(imports: &str, prepare: &str, evaluate: &str, more: &str) -> String {
    format!(
        r#"(module
            (import "backtest:strategy/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            {imports}
            {COMMON}
            (func (export "backtest:strategy/metadata@0.1.0#describe") (result i32) (i32.const 64))
            (func (export "backtest:strategy/signals@0.1.0#prepare") (param i32 i32) (result i32) {prepare})
            (func $evaluate (export "backtest:strategy/signals@0.1.0#evaluate") (param i32 i32) (result i32) {evaluate})
            {more})"#
    )
}

fn component(text: &str, world: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).expect("the text of a test's guest is valid");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir("wit/v0.1").expect("the contract is valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the contract has the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module can be marked");
    let adapter = fs::read("plugins/sdk/adapter/wasi_snapshot_preview1.wasm").expect("the adapter is committed");
    let encoder = ComponentEncoder::default().module(&module).expect("the module fits the contract");
    let mut encoder = encoder.adapter("wasi_snapshot_preview1", &adapter).expect("the adapter fits the contract");
    encoder.encode().expect("the module can be packed")
}
