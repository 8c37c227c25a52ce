//! The cache as its users meet it. Its directory comes from the environment, so each command is a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
    assert_eq!([&json["format"], &json["entries"], &json["bytes"], &json["cap"]], [2, 4, 800, 1 << 30]);
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
        assert!(text(&output.stderr).contains("has no cache"), "{}", text(&output.stderr));
    }
    assert!(!root.exists());
}

#[test]
fn what_is_not_a_cache_is_not_cleared() {
    let folder = tempfile::Builder::new().prefix("letters").tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    fs::write(folder.path().join("letter.txt"), "mine").unwrap();
    let output = host(folder.path(), "cache clear").assert().code(2).get_output().clone();
    assert!(text(&output.stderr).contains("holds `letter.txt` and no `secret`"), "{}", text(&output.stderr));
    assert!(folder.path().join("letter.txt").exists());
}

const SWEEP: &str = "sweep --plugin sma_cross --param fast=5,10 --param slow=30,60 --format json --workers 1";

/// The ranking without the columns that depend on the clock.
fn swept(root: &Path, args: &str) -> (Value, String) {
    let output = host(root, &format!("{SWEEP} {args}")).assert().success().get_output().clone();
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in json["ranking"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("execution_time");
    }
    (json, text(&output.stderr))
}

/// The files of compiled code.
fn entries(root: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
}

/// Warms a cache, lets `damage` have every entry, and sweeps again: the results are the same, and the cache is whole.
fn check_damage(damage: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let expected = swept(&root, "--no-cache").0;
    assert!(!root.exists(), "`--no-cache` makes no cache");
    assert_eq!(swept(&root, "").0, expected);
    let kept = entries(&root);
    assert_eq!(kept.len(), 2, "the plugin as it is, and as it is after `prepare`: {kept:?}");
    assert_eq!(swept(&root, "").0, expected);
    kept.iter().for_each(|entry| damage(entry));
    assert_eq!(swept(&root, "").0, expected);
    assert_eq!(swept(&root, "").0, expected);
    assert_eq!(entries(&root).len(), 2);
}

#[test]
fn a_damaged_entry_is_compiled_anew() {
    for place in [0.0, 0.001, 0.5, 0.999] {
        check_damage(|entry| {
            let mut bytes = fs::read(entry).unwrap();
            let at = (place * bytes.len() as f64) as usize;
            bytes[at] ^= 1;
            fs::write(entry, bytes).unwrap();
        });
    }
    check_damage(|entry| {
        let bytes = fs::read(entry).unwrap();
        fs::write(entry, &bytes[..bytes.len() / 2]).unwrap();
    });
    check_damage(|entry| fs::write(entry, "").unwrap());
    // The code of another version, under the name of this one.
    check_damage(|entry| {
        let other = entry.parent().unwrap().read_dir().unwrap().map(|file| file.unwrap().path());
        let other = other.into_iter().find(|file| file != entry).unwrap();
        fs::copy(other, entry).unwrap();
    });
}

#[test]
fn a_cache_that_cannot_be_used_costs_a_note_and_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let expected = swept(&folder.path().join("none"), "--no-cache").0;
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (json, talk) = swept(&file, "");
    assert_eq!(json, expected);
    assert!(talk.contains("note: compiled plugins are not kept: "), "{talk}");
}

#[test]
fn a_cache_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let expected = swept(&root, "").0;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
    let (json, talk) = swept(&root, "");
    assert_eq!(json, expected);
    assert!(talk.contains("mode 0777"), "{talk}");
}

#[test]
fn two_processes_at_once_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let expected = swept(&root, "--no-cache").0;
    std::thread::scope(|scope| {
        let sweeps: Vec<_> = (0..2).map(|_| scope.spawn(|| swept(&root, "").0)).collect();
        sweeps.into_iter().for_each(|sweep| assert_eq!(sweep.join().unwrap(), expected));
    });
    assert_eq!(entries(&root).len(), 2);
    assert_eq!(swept(&root, "").0, expected);
}
