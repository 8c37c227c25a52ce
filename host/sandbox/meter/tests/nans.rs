//! Results that are not a number: with a meter a guest sees the NaN of an engine that settles every result at once, and
//! what it only moves keeps its bits.

use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};
use wasmtime::{Config, Engine, Instance, Memory, Module, Store, Val};

use super::{Core, engine, module};

const FUNCTIONS: u64 = 3000;

/// Numbers, infinities, and NaNs with signs and contents of their own.
const MEMORY: [u64; 8] = [
    0x0000_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0xfff8_0000_dead_beef,
    0x7ff8_0000_0000_1234,
    0x7fc0_0001_ffc0_0002,
    0x8000_0000_0000_0000,
];

/// A guest of the two engines: the one settles all results, the other has a meter.
fn both(text: &str) -> [Vec<u8>; 2] {
    let bytes = wat::parse_str(text).unwrap();
    let mut config = Config::new();
    config.cranelift_nan_canonicalization(true);
    let settling = Engine::new(&config).unwrap();
    let mut store = Store::new(&settling, ());
    let instance = Instance::new(&mut store, &Module::new(&settling, &bytes).unwrap(), &[]).unwrap();
    let expected = run(&mut store, instance);
    let metered = Module::new(&engine(), module::meter(&bytes).unwrap()).unwrap();
    let mut core = Core::of(&metered, i64::MAX);
    let instance = *core.instance.as_ref().unwrap();
    [expected, run(&mut core.store, instance)]
}

/// Calls `f`, and returns what it leaves in memory, and its answer behind that.
fn run(store: &mut Store<()>, instance: Instance) -> Vec<u8> {
    let memory: Memory = instance.get_memory(&mut *store, "memory").unwrap();
    for (at, bits) in MEMORY.iter().enumerate() {
        memory.write(&mut *store, 8 * at, &bits.to_le_bytes()).unwrap();
    }
    let mut results = [Val::F64(0)];
    instance.get_func(&mut *store, "f").unwrap().call(&mut *store, &[Val::F64(MEMORY[4])], &mut results).unwrap();
    let mut seen = memory.data(&*store)[..4096].to_vec();
    seen.extend(results[0].unwrap_f64().to_bits().to_le_bytes());
    seen
}

fn function(body: &str) -> String {
    format!(
        "(module (memory (export \"memory\") 1) (global $g (mut f64) (f64.const 0))
            (func $pass (param f64 f64) (result f64) (local.get 0))
            (func (export \"f\") (param $p f64) (result f64)
                (local $a f64) (local $b f64) (local $c f64) (local $s f32) (local $v v128) (local $w v128) (local $i i32)
                {body}))"
    )
}

#[test]
fn what_looks_at_a_nan_sees_the_same_one() {
    const NAN: &str = "(f64.div (local.get $a) (local.get $a))";
    const BOXED: &str = "(f64.load (i32.const 32))";
    let cases = [
        format!("(f64.store (i32.const 512) {NAN}) (f64.const 0)"),
        format!("(i64.store (i32.const 512) (i64.reinterpret_f64 {NAN})) (f64.const 0)"),
        NAN.to_owned(),
        format!("(f64.copysign (f64.const 1) {NAN})"),
        format!("(f64.neg {NAN})"),
        format!("(call $pass {NAN} {NAN})"),
        format!("(global.set $g {NAN}) (global.get $g)"),
        // Moved, it keeps its bits, through memory, locals, parameters and choices.
        format!("(f64.store (i32.const 512) {BOXED}) (local.get $p)"),
        format!("(local.set $b {BOXED}) (f64.store (i32.const 512) (local.get $b)) (f64.neg (local.get $b))"),
        format!("(select {BOXED} {NAN} (i32.const 1))"),
        format!("(select {BOXED} {NAN} (i32.const 0))"),
        // The same local first moves one and then holds a result.
        format!("(local.set $b {BOXED}) (f64.store (i32.const 512) (local.get $b)) (local.set $b {NAN}) (local.get $b)"),
        // Which of both it holds depends on the way.
        format!("(if (result f64) (i32.const 1) (then {NAN}) (else {BOXED}))"),
        format!("(local.set $b {BOXED}) (if (i32.load (i32.const 8)) (then (local.set $b {NAN}))) (local.get $b)"),
        format!(
            "(local.set $b {BOXED}) (loop $l (local.set $c (local.get $b)) (local.set $b {NAN})
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))) (local.get $c)"
        ),
        // Lanes: of a vector, of a single, and one taken as the other.
        format!("(v128.store (i32.const 512) (f64x2.splat {NAN})) (f64.const 0)"),
        "(f64x2.extract_lane 1 (f64x2.sub (v128.load (i32.const 16)) (v128.load (i32.const 16))))".to_owned(),
        "(v128.store (i32.const 512) (f32x4.add (v128.load (i32.const 32)) (f32x4.splat (f32.const 1)))) (f64.const 0)".to_owned(),
        "(i64.store (i32.const 512) (i64x2.extract_lane 0 (f32x4.sqrt (f64x2.splat (f64.const -2))))) (f64.const 0)".to_owned(),
        // Half of a number has the bits of a NaN, and keeps them.
        format!("(v128.store (i32.const 512) (select (f64x2.splat (f64.const 4503601770659841)) (f32x4.demote_f64x2_zero (f64x2.splat {NAN})) (i32.load (i32.const 8)))) (f64.const 0)"),
        format!("(v128.store (i32.const 512) (select (f64x2.splat (f64.const -inf)) (f32x4.demote_f64x2_zero (f64x2.splat {NAN})) (i32.load (i32.const 12)))) (f64.const 0)"),
        // A mask has the bits of a NaN, and keeps them.
        format!("(local.set $v (f64x2.eq (local.get $v) (local.get $v))) (if (i32.load (i32.const 32)) (then (local.set $v (f64x2.splat {NAN})))) (v128.store (i32.const 512) (local.get $v)) (f64.const 0)"),
        format!("(local.set $v (f64x2.eq (local.get $v) (local.get $v))) (if (i32.load (i32.const 0)) (then (local.set $v (f64x2.splat {NAN})))) (v128.store (i32.const 512) (local.get $v)) (f64.const 0)"),
        format!("(f32.store (i32.const 512) (f32.demote_f64 {BOXED})) (f64.promote_f32 (f32.load (i32.const 52)))"),
    ];
    for case in cases {
        let [expected, found] = both(&function(&case));
        assert!(found == expected, "{case}");
    }
}

/// Each walk through the function learns of one local more, so that at last all of them are taken to be looked at.
#[test]
fn a_result_that_wanders_through_many_locals_is_the_same_one() {
    const COUNT: usize = 40;
    let moves: String = (1..COUNT).rev().map(|to| format!("(local.set $x{to} (local.get $x{}))", to - 1)).collect();
    let locals: String = (0..COUNT).map(|local| format!("(local $x{local} f64)")).collect();
    let text = format!(
        "(module (memory (export \"memory\") 1) (func (export \"f\") (param f64) (result f64) (local $i i32) {locals}
            (local.set $x1 (local.get 0))
            (loop $l {moves} (local.set $x0 (f64.div (local.get $x9) (f64.const 0)))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60))))
            (f64.store (i32.const 512) (local.get $x20)) (local.get $x{})))",
        COUNT - 1
    );
    let [expected, found] = both(&text);
    assert!(found == expected);
}

#[test]
fn random_functions_see_the_nans_of_an_engine_that_settles_every_result() {
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for _ in 0..FUNCTIONS {
        let body = format!("{} {}", statements(&mut random, 0), number(&mut random, 0));
        let text = function(&body);
        let [expected, found] = both(&text);
        assert!(found == expected, "{text}");
    }
}

fn below(random: &mut TestRng, end: u32) -> u32 {
    random.next_u32() % end
}

fn one_of<'a>(random: &mut TestRng, words: &[&'a str]) -> &'a str {
    words[below(random, words.len() as u32) as usize]
}

const LOCALS: [&str; 4] = ["$a", "$b", "$c", "$p"];

fn statements(random: &mut TestRng, depth: u32) -> String {
    (0..1 + below(random, 5)).map(|_| statement(random, depth)).collect()
}

fn statement(random: &mut TestRng, depth: u32) -> String {
    let kind = if depth > 3 { below(random, 7) } else { below(random, 11) };
    let place = 256 + 16 * below(random, 200);
    match kind {
        0..3 => format!("(local.set {} {})", one_of(random, &LOCALS), number(random, 0)),
        3 => format!("(f64.store (i32.const {place}) {})", number(random, 0)),
        4 => format!("(local.set {} {})", one_of(random, &["$v", "$w"]), vector(random, 0)),
        5 => format!("(v128.store (i32.const {place}) {})", vector(random, 0)),
        6 => format!(
            "(local.set $s (f32.demote_f64 {})) (f32.store (i32.const {place}) (local.get $s))",
            number(random, 0)
        ),
        7 => format!("(if {} (then {}))", condition(random), statements(random, depth + 1)),
        8 => format!(
            "(if {} (then {}) (else {}))",
            condition(random),
            statements(random, depth + 1),
            statements(random, depth + 1)
        ),
        9 => format!(
            "(block {} (br_if 0 {}) {})",
            statements(random, depth + 1),
            condition(random),
            statements(random, depth + 1)
        ),
        // Every loop counts the same counter up, so that all of them end.
        _ => format!(
            "(loop {} (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6))))",
            statements(random, depth + 1)
        ),
    }
}

fn condition(random: &mut TestRng) -> String {
    let place = 8 * below(random, 60);
    match below(random, 3) {
        0 => format!("(i32.and (i32.load (i32.const {place})) (i32.const 1))"),
        1 => format!("(i32.and (local.get $i) (i32.const {}))", 1 + below(random, 3)),
        _ => format!("(f64.lt {} {})", number(random, 2), number(random, 2)),
    }
}

fn number(random: &mut TestRng, depth: u32) -> String {
    let kind = if depth > 3 { below(random, 5) } else { below(random, 14) };
    let mut next = || number(random, depth + 1);
    match kind {
        0..3 => format!("(local.get {})", one_of(random, &LOCALS)),
        3 => format!("(f64.load (i32.const {}))", 8 * below(random, 60)),
        4 => format!("(f64.const {})", one_of(random, &["0", "1", "-0", "inf", "nan", "-nan", "nan:0x8000000000123"])),
        5..8 => {
            let (one, other) = (next(), next());
            format!("(f64.{} {one} {other})", one_of(random, &["add", "sub", "mul", "div", "min", "max"]))
        }
        8 => format!(
            "({} {})",
            one_of(random, &["f64.sqrt", "f64.neg", "f64.abs", "f64.floor"]),
            number(random, depth + 1)
        ),
        9 => {
            let (one, other) = (next(), next());
            format!("(select {one} {other} {})", condition(random))
        }
        10 => {
            let value = next();
            format!("(local.tee {} {value})", one_of(random, &LOCALS))
        }
        11 => match below(random, 2) {
            0 => format!("(f64.promote_f32 (f32x4.extract_lane {} {}))", below(random, 4), vector(random, depth + 1)),
            _ => format!("(f64x2.extract_lane {} {})", below(random, 2), vector(random, depth + 1)),
        },
        12 => {
            let (one, other) = (next(), next());
            format!("({} {one} {other})", one_of(random, &["f64.copysign", "call $pass"]))
        }
        _ => {
            let value = next();
            format!("(f64.promote_f32 (f32.add (local.get $s) (f32.demote_f64 {value})))")
        }
    }
}

fn vector(random: &mut TestRng, depth: u32) -> String {
    let kind = if depth > 3 { below(random, 4) } else { below(random, 11) };
    match kind {
        0 | 1 => format!("(local.get {})", one_of(random, &["$v", "$w"])),
        2 => format!("(v128.load (i32.const {}))", 8 * below(random, 60)),
        3 => format!("(f64x2.splat (f64.const {}))", one_of(random, &["-inf", "1.5", "4503601770659841", "nan:0x12"])),
        4 | 8 => {
            let (one, other) = (vector(random, depth + 1), vector(random, depth + 1));
            format!(
                "({}.{} {one} {other})",
                one_of(random, &["f64x2", "f32x4"]),
                one_of(random, &["add", "sub", "mul", "div", "min", "pmax"])
            )
        }
        5 => format!("(f64x2.splat {})", number(random, depth + 1)),
        6 => format!("(f32x4.splat (f32.demote_f64 {}))", number(random, depth + 1)),
        7 => format!(
            "({} {} {})",
            one_of(random, &["v128.xor", "f64x2.le", "f32x4.ne"]),
            vector(random, depth + 1),
            vector(random, depth + 1)
        ),
        9 => {
            let (one, other) = (vector(random, depth + 1), vector(random, depth + 1));
            format!("(select {one} {other} {})", condition(random))
        }
        _ => format!("(local.tee {} {})", one_of(random, &["$v", "$w"]), vector(random, depth + 1)),
    }
}
