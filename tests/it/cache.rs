//! The cache as its users meet it. Its directory comes from the environment, so each command is a process of its own.

use std::{fs, path::Path};

use assert_cmd::Command;
use host::cache::{Bucket, Cache, DEFAULT_CAP, Key};
use serde_json::Value;

fn host(root: &Path, args: &str) -> Command {
    let mut command = Command::cargo_bin("host").unwrap();
    command.env("HOST_CACHE_DIR", root).args(args.split_whitespace());
    command
}

fn shown(root: &Path) -> Value {
    let output = host(root, "cache show --format json").assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_cache_is_shown_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let cache = Cache::open(&root, DEFAULT_CAP).unwrap();
    for (bucket, count) in [(Bucket::new("compiled", 2), 3), (Bucket::new("prepared", 1), 1)] {
        for number in 0..count {
            cache.put(bucket, &Key::of(&[("number", &[number])]), &[0; 72]).unwrap();
        }
    }

    let json = shown(&root);
    assert_eq!(json["directory"], root.display().to_string());
    assert_eq!([&json["format"], &json["entries"], &json["bytes"], &json["cap"]], [1, 4, 800, 1 << 30]);
    let bucket = &json["buckets"][0];
    assert_eq!(
        (&bucket["bucket"], &bucket["entries"], &bucket["bytes"]),
        (&"compiled-v2".into(), &3.into(), &600.into())
    );
    assert!(bucket["oldest_use"].as_str().unwrap().ends_with('Z'), "{bucket}");
    let table = host(&root, "cache show").assert().success().get_output().clone();
    for word in ["directory", "800 bytes", "compiled-v2", "prepared-v1"] {
        assert!(text(&table.stdout).contains(word), "`{word}` is not in: {}", text(&table.stdout));
    }

    let cleared = host(&root, "cache clear").assert().success().get_output().clone();
    assert_eq!((cleared.stdout.len(), text(&cleared.stderr).contains("removed 4 entries, 800 bytes")), (0, true));
    assert_eq!((&shown(&root)["entries"], &shown(&root)["buckets"]), (&0.into(), &Value::Array(vec![])));
}

#[test]
fn where_there_is_no_cache_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    assert_eq!(shown(&root)["entries"], 0);
    for action in ["show", "clear"] {
        let output = host(&root, &format!("cache {action}")).assert().success().get_output().clone();
        assert!(text(&output.stderr).contains("there is no cache"), "{}", text(&output.stderr));
    }
    assert!(!root.exists());
}

#[test]
fn what_is_not_a_cache_is_not_cleared() {
    let folder = tempfile::Builder::new().prefix("letters").tempdir().unwrap();
    #[cfg(unix)]
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    fs::write(folder.path().join("letter.txt"), "mine").unwrap();
    let output = host(folder.path(), "cache clear").assert().code(2).get_output().clone();
    assert!(text(&output.stderr).contains("holds `letter.txt` and no `secret`"), "{}", text(&output.stderr));
    assert!(folder.path().join("letter.txt").exists());
}
