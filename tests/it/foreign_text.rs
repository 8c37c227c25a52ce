//! Foreign texts: what plugins and files say reaches people through every command, and steers nothing.

use std::fs;

use host::cli::{self, Exit, Interrupt, Terminal};
use serde_json::{Value, json};

use crate::support::{
    Folder,
    guest::{events_guest, saying, task_guest, with_functions},
};

/// Every kind of character that steers a terminal, turns the direction of writing, ends a line or hides; and a line that looks
/// like one of ours.
const HOSTILE: &str = "a\x1b]0;t\x07\x1b[31m\x1b[2J\u{9b}31m\u{85}\0\x7f\x08\r\t\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\
                       \u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{2028}\u{2029}\u{e0041}\u{fff9}z\nFORGED: a line\r\nFORGED: another";

/// The same, as far as the name of a file can have it.
fn hostile_name(ending: &str) -> String {
    format!("{}.{ending}", HOSTILE.replace(['\0', '/'], ""))
}

/// The same, as far as a cell of a text can have it: a byte of zero is in none, and a line is a row here.
fn hostile_cell() -> String {
    HOSTILE.replace(['\0', '\n', '\r'], "")
}

fn run(args: &[&str]) -> (Exit, String, String) {
    run_on(args, Terminal::default())
}

fn run_on(args: &[&str], terminal: Terminal) -> (Exit, String, String) {
    let words = std::iter::once("host").chain(args.iter().copied()).map(Into::into);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = cli::run(words, &mut out, &mut err, terminal, &Interrupt::default());
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Whether a terminal shows the character, and does nothing else. Said here anew, so that a gap in the program's list shows.
fn is_shown(c: char) -> bool {
    let code = u32::from(c);
    let hidden = [0xad, 0x61c, 0xfeff].contains(&code)
        || [0x200b..=0x200f, 0x2028..=0x202e, 0x2060..=0x206f, 0xfff0..=0xfffb, 0xe0000..=0xe0fff]
            .iter()
            .any(|range| range.contains(&code));
    !(code < 0x20 || (0x7f..0xa0).contains(&code) || hidden)
}

fn check_text(text: &str, args: &[&str]) {
    let found = text.chars().find(|c| !is_shown(*c) && *c != '\n');
    assert_eq!(found, None, "{args:?}: {text:?}");
    let forged = text.lines().find(|line| line.starts_with("FORGED"));
    assert_eq!(forged, None, "{args:?}: {text}");
}

/// Runs a command, whose output must be clean and mention the hostile text, and returns its exit and standard output.
fn check(args: &[&str]) -> (Exit, String) {
    let (exit, out, err) = check_clean(args);
    assert!(out.contains('z') || err.contains('z'), "{args:?} does not mention the text: {out}{err}");
    (exit, out)
}

/// Runs a command, whose output must be clean.
fn check_clean(args: &[&str]) -> (Exit, String, String) {
    let (exit, out, err) = run(args);
    check_text(&out, args);
    check_text(&err, args);
    (exit, out, err)
}

/// Twenty daily bars of an instrument that is called so, in a column that is, too.
fn bars(symbol: &str) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = format!("symbol,Date,Open,High,Low,Close,Volume,{}\n", quoted(symbol));
    for day in 1..=20 {
        let price = 100 + day % 7;
        let line = format!("{},2024-02-{day:02},{price},{},{},{price},10,0\n", quoted(symbol), price + 1, price - 1);
        text.push_str(&line);
    }
    text
}

/// Bodies of `evaluate` with the text at 2048: one that logs it, one that fails with it, one that panics with it.
fn bodies() -> [(&'static str, String); 3] {
    let length = HOSTILE.len();
    let log = |level: u32| format!("(call $log (i32.const {level}) (i32.const 2048) (i32.const {length}))");
    let fail = format!(
        "(i32.store8 (i32.const 4096) (i32.const 1)) (i32.store8 (i32.const 4100) (i32.const 1))
         (i32.store (i32.const 4104) (i32.const 2048)) (i32.store (i32.const 4108) (i32.const {length})) (i32.const 4096)"
    );
    [("logs", format!("{} (i32.const 128)", log(1))), ("fails", fail), ("panics", format!("{} (unreachable)", log(3)))]
}

/// A folder with hostile plugins, data, a grid and a list of tasks; their names are as hostile.
struct Bench {
    folder: Folder,
    data: String,
    grid: String,
}

impl Bench {
    fn new() -> Self {
        let folder = Folder::new();
        let data = folder.file(&hostile_name("csv"), bars(&hostile_cell()));
        let grid = folder.file(&hostile_name("json"), json!({ "text": [HOSTILE, "fine"] }).to_string());
        Self { folder, data, grid }
    }

    fn plugin(&self, name: &str, bytes: Vec<u8>) -> String {
        self.folder.file(&format!("{name}{}", hostile_name("wasm")), bytes)
    }
}

#[test]
fn no_command_lets_a_strategy_steer_the_terminal() {
    let bench = Bench::new();
    let (data, grid) = (bench.data.as_str(), bench.grid.as_str());
    for (name, body) in bodies() {
        let plugin = &bench.plugin(name, with_functions("(i32.const 128)", &body, &saying(HOSTILE)));
        let out = &bench.folder.path(&format!("{name}.csv")).display().to_string();
        let commands: [&[&str]; 7] = [
            &["inspect", plugin],
            &["backtest", "--plugin", plugin, "--data", data, "--no-cache"],
            &["sweep", "--plugin", plugin, "--data", data, "--grid", grid, "--no-cache", "--out", out],
            &["sweep", "--plugin", plugin, "--data", data, "--grid", grid, "--no-cache", "--each-symbol"],
            &["compare", "--plugin", plugin, "--plugin", plugin, "--data", data, "--no-cache"],
            &["check", "--plugin", plugin, "--data", data, "--quick", "--no-cache"],
            &["backtest", "--plugin", plugin, "--data", data, "--no-cache", "--param", "text=other"],
        ];
        for args in commands {
            check(args);
            let (_, out) = check(&[args, &["--format", "json"]].concat());
            if !out.is_empty() {
                serde_json::from_str::<Value>(&out).unwrap();
            }
        }
    }
}

#[test]
fn json_has_the_text_as_it_is() {
    let bench = Bench::new();
    let plugin = &bench.plugin("logs", with_functions("(i32.const 128)", "(i32.const 128)", &saying(HOSTILE)));
    let (exit, out) = check(&["inspect", plugin, "--format", "json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    let description = &json["description"];
    assert_eq!(
        (exit, &description["version"], &description["summary"]),
        (Exit::Success, &json!(HOSTILE), &json!(HOSTILE))
    );
    assert_eq!(description["parameters"][0]["choices"], json!([HOSTILE, "fine"]));
    let (_, out) = check(&["backtest", "--plugin", plugin, "--data", &bench.data, "--no-cache"]);
    let title = out.lines().next().unwrap();
    assert!(title.starts_with("hostile a␛]0;t␇␛[31m") && title.contains("  text=a␛]0;t␇"), "{title}");
}

#[test]
fn no_command_lets_a_custom_task_steer_the_terminal() {
    let bench = Bench::new();
    let answer = json!({ "answer": HOSTILE }).to_string();
    let length = HOSTILE.len();
    // JSON escapes controls, and not what turns or hides: as bytes that are no JSON, all of it.
    let answers = |at: u32, length: usize| {
        format!(
            "(call $log (i32.const 1) (i32.const 2048) (i32.const {}))
             (i32.store8 (i32.const 4096) (i32.const 0)) (i32.store (i32.const 4100) (i32.const {at}))
             (i32.store (i32.const 4104) (i32.const {length})) (i32.const 4096)",
            HOSTILE.len()
        )
    };
    let bytes = answer.bytes().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let json_text = format!(r#"{} (data (i32.const 3072) "{bytes}")"#, saying(HOSTILE));
    let tasks =
        bench.folder.file("tasks.json", json!([{ "task_id": HOSTILE, "params": { "text": HOSTILE } }]).to_string());
    for (name, body, more) in [
        ("json", answers(3072, answer.len()), json_text),
        ("raw", answers(2048, length), saying(HOSTILE)),
        ("fails", bodies()[1].1.clone(), saying(HOSTILE)),
    ] {
        let plugin = &bench.plugin(name, task_guest(&body, &more));
        let args = ["run", "--plugin", plugin, "--tasks", &tasks, "--data", &bench.data, "--no-cache"];
        check(&args);
        let (_, out) = check(&[args.as_slice(), &["--format", "json"]].concat());
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["results"][0]["task_id"], HOSTILE);
    }
}

#[test]
fn no_command_lets_a_strategy_of_orders_or_its_trace_steer_the_terminal() {
    let bench = Bench::new();
    let (data, length) = (bench.data.as_str(), HOSTILE.len());
    let log = format!("(call $log (i32.const 1) (i32.const 2048) (i32.const {length})) (drop (call $buy))");
    let buys = &bench.plugin("buys", events_guest(&[("on-bar", &log)], &saying(HOSTILE)));
    let other = &bench.plugin("other", events_guest(&[], &saying(HOSTILE)));
    let trace = &bench.folder.path(&hostile_name("jsonl")).display().to_string();
    check(&["backtest", "--plugin", buys, "--data", data, "--trace", trace, "--no-cache"]);
    check(&["check", "--plugin", buys, "--data", data, "--quick", "--no-cache"]);
    for plugin in [buys, other] {
        check(&["replay", trace, "--plugin", plugin, "--no-cache"]);
        check(&["replay", trace, "--plugin", plugin, "--no-cache", "--format", "json"]);
    }
    fs::write(trace, format!("{{\"trace\": {}", json!(HOSTILE))).unwrap();
    check(&["replay", trace, "--plugin", buys, "--no-cache"]);
}

#[test]
fn no_command_lets_data_steer_the_terminal() {
    let bench = Bench::new();
    let data = bench.data.as_str();
    check(&["data", "show", data]);
    let (_, out) = check(&["data", "show", data, "--format", "json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["instruments"][0]["symbol"], hostile_cell());
    let out = &bench.folder.path(&hostile_name("parquet")).display().to_string();
    check(&["data", "convert", data, "--out", out]);
    check(&["data", "show", out]);
    let damaged = bench
        .folder
        .file(&format!("damaged{}", hostile_name("csv")), bars(&hostile_cell()).replace(",100,", ",\x1bx,"));
    check(&["data", "show", &damaged]);
    let torn = bench.folder.file("torn.csv", bars(HOSTILE.replace('\0', "").trim()));
    check_clean(&["data", "show", &torn]);
    let names = format!("{}\n2024-01-01,1\n", hostile_cell());
    check(&["data", "show", &bench.folder.file("names.csv", names)]);
    check(&["sweep", "--data", data, "--symbols", HOSTILE, "--no-cache"]);
    check(&["sweep", "--data", data, "--data", data, "--no-cache"]);
}

#[test]
fn no_command_lets_a_name_or_a_file_of_settings_steer_the_terminal() {
    let bench = Bench::new();
    let text = HOSTILE.replace('\0', "");
    let missing = &bench.folder.path(&hostile_name("wasm")).display().to_string();
    let file = |name: &str, content: String| bench.folder.file(name, content);
    let grid = file("grid.json", json!({ HOSTILE: [1, 2] }).to_string());
    let account = file("account.json", json!({ HOSTILE: 1 }).to_string());
    let toml = file("account.toml", format!("[{}]\na = 1\n", json!(text.replace('\x7f', ""))));
    let request = file("request.json", json!({ "plugin": HOSTILE, "data": HOSTILE }).to_string());
    let broken = file("broken.json", format!("{{\"{text}"));
    let tasks = file("twice.json", json!([{ "task_id": HOSTILE }, { "task_id": HOSTILE }]).to_string());
    let core = file("core.wasm", text.clone());
    let packed = &bench.folder.path("packed.wasm").display().to_string();
    let commands: [&[&str]; 12] = [
        &["inspect", missing],
        &["backtest", "--plugin", missing],
        &["sweep", "--data", missing],
        &["sweep", "--grid", &grid],
        &["sweep", "--account", &account],
        &["sweep", "--account", &toml],
        &["sweep", "--request", &request],
        &["run", "--plugin", "bootstrap", "--tasks", &tasks],
        &["run", "--plugin", "bootstrap", "--tasks", missing],
        &["backtest", "--param", &text],
        &["sweep", "--objective", &text],
        &[&text],
    ];
    for args in commands {
        assert_ne!(check(args).0, Exit::Success, "{args:?}");
    }
    // What is wrong with it stands before the text.
    check_clean(&["sweep", "--request", &broken]);
    check_clean(&["pack", &core, "--out", packed]);
    check_clean(&["new", &text]);
}

#[test]
fn with_colours_only_those_of_the_program_get_through() {
    let bench = Bench::new();
    let plugin = &bench.plugin("logs", with_functions("(i32.const 128)", "(i32.const 128)", &saying(HOSTILE)));
    let terminal = Terminal { width: Some(80), colour: true, ..Terminal::default() };
    for args in
        [&["inspect", plugin][..], &["backtest", "--plugin", plugin, "--no-cache"], &[HOSTILE.trim_matches('\0')]]
    {
        let words: Vec<String> = args.iter().map(|word| word.replace('\0', "")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (_, out, err) = run_on(&words, terminal);
        let mut text = out + &err;
        assert!(text.contains('\x1b'), "{args:?} is not coloured");
        for ours in ["\x1b[0m", "\x1b[1m", "\x1b[4m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            text = text.replace(ours, "");
        }
        check_text(&text, args);
    }
}

#[test]
fn bits_of_nan_reach_no_file() {
    let folder = Folder::new();
    let files = |payload: &str| {
        let buy = format!(
            "(drop (call $submit (i32.const 0) (i32.const 0) (i32.const 0) (f64.const 1) (i32.const 0) (f64.const {payload})
                (f64.const {payload}) (i32.const 0) (i64.const 0) (i32.const 0)))
             (drop (call $submit (i32.const 0) (i32.const 0) (i32.const 1) (f64.const {payload}) (i32.const 0)
                (f64.const {payload}) (f64.const nan) (i32.const 0) (i64.const 0) (i32.const 0)))
             (drop (call $bracket (i64.const 1) (f64.const {payload}) (f64.const {payload})))
             (call $target (i32.const 0) (f64.const {payload}))"
        );
        let plugin = folder.file("nan.wasm", events_guest(&[("on-bar", &buy)], ""));
        let at = |name: &str| folder.path(name).display().to_string();
        let (orders, fills, trace) = (at("orders.parquet"), at("fills.csv"), at("trace.jsonl"));
        let data = folder.file("bars.csv", bars("A"));
        let args = [
            "backtest", "--plugin", &plugin, "--data", &data, "--orders", &orders, "--fills", &fills, "--trace", &trace,
        ];
        let (exit, out, err) = run(&[args.as_slice(), &["--no-cache"]].concat());
        assert_eq!(exit, Exit::Success, "{out}{err}");
        let trace = fs::read_to_string(trace).unwrap();
        // The first line has the hash of the plugin.
        let trace = trace.split_once('\n').unwrap().1.to_owned();
        (out, fs::read(orders).unwrap(), fs::read(fills).unwrap(), trace)
    };
    let plain = files("nan");
    assert!(plain.3.contains("NaN"), "{}", plain.3);
    for payload in ["nan:0x1", "nan:0x8deadbeef0001", "-nan", "-nan:0xfffffffffffff"] {
        assert!(files(payload) == plain, "{payload}");
    }
}
