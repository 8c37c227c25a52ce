//! Tests of the cache: what it returns after damage, forgery and pruning, and beside other processes.

use std::{fs, sync::Barrier, thread};

use tempfile::TempDir;

use super::*;

const CODE: Bucket = Bucket::new("code", 1);

/// A directory with the directory of a cache in it.
struct Fixture {
    folder: TempDir,
    cache: Cache,
}

impl Fixture {
    fn new() -> Self {
        Self::with_cap(DEFAULT_CAP)
    }

    fn with_cap(cap: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache"), cap).unwrap();
        Self { folder, cache }
    }

    fn root(&self) -> &Path {
        self.cache.root()
    }

    /// Puts `payload` under its own key, last used so many hours ago, and returns the file.
    fn put(&self, payload: &str, hours: u32) -> PathBuf {
        self.cache.put(CODE, &key(payload), payload.as_bytes()).unwrap();
        let path = self.cache.path(CODE, &key(payload));
        age(&path, hours);
        path
    }

    fn get(&self, payload: &str) -> Option<Vec<u8>> {
        self.cache.get(CODE, &key(payload))
    }

    /// All files below the root, without the root's name.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for file in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match file.file_type().unwrap().is_dir() {
                    true => folders.push(file.path()),
                    false => files.push(file.path().strip_prefix(self.root()).unwrap().display().to_string()),
                }
            }
        }
        files.sort();
        files
    }
}

fn key(name: &str) -> Key {
    Key::of(&[("name", name.as_bytes())])
}

fn age(path: &Path, hours: u32) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - HOUR * hours).unwrap();
}

/// An entry whose file is changed so is a miss, is removed, and can be put anew.
fn check_not_trusted(what: &str, change: impl FnOnce(&Fixture, &Path)) {
    let place = Fixture::new();
    let path = place.put("payload", 0);
    change(&place, &path);
    assert_eq!(place.get("payload"), None, "{what}");
    assert!(!path.exists(), "{what}");
    place.put("payload", 0);
    assert_eq!(place.get("payload").as_deref(), Some(&b"payload"[..]), "{what}");
}

#[test]
fn what_was_put_is_got_until_it_is_replaced() {
    let place = Fixture::new();
    assert_eq!(place.get("a"), None);
    for payload in [vec![], vec![7], vec![8; 300_000]] {
        place.cache.put(CODE, &key("a"), &payload).unwrap();
        assert_eq!(place.get("a"), Some(payload));
    }
    assert_eq!(place.get("b"), None);
    assert_eq!(place.cache.get(Bucket::new("code", 2), &key("a")), None);
    assert_eq!(place.cache.get(Bucket::new("data", 1), &key("a")), None);
    let reopened = Cache::open(place.root(), DEFAULT_CAP).unwrap();
    assert_eq!(reopened.get(CODE, &key("a")).map(|payload| payload.len()), Some(300_000));
    assert_eq!(place.files(), [format!("code-v1/{}", key("a")), "secret".to_owned()]);
}

#[test]
fn a_bit_that_flips_anywhere_makes_an_entry_a_miss() {
    let place = Fixture::new();
    let path = place.put("payload", 0);
    let genuine = fs::read(&path).unwrap();
    assert_eq!(genuine.len(), HEADER + "payload".len());
    for at in 0..genuine.len() {
        let mut flipped = genuine.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        assert_eq!((place.get("payload"), path.exists()), (None, false), "byte {at}");
    }
    fs::write(&path, genuine).unwrap();
    assert!(place.get("payload").is_some());
}

#[test]
fn an_entry_of_another_length_is_a_miss() {
    for length in [0, 1, 16, HEADER - 1, HEADER, HEADER + 6, HEADER + 8, HEADER + 4096] {
        check_not_trusted(&format!("{length} bytes"), |_, path| {
            File::options().write(true).open(path).unwrap().set_len(length as u64).unwrap();
        });
    }
}

#[test]
fn an_entry_under_another_name_is_a_miss() {
    check_not_trusted("another key", |place, path| _ = fs::copy(place.put("another", 0), path).unwrap());
    for other in [Bucket::new("code", 2), Bucket::new("data", 1)] {
        check_not_trusted("another bucket", |place, path| {
            place.cache.put(other, &key("payload"), b"payload").unwrap();
            fs::copy(place.cache.path(other, &key("payload")), path).unwrap();
        });
    }
}

#[test]
fn an_entry_of_another_secret_is_a_miss() {
    check_not_trusted("another cache", |_, path| {
        let other = Fixture::new();
        assert_eq!(fs::metadata(other.put("payload", 0)).unwrap().len(), fs::metadata(path).unwrap().len());
        fs::copy(other.cache.path(CODE, &key("payload")), path).unwrap();
    });
}

#[test]
fn a_put_that_cannot_write_says_so_and_harms_nothing() {
    let place = Fixture::new();
    place.put("a", 0);
    fs::write(place.root().join("data-v1"), "a file").unwrap();
    let error = place.cache.put(Bucket::new("data", 1), &key("b"), b"b").unwrap_err();
    assert!(matches!(error, PutError::Write { .. }), "{error:?}");
    let path = place.cache.path(CODE, &key("c"));
    fs::create_dir(&path).unwrap();
    assert_eq!(place.get("c"), None);
    assert!(matches!(place.cache.put(CODE, &key("c"), b"c"), Err(PutError::Write { .. })));
    assert_eq!(place.files(), [format!("code-v1/{}", key("a")), "data-v1".to_owned(), "secret".to_owned()]);
    assert!(place.get("a").is_some());
}

#[test]
fn processes_that_start_at_once_agree_on_one_secret() {
    const PROCESSES: usize = 8;
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("not/there/yet");
        let (start, all_put) = (Barrier::new(PROCESSES), Barrier::new(PROCESSES));
        let process = |number: usize| {
            start.wait();
            let cache = Cache::open(&root, DEFAULT_CAP).unwrap();
            cache.put(CODE, &key(&number.to_string()), &[number as u8]).unwrap();
            all_put.wait();
            (0..PROCESSES).all(|n| cache.get(CODE, &key(&n.to_string())) == Some(vec![n as u8]))
        };
        thread::scope(|scope| {
            let processes: Vec<_> = (0..PROCESSES).map(|n| scope.spawn(move || process(n))).collect();
            assert!(processes.into_iter().all(|process| process.join().unwrap()));
        });
    }
}

#[test]
fn processes_that_put_and_get_the_same_key_see_whole_payloads() {
    let place = Fixture::new();
    let payload = |number: u8| vec![number; 100_000];
    let process = |number: u8| {
        let cache = Cache::open(place.root(), DEFAULT_CAP).unwrap();
        for _ in 0..10 {
            cache.put(CODE, &key("a"), &payload(number)).unwrap();
            let found = cache.get(CODE, &key("a")).unwrap();
            assert_eq!(found, payload(found[0]));
        }
    };
    thread::scope(|scope| (0..4).for_each(|number| _ = scope.spawn(move || process(number))));
    assert_eq!(place.files().len(), 2);
}

#[test]
fn a_cache_that_others_clear_goes_on() {
    let place = Fixture::new();
    thread::scope(|scope| {
        let putter = scope.spawn(|| {
            for _ in 0..50 {
                // Its directory may go just when a file is made in it.
                let put = place.cache.put(CODE, &key("a"), b"a");
                assert!(matches!(put, Ok(()) | Err(PutError::Write { .. })), "{put:?}");
                assert!(place.get("a").is_none_or(|payload| payload == b"a"));
            }
        });
        while !putter.is_finished() {
            place.cache.clear().unwrap();
        }
    });
    place.put("a", 0);
    assert!(place.get("a").is_some());
}

#[test]
fn pruning_removes_what_was_used_least_recently_down_to_nine_tenths() {
    let entry = HEADER as u64 + 1;
    let place = Fixture::with_cap(10 * entry);
    for (hours, name) in (1..=9).zip(["a", "b", "c", "d", "e", "f", "g", "h", "i"]) {
        place.put(name, hours);
    }
    let stale = place.root().join("code-v1/.tmp-stale");
    let working = place.root().join("code-v1/.tmp-working");
    for path in [&stale, &working] {
        fs::write(path, "half an entr").unwrap();
    }
    age(&stale, 2);
    // The entry that is oldest by its making is used again.
    assert!(place.get("i").is_some());
    place.put("j", 0);
    assert!(!stale.exists() && working.exists());
    assert_eq!(place.cache.usage().unwrap()[0].bytes, 10 * entry);
    place.put("k", 0);
    let kept: Vec<_> = "abcdefghijk".chars().filter(|name| place.get(&name.to_string()).is_some()).collect();
    assert_eq!(kept, ['a', 'b', 'c', 'd', 'e', 'f', 'i', 'j', 'k']);
}

#[test]
fn entries_of_all_versions_share_the_cap() {
    let place = Fixture::with_cap(10 * (HEADER as u64 + 1));
    let old = Bucket::new("code", 0);
    for number in 0..10 {
        place.cache.put(old, &key(&number.to_string()), b"x").unwrap();
        age(&place.cache.path(old, &key(&number.to_string())), 2);
    }
    place.put("a", 0);
    let usage: Vec<_> =
        place.cache.usage().unwrap().into_iter().map(|bucket| (bucket.bucket, bucket.entries)).collect();
    assert_eq!(usage, [("code-v0".to_owned(), 8), ("code-v1".to_owned(), 1)]);
}

#[test]
fn a_put_does_not_prune_what_it_puts() {
    let place = Fixture::with_cap(10 * (HEADER as u64 + 1));
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        let path = place.put(name, 0);
        // As if used by a clock that is ahead.
        File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() + HOUR).unwrap();
    }
    place.cache.put(CODE, &key("k"), b"k").unwrap();
    assert!(place.get("k").is_some());
    assert_eq!(place.cache.usage().unwrap()[0].entries, 9);
}

#[test]
fn a_payload_that_would_take_the_whole_cache_is_refused() {
    let place = Fixture::with_cap(1000);
    place.put("a", 1);
    let error = place.cache.put(CODE, &key("b"), &[0; 900]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an entry of 1028 bytes is too large: the cache holds 1000 bytes, and one entry at most 900"
    );
    assert!(place.get("a").is_some());
    place.cache.put(CODE, &key("b"), &[0; 900 - HEADER]).unwrap();
    assert!(place.get("b").is_some() && place.get("a").is_none());
}

#[test]
fn a_use_is_noted_once_a_minute() {
    let place = Fixture::new();
    let path = place.put("a", 2);
    let used = || fs::metadata(&path).unwrap().modified().unwrap();
    assert!(used().elapsed().unwrap() > HOUR);
    place.get("a").unwrap();
    assert!(used().elapsed().unwrap() < HOUR);
    let set = |ago| {
        let time = SystemTime::now() - ago;
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        used()
    };
    let long_ago = set(MINUTE + MINUTE / 2);
    place.get("a").unwrap();
    assert!(used() > long_ago);
    let just_now = set(MINUTE / 10);
    place.get("a").unwrap();
    assert_eq!(used(), just_now);
}

#[test]
fn usage_counts_each_bucket_and_clearing_empties_all() {
    let place = Fixture::new();
    place.put("a", 3);
    place.put("bb", 5);
    place.cache.put(Bucket::new("data", 7), &key("c"), b"c").unwrap();
    let usage = place.cache.usage().unwrap();
    let counts: Vec<_> = usage.iter().map(|bucket| (bucket.bucket.as_str(), bucket.entries, bucket.bytes)).collect();
    let header = HEADER as u64;
    assert_eq!(counts, [("code-v1", 2, 2 * header + 3), ("data-v7", 1, header + 1)]);
    let between = usage[0].newest_use.duration_since(usage[0].oldest_use).unwrap();
    assert_eq!((between.as_secs() + 60) / 3600, 2);
    assert_eq!(place.cache.clear().unwrap(), Cleared { entries: 3, bytes: 3 * header + 4 });
    assert_eq!(place.cache.clear().unwrap(), Cleared::default());
    assert_eq!((place.cache.usage().unwrap(), place.files()), (vec![], vec!["secret".to_owned()]));
    place.put("a", 0);
    assert!(place.get("a").is_some());
}

#[test]
fn clearing_leaves_what_is_not_ours() {
    let place = Fixture::new();
    place.put("a", 0);
    let hex = "a".repeat(64);
    let foreign = ["notes.txt", "code-v1/notes.txt", "code-v1/A", "photos/holiday.jpg", &hex, &format!("photos/{hex}")];
    fs::create_dir(place.root().join("photos")).unwrap();
    for name in foreign {
        fs::write(place.root().join(name), "mine").unwrap();
    }
    let mut expected = [&foreign[..], &["secret"]].concat();
    expected.sort_unstable();
    assert_eq!(place.cache.clear().unwrap().entries, 1);
    assert_eq!(place.files(), expected);
}

#[test]
fn a_directory_that_is_not_a_cache_is_refused_and_left_alone() {
    let place = Fixture::new();
    let root = place.root();
    fs::rename(root.join("secret"), root.join("letter.txt")).unwrap();
    for error in [Cache::open(root, DEFAULT_CAP).unwrap_err(), Cache::existing(root, DEFAULT_CAP).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("holds `letter.txt` and no `secret`"), "{text}");
    }
    assert_eq!(place.files(), ["letter.txt"]);
    let error = Cache::open(&root.join("letter.txt"), DEFAULT_CAP).unwrap_err();
    assert!(matches!(error, CacheError::NotDirectory { .. }), "{error:?}");
}

#[test]
fn looking_for_a_cache_makes_none() {
    let place = Fixture::new();
    let root = place.folder.path().join("other");
    assert!(Cache::existing(&root, DEFAULT_CAP).unwrap().is_none());
    assert!(!root.exists());
    assert!(Cache::existing(place.root(), DEFAULT_CAP).unwrap().is_some());
    fs::remove_file(place.root().join("secret")).unwrap();
    assert!(Cache::existing(place.root(), DEFAULT_CAP).unwrap().is_none());
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn a_damaged_secret_is_refused_and_without_it_the_cache_starts_anew() {
    let place = Fixture::new();
    place.put("a", 0);
    let path = place.root().join("secret");
    let whole = fs::read(&path).unwrap();
    for content in [vec![], whole[..47].to_vec(), [&whole[..], b"x"].concat(), [b"H", &whole[1..]].concat()] {
        fs::write(&path, content).unwrap();
        let error = Cache::open(place.root(), DEFAULT_CAP).unwrap_err();
        assert!(matches!(error, CacheError::BadSecret { .. }), "{error:?}");
    }
    fs::remove_file(&path).unwrap();
    let anew = Cache::open(place.root(), DEFAULT_CAP).unwrap();
    assert_eq!(anew.get(CODE, &key("a")), None);
    anew.put(CODE, &key("a"), b"a").unwrap();
    assert!(anew.get(CODE, &key("a")).is_some());
}

#[test]
fn the_secret_is_not_in_what_is_shown_for_debugging() {
    let place = Fixture::new();
    let shown = format!("{:?}", place.cache);
    assert!(shown.contains("secret: Secret,"), "{shown}");
}

mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn everything_in_the_cache_is_its_users_alone() {
        let place = Fixture::new();
        let entry = place.put("a", 0);
        assert_eq!([place.root(), entry.parent().unwrap()].map(mode), [0o700; 2]);
        assert_eq!([&entry, &place.root().join("secret")].map(|path| mode(path)), [0o600; 2]);
    }

    #[test]
    fn a_directory_or_secret_that_others_can_use_is_refused() {
        let place = Fixture::new();
        let check = |path: &Path, open: u32, remedy: &str| {
            let private = mode(path);
            set_mode(path, open);
            let text = Cache::open(place.root(), DEFAULT_CAP).unwrap_err().to_string();
            assert!(text.contains(&format!("`{}` has mode {open:04o}", path.display())), "{text}");
            assert!(text.contains(remedy), "{text}");
            assert!(Cache::existing(place.root(), DEFAULT_CAP).is_err());
            set_mode(path, private);
        };
        for rights in [0o077, 0o050, 0o001] {
            check(place.root(), 0o700 | rights, "chmod go=");
        }
        for rights in [0o066, 0o040, 0o004] {
            check(&place.root().join("secret"), 0o600 | rights, "delete it");
        }
        Cache::open(place.root(), DEFAULT_CAP).unwrap();
    }

    #[test]
    fn a_directory_or_secret_of_another_user_is_refused() {
        // Only root can give files away; other users are refused that, and then there is nothing to test.
        for name in ["", "secret"] {
            let place = Fixture::new();
            let given = chown(place.root().join(name), Some(12345), None);
            if given.is_ok_and(|()| nix::unistd::geteuid().is_root()) {
                let text = Cache::open(place.root(), DEFAULT_CAP).unwrap_err().to_string();
                assert!(text.contains("belongs to user 12345, but this is user 0"), "{text}");
            }
        }
    }

    #[test]
    fn a_directory_that_cannot_be_written_still_serves() {
        let place = Fixture::new();
        let path = place.put("a", 2);
        let bucket = path.parent().unwrap();
        set_mode(bucket, 0o500);
        assert!(place.get("a").is_some());
        let put = place.cache.put(CODE, &key("b"), b"b");
        // Root writes all the same.
        let refused =
            matches!(&put, Err(PutError::Write { source, .. }) if source.kind() == ErrorKind::PermissionDenied);
        assert!(refused || nix::unistd::geteuid().is_root(), "{put:?}");
        set_mode(bucket, 0o700);
    }

    #[test]
    fn links_are_not_followed() {
        let place = Fixture::new();
        let elsewhere = Fixture::new();
        let genuine = place.put("a", 0);
        let target = place.folder.path().join("target");
        fs::rename(&genuine, &target).unwrap();

        symlink(&target, &genuine).unwrap();
        assert_eq!(place.get("a"), None);
        place.cache.clear().unwrap();
        assert!(target.exists() && genuine.is_symlink());
        place.put("a", 0);
        assert!(place.get("a").is_some() && !genuine.is_symlink());

        let kept = elsewhere.put("b", 0);
        symlink(kept.parent().unwrap(), place.root().join("data-v1")).unwrap();
        assert_eq!(place.cache.get(Bucket::new("data", 1), &key("b")), None);
        place.cache.put(Bucket::new("data", 1), &key("c"), b"c").unwrap_err();
        assert_eq!(place.cache.clear().unwrap().entries, 1);
        assert!(kept.exists());

        let root = place.folder.path().join("link");
        symlink(elsewhere.root(), &root).unwrap();
        let text = Cache::open(&root, DEFAULT_CAP).unwrap_err().to_string();
        assert!(text.contains("is a link, which is not followed"), "{text}");

        let secret = place.root().join("secret");
        fs::rename(&secret, place.folder.path().join("moved")).unwrap();
        symlink(place.folder.path().join("moved"), &secret).unwrap();
        assert!(matches!(Cache::open(place.root(), DEFAULT_CAP), Err(CacheError::Read { .. })));
    }

    #[test]
    fn a_pipe_in_an_entrys_place_keeps_nobody_waiting() {
        let place = Fixture::new();
        place.put("b", 0);
        let path = place.cache.path(CODE, &key("a"));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(place.get("a"), None);
        place.put("a", 0);
        assert!(place.get("a").is_some());
    }
}
