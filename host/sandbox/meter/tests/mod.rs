//! Tests of the meter, a file for each kind of promise.

mod budget;
mod components;
mod nans;
mod random;

use wasmtime::{Config, Engine, Instance, Linker, Memory, MemoryType, Module, Store, Trap, Val};

use super::{MEMORY, NAMESPACE, module};

/// An engine that leaves it to the meter which NaN an operation answers.
fn engine() -> Engine {
    let mut config = Config::new();
    config.relaxed_simd_deterministic(true).wasm_wide_arithmetic(true);
    Engine::new(&config).unwrap()
}

/// A metered core module, with a counter that the test owns.
struct Core {
    store: Store<()>,
    counter: Memory,
    instance: wasmtime::Result<Instance>,
}

impl Core {
    /// Instantiates the module `text` with `budget` units.
    fn new(text: &str, budget: i64) -> Self {
        let metered = module::meter(&wat::parse_str(text).unwrap()).unwrap();
        let engine = engine();
        Self::of(&Module::new(&engine, metered).unwrap(), budget)
    }

    fn of(module: &Module, budget: i64) -> Self {
        let mut store = Store::new(module.engine(), ());
        let counter = Memory::new(&mut store, MemoryType::new(1, Some(3))).unwrap();
        counter.write(&mut store, 0, &budget.to_le_bytes()).unwrap();
        let mut linker = Linker::new(module.engine());
        linker.define(&store, NAMESPACE, MEMORY, counter).unwrap();
        let instance = linker.instantiate(&mut store, module);
        Self { store, counter, instance }
    }

    /// Calls the export `name`, and returns its result together with the units left.
    fn call(&mut self, name: &str, args: &[Val]) -> (wasmtime::Result<Vec<Val>>, i64) {
        let instance = self.instance.as_ref().unwrap();
        let function = instance.get_func(&mut self.store, name).unwrap();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let outcome = function.call(&mut self.store, args, &mut results);
        (outcome.map(|()| results), self.left())
    }

    fn left(&self) -> i64 {
        let mut bytes = [0; 8];
        self.counter.read(&self.store, 0, &mut bytes).unwrap();
        i64::from_le_bytes(bytes)
    }
}

fn trap(error: &wasmtime::Error) -> Option<Trap> {
    error.downcast_ref().copied()
}
