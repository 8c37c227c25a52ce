//! Cache entries altered on disk: nothing but a miss. And packs, which are what some entries hold.
//!
//! An input is a list of changes, three bytes each: where, and what is laid over the byte there; the last one or two bytes that
//! are left over cut the file. An input that begins with `PACK` is a pack.

use std::{fs, path::PathBuf, sync::OnceLock};

use host::cache::{Bucket, Cache, DEFAULT_CAP, Key, Pack};

use super::replaced;

const BUCKET: Bucket = Bucket::new("fuzzed", 1);
const PAYLOAD: &[u8] = b"what took long to compute, and is returned bit for bit or not at all";

/// Reads the altered entry, or the pack.
pub(super) fn run(input: &[u8]) {
    match input.strip_prefix(b"PACK") {
        Some(pack) => check_pack(pack),
        None => check_entry(input),
    }
}

fn check_entry(changes: &[u8]) {
    static SHARED: OnceLock<(Cache, PathBuf, Vec<u8>)> = OnceLock::new();
    let (cache, path, genuine) = SHARED.get_or_init(kept);
    let altered = altered(genuine, changes);
    fs::write(path, &altered).expect("the entry can be written");
    fs::write(path.with_file_name(other().to_string()), &altered).expect("an entry can be copied");
    assert_eq!(cache.get(BUCKET, &other()), None, "an entry under another name is a miss");
    let found = cache.get(BUCKET, &key());
    let expected = (altered == *genuine).then(|| PAYLOAD.to_vec());
    assert_eq!(found, expected, "an entry is what was put, or a miss");
    assert!(cache.usage().is_ok(), "a cache that has such a file can be counted");
}

/// A cache with one entry, where it lies, and what is in it.
fn kept() -> (Cache, PathBuf, Vec<u8>) {
    let cache = Cache::open(&replaced::folder().join("cache"), DEFAULT_CAP).expect("a cache can be made");
    cache.put(BUCKET, &key(), PAYLOAD).expect("an entry can be put");
    let path = cache.root().join(BUCKET.to_string()).join(key().to_string());
    let genuine = fs::read(&path).expect("the entry is a file");
    (cache, path, genuine)
}

fn key() -> Key {
    Key::of(&[("of", b"fuzzing")])
}

/// A key under which nothing was put.
fn other() -> Key {
    Key::of(&[("of", b"something else")])
}

fn altered(genuine: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    let changes = changes.chunks_exact(3);
    let rest = changes.remainder().iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    for change in changes {
        let at = usize::from(change[0]) | usize::from(change[1]) << 8;
        let length = bytes.len();
        match bytes.get_mut(at) {
            Some(byte) => *byte ^= change[2],
            // A file that was made longer.
            None => bytes.resize((length + 1).max(at.min(4096)), change[2]),
        }
    }
    bytes.truncate(bytes.len().saturating_sub(rest));
    bytes
}

/// What is a pack has values in order, each of which is found, and is written as it was read.
fn check_pack(bytes: &[u8]) {
    let Some(pack) = Pack::read(bytes.to_vec()) else { return };
    let values: std::collections::BTreeMap<_, _> = pack.iter().collect();
    assert_eq!(values.len(), pack.len());
    for (key, value) in &values {
        assert_eq!(pack.position(key).map(|position| pack.value(position)), Some(*value));
    }
    assert_eq!(Pack::write(&values), bytes, "a pack is written as it was read");
}
