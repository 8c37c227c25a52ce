//! Checks of a plugin's bytes before anything is compiled: whether it is a component, and what it imports and exports.
//!
//! Never compiles or runs it.

use std::{fmt, path::PathBuf};

use wasmparser::{BinaryReaderError, Encoding, Parser, Payload};

use super::shape::{self, ShapeError};
use crate::{
    model::{ParamError, quoted},
    task::{ErrorKind, TaskError},
};

/// The package that plugins are written against, up to the part of the version that may differ.
const PACKAGE: &str = "backtest:strategy/";
const VERSION: &str = "@0.1.";

/// The largest plugin, in bytes: an interpreter takes 18 MB, a bomb for the compiler a few more.
pub(super) const MAX_SIZE: usize = 128 << 20;

/// An interface that a plugin may export to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// Answers with target exposures.
    Signals,
    /// Hears of one bar at a time and sends orders.
    Events,
    /// Computes custom tasks.
    Task,
}

impl Interface {
    /// The full name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signals => "backtest:strategy/signals@0.1.0",
            Self::Events => "backtest:strategy/events@0.1.0",
            Self::Task => "backtest:strategy/task@0.1.0",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error of loading a plugin: why a file is not a plugin that can be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file cannot be read.
    #[error("plugin `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The name is neither that of a file nor that of a plugin that is part of the program.
    #[error("unknown plugin `{name}`: it is not a file; {hint}")]
    NoSuch {
        /// The name given.
        name: String,
        /// The bundled plugin that may be meant, or which there are.
        hint: String,
    },
    /// A folder was given.
    #[error("plugin `{}` is a directory; name a .wasm file in it", .0.display())]
    Directory(PathBuf),
    /// The file is empty.
    #[error("plugin `{0}` is empty; build it again")]
    Empty(String),
    /// The file is too large.
    #[error("plugin `{name}` has {size} bytes; the limit is {MAX_SIZE}")]
    TooLarge {
        /// The plugin.
        name: String,
        /// Its size in bytes.
        size: usize,
    },
    /// The bytes are not WebAssembly.
    #[error("plugin `{name}` is not WebAssembly: it starts with `{start}`; give the compiled .wasm file")]
    NotWasm {
        /// The plugin.
        name: String,
        /// Its first bytes, as text.
        start: String,
    },
    /// The bytes are a core module.
    #[error(
        "plugin `{0}` is a core WebAssembly module, not a component; make it one with `host pack {0} -o PLUGIN.wasm`"
    )]
    CoreModule(String),
    /// The bytes are damaged.
    #[error("plugin `{name}` is damaged: {problem}; build it again")]
    Damaged {
        /// The plugin.
        name: String,
        /// What is wrong, and at which offset.
        problem: String,
    },
    /// The component has too much of something for the compiler, or for an instance.
    #[error("plugin `{name}` has {excess}")]
    Shape {
        /// The plugin.
        name: String,
        /// What, how much of it, the limit and its reason.
        excess: String,
    },
    /// The component wants something that no plugin gets.
    #[error(
        "plugin `{name}` imports {imports}; a plugin may import only `backtest:strategy/host@0.1.0` and \
         `backtest:strategy/broker@0.1.0` (no files, clock, network or environment){advice}"
    )]
    ForbiddenImports {
        /// The plugin.
        name: String,
        /// The imports, in backticks.
        imports: String,
        /// How to build without them.
        advice: String,
    },
    /// The component lacks what the host calls.
    #[error("plugin `{name}` does not export {missing}; it exports {found}")]
    MissingExports {
        /// The plugin.
        name: String,
        /// What is missing.
        missing: String,
        /// What it exports instead.
        found: String,
    },
    /// An interface has another shape than the contract says.
    #[error("plugin `{name}` does not fit the contract `backtest:strategy@0.1.0`: {problem}")]
    Mismatch {
        /// The plugin.
        name: String,
        /// What differs.
        problem: String,
    },
    /// The compiler refuses the component.
    #[error("plugin `{name}` does not compile: {problem}")]
    Compile {
        /// The plugin.
        name: String,
        /// What the compiler says.
        problem: String,
    },
    /// The plugin was not compiled for a reason that is not its own.
    #[error("plugin `{name}` was not compiled: {problem}")]
    NotCompiled {
        /// The plugin.
        name: String,
        /// What has happened.
        problem: String,
    },
    /// Nobody waits for the plugin any more.
    #[error("plugin `{name}` is not compiled: that was cancelled")]
    Cancelled {
        /// The plugin.
        name: String,
    },
    /// The plugin has something whose computing cannot be counted.
    #[error(
        "plugin `{name}` cannot be given a budget: {problem} (`--budget none` runs it without, under `--timeout` alone)"
    )]
    Unmetered {
        /// The plugin.
        name: String,
        /// What it has.
        problem: String,
    },
    /// `describe` fails.
    #[error("plugin `{name}` {}", if source.kind == ErrorKind::Host { "was not asked to describe itself" } else { "fails to describe itself" })]
    Describe {
        /// The plugin.
        name: String,
        /// How it fails.
        #[source]
        source: TaskError,
    },
    /// The description makes no sense.
    #[error("plugin `{name}` describes itself wrongly: {problem}")]
    BadDescription {
        /// The plugin.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// A default is not what its own declaration allows.
    #[error("plugin `{name}` declares a default that it does not allow")]
    BadDefault {
        /// The plugin.
        name: String,
        /// Which, and why.
        #[source]
        source: ParamError,
    },
}

/// The imports and exports of a component, by name, and the memory that an instance takes.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Interfaces {
    pub(crate) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    /// Bytes that one instance takes at most besides its memories and tables.
    pub(super) instance_bytes: usize,
}

impl Interfaces {
    /// Whether the component exports `interface`, in any version that the host understands.
    pub(crate) fn exports(&self, interface: Interface) -> bool {
        let wanted = interface.name();
        self.exports.iter().any(|export| export == wanted || compatible(export, wanted))
    }
}

/// Returns what the component `bytes` imports and exports, if the host can run it.
pub(crate) fn check(name: &str, bytes: &[u8]) -> Result<Interfaces, PluginError> {
    check_header(name, bytes)?;
    // First: whatever reads the component from here on is made for less than the limits.
    let instance_bytes = shape::check(bytes).map_err(|error| misshapen(name, error))?;
    let interfaces = Interfaces { instance_bytes, ..read_interfaces(bytes).map_err(|error| damaged(name, &error))? };
    check_imports(name, &interfaces)?;
    check_exports(name, &interfaces)?;
    Ok(interfaces)
}

fn misshapen(name: &str, error: ShapeError) -> PluginError {
    match error {
        ShapeError::Damaged(error) => damaged(name, &error),
        ShapeError::Over(excess) => PluginError::Shape { name: name.to_owned(), excess: excess.to_string() },
    }
}

fn damaged(name: &str, error: &BinaryReaderError) -> PluginError {
    PluginError::Damaged { name: name.to_owned(), problem: error.to_string() }
}

/// Whether the component's modules say which line of their source an instruction comes from.
pub(super) fn has_lines(bytes: &[u8]) -> bool {
    let mut payloads = Parser::new(0).parse_all(bytes).filter_map(Result::ok);
    payloads.any(|payload| matches!(payload, Payload::CustomSection(section) if section.name() == ".debug_line"))
}

fn check_header(name: &str, bytes: &[u8]) -> Result<(), PluginError> {
    const MODULE: &[u8] = &[1, 0, 0, 0];
    if bytes.is_empty() {
        return Err(PluginError::Empty(name.to_owned()));
    }
    if bytes.len() > MAX_SIZE {
        return Err(PluginError::TooLarge { name: name.to_owned(), size: bytes.len() });
    }
    match bytes.strip_prefix(b"\0asm") {
        None => Err(PluginError::NotWasm { name: name.to_owned(), start: start_of(bytes) }),
        Some(rest) if rest.starts_with(MODULE) => Err(PluginError::CoreModule(name.to_owned())),
        Some(_) => Ok(()),
    }
}

/// The first few bytes as one line of text.
fn start_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]);
    text.chars().map(|c| if c.is_control() { '.' } else { c }).collect()
}

/// Reads the names of the outermost component's imports and exports; the compiler validates the rest.
fn read_interfaces(bytes: &[u8]) -> wasmparser::Result<Interfaces> {
    let mut interfaces = Interfaces::default();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: Encoding::Module | Encoding::Component, .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 1 => {
                for import in imports {
                    interfaces.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 1 => {
                for export in exports {
                    interfaces.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(interfaces)
}

fn check_imports(name: &str, interfaces: &Interfaces) -> Result<(), PluginError> {
    // `types` has no functions: a component imports it to name the records that `host` and its exports share.
    let ours = |import: &str| {
        ["host", "broker", "types", "metadata", "signals", "events", "task"]
            .iter()
            .any(|interface| compatible(import, &format!("{PACKAGE}{interface}@0.1.0")))
    };
    let foreign: Vec<_> = interfaces.imports.iter().map(String::as_str).filter(|import| !ours(import)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let advice = wasi_advice(&foreign);
    Err(PluginError::ForbiddenImports { name: name.to_owned(), imports: quoted(&foreign), advice })
}

/// Advice on how each language does without WASI, as far as the imports tell; empty where no import is WASI's.
fn wasi_advice(foreign: &[&str]) -> String {
    /// The features of componentize-js, by the imports that they bring.
    const FEATURES: [(&str, &str); 5] = [
        ("wasi:cli/", "stdio"),
        ("wasi:random/", "random"),
        ("wasi:clocks/", "clocks"),
        ("wasi:http/", "http"),
        ("wasi:http/", "fetch-event"),
    ];
    let imports = |prefix: &str| foreign.iter().any(|import| import.starts_with(prefix));
    if !imports("wasi:") {
        return String::new();
    }
    let features: Vec<_> =
        FEATURES.into_iter().filter(|(prefix, _)| imports(prefix)).map(|(_, feature)| feature).collect();
    let disable =
        if features.is_empty() { "stdio random clocks http fetch-event".to_owned() } else { features.join(" ") };
    format!(
        "; build without WASI: `host build` does; by hand, in Rust for `wasm32-unknown-unknown`, in Python with \
         `componentize-py ... --stub-wasi`, in JavaScript with `componentize-js ... -d {disable}` or `componentize-qjs ... \
         --stub-wasi`, in any language with a WASI preview 1 core module and `host pack`"
    )
}

fn check_exports(name: &str, interfaces: &Interfaces) -> Result<(), PluginError> {
    const METADATA: &str = "backtest:strategy/metadata@0.1.0";
    let mut missing = Vec::new();
    if !interfaces.exports.iter().any(|export| compatible(export, METADATA)) {
        missing.push(format!("`{METADATA}`"));
    }
    let [signals, events, task] = [Interface::Signals, Interface::Events, Interface::Task];
    if ![signals, events, task].into_iter().any(|interface| interfaces.exports(interface)) {
        missing.push(format!("`{signals}`, `{events}` or `{task}`"));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let found = if interfaces.exports.is_empty() { "nothing".to_owned() } else { quoted(&interfaces.exports) };
    Err(PluginError::MissingExports { name: name.to_owned(), missing: missing.join(" and "), found })
}

/// Whether `found` is `wanted` in any patch release of version 0.1.
fn compatible(found: &str, wanted: &str) -> bool {
    let interface = |name: &str| name.split_once(VERSION).map(|(interface, _)| interface.to_owned());
    interface(found).is_some_and(|found| interface(wanted).is_some_and(|wanted| found == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(wat: &str) -> String {
        check("x.wasm", &wat::parse_str(wat).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_component_is_told_what_it_is() {
        let message = |bytes: &[u8]| check("x.wasm", bytes).unwrap_err().to_string();
        assert_eq!(message(b""), "plugin `x.wasm` is empty; build it again");
        assert!(message(b"hello, world\n").contains("starts with `hello, world.`"));
        assert!(message(b"\0asm\x01\0\0\0").contains("host pack x.wasm"));
        assert!(message(b"\0asm\x0d\0\x01\0\xff").contains("damaged"));
    }

    #[test]
    fn forbidden_imports_are_listed_by_name() {
        let wasi = message(r#"(component (import "wasi:cli/exit@0.2.0" (instance)) (import "a:b/c" (instance)))"#);
        assert!(wasi.contains("imports `wasi:cli/exit@0.2.0`, `a:b/c`;"), "{wasi}");
        assert!(wasi.contains("wasm32-unknown-unknown"), "{wasi}");
        assert!(wasi.contains("`componentize-js ... -d stdio`"), "{wasi}");
    }

    #[test]
    fn components_that_are_nested_too_deep_are_refused_before_the_compiler_sees_them() {
        let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        assert!(message(&nested(33)).contains("has 33 components and modules in each other; the limit is 32, because"));
        assert!(message(&nested(32)).contains("does not export"));
    }

    #[test]
    fn missing_exports_are_named_beside_those_found() {
        let nothing = message("(component)");
        assert!(nothing.contains("does not export `backtest:strategy/metadata@0.1.0` and"), "{nothing}");
        assert!(nothing.ends_with("it exports nothing"), "{nothing}");
        let newer = message(
            r#"(component
                (instance $i) (export "backtest:strategy/metadata@0.1.0" (instance $i))
                (export "backtest:strategy/signals@0.2.0" (instance $i)))"#,
        );
        assert!(newer.contains("it exports `backtest:strategy/metadata@0.1.0`, `backtest:strategy/signals@0.2.0`"));
    }

    #[test]
    fn a_component_cut_at_any_byte_is_an_error() {
        let whole = wat::parse_str(r#"(component (core module (func (export "f"))) (component))"#).unwrap();
        for length in 0..whole.len() {
            assert!(check("x.wasm", &whole[..length]).is_err());
        }
    }
}
