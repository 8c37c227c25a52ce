//! Whole components: what is added to them, what is refused, and what wizer makes of them.

use std::fs;

use wasmparser::{Parser, Payload, Validator};
use wasmtime::{
    Engine, ResourceLimiter, Store, Trap,
    component::{Component, ComponentNamedList, Instance, Lift, Linker, Lower},
};

use super::trap;
use crate::{
    model::Digest,
    sandbox::{
        Budget, Limits, Sandbox,
        capture::{Captured, instrument, snapshot},
        engine::MachineKind,
        limits::State,
        meter::{CEILING, REFILL, REMAINING, meter, module},
    },
};

struct Guest {
    store: Store<State>,
    instance: Instance,
}

impl Guest {
    fn new(sandbox: &Sandbox, component: &Component) -> Self {
        let machine = sandbox.machine(MachineKind::Pool).unwrap();
        let mut store = Store::new(&machine.engine, State::new(1 << 30, sandbox.limits()));
        store.limiter(|state| &mut state.limiter);
        store.set_epoch_deadline(1 << 40);
        let instance = machine.linker.instantiate(&mut store, component).unwrap();
        Self { store, instance }
    }

    fn call<P: ComponentNamedList + Lower, R: Lift + 'static>(&mut self, name: &str, params: P) -> wasmtime::Result<R> {
        let function = self.instance.get_typed_func::<P, (R,)>(&mut self.store, name)?;
        Ok(function.call(&mut self.store, params)?.0)
    }

    fn run(&mut self, name: &str) -> wasmtime::Result<()> {
        let function = self.instance.get_typed_func::<(), ()>(&mut self.store, name)?;
        function.call(&mut self.store, ())
    }

    fn left(&mut self) -> i64 {
        self.call(REMAINING, ()).unwrap()
    }

    fn refill(&mut self, budget: i64) {
        let function = self.instance.get_typed_func::<(i64,), ()>(&mut self.store, REFILL).unwrap();
        function.call(&mut self.store, (budget,)).unwrap();
    }
}

/// Where a component runs as it is, without a second meter.
fn sandbox() -> Sandbox {
    Sandbox::new(2, Limits { budget: Budget::Unmetered, ..Limits::default() }).unwrap()
}

fn compiled(sandbox: &Sandbox, bytes: &[u8]) -> Component {
    Component::from_binary(&sandbox.machine(MachineKind::Pool).unwrap().engine, bytes).unwrap()
}

fn metered(text: &str) -> Vec<u8> {
    meter(&wat::parse_str(text).unwrap()).unwrap()
}

fn guest(text: &str) -> Guest {
    let sandbox = sandbox();
    Guest::new(&sandbox, &compiled(&sandbox, &metered(text)))
}

fn validate(bytes: &[u8]) -> Result<(), String> {
    Validator::new().validate_all(bytes).map(drop).map_err(|error| error.to_string())
}

const COUNTS: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (global $g (mut i64) (i64.const 5))
        (func (export "init") (local $i i32)
            (global.set $g (i64.const 6))
            (loop (i32.store (local.get $i) (i32.const 7))
                (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 4000)))))
        (func (export "get") (result i64)
            (i64.add (global.get $g) (i64.extend_i32_u (i32.load (i32.const 3996)))))
        (func $endless (export "endless") (loop (br 0))))
    (core instance $i (instantiate $m))
    (func (export "init") (canon lift (core func $i "init")))
    (func (export "get") (result s64) (canon lift (core func $i "get")))
    (func (export "endless") (canon lift (core func $i "endless"))))"#;

#[test]
fn a_budget_is_read_and_set_through_two_exports() {
    let mut guest = guest(COUNTS);
    assert_eq!(guest.left(), CEILING);
    guest.refill(1_000_000);
    guest.run("init").unwrap();
    assert_eq!(guest.left(), 1_000_000 - (8 + 2) - 1000 * (8 + 10));
    guest.refill(17_000);
    assert_eq!(trap(&guest.run("init").unwrap_err()), Some(Trap::UnreachableCodeReached));
}

#[test]
fn what_wizer_captures_runs_on_a_budget_of_its_own() {
    let sandbox = sandbox();
    let bytes = metered(COUNTS);
    let instrumented = compiled(&sandbox, &instrument(&bytes).unwrap());
    let mut first = Guest::new(&sandbox, &instrumented);
    first.refill(1 << 40);
    first.run("init").unwrap();
    let left = first.left();
    let state = Captured::read(&instrumented, &mut first.store, first.instance).unwrap();
    let component = compiled(&sandbox, &snapshot(&bytes, &state).unwrap());
    for _ in 0..3 {
        let mut fork = Guest::new(&sandbox, &component);
        assert_eq!(fork.left(), left);
        fork.refill(1000);
        assert_eq!(fork.call::<_, i64>("get", ()).unwrap(), 13);
        assert_eq!(fork.left(), 1000 - 8 - 5);
        assert_eq!(trap(&fork.run("endless").unwrap_err()), Some(Trap::UnreachableCodeReached));
    }
}

#[test]
fn the_counter_is_the_first_memory_of_a_component() {
    #[derive(Default)]
    struct Sizes(Vec<(usize, Option<usize>)>);
    impl ResourceLimiter for Sizes {
        fn memory_growing(&mut self, _: usize, wanted: usize, most: Option<usize>) -> wasmtime::Result<bool> {
            self.0.push((wanted, most));
            Ok(true)
        }
        fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
            Ok(true)
        }
    }
    let engine = Engine::default();
    let component = Component::from_binary(&engine, &metered(COUNTS)).unwrap();
    let mut store = Store::new(&engine, Sizes::default());
    store.limiter(|sizes| sizes);
    Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    assert_eq!(store.data().0, [(1 << 16, Some(3 << 16)), (1 << 16, Some(1 << 32))]);
}

#[test]
fn core_modules_of_a_component_share_one_budget() {
    let mut guest = guest(
        r#"(component
            (core module $a (func (export "g")))
            (core module $b (import "a" "g" (func $g)) (func (export "f") (call $g)))
            (core instance $a (instantiate $a))
            (core instance $b (instantiate $b (with "a" (instance $a))))
            (func (export "f") (canon lift (core func $b "f"))))"#,
    );
    guest.refill(100);
    guest.run("f").unwrap();
    assert_eq!(guest.left(), 100 - 9 - 8);
}

#[test]
fn a_start_function_stops_when_the_first_budget_is_used_up() {
    let bytes = metered(
        r#"(component
            (core module $m (memory 1)
                (func $start (memory.fill (i32.const 0) (i32.const 0) (i32.const 80)))
                (start $start) (func (export "f")))
            (core instance $m (instantiate $m)) (func (export "f") (canon lift (core func $m "f"))))"#,
    );
    let sandbox = sandbox();
    let mut guest = Guest::new(&sandbox, &compiled(&sandbox, &bytes));
    assert_eq!(guest.left(), CEILING - (8 + 3 + 8 + 10));
}

#[test]
fn components_whose_code_would_not_pay_are_refused() {
    let refusal = |text: &str| meter(&wat::parse_str(text).unwrap()).unwrap_err().to_string();
    assert_eq!(
        refusal("(component (component (component (core module))))"),
        "a component in the component has a core module of its own, out of reach of the budget; put all core modules \
         into the outermost component"
    );
    assert_eq!(
        refusal(r#"(component (import "m" (core module)))"#),
        "core module `m` is imported, so its code cannot be metered; define it in the component"
    );
    let exported =
        r#"(component (import "i" (instance $i (export "m" (core module)))) (alias export $i "m" (core module)))"#;
    assert!(refusal(exported).starts_with("core module `m` is imported"));
    let alias = "(component (core module $m) (component (alias outer 1 $m (core module))))";
    assert!(refusal(alias).starts_with("core module 0 is used by an outer alias"));
    let import = r#"(component (core module (import "__meter" "memory" (memory 1))))"#;
    assert_eq!(refusal(import), "the component uses the name `__meter`, which is the meter's; rename it");
    let argument = r#"(component (core module $m) (core instance $i (instantiate $m))
        (core instance (instantiate $m (with "__meter" (instance $i)))))"#;
    assert!(refusal(argument).contains("`__meter`"));
    let export = r#"(component (component $c) (instance $i (instantiate $c)) (export "meter-refill" (instance $i)))"#;
    assert!(refusal(export).contains("`meter-refill`"));
    assert_eq!(
        meter(b"\0asm\x01\0\0\0").unwrap_err().to_string(),
        "the file is not a component; make it one with `host pack`"
    );
}

#[test]
fn an_index_that_would_wrap_does_not_reach_the_counter() {
    // An alias of export `meter-refill` of core instance 2^32 - 1.
    let mut bytes = b"\0asm\x0d\0\x01\0\x06\x16\x01\x00\x00\x01\xff\xff\xff\xff\x0f\x0c".to_vec();
    bytes.extend(b"meter-refill");
    bytes[9] = u8::try_from(bytes.len() - 10).unwrap();
    let metered = meter(&bytes).unwrap();
    assert!(validate(&metered).unwrap_err().contains("4294967295"));
}

#[test]
fn damaged_components_are_errors() {
    let whole = wat::parse_str(COUNTS).unwrap();
    let mut valid = 0;
    for at in 0..whole.len() {
        if let Ok(metered) = meter(&whole[..at]) {
            assert_eq!(validate(&metered).is_ok(), validate(&whole[..at]).is_ok());
        }
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            if meter(&flipped).is_ok_and(|bytes| validate(&bytes).is_ok()) {
                valid += 1;
                validate(&flipped).expect("the meter mends nothing");
            }
        }
    }
    assert!(valid > 0);
}

#[test]
fn function_names_survive_and_debug_information_does_not() {
    let module = r#"(module (func $named (export "f") (loop $label))
        (@custom ".debug_info" "x") (@custom "metadata.code.branch_hint" "\00") (@custom "kept" "y"))"#;
    let bytes = module::meter(&wat::parse_str(module).unwrap()).unwrap();
    let sections: Vec<_> = Parser::new(0)
        .parse_all(&bytes)
        .filter_map(|payload| match payload.unwrap() {
            Payload::CustomSection(section) => Some(section.name().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(sections, ["kept", "name"]);
    assert!(bytes.windows(5).any(|text| text == b"named"));
    assert!(!bytes.windows(5).any(|text| text == b"label"));
}

#[test]
fn bundled_plugins_are_valid_with_a_meter_and_what_is_made_of_them_is_known() {
    let mut digests = String::new();
    let bundled = |name| format!("plugins/{name}/{name}.wasm");
    let faulty = "tests/plugins/faulty/faulty.wasm".to_owned();
    let [bootstrap, breakout, others @ ..] =
        ["bootstrap", "breakout", "mean_reversion", "momentum", "sma_cross"].map(bundled);
    for path in [bootstrap, breakout, faulty].into_iter().chain(others) {
        let metered = meter(&fs::read(path).unwrap()).unwrap();
        validate(&metered).unwrap();
        digests += &Digest::of(&metered).to_string();
    }
    // Compiled code is cached by the plugin, not by what the meter makes of it. Where the meter has changed, and not only a
    // plugin, the format in `compile.rs` goes up together with this digest.
    assert_eq!(
        Digest::of(digests.as_bytes()).to_string(),
        "30dd4c5d8d7d67f23238bda652d9976f57e31c5e9aa84a34d2337fbad525d9cf"
    );
}
