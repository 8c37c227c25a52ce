//! A task starts from what `prepare` has left, whatever ran before it and however its fork comes about, and uses the same
//! number of units.

use std::{sync::Arc, thread, time::Duration};

use host::{
    bundled,
    data::Dataset,
    model::{Params, Series, Targets, Value},
    sandbox::{Budget, ForkMethod, ForkSlot, Forking, Plugin, Prepared, Sandbox, Signals},
    task::{Answer, ErrorKind},
};

use crate::support::{
    OK,
    guest::{guest, with_functions},
    sandbox, ten_bars,
};

/// Overwrites everything, then answers as before; `$grown` pages are added first, and have to be zeros.
///
/// Before that it looks at every word that `prepare` has written. With a parameter given it traps half-way.
const DESTROY: &str = r#"
    (local $i i32)
    (local.set $i (i32.const 131072))
    (loop $l
        (if (i32.ne (i32.load (local.get $i)) (local.get $i)) (then (unreachable)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 4194304))))
    (local.set $i (i32.mul (memory.grow (i32.const 7)) (i32.const 65536)))
    (if (i32.ne (local.get $i) (i32.const 4194304)) (then (unreachable)))
    (loop $l
        (if (i32.load (local.get $i)) (then (unreachable)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 4653056))))
    (memory.fill (i32.const 0) (i32.const 255) (i32.const 2097152))
    (if (local.get 1) (then (drop (i32.div_u (i32.const 1) (i32.const 0)))))
    (memory.fill (i32.const 0) (i32.const 255) (i32.const 4653056))
    (memory.fill (i32.const 128) (i32.const 0) (i32.const 64))
    (i32.const 128)"#;

/// Writes its own address into every word from 128 KiB on.
const WRITE: &str = r#"
    (local $i i32)
    (local.set $i (i32.const 131072))
    (loop $l
        (i32.store (local.get $i) (local.get $i))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 4194304))))
    (i32.const 128)"#;

fn prepare(sandbox: &Sandbox, bytes: Vec<u8>) -> Prepared<Signals> {
    let plugin = Plugin::from_bytes(sandbox, "guest.wasm", bytes).unwrap();
    Prepared::new(&plugin, ten_bars()).unwrap()
}

/// Sandboxes that fork by `method`: one compiles the plugin as it came and as it is after `prepare`, the other one as the large
/// plugins that are compiled once.
fn both(method: ForkMethod) -> [Sandbox; 2] {
    let usual = sandbox(method, |_| ());
    let as_large = usual.but(|options| options.least_code = 0).unwrap();
    [usual, as_large]
}

/// Parameters that only their number matters of.
fn one() -> Params {
    Params::from([("one".to_owned(), Value::Boolean(true))])
}

#[test]
fn a_fork_is_what_prepare_left_after_any_number_of_tasks_that_destroy_everything() {
    for method in ForkMethod::each() {
        let prepared = prepare(&sandbox(method, |_| ()), guest(WRITE, DESTROY));
        let tasks = if method == ForkMethod::RePrepared { 4 } else { 60 };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for task in 0..tasks {
                        let params = if task % 3 == 1 { one() } else { Params::new() };
                        let outcome = prepared.evaluate(&params).outcome;
                        match outcome {
                            Ok(targets) => assert_eq!((task % 3 != 1, targets), (true, Targets::default())),
                            Err(error) => assert!(error.message.contains("divide by zero"), "{error}"),
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn forks_grow_to_the_limit_and_the_next_one_is_small_again() {
    let grow = r#"(if (i32.ne (memory.size) (i32.const 64)) (then (unreachable)))
        (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (memory.fill (i32.const 4194304) (i32.const 1) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4194304)))
        (i32.const 128)"#;
    for method in ForkMethod::each() {
        let prepared = prepare(&sandbox(method, |limits| limits.memory = Some(100 << 20)), guest(OK, grow));
        for _ in 0..5 {
            assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
        }
    }
}

#[test]
fn what_a_task_wrote_into_grown_memory_is_gone_whoever_grows_next() {
    // With one parameter: grows, wants zeros, and writes there. With more: writes a page of its own, below.
    let evaluate = r#"
        (if (i32.eq (local.get 1) (i32.const 1)) (then
            (drop (memory.grow (i32.const 16)))
            (if (i32.load (i32.const 4259840)) (then (unreachable)))
            (i32.store (i32.const 4259840) (i32.const 7))))
        (if (i32.ge_u (local.get 1) (i32.const 2)) (then
            (i32.store (i32.mul (local.get 1) (i32.const 1048576)) (i32.const 7))))
        (i32.const 128)"#;
    let params = |count: usize| (0..count).map(|n| (format!("p{n}"), Value::Boolean(true))).collect::<Params>();
    for method in ForkMethod::each() {
        let prepared = prepare(&sandbox(method, |_| ()), guest(OK, evaluate));
        for count in [0, 0, 1, 1, 2, 2, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1] {
            assert_eq!(prepared.evaluate(&params(count)).outcome, Ok(Targets::default()), "{method}, {count}");
        }
    }
}

#[test]
fn a_time_limit_of_nothing_stops_guests_and_nothing_else() {
    for method in ForkMethod::each() {
        let sandbox = sandbox(method, |limits| limits.timeout = Duration::from_nanos(1));
        for _ in 0..300 {
            // Most are described before the clock is looked at; what is stopped is an error, and the process lives.
            if let Err(error) = Plugin::from_bytes(&sandbox, "guest.wasm", guest(OK, OK)) {
                assert!(error.to_string().contains("fails to describe itself"), "{error}");
            }
        }
    }
}

#[test]
fn memory_with_addresses_of_64_bits_is_refused() {
    let bytes = with_functions(OK, OK, "(memory $wide i64 1)");
    let error = Plugin::from_bytes(&sandbox(ForkMethod::Auto, |_| ()), "guest.wasm", bytes).unwrap_err();
    assert!(error.to_string().contains("memory64"), "{error}");
}

#[test]
fn a_global_that_prepare_has_changed_is_in_every_fork() {
    let more = "(global $g (mut i64) (i64.const 1))";
    let prepare_it = "(global.set $g (i64.const -5)) (i32.const 128)";
    let evaluate = r#"(if (i64.ne (global.get $g) (i64.const -5)) (then (unreachable)))
        (global.set $g (i64.const 7)) (i32.const 128)"#;
    for sandbox in ForkMethod::each().flat_map(both) {
        let prepared = prepare(&sandbox, with_functions(prepare_it, evaluate, more));
        for _ in 0..3 {
            assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
        }
    }
}

#[test]
fn data_of_a_plugin_are_there_before_it_prepares_and_whatever_it_makes_of_them_after_that() {
    let more = r#"(data (i32.const 70000) "\07") (data (i32.const 70000) "\09\08")"#;
    let prepare_it = r#"(if (i32.ne (i32.load16_u (i32.const 70000)) (i32.const 0x0809)) (then (unreachable)))
        (i32.store8 (i32.const 70001) (i32.const 5)) (i32.const 128)"#;
    let evaluate = r#"(if (i32.ne (i32.load16_u (i32.const 70000)) (i32.const 0x0509)) (then (unreachable)))
        (i32.store16 (i32.const 70000) (i32.const 0)) (i32.const 128)"#;
    for sandbox in ForkMethod::each().flat_map(both) {
        let prepared = prepare(&sandbox, with_functions(prepare_it, evaluate, more));
        for _ in 0..3 {
            assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
        }
    }
}

#[test]
fn a_plugin_with_two_memories_is_compiled_with_its_data_instead() {
    let more = r#"(memory $second 1 8)"#;
    let bytes = with_functions(OK, OK, more);
    let prepared = prepare(&sandbox(ForkMethod::Auto, |_| ()), bytes);
    assert_eq!(prepared.forking(), &Forking::Precompiled);
    assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
}

#[test]
fn an_endless_loop_stops_at_the_same_count_in_every_fork() {
    let endless = "(loop $l (br $l)) (unreachable)";
    let mut counts = Vec::new();
    for method in ForkMethod::each() {
        let prepared = prepare(&sandbox(method, |limits| limits.budget = Budget::Units(1_000_000)), guest(OK, endless));
        for _ in 0..10 {
            let Answer { outcome, units, .. } = prepared.evaluate(&Params::new());
            let error = outcome.unwrap_err();
            assert_eq!(error.kind, ErrorKind::OutOfBudget);
            assert!(error.message.starts_with("used up its 1000000 units (`--budget` sets the limit)"), "{error}");
            counts.push(units.unwrap());
        }
    }
    assert!(counts.iter().all(|count| *count == counts[0] && (1_000_000..1_001_000).contains(count)), "{counts:?}");
}

#[test]
fn a_guest_that_has_units_left_is_stopped_by_the_clock() {
    let endless = "(loop $l (br $l)) (unreachable)";
    for method in ForkMethod::each() {
        let sandbox = sandbox(method, |limits| {
            limits.budget = Budget::Units(u64::MAX);
            limits.timeout = Duration::from_millis(50);
        });
        let prepared = prepare(&sandbox, guest(OK, endless));
        for _ in 0..3 {
            let error = prepared.evaluate(&Params::new()).outcome.unwrap_err();
            assert_eq!(error.kind, ErrorKind::TimedOut);
            assert!(error.message.starts_with("stopped after 0.05 s"), "{error}");
        }
    }
}

#[test]
fn one_fork_serves_as_many_tasks_as_it_may_and_none_after_a_failure() {
    // Answers with one target, whose exposure is the number of tasks that this fork has served.
    let count = r#"(if (local.get 1) (then (unreachable)))
        (i32.store (i32.const 4100) (i32.const 8192)) (i32.store (i32.const 4104) (i32.const 1))
        (i32.store (i32.const 4108) (i32.const 8200)) (i32.store (i32.const 4112) (i32.const 1))
        (i32.store (i32.const 4116) (i32.const 8208)) (i32.store (i32.const 4120) (i32.const 1))
        (f64.store (i32.const 8208) (f64.add (f64.load (i32.const 8208)) (f64.const 0.125)))
        (i32.const 4096)"#;
    let prepared = prepare(&sandbox(ForkMethod::Auto, |limits| limits.tasks_per_fork = 3), guest(OK, count));
    let mut slot = ForkSlot::default();
    let mut served = |params: &Params| {
        let answer = prepared.evaluate_in(&mut slot, params);
        answer.outcome.map_or(0.0, |targets| targets.exposure[0] * 8.0)
    };
    let none = Params::new();
    assert_eq!([served(&none), served(&none), served(&none), served(&none)], [1.0, 2.0, 3.0, 1.0]);
    assert_eq!([served(&none), served(&one()), served(&none)], [2.0, 0.0, 1.0]);
    assert_eq!(prepared.evaluate(&none).outcome.unwrap().exposure, [0.125], "a task without a slot has its own fork");
}

#[test]
fn the_lines_of_a_failure_survive_the_meter() {
    // A guest of `guest.rs` whose `evaluate` divides by zero, with debug information (wat's `GenerateDwarf::Lines`) that
    // names its text `guest.wat`. Built once, since what writes it would make all dependencies compile twice.
    let bytes = include_bytes!("guests/lines.wasm").to_vec();
    let metered = prepare(&sandbox(ForkMethod::Auto, |_| ()), bytes.clone());
    let plain = prepare(&sandbox(ForkMethod::Auto, |limits| limits.budget = Budget::Unmetered), bytes);
    let message = |prepared: &Prepared<Signals>| prepared.evaluate(&Params::new()).outcome.unwrap_err().message;
    assert!(message(&metered).contains("guest.wat:"), "{}", message(&metered));
    assert_eq!(message(&metered), message(&plain));
}

/// What a task gave, without what may differ between machines and ways.
type Outcome = (Result<Targets, (ErrorKind, String)>, Vec<String>, Option<u64>);

fn outcomes(name: &str, method: ForkMethod, budget: Budget, settings: &[Params]) -> Vec<Outcome> {
    let sandbox = sandbox(method, |limits| {
        limits.budget = budget;
        limits.memory = None;
    });
    let plugin = bundled::load(&sandbox, name).unwrap();
    let bars = Dataset::bundled().unwrap().series()[0].clone();
    let first = |column: &[f64]| column[..1000].to_vec();
    let data = Series {
        symbol: bars.symbol,
        time: bars.time[..1000].to_vec(),
        open: first(&bars.open),
        high: first(&bars.high),
        low: first(&bars.low),
        close: first(&bars.close),
        volume: first(&bars.volume),
        ..bars
    };
    let prepared = Prepared::<Signals>::new(&plugin, Arc::new([data])).unwrap();
    let run = |params: &Params| {
        let Answer { outcome, log, units, .. } = prepared.evaluate(&plugin.description().resolve(params).unwrap());
        (outcome.map_err(|error| (error.kind, error.message)), log, units)
    };
    settings.iter().map(run).collect()
}

#[test]
fn every_way_to_fork_gives_the_same_answers_logs_and_units() {
    let param = |name: &str, value: i64| Params::from([(name.to_owned(), Value::Integer(value))]);
    let check = |name: &str, settings: &[Params]| {
        let expected = outcomes(name, ForkMethod::each().next().unwrap(), Budget::Auto, settings);
        assert!(expected.iter().all(|(.., units)| units.is_some_and(|units| units > 0)));
        for method in ForkMethod::each() {
            assert_eq!(outcomes(name, method, Budget::Auto, settings), expected, "{name} {method}");
            let unmetered = outcomes(name, method, Budget::Unmetered, settings);
            let without = |outcomes: &[Outcome]| -> Vec<_> {
                outcomes.iter().map(|(outcome, log, _)| (outcome.clone(), log.clone())).collect()
            };
            assert_eq!(without(&unmetered), without(&expected), "{name} {method} unmetered");
        }
    };
    check("momentum", &[param("lookback", 5), param("lookback", 60)]);
    check("sma_cross", &[param("fast", 3), param("slow", 200), param("fast", 60)]);
    check("mean_reversion", &[Params::new()]);
    check("breakout", &[Params::new()]);
}
