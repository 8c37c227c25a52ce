//! The JavaScript engine (SpiderMonkey) without seeds and clocks of the machine that builds.
//!
//! Never changes what JavaScript does. A component holds the engine as it is when the strategy's modules have been loaded,
//! which happens at the build. Its seeds and clocks would be those of the machine, and no two builds alike; so the engine
//! is given functions of its own where it asks WASI for them.

use wasm_encoder::{
    CodeSection, Function, FunctionSection, MemArg, Module,
    reencode::{Error, Reencode, utils},
};
use wasmparser::{CodeSectionReader, FunctionSectionReader, Parser, Payload, TypeRef};

/// Makes what is called instead of the function with a number.
type Substitute = fn(u32) -> Function;

/// The functions of WASI whose answers differ from build to build.
const REPLACED: [(&str, Substitute); 4] = [
    ("random_get", |_| fill()),
    ("clock_time_get", |_| begin_of_time()),
    ("fd_filestat_get", |real| without_times(real, 2)),
    ("path_filestat_get", |real| without_times(real, 5)),
];

/// What of a file's state says nothing of its content, as offsets in bytes: device, inode and three times.
const FILE_STATE: [u64; 5] = [0, 8, 40, 48, 56];

/// Returns `engine` with the functions of [`REPLACED`], as far as it imports them, replaced by its own.
///
/// # Errors
///
/// Returns an error if the bytes are not a core module.
pub(super) fn without_machine(engine: &[u8]) -> Result<Vec<u8>, String> {
    let mut rewriter = Rewriter::new(engine).map_err(|error| error.to_string())?;
    let mut module = Module::new();
    rewriter.parse_core_module(&mut module, Parser::new(0), engine).map_err(|error| error.to_string())?;
    Ok(module.finish())
}

/// One of [`REPLACED`] that the engine imports.
struct Replaced {
    /// The index of the import.
    import: u32,
    /// The type of both.
    signature: u32,
    /// The index of what is called instead.
    own: u32,
    body: Function,
}

struct Rewriter {
    replaced: Vec<Replaced>,
}

impl Rewriter {
    fn new(engine: &[u8]) -> wasmparser::Result<Self> {
        let (mut functions, mut found) = (0, Vec::new());
        for payload in Parser::new(0).parse_all(engine) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let (TypeRef::Func(signature) | TypeRef::FuncExact(signature)) = import.ty else { continue };
                        let known = REPLACED.iter().find(|(name, _)| *name == import.name);
                        found.extend(known.map(|(_, body)| (functions, signature, body(functions))));
                        functions += 1;
                    }
                }
                Payload::FunctionSection(section) => functions += section.count(),
                _ => {}
            }
        }
        let own = (functions..).zip(found);
        let replaced = own.map(|(own, (import, signature, body))| Replaced { import, signature, own, body }).collect();
        Ok(Self { replaced })
    }
}

impl Reencode for Rewriter {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let replaced = self.replaced.iter().find(|replaced| replaced.import == function);
        Ok(replaced.map_or(function, |replaced| replaced.own))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, functions, section)?;
        for replaced in &self.replaced {
            functions.function(replaced.signature);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        for replaced in &self.replaced {
            code.function(&replaced.body);
        }
        Ok(())
    }
}

/// Fills a buffer with the same byte; zeros would be a bad state for many generators.
fn fill() -> Function {
    let mut function = Function::new([]);
    function.instructions().local_get(0).i32_const(0x5a).local_get(1).memory_fill(0).i32_const(0).end();
    function
}

/// It is always a nanosecond past 1970.
fn begin_of_time() -> Function {
    let mut function = Function::new([]);
    function.instructions().local_get(2).i64_const(1).i64_store(MemArg { offset: 0, align: 3, memory_index: 0 });
    function.instructions().i32_const(0).end();
    function
}

/// Calls `real`, whose last of `parameters` says where the state of a file goes, and takes out of it what changes.
fn without_times(real: u32, parameters: u32) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for parameter in 0..parameters {
        code.local_get(parameter);
    }
    code.call(real);
    for offset in FILE_STATE {
        code.local_get(parameters - 1).i64_const(0).i64_store(MemArg { offset, align: 3, memory_index: 0 });
    }
    code.end();
    function
}
