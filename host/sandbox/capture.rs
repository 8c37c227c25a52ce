//! Reads what an instance has become, and writes it into a component that starts from there.
//!
//! Never decides whether that is used. Wizer rewrites a component so that its memory and globals can be read, and later
//! puts what it read into the component as it was; custom sections (names, debug information) stay.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use wasmparser::{Parser, Payload, ValType};
use wasmtime::{
    Store,
    component::{Component, Instance, Lift, WasmList},
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::{engine::Sandbox, limits::State};

/// Compiles `bytes` with access to their memory and globals added, or says why wizer refuses them.
pub(super) fn instrument(sandbox: &Sandbox, bytes: &[u8]) -> Result<Component, String> {
    let compile = || {
        refuse_vector_globals(bytes)?;
        let (_, instrumented) = wizer().instrument_component(bytes)?;
        Component::from_binary(&sandbox.engine, &instrumented)
    };
    compile().map_err(|error: wasmtime::Error| format!("{error:#}"))
}

/// Wizer panics at a mutable global of type v128; every other refusal of its is an error.
fn refuse_vector_globals(bytes: &[u8]) -> wasmtime::Result<()> {
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::GlobalSection(globals) = payload? else { continue };
        for global in globals {
            let ty = global?.ty;
            if ty.mutable && ty.content_type == ValType::V128 {
                wasmtime::bail!("a mutable global has type v128");
            }
        }
    }
    Ok(())
}

/// Returns the component `bytes` in the state that `instance` of its instrumented form is in.
pub(super) fn snapshot(bytes: &[u8], store: &mut Store<State>, instance: Instance) -> wasmtime::Result<Vec<u8>> {
    let wizer = wizer();
    let (context, _) = wizer.instrument_component(bytes)?;
    let mut reader = Reader { store, instance };
    finish(pin!(wizer.snapshot_component(&context, &mut reader)))
}

fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    // The exports stay what they are, so that a snapshot is called like the plugin itself.
    wizer.keep_init_func(true);
    wizer
}

/// Drives a future that never waits: the reader below answers at once.
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
    /// Calls `func` of `instance`, which wizer's rewriting has put there.
    fn call<R: Lift + 'static>(&mut self, instance: &str, func: &str) -> R {
        let added = "wizer adds this function to every component that it instruments";
        let instance = self.instance.get_export_index(&mut *self.store, None, instance).expect(added);
        let func = self.instance.get_export_index(&mut *self.store, Some(&instance), func).expect(added);
        let func = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, func).expect(added);
        func.call(&mut *self.store, ()).expect("a function that reads memory or a global does not trap").0
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        let list: WasmList<u8> = self.call(instance, func);
        contents(list.as_le_slice(&self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call::<f32>(instance, func).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call::<f64>(instance, func).to_bits()
    }
}
