use std::fs;

use super::*;

/// A folder with one file, watched.
struct Watched {
    folder: tempfile::TempDir,
    file: PathBuf,
    changes: Receiver<Change>,
    _watcher: Watcher,
}

fn watch(with_notices: bool, target: impl Fn(&Path, &Path) -> io::Result<Target>) -> Watched {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one");
    fs::write(&file, "1").unwrap();
    let (watcher, changes) = Watcher::start(target(folder.path(), &file).unwrap(), with_notices).unwrap();
    assert_eq!(watcher.polling().is_none(), with_notices);
    Watched { folder, file, changes, _watcher: watcher }
}

impl Watched {
    /// Waits for a change of `path`, and of nothing else.
    fn expect(&self, path: &Path) {
        let change = self.changes.recv_timeout(Duration::from_secs(60)).expect("a change is seen within a minute");
        assert_eq!(change.paths().collect::<Vec<_>>(), [path]);
    }

    fn replace(&self, text: &str) {
        let temporary = tempfile::NamedTempFile::new_in(std::env::temp_dir()).unwrap();
        fs::write(temporary.path(), text).unwrap();
        fs::copy(temporary.path(), self.folder.path().join(".new")).unwrap();
        fs::rename(self.folder.path().join(".new"), &self.file).unwrap();
    }
}

/// What happens to a file that is watched by its name.
fn check_a_life(with_notices: bool) {
    let watched = watch(with_notices, |_, file| Target::files([file.to_owned()]));
    let file = &watched.file;
    fs::write(file, "22").unwrap();
    watched.expect(file);
    watched.replace("333");
    watched.expect(file);
    fs::remove_file(file).unwrap();
    watched.expect(file);
    fs::write(file, "4444").unwrap();
    watched.expect(file);
    // Another file is none of its business: what comes next is about this one.
    fs::write(watched.folder.path().join("two"), "2").unwrap();
    fs::write(file, "55555").unwrap();
    watched.expect(file);
}

#[test]
fn a_file_is_followed_through_its_life() {
    check_a_life(true);
}

#[test]
fn it_is_followed_as_well_where_the_system_says_nothing() {
    check_a_life(false);
}

#[test]
fn files_come_and_go_in_a_folder_that_comes_and_goes() {
    let watched = watch(true, |folder, _| Target::folder(folder));
    let two = watched.folder.path().join("two");
    fs::write(&two, "2").unwrap();
    watched.expect(&two);
    fs::remove_file(&two).unwrap();
    watched.expect(&two);
    fs::remove_dir_all(watched.folder.path()).unwrap();
    watched.expect(&watched.file);
    fs::create_dir(watched.folder.path()).unwrap();
    fs::write(&two, "2").unwrap();
    watched.expect(&two);
    // It is watched anew: this is no matter of the next look, or it would be that of the one after.
    fs::write(&two, "22").unwrap();
    watched.expect(&two);
}

#[test]
fn a_tree_is_watched_but_for_what_is_ignored() {
    let watched = watch(true, |folder, _| {
        fs::create_dir(folder.join("build"))?;
        fs::create_dir_all(folder.join("src/deep"))?;
        Target::tree(folder, Box::new(|path: &Path| path.ends_with("build")))
    });
    fs::write(watched.folder.path().join("build/out"), "1").unwrap();
    let deep = watched.folder.path().join("src/deep/file");
    fs::write(&deep, "1").unwrap();
    watched.expect(&deep);
}

#[test]
fn a_listener_that_is_slow_gets_everything_at_once() {
    let watched = watch(true, |folder, _| Target::folder(folder));
    let paths: Vec<_> = ["a", "b", "c"].iter().map(|name| watched.folder.path().join(name)).collect();
    let mut seen = BTreeSet::new();
    for path in &paths {
        fs::write(path, "1").unwrap();
    }
    while seen.len() < paths.len() {
        let change = watched.changes.recv_timeout(Duration::from_secs(60)).expect("nothing is lost");
        seen.extend(change.paths);
    }
    assert!(paths.iter().all(|path| seen.contains(path)));
}

#[test]
#[cfg(unix)]
fn what_a_link_leads_to_is_watched() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (first, second) = (elsewhere.path().join("1"), elsewhere.path().join("2"));
    fs::write(&first, "1").unwrap();
    fs::write(&second, "1").unwrap();
    let link_to = |target: &Path, folder: &Path| {
        let temporary = folder.join(".link");
        std::os::unix::fs::symlink(target, &temporary).unwrap();
        fs::rename(temporary, folder.join("one")).unwrap();
    };
    let watched = watch(true, |folder, file| {
        link_to(&first, folder);
        Target::files([file.to_owned()])
    });
    link_to(&second, watched.folder.path());
    watched.expect(&watched.file);
    fs::write(&second, "22").unwrap();
    watched.expect(&watched.file);
}

#[test]
fn a_file_is_read_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert!(matches!(read_settled(&path, 10), Err(ReadError::Missing)));
    assert_eq!(read_settled(folder.path(), 10).unwrap_err().to_string(), "it is a directory");
    fs::write(&path, "0123456789").unwrap();
    assert_eq!(read_settled(&path, 10).unwrap(), b"0123456789");
    let error = read_settled(&path, 9).unwrap_err();
    assert_eq!(error.to_string(), "the file has 10 bytes; the limit is 9");
}

#[test]
#[cfg(unix)]
fn a_pipe_is_no_file_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(read_settled(&path, 9).unwrap_err().to_string(), "it is not a regular file");
}
