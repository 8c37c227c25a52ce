//! Charges: what is paid, and that everything is.

use wasmtime::{Trap, Val};

use super::{Core, trap};

/// More than any stack holds frames, little enough for a test.
const BUDGET: i64 = 100_000;

/// The units that a call of `f` takes.
fn price(text: &str, args: &[Val]) -> i64 {
    let mut core = Core::new(text, i64::MAX);
    let (outcome, left) = core.call("f", args);
    outcome.unwrap();
    i64::MAX - left
}

/// Fails unless `f` is stopped by the budget, twice at the same count.
fn check_stopped(text: &str) {
    let stop = || {
        let (outcome, left) = Core::new(text, BUDGET).call("f", &[]);
        assert_eq!(trap(&outcome.unwrap_err()), Some(Trap::UnreachableCodeReached), "{text}");
        left
    };
    let left = stop();
    assert!((-100..0).contains(&left), "{text} left {left}");
    assert_eq!(stop(), left, "{text}");
}

#[test]
fn endless_loops_are_stopped_at_the_same_count_each_time() {
    check_stopped(r#"(module (func (export "f") (loop (br 0))))"#);
    check_stopped(r#"(module (func (export "f") (loop $l (block $b (br_table $l $b $l (i32.const 0))))))"#);
    check_stopped(
        r#"(module (func (export "f") (loop $l (loop $m (br_if $m (i32.const 0))) (br_if $l (i32.const 1)))))"#,
    );
    check_stopped(r#"(module (func (export "f") i32.const 7 (loop (param i32) (result i32) (br 0)) drop))"#);
}

#[test]
fn calls_without_loops_are_stopped() {
    check_stopped(
        r#"(module
            (func $twice (param i32)
                (if (local.get 0) (then
                    (call $twice (i32.sub (local.get 0) (i32.const 1)))
                    (call $twice (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "f") (call $twice (i32.const 60))))"#,
    );
    check_stopped(r#"(module (func $f (export "f") (return_call $f)))"#);
    check_stopped(
        r#"(module
            (type $none (func))
            (table funcref (elem $f $g))
            (func $f (export "f") (return_call_indirect (type $none) (i32.const 1)))
            (func $g (return_call_indirect (type $none) (i32.const 0))))"#,
    );
}

#[test]
fn small_functions_without_loops_are_paid_by_their_callers() {
    let module = |table: &str| {
        format!(
            r#"(module {table}
                (func $max (param i32 i32) (result i32)
                    (select (local.get 0) (local.get 1) (i32.gt_s (local.get 0) (local.get 1))))
                (func (export "f") (drop (call $max (i32.const 1) (i32.const 2)))))"#
        )
    };
    let taken = |table: &str| BUDGET - Core::new(&module(table), BUDGET).call("f", &[]).1;
    // The entry of `f`, its four instructions, and the six of `$max`.
    assert_eq!(taken(""), 8 + 4 + 6);
    // One that a table can reach pays by itself.
    assert_eq!(taken("(table funcref (elem $max))"), (8 + 4) + (8 + 6));
    assert_eq!(taken(r#"(export "max" (func $max))"#), (8 + 4) + (8 + 6));
    assert_eq!(taken("(global funcref (ref.func $max))"), (8 + 4) + (8 + 6));
}

#[test]
fn a_start_function_pays() {
    let core = Core::new("(module (func $loop (loop (br 0))) (start $loop))", BUDGET);
    assert_eq!(trap(core.instance.as_ref().unwrap_err()), Some(Trap::UnreachableCodeReached));
    assert!(core.left() < 0);
}

#[test]
fn a_trap_of_the_guest_leaves_the_counter_above_zero() {
    let (outcome, left) = Core::new(r#"(module (func (export "f") unreachable))"#, BUDGET).call("f", &[]);
    assert_eq!(trap(&outcome.unwrap_err()), Some(Trap::UnreachableCodeReached));
    assert_eq!(left, BUDGET - 9);
}

#[test]
fn an_entry_and_each_round_of_a_loop_pay_for_their_instructions() {
    assert_eq!(price(r#"(module (func (export "f")))"#, &[]), 8);
    assert_eq!(price(r#"(module (func (export "f") nop (block (drop (i32.const 1)))))"#, &[]), 10);
    let down = r#"(module (func (export "f") (param i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    assert_eq!(price(down, &[Val::I32(1)]), 8 + 13);
    assert_eq!(price(down, &[Val::I32(10)]), 8 + 10 * 13);
}

#[test]
fn straight_code_pays_for_its_length() {
    let roots = "local.get 0 f64.sqrt local.set 0 ".repeat(10_000);
    let text = format!(r#"(module (func (export "f") (param f64) {roots}))"#);
    assert_eq!(price(&text, &[Val::F64(0)]), 8 + 30_000);
}

#[test]
fn what_follows_an_inner_loop_is_paid_by_the_outer_one() {
    let text = r#"(module (func (export "f") (param i32)
        (loop $outer
            (loop (br_if 0 (i32.const 0)))
            (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    assert_eq!(price(text, &[Val::I32(3)]), 8 + 3 * (13 + 10));
}

#[test]
fn bulk_operations_pay_for_their_length() {
    let bulk = |code: &str| {
        let text = format!(
            r#"(module (memory 4) (memory $wide i64 4) (table $t 9000 funcref) (table $w i64 9000 funcref)
                (data $d "{}") (elem $e func {}) (func $g) (func (export "f") {code}))"#,
            "x".repeat(8000),
            "$g ".repeat(8000),
        );
        price(&text, &[])
    };
    // The entry, three operands, and a dearer instruction for the call that reads the length.
    let fixed = 8 + 3 + 8;
    assert_eq!(bulk("(memory.fill (i32.const 0) (i32.const 1) (i32.const 80000))"), fixed + 10_000);
    assert_eq!(bulk("(memory.copy (i32.const 0) (i32.const 9) (i32.const 80000))"), fixed + 10_000);
    assert_eq!(bulk("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 8000))"), fixed + 1000);
    assert_eq!(bulk("(memory.fill $wide (i64.const 0) (i32.const 1) (i64.const 80000))"), fixed + 10_000);
    assert_eq!(bulk("(memory.copy $wide $wide (i64.const 0) (i64.const 9) (i64.const 80000))"), fixed + 10_000);
    assert_eq!(bulk("(memory.copy $wide 0 (i64.const 0) (i32.const 9) (i32.const 80000))"), fixed + 10_000);
    assert_eq!(bulk("(table.fill $t (i32.const 0) (ref.null func) (i32.const 8000))"), fixed + 1000);
    assert_eq!(bulk("(table.fill $w (i64.const 0) (ref.null func) (i64.const 8000))"), fixed + 1000);
    assert_eq!(bulk("(table.copy $t $w (i32.const 0) (i64.const 9) (i32.const 8000))"), fixed + 1000);
    assert_eq!(bulk("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 8000))"), fixed + 1000);
    assert_eq!(bulk("(drop (table.grow $t (ref.null func) (i32.const 8000)))"), fixed + 1000);
    assert_eq!(bulk("(drop (table.grow $w (ref.null func) (i64.const 8000)))"), fixed + 1000);
}

#[test]
fn a_bulk_operation_beyond_the_budget_does_not_run() {
    let text = r#"(module (memory (export "memory") 4)
        (func (export "f") (memory.fill (i32.const 0) (i32.const 1) (i32.const 100000))))"#;
    let mut core = Core::new(text, 10_000);
    let (outcome, left) = core.call("f", &[]);
    assert_eq!(trap(&outcome.unwrap_err()), Some(Trap::UnreachableCodeReached));
    assert!(left < 0);
    let memory = core.instance.as_ref().unwrap().get_memory(&mut core.store, "memory").unwrap();
    assert!(memory.data(&core.store).iter().all(|byte| *byte == 0));
}

#[test]
fn a_length_of_all_bits_does_not_wrap_the_counter() {
    let text = r#"(module (memory i64 1)
        (func (export "f") (memory.fill (i64.const 0) (i32.const 0) (i64.const -1))))"#;
    let (outcome, left) = Core::new(text, BUDGET).call("f", &[]);
    assert_eq!(trap(&outcome.unwrap_err()), Some(Trap::UnreachableCodeReached));
    assert!(left < -(1 << 60));
}

#[test]
fn memory_pays_when_it_has_grown() {
    let grow = |memory: &str, operand: &str| {
        let text = format!(r#"(module (memory {memory}) (func (export "f") (drop (memory.grow ({operand})))))"#);
        price(&text, &[]) - 8 - 2 - 8
    };
    assert_eq!(grow("1 10", "i32.const 3"), 3 << 13);
    assert_eq!(grow("1 10", "i32.const 0"), 0);
    assert_eq!(grow("1 10", "i32.const 10"), 0);
    assert_eq!(grow("1 10", "i32.const -1"), 0);
    assert_eq!(grow("i64 1 10", "i64.const 3"), 3 << 13);
    assert_eq!(grow("i64 1 10", "i64.const -1"), 0);
}

#[test]
fn the_result_of_growing_is_the_guests() {
    let text = r#"(module (memory 2 4) (func (export "f") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let mut core = Core::new(text, BUDGET);
    for (by, before) in [(1, 2), (0, 3), (2, -1), (1, 3)] {
        let (outcome, _) = core.call("f", &[Val::I32(by)]);
        assert_eq!(outcome.unwrap()[0].unwrap_i32(), before);
    }
}

/// A loop that takes arm 0 to 3 of a switch by turns, as an interpreter does; arm 3 ends it. Arm 1 falls into arm 2, and
/// arms 0 and 2 are `long` and `short` additions.
fn interpreter(long: usize, short: usize, padding: usize) -> String {
    let additions = |count: usize| "(local.set 1 (i32.add (local.get 1) (i32.const 1)))".repeat(count);
    let (long, short, padding) = (additions(long), additions(short), additions(padding));
    format!(
        r#"(module (func (export "f") (param i32) (result i32) (local i32)
            (loop $next
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (block $three (block $two (block $one (block $zero (block $never
                    (br_table $zero $one $two $three $never (local.get 0)))
                    {padding} (return (i32.const -1)))
                    {long} (br $next))
                    {short})
                    {short} (br $next)))
            (local.get 1)))"#
    )
}

#[test]
fn a_round_of_an_interpreter_pays_for_one_arm() {
    let taken = |text: &str, from| price(text, &[Val::I32(from)]);
    let short = interpreter(1, 1, 700);
    // The entry; then each round the way to the switch and the longest short arm, which is arm 0.
    let (entry, round) = (8 + 1, 8 + 6 + 5);
    assert_eq!(taken(&short, 2), entry + round);
    // Arm 2 has another way in, and so a charge of its own.
    let second = 8 + 4 + 1;
    assert_eq!(taken(&short, 1), entry + 2 * round + second);
    assert_eq!(taken(&short, 0), entry + 3 * round + 2 * second);
    assert_eq!(taken(&short, -1), entry + 4 * round + 2 * second);
    // A long arm pays for itself.
    let (long, round) = (interpreter(100, 1, 700), 8 + 6 + 4);
    assert_eq!(taken(&long, -1), entry + 4 * round + 2 * second + (8 + 401));
}

#[test]
fn a_short_switch_is_paid_as_a_whole() {
    let whole = 8 + 6 + (4 + 2) + (4 + 1) + 4 + (4 + 1);
    assert_eq!(price(&interpreter(1, 1, 1), &[Val::I32(2)]), 8 + 1 + whole);
}
