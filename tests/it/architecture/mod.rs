//! The architecture: rooms name only rooms below them, files stand in no circle, and rooms keep their nevers.

mod imports;
mod source;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every module, bottom first, with the modules that it may name.
const LAYERS: [(&str, &[&str]); 27] = [
    ("pages", &[]),
    ("model", &[]),
    ("file", &[]),
    ("watcher", &[]),
    ("cache", &[]),
    ("process", &[]),
    ("data", &["model", "file"]),
    ("broker", &["model"]),
    ("metrics", &["model", "broker"]),
    ("task", &["model"]),
    ("trust", &["model"]),
    ("optimize", &["model"]),
    ("sandbox", &["model", "file", "cache", "process", "broker", "task"]),
    ("bundled", &["model", "sandbox"]),
    ("trace", &["model", "broker", "task"]),
    ("backtest", &["model", "file", "process", "data", "broker", "metrics", "task", "sandbox", "trace"]),
    ("audit", &["model", "data", "broker", "metrics", "task", "sandbox", "backtest"]),
    ("worker", &["process", "sandbox", "backtest"]),
    ("registry", &["model", "file", "watcher", "data", "metrics", "task", "sandbox", "backtest"]),
    ("project", &["file", "sandbox"]),
    ("results", &["model", "file", "metrics", "task", "trust"]),
    ("store", &["model", "file", "metrics", "task", "results"]),
    (
        "sweep",
        &[
            "model", "file", "process", "data", "broker", "metrics", "task", "sandbox", "bundled", "backtest",
            "results", "store", "trust", "optimize",
        ],
    ),
    (
        "evidence",
        &["model", "data", "metrics", "task", "trust", "sandbox", "backtest", "audit", "results", "store", "sweep"],
    ),
    ("report", &["model", "broker", "metrics", "backtest", "results", "store", "sweep", "evidence"]),
    (
        "server",
        &[
            "model", "file", "data", "broker", "metrics", "task", "sandbox", "backtest", "registry", "results",
            "store", "sweep", "evidence", "report",
        ],
    ),
    (
        "cli",
        &[
            "model", "file", "watcher", "cache", "process", "data", "broker", "metrics", "task", "sandbox", "bundled",
            "backtest", "audit", "registry", "project", "results", "store", "sweep", "evidence", "report", "trace",
            "trust", "optimize", "server",
        ],
    ),
];

#[test]
fn the_table_lists_every_module_bottom_first() {
    let mut below = BTreeSet::new();
    for (module, may_name) in LAYERS {
        let unknown: Vec<_> = may_name.iter().filter(|name| !below.contains(**name)).collect();
        assert!(unknown.is_empty(), "`{module}` lists {unknown:?}, which are not below it");
        below.insert(module);
    }
    for entry in fs::read_dir("host").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // The binding for Python is a crate of its own.
        assert!(["lib", "main", "python"].contains(&name) || below.contains(name), "`{name}` is in no layer");
    }
}

#[test]
fn modules_name_only_what_is_below_them() {
    let mut violations = Vec::new();
    for (module, may_name) in LAYERS {
        for file in sources(module) {
            let named = named_modules(&fs::read_to_string(&file).unwrap());
            let wrong = LAYERS.iter().map(|(name, _)| *name).filter(|name| named.contains(*name));
            violations.extend(
                wrong
                    .filter(|name| *name != module && !may_name.contains(name))
                    .map(|name| format!("{}: `{module}` names `{name}`", file.display())),
            );
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn files_name_each_other_in_no_circle() {
    let graph = imports::Graph::read(Path::new("host"));
    let found = graph.circles();
    assert!(found.is_empty(), "circles: {found:#?}");
}

/// The files that hold what all files below them share. Others call or re-export what is below them, and nothing else.
const GROUNDS: [&str; 16] = [
    "host/audit/mod.rs",
    "host/backtest/mod.rs",
    "host/backtest/remote/mod.rs",
    "host/cache/mod.rs",
    "host/metrics/mod.rs",
    "host/metrics/peers/mod.rs",
    "host/process/mod.rs",
    "host/project/recipe/mod.rs",
    "host/registry/mod.rs",
    "host/sandbox/fork/mod.rs",
    "host/sandbox/interface/mod.rs",
    "host/sandbox/memory/mod.rs",
    "host/sandbox/meter/mod.rs",
    "host/trace/mod.rs",
    "host/trust/bootstrap/superior/mod.rs",
    "host/watcher/mod.rs",
];

#[test]
fn few_files_are_named_from_below() {
    let graph = imports::Graph::read(Path::new("host"));
    let found: Vec<_> = graph.grounds().into_iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(found, GROUNDS);
}

/// The files that have code which the compiler cannot check, each with its reasons beside it.
const UNSAFE: [&str; 12] = [
    "host/metrics/lanes.rs",
    "host/pages.rs",
    "host/process/confine/linux/tests.rs",
    "host/process/connection.rs",
    "host/process/inherited.rs",
    "host/sandbox/compile.rs",
    "host/sandbox/memory/mod.rs",
    "host/sandbox/memory/region.rs",
    "host/sandbox/memory/written/faults.rs",
    "host/sandbox/memory/written/pagemap.rs",
    "host/server/memory.rs",
    "host/trust/bootstrap/device/gpu.rs",
];

#[test]
fn only_the_sandbox_names_wasmtime_and_few_files_are_unsafe() {
    for (module, _) in LAYERS {
        for file in sources(module) {
            let code = code(&fs::read_to_string(&file).unwrap());
            let outside = module != "sandbox";
            assert!(!(outside && code.contains("wasmtime::")), "{} names wasmtime", file.display());
            let known = UNSAFE.iter().any(|known| file == Path::new(known));
            assert_eq!(code.contains("unsafe "), known, "{}: what is unsafe is listed", file.display());
        }
    }
}

/// What the binding for Python names of the library: its front doors, and what passes through them.
const DOORS: [&str; 18] = [
    "backtest", "broker", "bundled", "cache", "cli", "data", "evidence", "metrics", "model", "process", "report",
    "results", "sandbox", "store", "sweep", "task", "trust", "worker",
];

/// The files of the binding that have code which the compiler cannot check: pointers of Arrow, and handlers of signals.
const UNSAFE_IN_PYTHON: [&str; 2] = ["arrow.rs", "signals.rs"];

#[test]
fn the_binding_for_python_names_front_doors_and_two_of_its_files_are_unsafe() {
    for file in below(Path::new("host/python/src")) {
        let text = fs::read_to_string(&file).unwrap();
        let words = source::words(&text);
        let named = named_in(&text, "host::");
        let wrong: Vec<_> = named.iter().filter(|name| !DOORS.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{} names {wrong:?}, which are no doors", file.display());
        let name = file.file_name().unwrap().to_str().unwrap();
        let is_unsafe = words.iter().any(|word| word == "unsafe");
        assert_eq!(is_unsafe, UNSAFE_IN_PYTHON.contains(&name), "{}: what is unsafe is listed", file.display());
    }
    let graph = imports::Graph::read(Path::new("host/python/src"));
    let circles = graph.circles();
    assert!(circles.is_empty(), "circles: {circles:#?}");
}

#[test]
fn only_the_server_names_axum_and_tokio() {
    for (module, _) in LAYERS.iter().filter(|(module, _)| *module != "server") {
        for file in sources(module) {
            let code = code(&fs::read_to_string(&file).unwrap());
            let named = ["axum::", "tokio::", "hyper::"].into_iter().find(|name| code.contains(name));
            assert_eq!(named, None, "{}", file.display());
        }
    }
}

/// Clocks, of which no result may depend.
const CLOCKS: &[&str] = &["Instant", "SystemTime", "UNIX_EPOCH"];

/// Threads and what they share.
const THREADS: &[&str] = &["thread", "Mutex", "RwLock", "Atomic", "rayon", "crossbeam_channel"];

/// Files, networks, the environment and other processes.
const OUTSIDE: &[&str] = &["fs", "File", "net", "env", "process", "tempfile"];

/// Random numbers, and containers whose order is one.
const CHANCE: &[&str] = &["getrandom", "rand", "RandomState", "HashMap", "HashSet"];

/// What the code of each room never names: the column *never* of ARCHITECTURE.md, as far as a word shows it.
const NEVER: [(&str, &[&[&str]]); 11] = [
    ("model", &[CLOCKS, THREADS, OUTSIDE, CHANCE]),
    ("broker", &[CLOCKS, THREADS, OUTSIDE, CHANCE]),
    ("metrics", &[CLOCKS, THREADS, OUTSIDE, CHANCE]),
    ("task", &[CLOCKS, THREADS, OUTSIDE, CHANCE]),
    ("trace", &[CLOCKS, THREADS, CHANCE]),
    ("backtest", &[CLOCKS, THREADS, OUTSIDE, CHANCE]),
    ("audit", &[THREADS, OUTSIDE]),
    ("data", &[CLOCKS, THREADS]),
    ("results", &[CLOCKS, THREADS]),
    ("evidence", &[CLOCKS, THREADS, OUTSIDE, CHANCE]),
    ("report", &[CLOCKS, THREADS, OUTSIDE]),
];

/// Folders whose files may name what their room never does, with the reason.
const APART: [(&str, &str); 1] = [("host/backtest/remote", "it supervises worker processes, and computes nothing")];

/// Words in spite of [`NEVER`], with the reason.
const ALLOWED: [(&str, &str, &str); 12] = [
    ("host/broker/spec.rs", "HashSet", "keys that were read are looked up, and never listed"),
    ("host/evidence/causal.rs", "Instant", "a quick check ends after a time, and says that it could not tell"),
    ("host/metrics/excursions.rs", "HashMap", "fills are looked up by bar, and never listed"),
    ("host/report/receipt.rs", "env", "the version of the program is that of its package"),
    ("host/results/lanes.rs", "Atomic", "workers look whether a column waits for them; bytes depend on the rows alone"),
    (
        "host/results/lanes.rs",
        "Mutex",
        "a column is encoded by whoever has time, and its buffer is shared with its library",
    ),
    ("host/results/lanes.rs", "thread", "the last columns of a file are encoded by several at once"),
    ("host/results/ranking.rs", "Atomic", "parts of a ranking leave out what another part has beaten, and no more"),
    ("host/results/rows.rs", "Atomic", "rows know the sink that they are for"),
    ("host/results/rows.rs", "Mutex", "the memory of blocks goes back to those who fill others"),
    ("host/results/writer.rs", "Mutex", "blocks wait in a queue, in their order"),
    ("host/results/writer.rs", "thread", "the thread that writes"),
];

#[test]
fn rooms_never_name_what_they_never_do() {
    let mut found = Vec::new();
    for (module, kinds) in NEVER {
        let is_apart = |file: &Path| APART.iter().any(|(folder, _)| file.starts_with(folder));
        for file in sources(module).into_iter().filter(|file| !is_test(file) && !is_apart(file)) {
            let words = source::without_tests(&source::words(&fs::read_to_string(&file).unwrap()));
            let named =
                kinds.iter().flat_map(|words| *words).filter(|never| words.iter().any(|word| names(word, never)));
            found.extend(named.map(|never| (file.display().to_string(), *never)));
        }
    }
    found.sort_unstable();
    let allowed: Vec<_> = ALLOWED.iter().map(|(file, word, _)| ((*file).to_owned(), *word)).collect();
    assert_eq!(found, allowed, "what is named in spite of `NEVER` is listed in `ALLOWED`");
}

/// Whether a word is `never`; `Atomic` stands for all types that begin so.
fn names(word: &str, never: &str) -> bool {
    word == never || (never == "Atomic" && word.starts_with("Atomic"))
}

/// Whether only tests compile the file.
fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs")
}

#[test]
fn the_check_itself_sees_every_form_of_a_path() {
    let text = "use crate::{a::{b, c}, d};\n// crate::e\nfn f() { crate::g::h(); }\nuse crate::i;";
    let named: Vec<_> = named_modules(text).into_iter().collect();
    assert_eq!(named, ["a", "d", "g", "i"]);
}

/// The files of a module: `host/MODULE.rs`, or all below `host/MODULE/`.
fn sources(module: &str) -> Vec<PathBuf> {
    let file = Path::new("host").join(module).with_extension("rs");
    if file.is_file() { vec![file] } else { below(&Path::new("host").join(module)) }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] });
    // Tests have data beside them.
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// `text` without its comments that fill a line.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The first segment after every `crate::`, and of every item of `crate::{...}`.
fn named_modules(text: &str) -> BTreeSet<String> {
    named_in(text, "crate::")
}

/// The same of another crate.
fn named_in(text: &str, root: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut named = BTreeSet::new();
    for path in code.split(root).skip(1) {
        match path.strip_prefix('{') {
            Some(group) => named.extend(group_items(group)),
            None => _ = named.insert(segment(path)),
        }
    }
    named
}

/// The first segment of every item of a group, which ends with its closing brace.
fn group_items(group: &str) -> Vec<String> {
    let (mut depth, mut items, mut item) = (1, Vec::new(), String::new());
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 || (depth == 1 && c == ',') {
            items.push(segment(item.trim()));
            item.clear();
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn segment(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
