//! `host build`: what an author is told, and what stays in place when a build fails.
//!
//! The compilers here are scripts of the tests' own; the real ones are run by `tests/languages/run.sh`.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use host::cli::Exit;

use crate::support::{Folder, Run, component, guest::guest, host};

/// A project in Python in a folder of its own, with a componentize-py that is a script.
struct Project {
    folder: Folder,
}

impl Project {
    /// `script` stands for the compiler, behind the answer to `--version`.
    fn new(version: &str, script: &str) -> Self {
        let folder = Folder::new();
        folder.file("strategy.toml", "language = \"python\"\nname = \"mine\"\n");
        let tool = folder.path(".venv/bin/componentize-py");
        fs::create_dir_all(tool.parent().unwrap()).unwrap();
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo \"componentize-py {version}\"; exit; fi\n{script}\n"
        );
        fs::write(&tool, text).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    /// A compiler that writes `component` whatever the sources are.
    fn of(component: &[u8]) -> Self {
        // What is written is the last argument.
        let project = Self::new("0.25.1", "for last; do :; done; cp \"$(dirname \"$0\")/answer.wasm\" \"$last\"");
        fs::write(project.folder.path(".venv/bin/answer.wasm"), component).unwrap();
        project
    }

    fn build(&self, flags: &str) -> Run {
        host(&format!("build {} {flags}", self.root().display()))
    }

    fn root(&self) -> PathBuf {
        self.folder.path("")
    }

    fn component(&self) -> PathBuf {
        self.folder.path("mine.wasm")
    }
}

#[test]
fn a_component_is_written_once_it_was_tried() {
    let project = Project::of(&component("sma_cross"));
    let run = project.build("");
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert!(run.err.contains("+ componentize-py -d"), "{}", run.err);
    assert_eq!(fs::read(project.component()).unwrap(), component("sma_cross"));
    let elsewhere = project.folder.path("elsewhere.wasm");
    let run = project.build(&format!("--quiet --out {}", elsewhere.display()));
    assert_eq!((run.exit, run.err.as_str()), (Exit::Success, ""));
    assert_eq!(fs::read(elsewhere).unwrap(), component("sma_cross"));
}

#[test]
fn a_component_that_looks_ahead_does_not_replace_the_last_good_one() {
    let project = Project::of(&component("cheat_tomorrow"));
    fs::write(project.component(), "the last good one").unwrap();
    let run = project.build("");
    assert_eq!(run.exit, Exit::Caught, "{}", run.err);
    assert!(run.out.contains("look-ahead") && run.err.contains("mine.wasm` is not written"), "{}{}", run.out, run.err);
    assert_eq!(fs::read(project.component()).unwrap(), b"the last good one");
    let run = project.build("--no-trial");
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert_eq!(fs::read(project.component()).unwrap(), component("cheat_tomorrow"));
}

#[test]
fn a_strategy_that_fails_on_the_bundled_bars_is_written_and_told() {
    let project = Project::of(&guest("unreachable", "unreachable"));
    let run = project.build("");
    assert_eq!(run.exit, Exit::NoneSucceeded, "{}", run.err);
    assert!(run.err.contains("its trial on bundled bars failed") && run.err.contains("in `prepare`"), "{}", run.err);
    assert!(project.component().exists());
}

#[test]
fn a_strategy_that_needs_two_instruments_is_tried_on_two_and_its_log_is_short() {
    let says = "(call $log (i32.const 1) (i32.const 256) (i32.const 36))".repeat(5);
    let pair = "(if (i32.lt_u (local.get 1) (i32.const 2)) (then unreachable)) (i32.const 128)";
    let project = Project::of(&guest(pair, &format!("{says} (i32.const 128)")));
    let run = project.build("");
    assert!(run.err.contains("trial: on 2 instruments, since it does not run on one"), "{}", run.err);
    assert_eq!(run.err.matches("\nlog: ").count(), 4, "{}", run.err);
    assert!(run.err.contains("log: and 2 more lines of the trial"), "{}", run.err);
}

#[test]
fn a_trial_takes_the_bars_that_are_given() {
    let project = Project::of(&component("sma_cross"));
    let run = project.build("--data examples/data/msft-1986.csv");
    assert!(run.err.contains("data: `msft-1986`, 60 daily bars"), "{}", run.err);
    let run = Project::of(&guest("unreachable", "unreachable")).build("-d examples/data/msft.parquet");
    assert!(run.err.contains("its trial on these bars failed"), "{}", run.err);
}

#[test]
fn an_import_of_native_code_is_told_in_one_line() {
    let script = r#"printf 'File "/0/strategy.py", line 2, in <module>\n    import numpy\nModuleNotFoundError: No module named %snumpy%s\n' \' \' >&2; exit 1"#;
    let run = Project::new("0.25.1", script).build("");
    let told =
        "error: `strategy.py` line 2: `numpy` has native code; a strategy in Python can import pure Python only\n";
    assert!(run.exit == Exit::BadInput && run.err.ends_with(told), "{}", run.err);
}

#[test]
fn all_that_a_compiler_says_is_shown() {
    let project = Project::new("0.25.1", "echo to stdout; echo strategy.py:3: no such name >&2; exit 3");
    let run = project.build("");
    assert_eq!(run.exit, Exit::BadInput);
    for text in ["componentize-py -d", "exit status: 3", "to stdout", "strategy.py:3: no such name"] {
        assert!(run.err.contains(text), "{text}: {}", run.err);
    }
    assert!(!project.component().exists());
    let run = Project::new("0.25.1", "echo all is well").build("");
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("ended well, but wrote no") && run.err.contains("all is well"), "{}", run.err);
}

#[test]
fn a_compiler_that_is_too_old_is_told_with_the_way_to_a_newer_one() {
    let run = Project::new("0.13.5", "exit 1").build("");
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("is version 0.13.5, and 0.25 or later is needed"), "{}", run.err);
    assert!(run.err.contains("pip install componentize-py"), "{}", run.err);
}

#[test]
fn a_component_that_imports_wasi_is_told_which_import_and_which_flag() {
    let text = r#"(component (import "wasi:random/random@0.2.0" (instance)))"#;
    let run = Project::of(&wat::parse_str(text).unwrap()).build("");
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("imports `wasi:random/random@0.2.0`") && run.err.contains("--stub-wasi"), "{}", run.err);
}

#[test]
fn a_folder_that_is_no_project_is_told_how_to_get_one() {
    let folder = Folder::new();
    let run = host(&format!("build {}", folder.path("").display()));
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("there is no `strategy.toml` in") && run.err.contains("host new"), "{}", run.err);
    folder.file("strategy.toml", "language = \"fortran\"\nname = \"mine\"");
    let run = host(&format!("build {}", folder.path("").display()));
    assert!(run.err.contains("strategy.toml`") && run.err.contains("`fortran`"), "{}", run.err);
}

#[test]
fn a_new_folder_is_complete_and_nothing_is_overwritten() {
    let folder = Folder::new();
    let mine = folder.path("My-Cross");
    for lang in ["rust", "python", "javascript", "typescript", "c", "cpp", "zig", "go", "assemblyscript"] {
        let project = folder.path(lang).join("my-cross");
        let run = host(&format!("new {} --lang {lang}", project.display()));
        assert_eq!(run.exit, Exit::Success, "{}", run.err);
        assert!(run.err.contains("host build && host sweep my_cross.wasm"), "{}", run.err);
        for file in ["strategy.toml", "README.md", "build.sh", "test.sh", ".gitignore", "sdk/wit/signals.wit"] {
            assert!(project.join(file).is_file(), "{lang}: {file}");
        }
        let runnable = |file: &str| fs::metadata(project.join(file)).unwrap().permissions().mode() & 0o111 != 0;
        assert!(runnable("build.sh") && runnable("test.sh"));
    }
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("notes.txt"), "mine").unwrap();
    let run = host(&format!("new {} --lang rust", mine.display()));
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("is there already"), "{}", run.err);
    assert_eq!(entries(&mine), ["notes.txt"]);
}

/// A generator among the dependencies took most of a minute to compile, and a network.
#[test]
fn a_new_project_in_rust_has_all_of_its_sdk_and_needs_no_other_crate() {
    let folder = Folder::new();
    let project = folder.path("mine");
    let run = host(&format!("new {} --lang rust", project.display()));
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    assert_eq!(files(&project.join("sdk/src")), files(Path::new("plugins/sdk/rust/src")));
    let manifest = |file: &str| fs::read_to_string(project.join(file)).unwrap().parse::<toml::Table>().unwrap();
    assert_eq!(manifest("sdk/Cargo.toml").get("dependencies"), None);
    let of_project: Vec<_> = manifest("Cargo.toml")["dependencies"].as_table().unwrap().keys().cloned().collect();
    assert_eq!(of_project, ["backtest-sdk"]);
}

/// The paths of all files below `folder`, relative to it.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let all = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    all.map(|entry| entry.path().strip_prefix(folder).unwrap().to_owned()).collect()
}

fn entries(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_language_or_a_name_that_is_none_is_told_what_there_is() {
    let run = host("new x --lang cobol");
    assert_eq!(run.exit, Exit::BadInput);
    assert!(run.err.contains("unknown language `cobol`; known: rust, python"), "{}", run.err);
    let run = host("new 2fast --lang c");
    assert!(run.err.contains("`2fast` cannot name a strategy"), "{}", run.err);
}

#[test]
fn the_list_says_what_every_language_needs() {
    let run = host("new --list --format json");
    assert_eq!(run.exit, Exit::Success, "{}", run.err);
    let list: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let needs = |language: &serde_json::Value| language["needs"].as_array().unwrap().clone();
    let languages = list["languages"].as_array().unwrap();
    assert_eq!(languages.len(), 9);
    for language in languages {
        assert!(!needs(language).is_empty());
        assert!(needs(language).iter().all(|need| !need["install"].as_str().unwrap().is_empty()));
    }
}
