//! State capture by wizer: reads what an instance has become, and writes it into a component that starts from there.
//!
//! Never decides whether that is used. Wizer rewrites a component so that its memory and globals can be read, and later
//! puts what it read into the component as it was; custom sections (names, debug information) stay.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use wasmparser::{Parser, Payload, TypeRef, ValType};
use wasmtime::{
    Store,
    component::{Component, Instance, Lift, Type, WasmList, types::ComponentItem},
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::limits::State;

/// The instance that wizer exports its functions in.
const ACCESS: &str = "wasmtime:wizer/access";

/// Adds access to memory and globals to the component `bytes`, or says why wizer refuses it.
pub(super) fn instrument(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let instrument = || {
        refuse_what_panics(bytes)?;
        wasmtime::error::Ok(wizer().instrument_component(bytes)?.1)
    };
    instrument().map_err(|error| format!("{error:#}"))
}

/// Refuses with an error what wizer panics at; wizer refuses everything else itself.
///
/// It panics at a mutable global of type v128, at a memory with addresses of 64 bits where it checks itself, at an imported
/// tag, and at a module whose globals or memories it must export and that has no section of exports to put them in.
fn refuse_what_panics(bytes: &[u8]) -> wasmtime::Result<()> {
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            // A component has none of what is looked for below.
            Payload::Version { .. } => modules.push(ModuleState::default()),
            Payload::End(_) => modules.pop().unwrap_or_default().check()?,
            _ => {
                if let Some(module) = modules.last_mut() {
                    module.take(payload)?;
                }
            }
        }
    }
    Ok(())
}

/// The state that a module has, and whether it exports anything.
#[derive(Debug, Default)]
struct ModuleState {
    has_state: bool,
    has_exports: bool,
}

impl ModuleState {
    fn take(&mut self, payload: Payload<'_>) -> wasmtime::Result<()> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if let TypeRef::Tag(_) | TypeRef::FuncExact(_) = import?.ty {
                        wasmtime::bail!("an import is a tag or an exact function");
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let ty = global?.ty;
                    if ty.mutable && ty.content_type == ValType::V128 {
                        wasmtime::bail!("a mutable global has type v128");
                    }
                    self.has_state |= ty.mutable;
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    if memory?.memory64 {
                        wasmtime::bail!("a memory has addresses of 64 bits");
                    }
                    self.has_state = true;
                }
            }
            Payload::ExportSection(_) => self.has_exports = true,
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> wasmtime::Result<()> {
        if self.has_state && !self.has_exports {
            wasmtime::bail!("a module has a memory or a mutable global, and no exports");
        }
        Ok(())
    }
}

/// The value of each mutable global of an instance, as bits, under wizer's name for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Globals(Vec<(String, u64)>);

impl Globals {
    /// All of it, as a key.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, bits) in &self.0 {
            bytes.extend((name.len() as u64).to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(bits.to_le_bytes());
        }
        bytes
    }
}

/// The state of an instance: its globals, and the content of its memories.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Captured {
    pub(super) globals: Globals,
    /// The content of each memory, under wizer's name for it.
    pub(super) memories: Vec<(String, Vec<u8>)>,
}

impl Globals {
    /// Reads the globals of `instance` of the instrumented `component`.
    ///
    /// # Errors
    ///
    /// Returns an error if the guest does not answer.
    pub(super) fn read(component: &Component, store: &mut Store<State>, instance: Instance) -> wasmtime::Result<Self> {
        Ok(read(component, store, instance, false)?.globals)
    }
}

impl Captured {
    /// Reads all that `instance` of the instrumented `component` has become.
    ///
    /// # Errors
    ///
    /// Returns an error if the guest has no room for the page in which wizer answers.
    pub(super) fn read(component: &Component, store: &mut Store<State>, instance: Instance) -> wasmtime::Result<Self> {
        read(component, store, instance, true)
    }
}

fn read(
    component: &Component,
    store: &mut Store<State>,
    instance: Instance,
    with_memories: bool,
) -> wasmtime::Result<Captured> {
    let engine = store.engine().clone();
    let mut captured = Captured { globals: Globals(Vec::new()), memories: Vec::new() };
    let Some(ComponentItem::ComponentInstance(access)) =
        component.component_type().get_export(&engine, ACCESS).map(|export| export.ty)
    else {
        return Ok(captured);
    };
    let mut reader = Reader { store, instance };
    for (name, export) in access.exports(&engine) {
        let ComponentItem::ComponentFunc(function) = export.ty else { continue };
        let bits = match function.results().next() {
            Some(Type::S32) => reader.call::<i32>(name)?.cast_unsigned().into(),
            Some(Type::S64) => reader.call::<i64>(name)?.cast_unsigned(),
            Some(Type::Float32) => reader.call::<f32>(name)?.to_bits().into(),
            Some(Type::Float64) => reader.call::<f64>(name)?.to_bits(),
            Some(Type::List(_)) if with_memories => {
                let content = reader.call::<WasmList<u8>>(name)?.as_le_slice(&*reader.store).to_vec();
                captured.memories.push((name.to_owned(), content));
                continue;
            }
            _ => continue,
        };
        captured.globals.0.push((name.to_owned(), bits));
    }
    Ok(captured)
}

/// Returns the component `bytes` in the state that an instance of its instrumented form was in.
///
/// # Errors
///
/// Returns an error if wizer refuses the component, or the state is not one of it.
pub(super) fn snapshot(bytes: &[u8], state: &Captured) -> wasmtime::Result<Vec<u8>> {
    written(bytes, &state.globals, Memories::Captured(&state.memories))
}

/// Returns the component `bytes` with `globals` and without anything in its memories, whose sizes are `minimums` in
/// bytes: copy-on-write forks are instances of it.
///
/// # Errors
///
/// Returns an error if wizer refuses the component, or the state is not one of it.
pub(super) fn hollow(bytes: &[u8], globals: &Globals, minimums: &[usize]) -> wasmtime::Result<Vec<u8>> {
    written(bytes, globals, Memories::Empty(minimums.iter()))
}

fn written(bytes: &[u8], globals: &Globals, memories: Memories<'_>) -> wasmtime::Result<Vec<u8>> {
    let wizer = wizer();
    let (context, _) = wizer.instrument_component(bytes)?;
    let mut known = Known { globals, memories, missing: None };
    let written = finish(pin!(wizer.snapshot_component(&context, &mut known)))?;
    match known.missing {
        Some(name) => wasmtime::bail!("`{name}` was not read"),
        None => Ok(written),
    }
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // The exports stay what they are, so that a snapshot is called like the plugin itself.
    wizer.keep_init_func(true);
    wizer
}

/// Drives a future that never waits: the readers below answer at once.
fn finish<T>(mut future: std::pin::Pin<&mut impl Future<Output = wasmtime::Result<T>>>) -> wasmtime::Result<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => wasmtime::bail!("the snapshot waits for something"),
    }
}

/// Reads memory and globals through the functions that wizer has added.
struct Reader<'a> {
    store: &'a mut Store<State>,
    instance: Instance,
}

impl Reader<'_> {
    /// Calls the function `name`, which wizer's rewriting has put there.
    fn call<R: Lift + 'static>(&mut self, name: &str) -> wasmtime::Result<R> {
        let missing = || wasmtime::Error::msg(format!("wizer has added no `{name}`"));
        let access = self.instance.get_export_index(&mut *self.store, None, ACCESS).ok_or_else(missing)?;
        let func = self.instance.get_export_index(&mut *self.store, Some(&access), name).ok_or_else(missing)?;
        let func = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, func)?;
        Ok(func.call(&mut *self.store, ())?.0)
    }
}

/// Where the content of memories comes from.
enum Memories<'a> {
    /// They are empty, and have these sizes.
    Empty(std::slice::Iter<'a, usize>),
    /// They have been read.
    Captured(&'a [(String, Vec<u8>)]),
}

/// Answers with what has been read before.
struct Known<'a> {
    globals: &'a Globals,
    memories: Memories<'a>,
    missing: Option<String>,
}

impl Known<'_> {
    fn bits(&mut self, name: &str) -> u64 {
        let found = self.globals.0.iter().find(|(known, _)| known == name).map(|(_, bits)| *bits);
        found.unwrap_or_else(|| {
            self.missing = Some(name.to_owned());
            0
        })
    }
}

impl ComponentInstanceState for Known<'_> {
    async fn call_func_ret_list_u8(&mut self, _: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        match &mut self.memories {
            Memories::Empty(minimums) => {
                if let Some(&minimum) = minimums.next() {
                    return contents(&vec![0; minimum]);
                }
            }
            Memories::Captured(memories) => {
                if let Some((_, content)) = memories.iter().find(|(name, _)| name == func) {
                    return contents(content);
                }
            }
        }
        self.missing = Some(func.to_owned());
        contents(&[]);
    }

    async fn call_func_ret_s32(&mut self, _: &str, func: &str) -> i32 {
        (self.bits(func) as u32).cast_signed()
    }

    async fn call_func_ret_s64(&mut self, _: &str, func: &str) -> i64 {
        self.bits(func).cast_signed()
    }

    async fn call_func_ret_f32(&mut self, _: &str, func: &str) -> u32 {
        self.bits(func) as u32
    }

    async fn call_func_ret_f64(&mut self, _: &str, func: &str) -> u64 {
        self.bits(func)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of these made wizer panic, at once or when a state was written.
    #[test]
    fn what_wizer_panics_at_is_refused_with_a_reason() {
        let table = [
            ("(global (mut i32) (i32.const 0))", "and no exports"),
            ("(memory 1)", "and no exports"),
            ("(memory 1) (func) (start 0)", "and no exports"),
            ("(global (mut v128) (v128.const i64x2 0 0)) (export \"g\" (global 0))", "v128"),
            ("(memory i64 1) (export \"m\" (memory 0))", "64 bits"),
            ("(import \"a\" \"b\" (tag)) (export \"m\" (tag 0))", "tag"),
        ];
        for (module, reason) in table {
            for text in [
                format!("(component (core module $m {module}) (core instance (instantiate $m)))"),
                format!("(component (core module {module}))"),
            ] {
                // A tag has to be given.
                let Ok(bytes) = wat::parse_str(&text) else { continue };
                let refusal = instrument(&bytes).unwrap_err();
                assert!(refusal.contains(reason), "{text}: {refusal}");
            }
        }
    }

    #[test]
    fn what_has_exports_or_nothing_to_export_is_instrumented() {
        for module in ["(global i32 (i32.const 0))", "(memory 1) (export \"m\" (memory 0))", "(func)", ""] {
            let text = format!("(component (core module $m {module}) (core instance (instantiate $m)))");
            instrument(&wat::parse_str(&text).unwrap()).unwrap();
        }
    }
}
