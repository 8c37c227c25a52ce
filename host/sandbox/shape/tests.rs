//! Every kind of bomb is refused, and every real plugin fits with room.

use super::{
    ShapeError,
    bombs::{BOMBS, plugin},
    check, check_code,
    measures::{LIMITS, MEASURES, Measure},
    walk::walk,
};

fn refusal(bytes: &[u8]) -> Option<String> {
    match check_code(bytes) {
        Ok(()) => None,
        Err(ShapeError::Over(excess)) => Some(excess.to_string()),
        Err(ShapeError::Damaged(error)) => panic!("{error}"),
    }
}

#[test]
fn each_bomb_is_refused_by_the_measure_that_names_it() {
    for bomb in BOMBS {
        let bytes = (bomb.make)(bomb.size);
        let refusal = refusal(&bytes).unwrap_or_else(|| panic!("`{}` passes, with {} bytes", bomb.name, bytes.len()));
        assert!(refusal.contains(bomb.named), "`{}`: {refusal}", bomb.name);
    }
}

#[test]
fn a_small_one_of_each_kind_passes() {
    for bomb in BOMBS.iter().filter(|bomb| !bomb.is_wrong_at_any_size) {
        assert_eq!(refusal(&(bomb.make)(1)), None, "`{}`", bomb.name);
    }
}

#[test]
fn the_table_has_each_measure_once_in_order() {
    for (at, limit) in LIMITS.iter().enumerate() {
        assert_eq!(limit.measure as usize, at, "{:?}", limit.measure);
    }
    assert_eq!(LIMITS.len(), MEASURES);
}

/// The most that a plugin of any of the nine languages has, of those that the conformance tests build. CPython and
/// SpiderMonkey have the most of nearly everything, Go of segments.
const REAL: [(Measure, u64); 34] = [
    (Measure::Depth, 2),
    (Measure::CodeBytes, 9_205_074),
    (Measure::Functions, 13_504),
    (Measure::Steps, 4_652_037),
    (Measure::Alive, 13_033_974),
    (Measure::FunctionBytes, 426_843),
    (Measure::FunctionSteps, 167_000),
    (Measure::FunctionLocals, 273),
    (Measure::FunctionNesting, 781),
    (Measure::FunctionTargets, 15_849),
    (Measure::FunctionCalls, 3_112),
    (Measure::FunctionStack, 64),
    (Measure::FunctionBranches, 12_651),
    (Measure::FunctionAlive, 714_770),
    (Measure::Arity, 19),
    (Measure::Types, 1_528),
    (Measure::TypeParts, 4_546),
    (Measure::TypeDepth, 2),
    (Measure::Names, 10_120),
    (Measure::NameBytes, 162),
    (Measure::Globals, 871),
    (Measure::Constants, 89_222),
    (Measure::Elements, 7_697),
    (Measure::Segments, 44_598),
    (Measure::DataSpread, 5_505_006),
    (Measure::CustomSections, 22),
    (Measure::Canonicals, 18),
    (Measure::CoreInstances, 38),
    (Measure::ComponentInstances, 5),
    (Measure::Links, 2_397),
    (Measure::Memories, 1),
    (Measure::Tables, 2),
    (Measure::TableEntries, 7_698),
    (Measure::Startup, 200_318),
];

#[test]
fn real_plugins_of_nine_languages_fit_four_times() {
    for (measure, most) in REAL {
        assert!(measure.most() >= 4 * most, "{measure:?}: {} for {most}", measure.most());
    }
    // Nothing real is handed what it instantiates.
    assert_eq!(REAL.len(), MEASURES - 1);
}

#[test]
fn bundled_plugins_fit_a_hundred_times_in_what_the_compiler_takes() {
    use Measure as M;
    let files = ["bootstrap", "bracket", "breakout", "mean_reversion", "momentum", "rotation", "sma_cross"];
    for name in files {
        let bytes = std::fs::read(format!("plugins/{name}/{name}.wasm")).unwrap();
        check(&bytes).unwrap();
        let counts = walk(&bytes, true).unwrap().counts;
        for measure in [M::CodeBytes, M::Functions, M::Steps, M::Alive, M::FunctionSteps, M::FunctionAlive, M::Types] {
            assert!(100 * counts.of(measure) < measure.most(), "`{name}`, {measure:?}: {}", counts.of(measure));
        }
    }
}

#[test]
fn a_message_says_how_much_of_what_where_the_limit_and_why() {
    let nested = BOMBS.iter().find(|bomb| bomb.name == "nested blocks").unwrap();
    assert_eq!(
        refusal(&(nested.make)(4_001)).unwrap(),
        "4001 blocks in each other (function 0 of core module 0; split it); the limit is 4000, because compiling time grows \
         with the square of it"
    );
}

#[test]
fn the_code_is_counted_only_where_that_is_asked_for() {
    let nested = BOMBS.iter().find(|bomb| bomb.name == "nested blocks").unwrap();
    let bytes = (nested.make)(nested.size);
    assert!(check(&bytes).is_ok() && check_code(&bytes).is_err());
}

#[test]
fn an_instance_takes_what_its_globals_and_those_of_its_parts_take() {
    let bytes = |name: &str, size| {
        let bomb = BOMBS.iter().find(|bomb| bomb.name == name).unwrap();
        walk(&(bomb.make)(size), false).unwrap().instance_bytes
    };
    let empty = walk(&plugin(&[]), false).unwrap().instance_bytes;
    assert!(bytes("globals", 10_000) > empty + 10_000 * 16);
    // Each level makes everything below it twice.
    assert!(bytes("instances of instances", 10) > 1_000 * (bytes("instances of instances", 1) - empty) / 4);
    assert_eq!(bytes("instances of instances", 70), u64::MAX, "what is too much to count is too much");
}

/// Bytes that mean nothing, and halves of what does: an error, never a panic.
#[test]
fn what_is_damaged_is_an_error() {
    let whole = std::fs::read("plugins/sma_cross/sma_cross.wasm").unwrap();
    for length in (8..whole.len()).step_by(997) {
        let _ = check_code(&whole[..length]);
    }
    for at in (8..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let _ = check_code(&bytes);
    }
}
