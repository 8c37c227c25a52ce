//! Mutated components: whatever becomes of a plugin's bytes, it is a plugin or an error, and nothing panics.
//!
//! Each mutant goes the whole way: check, compile, instantiate, describe, prepare, one task. `HOST_MUTANTS=5000` runs so many
//! of each kind instead of a few; a mutant is named by its kind, its plugin and its number, and is the same each time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use arbitrary::Unstructured;
use host::{
    model::Params,
    sandbox::{ForkMethod, Interface, Plugin, Prepared, Sandbox, Signals},
};
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};
use wasm_encoder::{Component, InstanceSection, ModuleArg, ModuleSection, NestedComponentSection, RawSection};
use wasmparser::{Parser, Payload};

use crate::support::{
    self, OK, component,
    guest::{guest, parameterised, with_functions},
    ten_bars,
};

/// The longest that a mutant may take, on a machine that does other things, too.
const LONGEST: Duration = Duration::from_secs(60);

fn mutants(few: u64) -> u64 {
    std::env::var("HOST_MUTANTS").ok().map_or(few, |number| number.parse().expect("HOST_MUTANTS is a number"))
}

fn sandbox() -> Sandbox {
    sandbox_of(32)
}

/// A sandbox whose guests have so many MiB each.
fn sandbox_of(mib: usize) -> Sandbox {
    support::sandbox(ForkMethod::Auto, |limits| {
        limits.timeout = Duration::from_secs(2);
        limits.prepare_timeout = Duration::from_secs(2);
        limits.memory = Some(mib << 20);
    })
}

fn random(kind: u8, number: u64) -> TestRng {
    let mut seed = [kind; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

/// The small guests of other tests, which compile in milliseconds.
fn small_plugins() -> Vec<Vec<u8>> {
    let globals = "(global (mut i32) (i32.const 3)) (table 4 funcref) (func $f (param i64) (result i64) (local.get 0))";
    vec![guest(OK, OK), with_functions(OK, OK, globals), parameterised(OK, 3, Some(9.0))]
}

/// Takes `bytes` the whole way, and returns whether they became a plugin.
fn run(sandbox: &Sandbox, what: &str, bytes: Vec<u8>) -> bool {
    let begun = Instant::now();
    let told = catch_unwind(AssertUnwindSafe(|| whole_way(sandbox, bytes)));
    let told = told.unwrap_or_else(|_| panic!("{what} panics"));
    for text in &told {
        assert!(!text.contains("a bug of the"), "{what}: {text}");
    }
    assert!(begun.elapsed() < LONGEST, "{what} took {:?}", begun.elapsed());
    told.is_empty()
}

/// What was told on the way of `bytes` to a first task; nothing if all went well.
fn whole_way(sandbox: &Sandbox, bytes: Vec<u8>) -> Vec<String> {
    let plugin = match Plugin::from_bytes(sandbox, "mutant.wasm", bytes) {
        Ok(plugin) => plugin,
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            return [Some(error.to_string()), source].into_iter().flatten().collect();
        }
    };
    if !plugin.exports(Interface::Signals) {
        return Vec::new();
    }
    match Prepared::<Signals>::new(&plugin, ten_bars()) {
        Ok(prepared) => {
            prepared.evaluate(&Params::new()).outcome.err().map(|error| error.to_string()).into_iter().collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

/// The component `bytes` with what `change` makes of each of its core modules, by their number.
fn with_modules(bytes: &[u8], mut change: impl FnMut(usize, &[u8]) -> Option<Vec<u8>>) -> Component {
    let mut changed = Component::new();
    let (mut depth, mut modules) = (0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.unwrap();
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
        // Sections of what lies within are part of the section that holds it.
        let Some((id, range)) = payload.as_section().filter(|_| depth == 1) else { continue };
        let own = &bytes[range];
        let new = matches!(payload, Payload::ModuleSection { .. }).then(|| change(modules, own)).flatten();
        modules += usize::from(matches!(payload, Payload::ModuleSection { .. }));
        changed.section(&RawSection { id, data: new.as_deref().unwrap_or(own) });
    }
    changed
}

#[test]
fn plugins_whose_modules_are_mutated_never_panic() {
    let sandbox = sandbox();
    let mut plugins = small_plugins();
    plugins.extend(["sma_cross", "faulty"].map(component));
    let mut alive = 0;
    let count = mutants(40);
    for (which, plugin) in plugins.iter().enumerate() {
        // The large ones take a hundred times as long.
        let count = if plugin.len() > 20_000 { count.div_ceil(8) } else { count };
        for number in 0..count {
            let mut random = random(1, number);
            let mutated = with_modules(plugin, |_, module| mutated(module, &mut random)).finish();
            alive += u64::from(run(&sandbox, &format!("mutated modules, plugin {which}, {number}"), mutated));
        }
    }
    assert!(alive > count / 10, "only {alive} mutants were plugins: nothing past the compiler was tried");
}

/// A module after a few changes by wasm-mutate; none if it finds nothing to change.
fn mutated(module: &[u8], random: &mut TestRng) -> Option<Vec<u8>> {
    let mut module = module.to_vec();
    for _ in 0..1 + random.next_u32() % 4 {
        let changed = {
            let mut mutate = wasm_mutate::WasmMutate::default();
            mutate.seed(random.next_u64()).fuel(300).preserve_semantics(random.next_u32().is_multiple_of(2));
            // What wasm-mutate cannot do to a module is no matter of ours.
            let first = mutate.run(&module).ok().and_then(|mut mutants| mutants.next());
            first?.ok()?
        };
        module = changed;
    }
    Some(module)
}

#[test]
fn plugins_with_random_bytes_never_panic() {
    let sandbox = sandbox();
    for (which, plugin) in small_plugins().iter().enumerate() {
        for number in 0..mutants(150) {
            let mut random = random(2, number);
            let mut bytes = plugin.clone();
            for _ in 0..1 + random.next_u32() % 3 {
                scribble(&mut bytes, &mut random);
            }
            run(&sandbox, &format!("random bytes, plugin {which}, {number}"), bytes);
        }
    }
}

/// Changes, removes, repeats or adds a few bytes.
fn scribble(bytes: &mut Vec<u8>, random: &mut TestRng) {
    let at = random.next_u32() as usize % bytes.len();
    let end = (at + 1 + random.next_u32() as usize % 8).min(bytes.len());
    match random.next_u32() % 5 {
        0 => bytes[at] ^= 1 << (random.next_u32() % 8),
        1 => bytes[at] = random.next_u32() as u8,
        2 => _ = bytes.drain(at..end),
        3 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => bytes[at..end].fill(0xff),
    }
}

#[test]
fn plugins_with_random_modules_and_components_beside_their_own_never_panic() {
    let sandbox = sandbox();
    let plugin = guest(OK, OK);
    let (modules, instances) = counts(&plugin);
    for number in 0..mutants(150) {
        let mut random = random(3, number);
        let mut seed = vec![0; 1 << 12];
        random.fill_bytes(&mut seed);
        let mut source = Unstructured::new(&seed);
        let mut mutant = with_modules(&plugin, |_, _| None);
        if number % 4 == 0 {
            let Ok(nested) = wasm_smith::Component::new(wasm_smith::Config::default(), &mut source) else { continue };
            mutant.section(&RawSection { id: 4, data: &nested.to_bytes() });
        } else {
            let Ok(module) = random_module(&mut source, &mut random) else { continue };
            mutant.section(&RawSection { id: 1, data: &module });
            let mut made = InstanceSection::new();
            // Once, as wizer takes it, or more often.
            for _ in 0..1 + u32::from(number % 8 == 1) {
                made.instantiate(modules, [] as [(&str, ModuleArg); 0]);
            }
            mutant.section(&made);
        }
        run(&sandbox, &format!("random module, {number} ({instances} instances before)"), mutant.finish());
    }
}

/// The numbers of core modules and core instances of a component.
fn counts(bytes: &[u8]) -> (u32, u32) {
    let (mut modules, mut instances) = (0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => modules += 1,
            Payload::InstanceSection(section) => instances += section.count(),
            _ => {}
        }
    }
    (modules, instances)
}

/// A module that imports nothing, with every feature that there is or without most.
fn random_module(source: &mut Unstructured<'_>, random: &mut TestRng) -> arbitrary::Result<Vec<u8>> {
    let all = random.next_u32().is_multiple_of(2);
    let config = wasm_smith::Config {
        max_imports: 0,
        max_instructions: 200,
        exceptions_enabled: all,
        gc_enabled: all,
        threads_enabled: all,
        memory64_enabled: all,
        custom_page_sizes_enabled: all,
        tail_call_enabled: true,
        max_memories: 3,
        max_tables: 3,
        max_memory32_bytes: 1 << 22,
        export_everything: random.next_u32().is_multiple_of(2),
        ..wasm_smith::Config::default()
    };
    Ok(wasm_smith::Module::new(config, source)?.to_bytes())
}

/// Modules at which wizer panics, or did: none of them keeps the plugin beside it from running.
#[test]
fn plugins_with_a_module_that_wizer_cannot_capture_run_all_the_same() {
    let modules = [
        "(module (global (mut i32) (i32.const 0)))",
        "(module (memory 1))",
        "(module (memory 1) (global (mut f64) (f64.const 0)) (func))",
        "(module (global (mut v128) (v128.const i64x2 0 0)) (export \"g\" (global 0)))",
        "(module (table 3 funcref) (global (mut funcref) (ref.null func)) (export \"g\" (global 0)))",
        "(module (global (mut i32) (i32.const 0)) (export \"__wizer_global_0\" (global 0)))",
        "(module (table 3 funcref) (func (table.set (i32.const 0) (ref.null func))))",
    ];
    let plugin = guest(OK, OK);
    let sandbox = sandbox();
    for text in modules {
        let mut mutant = with_modules(&plugin, |_, _| None);
        let (at, _) = counts(&plugin);
        mutant.section(&RawSection { id: 1, data: &wat::parse_str(text).unwrap() });
        let mut made = InstanceSection::new();
        made.instantiate(at, [] as [(&str, ModuleArg); 0]);
        mutant.section(&made);
        assert_eq!(whole_way(&sandbox, mutant.finish()), Vec::<String>::new(), "{text}");
    }
}

/// What only validation by every feature lets through: an error of the compiler, never a panic of wizer.
#[test]
fn plugins_with_features_that_nothing_runs_are_errors() {
    let modules = [
        "(module (import \"a\" \"b\" (tag)))",
        "(module (tag) (export \"t\" (tag 0)))",
        "(module (memory i64 1) (export \"m\" (memory 0)))",
        "(module (memory 65536 (pagesize 1)) (export \"m\" (memory 0)))",
        "(module (type $s (struct (field (mut i32)))) (global (mut (ref null $s)) (ref.null $s)) (export \"g\" (global 0)))",
        "(module (memory 1 1 shared) (export \"m\" (memory 0)))",
    ];
    for text in modules {
        let mut mutant = with_modules(&guest(OK, OK), |_, _| None);
        mutant.section(&RawSection { id: 1, data: &wat::parse_str(text).unwrap() });
        run(&sandbox(), text, mutant.finish());
    }
}

/// 15 kilobytes that made what reads component types call itself until the stack was used up, which ends the process.
#[test]
fn component_types_in_each_other_are_refused_before_they_are_read() {
    let mut section = vec![1];
    (0..5_000).for_each(|_| section.extend([0x41, 1, 1]));
    section.extend([0x41, 0]);
    let mut inner = Component::new();
    inner.section(&RawSection { id: 7, data: &section });
    let plain = with_modules(&guest(OK, OK), |_, _| None);
    for nested in [false, true] {
        let mut mutant = plain.clone();
        match nested {
            true => mutant.section(&NestedComponentSection(&inner)),
            false => mutant.section(&RawSection { id: 7, data: &section }),
        };
        let told = whole_way(&sandbox(), mutant.finish());
        assert!(told[0].contains("component types in each other; the limit is 200, because"), "{told:?}");
    }
}

/// 895 instances of a module with many globals took gigabytes that no limit knew.
#[test]
fn what_instances_take_counts_as_memory() {
    let mut globals = wasm_encoder::GlobalSection::new();
    let ty = wasm_encoder::GlobalType { val_type: wasm_encoder::ValType::I64, mutable: false, shared: false };
    (0..15_000).for_each(|_| _ = globals.global(ty, &wasm_encoder::ConstExpr::i64_const(7)));
    let mut module = wasm_encoder::Module::new();
    module.section(&globals);
    let plugin = guest(OK, OK);
    let (at, _) = counts(&plugin);
    let with = |instances: u32| {
        let mut mutant = with_modules(&plugin, |_, _| None);
        mutant.section(&ModuleSection(&module));
        let mut made = InstanceSection::new();
        (0..instances).for_each(|_| _ = made.instantiate(at, [] as [(&str, ModuleArg); 0]));
        mutant.section(&made);
        whole_way(&sandbox_of(10), mutant.finish())
    };
    assert_eq!(with(10), Vec::<String>::new());
    // 30 times 240 kB and the 4 MiB of the guest are more than 10 MiB.
    let told = with(30);
    assert!(
        told.iter().any(|text| text.contains("MiB of memory; the limit is 10 MiB (`--memory` sets it)")),
        "{told:?}"
    );
    assert!(with(1_000)[0].contains("1003 instances of modules; the limit is 300"), "{:?}", with(1_000));
}
