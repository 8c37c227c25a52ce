//! Hostile guests: a task fails with its guest, as what the failure is, and no other task does.

use host::{
    model::{Params, Targets},
    sandbox::{Budget, Events, ForkMethod, Forking, Plugin, Prepared, Sandbox, Signals, Task},
    task::{ErrorKind, TaskError},
};

use crate::support::{
    self, OK,
    guest::{guest, with_functions},
    ten_bars,
};

fn sandbox() -> Sandbox {
    support::sandbox(ForkMethod::Auto, |limits| {
        limits.budget = Budget::Units(50_000_000);
        limits.memory = Some(32 << 20);
    })
}

fn prepare(bytes: Vec<u8>) -> Result<Prepared<Signals>, TaskError> {
    let plugin = Plugin::from_bytes(&sandbox(), "hostile.wasm", bytes).unwrap();
    Prepared::new(&plugin, ten_bars())
}

#[test]
fn a_plugin_is_not_prepared_for_an_interface_that_it_does_not_export() {
    let plugin = Plugin::from_bytes(&sandbox(), "hostile.wasm", guest(OK, OK)).unwrap();
    let error = Prepared::<Events>::new(&plugin, ten_bars()).unwrap_err();
    assert_eq!(error.message, "the plugin does not export `backtest:strategy/events@0.1.0`");
    assert!(Prepared::<Task>::new(&plugin, ten_bars()).is_err());
    assert!(Prepared::<Signals>::new(&plugin, ten_bars()).is_ok());
}

/// Evaluates twice; both must fail alike, since a fork knows nothing of the one before.
fn check(bytes: Vec<u8>, kind: ErrorKind, message: &str) {
    let prepared = prepare(bytes).unwrap();
    assert_eq!(prepared.forking(), &Forking::CopyOnWrite);
    for _ in 0..2 {
        let error = prepared.evaluate(&Params::new()).outcome.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn a_guest_that_answers_nothing_is_fine_and_forks_from_a_copy() {
    let prepared = prepare(guest(OK, OK)).unwrap();
    assert_eq!(prepared.forking(), &Forking::CopyOnWrite);
    assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
}

#[test]
fn an_endless_loop_is_stopped() {
    check(guest(OK, "(loop $l (br $l)) (unreachable)"), ErrorKind::OutOfBudget, "used up its 50000000 units");
}

#[test]
fn an_endless_recursion_is_a_stack_overflow_with_its_frames() {
    let recurse = "(call $evaluate (local.get 0) (local.get 1)) (i32.add (i32.const 1))";
    check(guest(OK, recurse), ErrorKind::Trap, "stack overflow");
    check(guest(OK, recurse), ErrorKind::Trap, "\n  at evaluate");
}

#[test]
fn a_trap_is_called_what_it_is() {
    check(guest(OK, "(unreachable)"), ErrorKind::Trap, "unreachable");
    check(guest(OK, "(i32.load (i32.const -8))"), ErrorKind::Trap, "out of bounds");
    check(guest(OK, "(i32.div_s (i32.const 1) (i32.const 0))"), ErrorKind::Trap, "divide by zero");
}

#[test]
fn a_panic_is_told_from_a_trap_by_its_text() {
    let panic = "(call $log (i32.const 3) (i32.const 256) (i32.const 36)) (unreachable)";
    check(guest(OK, panic), ErrorKind::Panic, "panicked at lib.rs:1:2: out of luck!");
}

#[test]
fn a_refused_allocation_is_told_from_a_panic() {
    let grow = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then (unreachable))) (i32.const 128)";
    check(guest(OK, grow), ErrorKind::OutOfMemory, "the limit is 32 MiB");
}

#[test]
fn many_small_allocations_add_up_to_a_refusal() {
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    check(guest(OK, grow), ErrorKind::OutOfMemory, "asked for 33 MiB");
}

#[test]
fn a_table_counts_as_memory() {
    let grow = "(drop (table.grow $t (ref.null func) (i32.const 100000000))) (unreachable)";
    let prepared = prepare(with_functions(OK, grow, "(table $t 0 funcref)")).unwrap();
    assert_eq!(prepared.evaluate(&Params::new()).outcome.unwrap_err().kind, ErrorKind::OutOfMemory);
}

/// `ok` at 4096, with lists that begin at 8192 and have the lengths given.
fn lists(at: u32, instrument: u32, exposure: u32) -> String {
    let list = |place: u32, length: u32| {
        format!(
            "(i32.store (i32.const {place}) (i32.const 8192)) (i32.store (i32.const {}) (i32.const {length}))",
            place + 4
        )
    };
    format!("{} {} {} (i32.const 4096)", list(4100, at), list(4108, instrument), list(4116, exposure))
}

#[test]
fn answers_that_are_none_are_bad_output() {
    let bad = |body: &str, message: &str| check(guest(OK, body), ErrorKind::BadOutput, message);
    bad(&lists(2, 1, 1), "differ in length: 2 of `at`");
    bad(&lists(2, 2, 2), "target 1 (bar 0 of `TEN`) does not come after");
    bad(&lists(100_000, 100_000, 100_000), "more than 65696 bytes");
    bad(&format!("(i32.store (i32.const 8192) (i32.const 10)) {}", lists(1, 0, 0)), "differ in length");
    bad("(i32.const -4)", "cannot be read");
    bad("(i32.store8 (i32.const 4096) (i32.const 7)) (i32.const 4096)", "cannot be read");
}

#[test]
fn the_strategys_own_errors_keep_their_text() {
    let error = |case: u32| {
        format!(
            "(i32.store8 (i32.const 4096) (i32.const 1)) (i32.store8 (i32.const 4100) (i32.const {case}))
             (i32.store (i32.const 4104) (i32.const 280)) (i32.store (i32.const 4108) (i32.const 12)) (i32.const 4096)"
        )
    };
    check(guest(OK, &error(0)), ErrorKind::InvalidParams, "out of luck!");
    check(guest(OK, &error(1)), ErrorKind::Failed, "out of luck!");
}

#[test]
fn a_flood_of_log_lines_is_cut_and_costs_nobody_else() {
    let flood = "(local $i i32) (loop $l (call $log (i32.const 1) (i32.const 256) (i32.const 36))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000)))) (i32.const 128)";
    let answer = prepare(guest(OK, flood)).unwrap().evaluate(&Params::new());
    assert_eq!(answer.outcome, Ok(Targets::default()));
    assert_eq!(answer.log.len(), 101);
    assert_eq!(answer.log[100], "host: 4900 more lines were dropped (limit)");
}

#[test]
fn a_failure_in_prepare_names_it() {
    let error = prepare(guest("(loop $l (br $l)) (unreachable)", OK)).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str().contains("in `prepare`: used up its 2500000000 units")),
        (ErrorKind::OutOfBudget, true)
    );
    let error = prepare(guest("(unreachable)", OK)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Trap);
}

#[test]
fn what_a_task_writes_no_other_task_sees() {
    // Traps if the mark of an earlier run is there, else sets it, overwrites a page and grows the memory.
    let mark = "(if (i32.load (i32.const 60000)) (then (unreachable)))
        (i32.store (i32.const 60000) (i32.const 1)) (memory.fill (i32.const 4096) (i32.const 255) (i32.const 50000))
        (drop (memory.grow (i32.const 3))) (i32.const 128)";
    let prepared = prepare(guest(OK, mark)).unwrap();
    assert_eq!(prepared.forking(), &Forking::CopyOnWrite);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
                }
            });
        }
    });
}

#[test]
fn what_wizer_refuses_falls_back_to_prepare_for_each_task() {
    // `prepare` leaves a mark that `evaluate` wants, and `evaluate` removes it. A `table.set` anywhere is enough for wizer.
    let wants = "(if (i32.ne (i32.load (i32.const 60000)) (i32.const 7)) (then (unreachable)))
        (i32.store (i32.const 60000) (i32.const 0)) (i32.const 128)";
    let more = "(table $t 1 funcref) (func (table.set $t (i32.const 0) (ref.null func)))";
    let prepared =
        prepare(with_functions("(i32.store (i32.const 60000) (i32.const 7)) (i32.const 128)", wants, more)).unwrap();
    assert!(matches!(prepared.forking(), Forking::RePrepared { .. }), "{:?}", prepared.forking());
    for _ in 0..3 {
        assert_eq!(prepared.evaluate(&Params::new()).outcome, Ok(Targets::default()));
    }
}

#[test]
fn a_vector_global_falls_back_instead_of_panicking() {
    let more = "(global $v (mut v128) (v128.const i64x2 0 0))";
    let prepared = prepare(with_functions(OK, OK, more)).unwrap();
    assert!(matches!(prepared.forking(), Forking::RePrepared { why } if why.contains("v128")));
}

#[test]
fn a_loop_in_the_start_function_or_in_realloc_is_stopped_too() {
    let start = with_functions(OK, OK, "(func $s (loop $l (br $l))) (start $s)");
    let error = Plugin::from_bytes(&sandbox(), "start.wasm", start).unwrap_err();
    assert!(error.to_string().contains("fails to describe itself"));
}
