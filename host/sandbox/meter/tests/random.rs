//! Random modules: each computes the same with a meter as without.

use arbitrary::Unstructured;
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};
use wasm_smith::Config as Shape;
use wasmtime::{Config, Engine, Instance, Linker, Module, Store, Trap, Val, ValType};

use super::{Core, engine, module, trap};
use crate::sandbox::meter::points::{TARIFF, Tariff};

const MODULES: usize = 800;

/// Units of wasmtime's own that a run without a meter may take; a longer one is not compared.
const FUEL: u64 = 100_000;

/// The real one; and two that add no more to a charge than wasmtime does to an entry, and split every switch, with and
/// without arms that are prepaid.
const TARIFFS: [Tariff; 3] =
    [TARIFF, Tariff { charge: 1, long: 0, prepaid: TARIFF.prepaid }, Tariff { charge: 1, long: 0, prepaid: -1 }];

#[test]
fn random_modules_compute_the_same_with_a_meter_and_pay_for_every_instruction() {
    let fueled = fueled();
    let metered = engine();
    let mut compared = 0;
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for at in 0..MODULES {
        let Some(bytes) = random_module(&mut random, at % 3 == 0) else { continue };
        // Types that are collected as garbage are not compiled into this wasmtime, and the generator cannot leave out all.
        let Ok(plain) = Module::new(&fueled, &bytes) else { continue };
        let Some((expected, instructions)) = observe_plain(&plain) else { continue };
        for tariff in TARIFFS {
            let module = Module::new(&metered, module::meter_with(&bytes, tariff).unwrap()).unwrap();
            let (found, units) = observe_metered(&module);
            assert_eq!(found.as_ref(), Some(&expected), "module {at}: {bytes:?}");
            assert!(units >= instructions, "module {at}, {tariff:?}: {units} for {instructions}: {bytes:?}");
        }
        compared += 1;
    }
    assert!(compared > MODULES / 2, "only {compared} modules were compared");
}

/// Modules made by chance hardly have switches, so that these are made of little else.
#[test]
fn random_jumps_pay_for_every_instruction() {
    let (fueled, metered) = (fueled(), engine());
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut compared = 0;
    for at in 0..MODULES {
        let text = format!(
            "(module (func (export \"f\") (param $x i32) (result i32) {} (local.get $x)))",
            statements(&mut random, 0, 0)
        );
        let bytes = wat::parse_str(&text).unwrap();
        let Some((expected, instructions)) = observe_plain(&Module::new(&fueled, &bytes).unwrap()) else { continue };
        for tariff in TARIFFS {
            let module = Module::new(&metered, module::meter_with(&bytes, tariff).unwrap()).unwrap();
            let (found, units) = observe_metered(&module);
            assert_eq!(found.as_ref(), Some(&expected), "{at}: {text}");
            assert!(units >= instructions, "{at}, {tariff:?}: {units} for {instructions}: {text}");
        }
        compared += 1;
    }
    assert!(compared > MODULES / 2, "only {compared} functions were compared");
}

/// Statements within `depth` blocks and the function, of which `nesting` lie in each other.
fn statements(random: &mut TestRng, depth: u32, nesting: u32) -> String {
    // Where it goes depends on a number that every step changes.
    const STEP: &str = "(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1103515245)) (i32.const 12345)))";
    const CHANCE: &str = "(i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 7))";
    let mut text = String::new();
    for _ in 0..1 + random.next_u32() % 4 {
        let label = random.next_u32() % (depth + 1);
        // What is skipped without being paid shows where it is longer than what is paid without being run.
        text += &STEP.repeat(if random.next_u32().is_multiple_of(4) { 30 } else { 1 });
        let kind = if nesting > 4 { 4 + random.next_u32() % 4 } else { random.next_u32() % 8 };
        let statement = match kind {
            0 | 1 => format!("(block {})", statements(random, depth + 1, nesting + 1)),
            2 => format!("(loop {})", statements(random, depth + 1, nesting + 1)),
            3 => {
                let arms = [(); 2].map(|()| statements(random, depth + 1, nesting + 1));
                format!("(if {CHANCE} (then {}) (else {}))", arms[0], arms[1])
            }
            // What a function returns goes to its own label.
            4 if label < depth => format!("(br {label})"),
            5 if label < depth => format!("(br_if {label} {CHANCE})"),
            6 if depth > 1 => {
                let labels: Vec<_> = (0..4).map(|_| (random.next_u32() % depth).to_string()).collect();
                format!("(br_table {} {CHANCE})", labels.join(" "))
            }
            _ => String::new(),
        };
        text += &statement;
    }
    text
}

fn fueled() -> Engine {
    let mut config = Config::new();
    config.consume_fuel(true);
    config.relaxed_simd_deterministic(true).cranelift_nan_canonicalization(true).wasm_wide_arithmetic(true);
    Engine::new(&config).unwrap()
}

/// A module that needs nothing from outside and shows everything that it has.
fn random_module(random: &mut TestRng, references: bool) -> Option<Vec<u8>> {
    let shape = Shape {
        max_imports: 0,
        export_everything: true,
        min_funcs: 2,
        max_instructions: 400,
        max_memories: 2,
        max_tables: 2,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_table_elements: 1000,
        memory_max_size_required: true,
        table_max_size_required: true,
        memory64_enabled: true,
        tail_call_enabled: true,
        relaxed_simd_enabled: true,
        wide_arithmetic_enabled: true,
        reference_types_enabled: references,
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        custom_page_sizes_enabled: false,
        ..Shape::default()
    };
    let mut seed = vec![0; 1 << 13];
    random.fill_bytes(&mut seed);
    wasm_smith::Module::new(shape, &mut Unstructured::new(&seed)).ok().map(|module| module.to_bytes())
}

/// What a module does without a meter, and how many instructions its calls take as wasmtime counts them; none if it does
/// not end in time.
fn observe_plain(module: &Module) -> Option<(Vec<String>, i64)> {
    let mut store = Store::new(module.engine(), ());
    store.set_fuel(FUEL).unwrap();
    let instance = Linker::new(module.engine()).instantiate(&mut store, module);
    let fuel = store.get_fuel().unwrap();
    let seen = observe(&mut store, module, instance)?;
    Some((seen, (fuel - store.get_fuel().unwrap()) as i64))
}

/// What a module does with a meter, and the units that its calls take.
fn observe_metered(module: &Module) -> (Option<Vec<String>>, i64) {
    let mut core = Core::of(module, i64::MAX);
    let instance = std::mem::replace(&mut core.instance, Err(wasmtime::Error::msg("taken")));
    let units = core.left();
    let seen = observe(&mut core.store, module, instance);
    (seen, units - core.left())
}

/// Calls every exported function twice, and writes down results, traps, globals, memories and sizes of tables. None if
/// fuel or stack ran out: where that is differs with the meter.
fn observe(store: &mut Store<()>, module: &Module, instance: wasmtime::Result<Instance>) -> Option<Vec<String>> {
    let mut seen = Vec::new();
    let instance = match instance {
        Ok(instance) => instance,
        Err(error) => return Some(vec![failure(&error)?]),
    };
    for export in module.exports() {
        let Some(function) = instance.get_func(&mut *store, export.name()) else { continue };
        let ty = function.ty(&*store);
        let mut results = vec![Val::I32(0); ty.results().len()];
        for number in [0, 7] {
            let args: Vec<_> = ty.params().map(|ty| value(&ty, number)).collect();
            match function.call(&mut *store, &args, &mut results) {
                Ok(()) => seen.extend(results.iter().map(shown)),
                Err(error) => seen.push(failure(&error)?),
            }
        }
    }
    for export in module.exports() {
        if let Some(global) = instance.get_global(&mut *store, export.name()) {
            seen.push(shown(&global.get(&mut *store)));
        } else if let Some(memory) = instance.get_memory(&mut *store, export.name()) {
            seen.push(blake3::hash(memory.data(&*store)).to_string());
        } else if let Some(table) = instance.get_table(&mut *store, export.name()) {
            seen.push(table.size(&*store).to_string());
        }
    }
    Some(seen)
}

fn failure(error: &wasmtime::Error) -> Option<String> {
    match trap(error) {
        Some(Trap::OutOfFuel | Trap::StackOverflow) => None,
        Some(trap) => Some(trap.to_string()),
        None => Some(error.root_cause().to_string()),
    }
}

fn value(ty: &ValType, number: u8) -> Val {
    match ty {
        ValType::I32 => Val::I32(number.into()),
        ValType::I64 => Val::I64(number.into()),
        ValType::F32 => Val::F32(f32::from(number).to_bits()),
        ValType::F64 => Val::F64(f64::from(number).to_bits()),
        ValType::V128 => Val::V128(u128::from(number).into()),
        ValType::Ref(reference) => Val::null_ref(reference.heap_type()),
    }
}

/// A value by its bits; of a reference only whether it is null.
fn shown(value: &Val) -> String {
    match value {
        Val::FuncRef(function) => format!("function: {}", function.is_some()),
        Val::ExternRef(object) => format!("object: {}", object.is_some()),
        Val::V128(bits) => format!("v128: {}", bits.as_u128()),
        other => format!("{other:?}"),
    }
}
