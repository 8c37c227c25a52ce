//! Packing: makes a component of a core module, so that an author needs only a compiler.
//!
//! Never runs it. A module that carries its world in a custom section, as bindings of wit-bindgen do, is taken at its word;
//! for any other, the world is made of the interfaces that it exports. What it asks of WASI is answered by an adapter
//! inside of the component.

use std::collections::BTreeSet;

use wasm_encoder::{Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::contract;
use crate::sandbox::{Interface, PluginError, check};

/// The module whose functions an operating system answers elsewhere.
const WASI: &str = "wasi_snapshot_preview1";

/// Answers the functions of [`WASI`] from within, and writes what goes to stdout and stderr to the log.
const ADAPTER: &[u8] = include_bytes!("../../plugins/sdk/adapter/wasi_snapshot_preview1.wasm");

/// Why a core module does not become a component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The bytes are a component already.
    #[error("this is a component already; run it as it is")]
    AlreadyComponent,
    /// The bytes are not a core module.
    #[error("this is not a core WebAssembly module; give what the compiler wrote for `wasm32-unknown-unknown`")]
    NotModule,
    /// The bytes are damaged.
    #[error("the module is damaged: {0}; build it again")]
    Damaged(#[from] wasmparser::BinaryReaderError),
    /// The module exports nothing that a host calls.
    #[error(
        "the module exports no function of the contract, such as `{example}`; it exports {found}: is the SDK linked in, \
         and the strategy registered with it?"
    )]
    NoInterface {
        /// An export that would do.
        example: String,
        /// What it exports.
        found: String,
    },
    /// The module wants something that nobody offers.
    #[error("the module imports {imports}; a plugin gets only what is in the contract `backtest:strategy`. {advice}")]
    ForeignImports {
        /// The imports, in backticks.
        imports: String,
        /// How to build without them.
        advice: &'static str,
    },
    /// The module does not keep the contract.
    #[error("the module cannot become a component: {0}; is it built with the SDK?")]
    Encode(String),
    /// The host would not run the component.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// Returns the core module `bytes` as a component that the host can run; `name` stands for it in errors.
///
/// # Errors
///
/// Returns an error if `bytes` is not a core module, imports what plugins do not get, or does not fit the contract.
pub fn pack(name: &str, bytes: &[u8]) -> Result<Vec<u8>, PackError> {
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    if bytes.starts_with(COMPONENT) {
        return Err(PackError::AlreadyComponent);
    }
    if !bytes.starts_with(MODULE) {
        return Err(PackError::NotModule);
    }
    let outline = Outline::read(bytes)?;
    outline.check_imports()?;
    let mut module = stripped(bytes)?;
    if !outline.has_world {
        let (resolve, world) = contract::resolve(&outline.interfaces()?).map_err(PackError::Encode)?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(refused)?;
    }
    let component = encode(&module, outline.needs_wasi())?;
    check(name, &component)?;
    Ok(component)
}

fn encode(module: &[u8], needs_wasi: bool) -> Result<Vec<u8>, PackError> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module).map_err(refused)?;
    if needs_wasi {
        encoder = encoder.adapter(WASI, ADAPTER).map_err(refused)?;
    }
    encoder.encode().map_err(refused)
}

/// What is behind it all: the layers above only say that a module is being encoded.
fn refused(error: anyhow::Error) -> PackError {
    PackError::Encode(error.root_cause().to_string())
}

/// What matters of a core module.
#[derive(Debug, Default)]
struct Outline {
    /// Module and name of each import.
    imports: BTreeSet<(String, String)>,
    exports: BTreeSet<String>,
    /// Whether the module says itself which world it is built for.
    has_world: bool,
}

impl Outline {
    fn read(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut outline = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        outline.imports.insert((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        outline.exports.insert(export?.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => outline.has_world |= section.name().starts_with("component-type"),
                _ => {}
            }
        }
        Ok(outline)
    }

    fn needs_wasi(&self) -> bool {
        self.imports.iter().any(|(module, _)| module == WASI)
    }

    fn check_imports(&self) -> Result<(), PackError> {
        let ours = |module: &str| module == WASI || module.starts_with(contract::PACKAGE);
        let foreign: Vec<_> = self.imports.iter().filter(|(module, _)| !ours(module)).collect();
        if foreign.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = foreign.iter().map(|(module, name)| format!("`{module}.{name}`")).collect();
        Err(PackError::ForeignImports { imports: names.join(", "), advice: advice(&foreign) })
    }

    /// The interfaces of which the module exports at least one function.
    fn interfaces(&self) -> Result<Vec<Interface>, PackError> {
        let exports = |interface: &Interface| {
            let prefix = format!("{interface}#");
            self.exports.iter().any(|export| export.starts_with(&prefix))
        };
        let found: Vec<_> =
            [Interface::Signals, Interface::Events, Interface::Task].into_iter().filter(exports).collect();
        if found.is_empty() {
            let names: Vec<_> = self.exports.iter().map(|name| format!("`{name}`")).collect();
            let found = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            return Err(PackError::NoInterface { example: format!("{}#evaluate", Interface::Signals), found });
        }
        Ok(found)
    }
}

/// How to do without the imports `foreign`.
fn advice(foreign: &[&(String, String)]) -> &'static str {
    let from = |wanted: &str| foreign.iter().any(|(module, _)| module == wanted);
    if from("wasi_unstable") {
        "Build for `wasi_snapshot_preview1`, the newer name of that interface"
    } else if from("__wbindgen_placeholder__") || from("wbg") {
        "A crate brings in wasm-bindgen, which is for browsers: switch off its feature for JavaScript"
    } else if from("env") {
        "What is imported from `env` is declared and never defined: link the object or library that defines it"
    } else {
        "Link what defines them, or do without"
    }
}

/// Returns the module without the custom sections that nobody reads once it is linked. Names and lines stay: a failed task
/// shows them.
fn stripped(bytes: &[u8]) -> wasmparser::Result<Vec<u8>> {
    /// Places of variables, and indices for debuggers.
    const UNREAD: [&str; 6] = [
        ".debug_loc",
        ".debug_loclists",
        ".debug_pubnames",
        ".debug_pubtypes",
        ".debug_gnu_pubnames",
        ".debug_gnu_pubtypes",
    ];
    let lines = |name: &str| name.starts_with(".debug_") && !UNREAD.contains(&name);
    let kept = |name: &str| name == "name" || lines(name) || name.starts_with("component-type");
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if matches!(&payload, Payload::CustomSection(section) if !kept(section.name())) {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &bytes[range] });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module that exports `functions` beside what every component needs.
    fn module(functions: &str) -> Vec<u8> {
        let text = format!(
            r#"(module
                (memory (export "memory") 1)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                {functions})"#
        );
        wat::parse_str(text).unwrap()
    }

    const DESCRIBE: &str = r#"(func (export "backtest:strategy/metadata@0.1.0#describe") (result i32) unreachable)"#;
    const PREPARE: &str =
        r#"(func (export "backtest:strategy/signals@0.1.0#prepare") (param i32 i32) (result i32) unreachable)"#;
    const EVALUATE: &str =
        r#"(func (export "backtest:strategy/signals@0.1.0#evaluate") (param i32 i32) (result i32) unreachable)"#;

    fn problem(functions: &str) -> String {
        pack("x.wasm", &module(functions)).unwrap_err().to_string()
    }

    #[test]
    fn a_module_without_a_world_gets_that_of_its_exports() {
        let component = pack("x.wasm", &module(&[DESCRIBE, PREPARE, EVALUATE].concat())).unwrap();
        let shape = check("x.wasm", &component).unwrap();
        assert!(shape.exports(Interface::Signals) && !shape.exports(Interface::Events));
    }

    #[test]
    fn what_a_module_lacks_is_named() {
        let nothing = problem("");
        assert!(nothing.contains("such as `backtest:strategy/signals@0.1.0#evaluate`"), "{nothing}");
        assert!(nothing.contains("`cabi_realloc`, `memory`"), "{nothing}");
        let half = problem(&[DESCRIBE, EVALUATE].concat());
        assert!(half.contains("`backtest:strategy/signals@0.1.0` function `prepare`"), "{half}");
        let nameless = problem(&[PREPARE, EVALUATE].concat());
        assert!(nameless.contains("`backtest:strategy/metadata@0.1.0` function `describe`"), "{nameless}");
    }

    #[test]
    fn a_function_of_another_shape_is_named() {
        let other = problem(
            r#"(func (export "backtest:strategy/metadata@0.1.0#describe") (param i32) (result i32) unreachable)
               (func (export "backtest:strategy/signals@0.1.0#evaluate") (result i32) unreachable)"#,
        );
        assert!(other.contains("type mismatch for function `describe`"), "{other}");
    }

    #[test]
    fn what_nobody_offers_is_refused_with_the_way_out() {
        let module = |import: &str| wat::parse_str(format!("(module (import {import} (func)))")).unwrap();
        let problem = |import| pack("x.wasm", &module(import)).unwrap_err().to_string();
        let env = problem(r#""env" "abort""#);
        assert!(env.contains("imports `env.abort`") && env.contains("declared and never defined"), "{env}");
        assert!(problem(r#""wbg" "x""#).contains("wasm-bindgen"));
        assert!(problem(r#""wasi_unstable" "fd_write""#).contains("preview1"));
        let net = problem(r#""wasi_snapshot_preview1" "no_such_call""#);
        assert!(net.contains("no_such_call") || net.contains("exports no function"), "{net}");
    }

    #[test]
    fn wasi_is_answered_from_within() {
        let functions = r#"(func (export "_initialize"))"#;
        let text = format!(
            r#"(module
                (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
                (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
                (memory (export "memory") 1)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                {functions}{DESCRIBE}{PREPARE}{EVALUATE})"#
        );
        let component = pack("x.wasm", &wat::parse_str(text).unwrap()).unwrap();
        let imports = check("x.wasm", &component).unwrap().imports;
        assert!(imports.iter().all(|import| import.starts_with(contract::PACKAGE)), "{imports:?}");
    }

    #[test]
    fn sections_that_nobody_reads_are_left_out() {
        let mut bytes = module(&[DESCRIBE, PREPARE, EVALUATE].concat());
        let plain = pack("x.wasm", &bytes).unwrap();
        bytes.extend([0, 14, 9]);
        bytes.extend(b"producers\0\0\0\0");
        assert_eq!(pack("x.wasm", &bytes).unwrap(), plain);
    }
}
