//! The adapter answers every call of WASI preview 1 inside the component, always in the same way.

use std::{collections::BTreeMap, fs, sync::Arc};

use host::{
    model::{Params, Series, Targets},
    sandbox::{Budget, Limits, Plugin, Prepared, Sandbox, Signals},
    task::{ErrorKind, TaskError},
};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::{bindings, support::guest};

const SOURCE: &str = "plugins/sdk/adapter/wasi_snapshot_preview1.wat";
const ASSEMBLED: &str = "plugins/sdk/adapter/wasi_snapshot_preview1.wasm";

#[test]
fn the_committed_adapter_is_what_its_text_assembles_to() {
    let mut module = wat::parse_file(SOURCE).unwrap();
    let mut resolve = Resolve::default();
    resolve.push_dir("wit/v0.1").unwrap();
    let world = "package backtest:adapter; world adapter { import backtest:strategy/host@0.1.0; }";
    let package = resolve.push_str("adapter.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("adapter")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    bindings::check_committed(ASSEMBLED, &module);
}

/// Every function of preview 1 with its parameters and its result: `i` is an i32, `l` an i64.
const PREVIEW1: [(&str, &str, &str); 46] = [
    ("args_get", "ii", "i"),
    ("args_sizes_get", "ii", "i"),
    ("clock_res_get", "ii", "i"),
    ("clock_time_get", "ili", "i"),
    ("environ_get", "ii", "i"),
    ("environ_sizes_get", "ii", "i"),
    ("fd_advise", "illi", "i"),
    ("fd_allocate", "ill", "i"),
    ("fd_close", "i", "i"),
    ("fd_datasync", "i", "i"),
    ("fd_fdstat_get", "ii", "i"),
    ("fd_fdstat_set_flags", "ii", "i"),
    ("fd_fdstat_set_rights", "ill", "i"),
    ("fd_filestat_get", "ii", "i"),
    ("fd_filestat_set_size", "il", "i"),
    ("fd_filestat_set_times", "illi", "i"),
    ("fd_pread", "iiili", "i"),
    ("fd_prestat_dir_name", "iii", "i"),
    ("fd_prestat_get", "ii", "i"),
    ("fd_pwrite", "iiili", "i"),
    ("fd_read", "iiii", "i"),
    ("fd_readdir", "iiili", "i"),
    ("fd_renumber", "ii", "i"),
    ("fd_seek", "ilii", "i"),
    ("fd_sync", "i", "i"),
    ("fd_tell", "ii", "i"),
    ("fd_write", "iiii", "i"),
    ("path_create_directory", "iii", "i"),
    ("path_filestat_get", "iiiii", "i"),
    ("path_filestat_set_times", "iiiilli", "i"),
    ("path_link", "iiiiiii", "i"),
    ("path_open", "iiiiillii", "i"),
    ("path_readlink", "iiiiii", "i"),
    ("path_remove_directory", "iii", "i"),
    ("path_rename", "iiiiii", "i"),
    ("path_symlink", "iiiii", "i"),
    ("path_unlink_file", "iii", "i"),
    ("poll_oneoff", "iiii", "i"),
    ("proc_exit", "i", ""),
    ("proc_raise", "i", "i"),
    ("random_get", "ii", "i"),
    ("sched_yield", "", "i"),
    ("sock_accept", "iii", "i"),
    ("sock_recv", "iiiiii", "i"),
    ("sock_send", "iiiii", "i"),
    ("sock_shutdown", "ii", "i"),
];

#[test]
fn every_function_of_preview_1_is_there_with_its_signature() {
    let mut expected: BTreeMap<_, _> =
        PREVIEW1.into_iter().map(|(name, params, results)| (name.into(), format!("{params}>{results}"))).collect();
    expected.insert("line_buffer".to_owned(), "ii>".to_owned());
    expected.insert("flush_lines".to_owned(), ">".to_owned());
    assert_eq!(signatures(&fs::read(ASSEMBLED).unwrap()), expected);
}

/// The functions that a module exports, with their signatures.
fn signatures(module: &[u8]) -> BTreeMap<String, String> {
    let (mut types, mut functions, mut exports) = (Vec::new(), Vec::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::TypeSection(section) => {
                types.extend(section.into_iter_err_on_gc_types().map(|ty| signature(&ty.unwrap())));
            }
            Payload::ImportSection(section) => {
                functions.extend(section.into_imports().filter_map(|import| match import.unwrap().ty {
                    TypeRef::Func(ty) => Some(ty),
                    _ => None,
                }));
            }
            Payload::FunctionSection(section) => functions.extend(section.into_iter().map(|ty| ty.unwrap())),
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.unwrap();
                    assert_eq!(export.kind, ExternalKind::Func);
                    let ty = functions[export.index as usize] as usize;
                    exports.insert(export.name.to_owned(), types[ty].clone());
                }
            }
            _ => {}
        }
    }
    exports
}

fn signature(ty: &FuncType) -> String {
    let letters = |types: &[ValType]| -> String {
        let letter = |ty: &ValType| match ty {
            ValType::I32 => 'i',
            ValType::I64 => 'l',
            other => panic!("preview 1 has no {other}"),
        };
        types.iter().map(letter).collect()
    };
    format!("{}>{}", letters(ty.params()), letters(ty.results()))
}

/// Runs `body` with WASI's functions as `$fd_write` and so on, and returns what it logged.
///
/// `$write` writes `length` bytes from `at` on to descriptor `fd`, `$number` logs a number in hexadecimal digits. Text
/// lies from 512 on, memory from 4096 to 65536 is free.
fn run(text: &str, body: &str) -> (Result<(), TaskError>, Vec<String>) {
    let mut limits = Limits::default();
    limits.budget = Budget::Units(50_000_000);
    let plugin = Plugin::from_bytes(&Sandbox::new(2, limits).unwrap(), "wasi.wasm", component(text, body)).unwrap();
    let data: Arc<[Series]> = Arc::new([]);
    let prepared = Prepared::<Signals>::new(&plugin, data).unwrap();
    let answer = prepared.evaluate(&Params::new());
    assert_eq!(prepared.evaluate(&Params::new()), answer, "what a fork does is not the same twice");
    (answer.outcome.map(|targets| assert_eq!(targets, Targets::default())), answer.log)
}

/// What `body` logs, if it ends well.
fn log(text: &str, body: &str) -> Vec<String> {
    let (outcome, log) = run(text, body);
    assert_eq!(outcome, Ok(()));
    log
}

fn component(text: &str, body: &str) -> Vec<u8> {
    let imports: String = PREVIEW1.iter().map(|(name, params, results)| import(name, params, results)).collect();
    let imports = imports + &import("line_buffer", "ii", "") + &import("flush_lines", "", "");
    let functions = format!(
        r#"(data (i32.const 512) "{text}")
        (func $write (param $fd i32) (param $at i32) (param $length i32)
            (i32.store (i32.const 2048) (local.get $at))
            (i32.store (i32.const 2052) (local.get $length))
            (if (call $fd_write (local.get $fd) (i32.const 2048) (i32.const 1) (i32.const 2056)) (then (unreachable)))
            (if (i32.ne (i32.load (i32.const 2056)) (local.get $length)) (then (unreachable))))
        (func $number (param $value i64)
            (local $at i32)
            (local.set $at (i32.const 2080))
            (loop $next
                (local.set $at (i32.sub (local.get $at) (i32.const 1)))
                (i32.store8 (local.get $at) (i32.load8_u offset=2096 (i32.and (i32.wrap_i64 (local.get $value)) (i32.const 15))))
                (local.set $value (i64.shr_u (local.get $value) (i64.const 4)))
                (br_if $next (i64.ne (local.get $value) (i64.const 0))))
            (call $log (i32.const 1) (local.get $at) (i32.sub (i32.const 2080) (local.get $at))))
        (data (i32.const 2096) "0123456789abcdef")"#
    );
    guest::with_imports(&imports, body, &functions)
}

fn import(name: &str, params: &str, results: &str) -> String {
    let types = |letters: &str| -> String {
        letters.chars().map(|letter| if letter == 'i' { " i32" } else { " i64" }).collect()
    };
    format!(
        r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param{}) (result{})))"#,
        types(params),
        types(results)
    )
}

const OK: &str = "(i32.const 128)";
const LEND: &str = "(call $line_buffer (i32.const 4096) (i32.const 4096))";

#[test]
fn a_line_may_come_in_pieces_once_a_buffer_is_lent() {
    let body = format!(
        "{LEND}
        (call $write (i32.const 1) (i32.const 512) (i32.const 3))
        (call $write (i32.const 2) (i32.const 518) (i32.const 3))
        (call $write (i32.const 1) (i32.const 515) (i32.const 3))
        (call $flush_lines) (call $flush_lines) {OK}"
    );
    assert_eq!(log("one\\0atwfew", &body), ["info: one", "info: tw", "error: few"]);
}

#[test]
fn without_a_buffer_every_piece_is_a_line() {
    let body = format!(
        "(call $write (i32.const 1) (i32.const 512) (i32.const 12))
        (call $write (i32.const 2) (i32.const 519) (i32.const 5))
        (call $flush_lines) {OK}"
    );
    assert_eq!(log("one\\0atwo\\ffsix\\0a", &body), ["info: one", "info: two", "info: six", "error: six"]);
}

#[test]
fn a_line_that_is_too_long_is_split_between_characters() {
    let body = format!(
        "(call $line_buffer (i32.const 4096) (i32.const 256))
        (call $write (i32.const 1) (i32.const 512) (i32.const 150))
        (call $write (i32.const 1) (i32.const 662) (i32.const 1)) {OK}"
    );
    // 124 bytes fit; the euro sign's three begin at the 123rd.
    let text = format!("{}€{}\\0a", "a".repeat(122), "b".repeat(25));
    let expected = [format!("info: {}", "a".repeat(122)), format!("info: €{}", "b".repeat(25))];
    assert_eq!(log(&text, &body), expected);
}

/// Bytes that are and that are no UTF-8, and what of them is shown.
const TEXTS: [(&str, &str); 12] = [
    ("naïve café ✓ 𝄞", "naïve café ✓ 𝄞"),
    ("a\\ffb", "a?b"),
    ("a\\80", "a?"),
    ("\\c3", "?"),
    ("\\c3(", "?("),
    ("\\c0\\af", "??"),
    ("\\e2\\82", "??"),
    ("\\e0\\80\\80", "???"),
    ("\\ed\\a0\\80", "???"),
    ("\\ef\\bf\\bf", "\u{ffff}"),
    ("\\f4\\90\\80\\80", "????"),
    ("\\f0\\9f\\98", "???"),
];

#[test]
fn bytes_that_are_no_utf_8_do_not_trap() {
    for (text, expected) in TEXTS {
        let length = bytes(text);
        let body =
            format!("{LEND} (call $write (i32.const 1) (i32.const 512) (i32.const {length})) (call $flush_lines) {OK}");
        assert_eq!(log(text, &body), [format!("info: {expected}")], "{text}");
        let body = format!("(call $write (i32.const 1) (i32.const 512) (i32.const {length})) {OK}");
        let expected: Vec<_> =
            expected.split('?').filter(|part| !part.is_empty()).map(|part| format!("info: {part}")).collect();
        assert_eq!(log(text, &body), expected, "{text} without a buffer");
    }
}

/// How many bytes a text of WebAssembly has once its escapes, each three characters long, are read.
fn bytes(text: &str) -> usize {
    text.len() - 2 * text.matches('\\').count()
}

#[test]
fn clocks_stand_still_until_something_waits() {
    // One subscription at 4096: clock 1, 1.5 s from now, with no other flag.
    let body = format!(
        "(call $number (i64.extend_i32_u (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 4096))))
        (call $number (i64.load (i32.const 4096)))
        (i64.store (i32.const 4096) (i64.const 7)) (i32.store (i32.const 4112) (i32.const 1))
        (i64.store (i32.const 4120) (i64.const 1500000000))
        (call $number (i64.extend_i32_u
            (call $poll_oneoff (i32.const 4096) (i32.const 8192) (i32.const 1) (i32.const 9000))))
        (call $number (i64.extend_i32_u (i32.load (i32.const 9000))))
        (call $number (i64.load (i32.const 8192)))
        (call $number (i64.extend_i32_u (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 4096))))
        (call $number (i64.load (i32.const 4096)))
        (call $number (i64.extend_i32_u (call $clock_time_get (i32.const 2) (i64.const 1) (i32.const 4096))))
        (call $number (i64.load (i32.const 4096)))
        (call $number (i64.extend_i32_u (call $clock_time_get (i32.const 4) (i64.const 1) (i32.const 4096)))) {OK}"
    );
    let begin = 946_684_800_000_000_000_u64;
    let hex = |value: u64| format!("info: {value:x}");
    let expected = [0, begin, 0, 1, 7, 0, begin + 1_500_000_000, 0, 0, 28].map(hex);
    assert_eq!(log("", &body), expected);
}

#[test]
fn what_is_ready_at_once_lets_no_time_pass() {
    // Subscriptions at 4096: clock 0 at the end of time, and writing to descriptor 1; the second's event alone is sent.
    let body = format!(
        "(i64.store (i32.const 4120) (i64.const -1)) (i32.store8 (i32.const 4136) (i32.const 1))
        (i64.store (i32.const 4144) (i64.const 9)) (i32.store8 (i32.const 4152) (i32.const 2))
        (i32.store (i32.const 4160) (i32.const 1))
        (call $number (i64.extend_i32_u
            (call $poll_oneoff (i32.const 4096) (i32.const 8192) (i32.const 2) (i32.const 9000))))
        (call $number (i64.extend_i32_u (i32.load (i32.const 9000))))
        (call $number (i64.load (i32.const 8192)))
        (call $number (i64.load (i32.const 8200)))
        (call $number (i64.extend_i32_u (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 4096))))
        (call $number (i64.load (i32.const 4096))) {OK}"
    );
    let expected = [0, 1, 9, 2 << 16, 0, 946_684_800_000_000_000_u64].map(|value| format!("info: {value:x}"));
    assert_eq!(log("", &body), expected);
}

#[test]
fn random_bytes_are_splitmix64_from_a_fixed_seed() {
    let body = format!(
        "(call $number (i64.extend_i32_u (call $random_get (i32.const 4096) (i32.const 11))))
        (call $number (i64.load (i32.const 4096)))
        (call $number (i64.load (i32.const 4104))) {OK}"
    );
    // Steele, Lea and Flood's generator from seed 0: e220a8397b1dcdaf, 6e789e6aa1b965f4.
    assert_eq!(log("", &body), ["info: 0", "info: e220a8397b1dcdaf", "info: b965f4"]);
}

#[test]
fn there_are_no_files_and_only_three_terminals() {
    let calls = [
        ("(call $fd_close (i32.const 1))", 0),
        ("(call $fd_close (i32.const 3))", 8),
        ("(call $fd_write (i32.const 0) (i32.const 4096) (i32.const 0) (i32.const 4096))", 8),
        ("(call $fd_read (i32.const 0) (i32.const 4096) (i32.const 1) (i32.const 4096))", 0),
        ("(call $fd_prestat_get (i32.const 3) (i32.const 4096))", 8),
        ("(call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 4096))", 70),
        ("(call $fd_fdstat_get (i32.const 2) (i32.const 4096))", 0),
        ("(call $fd_fdstat_get (i32.const 7) (i32.const 4096))", 8),
        ("(call $args_sizes_get (i32.const 4096) (i32.const 4100))", 0),
        ("(call $environ_sizes_get (i32.const 4096) (i32.const 4100))", 0),
        ("(call $path_unlink_file (i32.const 3) (i32.const 512) (i32.const 1))", 44),
        ("(call $sock_shutdown (i32.const 3) (i32.const 0))", 8),
        ("(call $sched_yield)", 0),
    ];
    let body: String = calls.iter().map(|(call, _)| format!("(call $number (i64.extend_i32_u {call}))")).collect();
    let expected: Vec<_> = calls.iter().map(|(_, answer)| format!("info: {answer:x}")).collect();
    assert_eq!(log("x", &format!("{body} {OK}")), expected);
}

#[test]
fn to_exit_is_to_trap_with_the_code_unless_standard_error_has_said_why() {
    let (outcome, log) = run("", &format!("(call $proc_exit (i32.const 130)) {OK}"));
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Trap);
    assert_eq!(log, ["error: exit code 130"]);
    let body = format!(
        "{LEND} (call $write (i32.const 2) (i32.const 512) (i32.const 4)) (call $proc_exit (i32.const 2)) {OK}"
    );
    let (outcome, log) = run("why!", &body);
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Trap);
    assert_eq!(log, ["error: why!"]);
}
